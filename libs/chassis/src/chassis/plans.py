"""The plans a service acts by, and the messages that wait for one not seen yet."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chassis.decision import Key
from chassis.postgres import Conn
from chassis.records import headers_of
from contracts.briefing import PlanIssued
from contracts.codec import Header

_VERSIONS = """
SELECT tenant, campaign_id, version
  FROM plan
 WHERE (tenant, campaign_id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
"""
_BODIES = """
SELECT tenant, campaign_id, version, body
  FROM plan
 WHERE (tenant, campaign_id, version) IN (SELECT * FROM unnest($1::text[], $2::uuid[], $3::int[]))
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
"""Parsed plans at hand, of some 60 KiB each; another one is read from its row in a millisecond."""


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

    _parsed: "OrderedDict[tuple[Key, int], PlanIssued]" = field(default_factory=OrderedDict)

    async def load(self, conn: Conn, keys: Iterable[Key]) -> dict[Key, dict[int, PlanIssued]]:
        out: dict[Key, dict[int, PlanIssued]] = {key: {} for key in keys}
        rows = await conn.fetch(_VERSIONS, [key.tenant for key in out], [key.campaign for key in out])
        wanted = [(Key(row["tenant"], row["campaign_id"]), row["version"]) for row in rows]
        found = {one: self._parsed[one] for one in wanted if one in self._parsed}
        found |= await self._read(conn, [one for one in wanted if one not in found])
        for (key, version), plan in found.items():
            out[key][version] = self._parsed[key, version] = plan
            self._parsed.move_to_end((key, version))
        while len(self._parsed) > KEPT:
            self._parsed.popitem(last=False)
        return out

    async def _read(self, conn: Conn, wanted: Sequence[tuple[Key, int]]) -> dict[tuple[Key, int], PlanIssued]:
        if not wanted:
            return {}
        places = zip(*((key.tenant, key.campaign, version) for key, version in wanted), strict=True)
        return {
            (Key(row["tenant"], row["campaign_id"]), row["version"]): PlanIssued.model_validate_json(row["body"])
            for row in await conn.fetch(_BODIES, *places)
        }


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
