"""When a human must see it, and what their word does. Pure: no I/O, no clock, no randomness."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from chassis.decision import Decision, Loaded, Message, Task, TaskFailed
from contracts.actions import ActionProposed, ActionReconciled, ActionUncertain
from contracts.briefing import PlanIssued
from contracts.decision import Approver, ApproverKind
from contracts.escalation import CaseKind, CaseNotified, ClearanceRevoked, HoldPlaced, HoldReleased, Need
from contracts.event import Event, Meta, Severity
from contracts.executor import CampaignFinished, CampaignHalted, CampaignResumed, KillSwitchChanged
from contracts.monitor import TriggerFired
from contracts.plan import Plan, Response
from escalation.commands import AcknowledgeCase, DecideCase, RevokeClearance, SettleCase
from escalation.domain import cases, proposals
from escalation.domain.opening import Here, Occasion, Ruling, case_of, looked_at, new_case, opened
from escalation.domain.rulings import CAMPAIGN_HALTED, CAMPAIGN_RESUMED, denied, ended
from escalation.domain.state import (
    CaseDeadline,
    Escalation,
    LookDue,
    Notified,
    Notify,
    PlanMissing,
    Reason,
    RuleAgain,
    Shared,
    Status,
)
from policy.directory import Directory

ASKING = frozenset({Response.PAUSE, Response.ESCALATE})
PLAN_MISSING = "plan_missing"


def decide(here: Loaded[Escalation, Shared], message: Message, directory: Directory, now: datetime) -> Ruling:
    state = here.state or Escalation()
    on = Occasion(here, message.meta.campaign_id, directory.of(message.meta.tenant), now)
    match message.body:
        case PlanIssued() as issued:
            return _on_plan(on, state, issued)
        case ActionProposed() as proposal:
            return proposals.proposed(on, state, proposal)
        case RuleAgain() as task:
            return proposals.looked_at_again(on, state, task)
        case KillSwitchChanged() as changed:
            return _on_kill_switch(on, changed)
        case TriggerFired() as fired:
            return _on_trigger(on, state, fired, message.meta)
        case ActionUncertain() as uncertain:
            return _on_uncertain(on, state, uncertain)
        case ActionReconciled() as settled:
            return _on_reconciled(state, settled, now)
        case CampaignHalted(closes=closes):
            return _on_closing(state, closes, CAMPAIGN_HALTED, now)
        case CampaignResumed(closes=closes):
            return _on_closing(state, closes, CAMPAIGN_RESUMED, now)
        case CampaignFinished():
            after, events = cases.withdrawn(replace(state, over=True), state.cases.values(), "campaign_finished", now)
            return Decision(Reason.WITHDRAWN if events else Reason.CAMPAIGN_OVER, after, tuple(events))
        case AcknowledgeCase() as command:
            return cases.acknowledge(on, command)
        case DecideCase() as command:
            return cases.decide_case(on, command)
        case SettleCase() as command:
            return cases.settle(on, command)
        case RevokeClearance() as command:
            return _revoke(state, command, now)
        case CaseDeadline() as deadline:
            return proposals.after_deadline(on, cases.expired(on, deadline), deadline)
        case LookDue() as due:
            return looked_at(on, state, due)
        case Notified() as notified:
            event = CaseNotified(case_id=notified.case_id, told=notified.told, transport=notified.transport)
            return Decision(Reason.NOTIFIED, state, (event,))
        case PlanMissing() as missing:
            return _on_plan_missing(here, state, missing.version)
        case TaskFailed(task=Notify() as notify):
            event = CaseNotified(case_id=notify.case_id, told=(), transport="failed")
            return Decision(Reason.NOTIFIED, state, (event,))
        case _:
            return Decision(Reason.NOTED, here.state)


def while_waiting(_: Meta, version: int, now: datetime) -> Task:
    """What escalation does about a message whose plan it has not seen: a minute later it holds the campaign."""
    return Task(PlanMissing(version=version), now + timedelta(seconds=60))


def _on_plan(on: Occasion, state: Escalation, issued: PlanIssued) -> Ruling:
    """A newer plan takes away what an older one asked: the executor proposes anew. What waited for it is ruled."""
    after, events = replace(state, author=issued.plan.authored_by), list[Event]()
    for case in state.cases.values():
        old = case.kind is CaseKind.APPROVAL and case.plan_version < issued.plan.version
        if old and case.status is Status.OPEN:
            after, said = cases.taken_back(after, case, "plan_changed", on.now)
            events += said
    if PLAN_MISSING not in state.holds:
        return Decision(Reason.PLAN_KNOWN, after, tuple(events))
    missing = tuple(version for version in state.missing_plans if version not in on.here.plans)
    after = replace(after, missing_plans=missing)
    if missing:
        return Decision(Reason.PLAN_KNOWN, after, tuple(events))
    after = replace(after, holds=tuple(hold for hold in state.holds if hold != PLAN_MISSING))
    again = proposals.ruled_again(on, after)
    released = HoldReleased(because=PLAN_MISSING, decision_id=None)
    return replace(again, reason=Reason.PLAN_KNOWN, events=(*events, released, *again.events))


def _on_plan_missing(here: Here, state: Escalation, version: int) -> Ruling:
    if version in here.plans or version in state.missing_plans:
        return Decision(Reason.NOTED, here.state)
    after = replace(state, missing_plans=(*state.missing_plans, version))
    if PLAN_MISSING in state.holds:
        return Decision(Reason.PLAN_MISSING, after)
    after = replace(after, holds=(*state.holds, PLAN_MISSING))
    return Decision(Reason.PLAN_MISSING, after, (HoldPlaced(because=PLAN_MISSING, decision_id=None, until=None),))


def _on_kill_switch(on: Occasion, changed: KillSwitchChanged) -> Ruling:
    """Remembered for every campaign under it; the campaigns under a tenant's switch look for themselves."""
    here, scope = on.here, frozenset({changed.scope})
    kills = here.shared.kills | scope if changed.engaged else here.shared.kills - scope
    shared = replace(here.shared, kills=kills, switched=changed.engaged)
    if here.state is None:
        return Decision(Reason.KILL_SWITCH_CHANGED, None, shared=shared)
    again = proposals.ruled_again(on.knowing(shared), here.state)
    return replace(again, reason=Reason.KILL_SWITCH_CHANGED, shared=again.shared or shared)


def _on_trigger(on: Occasion, state: Escalation, fired: TriggerFired, meta: Meta) -> Ruling:
    if fired.response not in ASKING or state.over:
        return Decision(Reason.NOTED, on.here.state)
    if meta.event_id in state.no_question:
        return Decision(Reason.NO_QUESTION, state)
    plan = on.plan(fired.plan_version)
    case_id = case_of(meta.event_id)
    if case_id in state.cases:
        return Decision(Reason.KNOWN, state)
    rules = {one.id: one for one in plan.policy.triggers}
    need = _need(plan, rules[fired.rule].role if fired.rule in rules else None)
    case = new_case(on, state, fired.plan_version, CaseKind.TRIGGER, meta.event_id, need, fired.severity)
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
    return opened(on, replace(state, early_options=left), case)


def _on_closing(state: Escalation, closes: tuple[UUID, ...], because: str, now: datetime) -> Ruling:
    """What people were asked about the campaign as it was is no question any more.

    Each trigger and decision is named, because no order of arrival tells a later question from an earlier one.
    """
    if not closes:
        return Decision(Reason.NOTED, state)
    state = replace(state, no_question={**state.no_question, **dict.fromkeys(closes, because)})
    asked = [case for case in state.cases.values() if case.subject_id in closes]
    after, events = cases.withdrawn(state, asked, because, now)
    early = [one for trigger in closes for one in state.early_options.get(trigger, ())]
    events += [denied(state.proposals[one], None, because) for one in early]
    left = {trigger: some for trigger, some in after.early_options.items() if trigger not in closes}
    after = ended(replace(after, early_options=left), *early)
    return Decision(Reason.WITHDRAWN if events else Reason.NO_QUESTION, after, tuple(events))


def _on_uncertain(on: Occasion, state: Escalation, uncertain: ActionUncertain) -> Ruling:
    case_id = case_of(uncertain.effect_id)
    if case_id in state.cases:
        return Decision(Reason.KNOWN, state)
    plan = on.plan(uncertain.plan_version)
    need = _need(plan, None)
    case = new_case(on, state, uncertain.plan_version, CaseKind.UNCERTAIN, uncertain.effect_id, need, Severity.MEDIUM)
    case = replace(
        case,
        title=f"Did one mail to {uncertain.recipient_domain} leave? {uncertain.because}",
        because="uncertain_effect",
        if_ignored="It is never sent again; a later report of the world settles it.",
    )
    return opened(on, state, case)


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
