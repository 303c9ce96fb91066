"""The kill switch: rows that the guard reads in the dispatching transaction. No row counts as engaged."""

from chassis.connection import Conn
from chassis.decision import Key
from contracts.event import CampaignId, Tenant
from contracts.executor import KillScope
from executor.api.views import KillSwitchShown
from executor.effects import Switch

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
_OWN = "SELECT engaged, changed_by, reason, release_by FROM kill_switch WHERE scope = $1 FOR UPDATE"
_SET = """
INSERT INTO kill_switch (scope, engaged, epoch, changed_by, reason, release_by) VALUES ($1, $2, 1, $3, $4, $5)
ON CONFLICT (scope) DO UPDATE
   SET engaged = excluded.engaged, epoch = kill_switch.epoch + 1, changed_by = excluded.changed_by,
       reason = excluded.reason, release_by = excluded.release_by, changed_at = clock_timestamp()
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


async def known(conn: Conn, key: Key, scope: KillScope) -> Switch | None:
    """The switch of `scope`, locked until commit. Its campaign is locked before, as the guard does."""
    row = await conn.fetchrow(_OWN, name_of(scope, key.tenant, key.campaign))
    return None if row is None else Switch(**row)


async def change(conn: Conn, key: Key, scope: KillScope, switch: Switch) -> None:
    name = name_of(scope, key.tenant, key.campaign)
    await conn.execute(_SET, name, switch.engaged, switch.changed_by, switch.reason, switch.release_by)


async def seen_by(conn: Conn, tenant: Tenant) -> tuple[KillSwitchShown, ...]:
    """The switches that a tenant may know of."""
    return tuple(KillSwitchShown(**row) for row in await conn.fetch(_ALL, tenant))
