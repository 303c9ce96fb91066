"""Records come again: in blocks, late, in any order of the blocks, while campaigns flow and when all is quiet.

At the end everything that was ever said is said once more, and not one row of any table may differ afterwards, but
those that say where reading began.
"""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta

import asyncpg
from aiokafka import AIOKafkaProducer

from handrail.local.environment import SERVICES
from tests.proof.quiet import quiet
from tests.proof.replaying import Line, record, said_so_far
from tests.proof.run import Proof

AT_ONCE = 10
BETWEEN_SECONDS = 0.5
STANDSTILL = timedelta(hours=1)
# `attempt` says where reading began, and what comes again stands elsewhere.
_TABLES = """
SELECT relname FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'attempt' ORDER BY 1
"""


async def again(proof: Proof) -> None:
    """`count` times some blocks of what was said so far."""
    chance = proof.chance
    for nth in range(proof.count):
        await asyncio.sleep(BETWEEN_SECONDS)
        if proof.time_is_over:
            return
        blocks = said_so_far(proof.place.witness)
        if not blocks:
            continue
        chosen = chance.sample(blocks, min(AT_ONCE, len(blocks)))
        await _say(proof, chosen, random.Random(f"{proof.seed}|{nth}"))
        proof.note("blocks come again")


async def all_again(proof: Proof) -> None:
    """When all is quiet: everything once more, and the same state byte for byte.

    Deadlines stand still meanwhile: in a long proof one is always near, and what it does is no repetition's doing.
    """
    await _put_off(proof, STANDSTILL)
    await quiet(proof.place)
    before = await _state(proof)
    blocks = said_so_far(proof.place.witness)
    await _say(proof, blocks, proof.chance)
    await quiet(proof.place)
    after = await _state(proof)
    await _put_off(proof, -STANDSTILL)
    proof.note(f"{sum(map(len, blocks))} records come again", covers="everything comes again")
    proof.problems += [f"changed by what came again: {name}" for name in before if before[name] != after[name]]


async def _say(proof: Proof, blocks: Sequence[list[Line]], chance: random.Random) -> None:
    """Each block in its order, the blocks in any."""
    async with AIOKafkaProducer(bootstrap_servers=proof.place.kafka, acks="all") as producer:
        for block in chance.sample(blocks, len(blocks)):
            waiting = [await producer.send(**record(line)) for line in block]
            await asyncio.gather(*waiting)


async def _put_off(proof: Proof, by: timedelta) -> None:
    """Every deadline that is still to come."""
    for service in SERVICES:
        connection = await asyncpg.connect(proof.place.system.dsn(service))
        try:
            await connection.execute("UPDATE task SET due_at = due_at + $1 WHERE done_at IS NULL", by)
        finally:
            await connection.close()


async def _state(proof: Proof) -> dict[str, str]:
    """A hash of all rows of each table."""
    out: dict[str, str] = {}
    for service in SERVICES:
        connection = await asyncpg.connect(proof.place.system.dsn(service))
        try:
            for row in await connection.fetch(_TABLES):
                name = row["relname"]
                hashed = f"""
                SELECT md5(coalesce(string_agg(md5(row::text), '' ORDER BY md5(row::text)), '')) FROM "{name}" AS row
                """
                out[f"{service}.{name}"] = await connection.fetchval(hashed)
        finally:
            await connection.close()
    return out
