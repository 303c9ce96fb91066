"""What the processes and tables of a running system take, looked at again and again."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg
import psutil

from chassis.pruning import EVENT_LOG, MET
from handrail.local.environment import SERVICES
from tests.proof.place import Place

PRUNED = (EVENT_LOG, *MET)
KEEPS_CLAIMS = ("audit", "inbox")
_TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1"
_CAME = "SELECT relname, n_tup_ins FROM pg_stat_user_tables"
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Table:
    """One moment of a table."""

    rows: int
    size: int
    """Bytes, with indexes and what is stored beside it."""
    came: int
    """Rows that were ever written to it."""


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
            for row in await connection.fetch(self._queries[service]):
                tables[service, row["name"]] = Table(row["rows"], row["size"], came.get(row["name"], 0))
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
        """How many times larger each pruned table is than its rows need; small ones are left out."""
        out: dict[tuple[str, str], float] = {}
        for service, connection in self._connections.items():
            for name in PRUNED:
                size = f"SELECT pg_total_relation_size('{name}')"
                before = await connection.fetchval(size)
                await connection.execute(f"VACUUM FULL {name}")
                after = await connection.fetchval(size)
                if after >= MIB // 4:
                    out[service, name] = before / after
        return out


def second_half(taken: Sequence[Sample]) -> Sequence[Sample]:
    """By time: what a system takes to warm up is no growth."""
    middle = taken[-1].seconds / 2
    return [sample for sample in taken if sample.seconds >= middle]
