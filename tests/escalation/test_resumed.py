"""A campaign halts, or goes on by one decision: whatever else people were asked before is no question any more.

Which topic is read first never matters: the event names each trigger and decision.
"""

from uuid import UUID, uuid4

import pytest

from contracts.actions import ActionProposed
from contracts.escalation import ActionDenied, CaseOpened, CaseResolved, CaseWithdrawn, VoteRefused
from contracts.executor import CampaignHalted, CampaignResumed, KillScope, KillSwitchChanged
from escalation.commands import Choice, DecideCase
from escalation.domain.state import Case, Reason, Status
from tests.builders import meta, proposed
from tests.escalation.builders import WHY, Story, fired, option, planned, uncertain, who
from tests.escalation.desk import Desk


def resumed(*closes: UUID, by: UUID | None = None) -> CampaignResumed:
    return CampaignResumed(
        plan_version=1, decision_id=by or uuid4(), grant_id=uuid4(), fence=1, remaining=3, closes=closes
    )


def halted_since(*closes: UUID) -> CampaignHalted:
    return CampaignHalted(
        plan_version=1, because="paused_by_person", trigger_id=None, actor="sam", fence=1, sent=0, remaining=3,
        closes=closes,
    )  # fmt: skip


def halted(story: Story, name: str) -> tuple[UUID, ActionProposed]:
    """A trigger fires, and one way on is proposed."""
    trigger = meta()
    story.tell(fired(), cause=trigger)
    way = option(story.plans[1], trigger.event_id, name)
    story.tell(way)
    return trigger.event_id, way


def about(story: Story, subject: UUID) -> Case:
    assert story.state is not None
    [found] = [case for case in story.state.cases.values() if case.subject_id == subject]
    return found


def outcome(story: Story, proposal: ActionProposed) -> str:
    assert story.state is not None
    return story.state.rulings[proposal.decision_id].outcome


def decided(story: Story) -> tuple[UUID, ActionProposed, UUID, ActionProposed]:
    """Two triggers of one halt; people choose an option of the first."""
    story.tell(story.plans[1])
    first, chosen = halted(story, "a")
    case = story.case
    second, other = halted(story, "bb")
    vote(story, case, chosen)
    return first, chosen, second, other


def vote(story: Story, case: Case, proposal: ActionProposed) -> Reason:
    word = DecideCase(
        command_id=uuid4().hex, actor=who(), case_id=case.case_id, decision_id=proposal.decision_id,
        content_hash=proposal.action.content_hash, choice=Choice.APPROVE, reason=WHY,
    )  # fmt: skip
    return story.tell(word)


def test_the_second_case_of_a_halt_is_withdrawn_when_the_campaign_goes_on() -> None:
    story = planned()
    first, chosen, second, other = decided(story)
    assert story.one(CaseResolved).chosen == chosen.decision_id
    case = about(story, second)
    assert story.tell(resumed(first, second, other.decision_id, by=chosen.decision_id)) is Reason.WITHDRAWN
    assert (story.one(CaseWithdrawn).case_id, story.one(CaseWithdrawn).because) == (case.case_id, "campaign_resumed")
    assert (story.one(ActionDenied).decision_id, story.one(ActionDenied).because) == (
        other.decision_id, "campaign_resumed",
    )  # fmt: skip
    assert (about(story, second).status, about(story, second).withdrawn_because) == (
        Status.WITHDRAWN, "campaign_resumed",
    )  # fmt: skip
    assert (about(story, first).status, outcome(story, chosen)) == (Status.RESOLVED, "cleared")


def test_a_vote_on_it_afterwards_is_refused_and_recorded() -> None:
    story = planned()
    first, _, second, other = decided(story)
    story.tell(resumed(first, second))
    assert vote(story, about(story, second), other) is Reason.CASE_CLOSED
    assert [type(event) for event in story.said] == [VoteRefused]


def test_a_later_halts_case_stays_although_it_was_read_before() -> None:
    story = planned()
    first, _, second, _ = decided(story)
    later, way = halted(story, "ccc")
    story.tell(resumed(first, second))
    assert about(story, later).status is Status.OPEN
    assert vote(story, about(story, later), way) is Reason.CLEARED_BY_PEOPLE


def test_a_trigger_that_is_read_after_its_halt_is_over_asks_nobody() -> None:
    story, late = planned(), meta()
    early = option(story.plans[1], late.event_id, "a")
    story.tell(early)
    assert story.tell(resumed(late.event_id)) is Reason.WITHDRAWN
    assert story.one(ActionDenied).decision_id == early.decision_id
    assert story.tell(fired(), cause=late) is Reason.NO_QUESTION
    assert not story.said
    late_option = option(story.plans[1], late.event_id, "bb")
    assert story.tell(late_option) is Reason.NO_QUESTION
    assert story.one(ActionDenied).because == "campaign_resumed"
    assert {outcome(story, early), outcome(story, late_option)} == {"denied"}


def test_what_a_person_asked_for_beside_the_trigger_is_withdrawn_too() -> None:
    story = planned()
    asked = proposed(story.plans[1])
    story.tell(asked)
    story.tell(resumed(asked.decision_id))
    assert story.one(CaseWithdrawn).case_id == story.case.case_id


def test_what_the_kill_switch_kept_back_is_not_asked_about_afterwards() -> None:
    story = planned()
    story.tell(KillSwitchChanged(scope=KillScope.CAMPAIGN, engaged=True, actor="sam", reason="an incident"))
    kept = proposed(story.plans[1])
    assert story.tell(kept) is Reason.HELD
    story.tell(resumed(kept.decision_id))
    story.tell(KillSwitchChanged(scope=KillScope.CAMPAIGN, engaged=False, actor="sam", reason="it is over"))
    assert not story.any(CaseOpened)
    assert story.one(ActionDenied).because == "campaign_resumed"


@pytest.mark.parametrize(("closes", "reason"), [((), Reason.NOTED), ((UUID(int=1),), Reason.NO_QUESTION)])
def test_what_was_not_asked_about_this_halt_stays(closes: tuple[UUID, ...], reason: Reason) -> None:
    story = planned()
    story.tell(uncertain())
    story.tell(proposed(story.plans[1]))
    assert story.tell(resumed(*closes)) is reason
    assert not story.said
    assert story.state is not None
    assert {case.status for case in story.state.cases.values()} == {Status.OPEN}


def test_what_was_asked_before_a_halt_is_withdrawn_by_it() -> None:
    story, asked = planned(), proposed(planned().plans[1])
    story.tell(asked)
    assert story.tell(halted_since(asked.decision_id)) is Reason.WITHDRAWN
    assert story.one(CaseWithdrawn).because == story.one(ActionDenied).because == "campaign_halted"
    assert story.vote(asked, who()) is Reason.CASE_CLOSED


def test_a_proposal_that_is_read_after_the_halt_that_voids_it_asks_nobody() -> None:
    story, late = planned(), proposed(planned().plans[1])
    story.tell(halted_since(late.decision_id))
    assert story.tell(late) is Reason.NO_QUESTION
    assert story.one(ActionDenied).because == "campaign_halted"


def test_a_halt_that_voids_nothing_changes_nothing() -> None:
    story = planned()
    story.tell(proposed(story.plans[1]))
    before = story.state
    assert story.tell(halted_since()) is Reason.NOTED
    assert story.state == before


async def test_the_door_says_why_a_withdrawn_case_takes_no_vote(desk: Desk) -> None:
    shown = await desk.asked()
    await desk.read(resumed(UUID(shown["options"][0]["decision_id"])))
    answer = await desk.vote(shown)
    assert (answer.status_code, answer.json()["title"]) == (409, "case_closed")
    assert answer.json()["withdrawn_because"] == "campaign_resumed"
    assert answer.json()["fix"].startswith("it was withdrawn (campaign resumed)")
    card = (await desk.get(f"/v1/cases/{shown['case_id']}")).json()
    assert (card["status"], card["withdrawn_because"]) == ("withdrawn", "campaign_resumed")
    assert (await desk.get("/v1/cases")).json()["cases"] == []
