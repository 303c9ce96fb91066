"""When a human must see it, and what their word does. Pure: no I/O, no clock, no randomness."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from chassis.decision import Decision, Loaded, Message, Task, TaskFailed
from contracts.briefing import PlanIssued
from contracts.decision import Approver, ApproverKind
from contracts.escalation import CaseKind, CaseNotified, ClearanceRevoked, HoldPlaced, HoldReleased, Need
from contracts.event import Event, Meta, Severity
from contracts.executor import ActionProposed, ActionReconciled, ActionUncertain, CampaignFinished
from contracts.monitor import TriggerFired
from contracts.plan import Plan, Response
from escalation.commands import AcknowledgeCase, DecideCase, RevokeClearance, SettleCase
from escalation.domain import cases
from escalation.domain.cases import Here, Ruling, case_of, with_case
from escalation.domain.state import (
    Case,
    CaseDeadline,
    Directory,
    Escalation,
    Notified,
    Notify,
    PlanMissing,
    Reason,
    Ruled,
    Shared,
    Status,
)
from policy.rule import rule
from policy.stages import Facts, Hold, Verdict

ASKING = frozenset({Response.PAUSE, Response.ESCALATE})
PLAN_MISSING = "plan_missing"


def decide(here: Loaded[Escalation, Shared], message: Message, directory: Directory, now: datetime) -> Ruling:
    state = here.state or Escalation()
    match message.body:
        case PlanIssued() as issued:
            return _on_plan(state, issued)
        case ActionProposed() as proposal:
            return _on_proposal(here, state, proposal, directory, now)
        case TriggerFired() as fired:
            return _on_trigger(here, state, fired, message.meta, directory, now)
        case ActionUncertain() as uncertain:
            return _on_uncertain(here, state, uncertain, directory, now)
        case ActionReconciled() as settled:
            return _on_reconciled(state, settled, now)
        case CampaignFinished():
            after, events = cases.withdrawn(replace(state, over=True), state.cases.values(), "campaign_finished", now)
            return Decision(Reason.WITHDRAWN if events else Reason.CAMPAIGN_OVER, after, tuple(events))
        case AcknowledgeCase() as command:
            return cases.acknowledge(here, command)
        case DecideCase() as command:
            return cases.decide_case(here, command, now)
        case SettleCase() as command:
            return cases.settle(here, command, now)
        case RevokeClearance() as command:
            return _revoke(state, command, now)
        case CaseDeadline() as deadline:
            return cases.expired(here, deadline, now)
        case Notified() as notified:
            event = CaseNotified(case_id=notified.case_id, told=notified.told, transport=notified.transport)
            return Decision(Reason.NOTIFIED, state, (event,))
        case PlanMissing():
            return _on_plan_missing(here, state)
        case TaskFailed(task=Notify() as notify):
            event = CaseNotified(case_id=notify.case_id, told=(), transport="failed")
            return Decision(Reason.NOTIFIED, state, (event,))
        case _:
            return Decision(Reason.NOTED, here.state)


def while_waiting(meta: Meta, now: datetime) -> Task:
    """What escalation does about a message whose plan it has not seen: a minute later it holds the campaign."""
    return Task(PlanMissing(), now + timedelta(seconds=60))


def _on_plan(state: Escalation, issued: PlanIssued) -> Ruling:
    after = replace(state, author=issued.plan.authored_by)
    if PLAN_MISSING not in state.holds:
        return Decision(Reason.PLAN_KNOWN, after)
    after = replace(after, holds=tuple(hold for hold in state.holds if hold != PLAN_MISSING))
    return Decision(Reason.PLAN_KNOWN, after, (HoldReleased(because=PLAN_MISSING, decision_id=None),))


def _on_plan_missing(here: Here, state: Escalation) -> Ruling:
    if here.plans or PLAN_MISSING in state.holds:
        return Decision(Reason.NOTED, here.state)
    after = replace(state, holds=(*state.holds, PLAN_MISSING))
    return Decision(Reason.PLAN_MISSING, after, (HoldPlaced(because=PLAN_MISSING, decision_id=None, until=None),))


def _on_proposal(here: Here, state: Escalation, proposal: ActionProposed, who: Directory, now: datetime) -> Ruling:
    if proposal.decision_id in state.proposals:
        return Decision(Reason.KNOWN, state)
    issued = here.plans[proposal.plan_version]
    plan = issued.plan
    facts = Facts(
        holds=tuple(Hold(hold) for hold in state.holds),
        newest_plan=max(here.plans),
        framework_approved=plan.framework in here.shared.frameworks,
    )
    ruling = rule(proposal, issued, facts, now)
    ruled = Ruled(
        decision_id=proposal.decision_id,
        outcome=ruling.verdict.value,
        because=ruling.because,
        stages=ruling.stages,
        holds=state.holds,
        framework_approved=facts.framework_approved,
        need=ruling.need,
        at=now,
    )
    state = replace(
        state,
        proposals={**state.proposals, proposal.decision_id: proposal},
        rulings={**state.rulings, proposal.decision_id: ruled},
    )
    if state.over:
        over = cases.denied(proposal, None, "campaign_finished")
        return Decision(Reason.CAMPAIGN_OVER, state, (over,))
    match ruling.verdict:
        case Verdict.CLEARED:
            by = Approver(kind=ApproverKind.RULE, subject=plan.policy.rule_versions[0], role="rule", at=now)
            grant = cases.cleared(proposal, (by,), None, ruling.stages, now, now + plan.policy.deadlines.grant)
            ruled = replace(ruled, grant_id=grant.grant_id)
            after = replace(state, rulings={**state.rulings, proposal.decision_id: ruled})
            return Decision(Reason.CLEARED_BY_RULE, after, (grant,))
        case Verdict.NEEDS_PEOPLE:
            if proposal.action.answers is not None:
                return _on_option(state, proposal, proposal.action.answers)
            assert ruling.need is not None
            case = _case(plan, CaseKind.APPROVAL, proposal.decision_id, ruling.need, ruling.severity, who, now)
            case = replace(
                case,
                title=proposal.title,
                because=ruling.because,
                if_ignored=proposal.if_ignored,
                options=(proposal.decision_id,),
            )
            return cases.opened(state, case)
        case Verdict.DENIED:
            state = cases.ended(state, proposal.decision_id)
            return Decision(Reason.HELD, state, (cases.denied(proposal, None, ruling.because, stages=ruling.stages),))
        case Verdict.HELD:
            held = HoldPlaced(because=ruling.because, decision_id=proposal.decision_id, until=None)
            return Decision(Reason.HELD, state, (held,))


def _on_option(state: Escalation, proposal: ActionProposed, trigger: UUID) -> Ruling:
    """An option joins its trigger's case, whichever of the two was read first."""
    case = state.cases.get(case_of(trigger))
    if case is None:
        early = {**state.early_options, trigger: (*state.early_options.get(trigger, ()), proposal.decision_id)}
        return Decision(Reason.OPTION_ADDED, replace(state, early_options=early))
    if case.status is not Status.OPEN:
        return Decision(Reason.CASE_CLOSED, state, (cases.denied(proposal, case.case_id, "case_closed"),))
    return Decision(Reason.OPTION_ADDED, with_case(state, replace(case, options=(*case.options, proposal.decision_id))))


def _on_trigger(
    here: Here, state: Escalation, fired: TriggerFired, meta: Meta, who: Directory, now: datetime
) -> Ruling:
    if fired.response not in ASKING or state.over:
        return Decision(Reason.NOTED, here.state)
    plan = here.plans[fired.plan_version].plan
    case_id = case_of(meta.event_id)
    if case_id in state.cases:
        return Decision(Reason.KNOWN, state)
    rules = {one.id: one for one in plan.policy.triggers}
    need = _need(plan, rules[fired.rule].role if fired.rule in rules else None)
    case = _case(plan, CaseKind.TRIGGER, meta.event_id, need, fired.severity, who, now)
    early = state.early_options.get(meta.event_id, ())
    case = replace(
        case,
        title=fired.finding,
        finding=fired.finding,
        because=fired.trigger.value,
        if_ignored="The campaign stays halted: nobody else gets a mail.",
        options=early,
    )
    left = {trigger: options for trigger, options in state.early_options.items() if trigger != meta.event_id}
    return cases.opened(replace(state, early_options=left), case)


def _on_uncertain(here: Here, state: Escalation, uncertain: ActionUncertain, who: Directory, now: datetime) -> Ruling:
    case_id = case_of(uncertain.effect_id)
    if case_id in state.cases:
        return Decision(Reason.KNOWN, state)
    plan = here.plans[uncertain.plan_version].plan
    need = _need(plan, None)
    case = _case(plan, CaseKind.UNCERTAIN, uncertain.effect_id, need, Severity.MEDIUM, who, now)
    case = replace(
        case,
        title=f"Did one mail to {uncertain.recipient_domain} leave? {uncertain.because}",
        because="uncertain_effect",
        if_ignored="It is never sent again; a later report of the world settles it.",
    )
    return cases.opened(state, case)


def _on_reconciled(state: Escalation, settled: ActionReconciled, now: datetime) -> Ruling:
    case = state.cases.get(case_of(settled.effect_id))
    if case is None or case.status is not Status.OPEN:
        return Decision(Reason.NOTED, state)
    after, events = cases.withdrawn(state, [case], "settled_by_evidence", now)
    return Decision(Reason.WITHDRAWN, after, tuple(events))


def _revoke(state: Escalation, command: RevokeClearance, now: datetime) -> Ruling:
    ruled = state.rulings.get(command.decision_id)
    proposal = state.proposals.get(command.decision_id)
    if not command.actor.human:
        return Decision(Reason.NOT_A_PERSON, state)
    if ruled is None or proposal is None or ruled.grant_id is None or ruled.revoked:
        return Decision(Reason.NOTHING_TO_REVOKE, state)
    by = Approver(kind=ApproverKind.HUMAN, subject=command.actor.subject, role=command.actor.roles[0], at=now)
    event: Event = ClearanceRevoked(
        grant_id=ruled.grant_id,
        decision_id=command.decision_id,
        plan_version=proposal.plan_version,
        by=by,
        because=command.because,
    )
    after = replace(state, rulings={**state.rulings, command.decision_id: replace(ruled, revoked=True)})
    return Decision(Reason.REVOKED, after, (event,))


def _need(plan: Plan, role: str | None) -> Need:
    """One person of `role`, or of the first row's; without any row the operators must look."""
    row = next((one for one in plan.policy.matrix if role in (None, one.role)), None)
    if row is not None:
        return Need(role=row.role, count=1, backup_role=row.backup_role)
    return Need(role=role or "operator", count=1, backup_role="operator")


def _case(
    plan: Plan, kind: CaseKind, subject: UUID, need: Need, severity: Severity, who: Directory, now: datetime
) -> Case:
    return Case(
        case_id=case_of(subject),
        kind=kind,
        subject_id=subject,
        severity=severity,
        needs=need,
        title="",
        because="",
        if_ignored="",
        opened_at=now,
        deadline=now + plan.policy.deadlines.case,
        told=who.who(need, plan.authored_by),
    )
