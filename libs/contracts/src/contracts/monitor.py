"""What monitor publishes: signals, SLA clocks and outcomes."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, TypeAlias
from uuid import UUID

from pydantic import Field

from contracts.brief import Outcome
from contracts.event import Count, Event, Instant, Name, Severity, Share, Text, Value
from contracts.executor import PlanVersion
from contracts.plan import Response, Trigger


class Evidence(Value):
    """The part of a figure that one value of a dimension contributes: `count` of `of`."""

    dimension: Name
    value: Name
    count: Count
    of: Count


class TriggerFired(Event):
    """A figure passed its threshold, or a wave was judged: what the rule says must happen now."""

    topic: ClassVar[str] = "monitor.signals.v1"
    type: ClassVar[str] = "io.handrail.trigger.fired.v1"
    plan_version: PlanVersion
    rule: Name
    trigger: Trigger
    response: Response
    severity: Severity
    wave: Annotated[int, Field(ge=1)]
    decision_id: UUID
    """The send whose wave it is."""
    metric: Name
    count: Count
    of: Count
    threshold: Share
    interval: tuple[float, float]
    """95 % interval of the rate."""
    evidence: tuple[Evidence, ...]
    finding: Text


class TriggerCleared(Event):
    """What a trigger saw is no longer so."""

    topic: ClassVar[str] = "monitor.signals.v1"
    type: ClassVar[str] = "io.handrail.trigger.cleared.v1"
    plan_version: PlanVersion
    rule: Name
    fired: UUID
    finding: Text


class Sla(StrEnum):
    """S1-S6: what is promised, never what a model does."""

    RESPONSE_TIME = "response_time"
    COMPLETION = "completion"
    QUALITY = "quality"
    EXCEPTION_RATE = "exception_rate"
    DRAFT_TIME = "draft_time"
    QA_PASS_RATE = "qa_pass_rate"


class SlaEventBase(Event):
    """On the topic of SLA clocks."""

    topic: ClassVar[str] = "monitor.slas.v1"
    plan_version: PlanVersion
    sla: Sla


class SlaStarted(SlaEventBase):
    """A clock runs: until `due_at`, or until the campaign ends where the promise is a rate."""

    type: ClassVar[str] = "io.handrail.sla.started.v1"
    started_at: Instant
    due_at: Instant | None
    within: timedelta | None
    at_least: Share | None


class SlaMet(SlaEventBase):
    """A promise was kept."""

    type: ClassVar[str] = "io.handrail.sla.met.v1"
    took: timedelta | None
    rate: Share | None
    because: Text


class SlaBreached(SlaEventBase):
    """A promise was not kept; counted at the deadline, not when somebody looks."""

    type: ClassVar[str] = "io.handrail.sla.breached.v1"
    took: timedelta | None
    rate: Share | None
    because: Text


class OutcomeEventBase(Event):
    """On the topic of outcomes: the brief's exact success metric, counted from events."""

    topic: ClassVar[str] = "monitor.outcomes.v1"
    plan_version: PlanVersion
    outcome: Outcome
    target: Count
    counted: Count
    baseline: Count
    window_opened_at: Instant
    window_closed_at: Instant
    source_of_truth: Name
    formula: Text


class OutcomeVerified(OutcomeEventBase):
    """The window closed and the target was reached."""

    type: ClassVar[str] = "io.handrail.outcome.verified.v1"


class OutcomeRejected(OutcomeEventBase):
    """The window closed and the target was not reached."""

    type: ClassVar[str] = "io.handrail.outcome.rejected.v1"


SignalEvent: TypeAlias = TriggerFired | TriggerCleared
SlaEvent: TypeAlias = SlaStarted | SlaMet | SlaBreached
OutcomeEvent: TypeAlias = OutcomeVerified | OutcomeRejected
