"""A full event log, relayed; and the raw producer with the same records in memory."""

import asyncio

from aiokafka import AIOKafkaProducer

from benchmarks import by_hand, in_out
from benchmarks.frame import Measured, Stage, between, now
from benchmarks.places import database, fresh_topics
from chassis.decision import Key
from chassis.event_log import headers_of
from chassis.postgres import Database
from chassis.relay import Relay
from contracts.executor import StepCompleted
from handrail.local.sources import Infrastructure
from tests.builders import TENANT

TOPIC = StepCompleted.topic
_ROWS = "SELECT topic, key, headers, value FROM event_log ORDER BY id"


async def prepare(servers: Infrastructure, partitions: int, events: int) -> str:
    fresh_topics(servers.kafka, {TOPIC: partitions})
    name = await database(servers)
    async with by_hand.connected(servers.postgres.dsn(name)) as pool:
        db = Database(pool, "relayed")
        facts = list(in_out.steps(events))
        for n in range(0, events, 500):
            async with db.transaction() as tx:
                await tx.lock(Key(TENANT, fact.meta.campaign_id) for fact in facts[n : n + 500])
                for fact in facts[n : n + 500]:
                    tx.publish(fact.meta, [fact.event])
    return name


def _producer(kafka: str) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        bootstrap_servers=kafka, enable_idempotence=True, acks="all", linger_ms=2, max_batch_size=256 * 1024
    )


async def ours(stage: Stage) -> Measured:
    pool = await by_hand.connected(stage.dsn)
    relay = Relay(Database(pool, "relayed"), stage.kafka)
    async with _producer(stage.kafka) as producer:
        first = await relay.relay_once(producer)
        by_hand.tune()
        began, sent = now(), 0
        while more := await relay.relay_once(producer):
            sent += more
        assert first + sent == stage.events
        return between(began, now(), sent)


async def baseline(stage: Stage) -> Measured:
    pool = await by_hand.connected(stage.dsn)
    rows = [(row["topic"], row["key"], row["value"], headers_of(row["headers"])) for row in await pool.fetch(_ROWS)]
    async with _producer(stage.kafka) as producer:
        await _send(producer, rows[:1000])
        by_hand.tune()
        began = now()
        for n in range(1000, len(rows), 1000):
            await _send(producer, rows[n : n + 1000])
        return between(began, now(), len(rows) - 1000)


async def _send(producer: AIOKafkaProducer, rows: list[tuple[str, bytes, bytes, list[tuple[str, bytes]]]]) -> None:
    acks = [await producer.send(topic, value, key=key, headers=headers) for topic, key, value, headers in rows]
    await asyncio.gather(*acks)
