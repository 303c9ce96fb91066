"""Starts one run of one side, in a process of its own, on a fresh copy of its database."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from benchmarks.frame import Measured, Stage
from handrail.local.sources import Infrastructure

REPOSITORY = Path(__file__).parent.parent
OURS, BASELINE = "ours", "baseline"


@dataclass(frozen=True, slots=True)
class Runs:
    """The servers that all runs share, and the keys."""

    servers: Infrastructure
    keys: str

    def one(self, row: str, side: str, template: str, events: int, per_second: float = 0.0) -> Measured:
        """Run `side` of `row`, from the start that `template` holds; `per_second` offers events at a rate."""
        run = f"{row}-{side}-{uuid4().hex[:8]}"
        self.servers.postgres.execute("CHECKPOINT")
        dsn = self.servers.postgres.create_database(run, template=template)
        try:
            stage = Stage(
                kafka=self.servers.kafka, dsn=dsn, keys=self.keys, run=run, events=events, per_second=per_second
            )
            argv = [sys.executable, "-m", "benchmarks.side", row, side, stage.to_json()]
            done = subprocess.run(argv, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, timeout=900)
            if done.returncode:
                raise RuntimeError(f"{row} {side} ended with {done.returncode}: {done.stdout[-3000:]}")
            [line] = [line for line in done.stdout.splitlines() if line.startswith("measured ")]
            one = Measured(**json.loads(line.removeprefix("measured ")))
        finally:
            self.servers.postgres.drop_database(run)
        print(f"{row} {side}: {one.rate:,.0f}/s, {one.cpu_micros:.1f} us CPU", file=sys.stderr, flush=True)
        return one
