"""The monitor's doors and fold over a real database, with keys and tokens as a local installation has them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from chassis.application import application
from chassis.event_log import headers_of
from chassis.identity import Gate
from chassis.postgres import Database
from chassis.records import Raw, receive
from chassis.service import Parts
from chassis.signatures import Verifier
from contracts.event import Event, Fact
from handrail import keys
from monitor.app import build
from monitor.settings import Settings
from tests.builders import record
from tests.conftest import MakeDb


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keys.init(tmp_path_factory.mktemp("keys")).folder


@dataclass
class Monitor:
    """One monitor: its doors by HTTP, its fold by records."""

    parts: Parts
    folder: Path
    client: httpx.AsyncClient
    offset: int = field(default=0)

    @property
    def db(self) -> Database:
        return self.parts.db

    def token(self, *roles: str, tenant: str = "demo") -> Mapping[str, str]:
        given = keys.dev_token(self.folder, "crm-1", roles, tenant, "agent")
        return {"authorization": f"Bearer {given}"}

    async def logged(self) -> list[Any]:
        """What the doors wrote, in order."""
        async with self.db.pool.acquire() as conn:
            return list(await conn.fetch("SELECT event_id, topic, key, value, headers FROM event_log ORDER BY id"))

    async def relayed(self) -> list[Raw]:
        """What Kafka would carry of it."""
        out = []
        for offset, row in enumerate(await self.logged()):
            headers = headers_of(row["headers"])
            out.append(Raw("cluster", row["topic"], 0, offset, row["key"], headers, row["value"]))
        return out

    async def read(self, *facts: Fact[Event]) -> None:
        """The fold reads `facts` as one batch."""
        raws = [record(fact, self.offset + number) for number, fact in enumerate(facts)]
        self.offset += len(raws)
        await self.apply(raws)

    async def apply(self, raws: Sequence[Raw]) -> None:
        assert self.parts.applier is not None
        async with self.db.transaction() as tx:
            await self.parts.applier.apply(tx, [receive(raw, self.parts.verifier) for raw in raws])

    async def dump(self) -> str:
        """Every row of every table, as text and with bytes readable."""
        async with self.db.pool.acquire() as conn:
            tables = await conn.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            parts = []
            for table in tables:
                rows = await conn.fetch(f'SELECT * FROM "{table["tablename"]}"')
                parts += [repr(tuple(row.values())) for row in rows]
            return "\n".join(parts)


@asynccontextmanager
async def opened(db: Database, folder: Path) -> AsyncIterator[Monitor]:
    names = keys.Keys(folder)
    settings = Settings(
        dsn=SecretStr("postgresql://unused"), kafka="unused", tenant_keys=names.tenants,
        sendgrid_key=names.sendgrid_public,
    )  # fmt: skip
    gate = Gate.from_settings(keys.ISSUER, keys.AUDIENCE, names.jwks)
    parts = Parts("monitor", settings, db, gate, Verifier.from_file(names.signature_keys))
    await build(parts)
    app = application(parts.routes)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://monitor") as client:
        yield Monitor(parts, folder, client)


@pytest_asyncio.fixture
async def monitor(db_for: MakeDb, folder: Path) -> AsyncIterator[Monitor]:
    async with opened(await db_for("monitor"), folder) as made:
        yield made
