"""Wave by wave to the last mail: the next wave starts on the monitor's word alone."""

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.decision import TaskFailed
from contracts.actions import (
    ActionExecuted,
    ActionFailed,
    ActionRefused,
    ActionUncertain,
    EffectOutcome,
    EffectsRecorded,
)
from contracts.escalation import HoldPlaced, HoldReleased
from contracts.executor import CampaignFinished, CampaignHalted, CampaignStage, StageChanged, StepCompleted
from contracts.monitor import OutcomeRejected
from contracts.plan import Response, Trigger
from executor.domain.sending import cut
from executor.domain.state import Reason
from executor.effects import Dispatch, MarkReported, SetGuard
from tests.builders import at
from tests.executor.builders import (
    RECIPIENTS,
    Story,
    dispatched,
    dispatches,
    effect,
    effects,
    grant,
    outcome,
    went_well,
)


@given(
    recipients=st.integers(0, 5000), first=st.integers(1, 500), then=st.integers(1, 500), from_wave=st.integers(1, 9)
)
def test_waves_cover_every_recipient_once(recipients: int, first: int, then: int, from_wave: int) -> None:
    waves = cut(recipients, from_wave, first, then)
    assert sum(waves.values()) == recipients
    assert sorted(waves) == list(range(from_wave, from_wave + len(waves)))
    assert waves[from_wave] == min(first, recipients)


def test_a_wave_is_sent_some_at_a_time() -> None:
    story = Story().launched()
    story.sent(50)
    story.sent(50)
    assert [(event.wave, event.wave_size, event.wave_done) for event in story.said(EffectsRecorded)] == [
        (1, 240, False),
        (1, 240, False),
    ]
    assert len(dispatches(story)) == 3
    assert story.sending.succeeded == 100


def test_a_postponed_rest_is_tried_again_when_its_time_comes() -> None:
    story = Story().launched()
    decision = story.sent(50, left=190, retry_at=at(600))
    assert [task.due for task in decision.tasks] == [at(600)]


def test_what_was_said_is_marked_as_said() -> None:
    story = Story().launched()
    story.sent(50)
    [recorded] = story.said(EffectsRecorded)
    assert story.last(MarkReported).effects == tuple(one.effect_id for one in recorded.effects)


def test_after_a_wave_nothing_leaves_without_a_verdict() -> None:
    story = Story().launched()
    before = len(dispatches(story))
    decision = story.wave_sent()
    assert decision.reason is Reason.WAVE_DONE
    assert story.said(EffectsRecorded)[-1].wave_done
    assert len(dispatches(story)) == before


def test_the_next_wave_starts_on_the_word_of_the_monitor() -> None:
    story = Story().launched()
    story.wave_sent()
    assert story.tell(went_well(story.campaign)).reason is Reason.NEXT_WAVE
    assert story.last(Dispatch).wave == 2


@pytest.mark.parametrize("what", ["another wave", "another decision", "another response", "another trigger"])
def test_only_a_verdict_on_this_wave_of_this_send_counts(what: str) -> None:
    story = Story().launched()
    story.wave_sent()
    changes: dict[str, dict[str, Any]] = {
        "another wave": {"wave": 2},
        "another decision": {"decision_id": uuid4()},
        "another response": {"response": Response.OPTIMISE, "trigger": Trigger.COMPLAINTS},
        "another trigger": {"trigger": Trigger.HARD_BOUNCES},
    }
    decision = story.tell(went_well(story.campaign, **changes[what]))
    assert (decision.reason, decision.tasks) == (Reason.NOTED, ())
    assert story.sending.wave == 1


def test_a_verdict_that_comes_twice_starts_one_wave() -> None:
    story = Story().launched()
    story.wave_sent()
    verdict = went_well(story.campaign)
    story.tell(verdict)
    story.tell(verdict)
    assert [task.wave for task in dispatches(story)] == [1, 2]


def test_a_verdict_before_the_wave_is_sent_starts_nothing_yet() -> None:
    story = Story().launched()
    story.sent(50)
    assert not story.tell(went_well(story.campaign)).tasks
    assert story.sending.wave == 1


def test_a_verdict_before_the_wave_is_sent_counts_once_it_is() -> None:
    story = Story().launched()
    story.sent(50)
    story.tell(went_well(story.campaign))
    story.sent(190)
    assert story.last(Dispatch).wave == 2


def all_sent() -> Story:
    story = Story().launched()
    story.wave_sent()
    story.tell(went_well(story.campaign))
    story.wave_sent()
    story.tell(went_well(story.campaign))
    story.wave_sent()
    return story


def test_after_the_last_wave_the_action_is_executed_and_watching_begins() -> None:
    story = all_sent()
    [executed] = story.said(ActionExecuted)
    assert (executed.succeeded, executed.failed, executed.unknown, executed.skipped) == (RECIPIENTS, 0, 0, 0)
    assert executed.sending_ended
    assert story.campaign.stage is CampaignStage.MONITORING
    assert story.said(StageChanged)[-1].because == "sending_ended"
    assert "send" in [event.step for event in story.said(StepCompleted)]


def test_every_outcome_is_counted() -> None:
    story = Story().launched()
    outcomes = (EffectOutcome.SUCCEEDED, EffectOutcome.FAILED_DEFINITE, EffectOutcome.UNKNOWN, EffectOutcome.SKIPPED)
    story.tell(dispatched(story.campaign, [effect(one) for one in outcomes], left=236))
    sending = story.sending
    assert (sending.succeeded, sending.failed, sending.unknown, sending.skipped) == (1, 1, 1, 1)


def test_a_lost_answer_is_uncertain_and_said_so() -> None:
    story = Story().launched()
    lost = effect(EffectOutcome.UNKNOWN, "killed_while_sending")
    story.tell(dispatched(story.campaign, [lost, effect()], left=238))
    [uncertain] = story.said(ActionUncertain)
    assert (uncertain.effect_id, uncertain.because) == (lost.effect_id, "killed_while_sending")


def test_the_end_of_a_wave_counts_once() -> None:
    story = all_sent()
    story.tell(dispatched(story.campaign))
    assert len(story.said(ActionExecuted)) == 1
    assert sum(event.wave_done for event in story.said(EffectsRecorded)) == 3


@pytest.mark.parametrize("because", ["killed", "parked"])
def test_while_a_switch_or_a_dead_letter_stops_it_the_dispatcher_asks_again(because: str) -> None:
    story = Story().launched()
    decision = story.tell(dispatched(story.campaign, refused=because, left=240, retry_at=at(5)))
    assert decision.reason is Reason.DISPATCH_REFUSED
    assert [task.due for task in decision.tasks] == [at(5)]
    assert not story.said(ActionRefused)


@pytest.mark.parametrize("because", ["halted", "fence"])
def test_a_dispatcher_of_a_past_order_gives_up_silently(because: str) -> None:
    story = Story().launched()
    decision = story.tell(dispatched(story.campaign, refused=because, left=240))
    assert (decision.events, decision.tasks) == ((), ())


@pytest.mark.parametrize("because", ["grant_expired", "grant_revoked", "grant_used", "content_changed", "budget"])
def test_what_the_guard_refuses_for_good_is_recorded(because: str) -> None:
    story = Story().launched()
    decision = story.tell(dispatched(story.campaign, refused=because, left=240))
    assert [event.because for event in story.said(ActionRefused)] == [because]
    assert not decision.tasks


@pytest.mark.parametrize("because", ["grant_expired", "grant_revoked", "content_changed", "budget"])
def test_what_the_guard_refuses_for_good_halts_the_campaign(because: str) -> None:
    story = Story().launched()
    story.tell(dispatched(story.campaign, refused=because, left=240))
    assert [event.because for event in story.said(CampaignHalted)] == [because]
    assert story.campaign.halt is not None


def test_a_dispatcher_that_fails_for_good_stops_the_sending() -> None:
    story = Story().launched()
    story.tell(TaskFailed(story.last(Dispatch), "ConnectionRefusedError()"))
    assert len(story.said(ActionFailed)) == 1
    assert story.last(SetGuard) == SetGuard(fence=1, halted=True)


def test_a_dispatcher_that_fails_for_good_halts_the_campaign() -> None:
    story = Story().launched()
    story.tell(TaskFailed(story.last(Dispatch), "ConnectionRefusedError()"))
    assert story.campaign.halt is not None
    assert len(story.said(CampaignHalted)) == 1


def test_results_of_a_past_send_are_still_recorded() -> None:
    story = Story().halted()
    old = story.campaign
    story.tell(grant(story.option("resume_all")))
    count = len(story.said(EffectsRecorded))
    story.tell(dispatched(old, effects(2)))
    assert len(story.said(EffectsRecorded)) == count + 1
    assert story.sending.succeeded == 0


@pytest.mark.parametrize("verified", [True, False])
def test_when_the_window_closes_the_campaign_is_finished(verified: bool) -> None:
    story = all_sent()
    result = outcome() if verified else OutcomeRejected.model_validate(outcome(counted=3).model_dump())
    story.tell(result)
    [finished] = story.said(CampaignFinished)
    assert finished.outcome == "completed"
    assert finished.because == ("outcome_verified" if verified else "outcome_rejected")
    assert story.campaign.stage is CampaignStage.CLOSED
    assert {step: how for step, how in story.campaign.steps.items() if how != "done"} == {}


def test_a_second_outcome_changes_nothing() -> None:
    story = all_sent()
    story.tell(outcome())
    assert story.tell(outcome()).reason is Reason.KNOWN
    assert len(story.said(CampaignFinished)) == 1


def test_an_outcome_in_mid_sending_stops_the_sending() -> None:
    story = Story().launched()
    story.sent(50)
    story.tell(outcome())
    assert story.last(SetGuard).halted


def test_a_hold_reaches_the_guard_and_its_release_lets_go() -> None:
    story = Story().launched()
    story.tell(HoldPlaced(because="plan_missing", decision_id=None, until=None))
    assert story.last(SetGuard).halted
    story.tell(HoldReleased(because="plan_missing", decision_id=None))
    assert not story.last(SetGuard).halted
    assert len(dispatches(story)) == 2
