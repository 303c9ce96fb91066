"""What a service said: written with the deciding transaction, numbered, signed where the class says so.

Headers are kept as one JSON object, name to text in their order: what we say ourselves is text.
"""

import json
from collections import Counter as Tally
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

_NUMBER = """
INSERT INTO stream (tenant, topic, campaign_id, epoch, last)
SELECT t, o, c, e.epoch, n
  FROM unnest($1::text[], $2::text[], $3::uuid[], $4::bigint[]) AS row (t, o, c, n), log_epoch AS e
 ORDER BY t, o, c
ON CONFLICT (tenant, topic, campaign_id, epoch) DO UPDATE SET last = stream.last + excluded.last
RETURNING tenant, topic, campaign_id, epoch, last
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
    """An event that follows from a message: the `nth` of its class, at a time of the database."""

    cause: Meta
    event: Event
    nth: int
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
    sizes = Tally(stream for stream in streams if stream is not None)
    if not sizes:
        return [one for one in said if isinstance(one, Fact)]  # nothing of our own
    tenants, topics, campaigns = zip(*sizes, strict=True)
    rows = await conn.fetch(_NUMBER, tenants, topics, campaigns, list(sizes.values()))
    last: dict[Stream, int] = {(row["tenant"], row["topic"], row["campaign_id"]): row["last"] for row in rows}
    epoch: int = rows[0]["epoch"]
    following = {stream: last[stream] - size for stream, size in sizes.items()}
    out: list[Fact[Event]] = []
    for one, stream in zip(said, streams, strict=True):
        sequence = None
        if stream is not None:
            sequence = following[stream] = following[stream] + 1
        out.append(_fact(one, source, sequence, epoch))
    return out


def _stream(one: Said) -> Stream | None:
    """Where `one` is numbered; what outsiders reported is not."""
    if isinstance(one, Caused):
        return one.cause.tenant, one.event.topic, one.cause.campaign_id
    if one.event.topic.startswith(INBOUND):
        return None
    return one.meta.tenant, one.event.topic, one.meta.campaign_id


def _fact(one: Said, source: str, sequence: int | None, epoch: int) -> Fact[Event]:
    if isinstance(one, Caused):
        kind = type(one.event)
        meta = one.cause.leads_to(kind, at=one.at, source=source, nth=one.nth, sequence=sequence, epoch=epoch)
        return Fact(meta, one.event)
    return one if sequence is None else Fact(replace(one.meta, sequence=sequence, epoch=epoch), one.event)
