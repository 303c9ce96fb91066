"""From a brief to a plan: the same brief, the same plan; eight parts, none of them empty."""

from itertools import pairwise
from typing import Any

import pytest

from briefing.domain.planning import PARTS, EmptyPart, costs, operating_sheet, plan_of
from briefing.template import Template, load_templates
from contracts.brief import ManualStep, Workflow, Worth
from contracts.briefing import PlanIssued
from contracts.event import Money
from contracts.plan import HandledBy
from policy.lint import lint
from policy.resolve import resolve
from tests.briefing.builders import ORG
from tests.builders import CAMPAIGN, brief, euros

TEMPLATE = load_templates().by_workflow[Workflow.WEBINAR_FOLLOW_UP]


def planned(template: Template = TEMPLATE, author: str = "maya", **changes: Any) -> PlanIssued:
    return plan_of(brief(**changes), author, template, ORG.policy, CAMPAIGN)


def test_the_same_brief_is_the_same_plan() -> None:
    assert planned() == planned()
    assert planned().plan_hash == planned().plan.hash


@pytest.mark.parametrize(
    "other",
    [
        planned(author="leo"),
        planned(offer="Another offer"),
        planned(template=TEMPLATE.model_copy(update={"version": 2})),
        plan_of(brief(), "maya", TEMPLATE, ORG.policy.model_copy(update={"version": 2}), CAMPAIGN),
    ],
    ids=["author", "brief", "template", "policy"],
)
def test_another_author_brief_template_or_policy_is_another_plan(other: PlanIssued) -> None:
    assert other.plan_hash != planned().plan_hash


def test_the_plan_survives_its_own_json_with_the_same_hash() -> None:
    issued = planned()
    assert PlanIssued.model_validate_json(issued.model_dump_json()).plan.hash == issued.plan_hash


def test_the_policy_is_frozen_in_as_it_was_resolved() -> None:
    plan = planned().plan
    assert plan.policy == resolve(ORG.policy, "webinar_follow_up.1", brief())
    assert plan.policy_hash == plan.policy.hash
    assert plan.policy.rule_versions == ("acme.1", "webinar_follow_up.1")


def test_the_policy_leaves_no_action_and_no_trigger_without_an_answer() -> None:
    assert lint(planned().plan.policy, [("smtp", "send_campaign"), ("smtp", "cancel")]) == []


def test_the_framework_names_template_and_version() -> None:
    assert planned().plan.framework == "webinar_follow_up.1"


def test_the_steps_follow_each_other_and_each_says_who_why_and_how_it_is_verified() -> None:
    steps = planned().plan.steps
    assert [step.kind for step in steps] == ["draft", "check", "render", "approve", "send", "watch", "close"]
    assert steps[0].after == ()
    assert all(later.after == (earlier.id,) for earlier, later in pairwise(steps))
    assert all(step.because and step.verified_by for step in steps)


def test_approving_is_the_one_step_that_a_person_does() -> None:
    assert [step.id for step in planned().plan.steps if step.handled_by is HandledBy.HUMAN] == ["approve"]


def test_a_step_names_the_manual_step_it_replaces_or_says_that_it_is_new() -> None:
    steps = {step.id: step.replaces for step in planned().plan.steps}
    assert steps.pop("draft") == "Write two mails"
    assert set(steps.values()) == {None}


def test_the_sheet_has_its_eight_parts_in_order_and_none_is_empty() -> None:
    sheet = planned().plan.operating_sheet
    assert tuple(part.part for part in sheet) == PARTS
    assert len(PARTS) == 8
    assert all(part.lines and all(line.strip() for line in part.lines) for part in sheet)


def test_the_sheet_says_who_owns_what_is_promised_who_approves_and_what_happens_when_it_goes_wrong() -> None:
    sheet = {part.part: "\n".join(part.lines) for part in planned(owner="leo").plan.operating_sheet}
    assert "owner leo" in sheet["owner"]
    assert "accountable maya" in sheet["owner"]
    assert "response_time: within 0:15:00" in sheet["sla"]
    assert "send_email by smtp/send_campaign: approval, 1 of campaign_approver" in sheet["approval_points"]
    assert "hard_bounces above 5.00%: pause" in sheet["escalation_rules"]
    assert "hard bounces above 5 %" in sheet["escalation_rules"]
    assert sheet["rollback_plan"] == brief().rollback_plan


@pytest.mark.parametrize("part", ["inputs", "outputs", "tools"])
def test_a_sheet_with_an_empty_part_is_refused_by_its_name(part: str) -> None:
    template = TEMPLATE.model_copy(update={part: ()})
    with pytest.raises(EmptyPart, match=part):
        operating_sheet(brief(), template, planned().plan.policy, "smtp")


def test_the_costs_are_computed_from_what_success_and_a_wrong_mail_are_worth() -> None:
    """600 people x 40 EUR x 1 %; 600 people x 5 % x 120 EUR, over 7 days."""
    found = costs(brief())
    assert found.of_error == euros(240)
    assert found.of_delay_per_day == Money(micros=round(3600 * 1e6 / 7), currency="EUR")
    assert found.human_gate
    assert found.formula


def test_where_an_error_costs_less_than_a_delay_no_gate_is_asked_for() -> None:
    worth = Worth(
        per_outcome=euros(120),
        expected_rate=0.05,
        lifetime_value_per_recipient=euros(1),
        share_lost_per_wrong_mail=0.01,
    )
    assert not costs(brief(worth=worth)).human_gate


def test_a_manual_step_without_a_step_of_the_plan_changes_no_step() -> None:
    kept = ManualStep(step="Thank the speakers", owner="maya", minutes=20, reason="courtesy")
    assert planned(manual_baseline=(*brief().manual_baseline, kept)).plan.steps == planned().plan.steps


def test_a_step_that_replaces_several_manual_ones_names_them_all() -> None:
    both = tuple(
        ManualStep(step=step, owner="maya", minutes=9, reason="always", plan_step="draft")
        for step in ("Write", "Translate")
    )
    assert planned(manual_baseline=both).plan.steps[0].replaces == "Write; Translate"
