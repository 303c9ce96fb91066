"""A campaign told message by message: what the executor's fold is given, and what comes of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from chassis.decision import Decision, Identity, Loaded, Message, TaskBody, TaskFailed
from contracts.actions import ActionProposed, Effect, EffectOutcome, EffectsRecorded
from contracts.briefing import PlanIssued
from contracts.decision import Approver, ApproverKind, ReasonGiven, Stage
from contracts.escalation import (
    ActionCleared,
    ActionDenied,
    ApprovalGiven,
    ApprovalRefused,
    CaseKind,
    CaseOpened,
    Need,
)
from contracts.event import Event, Severity, Signature, Value
from contracts.executor import CheckResult, Verdict
from contracts.framing import named
from contracts.inbound import MailEvent, RecipientEventReported
from contracts.monitor import Evidence, OutcomeVerified, TriggerFired
from contracts.plan import Response, Trigger
from executor.domain.decide import decide
from executor.domain.state import Campaign, Proposal, Sending
from executor.effects import (
    AssembleOptions,
    Change,
    Dispatch,
    Dispatched,
    OptionFound,
    OptionsAssembled,
    RememberStop,
    Shared,
    Switch,
    Uncertain,
)
from executor.preparing.candidates import PlanSend, SendPlanned
from executor.preparing.drafts import Checked, Drafted, MailsRendered
from executor.preparing.planner import TemplatePlanner
from tests.builders import T0, at, meta, plan_issued

MAILS = ("mail.attended", "mail.no_show")
BAD = "acme-legacy.example"
RECIPIENTS = 588
PASSES = CheckResult(check="lengths", verdict=Verdict.PASS, evidence="as required")
LONG = CheckResult(check="lengths", verdict=Verdict.FAIL, evidence="subject has 80 characters, 8 to 60 are shown")
FAILS = CheckResult(check="prohibited_claims", verdict=Verdict.FAIL, evidence="'number one' in the text at 4-14")
SEGMENTED = CheckResult(check="audience_segmentation", verdict=Verdict.PASS, evidence="600 of 600")
TOO_MANY = CheckResult(check="audience_segmentation", verdict=Verdict.FAIL, evidence="900 contacts, 600 estimated")

E = TypeVar("E")


def sha(text: str) -> str:
    return named(text).hex * 2


def person(subject: str = "ana", *roles: str, human: bool = True) -> Identity:
    return Identity(subject=subject, tenant="demo", roles=roles or ("campaign_approver",), human=human)


def asked(subject: str = "ana", key: str = "k1") -> dict[str, Any]:
    """What every command has."""
    return {"command_id": key, "actor": person(subject)}


@dataclass
class Story:
    """Tells one campaign: each `tell` is a message decided on what came before."""

    issued: PlanIssued = field(default_factory=plan_issued)
    state: Campaign | None = None
    now: datetime = T0
    events: list[Event] = field(default_factory=list)
    tasks: list[TaskBody] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    suppressed: frozenset[str] = frozenset()
    uncertain: Mapping[UUID, Uncertain] = field(default_factory=dict)
    switch: Switch | None = None
    killed: bool = False
    tests: tuple[datetime, ...] = ()
    stopped: RememberStop | None = None

    def tell(self, body: Value | TaskFailed, **about: Any) -> Decision[Campaign, Shared]:
        """Decide about `body`; a grant is validly signed unless `about` says otherwise."""
        signed = isinstance(body, Event) and body.signed
        about.setdefault("signature", Signature.VALID if signed else Signature.MISSING)
        record = ((("ce_type", b"signed"),), b"grant") if signed else None
        loaded = Loaded(
            self.state,
            Shared(self.suppressed, self.uncertain, self.switch, self.killed, self.tests, self.stopped),
            {self.issued.plan.version: self.issued},
        )
        decision = decide(loaded, Message(meta(when=self.now, **about), body, record), None, self.now)
        self.state = decision.state
        self.events += decision.events
        self.tasks += [task.body for task in decision.tasks]
        self.changes += decision.shared.changes if decision.shared else ()
        return decision

    @property
    def campaign(self) -> Campaign:
        assert self.state is not None
        return self.state

    @property
    def stage(self) -> str:
        return self.campaign.stage.value

    @property
    def sending(self) -> Sending:
        assert self.campaign.sending is not None
        return self.campaign.sending

    def said(self, kind: type[E]) -> list[E]:
        """Events of a type, so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def last(self, kind: type[E]) -> E:
        """The newest event, task or change of a type."""
        found = [one for one in (*self.events, *self.tasks, *self.changes) if isinstance(one, kind)]
        assert found, f"no {kind.__name__}"
        return found[-1]

    def asked_for(self, kind: type[E]) -> list[E]:
        return [task for task in self.tasks if isinstance(task, kind)]

    # The usual way, up to a point.

    def planned(self) -> "Story":
        self.tell(self.issued)
        return self

    def prepared(self, *results: CheckResult, audience: CheckResult = SEGMENTED) -> "Story":
        """Drafted, checked and rendered; planned and proposed if the checklist lets it."""
        self.rendered(*results, audience=audience)
        if self.asked_for(PlanSend):
            self.tell(planned(self))
        return self

    def rendered(self, *results: CheckResult, audience: CheckResult = SEGMENTED) -> "Story":
        self.planned()
        for name in MAILS:
            self.tell(drafted(name))
            self.tell(checked(name, *results))
        self.tell(rendered(audience))
        return self

    def proposed(self) -> ActionProposed:
        self.prepared()
        return self.last(ActionProposed)

    def launched(self) -> "Story":
        """The first grant is taken, nothing was sent yet."""
        self.tell(grant(self.proposed()))
        return self

    def sent(self, count: int = 50, **changes: Any) -> Decision[Campaign, Shared]:
        """One run of the dispatcher: `count` mails of the wave in hand left."""
        sending = self.sending
        recorded = [
            event
            for event in self.said(EffectsRecorded)
            if (event.decision_id, event.wave) == (sending.decision_id, sending.wave)
        ]
        done = sum(len(event.effects) for event in recorded)
        left = sending.waves[sending.wave] - done - count
        return self.tell(dispatched(self.campaign, effects(count), left=changes.pop("left", left), **changes))

    def wave_sent(self) -> Decision[Campaign, Shared]:
        return self.sent(self.sending.waves[self.sending.wave])

    def halted(self) -> "Story":
        """Halted by the bounce trigger after the first wave, with three options."""
        self.launched()
        self.wave_sent()
        self.tell(bounces(self.campaign))
        self.tell(options(self.last(AssembleOptions)))
        return self

    def option(self, name: str) -> ActionProposed:
        found = [one for one in self.said(ActionProposed) if one.chosen == name]
        assert found, f"no option {name}"
        return found[-1]


def drafted(artefact: str = "mail.attended", revision: int = 1) -> Drafted:
    return Drafted(
        artefact=artefact,
        plan_version=1,
        revision=revision,
        template=f"webinar_follow_up.1.{artefact}",
        content_hash=sha(artefact),
    )


def checked(artefact: str = "mail.attended", *results: CheckResult) -> Checked:
    return Checked(
        artefact=artefact, plan_version=1, revision=1, content_hash=sha(artefact), results=results or (PASSES,)
    )


def rendered(audience: CheckResult = SEGMENTED, recipients: int = RECIPIENTS) -> MailsRendered:
    return MailsRendered(
        plan_version=1,
        snapshot_hash=sha("snapshot"),
        content_hash=sha("content"),
        audience_hash=sha("audience"),
        members=600,
        recipients=recipients,
        without_consent=600 - recipients,
        suppressed=0,
        exclusions=(),
        checks=(audience,),
    )


def planned(story: Story) -> SendPlanned:
    """What the playbook says about the send that was asked for last."""
    task, planner = story.last(PlanSend), TemplatePlanner()
    return SendPlanned(task=task, decided_by=planner.by, ways=planner.ways(story.issued.plan, task.recipients))


def approver(subject: str = "ana") -> Approver:
    return Approver(kind=ApproverKind.HUMAN, subject=subject, role="campaign_approver", at=T0)


def grant(proposal: ActionProposed, **changes: Any) -> ActionCleared:
    """Exactly what was asked for, unless `changes` say otherwise."""
    values: dict[str, Any] = {
        "grant_id": named(str(proposal.decision_id), "grant"),
        "decision_id": proposal.decision_id,
        "plan_version": proposal.plan_version,
        "plan_hash": proposal.plan_hash,
        "policy_hash": proposal.policy_hash,
        "content_hash": proposal.action.content_hash,
        "action": proposal.action,
        "approvers": (approver(),),
        "case_id": None,
        "granted_at": T0,
        "expires_at": at(3600),
        "stages": (Stage(stage="matrix", verdict="approval", inputs=("row send",)),),
    }
    return ActionCleared.model_validate(values | changes)


def denial(proposal: ActionProposed, because: str = "refused") -> ActionDenied:
    return ActionDenied(
        decision_id=proposal.decision_id, plan_version=proposal.plan_version, case_id=None, because=because, by=None,
        reason=None, stages=(),
    )  # fmt: skip


def effect(outcome: EffectOutcome = EffectOutcome.SUCCEEDED, because: str = "accepted") -> Effect:
    return Effect(
        effect_id=uuid4(), recipient_hash=sha(str(uuid4())), recipient_domain="stark.example",
        variant="mail.attended", outcome=outcome, because=because,
    )  # fmt: skip


def effects(count: int, outcome: EffectOutcome = EffectOutcome.SUCCEEDED) -> tuple[Effect, ...]:
    return tuple(effect(outcome) for _ in range(count))


def dispatched(state: Campaign, sent: Iterable[Effect] = (), **changes: Any) -> Dispatched:
    """What the dispatcher says about the wave in hand."""
    assert state.sending is not None
    sending = state.sending
    left = changes.pop("left", 0)
    values: dict[str, Any] = {
        "decision_id": sending.decision_id,
        "grant_id": sending.grant_id,
        "wave": sending.wave,
        "wave_size": sending.waves[sending.wave],
        "effects": tuple(sent),
        "left_in_wave": left,
        "unsettled": 0,
        "turned_away": None,
        "refused": None,
        "retry_at": None,
    }
    return Dispatched.model_validate(values | changes)


def bounces(state: Campaign, *evidence: Evidence, **changes: Any) -> TriggerFired:
    """Hard bounces passed their limit in the wave in hand: pause."""
    domain = Evidence(dimension="domain", value=BAD, count=30, of=30)
    other = Evidence(dimension="domain", value="stark.example", count=1, of=30)
    about = {"trigger": Trigger.HARD_BOUNCES, "rule": "bounces", "response": Response.PAUSE, **changes}
    return fired(state, evidence=evidence or (domain, other), **about)


def went_well(state: Campaign, **changes: Any) -> TriggerFired:
    """The monitor's word that the wave in hand went well."""
    return fired(state, **changes)


def fired(state: Campaign, **changes: Any) -> TriggerFired:
    sending = state.sending
    values: dict[str, Any] = {
        "plan_version": state.plan_version,
        "rule": "reported",
        "trigger": Trigger.WAVE_REPORTED,
        "response": Response.CONTINUE,
        "severity": Severity.LOW,
        "wave": sending.wave if sending else 1,
        "decision_id": sending.decision_id if sending else uuid4(),
        "metric": "reported_share",
        "count": 231,
        "of": 240,
        "threshold": 0.95,
        "interval": (0.9, 0.99),
        "evidence": (),
        "finding": "as the rule says",
    }
    return TriggerFired.model_validate(values | changes)


def options(task: AssembleOptions, left: int = 348, healthy: int = 333) -> OptionsAssembled:
    """What the task found for a halt after the first wave of 240."""
    sizes = {"resume_without_domain": healthy, "resume_all": left, "stop": 0}
    if task.trigger_id is None:
        sizes = {"resume_all": left}
    elif not task.bad_domains:
        sizes.pop("resume_without_domain")
    return OptionsAssembled(
        trigger_id=task.trigger_id,
        plan_version=task.plan_version,
        options=tuple(
            OptionFound(
                id=name,
                snapshot_hash=sha(f"s{name}"),
                content_hash=sha(f"c{name}"),
                recipients=size,
                without=task.bad_domains if name == "resume_without_domain" else (),
                left_out=left - healthy if name == "resume_without_domain" else 0,
            )
            for name, size in sizes.items()
        ),
    )


def case(case_id: UUID, kind: CaseKind = CaseKind.APPROVAL) -> CaseOpened:
    return CaseOpened(
        case_id=case_id, kind=kind, severity=Severity.MEDIUM,
        needs=Need(role="campaign_approver", count=1, backup_role="marketing_lead"), subject_id=uuid4(),
        title="Send it?", because="novelty", deadline=at(3600), if_ignored="Nothing is sent",
    )  # fmt: skip


def outcome(**changes: Any) -> OutcomeVerified:
    values: dict[str, Any] = {
        "plan_version": 1, "outcome": "booked_demos", "target": 20, "counted": 24, "baseline": 4,
        "window_opened_at": T0, "window_closed_at": at(60), "source_of_truth": "crm", "formula": "one per person",
    }  # fmt: skip
    return OutcomeVerified.model_validate(values | changes)


def report(kind: MailEvent, effect_id: UUID | None = None, recipient: str = "") -> RecipientEventReported:
    return RecipientEventReported(
        kind=kind, recipient_hash=recipient or sha("zoe"), recipient_domain="stark.example",
        effect_id=effect_id or uuid4(), machine=False, provider="sendgrid",
    )  # fmt: skip


def lost(effect_id: UUID, decision: UUID) -> Mapping[UUID, Uncertain]:
    return {effect_id: Uncertain(sha("zoe"), "stark.example", decision, 1)}


def word(effect_id: UUID, *, applied: bool) -> ApprovalGiven | ApprovalRefused:
    """A person's word on an uncertain effect."""
    why = ReasonGiven(what="settled", when="now", until="for ever", why="the log of the provider says so")
    values: dict[str, Any] = {
        "case_id": uuid4(), "decision_id": effect_id, "content_hash": "0" * 64, "approver": approver(), "reason": why,
    }  # fmt: skip
    return ApprovalGiven(**values) if applied else ApprovalRefused(**values)


def pending(state: Campaign) -> list[Proposal]:
    return [one for one in state.proposals.values() if one.state == "pending"]


def dispatches(story: Story) -> list[Dispatch]:
    return story.asked_for(Dispatch)


def later(story: Story, seconds: float) -> None:
    story.now += timedelta(seconds=seconds)


def without(story: Story, **changes: Any) -> Story:
    """The same story with another state."""
    story.state = replace(story.campaign, **changes)
    return story
