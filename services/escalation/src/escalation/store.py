"""Campaigns' cases and rulings, and the frameworks that people approved."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

from pydantic import TypeAdapter

from chassis.connection import Conn
from chassis.decision import Key, Loaded, Message
from chassis.fold import key_of
from chassis.states import States
from contracts.decision import LegalClass
from contracts.event import CampaignId, Tenant, tenant_row
from contracts.executor import KillScope
from escalation.domain.difference import Content
from escalation.domain.state import Approved, Escalation, OpenCases, Shared

EVERYBODY = Tenant("*")
STATES = States(TypeAdapter(Escalation))

_FRAMEWORKS = """
SELECT tenant, framework, decision_type, legal_class, content::text
  FROM framework_approval
 WHERE tenant = ANY($1::text[])
"""
_LEARN = """
INSERT INTO framework_approval AS known (tenant, framework, decision_type, legal_class, approved_at, content)
VALUES ($1, $2, $3, $4, $5, $6::jsonb)
ON CONFLICT (tenant, framework, decision_type, legal_class)
DO UPDATE SET approved_at = excluded.approved_at, content = excluded.content
 WHERE known.approved_at < excluded.approved_at
"""
_REQUESTS = """
SELECT tenant, subject, requests
  FROM request_count
 WHERE tenant = ANY($1::text[]) AND hour = date_trunc('hour', clock_timestamp(), 'UTC')
"""
_ASKED = """
INSERT INTO request_count AS known (tenant, subject, hour, requests)
VALUES ($1, $2, date_trunc('hour', clock_timestamp(), 'UTC'), $3)
ON CONFLICT (tenant, subject, hour) DO UPDATE SET requests = known.requests + excluded.requests
"""
_SWITCHES = """
SELECT tenant, campaign_id
  FROM engaged_switch
 WHERE (tenant, campaign_id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
"""
_ENGAGE = "INSERT INTO engaged_switch (tenant, campaign_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_RELEASE = "DELETE FROM engaged_switch WHERE (tenant, campaign_id) = ($1, $2)"
_INDEX_CASES = """
INSERT INTO case_index (tenant, case_id, campaign_id, kind, status, severity, opened_at, deadline)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (tenant, case_id) DO UPDATE SET status = excluded.status
"""
_INDEX_DECISIONS = """
INSERT INTO decision_index (tenant, decision_id, campaign_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
"""
_CASE = "SELECT campaign_id FROM case_index WHERE (tenant, case_id) = ($1, $2)"
_DECISION = "SELECT campaign_id FROM decision_index WHERE (tenant, decision_id) = ($1, $2)"
_CASES = """
SELECT case_id, campaign_id
  FROM case_index
 WHERE tenant = $1 AND ($2 OR status = 'open')
 ORDER BY status = 'open' DESC, deadline
 LIMIT 200
"""
_OPEN = """
SELECT severity, kind, count(*) AS open, extract(epoch FROM clock_timestamp() - min(opened_at))::float8 AS oldest
  FROM case_index WHERE status = 'open' GROUP BY severity, kind
"""
_TELL = """
INSERT INTO notification (tenant, case_id, subject) SELECT $1, $2, unnest($3::text[]) ON CONFLICT DO NOTHING
"""


async def load(conn: Conn, messages: Sequence[Message]) -> dict[Key, Loaded[Escalation, Shared]]:
    return await loaded(conn, {key_of(message.meta) for message in messages})


async def loaded(conn: Conn, keys: Collection[Key]) -> dict[Key, Loaded[Escalation, Shared]]:
    """What is known of each of `keys`, but its plans."""
    states = await STATES.load(conn, keys)
    rows = await conn.fetch(_FRAMEWORKS, sorted({key.tenant for key in keys}))
    known: dict[str, dict[Approved, Content]] = {}
    for row in rows:
        found = Approved(row["framework"], row["decision_type"], LegalClass(row["legal_class"]))
        known.setdefault(row["tenant"], {})[found] = Content.model_validate_json(row["content"])
    kills = await _kills(conn, keys)
    requests = await requests_of(conn, {key.tenant for key in keys})
    return {
        key: Loaded(
            states.get(key),
            Shared(known.get(key.tenant, {}), kills=kills[key], requests=requests.get(key.tenant, {})),
        )
        for key in keys
    }


async def requests_of(conn: Conn, tenants: Iterable[str]) -> dict[str, dict[str, int]]:
    """Questions to each person in the present hour, by tenant."""
    found: dict[str, dict[str, int]] = {}
    for row in await conn.fetch(_REQUESTS, sorted(tenants)):
        found.setdefault(row["tenant"], {})[row["subject"]] = row["requests"]
    return found


async def _kills(conn: Conn, keys: Iterable[Key]) -> dict[Key, frozenset[KillScope]]:
    """The engaged kill switches over each of `keys`."""
    over = {key: _switches_over(key) for key in keys}
    wanted = sorted({one for switches in over.values() for one in switches.values()})
    rows = await conn.fetch(_SWITCHES, [one.tenant for one in wanted], [one.campaign for one in wanted])
    engaged = {Key(row["tenant"], row["campaign_id"]) for row in rows}
    return {
        key: frozenset(scope for scope, one in switches.items() if one in engaged) for key, switches in over.items()
    }


def _switches_over(key: Key) -> dict[KillScope, Key]:
    """The key that the events of each kill switch over `key` come under."""
    return {
        KillScope.GLOBAL: Key(EVERYBODY, tenant_row(EVERYBODY)),
        KillScope.TENANT: Key(key.tenant, tenant_row(key.tenant)),
        KillScope.CAMPAIGN: key,
    }


async def save(conn: Conn, touched: Mapping[Key, Loaded[Escalation, Shared]]) -> None:
    await STATES.save(conn, {key: loaded.state for key, loaded in touched.items()})
    learned = [
        (key.tenant, *approved, content.approved_at, content.model_dump_json())
        for key, loaded in touched.items()
        for approved, content in sorted(loaded.shared.learned.items())
    ]
    if learned:
        await conn.executemany(_LEARN, learned)
    asked: Counter[tuple[str, str]] = Counter()
    for key, loaded in touched.items():
        asked.update({(key.tenant, subject): more for subject, more in loaded.shared.asked.items()})
    if asked:  # in one order, so that two transactions never wait for each other
        await conn.executemany(_ASKED, [(*who, more) for who, more in sorted(asked.items())])
    for key, loaded in touched.items():
        if (engaged := loaded.shared.switched) is not None:  # rare: a person did it
            await conn.execute(_ENGAGE if engaged else _RELEASE, key.tenant, key.campaign)
    kept = [(key, loaded.state) for key, loaded in touched.items() if loaded.state is not None]
    cases = [
        (
            key.tenant, case.case_id, key.campaign, case.kind.value, case.status.value, case.severity.value,
            case.opened_at, case.deadline,
        )
        for key, state in kept
        for case in state.cases.values()
    ]  # fmt: skip
    if cases:
        await conn.executemany(_INDEX_CASES, cases)
    decisions = [(key.tenant, decision, key.campaign) for key, state in kept for decision in state.proposals]
    if decisions:
        await conn.executemany(_INDEX_DECISIONS, decisions)


async def campaign_of_case(conn: Conn, tenant: Tenant, case_id: UUID) -> CampaignId | None:
    found: CampaignId | None = await conn.fetchval(_CASE, tenant, case_id)
    return found


async def campaign_of_decision(conn: Conn, tenant: Tenant, decision_id: UUID) -> CampaignId | None:
    found: CampaignId | None = await conn.fetchval(_DECISION, tenant, decision_id)
    return found


async def state_of(conn: Conn, key: Key) -> Escalation | None:
    return (await STATES.load(conn, [key])).get(key)


async def cases(conn: Conn, tenant: Tenant, closed_too: bool) -> list[tuple[UUID, CampaignId]]:
    """(case, campaign), open ones first, most urgent first; at most 200."""
    rows = await conn.fetch(_CASES, tenant, closed_too)
    return [(row["case_id"], row["campaign_id"]) for row in rows]


async def open_cases(conn: Conn) -> list[OpenCases]:
    """The cases open now, of all tenants."""
    return [OpenCases(**row) for row in await conn.fetch(_OPEN)]


async def tell(conn: Conn, tenant: Tenant, case_id: UUID, told: Sequence[str]) -> None:
    """Put the case into the inbox of each of `told`."""
    await conn.execute(_TELL, tenant, case_id, list(told))
