"""The plans a service acts by, and the messages that wait for one not seen yet."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chassis.connection import Conn
from chassis.decision import Key
from chassis.records import headers_of
from contracts.briefing import PlanIssued
from contracts.codec import Header

_PLANS = """
SELECT tenant, campaign_id, version, CASE WHEN known.v IS NULL THEN body END AS body
  FROM plan
  LEFT JOIN unnest($3::text[], $4::uuid[], $5::int[]) AS known (t, c, v)
         ON (tenant, campaign_id, version) = (known.t, known.c, known.v)
 WHERE (tenant, campaign_id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
"""
_SAVE = """
INSERT INTO plan (tenant, campaign_id, version, policy_hash, body) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
"""
_WAIT = """
INSERT INTO waiting (tenant, campaign_id, plan_version, topic, headers, value) VALUES ($1, $2, $3, $4, $5, $6)
"""
_WAITING = """
SELECT id, tenant, campaign_id, plan_version, topic, headers, value
  FROM waiting
 WHERE (tenant, campaign_id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
 ORDER BY id
"""
_WAITED = "DELETE FROM waiting WHERE id = ANY($1::bigint[])"
KEPT = 256
"""Campaigns whose parsed plans are at hand, some 60 KiB each; another one is read from its row in a millisecond."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A claimed message kept as it came, until its plan does; `id` is None while it is not stored."""

    id: int | None
    key: Key
    plan_version: int
    topic: str
    headers: Sequence[Header]
    value: bytes


@dataclass(slots=True)
class Plans:
    """Loads plans by campaign; a plan never changes, so those parsed last are kept in memory."""

    _parsed: "OrderedDict[Key, dict[int, PlanIssued]]" = field(default_factory=OrderedDict)

    async def load(self, conn: Conn, keys: Iterable[Key]) -> dict[Key, dict[int, PlanIssued]]:
        out: dict[Key, dict[int, PlanIssued]] = {key: {} for key in keys}
        known = {key: self._parsed.get(key, {}) for key in out}  # it may be let go while the others are read
        places = [(key.tenant, key.campaign, version) for key, versions in known.items() for version in versions]
        columns = [[place[n] for place in places] for n in range(3)]
        for row in await conn.fetch(_PLANS, [key.tenant for key in out], [key.campaign for key in out], *columns):
            key, version = Key(row["tenant"], row["campaign_id"]), row["version"]
            out[key][version] = known[key].get(version) or PlanIssued.model_validate_json(row["body"])
        for key, versions in out.items():
            if versions:
                self._parsed[key] = versions
                self._parsed.move_to_end(key)
        while len(self._parsed) > KEPT:
            self._parsed.popitem(last=False)
        return out


async def save(conn: Conn, key: Key, issued: PlanIssued) -> None:
    body = issued.model_dump_json().encode()
    await conn.execute(_SAVE, key.tenant, key.campaign, issued.plan.version, issued.plan.policy_hash, body)


async def wait(conn: Conn, waiting: Waiting) -> None:
    """Keep a message until its plan arrives."""
    flat = [part for name, text in waiting.headers for part in (name.encode(), text)]
    key = waiting.key
    await conn.execute(_WAIT, key.tenant, key.campaign, waiting.plan_version, waiting.topic, flat, waiting.value)


async def waiting_of(conn: Conn, keys: Iterable[Key]) -> list[Waiting]:
    """What waits in `keys`, in the order it came."""
    ordered = sorted(set(keys))
    rows = await conn.fetch(_WAITING, [key.tenant for key in ordered], [key.campaign for key in ordered])
    return [
        Waiting(
            row["id"], Key(row["tenant"], row["campaign_id"]), row["plan_version"], row["topic"],
            headers_of(row["headers"]), row["value"],
        )
        for row in rows
    ]  # fmt: skip


async def waited(conn: Conn, ids: Sequence[int]) -> None:
    """These wait no longer."""
    if ids:
        await conn.execute(_WAITED, list(ids))
