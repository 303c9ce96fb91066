"""The running system that a proof is about, with the outside world and the witness beside it."""

import os
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from contracts.catalogue import TOPICS
from handrail.keys import dev_token
from handrail.local import ports
from handrail.local.environment import SERVICES
from handrail.local.failure import CannotStart
from handrail.local.kafka import Kafka
from handrail.local.sources import FORCED
from handrail.local.system import System
from tests.proof.cluster import cluster
from tests.proof.organisation import TOOLS, organisation
from tests.proof.people import EVERYBODY, TENANT, WORLD, Person

PUBLIC_URL = "https://mail.acme.example"
DEAD_DOMAIN = "acme-legacy.example"
REPLICAS: Mapping[str, int] = {"executor": 2, "escalation": 2}
PARTITIONS = 3
LEASE_SECONDS = 8.0
"""So long an executor may sleep until another one settles what it held."""
SETTLE_SECONDS = 3.0
"""After which a look-up proves that nothing was sent."""
LOST_ANSWERS = (
    "mail_api:reset_after=0.04x1",
    "mail_api:eof_before=0.04x1",
    "journey:eof_after=0.04x1",
    "journey:reset_before=0.04x1",
    "esp:reset_after=0.06x1",
    "esp:eof_before=0.06x1",
)
"""What the tools do wrong by themselves, so that repeats and look-ups are met without a kill at the right moment. What
arrived is often reported before it would be repeated; what did not arrive must be repeated."""
STARTS = 3
"""Another program may take a free port first."""


@dataclass(frozen=True)
class Place:
    system: System
    organisation: Mapping[str, Any]
    world_url: str
    brokers: Sequence[Kafka]
    """Of our own: to be killed."""
    lease_seconds: float = LEASE_SECONDS

    @property
    def ledger(self) -> Path:
        """What the world took, a line each."""
        return self.system.home / "ledger.jsonl"

    @property
    def witness(self) -> Path:
        """Every record of Kafka, a line each."""
        return self.system.home / "witness.jsonl"

    @property
    def crash_points(self) -> Path:
        return self.system.home / "crash-points"

    @property
    def kafka(self) -> str:
        return self.system.infrastructure.kafka

    @cached_property
    def urls(self) -> Mapping[str, str]:
        """Where each process of a service answers, by its name."""
        return {f"{service}-{nth}": url for service in SERVICES for nth, url in enumerate(self.system.urls(service))}

    @cached_property
    def _tokens(self) -> dict[str, str]:
        folder = self.system.keys.folder
        return {one.subject: dev_token(folder, one.subject, one.roles, TENANT, kind=one.kind) for one in EVERYBODY}

    def token(self, who: Person) -> str:
        return self._tokens[who.subject]


@contextmanager
def place(
    home: Path, *, fsync: bool = False, retention: timedelta | None = None, clustered: bool = False
) -> Iterator[Place]:
    """Kafka, PostgreSQL, the services, the world and the witness, all fresh, gone afterwards.

    Processes are killed here, never the machine: what reached the operating system is not lost, fsynced or not.
    With a `retention` services forget what is older, and Kafka what is half as old. Where it is `clustered`, Kafka is
    three brokers.
    """
    with ExitStack() as stack:
        stack.enter_context(_processes_of_our_own())
        nodes = stack.enter_context(cluster(home / "cluster")) if clustered else []
        for left in reversed(range(STARTS)):
            try:
                found = stack.enter_context(_started(home, fsync, retention, nodes))
                break
            except CannotStart as failure:
                if not left or "address already in use" not in str(failure):
                    raise
        yield found


@contextmanager
def _processes_of_our_own() -> Iterator[None]:
    """Containers could not be killed and restarted by a fault."""
    before = os.environ.get(FORCED)
    os.environ[FORCED] = "processes"
    yield
    if before is None:
        del os.environ[FORCED]
    else:
        os.environ[FORCED] = before


@contextmanager
def _started(home: Path, fsync: bool, retention: timedelta | None, nodes: Sequence[Kafka]) -> Iterator[Place]:
    home.mkdir(parents=True, exist_ok=True)
    for stale in ("ledger.jsonl", "witness.jsonl"):
        (home / stale).unlink(missing_ok=True)
    (home / "crash-points").mkdir(exist_ok=True)
    settled = organisation()
    (home / "organisation.yaml").write_text(yaml.safe_dump(settled))
    listed = [{"subject": one.subject, "roles": list(one.roles)} for one in EVERYBODY if one.kind == "human"]
    (home / "people.yaml").write_text(yaml.safe_dump({"people": listed}))
    (home / "tools.token").write_text(secrets.token_hex(16))
    smtp, http, api = ports.free(3)
    system = System(
        dict.fromkeys(TOPICS, PARTITIONS),
        organisation=home / "organisation.yaml",
        people=home / "people.yaml",
        home=home,
        replicas=REPLICAS,
        overrides=_overrides(home, smtp, api, retention),
        topic_settings=None if retention is None else _kept_by_kafka(retention),
        replication=len(nodes) or 1,
        fsync=fsync,
    )
    with system:
        alone = system.infrastructure.kafka_process
        brokers = nodes or ([alone] if alone else [])
        found = Place(system, settled, f"http://{ports.LOOPBACK}:{http}", brokers)
        watching = [sys.executable, "-m", "tests.proof.witness", found.kafka, str(PARTITIONS), str(found.witness)]
        system.add("witness", watching, {})
        system.add("world", [sys.executable, "-m", "world", *_world(found, smtp, http, api)], {}, http, "/livez")
        yield found


def _kept_by_kafka(retention: timedelta) -> dict[str, str]:
    ms = int(retention.total_seconds() * 1000)
    return {"retention.ms": str(ms // 2), "segment.ms": str(ms // 4)}


def _overrides(home: Path, smtp: int, api: int, retention: timedelta | None) -> dict[str, dict[str, str]]:
    overrides = {service: {f"{service.upper()}_CRASH_POINTS": str(home / "crash-points")} for service in SERVICES}
    if retention is not None:
        for service, variables in overrides.items():
            variables[f"{service.upper()}_RETENTION_DAYS"] = str(retention / timedelta(days=1))
    overrides["executor"] |= {
        "EXECUTOR_SMTP_PORT": str(smtp),
        "EXECUTOR_PUBLIC_URL": PUBLIC_URL,
        "EXECUTOR_DKIM_DOMAIN": "mail.acme.example",
        "EXECUTOR_LEASE_SECONDS": str(LEASE_SECONDS),
        "EXECUTOR_TASK_LEASE_SECONDS": str(LEASE_SECONDS),
        "EXECUTOR_ESP_SETTLE_SECONDS": str(SETTLE_SECONDS),
    }
    for tool in TOOLS[1:]:
        overrides["executor"] |= {
            f"EXECUTOR_{tool.upper()}_URL": f"http://{ports.LOOPBACK}:{api}/{tool}",
            f"EXECUTOR_{tool.upper()}_TOKEN_FILE": str(home / "tools.token"),
        }
    return overrides


def _world(found: Place, smtp: int, http: int, api: int) -> list[str]:
    system = found.system
    reporter = system.home / "world.token"
    reporter.write_text(found.token(WORLD))
    said = [
        ("--smtp-port", smtp),
        ("--http-port", http),
        ("--api-port", api),
        ("--api-token", system.home / "tools.token"),
        ("--ledger", found.ledger),
        ("--events-url", system.urls("monitor")[0]),
        ("--sendgrid-key", system.keys.sendgrid),
        ("--token-file", reporter),
        ("--dkim-record", system.keys.dkim_record),
        ("--dead-domain", DEAD_DOMAIN),
        ("--resolve", f"{PUBLIC_URL}={system.urls('executor')[0]}"),
        ("--pace", 0.3),
        *(("--fault", fault) for fault in LOST_ANSWERS),
    ]
    return [str(word) for pair in said for word in pair]
