"""Drafts a mail. The port is `Writer`; this one fills the templates of the package, so that no model is needed."""

import html
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Protocol
from urllib.parse import urlencode

from jinja2 import DictLoader, Environment, StrictUndefined

from contracts.plan import Plan
from executor.preparing.drafts import SEGMENTS, Draft
from policy.sender import Sender

TAG = re.compile(r"\[\[(\w+)(?:\|([^\]]*))?\]\]")
"""A merge tag: `[[first_name|there]]`."""
ASSETS = {"mail.attended": "demo", "mail.no_show": "replay"}
"""Which entry of the content repository each mail links to first."""


class Writer(Protocol):
    """Only drafts text: it picks no recipient, no address, no amount."""

    def draft(self, artefact: str, plan: Plan, sender: Sender, campaign: str) -> Draft: ...


class TemplateWriter:
    """Fills `templates/<workflow>/<artefact>.*` with the brief's words."""

    def __init__(self) -> None:
        folder = files("executor.preparing") / "templates"
        sources = {entry.name: entry.read_text() for entry in folder.iterdir() if entry.is_file()}
        self._environment = Environment(
            loader=DictLoader(sources),
            autoescape=lambda name: bool(name and name.endswith(".html")),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,  # a mail ends with one, so that its digest can be recomputed from it
        )

    def draft(self, artefact: str, plan: Plan, sender: Sender, campaign: str) -> Draft:
        """The draft of `artefact`. Raises KeyError when an asset is not in the content repository."""
        brief = plan.brief
        links = {asset.id: tagged(sender.assets[asset.id].url, campaign, artefact) for asset in brief.assets}
        words = {
            "offer": plain(brief.offer).rstrip("."),
            "points": [plain(line) for line in brief.message_hierarchy],
            "claims": [plain(claim.text).rstrip(".") for claim in brief.required_claims],
            "links": links,
            "first_link": links[ASSETS[artefact]] if ASSETS[artefact] in links else next(iter(links.values())),
            "titles": {asset.id: sender.assets[asset.id].title for asset in brief.assets},
            "postal_address": sender.postal_address,
            "from_name": sender.from_name,
            "name": plain(brief.name),
        }
        subject, preheader = self._fill(f"{artefact}.subject.txt", words).strip().split("\n")[:2]
        return Draft(
            name=artefact,
            segment=SEGMENTS[artefact],
            template=f"{plan.framework}.{artefact}",
            subject=subject.strip(),
            preheader=preheader.strip(),
            body_text=self._fill(f"{artefact}.txt", words),
            body_html=self._fill(f"{artefact}.html", {**words, "preheader": preheader.strip()}),
        )

    def _fill(self, name: str, words: Mapping[str, object]) -> str:
        return self._environment.get_template(name).render(words).replace("\r\n", "\n")


def plain(text: str) -> str:
    """Text of a brief: it may not bring merge tags of its own."""
    return text.replace("[[", "[").replace("]]", "]")


def tagged(url: str, campaign: str, artefact: str) -> str:
    """`url` with the campaign's UTM parameters."""
    utm = {
        "utm_source": "handrail",
        "utm_medium": "email",
        "utm_campaign": "webinar-follow-up",
        "utm_id": campaign,
        "utm_content": artefact.replace(".", "-"),
    }
    return f"{url}{'&' if '?' in url else '?'}{urlencode(utm)}"


def merge(text: str, values: dict[str, str], *, escape: bool) -> str:
    """`text` with its tags filled in: by value, else by fallback. Raises KeyError for a tag with neither."""

    def filled(match: re.Match[str]) -> str:
        value = values.get(match[1]) or match[2]
        if value is None:
            raise KeyError(match[1])
        return html.escape(value) if escape else value

    return TAG.sub(filled, text)
