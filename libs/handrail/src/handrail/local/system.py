"""The whole system on one machine: Kafka, PostgreSQL, keys, topics, databases and the services."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from handrail import keys
from handrail.local import environment, ports, sources, topics
from handrail.local.databases import PostgresServer
from handrail.local.environment import SERVICES, Place
from handrail.local.failure import CannotStart, tail
from handrail.local.processes import SERVICE, WORLD, Processes, Program
from handrail.local.readiness import await_ready

MIGRATION_SECONDS = 120
READY_SECONDS = 60
HOME = Path(".handrail")


class System:
    """Everything of one home folder. Addresses are known from the beginning: others can be told before `start`."""

    def __init__(
        self,
        topics: Mapping[str, int],
        *,
        organisation: Path,
        people: Path,
        home: Path = HOME,
        services: Sequence[str] = SERVICES,
        replicas: Mapping[str, int] | None = None,
        overrides: Mapping[str, Mapping[str, str]] | None = None,
        topic_settings: Mapping[str, str] | None = None,
        replication: int = 1,
        fsync: bool = True,
        on_progress: Callable[[str], None] = lambda text: None,
    ) -> None:
        """`topics` with their partitions; `overrides` are more variables per service, with their full names.

        `topic_settings` are more of those that Kafka has for a topic, `replication` is how many brokers keep each.
        """
        self.home = home.resolve()
        self.processes = Processes(self.home)
        self.keys = keys.Keys(self.home / "keys")
        self.overrides = {service: dict(variables) for service, variables in (overrides or {}).items()}
        self._topics, self._topic_settings, self._replication = topics, topic_settings, replication
        self._organisation, self._people = organisation.resolve(), people.resolve()
        self._services = services
        self._fsync = fsync
        self._on_progress = on_progress
        wanted = [(service, n) for service in SERVICES for n in range((replicas or {}).get(service, 1))]
        self._replicas = [
            (service, f"{service}-{n}", port)
            for (service, n), port in zip(wanted, ports.free(len(wanted)), strict=True)
        ]
        self._dsns: dict[str, str] = {}
        self._infrastructure: sources.Infrastructure | None = None

    @property
    def infrastructure(self) -> sources.Infrastructure:
        """Kafka and PostgreSQL, once started."""
        if self._infrastructure is None:
            raise CannotStart("the system is not started")
        return self._infrastructure

    def urls(self, service: str) -> list[str]:
        """Base URL of each replica of a service."""
        return [f"http://{ports.LOOPBACK}:{port}" for owner, _, port in self._replicas if owner == service]

    def dsn(self, service: str) -> str:
        """The database of a service, once started."""
        return self._dsns[service]

    def start(self) -> None:
        """Bring everything up, empty, and wait until all services are ready; on failure, stop what came up."""
        if running := [record.name for record in self.processes.running()]:
            raise CannotStart(f"already running in {self.home}: {', '.join(running)}; stop it with `handrail down`")
        self.stop()  # what a crash or a reboot left behind
        self._clear()
        keys.init(self.keys.folder)
        try:
            self._on_progress("starting Kafka and PostgreSQL")
            self._infrastructure = sources.start(
                self.home, self.processes, self._fsync, self._on_progress, on_postgres=self._migrate
            )
            self._on_progress(f"Kafka serves at {self._infrastructure.kafka}")
            topics.apply(self._infrastructure.kafka, self._topics, self._replication, self._topic_settings)
            self._run()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything that runs, services first."""
        down(self.home)

    def add(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        port: int | None = None,
        readiness: str | None = None,
    ) -> None:
        """Start one more process beside the services, such as the outside world, and wait until it is ready."""
        program = Program(name, argv, self._log(name), env, port, WORLD, readiness=readiness)
        await_ready(self.processes, [self.processes.start(program)], READY_SECONDS, self._on_progress)

    def await_ready(self, *names: str) -> None:
        """Wait until these are ready, after a restart."""
        for name in names:
            self.processes.check(name)
        records = [record for record in self.processes.running() if record.name in names]
        await_ready(self.processes, records, READY_SECONDS, self._on_progress)

    def __enter__(self) -> "System":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _clear(self) -> None:
        # The journal belongs to a database: with a fresh one it would tell of moves nobody made.
        for stale in ("logs", "journal"):
            shutil.rmtree(self.home / stale, ignore_errors=True)
        self._journal.mkdir(parents=True)

    @property
    def _journal(self) -> Path:
        return self.home / "journal"

    def _log(self, name: str) -> Path:
        return self.home / "logs" / f"{name}.log"

    def _place(self, kafka: str) -> Place:
        first = {service: self.urls(service)[0] for service in SERVICES}
        return Place(kafka, self._dsns, first, self.keys, self._organisation, self._people, self._journal)

    def _environments(self, place: Place) -> dict[str, dict[str, str]]:
        return {replica: self._environment(service, replica, port, place) for service, replica, port in self._replicas}

    def _environment(self, service: str, replica: str, port: int, place: Place) -> dict[str, str]:
        return environment.of(service, replica, port, place) | self.overrides.get(service, {})

    def _migrate(self, server: PostgresServer) -> None:
        suffix = f"_{secrets.token_hex(4)}" if sources.postgres_is_shared() else ""
        for service in SERVICES:
            self._dsns[service] = server.create_database(f"handrail_{service}{suffix}")
        place = self._place(environment.NO_KAFKA)
        environment.save(self.home, self._environments(place))
        self._on_progress("migrating the databases")

        def migrate(service: str) -> None:
            log = self._log(f"{service}-migrate")
            log.parent.mkdir(parents=True, exist_ok=True)
            variables = self._environment(service, service, 0, place)
            with log.open("wb") as output:
                done = subprocess.run(
                    [sys.executable, "-m", service, "migrate"],
                    env={**os.environ, **variables},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=MIGRATION_SECONDS,
                )
            if done.returncode:
                raise CannotStart(f"the database of {service} could not be migrated:\n{tail(log)}")

        with ThreadPoolExecutor(len(self._services)) as pool:
            list(pool.map(migrate, self._services))

    def _run(self) -> None:
        environments = self._environments(self._place(self.infrastructure.kafka))
        environment.save(self.home, environments)
        self._on_progress("starting the services")
        started = [
            self.processes.start(
                Program(
                    replica,
                    [sys.executable, "-m", service, "run"],
                    self._log(replica),
                    environments[replica],
                    port,
                    SERVICE,
                    readiness="/readyz",
                )
            )
            for service, replica, port in self._replicas
            if service in self._services
        ]
        await_ready(self.processes, started, READY_SECONDS, self._on_progress)


def down(home: Path = HOME) -> None:
    """Stop whatever runs in a home folder, whoever started it, and drop what it made on a shared PostgreSQL server."""
    home = home.resolve()
    sources.stop(home, Processes(home))
    if sources.postgres_is_shared():
        _drop_databases(home, PostgresServer(os.environ[sources.POSTGRES]))
    environment.forget(home)


def _drop_databases(home: Path, server: PostgresServer) -> None:
    used = {value for variables in environment.load(home).values() for value in variables.values()}
    for dsn in sorted(used):
        name = dsn.rpartition("/")[2].partition("?")[0]
        if name.startswith("handrail_") and dsn == server.dsn(name):
            server.drop_database(name)
