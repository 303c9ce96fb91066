"""What the services answer, as far as the command line reads it. Unknown fields are left alone."""

from datetime import datetime, timedelta
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.executor import CheckResult
from contracts.plan import Costs, PlanStep, SheetPart


class View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Audience(View):
    audience: str
    contacts: int
    with_consent: int
    content_hash: str
    waiting: tuple[UUID, ...] = ()
    """Campaigns that name it and have proposed nothing yet."""


class Problem(View):
    field: str
    problem: str
    fix: str


class Plan(View):
    version: int
    hash: str
    policy_hash: str
    framework: str
    steps: tuple[PlanStep, ...]
    operating_sheet: tuple[SheetPart, ...]
    costs: Costs


class Submitted(View):
    campaign_id: UUID
    name: str = ""
    status: str = ""
    warnings: tuple[Problem, ...] = ()
    plan: Plan | None = None


class CampaignLine(View):
    campaign_id: UUID
    name: str
    stage: str
    halted: bool


class Campaigns(View):
    campaigns: tuple[CampaignLine, ...]


class Artefact(View):
    name: str
    revision: int
    content_hash: str = ""
    results: tuple[CheckResult, ...] = ()
    checked: bool = False


class Rendering(View):
    members: int
    recipients: int
    without_consent: int
    suppressed: int
    excluded: int


class Sending(View):
    decision_id: UUID
    wave: int
    waves: dict[int, int]


class Halt(View):
    because: str


class Campaign(View):
    """The executor's side of a campaign."""

    campaign_id: UUID
    name: str
    plan_version: int
    stage: str
    halted: bool
    halt: Halt | None = None
    launched: bool = False
    finished: str | None = None
    artefacts: dict[str, Artefact] = Field(default_factory=dict)
    audience: Rendering | None = None
    checklist: tuple[CheckResult, ...] = ()
    sending: Sending | None = None
    effects: dict[int, dict[str, int]] = Field(default_factory=dict)
    """Intents by wave and state."""

    def settled(self, state: str) -> int:
        return sum(states.get(state, 0) for states in self.effects.values())


class Done(View):
    result: str = "done"
    events: tuple[str, ...] = ()
    scope: str = ""


class MailLine(View):
    variant: str
    recipients: int
    subject: str


class Previews(View):
    mails: tuple[MailLine, ...]


class Mail(View):
    subject: str
    body_text: str
    digest: str
    variant: str


class Wave(View):
    wave: int
    size: int
    sent: int
    reported: int
    delivered: int
    bounced_hard: int
    hard_bounce_rate: float | None
    bounced_by_domain: dict[str, int] = Field(default_factory=dict)
    judged: bool
    paused: bool


class Clock(View):
    sla: str
    state: str
    within: timedelta | None = None
    at_least: float | None = None
    took: timedelta | None = None
    rate: float | None = None


class Totals(View):
    sent: int
    delivered: int
    bounced_hard: int
    complained: int
    unsubscribed: int
    clicked: int
    opened_by_people: int
    opened_by_machines: int
    exception_rate: float | None = None


class Results(View):
    """The monitor's side of a campaign."""

    waves: tuple[Wave, ...] = ()
    clocks: tuple[Clock, ...] = ()
    counted: int = 0
    outcome: str = "open"
    closes_at: datetime | None = None
    totals: Totals


class DecisionLine(View):
    decision_id: UUID
    title: str
    record: int


class Decisions(View):
    decisions: tuple[DecisionLine, ...]


class Head(View):
    size: int
    head: str
    signed: int | None = None


class Accepted(View):
    accepted: tuple[str, ...]


class Row(View):
    """One campaign as the tower shows it."""

    campaign_id: UUID
    name: str
    verdict: str
    phase: str
    owner: str
    next_action: str
    budget: str
    sla: str
    sla_missed: tuple[str, ...] = ()
    anomalies: tuple[str, ...] = ()
    escalation: str
    outcome: str = ""


class Rows(View):
    campaigns: tuple[Row, ...]
