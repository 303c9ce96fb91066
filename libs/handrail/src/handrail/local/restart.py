"""Parts of a running system stopped and started again by later commands, as it was told to its services."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from handrail.local import environment, topics
from handrail.local.failure import CannotStart
from handrail.local.kafka import Kafka
from handrail.local.processes import SERVICE, Processes, Program
from handrail.local.readiness import await_ready

READY_SECONDS = 120


def stop_services(home: Path, services: Iterable[str]) -> list[str]:
    """Let these services finish and end; their databases and Kafka go on. Returns which processes that were."""
    processes = Processes(home)
    names = _replicas(home, services)
    found = [record.name for record in processes.running() if record.name in names]
    processes.stop(*found)
    return found


def start_services(home: Path, services: Iterable[str], on_progress: Callable[[str], None]) -> list[str]:
    """Start what does not run of these services, and wait until it is ready. Returns which processes that are."""
    processes, told = Processes(home), environment.load(home)
    running = {record.name for record in processes.running()}
    missing = [name for name in _replicas(home, services) if name not in running]
    started = [processes.start(_program(home, name, told[name])) for name in missing]
    await_ready(processes, started, READY_SECONDS, on_progress)
    return missing


def replace_kafka(home: Path, wanted: dict[str, int], on_progress: Callable[[str], None]) -> None:
    """Delete all that Kafka holds; a new and empty cluster with the `wanted` topics stands at the same address."""
    kafka = Kafka.found(home, Processes(home), on_progress)
    kafka.replace()
    topics.apply(kafka.bootstrap, wanted)


def _replicas(home: Path, services: Iterable[str]) -> list[str]:
    told, wanted = environment.load(home), set(services)
    if not told:
        raise CannotStart(f"nothing was started in {home.resolve()}: start it with `handrail up`")
    return [name for name in told if name.rpartition("-")[0] in wanted]


def _program(home: Path, replica: str, variables: dict[str, str]) -> Program:
    service = replica.rpartition("-")[0]
    port = int(variables[f"{service.upper()}_HTTP_PORT"])
    argv = [sys.executable, "-m", service, "run"]
    log = home.resolve() / "logs" / f"{replica}.log"
    return Program(replica, argv, log, variables, port, SERVICE, readiness="/readyz")
