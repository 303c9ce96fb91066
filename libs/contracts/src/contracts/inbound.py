"""What outsiders report: the public topics. Recipients travel as hashes, echoed from our mail's arguments."""

from enum import StrEnum
from typing import Annotated, ClassVar, TypeAlias
from uuid import UUID

from pydantic import Field

from contracts.brief import BriefDraft
from contracts.event import Domain, Event, Instant, Meta, Money, Name, RecipientHash


class BriefSubmitted(Event):
    """Another system hands in a brief."""

    topic: ClassVar[str] = "inbound.briefs.v1"
    type: ClassVar[str] = "io.handrail.brief.submitted.v1"
    brief: BriefDraft


class MetricReported(Event):
    """A channel reports a figure; a later revision replaces an earlier one."""

    topic: ClassVar[str] = "inbound.metrics.v1"
    type: ClassVar[str] = "io.handrail.metric.reported.v1"
    metric: Name
    channel: Name
    bucket: Instant
    value: Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)]
    unit: Name
    """`count`, or `micros` with `currency`."""
    currency: str | None = None
    attribution: Name
    as_of: Instant
    provisional: bool
    revision: Annotated[int, Field(ge=0)]


class MailEvent(StrEnum):
    """The one vocabulary of what happens to a mail."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    DEFERRED = "deferred"
    BOUNCED_HARD = "bounced_hard"
    BLOCKED_OR_SOFT = "blocked_or_soft"
    DROPPED = "dropped"
    OPENED = "opened"
    CLICKED = "clicked"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    RESUBSCRIBED = "resubscribed"


class RecipientEventReported(Event):
    """Something happened to one mail of ours, or its recipient did something with it."""

    topic: ClassVar[str] = "inbound.engagement.v1"
    type: ClassVar[str] = "io.handrail.recipient.reported.v1"
    kind: MailEvent
    recipient_hash: RecipientHash
    recipient_domain: Domain
    effect_id: UUID
    """The mail's unique argument."""
    machine: bool
    """Opened by software, not by a person."""
    provider: Name

    def key(self, meta: Meta) -> bytes:
        return f"{meta.campaign_id}:{self.recipient_hash}".encode()


class ContactEvent(StrEnum):
    FORM_SUBMITTED = "form_submitted"
    LEAD_SCORED = "lead_scored"
    ATTENDED = "attended"
    NO_SHOW = "no_show"
    SIGNED_UP = "signed_up"
    DEMO_BOOKED = "demo_booked"
    OPPORTUNITY_CHANGED = "opportunity_changed"
    PURCHASED = "purchased"


class ContactEventReported(Event):
    """A contact did something that a brief's outcome may count."""

    topic: ClassVar[str] = "inbound.contacts.v1"
    type: ClassVar[str] = "io.handrail.contact.reported.v1"
    kind: ContactEvent
    recipient_hash: RecipientHash
    value: Money | None = None

    def key(self, meta: Meta) -> bytes:
        return f"{meta.campaign_id}:{self.recipient_hash}".encode()


InboundEvent: TypeAlias = BriefSubmitted | MetricReported | RecipientEventReported | ContactEventReported
