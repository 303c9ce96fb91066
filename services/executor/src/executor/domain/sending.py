"""From a grant to the last mail: verify, send wave by wave, settle, close. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from chassis.decision import Decision, Message, Task
from contracts.escalation import ActionCleared, ActionDenied, ClearanceRevoked
from contracts.event import Event, Signature
from contracts.executor import (
    ActionExecuted,
    ActionFailed,
    ActionRefused,
    ActionUncertain,
    CampaignLaunched,
    CampaignOutcome,
    CampaignResumed,
    CampaignStage,
    Effect,
    EffectOutcome,
    EffectsRecorded,
)
from contracts.monitor import OutcomeRejected, OutcomeVerified, TriggerFired
from contracts.plan import Trigger
from executor.domain.checklist import checklist
from executor.domain.flow import Here, Ruling, finished, plan_of, step_done, to_stage
from executor.domain.proposing import CANCEL
from executor.domain.state import Campaign, Proposal, Reason, Sending
from executor.effects import AbandonPlanned, Dispatch, Dispatched, KeepGrant, MarkReported, RevokeGrant, SetGuard

RETRY = timedelta(seconds=5)
WAITING = frozenset({"killed", "parked"})
"""Reasons of the guard that pass by themselves."""
STALE = frozenset({"halted", "fence"})
"""Reasons of the guard that the fold knows already."""


def cleared(here: Here, state: Campaign, grant: ActionCleared, message: Message, now: datetime) -> Ruling:
    """Take a grant, if it is exactly what was asked for; whatever else it is, it is refused and recorded."""
    proposal = state.proposals.get(grant.decision_id)
    because = _why_refused(state, proposal, grant, message.meta.signature, now)
    if because is not None or proposal is None:
        refused = ActionRefused(
            plan_version=grant.plan_version,
            decision_id=grant.decision_id,
            grant_id=grant.grant_id,
            because=because or "unknown_decision",
            detail=f"grant {grant.grant_id} for decision {grant.decision_id}",
        )
        return Decision(Reason.GRANT_REFUSED, state, (refused,))
    granted = replace(proposal, state="granted", grant_id=grant.grant_id)
    state = replace(state, proposals={**state.proposals, grant.decision_id: granted})
    if grant.action.verb == CANCEL:
        return stopped(here, state)
    return _start(here, state, proposal, grant, message)


def _why_refused(
    state: Campaign, proposal: Proposal | None, grant: ActionCleared, signature: Signature, now: datetime
) -> str | None:
    if signature is not Signature.VALID:
        return f"signature_{signature.value}"
    if proposal is None:
        return "unknown_decision"
    if not state.running:
        return "campaign_finished"
    if proposal.state != "pending":
        return "used_or_denied"
    if grant.expires_at <= now:
        return "expired"
    wanted = (proposal.action, proposal.plan_version, proposal.plan_hash, proposal.policy_hash)
    if (grant.action, grant.plan_version, grant.plan_hash, grant.policy_hash) != wanted:
        return "not_what_was_proposed"
    if grant.content_hash != proposal.action.content_hash:
        return "content_changed"
    if grant.plan_version != state.plan_version:
        return "stale_plan"
    return None


def _start(here: Here, state: Campaign, proposal: Proposal, grant: ActionCleared, message: Message) -> Ruling:
    issued = plan_of(here, state)
    waves = issued.plan.policy.waves
    before = state.sending
    first = waves.then if before else waves.first
    from_wave = before.wave + 1 if before else 1
    events: list[Event] = []
    changes: list[AbandonPlanned | SetGuard | KeepGrant] = []
    if before is not None:
        changes += [AbandonPlanned(before.decision_id), SetGuard(fence=state.fence, halted=False)]
        left = sum(before.waves.values()) - before.settled
        events.append(_executed(state, before, left, ended=False))
        events.append(
            CampaignResumed(
                plan_version=state.plan_version,
                decision_id=grant.decision_id,
                grant_id=grant.grant_id,
                fence=state.fence,
                remaining=proposal.recipients,
            )
        )
    if not state.launched:
        state, done = step_done(state, "approve", f"grant {grant.grant_id} by {grant.approvers[0].subject}")
        launched = CampaignLaunched(
            plan_version=state.plan_version,
            decision_id=grant.decision_id,
            grant_id=grant.grant_id,
            recipients=proposal.recipients,
            checklist=checklist(issued, state),
        )
        events += [*done, launched]
    record = message.record or ((), b"")
    changes.append(
        KeepGrant(
            grant_id=grant.grant_id,
            decision_id=grant.decision_id,
            plan_version=grant.plan_version,
            content_hash=grant.content_hash,
            policy_hash=grant.policy_hash,
            snapshot_hash=proposal.snapshot_hash,
            from_wave=from_wave,
            first_wave=first,
            next_waves=waves.then,
            granted_at=grant.granted_at,
            expires_at=grant.expires_at,
            headers=record[0],
            value=record[1],
        )
    )
    sending = Sending(
        decision_id=grant.decision_id,
        grant_id=grant.grant_id,
        wave=from_wave,
        waves=cut(proposal.recipients, from_wave, first, waves.then),
    )
    sent_before = state.sent_before + (before.succeeded + before.unknown if before else 0)
    state = replace(state, sending=sending, launched=True, halt=None, sent_before=sent_before)
    task = Task(_dispatch(state, sending))
    return Decision(Reason.GRANT_TAKEN, state, tuple(events), (task,), here.shared.asking(*changes))


def cut(recipients: int, from_wave: int, first: int, then: int) -> dict[int, int]:
    """Sizes of the waves, by number."""
    sizes: dict[int, int] = {}
    left, size, wave = recipients, first, from_wave
    while left > 0:
        sizes[wave] = min(size, left)
        left -= sizes[wave]
        size, wave = then, wave + 1
    return sizes or {from_wave: 0}


def _dispatch(state: Campaign, sending: Sending) -> Dispatch:
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
        again = Task(_dispatch(state, sending), done.retry_at)
        return Decision(Reason.SENDING, state, tuple(events), (again,))
    if done.wave < max(sending.waves):
        return Decision(Reason.WAVE_DONE, state, tuple(events))
    events.append(_executed(state, sending, 0, ended=True))
    settled = sending.settled
    state, step = step_done(state, "send", f"{settled} of {sum(sending.waves.values())} intents are settled")
    state, moved = to_stage(state, CampaignStage.MONITORING, "sending_ended")
    return Decision(Reason.SENT, state, (*events, *step, *moved))


def _refused(state: Campaign, sending: Sending, done: Dispatched, events: list[Event]) -> Ruling:
    because = done.refused or ""
    if because in WAITING:
        assert done.retry_at is not None
        return Decision(
            Reason.DISPATCH_REFUSED, state, tuple(events), (Task(_dispatch(state, sending), done.retry_at),)
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


def _executed(state: Campaign, sending: Sending, left: int, *, ended: bool) -> ActionExecuted:
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
    return Decision(Reason.NEXT_WAVE, state, (), (Task(_dispatch(state, sending)),))


def denied(state: Campaign, ruling: ActionDenied) -> Ruling:
    proposal = state.proposals.get(ruling.decision_id)
    if proposal is None or proposal.state != "pending":
        return Decision(Reason.KNOWN, state)
    state = replace(state, proposals={**state.proposals, ruling.decision_id: replace(proposal, state="denied")})
    if proposal.option != "send" or not state.running:
        return Decision(Reason.DENIED, state)
    outcome = CampaignOutcome.EXPIRED if ruling.because == "expired" else CampaignOutcome.CANCELLED
    state, events = finished(state, outcome, f"approval_{ruling.because}")
    return Decision(Reason.DENIED, state, events)


def revoked(here: Here, state: Campaign, ruling: ClearanceRevoked, message: Message) -> Ruling:
    """A grant no longer holds: risk-reducing, yet only a signed word takes it back."""
    if message.meta.signature is not Signature.VALID:
        refused = ActionRefused(
            plan_version=ruling.plan_version,
            decision_id=ruling.decision_id,
            grant_id=ruling.grant_id,
            because=f"signature_{message.meta.signature.value}",
            detail="a revocation that nobody signed",
        )
        return Decision(Reason.GRANT_REFUSED, state, (refused,))
    return Decision(Reason.REVOKED, state, shared=here.shared.asking(RevokeGrant(ruling.grant_id)))


def stopped(here: Here, state: Campaign) -> Ruling:
    """The chosen option is to stop."""
    events: tuple[Event, ...] = ()
    shared = None
    if state.sending is not None:
        left = sum(state.sending.waves.values()) - state.sending.settled
        events = (_executed(state, state.sending, left, ended=True),)
        shared = here.shared.asking(AbandonPlanned(state.sending.decision_id))
    state, over = finished(state, CampaignOutcome.CANCELLED, "stopped_by_people")
    return Decision(Reason.CANCELLED, state, (*events, *over), shared=shared)


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
