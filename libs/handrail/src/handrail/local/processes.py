"""Named processes of the launcher: start, find, stop, and for the tests kill and restart."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import psutil

from handrail.local.failure import CannotStart, tail
from handrail.local.state import Record, State

INFRASTRUCTURE, WORLD, SERVICE = 0, 1, 2
"""Tiers: started upwards, stopped downwards, so that a service can still finish its work while it stops."""
GRACE_SECONDS = 15.0
POLL_SECONDS = 0.02
# Of this interpreter, whichever object started them: any other may stop them.
_UNREAPED: "set[subprocess.Popen[bytes]]" = set()


@dataclass(frozen=True)
class Program:
    """How to start a process."""

    name: str
    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the launcher's own environment."""
    port: int | None = None
    tier: int = SERVICE
    stop_signal: int = signal.SIGTERM
    readiness: str | None = None
    """Path on `port` that answers 200 when it is ready for work."""
    uid: int | None = None


class Processes:
    """The processes of one home folder. They outlive the launcher until someone stops them."""

    def __init__(self, home: Path) -> None:
        self.state = State(home)
        self._programs: dict[str, Program] = {}
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, program: Program) -> Record:
        """Start a program and record it; it gets its own session, so Ctrl-C in the terminal does not reach it."""
        if self.find(program.name):
            raise CannotStart(f"{program.name} is already running")
        program.log.parent.mkdir(parents=True, exist_ok=True)
        with program.log.open("ab") as log:
            child = subprocess.Popen(
                program.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **program.env},
                start_new_session=True,
                cwd=None if program.uid is None else "/",  # ours may be closed to that user
                user=program.uid,
                group=program.uid,
                extra_groups=None if program.uid is None else [],
            )
        _UNREAPED.add(child)
        self._programs[program.name], self._children[program.name] = program, child
        record = Record(
            program.name,
            child.pid,
            psutil.Process(child.pid).create_time(),
            program.port,
            str(program.log),
            program.tier,
            program.stop_signal,
            program.readiness,
        )
        self.state.add(record)
        return record

    def find(self, name: str) -> Record | None:
        """The running process of that name."""
        _reap()
        return next((each for each in self.state.records() if each.name == name and each.process()), None)

    def running(self) -> list[Record]:
        """All that run, in the order of starting."""
        _reap()
        return [each for each in self.state.records() if each.process()]

    def stop(self, *names: str, grace_seconds: float = GRACE_SECONDS) -> None:
        """Ask the named ones to stop, all at once; kill those that are still there after the grace period."""
        self._stop([each for each in self.state.records() if each.name in names], grace_seconds)

    def stop_all(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Stop everything, tier by tier: services, then the outside world, then Kafka and PostgreSQL."""
        by_tier = sorted(self.state.records(), key=lambda each: -each.tier)
        for _, tier in groupby(by_tier, key=lambda each: each.tier):
            self._stop(list(tier), grace_seconds)

    def kill(self, name: str) -> None:
        """SIGKILL, to the process and all its children: what a crash or a lost machine looks like."""
        records = [each for each in self.state.records() if each.name == name]
        for process in _trees(records):
            _signal(process, signal.SIGKILL)
        self._await_end(records, GRACE_SECONDS)
        self.state.remove(records)

    def restart(self, name: str, grace_seconds: float = GRACE_SECONDS) -> Record:
        """Start again, as it was, what this launcher started; stop it first if it still runs."""
        self.stop(name, grace_seconds=grace_seconds)
        return self.start(self._programs[name])

    def check(self, name: str) -> None:
        """Complain, with the end of its log, when the process is gone."""
        if self.find(name) is None:
            child = self._children.get(name)
            code = "" if child is None else f" (exit code {child.returncode})"
            log = f":\n{tail(self._programs[name].log)}" if name in self._programs else ""
            raise CannotStart(f"{name} does not run{code}{log}")

    def _stop(self, records: list[Record], grace_seconds: float) -> None:
        for record in records:
            if process := record.process():
                _signal(process, record.stop_signal)
        self._await_end(records, grace_seconds)
        for process in _trees(records):
            _signal(process, signal.SIGKILL)
        self._await_end(records, GRACE_SECONDS)
        self.state.remove(records)

    def _await_end(self, records: Iterable[Record], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for record in records:
            while record.process() and time.monotonic() < deadline:
                _reap()
                time.sleep(POLL_SECONDS)
        _reap()


def _reap() -> None:
    """Collect the exit codes of ended children: they stay zombies until then."""
    for child in list(_UNREAPED):
        if child.poll() is not None:
            _UNREAPED.discard(child)


def _trees(records: Iterable[Record]) -> list[psutil.Process]:
    """The living among these and their children, parents first: a crash leaves no time to tidy up."""
    found: list[psutil.Process] = []
    for record in records:
        if process := record.process():
            found += [process]
            try:
                found += process.children(recursive=True)
            except psutil.NoSuchProcess:
                continue
    return found


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)  # psutil compares the time of birth once more before it sends
    except psutil.NoSuchProcess:
        return
