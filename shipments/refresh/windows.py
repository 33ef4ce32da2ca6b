"""Whether a carrier is closed for scheduled work right now. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def reopens_at(*, starts: time, ends: time, zone: str, now: datetime) -> datetime | None:
    """When a daily window that is open now has passed, in UTC; None outside it.

    The window is on the clock of `zone`: on the nights of a clock change it is an hour shorter or longer. A
    border in the hour that is skipped or doubled is read with the offset in force before the change for its
    start, and after it for its end: rather closed too long than open too early.
    """
    clock = ZoneInfo(zone)
    today = now.astimezone(clock).date()
    for day in (today - timedelta(days=1), today):
        start = _instant(day, starts, clock, fold=0)
        end = _instant(day if starts < ends else day + timedelta(days=1), ends, clock, fold=1)
        if start <= now < end:
            return end
    return None


def _instant(day: date, at: time, clock: ZoneInfo, *, fold: int) -> datetime:
    return datetime.combine(day, at, clock).replace(fold=fold).astimezone(UTC)
