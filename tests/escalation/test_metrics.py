"""What is counted is what people and the policy did: each at the moment it is known."""

from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY

from chassis.decision import TaskFailed
from contracts.executor import CampaignFinished, CampaignOutcome, KillScope, KillSwitchChanged
from contracts.plan import Authority
from escalation.commands import AcknowledgeCase, Choice
from escalation.domain.state import CaseDeadline, LookDue, Notified, Notify, OpenCases
from escalation.metrics import show
from tests.builders import meta, plan_issued, policy, proposed
from tests.escalation.builders import WHY, Story, asked, fired, later, option, planned, who

OVER = CampaignFinished(plan_version=1, outcome=CampaignOutcome.CANCELLED, because="cancelled_by_person")
FREE = plan_issued(
    policy_=policy(
        autonomy_rung=3, matrix=(policy().matrix[0].model_copy(update={"authority": Authority.INDEPENDENT}),)
    )
)


def value(name: str, **labels: str) -> float:
    found = REGISTRY.get_sample_value(f"handrail_{name}", labels)
    assert found is not None, (name, labels)
    return found


def approved(after_seconds: float = 600) -> Story:
    story, proposal = asked()
    story.vote(proposal, who(), at=later(seconds=after_seconds))
    return story


def refused() -> Story:
    story, proposal = asked()
    story.vote(proposal, who(), choice=Choice.REFUSE, reason=WHY)
    return story


def expired() -> Story:
    story, _ = asked()
    story.tell(CaseDeadline(case_id=story.case.case_id), later(hours=4))
    return story


def withdrawn() -> Story:
    story, _ = asked()
    story.tell(OVER)
    return story


def chosen(name: str) -> Story:
    story, trigger = planned(), meta()
    story.tell(fired(), cause=trigger)
    options = {one: option(story.plans[1], trigger.event_id, one) for one in ("resume", "stop")}
    for one in options.values():
        story.tell(one)
    story.vote(options[name], who(), reason=WHY)
    return story


def cleared_by_rule() -> Story:
    first, proposal = asked(FREE)
    first.vote(proposal, who())
    story = planned(FREE)
    story.shared = first.shared
    story.tell(proposed(FREE))
    return story


def held() -> Story:
    story = planned(plan_issued(policy_=policy(matrix=())))
    story.tell(proposed(story.plans[1]))
    return story


def stale() -> Story:
    story = planned()
    story.tell(proposed(story.plans[1], plan_hash="cd" * 32))
    return story


def looked_at_late(after_hours: float | None) -> Story:
    """The look is due after two hours, and so counted, once or twice."""
    story, _ = asked()
    if after_hours is not None:
        look = AcknowledgeCase(command_id="a", actor=who(), case_id=story.case.case_id)
        story.tell(look, later(hours=after_hours))
    for nth in (1, 2):
        story.tell(LookDue(case_id=story.case.case_id, nth=nth), later(hours=4))
    return story


def over_before() -> Story:
    story = withdrawn()
    story.tell(LookDue(case_id=story.case.case_id), later(hours=2))
    return story


def told(*people: str) -> Callable[[], Story]:
    def tell() -> Story:
        story, _ = asked()
        story.tell(Notified(case_id=story.case.case_id, told=people, transport="inbox"))
        return story

    return tell


def not_told() -> Story:
    story, _ = asked()
    story.tell(TaskFailed(Notify(case_id=story.case.case_id, told=("ana", "ben")), "no route"))
    return story


@pytest.mark.parametrize(
    ("happens", "name", "labels", "by"),
    [
        (approved, "cases_total", {"severity": "medium", "kind": "approval"}, 1),
        (approved, "policy_evaluations_total", {"result": "needs_approval"}, 1),
        (approved, "approvals_total", {"kind": "approval", "decision": "approved"}, 1),
        (approved, "decisions_total", {"decision_type": "send_email", "mode": "approved"}, 1),
        (approved, "case_sla_total", {"severity": "medium", "stage": "resolve", "result": "met"}, 1),
        (approved, "case_ack_seconds_sum", {"severity": "medium"}, 600),
        (approved, "case_resolution_seconds_sum", {"severity": "medium"}, 600),
        (approved, "approval_decision_seconds_sum", {"kind": "approval"}, 600),
        (refused, "approvals_total", {"kind": "approval", "decision": "rejected"}, 1),
        (refused, "interventions_total", {"kind": "refusal"}, 1),
        (refused, "overrides_total", {"decision_type": "send_email", "direction": "stricter"}, 1),
        (expired, "approvals_total", {"kind": "approval", "decision": "expired"}, 1),
        (expired, "case_sla_total", {"severity": "medium", "stage": "resolve", "result": "missed"}, 1),
        (expired, "case_resolution_seconds_count", {"severity": "medium"}, 0),
        (approved, "case_sla_total", {"severity": "medium", "stage": "ack", "result": "met"}, 1),
        (lambda: looked_at_late(None), "case_sla_total", {"severity": "medium", "stage": "ack", "result": "missed"}, 1),
        (lambda: looked_at_late(3), "case_sla_total", {"severity": "medium", "stage": "ack", "result": "missed"}, 1),
        (lambda: looked_at_late(3), "case_sla_total", {"severity": "medium", "stage": "ack", "result": "met"}, 0),
        (lambda: looked_at_late(1), "case_sla_total", {"severity": "medium", "stage": "ack", "result": "missed"}, 0),
        (over_before, "case_sla_total", {"severity": "medium", "stage": "ack", "result": "missed"}, 0),
        (withdrawn, "approvals_total", {"kind": "approval", "decision": "withdrawn"}, 1),
        (withdrawn, "case_sla_total", {"severity": "medium", "stage": "resolve", "result": "met"}, 0),
        (lambda: chosen("resume"), "decisions_total", {"decision_type": "send_email", "mode": "human"}, 1),
        (lambda: chosen("resume"), "overrides_total", {"decision_type": "send_email", "direction": "looser"}, 1),
        (lambda: chosen("resume"), "approvals_total", {"kind": "trigger", "decision": "withdrawn"}, 1),
        (lambda: chosen("resume"), "interventions_total", {"kind": "override"}, 1),
        (lambda: chosen("stop"), "overrides_total", {"decision_type": "stop", "direction": "stricter"}, 1),
        (cleared_by_rule, "decisions_total", {"decision_type": "send_email", "mode": "auto"}, 1),
        (cleared_by_rule, "policy_evaluations_total", {"result": "allow"}, 1),
        (held, "policy_evaluations_total", {"result": "hold"}, 1),
        (stale, "policy_evaluations_total", {"result": "deny"}, 1),
        (told("ana", "ben"), "notifications_total", {"transport": "inbox", "result": "sent"}, 2),
        (told(), "notifications_total", {"transport": "inbox", "result": "nobody"}, 1),
        (not_told, "notifications_total", {"transport": "inbox", "result": "failed"}, 2),
    ],
)
def test_it_is_counted(happens: Callable[[], Story], name: str, labels: dict[str, str], by: float) -> None:
    before = value(name, **labels)
    happens()
    assert value(name, **labels) - before == pytest.approx(by)


def test_a_look_counts_once_from_the_first_and_a_later_vote_changes_nothing() -> None:
    story, proposal = asked()
    before = value("case_ack_seconds_sum", severity="medium"), value("case_ack_seconds_count", severity="medium")
    for subject, minute in (("ana", 1), ("ben", 5)):
        look = AcknowledgeCase(command_id=subject, actor=who(subject), case_id=story.case.case_id)
        story.tell(look, later(minutes=minute))
    story.vote(proposal, who(), at=later(minutes=10))
    after = value("case_ack_seconds_sum", severity="medium"), value("case_ack_seconds_count", severity="medium")
    assert (after[0] - before[0], after[1] - before[1]) == pytest.approx((60, 1))


def test_what_a_kill_switch_kept_back_is_evaluated_again_when_it_is_released() -> None:
    story = planned()
    story.tell(KillSwitchChanged(scope=KillScope.CAMPAIGN, engaged=True, actor="sam", reason="an incident"))
    story.tell(proposed(story.plans[1]))
    before = value("policy_evaluations_total", result="needs_approval")
    story.tell(KillSwitchChanged(scope=KillScope.CAMPAIGN, engaged=False, actor="sam", reason="it is over"))
    assert value("policy_evaluations_total", result="needs_approval") - before == 1


def test_a_decision_type_that_nobody_listed_is_another() -> None:
    row = policy().matrix[0].model_copy(update={"decision_type": "send_offer"})
    story = planned(plan_issued(policy_=policy(matrix=(row,))))
    proposal = proposed(story.plans[1], decision_type="send_offer")
    story.tell(proposal)
    before = value("decisions_total", decision_type="other", mode="approved")
    story.vote(proposal, who())
    assert value("decisions_total", decision_type="other", mode="approved") - before == 1


def test_gauges_show_what_waits_by_severity_and_by_what_is_asked() -> None:
    show([OpenCases("high", "trigger", 2, 50.0), OpenCases("high", "uncertain", 1, 70.0)])
    assert (value("cases_open", severity="high"), value("case_oldest_open_seconds", severity="high")) == (3, 70)
    assert (value("approvals_pending", kind="trigger"), value("approvals_pending", kind="approval")) == (2, 0)
    assert value("approval_oldest_pending_seconds", kind="trigger") == 50
    show([])
    assert value("cases_open", severity="high") == 0
