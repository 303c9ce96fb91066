"""What the fold and the dispatcher say to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar, TypeAlias
from uuid import UUID

from chassis.decision import TaskBody
from contracts.actions import Effect, EffectOutcome
from contracts.codec import Header
from contracts.event import CampaignId, Count, Domain, Name, RecipientHash, Sha256, Value
from contracts.executor import CampaignOutcome, KillScope, SuppressionReason


class Dispatch(TaskBody):
    """Send what is planned of one wave, some at a time."""

    kind: ClassVar[str] = "dispatch"
    decision_id: UUID
    grant_id: UUID
    plan_version: int
    wave: int
    fence: int


class Dispatched(Value):
    """What one run of the dispatcher did; `refused` says why nothing left."""

    decision_id: UUID
    grant_id: UUID
    wave: int
    wave_size: Count
    effects: tuple[Effect, ...]
    left_in_wave: Count
    unsettled: Count
    """Lost answers that a repeat or a look-up will settle, and mails that another process may have in hand."""
    refused: Name | None
    turned_away: Name | None
    """How the tool refused us ourselves, if it did."""
    retry_at: datetime | None


class EffectsFound(Value):
    """After a restore: what became of effects of one wave, and was not told yet."""

    plan_version: int
    decision_id: UUID
    wave: int
    wave_size: Count
    effects: tuple[Effect, ...]


class Recovered(Value):
    """The database came back from a backup; `lost` says that this campaign went on after it, so much as is known."""

    lost: bool
    fence: int
    """The highest that our own events tell of."""
    finished: CampaignOutcome | None
    told: Mapping[UUID, Mapping[EffectOutcome, Count]]
    """Of each decision, how many of its effects came to what, as far as events tell that had been forgotten."""


class AssembleOptions(TaskBody):
    """Find out what a halted campaign could do next.

    `bad_domains` are to blame for the halt; `left_out` are those that a person left out before.
    """

    kind: ClassVar[str] = "assemble_options"
    trigger_id: UUID | None
    plan_version: int
    bad_domains: tuple[Domain, ...]
    left_out: tuple[Domain, ...]


class OptionFound(Value):
    """Who would still get their mail; `left_out` would not, because of the domains it goes on `without`."""

    id: Name
    snapshot_hash: Sha256
    content_hash: Sha256
    recipients: Count
    without: tuple[Domain, ...]
    left_out: Count


class OptionsAssembled(Value):
    trigger_id: UUID | None
    plan_version: int
    options: tuple[OptionFound, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepGrant:
    """A verified grant, with the bytes it came in, and how its send is cut into waves."""

    grant_id: UUID
    decision_id: UUID
    plan_version: int
    content_hash: str
    policy_hash: str
    snapshot_hash: str
    from_wave: int
    first_wave: int
    next_waves: int
    granted_at: datetime
    opens_at: datetime
    expires_at: datetime
    headers: tuple[Header, ...]
    value: bytes


@dataclass(frozen=True, slots=True)
class RevokeGrant:
    grant_id: UUID


@dataclass(frozen=True, slots=True)
class AbandonPlanned:
    """What was never dispatched of a decision will not be."""

    decision_id: UUID


@dataclass(frozen=True, slots=True)
class Settle:
    """An uncertain effect was settled."""

    effect_id: UUID
    applied: bool


@dataclass(frozen=True, slots=True)
class SetGuard:
    """What the guard must see from now on."""

    fence: int
    halted: bool


@dataclass(frozen=True, slots=True)
class Suppress:
    recipient_hash: RecipientHash
    domain: str
    reason: SuppressionReason


@dataclass(frozen=True, slots=True)
class SeeEvidence:
    """The world reported on an effect, whatever we know of it."""

    effect_id: UUID
    kind: str


@dataclass(frozen=True, slots=True)
class MarkReported:
    """These outcomes are in the events of this decision."""

    decision_id: UUID
    effects: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Switch:
    """One kill switch as it stands."""

    engaged: bool
    changed_by: str
    reason: str
    release_by: str | None = None
    """Who asked to release it: another person must do it."""


@dataclass(frozen=True, slots=True)
class SetSwitch:
    """The kill switch of the campaign, of its tenant, or of all."""

    scope: KillScope
    switch: Switch


@dataclass(frozen=True, slots=True)
class RememberStop:
    """A campaign that a restored database had forgotten begins halted, or is over, when its plan comes again."""

    fence: int
    finished: CampaignOutcome | None


@dataclass(frozen=True, slots=True)
class CountTest:
    """When a person asked for test mails within the last hour."""

    subject: str
    asked_at: tuple[datetime, ...]


Change: TypeAlias = (
    KeepGrant
    | RevokeGrant
    | AbandonPlanned
    | Settle
    | SetGuard
    | Suppress
    | SeeEvidence
    | MarkReported
    | SetSwitch
    | CountTest
    | RememberStop
)


@dataclass(frozen=True, slots=True)
class Uncertain:
    """An effect whose answer was lost."""

    recipient_hash: str
    domain: str
    decision_id: UUID
    plan_version: int


@dataclass(frozen=True, slots=True)
class Shared:
    """Facts beside the fold's state, as far as the messages at hand need them, and the changes asked for."""

    suppressed: frozenset[str] = frozenset()
    uncertain: Mapping[UUID, Uncertain] = field(default_factory=dict)
    switch: Switch | None = None
    """The kill switch that a command is about; None where there is no row."""
    killed: bool = False
    """Whether any kill switch over the campaign is engaged, for what asks about it."""
    tests: tuple[datetime, ...] = ()
    """When the person who asks for a test mail did so before."""
    stopped: RememberStop | None = None
    """Of a campaign that a restored database had forgotten, for its plan."""
    waiting: tuple[CampaignId, ...] = ()
    """Which campaigns may wait for the list that is uploaded: they name it, and nothing of them is proposed."""
    changes: tuple[Change, ...] = ()

    def asking(self, *changes: Change) -> "Shared":
        return replace(self, changes=(*self.changes, *changes))
