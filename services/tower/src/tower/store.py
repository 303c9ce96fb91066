"""Rows of campaigns, and what happened, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from chassis.decision import Key
from chassis.postgres import Conn
from contracts.event import CampaignId, Event, Fact, Tenant
from tower.row import Row, said

ADAPTER = TypeAdapter(Row)

_LOAD = """
SELECT tenant, campaign_id, body::text
  FROM campaign_row
 WHERE (tenant, campaign_id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
"""
_SAVE = """
INSERT INTO campaign_row (tenant, campaign_id, body)
SELECT t, c, b::jsonb FROM unnest($1::text[], $2::uuid[], $3::text[]) AS row (t, c, b)
ON CONFLICT (tenant, campaign_id) DO UPDATE SET body = excluded.body, changed_at = clock_timestamp()
"""
_TELL = """
INSERT INTO happening (tenant, campaign_id, event_id, type, said, occurred_at, topic, sequence)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING
"""
_ALL = "SELECT campaign_id, body::text FROM campaign_row WHERE tenant = $1 ORDER BY changed_at DESC LIMIT 500"
_TIMELINE = """
SELECT said, type, occurred_at FROM happening
 WHERE (tenant, campaign_id) = ($1, $2) ORDER BY occurred_at DESC, topic, sequence DESC, event_id LIMIT 300
"""
_CHANGED = "SELECT max(changed_at) FROM campaign_row WHERE tenant = $1"
_NOW = "SELECT clock_timestamp()"


@dataclass(frozen=True, slots=True)
class Happening:
    said: str
    type: str
    occurred_at: datetime


async def load(conn: Conn, keys: Sequence[Key]) -> dict[Key, Row]:
    rows = await conn.fetch(_LOAD, [key.tenant for key in keys], [key.campaign for key in keys])
    return {Key(row["tenant"], row["campaign_id"]): ADAPTER.validate_json(row["body"]) for row in rows}


async def save(conn: Conn, rows: Mapping[Key, Row]) -> None:
    bodies = [ADAPTER.dump_json(row).decode() for row in rows.values()]
    await conn.execute(_SAVE, [key.tenant for key in rows], [key.campaign for key in rows], bodies)


async def tell(conn: Conn, facts: Sequence[Fact[Event]]) -> None:
    """Keep what a person would look for in a timeline."""
    lines = [
        (
            fact.meta.tenant,
            fact.meta.campaign_id,
            fact.meta.event_id,
            fact.event.type,
            text,
            fact.meta.occurred_at,
            fact.event.topic,
            fact.meta.sequence or 0,
        )
        for fact in facts
        if (text := said(fact.event))
    ]
    if lines:
        await conn.executemany(_TELL, lines)


async def every(conn: Conn, tenant: Tenant) -> dict[CampaignId, Row]:
    """The newest 500 campaigns of a tenant."""
    return {row["campaign_id"]: ADAPTER.validate_json(row["body"]) for row in await conn.fetch(_ALL, tenant)}


async def timeline(conn: Conn, key: Key) -> list[Happening]:
    """What happened, newest first."""
    return [Happening(**row) for row in await conn.fetch(_TIMELINE, key.tenant, key.campaign)]


async def changed_at(conn: Conn, tenant: Tenant) -> datetime | None:
    found: datetime | None = await conn.fetchval(_CHANGED, tenant)
    return found


async def now(conn: Conn) -> datetime:
    found: datetime = await conn.fetchval(_NOW)
    return found
