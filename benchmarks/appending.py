"""Records appended to audit's chain; and one INSERT a batch of the same rows, without chain and claims."""

from collections.abc import Callable, Sequence
from typing import Any

from audit.applier import AuditApplier
from audit.store import APPENDED
from benchmarks import by_hand, in_out
from benchmarks.frame import Measured, Stage, between, now
from benchmarks.places import database
from chassis.consumer import Consumer
from chassis.postgres import Database
from chassis.signatures import Verifier
from contracts.audit import FIRST_PREVIOUS, framed_headers
from handrail.local.sources import Infrastructure
from tests.builders import record

_INSERT = f"""
INSERT INTO record ({", ".join(APPENDED)})
SELECT * FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::bytea[],
                     $9::bytea[], $10::bytea[], $11::bytea[], $12::bytea[], $13::bytea[], $14::timestamptz[])
"""


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


async def by_insert(stage: Stage) -> Measured:
    """Each record read by the same decoder, and inserted: no chain, no claim."""
    return await _inserting(stage, _batches(stage.events), _rows)


async def by_bare_insert(stage: Stage) -> Measured:
    """Rows that lie ready in memory, inserted."""
    return await _inserting(stage, [_rows(batch) for batch in _batches(stage.events)], lambda rows: rows)


def _rows(batch: Sequence[Any]) -> list[tuple[Any, ...]]:
    none = FIRST_PREVIOUS
    return [
        (
            fact.meta.tenant, raw.offset, fact.meta.event_id, fact.meta.campaign_id, None, fact.event.type, raw.topic,
            raw.key, framed_headers(raw.headers), raw.value, none, none, none, fact.meta.occurred_at,
        )
        for raw, fact in zip(batch, by_hand.facts_of(batch), strict=True)
    ]  # fmt: skip


async def _inserting(stage: Stage, batches: list[Any], rows_of: Callable[[Any], list[tuple[Any, ...]]]) -> Measured:
    pool = await by_hand.connected(stage.dsn)
    first, *rest = batches
    async with pool.acquire() as conn, conn.transaction():
        await conn.execute(_INSERT, *zip(*rows_of(first), strict=True))
    by_hand.tune()
    began = now()
    for batch in rest:
        async with pool.acquire() as conn, conn.transaction():
            await conn.execute(_INSERT, *zip(*rows_of(batch), strict=True))
    return between(began, now(), stage.events - len(first))
