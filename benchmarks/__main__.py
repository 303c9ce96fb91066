"""Runs the rows, side by side, and prints the table; `--write` puts it into docs/reference/performance.md."""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from benchmarks import report
from benchmarks.frame import Measured, Stage
from benchmarks.rows import ROWS, Row
from handrail import keys
from handrail.local.sources import Infrastructure, infrastructure

REPOSITORY = Path(__file__).parent.parent
PAGE = REPOSITORY / "docs/reference/performance.md"
SIDES = ("ours", "baseline")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer events: for development")
    parser.add_argument("--write", action="store_true", help="write the table into the page")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    load = os.getloadavg()[0]
    measured = {}
    with (
        TemporaryDirectory(prefix="handrail-bench-", ignore_cleanup_errors=True) as home,
        infrastructure(Path(home)) as servers,
    ):
        folder = keys.init(Path(home) / "keys").folder
        for name in args.rows:
            events = ROWS[name].quick_events if args.quick else ROWS[name].events
            measured[name] = (ROWS[name], run_row(servers, str(folder), name, ROWS[name], events, args.repeat))
    table = report.table(measured, load)
    print(table)
    if args.write:
        report.write(PAGE, table)


def run_row(
    servers: Infrastructure, folder: str, name: str, row: Row, events: int, repeat: int
) -> dict[str, list[Measured]]:
    """The runs of both sides, in turn; each from the same start."""
    template = asyncio.run(row.prepare(servers, row.partitions, events))
    runs: dict[str, list[Measured]] = {side: [] for side in SIDES}
    try:
        for _ in range(repeat):
            for side in SIDES:
                one = run_side(servers, folder, name, side, template, events)
                runs[side].append(one)
                print(f"{name} {side}: {one.rate:,.0f}/s, {one.cpu_micros:.1f} us CPU", file=sys.stderr, flush=True)
    finally:
        servers.postgres.drop_database(template)
    return runs


def run_side(servers: Infrastructure, folder: str, row: str, side: str, template: str, events: int) -> Measured:
    run = f"{row}-{side}-{uuid4().hex[:8]}"
    servers.postgres.execute("CHECKPOINT")
    dsn = servers.postgres.create_database(run, template=template)
    try:
        stage = Stage(kafka=servers.kafka, dsn=dsn, keys=folder, run=run, events=events)
        argv = [sys.executable, "-m", "benchmarks.side", row, side, stage.to_json()]
        done = subprocess.run(argv, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, timeout=900, check=True)
        [line] = [line for line in done.stdout.splitlines() if line.startswith("measured ")]
        return Measured(**json.loads(line.removeprefix("measured ")))
    finally:
        servers.postgres.drop_database(run)


if __name__ == "__main__":
    main()
