"""What audit publishes, and the leaf that everybody can recompute."""

from collections.abc import Iterable
from hashlib import sha256
from typing import ClassVar, TypeAlias

from contracts.event import Count, Event, Sha256, Signature
from contracts.framing import f, length, name_framed

FIRST_PREVIOUS = bytes(32)
"""What the first record of a tenant follows."""


class CheckpointSigned(Event):
    """The tenant's chain has this head after `size` records; signed, so that a rewritten past shows."""

    topic: ClassVar[str] = "audit.checkpoints.v1"
    type: ClassVar[str] = "io.handrail.checkpoint.signed.v1"
    signed: ClassVar[bool] = True
    size: Count
    head: Sha256


class ForgeryRecorded(Event):
    """Record `seq` of the tenant's chain came with a signature that did not hold: it is kept as evidence."""

    topic: ClassVar[str] = "audit.checkpoints.v1"
    type: ClassVar[str] = "io.handrail.forgery.recorded.v1"
    signed: ClassVar[bool] = True
    seq: Count
    leaf: Sha256
    found: Signature


CheckpointEvent: TypeAlias = CheckpointSigned | ForgeryRecorded


def body(topic: str, key: bytes, headers: Iterable[tuple[str, bytes]], value: bytes) -> bytes:
    """The bytes of a record that the audit keeps: topic, key, headers in order, value, framed; no offset, no time."""
    return body_with(topic, key, framed_headers(headers), value)


def body_with(topic: str, key: bytes, framed: bytes, value: bytes) -> bytes:
    """`body`, with the headers framed already."""
    return f(topic, key) + framed + f(value)


def framed_headers(headers: Iterable[tuple[str, bytes]]) -> bytes:
    """Name, value, name, value ..., framed."""
    out: list[bytes] = []
    for name, text in headers:
        out += (name_framed(name), length(len(text)), text)
    return b"".join(out)


def leaf_hash(record_body: bytes) -> bytes:
    """SHA-256(0x00 || body): the Merkle leaf of RFC 6962, section 2.1."""
    return sha256(b"\x00" + record_body).digest()


def chain_hash(sequence_no: int, previous: bytes, record_body: bytes) -> bytes:
    """SHA-256(0x00 || seq int8 || prev || body): each record holds all before it."""
    return sha256(b"\x00" + sequence_no.to_bytes(8, "big", signed=True) + previous + record_body).digest()
