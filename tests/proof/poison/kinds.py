"""Records that no service may stumble over: each kind spoils a good record in one way."""

import gzip
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from contracts.catalogue import BY_TYPE
from contracts.codec import encode
from contracts.event import Event, Fact

Headers = tuple[tuple[str, bytes | None], ...]
ODD = "x-odd"
"""A header name that is sent with bytes that are not UTF-8."""
BOMB_BYTES = 48 * 1024 * 1024
"""More than a reader unpacks; a broker takes it, for it is small when packed."""
REQUIRED = ("ce_specversion", "ce_type", "ce_source", "ce_id", "ce_time", "ce_tenant", "ce_campaignid")


@dataclass(frozen=True)
class Spoilt:
    """A record as it is to be sent."""

    topic: str
    key: bytes | None
    headers: Headers
    value: bytes | None
    codec: int = 0
    """How its batch is packed, 0 is not."""

    def having(self, name: str, text: bytes | None) -> "Spoilt":
        """With another value for a header."""
        return replace(self, headers=tuple((key, text if key == name else old) for key, old in self.headers))

    def lacking(self, name: str) -> "Spoilt":
        return replace(self, headers=tuple((key, text) for key, text in self.headers if key != name))

    def adding(self, name: str, text: bytes | None) -> "Spoilt":
        return replace(self, headers=(*self.headers, (name, text)))

    @property
    def inbound(self) -> bool:
        return self.topic.startswith("inbound.")

    @property
    def type(self) -> bytes:
        return dict(self.headers)["ce_type"] or b""

    @property
    def body(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.value or b"{}")
        return found


def good(fact: Fact[Event]) -> Spoilt:
    """Not spoilt yet."""
    headers, value = encode(fact)
    return Spoilt(fact.event.topic, fact.event.key(fact.meta), tuple(headers), value)


Kind = Callable[[Spoilt, random.Random], Spoilt]


def _value(make: Callable[[Spoilt, random.Random], bytes | None]) -> Kind:
    return lambda record, chance: replace(record, value=make(record, chance))


def _and(record: Spoilt, member: str) -> bytes:
    """One more member in the object."""
    return (record.value or b"")[:-1] + b"," + member.encode() + b"}"


def _extra(member: str) -> Kind:
    return _value(lambda record, chance: _and(record, member))


def _header(name: str, *texts: bytes) -> Kind:
    return lambda record, chance: record.having(name, chance.choice(texts))


def _confused(record: Spoilt, chance: random.Random) -> bytes:
    body = record.body
    body[chance.choice(sorted(body))] = chance.choice([{"not": "this"}, ["nor this"]])
    return json.dumps(body).encode()


def _missing(record: Spoilt, chance: random.Random) -> bytes:
    body = record.body
    fields = BY_TYPE[record.type.decode()].model_fields
    del body[chance.choice(sorted(name for name, field in fields.items() if field.is_required()))]
    return json.dumps(body).encode()


def _structured(record: Spoilt, chance: random.Random) -> Spoilt:
    data = record.body
    whole: dict[str, object] = {name.removeprefix("ce_"): text.decode() for name, text in record.headers if text}
    whole.pop("content-type")
    broken = chance.choice(
        [
            b"[]", b'"text"', b"{", json.dumps(whole).encode(),
            json.dumps(whole | {"data": data, "type": ["a"]}).encode(),
            json.dumps(whole | {"data": data, "data_base64": "e30=", "id": {"a": 1}}).encode(),
            json.dumps(whole | {"data": [data]}).encode(),
            json.dumps(whole | {"data": data, "source": "a\\u202eb"}).encode().replace(b"\\\\u", b"\\u"),
        ]
    )  # fmt: skip
    return replace(record, headers=(("content-type", b"application/cloudevents+json"),), value=broken)


def _sequence(record: Spoilt, chance: random.Random) -> Spoilt:
    """An outsider's record carries none that is read: there the campaign is what is no number."""
    name = "ce_campaignid" if record.inbound else "ce_sequence"
    bad = (b"-1", b"", b"1e3", b"0x10", b"9" * 400, "٣".encode(), b"1_000", b" 7", b"null", b"NaN")
    return record.having(name, chance.choice(bad))


KINDS: Mapping[str, Kind] = {
    "truncated": _value(lambda record, chance: (record.value or b"")[: chance.randrange(1, len(record.value or b""))]),
    "not_utf8": _value(lambda record, chance: (record.value or b"").replace(b'"', b'"\xff', 3)),
    "utf16": _value(lambda record, chance: (record.value or b"").decode().encode("utf-16")),
    "byte_order_mark": _value(lambda record, chance: b"\xef\xbb\xbf" + (record.value or b"")),
    "empty": _value(lambda record, chance: b""),
    "tombstone": _value(lambda record, chance: None),
    "nan": _extra('"x":NaN'),
    "infinity": _extra('"x":-Infinity'),
    "duplicate_key": _value(lambda record, chance: _and(record, f'"{min(record.body)}":1')),
    "lone_surrogate": _extra('"x":"\\ud800"'),
    "nul_escaped": _extra('"x":"a\\u0000b"'),
    "nul": _extra('"x":"a\x00b"'),
    "brackets": _value(lambda record, chance: b"[" * 100_000),
    "digits": _extra('"x":' + "7" * 5000),
    "huge_float": _extra('"x":1e400'),
    "int_overflow": _extra('"x":9223372036854775808'),
    "mebibyte": _extra('"x":"' + "m" * 1_000_000 + '"'),
    "gzip_bytes": _value(lambda record, chance: gzip.compress(bytes(10_000_000), mtime=0)),
    "type_confusion": _value(_confused),
    "missing_field": _value(_missing),
    "specversion": _header("ce_specversion", b"0.3", b"1.0.0", b"", b"2.0"),
    "unknown_type": _header("ce_type", b"io.handrail.who.knew.v1", b"", b"str", b"__class__"),
    "unknown_major": lambda record, chance: record.having("ce_type", record.type[:-1] + b"9"),
    "wrong_topic": _header("ce_type", b"io.handrail.hold.released.v1", b"io.handrail.plan.issued.v1"),
    "missing_attribute": lambda record, chance: record.lacking(chance.choice(REQUIRED)),
    "header_twice": lambda record, chance: record.adding("ce_tenant", b"other"),
    "header_null": lambda record, chance: record.having(chance.choice(REQUIRED), None),
    "header_not_utf8": lambda record, chance: record.having(chance.choice(REQUIRED), b"\xff\xfe"),
    "header_name_not_utf8": lambda record, chance: record.adding(ODD, b"1"),
    "huge_header": lambda record, chance: record.having("ce_source", b"s" * 300_000),
    "bidi": _header("ce_source", "/crm\u202eevil".encode(), b"/crm\x1b[2J", "/\u2066crm".encode(), b"/crm\x00"),
    "sequence": _sequence,
    "tenant": _header("ce_tenant", b"", b"Demo Inc", b"demo\x00", "dém0".encode(), b"d" * 900, b"../demo", b"demo'--"),
    "campaign": _header("ce_campaignid", b"", b"1", b"../../etc/passwd", b"0" * 1000),
    "absurd_time": _header(
        "ce_time", b"10000-01-01T00:00:00Z", b"-4000-01-01T00:00:00Z", b"1999-12-31T23:59:59Z", b"2200-01-01T00:00:01Z",
        b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00", b"2026-02-30T00:00:00Z", b"2026-01-01T00:00:00",
        b"1767225600", b"now", b"2026-06-30T23:59:60Z",
    ),
    "structured": _structured,
    "bomb": lambda record, chance: replace(record, headers=(), value=bytes(BOMB_BYTES), codec=chance.choice((1, 4))),
}  # fmt: skip
ALONE = frozenset({"header_name_not_utf8", "bomb"})
"""Kinds that no client library sends: their batches are made by hand."""
