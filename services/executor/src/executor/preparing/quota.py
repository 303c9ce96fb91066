"""When each person asked for test mails, over all campaigns: one row, locked by whoever decides about the next."""

from datetime import datetime

from chassis.connection import Conn
from chassis.decision import Key

_MEET = "INSERT INTO test_mail (tenant, subject) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_LOAD = "SELECT asked_at FROM test_mail WHERE (tenant, subject) = ($1, $2) FOR UPDATE"
_SAVE = "UPDATE test_mail SET asked_at = $3 WHERE (tenant, subject) = ($1, $2)"


async def load(conn: Conn, key: Key, subject: str) -> tuple[datetime, ...]:
    """Locks the person's row until commit, after the campaign and its kill switches."""
    await conn.execute(_MEET, key.tenant, subject)
    return tuple(await conn.fetchval(_LOAD, key.tenant, subject))


async def save(conn: Conn, key: Key, subject: str, asked_at: tuple[datetime, ...]) -> None:
    await conn.execute(_SAVE, key.tenant, subject, list(asked_at))
