"""The fold's state in the database: one document per campaign, loaded and saved for many campaigns at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic

from pydantic import TypeAdapter

from chassis.connection import Conn
from chassis.decision import Key, State

_LOAD = """
SELECT tenant, campaign_id, body::text
  FROM campaign_state
 WHERE (tenant, campaign_id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
"""
_SAVE = """
INSERT INTO campaign_state (tenant, campaign_id, body)
SELECT t, c, b::jsonb FROM unnest($1::text[], $2::uuid[], $3::text[]) AS row (t, c, b)
ON CONFLICT (tenant, campaign_id) DO UPDATE SET body = excluded.body, saved_at = clock_timestamp()
"""
_FORGET = """
DELETE FROM campaign_state WHERE (tenant, campaign_id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
"""


@dataclass(frozen=True, slots=True)
class States(Generic[State]):
    """Reads and writes states of one (frozen data) class; the adapter turns them into JSON and back."""

    adapter: TypeAdapter[State]

    async def load(self, conn: Conn, keys: Iterable[Key]) -> dict[Key, State]:
        """The states there are, of the campaigns `keys`."""
        unique = list(set(keys))
        rows = await conn.fetch(_LOAD, [key.tenant for key in unique], [key.campaign for key in unique])
        return {Key(row["tenant"], row["campaign_id"]): self.adapter.validate_json(row["body"]) for row in rows}

    async def save(self, conn: Conn, states: Mapping[Key, State | None]) -> None:
        """Replace `states`; None forgets."""
        kept = [(key, state) for key, state in states.items() if state is not None]
        if kept:
            bodies = [self.adapter.dump_json(state).decode() for _, state in kept]
            await conn.execute(_SAVE, [key.tenant for key, _ in kept], [key.campaign for key, _ in kept], bodies)
        if gone := [key for key, state in states.items() if state is None]:
            await conn.execute(_FORGET, [key.tenant for key in gone], [key.campaign for key in gone])
