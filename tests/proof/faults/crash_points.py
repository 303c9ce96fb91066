"""Every place where a service says that it can be ended, one after the other, while campaigns flow."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from handrail.local.environment import SERVICES
from tests.proof.run import Proof

HIT_SECONDS = 240.0
LISTING_SECONDS = 240.0
LOOK_SECONDS = 0.05

TASKS, COMMANDS, RELAY = ("task.",), ("command.",), ("relay.",)
UNREACHABLE: Mapping[str, tuple[str, ...]] = {
    "briefing": TASKS,
    "monitor": COMMANDS,  # its doors write reports, in a transaction of their own
    "audit": TASKS + COMMANDS,
    "tower": TASKS + COMMANDS + RELAY,  # it says nothing
}
"""What the chassis lists for every service, and these never come to."""


def listed(service: str) -> list[str]:
    """The points of a service, as its own command line names them."""
    asked = subprocess.run(
        [sys.executable, "-m", service, "crash-points"],
        capture_output=True,
        text=True,
        timeout=LISTING_SECONDS,
        check=True,
    )
    never = UNREACHABLE.get(service, ())
    return [point for point in asked.stdout.split() if not point.startswith(never)] if never else asked.stdout.split()


AFTER_DEATHS = ("dispatch.left_behind",)
"""Only come to after a death in mid-send, which the point before was: at the first occurrence each time."""


async def crash(proof: Proof) -> None:
    """All services at once, each point `count` times: at its first, second ... occurrence."""
    points = await asyncio.gather(*(asyncio.to_thread(listed, service) for service in SERVICES))
    await asyncio.gather(*(_service(proof, name, mine) for name, mine in zip(SERVICES, points, strict=True)))


async def _service(proof: Proof, service: str, points: list[str]) -> None:
    folder = proof.place.crash_points
    for occurrence in range(1, proof.count + 1):
        for point in points:
            name = f"{service} {point}"
            nth = 1 if point in AFTER_DEATHS else occurrence
            if await _hit(folder, service, f"{point} {nth}"):
                proof.note(f"{name} at occurrence {occurrence}", covers=name)
            else:
                proof.missed.append(f"{name} at occurrence {occurrence}")


async def _hit(folder: Path, service: str, armed: str) -> bool:
    """Arm, and wait until a process ended itself there."""
    file, hit = folder / service, folder / f"{service}.hit"
    hit.unlink(missing_ok=True)
    fresh = folder / f"{service}.new"
    fresh.write_text(armed)
    os.replace(fresh, file)
    loop = asyncio.get_running_loop()
    give_up = loop.time() + HIT_SECONDS
    while not hit.exists():
        if loop.time() > give_up:
            file.unlink(missing_ok=True)
            return False
        await asyncio.sleep(LOOK_SECONDS)
    return True
