"""What a campaign does about a restore from a backup: what went on after it stops, and nothing is said anew."""

from uuid import uuid4

import pytest

from contracts.actions import ActionProposed, ActionRefused, ActionUncertain, EffectOutcome, EffectsRecorded
from contracts.executor import CampaignFinished, CampaignHalted, CampaignOutcome, CampaignStage, WorkBegun
from executor.commands import ResumeCampaign
from executor.domain.state import Reason
from executor.effects import AssembleOptions, EffectsFound, MarkReported, Recovered, RememberStop, SetGuard
from tests.executor.builders import Story, asked, effect, effects, grant


def back(*, lost: bool = True, fence: int = 0, finished: CampaignOutcome | None = None) -> Recovered:
    return Recovered(lost=lost, fence=fence, finished=finished, told={})


def test_what_went_on_after_the_backup_is_halted_above_every_fence_that_was() -> None:
    story = Story().launched()
    decision = story.tell(back(fence=5))
    assert decision.reason is Reason.RECOVERED
    assert (story.last(CampaignHalted).because, story.last(CampaignHalted).fence) == ("recovered", 6)
    assert story.last(SetGuard) == SetGuard(6, halted=True)


@pytest.mark.parametrize("finished", [None, CampaignOutcome.CANCELLED])
def test_what_was_told_after_the_backup_counts(finished: CampaignOutcome | None) -> None:
    story = Story().launched()
    story.sent(50)
    told = {
        story.sending.decision_id: {EffectOutcome.SUCCEEDED: 3, EffectOutcome.UNKNOWN: 1},
        uuid4(): {EffectOutcome.SUCCEEDED: 9},
    }
    story.tell(Recovered(lost=True, fence=0, finished=finished, told=told))
    assert (story.sending.succeeded, story.sending.unknown, story.sending.settled) == (53, 1, 54)


def test_a_send_in_hand_is_halted_although_nothing_of_it_was_forgotten() -> None:
    story = Story().launched()
    story.tell(back(lost=False))
    assert story.last(CampaignHalted).because == "recovered"


def test_a_campaign_of_which_nothing_was_forgotten_goes_on_under_a_new_fence() -> None:
    story = Story()
    story.proposed()
    story.tell(back(lost=False))
    assert story.said(CampaignHalted) == []
    assert story.last(SetGuard) == SetGuard(1, halted=False)
    story.tell(grant(story.last(ActionProposed)))
    assert story.campaign.launched


def test_a_grant_from_before_the_restore_does_not_set_it_going() -> None:
    """It is read again from Kafka, and was used already."""
    story = Story()
    proposal = story.proposed()
    story.tell(back())
    story.tell(grant(proposal))
    assert story.last(ActionRefused).because == "halted_since"


def test_people_set_it_going_again_over_who_is_left() -> None:
    story = Story().launched()
    story.tell(back())
    story.tell(ResumeCampaign(**asked("ana", "r1"), reason="looked at"))
    assert story.asked_for(AssembleOptions)


def test_what_was_over_is_over_and_nobody_is_told_again() -> None:
    story = Story().launched()
    told = len(story.events)
    story.tell(back(finished=CampaignOutcome.CANCELLED))
    assert story.events[told:] == []
    assert (story.campaign.finished, story.campaign.stage) == (CampaignOutcome.CANCELLED, CampaignStage.CLOSED)
    assert story.last(SetGuard).halted


def test_a_finished_campaign_stays_as_it_is() -> None:
    story = Story().launched()
    story.tell(back(finished=CampaignOutcome.COMPLETED))
    before = story.state
    assert story.tell(back()).reason is Reason.NOTED
    assert story.state == before


def test_a_forgotten_campaign_is_remembered_as_stopped() -> None:
    story = Story()
    story.tell(back(fence=3, finished=None))
    assert story.state is None
    assert story.last(RememberStop) == RememberStop(3, None)


def test_a_forgotten_campaign_begins_halted_when_its_plan_comes_again() -> None:
    story = Story(stopped=RememberStop(3, None)).planned()
    assert story.said(WorkBegun)
    assert (story.last(CampaignHalted).because, story.campaign.fence) == ("recovered", 4)
    assert story.last(SetGuard) == SetGuard(4, halted=True)
    assert story.tasks, "its mails are drafted again"


def test_nothing_is_proposed_for_it_until_a_person_says_so() -> None:
    story = Story(stopped=RememberStop(0, None)).rendered()
    assert story.said(ActionProposed) == []


def test_a_forgotten_campaign_that_was_over_does_no_work() -> None:
    story = Story(stopped=RememberStop(3, CampaignOutcome.COMPLETED)).planned()
    assert (story.events, story.tasks) == ([], [])
    assert story.campaign.finished is CampaignOutcome.COMPLETED


@pytest.mark.parametrize("known", [True, False])
def test_what_left_is_told_and_an_uncertain_one_gets_its_case(known: bool) -> None:
    story = Story().launched() if known else Story()
    unknown = effect(EffectOutcome.UNKNOWN, "killed_while_sending")
    said = EffectsFound(
        plan_version=1, decision_id=story.sending.decision_id if known else uuid4(), wave=1, wave_size=240,
        effects=(*effects(3), unknown),
    )  # fmt: skip
    story.tell(said)
    recorded = story.last(EffectsRecorded)
    assert (len(recorded.effects), recorded.wave_done) == (4, False)
    assert story.last(ActionUncertain).effect_id == unknown.effect_id
    assert story.last(MarkReported).effects == tuple(one.effect_id for one in said.effects)
    if known:
        assert (story.sending.succeeded, story.sending.unknown) == (3, 1)


def test_a_campaign_that_was_over_tells_no_end_twice() -> None:
    story = Story(stopped=RememberStop(0, CampaignOutcome.CANCELLED)).planned()
    assert story.said(CampaignFinished) == []
