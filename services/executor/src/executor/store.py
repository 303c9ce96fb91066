"""Campaigns' states, and the facts beside them that messages need: suppressions and uncertain effects."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter

from chassis.connection import Conn
from chassis.decision import Key, Loaded, Message
from chassis.fold import key_of
from chassis.states import States
from contracts.briefing import PlanIssued
from contracts.escalation import ApprovalGiven, ApprovalRefused
from contracts.event import CampaignId, Tenant
from contracts.executor import CampaignOutcome
from contracts.inbound import RecipientEventReported
from executor import changes, kill_switch
from executor.commands import EngageKillSwitch, ImportAudience, ReleaseKillSwitch, SendTest, Unsubscribe
from executor.domain.state import Campaign
from executor.effects import RememberStop, Shared, Switch, Uncertain
from executor.preparing import quota

STATES = States(TypeAdapter(Campaign))
SWITCHING = (EngageKillSwitch, ReleaseKillSwitch)

_SUPPRESSED = """
SELECT tenant, recipient_hash
  FROM suppression
 WHERE (tenant, recipient_hash) IN (SELECT * FROM unnest($1::text[], $2::text[]))
"""
_UNCERTAIN = """
SELECT tenant, campaign_id, effect_id, recipient_hash, recipient_domain, decision_id, plan_version
  FROM effect_intent
 WHERE (tenant, campaign_id, effect_id) IN (SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[]))
   AND state = 'unknown'
"""
_FORGOTTEN = "SELECT fence, finished FROM forgotten_campaign WHERE (tenant, campaign_id) = ($1, $2)"
# Not locked: each of them looks again for itself, under its own lock.
_WAITING = """
SELECT campaign_id FROM campaign_state
 WHERE tenant = $1 AND body->'lists' ? $2 AND body->'proposals' = '{}' AND body->'finished' = 'null'
 ORDER BY campaign_id
"""
_CAMPAIGNS = """
SELECT campaign_id FROM campaign_state WHERE tenant = $1 ORDER BY saved_at DESC LIMIT 200
"""


async def load(conn: Conn, messages: Sequence[Message]) -> dict[Key, Loaded[Campaign, Shared]]:
    """What each message's campaign needs. A kill switch needs no state: one that cannot be read stops no stop."""
    keys = {key_of(message.meta) for message in messages}
    states = await STATES.load(conn, {key_of(one.meta) for one in messages if not isinstance(one.body, SWITCHING)})
    switches: dict[Key, Switch | None] = {}
    killed: dict[Key, bool] = {}
    tests: dict[Key, tuple[datetime, ...]] = {}
    stopped: dict[Key, RememberStop] = {}
    waiting: dict[Key, tuple[CampaignId, ...]] = {}
    people: set[tuple[Tenant, str]] = set()
    effects: set[tuple[Key, UUID]] = set()
    for message in messages:
        match message.body:
            case RecipientEventReported() as report:
                people.add((message.meta.tenant, report.recipient_hash))
                effects.add((key_of(message.meta), report.effect_id))
            case Unsubscribe() as command:
                people.add((message.meta.tenant, command.recipient_hash))
            case ApprovalGiven() | ApprovalRefused() as said:
                effects.add((key_of(message.meta), said.decision_id))
            case ImportAudience() as command:
                key = key_of(message.meta)
                rows = await conn.fetch(_WAITING, key.tenant, command.audience)
                waiting[key] = tuple(CampaignId(row["campaign_id"]) for row in rows)
            case EngageKillSwitch() | ReleaseKillSwitch() as command:
                key = key_of(message.meta)
                switches[key] = await kill_switch.known(conn, key, command.scope)
            case PlanIssued() if (key := key_of(message.meta)) not in states:
                if row := await conn.fetchrow(_FORGOTTEN, key.tenant, key.campaign):
                    finished = row["finished"] and CampaignOutcome(row["finished"])
                    stopped[key] = RememberStop(row["fence"], finished)
            case SendTest() as command:
                key = key_of(message.meta)
                killed[key] = await kill_switch.engaged(conn, key)
                tests[key] = await quota.load(conn, key, command.actor.subject)
            case _:
                pass
    suppressed = await _suppressed(conn, people)
    uncertain = await _uncertain(conn, effects)
    return {
        key: Loaded(
            states.get(key),
            Shared(
                suppressed=suppressed.get(key.tenant, frozenset()),
                uncertain=uncertain.get(key, {}),
                switch=switches.get(key),
                killed=killed.get(key, False),
                tests=tests.get(key, ()),
                waiting=waiting.get(key, ()),
                stopped=stopped.get(key),
            ),
        )
        for key in keys
    }


async def save(conn: Conn, touched: Mapping[Key, Loaded[Campaign, Shared]]) -> None:
    kept = {key: loaded.state for key, loaded in touched.items() if loaded.state is not None}
    await STATES.save(conn, kept)
    await changes.apply_all(conn, {key: touched[key].shared.changes for key in sorted(touched)})


async def state_of(conn: Conn, key: Key) -> Campaign | None:
    return (await STATES.load(conn, [key])).get(key)


async def campaigns(conn: Conn, tenant: Tenant) -> dict[Key, Campaign]:
    """The newest 200 campaigns of a tenant."""
    keys = [Key(tenant, row["campaign_id"]) for row in await conn.fetch(_CAMPAIGNS, tenant)]
    return await STATES.load(conn, keys)


async def _suppressed(conn: Conn, people: set[tuple[Tenant, str]]) -> dict[Tenant, frozenset[str]]:
    if not people:
        return {}
    ordered = sorted(people)
    rows = await conn.fetch(_SUPPRESSED, [tenant for tenant, _ in ordered], [person for _, person in ordered])
    tenants = {tenant for tenant, _ in people}
    return {tenant: frozenset(row["recipient_hash"] for row in rows if row["tenant"] == tenant) for tenant in tenants}


async def _uncertain(conn: Conn, effects: set[tuple[Key, UUID]]) -> dict[Key, dict[UUID, Uncertain]]:
    """Lost effects by campaign: nobody says anything about the effect of another."""
    if not effects:
        return {}
    out: dict[Key, dict[UUID, Uncertain]] = {}
    ordered = sorted(effects)
    keys = [key for key, _ in ordered]
    rows = await conn.fetch(
        _UNCERTAIN, [key.tenant for key in keys], [key.campaign for key in keys], [effect for _, effect in ordered]
    )
    for row in rows:
        lost = Uncertain(row["recipient_hash"], row["recipient_domain"], row["decision_id"], row["plan_version"])
        out.setdefault(Key(row["tenant"], row["campaign_id"]), {})[row["effect_id"]] = lost
    return out
