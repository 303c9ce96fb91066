"""Drafts and rendered mails as values, and the hashes that an approval binds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from chassis.decision import TaskBody
from contracts.event import Count, Name, Sha256, Subject, Value
from contracts.executor import CheckResult
from contracts.framing import digest, f

SEGMENTS = {"mail.attended": "attended", "mail.no_show": "no_show"}
"""Which part of the audience gets which artefact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A mail with merge tags `[[name|fallback]]` still in it."""

    name: str
    segment: str
    template: str
    subject: str
    preheader: str
    body_text: str
    body_html: str

    @property
    def content_hash(self) -> str:
        parts = (self.subject, self.preheader, self.body_text, self.body_html)
        return digest("handrail/draft/v1", self.name, *parts)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail as one recipient gets it."""

    subject: str
    text: str
    html: str

    @property
    def digest(self) -> str:
        """SHA-256 over the framed subject, text and html, in UTF-8 with LF: a judge recomputes it from the mail."""
        return digest(self.subject, self.text, self.html)


def snapshot_hash(mails: Iterable[tuple[str, str]]) -> str:
    """SHA-256 over the framed (recipient hash, digest) pairs, sorted by recipient hash."""
    parts: list[str] = []
    for recipient, mail_digest in sorted(mails):
        parts += [recipient, mail_digest]
    return sha256(f(*parts)).hexdigest()


def content_hash(
    snapshot: str,
    *,
    from_name: str,
    from_address: str,
    reply_to: str,
    tool: str,
    verb: str,
    plan_version: int,
    policy_hash: str,
) -> str:
    """What an approval binds: every mail by its snapshot, its sender, the tool, the plan and the policy."""
    sender = (from_name, from_address, reply_to)
    return digest("handrail/content/v1", snapshot, *sender, tool, verb, str(plan_version), policy_hash)


class DraftMail(TaskBody):
    kind: ClassVar[str] = "draft"
    artefact: Name
    plan_version: int
    revision: int


class Drafted(Value):
    artefact: Name
    plan_version: int
    revision: int
    template: Name
    content_hash: Sha256


class CheckMail(TaskBody):
    kind: ClassVar[str] = "check"
    artefact: Name
    plan_version: int
    revision: int
    content_hash: Sha256


class Checked(Value):
    artefact: Name
    plan_version: int
    revision: int
    content_hash: Sha256
    results: tuple[CheckResult, ...]


class RenderMails(TaskBody):
    """Asked for the `nth` time: each asking renders once, however often it is done."""

    kind: ClassVar[str] = "render"
    plan_version: int
    nth: int = 1


class ListCame(TaskBody):
    """A list that the campaign's plan names was uploaded."""

    kind: ClassVar[str] = "list_came"
    audience: Name
    content_hash: Sha256


class Exclusion(Value):
    """A list whose people get no mail; `left_out` of the audience are on it, and on no list named before it."""

    audience: Name
    content_hash: Sha256
    left_out: Count


class MailsRendered(Value):
    """What the audience came to, and the hashes of what it would get."""

    plan_version: int
    snapshot_hash: Sha256
    content_hash: Sha256
    audience_hash: Sha256
    members: Count
    recipients: Count
    without_consent: Count
    suppressed: Count
    exclusions: tuple[Exclusion, ...]
    checks: tuple[CheckResult, ...]


class SendTestMail(TaskBody):
    """`actor` is who asked, and whose address it goes to; the address itself is looked up when it is sent."""

    kind: ClassVar[str] = "test_send"
    artefact: Name
    plan_version: int
    revision: int
    content_hash: Sha256
    actor: Subject


class SentTest(Value):
    """What became of one test mail; `sent` is False when it certainly did not leave."""

    artefact: Name
    plan_version: int
    revision: int
    content_hash: Sha256
    actor: Subject
    sent: bool
    because: Name


def by_segment(names: Sequence[str]) -> dict[str, str]:
    """artefact of each segment."""
    return {SEGMENTS[name]: name for name in names}
