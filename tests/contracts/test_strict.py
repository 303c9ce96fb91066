"""The quick reading refuses exactly what a plain one refuses, which goes character by character and value by value."""

import json
from collections.abc import Iterator

from hypothesis import example, given
from hypothesis import strategies as st

from contracts.strict import LIMIT_BYTES, LIMIT_DEPTH, Unreadable, check


def plainly(raw: bytes) -> bool:
    """Whether `raw` may be read."""
    try:
        text = raw.decode("utf-8")
        if not raw or len(raw) > LIMIT_BYTES or "\x00" in text or depth(text) > LIMIT_DEPTH:
            return False
        pairs = json.loads(text, object_pairs_hook=Pairs)
    except ValueError:
        return False
    return all(harmless(value) for value in values(pairs))


class Pairs(list[tuple[str, object]]):
    """An object as it was written, repeated keys and all."""


def depth(text: str) -> int:
    now, deepest, quoted, escaped = 0, 0, False, False
    for char in text:
        if quoted:
            quoted, escaped = escaped or char != '"', not escaped and char == "\\"
        elif char == '"':
            quoted = True
        else:
            now += (char in "[{") - (char in "]}")
            deepest = max(deepest, now)
    return deepest


def values(value: object) -> Iterator[object]:
    yield value
    if isinstance(value, Pairs):
        for key, one in value:
            yield key
            yield from values(one)
    elif isinstance(value, list):
        for one in value:
            yield from values(one)


def harmless(value: object) -> bool:
    match value:
        case Pairs():
            return len({key for key, _ in value}) == len(value)
        case str():
            return "\x00" not in value and not any("\ud800" <= char <= "\udfff" for char in value)
        case bool() | None | list():
            return True
        case int():
            return -(2**63) <= value < 2**63
        case float():
            return value - value == 0
        case _:
            raise AssertionError(value)


PIECES = st.sampled_from(
    [
        *'[]{}:,"\\ \n', '"a"', '"a":', "\\u", "0000", "d800", "\\u0000", "\\ud83d\\ude00", "\\ud800", '\\"', "\\\\",
        "NaN", "-Infinity", "1", "-0", "1e400", "1.5", "true", "null", "\x00", "é", "\ufeff", "9223372036854775807",
        "9223372036854775808", "-9223372036854775809", "[" * LIMIT_DEPTH, "]" * LIMIT_DEPTH, '{"a":' * 20, "}" * 20,
    ]
)  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet='a"\\[{\x00\ud800é')
DOCUMENTS = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=2), inner))


def accepted(raw: bytes) -> bool:
    try:
        check(raw)
    except Unreadable:
        return False
    return True


@given(st.lists(PIECES, max_size=30).map(lambda pieces: "".join(pieces).encode()))
@example(b'["' + b"[" * 40 + b'"]')
@example(b'["\\"' + b"[" * 40 + b'"]')
@example(b'{"a":' * LIMIT_DEPTH + b"1" + b"}" * LIMIT_DEPTH)
@example(b'{"a":' * (LIMIT_DEPTH + 1) + b"1" + b"}" * (LIMIT_DEPTH + 1))
@example(b'["\\\\", ' + b"[" * LIMIT_DEPTH + b"]" * LIMIT_DEPTH + b"]")
@example(b'[{"a":{"a":1},"a":2}]')
def test_pieces_of_json(raw: bytes) -> None:
    assert accepted(raw) == plainly(raw)


@given(DOCUMENTS, st.integers(0, 3), st.booleans())
def test_whole_documents(document: object, wrapped: int, ascii_only: bool) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only)
    raw = (b"[" * (wrapped * 11) + text.encode("utf-8", "surrogatepass")) + b"]" * (wrapped * 11)
    assert accepted(raw) == plainly(raw)


@given(st.binary(max_size=60))
def test_any_bytes(raw: bytes) -> None:
    assert accepted(raw) == plainly(raw)


@given(DOCUMENTS)
def test_what_is_read_is_what_any_parser_reads(document: object) -> None:
    raw = json.dumps(document).encode()
    if accepted(raw):
        assert check(raw) == json.loads(raw)
