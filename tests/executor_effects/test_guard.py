"""Each thing that the guard looks at can say no, and then nothing leaves."""

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from chassis.postgres import Database
from contracts.actions import EffectOutcome
from contracts.brief import Frequency, QuietHours
from executor import changes
from executor.effects import AbandonPlanned, RevokeGrant, SetGuard
from executor.people import touches
from executor.preparing.drafts import Rendered
from handrail.keys import Keys
from tests.builders import TENANT, brief, euros, plan_issued, policy
from tests.conftest import MakeDb
from tests.executor_effects.campaigns import (
    Send,
    addresses,
    cleared,
    dispatcher,
    fenced,
    now,
    run,
    run_all,
    states,
)
from tests.executor_effects.postbox import Postbox

DEAD_LETTER = """
INSERT INTO dead_letter (cluster_id, topic, partition, kafka_offset, headers, sha256, kind, reason, tenant, campaign_id)
SELECT 'c', 'executor.work.v1', 0, 0, '{}', '', 'failing', 'why', tenant, campaign_id FROM campaign_guard
"""
NO = {
    "global_kill": ("UPDATE kill_switch SET engaged = true WHERE scope = 'global'", "killed"),
    "tenant_kill": ("UPDATE kill_switch SET engaged = true WHERE scope LIKE 'tenant:%'", "killed"),
    "campaign_kill": ("UPDATE kill_switch SET engaged = true WHERE scope LIKE 'campaign:%'", "killed"),
    "no_global_row": ("DELETE FROM kill_switch WHERE scope = 'global'", "killed"),
    "no_tenant_row": ("DELETE FROM kill_switch WHERE scope LIKE 'tenant:%'", "killed"),
    "no_campaign_row": ("DELETE FROM kill_switch WHERE scope LIKE 'campaign:%'", "killed"),
    "halted": ("UPDATE campaign_guard SET halted = true", "halted"),
    "no_guard_row": ("DELETE FROM campaign_guard", "halted"),
    "fence": ("UPDATE campaign_guard SET fence = 1", "fence"),
    "parked": (DEAD_LETTER, "parked"),
    "no_grant": ("DELETE FROM approval_grant", "grant_unknown"),
    "revoked": ("UPDATE approval_grant SET revoked_at = clock_timestamp()", "grant_revoked"),
    "expired": ("UPDATE approval_grant SET expires_at = clock_timestamp()", "grant_expired"),
    "before_the_launch": ("UPDATE approval_grant SET opens_at = clock_timestamp() + interval '1 h'", "not_yet"),
    "another_campaigns_grant": (f"UPDATE approval_grant SET campaign_id = '{uuid4()}'", "grant_unknown"),
    "another_text": ("UPDATE mail SET body_text = body_text || '.' WHERE position = 2", "content_changed"),
    "another_subject": ("UPDATE mail SET subject = 'Hi' WHERE position = 0", "content_changed"),
    "one_left_out": ("DELETE FROM snapshot WHERE position = 1", "content_changed"),
    "another_snapshot": ("UPDATE approval_grant SET content_hash = repeat('ab', 32)", "content_changed"),
}


@pytest.mark.parametrize(("statement", "because"), NO.values(), ids=NO)
async def test_no_to_all(db_for: MakeDb, box: Postbox, folder: Path, keys: Keys, statement: str, because: str) -> None:
    db = await db_for("executor")
    send = await cleared(db, addresses(3))
    await db.pool.execute(statement)
    done = await run(dispatcher(db, box.port, folder, keys), send)
    assert done.refused == because
    assert (done.retry_at is not None) == (because in {"killed", "parked", "not_yet"})
    assert box.taken == []
    assert await db.pool.fetchval("SELECT count(*) FROM effect_intent WHERE state <> 'planned'") == 0
    assert await db.pool.fetchval("SELECT count(*) FROM touch") == 0


@pytest.mark.parametrize("part", ["subject", "body_text", "body_html"])
@pytest.mark.parametrize("body", ["", "and a change of the intent's own digest"])
async def test_a_mail_changed_after_the_first_wave_is_refused(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys, body: str, part: str
) -> None:
    """Whoever can change the text can change the digest beside it: the signed grant is what counts."""
    db, to = await db_for("executor"), addresses(4)
    send = await cleared(db, to, first_wave=2)
    one = dispatcher(db, box.port, folder, keys)
    await run(one, send)
    await db.pool.execute(f"UPDATE mail SET {part} = 'Hi' WHERE position = 3")
    if body:
        row = await db.pool.fetchrow("SELECT subject, body_text, body_html FROM mail WHERE position = 3")
        assert row is not None
        forged = Rendered(row["subject"], row["body_text"], row["body_html"]).digest
        await db.pool.execute("UPDATE mail SET digest = $1 WHERE position = 3", forged)
        await db.pool.execute("UPDATE effect_intent SET digest = $1 WHERE position = 3", forged)
    done = await run(one, send, send.task.model_copy(update={"wave": 2}))
    assert done.refused == "content_changed"
    assert set(box.count()) == set(to[:2])


async def test_a_grant_whose_signed_bytes_say_otherwise_is_refused(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    db = await db_for("executor")
    send = await cleared(db, addresses(2))
    await db.pool.execute("UPDATE approval_grant SET value = convert_to('{}', 'UTF8')")
    done = await run(dispatcher(db, box.port, folder, keys), send)
    assert done.refused is not None
    assert box.taken == []


async def test_a_stale_task_does_nothing(db_for: MakeDb, box: Postbox, folder: Path, keys: Keys) -> None:
    db = await db_for("executor")
    send = await cleared(db, addresses(2))
    await change(db, send, SetGuard(fence=2, halted=False))
    one = dispatcher(db, box.port, folder, keys)
    assert (await run(one, send)).refused == "fence"
    assert (await run(one, send, fenced(send, 2))).refused is None


async def test_a_grant_is_used_once(db_for: MakeDb, box: Postbox, folder: Path, keys: Keys) -> None:
    db, to = await db_for("executor"), addresses(4)
    send = await cleared(db, to)
    one = dispatcher(db, box.port, folder, keys)
    await run_all(one, send)
    await run_all(one, send)
    assert box.count() == dict.fromkeys(to, 1)
    assert await db.pool.fetchval("SELECT count(*) FROM effect_intent") == 4


PERSON = {
    "suppressed": "INSERT INTO suppression (tenant, recipient_hash, domain, reason) VALUES ($1, $2, 'd', 'complaint')",
    "no_consent": "UPDATE consent SET state = 'withdrawn' WHERE (tenant, recipient_hash) = ($1, $2)",
    "contact_erased": "DELETE FROM contact WHERE (tenant, recipient_hash) = ($1, $2)",
}


@pytest.mark.parametrize("because", PERSON)
async def test_no_to_one_person_is_no_to_nobody_else(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys, because: str
) -> None:
    db, to = await db_for("executor"), addresses(4)
    send = await cleared(db, to)
    await db.pool.execute(PERSON[because], TENANT, send.hash_of(to[1]))
    await run_all(dispatcher(db, box.port, folder, keys), send)
    assert send.outcomes()[to[1]] is EffectOutcome.SKIPPED
    assert send.reasons()[to[1]] == because
    assert set(box.count()) == {*to} - {to[1]}


async def test_no_consent_on_record_is_no_consent(db_for: MakeDb, box: Postbox, folder: Path, keys: Keys) -> None:
    db, to = await db_for("executor"), addresses(1)
    send = await cleared(db, to)
    await db.pool.execute("DELETE FROM consent")
    await run_all(dispatcher(db, box.port, folder, keys), send)
    assert send.reasons() == {to[0]: "no_consent"}


async def test_the_budget_is_a_hard_limit(db_for: MakeDb, box: Postbox, folder: Path, keys: Keys) -> None:
    db, to = await db_for("executor"), addresses(60)
    issued = plan_issued(brief_=brief(budget={"total": euros(2.5), "per_mail": euros(0.05)}))
    send = await cleared(db, to, issued=issued)
    done = await run_all(dispatcher(db, box.port, folder, keys), send)
    assert done.refused == "budget"
    assert len(box.taken) == 50


async def test_mails_that_never_left_cost_nothing(db_for: MakeDb, box: Postbox, folder: Path, keys: Keys) -> None:
    """Two mails are paid for; the first is not taken at once, so that each is tried more than once."""
    db, to = await db_for("executor"), addresses(2)
    box.at_rcpt[to[0]] = ["451 later"]
    issued = plan_issued(brief_=brief(budget={"total": euros(0.1), "per_mail": euros(0.05)}))
    send = await cleared(db, to, issued=issued)
    one = dispatcher(db, box.port, folder, keys)
    await run(one, send)
    await db.pool.execute("UPDATE effect_intent SET not_before = NULL")
    assert (await run(one, send)).refused is None
    assert box.count() == dict.fromkeys(to, 1)


def quiet(starts: str, ends: str) -> QuietHours:
    return QuietHours.model_validate({"starts": starts, "ends": ends, "confirmed": True})


async def hours_around_now(db: Database) -> tuple[str, str]:
    """Quiet hours, in UTC, that began an hour ago and end in an hour."""
    at = await db.pool.fetchval("SELECT clock_timestamp()")
    return (at - timedelta(hours=1)).strftime("%H:%M"), (at + timedelta(hours=1)).strftime("%H:%M")


async def test_a_recipient_in_quiet_hours_is_postponed_to_their_end(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    db, to = await db_for("executor"), addresses(2)
    starts, ends = await hours_around_now(db)
    issued = plan_issued(policy_=policy(quiet_hours=quiet(starts, ends)), brief_=brief(quiet_hours=quiet(starts, ends)))
    send = await cleared(db, to, issued=issued)
    await db.pool.execute("UPDATE contact SET timezone = 'Asia/Tokyo' WHERE recipient_hash = $1", send.hash_of(to[1]))
    one = dispatcher(db, box.port, folder, keys)
    done = await run(one, send)
    assert set(box.count()) == {to[1]}
    assert done.left_in_wave == 1
    assert done.retry_at is not None
    assert timedelta(minutes=58) < done.retry_at - await db.pool.fetchval("SELECT clock_timestamp()")
    assert (await states(db, send))[to[0]] == "planned"
    because = await db.pool.fetchval("SELECT because FROM effect_intent WHERE state = 'planned'")
    assert because == "quiet_hours"


async def test_quiet_hours_beyond_the_send_window_mean_no_mail(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    db, to = await db_for("executor"), addresses(1)
    starts, ends = await hours_around_now(db)
    issued = plan_issued(policy_=policy(quiet_hours=quiet(starts, ends)))
    send = await cleared(db, to, issued=issued, granted_at=now() - timedelta(hours=1, minutes=30))
    await run_all(dispatcher(db, box.port, folder, keys), send)
    assert send.outcomes() == {to[0]: EffectOutcome.SKIPPED}
    assert send.reasons() == {to[0]: "quiet_hours"}
    assert box.taken == []


async def test_nothing_leaves_after_the_send_window(db_for: MakeDb, box: Postbox, folder: Path, keys: Keys) -> None:
    db, to = await db_for("executor"), addresses(1)
    send = await cleared(db, to, granted_at=now() - timedelta(hours=3))
    await run_all(dispatcher(db, box.port, folder, keys), send)
    assert send.reasons() == {to[0]: "send_window_over"}


async def test_the_frequency_boundary_holds_over_campaigns_that_send_at_once(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    """Nine campaigns aim at the same people at the same time: three mails a day and no more."""
    db, to = await db_for("executor"), addresses(10)
    sends = [await cleared(db, to) for _ in range(9)]
    several = [dispatcher(db, box.port, folder, keys) for _ in range(3)]

    async def three(nth: int) -> None:
        for send in sends[nth::3]:
            await run_all(several[nth], send)

    await asyncio.gather(*(three(nth) for nth in range(3)))
    assert box.count() == dict.fromkeys(to, 3)
    skipped = [effect.because for send in sends for effect in send.told if effect.outcome is EffectOutcome.SKIPPED]
    assert skipped == ["frequency"] * 60


async def test_five_a_week_count_the_days_before(db_for: MakeDb, box: Postbox, folder: Path, keys: Keys) -> None:
    db, to = await db_for("executor"), addresses(3)
    sends = [await cleared(db, to) for _ in range(3)]
    await db.pool.execute(
        "INSERT INTO touch (tenant, recipient_hash, days) "
        "SELECT $1, $2, array_agg((clock_timestamp() AT TIME ZONE 'UTC')::date - d) FROM unnest($3::int[]) AS d",
        TENANT,
        sends[0].hash_of(to[0]),
        [1, 3, 6, 7],
    )
    one = dispatcher(db, box.port, folder, keys)
    for send in sends:
        await run_all(one, send)
    assert box.count() == {to[0]: 2, to[1]: 3, to[2]: 3}


async def test_an_option_reaches_exactly_those_who_got_nothing(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    """After a halt the first decision's plans are abandoned, and the option's grant covers who is left."""
    db, to = await db_for("executor"), addresses(10)
    send = await cleared(db, to, first_wave=4)
    one = dispatcher(db, box.port, folder, keys)
    await run_all(one, send)
    await change(db, send, SetGuard(fence=1, halted=True))
    assert (await run(one, send)).refused == "halted"
    await change(db, send, AbandonPlanned(send.task.decision_id), SetGuard(fence=1, halted=False))
    option = await cleared(db, to[4:], campaign=send.key.campaign, issued=send.issued, from_wave=2)
    await run_all(one, option, fenced(option, 1))
    assert box.count() == dict.fromkeys(to, 1)


async def test_a_second_grant_over_the_same_people_sends_nothing_twice(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    db, to = await db_for("executor"), addresses(6)
    send = await cleared(db, to)
    one = dispatcher(db, box.port, folder, keys)
    await run_all(one, send)
    again = await cleared(db, to, campaign=send.key.campaign, issued=send.issued)
    await run_all(one, again)
    assert box.count() == dict.fromkeys(to, 1)


async def test_a_revoked_grant_stops_the_rest(db_for: MakeDb, box: Postbox, folder: Path, keys: Keys) -> None:
    db, to = await db_for("executor"), addresses(6)
    send = await cleared(db, to, first_wave=3)
    one = dispatcher(db, box.port, folder, keys)
    await run(one, send)
    await change(db, send, RevokeGrant(send.task.grant_id))
    done = await run(one, send, send.task.model_copy(update={"wave": 2}))
    assert done.refused == "grant_revoked"
    assert set(box.count()) == set(to[:3])


async def change(db: Database, send: Send, *asked: SetGuard | AbandonPlanned | RevokeGrant) -> None:
    """What the fold's decision asks for, under the campaign's lock."""
    async with db.transaction() as tx:
        await tx.lock([send.key])
        await changes.apply(tx.conn, send.key, asked)


async def test_somebody_whose_server_was_busy_when_the_halt_came_still_gets_the_options_mail(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    """Tried, but provably nothing left: that person is among those who remain."""
    db, to = await db_for("executor"), addresses(2)
    box.at_rcpt[to[0]] = ["451 later"]
    send = await cleared(db, to)
    one = dispatcher(db, box.port, folder, keys)
    await run(one, send)
    await change(db, send, SetGuard(fence=1, halted=True), AbandonPlanned(send.task.decision_id))
    await change(db, send, SetGuard(fence=1, halted=False))
    option = await cleared(db, to[:1], campaign=send.key.campaign, issued=send.issued, from_wave=2)
    await run_all(one, option, fenced(option, 1))
    assert box.count() == dict.fromkeys(to, 1)


ADDED = """
INSERT INTO mail SELECT tenant, campaign_id, plan_version, repeat('cd', 32), 9, recipient_domain, variant, subject,
                        body_text, body_html, digest FROM mail WHERE position = 3;
INSERT INTO snapshot SELECT tenant, campaign_id, snapshot_hash, 9, repeat('cd', 32) FROM snapshot WHERE position = 3;
INSERT INTO contact SELECT tenant, repeat('cd', 32), 'mallory@evil.example', 'evil.example', '', timezone, locale
                      FROM contact LIMIT 1;
INSERT INTO consent SELECT tenant, repeat('cd', 32), state, source, text_version, captured_at FROM consent LIMIT 1;
UPDATE effect_intent SET recipient_hash = repeat('cd', 32) WHERE position = 3
"""
REMOVED = "DELETE FROM mail WHERE position = 3"
SWAPPED = """
UPDATE mail SET subject = o.subject, body_text = o.body_text, body_html = o.body_html, digest = o.digest
  FROM mail AS o WHERE mail.position = 3 AND o.position = 2;
UPDATE effect_intent AS i SET digest = m.digest FROM mail AS m WHERE m.position = 2 AND i.position = 3
"""


@pytest.mark.parametrize("statement", [ADDED, REMOVED, SWAPPED], ids=["added", "removed", "swapped"])
@pytest.mark.parametrize("fresh", [False, True], ids=["same_process", "another_process"])
async def test_what_is_added_removed_or_swapped_after_the_first_wave_is_refused(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys, statement: str, fresh: bool
) -> None:
    """The process that verified the snapshot holds each mail against it; another one verifies it anew."""
    db, to = await db_for("executor"), addresses(4)
    send = await cleared(db, to, first_wave=2)
    one = dispatcher(db, box.port, folder, keys)
    await run(one, send)
    await db.pool.execute(statement)
    if fresh:
        one = dispatcher(db, box.port, folder, keys)
    done = await run(one, send, send.task.model_copy(update={"wave": 2}))
    assert done.refused == "content_changed"
    assert set(box.count()) == set(to[:2])


async def test_a_snapshot_is_read_in_full_once_per_process_and_grant(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    db, to = await db_for("executor"), addresses(6)
    send = await cleared(db, to, first_wave=2)
    one = dispatcher(db, box.port, folder, keys)
    await run(one, send)
    await db.pool.execute("ALTER TABLE snapshot RENAME TO snapshot_that_nobody_needs_now")
    done = await run(one, send, send.task.model_copy(update={"wave": 2}))
    assert (done.refused, done.left_in_wave) == (None, 0)
    assert box.count() == dict.fromkeys(to, 1)


async def test_two_sends_that_disagree_about_the_day_do_not_both_pass_a_weeks_limit(db_for: MakeDb) -> None:
    """One counts before midnight and commits after the other, of the next day, has begun to count."""
    db, person = await db_for("executor"), "ab" * 32
    limits = Frequency(per_week=1, per_day=1, confirmed=True)
    monday = now().date()
    async with db.pool.acquire() as late, db.pool.acquire() as early:
        transaction = late.transaction()
        await transaction.start()
        assert await touches.count(late, TENANT, [person], monday, limits) == {person}
        waiting = asyncio.create_task(touches.count(early, TENANT, [person], monday + timedelta(days=1), limits))
        await db.pool.fetchval("SELECT pg_sleep(0.1)")
        await transaction.commit()
        assert await waiting == set()


async def test_the_day_before_counts_what_the_day_after_has_sent(db_for: MakeDb) -> None:
    db, person = await db_for("executor"), "ab" * 32
    limits = Frequency(per_week=2, per_day=2, confirmed=True)
    monday = now().date()
    async with db.pool.acquire() as conn:
        for day, passes in [(1, True), (0, True), (0, False), (1, False), (7, True), (7, False)]:
            counted = await touches.count(conn, TENANT, [person], monday + timedelta(days=day), limits)
            assert (counted == {person}) == passes, day


async def test_a_mail_that_never_left_gives_its_day_back(db_for: MakeDb) -> None:
    db, person, day = await db_for("executor"), "ab" * 32, now().date()
    limits = Frequency(per_week=5, per_day=2, confirmed=True)
    async with db.pool.acquire() as conn:
        for _ in range(2):
            assert await touches.count(conn, TENANT, [person], day, limits)
        assert not await touches.count(conn, TENANT, [person], day, limits)
        await touches.give_back(conn, TENANT, [(person, day)])
        assert await touches.count(conn, TENANT, [person], day, limits)
        assert await conn.fetchval("SELECT days FROM touch") == [day, day]
