"""Our side: the real service, as `python -m <service> run` runs it, with a meter on its applier."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from benchmarks.frame import Measured, Meter
from chassis.fold import Applier, Fold
from chassis.postgres import Transaction
from chassis.records import Received
from chassis.service import Build, Parts, serve
from chassis.settings import ChassisSettings
from handrail.local import ports


@dataclass(frozen=True, slots=True)
class MeteredFold(Fold[Any, Any]):
    meter: Meter = field(default_factory=lambda: Meter(0))

    async def apply(self, tx: Transaction, batch: Sequence[Received]) -> None:
        await Fold.apply(self, tx, batch)
        tx.after(lambda: self.meter.add(len(batch)))


@dataclass(frozen=True, slots=True)
class Metered:
    applier: Applier
    meter: Meter

    async def apply(self, tx: Transaction, batch: Sequence[Received]) -> None:
        await self.applier.apply(tx, batch)
        tx.after(lambda: self.meter.add(len(batch)))


def metered(build: Build, meter: Meter, topics: Sequence[str]) -> Build:
    """`build`, reading `topics` alone and counting what it applied."""

    async def with_meter(parts: Parts) -> None:
        await build(parts)
        parts.topics = topics
        match parts.applier:
            case Fold() as fold:
                parts.applier = MeteredFold(**{one.name: getattr(fold, one.name) for one in fields(fold)}, meter=meter)
            case None:
                raise TypeError(f"{parts.name} has no applier")
            case applier:
                parts.applier = Metered(applier, meter)

    return with_meter


async def serving(name: str, settings: ChassisSettings, build: Build, measuring: Awaitable[Measured]) -> Measured:
    """Serve until everything is measured; a service that fails takes the run with it."""
    service = asyncio.ensure_future(serve(name, settings, build))
    measured = asyncio.ensure_future(measuring)
    await asyncio.wait({service, measured}, return_when=asyncio.FIRST_COMPLETED)
    if not measured.done():
        await service
        raise RuntimeError(f"{name} ended before everything was done")
    return measured.result()


def port() -> int:
    [free] = ports.free(1)
    return free
