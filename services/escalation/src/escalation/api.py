"""Doors for people: cases, decisions, revocations. Who asks is known from the token only."""

import json
from dataclasses import dataclass
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.commands import Answer
from chassis.decision import Decision, Identity, Key
from chassis.doors import idempotency_key, read, respond
from chassis.identity import require
from chassis.problems import Problem
from chassis.service import Parts
from contracts.actions import Settled
from contracts.decision import ReasonGiven
from contracts.event import Sha256, Tenant, Text
from escalation import store
from escalation.card import Card, card
from escalation.commands import AcknowledgeCase, Choice, DecideCase, RevokeClearance, SettleCase
from escalation.domain.state import ContentDiffers, Escalation, Reason, Shared

READERS = ("campaign_approver", "marketing_lead", "marketer", "operator", "auditor", "viewer")
STATUS = {
    Reason.CASE_UNKNOWN: 404,
    Reason.OPTION_UNKNOWN: 404,
    Reason.CASE_CLOSED: 409,
    Reason.CONTENT_CHANGED: 409,
    Reason.HELD: 409,
    Reason.ALREADY_VOTED: 409,
    Reason.NOTHING_TO_REVOKE: 409,
    Reason.NOT_A_PERSON: 403,
    Reason.ROLE_MISSING: 403,
    Reason.OWN_WORK: 403,
    Reason.REASON_NEEDED: 422,
}
FIX = {
    Reason.CASE_UNKNOWN: "see GET /v1/cases",
    Reason.OPTION_UNKNOWN: "send the decision_id of an option on the card that was not refused",
    Reason.CASE_CLOSED: "it was decided, withdrawn, or its deadline has passed",
    Reason.CONTENT_CHANGED: "look at the card again: the content is not what was displayed",
    Reason.HELD: "a kill switch or hold keeps it back: refuse it, or approve it when that is released",
    Reason.ALREADY_VOTED: "one vote a person",
    Reason.NOTHING_TO_REVOKE: "there is no grant in force for this decision",
    Reason.NOT_A_PERSON: "agents and services never decide: use a person's token",
    Reason.ROLE_MISSING: "the card says which role is needed",
    Reason.OWN_WORK: "somebody else than the plan's author must decide",
    Reason.REASON_NEEDED: "send reason: {what, when, until, why}",
}


class Body(BaseModel):
    """An unknown field is refused: nobody says in a body who approves."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class VoteBody(Body):
    decision_id: UUID
    content_hash: Sha256
    choice: Choice
    reason: ReasonGiven | None = None


class SettlementBody(Body):
    settled: Settled
    reason: ReasonGiven


class RevocationBody(Body):
    because: Text


def reply(decision: Decision[Escalation, Shared]) -> Answer:
    """The decision as an answer: a refusal names its reason and the fix."""
    reason = Reason(decision.reason)
    if reason in STATUS:
        body = {"title": reason.value, "status": STATUS[reason], "fix": FIX[reason]}
        if isinstance(decision.answer, ContentDiffers):
            body |= decision.answer.model_dump()
        return Answer(STATUS[reason], json.dumps(body))
    events = [type(event).__name__ for event in decision.events]
    return Answer(200, json.dumps({"result": reason.value, "events": events}))


@dataclass(frozen=True, slots=True)
class Api:
    parts: Parts

    def routes(self) -> list[Route]:
        return [
            Route("/v1/cases", self.cases),
            Route("/v1/cases/{case_id:uuid}", self.case),
            Route("/v1/cases/{case_id:uuid}/acknowledge", self.acknowledge, methods=["POST"]),
            Route("/v1/cases/{case_id:uuid}/decisions", self.vote, methods=["POST"]),
            Route("/v1/cases/{case_id:uuid}/settlement", self.settle, methods=["POST"]),
            Route("/v1/decisions/{decision_id:uuid}", self.decision),
            Route("/v1/decisions/{decision_id:uuid}/revoke", self.revoke, methods=["POST"]),
        ]

    async def cases(self, request: Request) -> Response:
        who = self._reader(request)
        tenant = Tenant(who.tenant)
        cards: list[Card] = []
        async with self.parts.db.pool.acquire() as conn:
            for case_id, campaign in await store.cases(conn, tenant, request.query_params.get("status") == "all"):
                state = await store.state_of(conn, Key(tenant, campaign))
                if state is not None and case_id in state.cases:
                    cards.append(card(campaign, state, state.cases[case_id]))
        listed = [one.model_dump(mode="json", exclude={"options": {"__all__": {"stages", "sources"}}}) for one in cards]
        return Response(json.dumps({"cases": listed}), media_type="application/json")

    async def case(self, request: Request) -> Response:
        who = self._reader(request)
        key = await self._key_of_case(who, request)
        async with self.parts.db.pool.acquire() as conn:
            state = await store.state_of(conn, key)
        assert state is not None
        found = card(key.campaign, state, state.cases[request.path_params["case_id"]])
        return Response(found.model_dump_json(), media_type="application/json")

    async def acknowledge(self, request: Request) -> Response:
        who = self._reader(request)
        key = await self._key_of_case(who, request)
        command = AcknowledgeCase(
            command_id=idempotency_key(request), actor=who, case_id=request.path_params["case_id"]
        )
        return respond(await self.parts.commands.handle(key, command, reply))

    async def vote(self, request: Request) -> Response:
        who = self._reader(request)
        key = await self._key_of_case(who, request)
        body = await read(request, VoteBody)
        command = DecideCase(
            command_id=idempotency_key(request),
            actor=who,
            case_id=request.path_params["case_id"],
            decision_id=body.decision_id,
            content_hash=body.content_hash,
            choice=body.choice,
            reason=body.reason,
        )
        return respond(await self.parts.commands.handle(key, command, reply))

    async def settle(self, request: Request) -> Response:
        who = self._reader(request)
        key = await self._key_of_case(who, request)
        body = await read(request, SettlementBody)
        command = SettleCase(
            command_id=idempotency_key(request),
            actor=who,
            case_id=request.path_params["case_id"],
            settled=body.settled,
            reason=body.reason,
        )
        return respond(await self.parts.commands.handle(key, command, reply))

    async def decision(self, request: Request) -> Response:
        who = self._reader(request)
        key = await self._key_of_decision(who, request)
        decision_id = request.path_params["decision_id"]
        async with self.parts.db.pool.acquire() as conn:
            state = await store.state_of(conn, key)
        assert state is not None
        ruled, proposal = state.rulings[decision_id], state.proposals[decision_id]
        votes = [
            {
                "subject": vote.approver.subject,
                "role": vote.approver.role,
                "approve": vote.approve,
                "at": vote.approver.at.isoformat(),
                "reason": vote.reason.model_dump() if vote.reason else None,
            }
            for case in state.cases.values()
            for vote in case.votes
            if vote.decision_id == decision_id
        ]
        body = {
            "decision_id": str(decision_id),
            "campaign_id": str(key.campaign),
            "outcome": ruled.outcome,
            "because": ruled.because,
            "at": ruled.at.isoformat(),
            "plan_version": proposal.plan_version,
            "plan_hash": proposal.plan_hash,
            "policy_hash": proposal.policy_hash,
            "content_hash": proposal.action.content_hash,
            "action": proposal.action.model_dump(mode="json"),
            "grant_id": str(ruled.grant_id) if ruled.grant_id else None,
            "revoked": ruled.revoked,
            "stages": [stage.model_dump() for stage in ruled.stages],
            "votes": votes,
        }
        return Response(json.dumps(body), media_type="application/json")

    async def revoke(self, request: Request) -> Response:
        who = self.parts.gate.identify(request)
        require(who, "campaign_approver", "marketing_lead")
        key = await self._key_of_decision(who, request)
        body = await read(request, RevocationBody)
        command = RevokeClearance(
            command_id=idempotency_key(request),
            actor=who,
            decision_id=request.path_params["decision_id"],
            because=body.because,
        )
        return respond(await self.parts.commands.handle(key, command, reply))

    def _reader(self, request: Request) -> Identity:
        who = self.parts.gate.identify(request)
        require(who, *READERS)
        return who

    async def _key_of_case(self, who: Identity, request: Request) -> Key:
        async with self.parts.db.pool.acquire() as conn:
            campaign = await store.campaign_of_case(conn, Tenant(who.tenant), request.path_params["case_id"])
        if campaign is None:
            raise Problem(404, "no such case", field="case_id", fix=FIX[Reason.CASE_UNKNOWN])
        return Key(Tenant(who.tenant), campaign)

    async def _key_of_decision(self, who: Identity, request: Request) -> Key:
        async with self.parts.db.pool.acquire() as conn:
            campaign = await store.campaign_of_decision(conn, Tenant(who.tenant), request.path_params["decision_id"])
        if campaign is None:
            raise Problem(404, "no such decision", field="decision_id", fix="see a case's options")
        return Key(Tenant(who.tenant), campaign)
