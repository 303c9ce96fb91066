"""What the monitor remembers of a campaign."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, TypeVar
from uuid import UUID

from chassis.decision import TaskBody
from contracts.brief import Outcome
from contracts.executor import CampaignStage
from contracts.inbound import ContactEvent, MailEvent
from contracts.monitor import Sla


class Reason(StrEnum):
    """Why a decision went the way it did. Also the `reason` label of the decisions metric."""

    CLOCKS_STARTED = "clocks_started"
    PLAN_CHANGED = "plan_changed"
    COUNTED = "counted"
    KNOWN = "known"
    EFFECTS_COUNTED = "effects_counted"
    TRIGGER_FIRED = "trigger_fired"
    WAVE_WENT_WELL = "wave_went_well"
    WAVE_HELD = "wave_held"
    TOO_FEW = "too_few"
    SLA_MET = "sla_met"
    SLA_BREACHED = "sla_breached"
    WINDOW_RUNS = "window_runs"
    WINDOW_STANDS_STILL = "window_stands_still"
    OUTCOME_VERIFIED = "outcome_verified"
    OUTCOME_REJECTED = "outcome_rejected"
    NOTED = "noted"


COUNTS: Mapping[Outcome, ContactEvent] = {
    Outcome.TRIAL_SIGNUPS: ContactEvent.SIGNED_UP,
    Outcome.BOOKED_DEMOS: ContactEvent.DEMO_BOOKED,
    Outcome.PIPELINE_INFLUENCED: ContactEvent.OPPORTUNITY_CHANGED,
    Outcome.EVENT_REGISTRATIONS: ContactEvent.FORM_SUBMITTED,
    Outcome.QUALIFIED_LEADS: ContactEvent.LEAD_SCORED,
    Outcome.CONVERSIONS: ContactEvent.PURCHASED,
    Outcome.COST_PER_ACQUISITION: ContactEvent.PURCHASED,
}
"""What a recipient must have done for an outcome to count."""

REPORTED = frozenset({MailEvent.DELIVERED, MailEvent.BOUNCED_HARD, MailEvent.BLOCKED_OR_SOFT, MailEvent.DROPPED})
"""Says that a mail's fate is known."""
LOST = frozenset({MailEvent.BOUNCED_HARD, MailEvent.DROPPED})
"""Says that a mail will never arrive, whatever else is said of it."""
OPENED_BY_MACHINE = "opened_by_machine"


class Source(StrEnum):
    """Who tells us what happens outside."""

    MAIL = "mail"
    """The mail provider, of each mail's fate."""
    CONTACTS = "contacts"
    """Systems that know what contacts did."""
    FIGURES = "figures"
    """Channels, of their own figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """What the brief allows to spend, and what each mail costs."""

    total_micros: int
    per_mail_micros: int
    currency: str


V = TypeVar("V")


def changed(value: V, **changes: object) -> V:
    """`dataclasses.replace`, several times as fast: it takes over all fields at once. Each report changes a watch."""
    if not changes.keys() <= value.__dict__.keys():
        raise TypeError(f"{type(value).__name__} has not all of {', '.join(changes)}")
    copy = object.__new__(type(value))
    copy.__dict__.update(value.__dict__, **changes)
    return copy


@dataclass(frozen=True, kw_only=True)
class Wave:
    """Counts of one wave, each a recipient once; `sent_by`, `bounced_by` and `complained_by` by domain.

    `fired` holds the rules whose triggers it passed; `overdue` says that the deadline of its verdict has passed, and
    `judged` that the verdict was due and there was enough to give it by.
    """

    decision_id: UUID
    number: int
    size: int = 0
    done: bool = False
    ended_at: datetime | None = None
    sent: int = 0
    reported: int = 0
    lost: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    sent_by: Mapping[str, int] = field(default_factory=dict)
    bounced_by: Mapping[str, int] = field(default_factory=dict)
    complained_by: Mapping[str, int] = field(default_factory=dict)
    fired: tuple[str, ...] = ()
    paused: bool = False
    overdue: bool = False
    judged: bool = False

    def count(self, kind: str) -> int:
        return self.counts.get(kind, 0)

    @property
    def mails(self) -> int:
        """How many there are, or will be at most while the wave is under way."""
        return self.sent if self.done else max(self.sent, self.size)

    @property
    def arrived(self) -> int:
        """How many have arrived at most: a mail counts until it is known to be lost, so this can only fall."""
        return self.mails - self.lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """One promise: running, met or breached."""

    sla: Sla
    started_at: datetime
    due_at: datetime | None
    within: timedelta | None
    at_least: float | None
    state: str = "running"
    took: timedelta | None = None
    rate: float | None = None


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Everything about one campaign but its recipients."""

    plan_version: int = 0
    stage: CampaignStage = CampaignStage.BRIEFING
    asked_at: datetime | None = None
    """Since then a person must vouch for the brief; None once it was accepted."""
    received_at: datetime | None = None
    begun_at: datetime | None = None
    purse: Purse | None = None
    heard: Mapping[Source, datetime] = field(default_factory=dict)
    """When each source reported last, by its own time."""
    sent_at: datetime | None = None
    unsent: int = 0
    """Mails of lost answers that were settled as never sent."""
    waves: Mapping[str, Wave] = field(default_factory=dict)
    clocks: Mapping[str, Clock] = field(default_factory=dict)
    launched_at: datetime | None = None
    ended_at: datetime | None = None
    halted_at: datetime | None = None
    closes_at: datetime | None = None
    counted: int = 0
    outcome: str = "open"
    decisions: int = 0
    answered: tuple[UUID, ...] = ()
    """Triggers that options were proposed for."""
    interventions: int = 0
    checks: int = 0
    checks_passed: int = 0
    finished: str | None = None

    def with_wave(self, key: str, wave: Wave) -> "Watch":
        return changed(self, waves={**self.waves, key: wave})

    def hearing(self, source: Source, at: datetime) -> "Watch":
        """`source` reported at `at`; what comes late changes nothing."""
        known = self.heard.get(source)
        return self if known and known >= at else changed(self, heard={**self.heard, source: at})

    @property
    def spent_micros(self) -> int:
        mails = sum(wave.sent for wave in self.waves.values()) - self.unsent
        return mails * self.purse.per_mail_micros if self.purse else 0

    def total(self, kind: str) -> int:
        return sum(wave.count(kind) for wave in self.waves.values())


@dataclass(frozen=True, slots=True)
class Recipient:
    """What was reported of one; `domain` and `wave` are known once a mail was sent."""

    domain: str = ""
    wave: str | None = None
    kinds: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Shared:
    """The recipients that the messages at hand name; `changed` are to be saved."""

    recipients: Mapping[str, Recipient] = field(default_factory=dict)
    changed: frozenset[str] = frozenset()
    metrics: tuple[object, ...] = ()

    def with_recipient(self, recipient_hash: str, recipient: Recipient) -> "Shared":
        return Shared({**self.recipients, recipient_hash: recipient}, self.changed | {recipient_hash}, self.metrics)


class WaveDeadline(TaskBody):
    """The monitor's verdict is due, whatever was reported."""

    kind: ClassVar[str] = "wave_deadline"
    wave: str


class SlaDeadline(TaskBody):
    kind: ClassVar[str] = "sla_deadline"
    sla: Sla


class WindowCloses(TaskBody):
    kind: ClassVar[str] = "window_closes"
    plan_version: int


def wave_key(decision: UUID, number: int) -> str:
    return f"{decision}:{number}"
