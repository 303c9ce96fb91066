"""Doors for people: cases, decisions, revocations. Who asks is known from the token only."""

from dataclasses import dataclass, replace
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.decision import Command, Identity, Key
from chassis.doors import idempotency_key, page, read, respond
from chassis.identity import require
from chassis.problems import Problem
from chassis.service import Parts
from contracts.actions import Settled
from contracts.decision import ReasonGiven
from contracts.event import CampaignId, Sha256, Tenant, Text
from escalation import store, views
from escalation.answers import REFUSALS, reply
from escalation.card import Card, card
from escalation.commands import AcknowledgeCase, Choice, DecideCase, RevokeClearance, SettleCase
from escalation.domain.opening import Occasion, candidates
from escalation.domain.state import Escalation, Reason
from policy.directory import Directory

READERS = ("campaign_approver", "marketing_lead", "marketer", "operator", "auditor", "viewer")
LONG = {"options": {"__all__": {"stages", "sources"}}}
"""What a list of cases leaves out."""


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


@dataclass(frozen=True, slots=True)
class Api:
    parts: Parts
    directory: Directory

    def routes(self) -> list[Route]:
        case, decision = "/v1/cases/{case_id:uuid}", "/v1/decisions/{decision_id:uuid}"
        return [
            Route("/v1/cases", self.cases),
            Route(case, self.case),
            Route(f"{case}/people", self.people_of_case),
            Route(f"{case}/acknowledge", self.acknowledge, methods=["POST"]),
            Route(f"{case}/decisions", self.vote, methods=["POST"]),
            Route(f"{case}/settlement", self.settle, methods=["POST"]),
            Route(decision, self.decision),
            Route(f"{decision}/revoke", self.revoke, methods=["POST"]),
            Route("/v1/directory", self.people),
        ]

    async def cases(self, request: Request) -> Response:
        tenant = Tenant(self._reader(request).tenant)
        cards: list[Card] = []
        async with self.parts.db.pool.acquire() as conn:
            for case_id, campaign in await store.cases(conn, tenant, request.query_params.get("status") == "all"):
                state = await store.state_of(conn, Key(tenant, campaign))
                if state is not None and case_id in state.cases:
                    cards.append(card(campaign, state, state.cases[case_id]))
        page = views.Cards(cases=tuple(cards)).model_dump_json(exclude={"cases": {"__all__": LONG}})
        return Response(page, media_type="application/json")

    async def case(self, request: Request) -> Response:
        key, case_id = await self._case(self._reader(request), request)
        state = await self._state(key)
        return page(card(key.campaign, state, state.cases[case_id]))

    async def people_of_case(self, request: Request) -> Response:
        """Who can answer it now, and where each stands."""
        key, case_id = await self._case(self._reader(request), request)
        async with self.parts.db.transaction() as tx:
            await tx.look()
            loaded = (await store.loaded(tx.conn, [key]))[key]
            here = replace(loaded, plans=(await self.parts.fold.plans.load(tx.conn, [key]))[key])
            on = Occasion(here, key.campaign, self.directory.of(key.tenant), tx.now)
        assert loaded.state is not None
        case = loaded.state.cases[case_id]
        return page(views.candidates(case, candidates(on, case)))

    async def people(self, request: Request) -> Response:
        """The directory, with no address."""
        tenant = Tenant(self._reader(request).tenant)
        async with self.parts.db.transaction() as tx:
            await tx.look()
            requests = await store.requests_of(tx.conn, [tenant])
            return page(views.directory(self.directory.of(tenant), requests.get(tenant, {}), tx.now))

    async def acknowledge(self, request: Request) -> Response:
        return await self._on_case(request, AcknowledgeCase)

    async def vote(self, request: Request) -> Response:
        return await self._on_case(request, DecideCase, VoteBody)

    async def settle(self, request: Request) -> Response:
        return await self._on_case(request, SettleCase, SettlementBody)

    async def decision(self, request: Request) -> Response:
        key, decision_id = await self._decision(self._reader(request), request)
        return page(views.decided(key.campaign, await self._state(key), decision_id))

    async def revoke(self, request: Request) -> Response:
        who = self.parts.gate.identify(request)
        require(who, "campaign_approver", "marketing_lead")
        key, decision_id = await self._decision(who, request)
        body = await read(request, RevocationBody)
        return await self._decide(request, who, key, RevokeClearance, body, decision_id=decision_id)

    async def _on_case(self, request: Request, command: type[Command], of: type[Body] = Body) -> Response:
        who = self.parts.gate.identify(request)  # whoever lacks the role is refused by the decision, which records it
        key, case_id = await self._case(who, request)
        body = None if of is Body else await read(request, of)
        return await self._decide(request, who, key, command, body, case_id=case_id)

    async def _decide(
        self, request: Request, who: Identity, key: Key, command: type[Command], body: Body | None, **about: UUID
    ) -> Response:
        said = {} if body is None else dict(body)
        made = command.model_validate({**said, **about, "command_id": idempotency_key(request), "actor": who})
        return respond(await self.parts.commands.handle(key, made, reply))

    def _reader(self, request: Request) -> Identity:
        who = self.parts.gate.identify(request)
        require(who, *READERS)
        return who

    async def _state(self, key: Key) -> Escalation:
        async with self.parts.db.pool.acquire() as conn:
            state = await store.state_of(conn, key)
        assert state is not None
        return state

    async def _case(self, who: Identity, request: Request) -> tuple[Key, UUID]:
        case_id: UUID = request.path_params["case_id"]
        async with self.parts.db.pool.acquire() as conn:
            campaign = await store.campaign_of_case(conn, Tenant(who.tenant), case_id)
        return _found(who, campaign, case_id, "case", REFUSALS[Reason.CASE_UNKNOWN][1])

    async def _decision(self, who: Identity, request: Request) -> tuple[Key, UUID]:
        decision_id: UUID = request.path_params["decision_id"]
        async with self.parts.db.pool.acquire() as conn:
            campaign = await store.campaign_of_decision(conn, Tenant(who.tenant), decision_id)
        return _found(who, campaign, decision_id, "decision", "see a case's options")


def _found(who: Identity, campaign: CampaignId | None, about: UUID, noun: str, fix: str) -> tuple[Key, UUID]:
    """The campaign of what the path names. Raises Problem 404."""
    if campaign is None:
        raise Problem(404, f"no such {noun}", field=f"{noun}_id", fix=fix)
    return Key(Tenant(who.tenant), campaign), about
