"""The local PostgreSQL keeps what was committed."""

import asyncpg

from handrail.local.postgres import LocalPostgres


async def test_what_was_committed_survives_a_killed_server(postgres: LocalPostgres) -> None:
    dsn = postgres.create_database("launcher_kept")
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    connection.terminate()
    postgres.kill()
    postgres.start()
    assert await value(dsn, "SELECT one FROM kept") == 1
    postgres.drop_database("launcher_kept")


async def test_the_server_has_the_settings_that_services_rely_on(postgres: LocalPostgres) -> None:
    dsn = postgres.dsn("postgres")
    assert await value(dsn, "SHOW fsync") == "on"
    assert await value(dsn, "SHOW max_connections") == "200"
    assert await value(dsn, "SHOW server_encoding") == "UTF8"
    assert await value(dsn, "SHOW listen_addresses") == "127.0.0.1"


async def value(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()
