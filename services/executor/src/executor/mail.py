"""One mail as bytes: what was rendered, with the headers that the law and the big receivers want, signed by DKIM.

RFC 8058 asks that DKIM covers both List-Unsubscribe headers; X-SMTPAPI carries the unique arguments that come back in
reports, as SendGrid's SMTP API takes them: ids and hashes, never an address.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from uuid import UUID

import dkim

from executor.drafts import Rendered
from policy.sender import Sender

SIGNED = (
    b"from", b"to", b"reply-to", b"subject", b"date", b"message-id", b"mime-version", b"list-unsubscribe",
    b"list-unsubscribe-post", b"x-smtpapi",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stamp:
    """The sending domain's DKIM key."""

    domain: str
    selector: str
    key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Everything about one mail but its words."""

    tenant: str
    campaign: UUID
    effect: UUID
    recipient_hash: str
    address: str
    unsubscribe_url: str
    at: datetime


def message_id(effect: UUID, domain: str) -> str:
    """The same effect, the same Message-ID."""
    return f"<{effect}@{domain}>"


def compose(rendered: Rendered, envelope: Envelope, sender: Sender, stamp: Stamp) -> bytes:
    """The mail with CRLF line ends, signed. Its subject, text and html decode to exactly what was rendered."""
    mail = EmailMessage(policy=policy.SMTP.clone(cte_type="7bit", max_line_length=998))
    mail["From"] = f"{sender.from_name} <{sender.from_address}>"
    mail["To"] = envelope.address
    mail["Reply-To"] = sender.reply_to
    mail["Subject"] = rendered.subject
    mail["Date"] = format_datetime(envelope.at)
    mail["Message-ID"] = message_id(envelope.effect, stamp.domain)
    mail["List-Unsubscribe"] = f"<{envelope.unsubscribe_url}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["Feedback-ID"] = f"{envelope.campaign}:{envelope.tenant}:handrail"
    arguments = {
        "campaign_id": str(envelope.campaign),
        "effect_id": str(envelope.effect),
        "recipient_hash": envelope.recipient_hash,
        "tenant": envelope.tenant,
    }
    mail["X-SMTPAPI"] = json.dumps({"unique_args": arguments})
    mail.set_content(rendered.text, cte="base64")
    mail.add_alternative(rendered.html, subtype="html", cte="base64")
    raw = mail.as_bytes()
    header = dkim.sign(
        raw,
        stamp.selector.encode(),
        stamp.domain.encode(),
        stamp.key,
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=list(SIGNED),
    )
    return bytes(header) + raw
