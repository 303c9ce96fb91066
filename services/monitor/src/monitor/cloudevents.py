"""CloudEvents over HTTP, in all three modes; an address becomes a hash before anything is kept.

Source: CloudEvents HTTP Protocol Binding 1.0.2, sections 3.1 to 3.3.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from chassis.problems import Problem
from chassis.recipients import domain_of, hash_address
from contracts.catalogue import BY_TYPE
from contracts.codec import Header, Undecodable, decode
from contracts.event import Event, Fact, Tenant
from contracts.inbound import ContactEventReported, MetricReported, RecipientEventReported
from contracts.strict import Unreadable, check

LIMIT_BYTES = 1024 * 1024
LIMIT_EVENTS = 500
ADDRESS = re.compile(r"[^@\s]{1,64}@[^@\s]{1,253}")
TAKEN = frozenset({ContactEventReported.type, MetricReported.type, RecipientEventReported.type})


def facts(headers: Mapping[str, str], body: bytes, tenant: Tenant, tenant_key: bytes) -> list[Fact[Event]]:
    """What a request reports. Raises Problem 400 that names index and field; then nothing of the request is kept."""
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    value = _json(body)
    if kind == "application/cloudevents-batch+json":
        if not isinstance(value, list) or not 1 <= len(value) <= LIMIT_EVENTS:
            raise Problem(400, "not a batch", field="body", fix=f"send a JSON array of 1 to {LIMIT_EVENTS} CloudEvents")
        return _batch(value, tenant, tenant_key)
    if kind == "application/cloudevents+json":
        return [_structured(value, tenant, tenant_key, "")]
    attributes = {name[3:]: text for name, text in headers.items() if name.startswith("ce-")}
    if "type" not in attributes:
        raise Problem(
            400, "no CloudEvent", field="content-type", fix="send ce-* headers, or application/cloudevents+json"
        )
    return [_structured({**attributes, "data": value}, tenant, tenant_key, "")]


def _batch(events: list[Any], tenant: Tenant, tenant_key: bytes) -> list[Fact[Event]]:
    out: list[Fact[Event]] = []
    errors: list[dict[str, str]] = []
    for number, one in enumerate(events):
        try:
            out.append(_structured(one, tenant, tenant_key, f"{number}."))
        except Problem as problem:
            errors.append({"field": problem.field, "problem": problem.title, "fix": problem.fix})
    if errors:
        first = errors[0]
        raise Problem(400, first["problem"], field=first["field"], fix=first["fix"], errors=errors)
    return out


def _json(body: bytes) -> Any:
    try:
        check(body, LIMIT_BYTES)
    except Unreadable as error:
        raise Problem(400, error.reason, field="body", fix="send strict JSON") from None
    return json.loads(body)


def _structured(event: Any, tenant: Tenant, tenant_key: bytes, where: str) -> Fact[Event]:
    if not isinstance(event, dict):
        raise Problem(400, "not a CloudEvent", field=f"{where}body", fix="send a JSON object with the attributes")
    kind = event.get("type")
    if not isinstance(kind, str) or kind not in TAKEN:
        fix = f"one of: {', '.join(sorted(TAKEN))}"
        raise Problem(400, f"type {str(kind)[:80]!r} is not taken here", field=f"{where}type", fix=fix)
    data = event.get("data")
    if isinstance(data, dict) and isinstance(data.get("recipient"), str):
        address = data["recipient"]
        if not ADDRESS.fullmatch(address.strip()):
            fix = "one address, as name@domain, or recipient_hash"
            raise Problem(400, "recipient is no address", field=f"{where}data.recipient", fix=fix)
        data = {name: value for name, value in data.items() if name != "recipient"}
        data["recipient_hash"] = hash_address(tenant_key, address)
        if kind == RecipientEventReported.type:
            data["recipient_domain"] = domain_of(address)
        event = {**event, "data": data}
    headers: list[Header] = [("content-type", b"application/cloudevents+json")]
    raw = json.dumps(event, ensure_ascii=False).encode()
    try:
        return decode(BY_TYPE[kind].topic, headers, raw, verify=lambda *_: False, tenant=tenant)
    except Undecodable as error:
        field, named, told = error.reason.partition(": ")
        if not named:  # a sentence that begins with the attribute
            field, told = error.reason.split(" ")[0].removeprefix("ce_"), error.reason
        raise Problem(400, told, field=f"{where}{field or 'data'}"[:200], fix=told) from None
