"""A steady stream of campaigns through services that forget soon: as much goes as comes, and memory stays."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.proof.book import Book
from tests.proof.campaigns import Campaign
from tests.proof.growth.samples import KEEPS_CLAIMS, MIB, SINCE, Sample, Samples, second_half
from tests.proof.growth.trend import HOUR, Growth, Trend, trend
from tests.proof.judge import evidence, verdict
from tests.proof.judge.verdict import Finding
from tests.proof.place import Place
from tests.proof.quiet import quiet
from tests.proof.stream import Stream

EVERY_SECONDS = 5.0
MEMORY_LIMIT = 1.0
"""MiB per hour and process; judged in runs of an hour and more, a shorter one measures how a process warms up."""
LONG_MINUTES = 60.0
ROWS_LIMIT = 0.05
"""Rows that stay, of those that come."""
FEWEST_ROWS = 100
"""Of fewer that came, chance decides how many stay."""
BLOAT_LIMIT = 2.0
AGES = {"event_log": 1.0}
"""In retentions: how old a row of the event log may be; all others four times as old."""
LATE = 0.25
"""Of its age: so much later than promised may a row go, and a little, for the readers and the next round."""
LATE_SECONDS = 20.0
NEEDS_WHAT_IS_FORGOTTEN = ("01_", "02_", "03_", "04_", "13_", "20_", "23_")
"""Invariants that compare with rows which are pruned here."""


@dataclass(frozen=True)
class Rows:
    """A pruned table over the second half."""

    first: int
    last: int
    came_per_hour: float
    trend: Trend
    came: int
    oldest: float
    """Seconds that its oldest row was ever old."""
    may_be: float
    """Seconds, at most."""

    @property
    def growth(self) -> Growth:
        return self.trend.judged(ROWS_LIMIT * self.came_per_hour) if self.came >= FEWEST_ROWS else Growth.UNKNOWN

    @property
    def in_time(self) -> bool:
        return self.oldest <= self.may_be


@dataclass(frozen=True)
class Grown:
    seed: int
    minutes: float
    campaigns: int
    memory: Mapping[str, tuple[float, Trend]]
    """By process: MiB at the end, and MiB per hour."""
    rows: Mapping[tuple[str, str], Rows]
    bloat: Mapping[tuple[str, str], float]
    kept: Mapping[tuple[str, str], float]
    """Tables that grow with campaigns: KiB for each."""
    findings: Sequence[Finding]

    @property
    def holds(self) -> bool:
        grows = [one.growth for one in self.rows.values()]
        if self.minutes >= LONG_MINUTES:
            grows += [per_hour.judged(MEMORY_LIMIT) for _, per_hour in self.memory.values()]
        late = [one for one in self.rows.values() if not one.in_time]
        bloated = [factor for factor in self.bloat.values() if factor > BLOAT_LIMIT]
        return (
            not late and Growth.GROWS not in grows and not bloated and not any(one.violations for one in self.findings)
        )


async def grow(place: Place, *, seed: int, minutes: float, width: int, retention: float) -> Grown:
    """Let campaigns flow for `minutes`, then end, and judge what an outsider saw of all of them.

    `retention` is the services' own, in seconds.
    """
    book = Book()
    async with Samples(place) as samples:
        async with Stream(place, book, lambda number: Campaign(seed, number), width) as stream:
            until = time.monotonic() + 60 * minutes
            while time.monotonic() < until:
                stream.check()
                await samples.take()
                await asyncio.sleep(EVERY_SECONDS)
            begun = stream.begun
            await stream.finish()
        progress = await quiet(place)
        bloat = await samples.bloat()
    gathered = await evidence.gather(place, book, progress)
    chosen = [one for one in verdict.invariants() if not one.name.startswith(NEEDS_WHAT_IS_FORGOTTEN)]
    findings = await verdict.judged(gathered.dsn, chosen)
    return measured(samples.taken, seed, begun, retention, bloat, findings)


def measured(
    taken: Sequence[Sample],
    seed: int,
    campaigns: int,
    retention: float,
    bloat: Mapping[tuple[str, str], float],
    findings: Sequence[Finding],
) -> Grown:
    half = second_half(taken)
    seconds = [sample.seconds for sample in half]
    names = [name for name in half[0].memory if all(name in sample.memory for sample in half)]
    memory = {
        name: (half[-1].memory[name] / MIB, trend(seconds, [sample.memory[name] / MIB for sample in half]))
        for name in names
    }
    rows: dict[tuple[str, str], Rows] = {}
    kept: dict[tuple[str, str], float] = {}
    for place, last in half[-1].tables.items():
        first = half[0].tables[place]
        if place[1] in SINCE and place != KEEPS_CLAIMS:
            if came := last.came - first.came:
                series = [sample.tables[place].rows for sample in half]
                age = AGES.get(place[1], 4.0) * retention
                rows[place] = Rows(
                    first=series[0],
                    last=series[-1],
                    came_per_hour=came / (seconds[-1] - seconds[0]) * HOUR,
                    trend=trend(seconds, series),
                    came=came,
                    oldest=max(sample.tables[place].oldest or 0 for sample in half),
                    may_be=age * (1 + LATE) + LATE_SECONDS,
                )
        elif (size := last.size - taken[0].tables[place].size) > 0:
            kept[place] = size / 1024 / max(1, campaigns)
    return Grown(seed, taken[-1].seconds / 60, campaigns, memory, rows, bloat, kept, findings)
