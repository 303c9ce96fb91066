"""One verdict and one next step, for every situation a campaign can be in; and the same whatever the topics' order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.actions import EffectOutcome
from contracts.brief import Budget
from contracts.briefing import ClarificationAsked
from contracts.catalogue import EVENTS
from contracts.escalation import CaseExpired, CaseWithdrawn, HoldPlaced, HoldReleased
from contracts.event import Event, Severity
from contracts.executor import CampaignOutcome
from contracts.framing import named
from contracts.monitor import Sla
from tests.builders import CAMPAIGN, at, brief, euros, fact, plan_issued
from tests.contracts.samples import PROBLEM, sample
from tests.tower.builders import (
    FIRST,
    SECOND,
    breached,
    effects,
    executed,
    facts,
    finished,
    halted,
    interleaved,
    launched,
    met,
    opened,
    outcome,
    plan,
    refused,
    resolved,
    resumed,
    row,
    started,
    step,
    story,
    went_well,
)
from tower.row import Row, fold, said
from tower.verdict import Verdict, judge, left, most_urgent
from tower.view import line, lines

NOW = at(60)
HOLD = HoldPlaced(because="plan_missing", decision_id=None, until=None)


@pytest.mark.parametrize(
    ("events", "verdict", "step_says"),
    [
        ((), Verdict.ON_TRACK, "Drafting"),
        ((refused(),), Verdict.REFUSED, "Mend the brief"),
        ((ClarificationAsked(questions=(PROBLEM,)),), Verdict.WAITING, "A marketer vouches"),
        ((ClarificationAsked(questions=(PROBLEM,)), *plan()), Verdict.ON_TRACK, "Drafting"),
        (plan(), Verdict.ON_TRACK, "Drafting"),
        ((*plan(), step("draft"), step("check")), Verdict.ON_TRACK, "Rendering"),
        ((*plan(), opened()), Verdict.WAITING, "decides, within 59 min"),
        ((*plan(), opened(), resolved()), Verdict.ON_TRACK, "Drafting"),
        ((*plan(), opened(), CaseExpired(case_id=FIRST, if_ignored="held")), Verdict.ON_TRACK, "Drafting"),
        ((*plan(), opened(), CaseWithdrawn(case_id=FIRST, because="settled")), Verdict.ON_TRACK, "Drafting"),
        ((*plan(), opened(deadline=at(30))), Verdict.WAITING, "overdue"),
        ((*plan(), halted()), Verdict.HALTED, "Resume it, or cancel it"),
        ((*plan(), halted(), opened(SECOND)), Verdict.HALTED, "chooses how to go on"),
        ((*plan(), halted(), resumed()), Verdict.ON_TRACK, "Drafting"),
        ((*plan(), HOLD), Verdict.HELD, "Clear the hold"),
        ((*plan(), HOLD, HoldReleased(because="plan_missing", decision_id=None)), Verdict.ON_TRACK, "Drafting"),
        ((*plan(), started(), met()), Verdict.ON_TRACK, "Drafting"),
        ((*plan(), started(), breached()), Verdict.AT_RISK, "Drafting"),
        ((*plan(), breached(), opened()), Verdict.WAITING, "decides"),
        ((*plan(), outcome(), finished()), Verdict.MET, "over"),
        ((*plan(), outcome(False), finished()), Verdict.MISSED, "over"),
        ((*plan(), finished(CampaignOutcome.CANCELLED)), Verdict.CANCELLED, "over"),
        ((*plan(), halted(), finished(CampaignOutcome.CANCELLED)), Verdict.CANCELLED, "over"),
        (story(), Verdict.MET, "over"),
    ],
)
def test_the_verdict(events: tuple[Event, ...], verdict: Verdict, step_says: str) -> None:
    judged = judge(row(*events), NOW)
    assert judged.verdict is verdict and step_says in judged.next_step


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "overdue"), (0, "overdue"), (59, "within a minute"), (60, "within 1 min"), (7199, "within 119 min"),
     (7200, "within 2 h")],
)  # fmt: skip
def test_how_long_there_is(seconds: float, words: str) -> None:
    assert left(at(seconds), at(0)) == words


def test_the_most_urgent_case_is_the_most_severe_then_the_one_due_first() -> None:
    third = named("third")
    found = most_urgent(
        row(
            opened(FIRST, severity=Severity.LOW, deadline=at(1)),
            opened(SECOND, severity=Severity.HIGH, deadline=at(200)),
            opened(third, severity=Severity.HIGH, deadline=at(100)),
        )
    )
    assert found is not None and found.case_id == third


def test_campaigns_that_need_somebody_come_first() -> None:
    rows = {
        named(name): row(*events)
        for name, events in {
            "met": (*plan("met"), outcome(), finished()),
            "fine": plan("fine"),
            "late": (*plan("late"), breached()),
            "asks": (*plan("asks"), opened()),
            "halted": (*plan("halted"), halted()),
        }.items()
    }
    assert [one.name for one in lines(rows, NOW)] == ["halted", "asks", "late", "fine", "met"]  # type: ignore[arg-type]


def test_the_seven_columns_say_what_happened() -> None:
    good = EffectOutcome.SUCCEEDED
    shown = line(
        CAMPAIGN,
        row(*plan(), started(), met(), launched(), effects(1, good, good, EffectOutcome.UNKNOWN), halted(), opened()),
        NOW,
    )
    assert (shown.phase, shown.owner) == ("halted, briefing", "maya")
    assert shown.budget == "0.15 of 60.00 EUR" and shown.budget_share == pytest.approx(0.0025)
    assert (shown.sla, shown.sla_missed) == ("1 met", [])
    assert shown.escalation == "1 open: Send the follow-up to 588 people"
    assert (shown.sent, shown.uncertain) == (2, 1)


def test_a_campaign_whose_plan_was_changed_is_to_be_cancelled() -> None:
    richer = plan_issued(2, brief_=brief(budget=Budget(total=euros(600), per_mail=euros(5))))
    found = row(*plan(), richer, halted().model_copy(update={"because": "plan_changed"}))
    judged = judge(found, NOW)
    assert judged.verdict is Verdict.HALTED and "Cancel it" in judged.next_step
    assert line(CAMPAIGN, found, NOW).budget == "0.00 of 60.00 EUR"


@pytest.mark.parametrize(
    ("after", "step_says"),
    [
        ((), "Waiting for reports on wave 1"),
        ((went_well(1),), "Drafting"),
        ((went_well(1), effects(2, EffectOutcome.SUCCEEDED)), "Waiting for reports on wave 2"),
        ((executed(),), "Drafting"),
    ],
)
def test_between_two_waves_the_send_waits_for_the_monitors_word(after: tuple[Event, ...], step_says: str) -> None:
    judged = judge(row(*plan(), launched(), effects(1, EffectOutcome.SUCCEEDED), *after), NOW)
    assert step_says in judged.next_step


def test_a_campaign_without_a_budget_shows_none() -> None:
    free = plan()[1].plan.brief.budget.model_copy(update={"total": euros(0)})  # type: ignore[attr-defined]
    assert line(CAMPAIGN, row(plan_issued(brief_=brief(budget=free))), NOW).budget == "none"


WHOLE = facts(story())
EXPECTED = row(*story())


@given(order=st.permutations(range(len(WHOLE))))
def test_topics_may_come_in_any_order(order: list[int]) -> None:
    found = Row()
    for one in interleaved(WHOLE, order):
        found = fold(found, one)
    assert found == EXPECTED


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_there_is_can_be_folded_and_told(kind: type[Event]) -> None:
    event = sample(kind)
    fold(Row(), fact(event))
    assert len(said(event)) < 5000


def test_a_clock_that_was_met_before_its_start_arrived_stays_met() -> None:
    assert row(met(Sla.COMPLETION), started(Sla.COMPLETION)).clocks == {Sla.COMPLETION: "met"}
