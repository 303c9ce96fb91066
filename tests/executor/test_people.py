"""Recipients and cases: suppression at once, evidence for lost answers, the stage while people are asked."""

from uuid import uuid4

import pytest

from contracts.actions import ActionReconciled, Settled
from contracts.escalation import CaseExpired, CaseKind, CaseResolved, CaseWithdrawn
from contracts.event import Event
from contracts.executor import CampaignStage, RecipientSuppressed, StageChanged, SuppressionReason
from contracts.inbound import MailEvent
from executor.commands import CancelCampaign, Unsubscribe
from executor.domain.state import Reason
from executor.effects import SeeEvidence, Settle, Suppress
from tests.executor.builders import Story, asked, case, lost, report, sha, went_well, word


@pytest.mark.parametrize(
    ("kind", "because"),
    [
        (MailEvent.BOUNCED_HARD, SuppressionReason.HARD_BOUNCE),
        (MailEvent.COMPLAINED, SuppressionReason.COMPLAINT),
        (MailEvent.UNSUBSCRIBED, SuppressionReason.UNSUBSCRIBE),
    ],
)
def test_who_bounces_complains_or_leaves_is_never_written_to_again(kind: MailEvent, because: SuppressionReason) -> None:
    story = Story().launched()
    assert story.tell(report(kind)).reason is Reason.SUPPRESSED
    [event] = story.said(RecipientSuppressed)
    assert (event.recipient_hash, event.reason) == (sha("zoe"), because)
    assert story.last(Suppress).reason is because


@pytest.mark.parametrize("kind", sorted(set(MailEvent) - {"bounced_hard", "complained", "unsubscribed"}))
def test_no_other_report_suppresses(kind: MailEvent) -> None:
    story = Story().launched()
    story.tell(report(MailEvent(kind)))
    assert not story.said(RecipientSuppressed)


def test_who_is_suppressed_already_is_not_suppressed_twice() -> None:
    story = Story(suppressed=frozenset({sha("zoe")})).launched()
    story.tell(report(MailEvent.COMPLAINED))
    assert not story.said(RecipientSuppressed)


@pytest.mark.parametrize("known", [True, False])
def test_unsubscribing_works_whatever_state_the_campaign_is_in(known: bool) -> None:
    story = Story().launched() if known else Story()
    command = Unsubscribe(
        **asked("recipient:1"),
        recipient_hash=sha("zoe"),
        recipient_domain="stark.example",
        reason=SuppressionReason.UNSUBSCRIBE,
    )
    assert story.tell(command).reason is Reason.SUPPRESSED
    if known:
        story.tell(CancelCampaign(**asked("maya", "c1"), reason="over"))
        assert story.tell(command.model_copy(update={"recipient_hash": sha("kai")})).reason is Reason.SUPPRESSED


def test_risk_reducing_commands_pass_a_parked_campaign() -> None:
    assert Unsubscribe.reduces_risk
    assert CancelCampaign.reduces_risk


@pytest.mark.parametrize("kind", [MailEvent.DELIVERED, MailEvent.BOUNCED_HARD, MailEvent.OPENED, MailEvent.CLICKED])
def test_a_report_of_the_world_settles_a_lost_answer(kind: MailEvent) -> None:
    story = Story().launched()
    effect, decision = uuid4(), story.sending.decision_id
    story.uncertain = lost(effect, decision)
    assert story.tell(report(kind, effect)).reason is Reason.SETTLED
    [event] = story.said(ActionReconciled)
    assert (event.effect_id, event.decision_id, event.settled, event.by) == (effect, decision, Settled.APPLIED, None)
    assert kind.value in event.evidence
    assert story.last(Settle) == Settle(effect, applied=True)


@pytest.mark.parametrize("kind", [MailEvent.DROPPED, MailEvent.RESUBSCRIBED])
def test_what_proves_nothing_settles_nothing(kind: MailEvent) -> None:
    story = Story().launched()
    effect = uuid4()
    story.uncertain = lost(effect, story.sending.decision_id)
    story.tell(report(kind, effect))
    assert not story.said(ActionReconciled)


def test_a_report_that_comes_before_the_answer_was_lost_is_kept_as_evidence() -> None:
    story = Story().launched()
    effect = uuid4()
    story.tell(report(MailEvent.DELIVERED, effect))
    assert story.last(SeeEvidence) == SeeEvidence(effect, "delivered")


@pytest.mark.parametrize(("applied", "settled"), [(True, Settled.APPLIED), (False, Settled.NOT_APPLIED)])
def test_a_person_settles_what_no_report_does(applied: bool, settled: Settled) -> None:
    story = Story().launched()
    effect = uuid4()
    story.uncertain = lost(effect, story.sending.decision_id)
    story.tell(word(effect, applied=applied))
    [event] = story.said(ActionReconciled)
    assert event.settled is settled
    assert event.by is not None
    assert event.by.subject == "ana"
    assert story.last(Settle) == Settle(effect, applied=applied)


def test_a_vote_on_a_proposal_settles_nothing() -> None:
    story = Story().launched()
    story.tell(word(story.sending.decision_id, applied=True))
    assert not story.said(ActionReconciled)


def closed(kind: type[Event], case_id: object) -> Event:
    more: dict[type[Event], dict[str, object]] = {
        CaseResolved: {"chosen": None, "by": ()},
        CaseExpired: {"if_ignored": "nothing is sent"},
        CaseWithdrawn: {"because": "over"},
    }
    return kind.model_validate({"case_id": case_id, **more[kind]})


@pytest.mark.parametrize("kind", [CaseResolved, CaseExpired, CaseWithdrawn])
def test_while_people_are_asked_the_campaign_is_in_escalation(kind: type[Event]) -> None:
    story = Story().prepared()
    asked_about = uuid4()
    story.tell(case(asked_about))
    assert story.stage == CampaignStage.ESCALATION
    story.tell(closed(kind, asked_about))
    assert story.stage == CampaignStage.EXECUTION
    moves = [(event.before.value, event.after.value) for event in story.said(StageChanged)]
    assert moves == [("briefing", "execution"), ("execution", "escalation"), ("escalation", "execution")]


def test_only_the_last_case_lets_the_campaign_return() -> None:
    story = Story().launched()
    one, two = uuid4(), uuid4()
    story.tell(case(one))
    story.tell(case(two, CaseKind.UNCERTAIN))
    story.tell(closed(CaseResolved, one))
    assert story.stage == CampaignStage.ESCALATION
    story.tell(closed(CaseResolved, two))
    assert story.stage == CampaignStage.EXECUTION


def test_a_case_that_is_opened_twice_counts_once() -> None:
    story = Story().prepared()
    one = uuid4()
    story.tell(case(one))
    story.tell(case(one))
    story.tell(closed(CaseResolved, one))
    assert story.stage == CampaignStage.EXECUTION


def test_what_ends_while_people_are_asked_goes_on_where_it_would_be() -> None:
    story = Story().launched()
    for _ in range(2):
        story.wave_sent()
        story.tell(went_well(story.campaign))
    open_case = uuid4()
    story.tell(case(open_case, CaseKind.UNCERTAIN))
    story.wave_sent()
    assert story.stage == CampaignStage.ESCALATION
    story.tell(closed(CaseResolved, open_case))
    assert story.stage == CampaignStage.MONITORING


def test_a_case_after_the_end_does_not_reopen_the_campaign() -> None:
    story = Story().launched()
    story.tell(CancelCampaign(**asked("maya", "c1"), reason="over"))
    story.tell(case(uuid4()))
    assert story.stage == CampaignStage.CLOSED
