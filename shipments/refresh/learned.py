"""Learns once a day from the installation's own scans, and tells the planner what was learned."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from django.db import connection

from shipments.enums import Status
from shipments.models import LearnedChances
from shipments.refresh.learning import History, Sharpened, Traits
from shipments.refresh.ranking import ahead_of_utc
from shipments.refresh.waiting import zone_at

# Parcels added in the last weeks: carriers change their rounds, and a month holds enough of every weekday.
LEARNED_FROM = timedelta(days=28)
# However many there are, this many tell enough.
MOST_PARCELS = 20_000
# So many rows are drawn to find them among, in whole pages of the table, so that a large table is not read through.
_DRAWN = 3 * MOST_PARCELS
_AT_ONCE = 1_000

_KEYS = """
    SELECT parcel.id FROM shipments_shipment AS parcel TABLESAMPLE SYSTEM (%s)
    WHERE parcel.created_at >= %s ORDER BY random() LIMIT %s
"""

# A scan without an hour tells nothing of hours, and leaves in doubt what came when: its whole parcel is left out.
_JOURNEYS = """
    SELECT parcel.service_name, carrier.scans_once, parcel.created_at, parcel.estimated_on,
        parcel.destination_postal_code, watch.checked_at, scans.times, scans.statuses
    FROM shipments_shipment AS parcel
    JOIN shipments_carrier AS carrier ON carrier.code = parcel.carrier_id
    JOIN shipments_watch AS watch ON watch.shipment_id = parcel.id
    LEFT JOIN LATERAL (
        SELECT array_agg(scan.at ORDER BY scan.ordered_at, scan.position, scan.id) AS times,
            array_agg(scan.status ORDER BY scan.ordered_at, scan.position, scan.id) AS statuses
        FROM shipments_scanevent AS scan
        WHERE scan.shipment_id = parcel.id AND scan.withdrawn_at IS NULL AND NOT scan.earlier_parcel
    ) AS scans ON true
    WHERE parcel.id = ANY(%s) AND watch.checked_at > parcel.created_at
        AND array_position(scans.times, NULL) IS NULL
"""

# What was learned last, in this process, with the calendars already made from it.
_latest: tuple[datetime | None, Sharpened] = (None, Sharpened({}))


def sharpened() -> Sharpened:
    """What was learned last, by one small statement; without any history the tables as they are."""
    global _latest
    known, calendars = _latest
    learned_at, factors = LearnedChances.objects.since(known)
    if learned_at != known:
        calendars = Sharpened(factors or {})
        _latest = learned_at, calendars
    return calendars


def learn(now: datetime, *, beat: Callable[[], None] = lambda: None) -> int:
    """Learn anew from the parcels added in the last weeks, at most `MOST_PARCELS` of them; how many those were.

    `beat` is called between pieces. Harmless twice at once: the later one's result stays.
    """
    history = History()
    parcels = 0
    keys = _some_recent(now - LEARNED_FROM)
    for first in range(0, len(keys), _AT_ONCE):
        with connection.cursor() as cursor:
            cursor.execute(_JOURNEYS, [keys[first : first + _AT_ONCE]])
            rows = cursor.fetchall()
        for row in rows:
            _add(history, *row)
        parcels += len(rows)
        beat()
    LearnedChances.objects.keep(history.factors(), parcels=parcels, now=now)
    return parcels


def _some_recent(since: datetime) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'shipments_shipment'::regclass")
        (rows,) = cursor.fetchone()
        percent = min(100.0, 100.0 * _DRAWN / rows) if rows > 0 else 100.0
        cursor.execute(_KEYS, [percent, since, MOST_PARCELS])
        return [key for (key,) in cursor.fetchall()]


def _add(
    history: History,
    service: str,
    scans_once: bool,
    created_at: datetime,
    promised_on: date | None,
    postal_code: str,
    checked_at: datetime,
    times: Sequence[datetime] | None,
    statuses: Sequence[str] | None,
) -> None:
    since = created_at.timestamp()
    scans = [(at.timestamp(), Status(status)) for at, status in zip(times or (), statuses or (), strict=True)]
    if not scans or scans[0][0] > since:
        # Before its first scan it waited for that.
        scans.insert(0, (since, Status.MANIFEST))
    traits = Traits(
        service,
        scans_once,
        since,
        None if promised_on is None else promised_on.toordinal(),
        ahead_of_utc(zone_at(postal_code), created_at),
    )
    history.add(traits, scans, begin=since, until=checked_at.timestamp())
