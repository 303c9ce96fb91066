"""Members of the consumer groups come and go, some in order and some by a kill, so that partitions change hands."""

import asyncio
import sys

from handrail.local import environment, ports
from handrail.local.processes import SERVICE, Program
from tests.proof.run import Proof

SERVICES = ("monitor", "executor", "escalation", "tower", "audit")
STAYS_SECONDS = (1.0, 4.0)


async def come_and_go(proof: Proof) -> None:
    """`count` guests, one after the other. A guest has no name of its own: when it goes, its group divides anew."""
    chance = proof.chance
    for nth in range(proof.count):
        if proof.time_is_over:
            return
        service = SERVICES[nth % len(SERVICES)]
        name = f"{service}-guest"
        await asyncio.to_thread(_come, proof, service, name)
        await asyncio.sleep(chance.uniform(*STAYS_SECONDS))
        processes = proof.place.system.processes
        how = chance.choice(("leaves", "is killed"))
        await asyncio.to_thread(processes.stop if how == "leaves" else processes.kill, name)
        proof.note(f"a guest of {service} {how}")


def _come(proof: Proof, service: str, name: str) -> None:
    system = proof.place.system
    [port] = ports.free(1)
    prefix = service.upper()
    told = environment.load(system.home)[f"{service}-0"]
    guest = {key: value for key, value in told.items() if key != f"{prefix}_REPLICA"} | {
        f"{prefix}_HTTP_PORT": str(port)
    }
    argv = [sys.executable, "-m", service, "run"]
    log = system.home / "logs" / f"{name}.log"
    system.processes.start(Program(name, argv, log, guest, port, SERVICE, readiness="/readyz"))
    system.await_ready(name)
