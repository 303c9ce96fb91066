"""When a person may be written to: quiet hours in the recipient's own time zone. Pure."""

from datetime import UTC, datetime, time, timedelta
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
    local = now.astimezone(zone)
    if not _within(local.timetz().replace(tzinfo=None), quiet):
        return now
    ends = local.replace(hour=quiet.ends.hour, minute=quiet.ends.minute, second=0, microsecond=0)
    if ends <= local:
        ends += timedelta(days=1)
    return ends.astimezone(UTC)


def _within(clock: time, quiet: QuietHours) -> bool:
    if quiet.starts < quiet.ends:
        return quiet.starts <= clock < quiet.ends
    return clock >= quiet.starts or clock < quiet.ends
