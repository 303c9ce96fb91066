"""Processes whose wall clocks are wrong, on a database whose clock is right: only the database's counts."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from contracts.event import CampaignId
from contracts.framing import named
from contracts.monitor import TriggerCleared
from handrail.local.sources import Infrastructure
from tests.proof.chassis.counting import AHEAD_SECONDS, TIMER
from tests.proof.chassis.replicas import Replicas, replicas
from tests.proof.chassis.verdict import Verdict, percentiles
from tests.proof.clock.clocks import WRONG, Jumping, wrong
from tests.proof.poison.judging import claims, letters
from tests.proof.poison.kinds import good
from tests.proof.poison.sending import Meant, Sent, own, public, sender, uuid

REFUSED = (
    "0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "1999-12-31T23:59:59Z",
    "2200-01-01T00:00:01Z", "2201-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "10000-01-01T00:00:00Z",
    "-4000-01-01T00:00:00Z", "2026-02-29T00:00:00Z", "2016-12-31T23:59:60Z",
)  # fmt: skip
"""Absurd, or on no calendar; a leap second too, which no database keeps."""
TAKEN = (
    "2000-01-01T00:00:00Z", "2028-02-29T23:59:59Z", "2038-01-19T03:14:08Z", "2026-03-29T02:30:00+01:00",
    "2026-10-25T02:30:00+02:00", "2199-12-31T23:59:59Z",
)  # fmt: skip
TRANSACTION_SECONDS = 3.0
"""The longest from a decision's reading of the clock to its writing, on a busy machine."""
NOT_RIGHT_SECONDS = 200.0
"""A clock is wrong when it is off by at least so much: the smallest jump is five minutes."""


@dataclass(frozen=True)
class Timer:
    """By the database's clock: when it was asked for, was due, and was said to have fired."""

    asked_at: datetime
    due_at: datetime
    fired_at: datetime

    @property
    def late(self) -> float:
        return (self.fired_at - self.due_at).total_seconds()

    @property
    def set_wrongly(self) -> bool:
        ahead = (self.due_at - self.asked_at).total_seconds()
        return not AHEAD_SECONDS - TRANSACTION_SECONDS <= ahead <= AHEAD_SECONDS


async def skew(
    servers: Infrastructure, home: Path, *, seed: int, count: int, clocks: Sequence[str] = tuple(WRONG)
) -> Verdict:
    """`count` timers, asked for and fired by processes of wrong clocks, among records of absurd times."""
    verdict = Verdict("clock", seed)
    chance = random.Random(f"{seed}|clock")
    home.mkdir(parents=True, exist_ok=True)
    clock = Jumping(home / "clock")
    environments = {f"counting-{n}": wrong(WRONG[name]) for n, name in enumerate(clocks)}
    environments[f"counting-{len(clocks)}"] = clock.variables
    async with replicas(servers, home, len(environments), environments=environments) as running:
        verdict.note(f"{len(environments)} processes: {', '.join(clocks)}, jumping")
        jumping = asyncio.create_task(clock.jump())
        try:
            timers = [_timer(chance, n) for n in range(count)]
            dated = [_dated(chance, text, inbound) for text in (*REFUSED, *TAKEN) for inbound in (False, True)]
            async with sender(servers.kafka) as sending:
                sent = await sending.send([*timers, *dated], seed)
            verdict.note(f"{len(sent)} records sent, each timer due {AHEAD_SECONDS} s after its decision")
            await _over(running, sent, count)
            verdict.note("all timers fired, all records settled")
        finally:
            jumping.cancel()
        found = await _timers(running)
        fired = Counter(step for order in (await running.orders()).values() for step in order)
        verdict.measured["lateness"] = percentiles([one.late for one in found])
        verdict.covered = {"timers": count, "dated records": len(dated)}
        verdict.found = {
            "a process had the right time": _right(running),
            "a timer did not fire, or fired twice": [n for n in range(count) if fired[f"reminded-{TIMER}{n}"] != 1],
            "a timer fired before its time": [one for one in found if one.late < 0],
            "a timer was set by a wrong clock": [one for one in found if one.set_wrongly],
            **await _misdated(running, sent[count:]),
            "a token was judged by a wrong clock": await _misjudged(running),
        }
        verdict.trials = count + len(dated)
    return verdict


def _timer(chance: random.Random, number: int) -> Meant:
    one = own(chance, CampaignId(uuid(chance)), f"{TIMER}{number}")
    return Meant(None, good(one), one)


def _dated(chance: random.Random, text: str, inbound: bool) -> Meant:
    campaign = CampaignId(uuid(chance))
    one = public(chance, campaign) if inbound else own(chance, campaign, "dated")
    return Meant(text, good(one).having("ce_time", text.encode()), one)


async def _over(running: Replicas, sent: Sequence[Sent], count: int) -> None:
    """Until all timers fired and all records are applied or kept."""
    ids = [one.meant.fact.meta.event_id for one in sent]
    async with asyncio.timeout(120 + count / 10):
        while await running.pool.fetchval(_LEFT, ids, count) > 0:
            await asyncio.sleep(0.3)


_LEFT = """
SELECT cardinality($1::uuid[]) + $2::int - (SELECT count(*) FROM task WHERE done_at IS NOT NULL)
     - (SELECT count(*) FROM inbox WHERE event_id = ANY($1)) - (SELECT count(*) FROM dead_letter)
"""


async def _timers(running: Replicas) -> list[Timer]:
    logged = {row["event_id"]: row["logged_at"] for row in await running.pool.fetch(_SAID)}
    tasks = await running.pool.fetch("SELECT id, cause, due_at FROM task")
    return [Timer(logged[_said(row["cause"])], row["due_at"], logged[_said(row["id"])]) for row in tasks]


_SAID = "SELECT event_id, logged_at FROM event_log"


def _said(cause: UUID) -> UUID:
    """The event that the counting service says because of `cause`."""
    return named(str(cause), TriggerCleared.type, "0")


def _right(running: Replicas) -> list[str]:
    """Processes that were not off when they said that they had started."""
    now = datetime.now(UTC)
    lines = [json.loads(line) for line in running.logs().splitlines() if '"event": "started"' in line]
    assert len(lines) >= running.count
    off = [abs(now - datetime.fromisoformat(line["timestamp"])).total_seconds() for line in lines]
    return [f"off by {seconds:.0f} s" for seconds in off if seconds < NOT_RIGHT_SECONDS]


async def _misdated(running: Replicas, sent: Sequence[Sent]) -> dict[str, Sequence[object]]:
    kept, claimed = await letters(running.pool), await claims(running.pool)
    applied = {one.place for one in sent if one.meant.fact.meta.event_id in claimed}
    return {
        "a record of an absurd time was not kept": [
            (one.meant.kind, one.place) for one in sent if one.meant.kind in REFUSED and one.place not in kept
        ],
        "a record of a plausible time was not applied": [
            (one.meant.kind, one.place) for one in sent if one.meant.kind in TAKEN and one.place not in applied
        ],
    }


async def _misjudged(running: Replicas) -> list[str]:
    """A token in force must hold, and one that has expired must not, whatever the clock of the process asked."""
    letter = str(await running.pool.fetchval("SELECT min(id) FROM dead_letter"))
    asked = [
        (clock, minutes, await running.command(
            "dead-letters", "discard", letter, "--reason", "absurd", "--token",
            running.token("sam", timedelta(minutes=minutes)), variables=wrong(clock),
        ))
        for clock in ("-10y", "+10y")
        for minutes in (-1, 5)
    ]  # fmt: skip
    return [
        f"{clock}, {minutes} min: {said[-300:]}"
        for clock, minutes, said in asked
        if ("expired" in said, "a second person" in said) != (minutes < 0, minutes > 0)
    ]
