"""SendGrid's Signed Event Webhook: verified on the raw bytes, mapped to the one vocabulary.

ECDSA P-256 with SHA-256 over timestamp and body; the public key as SendGrid shows it, base64 of DER, or as PEM.
"""

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key
from pydantic import BaseModel, StringConstraints

from chassis.problems import Problem
from chassis.recipients import domain_of, hash_address
from contracts.event import CampaignId, Event, Fact, Meta, RecipientHash, Tenant
from contracts.inbound import MailEvent, RecipientEventReported
from contracts.strict import Unreadable, check

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
WINDOW = timedelta(minutes=5)
LIMIT_BYTES = 4 * 1024 * 1024
KINDS: Mapping[str, MailEvent] = {
    "processed": MailEvent.QUEUED,
    "delivered": MailEvent.DELIVERED,
    "deferred": MailEvent.DEFERRED,
    "bounce": MailEvent.BOUNCED_HARD,
    "blocked": MailEvent.BLOCKED_OR_SOFT,
    "dropped": MailEvent.DROPPED,
    "open": MailEvent.OPENED,
    "click": MailEvent.CLICKED,
    "spamreport": MailEvent.COMPLAINED,
    "unsubscribe": MailEvent.UNSUBSCRIBED,
    "group_unsubscribe": MailEvent.UNSUBSCRIBED,
    "group_resubscribe": MailEvent.RESUBSCRIBED,
}


class SentEvent(BaseModel):
    """One event of a webhook call, as far as we read it."""

    event: str
    sg_event_id: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,512}$")]
    email: str
    timestamp: int
    type: str = ""
    sg_machine_open: bool = False
    campaign_id: UUID | None = None
    effect_id: UUID | None = None
    recipient_hash: RecipientHash | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """One tenant's account at the provider."""

    tenant: Tenant
    key: EllipticCurvePublicKey

    @staticmethod
    def from_file(tenant: Tenant, path: Path) -> "Webhook":
        raw = path.read_bytes().strip()
        key = load_pem_public_key(raw) if raw.startswith(b"-----") else load_der_public_key(b64decode(raw))
        if not isinstance(key, EllipticCurvePublicKey):
            raise ValueError(f"{path} holds no ECDSA key: take it from the provider's webhook settings")
        return Webhook(tenant, key)

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Raise Problem 401 unless the call is signed under the account's key within five minutes."""
        timestamp = headers.get(TIMESTAMP, "")
        try:
            sent_at = datetime.fromtimestamp(int(timestamp), UTC)
            signature = b64decode(headers.get(SIGNATURE, ""), validate=True)
            self.key.verify(signature, timestamp.encode() + body, ECDSA(SHA256()))
        except (InvalidSignature, ValueError, OverflowError, OSError):
            fix = "sign timestamp and raw body with the account's key"
            raise Problem(401, "the signature does not hold", field=SIGNATURE, fix=fix) from None
        if abs(now - sent_at) > WINDOW:
            raise Problem(401, "signed too long ago", field=TIMESTAMP, fix="send within five minutes; mind the clock")

    def facts(self, body: bytes, tenant_key: bytes, now: datetime) -> tuple[list[Fact[Event]], int]:
        """What the call reports, and how many events carry no argument of ours. Raises Problem 400."""
        try:
            check(body, LIMIT_BYTES)
            listed = json.loads(body)
        except Unreadable as error:
            raise Problem(400, error.reason, field="body", fix="send the provider's JSON array") from None
        if not isinstance(listed, list):
            raise Problem(400, "not an array", field="body", fix="send the provider's JSON array")
        facts: list[Fact[Event]] = []
        foreign = 0
        for one in listed:
            try:
                fact = self._fact(SentEvent.model_validate(one), tenant_key, now)
            except (ValueError, OverflowError, OSError):  # a refused call is sent again with all the good ones in it
                fact = None
            if fact is None:
                foreign += 1
            else:
                facts.append(fact)
        return facts, foreign

    def _fact(self, sent: SentEvent, tenant_key: bytes, now: datetime) -> Fact[Event] | None:
        kind = KINDS.get("blocked" if (sent.event, sent.type) == ("bounce", "blocked") else sent.event)
        if kind is None or sent.campaign_id is None or sent.effect_id is None:
            return None
        at = datetime.fromtimestamp(sent.timestamp, UTC)
        meta = Meta.outside(
            self.tenant,
            CampaignId(sent.campaign_id),
            source=f"/providers/sendgrid/{self.tenant}",
            source_id=sent.sg_event_id,
            at=at if abs(now - at) < timedelta(days=30) else now,
        )
        report = RecipientEventReported(
            kind=kind,
            recipient_hash=hash_address(tenant_key, sent.email),
            recipient_domain=domain_of(sent.email),
            effect_id=sent.effect_id,
            machine=sent.sg_machine_open,
            provider="sendgrid",
        )
        return Fact(meta, report)
