"""Spoilt records on the public topics, one for one with good ones, through the services that read them."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from contracts.catalogue import READS, TOPICS
from contracts.event import CampaignId, Event
from contracts.inbound import BriefSubmitted, ContactEventReported, MetricReported, RecipientEventReported
from handrail.local.system import System
from tests.proof.chassis.verdict import Verdict
from tests.proof.organisation import EXAMPLES
from tests.proof.poison.judging import claims, judged, letters
from tests.proof.poison.kinds import KINDS, good
from tests.proof.poison.sending import Meant, Sent, public, sender, uuid

READERS = ("briefing", "monitor", "audit", "tower")
PUBLIC: Sequence[type[Event]] = (BriefSubmitted, MetricReported, RecipientEventReported, ContactEventReported)
PARTITIONS = 3


def meant(seed: int, count: int) -> list[Meant]:
    """`count` spoilt records and as many good ones, over all public topics."""
    chance = random.Random(f"{seed}|outside")
    found: list[Meant] = []
    for n in range(count):
        kind, of = list(KINDS)[n % len(KINDS)], chance.choice(PUBLIC)
        spoilt, one = (public(chance, CampaignId(uuid(chance)), of) for _ in range(2))
        found += [Meant(kind, KINDS[kind](good(spoilt), chance), spoilt), Meant(None, good(one), one)]
    return found


async def spoil_the_public(home: Path, *, seed: int, count: int) -> Verdict:
    verdict = Verdict("poison outside", seed)
    system = System(
        dict.fromkeys(TOPICS, PARTITIONS),
        organisation=EXAMPLES / "organisation.yaml",
        people=EXAMPLES / "people.yaml",
        home=home,
        services=READERS,
        fsync=False,
    )
    await asyncio.to_thread(system.start)
    try:
        born = {record.name: record.pid for record in system.processes.running()}
        async with sender(system.infrastructure.kafka, [of.topic for of in PUBLIC]) as sending:
            sent = await sending.send(meant(seed, count), seed)
        verdict.note(f"{len(sent)} records, one in two spoilt")
        for service in READERS:
            mine = [one for one in sent if one.meant.record.topic in READS[service]]
            verdict.found |= {
                f"{service}: {invariant}": found for invariant, found in (await _judged(system, service, mine)).items()
            }
            verdict.note(f"{service} settled {len(mine)}")
        running = {record.name: record.pid for record in system.processes.running()}
        verdict.found["a process died"] = [name for name, pid in born.items() if running.get(name) != pid]
        verdict.covered = Counter(one.meant.kind or "good" for one in sent)
        verdict.trials = count
    finally:
        await asyncio.to_thread(system.stop)
    return verdict


async def _judged(system: System, service: str, mine: Sequence[Sent]) -> dict[str, Sequence[object]]:
    ids = [one.meant.fact.meta.event_id for one in mine]
    async with (
        asyncpg.create_pool(system.dsn(service), min_size=1, max_size=2) as pool,
        asyncio.timeout(120 + len(mine)),
    ):
        while await pool.fetchval(_SETTLED, ids) < len(mine):
            await asyncio.sleep(0.3)
        return judged(mine, await letters(pool), await claims(pool), set())


_SETTLED = """
SELECT (SELECT count(*) FROM dead_letter) + (SELECT count(*) FROM inbox WHERE event_id = ANY($1::uuid[]))
"""
