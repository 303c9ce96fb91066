"""What travels, and what is refused at the edge."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from contracts.audit import body, body_with, framed_headers
from contracts.codec import Header, Undecodable, decode, encode, signed_bytes
from contracts.codec import read as codec_read
from contracts.escalation import ActionCleared
from contracts.event import Event, Fact, Meta, Signature, Tenant, campaign_of, outside_id
from contracts.executor import WorkBegun
from contracts.framing import f, parts
from contracts.inbound import ContactEvent, ContactEventReported, MetricReported
from contracts.strict import Unreadable, check
from tests.builders import CAMPAIGN, HASH, T0, TENANT, fact, meta
from tests.contracts.samples import sample

WORK = fact(WorkBegun(plan_version=1))


def never(key_id: str, signed: bytes, signature: bytes) -> bool:
    return False


def read(headers: Sequence[Header], value: bytes | None, topic: str = WorkBegun.topic) -> Fact[Event]:
    return decode(topic, headers, value, verify=never)


def changed(name: str, value: bytes | None) -> list[Header]:
    headers, _ = encode(WORK)
    rest = [(key, text) for key, text in headers if key != name]
    return rest if value is None else [*rest, (name, value)]


def test_what_is_written_is_read_back() -> None:
    headers, value = encode(WORK)
    assert read(headers, value) == WORK


def test_the_framing_tells_apart_what_joining_would_not() -> None:
    assert f("ab", "c") != f("a", "bc")
    assert f("a") == b"\x00\x00\x00\x01a"
    assert parts(f("ab", "", "c")) == [b"ab", b"", b"c"]


def test_a_kept_record_has_one_body_however_its_headers_are_given() -> None:
    headers = [("ce_id", b"1"), ("ce_id", b""), ("other", b"\x00\xff")]
    whole = f("topic", b"key", "ce_id", b"1", "ce_id", b"", "other", b"\x00\xff", b"value")
    assert body("topic", b"key", headers, b"value") == whole
    assert body_with("topic", b"key", framed_headers(headers), b"value") == whole


def test_a_caused_id_is_the_same_for_the_same_cause_type_and_place() -> None:
    cause = meta()
    first, again, second = (cause.leads_to(cause.effect_id(WorkBegun, n), at=T0, source="/s") for n in (0, 0, 1))
    assert first.event_id == again.event_id != second.event_id


def test_a_campaign_is_named_by_its_submission() -> None:
    assert campaign_of(TENANT, "/people/maya", "k1") == campaign_of(TENANT, "/people/maya", "k1")
    assert campaign_of(Tenant("other"), "/people/maya", "k1") != campaign_of(TENANT, "/people/maya", "k1")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("ce_specversion", b"0.3", "ce_specversion is not 1.0"),
        ("ce_type", b"who.knows", "unknown ce_type 'who.knows'"),
        ("ce_id", None, "ce_id is missing"),
        ("ce_id", b"not-a-uuid", "attribute: badly formed hexadecimal UUID string"),
        (
            "ce_time",
            b"2026-01-01T00:00:00",
            "attribute: 2026-01-01T00:00:00 has no offset: write 2026-01-31T09:00:00Z",
        ),
        ("ce_time", b"9999-01-01T00:00:00Z", "attribute: 9999-01-01T00:00:00+00:00 is not between 2000 and 2200"),
        ("ce_time", b"1999-12-31T23:59:59Z", "attribute: 1999-12-31T23:59:59+00:00 is not between 2000 and 2200"),
        ("ce_time", b"0001-01-01T00:00:00+14:00", "attribute: 0001-01-01T00:00:00+14:00 is not between 2000 and 2200"),
        ("ce_time", b"-4000-01-01T00:00:00Z", "attribute: Invalid isoformat string: '-4000-01-01T00:00:00Z'"),
        ("ce_tenant", None, "ce_tenant is missing"),
        ("ce_tenant", b"*\xe2\x80\xae", "header 'ce_tenant' is longer than 1024 or not printable"),
        (
            "ce_tenant",
            "ö".encode() * 500,
            f"ce_tenant {'ö' * 60!r} is not lower-case letters, digits, - and _, at most 63",
        ),
        ("ce_sequence", None, "ce_sequence is missing"),
        ("ce_sequence", b"-1", "ce_sequence '-1' is not a whole number of at most 18 digits"),
        ("ce_sequence", b"1_0", "ce_sequence '1_0' is not a whole number of at most 18 digits"),
        ("ce_sequence", b"9" * 19, f"ce_sequence {'9' * 19!r} is not a whole number of at most 18 digits"),
        ("ce_epoch", "٣".encode(), "ce_epoch '٣' is not a whole number of at most 18 digits"),
        ("ce_source", b"\xff", "header 'ce_source' is not UTF-8"),
        ("ce_source", b"a\x00b", "header 'ce_source' is longer than 1024 or not printable"),
        ("ce_source", b"a" * 1025, "header 'ce_source' is longer than 1024 or not printable"),
        ("ce_campaignid", b"", "attribute: badly formed hexadecimal UUID string"),
    ],
)
def test_a_bad_attribute_is_named(name: str, value: bytes | None, reason: str) -> None:
    with pytest.raises(Undecodable) as error:
        read(changed(name, value), b'{"plan_version": 1}')
    assert error.value.reason == reason


def test_a_header_name_that_is_not_utf8_is_refused() -> None:
    headers, value = encode(WORK)
    with pytest.raises(Undecodable, match="not printable UTF-8"):
        read([*headers, ("x-\udcff", b"1")], value)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-01-01T00:00:00"])
def test_no_time_inside_an_event_is_absurd_or_without_an_offset(at: str) -> None:
    body = {**json.loads(sample(MetricReported).model_dump_json()), "as_of": at}
    with pytest.raises(Undecodable, match=r"as_of: .*(not between 2000 and 2200|no offset)"):
        codec_read(MetricReported, json.dumps(body).encode())


def test_an_attribute_twice_is_refused() -> None:
    headers, value = encode(WORK)
    with pytest.raises(Undecodable, match="'ce_id' twice"):
        read([*headers, ("ce_id", b"x")], value)


@pytest.mark.parametrize(
    "foreign", [("tool", b"\xff"), ("tool", b"a\x00b"), ("tool", b"a" * 2000), ("content-type", b"application/json")]
)
def test_a_header_that_is_no_attribute_may_be_anything(foreign: Header) -> None:
    headers, value = encode(WORK)
    assert read([*headers, foreign], value) == WORK


@pytest.mark.parametrize("name", ["tool", "ce_tool"])
def test_a_header_without_a_value_is_refused(name: str) -> None:
    headers: list[Any] = [*encode(WORK)[0], (name, None)]
    with pytest.raises(Undecodable, match="has no value"):
        read(headers, b"{}")


def test_attributes_that_are_long_together_are_read() -> None:
    headers, value = encode(WORK)
    more = [(f"ce_more{n}", b"a" * 1000) for n in range(3)]
    assert read([*headers, *more], value) == WORK


def test_an_event_on_the_wrong_topic_is_refused() -> None:
    headers, value = encode(WORK)
    with pytest.raises(Undecodable, match=r"belongs on executor\.work\.v1"):
        read(headers, value, "escalation.rulings.v1")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": 1e400}', "out of range"),
        (b'{"a": 1, "a": 2}', "the key 'a' twice"),
        (b'{"a": "\\u0000"}', "a NUL or lone surrogate"),
        (b'{"a": "\\ud800"}', "a NUL or lone surrogate"),
        (b'{"a": "\x00"}', "a NUL byte"),
        (b"[" * 33 + b"]" * 33, "nested deeper than 32 levels"),
        (b"[" * 100_000, "nested deeper than 32 levels"),
        (b"9" * 5000, "does not fit 64 bits"),
        (b"9223372036854775808", "does not fit 64 bits"),
        (b" " * 300_000, "bytes, allowed are"),
        (b"{'a': 1}", "not JSON at line 1 column 2"),
    ],
)
def test_json_that_parsers_disagree_about_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as error:
        check(raw)
    assert reason in error.value.reason


def contact() -> ContactEventReported:
    return ContactEventReported(kind=ContactEvent.DEMO_BOOKED, recipient_hash=HASH)


def outside(source: str = "/crm", source_id: str = "order 7/ü") -> Meta:
    return Meta.outside(TENANT, CAMPAIGN, source=source, source_id=source_id, at=T0)


def structured(**changes: Any) -> bytes:
    body = {
        "specversion": "1.0", "id": "order 7/ü", "source": "/crm", "type": ContactEventReported.type, "tenant": TENANT,
        "campaignid": str(CAMPAIGN), "time": T0.isoformat(), "data": contact().model_dump(mode="json"),
    }  # fmt: skip
    return json.dumps(body | changes).encode()


def test_an_outsiders_fact_has_one_id_whichever_way_it_comes_in() -> None:
    headers, value = encode(Fact(outside(), contact()))
    binary = decode(ContactEventReported.topic, headers, value, verify=never)
    whole = decode(
        ContactEventReported.topic, [("content-type", b"application/cloudevents+json")], structured(), verify=never
    )
    assert binary == whole
    assert binary.meta.event_id == outside_id(TENANT, "/crm", "order 7/ü")
    assert binary.meta.source_id == "order 7/ü"


def test_a_structured_event_of_another_tenant_than_the_token_is_refused() -> None:
    headers = [("content-type", b"application/cloudevents+json")]
    with pytest.raises(Undecodable, match="is not the tenant of the credentials"):
        decode(ContactEventReported.topic, headers, structured(), verify=never, tenant=Tenant("other"))


def test_a_field_of_a_wrong_type_is_named() -> None:
    headers, _ = encode(WORK)
    with pytest.raises(Undecodable, match="plan_version: Input should be"):
        read(headers, b'{"plan_version": "one"}')


def test_what_is_signed_covers_every_attribute_and_the_value() -> None:
    headers, value = encode(
        replace(WORK, meta=replace(WORK.meta, traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01"))
    )
    whole = signed_bytes(headers, value)
    for n, (name, text) in enumerate(headers):
        tampered = [*headers[:n], (name, text + b"x"), *headers[n + 1 :]]
        assert (signed_bytes(tampered, value) != whole) == name.startswith("ce_")
    assert signed_bytes(headers, value + b" ") != whole
    assert signed_bytes(list(reversed(headers)), value) == whole


def test_a_signature_is_checked_only_where_the_class_is_signed() -> None:
    headers, value = encode(WORK)
    assert read(headers, value).meta.signature is Signature.MISSING


@pytest.mark.parametrize(
    ("key_id", "source", "holds"),
    [
        ("escalation", "/services/escalation", Signature.VALID),
        ("escalation-2026", "/services/escalation", Signature.VALID),
        ("audit-1", "/services/escalation", Signature.INVALID),
        ("audit-1", "/services/audit", Signature.INVALID),
        ("escalation-1", "/services/audit", Signature.INVALID),
        ("escalation-1", "/crm", Signature.INVALID),
        ("escalations", "/services/escalation", Signature.INVALID),
        ("", "/services/escalation", Signature.MISSING),
    ],
)
def test_a_signature_holds_under_a_key_of_the_topics_owner_that_says_it_is_the_source(
    key_id: str, source: str, holds: Signature
) -> None:
    """Whoever holds audit's key, or another service's, cannot approve."""
    headers, value = encode(fact(sample(ActionCleared), source=source))
    signed = [*headers, ("ce_keyid", key_id.encode()), ("ce_signature", b"00")]
    found = decode(ActionCleared.topic, signed, value, verify=lambda *_: True)
    assert found.meta.signature is holds


def test_a_record_whose_signature_does_not_hold_is_another_event_than_it_says() -> None:
    """Otherwise it would be met first, and the real one left out as a repetition."""
    real = fact(sample(ActionCleared))
    headers, value = encode(real)
    signed = [*headers, ("ce_keyid", b"escalation-1"), ("ce_signature", b"00")]
    forged = [signed, headers, [*signed[:-1], ("ce_signature", b"01")]]
    ids = [decode(ActionCleared.topic, one, value, verify=lambda *_: False).meta.event_id for one in forged]
    ids.append(decode(ActionCleared.topic, signed, value + b" ", verify=lambda *_: False).meta.event_id)
    assert len({*ids, real.meta.event_id}) == 5
    held = decode(ActionCleared.topic, signed, value, verify=lambda *_: True).meta
    assert held.event_id == real.meta.event_id
    again = decode(ActionCleared.topic, signed, value, verify=lambda *_: False).meta
    assert again.event_id in ids and again.source_id == str(real.meta.event_id)
