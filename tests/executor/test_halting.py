"""What reduces risk happens at once; what goes on again does so only on a new grant."""

from uuid import uuid4

import pytest

from chassis.decision import TaskFailed
from contracts.actions import ActionExecuted, ActionProposed, ActionRefused, EffectsRecorded
from contracts.briefing import PlanIssued
from contracts.executor import (
    CampaignFinished,
    CampaignHalted,
    CampaignLaunched,
    CampaignResumed,
    CampaignStage,
    StepFailed,
)
from contracts.monitor import Evidence
from contracts.plan import ActionClass, Response
from executor.commands import CancelCampaign, PauseCampaign, ResumeCampaign
from executor.domain.state import Reason
from executor.effects import AbandonPlanned, AssembleOptions, Dispatch, KeepGrant, SetGuard
from executor.preparing.drafts import DraftMail
from tests.builders import plan_issued
from tests.executor.builders import (
    BAD,
    Story,
    asked,
    bounces,
    checked,
    denial,
    dispatched,
    dispatches,
    drafted,
    effects,
    grant,
    options,
    planned,
    rendered,
    sha,
    went_well,
)


def pause(key: str = "p1") -> PauseCampaign:
    return PauseCampaign(**asked("sam", key), reason="a wrong price")


def resume(key: str = "r1") -> ResumeCampaign:
    return ResumeCampaign(**asked("ana", key), reason="the price is right now")


def cancel(key: str = "c1") -> CancelCampaign:
    return CancelCampaign(**asked("maya", key), reason="the offer was withdrawn")


def test_a_pausing_trigger_halts_at_once_and_raises_the_fence() -> None:
    story = Story().launched()
    story.wave_sent()
    trigger = uuid4()
    decision = story.tell(bounces(story.campaign), event_id=trigger)
    assert decision.reason is Reason.HALTED
    [halted] = story.said(CampaignHalted)
    assert (halted.because, halted.trigger_id, halted.actor) == ("bounces", trigger, None)
    assert (halted.fence, halted.sent, halted.remaining) == (1, 240, 348)
    assert story.last(SetGuard) == SetGuard(fence=1, halted=True)


def test_options_are_asked_for_with_the_domain_to_blame() -> None:
    story = Story().launched()
    story.wave_sent()
    story.tell(bounces(story.campaign))
    assert story.last(AssembleOptions).bad_domains == (BAD,)


@pytest.mark.parametrize(
    ("count", "of", "blamed"), [(30, 30, True), (6, 30, True), (5, 30, False), (1, 30, False), (0, 0, False)]
)
def test_a_domain_is_to_blame_where_every_fifth_mail_is_known_to_fail(count: int, of: int, blamed: bool) -> None:
    story = Story().launched()
    evidence = Evidence(dimension="domain", value=BAD, count=count, of=of)
    story.tell(bounces(story.campaign, evidence))
    assert story.last(AssembleOptions).bad_domains == ((BAD,) if blamed else ())


@pytest.mark.parametrize("response", [Response.PAUSE, Response.ESCALATE])
def test_in_mid_wave_the_dispatcher_stops_asking(response: Response) -> None:
    story = Story().launched()
    story.sent(50)
    story.tell(bounces(story.campaign, response=response))
    before = len(dispatches(story))
    story.tell(dispatched(story.campaign, effects(50), left=140))  # the run that was on its way
    assert len(dispatches(story)) == before
    assert len(story.said(EffectsRecorded)) == 2
    story.tell(dispatched(story.campaign, refused="halted", left=140))
    assert len(dispatches(story)) == before


def test_a_verdict_does_not_wake_a_halted_campaign() -> None:
    story = Story().launched()
    story.wave_sent()
    story.tell(bounces(story.campaign))
    assert story.tell(went_well(story.campaign)).reason is Reason.NOTED
    assert story.sending.wave == 1


def test_a_trigger_before_the_launch_halts_nothing() -> None:
    story = Story().prepared()
    assert story.tell(bounces(story.campaign)).reason is Reason.NOTED


def test_a_second_trigger_halts_nothing_twice() -> None:
    story = Story().halted()
    assert story.tell(bounces(story.campaign)).reason is Reason.HALTED_ALREADY
    assert len(story.said(CampaignHalted)) == 1


OTHER = "dead-too.example"


def blaming(story: Story, *domains: str) -> None:
    """A trigger fires whose evidence blames `domains`."""
    evidence = [Evidence(dimension="domain", value=domain, count=30, of=30) for domain in domains]
    rest = Evidence(dimension="domain", value="stark.example", count=1, of=30)
    story.tell(bounces(story.campaign, *evidence, rest))


def test_triggers_of_one_halt_blame_their_domains_together() -> None:
    story = Story().launched()
    story.wave_sent()
    blaming(story, BAD)
    blaming(story)
    assert story.last(AssembleOptions).bad_domains == (BAD,)
    blaming(story, OTHER)
    assert story.last(AssembleOptions).bad_domains == (BAD, OTHER)


def test_what_a_person_left_out_stays_left_out_of_later_options() -> None:
    story = Story().halted()
    story.tell(grant(story.option("resume_without_domain")))
    story.wave_sent()
    blaming(story, OTHER)
    task = story.last(AssembleOptions)
    assert (task.left_out, task.bad_domains) == ((BAD,), (OTHER,))
    story.tell(options(task, left=100, healthy=90))
    for name in ("resume_without_domain", "resume_all"):
        assert story.option(name).title.endswith(f"; still without {BAD}")
    story.tell(grant(story.option("resume_without_domain")))
    story.tell(pause())
    story.tell(resume())
    assert story.last(AssembleOptions).left_out == (BAD, OTHER)


def test_a_later_trigger_does_not_blame_again_what_is_left_out() -> None:
    story = Story().halted()
    story.tell(grant(story.option("resume_without_domain")))
    blaming(story, BAD)
    assert story.last(AssembleOptions).bad_domains == ()


def test_who_goes_on_with_everybody_has_left_out_nobody() -> None:
    story = Story().halted()
    story.tell(grant(story.option("resume_all")))
    blaming(story, BAD)
    assert story.last(AssembleOptions).left_out == ()
    assert story.last(AssembleOptions).bad_domains == (BAD,)


def test_the_option_names_the_domain_and_counts_whom_it_leaves_out() -> None:
    story = Story().halted()
    without, everybody = story.option("resume_without_domain"), story.option("resume_all")
    assert without.title == f"Go on without {BAD}: 333 people get their mail"
    assert (without.blast_radius.excluded, everybody.blast_radius.excluded) == (15, 0)


def test_each_option_is_a_whole_proposal_that_answers_the_trigger() -> None:
    story = Story().halted()
    trigger = story.said(CampaignHalted)[0].trigger_id
    found = story.said(ActionProposed)[1:]
    assert [one.chosen for one in found] == ["resume_without_domain", "resume_all", "stop"]
    assert {one.action.answers for one in found} == {trigger}
    assert len({one.decision_id for one in found}) == 3
    assert len({one.action.content_hash for one in found}) == 3
    assert [one.recipients for one in found] == [333, 348, 0]
    assert {one.decision_type for one in found} == {"send_email", "stop"}
    stop = story.option("stop")
    assert (stop.action.verb, stop.action.action_class) == ("cancel", ActionClass.REDUCE)


def test_options_that_come_after_the_end_are_not_proposed() -> None:
    story = Story().halted()
    count = len(story.said(ActionProposed))
    task = story.last(AssembleOptions)
    story.tell(cancel())
    story.tell(options(task))
    assert len(story.said(ActionProposed)) == count


def test_the_chosen_option_is_sent_over_exactly_its_snapshot() -> None:
    story = Story().halted()
    first = story.sending.decision_id
    chosen = story.option("resume_without_domain")
    decision = story.tell(grant(chosen))
    assert decision.reason is Reason.GRANT_TAKEN
    [resumed] = story.said(CampaignResumed)
    assert (resumed.decision_id, resumed.remaining, resumed.fence) == (chosen.decision_id, 333, 1)
    [executed] = story.said(ActionExecuted)
    assert (executed.decision_id, executed.sending_ended, executed.succeeded) == (first, False, 240)
    kept = story.last(KeepGrant)
    assert (kept.snapshot_hash, kept.from_wave) == (sha("sresume_without_domain"), 2)
    assert story.last(AbandonPlanned).decision_id == first
    assert story.last(SetGuard) == SetGuard(fence=1, halted=False)
    assert (story.last(Dispatch).wave, story.last(Dispatch).fence) == (2, 1)
    assert story.sending.waves == {2: 240, 3: 93}
    assert story.campaign.halt is None
    assert len(story.said(CampaignLaunched)) == 1


def test_the_old_send_is_given_up_before_the_new_one_is_kept() -> None:
    story = Story().halted()
    story.changes.clear()
    story.tell(grant(story.option("resume_all")))
    assert [type(change) for change in story.changes] == [AbandonPlanned, SetGuard, KeepGrant]


def test_after_the_other_option_was_denied_the_campaign_goes_on() -> None:
    story = Story().halted()
    story.tell(grant(story.option("resume_all")))
    story.tell(denial(story.option("resume_without_domain"), "another_option"))
    story.tell(denial(story.option("stop"), "another_option"))
    assert story.campaign.running
    story.wave_sent()
    story.tell(went_well(story.campaign))
    story.wave_sent()
    assert [event.sending_ended for event in story.said(ActionExecuted)] == [False, True]
    assert story.campaign.stage is CampaignStage.MONITORING


def test_denied_options_leave_the_campaign_halted() -> None:
    story = Story().halted()
    for name in ("resume_all", "resume_without_domain", "stop"):
        story.tell(denial(story.option(name), "expired"))
    assert story.campaign.running
    assert story.campaign.halt is not None


def test_of_two_options_only_the_first_grant_counts() -> None:
    story = Story().halted()
    story.tell(grant(story.option("resume_without_domain")))
    story.tell(denial(story.option("resume_all"), "another_option"))
    story.tell(grant(story.option("resume_all")))
    assert [event.because for event in story.said(ActionRefused)] == ["used_or_denied"]
    assert len(story.said(CampaignResumed)) == 1


def test_an_option_counts_only_while_the_campaign_is_halted() -> None:
    story = Story().halted()
    story.tell(grant(story.option("resume_without_domain")))
    story.tell(grant(story.option("resume_all")))
    assert len(story.said(ActionRefused)) == 1
    assert len(story.said(CampaignResumed)) == 1


def test_a_grant_for_what_was_proposed_before_a_halt_is_refused() -> None:
    story = Story()
    proposal = story.proposed()
    story.tell(pause())
    story.tell(grant(proposal))
    assert len(story.said(ActionRefused)) == 1
    assert story.campaign.halt is not None


def test_stopping_ends_the_campaign_and_gives_up_the_rest() -> None:
    story = Story().halted()
    first = story.sending.decision_id
    story.tell(grant(story.option("stop")))
    [executed] = story.said(ActionExecuted)
    assert (executed.succeeded, executed.skipped, executed.sending_ended) == (240, 348, True)
    assert [event.outcome for event in story.said(CampaignFinished)] == ["cancelled"]
    assert story.last(AbandonPlanned).decision_id == first
    assert not story.said(CampaignResumed)


def test_a_person_pauses_at_once() -> None:
    story = Story().launched()
    story.sent(50)
    decision = story.tell(pause())
    assert decision.reason is Reason.HALTED
    [halted] = story.said(CampaignHalted)
    assert (halted.because, halted.actor, halted.trigger_id) == ("paused_by_person", "sam", None)
    assert story.last(SetGuard) == SetGuard(fence=1, halted=True)
    assert not decision.tasks


def test_a_pause_is_not_undone_by_another() -> None:
    story = Story().launched()
    story.tell(pause())
    assert story.tell(pause("p2")).reason is Reason.HALTED_ALREADY


def test_a_person_who_resumes_only_makes_a_proposal() -> None:
    story = Story().launched()
    story.sent(50)
    story.tell(pause())
    before = len(dispatches(story))
    story.tell(resume())
    assert story.campaign.halt is not None
    assert len(dispatches(story)) == before
    task = story.last(AssembleOptions)
    assert task.trigger_id is None
    story.tell(options(task))
    proposal = story.option("resume_all")
    assert proposal.action.answers is None
    story.tell(grant(proposal))
    assert len(story.said(CampaignResumed)) == 1


def test_only_what_is_halted_is_resumed() -> None:
    assert Story().launched().tell(resume()).reason is Reason.NOT_HALTED
    story = Story().launched()
    story.tell(cancel())
    assert story.tell(resume()).reason is Reason.NOT_HALTED


def test_a_campaign_paused_before_its_launch_can_still_be_launched() -> None:
    story = Story().prepared()
    story.tell(pause())
    story.tell(resume())
    story.tell(planned(story))
    story.tell(grant(story.said(ActionProposed)[-1]))
    assert story.campaign.launched
    assert not story.last(SetGuard).halted


def test_resuming_before_the_launch_is_not_refused() -> None:
    story = Story().prepared()
    story.tell(pause())
    assert story.tell(resume()).reason is not Reason.NOT_HALTED


@pytest.mark.parametrize("stage", ["planned", "prepared", "launched", "mid_wave", "halted"])
def test_a_campaign_can_be_cancelled_at_every_stage(stage: str) -> None:
    story = Story()
    match stage:
        case "planned":
            story.planned()
        case "prepared":
            story.prepared()
        case "launched":
            story.launched()
        case "mid_wave":
            story.launched().sent(50)
        case _:
            story.halted()
    decision = story.tell(cancel())
    assert decision.reason is Reason.CANCELLED
    assert [event.outcome for event in story.said(CampaignFinished)] == ["cancelled"]
    assert story.campaign.stage is CampaignStage.CLOSED
    assert SetGuard(fence=story.campaign.fence, halted=True) in story.changes
    if story.campaign.sending:
        assert story.last(AbandonPlanned).decision_id == story.sending.decision_id
    for late in ([grant(p) for p in story.said(ActionProposed)][:1], [rendered()]):
        before = len(dispatches(story))
        for message in late:
            story.tell(message)
        assert len(dispatches(story)) == before


def test_what_is_over_is_not_cancelled_twice() -> None:
    story = Story().launched()
    story.tell(cancel())
    assert story.tell(cancel("c2")).reason is Reason.NOT_RUNNING
    assert story.tell(pause("p2")).reason is Reason.NOT_RUNNING


def test_a_cancelled_campaign_proposes_nothing() -> None:
    story = Story().planned()
    story.tell(cancel())
    for name in ("mail.attended", "mail.no_show"):
        story.tell(drafted(name))
        story.tell(checked(name))
    story.tell(rendered())
    assert not story.said(ActionProposed)


def test_an_unknown_campaign_has_nothing_to_cancel() -> None:
    assert Story().tell(cancel()).reason is Reason.NOTED


def test_options_that_cannot_be_found_are_a_failed_step() -> None:
    story = Story().launched()
    story.tell(bounces(story.campaign))
    story.tell(TaskFailed(story.last(AssembleOptions), "StillInFlight()"))
    assert len(story.said(StepFailed)) == 1


def test_a_trigger_during_a_pause_gets_its_options() -> None:
    story = Story().launched()
    story.wave_sent()
    story.tell(pause())
    trigger = uuid4()
    story.tell(bounces(story.campaign), event_id=trigger)
    assert story.last(AssembleOptions).trigger_id == trigger


def test_resuming_takes_up_a_failed_step_again() -> None:
    story = Story().planned()
    task = story.asked_for(DraftMail)[0]
    story.tell(TaskFailed(task, "KeyError('demo')"))
    story.tell(resume())
    assert story.asked_for(DraftMail).count(task) == 2


def test_who_goes_on_under_an_option_was_not_skipped() -> None:
    story = Story().halted()
    story.tell(grant(story.option("resume_all")))
    assert story.said(ActionExecuted)[0].skipped == 0


def test_a_halt_after_the_last_mail_does_not_end_the_sending_twice() -> None:
    story = Story().launched()
    for _ in range(2):
        story.wave_sent()
        story.tell(went_well(story.campaign))
    story.wave_sent()
    story.tell(bounces(story.campaign))
    story.tell(options(story.last(AssembleOptions), left=0, healthy=0))
    story.tell(grant(story.option("resume_all")))
    story.tell(dispatched(story.campaign))
    assert sum(event.sending_ended for event in story.said(ActionExecuted)) == 1


def other_plan() -> PlanIssued:
    return plan_issued(2)


@pytest.mark.parametrize("at", ["planned", "prepared", "launched", "sending"])
def test_another_plan_halts_the_campaign_and_says_why(at: str) -> None:
    story = Story()
    if at == "sending":
        story.launched().sent()
    else:
        getattr(story, at)()
    fence = story.campaign.fence
    decision = story.tell(other_plan())
    assert decision.reason is Reason.PLAN_CHANGED
    assert story.last(SetGuard) == SetGuard(fence=fence + 1, halted=True)
    assert story.last(CampaignHalted).because == "plan_changed"
    failed = story.last(StepFailed)
    assert failed.step == "plan" and "plan version 2" in failed.because and "cancel it" in failed.because
    assert story.campaign.plan_version == 1


def test_what_was_approved_of_the_old_plan_is_not_carried_out_after_another_came() -> None:
    story = Story()
    approval = grant(story.proposed())
    story.tell(other_plan())
    story.tell(approval)
    assert story.last(ActionRefused).because == "halted_since"
    assert not story.said(CampaignLaunched)


def test_another_plan_for_a_halted_campaign_raises_its_fence_again() -> None:
    story = Story().halted()
    fence = story.campaign.fence
    story.tell(other_plan())
    assert (story.campaign.fence, story.last(StepFailed).step) == (fence + 1, "plan")


def test_another_plan_for_a_campaign_that_is_over_changes_nothing() -> None:
    story = Story().launched()
    story.tell(CancelCampaign(**asked("maya"), reason="no longer wanted"))
    decision = story.tell(other_plan())
    assert (decision.reason, decision.events) == (Reason.KNOWN, ())


def test_going_on_names_everything_else_that_people_were_asked_about_the_halt() -> None:
    story = Story().halted()
    first = story.said(CampaignHalted)[0].trigger_id
    second = uuid4()
    story.tell(bounces(story.campaign), event_id=second)
    story.tell(options(story.last(AssembleOptions)))
    story.tell(resume())
    story.tell(options(story.last(AssembleOptions)))
    proposals = [one.decision_id for one in story.said(ActionProposed)[1:]]
    chosen = story.said(ActionProposed)[1]
    story.tell(grant(chosen))
    [resumed] = story.said(CampaignResumed)
    assert set(resumed.closes) == {first, second, *proposals} - {chosen.decision_id}
    assert len(resumed.closes) == len(set(resumed.closes))


def test_a_later_halt_is_not_closed_with_an_earlier_one() -> None:
    story = Story().halted()
    story.tell(grant(story.option("resume_all")))
    later = uuid4()
    story.tell(bounces(story.campaign), event_id=later)
    story.tell(options(story.last(AssembleOptions)))
    chosen = story.said(ActionProposed)[-2]
    story.tell(grant(chosen))
    before, after = (set(resumed.closes) for resumed in story.said(CampaignResumed))
    assert later in after - before
    assert not before & after


def test_options_of_a_halt_that_is_over_are_not_proposed_in_the_next() -> None:
    story = Story().halted()
    story.tell(bounces(story.campaign))
    late = story.last(AssembleOptions)
    story.tell(grant(story.option("resume_all")))
    story.tell(pause())
    count = len(story.said(ActionProposed))
    assert story.tell(options(late)).reason is Reason.NOTED
    assert len(story.said(ActionProposed)) == count


def test_a_stop_that_was_offered_before_the_campaign_went_on_stops_nothing() -> None:
    story = Story().halted()
    stop = story.option("stop")
    story.tell(grant(story.option("resume_all")))
    story.tell(grant(stop))
    assert story.last(ActionRefused).because == "not_halted"
    assert story.campaign.running


def test_a_halt_closes_what_was_asked_before_it() -> None:
    story = Story()
    before = story.proposed()
    story.tell(pause())
    assert story.last(CampaignHalted).closes == (before.decision_id,)
    story.tell(denial(before, "campaign_halted"))
    assert story.campaign.running
    story.tell(resume())
    story.tell(planned(story))
    again = story.last(ActionProposed)
    assert again.decision_id != before.decision_id
    story.tell(grant(again))
    assert (story.last(CampaignResumed).decision_id, story.last(CampaignResumed).closes) == (again.decision_id, ())


def test_a_trigger_that_halts_is_no_question_of_the_past() -> None:
    story = Story().halted()
    assert story.said(CampaignHalted)[0].closes == ()
    fresh = [one.decision_id for one in story.said(ActionProposed)[1:]]
    story.tell(other_plan())
    first = story.said(CampaignHalted)[0].trigger_id
    assert set(story.last(CampaignHalted).closes) == {first, *fresh}
