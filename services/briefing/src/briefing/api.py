"""Doors for briefs."""

import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from briefing import store
from briefing.commands import ConfirmAuthorship, SubmitBrief
from briefing.domain.decide import Briefing, Reason, Status, asked
from chassis.commands import Answer
from chassis.decision import Decision, Key
from chassis.doors import idempotency_key, read, respond
from chassis.identity import require
from chassis.problems import Problem
from chassis.service import Parts
from contracts.brief import BriefDraft
from contracts.event import CampaignId, Tenant, campaign_of

READERS = ("marketer", "campaign_approver", "marketing_lead", "operator", "auditor", "viewer")


@dataclass(frozen=True, slots=True)
class Api:
    parts: Parts

    def routes(self) -> list[Route]:
        return [
            Route("/v1/briefs", self.submit, methods=["POST"]),
            Route("/v1/campaigns/{campaign_id:uuid}/plan", self.plan),
            Route("/v1/campaigns/{campaign_id:uuid}/authorship", self.confirm, methods=["POST"]),
        ]

    async def submit(self, request: Request) -> Response:
        who = self.parts.gate.identify(request)
        require(who, "marketer", "publisher")
        key_text = idempotency_key(request)
        draft = await read(request, BriefDraft)
        tenant = Tenant(who.tenant)
        campaign = campaign_of(tenant, f"/people/{who.subject}", key_text)
        command = SubmitBrief(command_id=key_text, actor=who, brief=draft)
        return respond(
            await self.parts.commands.handle(Key(tenant, campaign), command, lambda made: reply(campaign, made))
        )

    async def confirm(self, request: Request) -> Response:
        who = self.parts.gate.identify(request)
        require(who, "marketer", "marketing_lead")
        campaign = CampaignId(request.path_params["campaign_id"])
        command = ConfirmAuthorship(command_id=idempotency_key(request), actor=who)
        key = Key(Tenant(who.tenant), campaign)
        return respond(await self.parts.commands.handle(key, command, lambda made: reply(campaign, made)))

    async def plan(self, request: Request) -> Response:
        who = self.parts.gate.identify(request)
        require(who, *READERS)
        campaign = CampaignId(request.path_params["campaign_id"])
        async with self.parts.db.pool.acquire() as conn:
            state = await store.state_of(conn, Key(Tenant(who.tenant), campaign))
        if state is None:
            raise Problem(404, "no such campaign", field="campaign_id", fix="send the id that the brief's answer gave")
        return Response(json.dumps(shown(campaign, state)), media_type="application/json")


def reply(campaign: CampaignId, decision: Decision[Briefing, None]) -> Answer:
    """The brief's fate: 200 with the plan, 202 when a person must vouch, 422 with every problem."""
    state, reason = decision.state, Reason(decision.reason)
    if reason is Reason.NOT_A_PERSON:
        return Answer(403, json.dumps({"title": "a person must vouch", "fix": "use a person's token"}))
    if state is None or reason is Reason.NOTHING_TO_CONFIRM:
        return Answer(409, json.dumps({"title": "nothing waits for a person", "fix": "submit a brief first"}))
    status = {Status.ACCEPTED: 200, Status.WAITING: 202, Status.REFUSED: 422}[state.status]
    return Answer(status, json.dumps(shown(campaign, state)))


def shown(campaign: CampaignId, state: Briefing) -> dict[str, Any]:
    """What a person sees of a brief: the plan, or why there is none."""
    problems = [problem.model_dump() for problem in state.problems]
    if state.status is Status.REFUSED:
        return {
            "title": "the brief is refused: it cannot be acted on",
            "status": 422,
            "campaign_id": str(campaign),
            "errors": problems,
        }
    body: dict[str, Any] = {"campaign_id": str(campaign), "status": state.status.value, "warnings": problems}
    if state.status is Status.WAITING and state.brief is not None:
        body["questions"] = [question.model_dump() for question in asked(state.brief)]
    if state.plan is not None:
        plan = state.plan.plan.model_dump(mode="json", exclude={"brief"})
        body["plan"] = {"hash": state.plan.plan_hash, **plan}
        body["name"] = state.plan.plan.brief.name
    return body
