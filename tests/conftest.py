"""One real PostgreSQL and one real Kafka for the run; a fresh database for each test that asks for one."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from chassis.migrate import migrate
from chassis.postgres import Database
from chassis.signatures import Signer, Verifier
from handrail.local.sources import Infrastructure, infrastructure

MakeDb = Callable[[str], Awaitable[Database]]
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = Signer("escalation-1", KEY)
"""Escalation's: whoever else signs has a key of its own name."""
VERIFIER = Verifier({f"{service}-1": KEY.public_key() for service in ("escalation", "audit")})
STORIES = "tests/system/"
LONGEST = ("tests/proof/test_stream.py", STORIES, "tests/cli/test_demo.py")
"""What begins first, because it takes longest."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def turn(item: pytest.Item) -> int:
        return next((n for n, path in enumerate(LONGEST) if path in str(item.path)), len(LONGEST))

    items.sort(key=turn)


class Whole(LoadScopeScheduling):  # type: ignore[misc]
    """Files stay whole when workers share the run, with what they start once; all stories share one system."""

    # A group by a mark is a change of the test's id, which pytest 9.2 no longer allows, without a word.
    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return STORIES if file.startswith(STORIES) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Whole:
    return Whole(config, log)


@pytest.fixture(scope="session")
def servers() -> Iterator[Infrastructure]:
    """Real servers; nothing here must survive a power cut, so PostgreSQL need not fsync.

    Not below pytest's own folder: the next run closes it to others, and PostgreSQL runs as another user than root.
    """
    with (
        TemporaryDirectory(prefix="handrail-tests-", ignore_cleanup_errors=True) as home,
        infrastructure(Path(home), fsync=False) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def templates() -> dict[str, str]:
    """Migrated databases to copy from, by service."""
    return {}


@pytest_asyncio.fixture
async def db_for(servers: Infrastructure, templates: dict[str, str]) -> AsyncIterator[MakeDb]:
    """`await db_for("escalation")`: a database with the chassis' and that service's tables, gone after the test."""
    async with databases(servers, templates) as make:
        yield make


@asynccontextmanager
async def databases(servers: Infrastructure, templates: dict[str, str]) -> AsyncIterator[MakeDb]:
    """Databases that are gone afterwards."""
    made: list[tuple[str, asyncpg.Pool[asyncpg.Record]]] = []

    async def make(service: str) -> Database:
        if service not in templates:
            template = f"template_{service}_{uuid4().hex[:8]}"
            packages = ("chassis",) if service == "chassis" else ("chassis", service)
            await migrate(servers.postgres.create_database(template), packages)
            templates[service] = template
        name = f"t{uuid4().hex}"
        dsn = servers.postgres.create_database(name, template=templates[service])
        pool = await asyncpg.create_pool(dsn, min_size=1, max_size=8)
        made.append((name, pool))
        return Database(pool, service, SIGNER)

    yield make
    for name, pool in made:
        pool.terminate()
        servers.postgres.drop_database(name)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).parent.parent
