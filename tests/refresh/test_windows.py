"""A carrier's closed hours, also on the nights the clocks change."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.refresh.windows import reopens_at

EASTERN = {"starts": time(0), "ends": time(3), "zone": "America/New_York"}


def utc(year: int, month: int, day: int, hour: int, minute: int, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "reopens"),
    [
        (utc(2026, 6, 10, 3, 59, 59), None),
        (utc(2026, 6, 10, 4, 0), utc(2026, 6, 10, 7, 0)),
        (utc(2026, 6, 10, 6, 59, 59), utc(2026, 6, 10, 7, 0)),
        (utc(2026, 6, 10, 7, 0), None),
        # 8 March 2026: two hours long, 00:00 EST to 03:00 EDT.
        (utc(2026, 3, 8, 4, 59), None),
        (utc(2026, 3, 8, 5, 0), utc(2026, 3, 8, 7, 0)),
        (utc(2026, 3, 8, 7, 0), None),
        # 1 November 2026: four hours long, 00:00 EDT to 03:00 EST.
        (utc(2026, 11, 1, 3, 59), None),
        (utc(2026, 11, 1, 4, 0), utc(2026, 11, 1, 8, 0)),
        (utc(2026, 11, 1, 7, 59), utc(2026, 11, 1, 8, 0)),
        (utc(2026, 11, 1, 8, 0), None),
    ],
)
def test_midnight_to_three_eastern(now, reopens):
    assert reopens_at(**EASTERN, now=now) == reopens


def test_a_window_past_midnight_is_open_on_both_days():
    late = {"starts": time(22), "ends": time(2), "zone": "Europe/London"}
    assert reopens_at(**late, now=utc(2026, 1, 10, 23, 0)) == utc(2026, 1, 11, 2, 0)
    assert reopens_at(**late, now=utc(2026, 1, 11, 1, 0)) == utc(2026, 1, 11, 2, 0)
    assert reopens_at(**late, now=utc(2026, 1, 11, 12, 0)) is None


def test_a_border_in_the_skipped_hour_closes_at_the_change():
    skipped = {"starts": time(2, 30), "ends": time(4), "zone": "America/New_York"}
    assert reopens_at(**skipped, now=utc(2026, 3, 8, 7, 29)) is None
    assert reopens_at(**skipped, now=utc(2026, 3, 8, 7, 30)) == utc(2026, 3, 8, 8, 0)


def test_a_border_in_the_doubled_hour_opens_after_its_second_run():
    doubled = {"starts": time(0), "ends": time(1, 30), "zone": "America/New_York"}
    assert reopens_at(**doubled, now=utc(2026, 11, 1, 5, 45)) == utc(2026, 11, 1, 6, 30)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)))
def test_the_hour_named_is_open_again_and_at_most_four_hours_away(now):
    end = reopens_at(**EASTERN, now=now)
    if end is not None:
        assert now < end <= now + timedelta(hours=4)
        assert reopens_at(**EASTERN, now=end) is None
