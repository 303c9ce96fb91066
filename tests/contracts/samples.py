"""The golden samples. `python -m tests.contracts.samples` adds those of new event types, and touches no present one."""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from contracts.actions import ActionProposed, Effect, EffectOutcome
from contracts.brief import BriefDraft
from contracts.briefing import BriefAccepted, BriefRefused, ClarificationAsked, PlanIssued, Problem
from contracts.catalogue import EVENTS
from contracts.codec import Header, encode
from contracts.decision import Approver, ApproverKind, ReasonGiven, Stage
from contracts.event import Event, Fact, Meta
from contracts.executor import CheckResult, Verdict
from contracts.monitor import Evidence
from tests.builders import CAMPAIGN, HASH, T0, TENANT, at, brief, euros, plan_issued, proposed

SAMPLES = Path(__file__).parent.parent.parent / "libs/contracts/samples"
ID = UUID("22222222-2222-5222-8222-222222222222")
ANA = Approver(kind=ApproverKind.HUMAN, subject="ana", role="campaign_approver", at=T0)
WHY = ReasonGiven(
    what="leave the domain out", when="it bounces", until="the list is cleaned", why="it no longer exists"
)
PROBLEM = Problem(field="goal", problem="no number and no date", fix="say how many of what by when")
CHECK = CheckResult(check="links", verdict=Verdict.PASS, evidence="4 links, all https on allowed domains")
STAGE = Stage(stage="novelty", verdict="needs_people", inputs=("framework webinar_follow_up.1 was never approved",))
EFFECT = Effect(
    effect_id=ID, recipient_hash=HASH, recipient_domain="example.com", variant="mail.attended",
    outcome=EffectOutcome.SUCCEEDED, because="accepted",
)  # fmt: skip

VALUES: dict[str, Any] = {
    "metric": "hard_bounce_rate", "channel": "email", "bucket": T0, "value": 3, "unit": "count", "attribution": "none",
    "as_of": T0, "provisional": False, "revision": 0, "recipient_hash": HASH, "recipient_domain": "example.com",
    "effect_id": ID, "machine": False, "provider": "sendgrid", "received_at": T0, "submitted_by": "maya",
    "brief_hash": HASH, "problems": (PROBLEM,), "questions": (PROBLEM,), "plan_version": 1, "before": "execution",
    "after": "monitoring", "because": "sending_ended", "step": "send", "verified": "540 of 540 intents are settled",
    "artefact": "mail.attended", "template": "webinar_follow_up.attended", "drafted_by": "templates",
    "content_hash": HASH, "results": (CHECK,), "passed": True, "item": "seed_list", "actor": "leo",
    "reason": WHY, "decision_id": ID, "grant_id": ID, "recipients": 588, "checklist": (CHECK,), "trigger_id": ID,
    "fence": 1, "sent": 240, "remaining": 348, "outcome": "completed", "scope": "tenant", "engaged": True,
    "audience": "webinar-registrants", "contacts": 600, "with_consent": 588, "wave": 1, "wave_size": 240,
    "wave_done": True, "effects": (EFFECT,), "closes": (ID,),
    "succeeded": 240, "failed": 0, "unknown": 0, "skipped": 0,
    "sending_ended": True, "settled": "applied", 
    "evidence": (Evidence(dimension="domain", value="acme.example", count=30, of=30),),
   
    "by": ANA, "detail": "the content hash differs", "rule": "bounces", "trigger": "hard_bounces", "response": "pause",
    "severity": "high", "count": 30, "of": 240, "threshold": 0.05, "interval": (0.089, 0.173),
    "finding": "30 of 240 mails bounced, all at acme.example", "fired": ID, "sla": "response_time", "started_at": T0,
    "due_at": at(900), "within": timedelta(minutes=15), "at_least": None, "took": timedelta(seconds=2), "rate": None,
    "target": 20, "counted": 31, "baseline": 4, "window_opened_at": T0, "window_closed_at": at(60),
    "source_of_truth": "crm", "formula": "recipients with demo_booked, each once", "plan_hash": HASH,
    "policy_hash": HASH, "action": proposed().action, "approvers": (ANA,), "case_id": ID, "granted_at": T0,
    "expires_at": at(3600), "stages": (STAGE,), "until": None, "kind": "approval",
    "needs": {"role": "campaign_approver", "count": 1, "backup_role": "marketing_lead"}, "subject_id": ID,
    "title": "Send the follow-up to 588 people", "deadline": at(3600), "if_ignored": "Nothing is sent",
    "told": ("ana",), "transport": "inbox", "approver": ANA, "chosen": ID, "instead_of": "resume_all",
    "size": 1000, "head": HASH, "seq": 7, "leaf": HASH, "found": "invalid",
}  # fmt: skip
SPECIAL: dict[str, dict[str, Any]] = {
    "BriefSubmitted": {"brief": BriefDraft.model_validate(brief().model_dump())},
    "RecipientEventReported": {"kind": "clicked"},
    "ContactEventReported": {"kind": "demo_booked", "value": euros(120)},
    "ArtefactDrafted": {"kind": "email", "revision": 1},
    "ArtefactChecked": {"revision": 1},
    "MailTested": {"revision": 1, "sent": True, "because": "accepted"},
    "ChecklistItemWaived": {"reason": "the seed list is away for maintenance"},
    "RecipientSuppressed": {"reason": "unsubscribe"},
    "KillSwitchChanged": {"reason": "the sender domain is under attack"},
    "ActionReconciled": {"evidence": "the world reported the mail as delivered"},
    "CaseAcknowledged": {"by": "ana"},
    "CaseResolved": {"by": (ANA,)},
    "VoteRefused": {"by": "planner-bot", "human": False, "because": "not_a_person"},
    "ClearanceRevoked": {"because": "the offer is withdrawn"},
    "OutcomeVerified": {"outcome": "booked_demos"},
    "OutcomeRejected": {"outcome": "booked_demos"},
}


def sample(event: type[Event]) -> Event:
    """A realistic event of a class."""
    if event is PlanIssued:
        return plan_issued()
    if event is ActionProposed:
        return proposed(decision_id=ID)
    if event is BriefAccepted:
        return BriefAccepted(received_at=T0, submitted_by="maya", brief=brief(), warnings=(PROBLEM,))
    if event in (BriefRefused, ClarificationAsked):
        return event.model_validate({name: VALUES[name] for name in event.model_fields})
    given = VALUES | SPECIAL.get(event.__name__, {})
    return event.model_validate({name: given[name] for name in event.model_fields if name in given})


def read(event: type[Event]) -> tuple[list[Header], bytes]:
    """The golden record of an event type: headers and value."""
    stored = json.loads((SAMPLES / f"{event.type}.json").read_text())
    headers = [(name, text.encode()) for name, text in stored["headers"].items()]
    return headers, json.dumps(stored["value"]).encode()


def write(event: type[Event], folder: Path) -> bool:
    """Add the sample of `event`, unless there is one."""
    path = folder / f"{event.type}.json"
    if path.exists():
        return False
    inbound = event.topic.startswith("inbound.")
    meta = Meta(
        event_id=ID, tenant=TENANT, campaign_id=CAMPAIGN, correlation_id=ID, causation_id=None if inbound else ID,
        occurred_at=T0, source="/crm" if inbound else f"/services/{event.topic.split('.')[0]}",
        source_id="order-7" if inbound else str(ID), sequence=None if inbound else 1, epoch=None if inbound else 0,
        traceparent=None if inbound else f"00-{'1' * 32}-{'2' * 16}-01",
    )  # fmt: skip
    headers, value = encode(Fact(meta, sample(event)))
    stored = {"headers": {name: text.decode() for name, text in headers}, "value": json.loads(value)}
    path.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n")
    return True


if __name__ == "__main__":
    SAMPLES.mkdir(exist_ok=True)
    added = [event.type for event in EVENTS if write(event, SAMPLES)]
    sys.stdout.write(f"{len(added)} samples added\n")
