"""A merchant's year: parcels with ten scans each, made by the database in a few statements.

Two in a hundred are on their way, one in a hundred of those that are has trouble; the others arrived over the past
year. Numbers, places, services, orders and names are spread so that filters find few, some or many. A thousand parcels share
each name and two thousand the tag `gift`, in a world of any size: the same answer, with more or less lying around it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connection

from shipments.models import Merchant

SCANS = 10
_CITIES = (
    "DENVER,CO,80202",
    "OLNEY,MD,20832",
    "NIAGARA FALLS,NY,14304",
    "ORANGE,CT,06477",
    "ADVANCE,NC,27006",
)

_SHIPMENTS = """
INSERT INTO shipments_shipment (
    public_id, merchant_id, carrier_id, number, number_as_typed, lookup_key, instance, gateway, destination_postal_code,
    order_number, recipient_name, proof_due, tags, created_at, lifecycle, end_reason, resolution, status, status_text,
    changed_at, status_since, last_scan_at, last_location, service_code, service_name, weight_unit, reference_number,
    smart_label_barcode, second_number, origin_city, destination_city, origin_region, origin_country, destination_region,
    destination_country, first_promised_on, labelled_at, first_scan_at, first_scan_on, first_attempt_on, attempts,
    had_exception, estimated_on, delivered_on, delivered_time, delivery_location, delivery_description, signed_by,
    proof_url, details, answered_by, facts_fetched_at, unreadable_scans
)
SELECT
    gen_random_uuid(), %(merchant)s, carrier, number, number, number, 1, '', '20832',
    'A-' || (100000 + n), (ARRAY['Ada','Bo','Cleo','Dov','Edda','Finn','Gia','Hal'])[1 + person %% 8] || ' '
        || (ARRAY['Sample','Example','Placeholder','Tester','Specimen'])[1 + person %% 5] || person,
    n %% 10 = 0, CASE
        WHEN n %% 50 = 0 THEN ARRAY['vip']
        WHEN n %% greatest(%(parcels)s::bigint / 2000, 4) = 3 THEN ARRAY['gift', 'fragile']
        ELSE '{}'
    END,
    made, CASE WHEN still_asked THEN 'active' ELSE 'ended' END,
    CASE WHEN still_asked THEN '' WHEN arrived THEN 'settled' ELSE 'too-old' END, '', status,
    CASE status WHEN 'Delivered' THEN 'Delivered, Front Door/Porch' ELSE 'Arrived at USPS Regional Facility' END,
    scanned, scanned, scanned, city, '', (ARRAY['Priority Mail','Ground Advantage','FedEx 2Day','UPS Ground'])[1 + n %% 4],
    '', '', '', '', 'DENVER', 'OLNEY', 'CO', 'US', (ARRAY['MD','NY','CT','NC','CA'])[1 + n %% 5], 'US',
    made::date + 5, made, made + interval '6 hours', made::date, CASE WHEN arrived THEN scanned::date END, (n %% 40 = 0)::int,
    n %% 60 = 0, made::date + 5, CASE WHEN arrived THEN scanned::date END, CASE WHEN arrived THEN scanned::time END,
    CASE WHEN arrived THEN 'OLNEY' ELSE '' END, CASE WHEN arrived THEN 'Delivered, Front Door/Porch' ELSE '' END, '',
    CASE WHEN arrived AND n %% 9 = 0 THEN 'https://proof.example/' || n ELSE '' END, '{}', 'usps', scanned, 0
FROM (
    SELECT *, made + (CASE WHEN arrived THEN 3 + n %% 4 ELSE 1 END) * interval '1 day' * least(1, extract(epoch FROM age) / 604800.0) AS scanned,
        (ARRAY['USPS','USPS','UPS','FedEx','NEWGISTICS'])[1 + n %% 5] AS carrier, '94001' || lpad((n * 7919 %% 1000000007)::text, 17, '0') AS number,
        age < CASE WHEN arrived THEN interval '12 days' ELSE interval '90 days' END AS still_asked,
        (%(cities)s::text[])[1 + n %% 5] AS city, n %% greatest(%(parcels)s::bigint / 1000, 1) AS person,
        CASE
            WHEN arrived THEN CASE WHEN n %% 97 = 0 THEN 'ReturnToSender' ELSE 'Delivered' END
            WHEN n %% 100 = 0 THEN 'Exception' WHEN n %% 100 = 1 THEN 'DeliveryAttempt' WHEN n %% 100 = 2 THEN 'ReadyForPickup'
            WHEN n %% 10 = 3 THEN 'Manifest' WHEN n %% 10 = 4 THEN 'OutForDelivery' ELSE 'InTransit'
        END AS status
    FROM (
        SELECT n, made, %(now)s - made AS age, %(now)s - made > interval '7 days' AND n %% 400 <> 5 AS arrived
        FROM (
            SELECT n, %(now)s::timestamptz - n * (interval '365 days' / %(parcels)s::float8) - interval '1 minute' AS made
            FROM generate_series(1, %(parcels)s::bigint) AS n
        ) AS numbered
    ) AS aged
) AS parcels
"""

_WATCHES = """
INSERT INTO shipments_watch (shipment_id, merchant_id, due_at, by_hand, checked_at, heard, heard_text, misses, error_kind, error_text)
SELECT id, merchant_id, CASE lifecycle WHEN 'active' THEN %(now)s + interval '1 hour' END, false, %(now)s - interval '9 minutes',
    'snapshot', '', 0, '', '' FROM shipments_shipment
"""

_ANSWERS = """
INSERT INTO shipments_answer (shipment_id, merchant_id, gateway, kind, body, size, sha256, body_sha256, fetched_at, unreadable)
SELECT id, merchant_id, 'usps', 'snapshot', '\\x789c030000000001', 0, encode(sha256(number::bytea), 'hex'),
    encode(sha256(number::bytea), 'hex'), changed_at, '[]' FROM shipments_shipment
"""

_SCANS = f"""
INSERT INTO shipments_scanevent (
    shipment_id, merchant_id, answer_id, fingerprint, local_date, local_time, "offset", zone, at, known_by, ordered_at, position,
    status, status_by, code, text, text_for_buyers, text_for_sellers, city, region, postal_code, country, url, leg, signed_by,
    details, earlier_parcel
)
SELECT s.id, s.merchant_id, a.id, md5(s.id || ' ' || n), (moment AT TIME ZONE 'America/Denver')::date,
    (moment AT TIME ZONE 'America/Denver')::time, -360, 'America/Denver', moment, 'place', moment, n,
    CASE n WHEN {SCANS - 1} THEN s.status WHEN 0 THEN 'Manifest' WHEN 1 THEN 'Acceptance' ELSE 'InTransit' END, 'code',
    (ARRAY['GX','03','10','07','T1','NT','A1','EF','PC','OF'])[1 + n], 'Arrived at USPS Regional Facility', '', '', 'DENVER', 'CO',
    '80202', 'US', '', '', '', '{{}}', false
FROM (
    SELECT s.*, n, s.created_at + (s.last_scan_at - s.created_at) * n / {SCANS - 1} AS moment
    FROM shipments_shipment AS s CROSS JOIN generate_series(0, {SCANS - 1}) AS n
) AS s JOIN shipments_answer AS a ON a.shipment_id = s.id
"""  # noqa: S608  (only our own figures are inserted)


def fill(merchant: Merchant, parcels: int, now: datetime) -> None:
    """Give the merchant so many parcels of the past year, with watch, answer and scans; statistics are up to date afterwards."""
    values: dict[str, Any] = {
        "merchant": merchant.pk,
        "parcels": parcels,
        "now": now,
        "cities": list(_CITIES),
    }
    with connection.cursor() as cursor:
        for table, statement in (
            ("shipments_shipment", _SHIPMENTS),
            ("shipments_watch", _WATCHES),
            ("shipments_answer", _ANSWERS),
            ("shipments_scanevent", _SCANS),
        ):
            with _bare(table):
                cursor.execute(statement, values)
        cursor.execute("VACUUM ANALYZE")


@contextmanager
def _bare(table: str) -> Iterator[None]:
    """The table without foreign keys and secondary indexes while it is filled: checked and built once, not ten million times."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'f'",
            [table],
        )
        keys = cursor.fetchall()
        cursor.execute(
            """
            SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
            WHERE indrelid = %s::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
            """,
            [table],
        )
        indexes = cursor.fetchall()
        for name, _definition in keys:
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        for name, _definition in indexes:
            cursor.execute(f"DROP INDEX {name}")
        yield
        for _name, definition in indexes:
            cursor.execute(definition)
        for name, definition in keys:
            cursor.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')
