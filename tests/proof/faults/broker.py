"""Kafka is killed and comes back, under load."""

import asyncio

from handrail.local.kafka import Kafka
from tests.proof.run import Proof

DOWN_SECONDS = (0.0, 3.0)
UP_SECONDS = (5.0, 12.0)


async def bounce(proof: Proof) -> None:
    """`count` times SIGKILL, some time without a broker, and the same data again."""
    chance = proof.chance
    for _ in range(proof.count):
        await asyncio.sleep(chance.uniform(*UP_SECONDS))
        if proof.time_is_over:
            return
        kafka = _process(proof)
        await asyncio.to_thread(kafka.kill)
        proof.note("kill kafka")
        await asyncio.sleep(chance.uniform(*DOWN_SECONDS))
        await asyncio.to_thread(kafka.start)


def _process(proof: Proof) -> Kafka:
    kafka = proof.place.system.infrastructure.kafka_process
    assert kafka is not None, "only a broker of our own can be killed"
    return kafka
