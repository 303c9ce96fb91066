"""What escalation does about a proposal: rule, ask people, hold, and rule again when the hold is over."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from chassis.decision import Decision, Task
from contracts.actions import ActionProposed
from contracts.decision import Approver, ApproverKind
from contracts.escalation import CaseKind, HoldPlaced, HoldReleased
from contracts.event import Event
from contracts.plan import HoldEnd, Plan
from escalation.domain import rulings
from escalation.domain.cases import approved_by
from escalation.domain.difference import Content, Difference, content, difference
from escalation.domain.opening import Occasion, Ruling, new_case, opened, with_case
from escalation.domain.state import Case, CaseDeadline, Escalation, Reason, RuleAgain, Ruled, Shared, Status
from policy.rule import HOLD_IN_PLACE, KILL_SWITCH, TIMED_HOLD, rule
from policy.rule import Ruling as Verdicts
from policy.stages import Facts, Hold, Verdict, timed_hold

LOOK_AGAIN = timedelta(seconds=30)
"""How soon a proposal is ruled again that a kill switch keeps back: the switch may be another row's."""


def proposed(on: Occasion, state: Escalation, proposal: ActionProposed) -> Ruling:
    if proposal.decision_id in state.proposals:
        return Decision(Reason.KNOWN, state)
    return _ruled(on, state, proposal)


def ruled_again(on: Occasion, state: Escalation) -> Ruling:
    """A hold or kill switch changed: what waited for it is ruled in the order it came."""
    events: list[Event] = []
    tasks: list[Task] = []
    shared: Shared | None = None
    waiting = [one for one in state.rulings.values() if _waits(one)]
    for ruled in sorted(waiting, key=lambda one: (one.at, one.decision_id)):
        decided = _again(on.knowing(shared), state, ruled)
        assert decided.state is not None
        state, shared = decided.state, decided.shared or shared
        events += decided.events
        tasks += decided.tasks
    return Decision(Reason.RULED_AGAIN, state, tuple(events), tuple(tasks), shared)


def looked_at_again(on: Occasion, state: Escalation, task: RuleAgain) -> Ruling:
    """Is the kill switch still engaged? Then look again later."""
    ruled = state.rulings.get(task.decision_id)
    if ruled is None or not _waits(ruled):
        return Decision(Reason.NOTED, state)
    decided = _again(on, state, ruled)
    assert decided.state is not None
    if decided.state.rulings[task.decision_id].because == ruled.because == KILL_SWITCH:
        return replace(decided, tasks=(Task(task, on.now + LOOK_AGAIN),))
    return decided


def _waits(ruled: Ruled) -> bool:
    """Held by what can be released, and not by a gap in the matrix."""
    return ruled.outcome == Verdict.HELD.value and ruled.because in (HOLD_IN_PLACE, KILL_SWITCH)


def after_deadline(on: Occasion, expired: Ruling, deadline: CaseDeadline) -> Ruling:
    """A timed hold whose time is over: what it kept back is ruled again. Everything else is as `expired` says."""
    state = expired.state
    if expired.reason is not Reason.HOLD_ENDED or state is None:
        return expired
    [decision] = state.cases[deadline.case_id].options
    ruled = replace(state.rulings[decision], hold_over=True)
    state = replace(state, rulings={**state.rulings, decision: ruled})
    decided = _ruled(on, state, state.proposals[decision])
    assert decided.state is not None
    asked = decided.state.rulings[decision].because == TIMED_HOLD
    ending: Event = (
        HoldPlaced(because=TIMED_HOLD, decision_id=decision, until=None)
        if asked
        else HoldReleased(because=TIMED_HOLD, decision_id=decision)
    )
    return replace(decided, reason=Reason.HOLD_ENDED, events=(*expired.events, ending, *decided.events))


def _again(on: Occasion, state: Escalation, ruled: Ruled) -> Ruling:
    decided = _ruled(on, state, state.proposals[ruled.decision_id])
    assert decided.state is not None
    after = decided.state.rulings[ruled.decision_id]
    if (after.outcome, after.because) == (ruled.outcome, ruled.because):  # nothing new, and its task is under way
        return Decision(Reason.HELD, state)
    released = HoldReleased(because=ruled.because, decision_id=ruled.decision_id)
    return replace(decided, reason=Reason.RULED_AGAIN, events=(released, *decided.events))


def _ruled(on: Occasion, state: Escalation, proposal: ActionProposed) -> Ruling:
    issued = on.here.plans[proposal.plan_version]
    before = state.rulings.get(proposal.decision_id)
    facts = Facts(
        holds=tuple(Hold(hold) for hold in state.holds),
        kills=tuple(sorted(scope.value for scope in on.here.shared.kills)),
        newest_plan=max(on.here.plans),
        framework_approved=approved_by(issued.plan, proposal) in on.here.shared.frameworks,
        hold_over=before is not None and before.hold_over,
    )
    ruling = rule(proposal, issued, facts, on.now)
    ruled = Ruled(
        decision_id=proposal.decision_id,
        outcome=ruling.verdict.value,
        because=ruling.because,
        stages=ruling.stages,
        holds=state.holds,
        kills=facts.kills,
        newest_plan=facts.newest_plan,
        framework_approved=facts.framework_approved,
        hold_over=facts.hold_over,
        need=ruling.need,
        at=on.now,
        difference=_difference(on, state, proposal),
    )
    state = replace(
        state,
        proposals={**state.proposals, proposal.decision_id: proposal},
        rulings={**state.rulings, proposal.decision_id: ruled},
    )
    if state.over:
        over = rulings.denied(proposal, None, "campaign_finished")
        return Decision(Reason.CAMPAIGN_OVER, rulings.ended(state, proposal.decision_id), (over,))
    if because := _no_question(state, proposal):
        no = rulings.denied(proposal, None, because)
        return Decision(Reason.NO_QUESTION, rulings.ended(state, proposal.decision_id), (no,))
    match ruling.verdict:
        case Verdict.CLEARED:
            return _cleared(state, proposal, issued.plan, ruled, on.now)
        case Verdict.WAITS:
            return _waiting(on, state, proposal, ruling)
        case Verdict.NEEDS_PEOPLE:
            return _asked(on, state, proposal, ruling)
        case Verdict.DENIED:
            state = rulings.ended(state, proposal.decision_id)
            no = rulings.denied(proposal, None, ruling.because, stages=ruling.stages)
            return Decision(Reason.HELD, state, (no,))
        case Verdict.HELD:
            held = HoldPlaced(because=ruling.because, decision_id=proposal.decision_id, until=None)
            again = Task(RuleAgain(decision_id=proposal.decision_id), on.now + LOOK_AGAIN)
            return Decision(Reason.HELD, state, (held,), (again,) if ruling.because == KILL_SWITCH else ())


def _no_question(state: Escalation, proposal: ActionProposed) -> str | None:
    """Why the campaign has gone past what `proposal` asks; None where it has not."""
    trigger = proposal.action.answers
    because = state.no_question.get(proposal.decision_id)
    return because or (state.no_question.get(trigger) if trigger else None)


def _difference(on: Occasion, state: Escalation, proposal: ActionProposed) -> Difference | None:
    """Beside the last approval in this campaign of the same act, else of the framework, else none."""
    plan, action = on.plan(proposal.plan_version), proposal.action
    proposed = content(on.campaign, proposal, plan, on.now)
    known: list[Content] = []
    for ruled in state.rulings.values():
        other = state.proposals[ruled.decision_id]
        same = (other.action.tool, other.action.verb) == (action.tool, action.verb)
        if same and ruled.cleared_at is not None and not ruled.revoked:
            known.append(content(on.campaign, other, on.plan(other.plan_version), ruled.cleared_at))
    if not known:
        frameworks = on.here.shared.frameworks
        mine = frameworks.get(approved_by(plan, proposal))
        known = (
            [mine]
            if mine is not None
            else [
                one
                for key, one in frameworks.items()
                if (key.framework, key.decision_type) == (plan.framework, proposal.decision_type)
            ]
        )
    last = max(known, key=lambda one: (one.approved_at, one.decision_id), default=None)
    return None if last is None else difference(last, proposed)


def _cleared(state: Escalation, proposal: ActionProposed, plan: Plan, ruled: Ruled, now: datetime) -> Ruling:
    by = Approver(kind=ApproverKind.RULE, subject=plan.policy.rule_versions[0], role="rule", at=now)
    grant = rulings.cleared(proposal, (by,), None, ruled.stages, now, rulings.expiry(plan, now))
    ruled = replace(ruled, grant_id=grant.grant_id, cleared_at=now)
    after = replace(state, rulings={**state.rulings, proposal.decision_id: ruled})
    return Decision(Reason.CLEARED_BY_RULE, after, (grant,))


def _asked(on: Occasion, state: Escalation, proposal: ActionProposed, verdict: Verdicts) -> Ruling:
    if proposal.action.answers is not None:
        return _option(on, state, proposal, proposal.action.answers)
    assert verdict.need is not None  # without a row only an option comes so far
    case = new_case(
        on, state, proposal.plan_version, CaseKind.APPROVAL, proposal.decision_id, verdict.need, verdict.severity
    )
    case = replace(
        case,
        title=proposal.title,
        because=verdict.because,
        if_ignored=proposal.if_ignored,
        options=(proposal.decision_id,),
    )
    return opened(on, state, case)


def _waiting(on: Occasion, state: Escalation, proposal: ActionProposed, verdict: Verdicts) -> Ruling:
    """A timed hold: people may speak until it is over."""
    plan = on.plan(proposal.plan_version)
    hold = timed_hold(proposal, plan)
    assert hold is not None
    assert verdict.need is not None
    until = on.now + hold.length
    then = "it proceeds by rule" if hold.then is HoldEnd.PROCEED else "it stays held, and a person must say so"
    case = new_case(on, state, plan.version, CaseKind.APPROVAL, proposal.decision_id, verdict.need, verdict.severity)
    case = replace(
        case,
        title=proposal.title,
        because=verdict.because,
        if_ignored=f"At {until:%H:%M} UTC {then}.",
        options=(proposal.decision_id,),
        deadline=until,
        timed=True,
    )
    ruling = opened(on, state, case)
    held = HoldPlaced(because=TIMED_HOLD, decision_id=proposal.decision_id, until=until)
    return replace(ruling, reason=Reason.WAITS, events=(held, *ruling.events))


def _option(on: Occasion, state: Escalation, proposal: ActionProposed, trigger: UUID) -> Ruling:
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
    plan = on.plan(proposal.plan_version)
    if _in_force(state, last, plan, on.now):
        no = rulings.denied(proposal, last.case_id, "case_closed")
        return Decision(Reason.CASE_CLOSED, rulings.ended(state, proposal.decision_id), (no,))
    fresh = new_case(on, state, proposal.plan_version, CaseKind.TRIGGER, trigger, last.needs, last.severity)
    fresh = replace(
        fresh,
        title=last.title,
        finding=last.finding,
        because=last.because,
        if_ignored=last.if_ignored,
        options=(proposal.decision_id,),
    )
    return opened(on, state, fresh)


def _in_force(state: Escalation, case: Case, plan: Plan, now: datetime) -> bool:
    """Whether people chose an option of `case` and its grant still stands: a latecomer changes nothing then."""
    if case.closed_at is None or now >= case.closed_at + plan.policy.deadlines.grant:
        return False
    chosen = (state.rulings[one] for one in case.options)
    return any(one.outcome == "cleared" and not one.revoked for one in chosen)
