"""The card of a case: everything a person needs to decide (G11). One that lacks a part cannot be built."""

from datetime import datetime
from uuid import UUID

from contracts.actions import ActionProposed
from contracts.decision import (
    BlastRadius,
    Candidate,
    Prediction,
    ReasonGiven,
    Reversibility,
    Source,
    Stage,
)
from contracts.escalation import CaseKind, Need
from contracts.event import Count, Money, Name, Severity, Sha256, Share, Text, Value
from escalation.domain.difference import Difference
from escalation.domain.state import Case, Escalation, Status


class Option(Value):
    """One thing that can be approved, and what it would mean."""

    decision_id: UUID
    content_hash: Sha256
    diff: Difference | None
    """Beside what was approved last; None where nothing of its kind was."""
    tool: Name
    verb: Name
    target: Name
    title: Text
    recipients: Count
    strategy: Text
    candidates: tuple[Candidate, ...]
    chosen: Name
    predicted: Prediction
    confidence: Share
    reversibility: Reversibility
    blast_radius: BlastRadius
    cost_of_waiting: Money
    cost_of_error: Money
    sources: tuple[Source, ...]
    if_ignored: Text
    preview: tuple[Name, ...]
    stages: tuple[Stage, ...]
    refused: bool
    plan_version: int


class VoteCast(Value):
    subject: str
    role: str
    decision_id: UUID
    approve: bool
    at: datetime
    reason: ReasonGiven | None


class Card(Value):
    case_id: UUID
    campaign_id: UUID
    kind: CaseKind
    status: Status
    severity: Severity
    asked: Text
    because: Name
    finding: str
    opened_at: datetime
    deadline: datetime
    needs: Need
    told: tuple[str, ...]
    acknowledged_by: str | None
    if_ignored: Text
    options: tuple[Option, ...]
    votes: tuple[VoteCast, ...]
    closed_at: datetime | None
    withdrawn_because: str
    """Why it is no question any more; empty unless it was withdrawn."""


def card(campaign_id: UUID, state: Escalation, case: Case) -> Card:
    """The card of `case`. Raises ValidationError when a part is missing."""
    return Card(
        case_id=case.case_id,
        campaign_id=campaign_id,
        kind=case.kind,
        status=case.status,
        severity=case.severity,
        asked=case.title,
        because=case.because,
        finding=case.finding,
        opened_at=case.opened_at,
        deadline=case.deadline,
        needs=case.needs,
        told=case.told,
        acknowledged_by=case.acknowledged_by,
        if_ignored=case.if_ignored,
        options=tuple(_option(state, case, state.proposals[one]) for one in case.options),
        votes=votes_of(case),
        closed_at=case.closed_at,
        withdrawn_because=case.withdrawn_because,
    )


def votes_of(case: Case) -> tuple[VoteCast, ...]:
    return tuple(
        VoteCast(
            subject=vote.approver.subject,
            role=vote.approver.role,
            decision_id=vote.decision_id,
            approve=vote.approve,
            at=vote.approver.at,
            reason=vote.reason,
        )
        for vote in case.votes
    )


def _option(state: Escalation, case: Case, proposal: ActionProposed) -> Option:
    return Option(
        decision_id=proposal.decision_id,
        content_hash=proposal.action.content_hash,
        diff=state.rulings[proposal.decision_id].difference,
        tool=proposal.action.tool,
        verb=proposal.action.verb,
        target=proposal.action.target,
        title=proposal.title,
        recipients=proposal.recipients,
        strategy=proposal.strategy,
        candidates=proposal.candidates,
        chosen=proposal.chosen,
        predicted=proposal.prediction,
        confidence=proposal.confidence,
        reversibility=proposal.reversibility,
        blast_radius=proposal.blast_radius,
        cost_of_waiting=proposal.cost_of_delay,
        cost_of_error=proposal.cost_of_error,
        sources=proposal.sources,
        if_ignored=proposal.if_ignored,
        preview=proposal.preview,
        stages=state.rulings[proposal.decision_id].stages,
        refused=proposal.decision_id in case.refused,
        plan_version=proposal.plan_version,
    )
