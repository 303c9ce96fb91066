"""Approvals that nobody gave: a genuine vote, and what a forger would change in it. One entry is one kind."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from handrail.keys import AUDIENCE, ISSUER, TOKEN_KEY_ID, Keys

Claims = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A request at the door of decisions."""

    method: str
    path: str
    headers: Mapping[str, str]
    content: bytes

    def with_headers(self, **headers: str | None) -> "Call":
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        kept = {name: text for name, text in self.headers.items() if name not in named}
        return replace(self, headers=kept | {name: text for name, text in named.items() if text is not None})

    def with_body(self, **changes: Any) -> "Call":
        body = json.loads(self.content) | changes
        return replace(self, content=json.dumps(body).encode())

    def with_token(self, token: str) -> "Call":
        return self.with_headers(authorization=f"Bearer {token}")


Change = Callable[[Call], Call]


@dataclass(frozen=True)
class Forgery:
    name: str
    status: int
    change: Change


def says(token: str) -> Change:
    return lambda call: call.with_token(token)


def headed(**headers: str | None) -> Change:
    return lambda call: call.with_headers(**headers)


def unnamed(**headers: str) -> Change:
    """Without a token, with something else in its place."""
    return lambda call: call.with_headers(authorization=None, **headers)


def saying(**changes: Any) -> Change:
    return lambda call: call.with_body(**changes)


def made_of(content: bytes) -> Change:
    return lambda call: replace(call, content=content)


def at(path: str) -> Change:
    return lambda call: replace(call, path=path)


def by(method: str, query: str = "", **headers: str) -> Change:
    return lambda call: replace(call, method=method, path=call.path + query).with_headers(**headers)


@dataclass(frozen=True)
class Issuer:
    """The issuer's key, to make tokens that it never made."""

    keys: Keys

    @property
    def key(self) -> Ed25519PrivateKey:
        found = load_pem_private_key(self.keys.issuer.read_bytes(), password=None)
        assert isinstance(found, Ed25519PrivateKey)
        return found

    def claims(self, **changes: Any) -> Claims:
        now = datetime.now().astimezone()
        given: Claims = {
            "iss": ISSUER, "aud": AUDIENCE, "sub": "ana", "tenant": "demo", "roles": ["campaign_approver"],
            "kind": "human", "iat": now, "exp": now + timedelta(hours=1),
        }  # fmt: skip
        return {name: value for name, value in (given | changes).items() if value is not None}

    def token(self, *, key: Any = None, algorithm: str = "EdDSA", header: Claims | None = None, **changes: Any) -> str:
        headers = {"kid": TOKEN_KEY_ID} if header is None else header
        return jwt.encode(self.claims(**changes), key or self.key, algorithm=algorithm, headers=headers)


def genuine(shown: Mapping[str, Any], issuer: Issuer) -> Call:
    """The vote that ana would give: everything forged differs from it in one thing."""
    option = shown["options"][0]
    body = {"decision_id": option["decision_id"], "content_hash": option["content_hash"], "choice": "approve"}
    headers = {"idempotency-key": uuid4().hex, "content-type": "application/json"}
    call = Call("POST", f"/v1/cases/{shown['case_id']}/decisions", headers, json.dumps(body).encode())
    return call.with_token(issuer.token())


def tokens(issuer: Issuer) -> Iterator[Forgery]:
    """Nobody whom the issuer knows: 401."""
    other = Ed25519PrivateKey.generate()
    curve = ec.generate_private_key(ec.SECP256R1())
    events = load_pem_private_key(issuer.keys.signing("escalation").read_bytes(), password=None)
    public = issuer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    raw = issuer.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    own = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    jwk = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(other.public_key()))
    past, ahead = (datetime.now().astimezone() + timedelta(minutes=by) for by in (-1, 30))
    good = issuer.token()
    head, claims, signature = good.split(".")
    made = {
        "signed by a stranger's key": issuer.token(key=other),
        "signed by the key that signs escalation's events": issuer.token(key=events),
        "signed by the event key, under its own name": issuer.token(key=events, header={"kid": "escalation-1"}),
        "signed on another curve": issuer.token(key=curve, algorithm="ES256"),
        "an algorithm of none": jwt.encode(issuer.claims(), "", algorithm="none", headers={"kid": TOKEN_KEY_ID}),
        "the public key as a shared secret": _hmac(issuer, raw),
        "the public key's file as a shared secret": _hmac(issuer, public),
        "a key id that nobody knows": issuer.token(key=other, header={"kid": "dev-2"}),
        "no key id": issuer.token(header={}),
        "a key id that is a path": issuer.token(key=other, header={"kid": "../../etc/passwd"}),
        "its own key in the header": issuer.token(key=other, header={"kid": TOKEN_KEY_ID, "jwk": jwk}),
        "a link to its own key": issuer.token(key=other, header={"kid": TOKEN_KEY_ID, "jku": "https://evil.example"}),
        "a critical header that nobody understands": issuer.token(header={"kid": TOKEN_KEY_ID, "crit": ["x"], "x": 1}),
        "expired": issuer.token(exp=past),
        "not valid yet": issuer.token(nbf=ahead),
        "issued in the future": issuer.token(iat=ahead),
        "for another audience": issuer.token(aud="payroll"),
        "for a list without us": issuer.token(aud=["payroll", "crm"]),
        "of another issuer": issuer.token(iss="https://issuer.evil.example"),
        "without an end": issuer.token(exp=None),
        "without a subject": issuer.token(sub=None),
        "without an issuer": issuer.token(iss=None),
        "without an audience": issuer.token(aud=None),
        "without a tenant": issuer.token(tenant=None),
        "a subject that is no name": issuer.token(sub="ana, ben"),
        "a subject with a control character": issuer.token(sub="ana\n"),
        "an empty subject": issuer.token(sub=""),
        "roles that are a number": issuer.token(roles=7),
        "roles that are a text": issuer.token(roles="campaign_approver"),
        "roles that are numbers": issuer.token(roles=[7]),
        "a kind that is a list": issuer.token(kind=["human"]),
        "a kind that is true": issuer.token(kind=True),
        "a tenant that is a list": issuer.token(tenant=["demo"]),
        "a tenant of everybody": issuer.token(tenant="*"),
        "a tenant in capitals": issuer.token(tenant="DEMO"),
        "a tenant with a space": issuer.token(tenant="demo "),
        "a tenant with a zero byte": issuer.token(tenant="demo\x00"),
        "a tenant with a line end": issuer.token(tenant="demo\n"),
        "an empty tenant": issuer.token(tenant=""),
        "a tenant that is a pattern": issuer.token(tenant="%"),
        "signature cut off": f"{head}.{claims}.",
        "signature and dot cut off": f"{head}.{claims}",
        "header alone": head,
        "another token's claims": f"{head}.{issuer.token(key=other, sub='leo').split('.')[1]}.{signature}",
        "two tokens": f"{good}{good}",
        "claims twice": f"{head}.{claims}.{claims}.{signature}",
        "as JSON": json.dumps({"protected": head, "payload": claims, "signature": signature}),
        "a private key": base64.b64encode(own).decode(),
        "words": "ana approves this",
    }
    for place in (0, len(signature) // 2, len(signature) - 3):
        made[f"signature altered at {place}"] = f"{head}.{claims}.{_altered(signature, place)}"
    rewritten: dict[str, Claims] = {
        "subject": {"sub": "leo"}, "tenant": {"tenant": "another"}, "roles": {"roles": ["marketing_lead"]},
        "kind": {"kind": "agent"}, "end": {"exp": 4_000_000_000},
    }  # fmt: skip
    for name, changed in rewritten.items():
        made[f"{name} rewritten under the old signature"] = f"{head}.{_rewritten(claims, changed)}.{signature}"
    for name, token in made.items():
        yield Forgery(f"token: {name}", 401, says(token))
    for name, header in {
        "no authorization": None, "an empty one": "", "only Bearer": "Bearer", "no token": "Bearer ",
        "basic": "Basic YW5hOnNlY3JldA==", "a digest": 'Digest username="ana"', "token without Bearer": good,
        "negotiate": "Negotiate YWJj", "a comma": f"Bearer,{good}",
    }.items():  # fmt: skip
        yield Forgery(f"header: {name}", 401, headed(authorization=header))
    yield Forgery("a cookie instead", 401, unnamed(cookie=f"token={good}"))
    yield Forgery("a token in the address", 401, lambda call: unnamed()(by(call.method, f"?access_token={good}")(call)))
    for name in ("x-forwarded-user", "x-remote-user", "x-handrail-subject", "remote-user", "x-authenticated-userid"):
        yield Forgery(f"a proxy's word: {name}", 401, unnamed(**{name: "ana"}))


def people(issuer: Issuer) -> Iterator[Forgery]:
    """Known, and not who may decide: 403, or 404 in another tenant."""
    refused: dict[str, Claims] = {
        "an agent with the role": {"kind": "agent"},
        "a service with the role": {"kind": "service"},
        "of no kind": {"kind": None},
        "of an empty kind": {"kind": ""},
        "kind in capitals": {"kind": "HUMAN"},
        "kind with a space": {"kind": "human "},
        "the plan's author": {"sub": "maya"},
        "the plan's author with both roles": {"sub": "maya", "roles": ["campaign_approver", "marketing_lead"]},
        "who had the role once": {"roles": []},
        "without roles": {"roles": None},
        "a marketer": {"roles": ["marketer"]},
        "an operator": {"roles": ["operator"]},
        "an auditor": {"roles": ["auditor"]},
        "a viewer": {"roles": ["viewer"]},
        "a publisher": {"roles": ["publisher"]},
        "an admin": {"roles": ["admin"]},
        "everything but the role": {"roles": ["marketer", "operator", "auditor", "viewer", "publisher"]},
        "the role in capitals": {"roles": ["CAMPAIGN_APPROVER"]},
        "the role with a space": {"roles": [" campaign_approver"]},
        "the role with a dash": {"roles": ["campaign-approver"]},
        "roles in one text": {"roles": ["campaign_approver marketing_lead"]},
        "the role's name in another claim": {"roles": [], "role": "campaign_approver"},
        "the role as a scope": {"roles": [], "scope": "campaign_approver"},
        "the role as a group": {"roles": [], "groups": ["campaign_approver"]},
        "an agent that says who sent it": {"kind": "agent", "act": {"sub": "ana"}},
    }
    for name, claims in refused.items():
        yield Forgery(f"person: {name}", 403, says(issuer.token(**claims)))
    for tenant in ("another", "demo2", "dem"):
        yield Forgery(f"tenant: {tenant}", 404, says(issuer.token(tenant=tenant)))


def contents(shown: Mapping[str, Any]) -> Iterator[Forgery]:
    """Not the content that was displayed: 409; not a content at all: 400; nothing of this case: 404."""
    true = shown["options"][0]["content_hash"]
    for place in range(64):
        other = _altered(true, place)
        yield Forgery(f"content: character {place}", 409, saying(content_hash=other))
    for name, text in {
        "reversed": true[::-1] if true[::-1] != true else "cd" * 32, "of nothing": "e3b0c44298fc1c14" * 4,
        "all zeros": "0" * 64, "the plan's": "ef" * 32,
    }.items():  # fmt: skip
        yield Forgery(f"content: {name}", 409, saying(content_hash=text))
    for name, value in {
        "in capitals": true.upper(), "cut": true[:-1], "longer": f"{true}0", "its beginning": true[:12], "empty": "",
        "null": None, "a list": [true], "a pattern": "*" * 64, "with a space": f" {true}", "a number": 7,
    }.items():  # fmt: skip
        yield Forgery(f"content: {name}", 400, saying(content_hash=value))
    for name, decision in {"of nobody": uuid4(), "the case's own": UUID(shown["case_id"]), "zero": UUID(int=0)}.items():
        yield Forgery(f"decision: {name}", 404, saying(decision_id=str(decision)))
    for case in (uuid4(), UUID(int=0), UUID(shown["options"][0]["decision_id"])):
        yield Forgery(f"case: {case}", 404, at(f"/v1/cases/{case}/decisions"))


def bodies(shown: Mapping[str, Any]) -> Iterator[Forgery]:
    """What a body may not say, or no body: 400."""
    for name in (
        "approved_by", "approver", "approvers", "actor", "by", "subject", "sub", "role", "roles", "tenant", "human",
        "kind", "case_id", "command_id", "grant_id", "plan_version", "policy_hash", "expires_at", "signature", "force",
        "campaign_id", "votes", "count", "needs", "deadline", "status", "outcome", "approve", "admin", "__class__",
    ):  # fmt: skip
        yield Forgery(f"body: says {name}", 400, saying(**{name: "ana"}))
    option = shown["options"][0]
    text = '{"decision_id": "%s", "content_hash": "%s", ' % (option["decision_id"], option["content_hash"])  # noqa: UP031
    raw = {
        "the choice twice": f'{text}"choice": "refuse", "choice": "approve"}}',
        "the hash twice": f'{text}"content_hash": "{"cd" * 32}", "choice": "approve"}}',
        "no choice": f'{text}"reason": null}}',
        "a choice in capitals": f'{text}"choice": "APPROVE"}}',
        "a choice of yes": f'{text}"choice": "yes"}}',
        "a choice of true": f'{text}"choice": true}}',
        "both choices": f'{text}"choice": ["approve", "refuse"]}}',
        "half a reason": f'{text}"choice": "approve", "reason": {{"what": "x"}}}}',
        "not a number": f'{text}"choice": "approve", "reason": NaN}}',
        "a comment": f'{text}"choice": "approve"}} // ana',
        "two bodies": f'{text}"choice": "approve"}}{text}"choice": "approve"}}',
        "a list": f'[{text}"choice": "approve"}}]',
        "a text": '"approve"', "null": "null", "true": "true", "nothing": "", "an empty object": "{}",
        "a form": f"decision_id={option['decision_id']}&content_hash={option['content_hash']}&choice=approve",
    }  # fmt: skip
    for name, body in raw.items():
        yield Forgery(f"body: {name}", 400, made_of(body.encode()))
    good = f'{text}"choice": "approve"}}'
    for name, content in {
        "in UTF-16": good.encode("utf-16"), "with a mark": b"\xef\xbb\xbf" + good.encode(), "half a letter": b"\xc3",
        "compressed": b"\x1f\x8b" + bytes(40), "nested": b"[" * 100_000, "with a zero": good.encode() + b"\x00",
    }.items():  # fmt: skip
        yield Forgery(f"body: {name}", 400, made_of(content))
    yield Forgery("body: a megabyte", 413, made_of(b" " * 2**20))


def calls(shown: Mapping[str, Any]) -> Iterator[Forgery]:
    """Not by a POST at this door, or one without a name of its own."""
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"):
        yield Forgery(f"method: {method}", 405, by(method))
    for name in ("x-http-method-override", "x-method-override", "x-http-method"):
        yield Forgery(f"a GET that calls itself a POST by {name}", 405, by("GET", **{name: "POST"}))
    for purpose in ("purpose", "sec-purpose", "x-moz"):
        yield Forgery(f"a look ahead: {purpose}", 405, by("GET", **{purpose: "prefetch"}))
    yield Forgery(
        "a vote in the address", 405, lambda call: replace(call, method="GET", path=f"{call.path}?choice=approve")
    )
    for name, key in {"none": None, "empty": "", "too long": "k" * 201}.items():
        yield Forgery(f"no name of its own: {name}", 400, headed(idempotency_key=key))
    base = f"/v1/cases/{shown['case_id']}"
    for name, path in {
        "approvals": f"{base}/approvals", "approve": f"{base}/approve", "a letter more": f"{base}/decisionss",
        "the decision": f"/v1/decisions/{shown['options'][0]['decision_id']}/approve", "grants": "/v1/grants",
        "rulings": "/v1/rulings", "a step up": f"{base}/../{shown['case_id']}/decision",
        "a case without id": "/v1/cases//decisions",
    }.items():  # fmt: skip
        yield Forgery(f"door: {name}", 404, at(path))


def every(shown: Mapping[str, Any], issuer: Issuer) -> list[Forgery]:
    return [*tokens(issuer), *people(issuer), *contents(shown), *bodies(shown), *calls(shown)]


def _hmac(issuer: Issuer, secret: bytes) -> str:
    """PyJWT will not sign with a public key, so by hand."""
    import hmac
    from hashlib import sha256

    head = _part({"alg": "HS256", "typ": "JWT", "kid": TOKEN_KEY_ID})
    claims = issuer.token().split(".")[1]
    signature = hmac.new(secret, f"{head}.{claims}".encode(), sha256).digest()
    return f"{head}.{claims}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _part(value: Claims) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _rewritten(part: str, changes: Claims) -> str:
    return _part(json.loads(base64.urlsafe_b64decode(part + "==")) | changes)


def _altered(text: str, place: int) -> str:
    """Another character at one place."""
    return f"{text[:place]}{'0' if text[place] != '0' else '1'}{text[place + 1 :]}"
