"""A database comes back from a backup: the service learns again what it had said, and says and does nothing twice."""

import asyncio
from pathlib import Path

import pytest

from chassis.decision import Key
from chassis.postgres import Database
from chassis.recover import CannotRecover, Own
from contracts.executor import StepCompleted
from contracts.monitor import TriggerCleared
from handrail.local import backups, topics
from handrail.local.kafka import Kafka
from handrail.local.sources import Infrastructure
from tests.builders import TENANT
from tests.chassis import counting, hearing
from tests.chassis.programs import Program
from tests.chassis.test_replay import CAMPAIGNS, HEARD, SAID, dsn, feed, reached, witness
from tests.conftest import VERIFIER, MakeDb

pytestmark = pytest.mark.proof

TOPICS = {StepCompleted.topic: 3, TriggerCleared.topic: 3}
KEYS = [Key(TENANT, one) for one in CAMPAIGNS]
NUMBERS = (
    "SELECT epoch, count(*) AS said, count(DISTINCT event_id) AS events FROM event_log GROUP BY epoch ORDER BY epoch"
)


@pytest.mark.timeout(400)
async def test_a_restored_service_says_nothing_twice_and_misses_nothing(
    own_kafka: Kafka, servers: Infrastructure, db_for: MakeDb, tmp_path: Path
) -> None:
    counts, hears = await db_for("chassis"), await db_for("chassis")
    kafka = own_kafka.bootstrap
    topics.apply(kafka, TOPICS)
    counter = Program("counting", kafka, await dsn(servers, counts), tmp_path)
    hearer = Program("hearing", kafka, await dsn(servers, hears), tmp_path)
    with hearer.running():
        with counter.running():
            await feed(kafka, 0, 60)
            await reached(counts, SAID, 60)
        await asyncio.to_thread(backups.dump, counter.dsn, tmp_path / "backup")
        with counter.running():
            await feed(kafka, 60, 60)
            await reached(counts, SAID, 120)
            own = Own(Database(counts.pool, "counting"), kafka, (TriggerCleared.topic,), VERIFIER, group_seconds=0)
            with pytest.raises(CannotRecover, match="counting still runs"):
                await own.recover((StepCompleted.topic,), None)
        await counts.pool.expire_connections()
        await asyncio.to_thread(backups.restore, counter.dsn, tmp_path / "backup")

        refused = counter.run("run")
        assert refused.returncode != 0 and "say `handrail recover --service counting`" in refused.stderr
        done = counter.run("recover")
        assert '"epoch": 1, "put_back": 60' in done.stdout, done.stdout + done.stderr
        again = counter.run("recover")
        assert '"epoch": 2, "put_back": 0' in again.stdout, again.stdout + again.stderr

        with counter.running():
            await reached(counts, "SELECT count(*) FROM inbox", 120)
            await feed(kafka, 120, 6)
            await reached(counts, SAID, 126)
        await reached(hears, HEARD, 126)

    async with counts.pool.acquire() as conn:
        tallies = await counting.STATES.load(conn, KEYS)
    assert {tally.count for tally in tallies.values()} == {21}
    async with hears.pool.acquire() as conn:
        heard = await hearing.STATES.load(conn, KEYS)
    assert {len(one.sequences) for one in heard.values()} == {21}
    said = await witness(kafka)
    assert len({event for _, _, event in said}) == len(said) == 126
    rows = [tuple(row) for row in await counts.pool.fetch(NUMBERS)]
    assert rows == [(0, 120, 120), (2, 6, 6)]
