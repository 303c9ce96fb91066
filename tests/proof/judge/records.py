"""What the witness saw, read with the contracts alone: each record as the event it carries, or as unreadable."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.audit import body, leaf_hash
from contracts.codec import Undecodable, Verify, decode

_BATCH = 2000


def verifier(keys: Path) -> Verify:
    """Believes the public keys of a file {key id: base64 of the raw key}."""
    known = {
        name: Ed25519PublicKey.from_public_bytes(base64.b64decode(text))
        for name, text in json.loads(keys.read_text()).items()
    }

    def holds(key_id: str, signed: bytes, signature: bytes) -> bool:
        if key_id not in known:
            return False
        try:
            known[key_id].verify(signature, signed)
        except InvalidSignature:
            return False
        return True

    return holds


def rows(file: Path, verify: Verify) -> Iterator[tuple[Any, ...]]:
    """A row of `judge.kafka` each."""
    with file.open() as lines:
        for text in lines:
            line = json.loads(text)
            value = base64.b64decode(line["value"] or "")
            key = base64.b64decode(line["key"] or "")
            headers = [(name, base64.b64decode(part or "")) for name, part in line["headers"]]
            at = datetime.fromtimestamp(line["timestamp"] / 1000, UTC)
            leaf = leaf_hash(body(line["topic"], key, headers, value))
            place = (line["topic"], line["partition"], line["offset"], at)
            held = (key, sha256(value).digest(), leaf)
            try:
                fact = decode(line["topic"], headers, value, verify=verify)
            except Undecodable:
                yield (*place, False, None, *(None,) * 9, *held, None)
                continue
            meta = fact.meta
            yield (
                *place, True, None, meta.event_id, fact.event.type, meta.tenant, meta.campaign_id, meta.sequence,
                meta.epoch, meta.causation_id, meta.occurred_at,
                meta.signature.value if fact.event.signed else None, *held, value.decode(),
            )  # fmt: skip


async def load(judge: asyncpg.Connection, file: Path, keys: Path) -> int:
    count = 0
    batch: list[tuple[Any, ...]] = []
    for row in rows(file, verifier(keys)):
        batch.append(row)
        if len(batch) == _BATCH:
            await judge.copy_records_to_table("kafka", schema_name="judge", records=batch)
            count, batch = count + len(batch), []
    await judge.copy_records_to_table("kafka", schema_name="judge", records=batch)
    return count + len(batch)
