"""When buyers are left alone: from nine in the evening to eight in the morning, on their own clock."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from shipments.facts.daily import instant_of

BEGIN, END = time(21, 0), time(8, 0)


def next_waking(now: datetime, zone: str) -> datetime:
    """`now` where it may disturb somebody whose clock is that of `zone`, else the moment their quiet hours end."""
    local = now.astimezone(ZoneInfo(zone))
    if END <= local.time() < BEGIN:
        return now
    day = local.date() + timedelta(days=local.time() >= BEGIN)
    end = instant_of(day, END, zone)
    # A day that a place has left out ends at the midnight behind it, and that is at night.
    return next_waking(end, zone)
