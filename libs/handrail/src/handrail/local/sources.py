"""Where Kafka and PostgreSQL come from: the environment, a Docker engine, else processes of our own."""

import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from handrail.local.databases import PostgresServer
from handrail.local.failure import CannotStart
from handrail.local.kafka import Kafka
from handrail.local.postgres import LocalPostgres
from handrail.local.processes import Processes

if TYPE_CHECKING:
    from handrail.local.containers import Containers

KAFKA, POSTGRES, FORCED = "HANDRAIL_KAFKA", "HANDRAIL_POSTGRES", "HANDRAIL_LOCAL"
SOCKETS = (Path("/var/run/docker.sock"), Path.home() / ".docker" / "run" / "docker.sock")
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Infrastructure:
    """A running Kafka and a running PostgreSQL."""

    kafka: str
    """Bootstrap servers."""
    postgres: PostgresServer
    kafka_process: Kafka | None = None
    """To kill and start it again; only when it is a process of ours."""
    postgres_process: LocalPostgres | None = None


@contextmanager
def infrastructure(
    home: Path, fsync: bool = True, on_progress: Progress = lambda text: None
) -> Iterator[Infrastructure]:
    """Kafka and PostgreSQL for the time of a `with`; what was started for it is stopped at its end."""
    processes = Processes(home)
    try:
        yield start(home, processes, fsync, on_progress)
    finally:
        stop(home, processes)


def start(
    home: Path,
    processes: Processes,
    fsync: bool = True,
    on_progress: Progress = lambda text: None,
    on_postgres: Callable[[PostgresServer], None] = lambda server: None,
) -> Infrastructure:
    """Start both at once, or find them; they stay until `stop`. `on_postgres` is called while Kafka still starts."""
    home = home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    needed = [name for name in (KAFKA, POSTGRES) if not os.environ.get(name)]
    containers = _containers(home, needed, on_progress) if needed else None
    kafka = Kafka(home, processes, on_progress)
    postgres = LocalPostgres(home, processes, fsync)

    def begin_kafka() -> str:
        if given := os.environ.get(KAFKA):
            return given
        if containers:
            return containers.kafka()
        _start(kafka.start, "Kafka", KAFKA)
        return kafka.bootstrap

    def begin_postgres() -> PostgresServer:
        server: PostgresServer = postgres
        if given := os.environ.get(POSTGRES):
            server = PostgresServer(given)
        elif containers:
            server = containers.postgres(fsync)
        else:
            _start(postgres.start, "PostgreSQL", POSTGRES)
        on_postgres(server)
        return server

    with ThreadPoolExecutor(2) as pool:
        bootstrap, server = pool.submit(begin_kafka), pool.submit(begin_postgres)
    return Infrastructure(
        bootstrap.result(),
        server.result(),
        kafka_process=None if containers or KAFKA not in needed else kafka,
        postgres_process=None if containers or POSTGRES not in needed else postgres,
    )


def stop(home: Path, processes: Processes) -> None:
    """Stop every process of the home folder and remove its containers."""
    processes.stop_all()
    mark = _mark(home)
    if mark.exists():
        from handrail.local.containers import Containers

        Containers(mark.read_text(), home).remove()
        mark.unlink()


def postgres_is_shared() -> bool:
    """Whether PostgreSQL comes from the environment, so that other runs may use it at the same time."""
    return bool(os.environ.get(POSTGRES))


def _containers(home: Path, needed: list[str], on_progress: Progress) -> "Containers | None":
    """Docker, if it is wanted, answers and has or gets the images."""
    forced = os.environ.get(FORCED, "")
    if forced not in ("", "docker", "processes"):
        raise CannotStart(f"{FORCED} is {forced!r}; it may be docker or processes")
    address = os.environ.get("DOCKER_HOST") or next((f"unix://{path}" for path in SOCKETS if path.exists()), None)
    if forced == "processes" or (address is None and not forced):
        return None
    try:
        if address is None or not _listens(address):
            raise CannotStart(f"no Docker engine answers at {address or ' or '.join(map(str, SOCKETS))}")
        # The client is slow to import.
        from handrail.local import containers

        engine = containers.Containers(address, home, on_progress)
        images = {KAFKA: containers.KAFKA_IMAGE, POSTGRES: containers.POSTGRES_IMAGE}
        engine.pull(*(images[name] for name in needed))
    except CannotStart as failure:
        if forced:
            raise
        on_progress(f"{failure}; using local processes instead")
        return None
    _mark(home).write_text(address)
    return engine


def _listens(address: str) -> bool:
    """Whether somebody is behind a socket file; of other addresses only the client can tell."""
    path = address.removeprefix("unix://")
    if path == address:
        return True
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        try:
            connection.connect(path)
        except OSError:
            return False
    return True


def _mark(home: Path) -> Path:
    """Says that containers were started, and by which engine."""
    return home / "docker"


def _start(begin: Callable[[], None], what: str, variable: str) -> None:
    try:
        begin()
    except CannotStart as failure:
        raise CannotStart(
            f"{failure}\nNo {what}: mend this, or start Docker, or name a server in {variable}"
        ) from failure
