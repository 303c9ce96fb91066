"""What escalation does about a proposal: rule, ask people, hold, and rule again when the hold is over."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from chassis.decision import Decision, Task
from contracts.actions import ActionProposed
from contracts.decision import Approver, ApproverKind
from contracts.escalation import CaseKind, HoldPlaced, HoldReleased
from contracts.event import Event
from contracts.plan import Plan
from escalation.domain import rulings
from escalation.domain.cases import approved_by
from escalation.domain.opening import Here, Ruling, case_of, new_case, opened, with_case
from escalation.domain.state import Case, Directory, Escalation, Reason, RuleAgain, Ruled, Status
from policy.rule import HOLD_IN_PLACE, KILL_SWITCH, rule
from policy.rule import Ruling as Verdicts
from policy.stages import Facts, Hold, Verdict

LOOK_AGAIN = timedelta(seconds=30)
"""How soon a proposal is ruled again that a kill switch keeps back: the switch may be another row's."""


def proposed(here: Here, state: Escalation, proposal: ActionProposed, who: Directory, now: datetime) -> Ruling:
    if proposal.decision_id in state.proposals:
        return Decision(Reason.KNOWN, state)
    return _ruled(here, state, proposal, who, now)


def ruled_again(here: Here, state: Escalation, who: Directory, now: datetime) -> Ruling:
    """A hold or kill switch changed: what waited for it is ruled in the order it came."""
    events: list[Event] = []
    tasks: list[Task] = []
    waiting = [one for one in state.rulings.values() if _waits(one)]
    for ruled in sorted(waiting, key=lambda one: (one.at, one.decision_id)):
        decided = _again(here, state, ruled, who, now)
        assert decided.state is not None
        state = decided.state
        events += decided.events
        tasks += decided.tasks
    return Decision(Reason.RULED_AGAIN, state, tuple(events), tuple(tasks))


def looked_at_again(here: Here, state: Escalation, task: RuleAgain, who: Directory, now: datetime) -> Ruling:
    """Is the kill switch still engaged? Then look again later."""
    ruled = state.rulings.get(task.decision_id)
    if ruled is None or not _waits(ruled):
        return Decision(Reason.NOTED, state)
    decided = _again(here, state, ruled, who, now)
    assert decided.state is not None
    if decided.state.rulings[task.decision_id].because == ruled.because == KILL_SWITCH:
        return replace(decided, tasks=(Task(task, now + LOOK_AGAIN),))
    return decided


def _waits(ruled: Ruled) -> bool:
    """Held by what can be released, and not by a gap in the matrix."""
    return ruled.outcome == Verdict.HELD.value and ruled.because in (HOLD_IN_PLACE, KILL_SWITCH)


def _again(here: Here, state: Escalation, ruled: Ruled, who: Directory, now: datetime) -> Ruling:
    decided = _ruled(here, state, state.proposals[ruled.decision_id], who, now)
    assert decided.state is not None
    after = decided.state.rulings[ruled.decision_id]
    if (after.outcome, after.because) == (ruled.outcome, ruled.because):  # nothing new, and its task is under way
        return Decision(Reason.HELD, state)
    released = HoldReleased(because=ruled.because, decision_id=ruled.decision_id)
    return replace(decided, reason=Reason.RULED_AGAIN, events=(released, *decided.events))


def _ruled(here: Here, state: Escalation, proposal: ActionProposed, who: Directory, now: datetime) -> Ruling:
    issued = here.plans[proposal.plan_version]
    facts = Facts(
        holds=tuple(Hold(hold) for hold in state.holds),
        kills=tuple(sorted(scope.value for scope in here.shared.kills)),
        newest_plan=max(here.plans),
        framework_approved=approved_by(issued.plan, proposal) in here.shared.frameworks,
    )
    ruling = rule(proposal, issued, facts, now)
    ruled = Ruled(
        decision_id=proposal.decision_id,
        outcome=ruling.verdict.value,
        because=ruling.because,
        stages=ruling.stages,
        holds=state.holds,
        kills=facts.kills,
        newest_plan=facts.newest_plan,
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
        over = rulings.denied(proposal, None, "campaign_finished")
        return Decision(Reason.CAMPAIGN_OVER, rulings.ended(state, proposal.decision_id), (over,))
    match ruling.verdict:
        case Verdict.CLEARED:
            return _cleared(state, proposal, issued.plan, ruled, now)
        case Verdict.NEEDS_PEOPLE:
            return _asked(here, state, proposal, ruling, who, now)
        case Verdict.DENIED:
            state = rulings.ended(state, proposal.decision_id)
            no = rulings.denied(proposal, None, ruling.because, stages=ruling.stages)
            return Decision(Reason.HELD, state, (no,))
        case Verdict.HELD:
            held = HoldPlaced(because=ruling.because, decision_id=proposal.decision_id, until=None)
            again = Task(RuleAgain(decision_id=proposal.decision_id), now + LOOK_AGAIN)
            return Decision(Reason.HELD, state, (held,), (again,) if ruling.because == KILL_SWITCH else ())


def _cleared(state: Escalation, proposal: ActionProposed, plan: Plan, ruled: Ruled, now: datetime) -> Ruling:
    by = Approver(kind=ApproverKind.RULE, subject=plan.policy.rule_versions[0], role="rule", at=now)
    grant = rulings.cleared(proposal, (by,), None, ruled.stages, now, rulings.expiry(plan, now))
    ruled = replace(ruled, grant_id=grant.grant_id)
    after = replace(state, rulings={**state.rulings, proposal.decision_id: ruled})
    return Decision(Reason.CLEARED_BY_RULE, after, (grant,))


def _asked(
    here: Here, state: Escalation, proposal: ActionProposed, verdict: Verdicts, who: Directory, now: datetime
) -> Ruling:
    if proposal.action.answers is not None:
        return _option(here, state, proposal, proposal.action.answers, who, now)
    assert verdict.need is not None  # without a row only an option comes so far
    plan = here.plans[proposal.plan_version].plan
    case = new_case(plan, CaseKind.APPROVAL, proposal.decision_id, verdict.need, verdict.severity, who, now)
    case = replace(
        case,
        title=proposal.title,
        because=verdict.because,
        if_ignored=proposal.if_ignored,
        options=(proposal.decision_id,),
    )
    return opened(state, case)


def _option(
    here: Here, state: Escalation, proposal: ActionProposed, trigger: UUID, who: Directory, now: datetime
) -> Ruling:
    """An option joins its trigger's newest case, whichever of the two was read first.

    Where that case ended and settled nothing, the campaign is still halted: people are asked again.
    """
    about = [one for one in state.cases.values() if one.kind is CaseKind.TRIGGER and one.subject_id == trigger]
    if not about:
        early = {**state.early_options, trigger: (*state.early_options.get(trigger, ()), proposal.decision_id)}
        return Decision(Reason.OPTION_ADDED, replace(state, early_options=early))
    case = next((one for one in about if one.status is Status.OPEN), None)
    if case is not None:
        after = with_case(state, replace(case, options=(*case.options, proposal.decision_id)))
        return Decision(Reason.OPTION_ADDED, after)
    last = max(about, key=lambda one: (one.closed_at or one.opened_at, one.opened_at))
    plan = here.plans[proposal.plan_version].plan
    if _in_force(state, last, plan, now):
        no = rulings.denied(proposal, last.case_id, "case_closed")
        return Decision(Reason.CASE_CLOSED, rulings.ended(state, proposal.decision_id), (no,))
    fresh = new_case(plan, CaseKind.TRIGGER, trigger, last.needs, last.severity, who, now)
    fresh = replace(
        fresh,
        case_id=case_of(trigger, len(about) + 1),
        title=last.title,
        finding=last.finding,
        because=last.because,
        if_ignored=last.if_ignored,
        options=(proposal.decision_id,),
    )
    return opened(state, fresh)


def _in_force(state: Escalation, case: Case, plan: Plan, now: datetime) -> bool:
    """Whether people chose an option of `case` and its grant still stands: a latecomer changes nothing then."""
    if case.closed_at is None or now >= case.closed_at + plan.policy.deadlines.grant:
        return False
    chosen = (state.rulings[one] for one in case.options)
    return any(one.outcome == "cleared" and not one.revoked for one in chosen)
