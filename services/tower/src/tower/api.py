"""One live page, a page per campaign and per decision, and the same data as JSON."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from chassis.decision import Key
from chassis.doors import raw_body
from chassis.identity import require
from chassis.problems import Problem
from chassis.service import Parts
from contracts.event import CampaignId, Tenant, tenant_row
from tower import pages, store
from tower.store import DecisionKey, Kept
from tower.view import Line, line, lines

READERS = ("viewer", "marketer", "campaign_approver", "marketing_lead", "operator", "auditor")
COOKIE = "handrail_tower"


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that is shown of a campaign."""

    one: Line
    timeline: Sequence[store.Happening]
    decisions: Sequence[Kept]


@dataclass(frozen=True, slots=True)
class Explained:
    """Everything that is shown of a decision: what it answers, and what else could have been chosen instead."""

    kept: Kept
    campaign: str
    answers: str
    others: Sequence[Kept]
    asked: UUID | None
    """The case in which people were asked."""


@dataclass(frozen=True, slots=True)
class Api:
    parts: Parts
    open_tenant: Tenant | None

    def routes(self) -> list[Route]:
        return [
            Route("/", self.tower_page),
            Route("/events", self.tower_stream),
            Route("/login", self.login_page, methods=["GET"]),
            Route("/login", self.login, methods=["POST"]),
            Route("/campaigns/{campaign_id:uuid}", self.campaign_page),
            Route("/campaigns/{campaign_id:uuid}/events", self.campaign_stream),
            Route("/decisions/{decision_id:uuid}", self.decision_page),
            Route("/decisions/{decision_id:uuid}/events", self.decision_stream),
            Route("/v1/campaigns", self.campaigns),
            Route("/v1/campaigns/{campaign_id:uuid}", self.campaign),
            Route("/v1/decisions/{decision_id:uuid}", self.decision),
        ]

    async def tower_page(self, request: Request) -> Response:
        async def shown() -> Response:
            tenant = self._tenant(request)
            return pages.page("tower.html", lines=await self._lines(tenant), killed=await self._killed(tenant))

        return await _or_login(request, shown)

    async def campaign_page(self, request: Request) -> Response:
        async def shown() -> Response:
            told = await self._campaign(self._key(request))
            return pages.page("campaign.html", told=told)

        return await _or_login(request, shown)

    async def decision_page(self, request: Request) -> Response:
        async def shown() -> Response:
            why = await self._decision(self._tenant(request), request.path_params["decision_id"])
            return pages.page("decision.html", told=why)

        return await _or_login(request, shown)

    async def login_page(self, _: Request) -> Response:
        return pages.page("login.html")

    async def campaigns(self, request: Request) -> Response:
        found = await self._lines(self._tenant(request))
        return _json({"campaigns": [one.model_dump(mode="json") for one in found]})

    async def campaign(self, request: Request) -> Response:
        told = await self._campaign(self._key(request))
        happened = [
            {"at": item.occurred_at.isoformat(), "said": item.said, "type": item.type, "decision_id": item.decision_id}
            for item in told.timeline
        ]
        decided = [
            {"decision_id": kept.decision_id, "title": kept.why.proposed.title, "state": kept.why.state}
            for kept in told.decisions
            if kept.why.proposed
        ]
        return _json({**told.one.model_dump(mode="json"), "timeline": happened, "decisions": decided})

    async def decision(self, request: Request) -> Response:
        why = await self._decision(self._tenant(request), request.path_params["decision_id"])
        return _json(
            {
                "decision_id": why.kept.decision_id,
                "campaign_id": why.kept.campaign_id,
                "state": why.kept.why.state,
                "answers": why.answers,
                "case_id": why.asked,
                **store.DECISIONS.dump_python(why.kept.why, mode="json"),
            }
        )

    async def login(self, request: Request) -> Response:
        """Keep a person's token in a cookie that scripts and other sites do not get."""
        form = parse_qs((await raw_body(request, 8192)).decode(errors="replace"))
        try:
            token = form.get("token", [""])[0].strip()
            require(self.parts.gate.verify(token), *READERS)
        except Problem as problem:
            if "text/html" not in request.headers.get("accept", ""):
                raise
            again = pages.page("login.html", problem=problem.title)
            again.status_code = problem.status
            return again
        answer = RedirectResponse("/", status_code=303)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=secure, max_age=8 * 3600)
        return answer

    async def tower_stream(self, request: Request) -> Response:
        tenant = self._tenant(request)

        async def changed() -> object:
            async with self.parts.db.pool.acquire() as conn:
                return await store.changed_at(conn, tenant)

        async def contents() -> str:
            return pages.part("table.html", lines=await self._lines(tenant), killed=await self._killed(tenant))

        return pages.stream(request, changed, contents)

    async def campaign_stream(self, request: Request) -> Response:
        key = self._key(request)
        await self._campaign(key)

        async def contents() -> str:
            return pages.part("campaign_body.html", told=await self._campaign(key))

        return pages.stream(request, self._changed(key), contents)

    async def decision_stream(self, request: Request) -> Response:
        tenant, decision = self._tenant(request), request.path_params["decision_id"]
        why = await self._decision(tenant, decision)

        async def contents() -> str:
            return pages.part("decision_body.html", told=await self._decision(tenant, decision))

        return pages.stream(request, self._changed(Key(tenant, why.kept.campaign_id)), contents)

    def _changed(self, key: Key) -> Callable[[], Awaitable[object]]:
        async def changed() -> object:
            async with self.parts.db.pool.acquire() as conn:
                return await store.changed(conn, key)

        return changed

    async def _campaign(self, key: Key) -> Told:
        async with self.parts.db.pool.acquire() as conn:
            row = (await store.load(conn, [key])).get(key)
            timeline = await store.timeline(conn, key)
            decisions = await store.decisions_of(conn, key)
            now = await store.now(conn)
        if row is None:
            raise Problem(404, "no such campaign", field="campaign_id", fix="see GET /v1/campaigns")
        return Told(line(key.campaign, row, now), timeline, decisions)

    async def _decision(self, tenant: Tenant, decision: UUID) -> Explained:
        async with self.parts.db.pool.acquire() as conn:
            found = (await store.load_decisions(conn, [DecisionKey(tenant, decision)])).values()
            kept = next((one for one in found if one.why.proposed is not None), None)
            if kept is None or kept.why.proposed is None:
                raise Problem(404, "no such decision", field="decision_id", fix="see GET /v1/campaigns/{id}")
            key = Key(tenant, kept.campaign_id)
            row = (await store.load(conn, [key])).get(key)
            trigger = kept.why.proposed.action.answers
            answers, others, about = "", list[Kept](), kept
            if trigger is not None:
                answers = await store.said_of(conn, key, trigger)
                others = [
                    one
                    for one in await store.decisions_of(conn, key)
                    if one.why.proposed and one.why.proposed.action.answers == trigger and one.decision_id != decision
                ]
                triggered = await store.load_decisions(conn, [DecisionKey(tenant, trigger)])
                about = next(iter(triggered.values()), kept)
        asked = about.why.case.case_id if about.why.case else None
        return Explained(kept, row.name if row else "", answers, others, asked)

    async def _lines(self, tenant: Tenant) -> list[Line]:
        async with self.parts.db.pool.acquire() as conn:
            rows = await store.every(conn, tenant)
            rows.pop(tenant_row(tenant), None)  # what belongs to no campaign
            return lines(rows, await store.now(conn))

    async def _killed(self, tenant: Tenant) -> str:
        """Why nothing of this tenant, or of anybody, is sent; empty when it is."""
        keys = [Key(one, tenant_row(one)) for one in (tenant, Tenant("*"))]
        async with self.parts.db.pool.acquire() as conn:
            rows = await store.load(conn, keys)
        return next((row.killed for row in rows.values() if row.killed), "")

    def _key(self, request: Request) -> Key:
        return Key(self._tenant(request), CampaignId(request.path_params["campaign_id"]))

    def _tenant(self, request: Request) -> Tenant:
        """Whose campaigns are shown: the token's tenant, the cookie's, or the one that is open on a laptop."""
        if "authorization" in request.headers:
            who = self.parts.gate.identify(request)
        elif token := request.cookies.get(COOKIE):
            who = self.parts.gate.verify(token)
        elif self.open_tenant is not None:
            return self.open_tenant
        else:
            raise Problem(401, "no token", field="authorization", fix="send a bearer token, or POST it to /login")
        require(who, *READERS)
        return Tenant(who.tenant)


async def _or_login(request: Request, shown: Callable[[], Awaitable[Response]]) -> Response:
    """A person with a browser is asked for a token, or told in words; a program is told what is wrong."""
    try:
        return await shown()
    except Problem as problem:
        if "text/html" not in request.headers.get("accept", ""):
            raise
        if problem.status == 401:
            return RedirectResponse("/login", status_code=303)
        answer = pages.page("problem.html", problem=problem)
        answer.status_code = problem.status
        return answer


def _json(body: object) -> Response:
    return Response(json.dumps(body, default=str), media_type="application/json")
