"""What a campaign's row remembers: each fact in a place of its own, so that topics may come in any order. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, TypeAlias, TypeVar
from uuid import UUID

from pydantic import PlainSerializer

from contracts.actions import (
    ActionExecuted,
    ActionProposed,
    ActionReconciled,
    ActionRefused,
    ActionUncertain,
    EffectOutcome,
    EffectsRecorded,
    Settled,
)
from contracts.briefing import BriefAccepted, BriefRefused, ClarificationAsked, PlanIssued
from contracts.escalation import (
    ActionDenied,
    ApprovalGiven,
    ApprovalRefused,
    CaseExpired,
    CaseOpened,
    CaseResolved,
    CaseWithdrawn,
    HoldPlaced,
    HoldReleased,
    OverrideRecorded,
)
from contracts.event import Event, Fact
from contracts.executor import (
    CampaignFinished,
    CampaignHalted,
    CampaignLaunched,
    CampaignResumed,
    ChecklistItemWaived,
    KillSwitchChanged,
    MailTested,
    StageChanged,
    StepCompleted,
    StepFailed,
    WorkBegun,
)
from contracts.monitor import (
    OutcomeRejected,
    OutcomeVerified,
    SlaBreached,
    SlaMet,
    SlaStarted,
    TriggerCleared,
    TriggerFired,
)
from contracts.plan import Response, Trigger

T = TypeVar("T")
InOrder: TypeAlias = Annotated[frozenset[T], PlainSerializer(sorted)]
"""Kept in one order, so that the same facts come to the same bytes."""
Order = tuple[int, int]
"""(epoch, sequence) within a topic: what is older never replaces what is newer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCase:
    case_id: UUID
    title: str
    severity: str
    role: str
    deadline: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """What became of one wave's intents so far."""

    size: int = 0
    sent: int = 0
    failed: int = 0
    uncertain: int = 0
    skipped: int = 0
    done: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One campaign as the tower knows it."""

    name: str = ""
    owner: str = ""
    plan_version: int = 0
    refused: bool = False
    waiting_for_author: bool = False
    stage: str = "briefing"
    stage_order: Order = (-1, -1)
    halted: str = ""
    halt_order: Order = (-1, -1)
    steps_done: InOrder[str] = frozenset()
    recipients: int = 0
    sent: int = 0
    uncertain: int = 0
    skipped: int = 0
    per_mail_micros: int = 0
    total_micros: int = 0
    currency: str = ""
    sending_ended: bool = False
    clocks: Mapping[str, str] = field(default_factory=dict)
    anomalies: tuple[str, ...] = ()
    fired: InOrder[UUID] = frozenset()
    answered: InOrder[UUID] = frozenset()
    killed: str = ""
    waves: Mapping[int, Wave] = field(default_factory=dict)
    judged: InOrder[int] = frozenset()
    """Waves that the monitor has said went well."""
    cases: Mapping[UUID, OpenCase] = field(default_factory=dict)
    closed_cases: InOrder[UUID] = frozenset()
    holds: InOrder[str] = frozenset()
    outcome: str = ""
    counted: int = 0
    target: int = 0
    goal: str = ""
    finished: str = ""


def fold(row: Row, fact: Fact[Event]) -> Row:
    """The row after a fact it has not seen."""
    order = (fact.meta.epoch or 0, fact.meta.sequence or 0)
    match fact.event:
        case BriefAccepted(brief=brief):
            return replace(row, name=brief.name, owner=brief.owner)
        case BriefRefused():
            return replace(row, refused=True, name=row.name or "a refused brief")
        case ClarificationAsked():
            return replace(row, waiting_for_author=True)
        case PlanIssued(plan=plan) if row.plan_version in (0, plan.version):  # no campaign changes its plan yet
            budget, objective = plan.brief.budget, plan.brief.objective
            return replace(
                row,
                plan_version=plan.version,
                name=plan.brief.name,
                owner=plan.brief.owner,
                waiting_for_author=False,
                per_mail_micros=budget.per_mail.micros,
                total_micros=budget.total.micros,
                currency=budget.total.currency,
                target=objective.target,
                goal=objective.unit,
            )
        case StageChanged(after=after) if order > row.stage_order:
            return replace(row, stage=after.value, stage_order=order)
        case StepCompleted(step=step):
            return replace(row, steps_done=row.steps_done | {step})
        case ActionProposed(recipients=recipients, action=action) if action.answers is None:
            return replace(row, recipients=max(row.recipients, recipients))
        case CampaignHalted(because=because) if order > row.halt_order:
            return replace(row, halted=because, halt_order=order)
        case CampaignResumed() if order > row.halt_order:
            return replace(row, halted="", halt_order=order)
        case EffectsRecorded(effects=effects) as recorded:
            count = {one: sum(1 for effect in effects if effect.outcome is one) for one in EffectOutcome}
            return replace(
                row,
                sent=row.sent + count[EffectOutcome.SUCCEEDED],
                uncertain=row.uncertain + count[EffectOutcome.UNKNOWN],
                skipped=row.skipped + count[EffectOutcome.SKIPPED],
                waves={**row.waves, recorded.wave: _wave(row.waves.get(recorded.wave, Wave()), recorded, count)},
            )
        case ActionReconciled(settled=settled):
            return replace(row, uncertain=row.uncertain - 1, sent=row.sent + (settled is Settled.APPLIED))
        case KillSwitchChanged(engaged=engaged, reason=reason):
            return replace(row, killed=reason if engaged else "")
        case ActionExecuted(sending_ended=True):
            return replace(row, sending_ended=True)
        case TriggerFired(response=Response.PAUSE | Response.ESCALATE, finding=finding):
            return replace(row, anomalies=(*row.anomalies, finding), fired=row.fired | {fact.meta.event_id})
        case TriggerFired(trigger=Trigger.WAVE_REPORTED, wave=wave):
            return replace(row, judged=row.judged | {wave})
        case TriggerCleared(fired=cleared):
            return replace(row, answered=row.answered | {cleared})
        case SlaStarted(sla=sla):
            return replace(row, clocks={sla: "running", **row.clocks})
        case SlaMet(sla=sla):
            return replace(row, clocks={**row.clocks, sla: "met"})
        case SlaBreached(sla=sla):
            return replace(row, clocks={**row.clocks, sla: "missed"})
        case CaseOpened() as opened if opened.case_id not in row.closed_cases:
            case = OpenCase(
                case_id=opened.case_id,
                title=opened.title,
                severity=opened.severity.value,
                role=opened.needs.role,
                deadline=opened.deadline,
            )
            answered = row.answered | {opened.subject_id}
            return replace(row, cases={**row.cases, opened.case_id: case}, answered=answered)
        case CaseOpened(subject_id=subject):
            return replace(row, answered=row.answered | {subject})
        case CaseResolved(case_id=closed) | CaseExpired(case_id=closed) | CaseWithdrawn(case_id=closed):
            left = {one: case for one, case in row.cases.items() if one != closed}
            return replace(row, cases=left, closed_cases=row.closed_cases | {closed})
        case HoldPlaced(because=because):
            return replace(row, holds=row.holds | {because})
        case HoldReleased(because=because):
            return replace(row, holds=row.holds - {because})
        case OutcomeVerified(counted=counted, target=target):
            return replace(row, outcome="verified", counted=counted, target=target)
        case OutcomeRejected(counted=counted, target=target):
            return replace(row, outcome="rejected", counted=counted, target=target)
        case CampaignFinished(outcome=finished):
            return replace(row, finished=finished.value, halted="")
        case _:
            return row


def _wave(wave: Wave, recorded: EffectsRecorded, count: Mapping[EffectOutcome, int]) -> Wave:
    return Wave(
        size=recorded.wave_size,
        sent=wave.sent + count[EffectOutcome.SUCCEEDED],
        failed=wave.failed + count[EffectOutcome.FAILED_DEFINITE],
        uncertain=wave.uncertain + count[EffectOutcome.UNKNOWN],
        skipped=wave.skipped + count[EffectOutcome.SKIPPED],
        done=wave.done or recorded.wave_done,
    )


def words(name: str) -> str:
    """A key of ours as a person reads it."""
    return name.replace("_", " ").replace(".", " ")


def said(event: Event) -> str:
    """A fact in words, for the timeline; empty for what nobody would look for."""
    match event:
        case BriefAccepted():
            return "The brief was accepted"
        case BriefRefused(problems=problems):
            return f"The brief was refused: {len(problems)} problems"
        case PlanIssued(plan=plan):
            return f"Plan {plan.version} was issued"
        case WorkBegun():
            return "Work began"
        case StageChanged(before=before, after=after):
            return f"Moved from {before} to {after}"
        case ActionProposed(title=title):
            return f"Proposed: {title}"
        case StepFailed(step=step, because=because):
            return f"Step {words(step)} failed: {because}"
        case CampaignLaunched(recipients=recipients):
            return f"Launched to {recipients} people"
        case EffectsRecorded(wave=wave, effects=effects):
            return f"Wave {wave}: {len(effects)} mails settled" if effects else ""
        case TriggerFired(finding=finding):
            return finding[0].upper() + finding[1:]
        case CampaignHalted(because=because, remaining=remaining):
            return f"Halted ({words(because)}); {remaining} people have no mail yet"
        case CampaignResumed(remaining=remaining):
            return f"Resumed for {remaining} people"
        case CaseOpened(title=title, needs=needs):
            return f"Asked a {words(needs.role)}: {title}"
        case CaseResolved(by=by):
            return f"Decided by {', '.join(one.subject for one in by)}"
        case ApprovalGiven(approver=approver):
            return f"{approver.subject} approved, as {words(approver.role)}"
        case ApprovalRefused(approver=approver, reason=reason):
            return f"{approver.subject} refused, as {words(approver.role)}: {reason.why}"
        case OverrideRecorded(by=by, instead_of=instead, reason=reason):
            return f"{by.subject} decided otherwise than {words(instead)}: {reason.why}"
        case ActionDenied(because=because):
            return f"Denied: {words(because)}"
        case ActionRefused(because=because, detail=detail):
            return f"Refused to act ({words(because)}): {detail}"
        case ActionUncertain(because=because):
            return f"The answer to one mail was lost: {because}"
        case ActionReconciled(settled=settled, evidence=evidence):
            return f"An uncertain mail was {'sent' if settled is Settled.APPLIED else 'not sent'}: {evidence}"
        case MailTested(artefact=artefact, actor=actor, sent=sent, because=because):
            return (
                f"{actor} tested {words(artefact)}: {'sent to themselves' if sent else f'not sent, {words(because)}'}"
            )
        case ChecklistItemWaived(item=item, actor=actor, reason=why):
            return f"{actor} let {words(item)} pass: {why}"
        case KillSwitchChanged(engaged=engaged, actor=actor, reason=why):
            return f"{actor} {'engaged' if engaged else 'released'} the kill switch: {why}"
        case CaseWithdrawn(because=because):
            return f"A question to people was withdrawn: {words(because)}"
        case CaseExpired():
            return "Nobody decided in time"
        case OutcomeVerified(counted=counted, target=target):
            return f"Outcome verified: {counted} of {target}"
        case OutcomeRejected(counted=counted, target=target):
            return f"Outcome missed: {counted} of {target}"
        case SlaBreached(sla=sla, because=because):
            return f"SLA {words(sla)} missed: {because}"
        case CampaignFinished(outcome=outcome):
            return f"Finished: {outcome}"
        case _:
            return ""
