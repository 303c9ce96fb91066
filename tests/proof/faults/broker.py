"""A broker is killed and comes back, under load; of a cluster, one after the other."""

import asyncio

from tests.proof.run import Proof

DOWN_SECONDS = (0.0, 3.0)
UP_SECONDS = (5.0, 12.0)


async def bounce(proof: Proof) -> None:
    """`count` times SIGKILL, some time without that broker, and the same data again."""
    chance, brokers = proof.chance, proof.place.brokers
    for nth in range(proof.count):
        await asyncio.sleep(chance.uniform(*UP_SECONDS))
        if proof.time_is_over:
            return
        broker = brokers[nth % len(brokers)]
        await asyncio.to_thread(broker.kill)
        proof.note(f"kill {broker.name}")
        await asyncio.sleep(chance.uniform(*DOWN_SECONDS))
        await asyncio.to_thread(broker.start)
