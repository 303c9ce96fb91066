"""Quiet hours against the calendar: whatever a clock does that night, nobody is written to while it says quiet."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.brief import QuietHours
from executor.people.quiet_hours import allowed_from

ZONES = (
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll", "Pacific/Apia", "Africa/Casablanca",
    "Asia/Kathmandu", "Pacific/Chatham", "America/St_Johns", "UTC",
)  # fmt: skip


def quiet(starts: str | time, ends: str | time) -> QuietHours:
    return QuietHours.model_validate({"starts": starts, "ends": ends, "confirmed": True})


def is_quiet(at: datetime, zone: str, hours: QuietHours) -> bool:
    """By the clock on the wall there."""
    clock = at.astimezone(ZoneInfo(zone)).time()
    if hours.starts < hours.ends:
        return hours.starts <= clock < hours.ends
    return hours.starts != hours.ends and not hours.ends <= clock < hours.starts


def changes(zone: str) -> list[datetime]:
    """The days on which a zone's clock is put forward or back, 2008 to 2032."""
    days = [datetime(2008, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(24 * 366)]
    return [
        a
        for a, b in pairwise(days)
        if a.astimezone(ZoneInfo(zone)).utcoffset() != b.astimezone(ZoneInfo(zone)).utcoffset()
    ]


SPECIAL = {
    zone: [*changes(zone), *(datetime(year, 2, 28, tzinfo=UTC) for year in (2024, 2025, 2028))] for zone in ZONES
}
MINUTES = st.integers(0, 24 * 60 - 1).map(lambda minute: time(minute // 60, minute % 60))


@st.composite
def nights(draw: st.DrawFn) -> tuple[datetime, str]:
    """An instant near a change of clocks or a leap day, and the zone it is about."""
    zone = draw(st.sampled_from(ZONES))
    begin = draw(st.sampled_from(SPECIAL[zone]))
    return begin + timedelta(seconds=draw(st.integers(-48 * 3600, 72 * 3600))), zone


@settings(max_examples=1500, deadline=None)
@given(nights(), MINUTES, MINUTES)
def test_nobody_is_written_to_while_the_clock_there_says_quiet(night: tuple[datetime, str], a: time, b: time) -> None:
    now, zone = night
    hours = quiet(a, b)
    allowed = allowed_from(now, zone, hours)
    assert not is_quiet(allowed, zone, hours)
    assert (allowed == now) == (not is_quiet(now, zone, hours))
    assert now <= allowed <= now + timedelta(hours=51)


@pytest.mark.parametrize(
    ("now", "zone", "hours", "allowed"),
    [
        # Put forward from 02:00 to 03:00: a night of seven hours, and an end that does not exist.
        ("2026-03-28T21:30:00Z", "Europe/Berlin", ("22:00", "06:00"), "2026-03-29T04:00:00Z"),
        ("2026-03-28T21:30:00Z", "Europe/Berlin", ("22:00", "02:30"), "2026-03-29T01:30:00Z"),
        # Put back from 03:00 to 02:00: a night of nine hours, and an end that comes twice.
        ("2026-10-24T20:30:00Z", "Europe/Berlin", ("22:00", "06:00"), "2026-10-25T05:00:00Z"),
        ("2026-10-24T20:30:00Z", "Europe/Berlin", ("22:00", "02:30"), "2026-10-25T00:30:00Z"),
        ("2026-10-25T01:15:00Z", "Europe/Berlin", ("22:00", "02:30"), "2026-10-25T01:30:00Z"),
        # The window in which one may write does not exist that night.
        ("2026-03-29T00:30:00Z", "Europe/Berlin", ("03:00", "02:30"), "2026-03-30T00:30:00Z"),
        # A day that never was: 30 December 2011 in Samoa.
        ("2011-12-30T09:00:00Z", "Pacific/Apia", ("22:00", "08:00"), "2011-12-30T18:00:00Z"),
        # Leap days and the days around them.
        ("2028-02-28T23:30:00Z", "UTC", ("23:00", "07:00"), "2028-02-29T07:00:00Z"),
        ("2028-02-29T23:30:00Z", "UTC", ("23:00", "07:00"), "2028-03-01T07:00:00Z"),
        ("2026-02-28T23:30:00Z", "UTC", ("23:00", "07:00"), "2026-03-01T07:00:00Z"),
        # 2016-12-31T23:59:60Z is 2017-01-01T00:00:00Z to the database's clock, and to everybody's else.
        ("2016-12-31T23:59:59.999Z", "UTC", ("23:00", "00:00"), "2017-01-01T00:00:00Z"),
    ],
)
def test_of_a_night_that_is_not_like_others(now: str, zone: str, hours: tuple[str, str], allowed: str) -> None:
    assert allowed_from(datetime.fromisoformat(now), zone, quiet(*hours)) == datetime.fromisoformat(allowed)


@pytest.mark.parametrize("bad", ["22:00:30", "22:00+02:00", "22:00Z", "24:00"])
def test_quiet_hours_begin_and_end_on_a_minute_of_the_recipients_own_clock(bad: str) -> None:
    with pytest.raises(ValueError, match="starts"):
        quiet(bad, "08:00")


def test_the_calendar_here_knows_the_nights_that_the_proof_is_about() -> None:
    assert date(2026, 3, 29) in {at.date() for at in SPECIAL["Europe/Berlin"]}
    assert all(len(SPECIAL[zone]) > 10 for zone in ZONES if zone not in ("UTC", "Asia/Kathmandu", "Pacific/Apia"))
