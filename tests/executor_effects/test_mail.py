"""What arrives is what was approved, signed, with a way out."""

import base64
import json
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from uuid import UUID

import dkim
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.framing import digest
from executor.preparing.drafts import Rendered
from executor.preparing.mail import Envelope, Stamp, compose, message_id
from handrail.keys import Keys
from tests.builders import CAMPAIGN, T0
from tests.executor_effects.campaigns import SENDER

EFFECT = UUID("22222222-2222-5222-8222-222222222222")
DOMAIN = "mail.handrail.example"


def envelope() -> Envelope:
    return Envelope(
        tenant="demo",
        campaign=CAMPAIGN,
        effect=EFFECT,
        recipient_hash="ab" * 32,
        address="kim@attendees.example",
        unsubscribe_url=f"https://{DOMAIN}/u/" + "A" * 240,
        at=T0,
    )


def mailed(keys: Keys, subject: str = "Hello", text: str = "Hello\n", html: str = "<p>Hello</p>\n") -> bytes:
    return compose(Rendered(subject, text, html), envelope(), SENDER, Stamp(DOMAIN, "handrail", keys.dkim.read_bytes()))


def judged(raw: bytes) -> str:
    """The digest as somebody outside computes it from the mail that arrived, with the standard library's reader."""
    mail = message_from_bytes(raw, policy=default)
    assert isinstance(mail, EmailMessage)
    parts = {part.get_content_subtype(): part for part in mail.walk() if part.get_content_maintype() == "text"}
    texts = [parts[kind].get_payload(decode=True) for kind in ("plain", "html")]
    plain, html = (text.decode().replace("\r\n", "\n") for text in texts if isinstance(text, bytes))
    return digest(str(mail["Subject"]), plain, html)


def verifies(keys: Keys, raw: bytes) -> bool:
    record = keys.dkim_record.read_bytes().strip()
    return bool(dkim.verify(raw, dnsfunc=lambda name, timeout=5: record))


EXACT = {
    "plain": ("Hello", "Hello\n", "<p>Hello</p>\n"),
    "no_last_line_end": ("Hello", "Hello", "<p>Hello</p>"),
    "two_last_line_ends": ("Hello", "Hello\n\n", "<p>Hello</p>\n\n"),
    "unicode": ("Für Jürgen – 東京 🎉", "Grüße\n東京\n", "<p>Grüße – 東京</p>\n"),
    "long_unicode_subject": ("Ein sehr langer Betreff über Größe " * 6 + "!", "a\n", "b\n"),
    "long_ascii_subject": ("word " * 60 + "end", "a\n", "b\n"),
    "spaces": ("two  spaces", "trailing   \n\ttab\t\n", "  <p> </p>  \n"),
    "dots": ("Hello", ".\n..\n.end\n", ".\n"),
    "equals": ("a =?utf-8?b?SGk=?= b", "a=3D =\n", "=\n"),
    "long_lines": ("Hello", "x" * 5000 + "\n", "<p>" + "y" * 5000 + "</p>"),
    "from_line": ("Hello", "From here\n", "From there\n"),
    "empty_parts": ("Hello", "", ""),
    "odd_line_breaks": ("Hello", "a\x0bb\x0cc\u2028d\x85e\n", "<p>\u2029</p>"),
}


@pytest.mark.parametrize(("subject", "text", "html"), EXACT.values(), ids=EXACT)
def test_the_digest_recomputed_from_the_mail_is_the_approved_one(
    keys: Keys, subject: str, text: str, html: str
) -> None:
    raw = mailed(keys, subject, text, html)
    assert judged(raw) == Rendered(subject, text, html).digest
    assert verifies(keys, raw)


BODY = st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]), max_size=300)


@given(text=BODY, html=BODY)
def test_any_text_survives_the_way(keys: Keys, text: str, html: str) -> None:
    assert judged(mailed(keys, "Hello", text, html)) == Rendered("Hello", text, html).digest


def test_the_headers_that_receivers_want(keys: Keys) -> None:
    mail = message_from_bytes(mailed(keys), policy=default)
    assert mail["List-Unsubscribe"] == f"<https://{DOMAIN}/u/{'A' * 240}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Message-ID"] == message_id(EFFECT, DOMAIN) == f"<{EFFECT}@{DOMAIN}>"
    assert json.loads(mail["X-SMTPAPI"]) == {
        "unique_args": {
            "campaign_id": str(CAMPAIGN),
            "effect_id": str(EFFECT),
            "recipient_hash": "ab" * 32,
            "tenant": "demo",
        }
    }
    assert mail["From"].addresses[0].addr_spec == SENDER.from_address
    assert mail["Date"].datetime == T0
    assert mail["Feedback-ID"]


@pytest.mark.parametrize("line", ["List-Unsubscribe", "X-SMTPAPI"])
def test_long_headers_are_on_one_line(keys: Keys, line: str) -> None:
    [found] = [one for one in mailed(keys).split(b"\r\n") if one.startswith(line.encode() + b":")]
    assert found.endswith((b">", b"}"))


def test_no_line_is_longer_than_smtp_allows(keys: Keys) -> None:
    raw = mailed(keys, "Ein langer Betreff über Größe " * 10, "x" * 5000, "y" * 5000)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")


def test_no_encoded_word_is_longer_than_rfc_2047_allows(keys: Keys) -> None:
    raw = mailed(keys, "Ein langer Betreff über Größe " * 10)
    words = [word for word in raw.partition(b"\r\n\r\n")[0].split() if word.startswith(b"=?")]
    assert words
    assert max(map(len, words)) <= 75


CHANGED = ("From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post", "X-SMTPAPI")


@pytest.mark.parametrize("header", CHANGED)
def test_the_signature_breaks_when_a_header_changes(keys: Keys, header: str) -> None:
    raw = mailed(keys)
    assert verifies(keys, raw)
    changed = raw.replace(f"\r\n{header}: ".encode(), f"\r\n{header}: x".encode(), 1)
    assert changed != raw
    assert not verifies(keys, changed)


@pytest.mark.parametrize("header", ["From", "Subject", "List-Unsubscribe"])
def test_the_signature_breaks_when_a_second_header_is_added(keys: Keys, header: str) -> None:
    raw = mailed(keys)
    assert not verifies(keys, f"{header}: <https://evil.example/>\r\n".encode() + raw)


def test_the_signature_breaks_when_the_body_changes(keys: Keys) -> None:
    raw = mailed(keys, text="Hello Kim\n" * 5)
    head, _, body = raw.partition(b"\r\n\r\n")
    secret = base64.b64encode(b"Hello Kim").rstrip(b"=")[:11]
    changed = body.replace(b"Kim", b"Tim").replace(secret, base64.b64encode(b"Hello Tim").rstrip(b"=")[:11])
    assert changed != body
    assert not verifies(keys, head + b"\r\n\r\n" + changed)


def test_the_same_mail_has_the_same_bytes_but_for_the_signature(keys: Keys) -> None:
    bare = [raw[raw.index(b"\r\nFrom:") :] for raw in (mailed(keys), mailed(keys))]
    assert bare[0] == bare[1]


@pytest.mark.parametrize("address", ["kim@attendees.example\r\nBcc: all@x.example", "kim@attendees.example\nX: y"])
def test_no_address_can_begin_another_header(keys: Keys, address: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        compose(
            Rendered("a", "b", "c"),
            replace(envelope(), address=address),
            SENDER,
            Stamp(DOMAIN, "handrail", keys.dkim.read_bytes()),
        )
