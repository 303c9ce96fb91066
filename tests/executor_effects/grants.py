"""Grants that escalation never gave: a genuine record, and what a forger would change in it. One entry is one kind."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.signatures import Signer
from contracts.actions import ActionProposed
from contracts.codec import Header, encode, signed_bytes
from contracts.decision import Approver, ApproverKind
from contracts.escalation import ActionCleared
from contracts.event import CampaignId
from contracts.plan import ActionClass
from tests.builders import HASH, fact
from tests.conftest import KEY, SIGNER
from tests.executor.builders import grant

CASE = UUID(int=5)
FAR = datetime(2099, 1, 1, tzinfo=UTC)
ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the Ed25519 group: a signature's second half plus this says the same to who checks carelessly."""


@dataclass(frozen=True)
class Record:
    """A record on a topic."""

    topic: str
    headers: tuple[Header, ...]
    value: bytes

    def having(self, name: str, text: bytes | None) -> "Record":
        """With another text in one header; None takes it away."""
        kept = [(key, old if key != name else text) for key, old in self.headers]
        return Record(self.topic, tuple((key, one) for key, one in kept if one is not None), self.value)

    def with_value(self, value: bytes) -> "Record":
        return Record(self.topic, self.headers, value)

    def get(self, name: str) -> bytes:
        return dict(self.headers)[name]


Forge = Callable[[ActionProposed, CampaignId], Record]


@dataclass(frozen=True)
class Forgery:
    name: str
    make: Forge


def genuine(proposal: ActionProposed, campaign: CampaignId, signer: Signer = SIGNER, **changes: Any) -> Record:
    """The grant that escalation gives for `proposal`; with `changes`, one that it gives for something else."""
    source = changes.pop("source", "/services/escalation")
    said = grant(proposal, **({"expires_at": FAR, "case_id": CASE} | changes))
    headers, value = encode(fact(said, campaign, source=source))
    return Record(ActionCleared.topic, tuple(signer.sign(headers, value)), value)


def attributes() -> Iterator[Forgery]:
    """Each attribute of the envelope: taken away, emptied, said twice, or saying something else."""
    other: Mapping[str, bytes] = {
        "ce_specversion": b"0.3", "ce_id": str(uuid4()).encode(), "ce_type": b"io.handrail.action.denied.v1",
        "ce_source": b"/services/executor", "ce_subject": b"campaigns/another", "ce_time": b"2026-01-05T09:00:01+00:00",
        "ce_tenant": b"another", "ce_correlationid": str(uuid4()).encode(), "ce_sequence": b"2", "ce_epoch": b"1",
        "ce_keyid": b"audit-1", "ce_signature": b"00" * 64,
    }  # fmt: skip
    for name, text in other.items():
        yield _of(f"{name} taken away", lambda record, n=name: record.having(n, None))
        yield _of(f"{name} emptied", lambda record, n=name: record.having(n, b""))
        yield _of(f"{name} says {text.decode()[:24]}", lambda record, n=name, t=text: record.having(n, t))
        yield _of(f"{name} twice, the same", lambda record, n=name: _more(record, n, record.get(n)))
        yield _of(f"{name} twice, first another", lambda record, n=name, t=text: _first(record, n, t))
        yield _of(f"{name} twice, then another", lambda record, n=name, t=text: _more(record, n, t))
        yield _of(f"{name} in capitals", lambda record, n=name: _renamed(record, n, n.upper()))
        yield _of(f"{name} with a space", lambda record, n=name: record.having(n, record.get(n) + b" "))
    for name in ("ce_approved", "ce_approver", "ce_role", "ce_signature2", "ce_"):
        yield _of(f"{name} added", lambda record, n=name: _more(record, n, b"ana"))
    for text in (b"application/cloudevents+json", b"application/cloudevents-batch+json", b"application/cloudevents"):
        yield _of(f"content-type {text.decode()}", lambda record, t=text: record.having("content-type", t))
    yield Forgery(
        "ce_campaignid of another campaign",
        lambda proposal, campaign: genuine(proposal, CampaignId(uuid4())).having(
            "ce_campaignid", str(campaign).encode()
        ),
    )


def signatures() -> Iterator[Forgery]:
    """Bytes that are no signature of this record by escalation's key."""
    for place in (0, 1, 15, 31, 32, 33, 47, 62, 63):
        yield _of(f"signature: byte {place}", lambda record, p=place: _signed(record, _flipped(_signature(record), p)))
    for name, change in {
        "cut": lambda raw: raw[:-1], "longer": lambda raw: raw + b"\0", "twice": lambda raw: raw * 2,
        "zeros": lambda raw: bytes(64), "ones": lambda raw: b"\xff" * 64,
        "halves swapped": lambda raw: raw[32:] + raw[:32],
        "reversed": lambda raw: raw[::-1], "first half alone": lambda raw: raw[:32], "a point of low order": _low_order,
        "plus the order of the group": _malleable,
    }.items():  # fmt: skip
        yield _of(f"signature: {name}", lambda record, c=change: _signed(record, c(_signature(record))))
    for name, text in {
        "words": b"approved by ana",
        "base64": b"AAAA",
        "0x": b"0x" + b"00" * 64,
        "odd": b"0" * 127,
    }.items():
        yield _of(f"signature: {name}", lambda record, t=text: record.having("ce_signature", t))
    for name, signed in {
        "over the value alone": lambda record: record.value,
        "over the attributes alone": lambda record: signed_bytes(_unsigned(record), b""),
        "over nothing": lambda record: b"",
        "over the hash of the content": lambda record: HASH.encode(),
        "over the value before the attributes": lambda record: record.value + signed_bytes(_unsigned(record), b""),
    }.items():
        yield _of(f"signature: {name}", lambda record, s=signed: _signed(record, KEY.sign(s(record))))
    yield Forgery(
        "signature: of the grant of another decision",
        lambda proposal, campaign: genuine(proposal, campaign).having(
            "ce_signature",
            genuine(proposal.model_copy(update={"decision_id": uuid4()}), campaign).get("ce_signature"),
        ),
    )
    stranger = Ed25519PrivateKey.generate()
    for name, signer in {
        "a stranger": Signer("stranger-1", stranger),
        "a stranger who says escalation-1": Signer("escalation-1", stranger),
        "an old key": Signer("escalation-0", stranger), "a key to come": Signer("escalation-2", KEY),
        "audit's key": Signer("audit-1", KEY), "the executor's": Signer("executor-1", KEY),
        "the service without a number": Signer("escalation", KEY),
        "escalation in capitals": Signer("ESCALATION-1", KEY),
        "a longer name": Signer("escalation-1-1", KEY), "a path": Signer("../escalation-1", KEY),
        "two names": Signer("escalation-1,audit-1", KEY), "no name": Signer("", KEY),
    }.items():  # fmt: skip
        yield Forgery(f"signed by {name}", partial(genuine, signer=signer))
    sources = ("/services/executor", "/services/audit", "/services/escalation/", "escalation", "//services/escalation")
    for source in sources:
        yield Forgery(f"signed as {source}", partial(genuine, source=source))


def values() -> Iterator[Forgery]:
    """What was signed is not what is there."""
    changed: Mapping[str, Any] = {
        "grant_id": str(uuid4()), "plan_version": 2, "plan_hash": HASH[::-1], "policy_hash": HASH[::-1],
        "content_hash": HASH[::-1], "case_id": str(uuid4()), "granted_at": "2026-01-05T09:00:01Z",
        "expires_at": "2100-01-01T00:00:00Z", "approvers": [], "stages": [],
    }  # fmt: skip
    for name, said in changed.items():
        yield _of(f"value: {name}", lambda record, n=name, s=said: record.with_value(_said(record, **{n: s})))
        yield _of(f"value: {name} taken away", lambda record, n=name: record.with_value(_without(record, n)))
        yield _of(f"value: {name} null", lambda record, n=name: record.with_value(_said(record, **{n: None})))
    for part in ("tool", "verb", "action_class", "target", "params_hash", "content_hash", "answers"):
        yield _of(
            f"value: the action's {part}",
            lambda record, p=part: record.with_value(
                _said(record, action=json.loads(record.value)["action"] | {p: "spend"})
            ),
        )
    for part in ("kind", "subject", "role", "at"):
        yield _of(
            f"value: the approver's {part}",
            lambda record, p=part: record.with_value(
                _said(record, approvers=[json.loads(record.value)["approvers"][0] | {p: "rule"}])
            ),
        )
    for name, change in {
        "a space more": lambda value: value + b" ", "spaces taken away": lambda value: value.replace(b'":', b'": ', 1),
        "keys in another order": lambda value: json.dumps(json.loads(value), sort_keys=True).encode(),
        "a field more": lambda value: value[:-1] + b',"approved":true}',
        "a field twice": lambda value: value[:-1] + b',"case_id":null}',
        "an escaped letter": lambda value: value.replace(b"smtp", b"\\u0073mtp"),
        "a mark": lambda value: b"\xef\xbb\xbf" + value,
        "in UTF-16": lambda value: value.decode().encode("utf-16"),
        "half of it": lambda value: value[: len(value) // 2],
        "twice": lambda value: value * 2, "in a list": lambda value: b"[" + value + b"]", "empty": lambda value: b"",
        "null": lambda value: b"null", "an empty object": lambda value: b"{}",
        "not a number": lambda value: value.replace(b"1,", b"NaN,", 1),
    }.items():  # fmt: skip
        yield _of(f"value: {name}", lambda record, c=change: record.with_value(c(record.value)))


def mismatches() -> Iterator[Forgery]:
    """Signed by escalation, and still not what this campaign asked for."""
    for place in range(0, 64, 7):
        yield _given(
            f"content: character {place}", lambda p, n=place: {"content_hash": _character(p.action.content_hash, n)}
        )
        yield _given(f"plan: character {place}", lambda p, n=place: {"plan_hash": _character(p.plan_hash, n)})
        yield _given(f"policy: character {place}", lambda p, n=place: {"policy_hash": _character(p.policy_hash, n)})
        yield _given(
            f"action: character {place}",
            lambda p, n=place: _acting(p, content_hash=_character(p.action.content_hash, n)),
        )
    for name, changes in {
        "another tool": {"tool": "sms"}, "another verb": {"verb": "raise_budget"},
        "a verb that stops": {"verb": "cancel"},
        "another class": {"action_class": ActionClass.REDUCE}, "another target": {"target": "everybody"},
        "other parameters": {"params_hash": HASH}, "an answer to a trigger": {"answers": uuid4()},
    }.items():  # fmt: skip
        yield _given(f"action: {name}", lambda p, c=changes: _acting(p, **c))
    for name, said in {
        "another decision": {"decision_id": uuid4()}, "decision zero": {"decision_id": UUID(int=0)},
        "a plan to come": {"plan_version": 2},
        "expired a second ago": {"expires_at": datetime.now(UTC) - timedelta(seconds=1)},
        "expired long ago": {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)},
        "expired before it was given": {"granted_at": FAR, "expires_at": datetime(2026, 1, 1, tzinfo=UTC)},
    }.items():  # fmt: skip
        yield _given(f"grant: {name}", lambda _, s=said: s)


def places() -> Iterator[Forgery]:
    """A genuine grant where it does not belong."""
    for topic in (
        "escalation.cases.v1", "escalation.lessons.v1", "executor.actions.v1", "executor.work.v1", "monitor.signals.v1",
        "briefing.plans.v1", "inbound.engagement.v1", "audit.checkpoints.v1",
    ):  # fmt: skip
        yield _of(f"on {topic}", lambda record, t=topic: Record(t, record.headers, record.value))


def every() -> list[Forgery]:
    return [*attributes(), *signatures(), *values(), *mismatches(), *places()]


def _of(name: str, change: Callable[..., Record]) -> Forgery:
    """Somebody has seen the genuine record, and changes it."""
    return Forgery(name, lambda proposal, campaign: change(genuine(proposal, campaign)))


def _given(name: str, changes: Callable[..., dict[str, Any]]) -> Forgery:
    """Escalation itself says it, of something else."""
    return Forgery(name, lambda proposal, campaign: genuine(proposal, campaign, **changes(proposal)))


def _more(record: Record, name: str, text: bytes) -> Record:
    return Record(record.topic, (*record.headers, (name, text)), record.value)


def _first(record: Record, name: str, text: bytes) -> Record:
    return Record(record.topic, ((name, text), *record.headers), record.value)


def _renamed(record: Record, name: str, other: str) -> Record:
    return Record(
        record.topic, tuple((other if key == name else key, text) for key, text in record.headers), record.value
    )


def _acting(proposal: ActionProposed, **changes: Any) -> dict[str, Any]:
    return {"action": proposal.action.model_copy(update=changes)}


def _unsigned(record: Record) -> list[Header]:
    return [(name, text) for name, text in record.headers if name != "ce_signature"]


def _signature(record: Record) -> bytes:
    return bytes.fromhex(record.get("ce_signature").decode())


def _signed(record: Record, signature: bytes) -> Record:
    return record.having("ce_signature", signature.hex().encode())


def _flipped(raw: bytes, place: int) -> bytes:
    return raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]


def _low_order(_: bytes) -> bytes:
    return (1).to_bytes(32, "little") + bytes(32)


def _malleable(raw: bytes) -> bytes:
    return raw[:32] + (int.from_bytes(raw[32:], "little") + ORDER).to_bytes(32, "little")


def _said(record: Record, **changes: Any) -> bytes:
    return json.dumps(json.loads(record.value) | changes, separators=(",", ":")).encode()


def _without(record: Record, name: str) -> bytes:
    return json.dumps({key: one for key, one in json.loads(record.value).items() if key != name}).encode()


def _character(text: str, place: int) -> str:
    return f"{text[:place]}{'0' if text[place] != '0' else '1'}{text[place + 1 :]}"


def by_rule() -> Approver:
    return Approver(kind=ApproverKind.RULE, subject="policy.1", role="rule", at=FAR)
