"""What executor publishes about the campaign's work; its actions are in `contracts.actions`."""

from enum import StrEnum
from typing import Annotated, ClassVar, TypeAlias
from uuid import UUID

from pydantic import Field

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


class MailTested(WorkEventBase):
    """A person had a draft sent to themselves: no recipient, no effect of the campaign."""

    type: ClassVar[str] = "io.handrail.mail.tested.v1"
    plan_version: PlanVersion
    artefact: Name
    revision: Annotated[int, Field(ge=1)]
    content_hash: Sha256
    actor: Subject
    sent: bool
    """False when it certainly did not leave."""
    because: Name


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
    closes: tuple[UUID, ...]
    """Triggers and decisions that people were asked about before, and need not answer any more."""


class CampaignResumed(WorkEventBase):
    """A person's decision set a halted campaign going again."""

    type: ClassVar[str] = "io.handrail.campaign.resumed.v1"
    plan_version: PlanVersion
    decision_id: UUID
    grant_id: UUID
    fence: Count
    remaining: Count
    closes: tuple[UUID, ...]
    """Triggers and decisions that people were asked about while it was halted, and need not answer any more."""


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


WorkEvent: TypeAlias = (
    WorkBegun
    | StageChanged
    | StepCompleted
    | StepFailed
    | ArtefactDrafted
    | ArtefactChecked
    | MailTested
    | ChecklistItemWaived
    | CampaignLaunched
    | CampaignHalted
    | CampaignResumed
    | CampaignFinished
    | RecipientSuppressed
    | KillSwitchChanged
    | AudienceImported
)
