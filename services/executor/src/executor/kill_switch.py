"""The kill switch: rows that the guard reads in the dispatching transaction. No row counts as engaged."""

from chassis.decision import Key
from chassis.postgres import Conn
from contracts.event import CampaignId, Tenant
from contracts.executor import KillScope

_ENSURE = """
INSERT INTO kill_switch (scope, engaged, changed_by, reason)
SELECT unnest($1::text[]), false, 'executor', 'the first state'
ON CONFLICT DO NOTHING
"""
_READ = "SELECT scope, engaged FROM kill_switch WHERE scope = ANY($1::text[]) ORDER BY scope FOR SHARE"
_ENGAGED = "SELECT split_part(scope, ':', 1) AS kind, count(*) AS engaged FROM kill_switch WHERE engaged GROUP BY kind"
_ALL = """
SELECT scope, engaged, changed_by, reason, release_by, changed_at
  FROM kill_switch
 WHERE scope IN ('global', 'tenant:' || $1) OR starts_with(scope, 'campaign:' || $1 || ':')
 ORDER BY scope
"""
_ENGAGE = """
INSERT INTO kill_switch (scope, engaged, epoch, changed_by, reason) VALUES ($1, true, 1, $2, $3)
ON CONFLICT (scope) DO UPDATE
   SET engaged = true, epoch = kill_switch.epoch + 1, changed_by = $2, reason = $3, release_by = NULL,
       changed_at = clock_timestamp()
 WHERE NOT kill_switch.engaged OR kill_switch.release_by IS NOT NULL
"""
_ASK_RELEASE = "UPDATE kill_switch SET release_by = $2 WHERE scope = $1 AND engaged AND release_by IS NULL"
_RELEASE = """
UPDATE kill_switch SET engaged = false, changed_by = $2, reason = $3, release_by = NULL, changed_at = clock_timestamp()
 WHERE scope = $1 AND engaged AND release_by IS NOT NULL AND release_by <> $2
RETURNING scope
"""


def name_of(scope: KillScope, tenant: Tenant, campaign: CampaignId | None) -> str:
    match scope:
        case KillScope.GLOBAL:
            return "global"
        case KillScope.TENANT:
            return f"tenant:{tenant}"
        case KillScope.CAMPAIGN:
            return f"campaign:{tenant}:{campaign}"


def scopes_of(key: Key) -> list[str]:
    """Every switch that a campaign is under."""
    return [name_of(scope, key.tenant, key.campaign) for scope in KillScope]


async def ensure(conn: Conn, key: Key) -> None:
    """Rows for the tenant and the campaign, released; one that is there stays as it is."""
    await conn.execute(_ENSURE, [scope for scope in scopes_of(key) if scope != "global"])


async def engaged(conn: Conn, key: Key) -> bool:
    """Whether any switch over the campaign is engaged, or missing. Locks the rows until commit."""
    wanted = scopes_of(key)
    rows = await conn.fetch(_READ, wanted)
    return len(rows) < len(wanted) or any(row["engaged"] for row in rows)


async def engaged_by_scope(conn: Conn) -> dict[KillScope, int]:
    """How many switches of each scope are engaged."""
    rows = await conn.fetch(_ENGAGED)
    return dict.fromkeys(KillScope, 0) | {KillScope(row["kind"]): row["engaged"] for row in rows}


async def engage(conn: Conn, scope: str, actor: str, reason: str) -> None:
    await conn.execute(_ENGAGE, scope, actor, reason)


async def release(conn: Conn, scope: str, actor: str, reason: str) -> bool:
    """Release needs two people: the first asks, the second does it. True when it is released."""
    if await conn.fetchval(_RELEASE, scope, actor, reason):
        return True
    await conn.execute(_ASK_RELEASE, scope, actor)
    return False


async def all_rows(conn: Conn, tenant: Tenant) -> list[dict[str, object]]:
    """The switches that a tenant may know of."""
    return [dict(row) for row in await conn.fetch(_ALL, tenant)]
