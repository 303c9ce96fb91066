"""What escalation publishes: rulings, cases and what people taught it."""

from enum import StrEnum
from typing import Annotated, ClassVar, TypeAlias
from uuid import UUID

from pydantic import Field

from contracts.decision import Action, Approver, ReasonGiven, Stage
from contracts.event import Event, Instant, Name, Severity, Sha256, Subject, Text, Value
from contracts.executor import PlanVersion


class RulingEventBase(Event):
    """On the topic of rulings."""

    topic: ClassVar[str] = "escalation.rulings.v1"


class ActionCleared(RulingEventBase):
    """A grant: this exact action of this exact plan and policy may happen once, until it expires."""

    type: ClassVar[str] = "io.handrail.action.cleared.v1"
    signed: ClassVar[bool] = True
    grant_id: UUID
    decision_id: UUID
    plan_version: PlanVersion
    plan_hash: Sha256
    policy_hash: Sha256
    content_hash: Sha256
    action: Action
    approvers: Annotated[tuple[Approver, ...], Field(min_length=1)]
    case_id: UUID | None
    granted_at: Instant
    expires_at: Instant
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]


class ActionDenied(RulingEventBase):
    """This action must not happen."""

    type: ClassVar[str] = "io.handrail.action.denied.v1"
    decision_id: UUID
    plan_version: PlanVersion
    case_id: UUID | None
    because: Name
    by: Approver | None
    reason: ReasonGiven | None
    stages: tuple[Stage, ...]


class ClearanceRevoked(RulingEventBase):
    """A grant no longer holds."""

    type: ClassVar[str] = "io.handrail.clearance.revoked.v1"
    signed: ClassVar[bool] = True
    grant_id: UUID
    decision_id: UUID
    plan_version: PlanVersion
    by: Approver | None
    because: Text


class HoldPlaced(RulingEventBase):
    """Nothing of this campaign may happen until the hold is released."""

    type: ClassVar[str] = "io.handrail.hold.placed.v1"
    because: Name
    decision_id: UUID | None
    until: Instant | None


class HoldReleased(RulingEventBase):
    """A hold ended."""

    type: ClassVar[str] = "io.handrail.hold.released.v1"
    signed: ClassVar[bool] = True
    because: Name
    decision_id: UUID | None


class CaseEventBase(Event):
    """On the topic of cases."""

    topic: ClassVar[str] = "escalation.cases.v1"
    case_id: UUID


class CaseKind(StrEnum):
    APPROVAL = "approval"
    TRIGGER = "trigger"
    UNCERTAIN = "uncertain"


class Need(Value):
    """How many people of which role must agree; the backup is asked when nobody of the role can be."""

    role: Name
    count: Annotated[int, Field(ge=1, le=5)]
    backup_role: Name


class CaseOpened(CaseEventBase):
    """A person is asked: what exactly, by when, and what happens if nobody answers."""

    type: ClassVar[str] = "io.handrail.case.opened.v1"
    kind: CaseKind
    severity: Severity
    needs: Need
    subject_id: UUID
    """The decision, trigger or effect it is about."""
    title: Text
    because: Name
    deadline: Instant
    if_ignored: Text


class CaseNotified(CaseEventBase):
    """The people who can decide were told."""

    type: ClassVar[str] = "io.handrail.case.notified.v1"
    told: tuple[Subject, ...]
    transport: Name


class CaseAcknowledged(CaseEventBase):
    """Somebody looks at it."""

    type: ClassVar[str] = "io.handrail.case.acknowledged.v1"
    by: Subject


class ApprovalGiven(CaseEventBase):
    """One authenticated person approved exactly this content."""

    type: ClassVar[str] = "io.handrail.approval.given.v1"
    signed: ClassVar[bool] = True
    decision_id: UUID
    content_hash: Sha256
    approver: Approver
    reason: ReasonGiven | None


class ApprovalRefused(CaseEventBase):
    """One authenticated person refused, and said why."""

    type: ClassVar[str] = "io.handrail.approval.refused.v1"
    signed: ClassVar[bool] = True
    decision_id: UUID
    content_hash: Sha256
    approver: Approver
    reason: ReasonGiven


class VoteRefused(CaseEventBase):
    """Somebody's word on a case did not count, and why: an agent's, the author's, a stranger's, or one too late."""

    type: ClassVar[str] = "io.handrail.vote.refused.v1"
    decision_id: UUID | None
    """None where it was about a lost answer."""
    by: Subject
    human: bool
    because: Name


class CaseWithdrawn(CaseEventBase):
    """What it asked is no longer a question."""

    type: ClassVar[str] = "io.handrail.case.withdrawn.v1"
    because: Name


class CaseResolved(CaseEventBase):
    """People decided."""

    type: ClassVar[str] = "io.handrail.case.resolved.v1"
    chosen: UUID | None
    """The decision that was cleared; None when all were refused."""
    by: tuple[Approver, ...]


class CaseExpired(CaseEventBase):
    """Nobody decided in time: what the case said would happen, happens."""

    type: ClassVar[str] = "io.handrail.case.expired.v1"
    if_ignored: Text


class OverrideRecorded(Event):
    """A person decided otherwise than a rule or agent would have, and said why."""

    topic: ClassVar[str] = "escalation.lessons.v1"
    type: ClassVar[str] = "io.handrail.override.recorded.v1"
    case_id: UUID
    decision_id: UUID
    plan_version: PlanVersion
    instead_of: Text
    by: Approver
    reason: ReasonGiven


RulingEvent: TypeAlias = ActionCleared | ActionDenied | ClearanceRevoked | HoldPlaced | HoldReleased
CaseEvent: TypeAlias = (
    CaseOpened
    | CaseNotified
    | CaseAcknowledged
    | ApprovalGiven
    | ApprovalRefused
    | VoteRefused
    | CaseWithdrawn
    | CaseResolved
    | CaseExpired
)
LessonEvent: TypeAlias = OverrideRecorded
