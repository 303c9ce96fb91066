"""From the first mail to the last: wave by wave, on the monitor's word, until all is settled. Pure."""

from dataclasses import replace
from datetime import timedelta

from chassis.decision import Decision, Task
from contracts.event import Event
from contracts.executor import (
    ActionExecuted,
    ActionFailed,
    ActionRefused,
    ActionUncertain,
    CampaignOutcome,
    CampaignStage,
    Effect,
    EffectOutcome,
    EffectsRecorded,
)
from contracts.monitor import OutcomeRejected, OutcomeVerified, TriggerFired
from contracts.plan import Trigger
from executor.domain.flow import Here, Ruling, finished, step_done, to_stage
from executor.domain.state import Campaign, Reason, Sending
from executor.effects import Dispatch, Dispatched, MarkReported, SetGuard

RETRY = timedelta(seconds=5)
WAITING = frozenset({"killed", "parked"})
"""Reasons of the guard that pass by themselves."""
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


def dispatch_of(state: Campaign, sending: Sending) -> Dispatch:
    return Dispatch(
        decision_id=sending.decision_id,
        grant_id=sending.grant_id,
        plan_version=state.plan_version,
        wave=sending.wave,
        fence=state.fence,
    )


def dispatched(here: Here, state: Campaign, done: Dispatched) -> Ruling:
    """What a run of the dispatcher did, and what it does next."""
    ruling = _dispatched(state, done)
    if not done.effects:
        return ruling
    marked = MarkReported(done.decision_id, tuple(effect.effect_id for effect in done.effects))
    return replace(ruling, shared=here.shared.asking(marked))


def _dispatched(state: Campaign, done: Dispatched) -> Ruling:
    sending = state.sending
    if sending is None or sending.decision_id != done.decision_id:
        return Decision(Reason.NOTED, state, tuple(_recorded(state, done, done.wave_size)))
    sending = _counted(sending, done.effects)
    wave_done = done.left_in_wave == 0 and done.refused is None
    size = sending.waves.get(done.wave, done.wave_size)
    events: list[Event] = _recorded(state, done, size, wave_done)
    sending = replace(sending, wave_done=wave_done)
    state = replace(state, sending=sending)
    if done.refused is not None:
        return _refused(state, sending, done, events)
    if state.halt is not None or not state.running:
        return Decision(Reason.SENDING, state, tuple(events))
    if not wave_done:
        again = Task(dispatch_of(state, sending), done.retry_at)
        return Decision(Reason.SENDING, state, tuple(events), (again,))
    if done.wave < max(sending.waves):
        return Decision(Reason.WAVE_DONE, state, tuple(events))
    events.append(executed(state, sending, 0, ended=True))
    settled = sending.settled
    state, step = step_done(state, "send", f"{settled} of {sum(sending.waves.values())} intents are settled")
    state, moved = to_stage(state, CampaignStage.MONITORING, "sending_ended")
    return Decision(Reason.SENT, state, (*events, *step, *moved))


def _refused(state: Campaign, sending: Sending, done: Dispatched, events: list[Event]) -> Ruling:
    because = done.refused or ""
    if because in WAITING:
        assert done.retry_at is not None
        return Decision(
            Reason.DISPATCH_REFUSED, state, tuple(events), (Task(dispatch_of(state, sending), done.retry_at),)
        )
    if because not in STALE:
        events.append(
            ActionRefused(
                plan_version=state.plan_version,
                decision_id=done.decision_id,
                grant_id=done.grant_id,
                because=because,
                detail=f"the guard refused wave {done.wave}",
            )
        )
    return Decision(Reason.DISPATCH_REFUSED, state, tuple(events))


def _recorded(state: Campaign, done: Dispatched, size: int, wave_done: bool = False) -> list[Event]:
    if not done.effects and not wave_done:
        return []
    events: list[Event] = [
        EffectsRecorded(
            plan_version=state.plan_version,
            decision_id=done.decision_id,
            wave=done.wave,
            wave_size=size,
            wave_done=wave_done,
            effects=done.effects,
        )
    ]
    events += [
        ActionUncertain(
            plan_version=state.plan_version,
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


def _counted(sending: Sending, effects: tuple[Effect, ...]) -> Sending:
    count = {outcome: sum(1 for one in effects if one.outcome is outcome) for outcome in EffectOutcome}
    return replace(
        sending,
        succeeded=sending.succeeded + count[EffectOutcome.SUCCEEDED],
        failed=sending.failed + count[EffectOutcome.FAILED_DEFINITE],
        unknown=sending.unknown + count[EffectOutcome.UNKNOWN],
        skipped=sending.skipped + count[EffectOutcome.SKIPPED],
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
        or not sending.wave_done
        or (fired.wave, fired.decision_id) != (sending.wave, sending.decision_id)
        or sending.wave >= max(sending.waves)
    ):
        return Decision(Reason.NOTED, state)
    sending = replace(sending, wave=sending.wave + 1, wave_done=False)
    state = replace(state, sending=sending)
    return Decision(Reason.NEXT_WAVE, state, (), (Task(dispatch_of(state, sending)),))


def outcome(state: Campaign, result: OutcomeVerified | OutcomeRejected) -> Ruling:
    """The window closed: the campaign reached its defined end."""
    if not state.running:
        return Decision(Reason.KNOWN, state)
    met = isinstance(result, OutcomeVerified)
    state, watched = step_done(state, "watch", f"{result.counted} of {result.target} {result.outcome}")
    state, closed = step_done(state, "close", "the outcome was counted")
    state, over = finished(state, CampaignOutcome.COMPLETED, "outcome_verified" if met else "outcome_rejected")
    return Decision(Reason.OUTCOME_TAKEN, state, (*watched, *closed, *over))


def failed(here: Here, state: Campaign, task: Dispatch, error: str) -> Ruling:
    """The dispatcher itself failed for good: nothing more leaves until a person looks."""
    event = ActionFailed(plan_version=state.plan_version, decision_id=task.decision_id, because=error[:4000])
    state = replace(state, fence=state.fence + 1)
    return Decision(
        Reason.STEP_FAILED, state, (event,), shared=here.shared.asking(SetGuard(fence=state.fence, halted=True))
    )
