"""Which briefs can be acted on: each refusal names its field and what would mend it."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from briefing.domain.review import FIXES, OPTIONAL, review
from contracts.brief import VANITY, Anchor, BriefDraft, Budget, Exceptional, ManualStep, Mode, Moment, Outcome
from contracts.briefing import Problem
from contracts.event import Money
from tests.briefing.builders import draft
from tests.builders import T0, at, brief, euros

FIELDS = [name for name in BriefDraft.model_fields if name not in OPTIONAL]
ACCEPTANCE, LAUNCH, END = Anchor.ACCEPTANCE, Anchor.LAUNCH, Anchor.END_OF_SENDING


def problems(**changes: Any) -> dict[str, Problem]:
    """The problems of a draft with `changes`, by field."""
    return {problem.field: problem for problem in review(draft(**changes), T0)[1]}


def after(anchor: Anchor, seconds: float) -> Moment:
    return Moment(after=anchor, by=timedelta(seconds=seconds))


def timing(**changes: Any) -> Any:
    return brief().timing.model_copy(update=changes)


def audience(**changes: Any) -> Any:
    return brief().audience.model_copy(update=changes)


def worth(**changes: Any) -> Any:
    return brief().worth.model_copy(update=changes)


def objective(**changes: Any) -> Any:
    return brief().objective.model_copy(update=changes)


def test_a_brief_that_lacks_nothing_is_accepted_as_it_is() -> None:
    whole, found = review(draft(), T0)
    assert whole == brief()
    assert found == ()


@pytest.mark.parametrize("name", FIELDS)
def test_a_missing_field_is_named_with_its_fix(name: str) -> None:
    whole, found = review(draft(**{name: None}), T0)
    assert whole is None
    assert [(problem.field, problem.problem) for problem in found] == [(name, "missing")]
    assert found[0].fix == FIXES[name]


@pytest.mark.parametrize("name", ["offer", "business_case", "rollback_plan", "goal"])
def test_what_holds_nothing_but_spaces_is_missing(name: str) -> None:
    assert [(one.field, one.problem) for one in review(draft(**{name: " \n"}), T0)[1]] == [(name, "missing")]


def test_exceptional_times_are_pointed_out() -> None:
    whole, warnings = review(draft(exceptional=Exceptional.MARKET_EVENT), T0)
    assert whole is not None
    assert [warning.field for warning in warnings] == ["exceptional"]


def test_only_the_flag_of_exceptional_times_may_be_absent() -> None:
    assert problems(exceptional=None) == {}
    assert {"exceptional"} == OPTIONAL


def test_an_empty_brief_hears_of_every_field_at_once() -> None:
    _, found = review(BriefDraft(), T0)
    assert [problem.field for problem in found] == FIELDS


@pytest.mark.parametrize(
    "goal",
    [
        "improve engagement",
        "more signups",
        "200 trial signups",
        "a better brand by summer",
        "improve engagement by 2030",
    ],
)
def test_a_vague_goal_is_refused_with_an_example_of_a_good_one(goal: str) -> None:
    found = problems(goal=goal)
    assert list(found) == ["goal"]
    assert "200 trial signups by 30 June" in found["goal"].fix


def test_what_is_vague_and_what_is_missing_is_said_together() -> None:
    assert list(problems(goal="improve engagement", offer=None)) == ["goal", "offer"]


@pytest.mark.parametrize("outcome", [Outcome.OPENS, Outcome.IMPRESSIONS, Outcome.LIKES])
def test_a_vanity_metric_needs_a_persons_acceptance_and_stays_flagged(outcome: Outcome) -> None:
    refused = problems(objective=objective(outcome=outcome))
    assert list(refused) == ["objective.outcome"]
    assert "vanity_accepted" in refused["objective.outcome"].fix
    whole, warnings = review(draft(objective=objective(outcome=outcome, vanity_accepted=True)), T0)
    assert whole is not None
    assert [warning.field for warning in warnings] == ["objective.outcome"]


@pytest.mark.parametrize("outcome", [one for one in Outcome if one not in VANITY])
def test_any_other_outcome_is_accepted_without_a_word(outcome: Outcome) -> None:
    assert problems(objective=objective(outcome=outcome)) == {}


def test_a_brief_may_leave_people_out() -> None:
    assert problems(audience=audience(exclusions=("customers", "competitors"))) == {}


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("objective.target", {"objective": objective(target=601), "goal": "601 demos by 30 June"}),
        ("objective.target", {"objective": objective(baseline=20)}),
        ("goal", {"goal": "500 demos by 30 June"}),
        ("audience.icp", {"audience": audience(icp=" ")}),
        ("audience.exclusions", {"audience": audience(exclusions=("customers", "webinar-registrants"))}),
        ("frequency.per_day", {"frequency": brief().frequency.model_copy(update={"per_week": 2})}),
        ("countries", {"countries": ()}),
        ("mode", {"mode": Mode.AUTONOMOUS, "policy_categories": ("credit",)}),
        ("mode", {"mode": Mode.AUTONOMOUS, "exceptional": Exceptional.MARKET_EVENT}),
        ("worth.per_outcome", {"worth": worth(per_outcome=euros(-1))}),
        ("worth.per_outcome", {"worth": worth(per_outcome=Money(micros=2**53 - 1, currency="EUR"))}),
        ("worth.per_outcome", {"worth": worth(per_outcome=Money(micros=1, currency="JPY"))}),
        ("budget.per_mail", {"budget": Budget(total=euros(60), per_mail=euros(-1))}),
        ("frequency.confirmed", {"frequency": brief().frequency.model_copy(update={"confirmed": False})}),
        ("quiet_hours.confirmed", {"quiet_hours": brief().quiet_hours.model_copy(update={"confirmed": False})}),
        ("budget.total", {"budget": Budget(total=euros(29.99), per_mail=euros(0.05))}),
        ("budget.per_mail", {"budget": Budget(total=euros(60), per_mail=Money(micros=1, currency="USD"))}),
        ("mode", {"mode": Mode.AUTONOMOUS, "budget": Budget(total=euros(10_000), per_mail=euros(0.05))}),
        ("message_hierarchy", {"message_hierarchy": ()}),
        ("channels", {"channels": ()}),
        ("assets", {"assets": ()}),
        ("approval_rules", {"approval_rules": ()}),
        ("escalation_criteria", {"escalation_criteria": ()}),
        ("sla_targets", {"sla_targets": ()}),
        ("manual_baseline", {"manual_baseline": ()}),
        ("timing.send_window", {"timing": timing(send_window=timedelta(0))}),
        ("timing.deadline", {"timing": timing(deadline=Moment(at=at(-1)))}),
        ("timing.deadline", {"timing": timing(launch=after(ACCEPTANCE, 60), deadline=after(ACCEPTANCE, 60))}),
        ("timing.deadline", {"timing": timing(deadline=after(END, 60))}),
        ("timing.deadline", {"timing": timing(deadline=after(LAUNCH, 0))}),
        ("timing.deadline", {"timing": timing(deadline=after(ACCEPTANCE, 7199))}),
        ("timing.launch", {"timing": timing(launch=Moment(at=at(-1)))}),
        ("timing.launch", {"timing": timing(launch=after(LAUNCH, 60))}),
        ("timing.launch", {"timing": timing(launch=after(END, 60))}),
        ("objective.window_closes", {"objective": objective(window_closes=Moment(at=at(0)))}),
        ("objective.window_closes", {"objective": objective(window_closes=after(ACCEPTANCE, 0))}),
        ("objective.window_closes", {"objective": objective(window_closes=after(END, 0))}),
        ("objective.window_closes", {"objective": objective(window_closes=after(END, 86_400))}),
    ],
)
def test_what_contradicts_itself_is_refused_by_its_field(field: str, changes: dict[str, Any]) -> None:
    found = problems(**changes)
    assert list(found) == [field]
    assert found[field].fix


@pytest.mark.parametrize(
    "changes",
    [
        {"objective": objective(target=600), "goal": "600 demos by 30 June"},
        {"budget": Budget(total=euros(30), per_mail=euros(0.05))},
        {"mode": Mode.AUTONOMOUS},
        {"timing": timing(deadline=after(ACCEPTANCE, 7260))},
        {"mode": Mode.HYBRID, "budget": Budget(total=euros(10_000), per_mail=euros(0.05))},
        {"brand_rules": (), "required_claims": (), "prohibited_claims": (), "policy_categories": ()},
        {"timing": timing(launch=Moment(at=at(3600)), deadline=Moment(at=at(90_000)))},
        {"timing": timing(deadline=after(LAUNCH, 86_400))},
        {"objective": objective(window_closes=after(LAUNCH, 60))},
    ],
)
def test_what_lies_just_within_is_accepted(changes: dict[str, Any]) -> None:
    assert problems(**changes) == {}


def test_a_manual_step_that_nothing_replaces_is_listed_but_no_obstacle() -> None:
    steps = (
        *brief().manual_baseline,
        ManualStep(step="Thank the speakers", owner="maya", minutes=20, reason="courtesy"),
    )
    whole, warnings = review(draft(manual_baseline=steps), T0)
    assert whole is not None
    assert [warning.field for warning in warnings] == ["manual_baseline"]
    assert "Thank the speakers" in warnings[0].problem


@given(st.sets(st.sampled_from(FIELDS)))
def test_whatever_is_missing_all_of_it_is_named(gone: set[str]) -> None:
    whole, found = review(draft(**dict.fromkeys(gone)), T0)
    assert (whole is None) == bool(gone)
    assert {problem.field for problem in found} == gone
