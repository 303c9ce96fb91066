"""The executor's database comes back from a backup while mails are under way: nobody gets two, and nothing is unsaid.

The mail server is the judge: it never forgets what it took. Journals and what was said on Kafka survive; the rest is
what `pg_dump` had.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chassis.event_log import headers_of
from chassis.postgres import Database
from chassis.records import Raw, receive
from chassis.recover import CannotRecover
from chassis.tasks import Worker
from contracts.actions import ActionProposed, ActionReconciled, ActionUncertain, EffectsRecorded, Settled
from contracts.event import Event, Fact
from contracts.executor import CampaignHalted, CampaignOutcome, RecipientSuppressed
from contracts.inbound import MailEvent
from executor.app import build
from executor.effects import Dispatch
from executor.sending.journal import Journal
from handrail.local import backups
from handrail.local.sources import Infrastructure
from tests.builders import fact
from tests.conftest import VERIFIER
from tests.executor.builders import grant, report, went_well
from tests.executor.conftest import House, people
from tests.executor.test_doors import ONE, small
from tests.executor.test_service import FAR, _state, plan_with
from tests.executor_effects.campaigns import now
from tests.executor_effects.postbox import Postbox, postbox

RECIPIENTS = 24
PUT_BACK = """
INSERT INTO event_log (event_id, tenant, campaign_id, topic, epoch, sequence, key, shard, headers, value, sent_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::json, $10, now())
"""
UNTOLD = "SELECT count(*) FROM effect_intent WHERE NOT reported AND state NOT IN ('planned', 'abandoned')"
COLUMNS = ("event_id", "tenant", "campaign_id", "topic", "epoch", "sequence", "key", "shard", "headers", "value")


@pytest.fixture
def box() -> Iterator[Postbox]:
    with postbox() as running:
        yield running


@pytest.fixture
def smtp_port(box: Postbox) -> int:
    return box.port


@dataclass
class Disaster:
    """A house whose database is thrown back to `backup`; what Kafka and the journals hold is kept."""

    house: House
    box: Postbox
    dsn: str
    file: Path
    heard: list[Event | Fact[Event]] = field(default_factory=list)

    @property
    def db(self) -> Database:
        return self.house.db  # type: ignore[no-any-return]

    async def hear(self, *events: Event | Fact[Event]) -> None:
        given = [event if isinstance(event, Fact) else fact(event) for event in events]
        self.heard += given
        await self.house.hear(*given)

    async def work(self) -> None:
        """Do all that is due, mails too."""
        worker = Worker(self.db, self.house.parts.fold, self.house.parts.kinds)
        while await worker.work_once():
            await self.db.pool.execute(
                "UPDATE task SET due_at = clock_timestamp() WHERE done_at IS NULL AND due_at > clock_timestamp()"
            )
            await self.db.pool.execute("UPDATE effect_intent SET not_before = NULL WHERE state = 'planned'")
            if not await self._anything_left():
                return

    async def _anything_left(self) -> bool:
        return bool(await self.db.pool.fetchval("SELECT count(*) FROM task WHERE done_at IS NULL"))

    async def backup(self) -> None:
        await asyncio.to_thread(backups.dump, self.dsn, self.file)

    async def restore(self) -> list[Fact[Event]]:
        """Back to the backup, and what we had said since, as Kafka has it."""
        said = [dict(row) for row in await self.db.pool.fetch("SELECT * FROM event_log ORDER BY id")]
        await self.db.pool.expire_connections()
        await asyncio.to_thread(backups.restore, self.dsn, self.file)
        known = {row["event_id"] for row in await self.db.pool.fetch("SELECT event_id FROM event_log")}
        gone = [row for row in said if row["event_id"] not in known]
        await self.db.pool.executemany(PUT_BACK, [tuple(row[name] for name in COLUMNS) for row in gone])
        return [_fact(row) for row in gone]

    async def recover(self, lost: Sequence[Fact[Event]], epoch: int = 1) -> dict[str, int]:
        """As a new process does it: the old one is gone."""
        self.journal().close()
        await build(self.house.parts)
        relearn = self.house.parts.relearn
        assert relearn is not None
        async with self.db.transaction() as tx:
            await tx.conn.execute("UPDATE log_epoch SET epoch = $1", epoch)
            return dict(await relearn(tx, epoch, lost))

    def journal(self) -> Journal:
        dispatcher = self.house.parts.kinds[Dispatch.kind].work.__self__  # type: ignore[union-attr]
        assert isinstance(dispatcher.journal, Journal)
        return dispatcher.journal

    async def listen_again(self) -> None:
        """The group reads everything from the first record on."""
        for event in self.heard:
            await self.house.hear(event)

    async def states(self) -> dict[str, str]:
        """By address; whoever has no intent is not in it."""
        rows = await self.db.pool.fetch(
            "SELECT c.address, i.state FROM effect_intent AS i JOIN contact AS c USING (tenant, recipient_hash)"
            " WHERE i.state <> 'abandoned'"
        )
        assert len(rows) == len({row["address"] for row in rows})
        return {row["address"]: row["state"] for row in rows}


def _fact(row: dict[str, Any]) -> Fact[Event]:
    raw = Raw("cluster", row["topic"], 0, row["id"], row["key"], headers_of(row["headers"]), row["value"])
    found = receive(raw, VERIFIER).fact
    assert found is not None
    return found


@pytest.fixture
async def disaster(house: House, box: Postbox, servers: Infrastructure, tmp_path: Path) -> Disaster:
    name = await house.db.pool.fetchval("SELECT current_database()")
    await house.with_audience(*people(RECIPIENTS))
    return Disaster(house, box, servers.postgres.dsn(name), tmp_path / "backup")


async def planned(one: Disaster) -> None:
    plan = small(RECIPIENTS)
    waves = plan.plan.policy.waves.model_copy(update={"first": 10, "then": 7})
    await one.hear(plan_with(plan, waves=waves))


async def proposed(one: Disaster) -> ActionProposed:
    await planned(one)
    await one.work()
    found: ActionProposed = await one.house.last(ActionProposed)
    return found


async def first_wave(one: Disaster) -> None:
    """Ten mails: of one the server hangs up before it answers, of another the process is killed."""
    proposal: ActionProposed = await one.house.last(ActionProposed)
    one.box.lose.add("p003@stark.example")
    await one.hear(grant(proposal, granted_at=now(), expires_at=FAR))
    await one.work()
    assert len(one.box.taken) == 10


async def second_wave(one: Disaster) -> None:
    await one.hear(went_well(await _state(one.house)))
    await one.work()
    assert len(one.box.taken) == 17


def tear(one: Disaster, effects: int) -> None:
    """The process was killed before it could write down the last answers."""
    journal = one.journal()
    path = journal.folder / journal.name
    lines = path.read_bytes().splitlines(keepends=True)
    ends = [number for number, line in enumerate(lines) if b'"end"' in line][-effects:]
    path.write_bytes(b"".join(line for number, line in enumerate(lines) if number not in ends))


APPROVER = ("campaign_approver", "marketing_lead")
Step = Callable[[Disaster], Awaitable[Any]]


@pytest.mark.parametrize("backup_after", [0, 1, 2, 3], ids=["contacts", "proposal", "first wave", "second wave"])
async def test_nobody_gets_two_mails_and_all_that_left_is_accounted_for(disaster: Disaster, backup_after: int) -> None:
    steps: list[Step] = [proposed, first_wave, second_wave]
    for number, step in enumerate(steps):
        if number == backup_after:
            await disaster.backup()
        await step(disaster)
    if backup_after == len(steps):
        await disaster.backup()
    tear(disaster, 2 if backup_after < 3 else 0)
    taken = disaster.box.count()

    lost = await disaster.restore()
    await disaster.recover(lost)
    await disaster.listen_again()
    await disaster.work()

    assert disaster.box.count() == taken, "nothing leaves by itself after a restore"
    states = await disaster.states()
    assert {address for address, state in states.items() if state in ("succeeded", "unknown")} == set(taken)
    unknown = {address for address, state in states.items() if state == "unknown"}
    assert "p003@stark.example" in unknown
    cases = {event.effect_id for event in await disaster.house.said() if isinstance(event, ActionUncertain)}
    rows = await disaster.db.pool.fetch("SELECT effect_id FROM effect_intent WHERE state = 'unknown'")
    assert {row["effect_id"] for row in rows} <= cases
    assert (
        await disaster.db.pool.fetchval("SELECT count(*) FROM effect_intent WHERE NOT reported AND state <> 'planned'")
        == 0
    )
    assert (await disaster.house.last(CampaignHalted)).because == "recovered"
    touches = await disaster.db.pool.fetchval("SELECT sum(cardinality(days)) FROM touch")
    assert touches == len(taken)

    await _go_on(disaster)
    counts = disaster.box.count()
    assert set(counts.values()) == {1}, "nobody got two"
    assert set(counts) == {f"p{n:03}@stark.example" for n in range(RECIPIENTS)}, "and nobody was forgotten"


async def _go_on(one: Disaster) -> None:
    """People look, release the switch if there is one, and let the campaign go on over who is left."""
    for who in ("ana", "leo"):
        await one.house.ask(
            "PUT", "/v1/kill-switches/tenant", {"engaged": False, "reason": "contacts are back"}, who=who,
            roles=("operator", *APPROVER),
        )  # fmt: skip
    answer = await one.house.ask(
        "POST", f"{ONE}/resume", {"reason": "looked at"}, who="ana", roles=("campaign_approver",)
    )
    assert answer.status_code == 200, answer.text
    await one.work()
    proposal = await one.house.last(ActionProposed)
    await one.house.hear(grant(proposal, granted_at=now(), expires_at=FAR))
    await one.work()
    for _ in range(4):
        await one.house.hear(went_well(await _state(one.house)))
        await one.work()


async def test_a_recovery_that_is_done_again_changes_nothing_more(disaster: Disaster) -> None:
    await proposed(disaster)
    await disaster.backup()
    await first_wave(disaster)
    lost = await disaster.restore()
    await disaster.recover(lost)
    before = await disaster.states()
    said = len(await disaster.house.said())
    await disaster.recover([], epoch=2)
    assert await disaster.states() == before
    again = (await disaster.house.said())[said:]
    assert not [event for event in again if isinstance(event, EffectsRecorded | ActionUncertain)]


async def test_what_was_settled_after_the_backup_is_settled(disaster: Disaster) -> None:
    await proposed(disaster)
    await disaster.backup()
    await first_wave(disaster)
    effect = await disaster.db.pool.fetchval("SELECT effect_id FROM effect_intent WHERE state = 'unknown'")
    await disaster.hear(fact(report(MailEvent.DELIVERED, effect)))
    assert (await disaster.house.last(ActionReconciled)).settled is Settled.APPLIED
    await disaster.recover(await disaster.restore())
    assert set((await disaster.states()).values()) >= {"succeeded"}
    assert "unknown" not in (await disaster.states()).values()


async def test_what_was_settled_before_the_backup_stays_so(disaster: Disaster) -> None:
    """Also where an answer had been lost once."""
    await proposed(disaster)
    await first_wave(disaster)
    await disaster.db.pool.execute("UPDATE effect_intent SET lost_at = clock_timestamp() WHERE state = 'succeeded'")
    before = await disaster.states()
    await disaster.backup()
    await disaster.recover(await disaster.restore())
    assert await disaster.states() == before


async def test_what_reduced_risk_after_the_backup_holds_again(disaster: Disaster) -> None:
    await proposed(disaster)
    await disaster.backup()
    person = await disaster.db.pool.fetchval("SELECT recipient_hash FROM contact ORDER BY address LIMIT 1")
    await disaster.house.hear(fact(report(MailEvent.COMPLAINED, recipient=person)))
    assert await disaster.house.last(RecipientSuppressed)
    await disaster.house.ask(
        "PUT", "/v1/kill-switches/tenant", {"engaged": True, "reason": "stop"}, roles=("operator",)
    )
    await disaster.house.ask("POST", f"{ONE}/cancel", {"reason": "withdrawn"})
    await disaster.recover(await disaster.restore())
    assert await disaster.db.pool.fetchval("SELECT reason FROM suppression WHERE recipient_hash = $1", person)
    assert await disaster.db.pool.fetchval("SELECT engaged FROM kill_switch WHERE scope = 'tenant:demo'")
    assert (await _state(disaster.house)).finished is CampaignOutcome.CANCELLED


async def test_contacts_that_came_after_the_backup_stop_the_tenant_until_they_are_back(disaster: Disaster) -> None:
    """Addresses are nowhere else: consent that was withdrawn with that list is not known any more."""
    await proposed(disaster)
    await disaster.backup()
    await disaster.house.with_audience(*people(RECIPIENTS, first_name="Bela"))
    done = await disaster.recover(await disaster.restore())
    assert done["contacts_missing"] == 1
    switch = await disaster.db.pool.fetchrow("SELECT engaged, reason FROM kill_switch WHERE scope = $1", "tenant:demo")
    assert switch is not None and switch["engaged"] and "import webinar-registrants again" in switch["reason"]


async def test_without_its_journals_nothing_is_recovered(disaster: Disaster) -> None:
    await proposed(disaster)
    await disaster.backup()
    await first_wave(disaster)
    lost = await disaster.restore()
    for path in disaster.journal().folder.glob("*.jsonl"):
        path.unlink()  # a disk of its own, and lost as well
    with pytest.raises(CannotRecover, match="bring the journals back first"):
        await disaster.recover(lost)


async def test_an_executor_that_still_sends_is_in_the_way(disaster: Disaster, tmp_path: Path) -> None:
    await proposed(disaster)
    await disaster.backup()
    alive = Journal(disaster.journal().folder, "executor-7.jsonl")
    with pytest.raises(CannotRecover, match="stop every executor first"):
        await disaster.recover(await disaster.restore())
    alive.close()
