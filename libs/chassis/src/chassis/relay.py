"""From the event log to Kafka: at least once, in order per campaign, never by a cursor.

Any replica may run it. A shard is worked only under its transaction lock, so two relays never interleave one campaign.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder

from chassis.connection import AWAY, Conn
from chassis.crashpoints import Point, crashpoint
from chassis.event_log import SHARDS, headers_of
from chassis.loops import asked_to_end
from chassis.metrics import OUTBOX_OLDEST, OUTBOX_PENDING, OUTBOX_PUBLISHED
from chassis.postgres import Database

log = structlog.get_logger(__name__)

_ANY = "SELECT EXISTS (SELECT FROM event_log WHERE sent_at IS NULL)"
# A mark that is lost with the server's last moment means a record sent again, no more: it need not reach the disk.
_LOCK = """
SELECT shard
  FROM generate_series(0, $1 - 1) AS shard, set_config('synchronous_commit', 'off', true)
 WHERE pg_try_advisory_xact_lock(hashtext('relay'), shard)
"""
_UNSENT = """
SELECT id, topic, key, headers, value
  FROM event_log
 WHERE sent_at IS NULL AND shard = ANY($1::smallint[])
 ORDER BY id
 LIMIT 1000
"""
_SENT = "UPDATE event_log SET sent_at = clock_timestamp() WHERE id = ANY($1::bigint[])"
_BACKLOG = """
SELECT count(*) AS pending, coalesce(extract(epoch FROM clock_timestamp() - min(logged_at)), 0)::float8 AS oldest
  FROM event_log WHERE sent_at IS NULL
"""
AT_ONCE = 4
"""Batches in one transaction: so many are sent again, at most, when it does not commit."""
EXPECTED = (*AWAY, KafkaError)
"""Kafka or the database is away."""


@dataclass(slots=True)
class Relay:
    db: Database
    bootstrap_servers: str
    poll_seconds: float = 0.5
    send_seconds: float = 30.0
    stopping: bool = False

    async def run(self) -> None:
        """Relay until told to stop. A new producer after every failure: an idempotent one may never recover."""
        while not self.stopping:
            try:
                async with AIOKafkaProducer(
                    bootstrap_servers=self.bootstrap_servers,
                    enable_idempotence=True,
                    acks="all",
                    linger_ms=2,
                    max_batch_size=256 * 1024,
                ) as producer:
                    while not self.stopping:
                        if not await self.relay_once(producer):
                            await self._wait()
            except asyncio.CancelledError as error:
                if asked_to_end():
                    raise
                await self._again(error)  # one that a client leaked: nobody asked us to end
            except Exception as error:  # noqa: BLE001 - whatever it is: what is unsent must be sent
                await self._again(error)

    async def _again(self, error: BaseException) -> None:
        OUTBOX_PUBLISHED.labels(result="failed").inc()
        log.warning("relay starts again", error=repr(error)[:300], exc_info=not isinstance(error, EXPECTED))
        await self._measure_quietly()
        await asyncio.sleep(0.5)

    async def drain(self, seconds: float = 10.0) -> None:
        """Send what is left, within `seconds`: what stays behind is sent by the next start."""
        with contextlib.suppress(*EXPECTED):
            async with (
                asyncio.timeout(seconds),
                AIOKafkaProducer(
                    bootstrap_servers=self.bootstrap_servers, enable_idempotence=True, acks="all"
                ) as producer,
            ):
                while await self.relay_once(producer):
                    pass

    async def relay_once(self, producer: AIOKafkaProducer) -> int:
        """Send what is unsent, oldest first. Returns how many events Kafka acknowledged."""
        self.db.committed.clear()
        async with self.db.pool.acquire() as conn:
            if not await conn.fetchval(_ANY):
                return 0
            async with conn.transaction():
                shards = [row["shard"] for row in await conn.fetch(_LOCK, SHARDS)]  # the others are another relay's
                sent = await self._relay(conn, producer, shards)
        crashpoint(Point.RELAY_MARKED)
        OUTBOX_PUBLISHED.labels(result="sent").inc(sent)
        return sent

    async def _relay(self, conn: Conn, producer: AIOKafkaProducer, shards: Sequence[int]) -> int:
        """Send some batches one after the other. While Kafka has one it is marked, and the next is read.

        A mark holds with the commit alone, and that comes once Kafka has acknowledged all.
        """
        sent = 0
        rows = await conn.fetch(_UNSENT, shards)
        for _ in range(AT_ONCE):
            crashpoint(Point.RELAY_SEND)
            sending = asyncio.create_task(self._sent(producer, rows))
            try:
                await conn.execute(_SENT, [row["id"] for row in rows])
                following = await conn.fetch(_UNSENT, shards)
                await sending
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)  # nothing is on its way when the lock is let go
            crashpoint(Point.RELAY_ACKNOWLEDGED)
            sent += len(rows)
            rows = following
            if not rows:
                break
        return sent

    async def _sent(self, producer: AIOKafkaProducer, rows: Sequence[asyncpg.Record]) -> None:
        async with asyncio.timeout(self.send_seconds):
            await _send(producer, rows)

    async def measure(self) -> None:
        """Set the gauges of the backlog."""
        async with self.db.pool.acquire() as conn:
            row = await conn.fetchrow(_BACKLOG)
        if row is not None:
            OUTBOX_PENDING.set(row["pending"])
            OUTBOX_OLDEST.set(row["oldest"])

    async def _measure_quietly(self) -> None:
        with contextlib.suppress(Exception):  # a figure ends nothing
            await self.measure()

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.db.committed.wait(), self.poll_seconds)


async def _send(producer: AIOKafkaProducer, rows: Sequence[asyncpg.Record]) -> None:
    """Send `rows`, each partition's in their order, in batches of our own: a future for each record costs too much."""
    counts = {topic: len(await producer.partitions_for(topic)) for topic in {row["topic"] for row in rows}}
    batches: dict[tuple[str, int], list[BatchBuilder]] = {}
    for row in rows:
        topic, key, value, headers = row["topic"], row["key"], row["value"], headers_of(row["headers"])
        fitting = batches.setdefault((topic, _partition(key, counts[topic])), [])
        if not fitting or fitting[-1].append(timestamp=None, key=key, value=value, headers=headers) is None:
            fitting.append(producer.create_batch())
            fitting[-1].append(timestamp=None, key=key, value=value, headers=headers)  # the first one always fits
    sending = [
        await producer.send_batch(batch, topic, partition=partition)
        for (topic, partition), fitting in batches.items()
        for batch in fitting
    ]
    await asyncio.gather(*sending)


@lru_cache(8192)
def _partition(key: bytes, partitions: int) -> int:
    """Where every Kafka client puts a record of that key."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
