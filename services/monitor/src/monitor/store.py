"""Campaigns' watches, the recipients that messages name, and channels' figures."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import TypeAdapter

from chassis.connection import Conn
from chassis.decision import Key, Loaded, Message
from chassis.fold import key_of
from chassis.states import States
from contracts.actions import EffectsRecorded
from contracts.event import Tenant
from contracts.executor import RecipientSuppressed
from contracts.inbound import ContactEventReported, MetricReported, RecipientEventReported
from monitor.domain.state import Recipient, Shared, Watch

STATES = States(TypeAdapter(Watch))

_RECIPIENTS = """
SELECT tenant, campaign_id, recipient_hash, domain, wave, kinds
  FROM recipient
 WHERE (tenant, campaign_id, recipient_hash) IN (SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[]))
"""
_SAVE_RECIPIENTS = """
INSERT INTO recipient (tenant, campaign_id, recipient_hash, domain, wave, kinds)
SELECT t, c, r, d, w, string_to_array(k, ' ')
  FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[]) AS row (t, c, r, d, w, k)
ON CONFLICT (tenant, campaign_id, recipient_hash)
DO UPDATE SET domain = excluded.domain, wave = excluded.wave, kinds = excluded.kinds
"""
_SAVE_METRIC = """
INSERT INTO metric_row (tenant, campaign_id, metric, channel, bucket, value, unit, currency, attribution, as_of,
                        provisional, revision)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (tenant, campaign_id, metric, channel, bucket) DO UPDATE
   SET value = excluded.value, unit = excluded.unit, currency = excluded.currency, attribution = excluded.attribution,
       as_of = excluded.as_of, provisional = excluded.provisional, revision = excluded.revision
 WHERE excluded.revision > metric_row.revision
"""
_METRICS = """
SELECT metric, channel, bucket, value, unit, currency, attribution, as_of, provisional, revision
  FROM metric_row WHERE (tenant, campaign_id) = ($1, $2) ORDER BY metric, channel, bucket LIMIT 500
"""
_CAMPAIGNS = "SELECT campaign_id FROM campaign_state WHERE tenant = $1 ORDER BY saved_at DESC LIMIT 200"
_RUNNING = """
SELECT body::text
  FROM campaign_state
 WHERE body->>'finished' IS NULL AND (body->>'received_at' IS NOT NULL OR body->>'asked_at' IS NOT NULL)
"""
_NOW = "SELECT clock_timestamp()"


async def load(conn: Conn, messages: Sequence[Message]) -> dict[Key, Loaded[Watch, Shared]]:
    keys = {key_of(message.meta) for message in messages}
    states = await STATES.load(conn, keys)
    named: set[tuple[Key, str]] = set()
    for message in messages:
        key = key_of(message.meta)
        match message.body:
            case RecipientEventReported(recipient_hash=recipient) | ContactEventReported(recipient_hash=recipient):
                named.add((key, recipient))
            case RecipientSuppressed(recipient_hash=recipient):
                named.add((key, recipient))
            case EffectsRecorded(effects=effects):
                named.update((key, effect.recipient_hash) for effect in effects)
            case _:
                pass
    known = await _recipients(conn, sorted(named))
    return {key: Loaded(states.get(key), Shared(known.get(key, {}))) for key in keys}


async def save(conn: Conn, touched: Mapping[Key, Loaded[Watch, Shared]]) -> None:
    await STATES.save(conn, {key: loaded.state for key, loaded in touched.items() if loaded.state is not None})
    rows = [
        (key.tenant, key.campaign, recipient, one.domain, one.wave, " ".join(sorted(one.kinds)))
        for key, loaded in touched.items()
        for recipient in sorted(loaded.shared.changed)
        for one in (loaded.shared.recipients[recipient],)
    ]
    if rows:
        await conn.execute(_SAVE_RECIPIENTS, *map(list, zip(*rows, strict=True)))
    for key, loaded in touched.items():
        for metric in loaded.shared.metrics:
            assert isinstance(metric, MetricReported)
            await conn.execute(
                _SAVE_METRIC, key.tenant, key.campaign, metric.metric, metric.channel, metric.bucket, metric.value,
                metric.unit, metric.currency, metric.attribution, metric.as_of, metric.provisional, metric.revision,
            )  # fmt: skip


async def state_of(conn: Conn, key: Key) -> Watch | None:
    return (await STATES.load(conn, [key])).get(key)


async def campaigns(conn: Conn, tenant: Tenant) -> dict[Key, Watch]:
    """The newest 200 campaigns of a tenant."""
    return await STATES.load(conn, [Key(tenant, row["campaign_id"]) for row in await conn.fetch(_CAMPAIGNS, tenant)])


async def running(conn: Conn) -> tuple[list[Watch], datetime]:
    """Everybody's campaigns that have a brief and no end, and the time there."""
    rows = await conn.fetch(_RUNNING)
    return [STATES.adapter.validate_json(row["body"]) for row in rows], await conn.fetchval(_NOW)


async def metrics(conn: Conn, key: Key) -> list[MetricReported]:
    """At most 500, each in its last revision."""
    return [MetricReported(**row) for row in await conn.fetch(_METRICS, key.tenant, key.campaign)]


async def _recipients(conn: Conn, named: list[tuple[Key, str]]) -> dict[Key, dict[str, Recipient]]:
    if not named:
        return {}
    rows = await conn.fetch(
        _RECIPIENTS, [key.tenant for key, _ in named], [key.campaign for key, _ in named], [one for _, one in named]
    )
    out: dict[Key, dict[str, Recipient]] = {}
    for row in rows:
        key = Key(row["tenant"], row["campaign_id"])
        kinds = frozenset(kind for kind in row["kinds"] if kind)
        out.setdefault(key, {})[row["recipient_hash"]] = Recipient(row["domain"], row["wave"], kinds)
    return out
