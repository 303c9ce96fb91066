"""What the executor counts."""

from itertools import product

from prometheus_client import Counter, Gauge

from chassis.decision import Decision, Message
from contracts.actions import ActionRefused, EffectOutcome, EffectsRecorded
from contracts.executor import ArtefactChecked, CampaignHalted, ChecklistItemWaived, KillScope, Verdict
from executor.commands import WaiveItem
from executor.domain.state import Campaign, Reason
from executor.effects import Shared
from executor.preparing.candidates import PlanSend
from executor.preparing.checks import CHECKS
from executor.preparing.drafts import MailsRendered

DECISIONS = Counter("handrail_executor_decisions", "Messages decided, by reason.", ["reason"])
EFFECTS = Counter("handrail_effects", "What became of effects.", ["outcome"])
QA = Counter("handrail_qa_checks", "Checks of drafts.", ["check", "result"])
GATES = Counter(
    "handrail_qa_gates", "Drafts and launches that came to their gate, by how and whether at once.",
    ["gate", "result", "attempt"],
)  # fmt: skip
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
for gate, result, attempt in product(("draft", "launch"), (Verdict.PASS, Verdict.FAIL), ("first", "later")):
    GATES.labels(gate=gate, result=result, attempt=attempt)
for by in ("trigger", "person"):
    HALTS.labels(by=by)
for scope in KillScope:
    KILL_SWITCH.labels(scope=scope)


def observe(message: Message, decided: Decision[Campaign, Shared]) -> None:
    """Count what a committed decision means."""
    _launch_gate(message, decided)
    for event in decided.events:
        match event:
            case EffectsRecorded():
                for effect in event.effects:
                    EFFECTS.labels(outcome=effect.outcome).inc()
            case ArtefactChecked():
                for one in event.results:
                    QA.labels(check=one.check, result=one.verdict).inc()
                _gate("draft", event.passed, event.revision == 1)
            case CampaignHalted():
                HALTS.labels(by="person" if event.actor else "trigger").inc()
            case ChecklistItemWaived():
                WAIVERS.inc()
            case ActionRefused():
                REFUSED.inc()
            case _:
                pass


def _launch_gate(message: Message, decided: Decision[Campaign, Shared]) -> None:
    """The launch checklist was looked at: it let a first send be planned, or it did not."""
    passed = any(isinstance(task.body, PlanSend) for task in decided.tasks)
    match message.body:
        case MailsRendered() if passed or decided.reason is Reason.CHECKLIST_BLOCKS:
            _gate("launch", passed, first=decided.state is not None and decided.state.renderings == 1)
        case WaiveItem() if decided.reason is Reason.WAIVED:
            _gate("launch", passed, first=False)
        case _:
            pass


def _gate(gate: str, passed: bool, first: bool) -> None:
    result, attempt = Verdict.PASS if passed else Verdict.FAIL, "first" if first else "later"
    GATES.labels(gate=gate, result=result, attempt=attempt).inc()
