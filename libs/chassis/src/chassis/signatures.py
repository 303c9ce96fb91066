"""Ed25519 signatures of events: keys come by settings, never by Kafka."""

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from contracts.codec import Header, signed_bytes


@dataclass(frozen=True, slots=True)
class Verifier:
    """Checks signatures under the public keys that the settings name."""

    keys: Mapping[str, Ed25519PublicKey]

    @staticmethod
    def from_file(path: Path | None) -> "Verifier":
        """Reads `{key id: base64 of the raw public key}`; no file means no key, so that no signature holds."""
        if path is None:
            return Verifier({})
        raw = json.loads(path.read_text())
        return Verifier({key_id: Ed25519PublicKey.from_public_bytes(b64decode(text)) for key_id, text in raw.items()})

    def __call__(self, key_id: str, signed: bytes, signature: bytes) -> bool:
        key = self.keys.get(key_id)
        if key is None:
            return False
        try:
            key.verify(signature, signed)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs the records of event classes that are marked `signed`."""

    key_id: str
    key: Ed25519PrivateKey

    @staticmethod
    def from_file(key_id: str, path: Path) -> "Signer":
        key = load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError(f"{path} holds no Ed25519 key: make one with `handrail keys init`")
        return Signer(key_id, key)

    def sign(self, headers: list[Header], value: bytes) -> list[Header]:
        """`headers` with key id and signature added."""
        named = [*headers, ("ce_keyid", self.key_id.encode())]
        return [*named, ("ce_signature", self.key.sign(signed_bytes(named, value)).hex().encode())]
