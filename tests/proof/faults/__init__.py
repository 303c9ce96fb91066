"""Every fault there is, with how much of it a small proof has."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from tests.proof.faults import crash_points, random_kills
from tests.proof.run import Fault, Proof


@dataclass(frozen=True, slots=True)
class Kind:
    fault: Fault
    count: int


async def nothing(proof: Proof) -> None:
    """No fault at all while `count` campaigns begin: what the judge must find clean."""
    while proof.stream.begun < proof.count and not proof.time_is_over:
        await asyncio.sleep(1)


FAULTS: Mapping[str, Kind] = {
    "nothing": Kind(nothing, 12),
    "crash_points": Kind(crash_points.crash, 1),
    "random_kills": Kind(random_kills.kill, 24),
}
