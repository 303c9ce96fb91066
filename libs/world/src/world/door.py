"""A front door of ours as an outsider meets it: it may be away, it gets things late, twice and out of order."""

import asyncio
import heapq
import itertools
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import httpx

log = logging.getLogger(__name__)
R = TypeVar("R")

BATCH = 100
GATHER_SECONDS = 0.1
TWICE = 0.1
"""Share of batches of which one report comes again."""
BACK_OFF_SECONDS = (0.2, 2.0)
ANSWER_SECONDS = 10.0
TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Call:
    url: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Door(Generic[R]):
    """Reports wait here until they are due, and until the door has taken them; only a refusal loses one."""

    name: str
    call: Callable[[list[R]], Call]
    """Made anew for each attempt: a signature carries the time."""
    client: httpx.AsyncClient
    chance: random.Random
    taken: int = 0
    repeated: int = 0
    refused: int = 0
    attempts: int = 0
    last_refusal: str = ""
    _due: list[tuple[float, int, bool, R]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _more: asyncio.Event = field(default_factory=asyncio.Event)
    _in_hand: int = 0

    @property
    def pending(self) -> int:
        return len(self._due) + self._in_hand

    def report(self, what: R, after_seconds: float, *, again: bool = False) -> None:
        at = asyncio.get_running_loop().time() + after_seconds
        heapq.heappush(self._due, (at, next(self._numbers), again, what))
        self._more.set()

    async def run(self) -> None:
        while True:
            batch = await self._next()
            self._in_hand = len(batch)
            self.chance.shuffle(batch)
            first_time = [what for what, again in batch if not again]
            if await self._deliver([what for what, _ in batch]):
                self.taken += len(first_time)
                self.repeated += len(batch) - len(first_time)
                if first_time and self.chance.random() < TWICE:
                    self.report(self.chance.choice(first_time), self.chance.uniform(0.1, 0.6), again=True)
            else:
                self.refused += len(batch)
            self._in_hand = 0

    async def _next(self) -> list[tuple[R, bool]]:
        loop = asyncio.get_running_loop()
        while not self._due or self._due[0][0] > loop.time():
            self._more.clear()
            wait = self._due[0][0] - loop.time() if self._due else None
            try:
                await asyncio.wait_for(self._more.wait(), wait)
            except TimeoutError:
                continue
        await asyncio.sleep(GATHER_SECONDS)
        out: list[tuple[R, bool]] = []
        while self._due and self._due[0][0] <= loop.time() and len(out) < BATCH:
            _, _, again, what = heapq.heappop(self._due)
            out.append((what, again))
        return out

    async def _deliver(self, batch: list[R]) -> bool:
        """Until it is taken, or refused for good."""
        wait, longest = BACK_OFF_SECONDS
        while True:
            self.attempts += 1
            call = self.call(batch)
            try:
                answer = await self.client.post(
                    call.url, content=call.body, headers=call.headers, timeout=ANSWER_SECONDS
                )
            except httpx.TransportError as error:
                log.info("%s is away: %s", self.name, type(error).__name__)
            else:
                if answer.is_success:
                    return True
                if answer.status_code not in TRY_AGAIN:
                    self.last_refusal = f"{answer.status_code} {answer.text[:300]}"
                    log.warning("%s refused %d reports: %s", self.name, len(batch), self.last_refusal)
                    return False
                log.info("%s is busy: %d", self.name, answer.status_code)
            await asyncio.sleep(wait * self.chance.uniform(0.8, 1.2))
            wait = min(wait * 2, longest)
