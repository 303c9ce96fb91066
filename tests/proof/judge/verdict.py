"""The invariants, one SQL file each: no row means that the promise held. And their self-test: what is planted shows."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

FOLDER = Path(__file__).parent.parent / "invariants"
SHOWN = 5
_PLANT = re.compile(r"^-- plant: (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Invariant:
    name: str
    sql: str
    plants: tuple[tuple[str, str], ...]
    """(what is planted, the statement that does)"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What an invariant found: how many violations, and some of them."""

    invariant: str
    violations: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Planted:
    """Whether an invariant saw what was planted."""

    invariant: str
    what: str
    seen: bool


def invariants() -> list[Invariant]:
    """All there are; each has a file of plants beside it."""
    return [
        Invariant(file.stem, file.read_text(), tuple(_plants(FOLDER / "plants" / file.name)))
        for file in sorted(FOLDER.glob("*.sql"))
    ]


def _plants(file: Path) -> Iterator[tuple[str, str]]:
    parts = _PLANT.split(file.read_text())[1:]
    yield from zip(parts[::2], parts[1::2], strict=True)


async def judged(dsn: str, chosen: Sequence[Invariant]) -> list[Finding]:
    judge = await asyncpg.connect(dsn)
    try:
        return [await _look(judge, one) for one in chosen]
    finally:
        await judge.close()


async def self_test(dsn: str, chosen: Sequence[Invariant]) -> list[Planted]:
    """Plant each violation in what was gathered, look, and take it back; what found nothing to spoil is unseen."""
    judge = await asyncpg.connect(dsn)
    out: list[Planted] = []
    try:
        for one in chosen:
            before = (await _look(judge, one)).violations
            for what, statement in one.plants:
                attempt = judge.transaction()
                await attempt.start()
                try:
                    await judge.execute(statement)
                    after = (await _look(judge, one)).violations
                finally:
                    await attempt.rollback()
                out.append(Planted(one.name, what, after > before))
    finally:
        await judge.close()
    return out


async def _look(judge: asyncpg.Connection, one: Invariant) -> Finding:
    rows = await judge.fetch(one.sql)
    return Finding(one.name, len(rows), tuple(f"{row['what']}: {row['which']}" for row in rows[:SHOWN]))
