"""A draft against its brief and policy: planted defects, each found with its span, or named as missing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from contracts.brief import Asset, Brief, Claim
from contracts.executor import CheckResult, Verdict
from contracts.plan import Plan
from executor.preparing.checks import run
from executor.preparing.drafts import Draft
from executor.preparing.writer import TemplateWriter
from policy.sender import AssetEntry, Sender
from tests.builders import brief, plan_issued
from tests.executor.builders import MAILS

CAMPAIGN = "11111111-1111-5111-8111-111111111111"
SENDER = Sender(
    from_address="hello@mail.acme.example",
    from_name="Acme Webinars",
    reply_to="support@acme.example",
    postal_address="Acme GmbH, Musterstrasse 1, 10115 Berlin",
    link_domains=("acme.example",),
    assets={
        "demo": AssetEntry(title="Book a demo", url="https://www.acme.example/demo"),
        "replay": AssetEntry(title="The replay", url="https://www.acme.example/replay?from=mail"),
    },
)


def plan(**changes: Any) -> Plan:
    return plan_issued(brief_=brief(**changes)).plan


def draft(artefact: str = "mail.attended", **changes: Any) -> Draft:
    return TemplateWriter().draft(artefact, plan(**changes), SENDER, CAMPAIGN)


def findings(one: Draft, **changes: Any) -> dict[str, CheckResult]:
    """What fails, by rule."""
    return {found.check: found for found in run(one, plan(**changes), SENDER) if found.verdict is not Verdict.PASS}


@pytest.mark.parametrize("artefact", MAILS)
def test_the_templates_pass_every_check(artefact: str) -> None:
    assert findings(draft(artefact)) == {}


def both(old: str, new: str) -> Callable[[Draft], Draft]:
    """A defect in text and html alike."""
    return lambda one: replace(
        one, body_text=one.body_text.replace(old, new), body_html=one.body_html.replace(old, new)
    )


def added(text: str) -> Callable[[Draft], Draft]:
    return lambda one: replace(
        one, body_text=one.body_text + text, body_html=one.body_html.replace("</body>", f"<p>{text}</p></body>")
    )


def linked(url: str) -> Callable[[Draft], Draft]:
    return lambda one: replace(one, body_html=one.body_html.replace("</body>", f'<a href="{url}">more</a></body>'))


CLAIM = "The migration plan is free"
UTM = "utm_source=handrail&utm_medium=email&utm_campaign=c&utm_id=1"
PLANTED: dict[str, tuple[Callable[[Draft], Draft], str, str]] = {
    "a required claim left out": (both(CLAIM, "More below"), "required_claims", "missing: free-plan"),
    "a prohibited claim": (added("Guaranteed results."), "prohibited_claims", "'guaranteed results' in the text"),
    "risky language": (added("A risk-free offer."), "risky_language", "'risk-free' in the text"),
    "against the brand": (added("Book now!"), "brand_rules", "exclamation mark in the text"),
    "a subject too long": (lambda one: replace(one, subject="s" * 61), "lengths", "subject has 61"),
    "no subject": (lambda one: replace(one, subject=""), "lengths", "subject has 0"),
    "no preheader": (lambda one: replace(one, preheader=""), "lengths", "preheader has 0"),
    "a tag without fallback": (both("[[first_name|there]]", "[[first_name]]"), "merge_tags", "first_name"),
    "an unknown tag": (both("[[first_name|there]]", "[[salary]]"), "merge_tags", "salary"),
    "a broken tag": (both("[[first_name|there]]", "[[first name]]"), "merge_tags", "broken"),
    "a link without https": (linked(f"http://www.acme.example/x?{UTM}"), "links", "is not https"),
    "a link to somewhere else": (linked(f"https://evil.example/x?{UTM}"), "links", "leaves the allowed domains"),
    "a link to a look-alike": (linked(f"https://notacme.example/x?{UTM}"), "links", "leaves the allowed domains"),
    "a link without UTM": (linked("https://www.acme.example/x"), "utm", "utm_source=''"),
    "an UTM in upper case": (linked("https://acme.example/?" + UTM.replace("=c", "=Spring")), "utm", "'Spring'"),
    "an UTM with a space": (linked("https://acme.example/?" + UTM.replace("=c", "=a+b")), "utm", "'a b'"),
    "an unknown medium": (linked("https://acme.example/?" + UTM.replace("email", "mailing")), "utm", "'mailing'"),
    "no postal address": (both(SENDER.postal_address, "Acme"), "postal_address", "no postal address in the text"),
    "no way out": (both("[[unsubscribe_url]]", "https://acme.example"), "unsubscribe", "no visible unsubscribe"),
    "no plain text": (lambda one: replace(one, body_text="See html"), "plain_text", "next to nothing"),
    "too large": (added("x" * 103 * 1024), "size", "clip at"),
    "an image without alt": (
        lambda one: replace(one, body_html=one.body_html.replace("</body>", '<img src="https://x"></body>')),
        "alt_texts",
        "1 images",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_defect_is_found_by_its_rule(what: str) -> None:
    plant, rule, said = PLANTED[what]
    found = findings(plant(draft()))
    assert rule in found, found
    assert said in found[rule].evidence


def test_six_defects_are_six_findings_with_span_or_missing() -> None:
    one = draft()
    for what in ("a required claim left out", "a prohibited claim", "risky language", "against the brand",
                 "a link to somewhere else", "a subject too long"):  # fmt: skip
        one = PLANTED[what][0](one)
    found = findings(one)
    assert {"required_claims", "prohibited_claims", "risky_language", "brand_rules", "links", "lengths"} <= set(found)


def test_a_span_says_where_the_words_are() -> None:
    one = added("Guaranteed results for you.")(draft())
    said = findings(one)["prohibited_claims"].evidence
    start, end = map(int, said.rsplit(" at ", 1)[1].split("-"))
    assert one.body_text[start:end].lower() == "guaranteed results"


HTML_ONLY: dict[str, tuple[str, str]] = {
    "a prohibited claim": ("<p>Guaranteed results</p>", "prohibited_claims"),
    "risky language": ("<p>A risk-free offer</p>", "risky_language"),
    "against the brand": ("<p>Book now!</p>", "brand_rules"),
}


@pytest.mark.parametrize("what", HTML_ONLY)
def test_a_defect_of_the_html_alone_is_found(what: str) -> None:
    html, rule = HTML_ONLY[what]
    one = draft()
    assert rule in findings(replace(one, body_html=one.body_html.replace("</body>", f"{html}</body>")))


def test_a_required_claim_must_be_in_both_parts() -> None:
    one = draft()
    bare = replace(one, body_html=one.body_html.replace("The migration plan is free", "More below"))
    assert "required_claims" in findings(bare)


@pytest.mark.parametrize("text", ["guaranteed\nresults", "guaranteed  results"])
def test_a_claim_is_found_whatever_its_spaces(text: str) -> None:
    assert "prohibited_claims" in findings(added(text)(draft()))


@pytest.mark.parametrize("rule", ["tone", "channel_constraints"])
def test_tone_and_channel_have_their_rules(rule: str) -> None:
    assert rule in {one.check for one in run(draft(), plan(), SENDER)}


def test_the_words_of_a_brief_bring_no_tags_of_their_own() -> None:
    one = draft(offer="Ask [[password|me]] about it")
    assert "[[password" not in one.body_text + one.body_html
    assert "merge_tags" not in findings(one, offer="Ask [[password|me]] about it")


def test_the_words_of_a_brief_are_text_and_not_markup() -> None:
    one = draft(offer='<a href="https://evil.example">A demo</a>')
    assert '<a href="https://evil' not in one.body_html


def test_an_offer_that_is_a_sentence_ends_once() -> None:
    assert ".." not in draft(offer="A 30-minute demo.").body_text


def test_every_link_keeps_its_own_query_and_names_the_campaign() -> None:
    one = draft("mail.no_show")
    assert "https://www.acme.example/replay?from=mail&utm_source=handrail" in one.body_text
    assert f"utm_id={CAMPAIGN}" in one.body_text


def test_an_asset_the_repository_does_not_know_is_an_error_that_names_it() -> None:
    with pytest.raises(KeyError, match="brochure"):
        draft(assets=(Asset(id="brochure", rights="own"),))


def test_each_required_claim_is_looked_for() -> None:
    claims = (*brief().required_claims, Claim(id="two", text="Ready in a day", evidence="survey"))
    found = findings(draft(), required_claims=claims)
    assert found["required_claims"].evidence == "missing: two"


def test_a_draft_of_a_brief_carries_its_claims() -> None:
    given: Brief = brief()
    for artefact in MAILS:
        text = draft(artefact).body_text
        assert all(claim.text in text for claim in given.required_claims)
        assert given.offer in text
