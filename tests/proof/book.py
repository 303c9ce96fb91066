"""What was asked at the doors and what they answered: the judge's own record of promises, apart from every service."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Promise:
    """A door said that this event of a campaign was written."""

    campaign_id: UUID
    event: str


@dataclass(slots=True)
class Stop:
    """From `answered_at` until somebody asks to go on, nothing of the scope may begin to leave."""

    scope: str
    campaign_id: UUID | None
    asked_at: datetime
    answered_at: datetime
    lifted_at: datetime | None = None


@dataclass(slots=True)
class Book:
    promises: list[Promise] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    outside: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    """Events that the proof itself put on `inbound.*`: by their ids, what a producer is given."""
    refusals_expected: int = 0
    """Votes that a door must refuse: of the author, of an agent."""
    refusals_seen: int = 0
    stories: dict[int, str] = field(default_factory=dict)
    """How the story of each campaign ended."""

    def promised(self, campaign: UUID, events: list[str]) -> None:
        self.promises += [Promise(campaign, event) for event in events]


def now() -> datetime:
    """Of this machine: the world's clock and the database's."""
    return datetime.now(UTC)
