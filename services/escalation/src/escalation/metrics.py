"""What escalation counts. Names, labels and meanings: docs/reference/metrics.md."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from prometheus_client import Counter, Gauge, Histogram

from chassis.decision import Decision, Message, TaskFailed
from contracts.actions import ActionProposed
from contracts.escalation import (
    ActionCleared,
    ActionDenied,
    CaseExpired,
    CaseKind,
    CaseOpened,
    CaseResolved,
    HoldReleased,
    OverrideRecorded,
)
from contracts.event import Severity
from contracts.plan import ActionClass
from escalation.commands import AcknowledgeCase, DecideCase, SettleCase
from escalation.domain.state import Case, Escalation, LookDue, Notified, Notify, OpenCases, Reason, Shared
from policy.stages import Verdict

WAITS = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 259200)
DECISIONS = Counter("handrail_escalation_decisions", "Messages decided, by reason.", ["reason"])
CLEARED = Counter("handrail_decisions", "Proposals cleared, by who decided.", ["decision_type", "mode"])
INTERVENTIONS = Counter("handrail_interventions", "Times a person stepped in.", ["kind"])
OVERRIDES = Counter("handrail_overrides", "Decisions of people against a rule's.", ["decision_type", "direction"])
POLICY = Counter("handrail_policy_evaluations", "Rulings by the policy.", ["result"])
CASES = Counter("handrail_cases", "Cases opened.", ["severity", "kind"])
OPEN = Gauge("handrail_cases_open", "Cases open now.", ["severity"])
OLDEST = Gauge("handrail_case_oldest_open_seconds", "Age of the oldest open case.", ["severity"])
ACK = Histogram(
    "handrail_case_ack_seconds", "From a case's opening to the first look at it.", ["severity"], buckets=WAITS
)
RESOLUTION = Histogram(
    "handrail_case_resolution_seconds", "From a case's opening to people's decision.", ["severity"], buckets=WAITS
)
CASE_SLA = Counter(
    "handrail_case_sla", "Promises about cases, a miss at its deadline.", ["severity", "stage", "result"]
)
APPROVALS = Counter("handrail_approvals", "Approvals asked for that ended.", ["kind", "decision"])
APPROVAL_SECONDS = Histogram(
    "handrail_approval_decision_seconds", "From the question to people's decision.", ["kind"], buckets=(10, 30, *WAITS)
)
PENDING = Gauge("handrail_approvals_pending", "Cases that wait for an approval now.", ["kind"])
OLDEST_PENDING = Gauge("handrail_approval_oldest_pending_seconds", "Age of the oldest of them.", ["kind"])
NOTIFICATIONS = Counter("handrail_notifications", "People told of a case.", ["transport", "result"])

DECISION_TYPES = ("send_email", "stop", "other")
MODES = ("auto", "approved", "human")
ASKING = (CaseKind.APPROVAL, CaseKind.TRIGGER)
"""Cases whose options are approved or refused."""

for reason in Reason:
    DECISIONS.labels(reason=reason)
for decision_type in DECISION_TYPES:
    for mode in MODES:
        CLEARED.labels(decision_type=decision_type, mode=mode)
    for direction in ("stricter", "looser"):
        OVERRIDES.labels(decision_type=decision_type, direction=direction)
for kind in ("override", "refusal"):
    INTERVENTIONS.labels(kind=kind)
for severity in Severity:
    OPEN.labels(severity=severity)
    OLDEST.labels(severity=severity)
    ACK.labels(severity=severity)
    RESOLUTION.labels(severity=severity)
    for case_kind in CaseKind:
        CASES.labels(severity=severity, kind=case_kind)
    for stage in ("ack", "resolve"):
        for result in ("met", "missed"):
            CASE_SLA.labels(severity=severity, stage=stage, result=result)
for case_kind in ASKING:
    PENDING.labels(kind=case_kind)
    OLDEST_PENDING.labels(kind=case_kind)
    APPROVAL_SECONDS.labels(kind=case_kind)
    for decision in ("approved", "rejected", "expired", "withdrawn"):
        APPROVALS.labels(kind=case_kind, decision=decision)
for result in ("allow", "needs_approval", "hold", "deny"):
    POLICY.labels(result=result)
for result in ("sent", "failed", "nobody"):
    NOTIFICATIONS.labels(transport="inbox", result=result)

_RESULTS = {
    Verdict.WAITS: "hold",
    Verdict.CLEARED: "allow", Verdict.NEEDS_PEOPLE: "needs_approval", Verdict.HELD: "hold", Verdict.DENIED: "deny",
}  # fmt: skip
_ENDINGS = {"refused": "rejected", "expired": "expired"}
"""How an approval ended, by why its proposal was denied; all else took the question away."""


def observe(message: Message, decided: Decision[Escalation, Shared]) -> None:
    """Count what a committed decision means."""
    state = decided.state or Escalation()
    match message.body:
        case ActionProposed() if decided.reason is not Reason.KNOWN:
            _evaluated(state, message.body)
        case AcknowledgeCase() | DecideCase() | SettleCase():
            case = state.cases.get(message.body.case_id)
            if case is not None and case.seen_at == message.meta.occurred_at:
                _looked(case, case.seen_at)
        case LookDue(nth=1) as due:
            _look_due(state.cases[due.case_id])
        case Notified(told=told, transport=transport):
            NOTIFICATIONS.labels(transport=transport, result="sent" if told else "nobody").inc(len(told) or 1)
        case TaskFailed(task=Notify(told=told)):
            NOTIFICATIONS.labels(transport="inbox", result="failed").inc(len(told) or 1)
        case _:
            pass
    for event in decided.events:
        match event:
            case ActionCleared():
                _cleared(state, event)
            case ActionDenied(case_id=case_id) if case_id is not None:
                ending = _ENDINGS.get(event.because, "withdrawn")
                APPROVALS.labels(kind=state.cases[case_id].kind, decision=ending).inc()
            case CaseOpened():
                CASES.labels(severity=event.severity, kind=event.kind).inc()
            case CaseResolved():
                _resolved(state.cases[event.case_id])
            case CaseExpired():
                case = state.cases[event.case_id]
                if not case.timed:  # where silence lets it go on, nobody missed anything
                    CASE_SLA.labels(severity=case.severity, stage="resolve", result="missed").inc()
            case HoldReleased(decision_id=decision) if decision is not None:
                _evaluated(state, state.proposals[decision])
            case OverrideRecorded():
                _overridden(state, event, refused=decided.reason is Reason.REFUSED_BY_PEOPLE)
            case _:
                pass


def show(found: Iterable[OpenCases]) -> None:
    """Set the gauges to the cases that are open now."""
    listed = list(found)
    for severity in Severity:
        _show(OPEN.labels(severity=severity), OLDEST.labels(severity=severity), listed, severity)
    for kind in ASKING:
        _show(PENDING.labels(kind=kind), OLDEST_PENDING.labels(kind=kind), listed, kind)


def _show(count: Gauge, oldest: Gauge, listed: Sequence[OpenCases], wanted: str) -> None:
    mine = [one for one in listed if wanted in (one.severity, one.kind)]
    count.set(sum(one.open for one in mine))
    oldest.set(max((one.oldest for one in mine), default=0.0))


def _evaluated(state: Escalation, proposal: ActionProposed) -> None:
    """What the policy's newest word on `proposal` was; a hold that still stands is not said again."""
    POLICY.labels(result=_RESULTS[Verdict(state.rulings[proposal.decision_id].outcome)]).inc()


def _looked(case: Case, seen_at: datetime) -> None:
    ACK.labels(severity=case.severity).observe((seen_at - case.opened_at).total_seconds())
    if seen_at <= case.look_by:
        CASE_SLA.labels(severity=case.severity, stage="ack", result="met").inc()


def _look_due(case: Case) -> None:
    """A miss is one although somebody looked before this was counted; a question that went away in time is none."""
    seen_in_time = case.seen_at is not None and case.seen_at <= case.look_by
    closed_in_time = case.closed_at is not None and case.closed_at <= case.look_by
    if not seen_in_time and not closed_in_time:
        CASE_SLA.labels(severity=case.severity, stage="ack", result="missed").inc()


def _cleared(state: Escalation, grant: ActionCleared) -> None:
    case = state.cases.get(grant.case_id) if grant.case_id else None
    mode = "auto" if case is None else "human" if case.kind is CaseKind.TRIGGER else "approved"
    CLEARED.labels(decision_type=_type_of(state.proposals[grant.decision_id]), mode=mode).inc()
    if case is not None:
        APPROVALS.labels(kind=case.kind, decision="approved").inc()


def _resolved(case: Case) -> None:
    assert case.closed_at is not None
    took = (case.closed_at - case.opened_at).total_seconds()
    RESOLUTION.labels(severity=case.severity).observe(took)
    CASE_SLA.labels(severity=case.severity, stage="resolve", result="met").inc()
    if case.kind in ASKING:
        APPROVAL_SECONDS.labels(kind=case.kind).observe(took)


def _overridden(state: Escalation, override: OverrideRecorded, *, refused: bool) -> None:
    """Against what a rule had decided: stricter is less risk than it would have taken, looser is more."""
    proposal = state.proposals[override.decision_id]
    reduces = proposal.action.action_class is ActionClass.REDUCE
    direction = "stricter" if refused != reduces else "looser"
    OVERRIDES.labels(decision_type=_type_of(proposal), direction=direction).inc()
    INTERVENTIONS.labels(kind="refusal" if refused else "override").inc()


def _type_of(proposal: ActionProposed) -> str:
    return proposal.decision_type if proposal.decision_type in DECISION_TYPES else "other"
