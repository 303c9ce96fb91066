"""The world as a process, reporting to a small receiver that is a process too."""

import json
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from handrail import keys
from handrail.local import ports

SECONDS = 30
SENDERS_TOKEN = "the-senders-token"


def wait_for(condition: Callable[[], object]) -> None:
    """Until it holds; the test fails when it does not within half a minute."""
    give_up = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.02)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


@dataclass
class Posted:
    method: str
    path: str
    headers: Mapping[str, str]
    body: str


@dataclass
class Running:
    folder: Path
    smtp_port: int
    http_port: int
    receiver_port: int
    api_port: int
    ledger: Path
    keys: keys.Keys
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start_receiver(self, busy: int = 0) -> None:
        argv = [sys.executable, str(Path(__file__).with_name("receiver.py")), str(self.receiver_port)]
        self.processes.append(subprocess.Popen([*argv, str(self.folder / "posted"), str(busy)]))

    def start_world(self, *more: str) -> "subprocess.Popen[bytes]":
        receiver = f"http://127.0.0.1:{self.receiver_port}"
        token = self.folder / "token"
        token.write_text("the-token\n")
        senders = self.folder / "senders-token"
        senders.write_text(f"{SENDERS_TOKEN}\n")
        options = {
            "--smtp-port": self.smtp_port,
            "--http-port": self.http_port,
            "--api-port": self.api_port,
            "--api-token": senders,
            "--seed": 7,
            "--pace": 0,
            "--ledger": self.ledger,
            "--events-url": receiver,
            "--sendgrid-key": self.keys.sendgrid,
            "--token-file": token,
            "--resolve": f"https://mail.acme.example={receiver}",
            "--dkim-record": self.keys.dkim_record,
            "--dead-domain": "acme-legacy.example",
        }
        argv = [str(part) for pair in options.items() for part in pair]
        world = subprocess.Popen([sys.executable, "-m", "world", *argv, *more])
        self.processes.append(world)
        wait_for(lambda: answers(f"http://127.0.0.1:{self.http_port}/livez"))
        return world

    def send(self, *mails: tuple[str, bytes]) -> None:
        with smtplib.SMTP("127.0.0.1", self.smtp_port) as line:
            for address, raw in mails:
                line.sendmail("events@acme.example", [address], raw)

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.ledger.read_text().splitlines()]

    def summary(self) -> dict[str, object]:
        found: dict[str, object] = httpx.get(f"http://127.0.0.1:{self.http_port}/ledger", trust_env=False).json()
        return found

    def posted(self) -> list[Posted]:
        file = self.folder / "posted"
        return [Posted(**json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []

    def settle(self) -> None:
        """Until everybody has reacted and every report was taken."""
        wait_for(lambda: self.summary()["pending"] == 0)


@pytest.fixture(scope="session")
def world_keys(tmp_path_factory: pytest.TempPathFactory) -> keys.Keys:
    return keys.init(tmp_path_factory.mktemp("world") / "keys")


@contextmanager
def outside(folder: Path, world_keys: keys.Keys) -> Iterator[Running]:
    """A place for a world; what was started there is stopped afterwards."""
    smtp, status, receiver, api = ports.free(4)
    found = Running(folder, smtp, status, receiver, api, folder / "ledger.jsonl", world_keys)
    yield found
    for process in found.processes:
        process.terminate()
    for process in found.processes:
        process.wait(10)


@pytest.fixture
def running(tmp_path: Path, world_keys: keys.Keys) -> Iterator[Running]:
    with outside(tmp_path, world_keys) as found:
        yield found
