"""What the fold asks to be changed beside its state, written in the deciding transaction."""

from collections.abc import Mapping, Sequence
from typing import assert_never

from chassis.connection import Conn
from chassis.decision import Key
from executor import kill_switch
from executor.effects import (
    AbandonPlanned,
    Change,
    CountTest,
    KeepGrant,
    MarkReported,
    RememberStop,
    RevokeGrant,
    SeeEvidence,
    SetGuard,
    SetSwitch,
    Settle,
    Suppress,
)
from executor.preparing import quota

_KEEP_GRANT = """
INSERT INTO approval_grant (tenant, grant_id, campaign_id, decision_id, plan_version, content_hash, policy_hash,
                            snapshot_hash, from_wave, first_wave, next_waves, granted_at, opens_at, expires_at,
                            headers, value)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
ON CONFLICT (tenant, grant_id) DO NOTHING
"""
_REVOKE = "UPDATE approval_grant SET revoked_at = clock_timestamp() WHERE (tenant, grant_id) = ($1, $2)"
_ABANDON = """
UPDATE effect_intent SET state = 'abandoned', because = 'superseded'
 WHERE (tenant, campaign_id, decision_id) = ($1, $2, $3) AND state = 'planned' AND first_dispatched_at IS NULL
"""
# Its answer is lost: it may have left.
_GIVE_UP = """
UPDATE effect_intent SET state = 'unknown', because = 'superseded'
 WHERE (tenant, campaign_id, decision_id) = ($1, $2, $3) AND state = 'planned' AND first_dispatched_at IS NOT NULL
"""
_REPORTED = """
UPDATE effect_intent SET reported = true
 WHERE (tenant, campaign_id, decision_id) = ($1, $2, $3) AND effect_id = ANY($4::uuid[])
"""
_SETTLE = """
UPDATE effect_intent SET state = $4, because = 'reconciled'
 WHERE (tenant, campaign_id) = ($1, $2) AND effect_id = $3 AND state = 'unknown'
"""
_GUARD = """
INSERT INTO campaign_guard (tenant, campaign_id, fence, halted) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant, campaign_id)
DO UPDATE SET fence = greatest(campaign_guard.fence, excluded.fence), halted = excluded.halted
"""
_SUPPRESS = """
INSERT INTO suppression (tenant, recipient_hash, domain, reason) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""
_EVIDENCE = """
UPDATE effect_intent AS e SET evidence = row.kind
  FROM unnest($1::uuid[], $2::text[]) AS row (effect_id, kind)
 WHERE (e.tenant, e.campaign_id, e.effect_id) = ($3, $4, row.effect_id) AND e.evidence IS NULL
"""


_STOPPED = """
INSERT INTO forgotten_campaign (tenant, campaign_id, fence, finished) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant, campaign_id)
DO UPDATE SET fence = greatest(forgotten_campaign.fence, excluded.fence),
              finished = coalesce(excluded.finished, forgotten_campaign.finished)
"""


async def apply_all(conn: Conn, changes: Mapping[Key, Sequence[Change]]) -> None:
    """Write `changes`: the grants of all campaigns at once, as a batch of rulings brings many; then each in order."""
    await _keep(conn, [(key, one) for key, ones in changes.items() for one in ones if isinstance(one, KeepGrant)])
    for key, ones in changes.items():
        await apply(conn, key, [one for one in ones if not isinstance(one, KeepGrant)])


async def apply(conn: Conn, key: Key, changes: Sequence[Change]) -> None:
    """Write `changes` of one campaign, in order; reports of the world in one statement."""
    seen: dict[object, str] = {}
    for change in changes:
        match change:
            case KeepGrant():
                await _keep(conn, [(key, change)])
            case RevokeGrant(grant_id=grant):
                await conn.execute(_REVOKE, key.tenant, grant)
            case AbandonPlanned(decision_id=decision):
                await conn.execute(_ABANDON, key.tenant, key.campaign, decision)
                await conn.execute(_GIVE_UP, key.tenant, key.campaign, decision)
            case Settle(effect_id=effect, applied=applied):
                state = "succeeded" if applied else "failed_definite"
                await conn.execute(_SETTLE, key.tenant, key.campaign, effect, state)
            case SetGuard(fence=fence, halted=halted):
                await conn.execute(_GUARD, key.tenant, key.campaign, fence, halted)
                await kill_switch.ensure(conn, key)
            case Suppress(recipient_hash=recipient, domain=domain, reason=reason):
                await conn.execute(_SUPPRESS, key.tenant, recipient, domain, reason.value)
            case MarkReported(decision_id=decision, effects=effects):
                await conn.execute(_REPORTED, key.tenant, key.campaign, decision, list(effects))
            case SeeEvidence(effect_id=effect, kind=kind):
                seen.setdefault(effect, kind)
            case SetSwitch(scope=scope, switch=switch):
                await kill_switch.change(conn, key, scope, switch)
            case CountTest(subject=subject, asked_at=asked_at):
                await quota.save(conn, key, subject, asked_at)
            case RememberStop(fence=fence, finished=finished):
                await conn.execute(_STOPPED, key.tenant, key.campaign, fence, finished)
            case _:
                assert_never(change)
    if seen:
        await conn.execute(_EVIDENCE, list(seen), list(seen.values()), key.tenant, key.campaign)


async def _keep(conn: Conn, grants: Sequence[tuple[Key, KeepGrant]]) -> None:
    rows = [
        (
            key.tenant, one.grant_id, key.campaign, one.decision_id, one.plan_version, one.content_hash,
            one.policy_hash, one.snapshot_hash, one.from_wave, one.first_wave, one.next_waves, one.granted_at,
            one.opens_at, one.expires_at, [part for name, text in one.headers for part in (name.encode(), text)],
            one.value,
        )
        for key, one in grants
    ]  # fmt: skip
    if rows:
        await conn.executemany(_KEEP_GRANT, rows)
