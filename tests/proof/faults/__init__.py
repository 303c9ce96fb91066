"""Every fault there is, with how much of it a small proof has."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tests.proof.faults import (
    broker,
    crash_points,
    duplicates,
    kill_switch,
    lost_kafka,
    postgres,
    random_kills,
    rebalance,
    restored,
    twin,
    zombie,
)
from tests.proof.run import Fault, Proof
from tests.proof.stream import WIDTH


@dataclass(frozen=True, slots=True)
class Kind:
    fault: Fault
    count: int
    """How many of it a small proof has."""
    after: Fault | None = None
    """Done when all is quiet again."""
    width: int = WIDTH
    """Campaigns at a time."""
    judges_not: tuple[str, ...] = ()
    """Promises that cannot be judged after it, by how their names begin."""


async def nothing(proof: Proof) -> None:
    """No fault at all while `count` campaigns begin: what the judge must find clean."""
    while proof.stream.begun < proof.count and not proof.time_is_over:
        await asyncio.sleep(1)


async def told_again(proof: Proof) -> None:
    """To others, in another order, and to those who know it already."""
    await twin.retold(proof)
    await duplicates.all_again(proof)


FAULTS: Mapping[str, Kind] = {
    "crash_points": Kind(crash_points.crash, 1),
    "random_kills": Kind(random_kills.kill, 16),
    "broker": Kind(broker.bounce, 2),
    "postgres": Kind(postgres.stop, 2),
    "kill_switch": Kind(kill_switch.engage, 4),
    "zombie": Kind(zombie.sleep, 1),
    "rebalance": Kind(rebalance.come_and_go, 3),
    "lost_kafka": Kind(lost_kafka.lose, 1),
    "duplicates": Kind(duplicates.again, 4, told_again),
}


async def every(proof: Proof) -> None:
    """One after the other over one stream, a little of each."""
    for name, kind in FAULTS.items():
        await kind.fault(replace(proof, count=kind.count, fault=name))


SMALL = Kind(every, 1, told_again, width=4)
RESTORED = Kind(restored.lose, 1, judges_not=restored.NEEDS_WHAT_IS_LOST)
KINDS: Mapping[str, Kind] = {"nothing": Kind(nothing, 12), "small": SMALL, "restored": RESTORED, **FAULTS}
"""What can be asked for by name."""
