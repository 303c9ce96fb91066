"""Old rows that nobody needs any more, deleted in small transactions, one at a time over all replicas.

What is old enough is for the caller to say (`retention.py`). Here is what never goes however old it is: an event that
is not sent or that a reader has not read, a task that is not done. Dead letters and waiting messages have no rule.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from chassis.connection import Conn
from chassis.metrics import PRUNED
from chassis.postgres import Database

BATCH = 1000
BREATH_SECONDS = 0.02
"""Between two transactions: whoever does the work of the service comes first."""
EVENT_LOG = "event_log"
MET = {"inbox": "claimed_at", "command_log": "handled_at", "task": "done_at", "attempt": "first_at"}
"""The tables that tell a repetition from something new, with the column that says since when."""

# What a lost moment had deleted is deleted again: the commit need not reach the disk.
_ALONE = """
SELECT pg_try_advisory_xact_lock(hashtext('pruning')),
       set_config('lock_timeout', '1s', true), set_config('synchronous_commit', 'off', true)
"""
# The conditions are on the row as it is when it goes: a replay may have made it unsent since the page was read.
_SAID = f"""
WITH page AS (
    SELECT id, logged_at FROM event_log WHERE id > $1 ORDER BY id LIMIT {BATCH}
), gone AS (
    DELETE FROM event_log AS e USING page
     WHERE e.id = page.id AND e.logged_at < $2 AND e.sent_at < $3 AND e.topic = ANY($4::text[])
    RETURNING e.id
)
SELECT max(id) AS last, coalesce(bool_or(logged_at < $2), false) AS old, (SELECT count(*) FROM gone) AS gone FROM page
"""
_MET = {
    table: f"""
    DELETE FROM {table}
     WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {since} < $1 ORDER BY {since} LIMIT {BATCH}
                               FOR UPDATE SKIP LOCKED))
    """
    for table, since in MET.items()
}
_OLDEST = {
    EVENT_LOG: "SELECT clock_timestamp() - logged_at FROM event_log ORDER BY id LIMIT 1",
    **{table: f"SELECT clock_timestamp() - min({since}) FROM {table}" for table, since in MET.items()},
}


async def said(db: Database, before: datetime, passed: datetime, topics: Collection[str]) -> int:
    """Delete events of `topics` logged before `before` and sent before `passed`: all readers have read those.

    Ids rise with time, so the first page that holds nothing old ends it. Returns how many went.
    """
    after, count = 0, 0
    while True:
        async with _alone(db) as conn:
            if conn is None:
                return count
            row = await conn.fetchrow(_SAID, after, before, passed, list(topics))
        assert row is not None
        gone: int = row["gone"]
        count += gone
        PRUNED.labels(table=EVENT_LOG).inc(gone)
        if not row["old"]:
            return count
        after = row["last"]
        await asyncio.sleep(BREATH_SECONDS)


async def met(db: Database, table: str, before: datetime) -> int:
    """Delete what `table` of `MET` knows from before `before`. Returns how many went."""
    count = 0
    while True:
        async with _alone(db) as conn:
            if conn is None:
                return count
            gone = int((await conn.execute(_MET[table], before)).split()[-1])
        count += gone
        PRUNED.labels(table=table).inc(gone)
        if gone < BATCH:
            return count
        await asyncio.sleep(BREATH_SECONDS)


async def oldest(db: Database) -> dict[str, timedelta | None]:
    """The age of the oldest row of each table that is pruned; None where there is none."""
    async with db.pool.acquire() as conn:
        return {table: await conn.fetchval(query) for table, query in _OLDEST.items()}


@asynccontextmanager
async def _alone(db: Database) -> AsyncIterator[Conn | None]:
    """A transaction in which nobody else prunes this database; None when somebody does."""
    async with db.pool.acquire() as conn, conn.transaction():
        yield conn if await conn.fetchval(_ALONE) else None
