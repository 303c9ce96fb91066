"""Keys are made once, and fit each other."""

import base64
import json
import stat
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from handrail import keys


def test_a_second_init_changes_nothing(tmp_path: Path) -> None:
    keys.init(tmp_path)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    keys.init(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first
    assert len(first) > len(keys.SIGNERS)


def test_only_the_owner_reads_what_is_secret(tmp_path: Path) -> None:
    made = keys.init(tmp_path)
    secret = [made.issuer, made.dkim, made.tenants, made.unsubscribe, made.sendgrid, *map(made.signing, keys.SIGNERS)]
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}


@pytest.mark.parametrize("service", keys.SIGNERS)
def test_the_published_key_verifies_what_the_service_signs(tmp_path: Path, service: str) -> None:
    made = keys.init(tmp_path)
    private = load_pem_private_key(made.signing(service).read_bytes(), password=None)
    assert isinstance(private, Ed25519PrivateKey)
    published = json.loads(made.signature_keys.read_text())[keys.key_id(service)]
    Ed25519PublicKey.from_public_bytes(base64.b64decode(published)).verify(private.sign(b"fact"), b"fact")


def test_a_token_holds_under_the_published_keys_until_it_expires(tmp_path: Path) -> None:
    made = keys.init(tmp_path)
    published = jwt.PyJWKSet.from_json(made.jwks.read_text())[keys.TOKEN_KEY_ID]

    def claims(ttl: timedelta) -> dict[str, object]:
        token = keys.dev_token(tmp_path, "u-7", ["approver"], "demo", ttl=ttl)
        read: dict[str, object] = jwt.decode(token, published, ["EdDSA"], audience=keys.AUDIENCE, issuer=keys.ISSUER)
        return read

    read = claims(timedelta(minutes=5))
    assert (read["sub"], read["roles"], read["tenant"], read["kind"]) == ("u-7", ["approver"], "demo", "human")
    with pytest.raises(jwt.ExpiredSignatureError):
        claims(timedelta(seconds=-1))
