"""What executor publishes: the campaign's work, and its actions on the outside world."""

from enum import StrEnum
from typing import Annotated, ClassVar, TypeAlias
from uuid import UUID

from pydantic import Field

from contracts.decision import Approver, DecisionRecord
from contracts.event import Count, Domain, Event, Name, RecipientHash, Sha256, Subject, Text, Value

PlanVersion = Annotated[int, Field(ge=1)]


class CampaignStage(StrEnum):
    BRIEFING = "briefing"
    EXECUTION = "execution"
    MONITORING = "monitoring"
    ESCALATION = "escalation"
    CLOSED = "closed"


class WorkEventBase(Event):
    """On the topic of the campaign's work."""

    topic: ClassVar[str] = "executor.work.v1"


class WorkBegun(WorkEventBase):
    """Work on a plan began."""

    type: ClassVar[str] = "io.handrail.work.begun.v1"
    plan_version: PlanVersion


class StageChanged(WorkEventBase):
    """The campaign moved to another stage."""

    type: ClassVar[str] = "io.handrail.stage.changed.v1"
    plan_version: PlanVersion
    before: CampaignStage
    after: CampaignStage
    because: Name


class StepCompleted(WorkEventBase):
    """A step of the plan is done, and its result was verified as the plan says."""

    type: ClassVar[str] = "io.handrail.step.completed.v1"
    plan_version: PlanVersion
    step: Name
    verified: Text


class StepFailed(WorkEventBase):
    """A step of the plan could not be done."""

    type: ClassVar[str] = "io.handrail.step.failed.v1"
    plan_version: PlanVersion
    step: Name
    because: Text


class ArtefactKind(StrEnum):
    EMAIL = "email"


class ArtefactDrafted(WorkEventBase):
    """A draft exists; its text stays with the executor and is named by hash."""

    type: ClassVar[str] = "io.handrail.artefact.drafted.v1"
    plan_version: PlanVersion
    artefact: Name
    kind: ArtefactKind
    revision: Annotated[int, Field(ge=1)]
    template: Name
    drafted_by: Name
    content_hash: Sha256


class Verdict(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    ERROR = "error"
    SKIPPED = "skipped"
    WAIVED = "waived"


class CheckResult(Value):
    """One check of an artefact or launch: what was checked, how it went, and the evidence."""

    check: Name
    verdict: Verdict
    evidence: Text


class ArtefactChecked(WorkEventBase):
    """A draft was checked against its brief and policy."""

    type: ClassVar[str] = "io.handrail.artefact.checked.v1"
    plan_version: PlanVersion
    artefact: Name
    revision: Annotated[int, Field(ge=1)]
    content_hash: Sha256
    results: Annotated[tuple[CheckResult, ...], Field(min_length=1)]
    passed: bool


class ChecklistItemWaived(WorkEventBase):
    """A named person let a failing item of the launch checklist pass."""

    type: ClassVar[str] = "io.handrail.checklist.waived.v1"
    plan_version: PlanVersion
    item: Name
    actor: Subject
    reason: Text


class CampaignLaunched(WorkEventBase):
    """The first outside effect may happen: grant verified, checklist complete."""

    type: ClassVar[str] = "io.handrail.campaign.launched.v1"
    plan_version: PlanVersion
    decision_id: UUID
    grant_id: UUID
    recipients: Count
    checklist: tuple[CheckResult, ...]


class CampaignHalted(WorkEventBase):
    """Nothing more leaves until a person decides."""

    type: ClassVar[str] = "io.handrail.campaign.halted.v1"
    plan_version: PlanVersion
    because: Name
    trigger_id: UUID | None
    actor: Subject | None
    fence: Count
    sent: Count
    remaining: Count


class CampaignResumed(WorkEventBase):
    """A person's decision set a halted campaign going again."""

    type: ClassVar[str] = "io.handrail.campaign.resumed.v1"
    plan_version: PlanVersion
    decision_id: UUID
    grant_id: UUID
    fence: Count
    remaining: Count


class CampaignOutcome(StrEnum):
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class CampaignFinished(WorkEventBase):
    """The campaign is over."""

    type: ClassVar[str] = "io.handrail.campaign.finished.v1"
    plan_version: PlanVersion
    outcome: CampaignOutcome
    because: Name


class SuppressionReason(StrEnum):
    HARD_BOUNCE = "hard_bounce"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    MANUAL = "manual"


class RecipientSuppressed(WorkEventBase):
    """Nobody of this tenant writes to this person again."""

    type: ClassVar[str] = "io.handrail.recipient.suppressed.v1"
    recipient_hash: RecipientHash
    recipient_domain: Domain
    reason: SuppressionReason


class KillScope(StrEnum):
    GLOBAL = "global"
    TENANT = "tenant"
    CAMPAIGN = "campaign"


class KillSwitchChanged(WorkEventBase):
    """The kill switch of a scope was engaged or released."""

    type: ClassVar[str] = "io.handrail.killswitch.changed.v1"
    scope: KillScope
    engaged: bool
    actor: Subject
    reason: Text


class AudienceImported(WorkEventBase):
    """A list of contacts was taken in, or replaced an earlier one of the same name."""

    type: ClassVar[str] = "io.handrail.audience.imported.v1"
    audience: Name
    contacts: Count
    with_consent: Count
    content_hash: Sha256
    actor: Subject


class ActionEventBase(Event):
    """On the topic of the campaign's actions."""

    topic: ClassVar[str] = "executor.actions.v1"


class ActionProposed(ActionEventBase, DecisionRecord):
    """The executor asks for a ruling on exactly this action: a complete decision record."""

    type: ClassVar[str] = "io.handrail.action.proposed.v1"
    tool_reason: Text
    recipients: Count
    title: Text
    if_ignored: Text
    preview: tuple[Name, ...]
    """Names of the artefacts to look at, served by the executor by content hash."""


class EffectOutcome(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED_DEFINITE = "failed_definite"
    UNKNOWN = "unknown"
    POSTPONED = "postponed"
    SKIPPED = "skipped"


class Effect(Value):
    """What became of one recipient's intent."""

    effect_id: UUID
    recipient_hash: RecipientHash
    recipient_domain: Domain
    variant: Name
    outcome: EffectOutcome
    because: Name


class EffectsRecorded(ActionEventBase):
    """What became of some intents of a wave; `wave_size` is how many intents the wave has."""

    type: ClassVar[str] = "io.handrail.effects.recorded.v1"
    plan_version: PlanVersion
    decision_id: UUID
    wave: Annotated[int, Field(ge=1)]
    wave_size: Count
    wave_done: bool
    """True once no intent of the wave is left planned or in flight."""
    effects: Annotated[tuple[Effect, ...], Field(max_length=500)]


class ActionExecuted(ActionEventBase):
    """All intents of an approved action are settled."""

    type: ClassVar[str] = "io.handrail.action.executed.v1"
    plan_version: PlanVersion
    decision_id: UUID
    grant_id: UUID
    succeeded: Count
    failed: Count
    unknown: Count
    skipped: Count
    sending_ended: bool
    """False when another approved action goes on with the same step (an option that was chosen after a halt)."""


class ActionFailed(ActionEventBase):
    """An approved action could not be carried out at all."""

    type: ClassVar[str] = "io.handrail.action.failed.v1"
    plan_version: PlanVersion
    decision_id: UUID
    because: Text


class ActionUncertain(ActionEventBase):
    """The answer to one effect was lost: it is never repeated; evidence or a person settles it."""

    type: ClassVar[str] = "io.handrail.action.uncertain.v1"
    plan_version: PlanVersion
    decision_id: UUID
    effect_id: UUID
    recipient_hash: RecipientHash
    recipient_domain: Domain
    because: Text


class Settled(StrEnum):
    APPLIED = "applied"
    NOT_APPLIED = "not_applied"


class ActionReconciled(ActionEventBase):
    """An uncertain effect was settled: by the world's report, or by a person."""

    type: ClassVar[str] = "io.handrail.action.reconciled.v1"
    plan_version: PlanVersion
    decision_id: UUID
    effect_id: UUID
    settled: Settled
    evidence: Text
    by: Approver | None


class ActionRefused(ActionEventBase):
    """The executor refused to act on what it was given: forged, stale, used, expired or out of bounds."""

    type: ClassVar[str] = "io.handrail.action.refused.v1"
    plan_version: PlanVersion
    decision_id: UUID
    grant_id: UUID | None
    because: Name
    detail: Text


WorkEvent: TypeAlias = (
    WorkBegun
    | StageChanged
    | StepCompleted
    | StepFailed
    | ArtefactDrafted
    | ArtefactChecked
    | ChecklistItemWaived
    | CampaignLaunched
    | CampaignHalted
    | CampaignResumed
    | CampaignFinished
    | RecipientSuppressed
    | KillSwitchChanged
    | AudienceImported
)
ActionEvent: TypeAlias = (
    ActionProposed
    | EffectsRecorded
    | ActionExecuted
    | ActionFailed
    | ActionUncertain
    | ActionReconciled
    | ActionRefused
)
