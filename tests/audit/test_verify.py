"""An export proves itself, and every way to change it shows. What needs a checkpoint or a kept head says so."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.signatures import Signer
from contracts.audit import CheckpointSigned
from contracts.codec import Header
from contracts.event import outside_id, tenant_row
from handrail.verify import Anchor, Keys, What, verify, verify_file
from tests.audit.builders import (
    AUDIT,
    ESCALATION,
    KEYS,
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
from tests.builders import TENANT

KEPT = sealed()
LINES = chained(KEPT)
WHOLE = written(LINES)
CHECKPOINTS = [number for number, one in enumerate(KEPT) if one.topic == CheckpointSigned.topic]
CLEARED = next(number for number, one in enumerate(KEPT) if one.topic == cleared().topic)
ANY = st.integers(0, len(KEPT) - 1)


def found(lines: list[bytes], keys: Keys = KEYS) -> list[tuple[int, What]]:
    return [(problem.seq, problem.what) for problem in verify(lines, keys).problems]


def test_an_untouched_export_holds() -> None:
    report = verify(WHOLE, KEYS)
    assert report.ok and report.records == len(KEPT) and report.checkpoints == len(CHECKPOINTS)
    assert report.sealed == len(KEPT) - 1 and report.tenant == TENANT and report.head == LINES[-1].hash
    assert str(report).startswith(f"OK: {len(KEPT)} records of tenant demo")


def test_an_export_without_a_record_proves_nothing() -> None:
    assert found([]) == [(0, What.EMPTY)]


@given(number=ANY, data=st.data())
def test_any_bit_of_any_line_that_changes_shows(number: int, data: st.DataObject) -> None:
    line = bytearray(WHOLE[number])
    place = data.draw(st.integers(0, len(line) - 1))
    line[place] ^= 1 << data.draw(st.integers(0, 7))
    changed = b"".join([*WHOLE[:number], bytes(line), *WHOLE[number + 1 :]])
    report = verify(changed.splitlines(keepends=True), KEYS)
    assert not report.ok
    assert report.problems[0].seq in (number + 1, number + 2) or report.problems[0].what is What.NUMBER


@given(number=ANY, part=st.sampled_from(["value", "key", "header value", "header name"]), data=st.data())
def test_a_byte_changed_in_place_names_its_record(number: int, part: str, data: st.DataObject) -> None:
    one = KEPT[number]

    def flip(raw: bytes) -> bytes:
        place = data.draw(st.integers(0, len(raw) - 1))
        return raw[:place] + bytes([raw[place] ^ data.draw(st.integers(1, 127))]) + raw[place + 1 :]

    header = data.draw(st.integers(0, len(one.headers) - 1))
    name, text = one.headers[header]
    match part:
        case "value":
            other = replace(one, value=flip(one.value))
        case "key":
            other = replace(one, key=flip(one.key))
        case "header value":
            other = replace(one, headers=_put(one.headers, header, (name, flip(text))))
        case _:
            other = replace(one, headers=_put(one.headers, header, (flip(name.encode()).decode(), text)))
    line = LINES[number]
    [changed] = chained([other])
    kept_hashes = changed.model_copy(update={"seq": line.seq, "leaf": line.leaf, "prev": line.prev, "hash": line.hash})
    first = verify(written([*LINES[:number], kept_hashes, *LINES[number + 1 :]]), KEYS).problems[0]
    assert (first.seq, first.event_id, first.what) == (number + 1, one.event_id, What.LEAF)


@given(number=st.integers(0, len(KEPT) - 2))
def test_a_record_taken_out_names_the_one_after_it(number: int) -> None:
    assert found([*WHOLE[:number], *WHOLE[number + 1 :]])[0] == (number + 2, What.NUMBER)


@given(first=ANY, second=ANY)
def test_two_records_swapped_show(first: int, second: int) -> None:
    lines = list(WHOLE)
    lines[first], lines[second] = lines[second], lines[first]
    assert (found(lines) == []) == (first == second)


@given(number=ANY)
def test_a_record_told_twice_shows(number: int) -> None:
    assert found([*WHOLE[: number + 1], *WHOLE[number:]])


@given(number=ANY)
def test_a_record_told_twice_shows_although_the_chain_is_made_anew(number: int) -> None:
    """Needs no checkpoint: one event has one record."""
    kept = [one for one in KEPT if one.topic != CheckpointSigned.topic]
    if number < len(kept):
        assert (What.IDENTITY) in {what for _, what in found(written(chained([*kept, kept[number]])))}


@given(number=ANY)
def test_a_record_edited_with_the_chain_made_anew_needs_the_checkpoint(number: int) -> None:
    """No hash is wrong then; the next checkpoint's signature no longer fits the chain."""
    lines = written(chained(edited(KEPT, number, lambda one: replace(one, value=one.value.replace(b"1", b"2", 1)))))
    if lines == WHOLE:
        return
    last = len(KEPT) - 1
    what = {what for _, what in found(lines)}
    assert what & ({What.SIGNATURE} if number == last else {What.CHECKPOINT, What.SIGNATURE})


def test_an_edit_after_the_last_checkpoint_shows_only_where_the_event_is_signed() -> None:
    kept = [one for number, one in enumerate(KEPT) if number not in CHECKPOINTS]
    plain = edited(kept, 2, lambda one: replace(one, value=one.value + b" "))
    assert found(written(chained(plain))) == []
    signed = next(number for number, one in enumerate(kept) if one.topic == cleared().topic)
    forged = edited(kept, signed, lambda one: replace(one, value=one.value.replace(b"ana", b"eve")))
    assert found(written(chained(forged))) == [(signed + 1, What.SIGNATURE)]


@pytest.mark.parametrize("cut", range(1, len(KEPT)))
def test_records_cut_off_need_a_head_that_was_kept(cut: int) -> None:
    short = WHOLE[:cut]
    assert found(short) == []
    anchors = [Anchor(len(KEPT), LINES[-1].hash)]
    assert [problem.what for problem in verify(short, KEYS, anchors).problems] == [What.ANCHOR]
    assert verify(WHOLE, KEYS, anchors).ok


def test_a_whole_chain_made_anew_needs_a_head_that_was_kept() -> None:
    other = written(chained(sealed(story()[1:])))
    assert verify(other, KEYS).ok
    assert [one.what for one in verify(other, KEYS, [Anchor(5, LINES[4].hash)]).problems] == [What.ANCHOR]


def test_a_checkpoint_cannot_sign_what_comes_after_it() -> None:
    last = chained(KEPT[:6])[-1]
    ahead = fact_of(CheckpointSigned(size=99, head=last.hash), 99, tenant_row(TENANT))
    kept = [*KEPT[:6], Kept.of(record(ahead), ahead.meta.event_id)]
    assert found(written(chained(kept))) == [(7, What.CHECKPOINT)]


@pytest.mark.parametrize("name", [b"ce_signature", b"ce_keyid"])
def test_a_grant_without_its_signature_shows(name: bytes) -> None:
    bare = edited(KEPT, CLEARED, lambda one: replace(one, headers=_without(one.headers, name.decode())))
    assert (CLEARED + 1, What.SIGNATURE) in found(written(chained(bare)))


def test_a_grant_signed_by_a_key_of_another_service_shows() -> None:
    """Whoever holds audit's key cannot approve."""
    unsigned = _without(_without(KEPT[CLEARED].headers, "ce_signature"), "ce_keyid")
    forged = AUDIT.sign(list(unsigned), KEPT[CLEARED].value)
    kept = edited(KEPT, CLEARED, lambda one: replace(one, headers=tuple(forged)))
    report = verify(written(chained(kept)), KEYS)
    assert "does not speak for escalation" in report.problems[0].text


def test_a_signature_under_a_key_that_was_not_given_does_not_count() -> None:
    report = verify(WHOLE, Keys({AUDIT.key_id: AUDIT.key.public_key()}))
    assert {problem.text for problem in report.problems} == {"no key 'escalation-1' was given"}


def test_a_swapped_key_does_not_verify() -> None:
    swapped = Keys({"audit-1": ESCALATION.key.public_key(), "escalation-1": AUDIT.key.public_key()})
    assert {what for _, what in found(WHOLE, swapped)} == {What.SIGNATURE}


def test_a_record_of_another_tenant_shows() -> None:
    def moved(one: Kept) -> Kept:
        return replace(one, headers=tuple((n, b"other" if n == "ce_tenant" else text) for n, text in one.headers))

    assert (3, What.IDENTITY) in found(written(chained(edited(KEPT, 2, moved))))


@pytest.mark.parametrize(
    "line",
    [
        b"", b"\n", b"{}\n", b"null\n", b"[" * 100_000 + b"\n", b"\xff\n", WHOLE[0][:-1], b" " + WHOLE[0],
        WHOLE[0].replace(b'"seq": 1', b'"seq": 1, "seq": 1'), WHOLE[0].replace(b'"seq": 1', b'"seq": 1.0'),
        WHOLE[0].replace(LINES[0].hash.encode(), LINES[0].hash.upper().encode()),
        WHOLE[0].replace(b'"seq": 1', b'"seq": 99999999999999999999999'),
        WHOLE[0].replace(b'"seq": 1', b'"seq": -1'),
    ],
)  # fmt: skip
def test_a_line_that_is_not_written_as_an_export_is_shows(line: bytes) -> None:
    report = verify([line, *WHOLE[1:]], KEYS)
    assert not report.ok and str(report).startswith("BROKEN")


@given(lines=st.lists(st.binary(max_size=200)))
def test_whatever_the_bytes_verifying_does_not_fail(lines: list[bytes]) -> None:
    assert not verify(lines, KEYS).ok


def test_a_file_and_its_keys_are_read(tmp_path: Path) -> None:
    (tmp_path / "export.jsonl").write_bytes(b"".join(WHOLE))
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({one.key_id: _public(one) for one in (AUDIT, ESCALATION)}))
    assert verify_file(tmp_path / "export.jsonl", keys).ok


@pytest.mark.parametrize("text", ["[]", '{"audit-1": 5}', '{"audit-1": "AAAA"}', "{"])
def test_bad_keys_are_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError):
        Keys.from_json(text)


def test_an_inbound_record_is_named_as_we_name_the_outsiders_event() -> None:
    raw = next(one for one in records() if one.inbound)
    said = {name: text.decode() for name, text in raw.headers}
    named = [line.event_id for line in LINES if line.topic == raw.topic]
    assert named == [str(outside_id(TENANT, said["ce_source"], said["ce_id"]))]


def _public(signer: Signer) -> str:
    from base64 import b64encode

    return b64encode(signer.key.public_key().public_bytes_raw()).decode()


def _put(headers: tuple[Header, ...], at: int, header: Header) -> tuple[Header, ...]:
    return (*headers[:at], header, *headers[at + 1 :])


def _without(headers: tuple[Header, ...], name: str) -> tuple[Header, ...]:
    return tuple(header for header in headers if header[0] != name)
