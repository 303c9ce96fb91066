"""What the monitor counts."""

from prometheus_client import Counter, Gauge, Histogram

from chassis.decision import Decision, Message
from contracts.executor import CampaignFinished, CampaignLaunched, CampaignOutcome, WorkBegun
from contracts.inbound import ContactEventReported
from contracts.monitor import OutcomeRejected, OutcomeVerified, Sla, SlaBreached, SlaMet, TriggerFired
from contracts.plan import Trigger
from monitor.domain.state import COUNTS, Reason, Shared, Watch

DECISIONS = Counter("handrail_monitor_decisions", "Messages decided, by reason.", ["reason"])
RESPONSE = Histogram(
    "handrail_brief_response_seconds",
    "From the brief's receipt to the begin of work.",
    buckets=(1, 5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400),
)
STARTED = Counter("handrail_campaigns_started", "Campaigns launched.")
FINISHED = Counter("handrail_campaigns_finished", "Campaigns that ended.", ["outcome"])
IN_PROGRESS = Gauge("handrail_campaigns_in_progress", "Campaigns with a plan that have not ended.")
SLAS = Counter("handrail_sla", "SLA clocks settled.", ["sla", "result"])
TRIGGERS = Counter("handrail_triggers", "Triggers fired.", ["trigger"])
OUTCOMES = Counter("handrail_outcomes", "Outcome windows closed.", ["outcome"])
CONVERSIONS = Counter("handrail_conversions", "Contacts who did what their campaign is for.", ["goal"])
SIGNATURES = Counter("handrail_webhook_signature_failures", "Webhook calls whose signature did not hold.", ["provider"])
FOREIGN = Counter("handrail_webhook_events_not_ours", "Webhook events without our arguments.")

for reason in Reason:
    DECISIONS.labels(reason=reason)
for ended in CampaignOutcome:
    FINISHED.labels(outcome=ended)
for sla in Sla:
    for result in ("met", "missed"):
        SLAS.labels(sla=sla, result=result)
for trigger in Trigger:
    TRIGGERS.labels(trigger=trigger)
for outcome in ("hit", "miss"):
    OUTCOMES.labels(outcome=outcome)
for goal in sorted(set(COUNTS.values())):
    CONVERSIONS.labels(goal=goal)
SIGNATURES.labels(provider="sendgrid")


def observe(message: Message, decided: Decision[Watch, Shared]) -> None:
    """Count what a committed decision means."""
    match message.body:
        case WorkBegun() if decided.state is not None and decided.state.received_at is not None:
            RESPONSE.observe(max(0.0, (message.meta.occurred_at - decided.state.received_at).total_seconds()))
        case CampaignLaunched():
            STARTED.inc()
        case CampaignFinished(outcome=outcome):
            FINISHED.labels(outcome=outcome).inc()
        case ContactEventReported(kind=goal) if decided.reason is Reason.COUNTED:
            CONVERSIONS.labels(goal=goal).inc()
        case _:
            pass
    for event in decided.events:
        match event:
            case SlaMet():
                SLAS.labels(sla=event.sla, result="met").inc()
            case SlaBreached():
                SLAS.labels(sla=event.sla, result="missed").inc()
            case TriggerFired():
                TRIGGERS.labels(trigger=event.trigger).inc()
            case OutcomeVerified():
                OUTCOMES.labels(outcome="hit").inc()
            case OutcomeRejected():
                OUTCOMES.labels(outcome="miss").inc()
            case _:
                pass
