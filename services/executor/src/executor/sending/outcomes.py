"""What an answer, a look-up or a lost answer makes of an intent: one table for all tools, by what each promises. Pure.

A lost answer (`lost_at`) never fails and never succeeds by itself: the mail is asked for again where the tool promises
that this sends nothing twice, looked up where it can be, and else left to the world's report or a person (`unknown`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from contracts.actions import EffectOutcome
from executor.sending.tools.port import Answer, Capability, Idempotency, Seen, Sight

ATTEMPTS = 3
"""Requests for one mail that the tool answers with "later", or that a look-up proves to have come to nothing."""
REPEATS = 10
"""Requests for one mail while answers are lost."""
LOOK_UPS = 8
LATER = timedelta(seconds=5)
"""When a tool that is away is tried again."""
LONGEST = timedelta(minutes=2)
PLANNED = "planned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What the row knows, the attempt in hand included."""

    attempts: int
    first_dispatched_at: datetime | None
    lost_at: datetime | None
    """When an earlier answer was lost that nothing has settled since."""
    evidence: str | None = None
    look_ups: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What is written to the row. `unused` gives the attempt back; `lost_at` of None says that nothing is open."""

    state: str
    because: str
    not_before: datetime | None = None
    lost_at: datetime | None = None
    unused: int = 0


class Move(StrEnum):
    """What can be done about a lost answer."""

    REPEAT = "repeat"
    LOOK_UP = "look_up"
    ASK = "ask"
    """The world's report, or a person."""


def move(capability: Capability, tried: Tried, now: datetime, *, sending: bool = True) -> Move:
    """The next step for an intent whose answer is lost. Without `sending` nothing may leave, not even once more."""
    match capability.idempotency:
        case Idempotency.KEY | Idempotency.UPSERT if sending and _repeatable(capability, tried, now):
            return Move.REPEAT
        case Idempotency.NONE:
            return Move.ASK
        case _:
            return Move.ASK if capability.settle_window is None else Move.LOOK_UP


def after(answer: Answer, tried: Tried, capability: Capability, now: datetime) -> Settled:
    """What becomes of an intent by an answer, or by the lack of one."""
    if answer.again:
        if answer.away or tried.attempts < (ATTEMPTS if tried.lost_at is None else REPEATS):
            wait = answer.wait or (LATER if answer.away else _growing(tried.attempts))
            return Settled(
                state=PLANNED,
                because=answer.because,
                not_before=now + wait,
                lost_at=tried.lost_at,
                unused=int(answer.away),
            )
        if tried.lost_at is None:
            return Settled(state=EffectOutcome.FAILED_DEFINITE, because=answer.because)
        return _lost(answer, tried, capability, now, tried.lost_at)
    if answer.outcome is EffectOutcome.UNKNOWN:
        return _lost(answer, tried, capability, now, now)
    if answer.outcome is not EffectOutcome.SUCCEEDED and tried.lost_at is not None:
        # A refusal of the repeat says nothing of the request before it.
        return _open(answer.because, tried)
    return Settled(state=answer.outcome, because=answer.because)


def looked_up(seen: Seen, tried: Tried, now: datetime) -> Settled:
    """What a look-up after the settle window proves. `tried.look_ups` counts this one."""
    assert tried.lost_at is not None
    match seen.sight:
        case Sight.FOUND:
            return Settled(state=EffectOutcome.SUCCEEDED, because=seen.because)
        case Sight.ABSENT if tried.attempts < ATTEMPTS:
            return Settled(state=PLANNED, because=seen.because)
        case Sight.ABSENT:
            return Settled(state=EffectOutcome.FAILED_DEFINITE, because="never_applied")
        case Sight.UNCLEAR if tried.look_ups < LOOK_UPS:
            wait = seen.wait or _growing(tried.look_ups)
            return Settled(state=PLANNED, because=seen.because, not_before=now + wait, lost_at=tried.lost_at)
        case _:
            return _open(seen.because, tried)


def given_up(tried: Tried, because: str) -> Settled:
    """Nothing more can be done about a lost answer from here."""
    return _open(because, tried)


def _repeatable(capability: Capability, tried: Tried, now: datetime) -> bool:
    known_for = capability.repeats_for
    fresh = known_for is None or (tried.first_dispatched_at is not None and now < tried.first_dispatched_at + known_for)
    return fresh and tried.attempts < REPEATS


def _lost(answer: Answer, tried: Tried, capability: Capability, now: datetime, lost_at: datetime) -> Settled:
    if tried.evidence is not None:
        return _open(answer.because, tried)
    can = Move.ASK if answer.futile else move(capability, tried, now)
    if can is Move.LOOK_UP and not answer.over:  # what is not over may still be sent after the look-up
        can = Move.ASK
    match can:
        case Move.REPEAT:
            wait = answer.wait or _growing(tried.attempts)
            return Settled(state=PLANNED, because=answer.because, not_before=now + wait, lost_at=lost_at)
        case Move.LOOK_UP:
            assert capability.settle_window is not None
            due = lost_at + capability.settle_window
            return Settled(state=PLANNED, because=answer.because, not_before=due, lost_at=lost_at)
        case Move.ASK:
            return _open(answer.because, tried)


def _open(because: str, tried: Tried) -> Settled:
    """Uncertain, unless the world has said already that the mail arrived."""
    if tried.evidence is not None:
        return Settled(state=EffectOutcome.SUCCEEDED, because=f"evidence_{tried.evidence}")
    return Settled(state=EffectOutcome.UNKNOWN, because=because)


def _growing(attempts: int) -> timedelta:
    return min(timedelta(seconds=2 ** min(attempts, 10)), LONGEST)
