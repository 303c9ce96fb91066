"""Fault after fault on one system until the time is over."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence

from tests.proof.book import Book
from tests.proof.campaigns import APART
from tests.proof.faults import FAULTS
from tests.proof.place import Place
from tests.proof.report import Report, bound
from tests.proof.run import prove
from tests.proof.schedules import keep, schedules

LEAST_SECONDS = 30.0


def prove_long(place: Place, *, seed: int, minutes: float) -> list[Report]:
    """Prints each proof as it ends. One that fails is kept and ends the run: the rest would be judged with it."""
    book = Book()
    reports: list[Report] = []
    until = time.monotonic() + 60 * minutes
    for nth, schedule in enumerate(schedules(seed)):
        if (left := until - time.monotonic()) < LEAST_SECONDS:
            break
        kind = FAULTS[schedule.fault]
        proof = prove(
            place,
            schedule.fault,
            kind.fault,
            seed=schedule.seed,
            count=schedule.count,
            seconds=left,
            after=kind.after,
            book=book,
            first=nth * APART,
        )
        report = asyncio.run(proof)
        print(report.text(schedule=not report.holds), flush=True)
        reports.append(report)
        if not report.holds:
            keep(schedule)
            break
    return reports


def summed(reports: Sequence[Report]) -> str:
    """What all of them came to."""
    last = reports[-1]
    faults: Counter[str] = Counter()
    for report in reports:
        faults[report.fault] += report.faults
    failed = sum(not report.holds for report in reports)
    listed = ", ".join(f"{name} {count}" for name, count in sorted(faults.items()))
    return "\n".join(
        [
            f"proofs      {len(reports)}, {failed} failed",
            f"kills       {sum(sum(report.kills.values()) for report in reports)} processes",
            f"faults      {faults.total()}: {listed}",
            f"effects     {last.effects}; records {last.records}",
            f"violations  {sum(report.violations for report in reports)}",
            f"bound       {'none: see above' if failed else bound(faults.total())}",
        ]
    )
