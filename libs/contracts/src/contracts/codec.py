"""Facts as CloudEvents 1.0 on Kafka: written in binary content mode, read in both.

Meta is in headers, the value is the event alone. Source: CloudEvents Kafka Protocol Binding 1.0.2, 3.2 and 3.3.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from typing import TypeAlias
from uuid import UUID

from pydantic import ValidationError

from contracts.catalogue import BY_TYPE
from contracts.event import CampaignId, Event, Fact, Meta, Signature, Tenant, outside_id
from contracts.framing import f, named
from contracts.signing import may_sign
from contracts.strict import Unreadable, check, moment

Header: TypeAlias = tuple[str, bytes]
Verify: TypeAlias = Callable[[str, bytes, bytes], bool]
"""(key id, signed bytes, signature) -> does the signature hold under a key that the settings name?"""

INBOUND = "inbound."
LIMIT_ATTRIBUTE = 1024
"""Characters of a CloudEvents attribute."""
_STRUCTURED = "application/cloudevents"
_NUMBER = re.compile(r"[0-9]{1,18}")
TENANT = re.compile(r"\*|[a-z0-9][a-z0-9_-]{0,62}")
"""`*` is everybody: our own word alone."""

_id = lru_cache(4096)(UUID)
"""Ids that many records share: one object each, which also makes comparing them cheap."""
_text = lru_cache(4096)(str)


class Undecodable(Unreadable):
    """The record can never become a fact."""


def encode(fact: Fact[Event]) -> tuple[list[Header], bytes]:
    """Headers and value of the Kafka record that carries `fact`; a signature, where due, is added by the publisher."""
    meta, event = fact.meta, fact.event
    campaign = _text(meta.campaign_id)
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", meta.source_id.encode()),
        ("ce_type", event.type.encode()),
        ("ce_source", meta.source.encode()),
        ("ce_subject", f"campaigns/{campaign}".encode()),
        ("ce_time", meta.occurred_at.isoformat().encode()),
        ("ce_tenant", meta.tenant.encode()),
        ("ce_campaignid", campaign.encode()),
        ("ce_correlationid", _text(meta.correlation_id).encode()),
    ]
    if meta.causation_id is not None:
        headers.append(("ce_causationid", str(meta.causation_id).encode()))
    if meta.sequence is not None:
        headers.append(("ce_sequence", b"%d" % meta.sequence))
        headers.append(("ce_epoch", b"%d" % (meta.epoch or 0)))
    if meta.traceparent is not None:
        traceparent = meta.traceparent.encode()
        headers.append(("ce_traceparent", traceparent))
        headers.append(("traceparent", traceparent))
    headers.append(("content-type", b"application/json"))
    return headers, event.model_dump_json().encode()


def signed_bytes(headers: Iterable[Header], value: bytes) -> bytes:
    """What a signature is over: name and value of each `ce_*` header but `ce_signature`, by name, then the value."""
    parts: list[bytes] = []
    for name, text in sorted(headers):
        if name.startswith("ce_") and name != "ce_signature":
            parts += [name.encode(), text]
    return f(*parts, value)


def unproven_id(event_id: UUID, headers: Sequence[Header], value: bytes) -> UUID:
    """The id of a record whose signature does not hold: it cannot take the place of the event that it says it is."""
    signature = dict(headers).get("ce_signature", b"")
    return named(str(event_id), "unproven", signature, sha256(signed_bytes(headers, value)).digest())


def decode(
    topic: str, headers: Sequence[Header], value: bytes | None, *, verify: Verify, tenant: Tenant | None = None
) -> Fact[Event]:
    """The fact in a record of `topic`. Raises Undecodable with a reason a person can act on.

    `tenant` is what the token or the Kafka principal says; an attribute that says otherwise is refused.
    """
    if value is None:
        raise Undecodable("no value: a record carries an event")
    attributes = _attributes(headers)
    if attributes.get("content-type", "").lower().startswith(_STRUCTURED):
        attributes, value = _structured(value)
    cls = BY_TYPE.get(attributes.get("ce_type", ""))
    if attributes.get("ce_specversion") != "1.0":
        raise Undecodable("ce_specversion is not 1.0")
    if cls is None:
        raise Undecodable(f"unknown ce_type {attributes.get('ce_type', '')[:120]!r}")
    if cls.topic != topic:
        raise Undecodable(f"{cls.type} belongs on {cls.topic}, not on {topic}")
    meta = _meta(attributes, cls, tenant)
    if cls.signed:
        meta = _verified(meta, topic, headers, value, attributes, verify)
    return Fact(meta, read(cls, value))


def read(cls: type[Event], value: bytes) -> Event:
    """`value` as an event of `cls`. Raises Undecodable that names the field."""
    try:
        check(value)
        event: Event = cls.__pydantic_validator__.validate_json(value)
        return event
    except Unreadable as error:
        raise Undecodable(error.reason) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise Undecodable(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _attributes(headers: Sequence[Header]) -> dict[str, str]:
    try:
        attributes = {name: raw.decode() for name, raw in headers}
    except (UnicodeDecodeError, AttributeError):  # not UTF-8, or no value
        return _attributes_one_by_one(headers)
    names, text = "".join(attributes), "".join(attributes.values())
    plain = names.isprintable() and text.isprintable()
    if plain and len(attributes) == len(headers) and len(text) <= LIMIT_ATTRIBUTE:
        return attributes
    return _attributes_one_by_one(headers)


def _attributes_one_by_one(headers: Sequence[Header]) -> dict[str, str]:
    """The attributes where not all headers are short, plain and different: says which is wrong, if one is."""
    out: dict[str, str] = {}
    for name, raw in headers:
        if not name.isprintable():
            raise Undecodable(f"the header name {name[:60]!r} is not printable UTF-8")
        if raw is None:
            raise Undecodable(f"header {name[:60]!r} has no value")
        if name in out and name.startswith("ce_"):
            raise Undecodable(f"header {name[:60]!r} twice")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            if not name.startswith("ce_"):
                continue
            raise Undecodable(f"header {name[:60]!r} is not UTF-8") from None
        if name.startswith("ce_") and (not text.isprintable() or len(text) > LIMIT_ATTRIBUTE):
            raise Undecodable(f"header {name[:60]!r} is longer than {LIMIT_ATTRIBUTE} or not printable")
        out[name] = text
    return out


def _structured(value: bytes) -> tuple[dict[str, str], bytes]:
    try:
        body = check(value)
    except Unreadable as error:
        raise Undecodable(error.reason) from None
    if not isinstance(body, dict):
        raise Undecodable("a structured CloudEvent is a JSON object")
    attributes: dict[str, str] = {}
    for name, item in body.items():
        if name in ("data", "data_base64"):
            continue
        if not isinstance(item, str | int) or not name.isalnum():
            raise Undecodable(f"attribute {name[:60]!r} is not a CloudEvents attribute")
        attributes[f"ce_{name}"] = str(item)
        if not attributes[f"ce_{name}"].isprintable() or len(attributes[f"ce_{name}"]) > LIMIT_ATTRIBUTE:
            raise Undecodable(f"attribute {name[:60]!r} is longer than {LIMIT_ATTRIBUTE} or not printable")
    if "data" not in body:
        raise Undecodable("data is missing: send it as JSON under `data`")
    return attributes, json.dumps(body["data"], ensure_ascii=False, separators=(",", ":")).encode()


def _meta(attributes: Mapping[str, str], cls: type[Event], tenant: Tenant | None) -> Meta:
    try:
        said = Tenant(attributes.get("ce_tenant") or tenant or "")
        if not said:
            raise Undecodable("ce_tenant is missing")
        if tenant is not None and said != tenant:
            raise Undecodable(f"ce_tenant {said[:60]!r} is not the tenant of the credentials")
        if not TENANT.fullmatch(said):
            raise Undecodable(f"ce_tenant {said[:60]!r} is not lower-case letters, digits, - and _, at most 63")
        source, source_id = attributes["ce_source"], attributes["ce_id"]
        inbound = cls.topic.startswith(INBOUND)
        event_id = outside_id(said, source, source_id) if inbound else UUID(source_id)
        cause, sequence = attributes.get("ce_causationid"), attributes.get("ce_sequence")
        if inbound:
            sequence = None
        elif sequence is None:
            raise Undecodable("ce_sequence is missing")
        correlation = attributes.get("ce_correlationid")
        return Meta(
            event_id=event_id,
            tenant=said,
            campaign_id=CampaignId(_id(attributes["ce_campaignid"])),
            correlation_id=_id(correlation) if correlation else event_id,
            causation_id=UUID(cause) if cause else None,
            occurred_at=moment(attributes["ce_time"]),
            source=source,
            source_id=source_id,
            sequence=_number("ce_sequence", sequence) if sequence is not None else None,
            epoch=_number("ce_epoch", attributes.get("ce_epoch", "0")) if sequence is not None else None,
            traceparent=attributes.get("ce_traceparent"),
        )
    except KeyError as error:
        raise Undecodable(f"{error.args[0]} is missing") from None
    except ValueError as error:
        raise Undecodable(f"attribute: {error}") from None


def _number(name: str, text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise Undecodable(f"{name} {text[:24]!r} is not a whole number of at most 18 digits")
    return int(text)


def _verified(
    meta: Meta, topic: str, headers: Sequence[Header], value: bytes, attributes: Mapping[str, str], verify: Verify
) -> Meta:
    """A signature holds under a key of the service that owns the topic, and that says that it is the source."""
    signature, key_id = attributes.get("ce_signature"), attributes.get("ce_keyid")
    found = Signature.MISSING
    if signature and key_id:
        try:
            raw = bytes.fromhex(signature)
            holds = (
                raw.hex() == signature  # written in one way only
                and may_sign(key_id, topic, meta.source)
                and verify(key_id, signed_bytes(headers, value), raw)
            )
        except ValueError:
            holds = False
        found = Signature.VALID if holds else Signature.INVALID
    if found is not Signature.VALID:
        meta = replace(meta, event_id=unproven_id(meta.event_id, headers, value))
    return replace(meta, signature=found, key_id=key_id or None)
