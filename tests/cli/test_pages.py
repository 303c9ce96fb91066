"""What people read: every part of a card, explanations, logs, times."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console, RenderableType
from rich.text import Text

from contracts.event import Money
from handrail import cli_card, cli_logs
from handrail.case_views import Card
from handrail.cli_terminal import duration, money, until
from handrail.demo_proof import change_one_byte
from handrail.demo_stage import DidNotHold
from handrail.views import Mail
from tests.builders import proposed

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


def text_of(page: RenderableType) -> str:
    written = io.StringIO()
    Console(width=160, file=written).print(page)
    return written.getvalue()


def option(number: int, **changes: Any) -> dict[str, Any]:
    proposal = proposed()
    values = {
        **proposal.model_dump(mode="json"),
        "decision_id": f"{number:08d}-0000-5000-8000-000000000000",
        "content_hash": f"{number:064d}",
        "predicted": proposal.prediction.model_dump(mode="json"),
        "cost_of_waiting": {"micros": 617_140_000, "currency": "EUR"},
        "cost_of_error": {"micros": 240_000_000, "currency": "EUR"},
        "title": f"Option number {number}",
    }
    return {**values, **changes}


def card(*options: dict[str, Any]) -> Card:
    return Card.model_validate(
        {
            "case_id": "22222222-2222-5222-8222-222222222222",
            "campaign_id": "11111111-1111-5111-8111-111111111111",
            "kind": "approval",
            "status": "open",
            "severity": "medium",
            "asked": "Send it to 588 people",
            "because": "novelty",
            "opened_at": NOW,
            "deadline": NOW,
            "needs": {"role": "campaign_approver", "count": 1, "backup_role": "marketing_lead"},
            "told": ["ana"],
            "if_ignored": "Nothing is sent.",
            "options": options,
        }
    )


def test_a_card_says_everything_that_a_person_needs_to_decide() -> None:
    mail = Mail(subject="Your recap", body_text="Hello Ada,", digest="ab" * 32, variant="mail.attended")
    shown = text_of(cli_card.card(card(option(1)), {f"{1:064d}": [mail]}))
    proposal = proposed()
    parts = [
        "Send it to 588 people",
        "novelty",
        "campaign_approver (else marketing_lead)",
        "Nothing is sent.",
        proposal.strategy,
        f"({proposal.prediction.low:.0f} to {proposal.prediction.high:.0f})",
        "confidence",
        proposal.reversibility.reversibility_class.value,
        f"{proposal.blast_radius.people} people",
        "617.14 EUR a day",
        "240.00 EUR",
        proposal.sources[0].ref,
        f"{1:064d}",
        "mail.attended Your recap",
        "Hello Ada,",
    ]
    assert [part for part in parts if part not in shown] == []


def test_a_card_says_how_many_are_left_out() -> None:
    radius = proposed().blast_radius.model_dump(mode="json")
    assert "left out" not in text_of(cli_card.card(card(option(1))))
    assert "588 people and 12 left out" in text_of(
        cli_card.card(card(option(1, blast_radius=radius | {"excluded": 12})))
    )


def test_a_card_that_was_withdrawn_says_why() -> None:
    closed = card(option(1)).model_copy(update={"status": "withdrawn", "withdrawn_because": "campaign_resumed"})
    assert "medium withdrawn: campaign resumed" in text_of(cli_card.card(closed))


def test_options_stand_side_by_side_and_say_once_what_they_share() -> None:
    shown = text_of(
        cli_card.card(card(option(1, recipients=333), option(2, recipients=348), option(3, confidence=0.4)))
    )
    assert all(f"Option number {number}" in shown for number in (1, 2, 3))
    assert shown.count("617.14 EUR a day") == 1
    assert "40.0 %" in shown


def test_what_a_person_wrote_is_never_taken_for_markup() -> None:
    shown = text_of(cli_card.card(card(option(1, strategy="[red]not[/] red [bold"))))
    assert "[red]not[/] red [bold" in shown


def diff(**changes: Any) -> dict[str, Any]:
    values = {
        "decision_id": "00000009-0000-5000-8000-000000000000",
        "campaign_id": "11111111-1111-5111-8111-111111111111",
        "content_hash": f"{9:064d}",
        "approved_at": NOW,
        "recipients_before": 588,
        "recipients_after": 333,
        "more": 0,
        "fewer": 255,
        "parts": [{"ref": "artefact mail.attended", "before": "ab" * 32, "after": "cd" * 32}],
        "facts": [{"what": "cost_of_error", "before": "240.00 EUR", "after": "300.00 EUR"}],
        "policy": ["confidence_floor"],
    }
    return {**values, **changes}


def mail(subject: str) -> Mail:
    return Mail(subject=subject, body_text="Hello", digest="ab" * 32, variant="mail.attended")


def test_a_card_says_first_what_changed_since_the_last_approval() -> None:
    mails = {f"{1:064d}": [mail("Your [recap]")], f"{9:064d}": [mail("Your replay")]}
    shown = text_of(cli_card.card(card(option(1, diff=diff())), mails))
    for part in (
        "people: 588 -> 333 (255 fewer)",
        "mail.attended: another text, subject 'Your replay' -> 'Your [recap]'",
        "cost of error: 240.00 EUR -> 300.00 EUR",
        "policy: confidence floor",
        "since 2026-01-05 09:00 UTC, approved in this campaign",
    ):
        assert part in shown


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (None, "new: nothing of this kind was approved before"),
        (diff(recipients_after=588, fewer=0, parts=[], facts=[], policy=[]), "nothing"),
        (diff(campaign_id="99999999-1111-5111-8111-111111111111"), "approved in campaign 99999999"),
        (diff(parts=[{"ref": "artefact mail.no_show", "before": None, "after": "cd" * 32}]), "mail.no_show: new"),
        (diff(parts=[{"ref": "artefact mail.no_show", "before": "cd" * 32, "after": None}]), "mail.no_show: gone"),
    ],
)
def test_what_a_card_says_of_changes(changes: dict[str, Any] | None, said: str) -> None:
    assert said in text_of(cli_card.card(card(option(1, diff=changes))))
    assert said in text_of(cli_card.card(card(option(1, diff=changes), option(2))))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.25, "0.2 s"), (5, "5 s"), (61, "1 min 1 s"), (7200, "2 h"), (90_061, "1 d 1 h"), (59.9, "1 min")],
)
def test_durations_are_in_the_two_largest_units(seconds: float, said: str) -> None:
    assert duration(timedelta(seconds=seconds)) == said


def test_a_time_is_said_by_its_distance() -> None:
    assert until(NOW + timedelta(hours=4), NOW) == "in 4 h"
    assert until(NOW - timedelta(minutes=2), NOW) == "2 min ago"


def test_money_has_two_decimals_and_its_currency() -> None:
    assert money(Money(micros=1_234_560_000, currency="EUR")) == "1,234.56 EUR"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            '{"event": "started", "level": "info", "timestamp": "2026-01-05T09:00:01Z", "port": 1}',
            "09:00:01 started port=1",
        ),
        ('{"event": "no [bold", "level": "error", "timestamp": "2026-01-05T09:00:01Z"}', "09:00:01 error no [bold"),
        ("plain [text]\n", "plain [text]"),
        ('{"other": 1}', '{"other": 1}'),
        ("[1]", "[1]"),
    ],
)
def test_a_log_line_is_made_readable_or_left_alone(line: str, said: str) -> None:
    assert Text.from_markup(cli_logs.readable(line)).plain == said


def test_exactly_one_byte_of_the_copy_is_changed() -> None:
    export = b'{"seq": 1, "value": "QUJDREVG"}\n{"seq": 2, "value": "QUJDQUJD"}\n'
    changed = change_one_byte(export, 1)
    assert len(changed) == len(export)
    assert [place for place in range(len(export)) if export[place] != changed[place]] == [export.rindex(b"QUJD")]


def test_a_record_without_a_value_cannot_be_changed() -> None:
    with pytest.raises(DidNotHold):
        change_one_byte(b'{"seq": 1}\n', 0)
