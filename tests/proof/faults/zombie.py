"""An executor sleeps past its leases while its mails are on the way, and wakes up as if nothing had happened.

Meanwhile another one has settled what it held. The broker sleeps too, now and then.
"""

import asyncio
import signal

from tests.proof.run import Proof

BETWEEN_SECONDS = (1.0, 4.0)
AWAKE_SECONDS = (0.0, 0.5)
BEYOND_SECONDS = (1.0, 4.0)
KAFKA_SECONDS = (2.0, 8.0)
KAFKA = "kafka"


async def sleep(proof: Proof) -> None:
    """`count` times; every fourth sleeper is the broker."""
    chance = proof.chance
    lease = proof.place.lease_seconds
    for nth in range(proof.count):
        await asyncio.sleep(chance.uniform(*BETWEEN_SECONDS))
        await proof.something_leaves()
        await asyncio.sleep(chance.uniform(*AWAKE_SECONDS))
        if proof.time_is_over:
            return
        name = KAFKA if nth % 4 == 3 else chance.choice(("executor-0", "executor-1"))
        seconds = chance.uniform(*KAFKA_SECONDS) if name == KAFKA else lease + chance.uniform(*BEYOND_SECONDS)
        if _send(proof, name, signal.SIGSTOP):
            proof.note(f"{name} sleeps for {seconds:.1f} s", covers=f"{name} sleeps")
            await asyncio.sleep(seconds)
            _send(proof, name, signal.SIGCONT)


def _send(proof: Proof, name: str, number: int) -> bool:
    record = proof.place.system.processes.find(name)
    process = record.process() if record is not None else None
    if process is None:
        return False
    process.send_signal(number)
    return True
