"""What is known of one recipient, whatever the order in which it was said.

Every part is merged by a rule that does not mind order or repetition: the newest time of what may be taken back, the
earliest of what cannot, the furthest an effect got. Counters are sums over recipients, so they are exact too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from contracts.executor import Effect, EffectOutcome, Settled
from contracts.inbound import ContactEvent, MailEvent

STATUSES = (
    MailEvent.DELIVERED,
    MailEvent.BLOCKED_OR_SOFT,
    MailEvent.DROPPED,
    MailEvent.BOUNCED_HARD,
)
"""How a mail may end; of two at the same time the later of this list counts."""
MACHINE_OPENED = "machine_opened"
"""Opened by software. Kept apart, and no figure that decides reads it or `opened`."""
_NEWEST = frozenset({*STATUSES, MailEvent.QUEUED, MailEvent.DEFERRED, MailEvent.UNSUBSCRIBED, MailEvent.RESUBSCRIBED})
_FURTHEST = {
    EffectOutcome.POSTPONED: 0,
    EffectOutcome.SKIPPED: 1,
    EffectOutcome.FAILED_DEFINITE: 2,
    EffectOutcome.UNKNOWN: 3,
    EffectOutcome.SUCCEEDED: 4,
}


class Counts(NamedTuple):
    """How many recipients; each stands in `sent`, `postponed`, `skipped` or `failed`, and in what was reported."""

    sent: int = 0
    postponed: int = 0
    skipped: int = 0
    failed: int = 0
    uncertain: int = 0
    """Sent, as far as anybody knows: the answer was lost."""
    delivered: int = 0
    bounced: int = 0
    blocked: int = 0
    dropped: int = 0
    complained: int = 0
    clicked: int = 0
    unsubscribed: int = 0
    converted: int = 0
    opened: int = 0
    machine_opened: int = 0

    @property
    def reported(self) -> int:
        """Of how many the end is known."""
        return self.delivered + self.bounced + self.blocked + self.dropped


class DomainCounts(NamedTuple):
    """The part of one domain, no more than evidence needs."""

    sent: int = 0
    delivered: int = 0
    bounced: int = 0
    complained: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One person in one campaign, by hash."""

    recipient_hash: str
    domain: str = ""
    effect_id: UUID | None = None
    wave: int | None = None
    decision_id: UUID | None = None
    outcome: EffectOutcome | None = None
    settled: Settled | None = None
    newest: Mapping[str, datetime] = field(default_factory=dict)
    earliest: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def status(self) -> MailEvent | None:
        """How the mail ended, by event time: a mail delivered and bounced later has bounced."""
        known = [(self.newest[kind], nth, kind) for nth, kind in enumerate(STATUSES) if kind in self.newest]
        return max(known)[2] if known else None

    @property
    def mailed(self) -> bool:
        """A mail left, or may have left."""
        match self.outcome:
            case EffectOutcome.SUCCEEDED:
                return True
            case EffectOutcome.UNKNOWN:
                return self.settled is not Settled.NOT_APPLIED or self.status is not None
            case _:
                return False

    @property
    def unsubscribed(self) -> bool:
        left, back = self.newest.get(MailEvent.UNSUBSCRIBED), self.newest.get(MailEvent.RESUBSCRIBED)
        return left is not None and (back is None or back <= left)


def reported(known: Recipient, kind: MailEvent, machine: bool, at: datetime, domain: str, effect: UUID) -> Recipient:
    """After a report about the mail."""
    known = replace(known, domain=known.domain or domain, effect_id=known.effect_id or effect)
    if kind in _NEWEST:
        return replace(known, newest=_later(known.newest, kind, at))
    name = MACHINE_OPENED if kind is MailEvent.OPENED and machine else kind.value
    return replace(known, earliest=_earlier(known.earliest, name, at))


def contacted(known: Recipient, kind: ContactEvent, at: datetime) -> Recipient:
    """After the person did something elsewhere."""
    return replace(known, earliest=_earlier(known.earliest, kind, at))


def effected(known: Recipient, effect: Effect, wave: int, decision_id: UUID) -> Recipient:
    """After the executor said what became of the intent; the furthest it got counts."""
    before = (-1, 0) if known.outcome is None else (_FURTHEST[known.outcome], known.wave or 0)
    if (_FURTHEST[effect.outcome], wave) <= before:
        return known
    return replace(
        known,
        domain=effect.recipient_domain,
        effect_id=effect.effect_id,
        wave=wave,
        decision_id=decision_id,
        outcome=effect.outcome,
    )


def counts_of(one: Recipient, goals: frozenset[str]) -> Counts:
    """What the recipient adds to the counters of its wave; nothing while no wave is known."""
    if one.wave is None or one.outcome is None:
        return Counts()
    if not one.mailed:
        return Counts(
            postponed=int(one.outcome is EffectOutcome.POSTPONED),
            skipped=int(one.outcome is EffectOutcome.SKIPPED),
            failed=int(one.outcome in (EffectOutcome.FAILED_DEFINITE, EffectOutcome.UNKNOWN)),
        )
    status = one.status
    return Counts(
        sent=1,
        uncertain=int(one.outcome is EffectOutcome.UNKNOWN and one.settled is None and status is None),
        delivered=int(status is MailEvent.DELIVERED),
        bounced=int(status is MailEvent.BOUNCED_HARD),
        blocked=int(status is MailEvent.BLOCKED_OR_SOFT),
        dropped=int(status is MailEvent.DROPPED),
        complained=int(MailEvent.COMPLAINED in one.earliest),
        clicked=int(MailEvent.CLICKED in one.earliest),
        unsubscribed=int(one.unsubscribed),
        converted=int(not goals.isdisjoint(one.earliest)),
        opened=int(MailEvent.OPENED in one.earliest),
        machine_opened=int(MACHINE_OPENED in one.earliest),
    )


def plus(one: Counts, other: Counts) -> Counts:
    return Counts(*(x + y for x, y in zip(one, other, strict=True)))


def minus(one: Counts, other: Counts) -> Counts:
    return Counts(*(x - y for x, y in zip(one, other, strict=True)))


def total(parts: "Mapping[int, Counts]") -> Counts:
    """All waves together."""
    whole = Counts()
    for part in parts.values():
        whole = plus(whole, part)
    return whole


def _later(known: Mapping[str, datetime], name: str, at: datetime) -> Mapping[str, datetime]:
    return {**known, str(name): max(at, known.get(name, at))}


def _earlier(known: Mapping[str, datetime], name: str, at: datetime) -> Mapping[str, datetime]:
    return {**known, str(name): min(at, known.get(name, at))}
