"""A campaign's step by hand: the same decisions and the same rows in three transactions, without Kafka and relay."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from asyncpg import create_pool

from benchmarks import steps, workload
from benchmarks.frame import Measured, Meter, Stage
from benchmarks.stepping import AT_ONCE, EXAMPLES
from chassis.decision import Decision, Loaded, Message
from chassis.fold import key_of
from chassis.signatures import Signer, Verifier
from contracts.briefing import PlanIssued
from contracts.codec import Header, decode, encode
from contracts.event import CampaignId, Event, Fact
from contracts.framing import named
from contracts.signing import source_of
from escalation import store as escalation_store
from escalation.domain.decide import decide as rule
from escalation.domain.state import Reason as Ruled
from executor import store as executor_store
from executor.domain.decide import decide as act
from executor.domain.state import Reason as Acted
from handrail import keys
from policy.directory import load_directory

_LOCK = """
SELECT clock_timestamp() AS now FROM campaign WHERE (tenant, campaign_id) = ($1, $2) FOR UPDATE
"""
_PLAN = "SELECT version, body FROM plan WHERE (tenant, campaign_id) = ($1, $2)"
_NUMBER = """
INSERT INTO stream (tenant, topic, campaign_id, epoch, last) VALUES ($1, $2, $3, 0, 1)
ON CONFLICT (tenant, topic, campaign_id, epoch) DO UPDATE SET last = stream.last + 1
RETURNING last
"""
_SAY = """
INSERT INTO event_log (event_id, tenant, campaign_id, topic, epoch, sequence, key, shard, headers, value)
VALUES ($1, $2, $3, $4, 0, $5, $6, 0, $7::json, $8)
"""
_ASK = """
INSERT INTO task (id, tenant, campaign_id, kind, body, cause, correlation_id, traceparent, due_at)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, coalesce($9, clock_timestamp()))
"""


@dataclass(slots=True)
class Hand:
    """One service, by hand."""

    pool: Any
    store: Any
    decide: Any
    policy: Any
    source: str
    signer: Signer | None
    said: dict[CampaignId, tuple[Fact[Event], Sequence[Header], bytes]] = field(default_factory=dict)
    """The first thing that was said of each campaign: the next transaction's cause."""
    plans: dict[CampaignId, dict[int, PlanIssued]] = field(default_factory=dict)

    async def do(self, message: Message, reason: str) -> None:
        """One transaction."""
        key = key_of(message.meta)
        async with self.pool.acquire() as conn, conn.transaction():
            now = await conn.fetchval(_LOCK, *key)
            loaded = (await self.store.load(conn, [message]))[key]
            plans = {
                row["version"]: PlanIssued.model_validate_json(row["body"]) for row in await conn.fetch(_PLAN, *key)
            }
            decision = self.decide(Loaded(loaded.state, loaded.shared, plans), message, self.policy, now)
            if decision.reason != reason:
                raise RuntimeError(f"a step went another way: {decision.reason}")
            await self.store.save(conn, {key: Loaded(decision.state, decision.shared or loaded.shared, plans)})
            await self._say(conn, message, decision, now)

    async def _say(self, conn: Any, message: Message, decision: Decision[Any, Any], now: datetime) -> None:
        cause = message.meta
        for event in decision.events:
            sequence = await conn.fetchval(_NUMBER, cause.tenant, event.topic, cause.campaign_id)
            effect = cause.effect_id(type(event))
            said = cause.leads_to(effect, at=now, source=self.source, sequence=sequence, epoch=0)
            headers, value = encode(Fact(said, event))
            if event.signed and self.signer is not None:
                headers = self.signer.sign(headers, value)
            text = json.dumps({name: raw.decode() for name, raw in headers})
            await conn.execute(
                _SAY, said.event_id, said.tenant, said.campaign_id, event.topic, sequence, event.key(said), text, value
            )
            self.said.setdefault(cause.campaign_id, (Fact(said, event), headers, value))
        for task in decision.tasks:
            await conn.execute(
                _ASK, named(str(cause.event_id), task.body.kind), cause.tenant, cause.campaign_id, task.body.kind,
                task.body.model_dump_json(), cause.event_id, cause.correlation_id, cause.traceparent, task.due,
            )  # fmt: skip


async def baseline(stage: Stage) -> Measured:
    meter, took = Meter(stage.events), list[float]()
    names = keys.Keys(Path(stage.keys))
    signer = Signer.from_file(keys.key_id("escalation"), names.signing("escalation"))
    verify = Verifier({signer.key_id: signer.key.public_key()})
    async with AsyncExitStack() as stack:
        pools: Mapping[str, Any] = {
            schema: await stack.enter_async_context(
                create_pool(steps.in_schema(stage.dsn, schema), min_size=AT_ONCE, max_size=AT_ONCE)
            )
            for schema in (steps.PROPOSER, steps.RULER)
        }
        executor = Hand(pools[steps.PROPOSER], executor_store, act, None, source_of("executor"), None)
        people = load_directory(EXAMPLES / "people.yaml")
        escalation = Hand(pools[steps.RULER], escalation_store, rule, people, source_of("escalation"), signer)

        async def step(campaign: CampaignId) -> None:
            began = time.perf_counter()
            await executor.do(steps.word(campaign), Acted.PROPOSED)
            proposed, _, _ = executor.said[campaign]
            await escalation.do(Message(proposed.meta, proposed.event), Ruled.CLEARED_BY_RULE)
            cleared, headers, value = escalation.said[campaign]
            grant = decode(cleared.event.topic, headers, value, verify=verify)
            await executor.do(Message(grant.meta, grant.event, (tuple(headers), value)), Acted.GRANT_TAKEN)
            took.append(time.perf_counter() - began)
            meter.add(1)

        async def lane(campaigns: Sequence[CampaignId]) -> None:
            for campaign in campaigns:
                await step(campaign)

        every = workload.campaigns(stage.events)
        await asyncio.gather(*(lane(every[n::AT_ONCE]) for n in range(AT_ONCE)))
    return replace(await meter.measured(), took=tuple(took))
