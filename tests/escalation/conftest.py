"""Escalation on a real database, and keys for tokens."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr

from chassis.identity import Gate
from chassis.service import Parts
from escalation.app import build
from escalation.settings import Settings
from handrail.keys import AUDIENCE, ISSUER, Keys, init
from tests.conftest import VERIFIER, MakeDb
from tests.escalation.desk import Desk


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return init(tmp_path_factory.mktemp("keys"))


@pytest_asyncio.fixture
async def desk(db_for: MakeDb, keys: Keys, tmp_path: Path) -> AsyncIterator[Desk]:
    people = tmp_path / "people.yaml"
    people.write_text(
        "people: [{subject: ana, roles: [campaign_approver], mail: ana@acme.example},"
        " {subject: leo, roles: [marketing_lead]}]"
    )
    settings = Settings(dsn=SecretStr(""), kafka="", people=people)
    db = await db_for("escalation")
    replicas = [
        Parts("escalation", settings, db, Gate.from_settings(ISSUER, AUDIENCE, keys.jwks), VERIFIER) for _ in range(2)
    ]
    for parts in replicas:
        await build(parts)
    made = Desk(replicas, keys)
    yield made
    for door in made.doors:
        await door.aclose()
