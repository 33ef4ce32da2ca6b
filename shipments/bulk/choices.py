"""What a merchant's list can be cut by: the carriers, services and tags its parcels have."""

from dataclasses import dataclass

from django.db import connection

from shipments.models import Carrier, Merchant, Shipment
from shipments.models.shipments import INDEXED_SIGNS

# Longer lists of services nobody reads; those missing can still stand in an address.
MOST_SERVICES = 100
# Tags are offered out of the newest parcels that have any: those are the ones in use.
TAGGED_LOOKED_AT = 300


@dataclass(frozen=True, slots=True)
class Choices:
    """Carriers by their code and name, services by name, tags as written, each in the order people look for them."""

    carriers: tuple[tuple[str, str], ...]
    services: tuple[str, ...]
    tags: tuple[str, ...]


def choices_of(merchant: Merchant) -> Choices:
    """What the merchant's parcels outside the archive have, in one statement that reads a few rows of each index."""
    parcels, carriers = Shipment._meta.db_table, Carrier._meta.db_table
    next_service = f"""
        SELECT left(service_name, {INDEXED_SIGNS}) AS name FROM {parcels}
        WHERE merchant_id = %(merchant)s AND NOT is_archived AND left(service_name, {INDEXED_SIGNS}) > service.name
        ORDER BY left(service_name, {INDEXED_SIGNS}) LIMIT 1
    """  # noqa: S608  (nothing but names of our own tables and a number of ours is inserted)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH RECURSIVE service (name, nth) AS (
                SELECT '', 0
                UNION ALL
                SELECT following.name, service.nth + 1 FROM service, LATERAL ({next_service}) AS following
                WHERE service.nth < {MOST_SERVICES}
            )
            SELECT 'carrier', code, name FROM {carriers} AS carrier WHERE EXISTS (
                SELECT FROM {parcels} AS parcel
                WHERE parcel.merchant_id = %(merchant)s AND NOT is_archived AND parcel.carrier_id = carrier.code
            )
            UNION ALL SELECT 'service', name, name FROM service WHERE nth > 0
            UNION ALL SELECT DISTINCT 'tag', tag, tag FROM (
                SELECT tags FROM {parcels} WHERE merchant_id = %(merchant)s AND NOT is_archived AND tags <> '{{}}'
                ORDER BY created_at DESC, id DESC LIMIT {TAGGED_LOOKED_AT}
            ) AS newest, unnest(newest.tags) AS tag
            """,  # noqa: S608
            {"merchant": merchant.pk},
        )
        rows = cursor.fetchall()

    def of(kind: str) -> list[tuple[str, str]]:
        return sorted(
            ((value, name) for what, value, name in rows if what == kind), key=lambda pair: pair[1].casefold()
        )

    return Choices(
        tuple(of("carrier")),
        tuple(value for value, _name in of("service")),
        tuple(value for value, _name in of("tag")),
    )
