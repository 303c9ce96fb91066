"""From the first mail to the last: wave by wave, on the monitor's word, until all is settled. Pure."""

from collections import Counter as Tally
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from chassis.decision import Decision, Task
from contracts.actions import (
    ActionExecuted,
    ActionFailed,
    ActionRefused,
    ActionUncertain,
    Effect,
    EffectOutcome,
    EffectsRecorded,
)
from contracts.event import Event
from contracts.executor import CampaignOutcome, CampaignStage, StepFailed
from contracts.monitor import OutcomeRejected, OutcomeVerified, TriggerFired
from contracts.plan import Trigger
from executor.domain import halting, proposing
from executor.domain.flow import PAST, Here, Ruling, dispatch_of, finished, plan_of, step_done, to_stage
from executor.domain.state import Campaign, Reason, Sending
from executor.effects import AbandonPlanned, Dispatch, Dispatched, EffectsFound, MarkReported, SetGuard

WAITING = frozenset({"killed", "parked", "not_yet"})
"""Reasons of the guard that pass by themselves."""
TURNED_AWAY = 3
"""Runs in a row in which the tool refuses us ourselves, after which people are told."""
SETTLE_AGAIN = timedelta(minutes=1)
"""After a dispatcher failed for good, also at settling."""
STALE = frozenset({"halted", "fence"})
"""Reasons of the guard that the fold knows already."""


def cut(recipients: int, from_wave: int, first: int, then: int) -> dict[int, int]:
    """Sizes of the waves, by number."""
    sizes: dict[int, int] = {}
    left, size, wave = recipients, first, from_wave
    while left > 0:
        sizes[wave] = min(size, left)
        left -= sizes[wave]
        size, wave = then, wave + 1
    return sizes or {from_wave: 0}


def dispatched(here: Here, state: Campaign, done: Dispatched) -> Ruling:
    """What a run of the dispatcher did, and what it does next."""
    ruling = _dispatched(here, state, done)
    if not done.effects:
        return ruling
    marked = MarkReported(done.decision_id, tuple(effect.effect_id for effect in done.effects))
    return replace(ruling, shared=(ruling.shared or here.shared).asking(marked))


def _dispatched(here: Here, state: Campaign, done: Dispatched) -> Ruling:
    sending = state.sending
    if sending is None or sending.decision_id != done.decision_id:
        events = recorded(state.plan_version, done, done.wave_size)
        return Decision(Reason.NOTED, state, tuple(events), _settling_past(state, done))
    size = sending.waves.get(done.wave, done.wave_size)
    sending = counted(sending, done.effects)
    if sending.wave_done or done.wave != sending.wave:  # the end of a wave counts once
        return Decision(Reason.NOTED, replace(state, sending=sending), tuple(recorded(state.plan_version, done, size)))
    wave_done = done.left_in_wave == 0 and done.refused is None
    events = recorded(state.plan_version, done, size, wave_done)
    away = sending.turned_away + 1 if done.turned_away else 0
    sending = replace(sending, wave_done=wave_done, turned_away=away)
    state = replace(state, sending=sending)
    if done.refused is not None:
        return _refused(here, state, sending, done, events)
    if sending.turned_away >= TURNED_AWAY and state.halt is None and state.running:
        return _turned_away(here, state, done, events)
    if state.running and wave_done and done.wave >= max(sending.waves):
        return _ended(state, sending, events)
    if state.halt is not None or not state.running:
        return Decision(Reason.SENDING, state, tuple(events), _settling(state, sending, done))
    if not wave_done:
        again = Task(dispatch_of(state, sending), done.retry_at)
        return Decision(Reason.SENDING, state, tuple(events), (again,))
    if sending.judged:
        return _next_wave(state, sending, tuple(events))
    return Decision(Reason.WAVE_DONE, state, tuple(events))


def _ended(state: Campaign, sending: Sending, events: list[Event]) -> Ruling:
    state = replace(state, sending=replace(sending, ended=True))
    events.append(executed(state, sending, 0, ended=True))
    verified = f"{sending.settled} of {sum(sending.waves.values())} intents are settled"
    state, step = step_done(state, "send", verified)
    state, moved = to_stage(state, CampaignStage.MONITORING, "sending_ended")
    return Decision(Reason.SENT, state, (*events, *step, *moved))


def _next_wave(state: Campaign, sending: Sending, events: tuple[Event, ...] = ()) -> Ruling:
    sending = replace(sending, wave=sending.wave + 1, wave_done=False, judged=False)
    state = replace(state, sending=sending)
    return Decision(Reason.NEXT_WAVE, state, events, (Task(dispatch_of(state, sending)),))


def _refused(here: Here, state: Campaign, sending: Sending, done: Dispatched, events: list[Event]) -> Ruling:
    """The guard said no: wait where it passes, give up an order of the past, else halt, so that people see it."""
    because = done.refused or ""
    if because in STALE or not state.running or state.halt is not None:
        return Decision(Reason.DISPATCH_REFUSED, state, tuple(events), _settling(state, sending, done))
    if because in WAITING:
        assert done.retry_at is not None
        again = Task(dispatch_of(state, sending), done.retry_at)
        return Decision(Reason.DISPATCH_REFUSED, state, tuple(events), (again,))
    refused = ActionRefused(
        plan_version=state.plan_version,
        decision_id=done.decision_id,
        grant_id=done.grant_id,
        because=because,
        detail=f"the guard refused wave {done.wave}",
    )
    return replace(halting.halted(here, state, because, after=(*events, refused)), reason=Reason.DISPATCH_REFUSED)


def _turned_away(here: Here, state: Campaign, done: Dispatched, events: list[Event]) -> Ruling:
    """The tool does not want us: no waiting mends that. People are asked whether to go on once they have mended it."""
    assert state.sending is not None
    state = replace(state, sending=replace(state.sending, turned_away=0))
    tool = plan_of(here, state).plan.mail_tool
    told = StepFailed(
        plan_version=state.plan_version,
        step="send",
        because=f"{tool} refuses us, not our recipients ({done.turned_away}): its credentials or sender must be mended",
    )
    ruling = halting.halted(here, state, proposing.SENDER_REFUSED, after=(*events, told))
    assert ruling.state is not None
    return replace(ruling, reason=Reason.STEP_FAILED, tasks=halting.resume(ruling.state).tasks)


def _settling(state: Campaign, sending: Sending, done: Dispatched) -> tuple[Task, ...]:
    """Nothing more leaves, and what is on its way is still settled."""
    return (Task(dispatch_of(state, sending), done.retry_at),) if done.unsettled else ()


def _settling_past(state: Campaign, done: Dispatched) -> tuple[Task, ...]:
    """The same of a send that another one has followed."""
    if not done.unsettled:
        return ()
    order = Dispatch(
        decision_id=done.decision_id,
        grant_id=done.grant_id,
        plan_version=state.plan_version,
        wave=done.wave,
        fence=PAST,
    )
    return (Task(order, done.retry_at),)


def recorded(plan_version: int, done: Dispatched | EffectsFound, size: int, wave_done: bool = False) -> list[Event]:
    """What became of effects, and a word about each that is uncertain."""
    if not done.effects and not wave_done:
        return []
    events: list[Event] = [
        EffectsRecorded(
            plan_version=plan_version,
            decision_id=done.decision_id,
            wave=done.wave,
            wave_size=size,
            wave_done=wave_done,
            effects=done.effects,
        )
    ]
    events += [
        ActionUncertain(
            plan_version=plan_version,
            decision_id=done.decision_id,
            effect_id=effect.effect_id,
            recipient_hash=effect.recipient_hash,
            recipient_domain=effect.recipient_domain,
            because=effect.because,
        )
        for effect in done.effects
        if effect.outcome is EffectOutcome.UNKNOWN
    ]
    return events


def counted(sending: Sending, effects: tuple[Effect, ...]) -> Sending:
    return added(sending, Tally(one.outcome for one in effects))


def added(sending: Sending, count: Mapping[EffectOutcome, int]) -> Sending:
    """So many more effects of each outcome."""
    return replace(
        sending,
        succeeded=sending.succeeded + count.get(EffectOutcome.SUCCEEDED, 0),
        failed=sending.failed + count.get(EffectOutcome.FAILED_DEFINITE, 0),
        unknown=sending.unknown + count.get(EffectOutcome.UNKNOWN, 0),
        skipped=sending.skipped + count.get(EffectOutcome.SKIPPED, 0),
    )


def executed(state: Campaign, sending: Sending, left: int, *, ended: bool) -> ActionExecuted:
    return ActionExecuted(
        plan_version=state.plan_version,
        decision_id=sending.decision_id,
        grant_id=sending.grant_id,
        succeeded=sending.succeeded,
        failed=sending.failed,
        unknown=sending.unknown,
        skipped=sending.skipped + left,
        sending_ended=ended,
    )


def verdict(state: Campaign, fired: TriggerFired) -> Ruling:
    """The monitor says that a wave went well: the next one starts on its word alone."""
    sending = state.sending
    if (
        sending is None
        or fired.trigger is not Trigger.WAVE_REPORTED
        or state.halt is not None
        or not state.running
        or (fired.wave, fired.decision_id) != (sending.wave, sending.decision_id)
        or sending.wave >= max(sending.waves)
    ):
        return Decision(Reason.NOTED, state)
    if not sending.wave_done:  # said too early: it counts once the wave is done
        return Decision(Reason.NOTED, replace(state, sending=replace(sending, judged=True)))
    return _next_wave(state, sending)


def outcome(here: Here, state: Campaign, result: OutcomeVerified | OutcomeRejected) -> Ruling:
    """The window closed: the campaign reached its defined end. What has not left by then stays."""
    if not state.running:
        return Decision(Reason.KNOWN, state)
    shared = None
    if (sending := state.sending) is not None and not sending.ended:
        state = replace(state, fence=state.fence + 1)
        shared = here.shared.asking(SetGuard(fence=state.fence, halted=True), AbandonPlanned(sending.decision_id))
    met = isinstance(result, OutcomeVerified)
    state, watched = step_done(state, "watch", f"{result.counted} of {result.target} {result.outcome}")
    state, closed = step_done(state, "close", "the outcome was counted")
    state, over = finished(state, CampaignOutcome.COMPLETED, "outcome_verified" if met else "outcome_rejected")
    return Decision(Reason.OUTCOME_TAKEN, state, (*watched, *closed, *over), shared=shared)


def failed(here: Here, state: Campaign, task: Dispatch, error: str, now: datetime) -> Ruling:
    """The dispatcher itself failed for good: nothing more leaves until a person looks, and what has left is settled."""
    settling = Task(task.model_copy(update={"fence": PAST}), now + SETTLE_AGAIN)
    if task.fence == PAST:
        return Decision(Reason.STEP_FAILED, state, (), (settling,))
    event = ActionFailed(plan_version=state.plan_version, decision_id=task.decision_id, because=error[:4000])
    if state.halt is not None or not state.running:
        return Decision(Reason.STEP_FAILED, state, (event,), (settling,))
    ruling = halting.halted(here, state, "dispatch_failed", after=(event,))
    return replace(ruling, reason=Reason.STEP_FAILED, tasks=(*ruling.tasks, settling))
