"""What a polled batch may do to a database: exactly what each of its good records means, once."""

import asyncio
import gc
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

import pytest

from chassis import dead_letters
from chassis.attempts import Attempts
from chassis.connection import Conn
from chassis.consumer import FAILING_IN_A_ROW, Consumer, EverythingFails
from chassis.decision import Decision, Key, Loaded, Message
from chassis.fold import Fold
from chassis.postgres import Database
from chassis.records import Raw
from chassis.redrive import redrive
from contracts.event import CampaignId, Event, Fact
from contracts.executor import StepCompleted
from contracts.inbound import MailEvent, RecipientEventReported
from contracts.monitor import TriggerCleared
from tests.builders import CAMPAIGN, HASH, TENANT, fact, plan_issued, record
from tests.chassis.counting import STATES, Tally, decide, fold, load
from tests.conftest import VERIFIER, MakeDb

OTHER = CampaignId(uuid4())


def step(name: str = "draft", campaign: CampaignId = CAMPAIGN) -> Fact[Event]:
    return fact(StepCompleted(plan_version=1, step=name, verified="by hand"), campaign)


def consumer(db: Database, applier: Fold[Tally, None] | None = None) -> Consumer:
    return Consumer(db, "counting", applier or fold(verifier=VERIFIER), VERIFIER)


def records(*facts: Fact[Event] | bytes, start: int = 0) -> list[Raw]:
    return [record(one, start + n) for n, one in enumerate(facts)]


async def tally(db: Database, campaign: CampaignId = CAMPAIGN) -> Tally:
    async with db.pool.acquire() as conn:
        return (await STATES.load(conn, [Key(TENANT, campaign)])).get(Key(TENANT, campaign), Tally())


async def said(db: Database) -> int:
    return int(await db.pool.fetchval("SELECT count(*) FROM event_log"))


async def kept(db: Database) -> list[str]:
    return [row["kind"] for row in await db.pool.fetch("SELECT kind FROM dead_letter ORDER BY id")]


async def test_a_batch_read_again_changes_nothing(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    batch = records(step("one"), step("two"))
    for _ in range(2):
        await consumer(db).apply(batch)
    assert (await tally(db)).order == ("one", "two")
    assert await said(db) == 2


async def test_a_figure_that_cannot_be_counted_undoes_nothing_and_holds_nothing_up(db_for: MakeDb) -> None:
    def observe(*_: object) -> None:
        raise RuntimeError("a label that nobody knows")

    db = await db_for("chassis")
    await consumer(db, replace(fold(verifier=VERIFIER), observe=observe)).apply(records(step("one"), step("two")))
    assert (await tally(db)).order == ("one", "two")
    assert db.committed.is_set()  # the relay is woken: nobody else would say that there is something to send


async def test_nothing_of_a_batch_waits_for_the_garbage_collector(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    reader = consumer(db)
    await reader.apply(records(step("first")))
    gc.collect()
    gc.disable()
    try:
        await reader.apply(records(*(step(str(n)) for n in range(200)), start=1))
        assert gc.collect() < 200
    finally:
        gc.enable()


async def test_a_campaign_whose_row_was_not_kept_is_inserted_and_locked_the_next_time(db_for: MakeDb) -> None:
    db, key = await db_for("chassis"), Key(TENANT, CAMPAIGN)
    with pytest.raises(ZeroDivisionError):
        async with db.transaction() as tx:
            await tx.lock([key])
            raise ZeroDivisionError
    for _ in range(2):
        async with db.transaction() as tx:
            await tx.lock([key])
        assert await db.pool.fetchval("SELECT count(*) FROM campaign") == 1
        await db.pool.execute("DELETE FROM campaign")  # another database stands in the old one's place


async def test_the_same_fact_twice_in_one_batch_counts_once(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    same = step()
    await consumer(db).apply(records(same, same))
    assert (await tally(db)).count == 1


async def test_sequences_count_per_topic_and_campaign_without_a_gap(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step(), step("b", OTHER), step("c")))
    await consumer(db).apply(records(step("d"), start=3))
    rows = await db.pool.fetch("SELECT sequence FROM event_log WHERE campaign_id = $1 ORDER BY id", CAMPAIGN)
    assert [row["sequence"] for row in rows] == [1, 2, 3]


async def test_each_topic_counts_for_itself(db_for: MakeDb) -> None:
    """A reader of one topic would take the numbers of another for a gap."""
    db = await db_for("chassis")
    step_done = StepCompleted(plan_version=1, step="a", verified="by hand")
    cleared = TriggerCleared(plan_version=1, rule="a", fired=CAMPAIGN, finding="a")
    async with db.transaction() as tx:
        await tx.look()
        tx.publish(fact(step_done, CAMPAIGN).meta, [step_done, cleared, step_done])
    rows = await db.pool.fetch("SELECT topic, sequence FROM event_log ORDER BY id")
    assert [(row["topic"], row["sequence"]) for row in rows] == [
        (step_done.topic, 1), (cleared.topic, 1), (step_done.topic, 2),
    ]  # fmt: skip


async def test_what_a_restored_database_would_say_again_takes_no_number(db_for: MakeDb) -> None:
    """It is put back from Kafka, and then decided again: a number that nobody gets is a gap to every reader."""
    db = await db_for("chassis")
    cleared = TriggerCleared(plan_version=1, rule="a", fired=CAMPAIGN, finding="a")
    before, after = step("before"), step("after")
    for epoch, causes in enumerate(([before], [before, after], [before, after])):
        await db.pool.execute("UPDATE log_epoch SET epoch = $1", epoch)
        async with db.transaction() as tx:
            await tx.look()
            for cause in causes:
                tx.publish(cause.meta, [cleared])
    rows = await db.pool.fetch("SELECT epoch, sequence FROM event_log ORDER BY id")
    assert [tuple(row) for row in rows] == [(0, 1), (1, 1)]
    assert [tuple(row) for row in await db.pool.fetch("SELECT epoch, last FROM stream")] == [(0, 1), (1, 1)]


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        ([("ce_specversion", b"1.0"), ("ce_type", b"who.knows")], b"{broken \xff"),
        ([("ce_type", b"a\x00b")], b"\x00\x01"),
        ([("ce_type", None)], b"{}"),
        ([], b""),
        ([("ce_id\udcff", b"\xff")], b"x" * 300_000),
        ([("handrail-unreadable-batch", b"its checksum does not hold")], b"\x00" * 61),
    ],
)
async def test_an_undecodable_record_is_kept_byte_for_byte_and_the_rest_flows(
    db_for: MakeDb, headers: list[tuple[str, bytes]], value: bytes
) -> None:
    db = await db_for("chassis")
    await consumer(db).apply([record(value, 0, headers=headers), record(step("good", OTHER), 1)])
    async with db.pool.acquire() as conn:
        found = await dead_letters.show(conn, 1)
    assert found is not None
    assert (found[1].value, list(found[1].headers)) == (value, headers)
    assert (await tally(db, OTHER)).order == ("good",)


async def test_a_failing_event_holds_back_its_own_campaign_only(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("poison"), step("after"), step("free", OTHER)))
    assert await kept(db) == ["failing", "behind"]
    assert (await tally(db)).count == 0
    assert (await tally(db, OTHER)).order == ("free",)


async def test_what_waited_behind_a_dead_letter_is_applied_in_order_once_the_bug_is_mended(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("poison"), step("second"), step("third")))

    def mended(loaded: Loaded[Tally, None], message: Message, policy: object, now: datetime) -> Decision[Tally, None]:
        body = message.body
        if isinstance(body, StepCompleted) and body.step == "poison":
            message = replace(message, body=body.model_copy(update={"step": "mended"}))
        return decide(loaded, message, policy, now)

    done = await redrive(db, fold(verifier=VERIFIER, decide=mended), VERIFIER, 1)
    assert (done.applied, done.failed) == (3, None)
    assert (await tally(db)).order == ("mended", "second", "third")
    assert await kept(db) == []
    await consumer(db).apply(records(step("poison"), step("second"), step("third"))[1:2])
    assert (await tally(db)).count == 4  # a new fact: the campaign flows again


async def test_a_redrive_that_fails_keeps_everything(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    await consumer(db).apply(records(step("poison"), step("second")))
    done = await redrive(db, fold(verifier=VERIFIER), VERIFIER, 1)
    assert done.applied == 0
    assert done.failed == "ValueError('a deterministic bug')"
    assert await kept(db) == ["failing", "behind"]


async def test_a_bad_record_of_an_outsider_parks_nothing(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    bad = Raw("c", RecipientEventReported.topic, 0, 0, f"{CAMPAIGN}:{HASH}".encode(), [("ce_tenant", b"demo")], b"{}")
    await consumer(db).apply([bad])
    await consumer(db).apply(records(step("after")))
    assert (await tally(db)).order == ("after",)
    assert await kept(db) == ["undecodable"]


async def test_an_undecodable_record_of_our_own_parks_its_campaign(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    bad = Raw("cluster", StepCompleted.topic, 0, 1, str(CAMPAIGN).encode(), [("ce_tenant", b"demo")], b"{}")
    batch = [record(step("before")), bad, record(step("after"), 2), record(step("free", OTHER), 3)]
    await consumer(db).apply(batch)
    assert await kept(db) == ["undecodable", "behind"]
    assert (await tally(db)).order == ("before",)
    assert (await tally(db, OTHER)).order == ("free",)


@pytest.mark.parametrize("tenant", [b"a\x00b", b"\xff", b"x" * 5000, None])
async def test_an_undecodable_record_whose_tenant_cannot_be_one_parks_nothing(
    db_for: MakeDb, tenant: bytes | None
) -> None:
    db = await db_for("chassis")
    await consumer(db).apply([record(b"{}", headers=[("ce_tenant", tenant)]), record(step("after"), 1)])
    assert await kept(db) == ["undecodable"]
    assert (await tally(db)).order == ("after",)


async def test_everything_failing_stops_the_consumer_instead_of_burying_it_all(db_for: MakeDb) -> None:
    db = await db_for("chassis")

    def broken(*_: object) -> None:
        raise RuntimeError("a bad release")

    bad = [record(step("x", CampaignId(uuid4())), n) for n in range(FAILING_IN_A_ROW + 3)]
    with pytest.raises(EverythingFails):
        await _quick(consumer(db, fold(decide=broken)), bad)
    assert len(await kept(db)) == FAILING_IN_A_ROW


async def _quick(reader: Consumer, batch: list[Raw]) -> None:
    """Attempts were already used up, as after so many restarts: nothing here waits."""
    for raw in batch:
        for _ in range(5):
            await Attempts(reader.db).count(raw)
    await reader.apply(batch)


@pytest.mark.parametrize("known", [0, 1])
async def test_two_replicas_that_meet_a_campaign_at_once_count_every_step(db_for: MakeDb, known: int) -> None:
    """A campaign that is new is locked by its insertion too; one that is known by its lock alone."""
    db = await db_for("chassis")
    campaigns = [CampaignId(uuid4()) for _ in range(40)]
    if known:
        await consumer(db).apply([record(step("before", campaign), n) for n, campaign in enumerate(campaigns)])
    one = [record(step("one", campaign), 100 + n) for n, campaign in enumerate(campaigns)]
    two = [record(step("two", campaign), 200 + n) for n, campaign in enumerate(reversed(campaigns))]
    loaded, both = 0, asyncio.Event()

    async def meet(conn: Conn, messages: Sequence[Message]) -> dict[Key, Loaded[Tally, None]]:
        """Read, and save nothing until the other one has read too; one that is kept out is not waited for long."""
        nonlocal loaded
        found = await load(conn, messages)
        loaded += 1
        if loaded == 2:
            both.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(both.wait(), 0.5)
        return found

    applier = fold(verifier=VERIFIER, load=meet)
    await asyncio.gather(consumer(db, applier).apply(one), consumer(db, applier).apply(two))
    assert [(await tally(db, campaign)).count for campaign in campaigns] == [2 + known] * 40


async def test_a_message_that_names_an_unknown_plan_waits_for_it(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    reader = consumer(db, fold(verifier=VERIFIER, keeps_plans=True))
    await reader.apply(records(step("early"), step("earlier")))
    assert (await tally(db)).order == ()
    await reader.apply(records(fact(plan_issued()), step("late"), start=2))
    assert (await tally(db)).order == ("early", "earlier", "late")
    assert await db.pool.fetchval("SELECT count(*) FROM waiting") == 0


async def test_a_message_and_its_plan_in_one_batch_fold_in_the_order_plan_first(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    reader = consumer(db, fold(verifier=VERIFIER, keeps_plans=True))
    await reader.apply(records(step("early"), fact(plan_issued()), step("late")))
    assert (await tally(db)).order == ("early", "late")


async def test_a_caused_event_has_the_same_id_whenever_it_is_made(db_for: MakeDb) -> None:
    cause = step()
    ids = []
    for _ in range(2):
        db = await db_for("chassis")
        await consumer(db).apply(records(cause))
        ids.append(await db.pool.fetchval("SELECT event_id FROM event_log"))
    assert ids[0] == ids[1] == cause.meta.effect_id(TriggerCleared)


def test_a_reported_mail_event_is_keyed_by_campaign_and_recipient() -> None:
    event = RecipientEventReported(
        kind=MailEvent.CLICKED, recipient_hash=HASH, recipient_domain="a.example", effect_id=uuid4(), machine=False,
        provider="sendgrid",
    )  # fmt: skip
    assert event.key(fact(event).meta) == f"{CAMPAIGN}:{HASH}".encode()
