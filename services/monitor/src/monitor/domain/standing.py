"""How campaigns stand at a moment: what waits, what was not heard of for long, what money is left. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from contracts.executor import CampaignStage
from monitor.domain.state import Source, Watch

FRESH_FOR: Mapping[Source, timedelta] = {
    Source.MAIL: timedelta(hours=1),
    Source.CONTACTS: timedelta(days=1),
    Source.FIGURES: timedelta(days=1),
}
"""How long a source may say nothing while something is expected of it: after that, calm figures prove nothing."""
ENOUGH = 0.95
"""Of a wave: the fate of a few mails is never reported."""
RUNNING = tuple(stage for stage in CampaignStage if stage is not CampaignStage.CLOSED)


class Awaits(StrEnum):
    """What a brief waits for."""

    PERSON = "person"
    """Somebody who vouches for what another system handed in."""
    WORK = "work"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A source of which something is expected: since when there was nothing, and how long that may be."""

    source: Source
    heard_at: datetime | None
    age: timedelta
    fresh_for: timedelta

    @property
    def stale(self) -> bool:
        return self.age > self.fresh_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All campaigns that have not ended; money in millionths of one currency, campaigns paid in another left out."""

    in_progress: Mapping[CampaignStage, int]
    waiting: Mapping[Awaits, Sequence[timedelta]]
    """How long each brief waits."""
    signal_age: Mapping[Source, timedelta]
    """Of the campaign that waits longest for it; zero where nothing is expected."""
    committed_micros: int
    spent_micros: int
    worst_share: float
    """Spent of its budget, by the campaign that spent most of it."""


def standing(watches: Sequence[Watch], now: datetime, currency: str) -> Standing:
    running = [watch for watch in watches if watch.finished is None]
    purses = [(watch, watch.purse) for watch in running if watch.purse and watch.purse.currency == currency]
    heard = [signal for watch in running for signal in signals(watch, now)]
    stages = [watch.stage for watch in running if watch.plan_version]
    return Standing(
        in_progress={stage: stages.count(stage) for stage in RUNNING},
        waiting={awaits: _waits(running, awaits, now) for awaits in Awaits},
        signal_age={source: _longest(one.age for one in heard if one.source is source) for source in Source},
        committed_micros=sum(purse.total_micros for _, purse in purses),
        spent_micros=sum(watch.spent_micros for watch, _ in purses),
        worst_share=max(
            (watch.spent_micros / purse.total_micros for watch, purse in purses if purse.total_micros), default=0
        ),
    )


def signals(watch: Watch, now: datetime) -> Iterator[Signal]:
    """The sources of which something is expected now."""
    for source, since in _expected(watch):
        heard_at = watch.heard.get(source)
        last = max(since, heard_at) if heard_at else since
        yield Signal(source=source, heard_at=heard_at, age=max(timedelta(0), now - last), fresh_for=FRESH_FOR[source])


def _expected(watch: Watch) -> Iterator[tuple[Source, datetime]]:
    if watch.finished is not None:
        return
    if watch.sent_at and any(wave.reported < ENOUGH * wave.sent for wave in watch.waves.values()):
        yield Source.MAIL, watch.sent_at
    if watch.launched_at and watch.outcome == "open":
        yield Source.CONTACTS, watch.launched_at
    if figures := watch.heard.get(Source.FIGURES):
        yield Source.FIGURES, figures


def _waits(watches: Iterable[Watch], awaits: Awaits, now: datetime) -> list[timedelta]:
    since = (_since(watch, awaits) for watch in watches)
    return [max(timedelta(0), now - one) for one in since if one is not None]


def _since(watch: Watch, awaits: Awaits) -> datetime | None:
    if awaits is Awaits.PERSON:
        return watch.asked_at
    return watch.received_at if watch.begun_at is None else None


def _longest(ages: Iterable[timedelta]) -> timedelta:
    return max(ages, default=timedelta(0))
