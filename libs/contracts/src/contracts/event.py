"""What every event has. A service owns the events it publishes; see the module named after it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, ClassVar, Generic, NewType, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from uuid6 import uuid7

from contracts.framing import named
from contracts.strict import plausible

Tenant = NewType("Tenant", str)
CampaignId = NewType("CampaignId", UUID)
Text = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.:-]{0,119}$")]
"""A key of ours: never free text."""
Subject = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:|-]{0,119}$")]
"""A person or agent by pseudonym, as the token's `sub` names them: no name, no address."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
RecipientHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""HMAC-SHA256(tenant key, NFC, trimmed, lower-cased address), in hex."""
Domain = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,252}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
Instant = Annotated[datetime, AfterValidator(plausible)]
"""A time with an offset, between 2000 and 2200."""


class Value(BaseModel):
    """A part of an event or plan: frozen; readers ignore fields they do not know yet."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_timedelta="iso8601")


class Money(Value):
    """An amount in millionths of `currency` (ISO 4217)."""

    micros: Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Event(Value):
    """What happened, and nothing else: where it comes from is in its `Meta`. Named for a past fact."""

    topic: ClassVar[str]
    type: ClassVar[str]
    """The CloudEvents `type`: `io.handrail.<noun>.<participle>.v<major>`."""
    signed: ClassVar[bool] = False
    """Signed by the publishing service when the log row is written."""

    def key(self, meta: "Meta") -> bytes:
        """Partition key: everything about one campaign stays in order."""
        return str(meta.campaign_id).encode()


class Signature(StrEnum):
    """What `decode` found about a record's signature."""

    VALID = "valid"
    INVALID = "invalid"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """Where a fact comes from, what it is about, and when it became true: the CloudEvents attributes.

    `sequence` counts per (tenant, topic, campaign) within an `epoch`; both are None before the log row is written and
    on `inbound.*`. `source_id` is the CloudEvents `id` as sent: of `inbound.*` the outsider's own, else `event_id`.
    """

    event_id: UUID
    tenant: Tenant
    campaign_id: CampaignId
    correlation_id: UUID
    causation_id: UUID | None
    occurred_at: datetime
    source: str
    source_id: str
    sequence: int | None = None
    epoch: int | None = None
    traceparent: str | None = None
    signature: Signature = Signature.MISSING
    key_id: str | None = None

    @staticmethod
    def root(
        tenant: Tenant, campaign: CampaignId, *, source: str, at: datetime, traceparent: str | None = None
    ) -> "Meta":
        """Meta of a fact that nothing we know of has caused."""
        event_id = UUID(bytes=uuid7().bytes)
        return Meta(
            event_id=event_id,
            tenant=tenant,
            campaign_id=campaign,
            correlation_id=event_id,
            causation_id=None,
            occurred_at=at,
            source=source,
            source_id=str(event_id),
            traceparent=traceparent,
        )

    @staticmethod
    def outside(
        tenant: Tenant,
        campaign: CampaignId,
        *,
        source: str,
        source_id: str,
        at: datetime,
        traceparent: str | None = None,
    ) -> "Meta":
        """Meta of what an outsider reports: the same (tenant, source, id) is the same fact, whichever way in."""
        event_id = outside_id(tenant, source, source_id)
        return Meta(
            event_id=event_id,
            tenant=tenant,
            campaign_id=campaign,
            correlation_id=event_id,
            causation_id=None,
            occurred_at=at,
            source=source,
            source_id=source_id,
            traceparent=traceparent,
        )

    def effect_id(self, effect: "type[Event]", nth: int = 0) -> UUID:
        """The id of the `nth` effect of a type that this fact causes: same cause, same id: a replay changes nothing."""
        return named(str(self.event_id), effect.type, str(nth))

    def leads_to(
        self, effect_id: UUID, *, at: datetime, source: str, sequence: int | None = None, epoch: int | None = None
    ) -> "Meta":
        """Meta of an effect that this fact causes."""
        return Meta(
            event_id=effect_id,
            tenant=self.tenant,
            campaign_id=self.campaign_id,
            correlation_id=self.correlation_id,
            causation_id=self.event_id,
            occurred_at=at,
            source=source,
            source_id=str(effect_id),
            sequence=sequence,
            epoch=epoch,
            traceparent=self.traceparent,
        )


def outside_id(tenant: Tenant, source: str, source_id: str) -> UUID:
    """Our id for what an outsider calls `source_id`."""
    return named(tenant, source, source_id)


def campaign_of(tenant: Tenant, source: str, submission: str) -> CampaignId:
    """The campaign of a brief submission: a repeated submission is the same campaign, so no door mints an id."""
    return CampaignId(named(tenant, source, submission))


@lru_cache(1024)
def tenant_row(tenant: Tenant) -> CampaignId:
    """What belongs to no campaign runs under the tenant's own row."""
    return CampaignId(named(tenant, "tenant"))


E = TypeVar("E", bound=Event, covariant=True)


@dataclass(frozen=True, slots=True)
class Fact(Generic[E]):
    """An event with its meta: what travels on Kafka and what a service decides about."""

    meta: Meta
    event: E
