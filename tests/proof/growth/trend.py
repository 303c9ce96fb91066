"""Whether a series grows: a line through it, and how far that may be off."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

HOUR = 3600.0
FEWEST = 8
SIGMAS = 2.0
"""About 95 %."""


class Growth(Enum):
    FLAT = "flat"
    GROWS = "grows"
    UNKNOWN = "not shown"
    """The run was too short, or the series too rough."""


@dataclass(frozen=True)
class Trend:
    """Growth per hour, and by how much it may be off in either direction (95 %)."""

    per_hour: float
    off: float

    def judged(self, limit: float) -> Growth:
        """Whether it is at most `limit` per hour."""
        if self.per_hour + self.off <= limit:
            return Growth.FLAT
        return Growth.GROWS if self.per_hour - self.off > limit else Growth.UNKNOWN


def trend(seconds: Sequence[float], values: Sequence[float]) -> Trend:
    """Least squares. Neighbours are alike, so fewer points count than there are: as many as their likeness leaves."""
    count = len(seconds)
    if count < FEWEST:
        raise ValueError(f"{count} samples tell nothing")
    middle, mean = sum(seconds) / count, sum(values) / count
    spread = sum((at - middle) ** 2 for at in seconds)
    slope = sum((at - middle) * (value - mean) for at, value in zip(seconds, values, strict=True)) / spread
    rest = [value - mean - slope * (at - middle) for at, value in zip(seconds, values, strict=True)]
    squares = sum(one**2 for one in rest)
    if not squares:
        return Trend(slope * HOUR, 0.0)
    alike = min(0.95, max(0.0, sum(one * after for one, after in pairwise(rest)) / squares))
    independent = max(3.0, count * (1 - alike) / (1 + alike))
    error = (squares / ((independent - 2) * spread)) ** 0.5
    return Trend(slope * HOUR, SIGMAS * error * HOUR)
