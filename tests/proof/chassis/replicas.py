"""Replicas of the counting service as processes on one database: started again when they die, as a cluster would."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx

from chassis.migrate import migrate
from contracts.executor import StepCompleted
from contracts.inbound import RecipientEventReported
from contracts.monitor import TriggerCleared
from handrail.keys import AUDIENCE, ISSUER, Keys, dev_token, init
from handrail.local import ports, topics
from handrail.local.processes import SERVICE, Processes, Program
from handrail.local.sources import Infrastructure

PROGRAM = "tests.proof.chassis.counting"
ROOT = Path(__file__).parent.parent.parent.parent
PARTITIONS = 3
TOPICS = (StepCompleted.topic, RecipientEventReported.topic, TriggerCleared.topic)
Json = Mapping[str, object]


@dataclass
class Replicas:
    kafka: str
    dsn: str
    home: Path
    pool: "asyncpg.Pool[asyncpg.Record]"
    variables: Mapping[str, str]
    environments: Mapping[str, Mapping[str, str]]
    count: int
    ports: Sequence[int]
    deaths: Counter[str] = field(default_factory=Counter)
    """By replica: how often it was found dead, or was killed from outside."""
    _processes: Processes = field(init=False)

    def __post_init__(self) -> None:
        self._processes = Processes(self.home)

    @property
    def names(self) -> list[str]:
        return [f"counting-{nth}" for nth in range(self.count)]

    def start(self) -> None:
        for name, port in zip(self.names, self.ports, strict=True):
            own = {"COUNTING_REPLICA": name, "COUNTING_HTTP_PORT": str(port)}
            env = {**self._environment, **own, **self.environments.get(name, {})}
            argv = [sys.executable, "-m", PROGRAM, "run"]
            self._processes.start(Program(name, argv, self.home / f"{name}.log", env, port, SERVICE))

    async def ready(self) -> None:
        """Every replica has its share of the partitions."""
        async with httpx.AsyncClient(trust_env=False) as http, asyncio.timeout(90):
            for name, port in zip(self.names, self.ports, strict=True):
                while True:
                    self._processes.check(name)
                    with suppress(httpx.TransportError):
                        if (await http.get(f"http://{ports.LOOPBACK}:{port}/readyz")).status_code == 200:
                            break
                    await asyncio.sleep(0.1)

    def kill(self, name: str) -> None:
        self.deaths[name] += 1
        self._processes.kill(name)
        self._processes.restart(name)

    async def revive(self) -> None:
        """For ever: start again who has died."""
        while True:
            for name in self.names:
                if self._processes.find(name) is None:
                    self.deaths[name] += 1
                    await asyncio.to_thread(self._processes.restart, name)
            await asyncio.sleep(0.05)

    def resident_bytes(self) -> int:
        """Of all replicas together."""
        found = [record.process() for record in self._processes.running()]
        return sum(process.memory_info().rss for process in found if process is not None)

    def logs(self) -> str:
        return "".join((self.home / f"{name}.log").read_text(errors="replace") for name in self.names)

    async def command(self, *words: str, mended: bool = False, variables: Mapping[str, str] | None = None) -> str:
        """What the service's own command line says."""
        env = {**self._environment, "COUNTING_MENDED": str(mended), **(variables or {})}
        argv = [sys.executable, "-m", PROGRAM, *words]
        ran = await asyncio.to_thread(
            subprocess.run, argv, env=os.environ | env, capture_output=True, text=True, timeout=120, check=False
        )
        return ran.stdout + ran.stderr

    def token(self, subject: str, ttl: timedelta = timedelta(hours=1)) -> str:
        return dev_token(self.home / "keys", subject, ["operator"], "demo", ttl=ttl)

    def stop(self) -> None:
        self._processes.stop_all(grace_seconds=5)

    async def orders(self) -> dict[str, list[str]]:
        """By campaign: the steps counted, in order."""
        rows = await self.pool.fetch("SELECT campaign_id::text AS campaign, body::text FROM campaign_state")
        return {row["campaign"]: json.loads(row["body"])["order"] for row in rows}

    @property
    def _environment(self) -> dict[str, str]:
        return {
            "COUNTING_DSN": self.dsn,
            "COUNTING_KAFKA": self.kafka,
            "COUNTING_AUTH_ISSUER": ISSUER,
            "COUNTING_AUTH_AUDIENCE": AUDIENCE,
            "COUNTING_AUTH_KEYS": str(Keys(self.home / "keys").jwks),
            "PYTHONPATH": str(ROOT),
            **self.variables,
        }


@asynccontextmanager
async def replicas(
    servers: Infrastructure,
    home: Path,
    count: int,
    variables: Mapping[str, str] | None = None,
    environments: Mapping[str, Mapping[str, str]] | None = None,
) -> AsyncIterator[Replicas]:
    """Replicas on a database of their own; everything is gone afterwards.

    `variables` are for all of them, `environments` for single ones by name.
    """
    name = f"proof_{uuid4().hex}"
    dsn = servers.postgres.create_database(name)
    await migrate(dsn, ("chassis",))
    topics.apply(servers.kafka, dict.fromkeys(TOPICS, PARTITIONS))
    init(home / "keys")
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=4)
    running = Replicas(servers.kafka, dsn, home, pool, variables or {}, environments or {}, count, ports.free(count))
    running.start()
    try:
        await running.ready()
        yield running
    finally:
        running.stop()
        pool.terminate()
        servers.postgres.drop_database(name)
