"""What briefing publishes."""

from typing import Annotated, ClassVar, TypeAlias

from pydantic import Field

from contracts.brief import Brief
from contracts.event import Event, Instant, Name, Sha256, Subject, Text, Value
from contracts.plan import Plan


class Problem(Value):
    """What is wrong with one field of a brief, and what would mend it."""

    field: Name
    problem: Text
    fix: Text


class BriefAccepted(Event):
    """A brief is good enough to act on."""

    topic: ClassVar[str] = "briefing.plans.v1"
    type: ClassVar[str] = "io.handrail.brief.accepted.v1"
    received_at: Instant
    submitted_by: Subject
    brief: Brief
    warnings: tuple[Problem, ...]


class BriefRefused(Event):
    """A brief is not good enough to act on; each problem names its field and what would fix it."""

    topic: ClassVar[str] = "briefing.plans.v1"
    type: ClassVar[str] = "io.handrail.brief.refused.v1"
    received_at: Instant
    submitted_by: Subject
    brief_hash: Sha256
    problems: Annotated[tuple[Problem, ...], Field(min_length=1)]


class ClarificationAsked(Event):
    """Handrail asks instead of guessing; the campaign waits for a person's answer."""

    topic: ClassVar[str] = "briefing.plans.v1"
    type: ClassVar[str] = "io.handrail.clarification.asked.v1"
    questions: Annotated[tuple[Problem, ...], Field(min_length=1)]


class PlanIssued(Event):
    """The plan, with the effective policy frozen in: what everybody acts by from now on."""

    topic: ClassVar[str] = "briefing.plans.v1"
    type: ClassVar[str] = "io.handrail.plan.issued.v1"
    plan: Plan
    plan_hash: Sha256


PlanEvent: TypeAlias = BriefAccepted | BriefRefused | ClarificationAsked | PlanIssued
