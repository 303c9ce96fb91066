"""Are we on track, and is this signal real? Pure: no I/O, no clock, no randomness."""

from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from chassis.decision import Decision, Loaded, Message, Task
from contracts.actions import ActionExecuted, ActionProposed, ActionReconciled, EffectsRecorded, Settled
from contracts.brief import Anchor
from contracts.briefing import BriefAccepted, BriefRefused, ClarificationAsked, PlanIssued
from contracts.escalation import OverrideRecorded
from contracts.event import Event
from contracts.executor import (
    ArtefactChecked,
    CampaignFinished,
    CampaignHalted,
    CampaignLaunched,
    CampaignOutcome,
    CampaignResumed,
    ChecklistItemWaived,
    RecipientSuppressed,
    StageChanged,
    SuppressionReason,
    Verdict,
    WorkBegun,
)
from contracts.inbound import ContactEventReported, MetricReported, RecipientEventReported
from contracts.monitor import Sla
from contracts.plan import Plan
from monitor.domain import clocks, counting, judging, window
from monitor.domain.state import Purse, Reason, Shared, SlaDeadline, Source, Watch, WaveDeadline, WindowCloses

Here: TypeAlias = Loaded[Watch, Shared]
Ruling: TypeAlias = Decision[Watch, Shared]


def decide(here: Loaded[Watch, Shared], message: Message, policy: None, now: datetime) -> Ruling:
    state = here.state or Watch()
    meta, at = message.meta, message.meta.occurred_at
    match message.body:
        case RecipientEventReported() as report:
            state = state.hearing(Source.MAIL, min(at, now))
            state, shared, wave = counting.reported(state, here.shared, report)
            return _judged(here, state, shared, wave, Reason.COUNTED, due=False)
        case ClarificationAsked():
            return Decision(Reason.NOTED, replace(state, asked_at=at))
        case BriefRefused():  # it waited for a person for too long: nothing follows
            return Decision(Reason.NOTED, state if state.plan_version else None)
        case BriefAccepted(received_at=received_at):
            return Decision(Reason.NOTED, replace(state, received_at=received_at, asked_at=None))
        case PlanIssued():
            return _planned(here, state, message.body, now)
        case RecipientSuppressed(reason=SuppressionReason.UNSUBSCRIBE) as left:
            state, shared, wave = counting.unsubscribed(state, here.shared, left)
            return Decision(Reason.COUNTED if wave else Reason.NOTED, state, shared=shared)
        case ContactEventReported() as contact:
            plan = _plan(here, state)
            state = state.hearing(Source.CONTACTS, min(at, now))
            state, shared, counted = counting.converted(state, here.shared, contact, plan)
            return Decision(Reason.COUNTED if counted else Reason.NOTED, state, shared=shared)
        case MetricReported() as metric:
            shared = Shared(here.shared.recipients, here.shared.changed, (*here.shared.metrics, metric))
            state = state.hearing(Source.FIGURES, min(metric.as_of, now))
            return Decision(Reason.COUNTED, state, shared=shared)
        case EffectsRecorded() as effects:
            plan = here.plans[effects.plan_version].plan
            state, shared, wave = counting.recorded(state, here.shared, effects, plan, meta)
            ruling = _judged(here, state, shared, wave, Reason.EFFECTS_COUNTED, due=False)
            if not effects.wave_done:
                return ruling
            deadline = Task(WaveDeadline(wave=wave), at + plan.policy.waves.verdict_after)
            return replace(ruling, tasks=(*ruling.tasks, deadline))
        case WaveDeadline(wave=wave):
            return _judged(here, state, here.shared, wave, Reason.WAVE_HELD, due=True)
        case WorkBegun():
            state = replace(state, begun_at=at)
            return _clock(*clocks.met(state, Sla.RESPONSE_TIME, at, "work began"))
        case StageChanged(after=stage):
            return Decision(Reason.NOTED, replace(state, stage=stage))
        case ActionReconciled(settled=Settled.NOT_APPLIED):
            return Decision(Reason.NOTED, replace(state, unsent=state.unsent + 1))
        case ActionProposed(action=action):
            if action.answers is None or action.answers not in state.answered:  # the options of one trigger are one
                answered = (*state.answered, action.answers) if action.answers else state.answered
                state = replace(state, decisions=state.decisions + 1, answered=answered)
            return _clock(*clocks.met(state, Sla.DRAFT_TIME, at, "the send was proposed"))
        case ArtefactChecked(results=results):
            passed = sum(1 for one in results if one.verdict is Verdict.PASS)
            done = sum(1 for one in results if one.verdict is not Verdict.SKIPPED)
            state = replace(state, checks=state.checks + done, checks_passed=state.checks_passed + passed)
            return Decision(Reason.COUNTED, state)
        case OverrideRecorded() | ChecklistItemWaived():
            return Decision(Reason.COUNTED, replace(state, interventions=state.interventions + 1))
        case CampaignLaunched():
            state = replace(state, launched_at=at)
            return _anchored(here, state, Anchor.LAUNCH, at)
        case CampaignHalted(actor=actor):
            state = window.halted(state, at)
            return Decision(Reason.NOTED, replace(state, interventions=state.interventions + (actor is not None)))
        case CampaignResumed(plan_version=version):
            state, tasks = window.resumed(state, here.plans[version].plan, at)
            return Decision(Reason.WINDOW_RUNS, state, (), tasks)
        case ActionExecuted(sending_ended=True, plan_version=version) if state.closes_at is not None:
            late = Task(WindowCloses(plan_version=version), max(now, state.closes_at))
            return Decision(Reason.WINDOW_RUNS, replace(state, ended_at=at), (), (late,))
        case ActionExecuted(sending_ended=True):
            return _anchored(here, replace(state, ended_at=at), Anchor.END_OF_SENDING, at)
        case WindowCloses(plan_version=version):
            return _closes(here, state, version, now)
        case SlaDeadline(sla=sla):
            return _clock(*clocks.due(state, sla, now))
        case CampaignFinished(outcome=outcome, plan_version=version):
            completed = outcome is CampaignOutcome.COMPLETED
            plan = here.plans[version].plan
            state, events = clocks.ended(replace(state, finished=outcome.value), plan, completed, at)
            return Decision(Reason.SLA_MET if completed else Reason.NOTED, state, events)
        case _:
            return Decision(Reason.NOTED, here.state)


def _planned(here: Here, state: Watch, issued: PlanIssued, now: datetime) -> Ruling:
    if state.plan_version:  # promises and thresholds stay what they were: a campaign cannot change its plan yet
        return Decision(Reason.KNOWN if state.plan_version == issued.plan.version else Reason.PLAN_CHANGED, state)
    budget = issued.plan.brief.budget
    purse = Purse(
        total_micros=budget.total.micros, per_mail_micros=budget.per_mail.micros, currency=budget.total.currency
    )
    state = replace(state, plan_version=issued.plan.version, purse=purse)
    state, events, tasks = clocks.started(state, issued.plan, now)
    begin = state.received_at or now
    for anchor in (None, Anchor.ACCEPTANCE):
        state, more = window.anchored(state, issued.plan, anchor, begin)
        tasks = (*tasks, *more)
    return Decision(Reason.CLOCKS_STARTED, state, events, tasks)


def _plan(here: Here, state: Watch) -> Plan | None:
    """The plan that the campaign is watched by: the first that came."""
    issued = here.plans.get(state.plan_version)
    return issued.plan if issued else None


def _anchored(here: Here, state: Watch, anchor: Anchor, at: datetime) -> Ruling:
    plan = _plan(here, state)
    assert plan is not None
    state, tasks = window.anchored(state, plan, anchor, at)
    return Decision(Reason.WINDOW_RUNS if tasks else Reason.NOTED, state, (), tasks)


def _judged(here: Here, state: Watch, shared: Shared, key: str | None, reason: Reason, *, due: bool) -> Ruling:
    """Look at one wave after a change, or at its deadline."""
    plan = _plan(here, state)
    if key is None or plan is None or key not in state.waves:
        return Decision(reason if key else Reason.KNOWN, state, shared=shared)
    wave, triggers = judging.fired(state.waves[key], plan)
    wave, verdict = judging.verdict(wave, plan, due)
    events: tuple[Event, ...] = (*triggers, *verdict)
    if wave is not state.waves[key]:
        state = state.with_wave(key, wave)
    if triggers:
        reason = Reason.TRIGGER_FIRED
    elif verdict:
        reason = Reason.WAVE_WENT_WELL
    elif reason is Reason.WAVE_HELD and not wave.judged:
        reason = Reason.TOO_FEW
    return Decision(reason, state, events, shared=shared)


def _closes(here: Here, state: Watch, version: int, now: datetime) -> Ruling:
    if state.outcome != "open" or state.finished is not None:
        return Decision(Reason.KNOWN, state)
    if state.halted_at is not None or state.ended_at is None:
        return Decision(Reason.WINDOW_STANDS_STILL, state)
    if state.closes_at is not None and now < state.closes_at:
        return Decision(Reason.WINDOW_RUNS, state, (), (Task(WindowCloses(plan_version=version), state.closes_at),))
    state, events = window.closed(state, here.plans[version].plan, now)
    verified = state.outcome == "verified"
    return Decision(Reason.OUTCOME_VERIFIED if verified else Reason.OUTCOME_REJECTED, state, events)


def _clock(state: Watch, events: tuple[Event, ...]) -> Ruling:
    if not events:
        return Decision(Reason.NOTED, state)
    breached = any(type(event).__name__ == "SlaBreached" for event in events)
    return Decision(Reason.SLA_BREACHED if breached else Reason.SLA_MET, state, events)
