"""What people's words do, and what waits for them."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.actions import ActionReconciled, Settled
from contracts.escalation import (
    ActionCleared,
    ActionDenied,
    ApprovalGiven,
    ApprovalRefused,
    CaseExpired,
    CaseKind,
    CaseNotified,
    CaseOpened,
    CaseResolved,
    CaseWithdrawn,
    ClearanceRevoked,
    HoldPlaced,
    HoldReleased,
    OverrideRecorded,
    VoteRefused,
)
from contracts.executor import CampaignFinished, CampaignOutcome
from contracts.plan import Authority
from escalation.commands import AcknowledgeCase, Choice, RevokeClearance, SettleCase
from escalation.domain.decide import while_waiting
from escalation.domain.state import (
    CaseDeadline,
    Notified,
    PlanMissing,
    Reason,
    Status,
)
from policy.directory import Directory
from policy.rule import rule
from policy.stages import Facts
from tests.builders import T0, meta, plan_issued, policy, proposed
from tests.escalation.builders import WHY, Story, asked, fired, later, option, person, planned, uncertain, who

QUORUM = plan_issued(policy_=policy(matrix=(policy().matrix[0].model_copy(update={"needed": 2}), policy().matrix[1])))
FREE = plan_issued(
    policy_=policy(
        autonomy_rung=3, matrix=(policy().matrix[0].model_copy(update={"authority": Authority.INDEPENDENT}),)
    )
)
OVER = CampaignFinished(plan_version=1, outcome=CampaignOutcome.CANCELLED, because="cancelled_by_person")


def test_a_first_send_opens_one_case_however_often_it_is_read() -> None:
    story, proposal = asked()
    assert story.case.told == ("ana", "ben")
    assert story.case.deadline == T0 + timedelta(hours=4)
    assert story.tell(proposal) is Reason.KNOWN
    assert not story.said


def test_one_approval_of_the_displayed_content_is_a_grant_over_exactly_it() -> None:
    story, proposal = asked()
    assert story.vote(proposal, who()) is Reason.CLEARED_BY_PEOPLE
    grant = story.one(ActionCleared)
    assert (grant.action, grant.content_hash) == (proposal.action, proposal.action.content_hash)
    assert (grant.plan_hash, grant.policy_hash) == (proposal.plan_hash, proposal.policy_hash)
    assert grant.expires_at == T0 + timedelta(hours=12)
    assert [one.subject for one in grant.approvers] == ["ana"]
    assert story.one(CaseResolved).chosen == proposal.decision_id
    assert story.one(ApprovalGiven).approver.role == "campaign_approver"


@pytest.mark.parametrize(
    ("by", "changes", "reason"),
    [
        (who("bot", human=False), {}, Reason.NOT_A_PERSON),
        (who("sam", "operator"), {}, Reason.ROLE_MISSING),
        (who("maya", "campaign_approver"), {}, Reason.OWN_WORK),
        (who(), {"content_hash": "cd" * 32}, Reason.CONTENT_CHANGED),
        (who(), {"decision_id": uuid4()}, Reason.OPTION_UNKNOWN),
        (who(), {"case_id": uuid4()}, Reason.CASE_UNKNOWN),
        (who(), {"choice": Choice.REFUSE}, Reason.REASON_NEEDED),
        (who(), {"at": later(hours=4)}, Reason.CASE_CLOSED),
    ],
)
def test_a_vote_that_does_not_count(by: Any, changes: dict[str, Any], reason: Reason) -> None:
    story, proposal = asked()
    case = story.case.case_id
    assert story.vote(proposal, by, **changes) is reason
    assert story.case.status is Status.OPEN
    if reason is Reason.CASE_UNKNOWN:
        assert not story.said
    else:
        [refused] = story.said
        assert isinstance(refused, VoteRefused)
        assert (refused.case_id, refused.by, refused.human, refused.because) == (case, by.subject, by.human, reason)


def test_the_backup_role_decides_too_and_is_asked_when_nobody_of_the_role_is_there() -> None:
    story = planned()
    story.directory = Directory(people=(person("ana", absent=True), person("leo", "marketing_lead")))
    proposal = proposed(story.plans[1])
    story.tell(proposal)
    assert story.case.told == ("leo",)
    assert story.vote(proposal, who("leo", "marketing_lead")) is Reason.CLEARED_BY_PEOPLE
    assert story.one(ActionCleared).approvers[0].role == "marketing_lead"


def test_the_second_distinct_person_clears_where_two_are_needed() -> None:
    story, proposal = asked(QUORUM)
    assert story.vote(proposal, who("ana")) is Reason.VOTE_COUNTED
    assert not story.any(ActionCleared)
    assert story.vote(proposal, who("ana")) is Reason.ALREADY_VOTED
    assert story.vote(proposal, who("ben")) is Reason.CLEARED_BY_PEOPLE
    assert [one.subject for one in story.one(ActionCleared).approvers] == ["ana", "ben"]


def test_one_refusal_denies_says_why_and_is_an_override() -> None:
    story, proposal = asked(QUORUM)
    story.vote(proposal, who("ana"))
    assert story.vote(proposal, who("ben"), choice=Choice.REFUSE, reason=WHY) is Reason.REFUSED_BY_PEOPLE
    assert story.one(ApprovalRefused).reason == WHY
    assert story.one(ActionDenied).because == "refused"
    assert story.one(OverrideRecorded).by.subject == "ben"
    assert story.one(CaseResolved).chosen is None


def test_a_case_that_nobody_decides_expires_and_denies() -> None:
    story, proposal = asked()
    story.tell(CaseDeadline(case_id=story.case.case_id), later(hours=4))
    assert story.one(CaseExpired).if_ignored == proposal.if_ignored
    assert (story.one(ActionDenied).decision_id, story.one(ActionDenied).because) == (proposal.decision_id, "expired")
    assert story.vote(proposal, who(), at=later(hours=4, minutes=1)) is Reason.CASE_CLOSED


def test_a_deadline_after_the_decision_changes_nothing() -> None:
    story, proposal = asked()
    story.vote(proposal, who())
    assert story.tell(CaseDeadline(case_id=story.case.case_id), later(hours=4)) is Reason.CASE_CLOSED
    assert not story.said


def test_a_finished_campaign_withdraws_its_cases_and_asks_no_more() -> None:
    story, proposal = asked()
    assert story.tell(OVER) is Reason.WITHDRAWN
    assert story.one(CaseWithdrawn).because == "campaign_finished"
    assert story.one(ActionDenied).decision_id == proposal.decision_id
    assert story.vote(proposal, who()) is Reason.CASE_CLOSED
    assert story.tell(proposed(story.plans[1])) is Reason.CAMPAIGN_OVER


@pytest.mark.parametrize("options_first", [True, False])
def test_options_join_their_triggers_case_whichever_is_read_first(options_first: bool) -> None:
    story, trigger = planned(), meta()
    options = [option(story.plans[1], trigger.event_id, name) for name in ("resume", "stop")]
    if options_first:
        assert [story.tell(one) for one in options] == [Reason.OPTION_ADDED] * 2
    assert story.tell(fired(), cause=trigger) is Reason.CASE_OPENED
    assert story.one(CaseOpened).kind is CaseKind.TRIGGER
    if not options_first:
        assert [story.tell(one) for one in options] == [Reason.OPTION_ADDED] * 2
    assert story.case.options == tuple(one.decision_id for one in options)


def test_choosing_an_option_needs_a_reason_and_denies_the_others() -> None:
    story, trigger = planned(), meta()
    without, everybody, stop = (option(story.plans[1], trigger.event_id, name) for name in ("a", "bb", "stop"))
    story.tell(fired(), cause=trigger)
    for one in (without, everybody, stop):
        story.tell(one)
    assert story.vote(without, who()) is Reason.REASON_NEEDED
    assert story.vote(without, who(), reason=WHY) is Reason.CLEARED_BY_PEOPLE
    assert story.one(ActionCleared).decision_id == without.decision_id
    assert {one.decision_id for one in story.any(ActionDenied)} == {everybody.decision_id, stop.decision_id}
    assert {one.because for one in story.any(ActionDenied)} == {"another_option"}
    assert story.one(OverrideRecorded).reason == WHY


def test_an_option_is_never_cleared_by_a_rule_even_to_stop() -> None:
    story, trigger = planned(), meta()
    story.tell(fired(), cause=trigger)
    story.tell(option(story.plans[1], trigger.event_id, "stop"))
    assert not story.any(ActionCleared)


def test_after_an_approval_the_frameworks_second_send_is_cleared_by_rule() -> None:
    story, proposal = asked(FREE)
    story.vote(proposal, who())
    other = planned(FREE)
    other.shared = story.shared
    assert other.tell(proposed(FREE)) is Reason.CLEARED_BY_RULE
    assert other.one(ActionCleared).case_id is None


def test_without_a_matching_row_the_campaign_is_held() -> None:
    story = planned(plan_issued(policy_=policy(matrix=())))
    assert story.tell(proposed(story.plans[1])) is Reason.HELD
    assert story.one(HoldPlaced).because == "no_matching_rule"


def test_a_ruling_made_again_from_what_was_stored_is_the_same() -> None:
    story, proposal = asked()
    assert story.state is not None
    ruled = story.state.rulings[proposal.decision_id]
    stored = story.state.proposals[proposal.decision_id]
    again = rule(stored, story.plans[1], Facts(framework_approved=ruled.framework_approved), ruled.at)
    assert (again.verdict.value, again.because, again.stages) == (ruled.outcome, ruled.because, ruled.stages[:-1])


def test_a_lost_answer_is_settled_by_a_person() -> None:
    story, lost = planned(), uncertain()
    assert story.tell(lost) is Reason.CASE_OPENED
    settle = SettleCase(command_id="k", actor=who(), case_id=story.case.case_id, settled=Settled.APPLIED, reason=WHY)
    assert story.tell(settle) is Reason.SETTLED
    assert story.one(ApprovalGiven).decision_id == lost.effect_id
    assert story.one(CaseResolved).by[0].subject == "ana"


def test_a_lost_answer_that_the_world_settles_is_no_question_any_more() -> None:
    story, lost = planned(), uncertain()
    story.tell(lost)
    found = ActionReconciled(
        plan_version=1, decision_id=lost.decision_id, effect_id=lost.effect_id, settled=Settled.APPLIED,
        evidence="delivered", by=None,
    )  # fmt: skip
    assert story.tell(found) is Reason.WITHDRAWN
    assert story.one(CaseWithdrawn).because == "settled_by_evidence"


def test_a_grant_is_revoked_once_and_only_by_a_person() -> None:
    story, proposal = asked()

    def revoke(human: bool) -> Reason:
        by = who(human=human)
        return story.tell(RevokeClearance(command_id="r", actor=by, decision_id=proposal.decision_id, because="typo"))

    assert revoke(True) is Reason.NOTHING_TO_REVOKE
    story.vote(proposal, who())
    assert revoke(False) is Reason.NOT_A_PERSON
    assert revoke(True) is Reason.REVOKED
    assert story.one(ClearanceRevoked).decision_id == proposal.decision_id
    assert revoke(True) is Reason.NOTHING_TO_REVOKE


def test_a_campaign_whose_plan_does_not_come_within_a_minute_is_held_until_it_does() -> None:
    assert while_waiting(meta(), 1, T0).due == later(seconds=60)
    story = Story()
    assert story.tell(PlanMissing()) is Reason.PLAN_MISSING
    assert story.one(HoldPlaced).because == "plan_missing"
    story.tell(plan_issued())
    assert story.one(HoldReleased).because == "plan_missing"


def test_who_was_told_and_who_looks_is_recorded() -> None:
    story, _ = asked()
    story.tell(Notified(case_id=story.case.case_id, told=("ana",), transport="inbox"))
    assert story.one(CaseNotified).told == ("ana",)
    assert story.tell(AcknowledgeCase(command_id="a", actor=who(), case_id=story.case.case_id)) is Reason.ACKNOWLEDGED
    assert story.case.acknowledged_by == "ana"


VOTERS = st.sampled_from(["ana", "ben", "leo", "maya", "sam", "bot"])
ROLES = {
    "ana": ("campaign_approver",), "ben": ("campaign_approver",), "leo": ("marketing_lead",),
    "maya": ("campaign_approver",), "sam": ("operator",), "bot": ("campaign_approver",),
}  # fmt: skip


@given(st.lists(st.tuples(VOTERS, st.booleans(), st.integers(0, 300)), max_size=12))
def test_no_sequence_of_votes_clears_without_enough_distinct_people_in_time(
    votes: list[tuple[str, bool, int]],
) -> None:
    story, proposal = asked(QUORUM)
    grants: list[ActionCleared] = []
    for subject, fits, minute in sorted(votes, key=lambda vote: vote[2]):
        by = who(subject, *ROLES[subject], human=subject != "bot")
        shown = proposal.action.content_hash if fits else "cd" * 32
        story.vote(proposal, by, at=later(minutes=minute), content_hash=shown)
        grants += story.any(ActionCleared)
    allowed = {subject for subject, fits, minute in votes if fits and minute < 240} & {"ana", "ben", "leo"}
    assert len(grants) == (1 if len(allowed) >= 2 else 0)
    for grant in grants:
        people = {one.subject for one in grant.approvers}
        assert len(people) >= 2
        assert people <= {"ana", "ben", "leo"}
