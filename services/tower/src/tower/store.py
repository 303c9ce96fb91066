"""Rows of campaigns, decisions, and what happened, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter

from chassis.connection import Conn
from chassis.decision import Key
from contracts.event import CampaignId, Event, Fact, Tenant
from tower.row import Row, said
from tower.why import Why, decision_of

ADAPTER = TypeAdapter(Row)
DECISIONS = TypeAdapter(Why)
LIMIT_TIMELINE = 300

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
INSERT INTO happening (tenant, campaign_id, event_id, type, decision_id, said, occurred_at, topic, sequence)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING
"""
_ALL = "SELECT campaign_id, body::text FROM campaign_row WHERE tenant = $1 ORDER BY changed_at DESC LIMIT 500"
_TIMELINE = f"""
SELECT h.said, h.type, h.occurred_at, d.decision_id
  FROM happening AS h
  LEFT JOIN decision AS d ON (d.tenant, d.decision_id) = (h.tenant, h.decision_id) AND d.body->>'proposed' IS NOT NULL
 WHERE (h.tenant, h.campaign_id) = ($1, $2)
 ORDER BY h.occurred_at DESC, h.topic, h.sequence DESC, h.event_id
 LIMIT {LIMIT_TIMELINE}
"""
_SAID = "SELECT said FROM happening WHERE (tenant, campaign_id, event_id) = ($1, $2, $3)"
_CHANGED = "SELECT max(changed_at) FROM campaign_row WHERE tenant = $1"
_CHANGED_CAMPAIGN = """
SELECT (SELECT changed_at FROM campaign_row WHERE (tenant, campaign_id) = ($1, $2)),
       (SELECT max(changed_at) FROM decision WHERE (tenant, campaign_id) = ($1, $2)),
       (SELECT count(*) FROM happening WHERE (tenant, campaign_id) = ($1, $2))
"""
_LOAD_DECISIONS = """
SELECT tenant, decision_id, campaign_id, body::text
  FROM decision
 WHERE (tenant, decision_id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
"""
_SAVE_DECISIONS = """
INSERT INTO decision (tenant, decision_id, campaign_id, body)
SELECT t, d, c, b::jsonb FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[]) AS row (t, d, c, b)
ON CONFLICT (tenant, decision_id) DO UPDATE SET body = excluded.body, changed_at = clock_timestamp()
"""
_DECISIONS = """
SELECT tenant, decision_id, campaign_id, body::text FROM decision WHERE (tenant, campaign_id) = ($1, $2) LIMIT 300
"""
_NOW = "SELECT clock_timestamp()"


@dataclass(frozen=True, slots=True)
class Happening:
    said: str
    type: str
    occurred_at: datetime
    decision_id: UUID | None


class DecisionKey(NamedTuple):
    tenant: Tenant
    decision: UUID


@dataclass(frozen=True, slots=True)
class Kept:
    """A decision, and whose it is."""

    decision_id: UUID
    campaign_id: CampaignId
    why: Why


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
            decision_of(fact.event),
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


async def said_of(conn: Conn, key: Key, event: UUID) -> str:
    """What was told of an event; empty for nothing."""
    return await conn.fetchval(_SAID, key.tenant, key.campaign, event) or ""


async def load_decisions(conn: Conn, keys: Sequence[DecisionKey]) -> dict[DecisionKey, Kept]:
    rows = await conn.fetch(_LOAD_DECISIONS, [key.tenant for key in keys], [key.decision for key in keys])
    return {DecisionKey(row["tenant"], row["decision_id"]): _kept(row) for row in rows}


async def save_decisions(conn: Conn, decisions: Mapping[DecisionKey, Kept]) -> None:
    tenants = [key.tenant for key in decisions]
    ids = [key.decision for key in decisions]
    campaigns = [kept.campaign_id for kept in decisions.values()]
    bodies = [DECISIONS.dump_json(kept.why).decode() for kept in decisions.values()]
    await conn.execute(_SAVE_DECISIONS, tenants, ids, campaigns, bodies)


async def decisions_of(conn: Conn, key: Key) -> list[Kept]:
    """A campaign's decisions whose proposal is known, in the order they were proposed."""
    found = [_kept(row) for row in await conn.fetch(_DECISIONS, key.tenant, key.campaign)]
    known = [(kept.why.proposed_at, kept) for kept in found if kept.why.proposed_at is not None]
    return [kept for _, kept in sorted(known, key=lambda one: (one[0], str(one[1].decision_id)))]


def _kept(row: asyncpg.Record) -> Kept:
    return Kept(row["decision_id"], CampaignId(row["campaign_id"]), DECISIONS.validate_json(row["body"]))


async def changed(conn: Conn, key: Key) -> tuple[object, ...]:
    """Another value whenever anything that is shown of a campaign has changed."""
    [row] = await conn.fetch(_CHANGED_CAMPAIGN, key.tenant, key.campaign)
    return tuple(row)


async def changed_at(conn: Conn, tenant: Tenant) -> datetime | None:
    found: datetime | None = await conn.fetchval(_CHANGED, tenant)
    return found


async def now(conn: Conn) -> datetime:
    found: datetime = await conn.fetchval(_NOW)
    return found
