"""Says again, on another Kafka cluster, what this service said, so that nothing is lost with the old one's data.

Rows of the event log become unsent, and the relay sends them in their order, before anything newer. Ids are stable:
who met an event before leaves it out. Records of outsiders that came by Kafka alone are sent by whoever keeps them.
What is so old that a reader may have forgotten it is not said again.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from aiokafka import AIOKafkaProducer

from chassis import cluster
from chassis.connection import Conn
from chassis.event_log import SHARDS
from chassis.postgres import Database
from chassis.records import Raw

PATIENCE_SECONDS = 3600.0
"""A long log takes its time."""

# No relay sends meanwhile: something newer could overtake what is being marked.
_HOLD_RELAYS = "SELECT pg_advisory_xact_lock(hashtext('relay'), shard) FROM generate_series(0, $1 - 1) AS shard"
_UNSEND = """
UPDATE event_log SET sent_at = NULL
 WHERE sent_at IS NOT NULL AND (cardinality($1::text[]) = 0 OR topic = ANY($1))
   AND logged_at >= coalesce($2::timestamptz, '-infinity') AND logged_at < coalesce($3::timestamptz, 'infinity')
"""


@dataclass(frozen=True, slots=True)
class Span:
    """What is said again: of these topics (none: of all), kept at `since` or later and before `until`."""

    topics: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many events the relay sends again, how many kept records of others were sent at once, and since when kept."""

    marked: int
    sent: int
    since: datetime | None = None


KeptRecords: TypeAlias = Callable[[Conn, Span], AsyncIterator[Sequence[Raw]]]
"""Pages of records that a service keeps as they came from others, in their order."""


async def replay(
    db: Database, kafka: str, span: Span, kept: KeptRecords | None, most: timedelta | None = None
) -> Replayed:
    """Say again what `span` covers and is no older than `most`, on the cluster behind `kafka`, known from now on."""
    span = await within(db, span, most)
    found = await cluster.cluster_id(kafka)
    sent = await _send(db, kafka, span, kept) if kept is not None else 0
    return Replayed(await unsend(db, found, span), sent, span.since)


async def within(db: Database, span: Span, most: timedelta | None) -> Span:
    """The part of `span` that is no older than `most`; None: all of it."""
    if most is None:
        return span
    since: datetime = await db.pool.fetchval("SELECT clock_timestamp() - $1::interval", most)
    return replace(span, since=since if span.since is None else max(since, span.since))


async def unsend(db: Database, cluster_id: str, span: Span) -> int:
    """Mark what `span` covers as not sent. Returns how many events that are."""
    async with db.pool.acquire() as conn, conn.transaction():
        await conn.execute(_HOLD_RELAYS, SHARDS)
        status = await conn.execute(_UNSEND, list(span.topics), span.since, span.until, timeout=PATIENCE_SECONDS)
        await cluster.meet(conn, cluster_id)
    return int(status.split()[-1])


async def _send(db: Database, kafka: str, span: Span, kept: KeptRecords) -> int:
    """Send kept records as they came; a second time, after a failure, they are repetitions."""
    sent = 0
    async with (
        db.pool.acquire() as conn,
        AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, acks="all", linger_ms=2) as producer,
    ):
        async for page in kept(conn, span):
            acks = [await producer.send(one.topic, one.value, key=one.key, headers=list(one.headers)) for one in page]
            for ack in acks:
                await ack
            sent += len(acks)
    return sent
