"""The day on which a parcel should arrive by our own table, where its carrier has promised none.

It counts from the first scan, so a parcel nobody has scanned has none. It is never told to buyers: it is not the carrier's word.
"""

from hashlib import sha256

from shipments.enums import Counted
from shipments.models import ServicePromise

# The table as a common table expression, for whoever uses `EXPECTED`.
USUAL = f"""usual AS MATERIALIZED (
    SELECT carrier_id, lower(service) AS service, days, counted FROM {ServicePromise._meta.db_table}
)"""  # noqa: S608  (names and words of our own, here and below)

# SQL for that day of the parcel `s`: null where the table says nothing of its service. `business` is a calendar that the caller
# sends along (`facts.business_days.calendar`); a day behind its end is null as well, which is as good as not yet reached.
# A row for the service goes before one for all others of the carrier. What a parcel calls its service is folded once for it, not
# once for each row; an empty table costs nothing.
EXPECTED = f"""(
            SELECT CASE usual.counted
                WHEN '{Counted.CALENDAR}' THEN s.first_scan_on + usual.days
                ELSE business.days[business.places[s.first_scan_on - business.first + 1] + usual.days]
            END
            FROM (
                SELECT ARRAY['', lower(btrim(s.service_code)), lower(btrim(s.service_name))] AS names
                WHERE EXISTS (SELECT FROM usual) AND s.first_promised_on IS NULL AND s.estimated_on IS NULL AND s.first_scan_on IS NOT NULL
                OFFSET 0
            ) AS told JOIN usual ON usual.carrier_id = s.carrier_id AND usual.service = ANY(told.names)
            ORDER BY usual.service = '' LIMIT 1
        )"""  # noqa: S608


def table_digest() -> str:
    """By which another table of expected days is known; `""` for an empty one."""
    rows = list(
        ServicePromise.objects.order_by("carrier", "service", "pk").values_list(
            "carrier", "service", "days", "counted"
        )
    )
    return sha256(repr(rows).encode()).hexdigest()[:32] if rows else ""
