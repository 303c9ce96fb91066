"""What executor publishes about its actions on the outside world."""

from enum import StrEnum
from typing import Annotated, ClassVar, TypeAlias
from uuid import UUID

from pydantic import Field

from contracts.decision import Approver, DecisionRecord
from contracts.event import Count, Domain, Event, Name, RecipientHash, Text, Value
from contracts.executor import PlanVersion


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


ActionEvent: TypeAlias = (
    ActionProposed
    | EffectsRecorded
    | ActionExecuted
    | ActionFailed
    | ActionUncertain
    | ActionReconciled
    | ActionRefused
)
