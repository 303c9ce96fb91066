"""Rows of a restored database put right: what left is no plan any more, and counts against everybody's limits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from chassis.connection import Conn
from chassis.decision import Key
from contracts.actions import ActionReconciled, Effect, EffectOutcome, EffectsRecorded, Settled
from contracts.event import CampaignId, Tenant
from executor.effects import EffectsFound
from executor.sending.journal import Intent, Known

_FIELDS = ", ".join(Intent.model_fields)
_JOURNALED = f"""
CREATE TEMPORARY TABLE journaled ON COMMIT DROP AS SELECT {_FIELDS}, state, because FROM effect_intent WITH NO DATA
"""
# Another decision had planned the same mail before the backup, and was superseded after it.
_GIVEN_UP = """
UPDATE effect_intent AS i SET state = 'abandoned', because = 'superseded'
  FROM journaled AS j
 WHERE (i.tenant, i.campaign_id, i.plan_version, i.step, i.recipient_hash)
     = (j.tenant, j.campaign_id, j.plan_version, j.step, j.recipient_hash)
   AND i.decision_id <> j.decision_id AND i.state = 'planned' AND i.first_dispatched_at IS NULL AND j.state <> 'again'
"""
_WRITTEN_ANEW = f"""
INSERT INTO effect_intent ({_FIELDS}, state, because, attempts, first_dispatched_at)
SELECT {_FIELDS}, state, because, 1, clock_timestamp() FROM journaled WHERE state <> 'again' AND tenant IS NOT NULL
ON CONFLICT DO NOTHING
"""
_SETTLED = """
UPDATE effect_intent AS i
   SET state = CASE WHEN j.state = 'unknown' AND i.evidence IS NOT NULL THEN 'succeeded' ELSE j.state END,
       because = CASE WHEN j.state = 'unknown' AND i.evidence IS NOT NULL THEN 'evidence_' || i.evidence
                      ELSE j.because END,
       attempts = greatest(i.attempts, 1), lease = NULL, leased_until = NULL, not_before = NULL, lost_at = NULL,
       touched_on = coalesce(j.touched_on, i.touched_on), cost = coalesce(j.cost, i.cost),
       first_dispatched_at = coalesce(i.first_dispatched_at, clock_timestamp())
  FROM journaled AS j
 WHERE i.effect_id = j.effect_id AND (j.decision_id IS NULL OR i.decision_id = j.decision_id)
   AND i.state IN ('planned', 'dispatched') AND j.state <> 'again'
"""
_NEVER_BEGUN = """
UPDATE effect_intent
   SET state = 'planned', because = 'never_begun', first_dispatched_at = NULL, lease = NULL, leased_until = NULL
 WHERE state = 'dispatched' AND lost_at IS NULL AND journal = ANY($1::text[])
"""
_NOBODY_KNOWS = """
UPDATE effect_intent
   SET state = CASE WHEN evidence IS NULL THEN 'unknown' ELSE 'succeeded' END,
       because = coalesce('evidence_' || evidence, 'journal_missing'),
       lease = NULL, leased_until = NULL, lost_at = NULL
 WHERE state = 'dispatched' OR (state = 'planned' AND lost_at IS NOT NULL)
"""
_TOLD = """
UPDATE effect_intent AS i
   SET reported = true, lease = NULL, leased_until = NULL, lost_at = NULL,
       state = CASE WHEN i.state IN ('planned', 'dispatched', 'unknown') THEN told.state ELSE i.state END,
       because = CASE WHEN i.state IN ('planned', 'dispatched', 'unknown') THEN told.because ELSE i.because END,
       first_dispatched_at = CASE WHEN told.state = 'skipped' THEN i.first_dispatched_at
                                  ELSE coalesce(i.first_dispatched_at, clock_timestamp()) END
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) AS told (decision_id, effect_id, state, because)
 WHERE (i.decision_id, i.effect_id) = (told.decision_id, told.effect_id)
"""
_RECONCILED = """
UPDATE effect_intent AS i SET state = told.state, because = 'reconciled'
  FROM unnest($1::uuid[], $2::text[]) AS told (effect_id, state)
 WHERE i.effect_id = told.effect_id AND i.state = 'unknown'
"""
# Never fewer of a day than before: what was counted and did not leave only makes the limits stricter.
_TOUCHED = """
WITH counted AS (
    SELECT tenant, recipient_hash, touched_on AS day, count(*) AS mails
      FROM effect_intent
     WHERE touched_on >= current_date - 8 AND state NOT IN ('planned', 'skipped', 'abandoned')
     GROUP BY tenant, recipient_hash, touched_on
     UNION ALL
    SELECT tenant, recipient_hash, day, count(*) FROM touch, unnest(days) AS day GROUP BY tenant, recipient_hash, day
), most AS (
    SELECT tenant, recipient_hash, day, max(mails) AS mails FROM counted GROUP BY tenant, recipient_hash, day
)
INSERT INTO touch (tenant, recipient_hash, days)
SELECT tenant, recipient_hash, array_agg(day ORDER BY day)
  FROM most, generate_series(1, mails)
 GROUP BY tenant, recipient_hash
ON CONFLICT (tenant, recipient_hash) DO UPDATE SET days = excluded.days
"""
_SPENT = """
UPDATE campaign_guard AS g SET spent = greatest(g.spent, sum.spent)
  FROM (SELECT tenant, campaign_id, sum(cost) AS spent FROM effect_intent
         WHERE state NOT IN ('planned', 'skipped', 'abandoned') GROUP BY tenant, campaign_id) AS sum
 WHERE (g.tenant, g.campaign_id) = (sum.tenant, sum.campaign_id)
"""
_UNTOLD = """
SELECT tenant, campaign_id, plan_version, decision_id, wave, effect_id, recipient_hash, recipient_domain, variant,
       state, because, count(*) OVER (PARTITION BY tenant, campaign_id, decision_id, wave) AS wave_size
  FROM effect_intent
 WHERE NOT reported AND state IN ('succeeded', 'failed_definite', 'unknown', 'skipped')
 ORDER BY tenant, campaign_id, decision_id, wave, position
"""
_CAMPAIGNS = "SELECT tenant, campaign_id FROM campaign_state UNION SELECT tenant, campaign_id FROM campaign_guard"
_EVER_DISPATCHED = "SELECT EXISTS (SELECT 1 FROM effect_intent WHERE first_dispatched_at IS NOT NULL)"
_TOGETHER = 500


@dataclass(frozen=True, slots=True)
class Untold:
    """An outcome that no event tells of yet."""

    key: Key
    found: EffectsFound


async def campaigns(conn: Conn) -> set[Key]:
    """Every campaign that the database knows."""
    return {Key(row["tenant"], row["campaign_id"]) for row in await conn.fetch(_CAMPAIGNS)}


async def ever_dispatched(conn: Conn) -> bool:
    return bool(await conn.fetchval(_EVER_DISPATCHED))


async def journaled(conn: Conn, known: Mapping[UUID, Known], files: Sequence[str]) -> None:
    """Take the journals' word for what began; what was in hand and is in none of `files` never began."""
    fields = [name for name in Intent.model_fields if name != "effect_id"]
    rows = [
        (
            effect, *([None] * len(fields) if one.intent is None else [getattr(one.intent, name) for name in fields]),
            one.outcome, one.because,
        )
        for effect, one in known.items()
    ]  # fmt: skip
    await conn.execute(_JOURNALED)
    await conn.copy_records_to_table("journaled", records=rows, columns=["effect_id", *fields, "state", "because"])
    for statement in (_GIVEN_UP, _WRITTEN_ANEW, _SETTLED):
        await conn.execute(statement)
    await conn.execute(_NEVER_BEGUN, list(files))
    await conn.execute(_NOBODY_KNOWS)


async def told(conn: Conn, recorded: Iterable[EffectsRecorded], reconciled: Iterable[ActionReconciled]) -> None:
    """Take our own word for what we had told; a later word on an uncertain effect counts more."""
    effects = [(said.decision_id, effect) for said in recorded for effect in said.effects]
    await conn.execute(
        _TOLD, [decision for decision, _ in effects], [effect.effect_id for _, effect in effects],
        [effect.outcome.value for _, effect in effects], [effect.because for _, effect in effects],
    )  # fmt: skip
    settled = [(said.effect_id, said.settled) for said in reconciled]
    states = ["succeeded" if how is Settled.APPLIED else "failed_definite" for _, how in settled]
    await conn.execute(_RECONCILED, [effect for effect, _ in settled], states)


async def recounted(conn: Conn) -> None:
    """Mails per person and money per campaign, as the intents say."""
    await conn.execute(_TOUCHED)
    await conn.execute(_SPENT)


async def untold(conn: Conn) -> list[Untold]:
    """Outcomes that no event tells of yet, by campaign, decision and wave, at most 500 together."""
    groups: dict[tuple[Key, int, UUID, int, int], list[asyncpg.Record]] = {}
    for row in await conn.fetch(_UNTOLD):
        key = Key(Tenant(row["tenant"]), CampaignId(row["campaign_id"]))
        place = (key, row["plan_version"], row["decision_id"], row["wave"], row["wave_size"])
        groups.setdefault(place, []).append(row)
    return [
        Untold(
            key,
            EffectsFound(
                plan_version=version,
                decision_id=decision,
                wave=wave,
                wave_size=size,
                effects=tuple(_effect(row) for row in rows[start : start + _TOGETHER]),
            ),
        )
        for (key, version, decision, wave, size), rows in groups.items()
        for start in range(0, len(rows), _TOGETHER)
    ]


def _effect(row: asyncpg.Record) -> Effect:
    return Effect(
        effect_id=row["effect_id"],
        recipient_hash=row["recipient_hash"],
        recipient_domain=row["recipient_domain"],
        variant=row["variant"],
        outcome=EffectOutcome(row["state"]),
        because=row["because"] or "none",
    )
