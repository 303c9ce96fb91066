"""What was said reaches Kafka: each record where its key belongs, in order, whatever its size."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaConnectionError
from aiokafka.partitioner import DefaultPartitioner

from chassis.decision import Key
from chassis.postgres import Database
from chassis.relay import Relay
from contracts.codec import decode
from contracts.escalation import HoldReleased
from contracts.event import CampaignId, Event
from contracts.framing import named
from handrail.local import topics
from handrail.local.sources import Infrastructure
from tests.builders import TENANT, meta
from tests.conftest import MakeDb
from tests.monitor.builders import sent

PARTITIONS = 5
CAMPAIGNS = [CampaignId(named("relayed", str(n))) for n in range(20)]


async def say(db: Database, campaign: CampaignId, *events: Event) -> None:
    async with db.transaction() as tx:
        await tx.lock([Key(TENANT, campaign)])
        tx.publish(meta(campaign), events)


async def relayed(kafka: str, db: Database, *, relays: int = 1) -> int:
    """Relay until nothing is left; how many records were sent."""
    sent_ = 0
    async with (
        AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, max_batch_size=256 * 1024) as one,
        AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, max_batch_size=256 * 1024) as two,
    ):
        while more := sum(
            await asyncio.gather(*(Relay(db, kafka).relay_once(producer) for producer in (one, two)[:relays]))
        ):
            sent_ += more
    return sent_


async def arrived(kafka: str, topic: str, campaigns: Sequence[CampaignId]) -> dict[CampaignId, list[ConsumerRecord]]:
    """The records of `campaigns`, each one's in the order of its partition."""
    found: dict[CampaignId, list[ConsumerRecord]] = defaultdict(list)
    async with AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, partition) for partition in range(PARTITIONS)])
        while batch := await consumer.getmany(timeout_ms=2000):
            for record in (one for records in batch.values() for one in records):
                fact = decode(topic, record.headers, record.value, verify=lambda *_: False)
                if fact.meta.campaign_id in campaigns:
                    found[fact.meta.campaign_id].append(record)
    return found


def sequences(records: Sequence[ConsumerRecord]) -> list[int]:
    return [int(dict(record.headers)["ce_sequence"]) for record in records]


async def test_a_record_goes_where_every_kafka_client_puts_its_key(servers: Infrastructure, db_for: MakeDb) -> None:
    db = await db_for("chassis")
    topics.apply(servers.kafka, {HoldReleased.topic: PARTITIONS})
    for campaign in CAMPAIGNS:
        await say(db, campaign, *[HoldReleased(because="a-test", decision_id=None) for _ in range(3)])
    assert await relayed(servers.kafka, db, relays=2) == 60
    found = await arrived(servers.kafka, HoldReleased.topic, CAMPAIGNS)
    count = len({record.partition for records in found.values() for record in records})
    for campaign, records in found.items():
        expected = DefaultPartitioner()(str(campaign).encode(), list(range(count)), [])
        assert [record.partition for record in records] == [expected] * 3
        assert sequences(records) == [1, 2, 3]
    assert set(found) == set(CAMPAIGNS)


async def test_records_that_fill_more_than_a_batch_arrive_in_order(servers: Infrastructure, db_for: MakeDb) -> None:
    db = await db_for("chassis")
    large = sent(range(500))
    topics.apply(servers.kafka, {large.topic: PARTITIONS})
    campaign = CampaignId(named("relayed", "large"))
    await say(db, campaign, *[sent(range(size)) for size in (500, 500, 3, 500, 500, 1, 500)])
    assert await relayed(servers.kafka, db) == 7
    records = (await arrived(servers.kafka, large.topic, [campaign]))[campaign]
    assert sequences(records) == [1, 2, 3, 4, 5, 6, 7]
    assert len(records[0].value or b"") > 100_000


class CutShort(Relay):
    """Kafka goes away once it has the second batch."""

    batches = 0

    async def _sent(self, producer: AIOKafkaProducer, rows: Sequence[asyncpg.Record]) -> None:
        await super()._sent(producer, rows)
        self.batches += 1
        if self.batches == 2:
            raise KafkaConnectionError


async def test_nothing_counts_as_sent_before_kafka_has_acknowledged_it(servers: Infrastructure, db_for: MakeDb) -> None:
    """The mark is written while the batch is under way: it must not outlive a batch that fails."""
    db = await db_for("chassis")
    topics.apply(servers.kafka, {HoldReleased.topic: PARTITIONS})
    campaign = CampaignId(named("relayed", "cut short"))
    await say(db, campaign, *[HoldReleased(because="a-test", decision_id=None) for _ in range(1100)])
    async with AIOKafkaProducer(bootstrap_servers=servers.kafka, enable_idempotence=True) as producer:
        with pytest.raises(KafkaConnectionError):
            await CutShort(db, servers.kafka).relay_once(producer)
    assert await db.pool.fetchval("SELECT count(*) FROM event_log WHERE sent_at IS NULL") == 1100
    assert await relayed(servers.kafka, db) == 1100
    found = sequences((await arrived(servers.kafka, HoldReleased.topic, [campaign]))[campaign])
    assert found == [*range(1, 1101), *range(1, 1101)]
