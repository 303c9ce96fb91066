"""What escalation remembers of a campaign."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from chassis.decision import TaskBody
from contracts.decision import Approver, ReasonGiven, Stage
from contracts.escalation import CaseKind, Need
from contracts.event import Name, Severity, Subject, Value
from contracts.executor import ActionProposed


class Reason(StrEnum):
    """Why a decision went the way it did. Also the `reason` label of the decisions metric."""

    PLAN_KNOWN = "plan_known"
    CLEARED_BY_RULE = "cleared_by_rule"
    CASE_OPENED = "case_opened"
    OPTION_ADDED = "option_added"
    HELD = "held"
    KNOWN = "known"
    CAMPAIGN_OVER = "campaign_over"
    NOTED = "noted"
    NOTIFIED = "notified"
    ACKNOWLEDGED = "acknowledged"
    VOTE_COUNTED = "vote_counted"
    CLEARED_BY_PEOPLE = "cleared_by_people"
    REFUSED_BY_PEOPLE = "refused_by_people"
    SETTLED = "settled"
    REVOKED = "revoked"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    PLAN_MISSING = "plan_missing"
    CASE_UNKNOWN = "case_unknown"
    CASE_CLOSED = "case_closed"
    OPTION_UNKNOWN = "option_unknown"
    CONTENT_CHANGED = "content_changed"
    NOT_A_PERSON = "not_a_person"
    ROLE_MISSING = "role_missing"
    OWN_WORK = "own_work"
    REASON_NEEDED = "reason_needed"
    ALREADY_VOTED = "already_voted"
    NOTHING_TO_REVOKE = "nothing_to_revoke"


class Status(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    approver: Approver
    decision_id: UUID
    approve: bool
    reason: ReasonGiven | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """People are asked. `options` are the proposals they may approve, in the order they came."""

    case_id: UUID
    kind: CaseKind
    subject_id: UUID
    severity: Severity
    needs: Need
    title: str
    because: str
    if_ignored: str
    opened_at: datetime
    deadline: datetime
    told: tuple[str, ...]
    finding: str = ""
    status: Status = Status.OPEN
    options: tuple[UUID, ...] = ()
    refused: tuple[UUID, ...] = ()
    votes: tuple[Vote, ...] = ()
    acknowledged_by: str | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """A ruling, with what it rested on, so that it can be made again."""

    decision_id: UUID
    outcome: str
    because: str
    stages: tuple[Stage, ...]
    holds: tuple[str, ...]
    framework_approved: bool
    at: datetime
    need: Need | None = None
    grant_id: UUID | None = None
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """Everything about one campaign."""

    author: str = ""
    cases: Mapping[UUID, Case] = field(default_factory=dict)
    proposals: Mapping[UUID, ActionProposed] = field(default_factory=dict)
    rulings: Mapping[UUID, Ruled] = field(default_factory=dict)
    early_options: Mapping[UUID, tuple[UUID, ...]] = field(default_factory=dict)
    """Options whose trigger has not been read yet, by trigger."""
    holds: tuple[str, ...] = ()
    over: bool = False


@dataclass(frozen=True, slots=True)
class Shared:
    """Frameworks that people approved once, of the tenant; `learned` are new ones to keep."""

    frameworks: frozenset[str] = frozenset()
    learned: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Person:
    subject: str
    roles: tuple[str, ...]
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Directory:
    """Who can be asked."""

    people: tuple[Person, ...] = ()

    def who(self, need: Need, author: str) -> tuple[str, ...]:
        """Those present with the role but the plan's author; when there is none, those with the backup role."""
        for role in (need.role, need.backup_role):
            found = tuple(
                person.subject
                for person in self.people
                if role in person.roles and not person.absent and person.subject != author
            )
            if found:
                return found
        return ()


class CaseDeadline(TaskBody):
    kind: ClassVar[str] = "case_deadline"
    case_id: UUID


class Notify(TaskBody):
    kind: ClassVar[str] = "notify"
    case_id: UUID
    told: tuple[Subject, ...]


class Notified(Value):
    case_id: UUID
    told: tuple[Subject, ...]
    transport: Name


class PlanMissing(TaskBody):
    kind: ClassVar[str] = "plan_missing"
