"""Briefing's doors and fold over a real database, with keys and tokens as a local installation has them."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from briefing.app import build
from briefing.settings import Settings
from chassis.application import application
from chassis.identity import Gate
from chassis.records import Raw, receive
from chassis.service import Parts
from chassis.signatures import Verifier
from contracts.brief import BriefDraft
from contracts.catalogue import BY_TYPE
from contracts.event import Event
from handrail import keys
from tests.briefing.builders import ORGANISATION
from tests.conftest import MakeDb


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keys.init(tmp_path_factory.mktemp("keys")).folder


@dataclass(frozen=True)
class Briefings:
    """One briefing: its doors by HTTP, its fold by records."""

    parts: Parts
    folder: Path
    client: httpx.AsyncClient

    def token(
        self, subject: str = "maya", *roles: str, tenant: str = "demo", person: bool = True, hours: float = 1
    ) -> Mapping[str, str]:
        kind: Literal["human", "agent"] = "human" if person else "agent"
        given = keys.dev_token(self.folder, subject, roles or ("marketer",), tenant, kind, timedelta(hours=hours))
        return {"authorization": f"Bearer {given}"}

    async def submit(
        self, body: BriefDraft | bytes, key: str = "key-1", token: Mapping[str, str] | None = None
    ) -> httpx.Response:
        raw = body if isinstance(body, bytes) else body.model_dump_json(exclude_none=True).encode()
        headers = {**(self.token() if token is None else token), "idempotency-key": key}
        return await self.client.post("/v1/briefs", content=raw, headers=headers)

    async def confirm(
        self, campaign: UUID | str, key: str = "vouch-1", token: Mapping[str, str] | None = None
    ) -> httpx.Response:
        headers = {**(token or self.token()), "idempotency-key": key}
        return await self.client.post(f"/v1/campaigns/{campaign}/authorship", headers=headers)

    async def plan(self, campaign: UUID | str, token: Mapping[str, str] | None = None) -> httpx.Response:
        return await self.client.get(f"/v1/campaigns/{campaign}/plan", headers=token or self.token())

    async def apply(self, raws: Sequence[Raw]) -> None:
        """The consumer reads `raws` as one batch."""
        assert self.parts.applier is not None
        async with self.parts.db.transaction() as tx:
            await self.parts.applier.apply(tx, [receive(raw, self.parts.verifier) for raw in raws])

    async def events(self) -> list[Event]:
        """What was published, in order."""
        rows = await self.parts.db.pool.fetch("SELECT headers->>'ce_type' AS type, value FROM event_log ORDER BY id")
        return [BY_TYPE[row["type"]].model_validate_json(row["value"]) for row in rows]

    async def published(self) -> list[str]:
        return [type(event).__name__ for event in await self.events()]

    async def rows(self) -> Mapping[str, int]:
        """How much is stored, by table; none of it where nothing was."""
        tables = ("campaign", "campaign_state", "event_log", "command_log", "inbox", "task", "dead_letter")
        counts = {name: await self.parts.db.pool.fetchval(f"SELECT count(*) FROM {name}") for name in tables}
        return {name: count for name, count in counts.items() if count}


@pytest_asyncio.fixture
async def briefing(db_for: MakeDb, folder: Path) -> AsyncIterator[Briefings]:
    names = keys.Keys(folder)
    settings = Settings(dsn=SecretStr("postgresql://unused"), kafka="unused", organisation=ORGANISATION)
    gate = Gate.from_settings(keys.ISSUER, keys.AUDIENCE, names.jwks)
    parts = Parts("briefing", settings, await db_for("briefing"), gate, Verifier.from_file(names.signature_keys))
    await build(parts)
    app = application(parts.routes)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://briefing") as client:
        yield Briefings(parts, folder, client)


def canonical(answer: httpx.Response) -> str:
    return json.dumps(answer.json(), sort_keys=True)
