"""Doors for the outside world's reports, and what is known of a campaign."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.decision import Key
from chassis.doors import raw_body
from chassis.identity import require
from chassis.problems import Problem
from chassis.service import Parts
from contracts.event import CampaignId, Event, Fact, Tenant
from contracts.inbound import MailEvent
from monitor import cloudevents, rates, sendgrid, store
from monitor.domain.clocks import exception_rate
from monitor.domain.state import OPENED_BY_MACHINE, Watch, Wave
from monitor.metrics import FOREIGN, SIGNATURES
from monitor.sendgrid import Webhook

READERS = ("marketer", "campaign_approver", "marketing_lead", "operator", "auditor", "viewer")
STATES = TypeAdapter(Watch)


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
        return _json({"accepted": [str(fact.meta.event_id) for fact in facts]}, 202)

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
        return _json({"accepted": len(facts), "not_ours": foreign})

    async def campaigns(self, request: Request) -> Response:
        who = self.parts.gate.identify(request)
        require(who, *READERS)
        async with self.parts.db.pool.acquire() as conn:
            found = await store.campaigns(conn, Tenant(who.tenant))
        listed = [{"campaign_id": str(key.campaign), "outcome": one.outcome} for key, one in found.items()]
        return _json({"campaigns": listed})

    async def campaign(self, request: Request) -> Response:
        who = self.parts.gate.identify(request)
        require(who, *READERS)
        key = Key(Tenant(who.tenant), CampaignId(request.path_params["campaign_id"]))
        async with self.parts.db.pool.acquire() as conn:
            state = await store.state_of(conn, key)
            metrics = await store.metrics(conn, key)
        if state is None:
            raise Problem(404, "no such campaign", field="campaign_id", fix="see GET /v1/campaigns")
        return _json({"campaign_id": str(key.campaign), **shown(state), "metrics": metrics})

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


def shown(state: Watch) -> dict[str, Any]:
    """Everything known, with the rates and their bases."""
    body: dict[str, Any] = STATES.dump_python(state, mode="json")
    body["waves"] = [_wave(wave) for wave in sorted(state.waves.values(), key=lambda wave: wave.number)]
    body["clocks"] = list(body["clocks"].values())
    sent = sum(wave.sent for wave in state.waves.values())
    delivered = state.total(MailEvent.DELIVERED)
    opened, machine = state.total(MailEvent.OPENED), state.total(OPENED_BY_MACHINE)
    body["totals"] = {
        "sent": sent,
        "delivered": delivered,
        "bounced_hard": state.total(MailEvent.BOUNCED_HARD),
        "complained": state.total(MailEvent.COMPLAINED),
        "unsubscribed": state.total(MailEvent.UNSUBSCRIBED),
        "clicked": state.total(MailEvent.CLICKED),
        "opened_by_people": opened,
        "opened_by_machines": machine,
        "delivery_rate": rates.delivery_rate(delivered, sent),
        "click_rate": rates.click_rate(state.total(MailEvent.CLICKED), delivered),
        "exception_rate": exception_rate(state),
    }
    return body


def _wave(wave: Wave) -> dict[str, Any]:
    bounced = wave.count(MailEvent.BOUNCED_HARD)
    low, high = rates.interval(bounced, wave.sent)
    return {
        "wave": wave.number,
        "decision_id": str(wave.decision_id),
        "size": wave.size,
        "sent": wave.sent,
        "reported": wave.reported,
        "delivered": wave.count(MailEvent.DELIVERED),
        "bounced_hard": bounced,
        "hard_bounce_rate": rates.hard_bounce_rate(bounced, wave.sent),
        "hard_bounce_interval": [low, high],
        "bounced_by_domain": dict(wave.bounced_by),
        "complained": wave.count(MailEvent.COMPLAINED),
        "clicked": wave.count(MailEvent.CLICKED),
        "done": wave.done,
        "judged": wave.judged,
        "paused": wave.paused,
    }


def _json(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body, default=str), status, media_type="application/json")
