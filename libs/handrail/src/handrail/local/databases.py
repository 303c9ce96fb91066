"""A PostgreSQL server as its users see it: databases by name."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg

CONNECT_TIMEOUT_SECONDS = 5
T = TypeVar("T")


class PostgresServer:
    """A running server on which databases may be made."""

    def __init__(self, admin_dsn: str) -> None:
        self._admin_dsn = admin_dsn

    def dsn(self, database: str) -> str:
        """How a client reaches one database of it."""
        return urlunsplit(urlsplit(self._admin_dsn)._replace(path=f"/{database}"))

    def create_database(self, name: str, template: str = "template1") -> str:
        """Make a database, as a copy of `template`; its DSN."""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.dsn(name)

    def drop_database(self, name: str) -> None:
        """Remove a database and cut off who still uses it."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(self, statement: str) -> None:
        """Run one statement as administrator."""
        run(_execute(self._admin_dsn, statement))


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_SECONDS)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def run(work: Coroutine[None, None, T]) -> T:
    """The result of a coroutine, from plain code, also when an event loop runs in the calling thread."""
    with ThreadPoolExecutor(1, "launcher") as own_thread:
        return own_thread.submit(asyncio.run, work).result()
