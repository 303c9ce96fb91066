"""What goes wrong, and when: by rate and seed for a door, or by address for one mail. The same run, the same faults.

A mail to `<kind>[-<times>][+<anything>]@simulator.example` meets that fault at its first request, or its first `times`.
"""

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

SIMULATOR = "simulator.example"
_ADDRESSED = re.compile(r"^(?P<kind>[a-z_]+)(?:-(?P<times>\d{1,3}))?(?:\+.*)?$")
_WRITTEN = re.compile(r"^(?P<door>[a-z_*]+):(?P<kind>[a-z_]+)=(?P<rate>[0-9.]+)(?:x(?P<times>\d{1,3}))?$")


class Fault(StrEnum):
    """What a door does instead of answering as it should. `after` and `before`: with the mail taken, or not."""

    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    EOF_BEFORE = "eof_before"
    EOF_AFTER = "eof_after"
    SLOW_BEFORE = "slow_before"
    SLOW_AFTER = "slow_after"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    GARBAGE_BEFORE = "garbage_before"
    GARBAGE_AFTER = "garbage_after"
    WRONG_ID_BEFORE = "wrong_id_before"
    WRONG_ID_AFTER = "wrong_id_after"
    SILENT = "silent"
    """Says that the mail was taken, and forgets it."""
    LATE = "late"
    """Cuts the line at once, and takes the mail a while later; a repeat meanwhile is told so, where keys are known."""
    BUSY = "busy"
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"
    LOCKED_OUT = "locked_out"
    """Refuses the sender, whoever the recipient is."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`door:kind=rate[xtimes]`: this share of requests, of each mail's first `times` requests only."""

    door: str
    kind: Fault
    rate: float
    times: int | None = None


def rule(text: str) -> Rule:
    """A rule as written on the command line. Raises ValueError that says what does not fit."""
    found = _WRITTEN.match(text)
    if found is None or float(found["rate"]) > 1:
        raise ValueError(f"{text!r} is not DOOR:KIND=RATE or DOOR:KIND=RATExTIMES")
    if found["kind"] not in set(Fault):
        raise ValueError(f"{found['kind']!r} is none of {', '.join(Fault)}")
    times = int(found["times"]) if found["times"] else None
    return Rule(found["door"], Fault(found["kind"]), float(found["rate"]), times)


@dataclass(slots=True)
class Faults:
    seed: int
    rules: Sequence[Rule] = ()
    met: Counter[str] = field(default_factory=Counter)
    """How often each fault was met, by `door:kind`."""
    _asked: Counter[tuple[str, str]] = field(default_factory=Counter)

    def next(self, door: str, reference: str, address: str) -> Fault | None:
        """What goes wrong with the next request of this mail at this door; None: nothing."""
        self._asked[(door, reference)] += 1
        nth = self._asked[(door, reference)]
        fault = _addressed(address, nth) or self._rolled(door, reference, nth)
        if fault is not None:
            self.met[f"{door}:{fault}"] += 1
        return fault

    def _rolled(self, door: str, reference: str, nth: int) -> Fault | None:
        roll = random.Random(f"{self.seed}|{door}|{reference}|{nth}").random()
        for one in self.rules:
            if one.door not in (door, "*") or (one.times is not None and nth > one.times):
                continue
            if roll < one.rate:
                return one.kind
            roll -= one.rate
        return None


def _addressed(address: str, nth: int) -> Fault | None:
    local, _, domain = address.partition("@")
    found = _ADDRESSED.match(local)
    if domain.lower() != SIMULATOR or found is None or found["kind"] not in set(Fault):
        return None
    return Fault(found["kind"]) if nth <= int(found["times"] or 1) else None
