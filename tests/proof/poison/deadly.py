"""Records that do harm when they are handled: one raises, one kills its process, one loops for ever, one hangs."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts.event import CampaignId
from handrail.local.sources import Infrastructure
from tests.proof.chassis.counting import KILLS, LOOPS, RAISES
from tests.proof.chassis.replicas import Replicas, replicas
from tests.proof.chassis.verdict import Verdict
from tests.proof.poison.judging import claims
from tests.proof.poison.kinds import good
from tests.proof.poison.sending import Meant, Sent, own, sender, uuid

HARMS = (RAISES, KILLS, LOOPS)
ATTEMPTS = 5
BYSTANDERS = 12
_LETTER = """
SELECT id, kind, attempts, reason, extract(epoch FROM kept_at)::float8 AS at
  FROM dead_letter WHERE campaign_id = $1 ORDER BY id
"""


async def harm(
    servers: Infrastructure, home: Path, *, seed: int, harms: Sequence[str] = HARMS, seconds: int = 1
) -> Verdict:
    """One record of each of `harms` in turn, in the middle of its campaign, while other campaigns flow.

    `seconds` of processor time are what a decision may use.
    """
    verdict = Verdict("deadly", seed)
    chance = random.Random(f"{seed}|deadly")
    campaigns: dict[CampaignId, list[str]] = {}
    sent: list[Sent] = []
    variables = {"COUNTING_DECISION_SECONDS": str(seconds)}
    async with replicas(servers, home, 1, variables) as running, sender(servers.kafka) as sending:
        reviving = asyncio.create_task(running.revive())
        try:
            for what in harms:
                campaign, deaths = CampaignId(uuid(chance)), running.deaths.total()
                campaigns[campaign] = ["before", what, "after", "last"]
                own_ones = [_meant(chance, campaign, step) for step in campaigns[campaign]]
                others = [_meant(chance, CampaignId(uuid(chance)), f"by-{n}") for n in range(BYSTANDERS)]
                sent += await sending.send(_mixed(own_ones, others), seed)
                [harmful] = [one for one in sent if one.meant is own_ones[1]]
                letter = await _resumed(running, campaign, [one.fact.meta.event_id for one in others])
                took, died = letter.at - harmful.at, running.deaths.total() - deaths
                verdict.note(f"{what}: kept after {took:.1f} s, {letter.attempts} attempts and {died} deaths")
                verdict.covered[what] = 1
        finally:
            reviving.cancel()
        verdict.found = await _judged(running, campaigns, sent)
        verdict.trials = len(harms)
    return verdict


def _meant(chance: random.Random, campaign: CampaignId, step: str) -> Meant:
    one = own(chance, campaign, step)
    return Meant(None, good(one), one)


def _mixed(ours: Sequence[Meant], others: Sequence[Meant]) -> list[Meant]:
    """Bystanders before, between and after: some share the partition, and the batch."""
    half = len(others) // 2
    return [*others[:half], *ours[:2], *others[half:], *ours[2:]]


@dataclass(frozen=True)
class Letter:
    attempts: int
    at: float


async def _resumed(running: Replicas, campaign: CampaignId, others: Sequence[object]) -> Letter:
    """Until the harmful record is kept, what follows it waits, and every bystander is applied."""
    async with asyncio.timeout(600):
        while True:
            rows = await running.pool.fetch(_LETTER, campaign)
            if len(rows) == 3 and set(others) <= (await claims(running.pool)).keys():
                return Letter(rows[0]["attempts"], rows[0]["at"])
            await asyncio.sleep(0.2)


async def _judged(
    running: Replicas, campaigns: dict[CampaignId, list[str]], sent: Sequence[Sent]
) -> dict[str, Sequence[object]]:
    orders = await running.orders()
    held = [(str(one), orders.get(str(one))) for one in campaigns if orders.get(str(one)) != ["before"]]
    letters = {one: await running.pool.fetch(_LETTER, one) for one in campaigns}
    tried = [row["attempts"] for rows in letters.values() for row in rows if row["attempts"] > ATTEMPTS]
    kinds = [
        [row["kind"] for row in rows]
        for rows in letters.values()
        if [row["kind"] for row in rows] != ["failing", "behind", "behind"]
    ]
    refused = [
        await running.command("dead-letters", "redrive", str(rows[0]["id"]), mended=True) for rows in letters.values()
    ]
    after = await running.orders()
    others = {str(one.meant.fact.meta.campaign_id) for one in sent} - {str(one) for one in campaigns}
    return {
        "a harmful record, or what follows it, was applied": held,
        "a record was tried alone more than five times": tried,
        "a campaign does not wait behind its harmful record": kinds,
        "a bystander was not applied, once": [(one, after.get(one)) for one in others if len(after.get(one, [])) != 1],
        "mended and driven again, a campaign is not in order": [
            (str(one), after.get(str(one)), said)
            for (one, steps), said in zip(campaigns.items(), refused, strict=True)
            if after.get(str(one)) != steps
        ],
    }
