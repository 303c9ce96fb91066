"""`python -m tests.proof <fault> --seed S --count N --seconds T`: one proof on a system of its own."""

import argparse
import asyncio
import secrets
import sys
from pathlib import Path
from tempfile import mkdtemp

from tests.proof.faults import FAULTS
from tests.proof.place import place
from tests.proof.run import prove


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proof")
    parser.add_argument("fault", choices=sorted(FAULTS))
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--count", type=int, help="how many faults")
    parser.add_argument("--seconds", type=float, default=600, help="begin no fault after so long")
    parser.add_argument("--width", type=int, default=6, help="campaigns at a time")
    parser.add_argument("--home", type=Path, help="a folder that stays, to look into")
    said = parser.parse_args()
    kind = FAULTS[said.fault]
    home = said.home or Path(mkdtemp(prefix="handrail-proof-"))
    print(f"{said.fault}: seed {said.seed}, in {home}", flush=True)
    with place(home) as running:
        report = asyncio.run(
            prove(
                running, said.fault, kind.fault, seed=said.seed, count=said.count or kind.count, seconds=said.seconds,
                width=said.width,
            )
        )  # fmt: skip
    print(report.text())
    return 0 if report.holds else 1


if __name__ == "__main__":
    sys.exit(main())
