"""The stages of a ruling, in their order: each looks at the proposal, the frozen policy and the facts. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from contracts.actions import ActionProposed
from contracts.briefing import PlanIssued
from contracts.decision import LegalClass, Taint
from contracts.event import Money, Severity
from contracts.plan import ActionClass, Authority, HandledBy, HoldEnd, MatrixRow, Plan, TimedHold


class Verdict(StrEnum):
    """Of a stage: `cleared` means that it has nothing against it. Of a ruling: what may happen."""

    CLEARED = "cleared"
    WAITS = "waits"
    """Cleared but for a timed hold, during which people may still speak."""
    NEEDS_PEOPLE = "needs_people"
    HELD = "held"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing of the campaign is cleared while it lasts; without `until` it ends only when it is released."""

    because: str
    until: datetime | None = None

    def lasts(self, now: datetime) -> bool:
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True)
class Facts:
    """What a ruling rests on beside proposal, plan and time: stored with it, so that it can be made again."""

    holds: tuple[Hold, ...] = ()
    kills: tuple[str, ...] = ()
    """Scopes whose kill switch is engaged over this campaign."""
    newest_plan: int = 1
    framework_approved: bool = False
    """Whether people approved this framework before, for this decision type and legal class."""
    hold_over: bool = False
    """Whether the proposal's timed hold has passed, and nobody spoke."""


@dataclass(frozen=True, slots=True)
class Finding:
    verdict: Verdict
    inputs: tuple[str, ...]
    severity: Severity = Severity.LOW


Look: TypeAlias = Callable[[ActionProposed, PlanIssued, Facts, datetime], Finding]

RUNG_TO_ACT = 3
"""Supervised execution: below it an agent drafts and recommends, and people let things happen (D1)."""
OUTSIDE_EFFECT = frozenset({ActionClass.PUBLISH, ActionClass.SPEND, ActionClass.TREAT})

MEASURES: Mapping[str, Callable[[ActionProposed, Plan], int]] = {
    "recipients": lambda proposal, _: max(proposal.recipients, proposal.blast_radius.people),
    "money_at_risk_micros": lambda proposal, _: proposal.blast_radius.money_at_risk.micros,
    "lifetime_value_micros": lambda _, plan: plan.brief.worth.lifetime_value_per_recipient.micros,
}
"""What a boundary may limit. A boundary on anything else cannot be measured, and asks people each time."""
IMPACT = frozenset({"lifetime_value_micros"})
"""Boundaries that mark an impact of their own (X10)."""


def matrix_row(proposal: ActionProposed, plan: Plan) -> MatrixRow | None:
    """The one cell of the matrix for this action; two are none, because nobody said which."""
    action = proposal.action
    rows = [
        row
        for row in plan.policy.matrix
        if (row.tool, row.verb, row.action_class, row.decision_type)
        == (action.tool, action.verb, action.action_class, proposal.decision_type)
    ]
    return rows[0] if len(rows) == 1 else None


def _binding(proposal: ActionProposed, issued: PlanIssued, facts: Facts, _: datetime) -> Finding:
    """Approval is of this plan under this policy, and of the newest one (G4)."""
    inputs = (
        f"plan version {proposal.plan_version}, newest {facts.newest_plan}",
        f"plan hash {proposal.plan_hash[:12]}, issued {issued.plan_hash[:12]}",
        f"policy hash {proposal.policy_hash[:12]}, frozen {issued.plan.policy_hash[:12]}",
    )
    named = (proposal.plan_hash, proposal.policy_hash)
    same = named == (issued.plan_hash, issued.plan.policy_hash) and issued.plan.policy.hash == issued.plan.policy_hash
    if not same or proposal.plan_version < facts.newest_plan:
        return Finding(Verdict.DENIED, inputs, Severity.HIGH)
    return Finding(Verdict.CLEARED, inputs)


def is_reduction(proposal: ActionProposed, plan: Plan) -> bool:
    """Class reduce, and a verb that the matrix does not know under another class: a send cannot call itself one."""
    action = proposal.action
    known = {row.action_class for row in plan.policy.matrix if (row.tool, row.verb) == (action.tool, action.verb)}
    return action.action_class is ActionClass.REDUCE and known <= {ActionClass.REDUCE}


def _holds(proposal: ActionProposed, issued: PlanIssued, facts: Facts, now: datetime) -> Finding:
    if is_reduction(proposal, issued.plan):
        return Finding(Verdict.CLEARED, ("no kill switch and no hold keeps back what reduces risk",))
    lasting = [hold for hold in facts.holds if hold.lasts(now)]
    inputs = [f"kill switch engaged: {scope}" for scope in facts.kills]
    inputs += [f"hold {hold.because} until {hold.until.isoformat() if hold.until else 'released'}" for hold in lasting]
    if inputs:
        return Finding(Verdict.HELD, tuple(inputs), Severity.HIGH)
    return Finding(Verdict.CLEARED, ("no kill switch and no hold",))


def _authority_matrix(proposal: ActionProposed, issued: PlanIssued, _: Facts, __: datetime) -> Finding:
    action = proposal.action
    cell = f"{action.tool}/{action.verb} as {proposal.decision_type}, class {action.action_class}"
    row = matrix_row(proposal, issued.plan)
    if row is None:
        if is_reduction(proposal, issued.plan) and action.answers is not None:  # people may always choose to stop
            return Finding(Verdict.NEEDS_PEOPLE, (f"no row for {cell}",), Severity.MEDIUM)
        return Finding(Verdict.HELD, (f"no row for {cell}",), Severity.HIGH)
    inputs = (cell, f"row {row.id}: {row.authority}, {row.needed} of {row.role}, backup {row.backup_role}")
    if row.authority is Authority.INDEPENDENT:
        return Finding(Verdict.CLEARED, inputs)
    return Finding(Verdict.NEEDS_PEOPLE, inputs, Severity.MEDIUM)


def _delegation_boundary(proposal: ActionProposed, issued: PlanIssued, _: Facts, __: datetime) -> Finding:
    boundaries = [one for one in issued.plan.policy.boundaries if one.what not in IMPACT]
    if not boundaries:
        return Finding(Verdict.NEEDS_PEOPLE, ("no boundary is written: nothing is delegated",), Severity.MEDIUM)
    inputs, over = [], False
    for boundary in boundaries:
        measure = MEASURES.get(boundary.what)
        value = None if measure is None else measure(proposal, issued.plan)
        over = over or value is None or value > boundary.limit
        inputs.append(f"{boundary.what} {'cannot be measured' if value is None else value}, limit {boundary.limit}")
    return _asks(over, inputs, Severity.HIGH)


def _hard_triggers(proposal: ActionProposed, issued: PlanIssued, _: Facts, __: datetime) -> Finding:
    """What no confidence clears: claims, money, exclusions, treatment of customers, options, exceptional times."""
    brief, radius, action = issued.plan.brief, proposal.blast_radius, proposal.action
    found: list[tuple[str, Severity]] = []
    if radius.legal_class is LegalClass.REGULATED:
        found.append(("a regulated claim", Severity.CRITICAL))
    if brief.policy_categories:
        found.append((f"policy categories: {', '.join(brief.policy_categories)}", Severity.CRITICAL))
    if brief.exceptional is not None:
        found.append((f"{brief.exceptional}: the agent only assembles options", Severity.CRITICAL))
    if action.answers is not None:
        found.append(("an option to a trigger: a person chooses", Severity.HIGH))
    if brief.audience.exclusions or radius.excluded:
        names = ", ".join(brief.audience.exclusions) or "by choice"
        found.append((f"an exclusion: {radius.excluded} people are left out ({names})", Severity.HIGH))
    if action.action_class is ActionClass.SPEND:
        found.append(("a budget shift: no standing budget policy was approved", Severity.HIGH))
    if action.action_class is ActionClass.TREAT:
        found.append(("a change of how customers are treated", Severity.HIGH))
    if _over(radius.money_at_risk, brief.budget.total):
        found.append((f"money at risk {amount(radius.money_at_risk)} of {amount(brief.budget.total)}", Severity.HIGH))
    if proposal.handled_by is HandledBy.AGENT and any(one.taint is Taint.OUTSIDE for one in proposal.sources):
        found.append(("an agent chose after reading text from outside", Severity.HIGH))
    if not found:
        risk = amount(radius.money_at_risk)
        looked = f"legal class {radius.legal_class}, money at risk {risk}, nobody left out, no option"
        return Finding(Verdict.CLEARED, (looked,))
    return Finding(Verdict.NEEDS_PEOPLE, tuple(line for line, _ in found), max((s for _, s in found), key=_rank))


def _impact(proposal: ActionProposed, issued: PlanIssued, _: Facts, __: datetime) -> Finding:
    """High-value customers are a person's business (X10)."""
    inputs, over = [], False
    for boundary in issued.plan.policy.boundaries:
        if boundary.what in IMPACT:
            value = MEASURES[boundary.what](proposal, issued.plan)
            over = over or value > boundary.limit
            inputs.append(f"{boundary.what} {value}, limit {boundary.limit}")
    return _asks(over, inputs or ["no limit on lifetime value is written"], Severity.HIGH)


def _novelty(_: ActionProposed, issued: PlanIssued, facts: Facts, __: datetime) -> Finding:
    """A first use is looked at; afterwards its recurring mechanics run inside the approval (A7)."""
    known = "was approved" if facts.framework_approved else "was never approved for this decision and legal class"
    return _asks(not facts.framework_approved, [f"framework {issued.plan.framework} {known}"], Severity.MEDIUM)


def _economics(proposal: ActionProposed, issued: PlanIssued, _: Facts, __: datetime) -> Finding:
    """Human review where an error costs more, in expectation, than the delay (X4), or where confidence is low (X8)."""
    policy = issued.plan.policy
    expected = (1 - proposal.confidence) * proposal.cost_of_error.micros * (1 - policy.recoverable_share)
    inputs = [
        f"p_err {1 - proposal.confidence:.4f}, confidence floor {policy.confidence_floor:.4f}",
        f"cost of error {amount(proposal.cost_of_error)}, recoverable {policy.recoverable_share:.4f}",
        f"expected {amount(Money(micros=round(expected), currency=proposal.cost_of_error.currency))}",
        f"cost of delay {amount(proposal.cost_of_delay)}",
    ]
    comparable = proposal.cost_of_error.currency == proposal.cost_of_delay.currency
    dearer = not comparable or expected > proposal.cost_of_delay.micros
    return _asks(dearer or proposal.confidence < policy.confidence_floor, inputs, Severity.MEDIUM)


def _autonomy_rung(proposal: ActionProposed, issued: PlanIssued, _: Facts, __: datetime) -> Finding:
    granted = issued.plan.policy.autonomy_rung
    needed = RUNG_TO_ACT if proposal.action.action_class in OUTSIDE_EFFECT else 1
    inputs = [f"rung {granted} granted, {proposal.autonomy_rung} claimed, {needed} needed to act alone"]
    return _asks(proposal.autonomy_rung > granted or granted < needed, inputs, Severity.MEDIUM)


def timed_hold(proposal: ActionProposed, plan: Plan) -> TimedHold | None:
    """The longest hold over this action."""
    action = proposal.action
    found = [
        one
        for one in plan.policy.holds
        if (one.tool, one.verb, one.decision_type) == (action.tool, action.verb, proposal.decision_type)
    ]
    return max(found, key=lambda one: one.length, default=None)


def _timed_hold(proposal: ActionProposed, issued: PlanIssued, facts: Facts, _: datetime) -> Finding:
    hold = timed_hold(proposal, issued.plan)
    if hold is None:
        return Finding(Verdict.CLEARED, ("no timed hold",))
    inputs = (f"hold {hold.id} of {hold.length}, then {hold.then}", "it is over" if facts.hold_over else "not over")
    if not facts.hold_over:
        return Finding(Verdict.WAITS, inputs)
    return _asks(hold.then is not HoldEnd.PROCEED, list(inputs), Severity.MEDIUM)


STAGES: tuple[tuple[str, Look], ...] = (
    ("binding", _binding),
    ("holds", _holds),
    ("authority_matrix", _authority_matrix),
    ("delegation_boundary", _delegation_boundary),
    ("hard_triggers", _hard_triggers),
    ("impact", _impact),
    ("novelty", _novelty),
    ("economics", _economics),
    ("autonomy_rung", _autonomy_rung),
    ("timed_hold", _timed_hold),
)


def _asks(people: bool, inputs: list[str], severity: Severity) -> Finding:
    return Finding(Verdict.NEEDS_PEOPLE if people else Verdict.CLEARED, tuple(inputs), severity)


def _over(money: Money, limit: Money) -> bool:
    """Whether `money` is more than `limit`; what cannot be compared is."""
    return money.currency != limit.currency or money.micros > limit.micros


def amount(money: Money) -> str:
    """As a person reads it."""
    return f"{money.micros / 1_000_000:.2f} {money.currency}"


def _rank(severity: Severity) -> int:
    return list(Severity).index(severity)
