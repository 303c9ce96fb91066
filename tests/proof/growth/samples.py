"""What the processes and tables of a running system take, looked at again and again."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg
import psutil

from handrail.local.environment import SERVICES
from tests.proof.place import Place

SINCE = {
    "event_log": "logged_at",
    "inbox": "claimed_at",
    "command_log": "handled_at",
    "task": "done_at",
    "attempt": "first_at",
}
"""The tables that are pruned, with the time that a row is as old as."""
KEEPS_CLAIMS = ("audit", "inbox")
_TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1"
_CAME = "SELECT relname, n_tup_ins FROM pg_stat_user_tables"
_OLD = " UNION ALL ".join(
    f"""
    SELECT '{name}' AS name, count({since}) AS rows,
           extract(epoch FROM clock_timestamp() - min({since}))::float8 AS age
      FROM {name}
    """
    for name, since in SINCE.items()
)
_COPY = "CREATE TEMPORARY TABLE copied (LIKE {name} INCLUDING ALL) ON COMMIT DROP"
_FILL = "INSERT INTO copied OVERRIDING SYSTEM VALUE SELECT * FROM {name}"
MIB = 1024 * 1024
LEAST_BYTES = 256 * 1024
"""Of smaller tables the first pages and indexes are most."""


@dataclass(frozen=True, slots=True)
class Table:
    """One moment of a table."""

    rows: int
    size: int
    """Bytes, with indexes and what is stored beside it."""
    came: int
    """Rows that were ever written to it."""
    oldest: float | None = None
    """Seconds that the oldest row is old, where old ones go."""
    of_age: int = 0
    """Rows that have such an age: a task that is not done has none."""


@dataclass(frozen=True, slots=True)
class Sample:
    seconds: float
    memory: Mapping[str, int]
    """Resident bytes of each process."""
    tables: Mapping[tuple[str, str], Table]
    """By service and table."""


@dataclass
class Samples:
    place: Place
    began: float = field(default_factory=time.monotonic)
    taken: list[Sample] = field(default_factory=list)
    _connections: dict[str, asyncpg.Connection] = field(default_factory=dict)
    _queries: dict[str, str] = field(default_factory=dict)

    async def __aenter__(self) -> "Samples":
        for service in SERVICES:
            connection = await asyncpg.connect(self.place.system.dsn(service))
            names = [row["relname"] for row in await connection.fetch(_TABLES)]
            self._connections[service] = connection
            self._queries[service] = " UNION ALL ".join(
                f"SELECT '{name}' AS name, count(*) AS rows, pg_total_relation_size('{name}') AS size FROM {name}"
                for name in names
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._connections.values():
            await connection.close()

    async def take(self) -> None:
        tables: dict[tuple[str, str], Table] = {}
        for service, connection in self._connections.items():
            came = {row["relname"]: row["n_tup_ins"] for row in await connection.fetch(_CAME)}
            old = {row["name"]: (row["age"], row["rows"]) for row in await connection.fetch(_OLD)}
            for row in await connection.fetch(self._queries[service]):
                name = row["name"]
                tables[service, name] = Table(row["rows"], row["size"], came.get(name, 0), *old.get(name, (None, 0)))
        self.taken.append(Sample(time.monotonic() - self.began, self._memory(), tables))

    def _memory(self) -> dict[str, int]:
        out: dict[str, int] = {}
        for name in self.place.urls:
            record = self.place.system.processes.find(name)
            process = record.process() if record is not None else None
            with suppress(psutil.NoSuchProcess):
                if process is not None:
                    out[name] = process.memory_info().rss
        return out

    async def bloat(self) -> dict[tuple[str, str], float]:
        """How many times larger each pruned table is than a copy of its rows; small ones are left out."""
        out: dict[tuple[str, str], float] = {}
        for service, connection in self._connections.items():
            for name in SINCE:
                async with connection.transaction():
                    await connection.execute(_COPY.format(name=name))
                    await connection.execute(_FILL.format(name=name))
                    needed = await connection.fetchval("SELECT pg_total_relation_size('copied')")
                    if needed >= LEAST_BYTES:
                        size = await connection.fetchval("SELECT pg_total_relation_size($1::text)", name)
                        out[service, name] = size / needed
        return out


def second_half(taken: Sequence[Sample]) -> Sequence[Sample]:
    """By time: what a system takes to warm up is no growth."""
    middle = taken[-1].seconds / 2
    return [sample for sample in taken if sample.seconds >= middle]
