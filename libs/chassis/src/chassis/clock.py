"""What time it is: the database's time, carried on by the monotonic clock between two looks.

The wall clock of a process may jump, stand still or be years off; a token, a webhook and a deadline must not care.
`Transaction.now` asks the database each time.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chassis.connection import AWAY, Pool

LOOK_SECONDS = 15.0


def utc_now() -> datetime:
    """The wall clock of this process."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Clock:
    """The wall clock of this process, until the first look at the database's."""

    _seen: datetime | None = None
    _seen_at: float = 0.0

    def now(self) -> datetime:
        if self._seen is None:
            return utc_now()
        return self._seen + timedelta(seconds=time.monotonic() - self._seen_at)

    async def look(self, pool: Pool) -> None:
        began = time.monotonic()
        seen = await pool.fetchval("SELECT clock_timestamp()")
        self._seen, self._seen_at = seen, (began + time.monotonic()) / 2

    async def follow(self, pool: Pool) -> None:
        """Look again and again; while the database is away, the monotonic clock does."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with contextlib.suppress(*AWAY):
                await self.look(pool)
