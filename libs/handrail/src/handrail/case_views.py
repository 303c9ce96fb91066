"""What escalation answers: cases, and the people who can be asked. Unknown fields are left alone."""

from datetime import datetime
from uuid import UUID

from contracts import decision
from contracts.decision import BlastRadius, Prediction, ReasonGiven, Reversibility, Source, Stage
from contracts.escalation import Need
from contracts.event import Money
from handrail.views import View


class PartChanged(View):
    ref: str
    before: str | None = None
    after: str | None = None


class FactChanged(View):
    what: str
    before: str
    after: str


class Difference(View):
    """What is proposed beside what was approved last."""

    campaign_id: UUID
    content_hash: str
    approved_at: datetime
    recipients_before: int
    recipients_after: int
    more: int
    fewer: int
    parts: tuple[PartChanged, ...] = ()
    facts: tuple[FactChanged, ...] = ()
    policy: tuple[str, ...] = ()


class Option(View):
    decision_id: UUID
    content_hash: str
    title: str
    recipients: int
    strategy: str
    candidates: tuple[decision.Candidate, ...]
    chosen: str
    predicted: Prediction
    confidence: float
    reversibility: Reversibility
    blast_radius: BlastRadius
    cost_of_waiting: Money
    cost_of_error: Money
    sources: tuple[Source, ...] = ()
    stages: tuple[Stage, ...] = ()
    if_ignored: str
    preview: tuple[str, ...] = ()
    refused: bool = False
    verb: str = ""
    diff: Difference | None = None


class Vote(View):
    subject: str
    role: str
    decision_id: UUID
    approve: bool
    at: datetime
    reason: ReasonGiven | None = None


class Card(View):
    """Everything a person needs to decide a case."""

    case_id: UUID
    campaign_id: UUID
    kind: str
    status: str
    severity: str
    asked: str
    because: str
    finding: str = ""
    opened_at: datetime
    deadline: datetime
    needs: Need
    told: tuple[str, ...] = ()
    acknowledged_by: str | None = None
    if_ignored: str
    options: tuple[Option, ...] = ()
    votes: tuple[Vote, ...] = ()
    withdrawn_because: str = ""

    @property
    def standing(self) -> str:
        """Its status in words, with why it was withdrawn."""
        why = self.withdrawn_because.replace("_", " ")
        return f"{self.status}: {why}" if why else self.status


class Cases(View):
    cases: tuple[Card, ...]


class Person(View):
    subject: str
    roles: tuple[str, ...]
    channels: tuple[str, ...]
    on_call: bool
    absent: bool
    back_at: datetime | None = None
    requests_this_hour: int


class People(View):
    people: tuple[Person, ...]


class Candidate(View):
    subject: str
    role: str
    standing: str
    requests_this_hour: int


class Candidates(View):
    """Who can answer a case now, along the chain."""

    count: int
    candidates: tuple[Candidate, ...]
