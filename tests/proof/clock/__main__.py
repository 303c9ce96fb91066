"""`python -m tests.proof.clock --count N --seed S`: processes whose clocks are wrong."""

import argparse
import asyncio
import secrets
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from handrail.local.sources import infrastructure
from tests.proof.clock.clocks import library
from tests.proof.clock.skewed import skew


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proof.clock")
    parser.add_argument("--count", type=int, default=2000, help="timers")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    said = parser.parse_args()
    if library() is None:
        print("there is no libfaketime: `make tools` installs it")
        return 1
    with (
        TemporaryDirectory(prefix="handrail-proof-", ignore_cleanup_errors=True) as home,
        infrastructure(Path(home) / "servers", fsync=False) as servers,
    ):
        verdict = asyncio.run(skew(servers, Path(home) / "skew", seed=said.seed, count=said.count))
        print(verdict.text(), flush=True)
    return 0 if verdict.holds else 1


if __name__ == "__main__":
    sys.exit(main())
