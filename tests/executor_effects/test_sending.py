"""A wave goes out once per person, whoever sends it and whatever the other side says."""

import asyncio
import os
from pathlib import Path

import pytest

from contracts.actions import EffectOutcome
from handrail.keys import Keys
from tests.conftest import MakeDb
from tests.executor_effects.campaigns import addresses, cleared, dispatcher, run, run_all, states, wave
from tests.executor_effects.postbox import Postbox


async def test_a_wave_reaches_everybody_once_and_the_next_waits_for_its_task(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    db, to = await db_for("executor"), addresses(70)
    send = await cleared(db, to, first_wave=60)
    done = await run_all(dispatcher(db, box.port, folder, keys), send)
    assert (done.wave_size, done.left_in_wave, done.refused) == (60, 0, None)
    assert box.count() == dict.fromkeys(to[:60], 1)
    assert send.outcomes() == dict.fromkeys(to[:60], EffectOutcome.SUCCEEDED)


async def test_the_next_wave_is_the_rest(db_for: MakeDb, box: Postbox, folder: Path, keys: Keys) -> None:
    db, to = await db_for("executor"), addresses(12)
    send = await cleared(db, to, first_wave=5)
    one = dispatcher(db, box.port, folder, keys)
    await run(one, send)
    done = await run(one, send, wave(send, 2))
    assert (done.wave_size, done.left_in_wave) == (7, 0)
    assert box.count() == dict.fromkeys(to, 1)


async def test_two_dispatchers_at_once_write_to_each_person_once(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    db, to = await db_for("executor"), addresses(120)
    send = await cleared(db, to)
    both = [dispatcher(db, box.port, folder, keys) for _ in range(2)]
    await asyncio.gather(*(run_all(one, send) for one in both))
    assert box.count() == dict.fromkeys(to, 1)
    assert await states(db, send) == dict.fromkeys(to, "succeeded")


async def test_a_recipient_refused_for_good_is_not_tried_again(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    db, to = await db_for("executor"), addresses(3)
    box.at_rcpt[to[1]] = ["550 no such user"]
    send = await cleared(db, to)
    await run_all(dispatcher(db, box.port, folder, keys), send)
    assert send.outcomes()[to[1]] is EffectOutcome.FAILED_DEFINITE
    assert box.count() == {to[0]: 1, to[2]: 1}
    assert box.asked[to[1]] == 1


async def test_a_busy_server_is_asked_again_a_few_times_and_then_it_is_over(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    db, to = await db_for("executor"), addresses(1)
    box.at_rcpt[to[0]] = ["451 later"] * 10
    send = await cleared(db, to)
    one = dispatcher(db, box.port, folder, keys)
    done = await run(one, send)
    assert done.left_in_wave == 1
    assert done.retry_at is not None
    while done.left_in_wave:
        await db.pool.execute("UPDATE effect_intent SET not_before = NULL WHERE state = 'planned'")
        done = await run(one, send)
    assert send.outcomes() == {to[0]: EffectOutcome.FAILED_DEFINITE}
    assert box.asked[to[0]] == 3


async def test_a_busy_server_that_recovers_gets_the_mail_once(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    db, to = await db_for("executor"), addresses(1)
    box.at_rcpt[to[0]] = ["451 later"]
    send = await cleared(db, to)
    one = dispatcher(db, box.port, folder, keys)
    await run(one, send)
    await db.pool.execute("UPDATE effect_intent SET not_before = NULL")
    await run(one, send)
    assert send.outcomes() == {to[0]: EffectOutcome.SUCCEEDED}
    assert box.count() == {to[0]: 1}
    assert await db.pool.fetchval("SELECT sum(cardinality(days)) FROM touch") == 1


async def test_an_answer_lost_after_the_mail_was_handed_over_is_unknown_and_never_sent_again(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    db, to = await db_for("executor"), addresses(6)
    box.lose.update({to[0], to[3]})
    send = await cleared(db, to)
    one = dispatcher(db, box.port, folder, keys)
    await run_all(one, send)
    for _ in range(3):
        await run(one, send)
    assert {to for to, outcome in send.outcomes().items() if outcome is EffectOutcome.UNKNOWN} == {to[0], to[3]}
    assert box.count() == dict.fromkeys(to, 1)


async def test_a_refusal_after_the_text_is_an_answer_too(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    db, to = await db_for("executor"), addresses(1)
    box.at_data[to[0]] = "554 we do not want this"
    send = await cleared(db, to)
    await run_all(dispatcher(db, box.port, folder, keys), send)
    assert send.outcomes() == {to[0]: EffectOutcome.FAILED_DEFINITE}


async def test_a_server_that_is_away_uses_nobody_up(db_for: MakeDb, box: Postbox, folder: Path, keys: Keys) -> None:
    db, to = await db_for("executor"), addresses(8)
    send = await cleared(db, to)
    away = dispatcher(db, 1, folder, keys)  # nobody listens there
    for _ in range(5):
        await db.pool.execute("UPDATE effect_intent SET not_before = NULL")
        done = await run(away, send)
        assert (done.left_in_wave, send.told) == (8, [])
    await db.pool.execute("UPDATE effect_intent SET not_before = NULL")
    await run_all(dispatcher(db, box.port, folder, keys), send)
    assert box.count() == dict.fromkeys(to, 1)


async def test_an_address_that_smtp_cannot_carry_fails_alone(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    db, to = await db_for("executor"), ("jürgen@attendees.example", *addresses(2))
    send = await cleared(db, to)
    await run_all(dispatcher(db, box.port, folder, keys), send)
    assert send.outcomes()[to[0]] is EffectOutcome.FAILED_DEFINITE
    assert box.count() == {to[1]: 1, to[2]: 1}


async def test_the_sandbox_runs_the_same_code_and_nothing_leaves(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    db, to = await db_for("executor"), addresses(3)
    send = await cleared(db, to)
    await run_all(dispatcher(db, box.port, folder, keys, sandbox=True), send)
    assert send.outcomes() == dict.fromkeys(to, EffectOutcome.SUCCEEDED)
    assert box.taken == []


@pytest.mark.parametrize("stop", ["halted", "killed", "suppressed"])
async def test_what_is_stopped_between_guard_and_send_does_not_leave(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys, stop: str
) -> None:
    """The first four connections are held by the server; the stop commits; then the server answers."""
    db, to = await db_for("executor"), addresses(30)
    box.hold.update(to[:4])
    send = await cleared(db, to)
    running = asyncio.create_task(run(dispatcher(db, box.port, folder, keys), send))
    for _ in range(4):
        assert await asyncio.to_thread(box.held.acquire, timeout=20)
    statement = {
        "halted": "UPDATE campaign_guard SET halted = true, fence = fence + 1",
        "killed": "UPDATE kill_switch SET engaged = true WHERE scope = 'global'",
        "suppressed": "INSERT INTO suppression (tenant, recipient_hash, domain, reason) "
        "SELECT tenant, recipient_hash, domain, 'unsubscribe' FROM contact",
    }[stop]
    await db.pool.execute(statement)
    box.release.set()
    await running
    assert set(box.count()) == set(to[:4])


async def test_a_text_that_no_mail_can_carry_fails_alone(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    db, to = await db_for("executor"), addresses(8)
    send = await cleared(db, to, subjects={to[3]: "two\nlines"})
    await run_all(dispatcher(db, box.port, folder, keys), send)
    assert send.outcomes()[to[3]] is EffectOutcome.FAILED_DEFINITE
    assert set(box.count()) == {*to} - {to[3]}


async def test_a_run_that_fails_by_itself_leaves_nobody_uncertain(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    """The journal's disk is full in the middle of a run: what had not begun is sent once there is room again."""
    db, to = await db_for("executor"), addresses(12)
    send = await cleared(db, to)
    one = dispatcher(db, box.port, folder, keys)
    full = os.open("/dev/full", os.O_WRONLY)
    box.hold.update(to)
    running = asyncio.create_task(run(one, send))
    for _ in range(4):
        assert await asyncio.to_thread(box.held.acquire, timeout=20)
    disk = os.dup(one.journal._file)
    os.dup2(full, one.journal._file)
    box.release.set()
    with pytest.raises(OSError, match="No space left"):
        await running
    os.dup2(disk, one.journal._file)
    os.close(disk)
    os.close(full)
    for _ in range(3):
        await db.pool.execute("UPDATE effect_intent SET not_before = NULL WHERE state = 'planned'")
        await run_all(one, send)
    assert box.count() == dict.fromkeys(to, 1)
    uncertain = [address for address, outcome in send.outcomes().items() if outcome is EffectOutcome.UNKNOWN]
    assert len(uncertain) <= 4
    assert len(send.told) == 12
