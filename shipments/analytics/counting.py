"""The two statements that count cohorts: days from their parcels, weeks from their days. `cohorts` runs them.

What each count means in words is `facts.figure_words.DEFINITIONS`. Both replace what is kept and write only what differs:
most cells of a stale day have not changed, and rewriting them every ten minutes would be most of the database's work.
"""

from shipments.analytics.expected import EXPECTED, USUAL
from shipments.enums import EndReason, Lifecycle, Resolution, Status
from shipments.facts.histograms import MOST_DAYS
from shipments.models import Cohort, Shipment
from shipments.models.figures import Cut, Span

_COUNTS = (
    "parcels", "scanned", "under_way", "judged", "on_time", "not_due", "delivered", "first_try", "attempted", "failed_attempts",
    "exceptions", "returns", "transit_days", "transit_business_days", "first_scan_days", "first_scan_business_days",
)  # fmt: skip
_KEYS = ("merchant_id", "cut", "span", "starts_on", "lane", "carrier", "service")
_KEY = ", ".join(_KEYS)
_ROW = ", ".join((*_KEYS, *_COUNTS, "open_until"))
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


def _replacing(span: Span, counted: str) -> str:
    """A statement that puts what `counted` gives in the place of what is kept, and writes only what differs.

    Written in the order they are read in: the rows of one chart lie on a few pages then, not on as many as there are rows.
    """
    return f"""
WITH {counted.strip()}, kept AS MATERIALIZED (
    SELECT {_ROW} FROM {_TABLE}
    WHERE merchant_id = %(merchant)s AND cut = ANY(%(cuts)s) AND span = '{span}' AND starts_on = ANY(%(starts)s)
), gone AS (
    DELETE FROM {_TABLE} AS old USING (SELECT {_KEY} FROM kept EXCEPT SELECT {_KEY} FROM counted) AS over
    WHERE ({", ".join(f"old.{name}" for name in _KEYS)}) = ({", ".join(f"over.{name}" for name in _KEYS)})
)
INSERT INTO {_TABLE} ({_ROW})
SELECT * FROM (SELECT * FROM counted EXCEPT SELECT * FROM kept) AS news
ORDER BY {_KEY}
ON CONFLICT ON CONSTRAINT cohort_is_counted_once
DO UPDATE SET {", ".join(f"{name} = EXCLUDED.{name}" for name in (*_COUNTS, "open_until"))}
"""  # noqa: S608  (what is put in are names of our own)


COUNT_DAYS = _replacing(
    Span.DAY,
    f"""
{USUAL}, business AS (SELECT %(calendar_from)s::date AS first, %(places)s::int[] AS places, %(business_days)s::date[] AS days),
parcel AS MATERIALIZED (
    SELECT coalesce(mailing_date, shipped_on, first_scan_on) AS starts_on,
        carrier_id AS carrier,
        left(coalesce(nullif(btrim(service_name), ''), btrim(service_code)), 100) AS service,
        {_PLACE.format(end="origin")} AS origin,
        {_PLACE.format(end="destination")} AS destination,
        first_scan_on, coalesce(first_promised_on, {EXPECTED}) AS promised_on, first_attempt_on, delivered_on, attempts, had_exception, status, lifecycle, resolution,
        (labelled_at AT TIME ZONE %(zone)s)::date AS labelled_on,
        first_scan_on IS NOT NULL OR first_attempt_on IS NOT NULL AS scanned,
        status = '{Status.RETURN_TO_SENDER}' OR end_reason = '{EndReason.RETURNED}' OR resolution = '{Resolution.RETURNED}' AS returned
    FROM {Shipment._meta.db_table} AS s CROSS JOIN business
    WHERE merchant_id = %(merchant)s AND coalesce(mailing_date, shipped_on, first_scan_on) = ANY(%(days)s)
), judged AS (
    SELECT *,
        status = '{Status.DELIVERED}' AND delivered_on IS NOT NULL AND NOT returned AS arrived,
        coalesce(scanned AND promised_on < %(today)s, false) AS is_judged,
        coalesce(scanned AND promised_on >= %(today)s, false) AS is_open
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
        count(*) FILTER (WHERE is_judged AND first_attempt_on <= promised_on) AS on_time,
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
        max(promised_on) FILTER (WHERE is_open) AS open_until
    FROM judged GROUP BY 1, 2, 3, 4
), counted ({_ROW}) AS MATERIALIZED (
    SELECT %(merchant)s::bigint,
        CASE grouping(lane, carrier, service)
            WHEN 7 THEN '{Cut.ALL}' WHEN 5 THEN '{Cut.CARRIER}' WHEN 4 THEN '{Cut.SERVICE}'
            WHEN 3 THEN '{Cut.LANE}' WHEN 0 THEN '{Cut.SERVICE_LANE}' END,
        '{Span.DAY}', starts_on, coalesce(lane, ''), coalesce(carrier, ''), coalesce(service, ''), {_SUMS}, max(open_until)
    FROM finest
    GROUP BY starts_on, GROUPING SETS ((), (carrier), (carrier, service), (lane), (carrier, service, lane))
)
""",  # noqa: S608
)

COUNT_WEEKS = _replacing(
    Span.WEEK,
    f"""
counted ({_ROW}) AS MATERIALIZED (
    SELECT merchant_id, made.cut, '{Span.WEEK}', date_trunc('week', starts_on)::date, lane, carrier,
        CASE WHEN made.cut = '{Cut.CARRIER_LANE}' THEN '' ELSE service END, {_SUMS}, max(open_until)
    FROM {_TABLE} AS day JOIN (
        VALUES {", ".join(f"('{cut}', '{cut.of_days}')" for cut in Cut)}
    ) AS made (cut, of) ON day.cut = made.of
    WHERE merchant_id = %(merchant)s AND day.cut = ANY(%(cuts)s) AND span = '{Span.DAY}' AND starts_on = ANY(%(days)s)
    GROUP BY 1, 2, 4, 5, 6, 7
)
""",  # noqa: S608
)
