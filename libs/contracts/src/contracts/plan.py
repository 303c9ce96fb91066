"""The plan: a workflow specification with the effective policy frozen into it. Everybody who acts keeps a copy."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.brief import Brief, Frequency, QuietHours, SlaTarget
from contracts.event import Count, Money, Name, Severity, Sha256, Share, Subject, Text, Value
from contracts.framing import digest


class ActionClass(StrEnum):
    DRAFT = "draft"
    PUBLISH = "publish"
    SPEND = "spend"
    TREAT = "treat"
    REDUCE = "reduce"


class Authority(StrEnum):
    """The three answers of the matrix (X7). No row is no answer, and no answer holds."""

    INDEPENDENT = "independent"
    RECOMMEND = "recommend"
    APPROVAL = "approval"


class MatrixRow(Value):
    """One cell: who may do `action` in this context, and which role, how many of them, is asked otherwise."""

    id: Name
    tool: Name
    verb: Name
    action_class: ActionClass
    decision_type: Name
    authority: Authority
    role: Name
    needed: Annotated[int, Field(ge=1, le=5)] = 1
    backup_role: Name


class Response(StrEnum):
    """Every trigger maps to exactly one (M4)."""

    CONTINUE = "continue"
    OPTIMISE = "optimise"
    PAUSE = "pause"
    ESCALATE = "escalate"


class Trigger(StrEnum):
    HARD_BOUNCES = "hard_bounces"
    COMPLAINTS = "complaints"
    WAVE_REPORTED = "wave_reported"


class TriggerRule(Value):
    """`trigger` fires when its rate is above `threshold` over at least `minimum` recipients."""

    id: Name
    trigger: Trigger
    threshold: Share
    minimum: Count
    response: Response
    severity: Name
    role: Name


class Waves(Value):
    """How a send is spread: the first wave, the later ones, and when the monitor gives its verdict."""

    first: Annotated[int, Field(ge=1)]
    then: Annotated[int, Field(ge=1)]
    verdict_share: Share
    verdict_after: timedelta


class Deadlines(Value):
    """How long a case may wait, and how long a grant holds."""

    case: timedelta
    grant: timedelta


class Within(Value):
    """A time by severity."""

    low: timedelta
    medium: timedelta
    high: timedelta
    critical: timedelta

    def of(self, severity: Severity) -> timedelta:
        found: timedelta = getattr(self, severity.value)
        return found


class Asking(Value):
    """How people are asked: by when somebody must have looked, and how much one person is asked in an hour."""

    acknowledge: Within
    """Past it the next in the chain are asked too."""
    per_hour: Annotated[int, Field(ge=1)]
    """A person asked so often is passed over, but for what is critical or where nobody else is left."""


class HoldEnd(StrEnum):
    """What becomes of a timed hold when its time is over and nobody has said anything."""

    STAY = "stay"
    PROCEED = "proceed"


class TimedHold(Value):
    """What a rule would clear waits for `length` in people's sight first, for a last word (X5)."""

    id: Name
    tool: Name
    verb: Name
    decision_type: Name
    length: Annotated[timedelta, Field(gt=timedelta(0))]
    then: HoldEnd = HoldEnd.STAY


class Boundary(Value):
    """A limit written before delegation (D8): at most `limit` of `what` without a person."""

    id: Name
    what: Name
    limit: Count


class Policy(Value):
    """Organisation policy, template and brief resolved into one; frozen with the plan that carries it."""

    id: Name
    version: Count
    matrix: tuple[MatrixRow, ...]
    triggers: tuple[TriggerRule, ...]
    boundaries: tuple[Boundary, ...]
    holds: tuple[TimedHold, ...]
    frequency: Frequency
    quiet_hours: QuietHours
    sla_targets: tuple[SlaTarget, ...]
    waves: Waves
    deadlines: Deadlines
    asking: Asking
    confidence_floor: Share
    autonomy_rung: Annotated[int, Field(ge=1, le=4)]
    recoverable_share: Share
    """Of the cost of an error, what a correction gets back."""
    rule_versions: tuple[Name, ...]

    @property
    def hash(self) -> str:
        """SHA-256 over the framed canonical JSON of the policy, in hex."""
        return digest("handrail/policy/v1", self.model_dump_json())


class HandledBy(StrEnum):
    RULE = "rule"
    AGENT = "agent"
    HUMAN = "human"


class PlanStep(Value):
    """One step: who handles it and why, what it needs, and how its result is verified."""

    id: Name
    kind: Name
    handled_by: HandledBy
    because: Text
    after: tuple[Name, ...]
    replaces: Text | None
    """The manual step it takes the place of; None says it is new."""
    verified_by: Text


class SheetPart(Value):
    """One of the operating sheet's eight parts (W7)."""

    part: Name
    lines: tuple[Text, ...]


class Costs(Value):
    """The campaign's cost of error and of a day's delay, with how they were computed (X4)."""

    of_error: Money
    of_delay_per_day: Money
    formula: Text
    human_gate: bool


class Plan(Value):
    version: Annotated[int, Field(ge=1)]
    brief: Brief
    authored_by: Subject
    """The person whose token vouches for offer, message hierarchy and business case."""
    framework: Name
    """What a first use is approved for: workflow, template and its version."""
    steps: tuple[PlanStep, ...]
    operating_sheet: tuple[SheetPart, ...]
    costs: Costs
    policy: Policy
    policy_hash: Sha256
    mail_tool: Name
    """What carries its mail: the organisation chose, no brief did."""

    @property
    def hash(self) -> str:
        """SHA-256 over the framed JSON of the whole plan, in hex."""
        return digest("handrail/plan/v1", self.model_dump_json())
