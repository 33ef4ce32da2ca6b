"""The day on which a parcel should arrive by our own table, where its carrier has promised none.

It counts from the first scan, so a parcel nobody has scanned has none. It is never told to buyers: it is not the carrier's word.
"""

from hashlib import sha256

from shipments.enums import Counted
from shipments.models import ServicePromise

# SQL for that day of the parcel `s`: null where the table says nothing of its service. `business` is a calendar that the caller
# sends along (`facts.business_days.calendar`); a day behind its end is null as well, which is as good as not yet reached.
# A row for the service goes before one for all others of the carrier.
EXPECTED = f"""(
            SELECT CASE usual.counted
                WHEN '{Counted.CALENDAR}' THEN s.first_scan_on + usual.days
                ELSE business.days[business.places[s.first_scan_on - business.first + 1] + usual.days]
            END
            FROM {ServicePromise._meta.db_table} AS usual
            WHERE s.first_promised_on IS NULL AND s.estimated_on IS NULL AND s.first_scan_on IS NOT NULL
                AND usual.carrier_id = s.carrier_id
                AND lower(usual.service) IN ('', lower(btrim(s.service_code)), lower(btrim(s.service_name)))
            ORDER BY usual.service = '' LIMIT 1
        )"""  # noqa: S608  (names and words of our own)


def table_digest() -> str:
    """By which another table of expected days is known; `""` for an empty one."""
    rows = list(
        ServicePromise.objects.order_by("carrier", "service", "pk").values_list(
            "carrier", "service", "days", "counted"
        )
    )
    return sha256(repr(rows).encode()).hexdigest()[:32] if rows else ""
