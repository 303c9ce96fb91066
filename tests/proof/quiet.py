"""When nothing is left to do: everything sent, read, settled and reported. Only then is there something to judge."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from contracts.catalogue import READS, TOPICS
from handrail.local.environment import SERVICES
from tests.proof.place import PARTITIONS, Place
from tests.proof.witness import seen

QUIET_SECONDS = 3.0
PATIENCE_SECONDS = 300.0

# An SLA's deadline says nothing when it was met before, and in a long proof one of them is always near.
_LEFT = """
SELECT 'unsent events' AS what, count(*) FROM event_log WHERE sent_at IS NULL
UNION ALL
SELECT 'messages that wait for a plan', count(*) FROM waiting
UNION ALL
SELECT 'tasks due', count(*) FROM task
 WHERE done_at IS NULL
   AND due_at < clock_timestamp() + CASE WHEN kind = 'sla_deadline' THEN '0 s' ELSE '60 s' END::interval
UNION ALL
SELECT 'tasks leased', count(*) FROM task WHERE done_at IS NULL AND lease IS NOT NULL
"""
_IN_FLIGHT = "SELECT 'effects in flight' AS what, count(*) FROM effect_intent WHERE state = 'dispatched'"
_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, KafkaError, httpx.HTTPError)


class NotQuiet(Exception):
    """Something goes on, or is stuck."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a group has come in one partition."""

    consumer: str
    topic: str
    partition: int
    committed: int
    ends: int


async def quiet(place: Place) -> list[Progress]:
    """Wait for it; how far every group has come then. Raises NotQuiet that says what is left."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + PATIENCE_SECONDS
    since = loop.time()
    while True:
        try:
            left, found = await _left(place), await progress(place.kafka)
            left |= _lag(found, seen(place.witness))
        except _AWAY as error:
            left, found = {f"nobody answers: {error!r}"[:300]: 1}, []
        if left:
            since = loop.time()
        elif loop.time() - since > QUIET_SECONDS:
            return found
        if loop.time() > give_up:
            raise NotQuiet(", ".join(f"{count} {what}" for what, count in left.items()) or "it never stays quiet")
        await asyncio.sleep(0.5)


async def progress(bootstrap: str, consumers: Iterable[str] = READS) -> list[Progress]:
    """What each group has committed, and where each partition ends."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await admin.start()
    await consumer.start()
    try:
        parts = [TopicPartition(topic, each) for topic in TOPICS for each in range(PARTITIONS)]
        ends = await consumer.end_offsets(parts)
        out = []
        for name in consumers:
            committed = await admin.list_consumer_group_offsets(name)
            out += [
                Progress(name, part.topic, part.partition, said.offset, ends[part]) for part, said in committed.items()
            ]
            out += [
                Progress(name, part.topic, part.partition, 0, ends[part])
                for part in parts
                if part.topic in READS[name] and part not in committed
            ]
        return out
    finally:
        await consumer.stop()
        await admin.close()


def _lag(found: list[Progress], witnessed: Mapping[tuple[str, int], int]) -> dict[str, int]:
    left = {
        f"records for {one.consumer}": one.ends - one.committed for one in found if one.ends > max(0, one.committed)
    }
    ends = {(one.topic, one.partition): one.ends for one in found}
    unseen = sum(end - witnessed.get(part, 0) for part, end in ends.items())
    return left | ({"records for the witness": unseen} if unseen else {})


async def _left(place: Place) -> dict[str, int]:
    out: dict[str, int] = {}
    for service in SERVICES:
        connection = await asyncpg.connect(place.system.dsn(service), timeout=5)
        try:
            rows = await connection.fetch(_LEFT + (f"UNION ALL {_IN_FLIGHT}" if service == "executor" else ""))
        finally:
            await connection.close()
        out |= {f"{row['what']} of {service}": row["count"] for row in rows if row["count"]}
    async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
        pending = (await http.get(f"{place.world_url}/ledger")).json()["pending"]
    return out | ({"reports of the world": pending} if pending else {})
