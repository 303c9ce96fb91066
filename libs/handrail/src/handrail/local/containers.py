"""Kafka and PostgreSQL as containers of a Docker engine."""

import secrets
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import docker  # type: ignore[import-untyped]
import docker.errors  # type: ignore[import-untyped]
import requests
from docker.models.containers import Container  # type: ignore[import-untyped]

from handrail.local import kafka, ports, postgres
from handrail.local.databases import PostgresServer
from handrail.local.failure import CannotStart

KAFKA_IMAGE = "apache/kafka:4.3.1"
POSTGRES_IMAGE = "postgres:18"
PING_SECONDS = 2
WORK_SECONDS = 300
READY_SECONDS = 120
LABEL = "handrail.home"

# As soon as one setting is given, the image forgets its own: so the whole set.
KAFKA_SETTINGS = {
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "10",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    "KAFKA_LOG_MESSAGE_TIMESTAMP_TYPE": "LogAppendTime",
}


class Containers:
    """The containers of one home folder, found again by a label."""

    def __init__(self, address: str, home: Path, on_progress: Callable[[str], None] = lambda text: None) -> None:
        """Fails quickly when no engine answers at `address`."""
        self._labels = {LABEL: str(home.resolve())}
        self._on_progress = on_progress
        try:
            with closing(docker.DockerClient(base_url=address, version="auto", timeout=PING_SECONDS)) as client:
                client.ping()
        except (docker.errors.DockerException, requests.RequestException) as failure:
            raise CannotStart(f"no Docker engine answers at {address}") from failure
        self._client = docker.DockerClient(base_url=address, version="auto", timeout=WORK_SECONDS)

    def pull(self, *images: str) -> None:
        """Have the images at hand."""
        for image in images:
            try:
                self._client.images.get(image)
            except docker.errors.ImageNotFound:
                self._on_progress(f"pulling {image} (once)")
                try:
                    self._client.images.pull(image)
                except docker.errors.APIError as failure:
                    raise CannotStart(f"Docker cannot get {image}: {failure.explanation or failure}") from failure

    def kafka(self) -> str:
        """A new broker; its host:port."""
        [port] = ports.free(1)
        advertised = {"KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{ports.LOOPBACK}:{port}"}
        container = self._run(KAFKA_IMAGE, {**KAFKA_SETTINGS, **advertised}, {"9092/tcp": (ports.LOOPBACK, port)}, [])
        self._await(container, lambda: kafka.answers(ports.LOOPBACK, port))
        return f"{ports.LOOPBACK}:{port}"

    def postgres(self, fsync: bool) -> PostgresServer:
        """A new server."""
        [port] = ports.free(1)
        password = secrets.token_hex(16)
        settings = ["-c", f"max_connections={postgres.MAX_CONNECTIONS}", "-c", f"fsync={'on' if fsync else 'off'}"]
        container = self._run(
            POSTGRES_IMAGE,
            {"POSTGRES_PASSWORD": password},
            {"5432/tcp": (ports.LOOPBACK, port)},
            ["postgres", *settings],
        )
        dsn = f"postgresql://postgres:{password}@{ports.LOOPBACK}:{port}/postgres"
        self._await(container, lambda: postgres.answers(dsn))
        return PostgresServer(dsn)

    def remove(self) -> None:
        """Remove the containers and their data."""
        for container in self._client.containers.list(all=True, filters={"label": f"{LABEL}={self._labels[LABEL]}"}):
            container.remove(force=True, v=True)

    def _run(
        self, image: str, environment: dict[str, str], published: dict[str, tuple[str, int]], command: list[str]
    ) -> Container:
        try:
            return self._client.containers.run(
                image, command or None, environment=environment, ports=published, labels=self._labels, detach=True
            )
        except docker.errors.APIError as failure:
            raise CannotStart(f"Docker cannot run {image}: {failure.explanation or failure}") from failure

    def _await(self, container: Container, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not ready():
            container.reload()
            if container.status in ("exited", "dead") or time.monotonic() > deadline:
                raise CannotStart(
                    f"the container {container.name} is not ready:\n{container.logs(tail=15).decode(errors='replace')}"
                )
            time.sleep(0.1)
