"""Only escalation's word over exactly what was proposed lets anything happen, and every other word leaves a trace."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from uuid import uuid4

import pytest
import pytest_asyncio

from chassis import plans
from chassis.connection import Conn
from chassis.consumer import Consumer
from chassis.decision import Key
from chassis.fold import Fold
from chassis.postgres import Database
from chassis.records import Raw
from chassis.signatures import Signer
from contracts.actions import ActionProposed
from contracts.codec import encode
from contracts.escalation import ApprovalGiven, ClearanceRevoked, HoldPlaced, HoldReleased
from contracts.event import CampaignId, Event
from contracts.executor import CampaignOutcome
from executor import store
from executor.domain.decide import decide
from executor.domain.state import Campaign
from executor.effects import Dispatch, Shared
from executor.metrics import DECISIONS
from executor.sending.refusal import Refused
from executor.sending.sends import Sends
from tests.builders import TENANT, fact
from tests.conftest import KEY, SIGNER, VERIFIER, MakeDb
from tests.executor.builders import Story, denial
from tests.executor_effects import grants
from tests.executor_effects.campaigns import SENDER, VERB, Send, addresses, cleared
from tests.executor_effects.grants import Forgery, Record, genuine

pytestmark = pytest.mark.proof

_KEPT = """
SELECT (SELECT count(*) FROM approval_grant WHERE campaign_id = $1) AS grants,
       (SELECT count(*) FROM effect_intent WHERE campaign_id = $1) AS intents,
       (SELECT count(*) FROM task WHERE campaign_id = $1 AND kind = 'dispatch') AS dispatches,
       (SELECT count(*) FROM dead_letter) AS dead,
       (SELECT count(*) FROM waiting WHERE campaign_id = $1) AS waiting,
       (SELECT count(*) FROM event_log WHERE campaign_id = $1 AND value LIKE '%because%'::bytea) AS refusals
"""


@dataclass
class Desk:
    """The executor's fold over its own database; every campaign has one proposal that waits for a ruling."""

    db: Database
    fold: Fold[Campaign, Shared]
    offset: int = 0

    async def campaign(self) -> tuple[CampaignId, ActionProposed]:
        story, campaign = Story(), CampaignId(uuid4())
        proposal = story.proposed()
        async with self.db.transaction() as tx:
            key = Key(TENANT, campaign)
            await tx.lock([key])
            await store.STATES.save(tx.conn, {key: story.campaign})
            await plans.save(tx.conn, key, story.issued)
        return campaign, proposal

    async def hear(self, record: Record, campaign: CampaignId) -> None:
        self.offset += 1
        raw = Raw("c", record.topic, 0, self.offset, str(campaign).encode(), record.headers, record.value)
        await Consumer(self.db, "executor", self.fold, VERIFIER, "c").apply([raw])

    async def say(self, event: Event, campaign: CampaignId) -> None:
        """What another service says in between, signed where it must be."""
        headers, value = encode(fact(event, campaign, source="/services/escalation"))
        await self.hear(Record(event.topic, tuple(SIGNER.sign(headers, value)), value), campaign)

    async def kept(self, campaign: CampaignId) -> dict[str, int]:
        row = await self.db.pool.fetchrow(_KEPT, campaign)
        assert row is not None
        return dict(row)

    async def state(self, campaign: CampaignId) -> Campaign:
        async with self.db.pool.acquire() as conn:
            found = await store.state_of(conn, Key(TENANT, campaign))
        assert found is not None
        return found


@pytest_asyncio.fixture
async def desk(db_for: MakeDb) -> Desk:
    db = await db_for("executor")
    return Desk(db, Fold(decide, store.load, store.save, None, DECISIONS, keeps_plans=True, verifier=VERIFIER))


async def refused(desk: Desk, forgery: Forgery) -> str:
    """Empty where the forged grant did nothing and left a trace; else what it did."""
    campaign, proposal = await desk.campaign()
    before = (await desk.kept(campaign))["dead"]
    await desk.hear(forgery.make(proposal, campaign), campaign)
    kept = await desk.kept(campaign)
    did = {name: kept[name] for name in ("grants", "intents", "dispatches") if kept[name]}
    traces = kept["dead"] - before + kept["waiting"] + kept["refusals"]
    pending = (await desk.state(campaign)).proposals[proposal.decision_id].state == "pending"
    await desk.db.pool.execute("DELETE FROM dead_letter")  # it parks its campaign, and this one is done
    return "" if not did and traces and pending else f"{forgery.name}: did {did}, traces {traces}, pending {pending}"


GROUPS: dict[str, Callable[[], Iterator[Forgery]]] = {
    "attributes": grants.attributes, "signatures": grants.signatures, "values": grants.values,
    "mismatches": grants.mismatches, "places": grants.places,
}  # fmt: skip


@pytest.mark.parametrize("group", GROUPS)
async def test_no_forged_grant_is_taken_and_each_leaves_a_trace(desk: Desk, group: str) -> None:
    wrong = [said for forgery in GROUPS[group]() if (said := await refused(desk, forgery))]
    assert wrong == []


def test_there_are_more_than_two_hundred_kinds_and_no_two_are_the_same() -> None:
    names = [forgery.name for forgery in grants.every()]
    assert len(names) == len(set(names)) >= 200


async def test_the_genuine_one_is_taken_once_in_whatever_order_its_headers_come(desk: Desk) -> None:
    campaign, proposal = await desk.campaign()
    record = genuine(proposal, campaign)
    for headers in (record.headers[::-1], record.headers, record.headers[5:] + record.headers[:5]):
        await desk.hear(Record(record.topic, tuple(headers), record.value), campaign)
    kept = await desk.kept(campaign)
    assert (kept["grants"], kept["dispatches"], kept["refusals"]) == (1, 1, 0)


async def _taken(desk: Desk, campaign: CampaignId, proposal: ActionProposed) -> None:
    await desk.hear(genuine(proposal, campaign), campaign)


async def _denied(desk: Desk, campaign: CampaignId, proposal: ActionProposed) -> None:
    await desk.say(denial(proposal, "refused"), campaign)


async def _over(desk: Desk, campaign: CampaignId, proposal: ActionProposed) -> None:
    state = await desk.state(campaign)
    async with desk.db.transaction() as tx:
        await tx.lock([Key(TENANT, campaign)])
        over = replace(state, finished=CampaignOutcome.CANCELLED)
        await store.STATES.save(tx.conn, {Key(TENANT, campaign): over})


@pytest.mark.parametrize("happened", [_taken, _denied, _over], ids=["used", "denied", "over"])
async def test_a_grant_that_was_good_once_is_refused(
    desk: Desk, happened: Callable[[Desk, CampaignId, ActionProposed], object]
) -> None:
    campaign, proposal = await desk.campaign()
    await happened(desk, campaign, proposal)  # type: ignore[misc]
    before = await desk.kept(campaign)
    await desk.hear(genuine(proposal, campaign, grant_id=uuid4()), campaign)
    after = await desk.kept(campaign)
    assert after["grants"] == before["grants"]
    assert after["dispatches"] == before["dispatches"]
    assert after["refusals"] == before["refusals"] + 1


@pytest.mark.parametrize("signed", [None, "audit-1", "escalation-2"])
@pytest.mark.parametrize("name", ["a revocation", "a release", "a word on a lost answer"])
async def test_other_words_of_escalation_are_believed_for_their_signature_only(
    desk: Desk, name: str, signed: str | None
) -> None:
    campaign, proposal = await desk.campaign()
    await desk.say(HoldPlaced(because="plan_missing", decision_id=None, until=None), campaign)
    headers, value = encode(fact(_word(name, proposal), campaign, source="/services/escalation"))
    if signed:
        headers = Signer(signed, KEY).sign(headers, value)
    await desk.hear(Record(_word(name, proposal).topic, tuple(headers), value), campaign)
    assert (await desk.state(campaign)).holds == ("plan_missing",)
    assert await desk.db.pool.fetchval("SELECT halted FROM campaign_guard WHERE campaign_id = $1", campaign)
    assert (await desk.kept(campaign))["refusals"] == 1


async def test_a_signed_release_is_believed(desk: Desk) -> None:
    campaign, _ = await desk.campaign()
    await desk.say(HoldPlaced(because="plan_missing", decision_id=None, until=None), campaign)
    await desk.say(HoldReleased(because="plan_missing", decision_id=None), campaign)
    assert (await desk.state(campaign)).holds == ()


def _word(name: str, proposal: ActionProposed) -> Event:
    by = grants.by_rule()
    words: dict[str, Event] = {
        "a revocation": ClearanceRevoked(
            grant_id=uuid4(), decision_id=proposal.decision_id, plan_version=1, by=by, because="no"
        ),
        "a release": HoldReleased(because="plan_missing", decision_id=None),
        "a word on a lost answer": ApprovalGiven(
            case_id=uuid4(), decision_id=uuid4(), content_hash="0" * 64, approver=by, reason=None
        ),
    }
    return words[name]


STORED = {
    "another decision": f"UPDATE approval_grant SET decision_id = '{uuid4()}'",
    "another campaign": f"UPDATE approval_grant SET campaign_id = '{uuid4()}'",
    "another tenant": "UPDATE approval_grant SET tenant = 'another'",
    "another id": f"UPDATE approval_grant SET grant_id = '{uuid4()}'",
    "a longer life": "UPDATE approval_grant SET expires_at = expires_at + interval '1 day'",
    "an earlier birth": "UPDATE approval_grant SET granted_at = granted_at - interval '1 day'",
    "another content": "UPDATE approval_grant SET content_hash = repeat('ab', 32)",
    "another snapshot": "UPDATE approval_grant SET snapshot_hash = repeat('ab', 32)",
    "another value": "UPDATE approval_grant SET value = value || ' '::bytea",
    "no value": "UPDATE approval_grant SET value = ''",
    "another's value": "UPDATE approval_grant SET value = replace(encode(value, 'escape'), 'ana', 'eve')::bytea",
    "no headers": "UPDATE approval_grant SET headers = '{}'",
    "a header less": "UPDATE approval_grant SET headers = headers[3:]",
    "no signature": "UPDATE approval_grant SET headers = headers[:array_length(headers, 1) - 2]",
    "another signature": (
        "UPDATE approval_grant SET headers[array_length(headers, 1)] = convert_to(repeat('00', 64), 'UTF8')"
    ),
    "another key's name": (
        "UPDATE approval_grant SET headers[array_length(headers, 1) - 2] = convert_to('audit-1', 'UTF8')"
    ),
    "a mail more": (
        "INSERT INTO snapshot SELECT tenant, campaign_id, snapshot_hash, 99, repeat('ef', 32) FROM snapshot LIMIT 1; "
        "INSERT INTO mail SELECT (jsonb_populate_record(mail, jsonb_build_object("
        "'position', 99, 'recipient_hash', repeat('ef', 32)))).* FROM mail WHERE position = 0"
    ),
    "a mail less": "DELETE FROM snapshot WHERE position = 0",
    "another subject": "UPDATE mail SET subject = subject || '!' WHERE position = 0",
    "another text": "UPDATE mail SET body_text = body_text || '.' WHERE position = 1",
    "other HTML": "UPDATE mail SET body_html = body_html || '<p>' WHERE position = 1",
    "two mails swapped": (
        "UPDATE mail SET subject = other.subject FROM mail AS other "
        "WHERE mail.position = 0 AND other.position = 1 AND mail.campaign_id = other.campaign_id"
    ),
}


@pytest.mark.parametrize("statement", STORED.values(), ids=STORED)
async def test_a_stored_grant_that_was_touched_sends_nothing(db_for: MakeDb, statement: str) -> None:
    db = await db_for("executor")
    send = await cleared(db, addresses(4))
    async with db.pool.acquire() as conn:
        await conn.execute(statement)
        with pytest.raises(Refused):
            async with conn.transaction():
                await begun(conn, send)
        assert await conn.fetchval("SELECT count(*) FROM effect_intent") == 0


async def test_an_untouched_one_begins(db_for: MakeDb) -> None:
    db = await db_for("executor")
    send = await cleared(db, addresses(4))
    async with db.pool.acquire() as conn, conn.transaction():
        await begun(conn, send)
        assert await conn.fetchval("SELECT count(*) FROM effect_intent") == 4


async def begun(conn: Conn, send: Send) -> None:
    assert isinstance(send.task, Dispatch)
    await Sends(SENDER, VERB, VERIFIER).begun(conn, send.key, send.task, send.issued.plan)
