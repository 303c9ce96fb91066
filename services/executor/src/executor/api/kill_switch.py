"""Kill switches: one person engages, two release."""

from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict, TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.commands import Commands
from chassis.decision import Key
from chassis.doors import idempotency_key, page, read, respond
from chassis.problems import Problem
from chassis.service import Parts
from contracts.event import CampaignId, Tenant, Text, tenant_row
from contracts.executor import KillScope
from executor import kill_switch
from executor.api.answers import reply
from executor.api.callers import Callers
from executor.api.views import KillSwitchList
from executor.commands import EngageKillSwitch, ReleaseKillSwitch

GLOBAL = Tenant("*")


class SwitchBody(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    engaged: bool
    reason: Text


@dataclass(frozen=True, slots=True)
class KillSwitches:
    parts: Parts
    callers: Callers

    def routes(self) -> list[Route]:
        return [
            Route("/v1/kill-switches", self.switches),
            Route("/v1/kill-switches/{scope:path}", self.switch, methods=["PUT"]),
        ]

    async def switches(self, request: Request) -> Response:
        tenant = Tenant(self.callers.reader(request).tenant)
        async with self.parts.db.pool.acquire() as conn:
            return page(KillSwitchList(kill_switches=await kill_switch.seen_by(conn, tenant)))

    async def switch(self, request: Request) -> Response:
        """Engage at once, by any of us; release takes two people."""
        who = self.callers.person(request, "operator", "campaign_approver", "marketing_lead")
        scope, key = _scope(request.path_params["scope"], Tenant(who.tenant))
        body = await read(request, SwitchBody)
        told = {"command_id": idempotency_key(request), "actor": who, "scope": scope, "reason": body.reason}
        command = (EngageKillSwitch if body.engaged else ReleaseKillSwitch).model_validate(told)
        return respond(await self._commands.handle(key, command, reply))

    @property
    def _commands(self) -> Commands:
        """Without plans: one that cannot be read stops no stop."""
        return Commands(self.parts.db, replace(self.parts.fold, keeps_plans=False))


def _scope(text: str, tenant: Tenant) -> tuple[KillScope, Key]:
    match text.split("/"):
        case ["global"]:
            return KillScope.GLOBAL, Key(GLOBAL, tenant_row(GLOBAL))
        case ["tenant"]:
            return KillScope.TENANT, Key(tenant, tenant_row(tenant))
        case ["campaigns", campaign]:
            try:
                return KillScope.CAMPAIGN, Key(tenant, TypeAdapter(CampaignId).validate_python(campaign))
            except ValueError:
                pass
    raise Problem(404, "no such scope", field="scope", fix="global, tenant or campaigns/{id}")
