"""Recipients and cases: suppression at once, evidence for lost answers, and the stage while people are asked. Pure."""

from dataclasses import replace
from uuid import UUID

from chassis.decision import Decision
from contracts.actions import ActionReconciled, Settled
from contracts.escalation import ApprovalGiven, ApprovalRefused, CaseOpened
from contracts.event import Event
from contracts.executor import CampaignStage, RecipientSuppressed, StageChanged, SuppressionReason
from contracts.inbound import MailEvent, RecipientEventReported
from executor.commands import Unsubscribe
from executor.domain.flow import Here, Ruling
from executor.domain.state import Campaign, Reason
from executor.effects import Change, SeeEvidence, Settle, Suppress

SUPPRESSING = {
    MailEvent.BOUNCED_HARD: SuppressionReason.HARD_BOUNCE,
    MailEvent.COMPLAINED: SuppressionReason.COMPLAINT,
    MailEvent.UNSUBSCRIBED: SuppressionReason.UNSUBSCRIBE,
}
NO_PROOF = frozenset({MailEvent.DROPPED, MailEvent.RESUBSCRIBED})
"""Reports that do not show that the mail left."""


def unsubscribed(here: Here, command: Unsubscribe) -> Ruling:
    return _suppress(here, command.recipient_hash, command.recipient_domain, command.reason)


def reported(here: Here, report: RecipientEventReported) -> Ruling:
    """The world's word on one of our mails."""
    suppressing = SUPPRESSING.get(report.kind)
    ruling: Ruling = Decision(Reason.NOTED, here.state)
    if suppressing is not None:
        ruling = _suppress(here, report.recipient_hash, report.recipient_domain, suppressing)
    shared = ruling.shared or here.shared
    if report.kind in NO_PROOF:
        return ruling
    changes: list[Change] = [SeeEvidence(report.effect_id, report.kind.value)]
    events: list[Event] = list(ruling.events)
    reason = ruling.reason
    if lost := shared.uncertain.get(report.effect_id):
        changes.append(Settle(report.effect_id, applied=True))
        events.append(
            ActionReconciled(
                plan_version=lost.plan_version,
                decision_id=lost.decision_id,
                effect_id=report.effect_id,
                settled=Settled.APPLIED,
                evidence=f"the world reported the mail as {report.kind.value}",
                by=None,
            )
        )
        known = {effect: one for effect, one in shared.uncertain.items() if effect != report.effect_id}
        shared = replace(shared, uncertain=known)
        reason = Reason.SETTLED
    return Decision(reason, here.state, tuple(events), shared=shared.asking(*changes))


def settled_by_person(here: Here, state: Campaign, said: ApprovalGiven | ApprovalRefused) -> Ruling:
    """A person says what became of an uncertain effect: escalation's case names it as the decision."""
    lost = here.shared.uncertain.get(said.decision_id)
    if lost is None:
        return Decision(Reason.NOTED, state)
    applied = isinstance(said, ApprovalGiven)
    event = ActionReconciled(
        plan_version=lost.plan_version,
        decision_id=lost.decision_id,
        effect_id=said.decision_id,
        settled=Settled.APPLIED if applied else Settled.NOT_APPLIED,
        evidence=f"{said.approver.subject} says so",
        by=said.approver,
    )
    shared = here.shared.asking(Settle(said.decision_id, applied))
    return Decision(Reason.SETTLED, state, (event,), shared=shared)


def case_opened(state: Campaign, case: CaseOpened) -> Ruling:
    """People are asked: the campaign is in escalation until they have decided."""
    if case.case_id in state.open_cases or not state.running:
        return Decision(Reason.CASE_SEEN, state)
    state = replace(state, open_cases=(*state.open_cases, case.case_id))
    if state.stage is CampaignStage.ESCALATION:
        return Decision(Reason.CASE_SEEN, state)
    event = StageChanged(
        plan_version=state.plan_version, before=state.stage, after=CampaignStage.ESCALATION, because=case.because
    )
    state = replace(state, stage=CampaignStage.ESCALATION, stage_before=state.stage)
    return Decision(Reason.CASE_SEEN, state, (event,))


def case_closed(state: Campaign, case_id: UUID) -> Ruling:
    left = tuple(one for one in state.open_cases if one != case_id)
    state = replace(state, open_cases=left)
    if left or state.stage is not CampaignStage.ESCALATION:
        return Decision(Reason.CASE_SEEN, state)
    event = StageChanged(
        plan_version=state.plan_version, before=state.stage, after=state.stage_before, because="case_closed"
    )
    return Decision(Reason.CASE_SEEN, replace(state, stage=state.stage_before), (event,))


def _suppress(here: Here, recipient: str, domain: str, reason: SuppressionReason) -> Ruling:
    if recipient in here.shared.suppressed:
        return Decision(Reason.KNOWN, here.state)
    event = RecipientSuppressed(recipient_hash=recipient, recipient_domain=domain, reason=reason)
    shared = here.shared.asking(Suppress(recipient, domain, reason))
    shared = replace(shared, suppressed=shared.suppressed | {recipient})
    return Decision(Reason.SUPPRESSED, here.state, (event,), shared=shared)
