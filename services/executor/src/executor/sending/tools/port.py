"""What the executor knows of an outside tool: what it can, what it promises about a request that comes twice, and how
to hand it one mail."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from contracts.actions import EffectOutcome
from contracts.plan import ActionClass
from executor.preparing.drafts import Rendered
from executor.preparing.mail import Envelope
from policy.sender import Sender


class Idempotency(StrEnum):
    """What a tool promises about the same request twice, and so what may be done once an answer was lost."""

    KEY = "key"
    """Within the key's lifetime the second request gets the first answer: repeat it."""
    UPSERT = "upsert"
    """The second request replaces what the first one made: repeat it."""
    LOOK_UP = "look-up"
    """It sends again, but can be asked what it has under our reference: ask first."""
    NONE = "none"
    """It sends again, and knows nothing of us: never repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """What a tool can and cannot: checked before it is used, and what the dispatcher goes by."""

    tool: str
    scopes: frozenset[ActionClass]
    reversible: bool
    undo: str
    sandbox: str
    idempotency: Idempotency
    key_lifetime: timedelta | None = None
    """How long it knows a key, counted from our first request."""
    key_margin: timedelta = timedelta(0)
    """A key this close to its end is not used any more: the request may be slow."""
    settle_window: timedelta | None = None
    """How long after a lost answer a look-up that finds nothing proves that nothing was sent; None: it has no look-up.

    Longer than the tool may still work on a request, and its index may lag behind."""

    @property
    def repeats_for(self) -> timedelta | None:
        """How long after its first request a mail may be asked for again; None sets no end."""
        return None if self.key_lifetime is None else self.key_lifetime - self.key_margin


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one mail. `again` says that this request left nothing behind, and that a later one may help."""

    outcome: EffectOutcome
    because: str
    again: bool = False
    away: bool = False
    """With `again`: it was not about this recipient, so that no attempt of theirs is used up, and others wait too."""
    unwelcome: bool = False
    """With `away`: the tool refuses us ourselves, and only a person can mend that."""
    wait: timedelta | None = None
    """How long the tool asks us to wait."""
    futile: bool = False
    """Of UNKNOWN: the same request would not tell more."""
    over: bool = True
    """Of UNKNOWN: whoever made the request is gone, so that it cannot still be on its way to the tool."""


class Sight(StrEnum):
    FOUND = "found"
    ABSENT = "absent"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look-up came to."""

    sight: Sight
    because: str
    wait: timedelta | None = None
    away: bool = False
    """Of UNCLEAR: nobody could be asked."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One mail, before any tool has given it its form."""

    rendered: Rendered
    envelope: Envelope
    sender: Sender


class Line(Protocol):
    """A connection that carries mails one after the other."""

    async def send(self, effect: UUID, address: str, body: bytes) -> Answer:
        """Hand over one mail under its effect's id: the same effect, the same id and body, however often."""
        ...


class Search(Protocol):
    """A connection that asks a tool what it has."""

    async def look_up(self, effect: UUID) -> Seen: ...


class Tool(Protocol):
    """An outside tool for mail; each has a file of its own."""

    @property
    def capability(self) -> Capability: ...

    def prepare(self, mail: Outgoing) -> bytes:
        """The body of the request, the same for the same mail. Raises ValueError for text that no mail can carry."""
        ...

    def connection(self) -> AbstractAsyncContextManager[Line]: ...

    def search(self) -> AbstractAsyncContextManager[Search] | None:
        """None for a tool that cannot be asked."""
        ...
