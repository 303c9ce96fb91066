"""From a plan on Kafka to a proposal, and from a halt to its options, on a real database."""

from dataclasses import replace
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest

from chassis.consumer import Consumer
from chassis.tasks import Leased, Worker
from contracts.actions import ActionProposed, ActionReconciled, ActionRefused
from contracts.event import CampaignId, Fact, Meta, Tenant
from contracts.executor import (
    CampaignHalted,
    CampaignLaunched,
    CampaignResumed,
    RecipientSuppressed,
    StepFailed,
    WorkBegun,
)
from contracts.inbound import MailEvent
from contracts.monitor import Evidence
from contracts.plan import Response, Trigger
from executor import store
from executor.effects import Dispatch
from executor.preparing.drafts import RenderMails
from tests.builders import TENANT, at, fact, meta, policy
from tests.conftest import VERIFIER
from tests.executor.builders import BAD, fired, grant, report
from tests.executor.conftest import HERE, House, people
from tests.executor.test_doors import ONE, proposed, small
from tests.executor.test_drafts import framed


async def mails(house: House) -> list[Any]:
    return list(
        await house.db.pool.fetch("SELECT recipient_hash, subject, body_text, body_html, digest, position FROM mail")
    )


async def by_hand(house: House, recipients: set[str]) -> str:
    """The snapshot's hash as a judge computes it from the mails."""
    parts: list[str] = []
    for one in sorted(await mails(house), key=lambda row: row["recipient_hash"]):
        if one["recipient_hash"] in recipients:
            text = framed(one["subject"], one["body_text"], one["body_html"])
            parts += [one["recipient_hash"], sha256(text).hexdigest()]
    return sha256(framed(*parts)).hexdigest()


async def snapshot_of(house: House, proposal: ActionProposed) -> str:
    found = await house.ask("GET", f"{ONE}/previews/{proposal.action.content_hash}")
    return str(found.json()["snapshot_hash"])


async def test_a_plan_becomes_a_proposal_over_everybody_with_consent(house: House) -> None:
    await house.with_audience(*people(30), *(p.replace("yes", "no").replace("p0", "q0") for p in people(6)))
    await house.hear(small(36))
    await house.work()
    proposal = await house.last(ActionProposed)
    assert proposal.recipients == 30
    kept = await mails(house)
    assert len(kept) == 30
    assert await snapshot_of(house, proposal) == await by_hand(house, {one["recipient_hash"] for one in kept})


async def test_a_plan_that_comes_again_changes_nothing(house: House) -> None:
    await house.with_audience(*people(4))
    same = fact(small(4))
    for _ in range(3):
        await house.hear(same)
        await house.work()
    assert len([event for event in await house.said() if isinstance(event, WorkBegun)]) == 1
    assert len([event for event in await house.said() if isinstance(event, ActionProposed)]) == 1


async def test_who_is_suppressed_gets_no_mail_rendered(house: House) -> None:
    await house.with_audience(*people(4))
    person = await house.db.pool.fetchval("SELECT recipient_hash FROM contact WHERE address LIKE 'p001%'")
    await house.hear(fact(report(MailEvent.COMPLAINED, recipient=person)))
    assert (await house.last(RecipientSuppressed)).recipient_hash == person
    await house.hear(small(4))
    await house.work()
    assert (await house.last(ActionProposed)).recipients == 3
    assert person not in {one["recipient_hash"] for one in await mails(house)}


async def test_nobody_reports_for_a_tenant_that_is_unknown_here(house: House) -> None:
    await house.hear(fact(report(MailEvent.COMPLAINED), tenant=Tenant("other")))
    assert await house.said() == []
    assert await house.db.pool.fetchval("SELECT count(*) FROM suppression") == 0
    assert await house.db.pool.fetchval("SELECT reason FROM dead_letter") == "the tenant 'other' is unknown here"


async def test_an_audience_nobody_uploaded_is_a_failed_step_that_says_what_to_do(house: House) -> None:
    await house.hear(small(4))
    for _ in range(8):
        await house.work()
        await house.db.pool.execute("UPDATE task SET due_at = clock_timestamp() WHERE done_at IS NULL")
    failed = await house.last(StepFailed)
    assert failed.step == "render"
    assert "PUT /v1/audiences/webinar-registrants" in failed.because


async def test_what_was_rendered_once_stays(house: House) -> None:
    """The worker dies after rendering, a new list with another name comes in, the task is done again."""
    await house.with_audience(*people(4))
    await house.hear(small(4))
    kind = house.parts.kinds[RenderMails.kind]
    assert kind.work is not None
    await house.db.pool.execute("UPDATE task SET done_at = NULL WHERE kind = 'render'")
    await _until_render(house)
    leased = _leased()
    await kind.work(leased)
    await house.with_audience(*people(4, first_name="Bela"))
    await kind.work(leased)
    kept = await mails(house)
    snapshot = await by_hand(house, {one["recipient_hash"] for one in kept})
    hashes = [row["snapshot_hash"] for row in await house.db.pool.fetch("SELECT DISTINCT snapshot_hash FROM snapshot")]
    assert hashes == [snapshot]


async def _until_render(house: House) -> None:
    """Work until only rendering is due."""
    worker = Worker(house.db, house.parts.fold, house.parts.kinds)
    while await house.db.pool.fetchval("SELECT count(*) FROM task WHERE kind <> 'render' AND done_at IS NULL"):
        await worker.work_once()


def _leased() -> Any:
    return Leased(uuid4(), uuid4(), meta(), RenderMails(plan_version=1), 1)


async def launched(house: House, recipients: int = 40, bad: int = 8) -> ActionProposed:
    """Approved, with its intents planned and the first wave of 20 on its way."""
    await house.with_audience(*people(recipients, bad))
    plan = small(recipients)
    waves = plan.plan.policy.waves.model_copy(update={"first": 20, "then": 10})
    await house.hear(plan_with(plan, waves=waves))
    await house.work()
    proposal: ActionProposed = await house.last(ActionProposed)
    await house.hear(grant(proposal, expires_at=FAR))
    assert await house.last(CampaignLaunched)
    return proposal


def plan_with(issued: Any, **changes: Any) -> Any:
    frozen = policy(**changes)
    plan = issued.plan.model_copy(update={"policy": frozen, "policy_hash": frozen.hash})
    return issued.model_copy(update={"plan": plan, "plan_hash": plan.hash})


FAR = "2099-01-01T00:00:00Z"


async def plan_intents(house: House, proposal: ActionProposed, settled: int = 20) -> None:
    """The first run of the dispatcher, without its mails: intents are planned, the first `settled` succeeded."""
    dispatcher = house.parts.kinds[Dispatch.kind].work.__self__  # type: ignore[union-attr]
    task = Dispatch(
        decision_id=proposal.decision_id, grant_id=grant(proposal).grant_id, plan_version=1, wave=1, fence=0
    )
    plan = await dispatcher.plan(HERE, 1)
    async with house.db.pool.acquire() as conn, conn.transaction():
        await dispatcher.sends.begun(conn, HERE, task, plan)
        await conn.execute(
            "UPDATE effect_intent SET state = 'succeeded', reported = true, first_dispatched_at = clock_timestamp()"
            " WHERE position < $1", settled
        )  # fmt: skip


async def halted(house: House) -> Fact[Any]:
    state = await _state(house)
    evidence = (Evidence(dimension="domain", value=BAD, count=5, of=5),)
    trigger = fact(
        fired(state, trigger=Trigger.HARD_BOUNCES, rule="bounces", response=Response.PAUSE, evidence=evidence)
    )
    await house.hear(trigger)
    await house.work()
    return trigger


async def _state(house: House) -> Any:
    async with house.db.pool.acquire() as conn:
        return await store.state_of(conn, HERE)


async def test_options_are_over_exactly_those_who_were_never_written_to(house: House) -> None:
    proposal = await launched(house, bad=24)
    await plan_intents(house, proposal)
    trigger = await halted(house)
    options = [e for e in await house.said() if isinstance(e, ActionProposed)][1:]
    assert [(one.chosen, one.recipients) for one in options] == [
        ("resume_without_domain", 16),
        ("resume_all", 20),
        ("stop", 0),
    ]
    assert {one.action.answers for one in options} == {trigger.meta.event_id}
    rows = await house.db.pool.fetch(
        "SELECT recipient_hash, recipient_domain FROM effect_intent WHERE state = 'planned'"
    )
    healthy = {row["recipient_hash"] for row in rows if row["recipient_domain"] != BAD}
    assert await snapshot_of(house, options[0]) == await by_hand(house, healthy)
    assert await snapshot_of(house, options[1]) == await by_hand(house, {row["recipient_hash"] for row in rows})


async def test_the_mails_of_an_option_can_be_looked_at_before_it_is_chosen(house: House) -> None:
    proposal = await launched(house, bad=24)
    await plan_intents(house, proposal)
    await halted(house)
    option = next(
        e for e in await house.said() if isinstance(e, ActionProposed) and e.chosen == "resume_without_domain"
    )
    listed = (await house.ask("GET", f"{ONE}/previews/{option.action.content_hash}")).json()
    assert sum(one["recipients"] for one in listed["mails"]) == 16


async def test_a_chosen_option_gives_up_the_old_intents(house: House) -> None:
    proposal = await launched(house, bad=24)
    await plan_intents(house, proposal)
    await halted(house)
    option = next(
        e for e in await house.said() if isinstance(e, ActionProposed) and e.chosen == "resume_without_domain"
    )
    await house.hear(grant(option, expires_at=FAR))
    assert (await house.last(CampaignResumed)).remaining == 16
    states = await house.db.pool.fetch("SELECT state, count(*) FROM effect_intent GROUP BY state ORDER BY state")
    assert [tuple(one) for one in states] == [("abandoned", 20), ("succeeded", 20)]
    guard = await house.db.pool.fetchrow("SELECT fence, halted FROM campaign_guard")
    assert (guard["fence"], guard["halted"]) == (1, False)


async def test_a_late_second_trigger_offers_nobody_whom_a_person_left_out(house: House) -> None:
    proposal = await launched(house, bad=24)
    await plan_intents(house, proposal)
    await halted(house)
    options = [e for e in await house.said() if isinstance(e, ActionProposed)]
    chosen = next(e for e in options if e.chosen == "resume_without_domain")
    await house.hear(grant(chosen, expires_at=FAR, granted_at=at(60)))
    await halted(house)
    later = [e for e in await house.said() if isinstance(e, ActionProposed)][len(options) :]
    assert [(one.chosen, one.recipients) for one in later] == [("resume_all", 16), ("stop", 0)]
    assert BAD in later[0].title
    domains = await house.db.pool.fetch(
        "SELECT DISTINCT recipient_domain FROM mail JOIN snapshot USING (tenant, campaign_id, recipient_hash)"
        " WHERE snapshot_hash = $1", (await _state(house)).proposals[later[0].decision_id].snapshot_hash
    )  # fmt: skip
    assert BAD not in {row["recipient_domain"] for row in domains}


async def test_a_second_trigger_of_another_kind_still_offers_to_leave_the_domain_out(house: House) -> None:
    proposal = await launched(house, bad=24)
    await plan_intents(house, proposal)
    await halted(house)
    complaints = fired(await _state(house), trigger=Trigger.COMPLAINTS, rule="complaints", response=Response.PAUSE)
    await house.hear(fact(complaints))
    await house.work()
    later = [e for e in await house.said() if isinstance(e, ActionProposed)][-3:]
    assert [(one.chosen, one.recipients) for one in later] == [
        ("resume_without_domain", 16),
        ("resume_all", 20),
        ("stop", 0),
    ]


async def test_everybody_is_left_when_nothing_was_dispatched(house: House) -> None:
    await launched(house)
    await house.ask("POST", f"{ONE}/pause", {"reason": "wrong price"})
    await house.ask("POST", f"{ONE}/resume", {"reason": "right now"})
    await house.work()
    assert (await house.last(ActionProposed)).recipients == 40


async def test_a_forged_grant_is_refused_and_changes_nothing(house: House) -> None:
    proposal = await proposed(house)
    raw = house._record(grant(proposal, expires_at=FAR))
    forged = [(name, b"00" * 64 if name == "ce_signature" else text) for name, text in raw.headers]
    await Consumer(house.db, "executor", house.parts.fold, VERIFIER, "cluster").apply([replace(raw, headers=forged)])
    assert (await house.last(ActionRefused)).because == "signature_invalid"
    assert await house.db.pool.fetchval("SELECT count(*) FROM approval_grant") == 0
    assert await house.db.pool.fetchval("SELECT count(*) FROM dead_letter") == 0


async def test_a_grant_before_its_plan_waits_for_it_and_is_refused_for_want_of_a_proposal(house: House) -> None:
    other = await proposed(house)
    stranger = CampaignId(uuid4())
    early = fact(grant(other, expires_at=FAR), stranger)
    await house.hear(early)
    before = len(await house.said())
    await house.hear(fact(small(), stranger))
    assert len(await house.said()) > before
    refused = await house.last(ActionRefused)
    assert refused.because == "unknown_decision"


async def test_a_pause_reaches_the_guard_in_the_same_transaction(house: House) -> None:
    await launched(house)
    await house.ask("POST", f"{ONE}/pause", {"reason": "wrong price"})
    guard = await house.db.pool.fetchrow("SELECT fence, halted FROM campaign_guard")
    assert (guard["fence"], guard["halted"]) == (1, True)
    assert (await house.last(CampaignHalted)).fence == 1


async def test_a_report_settles_only_an_effect_of_its_own_campaign(house: House) -> None:
    proposal = await launched(house)
    await plan_intents(house, proposal)
    effect = await house.db.pool.fetchval("UPDATE effect_intent SET state = 'unknown' WHERE position = 0"
                                          " RETURNING effect_id")  # fmt: skip
    await house.hear(fact(report(MailEvent.DELIVERED, effect)))
    assert (await house.last(ActionReconciled)).effect_id == effect
    assert await house.db.pool.fetchval("SELECT state FROM effect_intent WHERE effect_id = $1", effect) == "succeeded"


@pytest.mark.parametrize("who", ["another tenant", "another campaign"])
async def test_a_report_about_the_effect_of_somebody_else_says_nothing(house: House, who: str) -> None:
    proposal = await launched(house)
    await plan_intents(house, proposal)
    effect = await house.db.pool.fetchval("UPDATE effect_intent SET state = 'unknown' WHERE position = 0"
                                          " RETURNING effect_id")  # fmt: skip
    house.parts.applier = replace(house.parts.fold, tenants=frozenset({TENANT, Tenant("other")}))
    about: Meta = meta(tenant="other") if who == "another tenant" else meta(uuid4())  # type: ignore[arg-type]
    await house.hear(Fact(about, report(MailEvent.DELIVERED, effect)))
    assert not [event for event in await house.said() if isinstance(event, ActionReconciled)]
