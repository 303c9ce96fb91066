"""The decisions of a campaign's step, and databases in which so many campaigns stand right before theirs.

A step is three transactions: the executor proposes a send, escalation clears it by rule and signs the grant, the
executor checks the grant and records what is to leave. Each service has a schema of its own in one database.
"""

from functools import cache

import asyncpg

from benchmarks import by_hand, workload
from benchmarks.places import fresh_topics
from chassis.decision import Message
from chassis.migrate import migrate
from contracts.actions import ActionProposed
from contracts.catalogue import TOPICS
from contracts.escalation import ActionCleared
from contracts.event import CampaignId
from contracts.framing import named
from contracts.plan import Authority
from escalation import store as escalation_store
from escalation.domain.state import Escalation
from executor import store as executor_store
from handrail.local.sources import Infrastructure
from tests.builders import TENANT, meta, plan_issued, policy
from tests.escalation import builders as escalation
from tests.executor import builders as executor

PROPOSALS, RULINGS = ActionProposed.topic, ActionCleared.topic
PROPOSER, RULER = "executor", "escalation"

_SEED = """
INSERT INTO campaign (tenant, campaign_id) SELECT $1, unnest($2::uuid[])
"""
_SEED_STATES = """
INSERT INTO campaign_state (tenant, campaign_id, body) SELECT $1, c, $3::jsonb FROM unnest($2::uuid[]) AS c
"""
_SEED_PLANS = """
INSERT INTO plan (tenant, campaign_id, version, policy_hash, body)
SELECT $1, c, 1, $3, $4 FROM unnest($2::uuid[]) AS c
"""
_SEED_FRAMEWORK = """
INSERT INTO framework_approval (tenant, framework, decision_type, legal_class, approved_at, content)
VALUES ($1, $2, $3, $4, $5, $6::jsonb)
"""

_ROW = policy().matrix[0].model_copy(update={"authority": Authority.INDEPENDENT})
ISSUED = plan_issued(policy_=policy(autonomy_rung=3, matrix=(_ROW,)))
"""People delegated this send; they approved the framework before."""


@cache
def rendered() -> executor.Story:
    """The executor's side, all mails rendered: the planner's word is all that is missing."""
    return executor.Story(issued=ISSUED).rendered()


@cache
def approved() -> escalation.Story:
    """Escalation's side, once people approved another campaign of the framework."""
    first, proposal = escalation.asked(ISSUED)
    first.vote(proposal, escalation.who())
    story = escalation.planned(ISSUED)
    story.shared = first.shared
    return story


def word(campaign: CampaignId) -> Message:
    """The planner's word, upon which the executor proposes."""
    about = meta(campaign, event_id=named("planned", str(campaign)))
    return Message(about, executor.planned(rendered()))


def in_schema(dsn: str, schema: str) -> str:
    return f"{dsn}?search_path={schema}"


def empty_topics(kafka: str) -> None:
    """As it is before the first event of all: a service does not go on where Kafka holds what its database forgot."""
    fresh_topics(kafka, dict.fromkeys(TOPICS, 1) | {PROPOSALS: 3, RULINGS: 3})


async def prepare(servers: Infrastructure, partitions: int, events: int) -> str:
    name = f"bench_steps_{named('steps', str(events)).hex[:8]}"
    dsn = servers.postgres.create_database(name)
    every = workload.campaigns(events)
    for schema, body in (
        (PROPOSER, executor_store.STATES.adapter.dump_json(rendered().campaign)),
        (RULER, escalation_store.STATES.adapter.dump_json(approved().state or Escalation())),
    ):
        conn = await asyncpg.connect(dsn)
        await conn.execute(f"CREATE SCHEMA {schema}")
        await conn.close()
        await migrate(in_schema(dsn, schema), ("chassis", schema))
        async with by_hand.connected(in_schema(dsn, schema)) as pool:
            await pool.execute(_SEED, TENANT, every)
            await pool.execute(_SEED_STATES, TENANT, every, body.decode())
            issued = ISSUED.model_dump_json().encode()
            await pool.execute(_SEED_PLANS, TENANT, every, ISSUED.plan.policy_hash, issued)
            if schema == RULER:
                for known, content in approved().shared.frameworks.items():
                    about = (known.framework, known.decision_type, known.legal_class.value)
                    text = content.model_dump_json()
                    await pool.execute(_SEED_FRAMEWORK, TENANT, *about, content.approved_at, text)
    return name
