"""Which fault, from which seed: in any order, but what failed once comes first, for ever."""

import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.proof.faults import FAULTS

REGRESSIONS = Path(__file__).parent / "regressions.json"
LARGER = 3
"""Times as many faults as in a small proof."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The same seed and count: the same faults in the same order, and the same campaigns. When they meet is chance."""

    fault: str
    seed: int
    count: int


def known() -> list[Schedule]:
    """Those that failed once."""
    return [Schedule(**one) for one in json.loads(REGRESSIONS.read_text())]


def keep(failed: Schedule) -> None:
    """Remember it for every later run."""
    kept = known()
    if failed not in kept:
        REGRESSIONS.write_text(json.dumps([asdict(one) for one in (*kept, failed)], indent=1) + "\n")


def schedules(seed: int) -> Iterator[Schedule]:
    """Without end."""
    yield from known()
    chance = random.Random(seed)
    while True:
        for name in chance.sample(sorted(FAULTS), len(FAULTS)):
            yield Schedule(name, chance.randrange(10**6), FAULTS[name].count * LARGER)
