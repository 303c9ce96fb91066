"""Reports of mails, folded into their campaigns' state by the monitor; and the least loop that leaves the same rows."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from benchmarks import by_hand, product, workload
from benchmarks.frame import SEED, Measured, Meter, Stage
from benchmarks.places import database, fresh_topics
from chassis.consumer import Consumer
from chassis.fold import Fold
from chassis.postgres import Database
from chassis.signatures import Verifier
from contracts.catalogue import TOPICS
from contracts.event import Event, Fact
from contracts.inbound import MailEvent, RecipientEventReported
from handrail import keys
from handrail.local.sources import Infrastructure
from monitor import store
from monitor.app import build
from monitor.domain.decide import decide
from monitor.metrics import DECISIONS
from monitor.settings import Settings
from tests.builders import record

TOPIC = RecipientEventReported.topic

_RECIPIENTS = """
SELECT campaign_id, recipient_hash, domain, wave, kinds
  FROM recipient
 WHERE (tenant, campaign_id, recipient_hash) IN (SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[]))
"""
_STATES = """
SELECT campaign_id, body::text
  FROM campaign_state WHERE (tenant, campaign_id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
"""
_SAVE_RECIPIENTS = """
INSERT INTO recipient (tenant, campaign_id, recipient_hash, domain, wave, kinds)
SELECT t, c, r, d, w, string_to_array(k, ' ')
  FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[]) AS row (t, c, r, d, w, k)
ON CONFLICT (tenant, campaign_id, recipient_hash) DO UPDATE SET kinds = excluded.kinds
"""
_SAVE_STATES = """
INSERT INTO campaign_state (tenant, campaign_id, body)
SELECT t, c, b::jsonb FROM unnest($1::text[], $2::uuid[], $3::text[]) AS row (t, c, b)
ON CONFLICT (tenant, campaign_id) DO UPDATE SET body = excluded.body, saved_at = clock_timestamp()
"""
FATES = {MailEvent.DELIVERED, MailEvent.BOUNCED_HARD, MailEvent.BLOCKED_OR_SOFT, MailEvent.DROPPED}


async def prepare(servers: Infrastructure, partitions: int, events: int) -> str:
    """Reports on the topic, and a database in which each campaign's mails are on their way."""
    fresh_topics(servers.kafka, dict.fromkeys(TOPICS, 1) | {TOPIC: partitions})
    await workload.publish(servers.kafka, workload.reports(events, SEED))
    name = await database(servers, "monitor")
    async with by_hand.connected(servers.postgres.dsn(name)) as pool:
        fold = Fold(decide, store.load, store.save, None, DECISIONS, keeps_plans=True)
        consumer = Consumer(Database(pool, "monitor"), "seed", fold, Verifier({}))
        for campaign in workload.campaigns():
            facts = workload.begun(campaign, workload.recipients_for(events))
            await consumer.apply([record(one, n) for n, one in enumerate(facts)])
        await pool.execute("UPDATE event_log SET sent_at = clock_timestamp()")
        await pool.execute("DELETE FROM task")
    return name


async def ours(stage: Stage) -> Measured:
    meter = Meter(stage.events)
    names = keys.Keys(Path(stage.keys))
    settings = Settings(
        dsn=SecretStr(stage.dsn), kafka=stage.kafka, http_port=product.port(), tenant_keys=names.tenants,
        sendgrid_key=names.sendgrid_public,
    )  # fmt: skip
    return await product.serving(stage.run, settings, product.metered(build, meter, (TOPIC,)), meter.measured())


async def baseline(stage: Stage) -> Measured:
    meter = Meter(stage.events)
    pool = await by_hand.connected(stage.dsn)
    async with by_hand.consuming(stage, TOPIC) as consumer:
        by_hand.tune()
        while not meter.done.is_set():
            records = await by_hand.poll(consumer)
            facts = by_hand.facts_of(records)
            async with pool.acquire() as conn, conn.transaction():
                await _fold(conn, facts)
            await by_hand.commit(consumer, records)
            meter.add(len(records))
    return await meter.measured()


async def _fold(conn: Any, facts: Sequence[Fact[Event]]) -> None:
    keys_ = await by_hand.locked(conn, facts)
    new = await by_hand.claimed(conn, facts)
    named = sorted({(one.meta.tenant, one.meta.campaign_id, _report(one).recipient_hash) for one in new})
    rows = await conn.fetch(_RECIPIENTS, *map(list, zip(*named, strict=True)))
    people = {(row["campaign_id"], row["recipient_hash"]): [row["domain"], row["wave"], row["kinds"]] for row in rows}
    rows = await conn.fetch(_STATES, [key[0] for key in keys_], [key[1] for key in keys_])
    states = {row["campaign_id"]: json.loads(row["body"]) for row in rows}
    changed: dict[Any, list[Any]] = {}
    for fact in new:
        report, campaign = _report(fact), fact.meta.campaign_id
        person = people.setdefault((campaign, report.recipient_hash), [report.recipient_domain, None, []])
        kind = "opened_by_machine" if report.kind is MailEvent.OPENED and report.machine else report.kind.value
        if kind in person[2]:
            continue
        if person[1] is not None:
            _count(states[campaign]["waves"][person[1]], person, kind)
        person[2].append(kind)
        changed[(fact.meta.tenant, campaign, report.recipient_hash)] = person
    saved = [(*key, one[0], one[1], " ".join(sorted(one[2]))) for key, one in changed.items()]
    if saved:
        await conn.execute(_SAVE_RECIPIENTS, *map(list, zip(*saved, strict=True)))
    bodies = [json.dumps(states[campaign]) for _, campaign in keys_]
    await conn.execute(_SAVE_STATES, [key[0] for key in keys_], [key[1] for key in keys_], bodies)


def _count(wave: dict[str, Any], person: list[Any], kind: str) -> None:
    counts, known = wave["counts"], person[2]
    counts[kind] = counts.get(kind, 0) + 1
    if kind in FATES and not FATES.intersection(known):
        wave["reported"] += 1
    if kind == "bounced_hard":
        if "delivered" in known:
            counts["delivered"] -= 1
        wave["bounced_by"][person[0]] = wave["bounced_by"].get(person[0], 0) + 1
        if wave["size"] >= 200 and counts[kind] > 0.05 * max(wave["sent"], wave["size"]):
            raise RuntimeError("a trigger fires: not in this stream")


def _report(fact: Fact[Event]) -> RecipientEventReported:
    assert isinstance(fact.event, RecipientEventReported)
    return fact.event
