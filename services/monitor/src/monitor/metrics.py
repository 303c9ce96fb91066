"""What the monitor counts, and what its gauges say."""

from prometheus_client import Counter, Gauge, Histogram

from chassis.decision import Decision, Message
from contracts.actions import ActionReconciled, ActionRefused, EffectOutcome, EffectsRecorded, Settled
from contracts.executor import CampaignFinished, CampaignLaunched, CampaignOutcome, WorkBegun
from contracts.inbound import ContactEventReported
from contracts.monitor import OutcomeRejected, OutcomeVerified, Sla, SlaBreached, SlaMet, TriggerFired
from contracts.plan import Trigger
from monitor.domain.standing import RUNNING, Awaits, Standing
from monitor.domain.state import COUNTS, Reason, Shared, Source, Watch

HOUR, DAY = 3600, 86_400

DECISIONS = Counter("handrail_monitor_decisions", "Messages decided, by reason.", ["reason"])
RESPONSE = Histogram(
    "handrail_brief_response_seconds",
    "From the brief's receipt to the begin of work.",
    buckets=(1, 5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400),
)
WAITING = Gauge("handrail_briefs_waiting", "Briefs on which work has not begun, by what they wait for.", ["awaits"])
WAITING_OLDEST = Gauge("handrail_brief_oldest_waiting_seconds", "How long the oldest of them waits.", ["awaits"])
STARTED = Counter("handrail_campaigns_started", "Campaigns launched.")
FINISHED = Counter("handrail_campaigns_finished", "Campaigns that ended.", ["outcome"])
IN_PROGRESS = Gauge("handrail_campaigns_in_progress", "Campaigns with a plan that have not ended.", ["stage"])
DURATION = Histogram(
    "handrail_campaign_duration_seconds",
    "From launch to end.",
    buckets=(HOUR, 6 * HOUR, DAY, 3 * DAY, 7 * DAY, 14 * DAY, 30 * DAY),
)
DEADLINES = Counter("handrail_campaign_deadlines", "Deadlines of campaigns, kept or passed.", ["result"])
SLAS = Counter("handrail_sla", "SLA clocks settled.", ["sla", "result"])
TRIGGERS = Counter("handrail_triggers", "Triggers fired.", ["trigger"])
OUTCOMES = Counter("handrail_outcomes", "Outcome windows closed.", ["outcome"])
CONVERSIONS = Counter("handrail_conversions", "Contacts who did what their campaign is for.", ["goal"])
SIGNAL_AGE = Gauge(
    "handrail_signal_age_seconds", "How long a source of which reports are due has been silent.", ["source"]
)
SPEND = Counter("handrail_spend", "Money spent, in the reporting currency.", ["channel"])
CORRECTIONS = Counter("handrail_spend_corrections", "Money counted as spent that was not.", ["channel", "direction"])
LEFT_OUT = Counter("handrail_spend_left_out", "Paid effects whose currency is not the reporting one.", ["channel"])
CURRENCY = Gauge("handrail_reporting_currency_info", "In which currency money is reported.", ["currency"])
COMMITTED = Gauge("handrail_budget_committed", "Budgets of the campaigns that have not ended.", ["channel"])
REMAINING = Gauge("handrail_budget_remaining", "What is left of them.", ["channel"])
WORST = Gauge("handrail_budget_worst_ratio", "Spent of its budget, by the running campaign that spent most of it.")
GUARD = Counter("handrail_budget_guard", "Times a budget stopped a send.", ["guard", "action"])
SIGNATURES = Counter("handrail_webhook_signature_failures", "Webhook calls whose signature did not hold.", ["provider"])
FOREIGN = Counter("handrail_webhook_events_not_ours", "Webhook events without our arguments.")

MAIL = "email"
"""The one channel there is so far."""
BUDGET = "budget"
"""The executor's reason for refusing a send that the budget does not cover."""
PAID = frozenset({EffectOutcome.SUCCEEDED, EffectOutcome.UNKNOWN})

for reason in Reason:
    DECISIONS.labels(reason=reason)
for ended in CampaignOutcome:
    FINISHED.labels(outcome=ended)
for result in ("met", "missed"):
    DEADLINES.labels(result=result)
    for sla in Sla:
        SLAS.labels(sla=sla, result=result)
for trigger in Trigger:
    TRIGGERS.labels(trigger=trigger)
for outcome in ("hit", "partial", "miss", "inconclusive"):
    OUTCOMES.labels(outcome=outcome)
for goal in sorted(set(COUNTS.values())):
    CONVERSIONS.labels(goal=goal)
for metric in (SPEND, LEFT_OUT):
    metric.labels(channel=MAIL)
CORRECTIONS.labels(channel=MAIL, direction="down")
GUARD.labels(guard="hard", action="blocked")
SIGNATURES.labels(provider="sendgrid")


def observe(currency: str, message: Message, decided: Decision[Watch, Shared]) -> None:
    """Count what a committed decision means; money in `currency`."""
    state, at = decided.state, message.meta.occurred_at
    match message.body:
        case WorkBegun() if state is not None and state.received_at is not None:
            RESPONSE.observe(max(0.0, (at - state.received_at).total_seconds()))
        case CampaignLaunched():
            STARTED.inc()
        case CampaignFinished(outcome=outcome):
            FINISHED.labels(outcome=outcome).inc()
            if state is not None and state.launched_at is not None:
                DURATION.observe(max(0.0, (at - state.launched_at).total_seconds()))
        case ContactEventReported(kind=goal) if decided.reason is Reason.COUNTED:
            CONVERSIONS.labels(goal=goal).inc()
        case EffectsRecorded(effects=effects) if state is not None:
            _spent(state, currency, sum(1 for effect in effects if effect.outcome in PAID))
        case ActionReconciled(settled=Settled.NOT_APPLIED) if state is not None and state.purse is not None:
            if state.purse.currency == currency:
                CORRECTIONS.labels(channel=MAIL, direction="down").inc(state.purse.per_mail_micros / 1e6)
        case ActionRefused(because=because) if because == BUDGET:
            GUARD.labels(guard="hard", action="blocked").inc()
        case _:
            pass
    for event in decided.events:
        match event:
            case SlaMet():
                SLAS.labels(sla=event.sla, result="met").inc()
                if event.sla is Sla.COMPLETION:
                    DEADLINES.labels(result="met").inc()
            case SlaBreached():
                SLAS.labels(sla=event.sla, result="missed").inc()
                if event.sla is Sla.COMPLETION and _late(state, event):
                    DEADLINES.labels(result="missed").inc()
            case TriggerFired():
                TRIGGERS.labels(trigger=event.trigger).inc()
            case OutcomeVerified():
                OUTCOMES.labels(outcome="hit").inc()
            case OutcomeRejected():
                OUTCOMES.labels(outcome=_rejected(state, event)).inc()
            case _:
                pass


def show(now: Standing) -> None:
    """Set the gauges that are read from the database."""
    for stage in RUNNING:
        IN_PROGRESS.labels(stage=stage).set(now.in_progress[stage])
    for awaits in Awaits:
        waits = now.waiting[awaits]
        WAITING.labels(awaits=awaits).set(len(waits))
        WAITING_OLDEST.labels(awaits=awaits).set(max((one.total_seconds() for one in waits), default=0))
    for source in Source:
        SIGNAL_AGE.labels(source=source).set(now.signal_age[source].total_seconds())
    COMMITTED.labels(channel=MAIL).set(now.committed_micros / 1e6)
    REMAINING.labels(channel=MAIL).set((now.committed_micros - now.spent_micros) / 1e6)
    WORST.set(now.worst_share)


def _spent(state: Watch, currency: str, mails: int) -> None:
    if state.purse is None or not mails:
        return
    if state.purse.currency != currency:
        LEFT_OUT.labels(channel=MAIL).inc(mails)
        return
    SPEND.labels(channel=MAIL).inc(mails * state.purse.per_mail_micros / 1e6)


def _late(state: Watch | None, breached: SlaBreached) -> bool:
    """Whether the deadline passed; a campaign may also have ended before it without reaching its end."""
    clock = state.clocks.get(breached.sla) if state else None
    return clock is not None and clock.within is not None and clock.took is not None and clock.took >= clock.within


def _rejected(state: Watch | None, event: OutcomeRejected) -> str:
    """How far off a target was that was not reached; not a miss where nobody reported anything to count."""
    if state is None or Source.CONTACTS not in state.heard:
        return "inconclusive"
    return "partial" if event.counted > event.baseline else "miss"
