"""Spoilt records of every kind, one for one with good ones: the good flow, the spoilt are kept byte for byte."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from contracts.executor import StepCompleted
from handrail.local.sources import Infrastructure
from tests.proof.chassis.replicas import Replicas, replicas
from tests.proof.chassis.verdict import Verdict, percentiles
from tests.proof.poison.judging import claims, judged, letters
from tests.proof.poison.sending import Sent, meant, sender

MEMORY_LIMIT_BYTES = 250 * 1024 * 1024
"""Generous: a leak of what was sent would be far more over a long run, and a bomb that is unpacked at once."""


async def spoil(servers: Infrastructure, home: Path, *, seed: int, count: int, victims: int = 3) -> Verdict:
    """`count` spoilt and `count` good records through one process of the counting service on real Kafka."""
    verdict = Verdict("poison", seed)
    async with replicas(servers, home, 1) as running, sender(servers.kafka) as sending:
        memory = _Memory(running)
        watching = asyncio.create_task(memory.watch())
        reviving = asyncio.create_task(running.revive())
        try:
            clean = [one for one in meant(seed + 1, max(50, count // 2), victims=0) if one.kind is None]
            before = await sending.send(clean, seed)
            await _settled(running, before)
            verdict.measured["clean"] = percentiles(await _latencies(running, before))
            verdict.note(f"{len(before)} good records alone")
            base = memory.restart()
            sent = await sending.send(meant(seed, count, victims=victims), seed)
            verdict.note(f"{len(sent)} records, one in two spoilt")
            await _settled(running, sent)
            verdict.note("all settled")
            grown = memory.most - base
        finally:
            watching.cancel()
            reviving.cancel()
        waiting = _victims(sent)
        found = judged(sent, await letters(running.pool), await claims(running.pool), set(waiting))
        verdict.measured["among poison"] = percentiles(await _latencies(running, sent))
        verdict.measured["memory"] = f"{grown / 2**20:+.0f} MiB"
        verdict.found = found | {
            "the process died": [*running.deaths.elements()],
            "memory grew without bound": [grown] if grown > MEMORY_LIMIT_BYTES else [],
            "campaigns out of order": _disordered(sent, await running.orders(), waiting),
            "a discarded letter leaves its campaign parked, or out of order": await _discarded(running, sent, waiting),
        }
        verdict.covered = Counter(one.meant.kind or "good" for one in sent)
        verdict.trials = count
    return verdict


async def _settled(running: Replicas, sent: Sequence[Sent]) -> None:
    """Until all that was sent is applied or kept; what never is shows in the judgement."""
    async with asyncio.timeout(60 + len(sent) / 20):
        while await running.pool.fetchval(_SETTLED, [one.meant.fact.meta.event_id for one in sent]) < len(sent):
            await asyncio.sleep(0.3)


_SETTLED = """
SELECT (SELECT count(*) FROM dead_letter) + (SELECT count(*) FROM inbox WHERE event_id = ANY($1::uuid[]))
"""


async def _latencies(running: Replicas, sent: Sequence[Sent]) -> list[float]:
    """From sending to applying, s."""
    at = await claims(running.pool)
    ids = {one.meant.fact.meta.event_id: one.at for one in sent if one.meant.kind is None}
    return [at[event_id] - sent_at for event_id, sent_at in ids.items() if event_id in at]


def _victims(sent: Sequence[Sent]) -> dict[str, list[str]]:
    """By parked campaign: its good steps in the order of sending."""
    steps: dict[str, list[str]] = defaultdict(list)
    for one in sent:
        event = one.meant.fact.event
        if one.meant.kind is None and isinstance(event, StepCompleted):
            steps[str(one.meant.fact.meta.campaign_id)].append(event.step)
    return {campaign: names for campaign, names in steps.items() if names[0].startswith("victim")}


def _disordered(sent: Sequence[Sent], orders: dict[str, list[str]], waiting: dict[str, list[str]]) -> list[object]:
    expected: dict[str, list[str]] = defaultdict(list)
    for one in sent:
        event, campaign = one.meant.fact.event, str(one.meant.fact.meta.campaign_id)
        if one.meant.kind is None and isinstance(event, StepCompleted) and campaign not in waiting:
            expected[campaign].append(event.step)
    expected |= {campaign: names[:2] for campaign, names in waiting.items()}
    return [(campaign, orders.get(campaign), names) for campaign, names in expected.items()
            if orders.get(campaign) != names]  # fmt: skip


async def _discarded(running: Replicas, sent: Sequence[Sent], waiting: dict[str, list[str]]) -> list[object]:
    """Two people throw each victim's spoilt record away; what waited behind it is driven again, in order."""
    wrong: list[object] = []
    for campaign in waiting:
        rows = await running.pool.fetch("SELECT id, kind FROM dead_letter WHERE campaign_id::text = $1", campaign)
        for row in rows:
            if row["kind"] == "undecodable":
                for person in ("sam", "eva"):
                    words = ("--reason", "a broken sender", "--token", running.token(person))
                    said = await running.command("dead-letters", "discard", str(row["id"]), *words)
                wrong += [] if "discarded" in said else [said]
        [*behind] = [row["id"] for row in rows if row["kind"] == "behind"]
        said = await running.command("dead-letters", "redrive", str(behind[0]))
        wrong += [] if f'"applied": {len(behind)}' in said else [said]
    orders = await running.orders()
    wrong += [(orders.get(campaign), names) for campaign, names in waiting.items() if orders.get(campaign) != names]
    return wrong


class _Memory:
    """The most that a service had resident."""

    def __init__(self, running: Replicas) -> None:
        self._running = running
        self.most = 0

    async def watch(self) -> None:
        """For ever."""
        while True:
            self.most = max(self.most, self._running.resident_bytes())
            await asyncio.sleep(0.1)

    def restart(self) -> int:
        """Begin anew; what it was."""
        found, self.most = self.most, 0
        return found
