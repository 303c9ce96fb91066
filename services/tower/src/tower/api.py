"""One live page, a page per campaign, and the same data as JSON."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import DictLoader, Environment, select_autoescape
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from chassis.decision import Key
from chassis.doors import raw_body
from chassis.identity import require
from chassis.problems import Problem
from chassis.service import Parts
from contracts.event import CampaignId, Tenant, tenant_row
from tower import store
from tower.view import Line, line, lines

READERS = ("viewer", "marketer", "campaign_approver", "marketing_lead", "operator", "auditor")
COOKIE = "handrail_tower"
LOOK_SECONDS = 0.5
PING_SECONDS = 15
WORDS_SECONDS = 30
"""Time that is left is said in words: they are said anew so often, although nothing happened."""
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SAFE = {"cache-control": "no-store", "referrer-policy": "no-referrer", "x-content-type-options": "nosniff"}
_TEMPLATES = {entry.name: entry.read_text() for entry in (files("tower") / "templates").iterdir()}
PAGES = Environment(
    loader=DictLoader(_TEMPLATES), autoescape=select_autoescape(default=True), trim_blocks=True, lstrip_blocks=True
)


@dataclass(frozen=True, slots=True)
class Api:
    parts: Parts
    open_tenant: Tenant | None

    def routes(self) -> list[Route]:
        return [
            Route("/", self.page),
            Route("/login", self.login_page, methods=["GET"]),
            Route("/login", self.login, methods=["POST"]),
            Route("/events", self.events),
            Route("/campaigns/{campaign_id:uuid}", self.campaign_page),
            Route("/v1/campaigns", self.campaigns),
            Route("/v1/campaigns/{campaign_id:uuid}", self.campaign),
        ]

    async def page(self, request: Request) -> Response:
        try:
            tenant = self._tenant(request)
        except Problem as problem:
            return _to_login(request, problem)
        return _page("tower.html", lines=await self._lines(tenant), killed=await self._killed(tenant))

    async def campaign_page(self, request: Request) -> Response:
        try:
            one, timeline = await self._campaign(request)
        except Problem as problem:
            return _to_login(request, problem)
        return _page("campaign.html", one=one, timeline=timeline)

    async def login_page(self, request: Request) -> Response:
        return _page("login.html")

    async def campaigns(self, request: Request) -> Response:
        found = await self._lines(self._tenant(request))
        return _json({"campaigns": [one.model_dump(mode="json") for one in found]})

    async def campaign(self, request: Request) -> Response:
        one, timeline = await self._campaign(request)
        happened = [{"at": item.occurred_at.isoformat(), "said": item.said, "type": item.type} for item in timeline]
        return _json({**one.model_dump(mode="json"), "timeline": happened})

    async def login(self, request: Request) -> Response:
        """Keep a person's token in a cookie that scripts and other sites do not get."""
        token = (await raw_body(request, 8192)).decode(errors="replace").removeprefix("token=").strip()
        require(self.parts.gate.verify(token), *READERS)
        answer = RedirectResponse("/", status_code=303)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=secure, max_age=8 * 3600)
        return answer

    async def events(self, request: Request) -> Response:
        """The table, sent anew whenever a row has changed."""
        tenant = self._tenant(request)

        async def changes() -> AsyncIterator[ServerSentEvent]:
            seen = None
            while not await request.is_disconnected():
                async with self.parts.db.pool.acquire() as conn:
                    changed = await store.changed_at(conn, tenant)
                state = (changed, asyncio.get_running_loop().time() // WORDS_SECONDS)
                if state != seen:
                    seen = state
                    table = PAGES.get_template("table.html").render(lines=await self._lines(tenant))
                    yield ServerSentEvent(data=table, event="rows", id=changed.isoformat() if changed else None)
                await asyncio.sleep(LOOK_SECONDS)

        return EventSourceResponse(changes(), ping=PING_SECONDS)

    async def _campaign(self, request: Request) -> tuple[Line, list[store.Happening]]:
        key = Key(self._tenant(request), CampaignId(request.path_params["campaign_id"]))
        async with self.parts.db.pool.acquire() as conn:
            row = (await store.load(conn, [key])).get(key)
            timeline = await store.timeline(conn, key)
            now = await store.now(conn)
        if row is None:
            raise Problem(404, "no such campaign", field="campaign_id", fix="see GET /v1/campaigns")
        return line(key.campaign, row, now), timeline

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


def _page(template: str, **values: object) -> Response:
    nonce = secrets.token_urlsafe(16)
    page = PAGES.get_template(template).render(nonce=nonce, **values)
    return HTMLResponse(page, headers={**SAFE, "content-security-policy": POLICY.format(nonce=nonce)})


def _to_login(request: Request, problem: Problem) -> Response:
    """A person with a browser is asked for a token; a program is told what is wrong."""
    if problem.status != 401 or "text/html" not in request.headers.get("accept", ""):
        raise problem
    return RedirectResponse("/login", status_code=303)


def _json(body: object) -> Response:
    return Response(json.dumps(body, default=str), media_type="application/json")
