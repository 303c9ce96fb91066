"""The lines of an audit export: one record each, read so strictly that no byte of a line can change unseen."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.catalogue import BY_TYPE
from contracts.codec import INBOUND, Header
from contracts.event import Event, Tenant, outside_id
from contracts.strict import Unreadable, check


class Line(BaseModel):
    """One line of an export: bytes in base64, hashes in hex, in this order."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    seq: int
    event_id: str
    topic: str
    key: str
    headers: list[tuple[str, str]]
    value: str
    leaf: str
    prev: str
    hash: str

    def written(self) -> bytes:
        """The line as the export writes it: there is one way only, so that no byte can change unseen."""
        return json.dumps(self.model_dump()).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line's record, as bytes."""

    seq: int
    event_id: UUID
    topic: str
    key: bytes
    headers: Sequence[Header]
    value: bytes
    leaf: bytes
    prev: bytes
    hash: bytes


def parsed(line: bytes) -> Entry:
    """The record in a line. Raises ValueError that says what is wrong with it."""
    try:
        said = Line.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc'])) or 'JSON'}: {first['msg']}") from None
    if said.written() != line:
        raise ValueError("not written as an export is: cut off, or changed")
    return Entry(
        seq=said.seq,
        event_id=_id(said.event_id),
        topic=said.topic,
        key=_bytes(said.key),
        headers=[(name, _bytes(text)) for name, text in said.headers],
        value=_bytes(said.value),
        leaf=_hash(said.leaf),
        prev=_hash(said.prev),
        hash=_hash(said.hash),
    )


def _id(text: str) -> UUID:
    found = UUID(text)
    if str(found) != text:
        raise ValueError(f"event_id {text[:60]!r} is not written as a UUID is")
    return found


def _bytes(text: str) -> bytes:
    found = b64decode(text, validate=True)
    if b64encode(found).decode() != text:
        raise ValueError("base64 with bits that mean nothing")
    return found


def _hash(text: str) -> bytes:
    found = bytes.fromhex(text)
    if len(found) != 32 or found.hex() != text:
        raise ValueError("a hash is 64 lower-case hex digits")
    return found


def identity(entry: Entry) -> tuple[UUID, Tenant, type[Event]]:
    """Event id, tenant and class, from the record's own bytes. Raises ValueError."""
    said = dict(_attributes(entry))
    kind = BY_TYPE.get(said.get("ce_type", ""))
    if kind is None:
        raise ValueError(f"unknown type {said.get('ce_type', '')[:120]!r}: changed, or written by a newer release")
    source, source_id, tenant = said.get("ce_source", ""), said.get("ce_id", ""), Tenant(said.get("ce_tenant", ""))
    if not tenant or not source_id:
        raise ValueError("names no tenant or no id")
    inbound = kind.topic.startswith(INBOUND)
    return (outside_id(tenant, source, source_id) if inbound else UUID(source_id)), tenant, kind


def _attributes(entry: Entry) -> Iterator[tuple[str, str]]:
    """The CloudEvents attributes, of binary and of structured mode."""
    headers = {name: text.decode(errors="replace") for name, text in entry.headers}
    if headers.get("content-type", "").lower().startswith("application/cloudevents"):
        try:
            check(entry.value)
        except Unreadable as error:
            raise ValueError(error.reason) from None
        structured = json.loads(entry.value)
        if not isinstance(structured, dict):
            raise ValueError("a structured CloudEvent is a JSON object")
        yield from ((f"ce_{name}", str(text)) for name, text in structured.items() if name != "data")
    else:
        yield from headers.items()
