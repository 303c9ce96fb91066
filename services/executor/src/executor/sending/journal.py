"""What began outside, kept outside PostgreSQL: after a crash or a restore it says what may have left.

A line is appended and fsynced before the first byte of an effect, another after its answer. One file per process. The
first line says all that the intent is: a database that was restored from before it can have it again.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

from contracts.event import Value


class Intent(Value):
    """One recipient's place in a send, as its row was when it was dispatched."""

    tenant: str
    campaign_id: UUID
    plan_version: int
    step: str
    recipient_hash: str
    recipient_domain: str
    decision_id: UUID
    grant_id: UUID
    effect_id: UUID
    variant: str
    position: int
    wave: int
    digest: str
    tool: str
    touched_on: date
    cost: int
    """Micros that were reserved for it."""


class StillWritten(Exception):
    """A process that may send is alive."""


class Trace(StrEnum):
    """What a journal knows of an effect."""

    NOTHING = "nothing"
    """The file is there and has no line: the effect never began."""
    BEGUN = "begun"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Found:
    trace: Trace
    outcome: str = ""
    because: str = ""


_WEIGHT = {"again": 0, "failed_definite": 1, "skipped": 1, "unknown": 2, "succeeded": 3}


class Journal:
    """This process's file in the journal folder."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.name = folder, name
        self._file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # free again when this process is gone
        _sync_folder(folder)

    def begin(self, intent: Intent) -> None:
        """On disk before this returns."""
        line = {"begin": str(intent.effect_id), "intent": intent.model_dump(mode="json")}
        os.write(self._file, json.dumps(line).encode() + b"\n")
        os.fsync(self._file)

    def end(self, effect: UUID, outcome: str, because: str) -> None:
        """Survives this process; after a power cut the effect would be uncertain, which is safe."""
        line = {"end": str(effect), "outcome": outcome, "because": because}
        os.write(self._file, json.dumps(line).encode() + b"\n")

    def close(self) -> None:
        os.close(self._file)


def read(folder: Path, name: str) -> dict[UUID, Found] | None:
    """What the file `name` knows, by effect; None when there is no such file."""
    path = folder / name
    if not path.exists():
        return None
    found: dict[UUID, Found] = {}
    for entry in _entries(path):
        if "begin" in entry:
            found[UUID(entry["begin"])] = Found(Trace.BEGUN)
        elif "end" in entry:
            found[UUID(entry["end"])] = Found(Trace.ENDED, entry["outcome"], entry["because"])
    return found


@dataclass(frozen=True, slots=True)
class Known:
    """What all journals together know of an effect that began."""

    intent: Intent | None
    """None in a line of an older release."""
    outcome: str
    """As in the line that ended it, or `unknown`: begun, and no answer in any of them."""
    because: str


def everything(folder: Path, but: str) -> dict[UUID, Known]:
    """Each effect that ever began, from every file but our own. Raises StillWritten.

    An effect may have begun more than once, in several files; that it left once outweighs all else, that it may have
    left whatever says that it did not.
    """
    found: dict[UUID, Known] = {}
    for path in sorted(folder.glob("*.jsonl")):
        if path.name == but:
            continue
        if not writer_is_gone(folder, path.name):
            raise StillWritten(f"{path} is being written: stop every executor first")
        for known in _episodes(path):
            before = found.get(known[0])
            if before is None or _WEIGHT[known[1].outcome] >= _WEIGHT[before.outcome]:
                found[known[0]] = known[1]
    return found


def _episodes(path: Path) -> Iterator[tuple[UUID, Known]]:
    """Each time that an effect began, with how it ended."""
    open_: dict[UUID, Intent | None] = {}
    for entry in _entries(path):
        if "begin" in entry:
            intent = entry.get("intent")
            open_[UUID(entry["begin"])] = None if intent is None else Intent.model_validate(intent)
        elif "end" in entry:
            effect = UUID(entry["end"])
            yield effect, Known(open_.pop(effect, None), entry["outcome"], entry["because"])
    for effect, begun in open_.items():
        yield effect, Known(begun, "unknown", "killed_while_sending")


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_bytes().split(b"\n"):
        try:
            yield json.loads(line)
        except ValueError:  # the last line of a process that was killed while it wrote
            continue


def writer_is_gone(folder: Path, name: str) -> bool:
    """Whether nobody writes to the file any more: its process held a lock as long as it lived."""
    try:
        handle = os.open(folder / name, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _sync_folder(folder: Path) -> None:
    """A new file is only there after a crash once its folder is on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
