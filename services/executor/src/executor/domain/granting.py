"""A ruling arrives: is it exactly what was asked for, and what does it set going? Pure."""

from dataclasses import replace
from datetime import datetime

from chassis.decision import Decision, Message, Task
from contracts.actions import ActionRefused
from contracts.escalation import (
    ActionCleared,
    ActionDenied,
    ApprovalGiven,
    ApprovalRefused,
    ClearanceRevoked,
    HoldReleased,
)
from contracts.event import Event, Signature
from contracts.executor import CampaignLaunched, CampaignOutcome, CampaignResumed
from executor.domain.checklist import checklist
from executor.domain.flow import Here, Ruling, closed, dispatch_of, finished, plan_of, step_done
from executor.domain.proposing import CANCEL
from executor.domain.sending import cut, executed
from executor.domain.state import Campaign, Proposal, Reason, Sending
from executor.effects import AbandonPlanned, Change, KeepGrant, RevokeGrant, SetGuard


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
    left_out = tuple(dict.fromkeys((*state.left_out, *proposal.without)))
    state = replace(state, proposals={**state.proposals, grant.decision_id: granted}, left_out=left_out)
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
    if proposal.state not in ("pending", "over"):
        return "used_or_denied"
    over = proposal.state == "over"
    if (over or grant.action.verb != CANCEL) and proposal.halts != state.halts:
        return "halted_since"
    if over or (grant.action.verb != CANCEL and proposal.option != "send" and state.halt is None):
        return "not_halted"
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
    changes: list[Change] = []
    if before is not None:
        changes.append(AbandonPlanned(before.decision_id))
        if not before.ended:
            events.append(executed(state, before, max(0, before.left - proposal.recipients), ended=False))
    if state.halt is not None:
        changes.append(SetGuard(fence=state.fence, halted=bool(state.holds)))
        state, resumed = _resumed(state, proposal, grant)
        events.append(resumed)
    if before is not None and before.ended:  # nobody is left: there is nothing to send, only to go on watching
        nothing = Sending(decision_id=grant.decision_id, grant_id=grant.grant_id, wave=before.wave, waves={})
        events.append(executed(state, nothing, 0, ended=False))
        return Decision(Reason.GRANT_TAKEN, state, tuple(events), (), here.shared.asking(*changes))
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
            opens_at=max(grant.granted_at, state.opens_at),
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
    state = replace(state, sending=sending, launched=True, sent_before=sent_before)
    task = Task(dispatch_of(state, sending), state.opens_at)
    return Decision(Reason.GRANT_TAKEN, state, tuple(events), (task,), here.shared.asking(*changes))


def _resumed(state: Campaign, proposal: Proposal, grant: ActionCleared) -> tuple[Campaign, CampaignResumed]:
    """It goes on, by this one decision."""
    state, closes = closed(state)
    event = CampaignResumed(
        plan_version=state.plan_version,
        decision_id=proposal.decision_id,
        grant_id=grant.grant_id,
        fence=state.fence,
        remaining=proposal.recipients,
        closes=closes,
    )
    return replace(state, halt=None), event


def denied(state: Campaign, ruling: ActionDenied) -> Ruling:
    proposal = state.proposals.get(ruling.decision_id)
    if proposal is None or proposal.state not in ("pending", "over"):
        return Decision(Reason.KNOWN, state)
    state = replace(state, proposals={**state.proposals, ruling.decision_id: replace(proposal, state="denied")})
    if proposal.state == "over" or proposal.option != "send" or not state.running:
        return Decision(Reason.DENIED, state)
    outcome = CampaignOutcome.EXPIRED if ruling.because == "expired" else CampaignOutcome.CANCELLED
    state, events = finished(state, outcome, f"approval_{ruling.because}")
    return Decision(Reason.DENIED, state, events)


def revoked(here: Here, state: Campaign, ruling: ClearanceRevoked) -> Ruling:
    """A grant no longer holds."""
    return Decision(Reason.REVOKED, state, shared=here.shared.asking(RevokeGrant(ruling.grant_id)))


def unbelieved(
    state: Campaign, said: ClearanceRevoked | HoldReleased | ApprovalGiven | ApprovalRefused, message: Message
) -> Ruling | None:
    """What is said of a word of escalation that its key did not sign: refused, and recorded. None where it did."""
    signature = message.meta.signature
    if signature is Signature.VALID:
        return None
    refused = ActionRefused(
        plan_version=state.plan_version,
        decision_id=said.decision_id or message.meta.event_id,
        grant_id=said.grant_id if isinstance(said, ClearanceRevoked) else None,
        because=f"signature_{signature.value}",
        detail=f"a {type(said).__name__} that escalation did not sign",
    )
    return Decision(Reason.WORD_REFUSED, state, (refused,))


def stopped(here: Here, state: Campaign) -> Ruling:
    """The chosen option is to stop."""
    events: tuple[Event, ...] = ()
    shared = None
    if state.sending is not None:
        if not state.sending.ended:
            events = (executed(state, state.sending, state.sending.left, ended=True),)
        shared = here.shared.asking(AbandonPlanned(state.sending.decision_id))
    state, over = finished(state, CampaignOutcome.CANCELLED, "stopped_by_people")
    return Decision(Reason.CANCELLED, state, (*events, *over), shared=shared)
