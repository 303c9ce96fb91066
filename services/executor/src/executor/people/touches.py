"""How often each person was written to, over all campaigns of the tenant: one row per person, one lock.

The days of a person's mails are one array: a limit over a week is a condition on the row that is written, whichever day
each of two sends believes it is.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from chassis.connection import Conn
from contracts.brief import Frequency

_COUNT = """
INSERT INTO touch (tenant, recipient_hash, days)
SELECT $1, r, ARRAY[$3::date]
  FROM unnest($2::text[]) AS r
 WHERE $4 > 0 AND $5 > 0
 ORDER BY r
ON CONFLICT (tenant, recipient_hash) DO UPDATE
   SET days = ARRAY(SELECT d FROM unnest(touch.days) AS d WHERE d > $3::date - 7) || $3::date
 WHERE $4 > (SELECT count(*) FROM unnest(touch.days) AS d WHERE d > $3::date - 7)
   AND $5 > (SELECT count(*) FROM unnest(touch.days) AS d WHERE d = $3::date)
RETURNING recipient_hash
"""
_GIVE_BACK = """
UPDATE touch SET days = days[:array_position(days, $3) - 1] || days[array_position(days, $3) + 1:]
 WHERE (tenant, recipient_hash) = ($1, $2) AND $3 = ANY(days)
"""


async def count(conn: Conn, tenant: str, recipients: Sequence[str], day: date, limits: Frequency) -> set[str]:
    """Those of `recipients` whose limits still have room: counted at once, in one order for all who count."""
    rows = await conn.fetch(_COUNT, tenant, sorted(recipients), day, limits.per_week, limits.per_day)
    return {row["recipient_hash"] for row in rows}


async def give_back(conn: Conn, tenant: str, mails: Iterable[tuple[str, date]]) -> None:
    """These mails, by recipient and day, never left."""
    await conn.executemany(_GIVE_BACK, [(tenant, person, day) for person, day in sorted(mails)])
