"""What people see: one console for results, one for progress and complaints."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from threading import Timer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from contracts.event import Money

REFUSED, USAGE, AWAY = 1, 2, 3
"""Exit codes: a service or check said no; the command does not fit; something does not answer."""
PIPE_WIDTH = 120
SHORT_SECONDS = 0.7


class Failure(Exception):
    """Ends the command with one clear line."""

    def __init__(self, text: str, code: int = REFUSED) -> None:
        super().__init__(text)
        self.code = code


@cache
def out() -> "Console":
    from rich.console import Console

    # A log or pipe has no width: tables must not be squeezed into 80 columns there.
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


@cache
def err() -> "Console":
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def interactive() -> bool:
    """A person can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


@contextmanager
def progress(text: str, every_seconds: float = 0) -> Iterator[Callable[[str], None]]:
    """Say what is going on while it does: a spinner on a terminal, lines in a log. Yields a way to say more.

    In a log what changes quickly is said every few seconds only.
    """
    if err().is_terminal:
        with err().status(text) as status:
            yield lambda more: status.update(f"{text}: {more}")
    else:
        lines = _Lines(text, every_seconds)
        late = Timer(SHORT_SECONDS, lines.begin)
        late.daemon = True
        late.start()
        try:
            yield lines
        finally:
            late.cancel()


class _Lines:
    """Progress in a log; what is over in a moment leaves no line."""

    def __init__(self, text: str, every_seconds: float) -> None:
        self._text, self._every_seconds = text, every_seconds
        self._begun = False
        self._last = time.monotonic()

    def begin(self) -> None:
        if not self._begun:
            self._begun = True
            err().print(f"{self._text} ...", style="dim", markup=False)

    def __call__(self, more: str) -> None:
        now = time.monotonic()
        if now - self._last >= self._every_seconds:
            self._last = now
            self.begin()
            err().print(f"  {more}", style="dim", markup=False)


def money(amount: "Money") -> str:
    return f"{amount.micros / 1_000_000:,.2f} {amount.currency}"


def percent(share: float | None) -> str:
    return "-" if share is None else f"{share * 100:.1f} %"


def duration(length: timedelta | None) -> str:
    """In the two largest units: `1 d 4 h`, `2 min 5 s`, `0.4 s`."""
    if length is None:
        return "-"
    seconds = length.total_seconds()
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    parts: list[str] = []
    rest = round(seconds)
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def until(moment: datetime, now: datetime | None = None) -> str:
    """How far away a time is: `in 4 h`, `2 min ago`."""
    distance = moment - (now or datetime.now(UTC))
    return f"in {duration(distance)}" if distance >= timedelta(0) else f"{duration(-distance)} ago"


def short(identity: object) -> str:
    """The first part of an id or hash, enough to recognise it."""
    return str(identity)[:12].rstrip("-")
