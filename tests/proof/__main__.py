"""`python -m tests.proof <fault> --seed S --count N --seconds T`: one proof on a system of its own.

`python -m tests.proof long --minutes M --seed S`: one after another, until the time is over.
"""

import argparse
import asyncio
import secrets
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.proof.faults import KINDS
from tests.proof.long import prove_long, summed
from tests.proof.place import place
from tests.proof.run import prove

LONG = "long"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proof")
    parser.add_argument("fault", choices=[*sorted(KINDS), LONG])
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="of the campaigns and the faults")
    parser.add_argument("--count", type=int, help="how many faults")
    parser.add_argument("--seconds", type=float, default=900, help="begin no fault after so long")
    parser.add_argument("--minutes", type=float, default=30, help="how long `long` goes on")
    parser.add_argument("--width", type=int, help="campaigns at a time")
    parser.add_argument("--clustered", action="store_true", help="on three brokers, each of which has everything")
    parser.add_argument("--home", type=Path, help="a folder that stays, to look into")
    said = parser.parse_args()
    print(f"{said.fault}: seed {said.seed}", flush=True)
    with ExitStack() as stack:
        home = said.home or Path(stack.enter_context(TemporaryDirectory(prefix="handrail-proof-")))
        running = stack.enter_context(place(home, clustered=said.clustered))
        if said.fault == LONG:
            reports = prove_long(running, seed=said.seed, minutes=said.minutes)
            print(summed(reports))
            return 0 if all(report.holds for report in reports) else 1
        kind = KINDS[said.fault]
        proof = prove(
            running,
            said.fault,
            kind.fault,
            seed=said.seed,
            count=said.count or kind.count,
            seconds=said.seconds,
            after=kind.after,
            width=said.width or kind.width,
            judges_not=kind.judges_not,
        )
        report = asyncio.run(proof)
        print(report.text(schedule=False))
        return 0 if report.holds else 1


if __name__ == "__main__":
    sys.exit(main())
