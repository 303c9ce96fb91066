"""Everything there is to judge, in one database: what the world, the witness and the book say, and all tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files

import asyncpg

from contracts.catalogue import BY_TYPE, READS
from contracts.event import Tenant, tenant_row
from handrail.local.environment import SERVICES
from tests.proof.book import Book
from tests.proof.judge import ledger, records, tables
from tests.proof.people import EVERYBODY, TENANT
from tests.proof.place import REPLICAS, Place
from tests.proof.quiet import Progress

DATABASE = "judge"
LINES = 4
"""Mails of a campaign that one executor may have on the way at once: so many may still arrive after a stop."""
AT_ONCE = 3
"""Campaigns that one executor carries at once."""


@dataclass(frozen=True, slots=True)
class Evidence:
    dsn: str
    records: int
    effects: int


async def gather(place: Place, book: Book, progress: Sequence[Progress]) -> Evidence:
    """Take everything in, anew."""
    server = place.system.infrastructure.postgres
    server.drop_database(DATABASE)
    dsn = server.create_database(DATABASE)
    judge = await asyncpg.connect(dsn)
    try:
        await judge.execute(_sql("schema.sql"))
        looked_at = datetime.now(UTC)
        for service in SERVICES:
            source = await asyncpg.connect(place.system.dsn(service))
            try:
                await tables.copy(service, source, judge)
            finally:
                await source.close()
        await tables.join(judge)
        seen = await records.load(judge, place.witness, place.system.keys.signature_keys)
        effects = await ledger.load(judge, place.ledger)
        await _say(judge, place, book, progress, looked_at)
        await judge.execute(_sql("views.sql"))
        await judge.execute("ANALYZE")
    finally:
        await judge.close()
    return Evidence(dsn, seen, effects)


async def _say(
    judge: asyncpg.Connection, place: Place, book: Book, progress: Sequence[Progress], looked_at: datetime
) -> None:
    sender = place.organisation["sender"]
    known = {
        "looked_at": looked_at.isoformat(),
        "in_flight": str(LINES * REPLICAS["executor"]),
        "at_once": str(AT_ONCE),
        "tenant_row": str(tenant_row(Tenant(TENANT))),
        "everybodys_row": str(tenant_row(Tenant("*"))),
        **{name: sender[name] for name in ("from_name", "from_address", "reply_to")},
    }
    types = {cls.__name__: name for name, cls in BY_TYPE.items()}
    stops = [(one.scope, one.campaign_id, one.asked_at, one.answered_at, one.lifted_at) for one in book.stops]
    said: dict[str, Sequence[tuple[object, ...]]] = {
        "progress": [(one.consumer, one.topic, one.partition, one.committed, one.ends) for one in progress],
        "subscription": [(consumer, topic) for consumer, topics in READS.items() for topic in topics],
        "person": [(one.subject, one.kind, list(one.roles)) for one in EVERYBODY],
        "promise": [(one.campaign_id, types[one.event]) for one in book.promises],
        "stop": stops,
        "outside": [(one,) for one in book.outside],
        "known": list(known.items()),
    }
    for table, rows in said.items():
        await judge.copy_records_to_table(table, schema_name="judge", records=rows)


def _sql(name: str) -> str:
    return files("tests.proof.judge").joinpath(name).read_text()
