"""Applies numbered SQL files once each, in order; two at the same time wait for each other."""

from collections.abc import Iterable
from importlib.resources import files

import asyncpg

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('handrail migrations'))"
_TABLE = """
CREATE TABLE IF NOT EXISTS migration (
    package    text        NOT NULL,
    name       text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (package, name)
)
"""
_APPLIED = "SELECT name FROM migration WHERE package = $1"
_RECORD = "INSERT INTO migration (package, name) VALUES ($1, $2)"


def migrations_of(package: str) -> list[tuple[str, str]]:
    """(name, SQL) of each `migrations/NNNN_*.sql` of `package`, in order."""
    folder = files(package) / "migrations"
    if not folder.is_dir():
        return []
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return [(entry.name, entry.read_text()) for entry in sorted(found, key=lambda entry: entry.name)]


async def migrate(dsn: str, packages: Iterable[str]) -> list[str]:
    """Apply what is missing of `packages`, in one transaction. Returns what was applied."""
    conn = await asyncpg.connect(dsn)
    try:
        async with conn.transaction():
            await conn.execute("SET LOCAL lock_timeout = '30s'")
            await conn.execute(_LOCK)
            await conn.execute(_TABLE)
            applied = []
            for package in packages:
                done = {row["name"] for row in await conn.fetch(_APPLIED, package)}
                for name, sql in migrations_of(package):
                    if name not in done:
                        await conn.execute(sql)
                        await conn.execute(_RECORD, package, name)
                        applied.append(f"{package}/{name}")
            return applied
    finally:
        await conn.close()
