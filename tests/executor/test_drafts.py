"""What is approved is what is mailed: hashes that anybody can recompute."""

from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.plan import Plan
from executor.preparing.drafts import Rendered, snapshot_hash
from executor.preparing.writer import merge
from executor.sending.sends import Sends
from tests.builders import plan_issued
from tests.conftest import VERIFIER
from tests.executor.test_checks import SENDER, draft

MAIL = Rendered("Your recap", "Hello Zoe,\n", "<p>Hello Zoe,</p>\n")


def framed(*parts: str) -> bytes:
    """The framing, written down once more: what a judge would write."""
    return b"".join(len(raw).to_bytes(4, "big") + raw for raw in (part.encode() for part in parts))


def test_a_digest_is_sha256_over_framed_subject_text_and_html() -> None:
    assert MAIL.digest == sha256(framed(MAIL.subject, MAIL.text, MAIL.html)).hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        Rendered("Your recap ", MAIL.text, MAIL.html),
        Rendered(MAIL.subject, "Hello Zoe,", MAIL.html),
        Rendered(MAIL.subject, MAIL.text, "<p>Hello Zoe.</p>\n"),
        Rendered(MAIL.subject + MAIL.text, "", MAIL.html),
    ],
)
def test_one_character_makes_another_digest(other: Rendered) -> None:
    assert other.digest != MAIL.digest


def test_a_snapshot_can_be_recomputed_by_a_judge() -> None:
    mails = [("bb" * 32, "2" * 64), ("aa" * 32, "1" * 64)]
    by_hand = framed("aa" * 32, "1" * 64, "bb" * 32, "2" * 64)
    assert snapshot_hash(mails) == sha256(by_hand).hexdigest()


@given(st.dictionaries(st.text("0123456789abcdef", min_size=64, max_size=64), st.just("d" * 64), max_size=6))
def test_a_snapshot_does_not_depend_on_the_order(mails: dict[str, str]) -> None:
    forward = list(mails.items())
    assert snapshot_hash(forward) == snapshot_hash(list(reversed(forward)))


def test_one_recipient_more_is_another_snapshot() -> None:
    assert snapshot_hash([("aa", "1")]) != snapshot_hash([("aa", "1"), ("bb", "2")])


PLAN = plan_issued().plan
SENDS = Sends(SENDER, "send_campaign", VERIFIER)


def renamed(**changes: str) -> Sends:
    return replace(SENDS, sender=SENDER.model_copy(update=changes))


@pytest.mark.parametrize(
    ("sends", "plan"),
    [
        (renamed(from_address="hallo@mail.acme.example"), PLAN),
        (renamed(reply_to="hilfe@acme.example"), PLAN),
        (replace(SENDS, verb="cancel"), PLAN),
        (SENDS, PLAN.model_copy(update={"version": 2})),
        (SENDS, PLAN.model_copy(update={"mail_tool": "esp"})),
        (SENDS, PLAN.model_copy(update={"policy_hash": "ab" * 32})),
    ],
)
def test_an_approval_binds_sender_tool_plan_and_policy(sends: Sends, plan: Plan) -> None:
    assert sends.content_hash("s", plan) != SENDS.content_hash("s", PLAN)
    assert SENDS.content_hash("t", PLAN) != SENDS.content_hash("s", PLAN)


def test_an_approval_binds_the_name_in_from() -> None:
    assert renamed(from_name="Acme Bank").content_hash("s", PLAN) != SENDS.content_hash("s", PLAN)


@pytest.mark.parametrize(
    ("name", "greeting"), [("Zoe", "Hello Zoe,"), ("", "Hello there,"), ("[[x|y]]", "Hello [[x|y]],")]
)
def test_a_tag_takes_its_value_else_its_fallback_and_a_value_is_never_read_again(name: str, greeting: str) -> None:
    values = {"first_name": name, "unsubscribe_url": "https://mail.example/u/t"}
    assert merge(draft().body_text, values, escape=False).startswith(greeting)


def test_a_name_is_text_in_html() -> None:
    values = {"first_name": "<script>", "unsubscribe_url": "https://mail.example/u/t?a=1&b=2"}
    html = merge(draft().body_html, values, escape=True)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_the_same_draft_comes_out_the_same() -> None:
    assert draft() == draft()
    assert draft().content_hash == draft().content_hash
    assert draft("mail.no_show").content_hash != draft().content_hash


def test_drafts_have_unix_line_ends() -> None:
    assert "\r" not in draft().body_text + draft().body_html
