"""Timers that fall due while the processes that fire them are killed: each fires once, and none before its time."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from contracts.framing import named
from contracts.monitor import TriggerCleared
from handrail.local.sources import Infrastructure
from tests.builders import TENANT
from tests.proof.chassis.counting import TIMER
from tests.proof.chassis.replicas import Replicas, replicas
from tests.proof.chassis.verdict import Verdict, percentiles

WORKERS = 4
PER_CAMPAIGN = 10
LEAD_SECONDS = 2.0
_CAMPAIGNS = "INSERT INTO campaign (tenant, campaign_id) SELECT $1, unnest($2::uuid[])"
_TIMERS = """
INSERT INTO task (id, tenant, campaign_id, kind, body, cause, correlation_id, due_at)
SELECT id, $1, campaign, 'remind', jsonb_build_object('step', step), id, id, clock_timestamp() + after
  FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::interval[]) AS row (id, campaign, step, after)
"""
_SOME_AHEAD = "SELECT EXISTS (SELECT 1 FROM task WHERE due_at > clock_timestamp())"
_TASKS = "SELECT id, due_at, done_at FROM task"
_SAID = "SELECT event_id, logged_at FROM event_log"


@dataclass(frozen=True)
class Fired:
    """A timer, and when by the database's clock its event was written."""

    id: UUID
    due_at: datetime
    done_at: datetime
    said_at: datetime | None


async def fire(
    servers: Infrastructure,
    home: Path,
    *,
    seed: int,
    count: int,
    seconds: float,
    every: float,
    workers: int = WORKERS,
    environments: Mapping[str, Mapping[str, str]] | None = None,
) -> Verdict:
    """`count` timers due within `seconds`; meanwhile one of `workers` processes is killed about every `every` seconds.

    `environments` are more variables of single workers.
    """
    verdict = Verdict("timers", seed)
    chance = random.Random(f"{seed}|timers")
    async with replicas(servers, home, workers, environments=environments) as running:
        await _set(running, chance, count, seconds)
        verdict.note(f"{count} timers set, due within {seconds:.0f} s")
        async with asyncio.timeout(120 + seconds + count / 20):
            while await running.pool.fetchval(_SOME_AHEAD):
                await asyncio.sleep(chance.uniform(0.5, 1.5) * every)
                name = chance.choice(running.names)
                running.kill(name)
                verdict.note(f"{name} killed")
            verdict.note("all are due")
            while await running.pool.fetchval("SELECT count(*) FROM task WHERE done_at IS NULL"):
                await asyncio.sleep(0.2)
        verdict.note("all fired")
        every_one = await _fired(running)
        fired = Counter(step for order in (await running.orders()).values() for step in order)
        verdict.covered = {"timers": count, "kills": running.deaths.total()}
        verdict.measured["lateness"] = percentiles(
            [(one.said_at - one.due_at).total_seconds() for one in every_one if one.said_at]
        )
        verdict.found = {
            "a timer did not fire": [n for n in range(count) if not fired[f"reminded-{TIMER}{n}"]],
            "a timer fired twice": [step for step, times in fired.items() if times > 1],
            "a timer fired before its time": [
                one.id for one in every_one if one.said_at and min(one.said_at, one.done_at) < one.due_at
            ],
            "a timer's event was not written": [one.id for one in every_one if one.said_at is None],
        }
        verdict.trials = count
    return verdict


async def _fired(running: Replicas) -> list[Fired]:
    said = {row["event_id"]: row["logged_at"] for row in await running.pool.fetch(_SAID)}
    return [
        Fired(row["id"], row["due_at"], row["done_at"], said.get(named(str(row["id"]), TriggerCleared.type, "0")))
        for row in await running.pool.fetch(_TASKS)
    ]


async def _set(running: Replicas, chance: random.Random, count: int, seconds: float) -> None:
    campaigns = [UUID(int=chance.getrandbits(128), version=4) for _ in range(max(1, count // PER_CAMPAIGN))]
    await running.pool.execute(_CAMPAIGNS, TENANT, campaigns)
    ids = [UUID(int=chance.getrandbits(128), version=4) for _ in range(count)]
    after = [timedelta(seconds=LEAD_SECONDS + chance.uniform(0, seconds)) for _ in range(count)]
    steps = [f"{TIMER}{n}" for n in range(count)]
    await running.pool.execute(_TIMERS, TENANT, ids, [chance.choice(campaigns) for _ in range(count)], steps, after)
