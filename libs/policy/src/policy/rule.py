"""Does a human need to see this? Stage by stage, each recorded with its inputs and verdict. Pure.

Every stage is asked and recorded, also when an earlier one has settled the matter; what one stage settles no other
loosens: denied before held before people before waiting before cleared. No answer is HOLD.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from contracts.actions import ActionProposed
from contracts.briefing import PlanIssued
from contracts.decision import Stage
from contracts.escalation import Need
from contracts.event import Severity
from contracts.plan import MatrixRow, Plan
from policy.stages import STAGES, Facts, Finding, Verdict, is_reduction, matrix_row

NO_MATCHING_RULE = "no_matching_rule"
RISK_REDUCING = "risk_reducing"
WITHIN_POLICY = "within_policy"
HOLD_IN_PLACE = "hold_in_place"
KILL_SWITCH = "kill_switch"
NOT_THIS_PLAN = "not_this_plan"
TIMED_HOLD = "timed_hold"

_SETTLED = {"binding": NOT_THIS_PLAN, "holds": HOLD_IN_PLACE, "authority_matrix": NO_MATCHING_RULE}
_TELLING = (
    "hard_triggers", "delegation_boundary", "impact", "novelty", "economics", "authority_matrix", "autonomy_rung",
    "timed_hold",
)  # fmt: skip
"""Of several equally severe stages, the one that tells a person most names the case."""
RANK = {severity: nth for nth, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Ruling:
    """What may happen, why, and whom it needs. `because` is a stage's name, or what it settled."""

    verdict: Verdict
    because: str
    stages: tuple[Stage, ...]
    need: Need | None = None
    severity: Severity = Severity.LOW


def rule(proposal: ActionProposed, plan: PlanIssued, facts: Facts, now: datetime) -> Ruling:
    """The ruling on `proposal` under the policy frozen into `plan`: the same arguments, the same ruling."""
    if reduces_risk(proposal, plan.plan):
        return Ruling(Verdict.CLEARED, RISK_REDUCING, _at_once(proposal))
    found = [(name, look(proposal, plan, facts, now)) for name, look in STAGES]
    stages = tuple(
        Stage(stage=name, verdict=finding.verdict.value, inputs=finding.inputs or ("nothing to look at",))
        for name, finding in found
    )
    need = need_of(matrix_row(proposal, plan.plan))
    for settling in (Verdict.DENIED, Verdict.HELD):
        for name, finding in found:
            if finding.verdict is settling:
                because = KILL_SWITCH if name == "holds" and facts.kills else _SETTLED[name]
                return Ruling(settling, because, stages, need, Severity.HIGH)
    asking = {name: finding for name, finding in found if finding.verdict is Verdict.NEEDS_PEOPLE}
    if not asking:
        if any(finding.verdict is Verdict.WAITS for _, finding in found):
            return Ruling(Verdict.WAITS, TIMED_HOLD, stages, need)
        return Ruling(Verdict.CLEARED, WITHIN_POLICY, stages, need)
    because = _most_telling(asking.items())
    return Ruling(Verdict.NEEDS_PEOPLE, because, stages, need, asking[because].severity)


def reduces_risk(proposal: ActionProposed, plan: Plan) -> bool:
    """Goes at once (G2): a reduction that is no option, for options are chosen by people."""
    return proposal.action.answers is None and is_reduction(proposal, plan)


def need_of(row: MatrixRow | None) -> Need | None:
    return None if row is None else Need(role=row.role, count=row.needed, backup_role=row.backup_role)


def _at_once(proposal: ActionProposed) -> tuple[Stage, ...]:
    action = proposal.action
    reduced = Stage(stage=RISK_REDUCING, verdict="cleared", inputs=(f"{action.tool}/{action.verb} is class reduce",))
    skipped = ("a reduction of risk waits for nobody",)
    return (reduced, *(Stage(stage=name, verdict="skipped", inputs=skipped) for name, _ in STAGES))


def _most_telling(asking: Iterable[tuple[str, Finding]]) -> str:
    return min(asking, key=lambda named: (-RANK[named[1].severity], _TELLING.index(named[0])))[0]
