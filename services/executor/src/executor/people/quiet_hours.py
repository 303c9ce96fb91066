"""When a person may be written to: quiet hours in the recipient's own time zone. Pure."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from contracts.brief import QuietHours


def allowed_from(now: datetime, timezone: str, quiet: QuietHours) -> datetime:
    """`now`, or the end of the quiet hours it falls into. A zone nobody knows counts as UTC."""
    if quiet.starts == quiet.ends:
        return now
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    at = now
    while _within(local := at.astimezone(zone), quiet):  # again only when their end does not exist that night
        at = _end(local, quiet).astimezone(UTC)
    return at


def _end(local: datetime, quiet: QuietHours) -> datetime:
    ends = local.replace(hour=quiet.ends.hour, minute=quiet.ends.minute, second=0, microsecond=0)
    return ends if ends > local else ends + timedelta(days=1)


def _within(local: datetime, quiet: QuietHours) -> bool:
    clock = local.time()
    if quiet.starts < quiet.ends:
        return quiet.starts <= clock < quiet.ends
    return clock >= quiet.starts or clock < quiet.ends
