"""What runs in a home folder, and what it costs."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from handrail.local.readiness import ready
from handrail.local.state import Record, State


@dataclass(frozen=True)
class Status:
    """One process as it is now."""

    name: str
    pid: int
    alive: bool
    port: int | None
    ready: bool
    resident_bytes: int
    """Of the process and its children; memory they share is counted once per process."""
    cpu_seconds: float
    log: Path


def status(home: Path) -> list[Status]:
    """All that was started and not stopped, in the order of starting."""
    records = State(home).records()
    if not records:
        return []
    with ThreadPoolExecutor(len(records)) as pool:
        return list(pool.map(_status, records))


def memory(home: Path) -> int:
    """Resident bytes of everything that runs."""
    return sum(each.resident_bytes for each in status(home))


def _status(record: Record) -> Status:
    process = record.process()
    resident, cpu = 0, 0.0
    for each in _family(process) if process else []:
        try:
            times = each.cpu_times()
            resident, cpu = resident + each.memory_info().rss, cpu + times.user + times.system
        except psutil.NoSuchProcess:
            continue
    answers = process is not None and ready(record)
    alive = process is not None
    return Status(record.name, record.pid, alive, record.port, answers, resident, cpu, Path(record.log))


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
