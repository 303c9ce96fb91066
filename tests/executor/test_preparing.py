"""From a plan to a proposal: what is done in which order, and what blocks a launch."""

from typing import Any
from uuid import uuid4

import pytest

from chassis.decision import TaskFailed
from contracts.actions import ActionProposed
from contracts.decision import Taint
from contracts.executor import (
    ArtefactChecked,
    CampaignStage,
    ChecklistItemWaived,
    CheckResult,
    StageChanged,
    StepCompleted,
    StepFailed,
    Verdict,
    WorkBegun,
)
from contracts.plan import ActionClass
from executor.commands import WaiveItem
from executor.domain.checklist import blocking, checklist
from executor.domain.state import Artefact, Reason
from executor.effects import SetGuard
from executor.preparing.candidates import PlanSend
from executor.preparing.drafts import CheckMail, DraftMail, RenderMails
from tests.executor.builders import (
    FAILS,
    LONG,
    MAILS,
    RECIPIENTS,
    TOO_MANY,
    Story,
    asked,
    checked,
    drafted,
    planned,
    rendered,
    sha,
    without,
)


def waiver(item: str, **changes: Any) -> WaiveItem:
    values = {**asked("leo"), "item": item, "reason": "the partner's list came late", **changes}
    return WaiveItem.model_validate(values)


def test_a_plan_begins_work_on_both_mails_with_the_guard_in_place() -> None:
    story = Story().planned()
    assert story.said(WorkBegun)
    assert [(e.before, e.after) for e in story.said(StageChanged)] == [
        (CampaignStage.BRIEFING, CampaignStage.EXECUTION)
    ]
    assert [task.artefact for task in story.asked_for(DraftMail)] == list(MAILS)
    assert story.changes == [SetGuard(fence=0, halted=False)]


def test_a_plan_that_comes_twice_begins_nothing_twice() -> None:
    story = Story().planned()
    decision = story.tell(story.issued)
    assert (decision.reason, decision.events, decision.tasks) == (Reason.KNOWN, (), ())


def test_each_draft_is_checked_and_mails_are_rendered_once_both_are() -> None:
    story = Story().planned()
    story.tell(drafted(MAILS[0]))
    assert [task.artefact for task in story.asked_for(CheckMail)] == [MAILS[0]]
    story.tell(checked(MAILS[0]))
    assert not story.asked_for(RenderMails)
    story.tell(drafted(MAILS[1]))
    story.tell(checked(MAILS[1]))
    assert len(story.asked_for(RenderMails)) == 1
    assert [event.passed for event in story.said(ArtefactChecked)] == [True, True]
    assert [event.step for event in story.said(StepCompleted)] == ["draft", "check"]


def test_when_everything_passes_one_send_is_proposed() -> None:
    story = Story().prepared()
    [proposal] = story.said(ActionProposed)
    assert proposal.recipients == RECIPIENTS
    assert (proposal.action.tool, proposal.action.verb) == ("smtp", "send_campaign")
    assert proposal.action.action_class is ActionClass.PUBLISH
    assert proposal.action.content_hash == sha("content")
    assert proposal.action.target == story.issued.plan.brief.audience.segment_ref
    assert proposal.preview == MAILS


def test_a_proposal_says_where_everything_comes_from() -> None:
    proposal = Story().proposed()
    taints = {source.ref.split(" ")[0]: source.taint for source in proposal.sources}
    assert taints == {"brief": Taint.PERSON, "audience": Taint.OUTSIDE, "artefact": Taint.OURS}
    assert sha("audience") in {source.hash for source in proposal.sources}


def test_a_proposal_weighs_doing_it_by_halves_and_doing_nothing() -> None:
    proposal = Story().proposed()
    propensities = {candidate.id: candidate.propensity for candidate in proposal.candidates}
    assert set(propensities) == {"send", "half", "nothing"}
    assert proposal.chosen == max(propensities, key=lambda one: propensities[one])
    assert sum(propensities.values()) == pytest.approx(1)


def test_a_mail_cannot_be_taken_back() -> None:
    proposal = Story().proposed()
    assert proposal.reversibility.reversibility_class == "irreversible"
    assert not proposal.reversibility.undo_window
    assert proposal.blast_radius.people == RECIPIENTS
    assert proposal.blast_radius.irreversible_share == 1
    assert proposal.blast_radius.money_at_risk.micros == RECIPIENTS * 50_000
    costs = Story().issued.plan.costs
    assert (proposal.cost_of_error, proposal.cost_of_delay) == (costs.of_error, costs.of_delay_per_day)


def test_the_decision_is_named_by_its_cause() -> None:
    cause, ids = uuid4(), set()
    for story in (Story().planned(), Story().planned()):
        for name in MAILS:
            story.tell(drafted(name))
            story.tell(checked(name))
        story.tell(rendered())
        story.tell(planned(story), event_id=cause)
        ids.add(story.last(ActionProposed).decision_id)
    assert len(ids) == 1


def test_a_failing_check_blocks_the_launch_and_the_item_is_named() -> None:
    story = Story().prepared(FAILS)
    assert not story.said(ActionProposed)
    items = blocking(checklist(story.issued, story.campaign))
    assert [item.check for item in items] == [f"{name}:prohibited_claims" for name in MAILS]
    assert "number one" in items[0].evidence
    assert [event.passed for event in story.said(ArtefactChecked)] == [False, False]


def test_an_audience_far_from_the_brief_blocks_the_launch() -> None:
    story = Story().prepared(audience=TOO_MANY)
    assert not story.said(ActionProposed)
    assert [item.check for item in blocking(checklist(story.issued, story.campaign))] == ["audience_segmentation"]


def test_a_named_person_lets_a_failing_item_pass_with_a_reason() -> None:
    story = Story().prepared(audience=TOO_MANY)
    decision = story.tell(waiver("audience_segmentation"))
    assert decision.reason is Reason.WAIVED
    [event] = story.said(ChecklistItemWaived)
    assert (event.item, event.actor, event.reason) == (
        "audience_segmentation",
        "leo",
        "the partner's list came late",
    )
    story.tell(planned(story))
    assert len(story.said(ActionProposed)) == 1
    verdicts = {item.check: item for item in checklist(story.issued, story.campaign)}
    assert verdicts["audience_segmentation"].verdict is Verdict.WAIVED
    assert "leo" in verdicts["audience_segmentation"].evidence


def test_as_long_as_one_item_fails_nothing_is_proposed() -> None:
    story = Story().prepared(FAILS, audience=TOO_MANY)
    story.tell(waiver("audience_segmentation"))
    assert not story.said(ActionProposed)
    story.tell(waiver("mail.attended:prohibited_claims", command_id="k2"))
    assert not story.said(ActionProposed)
    story.tell(waiver("mail.no_show:prohibited_claims", command_id="k3"))
    story.tell(planned(story))
    assert len(story.said(ActionProposed)) == 1


def test_a_waiver_lets_one_check_of_one_mail_pass_and_no_other() -> None:
    story = Story().prepared(FAILS, LONG)
    story.tell(waiver("mail.attended:lengths"))
    verdicts = {item.check: item.verdict for item in checklist(story.issued, story.campaign)}
    assert verdicts["mail.attended:lengths"] is Verdict.WAIVED
    assert verdicts["mail.attended:prohibited_claims"] is Verdict.FAIL
    assert verdicts["mail.no_show:lengths"] is Verdict.FAIL
    assert [event.item for event in story.said(ChecklistItemWaived)] == ["mail.attended:lengths"]


@pytest.mark.parametrize("check", ["unsubscribe", "postal_address"])
def test_what_the_law_asks_of_a_mail_is_never_waived(check: str) -> None:
    story = Story().prepared(CheckResult(check=check, verdict=Verdict.FAIL, evidence="missing in the text"))
    decision = story.tell(waiver(f"mail.attended:{check}"))
    assert (decision.reason, decision.events) == (Reason.NEVER_WAIVED, ())
    assert [item.check for item in blocking(checklist(story.issued, story.campaign))] == [
        f"{name}:{check}" for name in MAILS
    ]


def test_missing_consent_is_never_waived() -> None:
    story = Story().prepared(audience=CheckResult(check="consent", verdict=Verdict.FAIL, evidence="0 with consent"))
    assert story.tell(waiver("consent")).reason is Reason.NEVER_WAIVED
    assert not story.said(ActionProposed)


def test_the_checklist_names_every_check_of_every_mail() -> None:
    story = Story().prepared(FAILS, LONG)
    items = [item.check for item in checklist(story.issued, story.campaign)]
    assert [item for item in items if ":" in item] == [
        f"{name}:{check}" for name in MAILS for check in (FAILS.check, LONG.check)
    ]
    assert len(items) == len(set(items))


def test_a_mail_that_was_never_checked_fails_and_nobody_waives_that() -> None:
    story = without(Story().prepared(audience=TOO_MANY), artefacts={MAILS[0]: Artefact(name=MAILS[0], revision=1)})
    failing = [item.check for item in blocking(checklist(story.issued, story.campaign))]
    assert failing == ["content_production", f"{MAILS[0]}:checked", "audience_segmentation"]
    for item in failing[:2]:
        assert story.tell(waiver(item, command_id=item)).reason is Reason.NEVER_WAIVED


@pytest.mark.parametrize("item", ["mail.attended:lengths", "rollback", "no_such_item", "audience_segmentation"])
def test_nothing_is_waived_that_does_not_fail(item: str) -> None:
    story = Story().prepared()
    decision = story.tell(waiver(item))
    assert (decision.reason, decision.events) == (Reason.NOTHING_TO_WAIVE, ())


def test_nothing_is_waived_before_there_is_a_checklist() -> None:
    story = Story().planned()
    assert story.tell(waiver("mail.attended:lengths")).reason is Reason.NOTHING_TO_WAIVE


def test_a_repeated_waiver_proposes_nothing_twice() -> None:
    story = Story().prepared(audience=TOO_MANY)
    story.tell(waiver("audience_segmentation"))
    assert story.tell(waiver("audience_segmentation", command_id="k2")).reason is Reason.NOTHING_TO_WAIVE
    assert len(story.asked_for(PlanSend)) == 1


@pytest.mark.parametrize(
    ("task", "step"),
    [
        (DraftMail(artefact=MAILS[0], plan_version=1, revision=1), "draft"),
        (CheckMail(artefact=MAILS[0], plan_version=1, revision=1, content_hash=sha("x")), "check"),
        (RenderMails(plan_version=1), "render"),
    ],
)
def test_work_that_fails_for_good_is_a_failed_step(task: Any, step: str) -> None:
    story = Story().planned()
    story.tell(TaskFailed(task, "NoAudience: upload it first"))
    [event] = story.said(StepFailed)
    assert (event.step, event.because) == (step, "NoAudience: upload it first")
    assert not story.said(ActionProposed)


def test_the_checklist_covers_what_a_launch_needs() -> None:
    story = Story().prepared()
    items = {item.check for item in checklist(story.issued, story.campaign)}
    assert {
        "content_production",
        "mail.attended:lengths",
        "audience_segmentation",
        "channel_setup",
        "reporting",
        "follow_up",
    } <= items


@pytest.mark.parametrize("what", ["audience_hash", "draft"])
def test_a_grant_binds_the_list_and_the_drafts(what: str) -> None:
    one, other = Story(), Story()
    for story, changed in ((one, False), (other, True)):
        story.planned()
        for name in MAILS:
            text = sha("another draft") if changed and what == "draft" else sha(name)
            story.tell(drafted(name).model_copy(update={"content_hash": text}))
            story.tell(checked(name))
        audience = sha("another list") if changed and what == "audience_hash" else sha("audience")
        story.tell(rendered().model_copy(update={"audience_hash": audience}))
        story.tell(planned(story))
    assert one.last(ActionProposed).action.params_hash != other.last(ActionProposed).action.params_hash
