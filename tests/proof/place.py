"""The running system that a proof is about, with the outside world and the witness beside it."""

import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from contracts.catalogue import TOPICS
from handrail.keys import dev_token
from handrail.local import ports
from handrail.local.environment import SERVICES
from handrail.local.system import System
from tests.proof.people import EVERYBODY, TENANT, WORLD, Person

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
PUBLIC_URL = "https://mail.acme.example"
DEAD_DOMAIN = "acme-legacy.example"
REPLICAS = {"executor": 2, "escalation": 2}
PARTITIONS = 3
TOOLS = ("smtp", "mail_api", "journey", "esp")
"""One of each promise about a request that comes twice: none, a key, an upsert, a look-up."""
ENOUGH = {"bounces": 8, "reported": 1}
"""So few mails or reports say enough here."""
LOST_ANSWERS = (
    "mail_api:reset_after=0.03x1",
    "journey:eof_after=0.03x1",
    "esp:reset_after=0.03x1",
    "esp:eof_before=0.03x1",
)
"""What the tools do wrong by themselves, so that repeats and look-ups are met without a kill at the right moment."""
SETTLE_SECONDS = 3.0
"""After which a look-up proves that nothing was sent."""
POLICY: Mapping[str, object] = {
    "waves": {"first": 8, "then": 16, "verdict_share": 0.95, "verdict_after": "PT3S"},
    "deadlines": {"case": "PT30S", "grant": "PT2M"},
    "frequency": {"per_week": 5, "per_day": 3, "confirmed": True},
    "mail_routes": [{"tool": tool} for tool in TOOLS],
}
"""Where a proof's organisation differs from the example's: small waves and short times, two people for each send."""
LEASE_SECONDS = 8.0
"""So long an executor may sleep until another one settles what it held."""


@dataclass(frozen=True)
class Place:
    system: System
    ledger: Path
    witness: Path
    world_url: str
    crash_points: Path
    organisation: Mapping[str, Any]
    lease_seconds: float = LEASE_SECONDS

    @cached_property
    def _tokens(self) -> dict[str, str]:
        folder = self.system.keys.folder
        return {one.subject: dev_token(folder, one.subject, one.roles, TENANT, kind=one.kind) for one in EVERYBODY}

    def token(self, who: Person) -> str:
        return self._tokens[who.subject]

    @property
    def kafka(self) -> str:
        return self.system.infrastructure.kafka

    @property
    def names(self) -> list[str]:
        """Every process of a service, by its name."""
        return list(self.urls)

    @cached_property
    def urls(self) -> Mapping[str, str]:
        """Where each of them answers."""
        return {f"{service}-{nth}": url for service in SERVICES for nth, url in enumerate(self.system.urls(service))}


@contextmanager
def place(home: Path, *, fsync: bool = False) -> Iterator[Place]:
    """Kafka, PostgreSQL, the services, the world and the witness, all fresh, gone afterwards.

    Processes are killed here, never the machine: what reached the operating system is not lost, fsynced or not.
    """
    os.environ["HANDRAIL_LOCAL"] = "processes"  # containers could not be killed and restarted by a fault
    home.mkdir(parents=True, exist_ok=True)
    ledger, witness = home / "ledger.jsonl", home / "witness.jsonl"
    for stale in (ledger, witness):
        stale.unlink(missing_ok=True)
    organisation, people, crash_points = home / "organisation.yaml", home / "people.yaml", home / "crash-points"
    settled = _organisation()
    organisation.write_text(yaml.safe_dump(settled))
    listed = [{"subject": one.subject, "roles": list(one.roles)} for one in EVERYBODY if one.kind == "human"]
    people.write_text(yaml.safe_dump({"people": listed}))
    crash_points.mkdir(exist_ok=True)
    smtp_port, world_port, api_port = ports.free(3)
    token = home / "tools.token"
    token.write_text(secrets.token_hex(16))
    overrides = {service: {f"{service.upper()}_CRASH_POINTS": str(crash_points)} for service in SERVICES}
    overrides["executor"] |= {
        "EXECUTOR_SMTP_PORT": str(smtp_port),
        "EXECUTOR_PUBLIC_URL": PUBLIC_URL,
        "EXECUTOR_DKIM_DOMAIN": "mail.acme.example",
        "EXECUTOR_LEASE_SECONDS": str(LEASE_SECONDS),
        "EXECUTOR_TASK_LEASE_SECONDS": str(LEASE_SECONDS),
        "EXECUTOR_ESP_SETTLE_SECONDS": str(SETTLE_SECONDS),
    }
    for tool in TOOLS[1:]:
        overrides["executor"] |= {
            f"EXECUTOR_{tool.upper()}_URL": f"http://127.0.0.1:{api_port}/{tool}",
            f"EXECUTOR_{tool.upper()}_TOKEN_FILE": str(token),
        }
    system = System(
        dict.fromkeys(TOPICS, PARTITIONS),
        organisation=organisation,
        people=people,
        home=home,
        replicas=REPLICAS,
        overrides=overrides,
        fsync=fsync,
    )
    with system:
        found = Place(
            system,
            ledger,
            witness,
            f"http://127.0.0.1:{world_port}",
            crash_points,
            settled,
        )
        _watch(found)
        _surround(
            found, {"--smtp-port": smtp_port, "--http-port": world_port, "--api-port": api_port, "--api-token": token}
        )
        yield found


def _organisation() -> dict[str, Any]:
    settled: dict[str, Any] = yaml.safe_load((EXAMPLES / "organisation.yaml").read_text())
    policy = settled["policy"] | POLICY
    policy["asking"]["per_hour"] = 100_000
    policy["matrix"] = [
        {**row, "id": f"{row['id']}-{tool}", "tool": tool, "needed": 2 if row["id"] == "send" else 1}
        for row in policy["matrix"]
        for tool in TOOLS
    ]
    for rule in policy["triggers"]:
        rule["minimum"] = ENOUGH.get(rule["id"], rule["minimum"])
    return settled | {"policy": policy}


def _watch(found: Place) -> None:
    argv = [sys.executable, "-m", "tests.proof.witness", found.kafka, str(PARTITIONS), str(found.witness)]
    found.system.add("witness", argv, {})


def _surround(found: Place, doors: Mapping[str, int | Path]) -> None:
    system = found.system
    token = system.home / "world.token"
    token.write_text(found.token(WORLD))
    said = {
        **doors,
        "--ledger": found.ledger,
        "--events-url": system.urls("monitor")[0],
        "--sendgrid-key": system.keys.sendgrid,
        "--token-file": token,
        "--dkim-record": system.keys.dkim_record,
        "--dead-domain": DEAD_DOMAIN,
        "--resolve": f"{PUBLIC_URL}={system.urls('executor')[0]}",
        "--pace": 0.3,
    }
    words = [str(word) for pair in said.items() for word in pair]
    faults = [word for fault in LOST_ANSWERS for word in ("--fault", fault)]
    port = doors["--http-port"]
    assert isinstance(port, int)
    system.add("world", [sys.executable, "-m", "world", *words, *faults], {}, port, "/livez")
