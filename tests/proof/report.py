"""What a proof came to: n faults without a failure bound the chance of one, they do not exclude it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tests.proof.judge.verdict import Finding, Planted


@dataclass(frozen=True)
class Report:
    fault: str
    seed: int
    schedule: tuple[str, ...]
    covered: Mapping[str, int]
    by_fault: Mapping[str, int]
    """How many faults of each kind there were."""
    kills: Mapping[str, int]
    campaigns: int
    stories: Mapping[int, str]
    asked_again: int
    records: int
    effects: int
    findings: tuple[Finding, ...]
    planted: tuple[Planted, ...]
    problems: tuple[str, ...]
    seconds: float

    @property
    def violations(self) -> int:
        return sum(finding.violations for finding in self.findings)

    @property
    def unseen(self) -> list[Planted]:
        """Planted violations that the judge did not see: its verdict is worth nothing then."""
        return [one for one in self.planted if not one.seen]

    @property
    def holds(self) -> bool:
        return not self.violations and not self.problems and not self.unseen

    @property
    def faults(self) -> int:
        return sum(self.covered.values())

    def text(self, *, schedule: bool = True) -> str:
        lines = [f"{self.fault}: seed {self.seed}, {self.seconds:.0f} s"]
        if schedule:
            lines += [f"  {line}" for line in self.schedule]
        stories = Counter(how if " " not in how else "too long" for how in self.stories.values())
        lines += [
            f"  covered     {_said(self.covered)}",
            f"  kills       {sum(self.kills.values())}: {_said(self.kills)}",
            f"  campaigns   {self.campaigns}: {_said(stories)}",
            f"  effects     {self.effects}; records {self.records}; asked again at a door {self.asked_again}",
        ]
        for finding in self.findings:
            lines.append(f"  {finding.violations:>5}  {finding.invariant}")
            lines += [f"           {example}" for example in finding.examples]
        seen = len(self.planted) - len(self.unseen)
        lines.append(f"  self-test   {seen} of {len(self.planted)} planted violations seen")
        lines += [f"    unseen    {one.invariant}: {one.what}" for one in self.unseen]
        lines += [f"  problem     {problem}" for problem in self.problems]
        lines.append(
            f"  {'holds' if self.holds else 'FAILS'}       {bound(self.faults) if self.holds else 'see above'}"
        )
        return "\n".join(lines)


def bound(trials: int, what: str = "faults") -> str:
    """The rule of three: no failure in n trials means at most 3/n at 95 % confidence."""
    if not trials:
        return f"no {what}, no bound"
    return f"0 failures in {trials} {what}: at most {min(1.0, 3 / trials):.2%} of such {what} fail (95 %)"


def _said(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "nothing"
