"""The one strict reading of JSON from outside: what databases, hashes and parsers disagree about is refused here."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

LIMIT_BYTES = 256 * 1024
LIMIT_DEPTH = 32
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Unreadable(Exception):
    """The bytes can never become a value, however often they are read; `reason` says what to mend."""

    reason: str

    def __str__(self) -> str:
        return self.reason


def check(raw: bytes, limit_bytes: int = LIMIT_BYTES) -> object:
    """The JSON value of `raw`. Raises Unreadable unless every parser reads it alike.

    UTF-8 without BOM, at most `limit_bytes` and 32 levels, no duplicate key, NaN, NUL or lone surrogate, and integers
    within 64 bits.
    """
    if not raw:
        raise Unreadable("empty: send one JSON value")
    if len(raw) > limit_bytes:
        raise Unreadable(f"{len(raw)} bytes, allowed are {limit_bytes}")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 at byte {error.start}") from None
    if "\x00" in text:
        raise Unreadable(f"a NUL byte at character {text.index(chr(0))}")
    if raw.count(b"[") + raw.count(b"{") > LIMIT_DEPTH:  # else it cannot be too deep
        _check_depth(raw)
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise Unreadable(f"not JSON at line {error.lineno} column {error.colno}: {error.msg}") from None
    if b"\\u" in raw:  # else a string holds what the bytes hold
        _check_text(value)
    return value


def moment(text: str) -> datetime:
    """An RFC 3339 time with an offset, between 2000 and 2200. Raises ValueError."""
    return plausible(datetime.fromisoformat(text))


def plausible(at: datetime) -> datetime:
    """`at`, which every database can hold. Raises ValueError when it has no offset, or is not between 2000 and 2200."""
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no offset: write 2026-01-31T09:00:00Z")
    if not EARLIEST <= at <= LATEST:
        raise ValueError(f"{at.isoformat()} is not between 2000 and 2200")
    return at


def _check_depth(raw: bytes) -> None:
    outside = b"".join(_ESCAPED.sub(b"", raw).split(b'"')[::2])  # what is between the strings
    depth = 0
    for bracket in outside.translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > LIMIT_DEPTH:
            raise Unreadable(f"nested deeper than {LIMIT_DEPTH} levels")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    out = dict(pairs)
    if len(out) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise Unreadable(f"the key {key!r} twice in one object")
            seen.add(key)
    return out


def _no_constant(name: str) -> NoReturn:
    raise Unreadable(f"{name} is not a JSON number")


def _int64(digits: str) -> int:
    if len(digits) > 20 or not -(2**63) <= int(digits) < 2**63:
        raise Unreadable(f"the integer {digits[:24]} does not fit 64 bits")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise Unreadable(f"the number {digits[:24]} is out of range")
    return value


def _check_text(root: object) -> None:
    todo: list[object] = [root]
    while todo:
        match todo.pop():
            case str() as text if _DAMAGED.search(text):
                raise Unreadable("a NUL or lone surrogate inside a string")
            case dict() as mapping:
                todo.extend(mapping.keys())
                todo.extend(mapping.values())
            case list() as items:
                todo.extend(items)
            case _:
                pass


_DAMAGED = re.compile("[\x00\ud800-\udfff]")
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_int64, parse_float=_finite
)
