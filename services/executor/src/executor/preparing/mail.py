"""One mail as bytes: what was rendered, with the headers that the law and the big receivers want, signed by DKIM.

RFC 8058 asks that DKIM covers both List-Unsubscribe headers; X-SMTPAPI carries the unique arguments that come back in
reports, as SendGrid's SMTP API takes them: ids and hashes, never an address. The bytes are written here, part by part:
subject, text and html must decode to exactly what was approved, and a general-purpose generator mends line ends.
"""

import json
import quopri
from base64 import b64encode, encodebytes
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from unicodedata import category
from uuid import UUID

import dkim

from executor.preparing.drafts import Rendered
from policy.sender import Sender

SIGNED = (
    b"from", b"to", b"reply-to", b"subject", b"date", b"message-id", b"list-unsubscribe", b"list-unsubscribe-post",
    b"x-smtpapi", b"mime-version", b"content-type",
)  # fmt: skip
ONCE = (b"from", b"to", b"subject", b"list-unsubscribe", b"list-unsubscribe-post")
"""Signed as absent a second time, so that nobody can add another."""
_WORD_BYTES = 42
"""Of text in one encoded word: 42 bytes are 56 of base64, and a word may be 75 long (RFC 2047)."""


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


def arguments(envelope: Envelope) -> dict[str, str]:
    """What comes back in reports: ids and hashes, never an address."""
    return {
        "campaign_id": str(envelope.campaign),
        "effect_id": str(envelope.effect),
        "recipient_hash": envelope.recipient_hash,
        "tenant": envelope.tenant,
    }


def list_headers(envelope: Envelope) -> dict[str, str]:
    """What the law and the big receivers want of a mail to many."""
    return {
        "List-Unsubscribe": f"<{envelope.unsubscribe_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Feedback-ID": f"{envelope.campaign}:{envelope.tenant}:handrail",
    }


def compose(rendered: Rendered, envelope: Envelope, sender: Sender, stamp: Stamp) -> bytes:
    """The mail with CRLF line ends, signed. Raises ValueError for text that no mail can carry unchanged."""
    boundary = f"=_{envelope.effect.hex}"
    headers = {
        "From": f"{_phrase(sender.from_name)} <{sender.from_address}>",
        "To": envelope.address,
        "Reply-To": sender.reply_to,
        "Subject": _words(rendered.subject),
        "Date": format_datetime(envelope.at),
        "Message-ID": message_id(envelope.effect, stamp.domain),
        "X-SMTPAPI": json.dumps({"unique_args": arguments(envelope)}),
        **list_headers(envelope),
        "MIME-Version": "1.0",
        "Content-Type": f'multipart/alternative; boundary="{boundary}"',
    }
    return _signed(headers, rendered, boundary, stamp)


def compose_test(rendered: Rendered, test: UUID, address: str, at: datetime, sender: Sender, stamp: Stamp) -> bytes:
    """A mail to one of our own people: nothing in it comes back in reports, and nobody leaves a list by it."""
    boundary = f"=_{test.hex}"
    headers = {
        "From": f"{_phrase(sender.from_name)} <{sender.from_address}>",
        "To": address,
        "Reply-To": sender.reply_to,
        "Subject": _words(rendered.subject),
        "Date": format_datetime(at),
        "Message-ID": message_id(test, stamp.domain),
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
        "Content-Type": f'multipart/alternative; boundary="{boundary}"',
    }
    return _signed(headers, rendered, boundary, stamp)


def _signed(headers: Mapping[str, str], rendered: Rendered, boundary: str, stamp: Stamp) -> bytes:
    lines = [
        *(f"{name}: {_checked(name, value)}".encode() for name, value in headers.items()),
        b"",
        f"--{boundary}".encode(),
        *_part("plain", rendered.text),
        f"--{boundary}".encode(),
        *_part("html", rendered.html),
        f"--{boundary}--".encode(),
        b"",
    ]
    raw = b"\r\n".join(lines)
    signature = dkim.sign(
        raw,
        stamp.selector.encode(),
        stamp.domain.encode(),
        stamp.key,
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=[*SIGNED, *ONCE],
    )
    return bytes(signature) + raw


def _part(subtype: str, text: str) -> list[bytes]:
    """A text part in the shorter of both encodings; its line ends travel as CRLF."""
    if "\r" in text:
        raise ValueError(f"the {subtype} part has a carriage return: render with LF alone")
    quoted = quopri.encodestring(text.encode()).replace(b"\n", b"\r\n")
    based = encodebytes(text.replace("\n", "\r\n").encode()).strip().replace(b"\n", b"\r\n")
    encoding, content = min((b"quoted-printable", quoted), (b"base64", based), key=lambda pair: len(pair[1]))
    return [
        f'Content-Type: text/{subtype}; charset="utf-8"'.encode(),
        b"Content-Transfer-Encoding: " + encoding,
        b"",
        content,
    ]


def _phrase(name: str) -> str:
    """A display name: quoted, or encoded when it is not plain."""
    plain = name.isascii() and name.isprintable() and not set(name) & set('"\\')
    return f'"{name}"' if plain else _encoded(name)


def _words(text: str) -> str:
    """Header text that decodes to exactly `text`: as it is where that is safe, else as encoded words (RFC 2047)."""
    checked_line("a header", text)
    safe = text.isascii() and "=?" not in text and "  " not in text and text == text.strip()
    return text if safe and 0 < len(text) < 900 else _encoded(text)


def checked_line(name: str, text: str) -> str:
    """`text`, which a header can carry once it is encoded. Raises ValueError."""
    if any(category(letter) == "Cc" for letter in text):
        raise ValueError(f"{name} cannot carry control characters")
    return text


def _encoded(text: str) -> str:
    chunks = [b""]
    for letter in text:
        raw = letter.encode()
        if len(chunks[-1]) + len(raw) > _WORD_BYTES:
            chunks.append(b"")
        chunks[-1] += raw
    return "\r\n ".join(f"=?utf-8?b?{b64encode(chunk).decode()}?=" for chunk in chunks)


def _checked(name: str, value: str) -> str:
    """Raises ValueError for a value that would begin another header."""
    if not value.replace("\r\n =?utf-8?b?", "").isprintable():
        raise ValueError(f"{name} has a character that no header can carry")
    return value
