"""A process that does nothing but prune claims. `python -m tests.chassis.forgetting DSN`."""

import asyncio
import sys
from datetime import UTC, datetime

import asyncpg

from chassis import pruning
from chassis.postgres import Database


async def forget(dsn: str) -> None:
    async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
        await pruning.met(Database(pool, "counting"), "inbox", datetime(2100, 1, 1, tzinfo=UTC))


if __name__ == "__main__":
    asyncio.run(forget(sys.argv[1]))
