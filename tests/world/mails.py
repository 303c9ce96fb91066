"""A mail as the executor would send it."""

import json
from email import policy
from email.message import EmailMessage
from hashlib import sha256
from uuid import uuid5

import dkim

from contracts.framing import NAMESPACE
from handrail.keys import Keys

CAMPAIGN = "11111111-1111-5111-8111-111111111111"
TEXT = "Hello,\nhere is the recording.\n"
HTML = "<p>Hello,</p>\n<p>here is the recording.</p>\n"
SUBJECT = "Your recording – and a next step"


def effect_of(address: str) -> str:
    return str(uuid5(NAMESPACE, address))


def mail(keys: Keys, address: str) -> bytes:
    message = EmailMessage(policy=policy.SMTP.clone(max_line_length=998))
    message["From"] = "Acme Events <events@acme.example>"
    message["To"] = address
    message["Subject"] = SUBJECT
    message["Date"] = "Mon, 05 Jan 2026 09:00:00 +0000"
    message["Message-ID"] = f"<{effect_of(address)}@acme.example>"
    message["List-Unsubscribe"] = f"<https://mail.acme.example/u/{effect_of(address)}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    arguments = {
        "campaign_id": CAMPAIGN,
        "effect_id": effect_of(address),
        "recipient_hash": sha256(address.encode()).hexdigest(),
        "tenant": "demo",
    }
    message["X-SMTPAPI"] = json.dumps({"unique_args": arguments})
    message.set_content(TEXT, cte="base64")
    message.add_alternative(HTML, subtype="html", cte="base64")
    raw = message.as_bytes()
    covered = [
        b"from", b"to", b"subject", b"date", b"message-id", b"list-unsubscribe", b"list-unsubscribe-post", b"x-smtpapi",
    ]  # fmt: skip
    key = keys.dkim.read_bytes()
    return bytes(dkim.sign(raw, b"handrail", b"acme.example", key, include_headers=covered)) + raw
