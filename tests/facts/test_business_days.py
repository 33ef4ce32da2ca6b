"""Business days: which they are, how far back so many of them reach."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.facts.business_days import (
    business_days_after,
    business_days_before,
    calendar,
    is_business_day,
    weekday_holidays,
)

EASTERN = "America/New_York"
COUNTS = st.integers(0, 30)
# Their clocks change on Sundays, or never.
ZONES = st.sampled_from(
    [EASTERN, "America/Los_Angeles", "America/Phoenix", "Europe/Berlin", "Asia/Tokyo", "UTC"]
)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 12, 31), timezones=st.just(UTC))
HOURS = MOMENTS.map(lambda moment: moment.replace(minute=0, second=0, microsecond=0))


def at(text: str, zone: str = EASTERN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2026-06-12", True),  # a Friday
        ("2026-06-13", False),
        ("2026-06-14", False),
        ("2026-06-19", False),  # Juneteenth
        ("2026-07-03", False),  # Independence Day falls on a Saturday and is kept the day before
        ("2026-11-27", True),  # the day after Thanksgiving is none of the federal holidays
        ("2021-12-31", False),  # New Year's Day of 2022 is a Saturday, kept in the year before
        ("2023-01-02", False),  # and that of 2023 a Sunday, kept the day after
    ],
)
def test_business_days_are_weekdays_without_federal_holidays(day: str, works: bool) -> None:
    assert is_business_day(date.fromisoformat(day)) is works


@pytest.mark.parametrize(
    ("moment", "days", "before"),
    [
        ("2026-06-12 15:00", 3, "2026-06-09 15:00"),
        ("2026-06-15 09:30", 1, "2026-06-12 09:30"),  # Monday: the weekend does not count
        ("2026-06-13 18:00", 1, "2026-06-12 00:00"),  # Saturday: all of Friday has passed
        ("2026-06-14 23:59", 1, "2026-06-12 00:00"),
        ("2026-06-15 00:00", 1, "2026-06-12 00:00"),
        ("2026-06-22 12:00", 2, "2026-06-17 12:00"),  # Juneteenth was the Friday before
        ("2026-03-10 02:30", 3, "2026-03-05 02:30"),  # the clock went forward on Sunday, 8 March
        ("2026-11-03 12:00", 2, "2026-10-30 12:00"),  # and back on Sunday, 1 November
        ("2026-06-13 18:00", 0, "2026-06-13 18:00"),
    ],
)
def test_so_many_business_days_before_a_moment(moment: str, days: int, before: str) -> None:
    assert business_days_before(at(moment), days, EASTERN) == at(before)


@pytest.mark.parametrize(
    ("moment", "days", "after"),
    [
        ("2026-06-09 15:00", 3, "2026-06-12 15:00"),
        ("2026-06-12 09:30", 1, "2026-06-15 09:30"),
        ("2026-06-13 18:00", 1, "2026-06-16 00:00"),  # a Saturday counts as the start of Monday
        ("2026-06-12 00:00", 1, "2026-06-13 00:00"),  # a whole Friday is over as it ends
        ("2026-06-17 12:00", 2, "2026-06-22 12:00"),
        ("2026-06-13 18:00", 0, "2026-06-13 18:00"),
    ],
)
def test_so_many_business_days_after_a_moment(moment: str, days: int, after: str) -> None:
    assert business_days_after(at(moment), days, EASTERN) == at(after)


@given(st.integers(2000, 2040), st.integers(0, 5))
def test_weekday_holidays_are_what_a_calendar_of_weekdays_lacks(first: int, more: int) -> None:
    start, end = date(first, 1, 1), date(first + more, 12, 31)
    days = [start + timedelta(days=n) for n in range((end - start).days + 1)]

    assert weekday_holidays(first, first + more) == tuple(
        day for day in days if day.weekday() < 5 and not is_business_day(day)
    )


def test_a_year_has_the_eleven_holidays_of_the_law_as_they_are_kept() -> None:
    assert [day.isoformat() for day in weekday_holidays(2026, 2026)] == [
        "2026-01-01", "2026-01-19", "2026-02-16", "2026-05-25", "2026-06-19", "2026-07-03",
        "2026-09-07", "2026-10-12", "2026-11-11", "2026-11-26", "2026-12-25",
    ]  # fmt: skip


@given(MOMENTS, HOURS, st.integers(0, 15), ZONES)
def test_an_instant_is_old_enough_exactly_when_its_days_have_passed(
    moment: datetime, since: datetime, days: int, zone: str
) -> None:
    is_old_enough = since <= business_days_before(moment, days, zone)

    assert is_old_enough is (moment >= business_days_after(since, days, zone))


@given(HOURS, st.integers(1, 15), ZONES)
def test_a_moment_earlier_is_not_old_enough(since: datetime, days: int, zone: str) -> None:
    due = business_days_after(since, days, zone)

    assert since <= business_days_before(due, days, zone)
    assert since > business_days_before(due - timedelta(minutes=1), days, zone)


@given(MOMENTS, COUNTS, ZONES)
def test_more_days_reach_further_back(moment: datetime, days: int, zone: str) -> None:
    less, more = (business_days_before(moment, count, zone) for count in (days, days + 1))

    assert more < less <= moment


@given(MOMENTS, MOMENTS, COUNTS, ZONES)
def test_later_moments_never_have_an_earlier_threshold(
    one: datetime, other: datetime, days: int, zone: str
) -> None:
    earlier, later = sorted((one, other))

    assert business_days_before(earlier, days, zone) <= business_days_before(later, days, zone)


@given(MOMENTS, COUNTS, ZONES)
def test_the_days_of_a_threshold_are_counted_the_same(moment: datetime, days: int, zone: str) -> None:
    """Looking at each day agrees: at the threshold's clock time so many business days lie between the days."""
    before = business_days_before(moment, days, zone).astimezone(ZoneInfo(zone)).date()
    today = moment.astimezone(ZoneInfo(zone)).date()

    between = sum(is_business_day(before + timedelta(days=n)) for n in range(1, (today - before).days + 1))

    # On a day off the next business day counts as begun, and its threshold as one day more.
    assert between == (days if is_business_day(today) or days == 0 else days - 1)


def test_a_calendar_says_of_each_day_which_business_day_comes_next() -> None:
    places, days = calendar(date(2026, 6, 17), date(2026, 6, 23))

    # Wednesday, Thursday, Juneteenth, the weekend, Monday, Tuesday.
    assert places == (1, 2, 3, 3, 3, 3, 4)
    assert days == (date(2026, 6, 17), date(2026, 6, 18), date(2026, 6, 22), date(2026, 6, 23))
