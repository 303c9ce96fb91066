"""The CRM: tells over HTTP, as CloudEvents, which contacts booked a demo."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from contracts.inbound import ContactEvent, ContactEventReported
from world.door import Call
from world.mail import Received

SOURCE = "/crm/acme"


@dataclass(frozen=True, slots=True)
class Booking:
    mail: Received
    at: datetime


def cloud_event(booking: Booking) -> dict[str, object]:
    """In structured mode; the recipient by the hash that our mail's arguments carried."""
    mail = booking.mail
    booked = ContactEventReported(kind=ContactEvent.DEMO_BOOKED, recipient_hash=mail.recipient_hash)
    return {
        "specversion": "1.0",
        "id": f"demo-{mail.effect_id}",
        "source": SOURCE,
        "type": ContactEventReported.type,
        "subject": f"campaigns/{mail.campaign_id}",
        "time": booking.at.isoformat(),
        "tenant": mail.tenant,
        "campaignid": mail.campaign_id,
        "datacontenttype": "application/json",
        "data": booked.model_dump(mode="json"),
    }


class Crm:
    """One event alone, or several as a batch."""

    def __init__(self, monitor: str, token_file: Path) -> None:
        self._url, self._token_file = f"{monitor}/v1/events", token_file

    def call(self, bookings: list[Booking]) -> Call:
        # Read each time: whoever renews the token replaces the file.
        token = self._token_file.read_text().strip()
        events = [cloud_event(one) for one in bookings]
        alone = len(events) == 1
        kind = "application/cloudevents+json" if alone else "application/cloudevents-batch+json"
        headers = {"content-type": kind, "authorization": f"Bearer {token}"}
        return Call(self._url, headers, json.dumps(events[0] if alone else events).encode())
