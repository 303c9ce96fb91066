"""What escalation remembers of a campaign."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, NamedTuple
from uuid import UUID

from chassis.decision import TaskBody
from contracts.actions import ActionProposed
from contracts.decision import Approver, LegalClass, ReasonGiven, Stage
from contracts.escalation import CaseKind, Need
from contracts.event import Name, Severity, Sha256, Subject, Value
from contracts.executor import KillScope, PlanVersion
from escalation.domain.difference import Content, Difference


class Reason(StrEnum):
    """Why a decision went the way it did. Also the `reason` label of the decisions metric."""

    PLAN_KNOWN = "plan_known"
    CLEARED_BY_RULE = "cleared_by_rule"
    CASE_OPENED = "case_opened"
    OPTION_ADDED = "option_added"
    HELD = "held"
    WAITS = "waits"
    HOLD_ENDED = "hold_ended"
    KNOWN = "known"
    CAMPAIGN_OVER = "campaign_over"
    NO_QUESTION = "no_question"
    NOTED = "noted"
    NOTIFIED = "notified"
    NOT_LOOKED_AT = "not_looked_at"
    ACKNOWLEDGED = "acknowledged"
    VOTE_COUNTED = "vote_counted"
    CLEARED_BY_PEOPLE = "cleared_by_people"
    REFUSED_BY_PEOPLE = "refused_by_people"
    SETTLED = "settled"
    REVOKED = "revoked"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    PLAN_MISSING = "plan_missing"
    KILL_SWITCH_CHANGED = "kill_switch_changed"
    RULED_AGAIN = "ruled_again"
    CASE_UNKNOWN = "case_unknown"
    CASE_CLOSED = "case_closed"
    OPTION_UNKNOWN = "option_unknown"
    CONTENT_CHANGED = "content_changed"
    PLAN_CHANGED = "plan_changed"
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
    look_by: datetime
    """Past it, when nobody has looked, the next ones are asked too."""
    deadline: datetime
    plan_version: int
    told: tuple[str, ...] = ()
    finding: str = ""
    timed: bool = False
    """About a timed hold: at the deadline the proposal is ruled again, not denied."""
    status: Status = Status.OPEN
    options: tuple[UUID, ...] = ()
    refused: tuple[UUID, ...] = ()
    votes: tuple[Vote, ...] = ()
    acknowledged_by: str | None = None
    seen_at: datetime | None = None
    """When a person first looked: acknowledged it, voted, or settled it."""
    closed_at: datetime | None = None
    withdrawn_because: str = ""


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
    hold_over: bool = False
    kills: tuple[str, ...] = ()
    newest_plan: int = 1
    need: Need | None = None
    grant_id: UUID | None = None
    cleared_at: datetime | None = None
    revoked: bool = False
    difference: Difference | None = None
    """Beside what was approved before; None where nothing of its kind was."""


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
    missing_plans: tuple[int, ...] = ()
    """Versions that something waits for since a minute or longer: the hold `plan_missing` lasts until all are read."""
    over: bool = False
    no_question: Mapping[UUID, str] = field(default_factory=dict)
    """Triggers and decisions that nobody is asked about any more, and why."""


class Approved(NamedTuple):
    """What people approved once: a framework, for one decision type and legal class (A7)."""

    framework: str
    decision_type: str
    legal_class: LegalClass


@dataclass(frozen=True, slots=True)
class Shared:
    """What belongs to no campaign: the tenant's approved frameworks, and the kill switches over this key."""

    frameworks: Mapping[Approved, Content] = field(default_factory=dict)
    """With the content that each was approved for last."""
    learned: Mapping[Approved, Content] = field(default_factory=dict)
    """New ones, to keep."""
    kills: frozenset[KillScope] = frozenset()
    switched: bool | None = None
    """Whether the switch of this very key was engaged or released now, to keep; None: neither."""
    requests: Mapping[str, int] = field(default_factory=dict)
    """Questions to each person of the tenant in the present hour."""
    asked: Mapping[str, int] = field(default_factory=dict)
    """Of these, the ones asked now, to keep."""

    def asking(self, told: Iterable[str]) -> "Shared":
        """One question more to each of `told`."""
        requests, asked = dict(self.requests), dict(self.asked)
        for subject in told:
            requests[subject] = requests.get(subject, 0) + 1
            asked[subject] = asked.get(subject, 0) + 1
        return replace(self, requests=requests, asked=asked)


class OpenCases(NamedTuple):
    """How many cases of one severity and kind are open, and the age of the oldest in seconds."""

    severity: str
    kind: str
    open: int
    oldest: float


class CaseDeadline(TaskBody):
    kind: ClassVar[str] = "case_deadline"
    case_id: UUID


class LookDue(TaskBody):
    """Has anybody looked? `nth` counts how often it was asked."""

    kind: ClassVar[str] = "look_due"
    case_id: UUID
    nth: int = 1


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
    version: PlanVersion = 1


class RuleAgain(TaskBody):
    """A kill switch may be another row's: that it was released is found by looking."""

    kind: ClassVar[str] = "rule_again"
    decision_id: UUID


class Withdrawn(Value):
    """Why a case is no question any more."""

    withdrawn_because: Name


class ContentDiffers(Value):
    """The content a person saw, and the one that is proposed."""

    displayed: Sha256
    proposed: Sha256
