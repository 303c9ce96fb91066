"""How old is old enough: what Kafka holds, what its readers have read, and what may be said again decide it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from pydantic import ValidationError

from chassis import horizon
from chassis.cluster import cluster_id
from chassis.postgres import Database
from chassis.replay import Span, replay, within
from chassis.retention import Retention, Rounds, TooShort, begin, settle
from contracts.catalogue import TOPICS, readers_of
from contracts.executor import StepCompleted
from contracts.monitor import TriggerCleared
from handrail.local import topics
from handrail.local.kafka import Kafka
from handrail.local.sources import Infrastructure
from tests.chassis.counting import Settings
from tests.chassis.programs import Program
from tests.chassis.test_consumer import consumer, records, step
from tests.chassis.test_pruning import aged, left, now
from tests.chassis.test_replay import dsn, reached
from tests.conftest import MakeDb

DAY = timedelta(days=1)
MONTH = Retention(30 * DAY)


def fresh(servers: Infrastructure, **settings: str) -> str:
    """A topic of one partition that nobody else uses."""
    topic = f"retention.{uuid4().hex}"
    topics.apply(servers.kafka, {topic: 1}, settings=settings and {f"{name}.ms": ms for name, ms in settings.items()})
    return topic


async def send(kafka: str, topic: str, count: int = 1) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for _ in range(count):
            await producer.send_and_wait(topic, b"{}")


async def commit(kafka: str, group: str, topic: str, offset: int) -> None:
    async with AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False) as reader:
        partition = TopicPartition(topic, 0)
        reader.assign([partition])
        await reader.commit({partition: offset})


async def rounds(
    db: Database, kafka: str, topic: str, groups: Sequence[str] = (), *, keeps_claims: bool = False
) -> Rounds:
    found = await cluster_id(kafka)
    return Rounds(db, kafka, found, MONTH, [topic], {topic: groups}, keeps_claims, patience_seconds=0)


async def said(db: Database, topic: str, age: timedelta) -> None:
    """One event of `topic`, so old, relayed."""
    await consumer(db).apply(records(step("a")))
    await db.pool.execute("UPDATE event_log SET topic = $1, sent_at = logged_at", topic)
    for column in ("logged_at", "sent_at"):
        await aged(db, "event_log", column, age)


async def test_an_event_waits_for_each_of_its_readers(db_for: MakeDb, servers: Infrastructure) -> None:
    db, topic = await db_for("chassis"), fresh(servers)
    quick, slow = f"quick-{topic}", f"slow-{topic}"
    await said(db, topic, 40 * DAY)
    await send(servers.kafka, topic, 2)
    pruner = await rounds(db, servers.kafka, topic, [quick, slow])

    await commit(servers.kafka, quick, topic, 2)
    assert "event_log" not in await pruner.once()  # the slow one never read at all
    await commit(servers.kafka, slow, topic, 1)
    assert "event_log" not in await pruner.once()
    assert await left(db) == [1]
    await commit(servers.kafka, slow, topic, 2)
    assert (await pruner.once())["event_log"] == 1


async def test_an_event_that_all_have_read_stays_for_the_time_of_retention(
    db_for: MakeDb, servers: Infrastructure
) -> None:
    db, topic = await db_for("chassis"), fresh(servers)
    await said(db, topic, 29 * DAY)
    await send(servers.kafka, topic)
    await commit(servers.kafka, f"reader-{topic}", topic, 1)
    assert (await (await rounds(db, servers.kafka, topic, [f"reader-{topic}"])).once())["event_log"] == 0


async def test_an_event_whose_sending_has_just_begun_stays(db_for: MakeDb, servers: Infrastructure) -> None:
    """It may have reached Kafka after what the readers were asked about."""
    db, topic = await db_for("chassis"), fresh(servers)
    await said(db, topic, 40 * DAY)
    await db.pool.execute("UPDATE event_log SET sent_at = clock_timestamp() - interval '20 s'")
    pruner = await rounds(db, servers.kafka, topic, ["somebody"])
    assert (await pruner.once())["event_log"] == 0
    await aged(db, "event_log", "sent_at", timedelta(minutes=1))
    assert (await pruner.once())["event_log"] == 1


async def test_what_nobody_is_known_to_read_stays(db_for: MakeDb, servers: Infrastructure) -> None:
    db, topic = await db_for("chassis"), fresh(servers)
    await said(db, topic, 40 * DAY)
    assert "event_log" not in await (await rounds(db, servers.kafka, topic)).once()


async def test_another_cluster_that_is_empty_has_not_been_read(db_for: MakeDb, servers: Infrastructure) -> None:
    db, topic = await db_for("chassis"), fresh(servers)
    await said(db, topic, 40 * DAY)
    pruner = await rounds(db, servers.kafka, topic, ["somebody"])
    assert (await replace(pruner, cluster_id="the one before").once()).get("event_log") is None
    assert (await pruner.once())["event_log"] == 1


async def test_a_claim_outlives_its_record_on_kafka(db_for: MakeDb, servers: Infrastructure) -> None:
    """A group that is sent back to the first record must still know all of them."""
    db, topic = await db_for("chassis"), fresh(servers)
    await send(servers.kafka, topic, 2)
    standing = await horizon.standing(servers.kafka, [topic])
    assert standing.oldest is not None and standing.ends == {TopicPartition(topic, 0): 2}
    await consumer(db).apply(records(step("a"), step("b")))
    await db.pool.execute("UPDATE inbox SET claimed_at = $1", standing.oldest + timedelta(seconds=1) - 31 * DAY)
    long_ago = Rounds(db, servers.kafka, await cluster_id(servers.kafka), Retention(timedelta(seconds=1)), [topic], {})
    assert (await long_ago.once())["inbox"] == 2  # far from anything that stands there
    await consumer(db).apply(records(step("c")))
    await db.pool.execute("UPDATE inbox SET claimed_at = $1", standing.oldest)
    await asyncio.sleep(4.1)  # old enough by age alone
    assert (await long_ago.once())["inbox"] == 0


async def test_what_came_is_known_four_times_as_long_as_what_was_said_is_kept(
    db_for: MakeDb, servers: Infrastructure
) -> None:
    db, topic = await db_for("chassis"), fresh(servers)
    await consumer(db).apply(records(step("a")))
    pruner = await rounds(db, servers.kafka, topic)
    await aged(db, "inbox", "claimed_at", 119 * DAY)
    assert (await pruner.once())["inbox"] == 0
    await aged(db, "inbox", "claimed_at", 2 * DAY)
    assert (await pruner.once())["inbox"] == 1


async def test_who_keeps_all_that_came_keeps_its_claims(db_for: MakeDb, servers: Infrastructure) -> None:
    db, topic = await db_for("chassis"), fresh(servers)
    await consumer(db).apply(records(step("a")))
    await aged(db, "inbox", "claimed_at", 999 * DAY)
    assert "inbox" not in await (await rounds(db, servers.kafka, topic, keeps_claims=True)).once()
    assert await db.pool.fetchval("SELECT count(*) FROM inbox") == 1


async def test_nothing_is_said_again_that_a_reader_may_have_forgotten(db_for: MakeDb) -> None:
    """Said again at the age of 2 R, it stands on Kafka for up to another R, and is known for 4 R."""
    assert MONTH.log + MONTH.replay < MONTH.met
    db = await db_for("chassis")
    at = await now(db)
    assert await within(db, Span(), None) == Span()
    for asked, given in ((None, at - 60 * DAY), (at - 90 * DAY, at - 60 * DAY), (at - DAY, at - DAY)):
        since = (await within(db, Span(since=asked), MONTH.replay)).since
        assert since is not None and timedelta() <= since - given < timedelta(seconds=30)


async def test_a_replay_leaves_out_what_is_too_old(db_for: MakeDb, servers: Infrastructure) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("old"), step("young")))
    await db.pool.execute("UPDATE event_log SET sent_at = logged_at")
    await aged(db, "event_log", "logged_at", 61 * DAY, "id = 1")
    assert (await replay(db, servers.kafka, Span(), None, MONTH.replay)).marked == 1


@pytest.mark.parametrize(
    ("retention", "segment", "refused"),
    [
        ("604800000", "604800000", None),
        ("1728000000", "864000000", None),  # exactly
        ("1728000001", "864000000", "for up to 30 days"),
        ("86400000", "2592000000", "for up to 31 days"),
        ("-1", "604800000", "for ever"),
        ("9223372036854775807", "604800000", "for ever"),
    ],
)
async def test_a_service_that_forgets_sooner_than_kafka_does_not_start(
    servers: Infrastructure, retention: str, segment: str, refused: str | None
) -> None:
    topic = fresh(servers, retention=retention, segment=segment)
    if refused is None:
        return await settle(servers.kafka, MONTH, [topic, "nobody.made.this"], "X_RETENTION_DAYS")
    with pytest.raises(TooShort, match=f"X_RETENTION_DAYS=30: Kafka keeps {topic} {refused}"):
        await settle(servers.kafka, MONTH, [topic], "X_RETENTION_DAYS")


async def test_a_service_that_reads_what_the_catalogue_does_not_know_of_does_not_start(db_for: MakeDb) -> None:
    db = await db_for("briefing")
    with pytest.raises(ValueError, match="briefing reads other topics"):
        await begin(db, "127.0.0.1:1", "any", MONTH, ["executor.work.v1"], [], keeps_claims=False)


async def test_a_service_forgets_by_itself_and_one_that_would_do_so_too_soon_does_not_start(
    own_kafka: Kafka, servers: Infrastructure, db_for: MakeDb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = await db_for("chassis")
    topics.apply(
        own_kafka.bootstrap,
        {StepCompleted.topic: 1, TriggerCleared.topic: 1},
        settings={"retention.ms": "1000", "segment.ms": "1000"},
    )
    counter = Program("counting", own_kafka.bootstrap, await dsn(servers, db), tmp_path)
    monkeypatch.setenv("COUNTING_RETENTION_DAYS", str(timedelta(seconds=1.9) / DAY))
    refused = await asyncio.to_thread(counter.run, "run")
    assert refused.returncode != 0 and "COUNTING_RETENTION_DAYS" in refused.stderr.splitlines()[-1]

    monkeypatch.setenv("COUNTING_RETENTION_DAYS", str(timedelta(seconds=2) / DAY))
    await db.pool.execute("INSERT INTO inbox VALUES (gen_random_uuid(), clock_timestamp() - interval '1 h')")
    with counter.running():
        await reached(db, "SELECT (count(*) = 0)::int FROM inbox", 1)


def test_audit_reads_every_topic() -> None:
    assert all("audit" in readers_of(topic) for topic in TOPICS)


def test_a_retention_is_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"DSN": "x", "KAFKA": "x", "RETENTION_DAYS": "inf"}.items():
        monkeypatch.setenv(f"COUNTING_{name}", value)
    assert Retention.of(Settings().retention_days) is None
    monkeypatch.setenv("COUNTING_RETENTION_DAYS", "0.5")
    assert Retention.of(Settings().retention_days) == Retention(timedelta(hours=12))
    for nonsense in ("0", "-1", "nan"):
        monkeypatch.setenv("COUNTING_RETENTION_DAYS", nonsense)
        with pytest.raises(ValidationError):
            Settings()


async def test_a_round_that_fails_ends_nothing(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("a")))
    tenth = Retention(timedelta(seconds=0.1))
    running = asyncio.create_task(Rounds(db, "127.0.0.1:1", "any", tenth, ["a"], {"a": ["b"]}).run())
    done, _ = await asyncio.wait([running], timeout=2)
    running.cancel()
    assert not done
    assert await left(db) == [1]
    assert await db.pool.fetchval("SELECT count(*) FROM inbox") == 1
