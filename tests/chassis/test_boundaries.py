"""A service ended around every commit, send and acknowledgement: nothing is lost, and nothing is applied twice."""

import asyncio
from collections import defaultdict
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer

from chassis.decision import Key
from chassis.relay import Relay
from contracts.codec import encode
from contracts.event import CampaignId
from contracts.executor import StepCompleted
from contracts.monitor import TriggerCleared
from handrail.local import topics
from handrail.local.kafka import Kafka
from handrail.local.sources import Infrastructure
from tests.builders import TENANT, fact
from tests.chassis.counting import STATES
from tests.chassis.test_kills import Replica, witness
from tests.conftest import MakeDb

pytestmark = pytest.mark.proof

BOUNDARIES = (
    "batch.read", "transaction.commit", "transaction.committed", "offsets.commit", "offsets.committed", "relay.send",
    "relay.acknowledged", "relay.marked",
)  # fmt: skip
SAID = TriggerCleared(plan_version=1, rule="counted", fired=UUID(int=1), finding="counted")
SLOW = """
INSERT INTO event_log (event_id, tenant, campaign_id, topic, epoch, sequence, key, shard, headers, value)
SELECT gen_random_uuid(), tenant, campaign_id, topic, epoch, sequence + 1000, key, shard, headers, value FROM event_log
"""
SENT = "SELECT count(*) FROM event_log WHERE sent_at IS NOT NULL"


class Feed:
    """Steps of a few campaigns, and in which order each must be counted."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self.producer = producer
        self.campaigns = [CampaignId(uuid4()) for _ in range(6)]
        self.expected: dict[CampaignId, list[str]] = defaultdict(list)
        self.count = 0

    async def more(self, steps: int) -> None:
        for _ in range(steps):
            campaign, step = self.campaigns[self.count % 6], f"step-{self.count}"
            self.count += 1
            self.expected[campaign].append(step)
            one = fact(StepCompleted(plan_version=1, step=step, verified="by hand"), campaign)
            headers, value = encode(one)
            await self.producer.send(one.event.topic, value, key=one.event.key(one.meta), headers=headers)
        await self.producer.flush()


@pytest.mark.timeout(300)
async def test_a_service_ended_at_any_boundary_loses_nothing_and_doubles_nothing(
    own_kafka: Kafka, servers: Infrastructure, db_for: MakeDb, tmp_path: Path
) -> None:
    db = await db_for("chassis")
    name = await db.pool.fetchval("SELECT current_database()")
    topics.apply(own_kafka.bootstrap, {StepCompleted.topic: 3, TriggerCleared.topic: 3})
    armings = tmp_path / "crash-points"
    armings.mkdir()
    several = f"{own_kafka.bootstrap},{own_kafka.bootstrap}"  # as an operator lists the brokers of a cluster
    replica = Replica(several, servers.postgres.dsn(name), 0, tmp_path, COUNTING_CRASH_POINTS=str(armings))
    try:
        async with AIOKafkaProducer(
            bootstrap_servers=own_kafka.bootstrap, enable_idempotence=True, acks="all"
        ) as producer:
            feed = Feed(producer)
            for boundary in BOUNDARIES:
                arming, hit = f"{boundary} 1", armings / "counting.hit"
                (armings / "counting").write_text(arming)
                async with asyncio.timeout(90):
                    while not hit.exists() or hit.read_text() != arming:
                        await feed.more(12)
                        await asyncio.sleep(0.2)
                        replica.supervise()
        async with asyncio.timeout(60):
            while await db.pool.fetchval(SENT) < feed.count:
                replica.supervise()
                await asyncio.sleep(0.2)
    finally:
        replica.process.kill()
        replica.process.wait()
    async with db.pool.acquire() as conn:
        states = await STATES.load(conn, [Key(TENANT, campaign) for campaign in feed.expected])
    assert {key.campaign: list(state.order) for key, state in states.items()} == feed.expected
    told: dict[CampaignId, set[int]] = defaultdict(set)
    for campaign, sequence, _ in await witness(own_kafka.bootstrap, feed.expected):
        told[campaign].add(sequence)
    for campaign, steps in feed.expected.items():
        assert told[campaign] == set(range(1, len(steps) + 1))


async def test_what_commits_late_is_sent_too(servers: Infrastructure, db_for: MakeDb) -> None:
    """The order of ids is not the order of commits: a relay that goes by the last id it saw loses what was slower."""
    db = await db_for("chassis")
    topics.apply(servers.kafka, {TriggerCleared.topic: 3})
    relay = Relay(db, servers.kafka)
    async with AIOKafkaProducer(bootstrap_servers=servers.kafka, enable_idempotence=True, acks="all") as producer:
        async with db.transaction() as tx:
            await tx.look()
            tx.publish(fact(SAID).meta, [SAID])
        async with db.pool.acquire() as conn, conn.transaction():
            await conn.execute(SLOW)
            async with db.transaction() as tx:
                await tx.look()
                tx.publish(fact(SAID).meta, [SAID])
            assert await relay.relay_once(producer) == 2
        assert await relay.relay_once(producer) == 1
