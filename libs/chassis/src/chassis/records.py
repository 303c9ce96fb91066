"""A record as Kafka gave it, and what was read from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import cast
from uuid import UUID

from chassis.batches import UNREADABLE
from contracts.codec import INBOUND, Header, Undecodable, Verify, decode
from contracts.event import CampaignId, Event, Fact


@dataclass(frozen=True, slots=True)
class Raw:
    """A record byte for byte, and where it stood."""

    cluster_id: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: Sequence[Header]
    value: bytes | None

    @property
    def inbound(self) -> bool:
        """From an outsider: never parks anything."""
        return self.topic.startswith(INBOUND)

    @property
    def flat_headers(self) -> list[bytes | None]:
        """name, value, name, value ..., as tables keep them."""
        return [part for name, value in self.headers for part in (name.encode("utf-8", "surrogateescape"), value)]

    @property
    def sha256(self) -> bytes:
        return sha256(self.value or b"").digest()

    @property
    def campaign(self) -> CampaignId | None:
        """The campaign of the key, where the key names one."""
        try:
            return CampaignId(UUID((self.key or b"")[:36].decode()))
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Received:
    """A record with the fact it carries, or the reason why it carries none."""

    raw: Raw
    fact: Fact[Event] | None
    reason: str = ""


def receive(raw: Raw, verify: Verify) -> Received:
    """Read `raw`; never raises, whatever the bytes."""
    if len(raw.headers) == 1 and raw.headers[0][0] == UNREADABLE:
        why = raw.headers[0][1] or b""
        return Received(raw, None, f"unreadable batch: {why.decode(errors='replace')}"[:500])
    try:
        return Received(raw, decode(raw.topic, raw.headers, raw.value, verify=verify))
    except Undecodable as error:
        return Received(raw, None, error.reason)
    except Exception as error:  # noqa: BLE001 - a record must not stop the stream, whatever it holds
        return Received(raw, None, f"unreadable: {error!r}"[:500])


def headers_of(flat: Sequence[bytes | None]) -> list[Header]:
    """Headers back from the flat form of the tables; a null value stays one."""
    names = [(name or b"").decode("utf-8", "surrogateescape") for name in flat[::2]]
    return [(name, cast("bytes", value)) for name, value in zip(names, flat[1::2], strict=True)]
