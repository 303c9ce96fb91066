"""A steady stream of campaigns through services that forget soon: as much goes as comes, and memory stays."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.proof.book import Book
from tests.proof.campaigns import Campaign
from tests.proof.growth.samples import KEEPS_CLAIMS, MIB, SINCE, Sample, Samples, second_half
from tests.proof.growth.trend import Growth, Trend, trend
from tests.proof.judge import evidence, verdict
from tests.proof.judge.verdict import Finding
from tests.proof.place import Place
from tests.proof.quiet import quiet
from tests.proof.stream import Stream

EVERY_SECONDS = 5.0
MEMORY_LIMIT = 1.0
"""MiB per hour and process; judged in runs of an hour and more, a shorter one measures how a process warms up."""
LONG_MINUTES = 60.0
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
    """A pruned table over the second half: as many rows are there as came within their age, no more."""

    first: int
    last: int
    came_first: int
    """Within the age of its rows, before the second half began."""
    came_last: int
    """The same before its end."""
    oldest: float
    """Seconds that its oldest row ever was old."""
    may_be: float
    """Seconds, at most."""

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
        grows = []
        if self.minutes >= LONG_MINUTES:
            grows = [per_hour.judged(MEMORY_LIMIT) for _, per_hour in self.memory.values()]
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
            bloat = await samples.bloat()
            await stream.finish()
        progress = await quiet(place)
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
    last_at = seconds[-1]
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
            age = AGES.get(place[1], 4.0) * retention
            if came := came_within(taken, last_at, place, age):
                rows[place] = Rows(
                    first=first.of_age,
                    last=last.of_age,
                    came_first=came_within(taken, seconds[0], place, age),
                    came_last=came,
                    oldest=max(sample.tables[place].oldest or 0 for sample in half),
                    may_be=age * (1 + LATE) + LATE_SECONDS,
                )
        elif (size := last.size - taken[0].tables[place].size) > 0:
            kept[place] = size / 1024 / max(1, campaigns)
    return Grown(seed, taken[-1].seconds / 60, campaigns, memory, rows, bloat, kept, findings)


def came_within(taken: Sequence[Sample], at: float, place: tuple[str, str], age: float) -> int:
    """Rows that were written to a table in the `age` before `at`."""
    known = [sample for sample in taken if sample.seconds <= at]
    before = [sample for sample in known if sample.seconds <= at - age] or known[:1]
    return known[-1].tables[place].came - before[-1].tables[place].came
