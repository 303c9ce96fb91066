"""What is held against itself: nothing by hand could be beside it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks import ingest, steps, workload
from benchmarks.frame import SEED
from benchmarks.places import fresh_topics
from benchmarks.runs import OURS, Runs

PARTITIONS = (1, 2, 4, 8, 12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was measured, how it stands to itself, and whether that is what is aimed at."""

    figures: str
    ratio: str
    reached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    what: str
    aim: str
    events: int
    quick_events: int
    measure: Callable[[Runs, int, int], Found]
    """(runs, events, repeat) -> what was found."""


def partitions(runs: Runs, events: int, repeat: int) -> Found:
    """One replica of the monitor, and ever more partitions: the sum is what it can do, whoever holds the records."""
    template = asyncio.run(ingest.prepare(runs.servers, 1, events))
    rates: dict[int, float] = {}
    try:
        for count in PARTITIONS:
            fresh_topics(runs.servers.kafka, {ingest.TOPIC: count})
            asyncio.run(workload.publish(runs.servers.kafka, workload.reports(events, SEED)))
            rates[count] = median(runs.one("ingest", OURS, template, events).rate for _ in range(repeat))
    finally:
        runs.servers.postgres.drop_database(template)
    ratios = [rate / rates[1] for rate in rates.values()]
    return Found(
        figures="; ".join(f"{count}: {rate:,.0f}/s" for count, rate in rates.items()),
        ratio=f"{min(ratios):.0%} to {max(ratios):.0%} of the first",
        reached=min(ratios) >= 0.8,
    )


def memory(runs: Runs, events: int, repeat: int) -> Found:
    """The monitor's resident memory after a tenth of the events, and after all of them."""
    template = asyncio.run(ingest.prepare(runs.servers, 6, events))
    try:
        early, late = runs.one("ingest", OURS, template, events).memory
    finally:
        runs.servers.postgres.drop_database(template)
    return Found(
        figures=f"{early / 2**20:.0f} MiB after {events // 10:,} events, {late / 2**20:.0f} MiB after {events:,}",
        ratio=f"{late / early:.0%}",
        reached=late <= 1.1 * early,
    )


def latency(runs: Runs, events: int, repeat: int) -> Found:
    """What a step takes, from before its first transaction to after its last, where half of what is possible comes."""
    template = asyncio.run(steps.prepare(runs.servers, 3, events))
    try:
        most = median(runs.one("step", OURS, template, events).rate for _ in range(repeat))
        taken = sorted(runs.one("step", OURS, template, events, most / 2).took[events // 10 :])
    finally:
        runs.servers.postgres.drop_database(template)
    middle, p99 = (1000 * taken[int(share * len(taken))] for share in (0.5, 0.99))
    return Found(
        figures=f"{most:,.0f} steps/s at most; p50 {middle:.0f} ms, p99 {p99:.0f} ms at {most / 2:,.0f}/s",
        ratio="",
        reached=most >= 500 and p99 < 100,
    )


ALONE: Mapping[str, Alone] = {
    "latency": Alone(
        what="a campaign's step, as above",
        aim="500 steps/s; p99 under 100 ms at half of what is possible",
        events=4_000,
        quick_events=1_000,
        measure=latency,
    ),
    "partitions": Alone(
        what=f"mail events in, by one replica, from {', '.join(map(str, PARTITIONS))} partitions",
        aim="80% of one partition's, at least",
        events=30_000,
        quick_events=10_000,
        measure=partitions,
    ),
    "memory": Alone(
        what="resident memory of the monitor",
        aim="110% at most",
        events=1_000_000,
        quick_events=50_000,
        measure=memory,
    ),
}
