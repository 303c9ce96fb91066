"""Campaign after campaign, some at a time, as long as wanted; and the end of all that began."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from tests.proof.book import Book
from tests.proof.campaigns import Campaign
from tests.proof.desk import Desk
from tests.proof.doors import Doors, NobodyAnswers
from tests.proof.place import Place
from tests.proof.stories import Life, TooLong

WIDTH = 6
"""Campaigns that people live through at a time."""


@dataclass
class Stream:
    place: Place
    book: Book
    make: Callable[[int], Campaign]
    width: int = WIDTH
    begun: int = 0
    stopping: bool = False
    _lives: "list[asyncio.Task[None]]" = field(default_factory=list)
    _reading: "asyncio.Task[None] | None" = None

    async def __aenter__(self) -> "Stream":
        self.doors = Doors(self.place)
        self.desk = Desk(self.doors, self.book)
        self._reading = asyncio.create_task(self.desk.read())
        self._lives = [asyncio.create_task(self._one_after_another()) for _ in range(self.width)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in (*self._lives, self._reading):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await self.doors.http.aclose()

    async def finish(self) -> None:
        """Begin no other; wait until all that began are over. Raises what went wrong in one."""
        self.stopping = True
        await asyncio.gather(*self._lives)

    def check(self) -> None:
        """Raise what ended the stream, should something have."""
        for task in (*self._lives, self._reading):
            if task is not None and task.done() and not self.stopping:
                task.result()

    async def _one_after_another(self) -> None:
        while not self.stopping:
            campaign = self.make(self.begun)
            self.begun += 1
            life = Life(campaign, self.place, self.doors, self.desk, self.book)
            try:
                await life.live()
                self.book.stories[campaign.number] = campaign.story.value
            except (TooLong, NobodyAnswers) as late:
                self.book.stories[campaign.number] = str(late)
