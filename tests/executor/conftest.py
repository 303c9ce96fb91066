"""An executor on a real database: its doors, its fold and its worker, without Kafka and without a mail server."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml
from pydantic import SecretStr

from chassis.application import application
from chassis.consumer import Consumer
from chassis.decision import Key
from chassis.identity import Gate
from chassis.records import Raw
from chassis.service import Parts
from chassis.tasks import Worker
from contracts.catalogue import BY_TYPE
from contracts.codec import encode
from contracts.event import Event, Fact
from executor.app import build
from executor.settings import Settings
from handrail import keys
from tests.builders import CAMPAIGN, TENANT, fact, record
from tests.conftest import SIGNER, VERIFIER, MakeDb
from tests.executor.test_audience import row, table
from tests.executor.test_checks import SENDER

HERE = Key(TENANT, CAMPAIGN)
_SAID = "SELECT headers->>'ce_type' AS type, value FROM event_log ORDER BY id"


@dataclass
class House:
    """One executor, and a person with a token at its doors."""

    parts: Parts
    http: httpx.AsyncClient
    folder: Path
    offset: int = 0
    _keys: int = 0
    _seen: list[Event] = field(default_factory=list)

    @property
    def db(self) -> Any:
        return self.parts.db

    async def ask(
        self, method: str, path: str, body: object = None, *, who: str = "maya", roles: tuple[str, ...] = ("marketer",),
        kind: Any = "human", key: str | None = "", headers: Mapping[str, str] | None = None, tenant: str = TENANT,
    ) -> httpx.Response:  # fmt: skip
        """A request as `who`; every one has a key of its own unless `key` says otherwise."""
        self._keys += 1
        given = {"authorization": f"Bearer {keys.dev_token(self.folder, who, roles, tenant, kind)}"}
        if key is not None:
            given["idempotency-key"] = key or f"k{self._keys}"
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        return await self.http.request(method, path, content=content, headers={**given, **(headers or {})})

    async def hear(self, *events: Event | Fact[Event]) -> None:
        """Records from Kafka, as the consumer takes them."""
        await Consumer(self.db, "executor", self.parts.fold, VERIFIER, "cluster").apply(
            [self._record(event) for event in events]
        )

    def _record(self, event: Event | Fact[Event]) -> Raw:
        given = event if isinstance(event, Fact) else fact(event)
        self.offset += 1
        headers, value = encode(given)
        if given.event.signed:
            headers = SIGNER.sign(headers, value)
        return record(given, self.offset, headers=headers) if given.event.signed else record(given, self.offset)

    async def work(self) -> None:
        """Do all that is due, but send nothing."""
        worker = Worker(self.db, self.parts.fold, self.parts.kinds)
        while True:
            await self.db.pool.execute("UPDATE task SET done_at = clock_timestamp() WHERE kind = 'dispatch'")
            if not await worker.work_once():
                return

    async def said(self) -> list[Event]:
        """Everything published, in order."""
        rows = await self.db.pool.fetch(_SAID)
        return [BY_TYPE[row["type"]].model_validate_json(row["value"]) for row in rows]

    async def last(self, kind: type[Any]) -> Any:
        found = [event for event in await self.said() if isinstance(event, kind)]
        assert found, f"no {kind.__name__}"
        return found[-1]

    async def with_audience(self, *rows: str) -> None:
        answer = await self.ask("PUT", "/v1/audiences/webinar-registrants", table(*rows))
        assert answer.status_code == 200, answer.text


@pytest.fixture(scope="session")
def key_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keys.init(tmp_path_factory.mktemp("keys")).folder


@pytest.fixture(scope="session")
def organisation(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """The example's, but with the sender of these tests."""
    given = yaml.safe_load((repository / "examples" / "organisation.yaml").read_text())
    path = tmp_path_factory.mktemp("organisation") / "organisation.yaml"
    path.write_text(yaml.safe_dump({**given, "sender": SENDER.model_dump(mode="json")}))
    return path


@pytest.fixture
def smtp_port() -> int:
    """Where nobody listens: what sends mail names a port of its own."""
    return 9


@pytest_asyncio.fixture
async def house(
    db_for: MakeDb, key_folder: Path, organisation: Path, repository: Path, tmp_path: Path, smtp_port: int
) -> AsyncIterator[House]:
    held = keys.Keys(key_folder)
    settings = Settings(
        dsn=SecretStr("unused"), kafka="unused", organisation=organisation,
        people=repository / "examples" / "people.yaml", tenant_keys=held.tenants,
        smtp_host="127.0.0.1", smtp_port=smtp_port, dkim_key=held.dkim, dkim_domain="mail.acme.example",
        dkim_selector="hr1",
        public_url="https://mail.acme.example", unsubscribe_key=held.unsubscribe, journal=tmp_path / "journal",
    )  # fmt: skip
    parts = Parts(
        name="executor",
        settings=settings,
        db=await db_for("executor"),
        gate=Gate.from_settings(keys.ISSUER, keys.AUDIENCE, held.jwks),
        verifier=VERIFIER,
    )
    await build(parts)
    app = application(parts.routes)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://executor") as http:
        yield House(parts, http, key_folder)


def people(count: int, bad: int = 0, **changes: str) -> list[str]:
    """`count` registrants with consent, the first `bad` of them at the dead domain."""
    return [
        row(
            email=f"p{n:03}@{'acme-legacy' if n < bad else 'stark'}.example",
            status="attended" if n % 2 else "no_show",
            registered_at=f"2026-10-01T08:{n // 60:02}:{n % 60:02}Z",
            **changes,
        )
        for n in range(count)
    ]
