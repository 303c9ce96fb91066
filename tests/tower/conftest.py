"""The tower over a real database: facts in by its applier, pages out by HTTP."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from starlette.applications import Starlette

from chassis.application import application
from chassis.consumer import Consumer
from chassis.identity import Gate
from chassis.postgres import Database
from chassis.records import Raw
from chassis.service import Parts
from contracts.event import CampaignId, Event, Fact, Tenant
from handrail import keys
from tests.builders import CAMPAIGN, TENANT, record
from tests.conftest import VERIFIER, MakeDb
from tests.tower.builders import facts
from tower.app import build
from tower.settings import Settings


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keys.init(tmp_path_factory.mktemp("keys")).folder


@dataclass
class Tower:
    parts: Parts
    folder: Path
    client: httpx.AsyncClient
    app: Starlette

    @property
    def db(self) -> Database:
        return self.parts.db

    async def take(self, said: Iterable[Fact[Event]]) -> None:
        """What the consumer does with a polled batch."""
        await self.take_raw([record(one, number) for number, one in enumerate(said)])

    async def take_raw(self, raws: list[Raw]) -> None:
        assert self.parts.applier is not None
        await Consumer(self.db, "tower", self.parts.applier, self.parts.verifier, "cluster").apply(raws)

    async def happens(self, *events: Event, campaign: CampaignId = CAMPAIGN, tenant: Tenant = TENANT) -> None:
        await self.take(facts(events, campaign, tenant))

    async def rows(self, sql: str) -> list[Any]:
        async with self.db.pool.acquire() as conn:
            return list(await conn.fetch(sql))

    def token(self, *roles: str, tenant: str = "demo") -> str:
        return keys.dev_token(self.folder, "vera", roles or ("viewer",), tenant)

    async def get(self, path: str, *roles: str, tenant: str = "demo") -> httpx.Response:
        return await self.client.get(path, headers={"authorization": f"Bearer {self.token(*roles, tenant=tenant)}"})


@asynccontextmanager
async def opened(db: Database, folder: Path, open_tenant: Tenant | None = None) -> AsyncIterator[Tower]:
    settings = Settings(dsn=SecretStr("postgresql://unused"), kafka="unused", open_tenant=open_tenant)
    gate = Gate.from_settings(keys.ISSUER, keys.AUDIENCE, keys.Keys(folder).jwks)
    parts = Parts("tower", settings, db, gate, VERIFIER)
    await build(parts)
    app = application(parts.routes)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://tower") as client:
        yield Tower(parts, folder, client, app)


@pytest_asyncio.fixture
async def tower(db_for: MakeDb, folder: Path) -> AsyncIterator[Tower]:
    async with opened(await db_for("tower"), folder) as made:
        yield made


Beside = Callable[[Tenant | None], AbstractAsyncContextManager[Tower]]


@pytest.fixture
def beside(tower: Tower) -> Beside:
    """Another tower over the same database, with a tenant that is open."""
    return lambda tenant: opened(tower.db, tower.folder, tenant)
