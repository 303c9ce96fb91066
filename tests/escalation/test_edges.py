"""Histories that go wrong at their edges: killed, held, expired, asked again, of another tenant."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from contracts.decision import LegalClass
from contracts.escalation import (
    ActionCleared,
    ActionDenied,
    CaseOpened,
    CaseWithdrawn,
    HoldPlaced,
    HoldReleased,
    VoteRefused,
)
from contracts.event import Tenant
from contracts.executor import (
    CampaignFinished,
    CampaignOutcome,
    KillScope,
    KillSwitchChanged,
)
from contracts.plan import Authority
from escalation.commands import Choice, RevokeClearance
from escalation.domain.state import (
    CaseDeadline,
    Escalation,
    PlanMissing,
    Reason,
    Shared,
)
from escalation.settings import Settings
from policy.directory import Directory
from tests.builders import meta, plan_issued, policy, proposed
from tests.escalation.builders import WHY, Story, asked, fired, later, option, person, planned, uncertain, who

QUORUM = plan_issued(policy_=policy(matrix=(policy().matrix[0].model_copy(update={"needed": 2}), policy().matrix[1])))
OVER = CampaignFinished(plan_version=1, outcome=CampaignOutcome.CANCELLED, because="cancelled_by_person")


def test_while_the_kill_switch_is_engaged_nothing_is_cleared() -> None:
    story, proposal = asked()
    story.tell(KillSwitchChanged(scope=KillScope.CAMPAIGN, engaged=True, actor="sam", reason="an incident"))
    story.vote(proposal, who())
    assert not story.any(ActionCleared)


def test_a_proposal_kept_back_by_a_hold_is_ruled_when_it_is_released() -> None:
    story = Story(state=Escalation(holds=("plan_missing",)))
    issued = plan_issued()
    story.plans[1] = issued
    proposal = proposed(issued)
    assert story.tell(proposal) is Reason.HELD
    story.tell(issued)
    assert story.any(CaseOpened)


@pytest.mark.parametrize("body", [fired(), uncertain()], ids=["trigger", "uncertain"])
def test_an_empty_matrix_still_asks_somebody(body: Any) -> None:
    story = planned(plan_issued(policy_=policy(matrix=())))
    assert story.tell(body) is Reason.CASE_OPENED


def test_an_option_to_stop_needs_no_row_of_the_matrix() -> None:
    story, trigger = planned(plan_issued(policy_=policy(matrix=policy().matrix[:1]))), meta()
    story.tell(fired(), cause=trigger)
    stop = option(story.plans[1], trigger.event_id, "stop")
    assert story.tell(stop) is Reason.OPTION_ADDED


def test_an_option_needs_as_many_people_as_its_row_says() -> None:
    story, trigger = planned(QUORUM), meta()
    story.tell(fired(), cause=trigger)
    resume = option(QUORUM, trigger.event_id, "resume")
    story.tell(resume)
    assert story.vote(resume, who(), reason=WHY) is Reason.VOTE_COUNTED


def test_a_campaign_whose_trigger_case_expired_can_be_asked_about_again() -> None:
    story, trigger = planned(), meta()
    story.tell(fired(), cause=trigger)
    story.tell(CaseDeadline(case_id=story.case.case_id), later(hours=4))
    assert story.tell(option(story.plans[1], trigger.event_id, "resume"), later(hours=5)) is not Reason.CASE_CLOSED


def test_who_may_not_decide_is_not_the_one_who_is_asked() -> None:
    story = planned()
    story.directory = Directory(people=(person("maya"), person("leo", "marketing_lead")))
    story.tell(proposed(story.plans[1]))
    assert story.case.told == ("leo",)


def test_a_denial_by_rule_says_which_stage_denied() -> None:
    story = planned()
    story.tell(proposed(story.plans[1], plan_hash="cd" * 32))
    assert story.one(ActionDenied).stages


@pytest.mark.parametrize("ending", ["refused", "expired"])
def test_how_a_decision_ended_can_be_read(ending: str) -> None:
    story, proposal = asked()
    if ending == "refused":
        story.vote(proposal, who(), choice=Choice.REFUSE, reason=WHY)
    else:
        story.tell(CaseDeadline(case_id=story.case.case_id), later(hours=4))
    assert story.state is not None
    assert story.state.rulings[proposal.decision_id].outcome == "denied"


def test_another_decision_type_is_not_approved_with_the_framework() -> None:
    row = policy().matrix[0].model_copy(update={"authority": Authority.INDEPENDENT})
    rows = (row, row.model_copy(update={"id": "other", "decision_type": "send_offer"}))
    issued = plan_issued(policy_=policy(matrix=rows, autonomy_rung=3))
    story, proposal = asked(issued)
    story.vote(proposal, who())
    other = replace(planned(issued), shared=story.shared)
    assert other.tell(proposed(issued, decision_type="send_offer")) is Reason.CASE_OPENED


def test_a_lost_answer_is_asked_about_although_the_campaign_is_over() -> None:
    story = planned()
    story.tell(OVER)
    assert story.tell(uncertain()) is Reason.CASE_OPENED


def test_people_of_one_tenant_are_not_told_about_anothers_case() -> None:
    story = planned()
    story.tell(proposed(story.plans[1]), cause=meta(tenant="another"))  # type: ignore[arg-type]
    assert story.case.told == ()


def killed(scope: KillScope = KillScope.CAMPAIGN, engaged: bool = True) -> KillSwitchChanged:
    return KillSwitchChanged(scope=scope, engaged=engaged, actor="sam", reason="an incident")


def test_a_proposal_that_the_kill_switch_keeps_back_is_ruled_when_it_is_released() -> None:
    story = planned()
    assert story.tell(killed()) is Reason.KILL_SWITCH_CHANGED
    proposal = proposed(story.plans[1])
    assert story.tell(proposal) is Reason.HELD
    assert story.one(HoldPlaced).because == "kill_switch"
    assert story.state is not None
    assert story.state.rulings[proposal.decision_id].kills == ("campaign",)
    story.tell(killed(engaged=False), later(minutes=1))
    assert (story.one(HoldReleased).because, story.one(HoldReleased).decision_id) == (
        "kill_switch", proposal.decision_id,
    )  # fmt: skip
    assert story.one(CaseOpened).subject_id == proposal.decision_id


@pytest.mark.parametrize("scope", [KillScope.TENANT, KillScope.GLOBAL])
def test_the_release_of_another_rows_switch_is_found_by_looking(scope: KillScope) -> None:
    story = planned()
    story.shared = Shared(kills=frozenset({scope}))
    proposal = proposed(story.plans[1])
    assert story.tell(proposal) is Reason.HELD
    [look] = story.asked
    assert look.due == later(seconds=30)
    assert story.tell(look.body, later(seconds=30)) is Reason.HELD
    assert not story.said
    [look] = story.asked
    assert look.due == later(seconds=60)
    story.shared = Shared()
    assert story.tell(look.body, later(seconds=60)) is Reason.RULED_AGAIN
    assert story.any(HoldReleased)
    assert story.any(CaseOpened)
    assert look not in story.asked
    assert story.tell(look.body, later(seconds=90)) is Reason.NOTED


def test_under_the_kill_switch_people_may_refuse_and_may_choose_to_stop() -> None:
    story, trigger = planned(), meta()
    story.tell(fired(), cause=trigger)
    resume = option(story.plans[1], trigger.event_id, "resume")
    story.tell(resume)
    story.tell(killed())
    stop = option(story.plans[1], trigger.event_id, "stop")
    assert story.tell(stop) is Reason.OPTION_ADDED
    assert story.vote(resume, who(), reason=WHY) is Reason.HELD
    assert [type(event) for event in story.said] == [VoteRefused]
    assert story.vote(resume, who(), reason=WHY, choice=Choice.REFUSE) is Reason.REFUSED_BY_PEOPLE
    assert story.vote(stop, who("ben"), reason=WHY) is Reason.CLEARED_BY_PEOPLE


def test_what_the_matrix_does_not_know_stays_held_when_a_hold_is_released() -> None:
    story = planned(plan_issued(policy_=policy(matrix=())))
    story.tell(proposed(story.plans[1]))
    story.tell(killed())
    story.tell(killed(engaged=False))
    assert not story.said


def test_a_held_proposal_of_a_campaign_that_ended_is_denied() -> None:
    story = planned()
    story.tell(killed())
    proposal = proposed(story.plans[1])
    story.tell(proposal)
    story.tell(OVER)
    story.tell(killed(engaged=False))
    assert story.one(ActionDenied).because == "campaign_finished"
    story.tell(killed(engaged=False))
    assert not story.said


@pytest.mark.parametrize("ending", ["expired", "refused", "revoked"])
def test_a_halted_campaign_whose_case_settled_nothing_is_asked_about_in_a_new_case(ending: str) -> None:
    story, trigger = planned(), meta()
    story.tell(fired(), cause=trigger)
    first, second, third = (option(story.plans[1], trigger.event_id, name) for name in ("a", "bb", "ccc"))
    story.tell(first)
    old = story.case
    if ending == "expired":
        story.tell(CaseDeadline(case_id=old.case_id), later(hours=4))
    else:
        choice = Choice.REFUSE if ending == "refused" else Choice.APPROVE
        story.vote(first, who(), reason=WHY, choice=choice)
    if ending == "revoked":
        story.tell(RevokeClearance(command_id="r", actor=who(), decision_id=first.decision_id, because="typo"))
    assert story.tell(second, later(hours=5)) is Reason.CASE_OPENED
    assert story.tell(third, later(hours=5)) is Reason.OPTION_ADDED
    assert story.case.case_id != old.case_id
    assert (story.case.subject_id, story.case.finding) == (old.subject_id, old.finding)
    assert story.case.deadline == later(hours=9)
    assert story.vote(third, who(), later(hours=6), reason=WHY) is Reason.CLEARED_BY_PEOPLE


def test_an_option_that_comes_after_the_choice_is_denied_and_says_so() -> None:
    story, trigger = planned(), meta()
    story.tell(fired(), cause=trigger)
    chosen, late = (option(story.plans[1], trigger.event_id, name) for name in ("a", "bb"))
    story.tell(chosen)
    story.vote(chosen, who(), reason=WHY)
    assert story.tell(late, later(minutes=1)) is Reason.CASE_CLOSED
    assert story.one(ActionDenied).decision_id == late.decision_id
    assert story.state is not None
    assert story.state.rulings[late.decision_id].outcome == "denied"


def test_a_newer_plan_takes_away_what_an_older_one_asked_and_denies_nothing() -> None:
    story, proposal = asked()
    story.tell(plan_issued(2))
    assert story.one(CaseWithdrawn).because == "plan_changed"
    assert not story.any(ActionDenied)  # the executor proposes anew: its campaign goes on
    assert story.vote(proposal, who()) is Reason.CASE_CLOSED


def test_an_option_of_an_older_plan_may_be_refused_but_not_approved() -> None:
    story, trigger = planned(), meta()
    story.tell(fired(), cause=trigger)
    resume = option(story.plans[1], trigger.event_id, "resume")
    story.tell(resume)
    story.tell(plan_issued(2))
    assert story.vote(resume, who(), reason=WHY) is Reason.PLAN_CHANGED
    assert story.vote(resume, who(), reason=WHY, choice=Choice.REFUSE) is Reason.REFUSED_BY_PEOPLE


def test_the_campaign_is_held_until_every_missing_plan_is_known() -> None:
    story = planned()
    assert story.tell(PlanMissing(version=1)) is Reason.NOTED
    assert story.tell(PlanMissing(version=2)) is Reason.PLAN_MISSING
    assert story.any(HoldPlaced)
    story.tell(PlanMissing(version=3))
    assert not story.any(HoldPlaced)
    story.tell(plan_issued(3))
    assert not story.any(HoldReleased)
    story.tell(plan_issued(2))
    assert story.any(HoldReleased)


def test_another_legal_class_is_not_approved_with_the_framework() -> None:
    story, proposal = asked()
    story.vote(proposal, who())
    other = replace(planned(), shared=story.shared)
    radius = proposal.blast_radius.model_copy(update={"legal_class": LegalClass.REGULATED})
    another = proposed(other.plans[1], blast_radius=radius)
    other.tell(another)
    assert other.state is not None
    assert not other.state.rulings[another.decision_id].framework_approved


def test_a_directory_of_several_tenants_names_each_persons(tmp_path: Path) -> None:
    people = tmp_path / "people.yaml"
    people.write_text("people: [{subject: ana, roles: [a], tenant: demo}, {subject: leo, roles: [a]}]")
    with pytest.raises(ValueError, match="leo without a tenant"):
        Settings(dsn=SecretStr(""), kafka="", people=people).directory  # noqa: B018
    people.write_text("people: [{subject: ana, roles: [a], tenant: demo}, {subject: leo, roles: [a], tenant: other}]")
    directory = Settings(dsn=SecretStr(""), kafka="", people=people).directory
    assert [one.subject for one in directory.of(Tenant("other")).people] == ["leo"]
