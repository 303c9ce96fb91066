"""One proof: a stream of campaigns, faults while it flows, quiet, and the judge's verdict."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.proof.book import Book
from tests.proof.campaigns import Campaign
from tests.proof.judge import evidence, verdict
from tests.proof.place import Place
from tests.proof.quiet import NotQuiet, Progress, progress, quiet
from tests.proof.report import Report
from tests.proof.stream import WIDTH, Stream
from tests.proof.supervisor import Supervisor

STILL_SECONDS = 20.0
LOOKS = 5


@dataclass
class Proof:
    """What a fault has in hand while campaigns flow."""

    place: Place
    stream: Stream
    supervisor: Supervisor
    seed: int
    count: int
    """How many faults are wanted."""
    seconds: float
    """After so long no other fault begins."""
    began: float = field(default_factory=time.monotonic)
    fault: str = ""
    """Which kind of fault is in hand."""
    schedule: list[str] = field(default_factory=list)
    """Each fault with its second, in order."""
    by_fault: dict[str, int] = field(default_factory=dict)
    covered: dict[str, int] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    """What should have been covered and was not."""
    problems: list[str] = field(default_factory=list)
    """What a fault itself saw go wrong."""

    @property
    def chance(self) -> random.Random:
        return random.Random(f"{self.seed}|fault")

    @property
    def time_is_over(self) -> bool:
        return time.monotonic() - self.began > self.seconds

    async def something_happens(self) -> None:
        """Until the witness sees a new record: a fault in a system that does nothing shows nothing."""
        await _grows(self.place.witness)

    async def something_leaves(self) -> None:
        """Until the world takes a mail."""
        await _grows(self.place.ledger)

    def say(self, what: str) -> None:
        """How far it is, for whoever watches."""
        print(f"{time.monotonic() - self.began:7.1f} s  {what}", flush=True)

    def note(self, what: str, *, covers: str | None = None) -> None:
        """A fault happened now."""
        self.schedule.append(f"{time.monotonic() - self.began:7.1f} s  {what}")
        self.say(what)
        name = covers or what
        self.covered[name] = self.covered.get(name, 0) + 1
        self.by_fault[self.fault] = self.by_fault.get(self.fault, 0) + 1


async def _gathered(place: Place, book: Book, far: Sequence[Progress]) -> evidence.Evidence:
    """What there is to judge, of one moment: audit signs a checkpoint now and then, also while all is quiet."""
    gathered = await evidence.gather(place, book, far)
    for _ in range(LOOKS):
        if not far or set(await progress(place.kafka)) == set(far):
            break
        far = await quiet(place)
        gathered = await evidence.gather(place, book, far)
    return gathered


async def _grows(file: Path) -> None:
    """Until it does, or for so long that a fault may as well happen now."""
    before, since = file.stat().st_size, time.monotonic()
    while file.stat().st_size == before and time.monotonic() - since < STILL_SECONDS:
        await asyncio.sleep(0.05)


Fault = Callable[[Proof], Awaitable[None]]


async def prove(
    place: Place,
    name: str,
    fault: Fault,
    *,
    seed: int,
    count: int,
    seconds: float,
    after: Fault | None = None,
    book: Book | None = None,
    width: int = WIDTH,
    first: int = 0,
    judges_not: tuple[str, ...] = (),
) -> Report:
    """Let campaigns flow, do `fault`, let all that began end, and judge everything from the first record on.

    `after` is done when all is quiet, before the judge looks.
    Promises whose names begin with one of `judges_not` cannot be judged after it.
    `first` numbers the first campaign: several proofs on one system take other people. They share their `book`.
    """
    book = book or Book()
    supervisor = Supervisor(place)
    watching = [asyncio.create_task(work) for work in (supervisor.watch(), supervisor.ask())]
    problems: list[str] = []
    try:
        async with Stream(place, book, lambda nth: Campaign(seed, first + nth), width) as stream:
            proof = Proof(place, stream, supervisor, seed, count, seconds, fault=name)
            doing = asyncio.ensure_future(fault(proof))
            while not doing.done():
                await asyncio.wait([doing], timeout=1)
                stream.check()
            await doing
            proof.say("no other fault; what began ends")
            await stream.finish()
        try:
            proof.say("all campaigns are over; the rest is read and settled")
            far = await quiet(place)
            proof.say("all is quiet")
            if after is not None:
                await after(proof)
                far = await quiet(place)
        except NotQuiet as loud:
            problems.append(f"not quiet: {loud}")
            far = []
    finally:
        for task in watching:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    gathered = await _gathered(place, book, far)
    chosen = [one for one in verdict.invariants() if not one.name.startswith(judges_not)]
    findings = await verdict.judged(gathered.dsn, chosen)
    planted = await verdict.self_test(gathered.dsn, chosen)
    problems += [f"{number}: {how}" for number, how in book.stories.items() if number >= first and " " in how]
    problems += [*proof.problems, *(f"no longer alive: {what}" for what in supervisor.dead_alive)]
    problems += [f"not covered: {what}" for what in proof.missed]
    if book.refusals_seen != book.refusals_expected:
        problems.append(f"{book.refusals_expected - book.refusals_seen} forbidden votes were taken")
    return Report(
        fault=name,
        seed=seed,
        schedule=tuple(proof.schedule),
        covered=proof.covered,
        by_fault=proof.by_fault,
        kills=dict(supervisor.kills),
        campaigns=stream.begun,
        stories={number: how for number, how in book.stories.items() if number >= first},
        asked_again=stream.doors.asked_again,
        records=gathered.records,
        effects=gathered.effects,
        findings=tuple(findings),
        planted=tuple(planted),
        problems=tuple(problems),
        seconds=time.monotonic() - proof.began,
    )
