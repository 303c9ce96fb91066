"""What a person or another system asks for. A draft may lack anything; a brief lacks nothing.

Field names follow the union of brief templates in docs/reference/brief.md.
"""

from datetime import date, time, timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from contracts.event import Count, Instant, Money, Name, Share, Subject, Text, Value

Line = Annotated[str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Duration = Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(days=400))]


def _on_the_minute(clock: time) -> time:
    if clock.tzinfo is not None or clock.second or clock.microsecond:
        raise ValueError("a time of the recipient's own clock, hours and minutes: 22:00")
    return clock


LocalTime = Annotated[time, AfterValidator(_on_the_minute)]


class Part(Value):
    """A part of a brief: an unknown field is a misspelt one, so it is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_timedelta="iso8601")


class Workflow(StrEnum):
    WEBINAR_FOLLOW_UP = "webinar_follow_up"


class Mode(StrEnum):
    MANUAL = "manual"
    RULE_BASED = "rule_based"
    AUTONOMOUS = "autonomous"
    HYBRID = "hybrid"
    OUTCOME_BASED = "outcome_based"


class Outcome(StrEnum):
    """What a campaign may be for: each can be counted from events."""

    TRIAL_SIGNUPS = "trial_signups"
    BOOKED_DEMOS = "booked_demos"
    PIPELINE_INFLUENCED = "pipeline_influenced"
    EVENT_REGISTRATIONS = "event_registrations"
    QUALIFIED_LEADS = "qualified_leads"
    CONVERSIONS = "conversions"
    COST_PER_ACQUISITION = "cost_per_acquisition"
    OPENS = "opens"
    IMPRESSIONS = "impressions"
    LIKES = "likes"


VANITY = frozenset({Outcome.OPENS, Outcome.IMPRESSIONS, Outcome.LIKES})
"""Easy to raise without helping anybody: needs a person's acceptance as a success metric."""


class Anchor(StrEnum):
    ACCEPTANCE = "acceptance"
    LAUNCH = "launch"
    END_OF_SENDING = "end_of_sending"


class Moment(Part):
    """A time: either `at`, or `after` an anchor by a duration (ISO 8601, `PT20S`)."""

    at: Instant | None = None
    after: Anchor | None = None
    by: Duration | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.at is None) == (self.after is None) or (self.after is None) != (self.by is None):
            raise ValueError("give either `at`, or `after` and `by`")
        return self


class Objective(Part):
    """The exact success metric: `target` of `outcome`, counted by `source_of_truth` until the window closes."""

    outcome: Outcome
    unit: Name
    target: Annotated[int, Field(ge=1, le=10**9)]
    baseline: Count
    window_closes: Moment
    source_of_truth: Name
    vanity_accepted: bool = False


class ConsentBasis(StrEnum):
    CONSENT = "consent"
    SOFT_OPT_IN = "soft_opt_in"


class Audience(Part):
    segment_ref: Name
    icp: Text
    size_estimate: Annotated[int, Field(ge=1, le=10**7)]
    consent_basis: ConsentBasis
    exclusions: tuple[Name, ...] = ()


class Claim(Part):
    id: Name
    text: Line
    evidence: Line


class Channel(Part):
    type: Name
    constraints: tuple[Line, ...]


class Asset(Part):
    """Names an entry of the organisation's content repository, which alone knows its address."""

    id: Name
    rights: Line
    expires: date | None = None


class Timing(Part):
    launch: Moment
    deadline: Moment
    send_window: Duration


class Budget(Part):
    total: Money
    per_mail: Money


class Frequency(Part):
    """Mails to one person over all campaigns of the tenant. The offered default counts once a person confirms it."""

    per_week: Annotated[int, Field(ge=1, le=50)]
    per_day: Annotated[int, Field(ge=1, le=20)]
    confirmed: bool


class QuietHours(Part):
    """Local time of the recipient in which nothing is sent; `starts == ends` means none."""

    starts: LocalTime
    ends: LocalTime
    confirmed: bool


class Worth(Part):
    """What success and a wrong mail mean in money: the costs of error and delay are computed from these."""

    per_outcome: Money
    expected_rate: Share
    lifetime_value_per_recipient: Money
    share_lost_per_wrong_mail: Share


class ManualStep(Part):
    """How it is done by hand today; `plan_step` names the step that takes its place, empty when none does."""

    step: Line
    owner: Name
    minutes: Annotated[int, Field(ge=1, le=100_000)]
    reason: Line
    plan_step: Name | None = None


class ApprovalRule(Part):
    decision: Name
    role: Name


class SlaTarget(Part):
    sla: Name
    within: Duration | None = None
    at_least: Share | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.within is None) == (self.at_least is None):
            raise ValueError("give either `within` or `at_least`")
        return self


class Exceptional(StrEnum):
    """In these the agent only assembles options (X6)."""

    MARKET_EVENT = "market_event"
    NEGATIVE_FEEDBACK = "negative_feedback"
    INVENTORY_SHORTAGE = "inventory_shortage"
    PARTNERSHIP = "partnership"


class BriefDraft(Part):
    """What arrives: each field may be missing, none may be of a wrong type."""

    name: Line | None = None
    workflow: Workflow | None = None
    mode: Mode | None = None
    owner: Subject | None = None
    accountable_human: Subject | None = None
    goal: Text | None = None
    objective: Objective | None = None
    audience: Audience | None = None
    offer: Text | None = None
    message_hierarchy: tuple[Line, ...] | None = None
    business_case: Text | None = None
    tone_of_voice: Line | None = None
    brand_rules: tuple[Line, ...] | None = None
    required_claims: tuple[Claim, ...] | None = None
    prohibited_claims: tuple[Line, ...] | None = None
    channels: tuple[Channel, ...] | None = None
    assets: tuple[Asset, ...] | None = None
    timing: Timing | None = None
    budget: Budget | None = None
    countries: tuple[Country, ...] | None = None
    policy_categories: tuple[Name, ...] | None = None
    approval_rules: tuple[ApprovalRule, ...] | None = None
    escalation_criteria: tuple[Line, ...] | None = None
    sla_targets: tuple[SlaTarget, ...] | None = None
    frequency: Frequency | None = None
    quiet_hours: QuietHours | None = None
    worth: Worth | None = None
    manual_baseline: tuple[ManualStep, ...] | None = None
    rollback_plan: Text | None = None
    exceptional: Exceptional | None = None


class Brief(BriefDraft):
    """A brief that can be acted on: complete. Only `exceptional` may be absent."""

    name: Line
    workflow: Workflow
    mode: Mode
    owner: Subject
    accountable_human: Subject
    goal: Text
    objective: Objective
    audience: Audience
    offer: Text
    message_hierarchy: tuple[Line, ...]
    business_case: Text
    tone_of_voice: Line
    brand_rules: tuple[Line, ...]
    required_claims: tuple[Claim, ...]
    prohibited_claims: tuple[Line, ...]
    channels: tuple[Channel, ...]
    assets: tuple[Asset, ...]
    timing: Timing
    budget: Budget
    countries: tuple[Country, ...]
    policy_categories: tuple[Name, ...]
    approval_rules: tuple[ApprovalRule, ...]
    escalation_criteria: tuple[Line, ...]
    sla_targets: tuple[SlaTarget, ...]
    frequency: Frequency
    quiet_hours: QuietHours
    worth: Worth
    manual_baseline: tuple[ManualStep, ...]
    rollback_plan: Text
