"""What a ruling says to the world: a grant over exactly one proposal, or that it must not happen."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from contracts.actions import ActionProposed
from contracts.decision import Approver, ReasonGiven, Stage
from contracts.escalation import ActionCleared, ActionDenied, HoldReleased
from contracts.framing import named
from contracts.plan import Plan
from escalation.domain.state import Escalation
from policy.rule import TIMED_HOLD

CAMPAIGN_HALTED, CAMPAIGN_RESUMED = "campaign_halted", "campaign_resumed"
"""Why something is no question any more: it was asked before the halt, or the campaign went on by another decision."""


def grant_of(decision: UUID) -> UUID:
    return named(str(decision), "grant")


def denied(
    proposal: ActionProposed,
    case_id: UUID | None,
    because: str,
    by: Approver | None = None,
    reason: ReasonGiven | None = None,
    stages: tuple[Stage, ...] = (),
) -> ActionDenied:
    return ActionDenied(
        decision_id=proposal.decision_id,
        plan_version=proposal.plan_version,
        case_id=case_id,
        because=because,
        by=by,
        reason=reason,
        stages=stages,
    )


def ended(state: Escalation, *decisions: UUID) -> Escalation:
    """These decisions were denied."""
    denials = {one: replace(state.rulings[one], outcome="denied") for one in decisions}
    return replace(state, rulings={**state.rulings, **denials})


def released(state: Escalation, *decisions: UUID) -> tuple[HoldReleased, ...]:
    """The timed holds over these decisions end with them."""
    return tuple(
        HoldReleased(because=TIMED_HOLD, decision_id=one)
        for one in decisions
        if state.rulings[one].because == TIMED_HOLD and state.rulings[one].outcome != "denied"
    )


def cleared(
    proposal: ActionProposed,
    approvers: tuple[Approver, ...],
    case_id: UUID | None,
    stages: tuple[Stage, ...],
    now: datetime,
    expires_at: datetime,
) -> ActionCleared:
    """The grant over exactly this proposal."""
    return ActionCleared(
        grant_id=grant_of(proposal.decision_id),
        decision_id=proposal.decision_id,
        plan_version=proposal.plan_version,
        plan_hash=proposal.plan_hash,
        policy_hash=proposal.policy_hash,
        content_hash=proposal.action.content_hash,
        action=proposal.action,
        approvers=approvers,
        case_id=case_id,
        granted_at=now,
        expires_at=expires_at,
        stages=stages,
    )


def expiry(plan: Plan, now: datetime) -> datetime:
    """When a grant given now ends: it must hold through the send window, which begins with the brief's launch."""
    timing = plan.brief.timing
    launch = timing.launch.at or now + (timing.launch.by or timedelta(0))
    return max(now + plan.policy.deadlines.grant, launch + timing.send_window)
