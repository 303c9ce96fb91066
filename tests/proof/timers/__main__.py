"""`python -m tests.proof.timers --count N --seed S`: timers fired by workers that are killed."""

import argparse
import asyncio
import secrets
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from handrail.local.sources import infrastructure
from tests.proof.timers.firing import fire


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proof.timers")
    parser.add_argument("--count", type=int, default=20_000, help="timers")
    parser.add_argument("--seconds", type=float, default=60, help="within which they fall due")
    parser.add_argument("--every", type=float, default=3, help="seconds between two kills")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    said = parser.parse_args()
    with (
        TemporaryDirectory(prefix="handrail-proof-", ignore_cleanup_errors=True) as home,
        infrastructure(Path(home) / "servers", fsync=False) as servers,
    ):
        proof = fire(servers, Path(home), seed=said.seed, count=said.count, seconds=said.seconds, every=said.every)
        verdict = asyncio.run(proof)
        print(verdict.text(), flush=True)
    return 0 if verdict.holds else 1


if __name__ == "__main__":
    sys.exit(main())
