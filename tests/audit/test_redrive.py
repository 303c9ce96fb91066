"""What audit could not store is stored once it can be; what is evidence stays evidence."""

from dataclasses import replace

from chassis import dead_letters
from chassis.decision import Key
from chassis.redrive import Redriven, redrive
from handrail.verify import verify
from tests.audit.builders import KEYS, VERIFIER, records, story
from tests.audit.conftest import Auditor
from tests.builders import CAMPAIGN, TENANT, record


async def again(auditor: Auditor, letter: int) -> Redriven:
    assert auditor.parts.applier is not None
    return await redrive(auditor.db, auditor.parts.applier, VERIFIER, letter)


async def test_records_that_failed_are_appended_in_their_order(auditor: Auditor) -> None:
    batch = records()
    async with auditor.db.transaction() as tx:
        for raw in batch[:3]:
            await dead_letters.keep(tx, raw, dead_letters.FAILING, "the disk was full", Key(TENANT, CAMPAIGN), 5)
    await auditor.take(batch[3:])
    assert await again(auditor, 1) == Redriven(3, None)
    assert await auditor.rows("SELECT 1 FROM dead_letter") == []
    stored = [row["value"] for row in await auditor.rows("SELECT value FROM record ORDER BY seq")]
    assert stored == [raw.value for raw in [*batch[3:], *batch[:3]]]
    assert verify(await auditor.export(), KEYS).ok


async def test_a_record_that_still_means_nothing_stays_a_dead_letter(auditor: Auditor) -> None:
    await auditor.take([record(b"\xff not json", 99, topic="executor.work.v1")])
    done = await again(auditor, 1)
    assert (done.applied, done.failed) == (0, "unknown ce_type 'who.knows'")
    [letter] = await auditor.rows("SELECT id, kind, redriven, value FROM dead_letter")
    assert tuple(letter) == (1, "undecodable", 1, b"\xff not json")


async def test_other_bytes_under_a_stored_event_id_stay_a_dead_letter(auditor: Auditor) -> None:
    """A re-drive that took them for a duplicate would throw the evidence away."""
    batch = records()
    await auditor.take(batch)
    await auditor.take([replace(batch[2], value=b'{"plan_version": 2}', offset=70)])
    done = await again(auditor, 1)
    assert done.applied == 0 and "another record is stored" in (done.failed or "")
    assert len(await auditor.rows("SELECT 1 FROM dead_letter")) == 1
    assert len(await auditor.rows("SELECT 1 FROM record")) == len(story())
