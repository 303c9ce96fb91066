"""Doors: explanations, records, the export that anybody can verify."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from audit import store
from audit.explain import CONTEXT, OUTCOMES, explanation, read
from audit.store import Stored
from chassis.decision import Identity
from chassis.identity import require
from chassis.problems import Problem
from chassis.service import Parts
from contracts.actions import ActionProposed
from contracts.event import CampaignId, Tenant

RECIPIENTS = ("auditor", "campaign_approver", "marketing_lead")
"""Records carry the hashes of recipients."""
READERS = ("auditor", "campaign_approver", "marketing_lead", "marketer", "operator", "viewer")


@dataclass(frozen=True, slots=True)
class Api:
    parts: Parts

    def routes(self) -> list[Route]:
        return [
            Route("/v1/decisions/{decision_id:uuid}/explanation", self.explain),
            Route("/v1/campaigns/{campaign_id:uuid}/decisions", self.decisions),
            Route("/v1/campaigns/{campaign_id:uuid}/records", self.records),
            Route("/v1/head", self.head),
            Route("/v1/export", self.export),
        ]

    async def explain(self, request: Request) -> Response:
        tenant = Tenant(self._reader(request).tenant)
        async with self.parts.db.pool.acquire() as conn:
            records = await store.by_decision(conn, tenant, request.path_params["decision_id"])
            found = next((one for one in records if _is_proposal(one)), None)
            if found is None:
                raise Problem(404, "no such decision", field="decision_id", fix="see /v1/campaigns/{id}/decisions")
            fact = read(found, self.parts.verifier)
            assert isinstance(fact.event, ActionProposed)
            answers = fact.event.action.answers
            trigger = await store.by_event(conn, tenant, answers) if answers else None
            outcome = await store.by_campaign(conn, tenant, fact.meta.campaign_id, types=OUTCOMES)
            context = await store.by_campaign(conn, tenant, fact.meta.campaign_id, types=CONTEXT)
        return _json(explanation(records, trigger, outcome, context, self.parts.verifier))

    async def decisions(self, request: Request) -> Response:
        tenant = Tenant(self._reader(request).tenant)
        campaign = CampaignId(request.path_params["campaign_id"])
        async with self.parts.db.pool.acquire() as conn:
            found = await store.by_campaign(conn, tenant, campaign, types=[ActionProposed.type])
        listed = []
        for record in found:
            event = read(record, self.parts.verifier).event
            assert isinstance(event, ActionProposed)
            listed.append({"decision_id": str(event.decision_id), "title": event.title, "record": record.seq})
        return _json({"decisions": listed})

    async def records(self, request: Request) -> Response:
        who = self._reader(request)
        require(who, *RECIPIENTS)
        tenant = Tenant(who.tenant)
        campaign = CampaignId(request.path_params["campaign_id"])
        text = request.query_params.get("after", "0")
        after = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
        if after is None:
            raise Problem(400, "after is no number", field="after", fix="the record number of the last page")
        async with self.parts.db.pool.acquire() as conn:
            found = await store.by_campaign(conn, tenant, campaign, after)
        return _json({"records": [_line(one) for one in found]})

    async def head(self, request: Request) -> Response:
        tenant = Tenant(self._reader(request).tenant)
        async with self.parts.db.pool.acquire() as conn:
            size, head, signed = await store.head(conn, tenant)
        return _json({"size": size, "head": head.hex(), "signed": signed})

    async def export(self, request: Request) -> Response:
        """JSON lines: every record as it came, with its place in the chain."""
        who = self.parts.gate.identify(request)
        require(who, "auditor")

        async def lines() -> AsyncIterator[bytes]:
            async with self.parts.db.pool.acquire() as conn:
                async for one in store.export(conn, Tenant(who.tenant)):
                    yield json.dumps(_line(one)).encode() + b"\n"

        return StreamingResponse(lines(), media_type="application/jsonl")

    def _reader(self, request: Request) -> Identity:
        who = self.parts.gate.identify(request)
        require(who, *READERS)
        return who


def _is_proposal(record: Stored) -> bool:
    return dict(record.raw.headers).get("ce_type") == ActionProposed.type.encode()


def _line(one: Stored) -> dict[str, Any]:
    return {
        "seq": one.seq,
        "event_id": str(one.event_id),
        "topic": one.raw.topic,
        "key": b64encode(one.raw.key or b"").decode(),
        "headers": [[name, b64encode(text).decode()] for name, text in one.raw.headers],
        "value": b64encode(one.raw.value or b"").decode(),
        "leaf": one.leaf.hex(),
        "prev": one.prev.hex(),
        "hash": one.hash.hex(),
    }


def _json(body: Any) -> Response:
    return Response(json.dumps(body, default=str), media_type="application/json")
