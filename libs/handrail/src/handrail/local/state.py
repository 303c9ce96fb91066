"""What the launcher started, on disk: a later command finds and stops it even when the launcher is gone."""

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock

import psutil

# The time of birth that the system reports for a process moves a little when its clock is set.
SAME_BIRTH_SECONDS = 1.0


@dataclass(frozen=True)
class Record:
    """A started process. Pid and time of birth together name it: pids are used again, the pair is not."""

    name: str
    pid: int
    create_time: float
    port: int | None
    log: str
    tier: int
    stop_signal: int
    readiness: str | None

    def process(self) -> psutil.Process | None:
        """The process while it lives; None when it ended, even if its pid now belongs to another."""
        try:
            process = psutil.Process(self.pid)
            born, status = process.create_time(), process.status()
        except psutil.NoSuchProcess:
            return None
        if abs(born - self.create_time) > SAME_BIRTH_SECONDS or status == psutil.STATUS_ZOMBIE:
            return None
        return process


class State:
    """`state.json` in the home folder: always whole, and safe to change from several threads and programs."""

    def __init__(self, home: Path) -> None:
        self._path = home.resolve() / "state.json"
        self._threads = Lock()

    def records(self) -> list[Record]:
        """Everything started and not yet stopped, in the order of starting."""
        try:
            return [Record(**entry) for entry in json.loads(self._path.read_text())]
        except FileNotFoundError:
            return []

    def add(self, record: Record) -> None:
        """Remember a process, in place of an earlier one of its name."""
        self._change(lambda records: [*(each for each in records if each.name != record.name), record])

    def remove(self, gone: Iterable[Record]) -> None:
        """Forget processes that ended."""
        ended = set(gone)
        self._change(lambda records: [each for each in records if each not in ended])

    def _change(self, edit: Callable[[list[Record]], list[Record]]) -> None:
        with self._threads, self._alone():
            text = json.dumps([asdict(each) for each in edit(self.records())], indent=1)
            fresh = self._path.with_suffix(".new")
            fresh.write_text(text + "\n")
            os.replace(fresh, self._path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
