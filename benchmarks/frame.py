"""What a run is told and tells, and what a row of the table is made of."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from resource import RUSAGE_SELF, getpagesize, getrusage

from handrail.local.sources import Infrastructure

SEED = 7
BATCH = 500
"""Records a transaction, on both sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where one run happens: servers with its topics, and a fresh copy of the row's database."""

    kafka: str
    dsn: str
    keys: str
    run: str
    """Names the consumer group, so that each run reads from the start."""
    events: int
    per_second: float = 0.0
    """Events offered a second; 0 offers each as soon as there is room."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> "Stage":
        return Stage(**json.loads(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one run took; `cpu_seconds` are those of the measured process alone."""

    events: int
    seconds: float
    cpu_seconds: float
    memory: tuple[int, ...] = ()
    """Bytes of the measured process that are resident: after a tenth of the events, and after all."""
    took: tuple[float, ...] = ()
    """Seconds that each step took, where steps are timed, in the order in which they ended."""

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.events / self.seconds

    @property
    def cpu_micros(self) -> float:
        """CPU microseconds per event."""
        return 1e6 * self.cpu_seconds / self.events


Side = Callable[[Stage], Coroutine[None, None, Measured]]
Prepare = Callable[[Infrastructure, int, int], Coroutine[None, None, str]]
"""(servers, partitions, events) -> the name of the database that each run gets a copy of."""


@dataclass(slots=True)
class Meter:
    """Counts what is done, from the end of the first batch on: starting up is not speed."""

    expected: int
    done: asyncio.Event = field(default_factory=asyncio.Event)
    count: int = 0
    first: int = 0
    began: tuple[float, float] = (0.0, 0.0)
    ended: tuple[float, float] = (0.0, 0.0)
    memory: tuple[int, ...] = ()

    def add(self, events: int) -> None:
        self.count += events
        if not self.first:
            self.first, self.began = events, now()
        if not self.memory and self.count >= self.expected / 10:
            self.memory = (resident(),)
        if self.count >= self.expected and not self.done.is_set():
            self.ended = now()
            self.memory = (*self.memory, resident())
            self.done.set()

    async def measured(self) -> Measured:
        await self.done.wait()
        return replace(between(self.began, self.ended, self.count - self.first), memory=self.memory)


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize()


def now() -> tuple[float, float]:
    """(wall seconds, CPU seconds of this process)."""
    used = getrusage(RUSAGE_SELF)
    return time.perf_counter(), used.ru_utime + used.ru_stime


def between(began: tuple[float, float], ended: tuple[float, float], events: int) -> Measured:
    return Measured(events=events, seconds=ended[0] - began[0], cpu_seconds=ended[1] - began[1])
