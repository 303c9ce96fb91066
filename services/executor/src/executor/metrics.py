"""What the executor counts."""

from prometheus_client import Counter, Gauge

from chassis.decision import Decision, Message
from contracts.actions import ActionRefused, EffectOutcome, EffectsRecorded
from contracts.executor import ArtefactChecked, CampaignHalted, ChecklistItemWaived, KillScope, Verdict
from executor.checks import CHECKS
from executor.domain.state import Campaign, Reason
from executor.effects import Shared

DECISIONS = Counter("handrail_executor_decisions", "Messages decided, by reason.", ["reason"])
EFFECTS = Counter("handrail_effects", "What became of effects.", ["outcome"])
QA = Counter("handrail_qa_checks", "Checks of drafts.", ["check", "result"])
HALTS = Counter("handrail_halts", "Campaigns halted, by a trigger or a person.", ["by"])
WAIVERS = Counter("handrail_waivers", "Checklist items that a person let pass.")
REFUSED = Counter("handrail_actions_refused", "Grants and dispatches that the executor refused.")
KILL_SWITCH = Gauge("handrail_kill_switch_engaged", "Kill switches engaged, by scope.", ["scope"])

for reason in Reason:
    DECISIONS.labels(reason=reason)
for outcome in EffectOutcome:
    EFFECTS.labels(outcome=outcome)
for check in CHECKS:
    for result in (Verdict.PASS, Verdict.FAIL):
        QA.labels(check=check, result=result)
for by in ("trigger", "person"):
    HALTS.labels(by=by)
for scope in KillScope:
    KILL_SWITCH.labels(scope=scope)


def observe(message: Message, decided: Decision[Campaign, Shared]) -> None:
    """Count what a committed decision means."""
    for event in decided.events:
        match event:
            case EffectsRecorded():
                for effect in event.effects:
                    EFFECTS.labels(outcome=effect.outcome).inc()
            case ArtefactChecked():
                for one in event.results:
                    QA.labels(check=one.check, result=one.verdict).inc()
            case CampaignHalted():
                HALTS.labels(by="person" if event.actor else "trigger").inc()
            case ChecklistItemWaived():
                WAIVERS.inc()
            case ActionRefused():
                REFUSED.inc()
            case _:
                pass
