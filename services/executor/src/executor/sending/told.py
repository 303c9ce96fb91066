"""What a run of the dispatcher tells the fold: outcomes not told yet, and what is left."""

import asyncpg

from chassis.connection import Conn
from chassis.decision import Key
from contracts.actions import Effect, EffectOutcome
from executor.effects import Dispatch, Dispatched
from executor.sending.outcomes import LATER
from executor.sending.refusal import Refused

_UNREPORTED = """
SELECT effect_id, recipient_hash, recipient_domain, variant, state, because
  FROM effect_intent
 WHERE (tenant, campaign_id, decision_id) = ($1, $2, $3) AND NOT reported
   AND state IN ('succeeded', 'failed_definite', 'unknown', 'skipped')
 ORDER BY position
 LIMIT 500
"""
_WAVE = """
SELECT count(*) AS size,
       count(*) FILTER (WHERE state IN ('planned', 'dispatched')) AS left,
       min(not_before) FILTER (WHERE state = 'planned') AS soonest,
       count(*) FILTER (WHERE state = 'planned' AND (not_before IS NULL OR not_before <= clock_timestamp())) AS ready,
       clock_timestamp() AS now
  FROM effect_intent
 WHERE (tenant, campaign_id, decision_id, wave) = ($1, $2, $3, $4) AND state <> 'abandoned'
"""
# What is dispatched now is another process's, which may die before it writes down what became of it: look soon.
_OPEN = """
SELECT count(*) AS count,
       min(CASE state WHEN 'dispatched' THEN least(leased_until, clock_timestamp() + $4) ELSE not_before END) AS settles
  FROM effect_intent
 WHERE (tenant, campaign_id, decision_id) = ($1, $2, $3)
   AND (state = 'dispatched' OR (state = 'planned' AND lost_at IS NOT NULL))
"""


async def told(conn: Conn, key: Key, task: Dispatch, refused: Refused | None, turned_away: str | None) -> Dispatched:
    """What one run did, and when the next one makes sense."""
    # In this order: what another run settles in between is told, and the wave is not yet called done.
    wave = await conn.fetchrow(_WAVE, *key, task.decision_id, task.wave)
    unsettled = await conn.fetchrow(_OPEN, *key, task.decision_id, LATER)
    rows = await conn.fetch(_UNREPORTED, *key, task.decision_id)
    assert wave is not None
    assert unsettled is not None
    retry_at = None
    if refused is not None and refused.retry:
        retry_at = wave["now"] + LATER
    elif refused is not None:
        retry_at = (unsettled["settles"] or wave["now"] + LATER) if unsettled["count"] else None
    elif wave["left"] and not wave["ready"]:
        retry_at = wave["soonest"] or wave["now"] + LATER
    return Dispatched(
        decision_id=task.decision_id,
        grant_id=task.grant_id,
        wave=task.wave,
        wave_size=wave["size"],
        effects=tuple(_effect(row) for row in rows),
        left_in_wave=wave["left"],
        unsettled=unsettled["count"],
        refused=refused.because if refused else None,
        turned_away=turned_away,
        retry_at=retry_at,
    )


def _effect(row: asyncpg.Record) -> Effect:
    return Effect(
        effect_id=row["effect_id"],
        recipient_hash=row["recipient_hash"],
        recipient_domain=row["recipient_domain"],
        variant=row["variant"],
        outcome=EffectOutcome(row["state"]),
        because=row["because"] or "none",
    )
