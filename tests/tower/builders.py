"""A whole campaign as facts, topic by topic, as every service would say them."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from contracts.actions import ActionExecuted, Effect, EffectOutcome, EffectsRecorded
from contracts.briefing import BriefAccepted, BriefRefused
from contracts.decision import Approver, ApproverKind
from contracts.escalation import CaseKind, CaseOpened, CaseResolved, Need
from contracts.event import CampaignId, Event, Fact, Severity, Tenant
from contracts.executor import (
    CampaignFinished,
    CampaignHalted,
    CampaignLaunched,
    CampaignOutcome,
    CampaignResumed,
    CampaignStage,
    StageChanged,
    StepCompleted,
    WorkBegun,
)
from contracts.framing import named
from contracts.monitor import OutcomeRejected, OutcomeVerified, Sla, SlaBreached, SlaMet, SlaStarted, TriggerFired
from contracts.plan import Response, Trigger
from tests.builders import CAMPAIGN, HASH, T0, TENANT, at, brief, fact, plan_issued, proposed
from tests.contracts.samples import PROBLEM, sample
from tower.row import Row, fold

DECISION, GRANT, FIRST, SECOND = (UUID(int=number, version=4) for number in (11, 12, 13, 14))
ANA = Approver(kind=ApproverKind.HUMAN, subject="ana", role="campaign_approver", at=at(60))


def plan(name: str = "Webinar follow-up", owner: str = "maya") -> tuple[Event, ...]:
    chosen = brief(name=name, owner=owner)
    accepted = BriefAccepted(received_at=T0, submitted_by=owner, brief=chosen, warnings=())
    return accepted, plan_issued(brief_=chosen)


def refused() -> BriefRefused:
    return BriefRefused(received_at=T0, submitted_by="maya", brief_hash=HASH, problems=(PROBLEM,))


def stage(before: CampaignStage, after: CampaignStage) -> StageChanged:
    return StageChanged(plan_version=1, before=before, after=after, because="as_planned")


def step(name: str) -> StepCompleted:
    return StepCompleted(plan_version=1, step=name, verified="as the plan says")


def effects(wave: int, *outcomes: EffectOutcome) -> EffectsRecorded:
    made = tuple(
        Effect(
            effect_id=named(str(wave), str(number)), recipient_hash=HASH, recipient_domain="shop.example",
            variant="mail.attended", outcome=one, because="accepted",
        )
        for number, one in enumerate(outcomes)
    )  # fmt: skip
    return EffectsRecorded(
        plan_version=1, decision_id=DECISION, wave=wave, wave_size=len(made), wave_done=True, effects=made
    )


def opened(case: UUID = FIRST, **changes: Any) -> CaseOpened:
    values: dict[str, Any] = {
        "case_id": case, "kind": CaseKind.APPROVAL, "severity": Severity.MEDIUM, "subject_id": DECISION,
        "needs": Need(role="campaign_approver", count=1, backup_role="marketing_lead"),
        "title": "Send the follow-up to 588 people", "because": "first_use", "deadline": at(3600),
        "if_ignored": "Nothing is sent",
    }  # fmt: skip
    return CaseOpened(**(values | changes))


def resolved(case: UUID = FIRST) -> CaseResolved:
    return CaseResolved(case_id=case, chosen=DECISION, by=(ANA,))


def fired() -> TriggerFired:
    found = sample(TriggerFired)
    assert isinstance(found, TriggerFired)
    return found.model_copy(update={"response": Response.PAUSE, "decision_id": DECISION})


def went_well(wave: int) -> TriggerFired:
    changes = {"trigger": Trigger.WAVE_REPORTED, "response": Response.CONTINUE, "wave": wave}
    return fired().model_copy(update=changes)


def halted() -> CampaignHalted:
    return CampaignHalted(
        plan_version=1,
        because="hard_bounces",
        trigger_id=SECOND,
        actor=None,
        fence=1,
        sent=3,
        remaining=2,
        closes=(),
    )


def resumed() -> CampaignResumed:
    return CampaignResumed(plan_version=1, decision_id=DECISION, grant_id=GRANT, fence=1, remaining=2, closes=())


def launched() -> CampaignLaunched:
    return CampaignLaunched(plan_version=1, decision_id=DECISION, grant_id=GRANT, recipients=588, checklist=())


def started(sla: Sla = Sla.RESPONSE_TIME) -> SlaStarted:
    return SlaStarted(
        plan_version=1, sla=sla, started_at=T0, due_at=at(900), within=timedelta(minutes=15), at_least=None
    )


def met(sla: Sla = Sla.RESPONSE_TIME) -> SlaMet:
    return SlaMet(plan_version=1, sla=sla, took=timedelta(seconds=2), rate=None, because="work began")


def breached(sla: Sla = Sla.RESPONSE_TIME) -> SlaBreached:
    return SlaBreached(plan_version=1, sla=sla, took=None, rate=None, because="nobody began")


def outcome(reached: bool = True) -> OutcomeVerified | OutcomeRejected:
    values = sample(OutcomeVerified).model_dump() | {"counted": 31 if reached else 7}
    return (OutcomeVerified if reached else OutcomeRejected).model_validate(values)


def finished(how: CampaignOutcome = CampaignOutcome.COMPLETED) -> CampaignFinished:
    return CampaignFinished(plan_version=1, outcome=how, because="window_closed")


def executed() -> ActionExecuted:
    return ActionExecuted(
        plan_version=1, decision_id=DECISION, grant_id=GRANT, succeeded=5, failed=0, unknown=0, skipped=0,
        sending_ended=True,
    )  # fmt: skip


def story() -> tuple[Event, ...]:
    """From the brief over a halt to a verified outcome."""
    good, gone = EffectOutcome.SUCCEEDED, EffectOutcome.FAILED_DEFINITE
    execution, escalation = CampaignStage.EXECUTION, CampaignStage.ESCALATION
    return (
        *plan(), started(), WorkBegun(plan_version=1), met(), stage(CampaignStage.BRIEFING, execution),
        started(Sla.COMPLETION), step("draft"), step("check"), step("render"), proposed(decision_id=DECISION), opened(),
        stage(execution, escalation), resolved(), stage(escalation, execution), step("approve"), launched(),
        effects(1, good, good, good, gone), fired(), halted(), opened(SECOND, kind=CaseKind.TRIGGER),
        stage(execution, escalation), resolved(SECOND), stage(escalation, execution), resumed(), effects(2, good, good),
        step("send"), executed(), stage(execution, CampaignStage.MONITORING), step("watch"), outcome(), finished(),
        met(Sla.COMPLETION), stage(CampaignStage.MONITORING, CampaignStage.CLOSED),
    )  # fmt: skip


def facts(events: Iterable[Event], campaign: CampaignId = CAMPAIGN, tenant: Tenant = TENANT) -> list[Fact[Event]]:
    """`events` one second after the other, numbered within their topics; the same events are the same facts."""
    last: dict[str, int] = {}
    made = []
    for number, event in enumerate(events):
        last[event.topic] = sequence = last.get(event.topic, 0) + 1
        event_id = named(tenant, str(campaign), event.topic, str(sequence))
        made.append(fact(event, campaign, tenant=tenant, event_id=event_id, sequence=sequence, when=at(number)))
    return made


def row(*events: Event) -> Row:
    """The row of a campaign in which these events happened."""
    found = Row()
    for one in facts(events):
        found = fold(found, one)
    return found


def interleaved(said: Sequence[Fact[Event]], order: Sequence[int]) -> list[Fact[Event]]:
    """The same facts with topics interleaved by `order`: each topic keeps its own order, as Kafka gives it."""
    waiting: dict[str, list[Fact[Event]]] = {}
    for one in said:
        waiting.setdefault(one.event.topic, []).append(one)
    return [waiting[said[place].event.topic].pop(0) for place in order]
