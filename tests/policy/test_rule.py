"""The policy, as tables: who may do what, and what no confidence clears."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.actions import ActionProposed
from contracts.brief import Exceptional
from contracts.briefing import PlanIssued
from contracts.decision import BlastRadius, LegalClass, Source, Taint
from contracts.event import Money, Severity
from contracts.plan import ActionClass, Authority, Boundary, HandledBy, HoldEnd, MatrixRow, TimedHold
from policy.rule import Ruling, rule
from policy.stages import RUNG_TO_ACT, STAGES, Facts, Hold, Verdict
from tests.builders import HASH, T0, brief, euros, plan_issued, policy, proposed

APPROVED = Facts(framework_approved=True)
SEND = policy().matrix[0]
FREE = SEND.model_copy(update={"authority": Authority.INDEPENDENT})
LAST_WORD = TimedHold(
    id="last-word", tool="smtp", verb="send_campaign", decision_type="send_email", length=timedelta(minutes=30)
)


def grown(*, brief_: Any = None, row: MatrixRow = FREE, **changes: Any) -> PlanIssued:
    """A policy that has earned autonomy: whatever stops it is what the test is about."""
    return plan_issued(policy_=policy(matrix=(row,), autonomy_rung=RUNG_TO_ACT, **changes), brief_=brief_)


def ruled(issued: PlanIssued, facts: Facts = APPROVED, **changes: Any) -> Ruling:
    return rule(proposed(issued, **changes), issued, facts, T0)


def acting(issued: PlanIssued, **changes: Any) -> ActionProposed:
    base = proposed(issued)
    return base.model_copy(update={"action": base.action.model_copy(update=changes)})


def radius(**changes: Any) -> BlastRadius:
    return proposed().blast_radius.model_copy(update=changes)


@pytest.mark.parametrize("action_class", [one for one in ActionClass if one is not ActionClass.REDUCE])
def test_an_empty_policy_holds_everything_but_a_reduction(action_class: ActionClass) -> None:
    issued = plan_issued(policy_=policy(matrix=()))
    ruling = rule(acting(issued, action_class=action_class), issued, APPROVED, T0)
    assert (ruling.verdict, ruling.because) == (Verdict.HELD, "no_matching_rule")


def test_two_rows_for_one_cell_are_none() -> None:
    issued = plan_issued(policy_=policy(matrix=(FREE, FREE.model_copy(update={"id": "again"})), autonomy_rung=3))
    assert ruled(issued).verdict is Verdict.HELD


def test_inside_an_approved_framework_the_mechanics_run_by_rule() -> None:
    assert (ruled(grown()).verdict, ruled(grown()).because) == (Verdict.CLEARED, "within_policy")


@pytest.mark.parametrize("authority", [Authority.APPROVAL, Authority.RECOMMEND])
def test_what_the_matrix_gives_to_people_stays_with_people(authority: Authority) -> None:
    ruling = ruled(grown(row=SEND.model_copy(update={"authority": authority})))
    assert (ruling.verdict, ruling.because) == (Verdict.NEEDS_PEOPLE, "authority_matrix")
    assert ruling.need is not None
    assert (ruling.need.role, ruling.need.backup_role) == ("campaign_approver", "marketing_lead")


def test_the_first_use_of_a_framework_needs_a_person() -> None:
    ruling = ruled(grown(), Facts())
    assert (ruling.verdict, ruling.because) == (Verdict.NEEDS_PEOPLE, "novelty")


@pytest.mark.parametrize(
    ("changes", "because", "severity"),
    [
        ({"blast_radius": radius(legal_class=LegalClass.REGULATED)}, "hard_triggers", Severity.CRITICAL),
        ({"blast_radius": radius(excluded=1)}, "hard_triggers", Severity.HIGH),
        ({"blast_radius": radius(money_at_risk=euros(60.01))}, "hard_triggers", Severity.HIGH),
        ({"blast_radius": radius(money_at_risk=Money(micros=1, currency="USD"))}, "hard_triggers", Severity.HIGH),
        ({"blast_radius": radius(people=10_001)}, "delegation_boundary", Severity.HIGH),
        ({"recipients": 10_001}, "delegation_boundary", Severity.HIGH),
        ({"answers": uuid4()}, "hard_triggers", Severity.HIGH),
        (
            {"handled_by": HandledBy.AGENT, "sources": (Source(ref="a page", hash=HASH, taint=Taint.OUTSIDE),)},
            "hard_triggers",
            Severity.HIGH,
        ),
    ],
)
def test_no_confidence_clears_it(changes: dict[str, Any], because: str, severity: Severity) -> None:
    ruling = ruled(grown(), confidence=0.99, cost_of_error=euros(1), **changes)
    assert (ruling.verdict, ruling.because, ruling.severity) == (Verdict.NEEDS_PEOPLE, because, severity)


@pytest.mark.parametrize("action_class", [ActionClass.SPEND, ActionClass.TREAT])
def test_budget_shifts_and_changes_of_treatment_need_a_person(action_class: ActionClass) -> None:
    issued = grown(row=FREE.model_copy(update={"action_class": action_class}))
    ruling = rule(acting(issued, action_class=action_class), issued, APPROVED, T0)
    assert (ruling.verdict, ruling.because) == (Verdict.NEEDS_PEOPLE, "hard_triggers")


def test_leaving_people_out_needs_a_person_even_when_none_of_them_is_there() -> None:
    audience = brief().audience.model_copy(update={"exclusions": ("customers",)})
    ruling = ruled(grown(brief_=brief(audience=audience)))
    assert (ruling.verdict, ruling.because) == (Verdict.NEEDS_PEOPLE, "hard_triggers")
    [told] = [line for stage in ruling.stages if stage.stage == "hard_triggers" for line in stage.inputs]
    assert "0 people are left out (customers)" in told


@pytest.mark.parametrize("exceptional", list(Exceptional))
def test_in_exceptional_times_the_agent_only_assembles_options(exceptional: Exceptional) -> None:
    ruling = ruled(grown(brief_=brief(exceptional=exceptional)))
    assert (ruling.verdict, ruling.severity) == (Verdict.NEEDS_PEOPLE, Severity.CRITICAL)


def test_a_brief_with_policy_categories_needs_a_person() -> None:
    assert ruled(grown(brief_=brief(policy_categories=("health",)))).because == "hard_triggers"


@pytest.mark.parametrize(
    "boundaries",
    [(), (Boundary(id="b", what="vibes", limit=1),)],
    ids=["none is written", "one nobody can measure"],
)
def test_without_a_boundary_that_holds_nothing_is_delegated(boundaries: tuple[Boundary, ...]) -> None:
    ruling = ruled(grown(boundaries=boundaries))
    assert (ruling.verdict, ruling.because) == (Verdict.NEEDS_PEOPLE, "delegation_boundary")


def test_valuable_customers_are_a_persons_business() -> None:
    limits = (*policy().boundaries, Boundary(id="value", what="lifetime_value_micros", limit=39_999_999))
    assert ruled(grown(boundaries=limits)).because == "impact"


@pytest.mark.parametrize(
    ("confidence", "error", "delay", "verdict"),
    [
        (0.9, 100, 8, Verdict.CLEARED),  # 0.1 x 100 x (1 - 0.2) = 8
        (0.9, 100, 7.99, Verdict.NEEDS_PEOPLE),
        (0.9, 100.1, 8, Verdict.NEEDS_PEOPLE),
        (1.0, 1_000_000, 0, Verdict.CLEARED),
        (0.59, 0, 50, Verdict.NEEDS_PEOPLE),  # under the floor of 0.6
    ],
)
def test_people_look_where_an_error_costs_more_than_the_delay(
    confidence: float, error: float, delay: float, verdict: Verdict
) -> None:
    ruling = ruled(grown(), confidence=confidence, cost_of_error=euros(error), cost_of_delay=euros(delay))
    assert ruling.verdict is verdict


def test_costs_that_cannot_be_compared_need_a_person() -> None:
    assert ruled(grown(), cost_of_delay=Money(micros=10**12, currency="USD")).because == "economics"


@pytest.mark.parametrize(("granted", "claimed", "verdict"), [
    (1, 1, Verdict.NEEDS_PEOPLE), (2, 2, Verdict.NEEDS_PEOPLE), (3, 3, Verdict.CLEARED), (3, 4, Verdict.NEEDS_PEOPLE),
])  # fmt: skip
def test_autonomy_is_earned(granted: int, claimed: int, verdict: Verdict) -> None:
    issued = plan_issued(policy_=policy(matrix=(FREE,), autonomy_rung=granted))
    assert ruled(issued, autonomy_rung=claimed).verdict is verdict


def test_a_reduction_of_risk_waits_for_nobody() -> None:
    issued = plan_issued(policy_=policy(matrix=()))
    killed = Facts(holds=(Hold("final_message"),), kills=("tenant",), newest_plan=9)
    ruling = rule(acting(issued, action_class=ActionClass.REDUCE, verb="pause"), issued, killed, T0)
    assert (ruling.verdict, ruling.because) == (Verdict.CLEARED, "risk_reducing")


def test_a_send_that_calls_itself_a_reduction_is_held() -> None:
    issued = grown()
    assert rule(acting(issued, action_class=ActionClass.REDUCE), issued, APPROVED, T0).verdict is Verdict.HELD


def test_an_option_to_stop_is_chosen_by_people() -> None:
    issued = plan_issued()
    stop = acting(issued, action_class=ActionClass.REDUCE, verb="cancel", answers=uuid4())
    ruling = rule(stop.model_copy(update={"decision_type": "stop"}), issued, APPROVED, T0)
    assert ruling.verdict is Verdict.NEEDS_PEOPLE


def test_an_option_to_stop_may_be_chosen_under_the_kill_switch_and_a_send_that_calls_itself_one_may_not() -> None:
    issued, killed = plan_issued(), Facts(kills=("tenant",))
    stop = acting(issued, action_class=ActionClass.REDUCE, verb="cancel", answers=uuid4())
    assert rule(stop, issued, killed, T0).verdict is Verdict.NEEDS_PEOPLE
    send = rule(acting(issued, action_class=ActionClass.REDUCE, answers=uuid4()), issued, killed, T0)
    assert (send.verdict, send.because) == (Verdict.HELD, "kill_switch")


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        (Facts(framework_approved=True, kills=("global",)), Verdict.HELD),
        (Facts(framework_approved=True, holds=(Hold("final_message"),)), Verdict.HELD),
        (Facts(framework_approved=True, holds=(Hold("final_message", T0 + timedelta(minutes=30)),)), Verdict.HELD),
        (Facts(framework_approved=True, holds=(Hold("final_message", T0),)), Verdict.CLEARED),
    ],
    ids=["killed", "held", "held for half an hour", "the half hour is over"],
)
def test_holds_come_before_everything_else(facts: Facts, verdict: Verdict) -> None:
    assert ruled(grown(), facts).verdict is verdict


@pytest.mark.parametrize("changes", [{"plan_hash": "cd" * 32}, {"policy_hash": "cd" * 32}])
def test_a_proposal_of_another_plan_or_policy_is_denied(changes: dict[str, Any]) -> None:
    assert (ruled(grown(), **changes).verdict, ruled(grown(), **changes).because) == (Verdict.DENIED, "not_this_plan")


def test_a_proposal_of_an_older_plan_is_denied() -> None:
    assert ruled(grown(), Facts(newest_plan=2, framework_approved=True)).verdict is Verdict.DENIED


@pytest.mark.parametrize(
    ("then", "over", "verdict", "because"),
    [
        (HoldEnd.PROCEED, False, Verdict.WAITS, "timed_hold"),
        (HoldEnd.STAY, False, Verdict.WAITS, "timed_hold"),
        (HoldEnd.PROCEED, True, Verdict.CLEARED, "within_policy"),
        (HoldEnd.STAY, True, Verdict.NEEDS_PEOPLE, "timed_hold"),
    ],
)
def test_a_timed_hold_waits_and_then_does_as_the_policy_says(
    then: HoldEnd, over: bool, verdict: Verdict, because: str
) -> None:
    issued = grown(holds=(LAST_WORD.model_copy(update={"then": then}),))
    ruling = ruled(issued, Facts(framework_approved=True, hold_over=over))
    assert (ruling.verdict, ruling.because) == (verdict, because)


@pytest.mark.parametrize("changes", [{"tool": "ads"}, {"verb": "cancel"}, {"decision_type": "send_offer"}])
def test_a_timed_hold_over_another_action_waits_for_nothing(changes: dict[str, Any]) -> None:
    assert ruled(grown(holds=(LAST_WORD.model_copy(update=changes),))).verdict is Verdict.CLEARED


def test_of_two_timed_holds_the_longer_counts() -> None:
    short = LAST_WORD.model_copy(update={"id": "short", "length": timedelta(minutes=1), "then": HoldEnd.PROCEED})
    issued = grown(holds=(short, LAST_WORD))
    assert ruled(issued, Facts(framework_approved=True, hold_over=True)).verdict is Verdict.NEEDS_PEOPLE


def test_a_timed_hold_takes_no_question_from_people_and_lifts_no_other_hold() -> None:
    issued = grown(holds=(LAST_WORD,))
    assert ruled(issued, Facts()).because == "novelty"
    assert ruled(issued, Facts(framework_approved=True, kills=("tenant",))).because == "kill_switch"


def test_every_stage_is_recorded_with_what_it_looked_at() -> None:
    for ruling in (ruled(grown()), ruled(plan_issued(policy_=policy(matrix=())))):
        assert [stage.stage for stage in ruling.stages] == [name for name, _ in STAGES]
        assert all(stage.inputs for stage in ruling.stages)


@given(st.floats(0, 1), st.integers(0, 10**12), st.integers(0, 10**12), st.integers(1, 4), st.booleans())
def test_only_what_no_stage_minds_is_cleared(
    confidence: float, error: int, delay: int, rung: int, approved: bool
) -> None:
    issued = plan_issued(policy_=policy(matrix=(FREE,), autonomy_rung=rung))
    proposal = proposed(
        issued,
        confidence=confidence,
        cost_of_error=Money(micros=error, currency="EUR"),
        cost_of_delay=Money(micros=delay, currency="EUR"),
    )
    facts = Facts(framework_approved=approved)
    ruling = rule(proposal, issued, facts, T0)
    minded = {stage.verdict for stage in ruling.stages} - {"cleared"}
    assert (ruling.verdict is Verdict.CLEARED) == (not minded)
    assert rule(proposal, issued, facts, T0) == ruling
