"""One event in, one event out, on Kafka: by a service of the chassis, and by two loops written by hand."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from pydantic import SecretStr

from benchmarks import by_hand, echo, product, workload
from benchmarks.frame import Measured, Stage, between, now
from benchmarks.places import database, fresh_topics
from chassis.event_log import headers_of
from chassis.metrics import OUTBOX_PUBLISHED
from chassis.settings import ChassisSettings
from contracts.codec import encode
from contracts.event import Event, Fact
from contracts.executor import StepCompleted
from contracts.monitor import TriggerCleared
from handrail.local.sources import Infrastructure
from tests.builders import TENANT, meta

TOPIC, OUT = StepCompleted.topic, TriggerCleared.topic

_STATES = """
SELECT campaign_id, body::text FROM campaign_state
 WHERE (tenant, campaign_id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
"""
_SAVE = """
INSERT INTO campaign_state (tenant, campaign_id, body)
SELECT t, c, b::jsonb FROM unnest($1::text[], $2::uuid[], $3::text[]) AS row (t, c, b)
ON CONFLICT (tenant, campaign_id) DO UPDATE SET body = excluded.body
"""
_NUMBER = """
INSERT INTO stream (tenant, topic, campaign_id, epoch, last)
SELECT t, $1, c, 0, n FROM unnest($2::text[], $3::uuid[], $4::bigint[]) AS row (t, c, n) ORDER BY t, c
ON CONFLICT (tenant, topic, campaign_id, epoch) DO UPDATE SET last = stream.last + excluded.last
RETURNING campaign_id, last
"""
_WRITE = """
INSERT INTO event_log (event_id, tenant, campaign_id, topic, epoch, sequence, key, shard, headers, value)
SELECT i, t, c, $1, 0, s, k, 0, h::json, v
  FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::bigint[], $6::bytea[], $7::text[], $8::bytea[])
    AS row (i, t, c, s, k, h, v)
"""
_UNSENT = "SELECT id, topic, key, headers, value FROM event_log WHERE sent_at IS NULL ORDER BY id LIMIT 1000"
_SENT = "UPDATE event_log SET sent_at = clock_timestamp() WHERE id = ANY($1::bigint[])"


def steps(events: int) -> Iterator[Fact[Event]]:
    every = workload.campaigns()
    trace = f"00-{'1a' * 16}-{'2b' * 8}-01"
    for number in range(events):
        step = StepCompleted(plan_version=1, step=f"step-{number}", verified="by hand")
        yield Fact(meta(every[number * 7919 % len(every)], traceparent=trace), step)


async def prepare(servers: Infrastructure, partitions: int, events: int) -> str:
    fresh_topics(servers.kafka, {TOPIC: partitions, OUT: partitions})
    await workload.publish(servers.kafka, steps(events))
    return await database(servers)


async def ours(stage: Stage) -> Measured:
    settings = ChassisSettings(dsn=SecretStr(stage.dsn), kafka=stage.kafka, http_port=product.port())
    sent = OUTBOX_PUBLISHED.labels(result="sent")
    counted = lambda: sent._value.get()  # noqa: E731
    return await product.serving(stage.run, settings, echo.build, _relayed(counted, stage.events))


async def _relayed(count: Any, events: int) -> Measured:
    """From the first events that were relayed until all were."""
    while not (first := count()):
        await asyncio.sleep(0.005)
    began = now()
    while count() < events:
        await asyncio.sleep(0.005)
    return between(began, now(), events - int(first))


async def baseline(stage: Stage) -> Measured:
    sent: Counter[str] = Counter()
    committed = asyncio.Event()
    pool = await by_hand.connected(stage.dsn)
    async with by_hand.consuming(stage, TOPIC) as consumer:
        by_hand.tune()
        loops = [
            asyncio.create_task(_consume(pool, consumer, committed)),
            asyncio.create_task(_relay(pool, stage.kafka, committed, sent)),
        ]
        measured = asyncio.create_task(_relayed(lambda: sent["sent"], stage.events))
        await asyncio.wait([*loops, measured], return_when=asyncio.FIRST_COMPLETED)
        for loop in loops:
            if loop.done():
                await loop
            loop.cancel()
        return await measured


async def _consume(pool: Any, consumer: Any, committed: asyncio.Event) -> None:
    while True:
        records = await by_hand.poll(consumer)
        facts = by_hand.facts_of(records)
        async with pool.acquire() as conn, conn.transaction():
            await _answer(conn, facts)
        committed.set()
        await by_hand.commit(consumer, records)


async def _answer(conn: Any, facts: Sequence[Fact[Event]]) -> None:
    if not facts:
        return
    keys = await by_hand.locked(conn, facts)
    at = await conn.fetchval("SELECT clock_timestamp()")
    new = await by_hand.claimed(conn, facts)
    columns = [key[0] for key in keys], [key[1] for key in keys]
    counts = {row["campaign_id"]: json.loads(row["body"])["count"] for row in await conn.fetch(_STATES, *columns)}
    sizes = Counter((fact.meta.tenant, fact.meta.campaign_id) for fact in new)
    for (_, campaign), size in sizes.items():
        counts[campaign] = counts.get(campaign, 0) + size
    await conn.execute(_SAVE, *columns, [json.dumps({"count": counts[key[1]]}) for key in keys])
    tenants, campaigns = zip(*sizes, strict=True)
    rows = await conn.fetch(_NUMBER, OUT, tenants, campaigns, list(sizes.values()))
    following = {row["campaign_id"]: row["last"] - sizes[TENANT, row["campaign_id"]] for row in rows}
    out = []
    for fact in new:
        campaign = fact.meta.campaign_id
        following[campaign] += 1
        effect = fact.meta.effect_id(TriggerCleared)
        said = fact.meta.leads_to(effect, at=at, source="/services/hand", sequence=following[campaign], epoch=0)
        event = echo.answer(fact.meta.event_id)
        headers, value = encode(Fact(said, event))
        text = json.dumps({name: raw.decode() for name, raw in headers})
        out.append((said.event_id, said.tenant, campaign, said.sequence, event.key(said), text, value))
    await conn.execute(_WRITE, OUT, *zip(*out, strict=True))


async def _relay(pool: Any, kafka: str, committed: asyncio.Event, sent: Counter[str]) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=kafka, enable_idempotence=True, acks="all", linger_ms=2, max_batch_size=256 * 1024
    ) as producer:
        while True:
            committed.clear()
            async with pool.acquire() as conn, conn.transaction():
                await conn.execute("SELECT pg_advisory_xact_lock(1)")
                rows = await conn.fetch(_UNSENT)
                acks = [
                    await producer.send(row["topic"], row["value"], key=row["key"], headers=headers_of(row["headers"]))
                    for row in rows
                ]
                await asyncio.gather(*acks)
                await conn.execute(_SENT, [row["id"] for row in rows])
            sent["sent"] += len(rows)
            if not rows:
                await committed.wait()
