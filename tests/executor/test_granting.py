"""A grant is exactly what was asked for, signed, in time and unused; anything else is refused and recorded."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from contracts.actions import ActionProposed, ActionRefused
from contracts.escalation import ActionCleared, ClearanceRevoked
from contracts.event import Signature
from contracts.executor import CampaignFinished, CampaignLaunched, StepCompleted
from contracts.plan import ActionClass
from executor.domain.state import Reason
from executor.effects import Dispatch, KeepGrant, RevokeGrant
from tests.builders import at
from tests.executor.builders import RECIPIENTS, Story, denial, dispatches, grant, pending, sha

Change = Callable[[ActionProposed], dict[str, Any]]


def action(**changes: Any) -> Change:
    return lambda proposal: {"action": proposal.action.model_copy(update=changes)}


def fixed(**changes: Any) -> Change:
    return lambda _: changes


def one_character(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


REFUSED: dict[str, tuple[Change, str]] = {
    "one character of the content": (
        lambda p: {"content_hash": one_character(p.action.content_hash)},
        "content_changed",
    ),
    "one character of the action's content": (
        lambda p: {"action": p.action.model_copy(update={"content_hash": one_character(p.action.content_hash)})},
        "not_what_was_proposed",
    ),
    "another plan": (lambda p: {"plan_hash": one_character(p.plan_hash)}, "not_what_was_proposed"),
    "another policy": (lambda p: {"policy_hash": one_character(p.policy_hash)}, "not_what_was_proposed"),
    "another plan version": (fixed(plan_version=2), "not_what_was_proposed"),
    "another audience": (action(target="everybody"), "not_what_was_proposed"),
    "another tool": (action(tool="sms"), "not_what_was_proposed"),
    "another verb": (action(verb="cancel"), "not_what_was_proposed"),
    "another class": (action(action_class=ActionClass.DRAFT), "not_what_was_proposed"),
    "other parameters": (action(params_hash=sha("others")), "not_what_was_proposed"),
    "an answer to a trigger": (action(answers=uuid4()), "not_what_was_proposed"),
    "another decision": (fixed(decision_id=uuid4()), "unknown_decision"),
    "expired": (fixed(expires_at=at(0)), "expired"),
    "expired long ago": (fixed(expires_at=at(-1)), "expired"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_grant_that_is_not_exactly_what_was_asked_for_is_refused_and_recorded(what: str) -> None:
    story = Story()
    proposal = story.proposed()
    change, because = REFUSED[what]
    decision = story.tell(grant(proposal, **change(proposal)))
    assert decision.reason is Reason.GRANT_REFUSED
    [refused] = story.said(ActionRefused)
    assert refused.because == because
    assert not dispatches(story)
    assert not story.campaign.launched


@pytest.mark.parametrize("signature", [Signature.MISSING, Signature.INVALID])
def test_a_grant_that_nobody_signed_is_refused(signature: Signature) -> None:
    story = Story()
    story.tell(grant(story.proposed()), signature=signature)
    assert [event.because for event in story.said(ActionRefused)] == [f"signature_{signature}"]
    assert not dispatches(story)


def test_a_forged_grant_does_not_burn_the_proposal() -> None:
    story = Story()
    proposal = story.proposed()
    story.tell(grant(proposal), signature=Signature.INVALID)
    assert story.tell(grant(proposal)).reason is Reason.GRANT_TAKEN


def test_the_grant_of_another_campaign_is_refused() -> None:
    other = Story()
    foreign = other.proposed()
    story = Story()
    story.proposed()
    story.tell(grant(foreign))
    assert [event.because for event in story.said(ActionRefused)] == ["unknown_decision"]
    assert len(pending(story.campaign)) == 1


def test_a_grant_that_comes_before_anything_was_proposed_is_refused() -> None:
    proposal = Story().proposed()
    story = Story().planned()
    story.tell(grant(proposal))
    assert [event.because for event in story.said(ActionRefused)] == ["unknown_decision"]


def test_a_grant_counts_once() -> None:
    story = Story()
    proposal = story.proposed()
    story.tell(grant(proposal))
    story.tell(grant(proposal, grant_id=uuid4()))
    assert [event.because for event in story.said(ActionRefused)] == ["used_or_denied"]
    assert len(dispatches(story)) == 1
    assert len([one for one in story.changes if isinstance(one, KeepGrant)]) == 1


def test_a_grant_after_a_denial_is_refused() -> None:
    story = Story()
    proposal = story.proposed()
    story.tell(denial(proposal))
    story.tell(grant(proposal))
    assert len(story.said(ActionRefused)) == 1
    assert not dispatches(story)


def test_a_grant_one_second_before_it_expires_is_taken() -> None:
    story = Story()
    proposal = story.proposed()
    assert story.tell(grant(proposal, expires_at=at(1))).reason is Reason.GRANT_TAKEN


def test_a_good_grant_launches_and_is_kept_with_its_bytes() -> None:
    story = Story()
    proposal = story.proposed()
    cleared = grant(proposal)
    story.tell(cleared)
    [launched] = story.said(CampaignLaunched)
    assert (launched.decision_id, launched.grant_id) == (proposal.decision_id, cleared.grant_id)
    assert launched.recipients == RECIPIENTS
    assert {item.verdict for item in launched.checklist} == {"pass"}
    kept = story.last(KeepGrant)
    assert (kept.snapshot_hash, kept.content_hash, kept.value) == (sha("snapshot"), sha("content"), b"grant")
    assert (kept.from_wave, kept.first_wave, kept.next_waves) == (1, 240, 240)
    assert kept.expires_at == cleared.expires_at
    assert "approve" in [event.step for event in story.said(StepCompleted)]
    assert story.last(Dispatch).fence == story.campaign.fence
    assert story.sending.waves == {1: 240, 2: 240, 3: 108}


@pytest.mark.parametrize(
    ("because", "outcome"), [("refused", "cancelled"), ("expired", "expired"), ("campaign_finished", "cancelled")]
)
def test_a_denied_send_ends_the_campaign(because: str, outcome: str) -> None:
    story = Story()
    story.tell(denial(story.proposed(), because))
    assert [event.outcome for event in story.said(CampaignFinished)] == [outcome]


def revocation(cleared: ActionCleared) -> ClearanceRevoked:
    return ClearanceRevoked(
        grant_id=cleared.grant_id, decision_id=cleared.decision_id, plan_version=1, by=None, because="a wrong price"
    )


def test_a_signed_word_takes_a_grant_back() -> None:
    story = Story()
    cleared = grant(story.proposed())
    story.tell(cleared)
    assert story.tell(revocation(cleared)).reason is Reason.REVOKED
    assert story.last(RevokeGrant).grant_id == cleared.grant_id


@pytest.mark.parametrize("signature", [Signature.MISSING, Signature.INVALID])
def test_an_unsigned_revocation_is_refused(signature: Signature) -> None:
    story = Story()
    cleared = grant(story.proposed())
    story.tell(cleared)
    story.tell(revocation(cleared), signature=signature)
    assert not [one for one in story.changes if isinstance(one, RevokeGrant)]
    assert len(story.said(ActionRefused)) == 1


def test_a_grant_after_the_campaign_is_over_is_refused() -> None:
    story = Story()
    proposal = story.proposed()
    story.now += timedelta(seconds=1)
    story.tell(denial(proposal, "expired"))
    story.tell(grant(proposal))
    assert [event.because for event in story.said(ActionRefused)] == ["campaign_finished"]
