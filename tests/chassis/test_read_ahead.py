"""While batches come full the next one is read ahead: nothing of it is lost, doubled or overtaken when one fails."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from faststream.kafka import KafkaBroker
from structlog.testing import capture_logs

from chassis.assignment import Assignment
from chassis.consumer import Consumer
from chassis.decision import Key
from chassis.fold import Applier
from chassis.postgres import Database, Transaction
from chassis.records import Received
from contracts.codec import encode
from contracts.event import CampaignId
from contracts.executor import StepCompleted
from handrail.local import topics
from handrail.local.kafka import Kafka
from tests.builders import CAMPAIGN, TENANT, fact
from tests.chassis.counting import STATES, fold
from tests.conftest import VERIFIER, MakeDb

TOPIC = StepCompleted.topic
PARTITIONS = TopicPartition(TOPIC, 0), TopicPartition(TOPIC, 1)
BATCH, EACH = 5, 20
"""Records at once, and in each partition."""
CAMPAIGNS = CAMPAIGN, CampaignId(uuid4())
STEPS = tuple(f"step-{n}" for n in range(EACH))
PATIENCE_SECONDS = 30


@dataclass(slots=True)
class Failing:
    """Applies a batch once the one after it was read; fails, once each, at batches that begin at `fails`."""

    fails: set[tuple[int, int]]
    kafka: AIOKafkaConsumer | None = None
    applied: list[tuple[int, int]] = field(default_factory=list)

    async def apply(self, tx: Transaction, batch: Sequence[Received]) -> None:
        places = [(one.raw.partition, one.raw.offset) for one in batch]
        await self._read_ahead(min(len(self.applied) + 2 * BATCH, 2 * EACH))
        if places[0] in self.fails:
            self.fails.discard(places[0])
            raise ConnectionResetError("the database went")
        await fold(verifier=VERIFIER).apply(tx, batch)
        tx.after(lambda: self.applied.extend(places))

    async def _read_ahead(self, records: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.kafka is None:
                await asyncio.sleep(0.01)
            while sum([await self.kafka.position(one) for one in PARTITIONS]) < records:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def reading(db: Database, kafka: str, applier: Applier) -> AsyncIterator[AIOKafkaConsumer]:
    broker = KafkaBroker(kafka, logger=None, apply_types=False)
    consumer = Consumer(db, "counting", applier, VERIFIER, max_records=BATCH)
    consumer.subscribe(broker, TOPIC)
    await broker.start()
    try:
        subscriber = consumer._subscriber
        assert subscriber is not None and isinstance(subscriber.consumer, AIOKafkaConsumer)
        yield subscriber.consumer
    finally:
        consumer.stopping = True
        await broker.stop()


async def publish(kafka: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for n in range(EACH):
            for partition, campaign in enumerate(CAMPAIGNS):
                one = fact(StepCompleted(plan_version=1, step=f"step-{n}", verified="by hand"), campaign)
                headers, value = encode(one)
                await producer.send(TOPIC, value, one.event.key(one.meta), partition, headers=headers)


async def test_a_batch_that_fails_is_given_back_with_what_was_read_ahead(db_for: MakeDb, own_kafka: Kafka) -> None:
    """The last batch of one partition fails while the first of the other was read."""
    db = await db_for("chassis")
    topics.apply(own_kafka.bootstrap, {TOPIC: len(PARTITIONS)})
    await publish(own_kafka.bootstrap)
    applier = Failing({(partition, offset) for partition in (0, 1) for offset in (0, EACH - BATCH)})
    async with asyncio.timeout(PATIENCE_SECONDS), reading(db, own_kafka.bootstrap, applier) as kafka:
        applier.kafka = kafka
        while [await kafka.committed(one) for one in PARTITIONS] != [EACH, EACH]:
            await asyncio.sleep(0.05)
    assert not applier.fails
    for partition in (0, 1):
        assert [place for place in applier.applied if place[0] == partition] == [(partition, n) for n in range(EACH)]
    assert await steps_of(db) == [STEPS, STEPS]


@dataclass(slots=True)
class Noting:
    """Applies, and notes what."""

    applied: list[tuple[int, int]]

    async def apply(self, tx: Transaction, batch: Sequence[Received]) -> None:
        await fold(verifier=VERIFIER).apply(tx, batch)
        tx.after(lambda: self.applied.extend((one.raw.partition, one.raw.offset) for one in batch))


async def test_a_rebalance_that_begins_before_the_next_poll_waits_for_one_batch_and_loses_nothing(
    db_for: MakeDb, own_kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for what is in hand, and a poll would wait for it."""
    db = await db_for("chassis")
    topics.apply(own_kafka.bootstrap, {TOPIC: len(PARTITIONS)})
    await publish(own_kafka.bootstrap)
    applied: list[tuple[int, int]] = []
    commit, came = Assignment.commit, asyncio.Event()

    async def late(self: Assignment, *arguments: Any) -> None:
        if not came.is_set():
            came.set()
            changes = self.changes
            while self.changes == changes:
                await asyncio.sleep(0.01)
        await commit(self, *arguments)

    monkeypatch.setattr(Assignment, "commit", late)
    with capture_logs() as logged:
        await _joined_by_another(db, own_kafka.bootstrap, Noting(applied), came)
    assert not [one for one in logged if "rebalance" in one["event"]]
    assert set(applied) == {(partition, n) for partition in (0, 1) for n in range(EACH)}
    assert await steps_of(db) == [STEPS, STEPS]


async def _joined_by_another(db: Database, kafka: str, noting: Noting, came: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), reading(db, kafka, noting) as one:
        await came.wait()
        async with reading(db, kafka, noting):
            while [await one.committed(partition) for partition in PARTITIONS] != [EACH, EACH]:
                await asyncio.sleep(0.05)


async def steps_of(db: Database) -> list[tuple[str, ...]]:
    async with db.pool.acquire() as conn:
        states = await STATES.load(conn, [Key(TENANT, campaign) for campaign in CAMPAIGNS])
    return [states[Key(TENANT, campaign)].order for campaign in CAMPAIGNS]
