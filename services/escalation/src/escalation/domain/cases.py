"""Cases: what people decide in them, and how each is closed once."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from chassis.decision import Decision, Identity
from contracts.actions import ActionProposed, Settled
from contracts.decision import Approver, ApproverKind
from contracts.escalation import (
    ApprovalGiven,
    ApprovalRefused,
    CaseAcknowledged,
    CaseExpired,
    CaseKind,
    CaseResolved,
    CaseWithdrawn,
    OverrideRecorded,
    VoteRefused,
)
from contracts.event import Event
from contracts.plan import Plan
from escalation.commands import AcknowledgeCase, Choice, DecideCase, SettleCase
from escalation.domain.difference import content
from escalation.domain.opening import Here, Occasion, Ruling, with_case
from escalation.domain.rulings import cleared, denied, ended, expiry, released
from escalation.domain.state import (
    Approved,
    Case,
    CaseDeadline,
    ContentDiffers,
    Escalation,
    Reason,
    Status,
    Vote,
    Withdrawn,
)
from policy.stages import is_reduction


def approved_by(plan: Plan, proposal: ActionProposed) -> Approved:
    """What an approval of `proposal` approves for later ones too."""
    return Approved(plan.framework, proposal.decision_type, proposal.blast_radius.legal_class)


def acknowledge(on: Occasion, command: AcknowledgeCase) -> Ruling:
    state = on.here.state or Escalation()
    case = state.cases.get(command.case_id)
    if refusal := _may(case, command.actor, None):
        return Decision(refusal, state)
    assert case is not None
    after = with_case(state, replace(_seen(case, on.now), acknowledged_by=command.actor.subject))
    event = CaseAcknowledged(case_id=case.case_id, by=command.actor.subject)
    return Decision(Reason.ACKNOWLEDGED, after, (event,))


def decide_case(on: Occasion, command: DecideCase) -> Ruling:
    """One person's word on exactly one content."""
    state = on.here.state or Escalation()
    case = state.cases.get(command.case_id)
    refusal = _may(case, command.actor, state.author, on.now) or _fits(on.here, state, case, command)
    if refusal is Reason.CONTENT_CHANGED:
        proposed = state.proposals[command.decision_id].action.content_hash
        differs = ContentDiffers(displayed=command.content_hash, proposed=proposed)
        return replace(_not_counted(state, case, command.actor, command.decision_id, refusal), answer=differs)
    if refusal:
        return _not_counted(state, case, command.actor, command.decision_id, refusal)
    assert case is not None
    approver = approver_of(command.actor, case, on.now)
    approve = command.choice is Choice.APPROVE
    vote = Vote(approver=approver, decision_id=command.decision_id, approve=approve, reason=command.reason)
    case = replace(_seen(case, on.now), votes=(*case.votes, vote))
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
    return _cleared(on, state, case, proposal, vote, (given,), tuple(agreed))


def settle(on: Occasion, command: SettleCase) -> Ruling:
    """A person says what became of an uncertain effect."""
    state = on.here.state or Escalation()
    case = state.cases.get(command.case_id)
    if refusal := _may(case, command.actor, None, on.now):
        return _not_counted(state, case, command.actor, None, refusal)
    assert case is not None
    if case.kind is not CaseKind.UNCERTAIN:
        return Decision(Reason.OPTION_UNKNOWN, state)
    approver = approver_of(command.actor, case, on.now)
    made = ApprovalGiven if command.settled is Settled.APPLIED else ApprovalRefused
    said = made(
        case_id=case.case_id,
        decision_id=case.subject_id,
        content_hash="0" * 64,
        approver=approver,
        reason=command.reason,
    )
    after = with_case(state, replace(_seen(case, on.now), status=Status.RESOLVED, closed_at=on.now))
    return Decision(Reason.SETTLED, after, (said, CaseResolved(case_id=case.case_id, chosen=None, by=(approver,))))


def expired(on: Occasion, deadline: CaseDeadline) -> Ruling:
    """Nobody decided in time."""
    state = on.here.state or Escalation()
    case = state.cases.get(deadline.case_id)
    if case is None or case.status is not Status.OPEN:
        return Decision(Reason.CASE_CLOSED, state)
    state = with_case(state, replace(case, status=Status.EXPIRED, closed_at=on.now))
    events: list[Event] = [CaseExpired(case_id=case.case_id, if_ignored=case.if_ignored)]
    if case.timed:
        return Decision(Reason.HOLD_ENDED, state, tuple(events))
    after = ended(state, *open_options(case))
    events += released(state, *open_options(case))
    events += [denied(state.proposals[one], case.case_id, "expired") for one in open_options(case)]
    return Decision(Reason.EXPIRED, after, tuple(events))


def withdrawn(state: Escalation, cases: Iterable[Case], because: str, now: datetime) -> tuple[Escalation, list[Event]]:
    """What these cases asked is no longer a question, and must not happen."""
    events: list[Event] = []
    for case in cases:
        if case.status is Status.OPEN:
            state, said = taken_back(state, case, because, now)
            events += said
            events += [denied(state.proposals[one], case.case_id, because) for one in open_options(case)]
    return state, events


def taken_back(state: Escalation, case: Case, because: str, now: datetime) -> tuple[Escalation, list[Event]]:
    """What an open case asked is no longer a question. Nothing is said of what it was about."""
    state = with_case(state, replace(case, status=Status.WITHDRAWN, closed_at=now, withdrawn_because=because))
    events: list[Event] = [CaseWithdrawn(case_id=case.case_id, because=because), *released(state, *open_options(case))]
    return ended(state, *open_options(case)), events


def open_options(case: Case) -> list[UUID]:
    return [one for one in case.options if one not in case.refused]


def approver_of(actor: Identity, case: Case, now: datetime) -> Approver:
    role = case.needs.role if case.needs.role in actor.roles else case.needs.backup_role
    return Approver(kind=ApproverKind.HUMAN, subject=actor.subject, role=role, at=now)


def _not_counted(
    state: Escalation, case: Case | None, actor: Identity, decision: UUID | None, because: Reason
) -> Ruling:
    """A word that does not count is recorded: whoever tries what they may not do leaves a trace."""
    if case is None:
        return Decision(because, state)
    refused = VoteRefused(
        case_id=case.case_id, decision_id=decision, by=actor.subject, human=actor.human, because=because.value
    )
    withdrawn = because is Reason.CASE_CLOSED and case.status is Status.WITHDRAWN
    why = Withdrawn(withdrawn_because=case.withdrawn_because) if withdrawn else None
    return Decision(because, state, (refused,), answer=why)


def _seen(case: Case, now: datetime) -> Case:
    return replace(case, seen_at=case.seen_at or now)


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


def _fits(here: Here, state: Escalation, case: Case | None, command: DecideCase) -> Reason | None:
    """Why the vote does not fit the case, or None."""
    assert case is not None
    if command.decision_id not in open_options(case):
        return Reason.OPTION_UNKNOWN
    proposal = state.proposals[command.decision_id]
    if proposal.action.content_hash != command.content_hash:
        return Reason.CONTENT_CHANGED
    if command.choice is Choice.APPROVE and proposal.plan_version < max(here.plans):
        return Reason.PLAN_CHANGED
    if command.reason is None and (command.choice is Choice.REFUSE or case.kind is CaseKind.TRIGGER):
        return Reason.REASON_NEEDED
    if any(v.approver.subject == command.actor.subject and v.decision_id == command.decision_id for v in case.votes):
        return Reason.ALREADY_VOTED
    if command.choice is Choice.APPROVE and _held(here, state, proposal):
        return Reason.HELD
    return None


def _held(here: Here, state: Escalation, proposal: ActionProposed) -> bool:
    """Nobody clears anything but a reduction of risk while a kill switch or hold is over the campaign."""
    stopped = bool(here.shared.kills or state.holds)
    return stopped and not is_reduction(proposal, here.plans[proposal.plan_version].plan)


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
        *released(state, proposal.decision_id),
        denied(proposal, case.case_id, "refused", vote.approver, vote.reason),
    ]
    if not open_options(case):
        case = replace(case, status=Status.RESOLVED, closed_at=vote.approver.at)
        events.append(CaseResolved(case_id=case.case_id, chosen=None, by=(vote.approver,)))
    events.append(_override(case, proposal, vote, f"what was proposed: {proposal.chosen}"))
    return Decision(Reason.REFUSED_BY_PEOPLE, ended(with_case(state, case), proposal.decision_id), tuple(events))


def _cleared(
    on: Occasion,
    state: Escalation,
    case: Case,
    proposal: ActionProposed,
    vote: Vote,
    said: tuple[Event, ...],
    approvers: tuple[Approver, ...],
) -> Ruling:
    plan = on.plan(proposal.plan_version)
    ruled = state.rulings[proposal.decision_id]
    grant = cleared(proposal, approvers, case.case_id, ruled.stages, on.now, expiry(plan, on.now))
    others = [one for one in open_options(case) if one != proposal.decision_id]
    case = replace(case, status=Status.RESOLVED, closed_at=on.now)
    events: list[Event] = [*said, *released(state, proposal.decision_id), grant]
    events += [
        denied(state.proposals[one], case.case_id, "another_option", vote.approver, vote.reason) for one in others
    ]
    events.append(CaseResolved(case_id=case.case_id, chosen=proposal.decision_id, by=approvers))
    if case.kind is CaseKind.TRIGGER:
        rejected = ", ".join(state.proposals[one].chosen for one in others) or "waiting"
        events.append(_override(case, proposal, vote, rejected))
    ruled = replace(ruled, outcome="cleared", grant_id=grant.grant_id, cleared_at=on.now)
    after = ended(with_case(state, case), *others)
    after = replace(after, rulings={**after.rulings, proposal.decision_id: ruled})
    shared = None
    if case.kind is CaseKind.APPROVAL:
        approved = {approved_by(plan, proposal): content(on.campaign, proposal, plan, on.now)}
        known = on.here.shared
        shared = replace(known, frameworks={**known.frameworks, **approved}, learned={**known.learned, **approved})
    return Decision(Reason.CLEARED_BY_PEOPLE, after, tuple(events), shared=shared)


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
