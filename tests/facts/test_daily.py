"""Once a day at a time of day, on clocks that are moved."""

from datetime import UTC, date, datetime, time

import pytest

from shipments.facts.daily import instant_of, last_day


@pytest.mark.parametrize(
    ("day", "at", "zone", "instant"),
    [
        ("2026-06-01", "08:00", "America/New_York", "2026-06-01 12:00"),
        ("2026-01-05", "08:00", "America/New_York", "2026-01-05 13:00"),
        # Skipped: at 2:00 it becomes 3:00.
        ("2026-03-08", "02:30", "America/New_York", "2026-03-08 07:00"),
        ("2026-03-08", "02:00", "America/New_York", "2026-03-08 07:00"),
        ("2026-03-08", "03:00", "America/New_York", "2026-03-08 07:00"),
        ("2026-03-08", "01:59", "America/New_York", "2026-03-08 06:59"),
        # Doubled: the first of the two.
        ("2026-11-01", "01:30", "America/New_York", "2026-11-01 05:30"),
        ("2026-11-01", "02:00", "America/New_York", "2026-11-01 07:00"),
        # Skipped up to midnight: the next day's first moment.
        ("2026-03-28", "23:30", "America/Nuuk", "2026-03-29 01:00"),
        # Half an hour.
        ("2026-10-04", "02:10", "Australia/Lord_Howe", "2026-10-03 15:30"),
        # A day that never was.
        ("2011-12-30", "08:00", "Pacific/Apia", "2011-12-30 10:00"),
    ],
)
def test_the_instant_of_a_day(day: str, at: str, zone: str, instant: str) -> None:
    expected = datetime.fromisoformat(instant).replace(tzinfo=UTC)
    assert instant_of(date.fromisoformat(day), time.fromisoformat(at), zone) == expected


@pytest.mark.parametrize(
    ("now", "at", "zone", "day"),
    [
        ("2026-06-01 11:59:59", "08:00", "America/New_York", "2026-05-31"),
        ("2026-06-01 12:00:00", "08:00", "America/New_York", "2026-06-01"),
        # Minutes after midnight the newest is still yesterday's.
        ("2026-06-02 04:01:00", "23:58", "America/New_York", "2026-06-01"),
        ("2026-06-01 10:00:00", "00:00", "Pacific/Kiritimati", "2026-06-02"),
        ("2026-03-08 06:59:59", "02:30", "America/New_York", "2026-03-07"),
        ("2026-03-08 07:00:00", "02:30", "America/New_York", "2026-03-08"),
        ("2026-11-01 05:30:00", "01:30", "America/New_York", "2026-11-01"),
        ("2026-11-01 06:30:00", "01:30", "America/New_York", "2026-11-01"),
        # It was Sunday already when the clock was put back to Saturday, 23:01.
        ("2006-10-29 02:45:00", "00:00", "America/St_Johns", "2006-10-29"),
    ],
)
def test_the_newest_day_on_which_it_was_that_late(now: str, at: str, zone: str, day: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert last_day(time.fromisoformat(at), zone, moment) == date.fromisoformat(day)
