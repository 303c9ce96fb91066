"""Replicas killed again and again on real Kafka: every event is counted once, in order, and nothing is said twice."""

import asyncio
import os
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from chassis.decision import Key
from contracts.codec import decode, encode
from contracts.event import CampaignId
from contracts.executor import StepCompleted
from contracts.monitor import TriggerCleared
from handrail.local import ports, topics
from handrail.local.kafka import Kafka
from handrail.local.sources import Infrastructure
from tests.builders import TENANT, fact
from tests.chassis.counting import STATES
from tests.conftest import MakeDb

pytestmark = pytest.mark.proof

EVENTS, CAMPAIGNS, KILLS, SEED = 3000, 40, 5, 7
BACKLOG = "SELECT count(*) FROM event_log WHERE sent_at IS NOT NULL"


@contextmanager
def replicas(kafka: str, dsn: str, count: int, folder: Path) -> Iterator[list["Replica"]]:
    running = [Replica(kafka, dsn, n, folder) for n in range(count)]
    try:
        yield running
    finally:
        for replica in running:
            replica.process.kill()
            replica.process.wait()


class Replica:
    """One process of the counting service, restarted by `kill`."""

    def __init__(self, kafka: str, dsn: str, number: int, folder: Path, **settings: str) -> None:
        [port] = ports.free(1)
        path = [str(Path(__file__).parent.parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.env = (
            os.environ
            | settings
            | {
                "COUNTING_DSN": dsn,
                "COUNTING_KAFKA": kafka,
                "COUNTING_HTTP_PORT": str(port),
                "COUNTING_REPLICA": f"counting-{number}",
                "PYTHONPATH": os.pathsep.join(path),
            }
        )
        self.log = folder / f"counting-{number}.log"
        self.process = self.started()

    def started(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.chassis.counting", "run"], env=self.env, stdout=log, stderr=log
            )

    def supervise(self) -> None:
        """Start it again if it has ended, as whoever runs it would."""
        if self.process.poll() is not None:
            self.process = self.started()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process = self.started()


async def feed(kafka: str, chance: random.Random) -> dict[CampaignId, list[str]]:
    """Publish steps with a few copies, slowly enough that kills fall into it. Returns what should be counted."""
    campaigns = [CampaignId(uuid4()) for _ in range(CAMPAIGNS)]
    expected: dict[CampaignId, list[str]] = defaultdict(list)
    async with AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, acks="all") as producer:
        for n in range(EVENTS):
            campaign = chance.choice(campaigns)
            expected[campaign].append(f"step-{n}")
            one = fact(StepCompleted(plan_version=1, step=f"step-{n}", verified="by hand"), campaign)
            headers, value = encode(one)
            for _ in range(2 if chance.random() < 0.02 else 1):
                await producer.send(one.event.topic, value, key=one.event.key(one.meta), headers=headers)
            if n % 100 == 0:
                await producer.flush()
                await asyncio.sleep(0.25)
    return expected


async def witness(kafka: str, about: Collection[CampaignId]) -> list[tuple[CampaignId, int, UUID]]:
    """(campaign, sequence, event id) of everything said about these campaigns, as it stands on the topic."""
    seen = []
    async with AIOKafkaConsumer(
        TriggerCleared.topic, bootstrap_servers=kafka, auto_offset_reset="earliest"
    ) as consumer:
        while batch := await consumer.getmany(timeout_ms=2000, max_records=1000):
            for record in (one for records in batch.values() for one in records):
                meta = decode(record.topic, record.headers, record.value, verify=lambda *_: False).meta
                assert meta.sequence is not None
                if meta.campaign_id in about:
                    seen.append((meta.campaign_id, meta.sequence, meta.event_id))
    return seen


@pytest.mark.timeout(180)
async def test_killed_replicas_lose_nothing_and_double_nothing(
    own_kafka: Kafka, servers: Infrastructure, db_for: MakeDb, tmp_path: Path
) -> None:
    db = await db_for("chassis")
    name = await db.pool.fetchval("SELECT current_database()")
    topics.apply(own_kafka.bootstrap, {StepCompleted.topic: 3, TriggerCleared.topic: 3})
    chance = random.Random(SEED)
    with replicas(own_kafka.bootstrap, servers.postgres.dsn(name), 2, tmp_path) as running:
        feeding = asyncio.create_task(feed(own_kafka.bootstrap, chance))
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(1, 2.5))
            running[chance.randrange(2)].kill()
        expected = await feeding
        async with asyncio.timeout(90):
            while await _said(db.pool) < EVENTS:
                for replica in running:
                    replica.supervise()
                await asyncio.sleep(0.2)
    async with db.pool.acquire() as conn:
        states = await STATES.load(conn, [Key(TENANT, campaign) for campaign in expected])
    assert {key.campaign: list(state.order) for key, state in states.items()} == expected
    seen = await witness(own_kafka.bootstrap, expected)
    first: dict[CampaignId, list[int]] = defaultdict(list)
    for campaign, sequence, _ in seen:
        if sequence not in first[campaign]:
            first[campaign].append(sequence)
    assert first == {campaign: list(range(1, len(steps) + 1)) for campaign, steps in expected.items()}
    assert len({event_id for _, _, event_id in seen}) == EVENTS


async def _said(pool: "asyncpg.Pool[asyncpg.Record]") -> int:
    return int(await pool.fetchval(BACKLOG))
