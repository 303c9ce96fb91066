"""Kafka is disposable: its data is deleted, a new cluster stands in its place, and nothing is lost or done twice."""

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from chassis.cluster import UnknownCluster, Watch, settle
from chassis.decision import Key
from chassis.postgres import Database
from chassis.replay import Span, unsend
from contracts.codec import decode, encode
from contracts.event import CampaignId
from contracts.executor import StepCompleted
from contracts.monitor import TriggerCleared
from handrail.local import topics
from handrail.local.kafka import Kafka
from handrail.local.sources import Infrastructure
from tests.builders import TENANT, fact
from tests.chassis import counting, hearing
from tests.chassis.programs import Program
from tests.chassis.test_consumer import consumer, records, step
from tests.conftest import MakeDb

pytestmark = pytest.mark.proof

CAMPAIGNS = [CampaignId(uuid4()) for _ in range(6)]
TOPICS = {StepCompleted.topic: 3, TriggerCleared.topic: 3}
SAID = "SELECT count(*) FROM event_log WHERE sent_at IS NOT NULL"
HEARD = "SELECT coalesce(sum(jsonb_array_length(body->'sequences')), 0) FROM campaign_state"


async def dsn(servers: Infrastructure, db: Database) -> str:
    return servers.postgres.dsn(await db.pool.fetchval("SELECT current_database()"))


async def feed(kafka: str, first: int, count: int) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, acks="all") as producer:
        for n in range(first, first + count):
            one = fact(StepCompleted(plan_version=1, step=f"step-{n}", verified="v"), CAMPAIGNS[n % len(CAMPAIGNS)])
            headers, value = encode(one)
            await producer.send(one.event.topic, value, key=one.event.key(one.meta), headers=headers)
        await producer.flush()


async def reached(db: Database, sql: str, count: int) -> None:
    async with asyncio.timeout(90):
        while await db.pool.fetchval(sql) < count:
            await asyncio.sleep(0.1)


async def witness(kafka: str) -> list[tuple[CampaignId, int, UUID]]:
    """(campaign, sequence, event id) of what stands on the topic."""
    seen = []
    async with AIOKafkaConsumer(TriggerCleared.topic, bootstrap_servers=kafka, auto_offset_reset="earliest") as reader:
        while batch := await reader.getmany(timeout_ms=2000, max_records=1000):
            for record in (one for records in batch.values() for one in records):
                meta = decode(record.topic, record.headers, record.value, verify=lambda *_: False).meta
                seen.append((meta.campaign_id, meta.sequence or 0, meta.event_id))
    return seen


@pytest.mark.timeout(300)
async def test_a_new_cluster_gets_all_that_was_said_and_nobody_does_anything_twice(
    own_kafka: Kafka, servers: Infrastructure, db_for: MakeDb, tmp_path: Path
) -> None:
    counts, hears = await db_for("chassis"), await db_for("chassis")
    topics.apply(own_kafka.bootstrap, TOPICS)
    counter = Program("counting", own_kafka.bootstrap, await dsn(servers, counts), tmp_path)
    hearer = Program("hearing", own_kafka.bootstrap, await dsn(servers, hears), tmp_path)
    with counter.running():
        with hearer.running():
            await feed(own_kafka.bootstrap, 0, 60)
            await reached(hears, HEARD, 60)
        await feed(own_kafka.bootstrap, 60, 60)  # said, acknowledged, and not heard by everybody
        await reached(counts, SAID, 120)
    before = await tallies(counts)

    own_kafka.replace()
    topics.apply(own_kafka.bootstrap, TOPICS)
    refused = counter.run("run")
    assert refused.returncode != 0 and "say `handrail replay`" in refused.stderr
    for program, marked in ((counter, 120), (hearer, 0)):
        done = program.run("replay")
        assert f'"marked": {marked}' in done.stdout, done.stdout + done.stderr
        assert '"since": "' in done.stdout

    with counter.running(), hearer.running():
        await reached(hears, HEARD, 120)
        await reached(counts, SAID, 120)
        await feed(own_kafka.bootstrap, 120, 6)  # and life goes on
        await reached(hears, HEARD, 126)

    assert [len(one.order) for one in (await tallies(counts)).values()] == [
        len(one.order) + 1 for one in before.values()
    ]
    async with hears.pool.acquire() as conn:
        heard = await hearing.STATES.load(conn, [Key(TENANT, one) for one in CAMPAIGNS])
    assert {state.sequences for state in heard.values()} == {tuple(range(1, 22))}
    said = await witness(own_kafka.bootstrap)
    assert len({event for _, _, event in said}) == len(said) == 126
    for campaign in CAMPAIGNS:
        assert [sequence for about, sequence, _ in said if about == campaign] == list(range(1, 22))


async def tallies(db: Database) -> dict[Key, counting.Tally]:
    async with db.pool.acquire() as conn:
        return await counting.STATES.load(conn, [Key(TENANT, one) for one in CAMPAIGNS])


async def test_only_what_the_span_covers_is_said_again(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("a"), step("b"), step("c")))
    await db.pool.execute("UPDATE event_log SET sent_at = clock_timestamp()")
    await db.pool.execute("UPDATE event_log SET logged_at = logged_at - interval '1 day' * (3 - id)")
    [first, second, _] = [
        row["logged_at"] for row in await db.pool.fetch("SELECT logged_at FROM event_log ORDER BY id")
    ]

    async def marked(span: Span) -> list[int]:
        await unsend(db, "new", span)
        rows = await db.pool.fetch("UPDATE event_log SET sent_at = now() WHERE sent_at IS NULL RETURNING id")
        return sorted(row["id"] for row in rows)

    assert await marked(Span()) == [1, 2, 3]
    assert await marked(Span(topics=(StepCompleted.topic,))) == []
    assert await marked(Span(topics=(TriggerCleared.topic,))) == [1, 2, 3]
    assert await marked(Span(since=second)) == [2, 3]
    assert await marked(Span(until=second)) == [1]
    assert await marked(Span(since=first + timedelta(seconds=1), until=second + timedelta(seconds=1))) == [2]


async def test_what_is_said_again_waits_for_the_relay_in_hand(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("a")))
    await db.pool.execute("UPDATE event_log SET sent_at = clock_timestamp()")
    async with db.pool.acquire() as conn, conn.transaction():
        await conn.execute("SELECT pg_advisory_xact_lock(hashtext('relay'), 5)")
        marking = asyncio.create_task(unsend(db, "new", Span()))
        await waiting(db.pool)
        assert await db.pool.fetchval("SELECT count(*) FROM event_log WHERE sent_at IS NULL") == 0
    assert await marking == 1


async def waiting(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    """Until somebody waits for an advisory lock of this database."""
    sql = """SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
    async with asyncio.timeout(30):
        while not await pool.fetchval(sql):
            await asyncio.sleep(0.01)


async def test_a_service_goes_on_with_a_cluster_that_it_knows_only(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await settle(db, "first")
    await settle(db, "first")
    with pytest.raises(UnknownCluster, match="say `handrail replay`"):
        await settle(db, "second")
    await unsend(db, "second", Span())
    await settle(db, "second")
    await settle(db, "first")


async def test_a_running_service_notices_that_its_cluster_is_another(own_kafka: Kafka) -> None:
    told: list[str] = []
    async with asyncio.timeout(30):
        await Watch(own_kafka.bootstrap, "what it was", told.append).run()
    assert "was what it was" in told[0]


async def test_a_broker_that_is_away_is_not_another_cluster() -> None:
    told: list[str] = []
    watch = asyncio.create_task(Watch("127.0.0.1:1", "one", told.append, every_seconds=0.01).run())
    done, _ = await asyncio.wait([watch], timeout=1)
    watch.cancel()
    assert not done and told == []
