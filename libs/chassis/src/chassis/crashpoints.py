"""Named places where a proof may end this process, as a power cut would: around each commit, send and acknowledge.

Nothing is armed unless the settings name a folder. There, a file named for the service holds `<point> <occurrence>`;
the process that reaches that occurrence first renames the file to `<service>.hit` and kills itself, so that one arming
is one crash.
"""

import os
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Point(StrEnum):
    """Where a service can be ended. `COMMIT` is the moment before one, `COMMITTED` the moment after."""

    BATCH_READ = "batch.read"
    COMMIT = "transaction.commit"
    COMMITTED = "transaction.committed"
    OFFSETS_COMMIT = "offsets.commit"
    OFFSETS_COMMITTED = "offsets.committed"
    RELAY_SEND = "relay.send"
    RELAY_ACKNOWLEDGED = "relay.acknowledged"
    RELAY_MARKED = "relay.marked"
    TASK_LEASED = "task.leased"
    TASK_DONE = "task.done"
    TASK_SETTLED = "task.settled"
    COMMAND_DECIDED = "command.decided"
    COMMAND_COMMITTED = "command.committed"


@dataclass(slots=True)
class _Arming:
    """What this process was told, and what it passed since the arming it last saw."""

    file: Path | None = None
    told: str = ""
    passed: Counter[str] = field(default_factory=Counter)


_arming = _Arming()


def arm(folder: Path | None, service: str) -> None:
    """Look for armings of `service` in `folder` from now on; None never looks."""
    _arming.file = folder / service if folder is not None else None


def crashpoint(point: StrEnum) -> None:
    """End this process here, if it is told to."""
    if _arming.file is not None:
        _reached(_arming.file, point)


def _reached(file: Path, point: StrEnum) -> None:
    try:
        told = file.read_text()
    except FileNotFoundError:
        return
    if told != _arming.told:
        _arming.told, _arming.passed = told, Counter()
    name, _, occurrence = told.strip().rpartition(" ")
    if name != point.value:
        return
    _arming.passed[name] += 1
    if _arming.passed[name] < int(occurrence):
        return
    with suppress(FileNotFoundError):  # another replica was first: the crash is its own
        file.rename(file.with_name(f"{file.name}.hit"))
        os.kill(os.getpid(), signal.SIGKILL)
