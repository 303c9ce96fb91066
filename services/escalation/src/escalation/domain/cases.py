"""Cases: opened once per subject, closed once, and what people decide in them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from chassis.decision import Decision, Identity, Loaded, Task
from contracts.decision import Approver, ApproverKind, ReasonGiven, Stage
from contracts.escalation import (
    ActionCleared,
    ActionDenied,
    ApprovalGiven,
    ApprovalRefused,
    CaseAcknowledged,
    CaseExpired,
    CaseKind,
    CaseOpened,
    CaseResolved,
    CaseWithdrawn,
    OverrideRecorded,
)
from contracts.event import Event
from contracts.executor import ActionProposed, Settled
from contracts.framing import named
from escalation.commands import AcknowledgeCase, Choice, DecideCase, SettleCase
from escalation.domain.state import (
    Case,
    CaseDeadline,
    Escalation,
    Notify,
    Reason,
    Shared,
    Status,
    Vote,
)

Ruling: TypeAlias = Decision[Escalation, Shared]
Here: TypeAlias = Loaded[Escalation, Shared]


def case_of(subject: UUID) -> UUID:
    return named(str(subject), "case")


def grant_of(decision: UUID) -> UUID:
    return named(str(decision), "grant")


def with_case(state: Escalation, case: Case) -> Escalation:
    return replace(state, cases={**state.cases, case.case_id: case})


def opened(state: Escalation, case: Case) -> Ruling:
    """The case, who is told, and its deadline."""
    event = CaseOpened(
        case_id=case.case_id,
        kind=case.kind,
        severity=case.severity,
        needs=case.needs,
        subject_id=case.subject_id,
        title=case.title,
        because=case.because,
        deadline=case.deadline,
        if_ignored=case.if_ignored,
    )
    tasks = (
        Task(Notify(case_id=case.case_id, told=case.told)),
        Task(CaseDeadline(case_id=case.case_id), case.deadline),
    )
    return Decision(Reason.CASE_OPENED, with_case(state, case), (event,), tasks)


def acknowledge(here: Here, command: AcknowledgeCase) -> Ruling:
    state = here.state or Escalation()
    case = state.cases.get(command.case_id)
    if refusal := _may(case, command.actor, None):
        return Decision(refusal, state)
    assert case is not None
    after = with_case(state, replace(case, acknowledged_by=command.actor.subject))
    event = CaseAcknowledged(case_id=case.case_id, by=command.actor.subject)
    return Decision(Reason.ACKNOWLEDGED, after, (event,))


def decide_case(here: Here, command: DecideCase, now: datetime) -> Ruling:
    """One person's word on exactly one content."""
    state = here.state or Escalation()
    case = state.cases.get(command.case_id)
    refusal = _may(case, command.actor, state.author, now) or _fits(state, case, command)
    if refusal:
        return Decision(refusal, state)
    assert case is not None
    approver = approver_of(command.actor, case, now)
    approve = command.choice is Choice.APPROVE
    vote = Vote(approver=approver, decision_id=command.decision_id, approve=approve, reason=command.reason)
    case = replace(case, votes=(*case.votes, vote))
    proposal = state.proposals[command.decision_id]
    if not approve:
        return _refused(state, case, proposal, vote)
    given = ApprovalGiven(
        case_id=case.case_id,
        decision_id=command.decision_id,
        content_hash=command.content_hash,
        approver=approver,
        reason=command.reason,
    )
    agreed = [cast.approver for cast in case.votes if cast.approve and cast.decision_id == command.decision_id]
    need = state.rulings[command.decision_id].need
    if len({one.subject for one in agreed}) < max(case.needs.count, need.count if need else 1):
        return Decision(Reason.VOTE_COUNTED, with_case(state, case), (given,))
    return _cleared(here, state, case, proposal, vote, (given,), tuple(agreed), now)


def settle(here: Here, command: SettleCase, now: datetime) -> Ruling:
    """A person says what became of an uncertain effect."""
    state = here.state or Escalation()
    case = state.cases.get(command.case_id)
    if refusal := _may(case, command.actor, None, now):
        return Decision(refusal, state)
    assert case is not None
    if case.kind is not CaseKind.UNCERTAIN:
        return Decision(Reason.OPTION_UNKNOWN, state)
    approver = approver_of(command.actor, case, now)
    made = ApprovalGiven if command.settled is Settled.APPLIED else ApprovalRefused
    said = made(
        case_id=case.case_id,
        decision_id=case.subject_id,
        content_hash="0" * 64,
        approver=approver,
        reason=command.reason,
    )
    after = with_case(state, replace(case, status=Status.RESOLVED, closed_at=now))
    return Decision(Reason.SETTLED, after, (said, CaseResolved(case_id=case.case_id, chosen=None, by=(approver,))))


def expired(here: Here, deadline: CaseDeadline, now: datetime) -> Ruling:
    """Nobody decided in time."""
    state = here.state or Escalation()
    case = state.cases.get(deadline.case_id)
    if case is None or case.status is not Status.OPEN:
        return Decision(Reason.CASE_CLOSED, state)
    after = ended(with_case(state, replace(case, status=Status.EXPIRED, closed_at=now)), *open_options(case))
    events: list[Event] = [CaseExpired(case_id=case.case_id, if_ignored=case.if_ignored)]
    events += [denied(state.proposals[one], case.case_id, "expired") for one in open_options(case)]
    return Decision(Reason.EXPIRED, after, tuple(events))


def withdrawn(state: Escalation, cases: Iterable[Case], because: str, now: datetime) -> tuple[Escalation, list[Event]]:
    """What these cases asked is no longer a question."""
    events: list[Event] = []
    for case in cases:
        if case.status is Status.OPEN:
            state = ended(with_case(state, replace(case, status=Status.WITHDRAWN, closed_at=now)), *open_options(case))
            events.append(CaseWithdrawn(case_id=case.case_id, because=because))
            events += [denied(state.proposals[one], case.case_id, because) for one in open_options(case)]
    return state, events


def open_options(case: Case) -> list[UUID]:
    return [one for one in case.options if one not in case.refused]


def denied(
    proposal: ActionProposed,
    case_id: UUID | None,
    because: str,
    by: Approver | None = None,
    reason: ReasonGiven | None = None,
    stages: tuple[Stage, ...] = (),
) -> ActionDenied:
    return ActionDenied(
        decision_id=proposal.decision_id,
        plan_version=proposal.plan_version,
        case_id=case_id,
        because=because,
        by=by,
        reason=reason,
        stages=stages,
    )


def ended(state: Escalation, *decisions: UUID) -> Escalation:
    """These decisions were denied."""
    denials = {one: replace(state.rulings[one], outcome="denied") for one in decisions}
    return replace(state, rulings={**state.rulings, **denials})


def approver_of(actor: Identity, case: Case, now: datetime) -> Approver:
    role = case.needs.role if case.needs.role in actor.roles else case.needs.backup_role
    return Approver(kind=ApproverKind.HUMAN, subject=actor.subject, role=role, at=now)


def _may(case: Case | None, actor: Identity, author: str | None, now: datetime | None = None) -> Reason | None:
    """Why `actor` may not decide, or None."""
    if not actor.human:
        return Reason.NOT_A_PERSON
    if case is None:
        return Reason.CASE_UNKNOWN
    if case.status is not Status.OPEN or (now is not None and now >= case.deadline):
        return Reason.CASE_CLOSED
    if not {case.needs.role, case.needs.backup_role} & set(actor.roles):
        return Reason.ROLE_MISSING
    if author is not None and actor.subject == author:
        return Reason.OWN_WORK
    return None


def _fits(state: Escalation, case: Case | None, command: DecideCase) -> Reason | None:
    """Why the vote does not fit the case, or None."""
    assert case is not None
    if command.decision_id not in open_options(case):
        return Reason.OPTION_UNKNOWN
    if state.proposals[command.decision_id].action.content_hash != command.content_hash:
        return Reason.CONTENT_CHANGED
    if command.reason is None and (command.choice is Choice.REFUSE or case.kind is CaseKind.TRIGGER):
        return Reason.REASON_NEEDED
    if any(v.approver.subject == command.actor.subject and v.decision_id == command.decision_id for v in case.votes):
        return Reason.ALREADY_VOTED
    return None


def _refused(state: Escalation, case: Case, proposal: ActionProposed, vote: Vote) -> Ruling:
    assert vote.reason is not None
    case = replace(case, refused=(*case.refused, proposal.decision_id))
    events: list[Event] = [
        ApprovalRefused(
            case_id=case.case_id,
            decision_id=proposal.decision_id,
            content_hash=proposal.action.content_hash,
            approver=vote.approver,
            reason=vote.reason,
        ),
        denied(proposal, case.case_id, "refused", vote.approver, vote.reason),
    ]
    if not open_options(case):
        case = replace(case, status=Status.RESOLVED, closed_at=vote.approver.at)
        events.append(CaseResolved(case_id=case.case_id, chosen=None, by=(vote.approver,)))
    events.append(_override(case, proposal, vote, f"what was proposed: {proposal.chosen}"))
    return Decision(Reason.REFUSED_BY_PEOPLE, ended(with_case(state, case), proposal.decision_id), tuple(events))


def _cleared(
    here: Here,
    state: Escalation,
    case: Case,
    proposal: ActionProposed,
    vote: Vote,
    said: tuple[Event, ...],
    approvers: tuple[Approver, ...],
    now: datetime,
) -> Ruling:
    plan = here.plans[proposal.plan_version].plan
    ruled = state.rulings[proposal.decision_id]
    grant = cleared(proposal, approvers, case.case_id, ruled.stages, now, now + plan.policy.deadlines.grant)
    others = [one for one in open_options(case) if one != proposal.decision_id]
    case = replace(case, status=Status.RESOLVED, closed_at=now)
    events: list[Event] = [*said, grant]
    events += [
        denied(state.proposals[one], case.case_id, "another_option", vote.approver, vote.reason) for one in others
    ]
    events.append(CaseResolved(case_id=case.case_id, chosen=proposal.decision_id, by=approvers))
    if case.kind is CaseKind.TRIGGER:
        rejected = ", ".join(state.proposals[one].chosen for one in others) or "waiting"
        events.append(_override(case, proposal, vote, rejected))
    ruled = replace(ruled, outcome="cleared", grant_id=grant.grant_id)
    after = ended(with_case(state, case), *others)
    after = replace(after, rulings={**after.rulings, proposal.decision_id: ruled})
    learned = Shared(here.shared.frameworks | {plan.framework}, here.shared.learned | {plan.framework})
    shared = learned if case.kind is CaseKind.APPROVAL else None
    return Decision(Reason.CLEARED_BY_PEOPLE, after, tuple(events), shared=shared)


def cleared(
    proposal: ActionProposed,
    approvers: tuple[Approver, ...],
    case_id: UUID | None,
    stages: tuple[Stage, ...],
    now: datetime,
    expires_at: datetime,
) -> ActionCleared:
    """The grant over exactly this proposal."""
    return ActionCleared(
        grant_id=grant_of(proposal.decision_id),
        decision_id=proposal.decision_id,
        plan_version=proposal.plan_version,
        plan_hash=proposal.plan_hash,
        policy_hash=proposal.policy_hash,
        content_hash=proposal.action.content_hash,
        action=proposal.action,
        approvers=approvers,
        case_id=case_id,
        granted_at=now,
        expires_at=expires_at,
        stages=stages,
    )


def _override(case: Case, proposal: ActionProposed, vote: Vote, instead_of: str) -> OverrideRecorded:
    assert vote.reason is not None
    return OverrideRecorded(
        case_id=case.case_id,
        decision_id=proposal.decision_id,
        plan_version=proposal.plan_version,
        instead_of=instead_of,
        by=vote.approver,
        reason=vote.reason,
    )
