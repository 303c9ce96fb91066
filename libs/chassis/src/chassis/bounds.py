"""Nothing may take for ever: a decision has so much processor time, and a process that no longer breathes ends.

A decision that loops is interrupted, and fails as any other error of its record does. What cannot be interrupted (a
loop in C, or outside of a decision) leaves the whole process deaf: its consumer loses its partitions, no probe is
answered. It writes down where it hangs and ends, so that whoever supervises it starts it anew.
"""

import asyncio
import atexit
import faulthandler
import signal
import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import FrameType

DECISION_TICKS = 3
"""Seconds of processor time, so that a busy machine fails nobody; counted in whole ones."""
BREATH_SECONDS = 30.0
"""Twice the session time after which the consumer has lost its partitions anyway."""


class TookTooLong(Exception):
    """A decision used up its processor time."""


@dataclass(slots=True)
class _Clock:
    """Ticks of processor time while a decision is made; one timer for the process costs a decision nothing."""

    armed: bool = False
    deciding: bool = False
    ticks: int = 0

    def arm(self) -> None:
        signal.signal(signal.SIGVTALRM, self._tick)
        signal.setitimer(signal.ITIMER_VIRTUAL, 1, 1)
        atexit.register(signal.setitimer, signal.ITIMER_VIRTUAL, 0)  # once Python has gone, a tick would kill
        self.armed = True

    def _tick(self, number: int, frame: FrameType | None) -> None:
        if self.deciding:
            self.ticks += 1
            if self.ticks >= DECISION_TICKS:
                raise TookTooLong(f"{self.ticks} s of processor time for one decision")


_clock = _Clock()


class _Bounded:
    """Costs a decision a fraction of a microsecond: there may be ten thousand in a second."""

    __slots__ = ()

    def __enter__(self) -> None:
        if not _clock.armed:
            _clock.arm()
        _clock.ticks, _clock.deciding = 0, True

    def __exit__(self, *_: object) -> None:
        _clock.deciding = False


_bounded, _unbounded = _Bounded(), nullcontext()


def bounded() -> AbstractContextManager[None]:
    """Raise TookTooLong in code that uses up its time, every second until it lets go. In the main thread alone."""
    return _bounded if threading.current_thread() is threading.main_thread() else _unbounded


async def breathe(seconds: float = BREATH_SECONDS) -> None:
    """End the process, with the stacks of its threads on stderr, once the event loop did not come by for `seconds`."""
    try:
        while True:
            faulthandler.dump_traceback_later(seconds, exit=True)
            await asyncio.sleep(seconds / 4)
    finally:
        faulthandler.cancel_dump_traceback_later()
