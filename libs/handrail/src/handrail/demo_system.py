"""The system with an outside world of its own: where its mail goes, and who reacts to it."""

import json
import os
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from contracts.catalogue import TOPICS
from handrail.cli_identity import TENANT, dev_token
from handrail.cli_terminal import USAGE, Failure
from handrail.local import ports
from handrail.local.system import System
from policy.organisation import load_organisation

PARTITIONS = 3
DEAD_DOMAIN = "acme-legacy.example"
ANSWER_SECONDS = 5
TOKEN_HOLDS = timedelta(days=90)


@dataclass(frozen=True)
class Outside:
    """Where mail is handed to: a world on this machine, or somebody's server."""

    seed: int
    relay: tuple[str, int] | None
    public_url: str | None
    ports: tuple[int, int] = field(default_factory=lambda: _two_ports())

    @staticmethod
    def local(seed: int) -> "Outside":
        return Outside(seed, None, None)

    @staticmethod
    def at(relay: str, public_url: str | None) -> "Outside":
        """A real mail server as HOST:PORT. Raises Failure when it, or the address of our pages, is none."""
        host, colon, port = relay.rpartition(":")
        if not colon or not host or not port.isdigit():
            raise Failure(f"{relay!r} is not HOST:PORT", USAGE)
        if public_url is None or urlsplit(public_url).scheme != "https":
            raise Failure("real mail needs --public-url: the https address under which recipients reach /u/", USAGE)
        return Outside(0, (host, int(port)), public_url.rstrip("/"))

    def ledger(self, home: Path) -> Path:
        return home / "world" / "ledger.jsonl"

    def seen(self) -> dict[str, Any]:
        """What the world has received and reported so far."""
        with urllib.request.urlopen(
            f"http://{ports.LOOPBACK}:{self.ports[1]}/ledger", timeout=ANSWER_SECONDS
        ) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def start(self, system: System, public_url: str) -> None:
        """The world as one more process, once the doors it reports to are open."""
        if self.relay:
            return
        token = system.home / "world.token"
        with open(os.open(token, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(dev_token(system.home, "world", ["publisher"], human=False, ttl=TOKEN_HOLDS))
        self.ledger(system.home).unlink(missing_ok=True)
        smtp, http = self.ports
        options = {
            "--smtp-port": smtp,
            "--http-port": http,
            "--seed": self.seed,
            "--ledger": self.ledger(system.home),
            "--events-url": system.urls("monitor")[0],
            "--sendgrid-key": system.keys.sendgrid,
            "--token-file": token,
            "--resolve": f"{public_url}={system.urls('executor')[0]}",
            "--dkim-record": system.keys.dkim_record,
            "--dead-domain": DEAD_DOMAIN,
        }
        argv = [sys.executable, "-m", "world", *(str(part) for pair in options.items() for part in pair)]
        system.add("world", argv, {}, http, "/livez")


def build(
    home: Path, organisation: Path, people: Path, outside: Outside, say: Callable[[str], None]
) -> tuple[System, str]:
    """The system, not started, and the public address of its unsubscribe pages."""
    domain = _sending_domain(organisation)
    public_url = outside.public_url or f"https://{domain}"
    host, port = outside.relay or (ports.LOOPBACK, outside.ports[0])
    overrides = {
        "executor": {
            "EXECUTOR_SMTP_HOST": host,
            "EXECUTOR_SMTP_PORT": str(port),
            "EXECUTOR_DKIM_DOMAIN": domain,
            "EXECUTOR_PUBLIC_URL": public_url,
        },
        "monitor": {"MONITOR_SENDGRID_TENANT": TENANT},
        "tower": {"TOWER_OPEN_TENANT": TENANT},
    }
    system = System(
        dict.fromkeys(TOPICS, PARTITIONS),
        organisation=organisation,
        people=people,
        home=home,
        overrides=overrides,
        on_progress=say,
    )
    return system, public_url


def _sending_domain(organisation: Path) -> str:
    """The domain that mail is sent from, so that its DKIM signature is aligned."""
    try:
        return load_organisation(organisation).sender.from_address.rpartition("@")[2]
    except ValueError as error:
        raise Failure(f"{organisation} does not fit: {error}", USAGE) from None


def _two_ports() -> tuple[int, int]:
    first, second = ports.free(2)
    return first, second
