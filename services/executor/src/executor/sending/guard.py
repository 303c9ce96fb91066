"""May this exact effect happen now? One transaction decides for up to 50 intents, under the campaign's lock.

Lock order: campaign, kill switches, intents, touches by recipient. Any miss rolls everything back. A mail whose answer
was lost passes the same guard before it is asked for again; its touch and its cost were counted the first time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import asyncpg

from chassis.connection import Conn
from chassis.decision import Key
from chassis.postgres import Database
from contracts.plan import Plan
from executor import kill_switch
from executor.effects import Dispatch
from executor.people import touches
from executor.people.quiet_hours import allowed_from
from executor.preparing.drafts import Rendered
from executor.sending.journal import Intent
from executor.sending.outcomes import REPEATS
from executor.sending.refusal import Refused
from executor.sending.sends import Begun, Sends
from executor.sending.tools.port import Capability, Idempotency

BATCH = 50

_LOCK = "SELECT clock_timestamp() FROM campaign WHERE (tenant, campaign_id) = ($1, $2) FOR UPDATE"
_GUARD = "SELECT fence, halted FROM campaign_guard WHERE (tenant, campaign_id) = ($1, $2)"
_PARKED = "SELECT 1 FROM dead_letter WHERE (tenant, campaign_id) = ($1, $2) LIMIT 1"
# A lost answer's mail is asked for again only where $6 says that the tool allows it, for $7 after its first request.
_PLANNED = """
SELECT i.*, i.lost_at IS NOT NULL AS lost, i.first_dispatched_at + $7::interval AS until, m.subject, m.body_text,
       m.body_html, c.address, c.timezone, k.state AS consent, s.reason AS suppressed
  FROM effect_intent AS i
  LEFT JOIN mail AS m USING (tenant, campaign_id, plan_version, recipient_hash)
  LEFT JOIN contact AS c USING (tenant, recipient_hash)
  LEFT JOIN consent AS k USING (tenant, recipient_hash)
  LEFT JOIN suppression AS s USING (tenant, recipient_hash)
 WHERE (i.tenant, i.campaign_id, i.decision_id, i.wave) = ($1, $2, $3, $4) AND i.state = 'planned'
   AND (i.not_before IS NULL OR i.not_before <= clock_timestamp())
   AND (i.lost_at IS NULL
        OR ($6 AND i.evidence IS NULL AND i.attempts < $8
            AND ($7::interval IS NULL OR clock_timestamp() < i.first_dispatched_at + $7::interval)))
 ORDER BY i.position
 LIMIT $5
   FOR UPDATE OF i
"""
# Who may not be written to any more may have got the mail whose answer was lost: that is open, not skipped.
_SKIP = """
UPDATE effect_intent AS i
   SET state = CASE WHEN i.lost_at IS NULL THEN 'skipped' ELSE 'unknown' END, because = row.because
  FROM unnest($4::uuid[], $5::text[]) AS row (effect_id, because)
 WHERE (i.tenant, i.campaign_id, i.decision_id) = ($1, $2, $3) AND i.effect_id = row.effect_id
"""
_POSTPONE = """
UPDATE effect_intent AS i SET not_before = row.until, because = 'quiet_hours'
  FROM unnest($4::uuid[], $5::timestamptz[]) AS row (effect_id, until)
 WHERE (i.tenant, i.campaign_id, i.decision_id) = ($1, $2, $3) AND i.effect_id = row.effect_id
"""
_SPEND = """
UPDATE campaign_guard SET spent = spent + $3 WHERE (tenant, campaign_id) = ($1, $2) AND spent + $3 <= $4 RETURNING spent
"""
_DISPATCH = """
UPDATE effect_intent
   SET state = 'dispatched', attempts = attempts + 1, lease = $5, leased_until = clock_timestamp() + $6, journal = $7,
       first_dispatched_at = coalesce(first_dispatched_at, clock_timestamp()), because = '',
       touched_on = CASE WHEN lost_at IS NULL THEN $8 ELSE touched_on END, cost = $9
 WHERE (tenant, campaign_id, decision_id) = ($1, $2, $3) AND effect_id = ANY($4::uuid[])
"""

# Asked again right before the first byte of each mail: a stop that committed meanwhile counts for all not yet begun.
_STILL = """
SELECT CASE
         WHEN NOT EXISTS (SELECT 1 FROM effect_intent WHERE (tenant, campaign_id, effect_id) = ($1, $2, $3)
                             AND state = 'dispatched' AND lease = $4) THEN 'lease_lost'
         WHEN (SELECT count(*) FROM kill_switch WHERE scope = ANY($5::text[]) AND NOT engaged) < cardinality($5)
           THEN 'killed'
         WHEN NOT EXISTS (SELECT 1 FROM campaign_guard
                           WHERE (tenant, campaign_id, fence) = ($1, $2, $6) AND NOT halted) THEN 'halted'
         WHEN EXISTS (SELECT 1 FROM approval_grant
                       WHERE (tenant, grant_id) = ($1, $7)
                         AND (revoked_at IS NOT NULL OR expires_at <= clock_timestamp())) THEN 'grant_over'
         WHEN clock_timestamp() >= $9::timestamptz THEN 'no_more_repeats'
         WHEN EXISTS (SELECT 1 FROM suppression WHERE (tenant, recipient_hash) = ($1, $8)) THEN 'suppressed'
       END
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permitted:
    """One mail that may leave now."""

    intent: Intent
    address: str
    rendered: Rendered
    lost: bool = False
    """An earlier answer was lost: this is the same request once more."""
    until: datetime | None = None
    """From then on the tool may take it for a new one."""

    @property
    def effect_id(self) -> UUID:
        return self.intent.effect_id

    @property
    def recipient_hash(self) -> str:
        return self.intent.recipient_hash


@dataclass(frozen=True, slots=True)
class Permit:
    """What may leave under one lease."""

    lease: UUID
    at: datetime
    mails: tuple[Permitted, ...]


async def permit(
    db: Database, sends: Sends, key: Key, task: Dispatch, plan: Plan, capability: Capability, journal: str
) -> Permit:
    """Dispatch up to 50 planned intents of the task's wave. Raises Refused."""
    async with db.pool.acquire() as conn, conn.transaction():
        now: datetime = await conn.fetchval(_LOCK, key.tenant, key.campaign)
        await _permitted_at_all(conn, key, task)
        begun = await sends.begun(conn, key, task, plan)
        repeats = capability.idempotency in (Idempotency.KEY, Idempotency.UPSERT)
        rows = await conn.fetch(
            _PLANNED, *key, task.decision_id, task.wave, BATCH, repeats, capability.repeats_for, REPEATS
        )
        ready = await _persons(conn, key, task, plan, rows, begun, now)
        fresh = [row for row in ready if not row["lost"]]
        people = [row["recipient_hash"] for row in fresh]
        touched = await touches.count(conn, key.tenant, people, now.date(), plan.policy.frequency)
        over = {row["effect_id"]: "frequency" for row in fresh if row["recipient_hash"] not in touched}
        await _skip(conn, key, task, over)
        budget = plan.brief.budget
        cost = (len(fresh) - len(over)) * budget.per_mail.micros
        if cost and await conn.fetchval(_SPEND, key.tenant, key.campaign, cost, budget.total.micros) is None:
            raise Refused("budget")
        lease = uuid4()
        ready = [row for row in ready if row["effect_id"] not in over]
        effects = [row["effect_id"] for row in ready]
        await conn.execute(
            _DISPATCH,
            *key,
            task.decision_id,
            effects,
            lease,
            sends.lease_time,
            journal,
            now.date(),
            budget.per_mail.micros,
        )
        return Permit(lease, now, tuple(_permitted(row, now, budget.per_mail.micros) for row in ready))


async def still(conn: Conn, key: Key, task: Dispatch, lease: UUID, one: Permitted) -> str | None:
    """Why this mail must not leave after all; None when it may."""
    because: str | None = await conn.fetchval(
        _STILL, key.tenant, key.campaign, one.effect_id, lease, kill_switch.scopes_of(key), task.fence, task.grant_id,
        one.recipient_hash, one.until,
    )  # fmt: skip
    return because


async def _permitted_at_all(conn: Conn, key: Key, task: Dispatch) -> None:
    if await kill_switch.engaged(conn, key):
        raise Refused("killed", retry=True)
    guard = await conn.fetchrow(_GUARD, key.tenant, key.campaign)
    if guard is None or guard["halted"]:
        raise Refused("halted")
    if guard["fence"] != task.fence:
        raise Refused("fence")
    if await conn.fetchval(_PARKED, key.tenant, key.campaign):
        raise Refused("parked", retry=True)


async def _persons(
    conn: Conn, key: Key, task: Dispatch, plan: Plan, rows: list[asyncpg.Record], begun: Begun, now: datetime
) -> list[asyncpg.Record]:
    """Those of `rows` who may get a mail now; the others are skipped or postponed, with the reason."""
    skipped: dict[UUID, str] = {}
    postponed: dict[UUID, datetime] = {}
    ready = []
    for row in rows:
        if not begun.approved.holds(row["recipient_hash"], _digest(row)):
            raise Refused("content_changed")
        if row["address"] is None:
            skipped[row["effect_id"]] = "contact_erased"
        elif row["suppressed"] is not None:
            skipped[row["effect_id"]] = "suppressed"
        elif row["consent"] != "yes":
            skipped[row["effect_id"]] = "no_consent"
        elif (until := allowed_from(now, row["timezone"], plan.policy.quiet_hours)) > now:
            if until > begun.window_ends:
                skipped[row["effect_id"]] = "quiet_hours"
            else:
                postponed[row["effect_id"]] = until
        elif now > begun.window_ends:
            skipped[row["effect_id"]] = "send_window_over"
        else:
            ready.append(row)
    await _skip(conn, key, task, skipped)
    if postponed:
        values = (list(postponed), list(postponed.values()))
        await conn.execute(_POSTPONE, key.tenant, key.campaign, task.decision_id, *values)
    return ready


async def _skip(conn: Conn, key: Key, task: Dispatch, skipped: Mapping[UUID, str]) -> None:
    if skipped:
        values = (list(skipped), list(skipped.values()))
        await conn.execute(_SKIP, key.tenant, key.campaign, task.decision_id, *values)


def _digest(row: asyncpg.Record) -> str | None:
    """Of the mail as it is now; None when it is gone, or is not what its intent was made for."""
    if row["subject"] is None or _rendered(row).digest != row["digest"]:
        return None
    return str(row["digest"])


def _rendered(row: asyncpg.Record) -> Rendered:
    return Rendered(row["subject"], row["body_text"], row["body_html"])


def _permitted(row: asyncpg.Record, now: datetime, cost: int) -> Permitted:
    kept = {name: row[name] for name in Intent.model_fields if name not in ("touched_on", "cost")}
    lost: bool = row["lost"]
    return Permitted(
        intent=Intent(**kept, touched_on=row["touched_on"] if lost else now.date(), cost=cost),
        address=row["address"],
        rendered=_rendered(row),
        lost=lost,
        until=row["until"] if lost else None,
    )
