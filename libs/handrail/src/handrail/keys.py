"""Keys of a local installation. A real one brings its own, under the same file names."""

import base64
import fcntl
import json
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

SIGNERS = ("escalation", "audit")
TENANTS = ("demo",)
ISSUER = "https://issuer.handrail.localhost"
AUDIENCE = "handrail"
TOKEN_KEY_ID = "dev-1"
PrivateKey = Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Keys:
    """Where each key of a folder is."""

    folder: Path

    def signing(self, service: str) -> Path:
        """Ed25519 private key (PEM) with which a service signs its events."""
        return self.folder / f"signing-{service}.pem"

    @property
    def signature_keys(self) -> Path:
        """JSON {key id: base64 of the raw Ed25519 public key} of all signers."""
        return self.folder / "signature-keys.json"

    @property
    def issuer(self) -> Path:
        """Ed25519 private key (PEM) of the issuer of tokens for development."""
        return self.folder / "issuer.pem"

    @property
    def jwks(self) -> Path:
        """The issuer's public keys, as a JWKS."""
        return self.folder / "jwks.json"

    @property
    def dkim(self) -> Path:
        """RSA 2048 private key (PEM) that signs outgoing mail."""
        return self.folder / "dkim.pem"

    @property
    def dkim_record(self) -> Path:
        """The text of its DNS record."""
        return self.folder / "dkim.txt"

    @property
    def tenants(self) -> Path:
        """JSON {tenant: hex of 32 bytes}: the key of each tenant's pseudonyms."""
        return self.folder / "tenant-keys.json"

    @property
    def unsubscribe(self) -> Path:
        """Hex of 32 bytes: the key of unsubscribe links."""
        return self.folder / "unsubscribe.key"

    @property
    def sendgrid(self) -> Path:
        """ECDSA P-256 private key (PEM): the mail provider's, with which the outside world signs its webhooks."""
        return self.folder / "sendgrid.pem"

    @property
    def sendgrid_public(self) -> Path:
        """Its public half as the provider shows it: base64 of DER."""
        return self.folder / "sendgrid.pub"


def key_id(service: str) -> str:
    """How signatures of a service name its key."""
    return f"{service}-1"


def init(folder: Path) -> Keys:
    """Create what is missing and change nothing that exists."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys = Keys(folder)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two at once, the second keeps what the first made
        _create_missing(keys)
    return keys


def _create_missing(keys: Keys) -> None:
    signing = {name: _private(keys.signing(name), Ed25519PrivateKey.generate) for name in SIGNERS}
    _public(keys.signature_keys, lambda: _json({key_id(name): _raw(key) for name, key in signing.items()}))
    issuer = _private(keys.issuer, Ed25519PrivateKey.generate)
    _public(keys.jwks, lambda: _jwks(issuer))
    dkim = _private(keys.dkim, lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048))
    _public(keys.dkim_record, lambda: f"v=DKIM1; k=rsa; p={_der(dkim)}\n")
    _secret(keys.tenants, lambda: _json({tenant: secrets.token_hex(32) for tenant in TENANTS}))
    _secret(keys.unsubscribe, lambda: secrets.token_hex(32) + "\n")
    sendgrid = _private(keys.sendgrid, lambda: ec.generate_private_key(ec.SECP256R1()))
    _public(keys.sendgrid_public, lambda: _der(sendgrid) + "\n")


def dev_token(
    folder: Path,
    subject: str,
    roles: Sequence[str],
    tenant: str,
    kind: Literal["human", "agent"] = "human",
    ttl: timedelta = timedelta(hours=8),
) -> str:
    """A bearer token as an identity provider would issue it; services started with this folder's keys accept it."""
    issuer = load_pem_private_key(Keys(folder).issuer.read_bytes(), password=None)
    assert isinstance(issuer, Ed25519PrivateKey)
    now = datetime.now().astimezone()
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "tenant": tenant,
        "roles": list(roles),
        "kind": kind,
        "iat": now,
        "exp": now + ttl,
    }
    return jwt.encode(claims, issuer, algorithm="EdDSA", headers={"kid": TOKEN_KEY_ID})


def _private(path: Path, generate: Callable[[], PrivateKey]) -> PrivateKey:
    def pem() -> str:
        return generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    _secret(path, pem)
    key = load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, PrivateKey)
    return key


def _secret(path: Path, content: Callable[[], str]) -> None:
    _write(path, content, 0o600)


def _public(path: Path, content: Callable[[], str]) -> None:
    _write(path, content, 0o644)


def _write(path: Path, content: Callable[[], str], mode: int) -> None:
    """All of the file or nothing, and never again."""
    if path.exists():
        return
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(content())
    os.replace(fresh, path)


def _raw(key: PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def _der(key: PrivateKey) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def _jwks(key: PrivateKey) -> str:
    x = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    url_safe = base64.urlsafe_b64encode(x).rstrip(b"=").decode()
    entry = {"kty": "OKP", "crv": "Ed25519", "x": url_safe, "kid": TOKEN_KEY_ID, "alg": "EdDSA", "use": "sig"}
    return _json({"keys": [entry]})


def _json(value: object) -> str:
    return json.dumps(value, indent=1) + "\n"
