"""Doors for people: campaigns, audiences, waivers, kill switches and previews."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from chassis.commands import Answer, Commands
from chassis.decision import Command, Decision, Identity, Key, Loaded
from chassis.doors import idempotency_key, raw_body, read, respond
from chassis.identity import require, require_human
from chassis.postgres import Conn
from chassis.problems import Problem
from chassis.service import Parts
from contracts.event import CampaignId, Tenant, Text, tenant_row
from contracts.executor import KillScope
from executor import audience, kill_switch, store
from executor.commands import CancelCampaign, ChangeKillSwitch, ImportAudience, PauseCampaign, ResumeCampaign, WaiveItem
from executor.domain.checklist import checklist
from executor.domain.state import Campaign, Reason
from executor.effects import Shared

PEOPLE = ("marketer", "campaign_approver", "marketing_lead", "operator")
READERS = (*PEOPLE, "auditor", "viewer")
LOOKERS = ("marketer", "campaign_approver", "marketing_lead")
STATES = TypeAdapter(Campaign)
NO_SCRIPTS = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}
GLOBAL = Tenant("*")
REFUSALS = {
    Reason.NOT_RUNNING: "the campaign is over",
    Reason.HALTED_ALREADY: "it is halted already",
    Reason.NOT_HALTED: "only a halted campaign can be resumed",
    Reason.NOTHING_TO_WAIVE: "no such failing item: see the checklist in GET /v1/campaigns/{id}",
    Reason.NOTED: "no such campaign",
}

_MAIL = """
SELECT m.subject, m.body_text, m.body_html, m.digest, m.variant, m.recipient_hash
  FROM mail AS m
  JOIN snapshot AS s USING (tenant, campaign_id, recipient_hash)
 WHERE (m.tenant, m.campaign_id) = ($1, $2) AND s.snapshot_hash = $3 AND m.plan_version = $4
   AND ($5::text IS NULL OR m.recipient_hash = $5) AND ($6::text IS NULL OR m.variant = $6)
 ORDER BY m.position
 LIMIT 1
"""
_VARIANTS = """
SELECT m.variant, count(*) AS recipients, min(m.subject) AS subject,
       (array_agg(m.recipient_hash ORDER BY m.position))[1:3] AS samples
  FROM mail AS m
  JOIN snapshot AS s USING (tenant, campaign_id, recipient_hash)
 WHERE (m.tenant, m.campaign_id) = ($1, $2) AND s.snapshot_hash = $3 AND m.plan_version = $4
 GROUP BY m.variant ORDER BY m.variant
"""
_EFFECTS = """
SELECT wave, state, count(*) AS count
  FROM effect_intent WHERE (tenant, campaign_id) = ($1, $2) GROUP BY wave, state ORDER BY wave, state
"""


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReasonBody(Body):
    reason: Text


class WaiverBody(Body):
    item: str
    reason: Text


class SwitchBody(Body):
    engaged: bool
    reason: Text


def reply(decision: Decision[Campaign, Shared]) -> Answer:
    """The decision as an answer: a refusal names its reason and the fix."""
    reason = Reason(decision.reason)
    if reason in REFUSALS and not decision.tasks:
        body = {"title": reason.value, "status": 409, "fix": REFUSALS[reason]}
        return Answer(404 if reason is Reason.NOTED else 409, json.dumps(body))
    return Answer(
        200, json.dumps({"result": reason.value, "events": [type(event).__name__ for event in decision.events]})
    )


@dataclass(frozen=True, slots=True)
class Api:
    parts: Parts
    tenant_keys: Callable[[Tenant], bytes | None]

    def routes(self) -> list[Route]:
        one = "/v1/campaigns/{campaign_id:uuid}"
        return [
            Route("/v1/audiences/{name}", self.import_audience, methods=["PUT"]),
            Route("/v1/audiences/{name}", self.audience),
            Route("/v1/campaigns", self.campaigns),
            Route(one, self.campaign),
            Route(f"{one}/pause", self.pause, methods=["POST"]),
            Route(f"{one}/resume", self.resume, methods=["POST"]),
            Route(f"{one}/cancel", self.cancel, methods=["POST"]),
            Route(f"{one}/waivers", self.waive, methods=["POST"]),
            Route(f"{one}/previews/{{content_hash}}", self.previews),
            Route(f"{one}/previews/{{content_hash}}/mail", self.preview),
            Route("/v1/kill-switches", self.switches),
            Route("/v1/kill-switches/{scope:path}", self.switch, methods=["PUT"]),
        ]

    async def import_audience(self, request: Request) -> Response:
        who = self._person(request, "marketer", "marketing_lead")
        tenant, name = Tenant(who.tenant), request.path_params["name"]
        tenant_key = self.tenant_keys(tenant)
        if tenant_key is None:
            raise Problem(403, "this tenant has no key for recipients", field="tenant", fix="see `handrail keys init`")
        raw = await raw_body(request, audience.LIMIT_BYTES)
        rows, errors = await asyncio.to_thread(audience.parse, raw)
        if errors:
            listed = [{name: str(value) for name, value in asdict(one).items()} for one in errors]
            told = f"{len(errors)} errors: nothing was imported"
            raise Problem(422, told, field="body", fix="mend each line", errors=listed)
        key = Key(tenant, tenant_row(tenant))
        found = {
            "audience": name,
            "contacts": len(rows),
            "with_consent": sum(1 for row in rows if row.consent == "yes"),
            "content_hash": audience.content_hash(rows),
        }
        command_id = request.headers.get("idempotency-key") or f"audience {uuid4()}"  # a PUT replaces, each time
        try:
            command = ImportAudience.model_validate({"command_id": command_id, "actor": who, **found})
        except ValidationError:
            raise Problem(400, "no name", field="name", fix="at most 120 of a-z, 0-9, _ . : -") from None

        async def save(conn: Conn, touched: Mapping[Key, Loaded[Campaign, Shared]]) -> None:
            """With the command or not at all: a repeated or refused one writes nothing."""
            await audience.save(conn, key, name, rows, tenant_key)
            await store.save(conn, touched)

        commands = Commands(self.parts.db, replace(self.parts.fold, save=save))
        return respond(await commands.handle(key, command, lambda _: Answer(200, json.dumps(found))))

    async def audience(self, request: Request) -> Response:
        who = self._reader(request)
        tenant = Tenant(who.tenant)
        async with self.parts.db.pool.acquire() as conn:
            found = await audience.shown(conn, Key(tenant, tenant_row(tenant)), request.path_params["name"])
        if found is None:
            raise Problem(404, "no such audience", field="name", fix="upload it: PUT /v1/audiences/{name}")
        return _json(found)

    async def campaigns(self, request: Request) -> Response:
        tenant = Tenant(self._reader(request).tenant)
        async with self.parts.db.pool.acquire() as conn:
            found = await store.campaigns(conn, tenant)
        listed = [
            {"campaign_id": str(key.campaign), "name": one.name, "stage": one.stage, "halted": one.halt is not None}
            for key, one in found.items()
        ]
        return _json({"campaigns": listed})

    async def campaign(self, request: Request) -> Response:
        key, state = await self._known(request, self._reader(request))
        async with self.parts.db.pool.acquire() as conn:
            plans = (await self.parts.fold.plans.load(conn, [key]))[key]
            rows = await conn.fetch(_EFFECTS, key.tenant, key.campaign)
        effects: dict[str, dict[str, int]] = {}
        for row in rows:
            effects.setdefault(str(row["wave"]), {})[row["state"]] = row["count"]
        items = checklist(plans[state.plan_version], state)
        shown = STATES.dump_python(state, mode="json")
        shown |= {
            "campaign_id": str(key.campaign),
            "halted": state.halt is not None,
            "checklist": [item.model_dump(mode="json") for item in items],
            "effects": effects,
        }
        return _json(shown)

    async def pause(self, request: Request) -> Response:
        return await self._command(request, PauseCampaign, *PEOPLE)

    async def resume(self, request: Request) -> Response:
        return await self._command(request, ResumeCampaign, "marketer", "campaign_approver", "marketing_lead")

    async def cancel(self, request: Request) -> Response:
        return await self._command(request, CancelCampaign, *PEOPLE)

    async def _command(self, request: Request, command: type[Command], *roles: str) -> Response:
        who = self._person(request, *roles)
        body = await read(request, ReasonBody)
        made = command.model_validate({"command_id": idempotency_key(request), "actor": who, "reason": body.reason})
        return respond(await self.parts.commands.handle(self._key(request, who), made, reply))

    async def waive(self, request: Request) -> Response:
        who = self._person(request, "campaign_approver", "marketing_lead")
        body = await read(request, WaiverBody)
        command = WaiveItem(command_id=idempotency_key(request), actor=who, item=body.item, reason=body.reason)
        return respond(await self.parts.commands.handle(self._key(request, who), command, reply))

    async def previews(self, request: Request) -> Response:
        """Which mails a content hash covers, with a few recipients by hash to look at."""
        who = self._person(request, *LOOKERS)
        key, state = await self._known(request, who)
        snapshot = self._snapshot(state, request.path_params["content_hash"])
        async with self.parts.db.pool.acquire() as conn:
            rows = await conn.fetch(_VARIANTS, key.tenant, key.campaign, snapshot, state.plan_version)
        return _json({"snapshot_hash": snapshot, "mails": [dict(row) for row in rows]})

    async def preview(self, request: Request) -> Response:
        """One mail, to the letter, as `recipient` (a hash) would get it; `format=html` shows it in a browser."""
        who = self._person(request, *LOOKERS)
        key, state = await self._known(request, who)
        snapshot = self._snapshot(state, request.path_params["content_hash"])
        query = request.query_params
        async with self.parts.db.pool.acquire() as conn:
            row = await conn.fetchrow(
                _MAIL, key.tenant, key.campaign, snapshot, state.plan_version, query.get("recipient"),
                query.get("artefact"),
            )  # fmt: skip
        if row is None:
            raise Problem(404, "no such mail in this content", field="recipient", fix="see the list of previews")
        if query.get("format") == "html":
            return HTMLResponse(row["body_html"], headers=NO_SCRIPTS)
        return _json(dict(row))

    async def switches(self, request: Request) -> Response:
        tenant = Tenant(self._reader(request).tenant)
        async with self.parts.db.pool.acquire() as conn:
            return _json({"kill_switches": await kill_switch.all_rows(conn, tenant)})

    async def switch(self, request: Request) -> Response:
        """Engage at once, by any of us; release takes two people."""
        who = self._person(request, "operator", "campaign_approver", "marketing_lead")
        scope, key = self._scope(request.path_params["scope"], Tenant(who.tenant))
        body = await read(request, SwitchBody)
        name = kill_switch.name_of(scope, Tenant(who.tenant), key.campaign)
        async with self.parts.db.pool.acquire() as conn, conn.transaction():
            if body.engaged:
                await kill_switch.engage(conn, name, who.subject, body.reason)
            elif not await kill_switch.release(conn, name, who.subject, body.reason):
                return _json({"result": "a second person must release it too", "scope": name}, 202)
        command = ChangeKillSwitch(
            command_id=idempotency_key(request), actor=who, scope=scope, engaged=body.engaged, reason=body.reason
        )
        return respond(await self.parts.commands.handle(key, command, reply))

    def _scope(self, text: str, tenant: Tenant) -> tuple[KillScope, Key]:
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

    def _snapshot(self, state: Campaign, content: str) -> str:
        for proposal in state.proposals.values():
            if proposal.action.content_hash == content:
                return proposal.snapshot_hash
        raise Problem(404, "no proposal has this content", field="content_hash", fix="take it from the case's option")

    def _reader(self, request: Request) -> Identity:
        who = self.parts.gate.identify(request)
        require(who, *READERS)
        return who

    def _person(self, request: Request, *roles: str) -> Identity:
        who = self.parts.gate.identify(request)
        require(who, *roles)
        require_human(who)
        return who

    def _key(self, request: Request, who: Identity) -> Key:
        return Key(Tenant(who.tenant), CampaignId(request.path_params["campaign_id"]))

    async def _known(self, request: Request, who: Identity) -> tuple[Key, Campaign]:
        key = self._key(request, who)
        async with self.parts.db.pool.acquire() as conn:
            state = await store.state_of(conn, key)
        if state is None:
            raise Problem(404, "no such campaign", field="campaign_id", fix="see GET /v1/campaigns")
        return key, state


def _json(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body, default=str), status, media_type="application/json")
