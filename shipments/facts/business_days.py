"""Business days: Monday to Friday without the federal holidays of the United States, which USPS and its partners keep.

Business time stands still on other days: what happened on a Saturday counts as if it had happened as the next business
day begins. Days are those on the clock of a zone, and a clock time of one day equals that of another, so that a change
of the clock makes no day longer or shorter.
"""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

import holidays

_DAY = timedelta(days=1)
_SATURDAY = 5


@cache
def _holidays_of(year: int) -> frozenset[date]:
    """The federal holidays that fall into a year, with the days on which they are kept."""
    # The first of January may be kept on the last day of the year before: that one belongs to this year's list.
    return frozenset(
        day for day in holidays.country_holidays("US", years=(year, year + 1)) if day.year == year
    )


def is_business_day(day: date) -> bool:
    """Whether carriers work on this day as on any other."""
    return day.weekday() < _SATURDAY and day not in _holidays_of(day.year)


@cache
def weekday_holidays(first: int, last: int) -> tuple[date, ...]:
    """The federal holidays that take a working day from one of these years, the earliest first: for who counts business days
    where they cannot call us."""
    return tuple(
        sorted(
            day for year in range(first, last + 1) for day in _holidays_of(year) if day.weekday() < _SATURDAY
        )
    )


def business_days_before(moment: datetime, days: int, zone: str) -> datetime:
    """The latest instant from which at least so many business days have passed at `moment`, in UTC.

    Whatever is that old or older has been waiting for `days` business days: the same clock time so many business days
    ago, and on a day off the start of the day that was so many business days before the next one.
    """
    if days == 0:
        return moment.astimezone(UTC)
    local = moment.astimezone(ZoneInfo(zone))
    day, at = local.date(), local.time()
    if not is_business_day(day):
        day, at = next(_business_days(day, 1)), time.min
    return _instant(_stepped(day, -days), at, zone)


def business_days_after(moment: datetime, days: int, zone: str) -> datetime:
    """The earliest instant at which at least so many business days have passed since `moment`, in UTC."""
    if days == 0:
        return moment.astimezone(UTC)
    local = moment.astimezone(ZoneInfo(zone))
    day, at = local.date(), local.time()
    if not is_business_day(day):
        day, at = next(_business_days(day, 1)), time.min
    if at == time.min:
        # A business day is over when it ends, and not only when the next one begins.
        return _instant(_stepped(day, days - 1) + _DAY, at, zone)
    return _instant(_stepped(day, days), at, zone)


def _business_days(day: date, direction: int) -> Iterator[date]:
    """The business days after a day, or before it, without end."""
    while True:
        day += direction * _DAY
        if is_business_day(day):
            yield day


def _stepped(day: date, days: int) -> date:
    """The business day so many steps after, or before, a business day."""
    steps = _business_days(day, 1 if days > 0 else -1)
    for _step in range(abs(days)):
        day = next(steps)
    return day


def _instant(day: date, at: time, zone: str) -> datetime:
    # A time the clock skips is read with the offset before the change, one it doubles is the earlier one.
    return datetime.combine(day, at.replace(fold=0), ZoneInfo(zone)).astimezone(UTC)


@lru_cache(maxsize=8)
def calendar(first: date, last: date) -> tuple[tuple[int, ...], tuple[date, ...]]:
    """Business days for who cannot call us: of each day from `first` to `last` the place (from 1) of the first business day
    on or after it, and the business days at these places."""
    span = [first + _DAY * step for step in range((last - first).days + 1)]
    days = [day for day in span if is_business_day(day)]
    # So many business days come before a day, and the one that is on or after it stands behind them.
    return tuple(bisect_left(days, day) + 1 for day in span), tuple(days)
