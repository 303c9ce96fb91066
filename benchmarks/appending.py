"""Records of every kind appended to audit's chain; and the bare insert of the same rows."""

from typing import Any

from audit import store
from audit.applier import AuditApplier
from benchmarks import by_hand, in_out
from benchmarks.frame import Measured, Stage, between, now
from benchmarks.places import database
from chassis.consumer import Consumer
from chassis.postgres import Database
from chassis.signatures import Verifier
from contracts.audit import FIRST_PREVIOUS
from handrail.local.sources import Infrastructure
from tests.builders import record

_INSERT = store._APPEND


async def prepare(servers: Infrastructure, partitions: int, events: int) -> str:
    return await database(servers, "audit")


def _batches(events: int) -> list[list[Any]]:
    raws = [record(fact, n) for n, fact in enumerate(in_out.steps(events))]
    return [raws[n : n + 500] for n in range(0, events, 500)]


async def ours(stage: Stage) -> Measured:
    pool = await by_hand.connected(stage.dsn)
    consumer = Consumer(Database(pool, "audit"), "audit", AuditApplier(), Verifier({}))
    first, *batches = _batches(stage.events)
    await consumer.apply(first)
    by_hand.tune()
    began = now()
    for batch in batches:
        await consumer.apply(batch)
    return between(began, now(), stage.events - len(first))


async def baseline(stage: Stage) -> Measured:
    pool = await by_hand.connected(stage.dsn)
    batches, seq = [], 0
    for batch in _batches(stage.events):
        rows = []
        for raw in batch:
            [fact] = by_hand.facts_of([raw])
            seq += 1
            rows.append(
                (
                    fact.meta.tenant, seq, fact.meta.event_id, fact.meta.campaign_id, None, fact.event.type, raw.topic,
                    raw.key, raw.flat_headers, raw.value, FIRST_PREVIOUS, FIRST_PREVIOUS, FIRST_PREVIOUS,
                    fact.meta.occurred_at,
                )
            )  # fmt: skip
        batches.append(rows)
    first, *rest = batches
    async with pool.acquire() as conn, conn.transaction():
        await conn.executemany(_INSERT, first)
    by_hand.tune()
    began = now()
    for rows in rest:
        async with pool.acquire() as conn, conn.transaction():
            await conn.executemany(_INSERT, rows)
    return between(began, now(), stage.events - len(first))
