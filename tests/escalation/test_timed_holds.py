"""What a rule would clear may have to wait in people's sight first: silence holds, unless the policy says more."""

from datetime import timedelta

import pytest

from contracts.actions import ActionProposed
from contracts.escalation import (
    ActionCleared,
    ActionDenied,
    CaseExpired,
    CaseKind,
    CaseOpened,
    CaseResolved,
    CaseWithdrawn,
    HoldPlaced,
    HoldReleased,
)
from contracts.executor import CampaignFinished, CampaignOutcome, KillScope, KillSwitchChanged
from contracts.plan import Authority, HoldEnd, TimedHold
from escalation.commands import Choice
from escalation.domain.state import CaseDeadline, Reason, Shared, Status
from tests.builders import plan_issued, policy, proposed
from tests.escalation.builders import WHY, Story, asked, later, planned, who

HALF_HOUR = TimedHold(
    id="last-word", tool="smtp", verb="send_campaign", decision_type="send_email", length=timedelta(minutes=30)
)
OVER = CampaignFinished(plan_version=1, outcome=CampaignOutcome.CANCELLED, because="cancelled_by_person")


def killed(engaged: bool) -> KillSwitchChanged:
    return KillSwitchChanged(scope=KillScope.CAMPAIGN, engaged=engaged, actor="sam", reason="an incident")


def waiting(then: HoldEnd = HoldEnd.STAY) -> Story:
    """A second send inside an approved framework, which a rule would clear at once but for the hold."""
    row = policy().matrix[0].model_copy(update={"authority": Authority.INDEPENDENT})
    holds = (HALF_HOUR.model_copy(update={"then": then}),)
    issued = plan_issued(policy_=policy(autonomy_rung=3, matrix=(row,), holds=holds))
    first, proposal = asked(issued)
    first.vote(proposal, who())
    story = planned(issued)
    story.shared = Shared(frameworks=first.shared.frameworks)
    assert story.tell(proposed(issued)) is Reason.WAITS
    return story


def decision(story: Story) -> ActionProposed:
    assert story.state is not None
    [proposal] = story.state.proposals.values()
    return proposal


def outcome(story: Story) -> tuple[str, str]:
    assert story.state is not None
    [ruled] = story.state.rulings.values()
    return ruled.outcome, ruled.because


def test_silence_is_the_default_hold() -> None:
    assert HALF_HOUR.then is HoldEnd.STAY


def test_it_waits_in_sight_until_a_time_that_everybody_can_read() -> None:
    story = waiting()
    held = story.one(HoldPlaced)
    assert (held.because, held.decision_id, held.until) == (
        "timed_hold", decision(story).decision_id, later(minutes=30),
    )  # fmt: skip
    assert not story.any(ActionCleared)
    assert story.one(CaseOpened).kind is CaseKind.APPROVAL
    assert (story.case.deadline, story.case.told) == (later(minutes=30), ("ana", "ben"))
    assert [task.due for task in story.asked if isinstance(task.body, CaseDeadline)] == [later(minutes=30)]
    assert outcome(story) == ("waits", "timed_hold")


def test_where_the_policy_says_so_it_proceeds_by_rule_when_the_time_is_over() -> None:
    story = waiting(HoldEnd.PROCEED)
    assert "proceeds" in story.case.if_ignored
    assert story.tell(CaseDeadline(case_id=story.case.case_id), later(minutes=30)) is Reason.HOLD_ENDED
    assert story.one(HoldReleased).decision_id == decision(story).decision_id
    grant = story.one(ActionCleared)
    assert (grant.case_id, grant.approvers[0].role) == (None, "rule")
    assert story.one(CaseExpired).case_id == story.case.case_id
    assert not story.any(ActionDenied)
    assert story.case.status is Status.EXPIRED


def test_otherwise_it_stays_held_and_a_person_must_say_so() -> None:
    story = waiting()
    assert "stays held" in story.case.if_ignored
    first = story.case.case_id
    assert story.tell(CaseDeadline(case_id=first), later(minutes=30)) is Reason.HOLD_ENDED
    assert not story.any(ActionCleared)
    assert not story.any(ActionDenied)
    assert not story.any(HoldReleased)
    held = story.one(HoldPlaced)
    assert (held.because, held.until) == ("timed_hold", None)
    assert (story.one(CaseOpened).because, story.case.case_id != first) == ("timed_hold", True)
    assert story.case.deadline == later(hours=4, minutes=30)
    assert story.vote(decision(story), who(), later(hours=1)) is Reason.CLEARED_BY_PEOPLE
    assert story.one(HoldReleased).because == "timed_hold"
    assert story.one(ActionCleared).approvers[0].subject == "ana"


def test_what_stayed_held_and_nobody_decided_is_denied() -> None:
    story = waiting()
    story.tell(CaseDeadline(case_id=story.case.case_id), later(minutes=30))
    assert story.tell(CaseDeadline(case_id=story.case.case_id), later(hours=5)) is Reason.EXPIRED
    assert story.one(ActionDenied).because == "expired"
    assert story.any(HoldReleased)


@pytest.mark.parametrize("then", list(HoldEnd))
def test_a_person_may_let_it_go_before_the_time(then: HoldEnd) -> None:
    story = waiting(then)
    assert story.vote(decision(story), who(), later(minutes=5)) is Reason.CLEARED_BY_PEOPLE
    assert story.one(CaseResolved).chosen == decision(story).decision_id
    assert story.any(HoldReleased)
    assert story.tell(CaseDeadline(case_id=story.case.case_id), later(minutes=30)) is Reason.CASE_CLOSED
    assert not story.said


@pytest.mark.parametrize("then", list(HoldEnd))
def test_a_persons_no_ends_it(then: HoldEnd) -> None:
    story = waiting(then)
    refused = story.vote(decision(story), who(), later(minutes=29), choice=Choice.REFUSE, reason=WHY)
    assert refused is Reason.REFUSED_BY_PEOPLE
    assert story.any(HoldReleased)
    story.tell(CaseDeadline(case_id=story.case.case_id), later(minutes=30))
    assert not story.any(ActionCleared)
    assert outcome(story)[0] == "denied"


def test_a_kill_switch_engaged_meanwhile_outlasts_the_hold_and_the_hold_is_not_served_twice() -> None:
    story = waiting(HoldEnd.PROCEED)
    story.tell(killed(True), later(minutes=10))
    story.tell(CaseDeadline(case_id=story.case.case_id), later(minutes=30))
    assert not story.any(ActionCleared)
    assert outcome(story) == ("held", "kill_switch")
    story.tell(killed(False), later(minutes=50))
    assert story.any(ActionCleared)


def test_a_released_kill_switch_does_not_shorten_the_hold() -> None:
    story = waiting(HoldEnd.PROCEED)
    story.tell(killed(True), later(minutes=10))
    story.tell(killed(False), later(minutes=20))
    assert not story.any(ActionCleared)
    assert outcome(story) == ("waits", "timed_hold")
    assert story.state is not None
    assert len(story.state.cases) == 1


def test_a_newer_plan_issued_meanwhile_ends_the_hold() -> None:
    story = waiting(HoldEnd.PROCEED)
    story.tell(plan_issued(2), later(minutes=10))
    assert (story.one(CaseWithdrawn).because, story.one(HoldReleased).because) == ("plan_changed", "timed_hold")
    story.tell(CaseDeadline(case_id=story.case.case_id), later(minutes=30))
    assert not story.said


def test_a_finished_campaign_ends_the_hold() -> None:
    story = waiting(HoldEnd.PROCEED)
    story.tell(OVER, later(minutes=10))
    assert story.any(CaseWithdrawn)
    assert story.any(HoldReleased)
    story.tell(CaseDeadline(case_id=story.case.case_id), later(minutes=30))
    assert not story.said


def test_what_people_are_asked_anyway_does_not_wait_besides() -> None:
    story = planned(plan_issued(policy_=policy(holds=(HALF_HOUR,))))
    assert story.tell(proposed(story.plans[1])) is Reason.CASE_OPENED
    assert not story.any(HoldPlaced)
    assert story.case.deadline == later(hours=4)
