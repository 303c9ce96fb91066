"""The way out of every mail: a link that names recipient and campaign, and that only we could have made (RFC 8058)."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from contracts.event import CampaignId, Tenant
from contracts.framing import f

_SEAL_BYTES = 16


@dataclass(frozen=True, slots=True)
class Link:
    tenant: Tenant
    campaign: CampaignId
    recipient_hash: str
    domain: str


def token(link: Link, key: bytes) -> str:
    """The same recipient and campaign, the same token."""
    body = f(link.tenant, link.campaign.bytes, bytes.fromhex(link.recipient_hash), link.domain)
    return urlsafe_b64encode(body + _seal(body, key)).decode().rstrip("=")


def read(text: str, key: bytes) -> Link | None:
    """What a token says, or None when we did not make it."""
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    body, seal = raw[:-_SEAL_BYTES], raw[-_SEAL_BYTES:]
    if not hmac.compare_digest(seal, _seal(body, key)):
        return None
    parts: list[bytes] = []
    while body:
        size = int.from_bytes(body[:4], "big")
        parts.append(body[4 : 4 + size])
        body = body[4 + size :]
    tenant, campaign, recipient, domain = parts
    return Link(Tenant(tenant.decode()), CampaignId(UUID(bytes=campaign)), recipient.hex(), domain.decode())


def _seal(body: bytes, key: bytes) -> bytes:
    return hmac.new(key, b"handrail/unsubscribe/v1" + body, sha256).digest()[:_SEAL_BYTES]
