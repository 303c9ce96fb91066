"""A draft against its brief and policy: each check with evidence, a span where there is one. Pure.

Source of the list: docs/reference/brief.md names each rule; lengths are display lengths of common mail clients.
"""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

from contracts.executor import CheckResult, Verdict
from contracts.plan import Plan
from executor.preparing.drafts import Draft
from executor.preparing.writer import TAG, merge
from policy.sender import Sender

SUBJECT_LENGTH = (8, 60)
PREHEADER_LENGTH = (20, 140)
CLIPPING_BYTES = 102 * 1024
RISKY = ("guarantee", "risk-free", "100%", "miracle", "act now", "no obligation", "winner")
UTM = re.compile(r"^[a-z0-9]+([_-][a-z0-9]+)*$")
SHOUTED = re.compile(r"\b[A-Z]{5,}\b")
SUBJECT_LIMIT = re.compile(r"subject\D{0,20}(\d+) characters", re.IGNORECASE)
MEDIA = frozenset({"email"})
FULL = {"first_name": "Ada", "unsubscribe_url": "https://mail.example/u/token"}
EMPTY = {"first_name": "", "unsubscribe_url": "https://mail.example/u/token"}

Check = Callable[[Draft, Plan, Sender], str | None]
"""What is wrong, or None."""


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.images_without_alt = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and given.get("href"):
            self.links.append(given["href"] or "")
        if tag == "img" and not given.get("alt"):
            self.images_without_alt += 1


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("style", "script", "title")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "script", "title")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)


def run(draft: Draft, plan: Plan, sender: Sender) -> tuple[CheckResult, ...]:
    """Every check, in order."""
    return tuple(_result(name, check(draft, plan, sender)) for name, check in CHECKS.items())


def _result(name: str, wrong: str | None) -> CheckResult:
    return CheckResult(
        check=name, verdict=Verdict.FAIL if wrong else Verdict.PASS, evidence=(wrong or "as required")[:4000]
    )


def _lengths(draft: Draft, plan: Plan, sender: Sender) -> str | None:
    for what, text, (least, most) in (
        ("subject", draft.subject, SUBJECT_LENGTH),
        ("preheader", draft.preheader, PREHEADER_LENGTH),
    ):
        if not least <= len(text) <= most:
            return f"{what} has {len(text)} characters, {least} to {most} are shown"
    return None


def _merge_tags(draft: Draft, plan: Plan, sender: Sender) -> str | None:
    for profile in (FULL, EMPTY):
        for part in (draft.subject, draft.body_text, draft.body_html):
            try:
                merged = merge(part, profile, escape=False)
            except KeyError as error:
                return f"the tag {error} has neither value nor fallback"
            if TAG.search(merged) or "[[" in merged:
                return f"a broken merge tag at {merged.index('[[')}"
    return None


def links(draft: Draft) -> list[str]:
    """The links of the html, but the one to unsubscribe."""
    parser = _Links()
    parser.feed(draft.body_html)
    return [link for link in parser.links if not link.startswith("[[")]


def _links_allowed(draft: Draft, plan: Plan, sender: Sender) -> str | None:
    found = links(draft)
    if not found:
        return "no link at all"
    for link in found:
        parts = urlsplit(link)
        if parts.scheme != "https":
            return f"{link} is not https"
        host = parts.hostname or ""
        if not any(host == domain or host.endswith(f".{domain}") for domain in sender.link_domains):
            return f"{link} leaves the allowed domains {', '.join(sender.link_domains)}"
    return None


def _utm(draft: Draft, plan: Plan, sender: Sender) -> str | None:
    for link in links(draft):
        given = parse_qs(urlsplit(link).query)
        for name in ("utm_source", "utm_medium", "utm_campaign", "utm_id"):
            value = given.get(name, [""])[0]
            if not UTM.match(value):
                return f"{name}={value!r} in {link}: lower case, one separator, no spaces"
        if given["utm_medium"][0] not in MEDIA:
            return f"utm_medium={given['utm_medium'][0]!r} falls into no channel group"
    return None


def _prohibited(draft: Draft, plan: Plan, sender: Sender) -> str | None:
    return _span(draft, plan.brief.prohibited_claims, "the prohibited claim")


def _risky(draft: Draft, plan: Plan, sender: Sender) -> str | None:
    return _span(draft, RISKY, "risky language")


def _parts(draft: Draft) -> tuple[tuple[str, str], ...]:
    """Every part that a person reads, in words."""
    reader = _Words()
    reader.feed(draft.body_html)
    html = "".join(reader.words)
    return ("subject", draft.subject), ("preheader", draft.preheader), ("text", draft.body_text), ("html", html)


def _found(phrase: str, text: str) -> re.Match[str] | None:
    """Where `phrase` is in `text`, whatever its case and spaces."""
    return re.search(r"\s+".join(map(re.escape, phrase.split())), text, re.IGNORECASE)


def _span(draft: Draft, phrases: tuple[str, ...], what: str) -> str | None:
    for part, text in _parts(draft):
        for phrase in phrases:
            if at := _found(phrase, text):
                return f"{what} {phrase!r} in the {part} at {at.start()}-{at.end()}"
    return None


def _required(draft: Draft, plan: Plan, sender: Sender) -> str | None:
    bodies = [text for part, text in _parts(draft) if part in ("text", "html")]
    claims = plan.brief.required_claims
    missing = [claim.id for claim in claims if not all(_found(claim.text, body) for body in bodies)]
    return f"missing: {', '.join(missing)}" if missing else None


def _brand(draft: Draft, plan: Plan, sender: Sender) -> str | None:
    """The brand rules that a machine can check: the others stay with the person who approves."""
    if any("exclamation" in rule.lower() for rule in plan.brief.brand_rules):
        for part, text in _parts(draft):
            if "!" in text:
                return f"an exclamation mark in the {part} at {text.index('!')}"
    return None


def _tone(draft: Draft, plan: Plan, sender: Sender) -> str | None:
    """No brief asks to be shouted at; words in capitals that the brief itself uses are names."""
    given = f"{plan.brief.offer} {' '.join(plan.brief.message_hierarchy)} {sender.postal_address} {sender.from_name}"
    for part, text in _parts(draft):
        for word in SHOUTED.finditer(text):
            if word[0] not in given:
                return f"{word[0]!r} shouts in the {part} at {word.start()}-{word.end()}"
    return None


def _channel(draft: Draft, plan: Plan, sender: Sender) -> str | None:
    """The constraints that a machine can read, such as `subject at most 50 characters`; people see to the others."""
    for channel in plan.brief.channels:
        for constraint in channel.constraints:
            limit = SUBJECT_LIMIT.search(constraint)
            if limit and len(draft.subject) > int(limit[1]):
                return f"subject has {len(draft.subject)} characters: {constraint}"
    return None


def _postal_address(draft: Draft, plan: Plan, sender: Sender) -> str | None:
    for part, text in (("text", draft.body_text), ("html", draft.body_html)):
        if sender.postal_address not in text:
            return f"no postal address in the {part}"
    return None


def _unsubscribe(draft: Draft, plan: Plan, sender: Sender) -> str | None:
    for part, text in (("text", draft.body_text), ("html", draft.body_html)):
        if "[[unsubscribe_url]]" not in text:
            return f"no visible unsubscribe link in the {part}"
    return None


def _plain_text(draft: Draft, plan: Plan, sender: Sender) -> str | None:
    return None if len(draft.body_text.strip()) >= 80 else "the plain text part says next to nothing"


def _size(draft: Draft, plan: Plan, sender: Sender) -> str | None:
    size = len(draft.body_html.encode())
    return None if size <= CLIPPING_BYTES else f"{size} bytes: large receivers clip at {CLIPPING_BYTES}"


def _alt_texts(draft: Draft, plan: Plan, sender: Sender) -> str | None:
    parser = _Links()
    parser.feed(draft.body_html)
    return f"{parser.images_without_alt} images without alt text" if parser.images_without_alt else None


CHECKS: dict[str, Check] = {
    "lengths": _lengths,
    "merge_tags": _merge_tags,
    "links": _links_allowed,
    "utm": _utm,
    "prohibited_claims": _prohibited,
    "risky_language": _risky,
    "required_claims": _required,
    "brand_rules": _brand,
    "tone": _tone,
    "channel_constraints": _channel,
    "postal_address": _postal_address,
    "unsubscribe": _unsubscribe,
    "plain_text": _plain_text,
    "size": _size,
    "alt_texts": _alt_texts,
}
