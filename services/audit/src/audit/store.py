"""Appends records to each tenant's chain, and reads them back."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

import asyncpg

from chassis.connection import Conn
from chassis.records import Raw
from chassis.replay import Span
from contracts.audit import FIRST_PREVIOUS, body_with, chain_hash, framed_headers, leaf_hash
from contracts.event import CampaignId, Event, Fact, Tenant
from contracts.framing import parts

_HEAD = "INSERT INTO head (tenant, seq, hash) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING"
_LOCK = "SELECT seq, hash, signed FROM head WHERE tenant = $1 FOR UPDATE"
_MOVE = "UPDATE head SET seq = $2, hash = $3 WHERE tenant = $1"
_SIGNED = "UPDATE head SET signed = $2 WHERE tenant = $1"
APPENDED = (
    "tenant", "seq", "event_id", "campaign_id", "decision_id", "type", "topic", "key", "headers", "value", "leaf",
    "prev", "hash", "occurred_at",
)  # fmt: skip
"""What is written of each record, all of a batch in one COPY."""
_UNSIGNED = """
SELECT h.tenant FROM head AS h
 WHERE EXISTS (SELECT 1 FROM record AS r
                WHERE r.tenant = h.tenant AND r.seq > h.signed AND r.type <> 'io.handrail.checkpoint.signed.v1')
"""
_HEAD_OF = "SELECT seq, hash, signed FROM head WHERE tenant = $1"
_BY_DECISION = "SELECT * FROM record WHERE (tenant, decision_id) = ($1, $2) ORDER BY seq"
_BY_CAMPAIGN = """
SELECT * FROM record WHERE (tenant, campaign_id) = ($1, $2) AND seq > $3 AND ($4::text[] IS NULL OR type = ANY($4))
 ORDER BY seq LIMIT $5
"""
_BY_EVENT = "SELECT * FROM record WHERE (tenant, event_id) = ($1, $2)"
_PAGE = "SELECT * FROM record WHERE tenant = $1 AND seq > $2 ORDER BY seq LIMIT 500"
_KEPT = """
SELECT * FROM record
 WHERE (tenant, seq) > ($1, $2) AND stored_at >= coalesce($4::timestamptz, '-infinity')
   AND stored_at < coalesce($5::timestamptz, 'infinity')
   AND CASE WHEN cardinality($3::text[]) = 0 THEN topic LIKE 'inbound.%' ELSE topic = ANY($3) END
 ORDER BY tenant, seq
 LIMIT 1000
"""
_LEAVES = "SELECT event_id, leaf FROM record WHERE event_id = ANY($1::uuid[])"
_HEADS = "SELECT tenant, seq, hash FROM head ORDER BY tenant"
_BETWEEN = "SELECT * FROM record WHERE tenant = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT 500"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One record of the chain."""

    seq: int
    event_id: UUID
    raw: Raw
    leaf: bytes
    prev: bytes
    hash: bytes


async def append(conn: Conn, tenant: Tenant, records: Sequence[tuple[Raw, Fact[Event]]]) -> list[tuple[int, bytes]]:
    """Append `records` to the tenant's chain, in order, under its lock. Returns (seq, leaf) of each."""
    await conn.execute(_HEAD, tenant, FIRST_PREVIOUS)
    head = await conn.fetchrow(_LOCK, tenant)
    assert head is not None
    seq, previous = head["seq"], head["hash"]
    rows, placed = [], []
    for raw, fact in records:
        seq += 1
        key, headers, value = raw.key or b"", framed_headers(raw.headers), raw.value or b""
        record_body = body_with(raw.topic, key, headers, value)
        link, leaf = chain_hash(seq, previous, record_body), leaf_hash(record_body)
        placed.append((seq, leaf))
        rows.append(
            (
                tenant, seq, fact.meta.event_id, fact.meta.campaign_id, _decision(fact.event), fact.event.type,
                raw.topic, key, headers, value, leaf, previous, link, fact.meta.occurred_at,
            )
        )  # fmt: skip
        previous = link
    await conn.copy_records_to_table("record", records=rows, columns=APPENDED)
    await conn.execute(_MOVE, tenant, seq, previous)
    return placed


async def unsigned(conn: Conn) -> list[Tenant]:
    """Tenants with records that no checkpoint covers yet, other than checkpoints themselves."""
    return [Tenant(row["tenant"]) for row in await conn.fetch(_UNSIGNED)]


async def lock_head(conn: Conn, tenant: Tenant) -> tuple[int, bytes]:
    row = await conn.fetchrow(_LOCK, tenant)
    assert row is not None
    return row["seq"], row["hash"]


async def mark_signed(conn: Conn, tenant: Tenant, seq: int) -> None:
    await conn.execute(_SIGNED, tenant, seq)


async def head(conn: Conn, tenant: Tenant) -> tuple[int, bytes, int]:
    """(size, hash, size of the last checkpoint); an empty chain has size 0."""
    row = await conn.fetchrow(_HEAD_OF, tenant)
    return (row["seq"], row["hash"], row["signed"]) if row else (0, FIRST_PREVIOUS, 0)


async def by_decision(conn: Conn, tenant: Tenant, decision: UUID) -> list[Stored]:
    return [_stored(row) for row in await conn.fetch(_BY_DECISION, tenant, decision)]


async def by_campaign(
    conn: Conn,
    tenant: Tenant,
    campaign: CampaignId,
    after: int = 0,
    types: Sequence[str] | None = None,
    limit: int = 500,
) -> list[Stored]:
    rows = await conn.fetch(_BY_CAMPAIGN, tenant, campaign, after, list(types) if types else None, limit)
    return [_stored(row) for row in rows]


async def by_event(conn: Conn, tenant: Tenant, event: UUID) -> Stored | None:
    row = await conn.fetchrow(_BY_EVENT, tenant, event)
    return _stored(row) if row else None


async def export(conn: Conn, tenant: Tenant) -> AsyncIterator[Stored]:
    """All records of a tenant, in order, a page at a time."""
    after = 0
    while page := await conn.fetch(_PAGE, tenant, after):
        for row in page:
            yield _stored(row)
        after = page[-1]["seq"]


async def kept(conn: Conn, span: Span) -> AsyncIterator[Sequence[Raw]]:
    """Records to be sent again, in the order of their chains: of the span's topics, or what outsiders sent."""
    tenant, seq = "", 0
    while page := await conn.fetch(_KEPT, tenant, seq, list(span.topics), span.since, span.until):
        yield [_stored(row).raw for row in page]
        tenant, seq = page[-1]["tenant"], page[-1]["seq"]


async def leaves(conn: Conn, events: Sequence[UUID]) -> dict[UUID, bytes]:
    """The leaves of those of `events` that are stored."""
    return {row["event_id"]: row["leaf"] for row in await conn.fetch(_LEAVES, events)}


async def heads(conn: Conn) -> list[tuple[Tenant, int, bytes]]:
    """(tenant, size, hash) of every chain."""
    return [(Tenant(row["tenant"]), row["seq"], row["hash"]) for row in await conn.fetch(_HEADS)]


async def between(conn: Conn, tenant: Tenant, after: int, until: int) -> list[Stored]:
    """A page of the records with after < seq <= until."""
    return [_stored(row) for row in await conn.fetch(_BETWEEN, tenant, after, until)]


def _decision(event: Event) -> UUID | None:
    return getattr(event, "decision_id", None) if _names_a_decision(type(event)) else None


@lru_cache
def _names_a_decision(cls: type[Event]) -> bool:
    return "decision_id" in cls.model_fields


def _stored(row: asyncpg.Record) -> Stored:
    flat = parts(row["headers"])
    headers = [(name.decode(), text) for name, text in zip(flat[::2], flat[1::2], strict=True)]
    raw = Raw("", row["topic"], 0, 0, row["key"], headers, row["value"])
    return Stored(
        seq=row["seq"], event_id=row["event_id"], raw=raw, leaf=row["leaf"], prev=row["prev"], hash=row["hash"]
    )
