"""Doors for the outside world's reports, and what is known of a campaign."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.decision import Key
from chassis.doors import page, raw_body
from chassis.identity import require
from chassis.problems import Problem
from chassis.service import Parts
from contracts.event import CampaignId, Event, Fact, Tenant
from monitor import cloudevents, sendgrid, store, views
from monitor.metrics import FOREIGN, SIGNATURES
from monitor.sendgrid import Webhook

READERS = ("marketer", "campaign_approver", "marketing_lead", "operator", "auditor", "viewer")


@dataclass(frozen=True, slots=True)
class Api:
    parts: Parts
    webhook: Webhook
    tenant_keys: Callable[[Tenant], bytes | None]

    def routes(self) -> list[Route]:
        return [
            Route("/v1/events", self.events, methods=["POST"]),
            Route("/v1/hooks/sendgrid", self.hook, methods=["POST"]),
            Route("/v1/campaigns", self.campaigns),
            Route("/v1/campaigns/{campaign_id:uuid}", self.campaign),
        ]

    async def events(self, request: Request) -> Response:
        who = self.parts.gate.identify(request)
        require(who, "publisher", "marketer", "operator")
        tenant = Tenant(who.tenant)
        body = await raw_body(request, cloudevents.LIMIT_BYTES)
        facts = cloudevents.facts(request.headers, body, tenant, self._key(tenant))
        await self._report(facts)
        return page(views.Accepted(accepted=tuple(fact.meta.event_id for fact in facts)), 202)

    async def hook(self, request: Request) -> Response:
        body = await raw_body(request, sendgrid.LIMIT_BYTES)
        now = self.parts.clock.now()
        try:
            self.webhook.verify(request.headers, body, now)
        except Problem:
            SIGNATURES.labels(provider="sendgrid").inc()
            raise
        facts, foreign = self.webhook.facts(body, self._key(self.webhook.tenant), now)
        FOREIGN.inc(foreign)
        await self._report(facts)
        return page(views.Reports(accepted=len(facts), not_ours=foreign))

    async def campaigns(self, request: Request) -> Response:
        who = self.parts.gate.identify(request)
        require(who, *READERS)
        async with self.parts.db.pool.acquire() as conn:
            found = await store.campaigns(conn, Tenant(who.tenant))
        lines = (views.CampaignLine(campaign_id=key.campaign, outcome=one.outcome) for key, one in found.items())
        return page(views.Campaigns(campaigns=tuple(lines)))

    async def campaign(self, request: Request) -> Response:
        who = self.parts.gate.identify(request)
        require(who, *READERS)
        key = Key(Tenant(who.tenant), CampaignId(request.path_params["campaign_id"]))
        async with self.parts.db.pool.acquire() as conn:
            state = await store.state_of(conn, key)
            metrics = await store.metrics(conn, key)
        if state is None:
            raise Problem(404, "no such campaign", field="campaign_id", fix="see GET /v1/campaigns")
        return page(views.campaign(key.campaign, state, metrics))

    async def _report(self, facts: Sequence[Fact[Event]]) -> None:
        """Write what outsiders report; what was reported before changes nothing."""
        async with self.parts.db.transaction() as tx:
            for fact in facts:
                tx.report(fact)

    def _key(self, tenant: Tenant) -> bytes:
        key = self.tenant_keys(tenant)
        if key is None:
            raise Problem(403, "this tenant has no key for recipients", field="tenant", fix="see `handrail keys init`")
        return key
