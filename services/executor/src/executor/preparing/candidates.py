"""What a planner is asked and may say: ways to do the send that is there, in plain words, and no more.

It names no recipient, no address, no link, no amount and no tool: those come from the plan and from what was rendered.
"""

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from chassis.decision import TaskBody
from contracts.decision import Candidate, DecidedBy
from contracts.event import Count, Name, Share, Text, Value


class Way(StrEnum):
    """What can be weighed. Only the send itself can be carried out."""

    SEND = "send"
    HALF = "half"
    NOTHING = "nothing"


def _words(text: str) -> str:
    for sign in ("://", "www.", "@"):
        if sign in text.lower():
            raise ValueError(f"{sign!r}: no link and no address")
    return text


def _way(candidate: Candidate) -> Candidate:
    Way(candidate.id)
    _words(candidate.summary)
    return candidate


class Ways(Value):
    """The candidates with their propensities, which of them is chosen, how sure that is, and the thought behind it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    candidates: Annotated[tuple[Annotated[Candidate, AfterValidator(_way)], ...], Field(min_length=1, max_length=10)]
    chosen: Name
    confidence: Share
    strategy: Annotated[Text, AfterValidator(_words)]

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        ids = [candidate.id for candidate in self.candidates]
        if len(set(ids)) < len(ids):
            raise ValueError("a candidate is there twice")
        if self.chosen not in ids:
            raise ValueError(f"{self.chosen!r} is chosen, but it is no candidate")
        if abs(sum(candidate.propensity for candidate in self.candidates) - 1) > 0.001:
            raise ValueError("the propensities do not add up to 1")
        return self


class PlanSend(TaskBody):
    """Which ways are there to write to `recipients` people? Stale once the campaign counts more `halts`."""

    kind: ClassVar[str] = "plan"
    plan_version: int
    recipients: Count
    halts: int


class SendPlanned(Value):
    """A planner's answer, and who it was."""

    task: PlanSend
    decided_by: DecidedBy
    ways: Ways
