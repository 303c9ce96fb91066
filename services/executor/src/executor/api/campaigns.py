"""Campaigns: where they stand, and what people may ask of them."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.decision import Command
from chassis.doors import idempotency_key, page, read, respond
from chassis.service import Parts
from contracts.event import Name, Tenant, Text
from executor import store
from executor.api import views
from executor.api.answers import reply
from executor.api.callers import PEOPLE, Callers, key_in
from executor.api.views import CampaignLine, CampaignList
from executor.commands import CancelCampaign, PauseCampaign, ResumeCampaign, WaiveItem
from executor.domain.checklist import checklist

_EFFECTS = """
SELECT wave, state, count(*) AS count
  FROM effect_intent WHERE (tenant, campaign_id) = ($1, $2) GROUP BY wave, state ORDER BY wave, state
"""


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReasonBody(Body):
    reason: Text


class WaiverBody(Body):
    item: Name
    reason: Text


@dataclass(frozen=True, slots=True)
class Campaigns:
    parts: Parts
    callers: Callers

    def routes(self) -> list[Route]:
        one = "/v1/campaigns/{campaign_id:uuid}"
        return [
            Route("/v1/campaigns", self.campaigns),
            Route(one, self.campaign),
            Route(f"{one}/pause", self.pause, methods=["POST"]),
            Route(f"{one}/resume", self.resume, methods=["POST"]),
            Route(f"{one}/cancel", self.cancel, methods=["POST"]),
            Route(f"{one}/waivers", self.waive, methods=["POST"]),
        ]

    async def campaigns(self, request: Request) -> Response:
        tenant = Tenant(self.callers.reader(request).tenant)
        async with self.parts.db.pool.acquire() as conn:
            found = await store.campaigns(conn, tenant)
        listed = (
            CampaignLine(campaign_id=key.campaign, name=one.name, stage=one.stage, halted=one.halt is not None)
            for key, one in found.items()
        )
        return page(CampaignList(campaigns=tuple(listed)))

    async def campaign(self, request: Request) -> Response:
        key, state = await self.callers.known(request, self.callers.reader(request))
        async with self.parts.db.pool.acquire() as conn:
            plans = (await self.parts.fold.plans.load(conn, [key]))[key]
            rows = await conn.fetch(_EFFECTS, key.tenant, key.campaign)
        effects: dict[int, dict[str, int]] = {}
        for row in rows:
            effects.setdefault(row["wave"], {})[row["state"]] = row["count"]
        return page(views.campaign(key.campaign, state, checklist(plans[state.plan_version], state), effects))

    async def pause(self, request: Request) -> Response:
        return await self._command(request, PauseCampaign, *PEOPLE)

    async def resume(self, request: Request) -> Response:
        return await self._command(request, ResumeCampaign, "marketer", "campaign_approver", "marketing_lead")

    async def cancel(self, request: Request) -> Response:
        return await self._command(request, CancelCampaign, *PEOPLE)

    async def _command(self, request: Request, command: type[Command], *roles: str) -> Response:
        who = self.callers.person(request, *roles)
        body = await read(request, ReasonBody)
        made = command.model_validate({"command_id": idempotency_key(request), "actor": who, "reason": body.reason})
        return respond(await self.parts.commands.handle(key_in(request, who), made, reply))

    async def waive(self, request: Request) -> Response:
        who = self.callers.person(request, "campaign_approver", "marketing_lead")
        body = await read(request, WaiverBody)
        command = WaiveItem(command_id=idempotency_key(request), actor=who, item=body.item, reason=body.reason)
        return respond(await self.parts.commands.handle(key_in(request, who), command, reply))
