"""What may go, and what never goes however old it is."""

import asyncio
import subprocess
import sys
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from chassis import pruning
from chassis.postgres import Database
from chassis.replay import Span, unsend
from contracts.event import CampaignId
from contracts.monitor import TriggerCleared
from handrail.local.sources import Infrastructure
from tests.builders import record
from tests.chassis.programs import ROOT
from tests.chassis.test_consumer import consumer, kept, records, said, step, tally
from tests.conftest import MakeDb

TOPIC = TriggerCleared.topic
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def now(db: Database) -> datetime:
    found: datetime = await db.pool.fetchval("SELECT clock_timestamp()")
    return found


async def aged(db: Database, table: str, column: str, by: timedelta, where: str = "true") -> None:
    await db.pool.execute(f"UPDATE {table} SET {column} = {column} - $1::interval WHERE {where}", by)


async def two_days_later(db: Database) -> None:
    """All was said, and sent, two days ago."""
    await db.pool.execute("UPDATE event_log SET sent_at = logged_at")
    for column in ("logged_at", "sent_at"):
        await aged(db, "event_log", column, 2 * DAY)


async def forget(db: Database, *topics: str, passed: timedelta = HOUR) -> int:
    """What is older than a day, of `topics`, read up to so long ago."""
    at = await now(db)
    return await pruning.said(db, at - DAY, at - passed, topics or (TOPIC,))


async def left(db: Database) -> list[int]:
    return [row["id"] for row in await db.pool.fetch("SELECT id FROM event_log ORDER BY id")]


async def test_an_event_goes_when_it_is_old_and_sent_and_read(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("a"), step("b"), step("c")))
    await two_days_later(db)
    await aged(db, "event_log", "logged_at", -2 * DAY, "id = 2")
    assert await forget(db) == 2
    assert await left(db) == [2]


@pytest.mark.parametrize(
    "stays",
    [
        "UPDATE event_log SET logged_at = logged_at + interval '2 days'",  # young
        "UPDATE event_log SET sent_at = NULL",  # not sent, however old
        "UPDATE event_log SET sent_at = clock_timestamp()",  # sent, maybe again, after what was read
        "UPDATE event_log SET topic = 'executor.work.v1'",  # one of its readers is behind
    ],
)
async def test_an_event_stays_while_one_of_these_is_missing(db_for: MakeDb, stays: str) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("a")))
    await two_days_later(db)
    await db.pool.execute(stays)
    assert await forget(db) == 0
    assert await left(db) == [1]


async def test_what_stays_hides_nothing_that_stands_behind_it(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(*(step(f"s{n}") for n in range(2 * pruning.BATCH + 10))))
    await two_days_later(db)
    await db.pool.execute("UPDATE event_log SET sent_at = NULL WHERE id <= $1", pruning.BATCH + 5)
    assert await forget(db) == pruning.BATCH + 5
    assert await left(db) == list(range(1, pruning.BATCH + 6))


async def test_an_event_that_is_made_unsent_while_it_goes_stays(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("a"), step("b")))
    await two_days_later(db)
    async with db.pool.acquire() as conn, conn.transaction():
        await conn.execute("UPDATE event_log SET sent_at = NULL WHERE id = 1")
        going = asyncio.create_task(forget(db))
        async with asyncio.timeout(30):
            while not await db.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
    assert await going == 1
    assert await left(db) == [1]


async def test_numbers_go_on_after_every_event_has_gone(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("a"), step("b")))
    await two_days_later(db)
    assert await forget(db) == 2
    await consumer(db).apply(records(step("c"), start=2))
    assert [row["sequence"] for row in await db.pool.fetch("SELECT sequence FROM event_log")] == [3]


async def test_a_replay_after_pruning_says_all_that_is_left(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("old"), step("new"), step("newer")))
    await two_days_later(db)
    await db.pool.execute("UPDATE event_log SET logged_at = logged_at + interval '36 h' WHERE id > 1")
    assert await forget(db) == 1
    assert await unsend(db, "another cluster", Span()) == 2


OLD_AND_YOUNG = {
    "inbox": "INSERT INTO inbox (event_id, claimed_at) SELECT gen_random_uuid(), $1",
    "command_log": """INSERT INTO command_log (cause, body_hash, status, answer, handled_at)
                      SELECT gen_random_uuid(), 'b', 200, '{}', $1""",
    "task": """INSERT INTO task (id, tenant, campaign_id, kind, body, cause, correlation_id, due_at, done_at)
               SELECT gen_random_uuid(), 't', gen_random_uuid(), 'remind', '{}', gen_random_uuid(),
                      gen_random_uuid(), clock_timestamp() - interval '9 days', $1""",
    "attempt": """INSERT INTO attempt (cluster_id, topic, partition, kafka_offset, first_at)
                  SELECT 'c', 't', 0, extract(epoch FROM $1::timestamptz), $1""",
}


@pytest.mark.parametrize("table", OLD_AND_YOUNG)
async def test_what_tells_a_repetition_goes_when_it_is_old(db_for: MakeDb, table: str) -> None:
    db = await db_for("chassis")
    at = await now(db)
    for age in (3 * DAY, 2 * DAY, HOUR):
        await db.pool.execute(OLD_AND_YOUNG[table], at - age)
    assert await pruning.met(db, table, at - DAY) == 2
    assert await db.pool.fetchval(f"SELECT {pruning.MET[table]} FROM {table}") == at - HOUR


async def test_a_task_that_is_not_done_never_goes(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("work"), step("remind-me")))
    await aged(db, "task", "due_at", 9 * DAY)
    assert await pruning.met(db, "task", await now(db)) == 0
    assert await db.pool.fetchval("SELECT count(*) FROM task") == 2


async def test_dead_letters_never_go_nor_what_waits_behind_them(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("poison"), step("behind"), b"{"))
    await aged(db, "dead_letter", "kept_at", 900 * DAY)
    at = await now(db)
    await pruning.said(db, at, at, (TOPIC,))
    for table in pruning.MET:
        await pruning.met(db, table, at)
    assert await kept(db) == ["failing", "behind", "undecodable"]


async def test_a_repetition_is_known_as_long_as_its_claim_is_young(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    again = [record(step("again")), record(step("forgotten"), 1)]
    await consumer(db).apply(again)
    forgotten = again[1]
    await aged(db, "inbox", "claimed_at", 2 * DAY - HOUR)
    await pruning.met(db, "inbox", await now(db) - 2 * DAY)
    await consumer(db).apply(again)
    assert (await tally(db)).order == ("again", "forgotten")

    await aged(db, "inbox", "claimed_at", 2 * HOUR)
    await pruning.met(db, "inbox", await now(db) - 2 * DAY)
    await consumer(db).apply([forgotten])  # nobody may say this one any more: a claim is all that tells
    assert (await tally(db)).order == ("again", "forgotten", "forgotten")


async def test_the_same_cause_met_again_says_nothing_twice_while_its_event_is_kept(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    batch = records(step("a"))
    await consumer(db).apply(batch)
    await db.pool.execute("DELETE FROM inbox")
    await consumer(db).apply(batch)
    assert await said(db) == 1


async def test_one_replica_prunes_at_a_time(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await db.pool.execute(OLD_AND_YOUNG["inbox"], await now(db) - DAY)
    async with db.pool.acquire() as conn, conn.transaction():
        await conn.execute("SELECT pg_advisory_xact_lock(hashtext('pruning'))")
        assert await pruning.met(db, "inbox", await now(db)) == 0
    assert await pruning.met(db, "inbox", await now(db)) == 1


async def test_killed_in_the_middle_it_has_deleted_whole_batches_and_the_next_one_goes_on(
    servers: Infrastructure, db_for: MakeDb
) -> None:
    db = await db_for("chassis")
    many = 60 * pruning.BATCH
    await db.pool.execute("INSERT INTO inbox (event_id) SELECT gen_random_uuid() FROM generate_series(1, $1)", many)
    dsn = servers.postgres.dsn(await db.pool.fetchval("SELECT current_database()"))
    process = subprocess.Popen([sys.executable, "-m", "tests.chassis.forgetting", dsn], cwd=ROOT)
    try:
        async with asyncio.timeout(60):
            while await db.pool.fetchval("SELECT count(*) FROM inbox") > many - 3 * pruning.BATCH:
                await asyncio.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    async with asyncio.timeout(30):
        while await db.pool.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"):
            await asyncio.sleep(0.01)
    rest = await db.pool.fetchval("SELECT count(*) FROM inbox")
    assert 0 < rest < many and rest % pruning.BATCH == 0
    assert await pruning.met(db, "inbox", await now(db)) == rest


async def test_what_went_is_counted(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    counted = {"table": "inbox"}
    before = REGISTRY.get_sample_value("handrail_pruned_rows_total", counted) or 0
    await db.pool.execute(OLD_AND_YOUNG["inbox"], await now(db) - DAY)
    await pruning.met(db, "inbox", await now(db))
    assert REGISTRY.get_sample_value("handrail_pruned_rows_total", counted) == before + 1


async def test_the_oldest_row_of_each_table_tells_its_age(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    assert set((await pruning.oldest(db)).values()) == {None}
    for insert in OLD_AND_YOUNG.values():
        await db.pool.execute(insert, await now(db) - DAY)
    await consumer(db).apply(records(step("a", CampaignId(uuid4()))))
    await aged(db, "event_log", "logged_at", DAY)
    ages = await pruning.oldest(db)
    assert all(age is not None and DAY <= age < DAY + HOUR for age in ages.values()), ages
