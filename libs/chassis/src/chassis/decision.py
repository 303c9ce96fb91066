"""What a pure `decide` is given and returns. Imports nothing that could do I/O, so that a domain may import it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Generic, NamedTuple, TypeVar
from uuid import UUID

from contracts.briefing import PlanIssued
from contracts.codec import Header
from contracts.event import CampaignId, Event, Meta, Subject, Tenant, Value
from contracts.framing import named

State = TypeVar("State")
Shared = TypeVar("Shared")


class Key(NamedTuple):
    """What is locked, loaded and saved together."""

    tenant: Tenant
    campaign: CampaignId


class Identity(Value):
    """Who asks, as a verified token says: never as a body says."""

    subject: Subject
    tenant: str
    roles: tuple[str, ...]
    human: bool


class Command(Value):
    """Somebody wants something, and may be refused. Imperative name; the actor comes from the verified token only."""

    command_id: str
    actor: Identity
    reduces_risk: ClassVar[bool] = False
    """Goes through although a dead letter parks the campaign (pause, cancel, kill, unsubscribe)."""


class TaskBody(Value):
    """What a task is about. Without work of its own it comes back to `decide` as it is, when due."""

    kind: ClassVar[str]


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """A task's work failed for good; `decide` must answer."""

    task: TaskBody
    error: str


@dataclass(frozen=True, slots=True)
class Task:
    """Asks for something that is not state: work, or a message to oneself at `due` (None: at once).

    `campaign` is another one of the tenant: what concerns many reaches each as a task of its own.
    """

    body: TaskBody
    due: datetime | None = None
    campaign: CampaignId | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What `decide` decides about: an event, a command, a task's result, a due deadline, or a task's failure."""

    meta: Meta
    body: Value | TaskFailed
    record: tuple[tuple[Header, ...], bytes] | None = None
    """Headers and value as they came, of an event whose class is signed: the evidence that a reader may keep."""


@dataclass(frozen=True, slots=True)
class Loaded(Generic[State, Shared]):
    """What a decision may rest on: the campaign's state, the plans it knows, and facts that no campaign owns."""

    state: State | None
    shared: Shared
    plans: Mapping[int, PlanIssued] = field(default_factory=dict)

    @property
    def plan(self) -> PlanIssued | None:
        """The newest plan known here."""
        return self.plans[max(self.plans)] if self.plans else None


@dataclass(frozen=True, slots=True)
class Decision(Generic[State, Shared]):
    """What became of a message: why, the state after it (None: nothing to remember), and what follows.

    `shared` is None when unchanged. `answer` is what a command's sender is told beside the reason.
    """

    reason: StrEnum
    state: State | None
    events: tuple[Event, ...] = ()
    tasks: tuple[Task, ...] = ()
    shared: Shared | None = None
    answer: Value | None = None


def cause_of_command(tenant: Tenant, service: str, actor: str, command_id: str) -> UUID:
    """The id a command has as a cause: the same key of the same actor is the same command."""
    return named(tenant, service, actor, command_id)
