"""A record that kills, or that the database was away for: attempts are the record's own, and survive the process."""

import asyncio
from contextlib import suppress
from datetime import datetime

import pytest

from chassis.attempts import BEGINNINGS, Attempts
from chassis.connection import UNAVAILABLE
from chassis.consumer import ATTEMPTS, Consumer
from chassis.decision import Decision, Loaded, Message
from chassis.postgres import Database
from chassis.records import Raw
from contracts.executor import StepCompleted
from tests.chassis.counting import Tally, decide, fold
from tests.chassis.test_consumer import OTHER, kept, records, step, tally
from tests.conftest import VERIFIER, MakeDb


def mixed(*names: str) -> list[Raw]:
    """A record per name, of campaigns that do not share a fate: the killer's is another one."""
    return records(*(step(name, OTHER) if name == "killer" else step(name) for name in names))


async def lives(db: Database, batch: list[Raw], killer: str, most: int = 12) -> int:
    """Processes that it takes until `batch` is done with; each ends at the step `killer`, without a word."""

    def dying(loaded: Loaded[Tally, None], message: Message, policy: object, now: datetime) -> Decision[Tally, None]:
        if isinstance(message.body, StepCompleted) and message.body.step == killer:
            raise KeyboardInterrupt  # the one thing that is let through, as the end of a process is
        return decide(loaded, message, policy, now)

    for life in range(1, most):
        reader = Consumer(db, "counting", fold(verifier=VERIFIER, decide=dying), VERIFIER)
        await reader._attempts.begin(batch[0], batch[-1].offset)
        with suppress(KeyboardInterrupt):
            await reader.apply(batch, alone=reader._attempts.suspicious(batch))
            return life
    return most


@pytest.mark.parametrize("names", [("killer", "a", "b"), ("a", "b", "killer", "c")])
async def test_a_record_that_kills_is_kept_after_five_attempts_and_all_others_are_applied(
    db_for: MakeDb, names: tuple[str, ...]
) -> None:
    db = await db_for("chassis")
    assert await lives(db, mixed(*names), "killer") == BEGINNINGS + ATTEMPTS + 1
    assert await kept(db) == ["failing"]
    assert await db.pool.fetchval("SELECT attempts FROM dead_letter") == ATTEMPTS
    assert (await tally(db)).order == tuple(name for name in names if name != "killer")


async def test_a_batch_read_again_after_its_killer_was_kept_kills_nobody(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    batch = mixed("a", "killer", "b")
    await lives(db, batch, "killer")
    assert await lives(db, batch, "killer") == 1


async def test_processes_that_end_for_other_reasons_cost_no_record_its_attempts(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    batch = mixed("first", "second")
    for _ in range(3 * ATTEMPTS):
        await Attempts(db).begin(batch[0], batch[-1].offset)
    assert await lives(db, batch, "nobody") == 1
    assert await kept(db) == []
    assert (await tally(db)).order == ("first", "second")


async def test_what_stands_before_the_place_where_a_reader_begins_is_forgotten(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    [first, second] = mixed("first", "second")
    await Attempts(db).count(first)
    await Attempts(db).begin(second, second.offset)
    assert await db.pool.fetchval("SELECT count(*) FROM attempt WHERE tried > 0") == 0


async def test_an_attempt_that_the_database_cut_short_does_not_count(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    away = 2 * ATTEMPTS

    def interrupted(
        loaded: Loaded[Tally, None], message: Message, policy: object, now: datetime
    ) -> Decision[Tally, None]:
        nonlocal away
        away -= 1
        if away >= 0:
            raise ConnectionResetError("the database is away")
        return decide(loaded, message, policy, now)

    reader = Consumer(db, "counting", fold(verifier=VERIFIER, decide=interrupted), VERIFIER)
    for _ in range(2 * ATTEMPTS):
        with pytest.raises(UNAVAILABLE):
            await reader.apply(records(step("one")), alone=True)
    await reader.apply(records(step("one")), alone=True)
    assert await kept(db) == []


@pytest.mark.parametrize("leak", [asyncio.CancelledError(), SystemExit(1), GeneratorExit()])
async def test_a_handler_that_would_end_the_loop_fails_as_any_other(db_for: MakeDb, leak: BaseException) -> None:
    db = await db_for("chassis")

    def leaking(loaded: Loaded[Tally, None], message: Message, policy: object, now: datetime) -> Decision[Tally, None]:
        if isinstance(message.body, StepCompleted) and message.body.step == "leak":
            raise leak
        return decide(loaded, message, policy, now)

    reader = Consumer(db, "counting", fold(verifier=VERIFIER, decide=leaking), VERIFIER)
    await reader.apply(records(step("leak"), step("free", OTHER)))
    assert await kept(db) == ["failing"]
    assert (await tally(db, OTHER)).order == ("free",)
