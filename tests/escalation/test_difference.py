"""A card says what is new: beside the last approval in this campaign, else of the framework, else nothing."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.decision import LegalClass, Source, Taint
from contracts.event import Money
from escalation.commands import RevokeClearance
from escalation.domain.difference import Content, Difference, content, difference
from tests.builders import CAMPAIGN, HASH, T0, euros, meta, plan_issued, policy, proposed
from tests.escalation.builders import WHY, Story, asked, fired, later, option, planned, who

MAIL = Source(ref="artefact mail.attended revision 1", hash=HASH, taint=Taint.OURS)
BRIEF = Source(ref="brief", hash=HASH, taint=Taint.PERSON)


def of(**changes: Any) -> Content:
    issued = plan_issued()
    return content(CAMPAIGN, proposed(issued, **changes), issued.plan, T0)


def found(story: Story, decision: Any) -> Difference | None:
    assert story.state is not None
    return story.state.rulings[decision.decision_id].difference


def test_the_same_content_differs_in_nothing() -> None:
    same = difference(of(), of())
    assert (same.more, same.fewer, same.parts, same.facts, same.policy) == (0, 0, (), (), ())


@pytest.mark.parametrize(("recipients", "more", "fewer"), [(588, 0, 0), (600, 12, 0), (333, 0, 255)])
def test_people_more_and_fewer_are_net(recipients: int, more: int, fewer: int) -> None:
    found = difference(of(), of(recipients=recipients))
    assert (found.recipients_before, found.recipients_after, found.more, found.fewer) == (588, recipients, more, fewer)


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ((BRIEF, MAIL), (BRIEF, MAIL.model_copy(update={"hash": "cd" * 32})), (HASH, "cd" * 32)),
        ((BRIEF,), (BRIEF, MAIL), (None, HASH)),
        ((BRIEF, MAIL), (BRIEF,), (HASH, None)),
    ],
    ids=["changed", "added", "removed"],
)
def test_a_mail_that_changed_is_named_with_both_hashes(before: Any, after: Any, changed: Any) -> None:
    [part] = difference(of(sources=before), of(sources=after)).parts
    assert (part.ref, part.before, part.after) == ("artefact mail.attended", *changed)


def test_another_revision_with_the_same_text_is_no_change() -> None:
    again = MAIL.model_copy(update={"ref": "artefact mail.attended revision 2"})
    assert difference(of(sources=(MAIL,)), of(sources=(again,))).parts == ()


@pytest.mark.parametrize(
    ("changes", "what", "before", "after"),
    [
        ({"cost_of_error": euros(300)}, "cost_of_error", "240.00 EUR", "300.00 EUR"),
        ({"cost_of_delay": Money(micros=1, currency="USD")}, "cost_of_waiting", "50.00 EUR", "0.00 USD"),
        ({"chosen": "half"}, "choice", "send", "half"),
        (
            {"blast_radius": proposed().blast_radius.model_copy(update={"legal_class": LegalClass.REGULATED})},
            "legal_class", "commercial_mail", "regulated",
        ),
        ({"action": proposed().action.model_copy(update={"tool": "ses"})}, "tool", "smtp/send_campaign",
         "ses/send_campaign"),
        ({"action": proposed().action.model_copy(update={"target": "everybody"})}, "target", "webinar-registrants",
         "everybody"),
    ],
)  # fmt: skip
def test_a_figure_that_changed_is_named_with_both_values(
    changes: dict[str, Any], what: str, before: str, after: str
) -> None:
    [fact] = difference(of(), of(**changes)).facts
    assert (fact.what, fact.before, fact.after) == (what, before, after)


def test_the_fields_of_the_policy_that_changed_are_named() -> None:
    stricter = plan_issued(policy_=policy(confidence_floor=0.9, boundaries=()))
    after = content(CAMPAIGN, proposed(stricter), stricter.plan, T0)
    assert set(difference(of(), after).policy) == {"confidence_floor", "boundaries"}


def test_a_first_proposal_has_nothing_to_be_compared_with() -> None:
    story, proposal = asked()
    assert found(story, proposal) is None


def test_a_later_proposal_of_a_campaign_is_compared_with_what_was_approved_in_it() -> None:
    story, first = asked()
    story.vote(first, who(), at=later(minutes=5))
    again = proposed(story.plans[1], recipients=500)
    story.tell(again, later(minutes=9))
    diff = found(story, again)
    assert diff is not None
    assert (diff.decision_id, diff.approved_at, diff.fewer) == (first.decision_id, later(minutes=5), 88)


def test_an_option_to_go_on_is_compared_with_the_send_it_goes_on_with_and_a_stop_is_not() -> None:
    story, first = asked()
    story.vote(first, who())
    trigger = meta()
    story.tell(fired(), cause=trigger)
    resume, stop = (option(story.plans[1], trigger.event_id, name) for name in ("resume", "stop"))
    story.tell(resume)
    story.tell(stop)
    diff = found(story, resume)
    assert diff is not None
    assert diff.decision_id == first.decision_id
    assert found(story, stop) is None


def test_what_was_revoked_or_refused_is_no_approval_to_be_compared_with() -> None:
    story, first = asked()
    story.shared = replace(story.shared, frameworks={})
    story.vote(first, who())
    story.shared = replace(story.shared, frameworks={})
    story.tell(RevokeClearance(command_id="r", actor=who(), decision_id=first.decision_id, because="a typo"))
    again = proposed(story.plans[1])
    story.tell(again)
    assert found(story, again) is None


def test_another_campaign_is_compared_with_what_the_framework_was_approved_for_last() -> None:
    story, first = asked()
    story.vote(first, who(), reason=WHY)
    other = replace(planned(), shared=story.shared)
    radius = first.blast_radius.model_copy(update={"legal_class": LegalClass.REGULATED})
    same, regulated = proposed(other.plans[1]), proposed(other.plans[1], blast_radius=radius)
    other.tell(same)
    other.tell(regulated)
    assert (diff := found(other, same)) is not None
    assert (diff.decision_id, diff.facts) == (first.decision_id, ())
    diff = found(other, regulated)
    assert diff is not None
    assert [fact.what for fact in diff.facts] == ["legal_class"]
