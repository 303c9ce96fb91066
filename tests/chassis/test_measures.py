"""What a service says about its own pipeline: counted from its database, in series that are there from the start."""

import pytest
from prometheus_client import REGISTRY

from chassis import dead_letters
from chassis.dead_letters import Pending
from contracts.event import Event
from contracts.executor import StepCompleted
from contracts.inbound import ContactEventReported, RecipientEventReported
from tests.builders import fact, record
from tests.chassis.counting import KINDS
from tests.chassis.test_consumer import consumer, records, step
from tests.chassis.test_tasks import worker
from tests.conftest import MakeDb
from tests.contracts.samples import sample

AGES = "handrail_event_age_seconds_count"
INVALID = "handrail_event_validation_failures_total"


async def test_dead_letters_are_counted_and_the_oldest_tells_its_age(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    async with db.pool.acquire() as conn:
        assert await dead_letters.pending(conn) == Pending(0, 0.0)
        await consumer(db).apply([record(b"{"), record(b"{", 1)])
        await conn.execute("UPDATE dead_letter SET kept_at = kept_at - interval '1 h' WHERE kafka_offset = 0")
        found = await dead_letters.pending(conn)
    assert found.count == 2
    assert 3600 <= found.oldest_seconds < 3700


async def test_what_cannot_be_read_is_counted_by_its_topic(db_for: MakeDb) -> None:
    before = REGISTRY.get_sample_value(INVALID, {"topic": "executor.work.v1"})
    await consumer(await db_for("chassis")).apply([record(b"{")])
    assert REGISTRY.get_sample_value(INVALID, {"topic": "executor.work.v1"}) == (before or 0) + 1


async def test_overdue_tasks_are_counted_by_kind(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("work"), step("remind-me")))
    await db.pool.execute("UPDATE task SET due_at = due_at - interval '1 min' WHERE kind = 'labour'")
    await worker(db).measure()
    late = {kind: REGISTRY.get_sample_value("handrail_timers_overdue", {"kind": kind}) for kind in KINDS}
    assert late == {kind: float(kind == "labour") for kind in KINDS}


async def test_a_task_that_waits_behind_a_dead_letter_is_not_overdue(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("work"), step("poison")))
    await db.pool.execute("UPDATE task SET due_at = due_at - interval '1 min'")
    await worker(db).measure()
    assert REGISTRY.get_sample_value("handrail_timers_overdue", {"kind": "labour"}) == 0


@pytest.mark.parametrize(
    ("event", "origin"),
    [(StepCompleted, "ours"), (RecipientEventReported, "outside"), (ContactEventReported, "outside")],
)
async def test_the_age_of_events_is_told_apart_by_whose_clock_it_is(
    db_for: MakeDb, event: type[Event], origin: str
) -> None:
    counted = {one: REGISTRY.get_sample_value(AGES, {"origin": one}) or 0 for one in ("ours", "outside")}
    await consumer(await db_for("chassis")).apply(records(fact(sample(event))))
    assert {one: (REGISTRY.get_sample_value(AGES, {"origin": one}) or 0) - counted[one] for one in counted} == {
        one: float(one == origin) for one in counted
    }
