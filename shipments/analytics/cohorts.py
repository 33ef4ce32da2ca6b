"""Counts the parcels of each day and week ahead of every page: exactly, set by set, only where something has changed.

A parcel counts under the day it was shipped: its mailing date, else the ship date the carrier told, else its first
scan. Triggers mark that day as stale with every change of what is counted (migration `0006_figures`); `tally` takes the
marks away and counts those days anew, then the weeks they lie in from their days. A count replaces the one before, so
that doing it twice changes nothing.
"""

import logging
import time
from collections import deque
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, OuterRef

from shipments.analytics.counting import COUNT_DAYS, COUNT_WEEKS
from shipments.analytics.expected import table_digest
from shipments.facts.business_days import calendar, weekday_holidays
from shipments.facts.histograms import WEIGHTS
from shipments.facts.spelling import today_at
from shipments.models import Cohort, Merchant, Reckoning, StaleDay
from shipments.models.figures import Cut, Span

logger = logging.getLogger(__name__)

# Days counted in one transaction. A killed worker loses this much work and no mark.
STRETCH = 28
# No parcel of ours was shipped before this year.
_FIRST_YEAR = 2000
# Figures of parcels that are older are not judged anew when the table of expected days changes.
_JUDGED_ANEW = timedelta(days=366)
# Carriers scan a parcel some weeks after its mailing date at most, and none is promised for later than this after its day.
_SCANNED_FROM, _EXPECTED_UNTIL = timedelta(days=60), timedelta(days=240)
# Seconds of one run, well within the queue's patience with a task; what is left is for the next.
PATIENCE = 60.0


def tally(now: datetime) -> bool:
    """Bring every merchant's figures up to date, a stretch of days at a time and each in turn; False where
    `PATIENCE` ended before the work.

    Safe beside itself: who comes second leaves a merchant to who came first.
    """
    enough = time.monotonic() + PATIENCE
    Reckoning.objects.bulk_create(
        [Reckoning(merchant=merchant) for merchant in Merchant.objects.filter(reckoning=None)],
        ignore_conflicts=True,
    )
    StaleDay.objects.filter(~Exists(Merchant.objects.filter(pk=OuterRef("merchant_id")))).delete()
    expected = table_digest()
    waiting = deque(_in_need(now, expected))
    while waiting:
        merchant = waiting.popleft()
        try:
            # In turn: who has years to count does not keep the others from their last ten minutes.
            if _count_stretch(merchant, now, expected):
                waiting.append(merchant)
        except DatabaseError as exc:
            # One merchant's trouble is that merchant's. The class alone: a statement's words may carry data.
            logger.warning("Figures of merchant %s could not be counted: %s", merchant.pk, type(exc).__name__)
        if waiting and time.monotonic() >= enough:
            return False
    return True


def _in_need(now: datetime, expected: str) -> list[Merchant]:
    """The merchants with something to count. Of the others it is noted that nothing has changed."""
    busy: list[Merchant] = []
    quiet: list[Merchant] = []
    stale = set(StaleDay.objects.values_list("merchant", flat=True).distinct())
    for merchant in Merchant.objects.filter(reckoning__isnull=False).select_related("reckoning"):
        last = merchant.reckoning
        stand = (today_at(now, merchant.time_zone), merchant.time_zone, expected)
        is_as_it_was = (last.today, last.time_zone, last.expected) == stand
        (quiet if is_as_it_was and merchant.pk not in stale and last.as_of else busy).append(merchant)
    with transaction.atomic():
        theirs = Reckoning.objects.filter(merchant__in=quiet, as_of__lt=now)
        free = list(theirs.select_for_update(skip_locked=True).values_list("pk", flat=True))
        Reckoning.objects.filter(pk__in=free).update(as_of=now)
    return busy


@transaction.atomic
def _count_stretch(merchant: Merchant, now: datetime, expected: str) -> bool:
    """Count the newest stale days of a merchant; whether there are more. `expected` is the digest of the table of expected days."""
    # The lock of whoever counts: two counts of one day would stand there twice.
    reckoning = Reckoning.objects.select_for_update(skip_locked=True).filter(merchant=merchant).first()
    if reckoning is None:
        return False
    today = today_at(now, merchant.time_zone)
    _mark_what_time_made_stale(reckoning, merchant, today, expected)
    stale = StaleDay.objects.filter(merchant=merchant)
    days = list(stale.order_by("-day").values_list("day", flat=True).distinct()[: STRETCH + 1])
    more, days = len(days) > STRETCH, days[:STRETCH]
    # Marks first, parcels after: what changes in between is seen by the count, or leaves a mark for the next one.
    stale.filter(day__in=days).delete()
    recount(merchant, days, today)
    if not more:
        reckoning.as_of = now
    reckoning.save()
    return more


def _mark_what_time_made_stale(reckoning: Reckoning, merchant: Merchant, today: date, expected: str) -> None:
    """With a new day, promises have passed; with another clock, days of labels are others; with another table of expected
    days, parcels without a promise are judged anew, as far as a year back."""
    before = reckoning.today
    days = Cohort.objects.filter(merchant=merchant, cut=Cut.ALL, span=Span.DAY)
    if reckoning.time_zone == merchant.time_zone and reckoning.expected != expected:
        days = days.filter(starts_on__gte=today - _JUDGED_ANEW)
    elif reckoning.time_zone == merchant.time_zone:
        days = days.filter(open_until__gte=before) if before != today else days.none()
    StaleDay.objects.bulk_create(
        StaleDay(merchant=merchant, day=day) for day in days.values_list("starts_on", flat=True)
    )
    reckoning.today, reckoning.time_zone, reckoning.expected = today, merchant.time_zone, expected


def recount(merchant: Merchant, days: Sequence[date], today: date) -> None:
    """Replace the counts of these days and of the weeks they lie in, as of `today`. Call it under the merchant's lock."""
    if not days:
        return
    mondays = sorted({monday_of(day) for day in days})
    weeks = [monday + timedelta(n) for monday in mondays for n in range(7)]
    asked: dict[str, Any] = {
        "merchant": merchant.pk,
        "cuts": list(Cut),
        "today": today,
        "zone": merchant.time_zone,
    }
    # Until two years from now: what is counted here has happened, or was promised.
    off = weekday_holidays(_FIRST_YEAR, today.year + 2)
    asked |= {"holidays": list(off), "weights": [str(weight) for weight in WEIGHTS]}
    # Whole months, so that the calendar is made once for many stretches.
    first = (min(days) - _SCANNED_FROM).replace(day=1)
    places, working = calendar(first, (max(days) + _EXPECTED_UNTIL).replace(day=28))
    asked |= {"calendar_from": first, "places": list(places), "business_days": list(working)}
    with connection.cursor() as cursor:
        cursor.execute(COUNT_DAYS, asked | {"days": list(days), "starts": list(days)})
        cursor.execute(COUNT_WEEKS, asked | {"days": weeks, "starts": mondays})


def monday_of(day: date) -> date:
    """The first day of the week this day lies in."""
    return day - timedelta(days=day.weekday())
