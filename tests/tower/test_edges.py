"""What is easily forgotten: settled doubts, engaged switches, facts of one moment, events about nothing of ours."""

from dataclasses import replace

import pytest

from chassis.metrics import DUPLICATES
from contracts.actions import ActionReconciled, ActionRefused, ActionUncertain, EffectOutcome, Settled
from contracts.escalation import ActionDenied, ApprovalGiven, ApprovalRefused, CaseWithdrawn, OverrideRecorded
from contracts.event import Event, Severity, tenant_row
from contracts.executor import CampaignOutcome, ChecklistItemWaived, KillScope, KillSwitchChanged, MailTested
from contracts.inbound import ContactEventReported
from tests.builders import CAMPAIGN, TENANT, at
from tests.contracts.samples import sample
from tests.tower.builders import (
    FIRST,
    SECOND,
    breached,
    effects,
    facts,
    finished,
    fired,
    opened,
    plan,
    row,
    started,
    story,
)
from tests.tower.conftest import Tower
from tower.row import Row, said
from tower.store import ADAPTER
from tower.verdict import Verdict, judge
from tower.view import lines

NOW = at(60)


def killed(scope: KillScope) -> KillSwitchChanged:
    return KillSwitchChanged(scope=scope, engaged=True, actor="sam", reason="an incident")


async def test_an_event_about_no_campaign_of_ours_makes_no_row(tower: Tower) -> None:
    await tower.happens(sample(ContactEventReported))
    assert (await tower.get("/v1/campaigns")).json() == {"campaigns": []}


async def test_a_fact_that_changes_nothing_sends_nobody_the_table_again(tower: Tower) -> None:
    await tower.happens(*plan())
    [before] = await tower.rows("SELECT changed_at FROM campaign_row")
    await tower.happens(*plan(), sample(ContactEventReported))
    [after] = await tower.rows("SELECT changed_at FROM campaign_row")
    assert before == after


def test_a_killed_campaign_is_not_on_track() -> None:
    assert judge(row(*plan(), killed(KillScope.CAMPAIGN)), NOW).verdict is not Verdict.ON_TRACK


async def test_the_page_says_that_the_tenants_kill_switch_is_engaged(tower: Tower) -> None:
    await tower.happens(*plan())
    await tower.happens(killed(KillScope.TENANT), campaign=tenant_row(TENANT))
    assert "kill switch" in (await tower.get("/")).text.lower()


@pytest.mark.parametrize("how", [CampaignOutcome.COMPLETED, CampaignOutcome.FAILED, CampaignOutcome.EXPIRED])
def test_only_a_cancelled_campaign_is_shown_as_cancelled(how: CampaignOutcome) -> None:
    """The outcome comes on another topic, and may come later."""
    assert judge(row(*plan(), finished(how)), NOW).verdict is not Verdict.CANCELLED


@pytest.mark.parametrize(("settled", "sent"), [(Settled.APPLIED, 2), (Settled.NOT_APPLIED, 1)])
def test_an_uncertain_mail_that_was_settled_is_uncertain_no_more(settled: Settled, sent: int) -> None:
    reconciled = sample(ActionReconciled).model_copy(update={"settled": settled})
    found = row(*plan(), effects(1, EffectOutcome.SUCCEEDED, EffectOutcome.UNKNOWN), reconciled)
    assert (found.sent, found.uncertain) == (sent, 0)


def test_a_fired_trigger_puts_a_campaign_at_risk_until_somebody_answers() -> None:
    assert judge(row(*plan(), fired()), NOW).verdict is Verdict.AT_RISK


def test_a_campaign_at_risk_says_why() -> None:
    assert "response time" in judge(row(*plan(), started(), breached()), NOW).next_step


def test_a_role_is_shown_in_words() -> None:
    assert "campaign approver" in judge(row(*plan(), opened()), NOW).next_step.lower()


def test_of_two_that_wait_the_one_due_first_comes_first() -> None:
    late = row(*plan("a, with a day left"), opened(deadline=at(86_400)))
    soon = row(*plan("b, with a minute left"), opened(deadline=at(120)))
    grave = row(*plan("c, grave"), opened(deadline=at(86_400), severity=Severity.CRITICAL))
    names = [one.name for one in lines({FIRST: late, SECOND: soon, CAMPAIGN: grave}, NOW)]  # type: ignore[dict-item]
    assert names == ["c, grave", "b, with a minute left", "a, with a day left"]


@pytest.mark.parametrize(
    "kind",
    [
        ApprovalGiven, ApprovalRefused, OverrideRecorded, ActionDenied, ActionUncertain, ActionReconciled,
        ActionRefused, CaseWithdrawn, ChecklistItemWaived, KillSwitchChanged, MailTested,
    ],
)  # fmt: skip
def test_the_timeline_tells_what_people_and_guards_did(kind: type[Event]) -> None:
    assert said(sample(kind))


async def test_facts_of_the_same_moment_are_told_in_the_order_of_their_topic(tower: Tower) -> None:
    same = [replace(one, meta=replace(one.meta, occurred_at=at(0))) for one in facts(story())]
    work = [one for one in same if one.event.topic == "executor.work.v1" and said(one.event)]
    await tower.take([*[one for one in same if one not in work], *work])
    timeline = (await tower.get(f"/v1/campaigns/{CAMPAIGN}")).json()["timeline"]
    told = [one["said"] for one in timeline if one["type"] in {fact.event.type for fact in work}]
    assert told == [said(one.event) for one in reversed(work)]


async def test_a_person_with_a_browser_is_shown_where_to_hand_in_a_token(tower: Tower) -> None:
    answer = await tower.client.get("/", headers={"accept": "text/html"}, follow_redirects=True)
    assert '<form method="post" action="/login"' in answer.text


async def test_the_campaigns_page_has_a_table_of_waves(tower: Tower) -> None:
    await tower.happens(*plan(), effects(1, EffectOutcome.SUCCEEDED, EffectOutcome.FAILED_DEFINITE))
    assert '<th scope="col">Wave</th>' in (await tower.get(f"/campaigns/{CAMPAIGN}")).text


async def test_an_open_case_shows_its_deadline(tower: Tower) -> None:
    await tower.happens(*plan(), opened())
    assert 'datetime="2026-01-05T10:00:00' in (await tower.get(f"/campaigns/{CAMPAIGN}")).text


async def test_the_page_forbids_foreign_script_and_framing(tower: Tower) -> None:
    policy = (await tower.get("/")).headers["content-security-policy"]
    scripts = next(part for part in policy.split(";") if "script-src" in part)
    assert "'unsafe-inline'" not in scripts and "frame-ancestors 'none'" in policy


async def test_a_redelivery_is_counted(tower: Tower) -> None:
    before = DUPLICATES._value.get()
    await tower.happens(*plan())
    await tower.happens(*plan())
    assert DUPLICATES._value.get() > before


def test_the_same_facts_come_to_the_same_bytes() -> None:
    one, other = Row(judged=frozenset([0, 8])), Row(judged=frozenset([8, 0]))
    assert list(one.judged) != list(other.judged), "a set remembers in which order equal places were taken"
    assert ADAPTER.dump_json(one) == ADAPTER.dump_json(other)
