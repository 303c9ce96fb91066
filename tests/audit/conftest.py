"""Audit over a real database: records in by its applier, checkpoints by its loop's step, questions by HTTP."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from audit.app import build
from audit.settings import Settings
from chassis.application import application
from chassis.consumer import Consumer
from chassis.event_log import headers_of
from chassis.identity import Gate
from chassis.postgres import Database
from chassis.records import Raw
from chassis.service import Parts
from handrail import keys
from tests.audit.builders import AUDIT, VERIFIER
from tests.conftest import MakeDb


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keys.init(tmp_path_factory.mktemp("keys")).folder


@dataclass
class Auditor:
    parts: Parts
    folder: Path
    client: httpx.AsyncClient

    @property
    def db(self) -> Database:
        return self.parts.db

    async def take(self, raws: Sequence[Raw]) -> None:
        """What the consumer does with a polled batch."""
        assert self.parts.applier is not None
        await Consumer(self.db, "audit", self.parts.applier, self.parts.verifier, "cluster").apply(raws)

    async def said(self) -> list[Raw]:
        """What audit itself wrote for Kafka."""
        async with self.db.pool.acquire() as conn:
            rows = await conn.fetch("SELECT * FROM event_log ORDER BY id")
        return [
            Raw("cluster", row["topic"], 9, row["id"], row["key"], headers_of(row["headers"]), row["value"])
            for row in rows
        ]

    async def rows(self, sql: str, *values: object) -> list[Any]:
        async with self.db.pool.acquire() as conn:
            return list(await conn.fetch(sql, *values))

    async def get(self, path: str, *roles: str, tenant: str = "demo") -> httpx.Response:
        token = keys.dev_token(self.folder, "sam", roles or ("auditor",), tenant)
        headers: Mapping[str, str] = {"authorization": f"Bearer {token}"}
        return await self.client.get(path, headers=headers)

    async def export(self) -> list[bytes]:
        return (await self.get("/v1/export")).content.splitlines(keepends=True)


@pytest_asyncio.fixture
async def auditor(db_for: MakeDb, folder: Path) -> AsyncIterator[Auditor]:
    db = replace(await db_for("audit"), signer=AUDIT)
    settings = Settings(dsn=SecretStr("postgresql://unused"), kafka="unused")
    gate = Gate.from_settings(keys.ISSUER, keys.AUDIENCE, keys.Keys(folder).jwks)
    parts = Parts("audit", settings, db, gate, VERIFIER)
    await build(parts)
    app = application(parts.routes)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://audit") as client:
        yield Auditor(parts, folder, client)
