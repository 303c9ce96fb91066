"""What escalation counts."""

from prometheus_client import Counter, Gauge

from chassis.decision import Decision, Message
from contracts.actions import ActionProposed
from contracts.escalation import ActionCleared, CaseExpired, CaseKind, CaseOpened, OverrideRecorded
from contracts.event import Severity
from escalation.domain.state import Escalation, Reason, Shared

DECISIONS = Counter("handrail_escalation_decisions", "Messages decided, by reason.", ["reason"])
RULINGS = Counter("handrail_decisions", "Proposals cleared, by who decided.", ["mode"])
INTERVENTIONS = Counter("handrail_interventions", "Times a person stepped in.", ["kind"])
ESCALATIONS = Counter("handrail_cases", "Cases opened.", ["severity", "kind"])
OPEN = Gauge("handrail_cases_open", "Cases open now.", ["severity"])
OLDEST = Gauge("handrail_case_oldest_open_seconds", "Age of the oldest open case.", ["severity"])
APPROVALS = Counter("handrail_approvals", "Approvals asked for that ended.", ["decision"])
POLICY = Counter("handrail_policy_evaluations", "Rulings by the policy.", ["result"])

MODES = ("auto", "approved")
KINDS = ("override", "refusal")
for reason in Reason:
    DECISIONS.labels(reason=reason)
for mode in MODES:
    RULINGS.labels(mode=mode)
for kind in KINDS:
    INTERVENTIONS.labels(kind=kind)
for severity in Severity:
    OPEN.labels(severity=severity)
    OLDEST.labels(severity=severity)
    for case_kind in CaseKind:
        ESCALATIONS.labels(severity=severity, kind=case_kind)
for decision in ("approved", "rejected", "expired"):
    APPROVALS.labels(decision=decision)
for result in ("allow", "needs_approval", "deny"):
    POLICY.labels(result=result)

_POLICY = {Reason.CLEARED_BY_RULE: "allow", Reason.CASE_OPENED: "needs_approval", Reason.OPTION_ADDED: "needs_approval"}


def observe(message: Message, decided: Decision[Escalation, Shared]) -> None:
    """Count what a committed decision means."""
    if isinstance(message.body, ActionProposed) and decided.reason is not Reason.KNOWN:
        POLICY.labels(result=_POLICY.get(Reason(decided.reason), "deny")).inc()
    for event in decided.events:
        match event:
            case ActionCleared():
                RULINGS.labels(mode="approved" if event.case_id else "auto").inc()
                if event.case_id:
                    APPROVALS.labels(decision="approved").inc()
            case CaseOpened():
                ESCALATIONS.labels(severity=event.severity, kind=event.kind).inc()
            case CaseExpired():
                APPROVALS.labels(decision="expired").inc()
            case OverrideRecorded():
                refused = decided.reason is Reason.REFUSED_BY_PEOPLE
                INTERVENTIONS.labels(kind="refusal" if refused else "override").inc()
                if refused:
                    APPROVALS.labels(decision="rejected").inc()
            case _:
                pass
