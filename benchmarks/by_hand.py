"""The other side: loops with our guarantees and nothing else, over the chassis' tables, decoder and batch size."""

import gc
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from benchmarks.frame import BATCH, Stage
from contracts.codec import decode
from contracts.event import Event, Fact

MEET = """
INSERT INTO campaign (tenant, campaign_id) SELECT * FROM unnest($1::text[], $2::uuid[]) ON CONFLICT DO NOTHING
"""
LOCK = """
SELECT 1 FROM campaign WHERE (tenant, campaign_id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
 ORDER BY tenant, campaign_id FOR UPDATE
"""
CLAIM = "INSERT INTO inbox (event_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING event_id"

Conn = Any


def tune() -> None:
    """As services do once they have started."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


@asynccontextmanager
async def consuming(stage: Stage, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=stage.kafka,
        group_id=stage.run,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_poll_records=BATCH,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def poll(consumer: AIOKafkaConsumer) -> list[ConsumerRecord]:
    """The next records of all partitions, at most a batch."""
    polled = await consumer.getmany(timeout_ms=1000, max_records=BATCH)
    return [record for records in polled.values() for record in records]


async def commit(consumer: AIOKafkaConsumer, records: Sequence[ConsumerRecord]) -> None:
    await consumer.commit({TopicPartition(one.topic, one.partition): one.offset + 1 for one in records})


def facts_of(records: Iterable[ConsumerRecord]) -> list[Fact[Event]]:
    return [decode(one.topic, one.headers, one.value, verify=lambda *_: False) for one in records]


async def locked(conn: Conn, facts: Sequence[Fact[Event]]) -> list[tuple[str, UUID]]:
    """Lock the campaigns of `facts`; returns them in order."""
    keys = sorted({(fact.meta.tenant, fact.meta.campaign_id) for fact in facts})
    columns = [key[0] for key in keys], [key[1] for key in keys]
    await conn.execute(MEET, *columns)
    await conn.execute(LOCK, *columns)
    return list(keys)


async def claimed(conn: Conn, facts: Sequence[Fact[Event]]) -> list[Fact[Event]]:
    """Those of `facts` that were not met before, each once."""
    fresh = {row["event_id"] for row in await conn.fetch(CLAIM, sorted({fact.meta.event_id for fact in facts}))}
    out = []
    for fact in facts:
        if fact.meta.event_id in fresh:
            fresh.discard(fact.meta.event_id)
            out.append(fact)
    return out


def connected(dsn: str) -> "asyncpg.pool.Pool[asyncpg.Record]":
    return asyncpg.create_pool(dsn, min_size=1, max_size=2)
