"""Recipients by hash: an address becomes one at the door, and only the hash travels."""

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from unicodedata import normalize

from contracts.event import Tenant


def canonical(address: str) -> str:
    """NFC, trimmed, lower case: what two spellings of one address share."""
    return normalize("NFC", address).strip().lower()


def hash_address(key: bytes, address: str) -> str:
    """HMAC-SHA256 of the canonical address under the tenant's key, in hex."""
    return hmac.new(key, canonical(address).encode(), sha256).hexdigest()


def domain_of(address: str) -> str:
    """The part after the last @, in lower case."""
    return canonical(address).rpartition("@")[2]


def load_keys(path: Path) -> Mapping[Tenant, bytes]:
    """Reads `{tenant: hex of 32 bytes}`. Raises ValueError for a shorter key."""
    keys = {Tenant(tenant): bytes.fromhex(text) for tenant, text in json.loads(path.read_text()).items()}
    for tenant, key in keys.items():
        if len(key) < 32:
            raise ValueError(
                f"the key of tenant {tenant} has {len(key)} bytes: 32 are needed, see `handrail keys init`"
            )
    return keys
