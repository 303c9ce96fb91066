"""Starts every process of a service again as soon as it is gone, as a cluster would."""

import asyncio
import signal
from collections import Counter
from dataclasses import dataclass, field

from handrail.local.failure import CannotStart
from tests.proof.place import Place

LOOK_SECONDS = 0.05


@dataclass
class Supervisor:
    place: Place
    kills: Counter[str] = field(default_factory=Counter)
    """By process: how often each was found dead."""
    resting: set[str] = field(default_factory=set)
    """Not to be started: a fault keeps these down for a while."""
    failures: list[str] = field(default_factory=list)

    async def watch(self) -> None:
        """For ever."""
        while True:
            for name in self.place.names:
                if name not in self.resting and self.place.system.processes.find(name) is None:
                    self.kills[name] += 1
                    await asyncio.to_thread(self._start, name)
            await asyncio.sleep(LOOK_SECONDS)

    def kill(self, name: str) -> bool:
        """SIGKILL; False when it is gone already."""
        record = self.place.system.processes.find(name)
        process = record.process() if record is not None else None
        if process is None:
            return False
        process.send_signal(signal.SIGKILL)
        return True

    def _start(self, name: str) -> None:
        try:
            self.place.system.processes.restart(name)
        except CannotStart as error:  # looked at again in a moment
            self.failures.append(f"{name}: {error}"[:500])
