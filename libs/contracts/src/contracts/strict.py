"""The one strict reading of JSON from outside: what databases, hashes and parsers disagree about is refused here."""

import json
from collections.abc import Callable
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


def check(raw: bytes, limit_bytes: int = LIMIT_BYTES) -> None:
    """Raise Unreadable unless `raw` is one JSON value that every parser reads alike.

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
    _check_depth(text)
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_int64, parse_float=_finite
        )
    except json.JSONDecodeError as error:
        raise Unreadable(f"not JSON at line {error.lineno} column {error.colno}: {error.msg}") from None
    _check_text(value)


def moment(text: str) -> datetime:
    """An RFC 3339 time with an offset, between 2000 and 2200. Raises ValueError."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no offset: write 2026-01-31T09:00:00Z")
    if not EARLIEST <= at <= LATEST:
        raise ValueError(f"{text!r} is not between 2000 and 2200")
    return at


def _check_depth(text: str) -> None:
    depth, quoted, escaped = 0, False, False
    for char in text:
        if quoted:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                quoted = False
        elif char == '"':
            quoted = True
        elif char in "[{":
            depth += 1
            if depth > LIMIT_DEPTH:
                raise Unreadable(f"nested deeper than {LIMIT_DEPTH} levels")
        elif char in "]}":
            depth -= 1


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
    bad: Callable[[str], bool] = lambda text: "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text)  # noqa: E731
    while todo:
        match todo.pop():
            case str() as text if bad(text):
                raise Unreadable("a NUL or lone surrogate inside a string")
            case dict() as mapping:
                todo.extend(mapping.keys())
                todo.extend(mapping.values())
            case list() as items:
                todo.extend(items)
            case _:
                pass
