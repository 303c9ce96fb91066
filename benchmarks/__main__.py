"""Runs the rows, side by side, and prints the table; `--write` puts it into docs/reference/performance.md."""

import argparse
import asyncio
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import report
from benchmarks.alone import ALONE
from benchmarks.frame import Measured
from benchmarks.rows import ROWS, Row
from benchmarks.runs import BASELINE, OURS, REPOSITORY, Runs
from handrail import keys
from handrail.local.sources import infrastructure

PAGE = REPOSITORY / "docs/reference/performance.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer events: for development")
    parser.add_argument("--write", action="store_true", help="write the table into the page")
    parser.add_argument("--rows", nargs="+", choices=[*ROWS, *ALONE], default=[*ROWS, *ALONE])
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    lines: dict[str, str] = {}
    with (
        TemporaryDirectory(prefix="handrail-bench-", ignore_cleanup_errors=True) as home,
        infrastructure(Path(home)) as servers,
    ):
        runs = Runs(servers, str(keys.init(Path(home) / "keys").folder))
        for name in args.rows:
            row, load = ROWS.get(name) or ALONE[name], os.getloadavg()[0]
            events = row.quick_events if args.quick else row.events
            if isinstance(row, Row):
                lines[name] = report.beside(name, row, both(runs, name, row, events, args.repeat), load, args.quick)
            else:
                lines[name] = report.alone(name, row, row.measure(runs, events, args.repeat), load, args.quick)
            if args.write:  # after each row: a run that is cut short keeps what it has
                report.write(PAGE, lines)
    print(report.table(lines))


def both(runs: Runs, name: str, row: Row, events: int, repeat: int) -> dict[str, list[Measured]]:
    """The runs of both sides, in turn; each from the same start."""
    template = asyncio.run(row.prepare(runs.servers, row.partitions, events))
    measured: dict[str, list[Measured]] = {OURS: [], BASELINE: []}
    try:
        for _ in range(repeat):
            for side, found in measured.items():
                found.append(runs.one(name, side, template, events))
    finally:
        runs.servers.postgres.drop_database(template)
    return measured


if __name__ == "__main__":
    main()
