"""A record that somebody forged is kept as evidence: an export tells it from a record that was changed afterwards."""

from dataclasses import replace
from uuid import uuid4

import pytest

from audit.checkpoints import sign_all
from audit.metrics import FORGERIES
from chassis.records import Raw
from contracts.audit import CheckpointSigned, ForgeryRecorded, leaf_hash
from contracts.audit import body as body_of
from contracts.codec import decode
from contracts.event import Signature
from handrail.verify import What, verify
from tests.audit.builders import (
    AUDIT,
    ESCALATION,
    KEYS,
    VERIFIER,
    Kept,
    chained,
    cleared,
    edited,
    fact_of,
    record,
    records,
    sealed,
    story,
    written,
)
from tests.audit.conftest import Auditor

GENUINE = record(fact_of(cleared(), 7), 7)


def forged(raw: Raw = GENUINE, approver: bytes = b"eve") -> Raw:
    """What somebody with a way to the broker makes of a grant."""
    return replace(raw, value=(raw.value or b"").replace(b"ana", approver), offset=99)


def unsigned(raw: Raw = GENUINE) -> Raw:
    return replace(raw, headers=[header for header in raw.headers if header[0] not in ("ce_signature", "ce_keyid")])


def by_another_service(raw: Raw = GENUINE) -> Raw:
    return replace(raw, headers=AUDIT.sign(list(unsigned(raw).headers), raw.value or b""), offset=98)


async def settled(auditor: Auditor) -> None:
    """What audit says of the chain comes back by Kafka and is chained itself."""
    while said := [raw for raw in await auditor.said() if not await _stored(auditor, raw)]:
        await auditor.take(said)


async def _stored(auditor: Auditor, raw: Raw) -> bool:
    return bool(await auditor.rows("SELECT 1 FROM record WHERE value = $1 AND topic = $2", raw.value, raw.topic))


@pytest.mark.parametrize(
    ("raw", "found"),
    [(forged(), Signature.INVALID), (unsigned(), Signature.MISSING), (by_another_service(), Signature.INVALID)],
)
async def test_audit_says_that_a_record_came_forged(auditor: Auditor, raw: Raw, found: Signature) -> None:
    before = FORGERIES._value.get()
    await auditor.take([*records()[:3], raw])
    [said] = await auditor.said()
    event = decode(said.topic, said.headers, said.value, verify=VERIFIER)
    leaf = leaf_hash(body_of(raw.topic, raw.key or b"", raw.headers, raw.value or b""))
    assert event.event == ForgeryRecorded(seq=4, leaf=leaf.hex(), found=found)
    assert event.meta.signature is Signature.VALID
    assert FORGERIES._value.get() == before + 1


async def test_an_export_with_a_forgery_that_audit_recorded_holds_and_names_it(auditor: Auditor) -> None:
    await auditor.take([*records(), forged()])
    await settled(auditor)
    await sign_all(auditor.db)
    await settled(auditor)
    report = verify(await auditor.export(), KEYS)
    assert report.ok, report
    assert [(one.seq, one.what) for one in report.forged] == [(len(story()) + 1, What.SIGNATURE)]
    assert "evidence of a forgery" in str(report)


async def test_a_forgery_does_not_take_the_place_of_the_event_that_it_says_it_is(auditor: Auditor) -> None:
    await auditor.take([forged(), *records()])
    await settled(auditor)
    assert await auditor.rows("SELECT 1 FROM dead_letter") == []
    values = [row["value"] for row in await auditor.rows("SELECT value FROM record")]
    assert GENUINE.value in values and forged().value in values
    assert verify(await auditor.export(), KEYS).ok


async def test_a_forgery_delivered_again_is_one_record_and_one_word(auditor: Auditor) -> None:
    await auditor.take([forged(), forged()])
    await auditor.take([forged()])
    assert len(await auditor.rows("SELECT 1 FROM record")) == len(await auditor.said()) == 1


KEPT = sealed()
CLEARED = next(number for number, one in enumerate(KEPT) if one.topic == cleared().topic)


def doubted(kept: list[Kept], seq: int, leaf: str | None = None) -> Kept:
    said = fact_of(ForgeryRecorded(seq=seq, leaf=leaf or chained(kept)[seq - 1].leaf, found=Signature.INVALID), 500)
    return Kept.of(record(said), said.meta.event_id)


def evil(one: Kept) -> Kept:
    return replace(one, value=one.value.replace(b"ana", b"eve"))


def test_a_grant_changed_in_the_table_is_no_evidence() -> None:
    plain = [one for one in KEPT if one.topic != CheckpointSigned.topic]
    place = next(number for number, one in enumerate(plain) if one.topic == cleared().topic)
    lines = written(chained(edited(plain, place, evil)))
    assert [(one.seq, one.what) for one in verify(lines, KEYS).problems] == [(place + 1, What.SIGNATURE)]


def test_a_word_about_other_bytes_does_not_excuse_a_change() -> None:
    """Somebody recorded a forgery; the record was changed once more, and the chain made anew."""
    before = [*edited(KEPT[: CLEARED + 1], CLEARED, evil)]
    word = doubted(before, CLEARED + 1)
    after = edited([*before, word], CLEARED, lambda one: replace(one, value=one.value.replace(b"eve", b"bob")))
    assert (CLEARED + 1, What.SIGNATURE) in [
        (one.seq, one.what) for one in verify(written(chained(after)), KEYS).problems
    ]


def test_only_audits_own_word_makes_evidence() -> None:
    before = edited(KEPT[: CLEARED + 1], CLEARED, evil)
    word = doubted(before, CLEARED + 1)
    bare = tuple(header for header in word.headers if header[0] not in ("ce_signature", "ce_keyid"))
    fake = replace(word, headers=tuple(ESCALATION.sign(list(bare), word.value)))
    assert verify(written(chained([*before, word])), KEYS).ok
    problems = verify(written(chained([*before, fake])), KEYS).problems
    assert [(one.seq, one.what) for one in problems] == [
        (CLEARED + 1, What.SIGNATURE),
        (CLEARED + 2, What.SIGNATURE),
    ]


def test_a_word_must_come_after_what_it_is_about() -> None:
    before = KEPT[:CLEARED]
    bad = evil(KEPT[CLEARED])
    leaf = chained([*before, KEPT[0], bad])[-1].leaf
    early = doubted([*before], CLEARED + 2, leaf)
    problems = verify(written(chained([*before, early, bad])), KEYS).problems
    assert [(one.seq, one.what) for one in problems] == [(CLEARED + 2, What.SIGNATURE)]


def test_a_record_under_an_id_of_nobody_shows() -> None:
    kept = edited(KEPT, CLEARED, lambda one: replace(one, event_id=uuid4()))
    assert (CLEARED + 1, What.IDENTITY) in [
        (one.seq, one.what) for one in verify(written(chained(kept)), KEYS).problems
    ]
