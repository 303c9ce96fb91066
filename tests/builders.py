"""One builder per thing, sensible defaults; whatever a test is about it says itself."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from chassis.records import Raw
from contracts.actions import ActionProposed
from contracts.brief import (
    Anchor,
    ApprovalRule,
    Asset,
    Audience,
    Brief,
    Budget,
    Channel,
    Claim,
    ConsentBasis,
    Frequency,
    ManualStep,
    Mode,
    Moment,
    Objective,
    Outcome,
    QuietHours,
    SlaTarget,
    Timing,
    Workflow,
    Worth,
)
from contracts.briefing import PlanIssued
from contracts.catalogue import OWNERS
from contracts.codec import encode
from contracts.decision import (
    Action,
    BlastRadius,
    Candidate,
    DecidedBy,
    LegalClass,
    Prediction,
    Reversibility,
    ReversibilityClass,
    Source,
    Taint,
)
from contracts.event import CampaignId, Event, Fact, Meta, Money, Tenant
from contracts.plan import (
    ActionClass,
    Asking,
    Authority,
    Boundary,
    Costs,
    Deadlines,
    HandledBy,
    MatrixRow,
    Plan,
    PlanStep,
    Policy,
    Response,
    SheetPart,
    Trigger,
    TriggerRule,
    Waves,
    Within,
)
from contracts.signing import source_of

T0 = datetime(2026, 1, 5, 9, tzinfo=UTC)
TENANT = Tenant("demo")
CAMPAIGN = CampaignId(UUID("11111111-1111-5111-8111-111111111111"))
HASH = "ab" * 32


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def euros(amount: float) -> Money:
    return Money(micros=round(amount * 1_000_000), currency="EUR")


def meta(campaign: CampaignId = CAMPAIGN, *, tenant: Tenant = TENANT, when: datetime = T0, **changes: Any) -> Meta:
    event_id = changes.pop("event_id", None) or uuid4()
    values: dict[str, Any] = {
        "event_id": event_id,
        "tenant": tenant,
        "campaign_id": campaign,
        "correlation_id": event_id,
        "causation_id": None,
        "occurred_at": when,
        "source": "/services/test",
        "source_id": str(event_id),
        "sequence": 1,
        "epoch": 0,
    }
    return Meta(**(values | changes))


def fact(event: Event, campaign: CampaignId = CAMPAIGN, **changes: Any) -> Fact[Event]:
    return Fact(meta(campaign, **({"source": source_of(OWNERS[event.topic])} | changes)), event)


def record(of: Fact[Event] | bytes, offset: int = 0, *, topic: str = "", headers: Any = None) -> Raw:
    """The Kafka record of a fact, or of any bytes."""
    if isinstance(of, bytes):
        given = headers if headers is not None else [("ce_specversion", b"1.0"), ("ce_type", b"who.knows")]
        key = str(CAMPAIGN).encode()
        return Raw("cluster", topic or "executor.work.v1", 0, offset, key, given, of)
    encoded, value = encode(of)
    return Raw("cluster", topic or of.event.topic, 0, offset, of.event.key(of.meta), headers or encoded, value)


def brief(**changes: Any) -> Brief:
    values: dict[str, Any] = {
        "name": "Webinar follow-up",
        "workflow": Workflow.WEBINAR_FOLLOW_UP,
        "mode": Mode.HYBRID,
        "owner": "maya",
        "accountable_human": "maya",
        "goal": "20 booked demos from the webinar's registrants within a day",
        "objective": Objective(
            outcome=Outcome.BOOKED_DEMOS,
            unit="demos",
            target=20,
            baseline=4,
            window_closes=Moment(after=Anchor.END_OF_SENDING, by=timedelta(seconds=60)),
            source_of_truth="crm",
        ),
        "audience": Audience(
            segment_ref="webinar-registrants",
            icp="Heads of marketing operations at companies of 50 to 500 people",
            size_estimate=600,
            consent_basis=ConsentBasis.CONSENT,
        ),
        "offer": "A 30-minute demo with a free migration plan",
        "message_hierarchy": ("What you saw", "What you can do with it", "Book a demo"),
        "business_case": "A booked demo is worth 120 EUR on average",
        "tone_of_voice": "Plain and friendly",
        "brand_rules": ("No exclamation marks",),
        "required_claims": (Claim(id="free-plan", text="The migration plan is free", evidence="offer-2026-01"),),
        "prohibited_claims": ("guaranteed results",),
        "channels": (Channel(type="email", constraints=("one mail per person",)),),
        "assets": (Asset(id="replay", rights="own"), Asset(id="demo", rights="own")),
        "timing": Timing(
            launch=Moment(after=Anchor.ACCEPTANCE, by=timedelta(0)),
            deadline=Moment(after=Anchor.ACCEPTANCE, by=timedelta(days=1)),
            send_window=timedelta(hours=2),
        ),
        "budget": Budget(total=euros(60), per_mail=euros(0.05)),
        "countries": ("DE",),
        "policy_categories": (),
        "approval_rules": (ApprovalRule(decision="send_email", role="campaign_approver"),),
        "escalation_criteria": ("hard bounces above 5 %",),
        "sla_targets": (SlaTarget(sla="response_time", within=timedelta(minutes=15)),),
        "frequency": Frequency(per_week=5, per_day=3, confirmed=True),
        "quiet_hours": QuietHours.model_validate({"starts": "00:00", "ends": "00:00", "confirmed": True}),
        "worth": Worth(
            per_outcome=euros(120),
            expected_rate=0.05,
            lifetime_value_per_recipient=euros(40),
            share_lost_per_wrong_mail=0.01,
        ),
        "manual_baseline": (
            ManualStep(step="Write two mails", owner="maya", minutes=120, reason="every webinar", plan_step="draft"),
        ),
        "rollback_plan": "Pause, correct, tell those who got it",
    }
    return Brief.model_validate(values | changes)


def policy(**changes: Any) -> Policy:
    values: dict[str, Any] = {
        "id": "demo",
        "version": 1,
        "matrix": (
            MatrixRow(
                id="send", tool="smtp", verb="send_campaign", action_class=ActionClass.PUBLISH,
                decision_type="send_email", authority=Authority.APPROVAL, role="campaign_approver",
                backup_role="marketing_lead",
            ),
            MatrixRow(
                id="cancel", tool="smtp", verb="cancel", action_class=ActionClass.REDUCE, decision_type="stop",
                authority=Authority.INDEPENDENT, role="campaign_approver", backup_role="marketing_lead",
            ),
        ),
        "triggers": (
            TriggerRule(
                id="bounces", trigger=Trigger.HARD_BOUNCES, threshold=0.05, minimum=200, response=Response.PAUSE,
                severity="high", role="campaign_approver",
            ),
            TriggerRule(
                id="complaints", trigger=Trigger.COMPLAINTS, threshold=0.003, minimum=200, response=Response.PAUSE,
                severity="critical", role="campaign_approver",
            ),
            TriggerRule(
                id="reported", trigger=Trigger.WAVE_REPORTED, threshold=0.95, minimum=1, response=Response.CONTINUE,
                severity="low", role="campaign_approver",
            ),
        ),
        "boundaries": (Boundary(id="recipients", what="recipients", limit=10_000),),
        "holds": (),
        "frequency": Frequency(per_week=5, per_day=3, confirmed=True),
        "quiet_hours": QuietHours.model_validate({"starts": "00:00", "ends": "00:00", "confirmed": True}),
        "sla_targets": (SlaTarget(sla="response_time", within=timedelta(minutes=15)),),
        "waves": Waves(first=240, then=240, verdict_share=0.95, verdict_after=timedelta(seconds=10)),
        "deadlines": Deadlines(case=timedelta(hours=4), grant=timedelta(hours=12)),
        "asking": Asking(
            acknowledge=Within(
                critical=timedelta(minutes=15), high=timedelta(hours=1), medium=timedelta(hours=2),
                low=timedelta(hours=3),
            ),
            per_hour=12,
        ),
        "confidence_floor": 0.6,
        "autonomy_rung": 1,
        "recoverable_share": 0.2,
        "rule_versions": ("policy.1",),
    }  # fmt: skip
    return Policy.model_validate(values | changes)


def plan_issued(
    version: int = 1, *, policy_: Policy | None = None, brief_: Brief | None = None, mail_tool: str = "smtp"
) -> PlanIssued:
    chosen = policy_ or policy()
    kinds = ("draft", "check", "render", "approve", "send", "watch", "close")
    steps = tuple(
        PlanStep(
            id=kind, kind=kind, handled_by=HandledBy.RULE, because="a fixed step of the template",
            after=(kinds[n - 1],) if n else (), replaces=None, verified_by=f"the result of {kind}",
        )
        for n, kind in enumerate(kinds)
    )  # fmt: skip
    parts = ("inputs", "outputs", "owner", "sla", "tools", "approval_points", "escalation_rules", "rollback_plan")
    plan = Plan(
        version=version,
        brief=brief_ or brief(),
        authored_by="maya",
        framework="webinar_follow_up.1",
        steps=steps,
        operating_sheet=tuple(SheetPart(part=part, lines=(f"the {part}",)) for part in parts),
        costs=Costs(of_error=euros(240), of_delay_per_day=euros(50), formula="as in the brief", human_gate=True),
        policy=chosen,
        policy_hash=chosen.hash,
        mail_tool=mail_tool,
    )
    return PlanIssued(plan=plan, plan_hash=plan.hash)


def proposed(issued: PlanIssued | None = None, *, answers: UUID | None = None, **changes: Any) -> ActionProposed:
    """A complete decision record for a send; `changes` replace fields of the event."""
    issued = issued or plan_issued()
    action = Action(
        tool="smtp",
        verb="send_campaign",
        action_class=ActionClass.PUBLISH,
        target="webinar-registrants",
        params_hash=HASH,
        content_hash=HASH,
        answers=answers,
    )
    values: Mapping[str, Any] = {
        "decision_id": uuid4(),
        "plan_version": issued.plan.version,
        "plan_hash": issued.plan_hash,
        "policy_hash": issued.plan.policy_hash,
        "decision_type": "send_email",
        "handled_by": HandledBy.RULE,
        "decided_by": DecidedBy(id="planner", version="1", model=None, prompt_hash=None),
        "autonomy_rung": 1,
        "action": action,
        "candidates": (
            Candidate(id="send", summary="Send to all", propensity=1.0),
            Candidate(id="nothing", summary="Do nothing", propensity=0.0),
        ),
        "chosen": "send",
        "confidence": 1.0,
        "prediction": Prediction(metric="booked_demos", low=12, mid=30, high=52, horizon=timedelta(days=1)),
        "sources": (Source(ref="brief", hash=HASH, taint=Taint.PERSON),),
        "patterns": (),
        "strategy": "Write while the webinar is fresh",
        "rule_versions": ("policy.1",),
        "reversibility": Reversibility(reversibility_class=ReversibilityClass.IRREVERSIBLE, undo_window=timedelta(0)),
        "blast_radius": BlastRadius(
            people=588,
            excluded=0,
            irreversible_share=1.0,
            money_at_risk=euros(29.4),
            legal_class=LegalClass.COMMERCIAL_MAIL,
        ),
        "cost_of_error": euros(240),
        "cost_of_delay": euros(50),
        "tool_reason": "the only approved mail tool",
        "recipients": 588,
        "title": "Send the follow-up to 588 people",
        "if_ignored": "Nothing is sent",
        "preview": ("mail.attended", "mail.no_show"),
    }
    return ActionProposed.model_validate({**values, **changes})
