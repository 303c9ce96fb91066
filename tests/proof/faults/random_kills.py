"""Any process of any service, at any moment, again and again."""

import asyncio

from tests.proof.run import Proof

BETWEEN_SECONDS = (0.1, 1.5)


async def kill(proof: Proof) -> None:
    """`count` kills; the seed says whom, and after which pause from when the system said something again."""
    chance = proof.chance
    names = list(proof.place.urls)
    order: list[str] = []
    for _ in range(proof.count):
        if not order:  # each as often as the others, in any order
            order = chance.sample(names, len(names))
        await asyncio.sleep(chance.uniform(*BETWEEN_SECONDS))
        await proof.something_happens()
        if proof.time_is_over:
            return
        name = order.pop()
        if proof.supervisor.kill(name):
            proof.note(f"kill {name}", covers=name)
