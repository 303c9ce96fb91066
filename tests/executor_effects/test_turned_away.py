"""A tool that refuses us ourselves is no reason to wait: after a few runs people hear of it, once."""

from contracts.actions import ActionProposed
from contracts.executor import CampaignHalted, StepFailed
from executor.domain.sending import TURNED_AWAY
from executor.effects import AssembleOptions, Dispatch, OptionFound, OptionsAssembled
from tests.builders import at
from tests.executor.builders import Story, dispatched, effects, sha


def away(story: Story, times: int) -> None:
    for _ in range(times):
        story.tell(dispatched(story.campaign, left=240, turned_away="refused_us_550", retry_at=at(5)))


def test_after_some_runs_in_a_row_the_campaign_halts_and_says_why() -> None:
    story = Story().launched()
    away(story, TURNED_AWAY - 1)
    assert story.said(CampaignHalted) == []
    away(story, 1)
    [halted], [failed] = story.said(CampaignHalted), story.said(StepFailed)
    assert (halted.because, failed.step) == ("sender_refused", "send")
    assert "smtp refuses us, not our recipients (refused_us_550)" in failed.because


def test_people_are_asked_whether_to_go_on_once_it_is_mended() -> None:
    """A proposal is what opens a case, and a case is what people are told of."""
    story = Story().launched()
    away(story, TURNED_AWAY)
    [asked] = [task for task in story.tasks if isinstance(task, AssembleOptions)]
    option = OptionFound(
        id="resume_all", snapshot_hash=sha("s"), content_hash=sha("c"), recipients=240, without=(), left_out=0
    )
    story.tell(OptionsAssembled(trigger_id=asked.trigger_id, plan_version=asked.plan_version, options=(option,)))
    proposal = story.said(ActionProposed)[-1]
    assert proposal.chosen == "resume_all"
    assert "smtp refused our sender" in proposal.strategy


def test_a_run_that_gets_through_forgives_the_ones_before() -> None:
    story = Story().launched()
    for _ in range(3):
        away(story, TURNED_AWAY - 1)
        story.tell(dispatched(story.campaign, effects(1), left=239))
    assert story.said(CampaignHalted) == []


def test_it_is_said_once() -> None:
    story = Story().launched()
    away(story, 3 * TURNED_AWAY)
    assert len(story.said(CampaignHalted)) == len(story.said(StepFailed)) == 1


def test_a_halted_campaign_goes_on_looking_lost_answers_up_and_then_stops() -> None:
    story = Story().launched()
    away(story, TURNED_AWAY)
    story.tasks.clear()
    story.tell(dispatched(story.campaign, left=240, refused="halted", unsettled=2, retry_at=at(9)))
    [again] = story.tasks
    assert isinstance(again, Dispatch)
    story.tell(dispatched(story.campaign, left=238, refused="halted"))
    assert story.tasks == [again]
