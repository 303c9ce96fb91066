"""Work and deadlines: done once in effect, by whoever holds the lease, and answered when it cannot be done."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from chassis.commands import Commands
from chassis.decision import Decision, Identity, Key
from chassis.postgres import Database
from chassis.tasks import DEADLINE_LEASE, LAST_ATTEMPT, SUSPICIOUS_ATTEMPTS, Kind, Leased, Worker
from contracts.event import Tenant, Value
from tests.builders import CAMPAIGN, TENANT, record
from tests.chassis.counting import KINDS, STATES, Count, Labour, Stop, Tally, fold, labour, reply
from tests.chassis.test_consumer import consumer, records, step, tally
from tests.conftest import VERIFIER, MakeDb

KEY = Key(TENANT, CAMPAIGN)
MAYA = Identity(subject="maya", tenant="demo", roles=("marketer",), human=True)


def worker(db: Database) -> Worker:
    return Worker(db, fold(verifier=VERIFIER), KINDS)


async def work_all(db: Database) -> int:
    """Work until nothing is due."""
    done = 0
    while await worker(db).work_once():
        done += 1
    return done


async def due_now(db: Database) -> None:
    await db.pool.execute("UPDATE task SET due_at = clock_timestamp() WHERE done_at IS NULL")


async def test_a_deadline_comes_back_when_due_and_not_before(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("remind-me")))
    await db.pool.execute("UPDATE task SET due_at = clock_timestamp() + interval '1 h'")
    assert await work_all(db) == 0
    await due_now(db)
    assert await work_all(db) == 1
    assert (await tally(db)).order == ("remind-me", "reminded-remind-me")


async def test_works_result_counts_once_though_many_workers_look(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("work")))
    assert sum(await asyncio.gather(*(work_all(db) for _ in range(4)))) == 1
    assert (await tally(db)).order == ("work", "worked-work")


async def test_work_whose_worker_died_is_done_again_after_the_lease(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("work")))
    assert await worker(db)._lease() is not None  # leased, and then the process is gone
    assert await work_all(db) == 0
    await db.pool.execute("UPDATE task SET leased_until = clock_timestamp()")
    assert await work_all(db) == 1
    assert (await tally(db)).order == ("work", "worked-work")


@pytest.mark.parametrize(("name", "lease"), [("remind-me", DEADLINE_LEASE), ("work", timedelta(seconds=60))])
async def test_a_deadline_is_held_for_a_shorter_time_than_work(db_for: MakeDb, name: str, lease: timedelta) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step(name)))
    await due_now(db)
    before = await db.pool.fetchval("SELECT clock_timestamp()")
    assert await worker(db)._lease() is not None
    after = await db.pool.fetchval("SELECT clock_timestamp()")
    assert before + lease <= await db.pool.fetchval("SELECT leased_until FROM task") <= after + lease


async def test_a_result_that_comes_after_its_lease_changes_nothing(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("work")))
    late = worker(db)
    leased = await late._lease()
    assert leased is not None
    await db.pool.execute("UPDATE task SET leased_until = clock_timestamp()")
    again = await worker(db)._lease()
    work = late.kinds[leased.body.kind].work
    assert again is not None and work is not None
    result = await work(leased)
    assert result is not None
    await late._settle(leased, result)
    assert (await tally(db)).order == ("work",)
    await worker(db)._settle(again, result)
    await late._settle(leased, result)
    assert (await tally(db)).order == ("work", "worked-work")


LEASE = timedelta(seconds=0.6)


async def test_nobody_takes_over_from_a_worker_that_works(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("work")))
    begun, end = asyncio.Event(), asyncio.Event()

    async def at_length(leased: Leased) -> Value | None:
        begun.set()
        await end.wait()
        return await labour(leased)

    slow = replace(worker(db), kinds={"labour": Kind(Labour, at_length)}, lease_time=LEASE)
    working = asyncio.create_task(slow.work_once())
    await begun.wait()
    await asyncio.sleep(3 * LEASE.total_seconds())
    assert not await worker(db).work_once()
    end.set()
    assert await working
    assert (await tally(db)).order == ("work", "worked-work")


async def test_work_that_never_ends_gives_its_slot_back_and_comes_back_as_a_failure(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("work")))

    async def for_ever(_: Leased) -> None:
        await asyncio.Event().wait()

    stuck = replace(worker(db), kinds={"labour": Kind(Labour, for_ever, attempts=1)}, longest=timedelta(seconds=0.2))
    assert await stuck.work_once()
    assert (await tally(db)).order == ("work", "gave-up")
    assert "not done within" in await db.pool.fetchval("SELECT error FROM task")


async def test_a_worker_waits_for_its_database_and_does_not_end(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await db.pool.close()
    running = asyncio.create_task(replace(worker(db), replica="one").run())
    await asyncio.sleep(0.3)
    assert not running.done()
    running.cancel()


async def test_a_cancellation_that_a_client_leaks_ends_no_worker(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("work")))
    begun = 0

    async def leaking(leased: Leased) -> Value | None:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise asyncio.CancelledError
        return await labour(leased)

    kinds = {"labour": Kind(Labour, leaking)}
    patient = replace(worker(db), kinds=kinds, lease_time=LEASE, slots=1, poll_seconds=0.1)
    running = asyncio.create_task(patient.run())
    async with asyncio.timeout(20):
        while "worked-work" not in (await tally(db)).order:
            assert not running.done()
            await asyncio.sleep(0.1)
    patient.stopping = True
    await running


async def test_work_that_keeps_failing_comes_back_as_a_failure(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("work-that-fails")))
    for _ in range(2):
        await due_now(db)
        await worker(db).work_once()
    assert (await tally(db)).order == ("work-that-fails", "gave-up")


async def test_work_that_kills_its_worker_again_and_again_comes_back_as_a_failure(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("work")))
    for _ in range(LAST_ATTEMPT):
        assert await worker(db)._lease() is not None  # leased, and then the process is gone
        await db.pool.execute("UPDATE task SET leased_until = clock_timestamp()")
    assert await work_all(db) == 1
    assert (await tally(db)).order == ("work", "gave-up")


@pytest.mark.parametrize(("attempts", "free"), [(1, True), (SUSPICIOUS_ATTEMPTS, False)])
async def test_a_replica_gives_back_what_it_had_leased_but_what_may_be_what_kills_it(
    db_for: MakeDb, attempts: int, free: bool
) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("work")))
    await db.pool.execute("UPDATE task SET attempts = $1", attempts - 1)
    again = replace(worker(db), replica="counting-0")
    assert await again._lease() is not None
    assert await again._given_back()
    assert (await again._lease() is not None) == free


async def test_tasks_of_a_parked_campaign_wait(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("work"), step("poison")))
    assert await work_all(db) == 0


@pytest.mark.parametrize("times", [1, 3])
async def test_a_command_with_the_same_key_is_answered_alike(db_for: MakeDb, times: int) -> None:
    db = await db_for("chassis")
    commands = Commands(db, fold())
    answers = [
        await commands.handle(KEY, Count(command_id="k1", actor=MAYA, step="by-hand"), reply) for _ in range(times)
    ]
    assert {(answer.status, answer.body.replace(" ", "")) for answer in answers} == {(200, '{"count":1}')}
    assert (await tally(db)).count == 1


async def test_a_command_key_used_for_another_body_is_refused(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    commands = Commands(db, fold())
    await commands.handle(KEY, Count(command_id="k1", actor=MAYA, step="a"), reply)
    assert (await commands.handle(KEY, Count(command_id="k1", actor=MAYA, step="b"), reply)).status == 422


async def test_a_parked_campaign_refuses_commands_but_those_that_reduce_risk(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply([record(step("poison"))])
    commands = Commands(db, fold())
    assert (await commands.handle(KEY, Count(command_id="1", actor=MAYA, step="a"), reply)).status == 409
    stopped = await commands.handle(KEY, Stop(command_id="2", actor=MAYA), lambda d: reply(_with_state(d)))
    assert stopped.status == 200


def _with_state(decision: Decision[Tally, None]) -> Decision[Tally, None]:
    return replace(decision, state=decision.state or Tally())


async def test_tenants_with_the_same_campaign_do_not_meet(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    commands = Commands(db, fold())
    other = Key(Tenant("other"), CAMPAIGN)
    await commands.handle(other, Count(command_id="k1", actor=MAYA, step="a"), reply)
    async with db.pool.acquire() as conn:
        states = await STATES.load(conn, [KEY, other])
    assert set(states) == {other}
