"""Why a decision was made: each fact in a place of its own, so that topics may come in any order. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from contracts.actions import ActionExecuted, ActionFailed, ActionProposed, ActionRefused, EffectsRecorded
from contracts.decision import ApproverKind
from contracts.escalation import (
    ActionCleared,
    ActionDenied,
    ApprovalGiven,
    ApprovalRefused,
    CaseOpened,
    ClearanceRevoked,
    HoldPlaced,
    HoldReleased,
    OverrideRecorded,
)
from contracts.event import Event, Fact
from tower.row import words


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """One decision: what was proposed, how it was ruled, who had a say, and what came of it."""

    proposed: ActionProposed | None = None
    proposed_at: datetime | None = None
    case: CaseOpened | None = None
    approvals: tuple[ApprovalGiven, ...] = ()
    refusals: tuple[ApprovalRefused, ...] = ()
    cleared: ActionCleared | None = None
    denied: ActionDenied | None = None
    ruled_at: datetime | None = None
    revoked: ClearanceRevoked | None = None
    override: OverrideRecorded | None = None
    held: tuple[str, ...] = ()
    effects: Mapping[str, int] = field(default_factory=dict)
    """Mails by what became of them."""
    executed: ActionExecuted | None = None
    failed: ActionFailed | None = None
    refused: tuple[ActionRefused, ...] = ()

    @property
    def state(self) -> str:
        """Where it stands, in a few words."""
        if self.denied is not None:
            return "denied"
        if self.revoked is not None:
            return "taken back"
        if self.cleared is not None:
            by = [one.subject for one in self.cleared.approvers if one.kind is ApproverKind.HUMAN]
            return f"approved by {', '.join(by)}" if by else "cleared by rule"
        if self.held:
            return f"held: {', '.join(map(words, self.held))}"
        return "waits for people" if self.case is not None else "waits for a ruling"


def decision_of(event: Event) -> UUID | None:
    """The decision that a fact belongs to; None for what belongs to none."""
    if isinstance(event, CaseOpened):
        return event.subject_id
    named = getattr(event, "decision_id", None)
    return named if isinstance(named, UUID) else None


def fold(why: Why, fact: Fact[Event]) -> Why:
    """The decision after a fact it has not seen."""
    at = fact.meta.occurred_at
    match fact.event:
        case ActionProposed() as proposed:
            return replace(why, proposed=proposed, proposed_at=at)
        case CaseOpened() as case:
            return replace(why, case=case)
        case ApprovalGiven() as given:
            return replace(why, approvals=(*why.approvals, given))
        case ApprovalRefused() as refusal:
            return replace(why, refusals=(*why.refusals, refusal))
        case ActionCleared() as cleared:
            return replace(why, cleared=cleared, ruled_at=at)
        case ActionDenied() as denied:
            return replace(why, denied=denied, ruled_at=at)
        case ClearanceRevoked() as revoked:
            return replace(why, revoked=revoked)
        case OverrideRecorded() as override:
            return replace(why, override=override)
        case HoldPlaced(because=because):
            return replace(why, held=tuple(sorted({*why.held, because})))
        case HoldReleased(because=because):
            return replace(why, held=tuple(one for one in why.held if one != because))
        case EffectsRecorded(effects=effects):
            counts = dict(why.effects)
            for effect in effects:
                counts[effect.outcome.value] = counts.get(effect.outcome.value, 0) + 1
            return replace(why, effects=counts)
        case ActionExecuted() as executed:
            return replace(why, executed=executed)
        case ActionFailed() as failed:
            return replace(why, failed=failed)
        case ActionRefused() as refused:
            return replace(why, refused=(*why.refused, refused))
        case _:
            return why
