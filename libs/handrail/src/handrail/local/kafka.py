"""Apache Kafka as a local process: one node that is broker and controller."""

import shutil
import socket
import struct
import subprocess
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from uuid import uuid4

from handrail.local import jars, ports
from handrail.local.failure import CannotStart, tail
from handrail.local.java import java
from handrail.local.processes import INFRASTRUCTURE, Processes, Program

NAME = "kafka"
START_SECONDS = 60
# A JVM for a laptop: small heap, quick start.
JVM = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")

# A retention of minutes is kept to within seconds, as proofs want it; Kafka looks every five minutes otherwise.
# The session times decide how long a restart after SIGKILL takes: 4-5 s like this, 13 s with the defaults.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=10
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.message.timestamp.type=LogAppendTime
log.retention.check.interval.ms=10000
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
"""


class PortTaken(CannotStart):
    """Another program took the chosen port first."""


class Kafka:
    """A broker of the home folder `<home>/<name>`. Its data and ports stay the same over kill, stop and start."""

    def __init__(
        self,
        home: Path,
        processes: Processes,
        on_progress: Callable[[str], None] = lambda text: None,
        *,
        name: str = NAME,
    ) -> None:
        self.name = name
        self.folder = home.resolve() / name
        self.log = home.resolve() / "logs" / f"{name}.log"
        self._processes = processes
        self._on_progress = on_progress
        self._class_path = ""
        self._port = 0

    @staticmethod
    def found(home: Path, processes: Processes, on_progress: Callable[[str], None] = lambda text: None) -> "Kafka":
        """The broker of a home folder, whoever started it. Raises CannotStart when it is no process of ours."""
        kafka = Kafka(home, processes, on_progress)
        record = processes.find(NAME)
        if record is None or record.port is None:
            raise CannotStart(f"no Kafka of {home.resolve()} runs as a process: it is a container, or somebody else's")
        kafka._class_path, kafka._port = jars.class_path(on_progress=on_progress), record.port
        return kafka

    @property
    def bootstrap(self) -> str:
        """host:port for clients."""
        return f"{ports.LOOPBACK}:{self._port}"

    def start(self) -> None:
        """Start and wait until the broker serves: the first time without data, later with what it had."""
        if self._class_path:
            return self._run()
        self._class_path = jars.class_path(on_progress=self._on_progress)
        try:
            self._prepare()
            self._run()
        except PortTaken:
            self._prepare()
            self._run()

    def stop(self) -> None:
        """Let it close its files and wait for its end."""
        self._processes.stop(self.name)

    def kill(self) -> None:
        """SIGKILL: a crash."""
        self._processes.kill(self.name)

    def replace(self) -> None:
        """Lose the data, all of it, and serve a new and empty cluster at the same address."""
        self.kill()
        shutil.rmtree(self.folder / "data")
        self._format()
        self._run()

    def _prepare(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        (self.folder / "server.properties").write_text(self._properties())
        (self.folder / "log4j2.properties").write_text(
            files("handrail.local").joinpath("kafka-log4j2.properties").read_text()
        )
        self._format()

    def _properties(self) -> str:
        self._port, controller_port = ports.free(2)
        return PROPERTIES.format(
            host=ports.LOOPBACK, port=self._port, controller_port=controller_port, data=self.folder / "data"
        )

    def _format(self) -> None:
        format_data = self._java("kafka.tools.StorageTool", "format", "-t", self._cluster_id(), "-c")
        done = subprocess.run(
            format_data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=START_SECONDS
        )
        if done.returncode:
            raise CannotStart(f"Kafka's data folder could not be made:\n{done.stdout}")

    def _run(self) -> None:
        self._processes.start(
            Program(self.name, self._java("kafka.Kafka"), self.log, port=self._port, tier=INFRASTRUCTURE)
        )
        deadline = time.monotonic() + START_SECONDS
        while not answers(ports.LOOPBACK, self._port):
            if self._processes.find(self.name) is None and "Address already in use" in tail(self.log, 200):
                raise PortTaken(f"port {self._port} was taken by another program")
            self._processes.check(self.name)
            if time.monotonic() > deadline:
                raise CannotStart(f"Kafka did not answer within {START_SECONDS} s:\n{tail(self.log)}")
            time.sleep(0.05)

    def _cluster_id(self) -> str:
        return new_cluster_id()

    def _java(self, main: str, *arguments: str) -> list[str]:
        options = [f"-Dlog4j2.configurationFile={(self.folder / 'log4j2.properties').as_uri()}"]
        command = [str(java()), *JVM, *options, "-cp", self._class_path, main, *arguments]
        return [*command, str(self.folder / "server.properties")]


def new_cluster_id() -> str:
    """16 random bytes as Kafka writes them, and no option of a command line."""
    found = urlsafe_b64encode(uuid4().bytes).rstrip(b"=").decode()
    return found if not found.startswith("-") else new_cluster_id()


def answers(host: str, port: int, timeout_seconds: float = 2.0) -> bool:
    """Whether a broker really serves there. An open port says little: it must name a live broker in its metadata."""
    ask_no_topics = struct.pack(">hhihi", 3, 1, 1, -1, 0)  # Metadata, version 1, correlation 1, no client id, no topics
    try:
        with socket.create_connection((host, port), timeout_seconds) as connection:
            connection.sendall(struct.pack(">i", len(ask_no_topics)) + ask_no_topics)
            header = _receive(connection, 12)
    except (OSError, EOFError):
        return False
    correlation, brokers = struct.unpack_from(">ii", header, 4)
    return bool(correlation == 1 and brokers >= 1)


def _receive(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        part = connection.recv(count - len(received))
        if not part:
            raise EOFError
        received += part
    return received
