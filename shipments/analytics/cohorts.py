"""Counts the parcels of each day and week ahead of every page: exactly, set by set, only where something has changed.

A parcel counts under the day it was shipped: its mailing date, else the ship date the carrier told, else its first
scan. Triggers mark that day as stale with every change of what is counted (migration `0006_figures`); `tally` takes the
marks away and counts those days anew, then the weeks they lie in from their days. A count replaces the one before, so
that doing it twice changes nothing.
"""

import logging
import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache

import holidays
from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, OuterRef

from shipments.enums import EndReason, Lifecycle, Resolution, Status
from shipments.facts.histograms import MOST_DAYS, WEIGHTS
from shipments.facts.spelling import today_at
from shipments.models import Cohort, Merchant, Reckoning, Shipment, StaleDay
from shipments.models.figures import Cut, Span

logger = logging.getLogger(__name__)

# Days counted in one transaction. A killed worker loses this much work and no mark.
STRETCH = 28
# Seconds of one run, well within the queue's patience with a task; what is left is for the next.
PATIENCE = 60.0

_COUNTS = (
    "parcels", "scanned", "under_way", "judged", "on_time", "not_due", "delivered", "first_try", "attempted", "failed_attempts",
    "exceptions", "returns", "transit_days", "transit_business_days", "first_scan_days", "first_scan_business_days",
)  # fmt: skip
_KEY = "merchant_id, cut, span, starts_on, lane, carrier, service"
_TABLE = Cohort._meta.db_table
_SUMS = ", ".join(f"sum({name})" for name in _COUNTS)

# A place is a state or province in the two countries whose codes carriers write alike, else a country.
_PLACE = """CASE WHEN {end}_country IN ('US', 'CA') AND {end}_region ~ '^[A-Z]{{2}}$'
                 THEN {end}_country || '-' || {end}_region ELSE {end}_country END"""
# How many business days there have been until the end of a day, counted from a Monday long ago: five of each whole week,
# then up to five of the one begun, less the holidays that took one of them.
_BUSINESS_DAYS = """(5 * floor(({day} - date '1900-01-01') / 7.0)::int
                    + least((({day} - date '1900-01-01') %% 7 + 7) %% 7 + 1, 5)
                    - width_bucket({day}, %(holidays)s::date[]))"""


def _weight(until: str, since: str) -> str:
    """What a parcel adds to a histogram: the days from the end of one day to the end of another; never fewer than none."""
    return f"(%(weights)s::numeric[])[least(greatest({until} - {since}, 0), {MOST_DAYS}) + 1]"


def _business(day: str) -> str:
    return _BUSINESS_DAYS.format(day=day)


_COUNT_DAYS = f"""
WITH parcel AS MATERIALIZED (
    SELECT coalesce(mailing_date, shipped_on, first_scan_on) AS starts_on,
        carrier_id AS carrier,
        left(coalesce(nullif(btrim(service_name), ''), btrim(service_code)), 100) AS service,
        {_PLACE.format(end="origin")} AS origin,
        {_PLACE.format(end="destination")} AS destination,
        first_scan_on, first_promised_on, first_attempt_on, delivered_on, attempts, had_exception, status, lifecycle, resolution,
        (labelled_at AT TIME ZONE %(zone)s)::date AS labelled_on,
        first_scan_on IS NOT NULL OR first_attempt_on IS NOT NULL AS scanned,
        status = '{Status.RETURN_TO_SENDER}' OR end_reason = '{EndReason.RETURNED}' OR resolution = '{Resolution.RETURNED}' AS returned
    FROM {Shipment._meta.db_table}
    WHERE merchant_id = %(merchant)s AND coalesce(mailing_date, shipped_on, first_scan_on) = ANY(%(days)s)
), judged AS (
    SELECT *,
        status = '{Status.DELIVERED}' AND delivered_on IS NOT NULL AND NOT returned AS arrived,
        scanned AND first_promised_on IS NOT NULL AND (first_attempt_on IS NOT NULL OR first_promised_on < %(today)s) AS is_judged,
        scanned AND first_attempt_on IS NULL AND first_promised_on >= %(today)s AS is_open
    FROM parcel
), finest AS (
    SELECT starts_on, carrier, service,
        CASE WHEN origin = '' OR destination = '' THEN '' ELSE origin || '_' || destination END AS lane,
        count(*) AS parcels,
        count(*) FILTER (WHERE scanned) AS scanned,
        count(*) FILTER (
            WHERE scanned AND NOT arrived AND NOT returned AND lifecycle = '{Lifecycle.ACTIVE}' AND resolution = ''
        ) AS under_way,
        count(*) FILTER (WHERE is_judged) AS judged,
        count(*) FILTER (WHERE is_judged AND first_attempt_on <= first_promised_on) AS on_time,
        count(*) FILTER (WHERE is_open) AS not_due,
        count(*) FILTER (WHERE arrived) AS delivered,
        count(*) FILTER (WHERE arrived AND attempts = 0) AS first_try,
        count(*) FILTER (WHERE first_attempt_on IS NOT NULL) AS attempted,
        coalesce(sum(attempts) FILTER (WHERE first_attempt_on IS NOT NULL), 0) AS failed_attempts,
        count(*) FILTER (WHERE scanned AND had_exception) AS exceptions,
        count(*) FILTER (WHERE scanned AND returned) AS returns,
        coalesce(sum({_weight("delivered_on", "first_scan_on")}) FILTER (WHERE arrived AND first_scan_on IS NOT NULL), 0) AS transit_days,
        coalesce(sum({_weight(_business("delivered_on"), _business("first_scan_on"))})
            FILTER (WHERE arrived AND first_scan_on IS NOT NULL), 0) AS transit_business_days,
        coalesce(sum({_weight("first_scan_on", "labelled_on")}) FILTER (WHERE labelled_on IS NOT NULL AND first_scan_on IS NOT NULL), 0)
            AS first_scan_days,
        coalesce(sum({_weight(_business("first_scan_on"), _business("labelled_on"))})
            FILTER (WHERE labelled_on IS NOT NULL AND first_scan_on IS NOT NULL), 0) AS first_scan_business_days,
        max(first_promised_on) FILTER (WHERE is_open) AS open_until
    FROM judged GROUP BY 1, 2, 3, 4
)
INSERT INTO {_TABLE} ({_KEY}, {", ".join(_COUNTS)}, open_until)
SELECT %(merchant)s,
    CASE grouping(lane, carrier, service)
        WHEN 7 THEN '{Cut.ALL}' WHEN 5 THEN '{Cut.CARRIER}' WHEN 4 THEN '{Cut.SERVICE}'
        WHEN 3 THEN '{Cut.LANE}' WHEN 1 THEN '{Cut.CARRIER_LANE}' WHEN 0 THEN '{Cut.SERVICE_LANE}' END,
    '{Span.DAY}', starts_on, coalesce(lane, ''), coalesce(carrier, ''), coalesce(service, ''), {_SUMS}, max(open_until)
FROM finest
GROUP BY starts_on, GROUPING SETS ((), (carrier), (carrier, service), (lane), (carrier, lane), (carrier, service, lane))
"""  # noqa: S608  (what is inserted are names of our own)

_COUNT_WEEKS = f"""
INSERT INTO {_TABLE} ({_KEY}, {", ".join(_COUNTS)}, open_until)
SELECT merchant_id, cut, '{Span.WEEK}', date_trunc('week', starts_on)::date, lane, carrier, service, {_SUMS}, max(open_until)
FROM {_TABLE}
WHERE merchant_id = %(merchant)s AND cut = ANY(%(cuts)s) AND span = '{Span.DAY}' AND starts_on = ANY(%(days)s)
GROUP BY 1, 2, 4, 5, 6, 7
"""  # noqa: S608


def tally(now: datetime) -> bool:
    """Bring every merchant's figures up to date, a stretch of days at a time; False where `PATIENCE` ended before the work.

    Safe beside itself: who comes second leaves a merchant to who came first.
    """
    enough = time.monotonic() + PATIENCE
    Reckoning.objects.bulk_create(
        [Reckoning(merchant=merchant) for merchant in Merchant.objects.filter(reckoning=None)],
        ignore_conflicts=True,
    )
    StaleDay.objects.filter(~Exists(Merchant.objects.filter(pk=OuterRef("merchant_id")))).delete()
    for merchant in _in_need(now):
        try:
            while _count_stretch(merchant, now):
                if time.monotonic() >= enough:
                    return False
        except DatabaseError as exc:
            # One merchant's trouble is that merchant's. The class alone: a statement's words may carry data.
            logger.warning("Figures of merchant %s could not be counted: %s", merchant.pk, type(exc).__name__)
    return True


def _in_need(now: datetime) -> list[Merchant]:
    """The merchants with something to count. Of the others it is noted that nothing has changed."""
    busy, quiet = [], []
    stale = StaleDay.objects.filter(merchant=OuterRef("pk"))
    for merchant in Merchant.objects.select_related("reckoning").annotate(is_stale=Exists(stale)):
        last = merchant.reckoning
        is_new_day = (last.today, last.time_zone) != (today_at(now, merchant.time_zone), merchant.time_zone)
        (busy if merchant.is_stale or last.as_of is None or is_new_day else quiet).append(merchant)
    with transaction.atomic():
        theirs = Reckoning.objects.filter(merchant__in=quiet, as_of__lt=now)
        free = list(theirs.select_for_update(skip_locked=True).values_list("pk", flat=True))
        Reckoning.objects.filter(pk__in=free).update(as_of=now)
    return busy


@transaction.atomic
def _count_stretch(merchant: Merchant, now: datetime) -> bool:
    """Count the newest stale days of a merchant; whether there are more."""
    # The lock of whoever counts: two counts of one day would stand there twice.
    reckoning = Reckoning.objects.select_for_update(skip_locked=True).filter(merchant=merchant).first()
    if reckoning is None:
        return False
    _mark_what_time_made_stale(reckoning, merchant, now)
    stale = StaleDay.objects.filter(merchant=merchant)
    days = list(stale.order_by("-day").values_list("day", flat=True).distinct()[: STRETCH + 1])
    more, days = len(days) > STRETCH, days[:STRETCH]
    # Marks first, parcels after: what changes in between is seen by the count, or leaves a mark for the next one.
    stale.filter(day__in=days).delete()
    recount(merchant, days, reckoning.today)
    if not more:
        reckoning.as_of = now
    reckoning.save()
    return more


def _mark_what_time_made_stale(reckoning: Reckoning, merchant: Merchant, now: datetime) -> None:
    """With a new day, promises have passed; with another clock, days of labels are others."""
    before, today = reckoning.today, today_at(now, merchant.time_zone)
    days = Cohort.objects.filter(merchant=merchant, cut=Cut.ALL, span=Span.DAY)
    if reckoning.time_zone == merchant.time_zone:
        days = days.filter(open_until__gte=before) if before != today else days.none()
    StaleDay.objects.bulk_create(
        StaleDay(merchant=merchant, day=day) for day in days.values_list("starts_on", flat=True)
    )
    reckoning.today, reckoning.time_zone = today, merchant.time_zone


def recount(merchant: Merchant, days: Sequence[date], today: date) -> None:
    """Replace the counts of these days and of the weeks they lie in, as of `today`. Call it under the merchant's lock."""
    if not days:
        return
    mine = Cohort.objects.filter(merchant=merchant, cut__in=list(Cut))
    mondays = sorted({monday_of(day) for day in days})
    mine.filter(span=Span.DAY, starts_on__in=days).delete()
    mine.filter(span=Span.WEEK, starts_on__in=mondays).delete()
    asked = {"merchant": merchant.pk, "cuts": list(Cut), "today": today, "zone": merchant.time_zone}
    asked |= {"holidays": federal_holidays(today.year), "weights": [str(weight) for weight in WEIGHTS]}
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_DAYS, asked | {"days": list(days)})
        cursor.execute(
            _COUNT_WEEKS, asked | {"days": [monday + timedelta(n) for monday in mondays for n in range(7)]}
        )


def monday_of(day: date) -> date:
    """The first day of the week this day lies in."""
    return day - timedelta(days=day.weekday())


@cache
def federal_holidays(year: int) -> list[date]:
    """The United States' federal holidays that fall on a weekday, or are kept on one, until two years after this one."""
    known = holidays.country_holidays("US", years=range(2000, year + 3))
    return sorted(day for day in known if day.weekday() < 5)
