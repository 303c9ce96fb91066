"""Starts every process of a service again as soon as it is gone, or says that it lives no more, as a cluster would."""

import asyncio
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

from handrail.local.failure import CannotStart
from tests.proof.place import Place

LOOK_SECONDS = 0.05
ASK_SECONDS = 2.0
ANSWER_SECONDS = 5.0


@dataclass
class Supervisor:
    place: Place
    kills: Counter[str] = field(default_factory=Counter)
    """By process: how often each was found dead."""
    dead_alive: list[str] = field(default_factory=list)
    """What ran, and said that a part of it had ended: no fault here is a reason to."""
    hands_off: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by whoever stops processes on purpose: nothing is started meanwhile."""

    async def watch(self) -> None:
        """For ever."""
        while True:
            async with self.hands_off:
                for name in self.place.urls:
                    if self.place.system.processes.find(name) is None:
                        self.kills[name] += 1
                        await asyncio.to_thread(self._start, name)
            await asyncio.sleep(LOOK_SECONDS)

    async def ask(self) -> None:
        """For ever, too."""
        async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as http:
            while True:
                for name, url in self.place.urls.items():
                    with suppress(httpx.HTTPError):  # it is being started, or sleeps
                        answer = await http.get(f"{url}/livez")
                        if answer.status_code != httpx.codes.OK:
                            self.dead_alive.append(f"{name}: {answer.text}")
                            self.kill(name)
                await asyncio.sleep(ASK_SECONDS)

    def kill(self, name: str) -> bool:
        """SIGKILL; False when it is gone already."""
        record = self.place.system.processes.find(name)
        process = record.process() if record is not None else None
        if process is None:
            return False
        process.send_signal(signal.SIGKILL)
        return True

    def _start(self, name: str) -> None:
        with suppress(CannotStart):  # looked at again in a moment
            self.place.system.processes.restart(name)
