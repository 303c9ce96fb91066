"""From the event log to Kafka: at least once, in order per campaign, never by a cursor.

Any replica may run it. A shard is worked only under its transaction lock, so two relays never interleave one campaign.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from chassis.crashpoints import Point, crashpoint
from chassis.metrics import OUTBOX_OLDEST, OUTBOX_PENDING, OUTBOX_PUBLISHED
from chassis.postgres import AWAY, Database

log = structlog.get_logger(__name__)

_BUSY = "SELECT DISTINCT shard FROM event_log WHERE sent_at IS NULL"
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtext('relay'), $1)"
_UNSENT = """
SELECT id, topic, key, headers, value
  FROM event_log
 WHERE shard = $1 AND sent_at IS NULL
 ORDER BY id
 LIMIT 500
"""
_SENT = "UPDATE event_log SET sent_at = clock_timestamp() WHERE id = ANY($1::bigint[])"
_BACKLOG = """
SELECT count(*) AS pending, coalesce(extract(epoch FROM clock_timestamp() - min(logged_at)), 0)::float8 AS oldest
  FROM event_log WHERE sent_at IS NULL
"""
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
                task = asyncio.current_task()
                if task and task.cancelling():
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
        """Send what is unsent, shard by shard. Returns how many events Kafka acknowledged."""
        self.db.committed.clear()
        async with self.db.pool.acquire() as conn:
            busy = [row["shard"] for row in await conn.fetch(_BUSY)]
        return sum([await self._relay_shard(producer, shard) for shard in busy])

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

    async def _relay_shard(self, producer: AIOKafkaProducer, shard: int) -> int:
        async with self.db.pool.acquire() as conn, conn.transaction():
            if not await conn.fetchval(_LOCK, shard):
                return 0
            rows = await conn.fetch(_UNSENT, shard)
            if not rows:
                return 0
            crashpoint(Point.RELAY_SEND)
            async with asyncio.timeout(self.send_seconds):
                acks = [
                    await producer.send(row["topic"], row["value"], key=row["key"], headers=_pairs(row["headers"]))
                    for row in rows
                ]
                await asyncio.gather(*acks)
            crashpoint(Point.RELAY_ACKNOWLEDGED)
            await conn.execute(_SENT, [row["id"] for row in rows])
        crashpoint(Point.RELAY_MARKED)
        OUTBOX_PUBLISHED.labels(result="sent").inc(len(rows))
        return len(rows)

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.db.committed.wait(), self.poll_seconds)


def _pairs(flat: Sequence[bytes]) -> list[tuple[str, bytes]]:
    return [(name.decode(), value) for name, value in zip(flat[::2], flat[1::2], strict=True)]
