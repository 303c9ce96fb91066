"""`python -m tests.proof.poison --count N --seed S`: spoilt and deadly records, and what becomes of them.

Through the counting service first, then through the services that read the public topics.
"""

import argparse
import asyncio
import secrets
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from handrail.local.sources import infrastructure
from tests.proof.chassis.counting import DEAF
from tests.proof.poison.deadly import HARMS, harm
from tests.proof.poison.outside import spoil_the_public
from tests.proof.poison.spoiling import spoil


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proof.poison")
    parser.add_argument("--count", type=int, default=5000, help="spoilt records, with as many good ones")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--deaf", action="store_true", help="also a record that hangs: it takes minutes")
    parser.add_argument("--outside", type=int, default=500, help="spoilt records for the six services' public topics")
    said = parser.parse_args()
    with (
        TemporaryDirectory(prefix="handrail-proof-", ignore_cleanup_errors=True) as home,
        infrastructure(Path(home) / "servers", fsync=False) as servers,
    ):
        spoilt = asyncio.run(spoil(servers, Path(home) / "spoil", seed=said.seed, count=said.count))
        print(spoilt.text(), flush=True)
        harms = (*HARMS, DEAF) if said.deaf else HARMS
        harmful = asyncio.run(harm(servers, Path(home) / "harm", seed=said.seed, harms=harms))
        print(harmful.text(), flush=True)
    with TemporaryDirectory(prefix="handrail-proof-", ignore_cleanup_errors=True) as home:
        outside = asyncio.run(spoil_the_public(Path(home), seed=said.seed, count=min(said.count, said.outside)))
        print(outside.text(), flush=True)
    return 0 if spoilt.holds and harmful.holds and outside.holds else 1


if __name__ == "__main__":
    sys.exit(main())
