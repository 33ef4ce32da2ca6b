"""Hours in which nobody is disturbed, on clocks that are moved."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.facts.quiet_hours import BEGIN, END, next_waking

ZONES = [
    "America/New_York", "America/St_Johns", "America/Phoenix", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe",
    "Pacific/Apia", "Pacific/Honolulu", "America/Nuuk", "Africa/Casablanca",
]  # fmt: skip


@pytest.mark.parametrize(
    ("now", "zone", "waking"),
    [
        ("2026-03-06 20:59:59", "UTC", "2026-03-06 20:59:59"),
        ("2026-03-06 21:00:00", "UTC", "2026-03-07 08:00:00"),
        ("2026-03-06 23:59:59", "UTC", "2026-03-07 08:00:00"),
        ("2026-03-07 00:00:00", "UTC", "2026-03-07 08:00:00"),
        ("2026-03-07 07:59:59", "UTC", "2026-03-07 08:00:00"),
        ("2026-03-07 08:00:00", "UTC", "2026-03-07 08:00:00"),
        # 9 pm before the clock is put forward, and before it is put back: 10 and 12 hours of quiet.
        ("2026-03-08 02:00:00", "America/New_York", "2026-03-08 12:00:00"),
        ("2026-11-01 01:00:00", "America/New_York", "2026-11-01 13:00:00"),
        # In the hour that comes twice, either time.
        ("2026-11-01 05:30:00", "America/New_York", "2026-11-01 13:00:00"),
        ("2026-11-01 06:30:00", "America/New_York", "2026-11-01 13:00:00"),
        # The 30th of December 2011 was left out in Samoa.
        ("2011-12-30 09:30:00", "Pacific/Apia", "2011-12-30 18:00:00"),
    ],
)
def test_the_morning_is_at_eight_on_the_readers_clock(now: str, zone: str, waking: str) -> None:
    at, expected = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (now, waking))

    assert next_waking(at, zone) == expected


@given(
    now=st.datetimes(datetime(2010, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),
    zone=st.sampled_from(ZONES),
)
def test_nobody_is_woken_and_nobody_waits_longer_than_a_night(now: datetime, zone: str) -> None:
    waking = next_waking(now, zone)

    assert END <= waking.astimezone(ZoneInfo(zone)).time() < BEGIN
    assert timedelta() <= waking - now <= timedelta(hours=13)
    assert next_waking(waking, zone) == waking
    if waking > now:
        # No earlier moment would have done: the minute before is quiet still.
        before = (waking - timedelta(minutes=1)).astimezone(ZoneInfo(zone)).time()
        assert before >= time(21) or before < time(8)
