"""A process dies at any point: what became of each mail is known from its journal, and nothing leaves twice."""

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from chassis.postgres import Database
from contracts.actions import EffectOutcome
from executor import changes
from executor.effects import SeeEvidence, SetGuard
from executor.sending.journal import Intent, Journal, StillWritten, Trace, everything, read, writer_is_gone
from handrail.keys import Keys
from handrail.local.sources import Infrastructure
from tests.builders import CAMPAIGN, HASH, T0, TENANT
from tests.conftest import MakeDb
from tests.executor_effects.campaigns import Send, addresses, cleared, dispatcher, effect_of, run, run_all, states
from tests.executor_effects.postbox import Postbox

LEAVE = """
UPDATE effect_intent SET state = 'dispatched', attempts = 1, journal = $2, lease = $3,
       first_dispatched_at = clock_timestamp(), leased_until = clock_timestamp() + interval '5 min'
 WHERE campaign_id = $1
"""


async def left_behind(db: Database, send: Send, folder: Path, keys: Keys, box: Postbox) -> UUID:
    """One intent as a process leaves it that dies right after the guard's commit; its journal is `gone.jsonl`."""
    one = dispatcher(db, box.port, folder, keys)
    await db.pool.execute("UPDATE kill_switch SET engaged = true WHERE scope = 'global'")
    async with db.pool.acquire() as conn, conn.transaction():
        await one.sends.begun(conn, send.key, send.task, send.issued.plan)
    await db.pool.execute("UPDATE kill_switch SET engaged = false WHERE scope = 'global'")
    await db.pool.execute(LEAVE, send.key.campaign, "gone.jsonl", uuid4())
    return await effect_of(db, send, send.addresses[0])


def intent(effect: UUID) -> Intent:
    """Of nobody: only its effect counts here."""
    return Intent(
        tenant=TENANT, campaign_id=CAMPAIGN, plan_version=1, step="send", recipient_hash=HASH, recipient_domain="a.b",
        decision_id=effect, grant_id=effect, effect_id=effect, variant="mail.attended", position=0, wave=1, digest=HASH,
        tool="smtp", touched_on=T0.date(), cost=1,
    )  # fmt: skip


def write(folder: Path, *entries: dict[str, str], torn: str = "") -> None:
    text = "".join(json.dumps(entry) + "\n" for entry in entries) + torn
    (folder / "gone.jsonl").write_text(text)


async def test_an_outcome_in_the_journal_counts(db_for: MakeDb, box: Postbox, folder: Path, keys: Keys) -> None:
    db, to = await db_for("executor"), addresses(1)
    send = await cleared(db, to)
    effect = await left_behind(db, send, folder, keys, box)
    journal = Journal(folder, "gone.jsonl")
    journal.begin(intent(effect))
    journal.end(effect, "succeeded", "accepted")
    journal.close()
    await run(dispatcher(db, box.port, folder, keys), send)
    assert send.outcomes() == {to[0]: EffectOutcome.SUCCEEDED}
    assert box.taken == []


@pytest.mark.parametrize(
    ("evidence", "outcome"), [(None, EffectOutcome.UNKNOWN), ("delivered", EffectOutcome.SUCCEEDED)]
)
async def test_begun_and_no_answer_is_unknown_unless_the_world_said_something(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys, evidence: str | None, outcome: EffectOutcome
) -> None:
    db, to = await db_for("executor"), addresses(1)
    send = await cleared(db, to)
    effect = await left_behind(db, send, folder, keys, box)
    write(folder, {"begin": str(effect)})
    if evidence:
        async with db.pool.acquire() as conn:
            await changes.apply(conn, send.key, [SeeEvidence(effect, evidence)])
    one = dispatcher(db, box.port, folder, keys)
    await run(one, send)
    await run(one, send)
    assert send.outcomes() == {to[0]: outcome}
    assert box.taken == []


@pytest.mark.parametrize("torn", ["", '{"begin": "0000'])
async def test_no_line_means_that_it_never_began_and_it_is_sent(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys, torn: str
) -> None:
    db, to = await db_for("executor"), addresses(1)
    send = await cleared(db, to)
    await left_behind(db, send, folder, keys, box)
    write(folder, torn=torn)
    one = dispatcher(db, box.port, folder, keys)
    await run(one, send)
    await db.pool.execute("UPDATE effect_intent SET not_before = NULL")
    await run(one, send)
    assert send.outcomes() == {to[0]: EffectOutcome.SUCCEEDED}
    assert box.count() == {to[0]: 1}


async def test_a_missing_journal_leaves_it_unknown_once_the_lease_is_over(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    db, to = await db_for("executor"), addresses(1)
    send = await cleared(db, to)
    await left_behind(db, send, folder, keys, box)
    one = dispatcher(db, box.port, folder, keys)
    done = await run(one, send)
    assert (done.left_in_wave, send.told) == (1, [])
    assert done.retry_at is not None
    await db.pool.execute("UPDATE effect_intent SET leased_until = clock_timestamp()")
    await run(one, send)
    assert send.outcomes() == {to[0]: EffectOutcome.UNKNOWN}
    assert box.taken == []


async def test_a_process_that_lives_keeps_what_it_has(db_for: MakeDb, box: Postbox, folder: Path, keys: Keys) -> None:
    db, to = await db_for("executor"), addresses(1)
    send = await cleared(db, to)
    await left_behind(db, send, folder, keys, box)
    alive = Journal(folder, "gone.jsonl")
    done = await run(dispatcher(db, box.port, folder, keys), send)
    assert (done.left_in_wave, send.told, box.taken) == (1, [], [])
    alive.close()


async def test_a_halt_forgets_nobody_whom_another_process_has_in_hand(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    """That process may die afterwards, and then nobody else would look again."""
    db, to = await db_for("executor"), addresses(1)
    send = await cleared(db, to)
    await left_behind(db, send, folder, keys, box)
    alive = Journal(folder, "gone.jsonl")
    async with db.pool.acquire() as conn:
        await changes.apply(conn, send.key, [SetGuard(fence=1, halted=True)])
    done = await run(dispatcher(db, box.port, folder, keys), send)
    assert (done.refused, done.unsettled, send.told) == ("halted", 1, [])
    assert done.retry_at is not None
    assert done.retry_at < await db.pool.fetchval("SELECT leased_until FROM effect_intent"), "it may be over sooner"
    alive.close()
    done = await run(dispatcher(db, box.port, folder, keys), send)
    assert (done.refused, done.unsettled) == ("halted", 0)
    assert await states(db, send) == {to[0]: "planned"}, "it never began"


async def test_a_process_that_froze_beyond_its_lease_may_wake_up_so_nothing_is_sent(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    db, to = await db_for("executor"), addresses(1)
    send = await cleared(db, to)
    await left_behind(db, send, folder, keys, box)
    frozen = Journal(folder, "gone.jsonl")
    await db.pool.execute("UPDATE effect_intent SET leased_until = clock_timestamp()")
    await run(dispatcher(db, box.port, folder, keys), send)
    assert send.outcomes() == {to[0]: EffectOutcome.UNKNOWN}
    assert box.taken == []
    frozen.close()


async def test_evidence_that_came_while_an_answer_was_lost_settles_it(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    """The world reports before our own answer is lost: nobody needs to be asked."""
    db, to = await db_for("executor"), addresses(1)
    box.hold.add(to[0])
    box.lose.add(to[0])
    send = await cleared(db, to)
    one = dispatcher(db, box.port, folder, keys)
    running = asyncio.create_task(run(one, send))
    assert await asyncio.to_thread(box.held.acquire, timeout=20)
    effect = await effect_of(db, send, to[0])
    async with db.pool.acquire() as conn:
        await changes.apply(conn, send.key, [SeeEvidence(effect, "delivered")])
    box.release.set()
    await running
    assert send.outcomes() == {to[0]: EffectOutcome.SUCCEEDED}


async def test_evidence_of_another_tenant_or_campaign_counts_for_nothing(
    db_for: MakeDb, box: Postbox, folder: Path, keys: Keys
) -> None:
    db, to = await db_for("executor"), addresses(1)
    send = await cleared(db, to)
    effect = await left_behind(db, send, folder, keys, box)
    other = await cleared(db, addresses(1, "other.example"))
    async with db.pool.acquire() as conn:
        await changes.apply(conn, other.key, [SeeEvidence(effect, "delivered")])
    assert await db.pool.fetchval("SELECT evidence FROM effect_intent WHERE effect_id = $1", effect) is None


def test_a_journal_tells_begun_from_ended_and_gone_from_alive(tmp_path: Path) -> None:
    journal, effects = Journal(tmp_path, "one"), [uuid4(), uuid4()]
    for effect in effects:
        journal.begin(intent(effect))
    journal.end(effects[0], "succeeded", "accepted")
    found = read(tmp_path, "one")
    assert found is not None
    assert [found[effect].trace for effect in effects] == [Trace.ENDED, Trace.BEGUN]
    assert not writer_is_gone(tmp_path, "one")
    journal.close()
    assert writer_is_gone(tmp_path, "one")
    assert read(tmp_path, "two") is None
    assert not writer_is_gone(tmp_path, "two")


def test_two_processes_cannot_share_a_journal(tmp_path: Path) -> None:
    with (tmp_path / "one").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            Journal(tmp_path, "one")


@pytest.mark.parametrize("after", [1, 11])
async def test_a_killed_sender_sends_nothing_twice_and_forgets_nobody(
    servers: Infrastructure, db_for: MakeDb, box: Postbox, folder: Path, keys: Keys, after: int
) -> None:
    """A real process is killed while the server holds its answers; another one goes on."""
    db, to = await db_for("executor"), addresses(30)
    box.hold.update(to[after:])
    send = await cleared(db, to)
    name = await db.pool.fetchval("SELECT current_database()")
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.executor_effects.sender"],
        env=os.environ
        | {
            "SENDER_DSN": servers.postgres.dsn(name),
            "SENDER_SMTP": str(box.port),
            "SENDER_API": "0",
            "SENDER_CRASHES": str(folder),
            "SENDER_FOLDER": str(folder),
            "SENDER_KEYS": str(keys.folder),
            "SENDER_CAMPAIGN": str(send.key.campaign),
            "SENDER_TASK": send.task.model_dump_json(),
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent.parent.parent), *sys.path]),
        },
    )
    for _ in range(4):  # four connections, and each waits for an answer
        assert await asyncio.to_thread(box.held.acquire, timeout=60)
    child.send_signal(signal.SIGKILL)
    child.wait()
    begun = set(box.count())
    assert begun < set(to)
    box.release.set()
    box.hold.clear()
    one = dispatcher(db, box.port, folder, keys)
    for _ in range(3):
        await run_all(one, send)
        await db.pool.execute("UPDATE effect_intent SET not_before = NULL WHERE state = 'planned'")
    assert box.count() == dict.fromkeys(to, 1)
    uncertain = {address for address, state in (await states(db, send)).items() if state == "unknown"}
    assert len(uncertain) == 4
    assert uncertain <= begun
    assert set((await states(db, send)).values()) == {"unknown", "succeeded"}


Episode = tuple[str, ...]


@pytest.mark.parametrize(
    ("files", "outcome"),
    [
        ([("succeeded",)], "succeeded"),
        ([("again", "succeeded")], "succeeded"),
        ([("again",)], "again"),
        ([("again", "failed_definite")], "failed_definite"),
        ([("again", "")], "unknown"),
        ([("",), ("failed_definite",)], "unknown"),
        ([("succeeded",), ("again",)], "succeeded"),
        ([("unknown",), ("again",)], "unknown"),
        ([("again",), ("succeeded",), ("again",)], "succeeded"),
    ],
)
def test_all_journals_together_know_the_worst(tmp_path: Path, files: list[Episode], outcome: str) -> None:
    """Each word is a beginning and how it ended; nothing is a process that was killed."""
    made = intent(uuid4())
    for number, episodes in enumerate(files):
        journal = Journal(tmp_path, f"{number}.jsonl")
        for end in episodes:
            journal.begin(made)
            if end:
                journal.end(made.effect_id, end, "as told")
        journal.close()
    own = Journal(tmp_path, "own.jsonl")
    found = everything(tmp_path, but="own.jsonl")
    assert {effect: (one.outcome, one.intent) for effect, one in found.items()} == {made.effect_id: (outcome, made)}
    with pytest.raises(StillWritten):
        everything(tmp_path, but="")
    own.close()
