"""What a proof came to: n trials without a failure bound the chance of one, they do not exclude it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.proof.report import bound


@dataclass
class Verdict:
    proof: str
    seed: int
    began: float = field(default_factory=time.monotonic)
    schedule: list[str] = field(default_factory=list)
    """What was done, each with its second."""
    covered: dict[str, int] = field(default_factory=dict)
    measured: dict[str, str] = field(default_factory=dict)
    """Printed, never judged."""
    found: dict[str, Sequence[object]] = field(default_factory=dict)
    """By invariant: what violates it."""
    trials: int = 0

    def note(self, what: str) -> None:
        """It happened now."""
        self.schedule.append(f"{time.monotonic() - self.began:7.1f} s  {what}")

    @property
    def violations(self) -> dict[str, Sequence[object]]:
        return {invariant: found for invariant, found in self.found.items() if found}

    @property
    def holds(self) -> bool:
        return bool(self.trials) and not self.violations

    def text(self) -> str:
        lines = [f"{self.proof}: seed {self.seed}, {time.monotonic() - self.began:.0f} s"]
        lines += [f"  {line}" for line in self.schedule]
        lines.append(f"  covered     {_said(self.covered)}")
        lines += [f"  {name:<11} {value}" for name, value in self.measured.items()]
        for invariant, found in self.found.items():
            lines.append(f"  {len(found):>5}  {invariant}")
            lines += [f"           {example}" for example in found[:5]]
        lines.append(f"  holds       {bound(self.trials, 'trials')}" if self.holds else "  FAILS       see above")
        return "\n".join(lines)


def percentiles(seconds: Sequence[float]) -> str:
    """p50, p99 and the largest, in milliseconds."""
    ordered = sorted(seconds)
    if not ordered:
        return "nothing"
    at = [ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 for share in (0.5, 0.99)]
    return f"p50 {at[0]:.0f} ms, p99 {at[1]:.0f} ms, max {ordered[-1] * 1000:.0f} ms"


def _said(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "nothing"
