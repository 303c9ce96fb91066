"""A mail as its receiver sees it: what it says, who signed it, and how to leave the list."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import dkim

from contracts.framing import digest

Dns = Callable[..., bytes | None]
_ONE_CLICK = "List-Unsubscribe=One-Click"
_URL = re.compile(r"<(https://[^>\s]+)>")
_SIGNED_HEADERS = re.compile(rb"[;\s]h=([^;]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One mail, as received by one address."""

    address: str
    domain: str
    message_id: str
    tenant: str
    campaign_id: str
    effect_id: str
    recipient_hash: str
    digest: str
    """Of subject, text and html as they were read from the mail."""
    dkim: bool | None
    """None where the provider behind the door signs by itself."""
    one_click: bool
    """Both headers of RFC 8058 are there, and the signature, where the sender makes it, covers them."""
    unsubscribe_url: str | None

    @property
    def traceable(self) -> bool:
        """The sender asked for reports: its own arguments are there to be echoed."""
        return bool(self.campaign_id and self.effect_id and self.recipient_hash)


def dns_of(record: Path) -> Dns:
    """A DNS that knows one record: whatever DKIM key is asked for, it is the sender's."""
    text = record.read_text().strip().encode()

    def txt(name: bytes | str, timeout: float = 5) -> bytes | None:
        asked = name.decode() if isinstance(name, bytes) else name
        return text if "._domainkey." in asked else None

    return txt


def read(raw: bytes, address: str, dns: Dns) -> Received:
    """`raw` as `address` received it. Whatever is missing is empty: a receiver takes what it gets."""
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    arguments = _arguments(mail)
    url = _URL.search(mail.get("List-Unsubscribe", ""))
    signed = _signed_headers(raw)
    return Received(
        address=address,
        domain=address.rpartition("@")[2].lower(),
        message_id=mail.get("Message-ID", "").strip(),
        tenant=arguments.get("tenant", ""),
        campaign_id=arguments.get("campaign_id", ""),
        effect_id=arguments.get("effect_id", ""),
        recipient_hash=arguments.get("recipient_hash", ""),
        digest=digest(mail.get("Subject", ""), _part(mail, "plain"), _part(mail, "html")),
        dkim=_holds(raw, dns),
        one_click=url is not None
        and mail.get("List-Unsubscribe-Post", "").strip() == _ONE_CLICK
        and {b"list-unsubscribe", b"list-unsubscribe-post"} <= signed,
        unsubscribe_url=url.group(1) if url else None,
    )


def from_json(body: bytes, message_id: str) -> Received:
    """A mail as the doors over HTTP take it: JSON of `to`, `subject`, `text`, `html`, `headers` and `metadata`.

    Raises ValueError for what is no such mail.
    """
    said = json.loads(body)
    if not isinstance(said, dict):
        raise ValueError("a mail is an object")
    to, subject, text, html = (_text(said, name) for name in ("to", "subject", "text", "html"))
    headers = {name.lower(): value for name, value in _texts(said, "headers").items()}
    arguments = _texts(said, "metadata")
    if to.count("@") != 1:
        raise ValueError("`to` is not one address")
    url = _URL.search(headers.get("list-unsubscribe", ""))
    return Received(
        address=to,
        domain=to.rpartition("@")[2].lower(),
        message_id=message_id,
        tenant=arguments.get("tenant", ""),
        campaign_id=arguments.get("campaign_id", ""),
        effect_id=arguments.get("effect_id", ""),
        recipient_hash=arguments.get("recipient_hash", ""),
        digest=digest(subject, text, html),
        dkim=None,
        one_click=url is not None and headers.get("list-unsubscribe-post") == _ONE_CLICK,
        unsubscribe_url=url.group(1) if url else None,
    )


def _text(said: dict[str, object], name: str) -> str:
    if not isinstance(value := said.get(name), str):
        raise ValueError(f"`{name}` is not a text")
    return value


def _texts(said: dict[str, object], name: str) -> dict[str, str]:
    value = said.get(name, {})
    if not isinstance(value, dict) or not all(isinstance(one, str) for pair in value.items() for one in pair):
        raise ValueError(f"`{name}` is not an object of texts")
    return value


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return "" if part is None else str(part.get_content()).replace("\r\n", "\n")


def _arguments(mail: EmailMessage) -> dict[str, str]:
    """The unique arguments of SendGrid's SMTP API."""
    try:
        found = json.loads(mail.get("X-SMTPAPI", "{}"))["unique_args"]
        return {str(name): str(value) for name, value in found.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _signed_headers(raw: bytes) -> set[bytes]:
    head = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    for header in re.split(rb"\r?\n(?![ \t])", head):
        name, _, value = header.partition(b":")
        if name.strip().lower() == b"dkim-signature" and (found := _SIGNED_HEADERS.search(value)):
            return {each.strip().lower() for each in found.group(1).split(b":")}
    return set()


def _holds(raw: bytes, dns: Dns) -> bool:
    try:
        return bool(dkim.verify(raw, dnsfunc=dns))
    except (dkim.DKIMException, ValueError, IndexError, UnicodeError):
        return False
