"""Records that could not be processed, byte for byte, and those that wait behind them so that nothing overtakes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from chassis.connection import Conn
from chassis.decision import Key
from chassis.metrics import DEAD_LETTERS, INVALID
from chassis.postgres import Transaction
from chassis.records import Raw, headers_of
from contracts.codec import TENANT
from contracts.event import CampaignId, Tenant

UNDECODABLE, FAILING, BEHIND = "undecodable", "failing", "behind"

_KEEP = """
INSERT INTO dead_letter (cluster_id, topic, partition, kafka_offset, key, headers, value, sha256, kind, reason, tenant,
                         campaign_id, attempts)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (cluster_id, topic, partition, kafka_offset) DO NOTHING
"""
_PARKED = """
SELECT DISTINCT tenant, campaign_id
  FROM dead_letter
 WHERE (tenant, campaign_id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
"""
_LIST = """
SELECT id, topic, partition, kafka_offset, kind, reason, tenant, campaign_id, attempts, redriven, kept_at
  FROM dead_letter ORDER BY id LIMIT $1
"""
_SHOW = "SELECT * FROM dead_letter WHERE id = $1"
_CAMPAIGN = "SELECT * FROM dead_letter WHERE (tenant, campaign_id) = ($1, $2) ORDER BY id FOR UPDATE"
_LONE = "SELECT * FROM dead_letter WHERE id = $1 AND campaign_id IS NULL FOR UPDATE"
_KEPT = """
SELECT reason
  FROM dead_letter
  JOIN unnest($1::text[], $2::text[], $3::int[], $4::bigint[]) AS place (cluster_id, topic, partition, kafka_offset)
 USING (cluster_id, topic, partition, kafka_offset)
 ORDER BY id
 LIMIT 1
"""
_REMOVE = "DELETE FROM dead_letter WHERE id = $1"
_REDRIVEN = "UPDATE dead_letter SET redriven = redriven + 1, reason = $2 WHERE id = $1"
_DISCARD = """
INSERT INTO dead_letter_discard (dead_letter_id, actor, reason) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
"""
_PENDING = """
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(kept_at)), 0)::float AS oldest FROM dead_letter
"""
_DISCARDERS = "SELECT count(DISTINCT actor) FROM dead_letter_discard WHERE dead_letter_id = $1"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One kept record, as a person sees it in a list."""

    id: int
    topic: str
    partition: int
    kafka_offset: int
    kind: str
    reason: str
    tenant: str | None
    campaign_id: CampaignId | None
    attempts: int
    redriven: int
    kept_at: datetime


@dataclass(frozen=True, slots=True)
class Pending:
    """How many records are kept, and for how long the oldest of them is."""

    count: int
    oldest_seconds: float


async def keep(tx: Transaction, raw: Raw, kind: str, reason: str, key: Key | None, attempts: int = 0) -> None:
    """Keep `raw`; `key` is the campaign it parks, None for a record of `inbound.*`."""
    await tx.conn.execute(
        _KEEP, raw.cluster_id, raw.topic, raw.partition, raw.offset, raw.key, raw.flat_headers, raw.value, raw.sha256,
        kind, reason.replace("\x00", "")[:2000], key.tenant if key else None, key.campaign if key else None, attempts,
    )  # fmt: skip
    tx.after(DEAD_LETTERS.labels(reason=kind).inc)
    if kind == UNDECODABLE:
        tx.after(INVALID.labels(topic=raw.topic).inc)


async def parked(conn: Conn, keys: Iterable[Key]) -> set[Key]:
    """Those of `keys` that wait behind a dead letter."""
    ordered = list(set(keys))
    if not ordered:
        return set()
    rows = await conn.fetch(_PARKED, [key.tenant for key in ordered], [key.campaign for key in ordered])
    return {Key(row["tenant"], row["campaign_id"]) for row in rows}


async def pending(conn: Conn) -> Pending:
    [row] = await conn.fetch(_PENDING)
    return Pending(row["count"], max(0.0, row["oldest"]))


async def listed(conn: Conn, limit: int = 200) -> list[DeadLetter]:
    return [DeadLetter(**row) for row in await conn.fetch(_LIST, limit)]


async def show(conn: Conn, letter: int) -> tuple[DeadLetter, Raw] | None:
    """One dead letter with its bytes, or None."""
    row = await conn.fetchrow(_SHOW, letter)
    if row is None:
        return None
    return DeadLetter(**{name: row[name] for name in DeadLetter.__dataclass_fields__}), raw_of(row)


async def of_campaign(conn: Conn, key: Key) -> list[tuple[int, Raw]]:
    """The campaign's dead letters, oldest first, locked."""
    return [(row["id"], raw_of(row)) for row in await conn.fetch(_CAMPAIGN, key.tenant, key.campaign)]


async def lone(conn: Conn, letter: int) -> tuple[int, Raw] | None:
    """A dead letter that parks nothing, locked; None when there is none of that id."""
    row = await conn.fetchrow(_LONE, letter)
    return (row["id"], raw_of(row)) if row else None


async def kept(conn: Conn, raws: Sequence[Raw]) -> str | None:
    """Why the first of `raws` that is kept is; None when none of them is."""
    places = ([raw.cluster_id for raw in raws], [raw.topic for raw in raws], [raw.partition for raw in raws])
    reason: str | None = await conn.fetchval(_KEPT, *places, [raw.offset for raw in raws])
    return reason


async def remove(conn: Conn, letter: int) -> None:
    await conn.execute(_REMOVE, letter)


async def redriven(conn: Conn, letter: int, reason: str) -> None:
    """It was driven again, and failed again with `reason`."""
    await conn.execute(_REDRIVEN, letter, reason[:2000])


async def discard(conn: Conn, letter: int, actor: str, reason: str) -> bool:
    """`actor` asks to throw the letter away; the second person's word does it. True when it is gone."""
    await conn.execute(_DISCARD, letter, actor, reason)
    if await conn.fetchval(_DISCARDERS, letter) < 2:
        return False
    await remove(conn, letter)
    return True


def raw_of(row: asyncpg.Record) -> Raw:
    """A kept record as it came."""
    return Raw(
        cluster_id=row["cluster_id"],
        topic=row["topic"],
        partition=row["partition"],
        offset=row["kafka_offset"],
        key=row["key"],
        headers=headers_of(row["headers"]),
        value=row["value"],
    )


def key_of(raw: Raw, tenant: str | None) -> Key | None:
    """The campaign that `raw` parks: none for `inbound.*`, or where its key or `tenant` can name none."""
    campaign = raw.campaign
    if raw.inbound or campaign is None or tenant is None or not TENANT.fullmatch(tenant):
        return None
    return Key(Tenant(tenant), campaign)
