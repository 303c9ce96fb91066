"""`python -m tests.proof.races --count N --seed S`: races of approvals against all that may end them."""

import argparse
import asyncio
import logging
import secrets
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from handrail.local.postgres import LocalPostgres
from handrail.local.processes import Processes
from tests.proof.races.arena import arena
from tests.proof.races.run import Report, prove


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proof.races")
    parser.add_argument("--count", type=int, default=300, help="how many races")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="of everything that is left to luck")
    parser.add_argument("--seconds", type=float, default=1800, help="begin no race after so long")
    said = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    print(f"races: seed {said.seed}", flush=True)
    with TemporaryDirectory(prefix="handrail-races-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        processes = Processes(home)
        server = LocalPostgres(home, processes, fsync=False)
        try:
            server.start()
            report = asyncio.run(_prove(server, home, said.seed, said.count, said.seconds))
        finally:
            processes.stop_all()
    print(report.text())
    return 0 if report.holds else 1


async def _prove(server: LocalPostgres, home: Path, seed: int, count: int, seconds: float) -> Report:
    async with arena(server, home) as here:
        return await prove(here, seed, count, seconds)


if __name__ == "__main__":
    sys.exit(main())
