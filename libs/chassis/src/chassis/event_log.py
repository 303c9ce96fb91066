"""What a service said: written with the deciding transaction, numbered, signed where the class says so.

Headers are kept as one JSON object, name to text in their order: what we say ourselves is text.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias
from uuid import UUID
from zlib import crc32

from chassis.connection import Conn
from chassis.records import Raw
from chassis.signatures import Signer
from contracts.codec import INBOUND, Header, encode
from contracts.event import Event, Fact, Meta

SHARDS = 16
"""The relay works shard by shard; a campaign is always in the same one."""

# A restored database decides again what was put back into its log: that has its number, and takes no other one.
_NUMBER = """
WITH said AS (
    SELECT row.*, e.epoch
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[]) AS row (id, tenant, topic, campaign), log_epoch AS e
     WHERE e.epoch = 0 OR NOT EXISTS (SELECT FROM event_log AS known WHERE known.event_id = row.id)
), counted AS (
    SELECT tenant, topic, campaign, epoch, count(*) AS size, array_agg(id) FILTER (WHERE epoch > 0) AS fresh
      FROM said GROUP BY tenant, topic, campaign, epoch
), numbered AS (
    INSERT INTO stream (tenant, topic, campaign_id, epoch, last)
    SELECT tenant, topic, campaign, epoch, size FROM counted ORDER BY tenant, topic, campaign
    ON CONFLICT (tenant, topic, campaign_id, epoch) DO UPDATE SET last = stream.last + excluded.last
    RETURNING *
)
SELECT tenant, topic, campaign_id, epoch, last - size AS before, fresh
  FROM numbered JOIN counted USING (tenant, topic, epoch) WHERE campaign_id = campaign
"""
_WRITE = """
INSERT INTO event_log (event_id, tenant, campaign_id, topic, epoch, sequence, key, shard, headers, value)
SELECT i, t, c, o, e, s, k, shard, h::json, v
  FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::int[], $6::bigint[], $7::bytea[], $8::smallint[],
              $9::text[], $10::bytea[]) WITH ORDINALITY AS row (i, t, c, o, e, s, k, shard, h, v, place)
 ORDER BY place
ON CONFLICT (event_id) DO NOTHING
"""
_PUT_BACK = """
INSERT INTO event_log (event_id, tenant, campaign_id, topic, epoch, sequence, key, shard, headers, value, logged_at,
                       sent_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::json, $10, $11, clock_timestamp())
ON CONFLICT DO NOTHING
"""

Stream: TypeAlias = tuple[str, str, UUID]


@dataclass(frozen=True, slots=True)
class Caused:
    """An event that follows from a message, at a time of the database."""

    cause: Meta
    event: Event
    id: UUID
    at: datetime


Said: TypeAlias = Caused | Fact[Event]
"""What is to be written; a fact has its meta already, but for its place in a stream of ours."""


async def write(conn: Conn, said: Sequence[Said], source: str, signer: Signer | None) -> None:
    """Write `said` in its order, as `source`; the campaigns are locked. A fact that is there already stays as it is."""
    rows = []
    for fact in await _numbered(conn, said, source):
        meta, event = fact.meta, fact.event
        headers, value = encode(fact)
        if event.signed:
            if signer is None:
                raise RuntimeError(f"{event.type} must be signed, and {source} has no signing key")
            headers = signer.sign(headers, value)
        rows.append(
            (
                meta.event_id, meta.tenant, meta.campaign_id, event.topic, meta.epoch, meta.sequence, event.key(meta),
                crc32(meta.campaign_id.bytes) % SHARDS, _text_of(headers), value,
            )
        )  # fmt: skip
    if rows:
        await conn.execute(_WRITE, *zip(*rows, strict=True))


async def put_back(conn: Conn, said: Sequence[tuple[Raw, Fact[Event]]]) -> None:
    """Write what a restored database has forgotten, as it stands on Kafka: it is sent already."""
    rows = [
        (
            fact.meta.event_id, fact.meta.tenant, fact.meta.campaign_id, raw.topic, fact.meta.epoch,
            fact.meta.sequence, raw.key or b"", crc32(fact.meta.campaign_id.bytes) % SHARDS, _text_of(raw.headers),
            raw.value, fact.meta.occurred_at,
        )
        for raw, fact in said
    ]  # fmt: skip
    await conn.executemany(_PUT_BACK, rows)


def headers_of(text: str) -> list[Header]:
    """Headers as Kafka takes them, from what a row keeps."""
    return [(name, value.encode()) for name, value in json.loads(text).items()]


def _text_of(headers: Sequence[Header]) -> str:
    return json.dumps({name: value.decode(errors="replace") for name, value in headers})


async def _numbered(conn: Conn, said: Sequence[Said], source: str) -> list[Fact[Event]]:
    """`said` with ids, and the next sequences of their streams."""
    streams = [_stream(one) for one in said]
    ours = [(_id(one), *stream) for one, stream in zip(said, streams, strict=True) if stream is not None]
    if not ours:
        return [one for one in said if isinstance(one, Fact)]  # nothing of our own
    rows = await conn.fetch(_NUMBER, *zip(*ours, strict=True))
    numbers = {(row["tenant"], row["topic"], row["campaign_id"]): row["before"] for row in rows}
    fresh = {event_id for row in rows for event_id in row["fresh"] or ()}
    out: list[Fact[Event]] = []
    for one, stream in zip(said, streams, strict=True):
        if stream is None:
            out.append(_fact(one, source, None, None))
        elif stream in numbers and (not rows[0]["epoch"] or _id(one) in fresh):
            numbers[stream] += 1
            out.append(_fact(one, source, numbers[stream], rows[0]["epoch"]))
    return out


def _id(one: Said) -> UUID:
    return one.id if isinstance(one, Caused) else one.meta.event_id


def _stream(one: Said) -> Stream | None:
    """Where `one` is numbered; what outsiders reported is not."""
    if isinstance(one, Caused):
        return one.cause.tenant, one.event.topic, one.cause.campaign_id
    if one.event.topic.startswith(INBOUND):
        return None
    return one.meta.tenant, one.event.topic, one.meta.campaign_id


def _fact(one: Said, source: str, sequence: int | None, epoch: int | None) -> Fact[Event]:
    if isinstance(one, Caused):
        return Fact(one.cause.leads_to(one.id, at=one.at, source=source, sequence=sequence, epoch=epoch), one.event)
    return one if sequence is None else Fact(replace(one.meta, sequence=sequence, epoch=epoch), one.event)
