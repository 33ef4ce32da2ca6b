"""Something that happens once a day at a time of day, on a clock that people move twice a year."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


def instant_of(day: date, at: time, zone: str) -> datetime:
    """When it is `at` on `day`: the first of two such moments; of none, the moment the clock was moved past it."""
    clock = ZoneInfo(zone)
    wanted = datetime.combine(day, at)
    first, second = (wanted.replace(tzinfo=clock, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:
        return first
    # A time that was skipped. Between these two the clock moved: look for that second.
    before, after = second, first
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(clock).replace(tzinfo=None) < wanted:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def last_day(at: time, zone: str, now: datetime) -> date:
    """The newest day on which it has been `at` already."""
    today = now.astimezone(ZoneInfo(zone)).date()
    # Where clocks are put back past midnight, tomorrow has begun once already.
    return next(
        day
        for day in (today + _DAY, today, today - _DAY, today - 2 * _DAY)
        if instant_of(day, at, zone) <= now
    )
