"""PostgreSQL is stopped at once and comes back, and between two stops its connections are cut, under load."""

import asyncio

import asyncpg

from handrail.local.postgres import LocalPostgres
from tests.proof.run import Proof

DOWN_SECONDS = (0.0, 2.0)
UP_SECONDS = (4.0, 10.0)
CUTS = 3
_CUT = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
 WHERE datname LIKE 'handrail%' AND pid <> pg_backend_pid()
"""


async def stop(proof: Proof) -> None:
    """`count` times: connections cut at random moments, then SIGKILL to the server, and the same data again."""
    chance = proof.chance
    for _ in range(proof.count):
        for _ in range(CUTS):
            await asyncio.sleep(chance.uniform(*UP_SECONDS) / CUTS)
            if proof.time_is_over:
                return
            cut = await _cut(proof)
            proof.note(f"cut {cut} connections", covers="cut connections")
        server = _process(proof)
        await asyncio.to_thread(server.kill)
        proof.note("kill postgres")
        await asyncio.sleep(chance.uniform(*DOWN_SECONDS))
        await asyncio.to_thread(server.start)


async def _cut(proof: Proof) -> int:
    connection = await asyncpg.connect(proof.place.system.infrastructure.postgres.dsn("postgres"))
    try:
        return int(await connection.fetchval(_CUT))
    finally:
        await connection.close()


def _process(proof: Proof) -> LocalPostgres:
    server = proof.place.system.infrastructure.postgres_process
    assert server is not None, "only a server of our own can be killed"
    return server
