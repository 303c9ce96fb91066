"""The mail provider: reports in the format of SendGrid's event webhook, signed as its signed event webhook is.

The signature is ECDSA P-256 with SHA-256 over the timestamp header's text and the raw body.
"""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from world.door import Call
from world.mail import Received
from world.people import Does

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
LINK = "https://www.acme.example/demo"
_IP = "192.0.2.25"
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_PREFETCH = "Mozilla/5.0"

Json = str | int | bool

KINDS: dict[Does, dict[str, Json]] = {
    Does.BOUNCES: {"event": "bounce", "type": "bounce", "status": "5.1.2", "reason": "550 5.1.2 no such domain"},
    Does.BLOCKS: {"event": "bounce", "type": "blocked", "status": "4.7.1", "reason": "451 4.7.1 refused for now"},
    Does.DEFERS: {"event": "deferred", "attempt": "1", "response": "450 4.2.1 try again later"},
    Does.RECEIVES: {"event": "delivered", "response": "250 2.0.0 OK"},
    Does.OPENS_BY_MACHINE: {"event": "open", "sg_machine_open": True, "useragent": _PREFETCH, "ip": _IP},
    Does.OPENS: {"event": "open", "sg_machine_open": False, "useragent": _BROWSER, "ip": _IP},
    Does.CLICKS: {"event": "click", "url": LINK, "useragent": _BROWSER, "ip": _IP},
    Does.COMPLAINS: {"event": "spamreport"},
}
"""What the provider sees, and how it says so."""


@dataclass(frozen=True, slots=True)
class Report:
    mail: Received
    does: Does
    at: datetime


def event(report: Report) -> dict[str, Json]:
    """One entry of the array that a webhook call carries."""
    mail = report.mail
    return {
        "email": mail.address,
        "timestamp": int(report.at.timestamp()),
        "smtp-id": mail.message_id,
        "sg_event_id": _id(mail.effect_id, report.does),
        "sg_message_id": _id(mail.effect_id, "message"),
        "campaign_id": mail.campaign_id,
        "effect_id": mail.effect_id,
        "recipient_hash": mail.recipient_hash,
        "tenant": mail.tenant,
        **KINDS[report.does],
    }


class Provider:
    """Signs what it sends."""

    def __init__(self, monitor: str, key: Path) -> None:
        found = load_pem_private_key(key.read_bytes(), password=None)
        if not isinstance(found, EllipticCurvePrivateKey):
            raise ValueError(f"{key} is no ECDSA key")
        self._url, self._key = f"{monitor}/v1/hooks/sendgrid", found

    def call(self, reports: list[Report]) -> Call:
        body = json.dumps([event(one) for one in reports]).encode()
        timestamp = str(int(datetime.now(UTC).timestamp()))
        signature = self._key.sign(timestamp.encode() + body, ECDSA(SHA256()))
        headers = {
            "content-type": "application/json",
            SIGNATURE: base64.b64encode(signature).decode(),
            TIMESTAMP: timestamp,
        }
        return Call(self._url, headers, body)


def _id(effect_id: str, what: str) -> str:
    return base64.urlsafe_b64encode(sha256(f"{effect_id}|{what}".encode()).digest()[:16]).decode().rstrip("=")
