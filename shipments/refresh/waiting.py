"""What waits to be asked about, by account: how much, and which parcels a planner weighs. Each in one statement."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from django.db import connection

from shipments.enums import Status
from shipments.facts.number_formats import is_presort
from shipments.facts.places import Place, zone_of
from shipments.refresh.policy import Candidate, Situation
from shipments.refresh.quotas import Spent, counted_from


@dataclass(frozen=True, slots=True)
class Load:
    """How an account stands: the calls of the last hour, the parcels that are being asked about, and those that are due (counted
    up to a bound)."""

    spent: Spent
    planned_in_flight: int
    by_hand_in_flight: int
    due: int


def loads(bounds: Mapping[int, int], now: datetime) -> dict[int, Load]:
    """How each account stands; of what is due up to so many are counted."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT asked.account_id, COALESCE(ledger.calls, 0), COALESCE(ledger.by_hand, 0),
                COALESCE(flight.planned, 0), COALESCE(flight.by_hand, 0),
                (
                    SELECT count(*) FROM (
                        SELECT 1 FROM shipments_watch AS due
                        WHERE due.account_id = asked.account_id AND due.due_at <= %(now)s AND due.lease IS NULL
                        -- In this order by the index, however few the database believes to be due.
                        ORDER BY due.due_at LIMIT asked.bound
                    ) AS counted
                )
            FROM unnest(%(accounts)s::bigint[], %(bounds)s::bigint[]) AS asked (account_id, bound)
            LEFT JOIN (
                SELECT account_id, sum(calls) AS calls, sum(by_hand) AS by_hand FROM shipments_callcount
                WHERE account_id = ANY(%(accounts)s) AND minute >= %(counted_from)s GROUP BY account_id
            ) AS ledger ON ledger.account_id = asked.account_id
            LEFT JOIN (
                SELECT account_id, count(*) FILTER (WHERE NOT by_hand) AS planned, count(*) FILTER (WHERE by_hand) AS by_hand
                FROM shipments_watch WHERE lease IS NOT NULL AND due_at > %(now)s GROUP BY account_id
            ) AS flight ON flight.account_id = asked.account_id
            """,
            {
                "accounts": list(bounds),
                "bounds": list(bounds.values()),
                "counted_from": counted_from(now),
                "now": now,
            },
        )
        return {
            account_id: Load(Spent(int(calls), int(by_hand)), planned, hand, due)
            for account_id, calls, by_hand, planned, hand, due in cursor.fetchall()
        }


@dataclass(frozen=True, slots=True)
class Waiting:
    """A parcel that waits, and all that is needed to weigh it."""

    shipment_id: int
    account_id: int
    carrier: str
    lifecycle: str
    candidate: Candidate


# A group is the parcels of one sort of one merchant with one account. They are found by steps in the index (`watch_rank_idx`), and
# of each the first few are read, so that the cost does not grow with what waits. Where there are very many merchants, each minute
# begins at another one, and each has its turn after as many minutes as `MERCHANTS_A_MINUTE` go into them. Of those that are
# wanted first most are due; the inner limit bounds the search where they are not.
MERCHANTS_A_MINUTE = 200
_SORTS = 3
_FIRST = """
    WITH RECURSIVE asked AS MATERIALIZED (
        SELECT account_id, most, lowest + %(minute)s %% (highest - lowest + 1) AS start
        FROM unnest(%(accounts)s::bigint[], %(most)s::bigint[]) AS asked (account_id, most), LATERAL (
            SELECT min(merchant_id) AS lowest, max(merchant_id) AS highest FROM shipments_watch
            WHERE account_id = asked.account_id AND due_at IS NOT NULL AND lease IS NULL AND NOT by_hand
        ) AS merchants
    ), groups AS (
        (
            SELECT asked.*, first.merchant_id, first.haste, 1 AS step, false AS is_behind FROM asked, LATERAL (
                SELECT merchant_id, haste FROM shipments_watch
                WHERE account_id = asked.account_id AND merchant_id >= asked.start
                    AND due_at IS NOT NULL AND lease IS NULL AND NOT by_hand
                ORDER BY merchant_id, haste LIMIT 1
            ) AS first
            UNION ALL
            SELECT asked.*, first.merchant_id, first.haste, 1, true FROM asked, LATERAL (
                SELECT merchant_id, haste FROM shipments_watch
                WHERE account_id = asked.account_id AND merchant_id < asked.start
                    AND due_at IS NOT NULL AND lease IS NULL AND NOT by_hand
                ORDER BY merchant_id, haste LIMIT 1
            ) AS first
        )
        UNION ALL
        SELECT groups.account_id, groups.most, groups.start, next.merchant_id, next.haste, groups.step + 1, groups.is_behind
        FROM groups, LATERAL (
            SELECT merchant_id, haste FROM shipments_watch
            WHERE account_id = groups.account_id AND (merchant_id, haste) > (groups.merchant_id, groups.haste)
                AND due_at IS NOT NULL AND lease IS NULL AND NOT by_hand
            ORDER BY merchant_id, haste LIMIT 1
        ) AS next
        WHERE groups.step < %(groups)s AND (next.merchant_id < groups.start OR NOT groups.is_behind)
    ), in_turn AS (
        SELECT *, row_number() OVER (PARTITION BY account_id ORDER BY is_behind, step) AS place FROM groups
    ), shared AS (
        SELECT *, LEAST(most, GREATEST(4, 4 * most / count(*) OVER (PARTITION BY account_id))) AS each
        FROM in_turn WHERE place <= %(groups)s
    ), numbered AS (
        SELECT shared.account_id, shared.most, first.shipment_id, row_number() OVER (
            PARTITION BY shared.account_id ORDER BY first.place, first.wanted_by
        ) AS place
        FROM shared, LATERAL (
            SELECT shipment_id, wanted_by, row_number() OVER (ORDER BY wanted_by) AS place FROM (
                SELECT shipment_id, wanted_by, due_at FROM shipments_watch
                WHERE account_id = shared.account_id AND merchant_id = shared.merchant_id AND haste = shared.haste
                    AND due_at IS NOT NULL AND lease IS NULL AND NOT by_hand
                ORDER BY wanted_by LIMIT 3 * shared.each
            ) AS wanted_first WHERE due_at <= %(now)s ORDER BY wanted_by LIMIT shared.each
        ) AS first
    ), first AS MATERIALIZED (
        SELECT shipment_id FROM numbered WHERE place <= most
    )
"""

_BY_HAND = """
    WITH first AS MATERIALIZED (
        SELECT found.shipment_id
        FROM unnest(%(accounts)s::bigint[], %(most)s::bigint[]) AS asked (account_id, most), LATERAL (
            SELECT shipment_id FROM shipments_watch
            WHERE account_id = asked.account_id AND due_at <= %(now)s AND lease IS NULL AND by_hand
            ORDER BY due_at LIMIT asked.most
        ) AS found
    )
"""

_FACTS = """
    SELECT watch.shipment_id, watch.account_id, parcel.carrier_id, parcel.lifecycle, watch.merchant_id, watch.wanted_by,
        parcel.status, parcel.created_at, parcel.last_scan_at, COALESCE(parcel.delivered_at, parcel.last_scan_at), watch.heard,
        carrier.scans_once, carrier.scans_in_part, parcel.number, watch.misses, watch.error_kind, watch.checked_at, parcel.service_name, parcel.estimated_on,
        parcel.destination_postal_code
    FROM first
    JOIN shipments_watch AS watch ON watch.shipment_id = first.shipment_id
    JOIN shipments_shipment AS parcel ON parcel.id = first.shipment_id
    JOIN shipments_carrier AS carrier ON carrier.code = parcel.carrier_id
"""


def first_of(most: Mapping[int, int], now: datetime) -> list[Waiting]:
    """What waits for these accounts and is wanted first, up to so many parcels of each: some of every merchant and every sort."""
    return _read(_FIRST + _FACTS, most, now)


def by_hand(most: Mapping[int, int], now: datetime) -> list[Waiting]:
    """What people have asked for, those who have waited longest first, up to so many parcels of each account."""
    return sorted(_read(_BY_HAND + _FACTS, most, now), key=lambda one: one.shipment_id)


def _read(sql: str, most: Mapping[int, int], now: datetime) -> list[Waiting]:
    if not most:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {
                "accounts": list(most),
                "most": list(most.values()),
                "now": now,
                "minute": int(now.timestamp() // 60) * MERCHANTS_A_MINUTE,
                "groups": MERCHANTS_A_MINUTE * _SORTS,
            },
        )
        return [_waiting(*row) for row in cursor.fetchall()]


def _waiting(
    shipment_id: int,
    account_id: int,
    carrier: str,
    lifecycle: str,
    merchant_id: int,
    wanted_by: datetime,
    status: str,
    since: datetime,
    last_scan_at: datetime | None,
    delivered_at: datetime | None,
    heard: str,
    scans_once: bool,
    scans_in_part: bool,
    number: str,
    misses: int,
    error_kind: str,
    checked_at: datetime | None,
    service: str,
    promised_on: date | None,
    postal_code: str,
) -> Waiting:
    situation = Situation(
        status=Status(status),
        since=since,
        last_scan_at=last_scan_at,
        delivered_at=delivered_at,
        heard=heard,
        scans_once=scans_once,
        scans_in_part=scans_in_part or is_presort(carrier, number),
        misses=misses,
        error_kind=error_kind,
        checked_at=checked_at,
        service=service,
        promised_on=promised_on,
        zone=zone_at(postal_code),
    )
    candidate = Candidate(shipment_id, situation, wanted_by, merchant_id)
    return Waiting(shipment_id, account_id, carrier, lifecycle, candidate)


@lru_cache(maxsize=20_000)
def zone_at(postal_code: str) -> str | None:
    """The zone of a parcel's destination; None where its postal code does not tell."""
    return zone_of(Place(postal_code=postal_code)) if postal_code else None
