"""Why a parcel needs a person: each reason once, as a condition the database decides for any number of parcels.

Names in the conditions: `s` is the parcel, `c` its carrier, `w` its watch, `m` its merchant with the thresholds as instants
(`label_before`, `silent_before`, `abroad_before`: what is that old has waited long enough), `p` the moments and kinds of
`PARCEL`. Times that begin in business days are found with `business`, a calendar the caller sends along.

Which parcels are looked at: those somebody still asks about; delivered ones whose proof is missing, whether or not asking
has ended; and those in trouble that were given up as too old, because the end of asking solves nothing. Never archived ones,
never those a person has closed or made something of (lost, refunded, returned).
"""

from dataclasses import dataclass
from datetime import timedelta

from shipments.analytics.expected import EXPECTED, USUAL
from shipments.enums import (
    GROUP_OF,
    AnswerKind,
    CarrierCode,
    EndReason,
    Lifecycle,
    Reason,
    Status,
    StatusGroup,
)

# Signatures and pictures come in some hours after the delivery, and carriers keep them for about a month.
PROOF_TAKES = timedelta(days=1)
PROOF_IS_KEPT = timedelta(days=30)


def _in(*values: str) -> str:
    """A list for SQL; the values are words of our own enums."""
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


_ON_ITS_WAY = _in(
    *(status for status, group in GROUP_OF.items() if group in {StatusGroup.MOVING, StatusGroup.TODAY})
)
# It has arrived, goes back, or is where the buyer can fetch it: its day no longer matters.
_NOT_LATE = _in(Status.DELIVERED, Status.RETURN_TO_SENDER, Status.READY_FOR_PICKUP, Status.PICKUP_MISSED)

# Presort letters are tracked under USPS by their IMb and scanned in a part of their way only. The second digit of an IMb is
# 0 to 4; the pairs are the services of USPS' older parcel numbers of the same length (`facts.number_formats.is_presort`).
_PRESORT = f"(s.carrier_id = '{CarrierCode.USPS}' AND s.number ~ '^[0-9][0-4][0-9]{{18}}$' AND s.number !~ '^(0[1-8]|14|2[1-4]|34|50|7[013]|8[23])')"

_DELIVERED_AT = "COALESCE(s.delivered_at, s.status_since, s.changed_at, s.created_at)"

# What several conditions need, of one parcel.
PARCEL = f"""
    SELECT
        s.lifecycle = '{Lifecycle.ACTIVE}' AS is_active,
        s.lifecycle = '{Lifecycle.ACTIVE}' OR s.end_reason = '{EndReason.TOO_OLD}' AS is_unsolved,
        c.scans_once OR c.scans_in_part OR {_PRESORT} AS is_scarcely_scanned,
        COALESCE(s.status_since, s.changed_at, s.created_at) AS news_at,
        COALESCE(s.last_scan_at, s.status_since, s.changed_at, s.created_at) AS scanned_at,
        COALESCE(s.labelled_at, s.created_at) AS labelled_at,
        {_DELIVERED_AT} AS delivered_at,
        -- A parcel without a known origin comes from the country of its carriers.
        s.carrier_id = '{CarrierCode.PBI}'
            OR s.destination_country NOT IN ('', COALESCE(NULLIF(s.origin_country, ''), 'US')) AS is_abroad,
        -- The earliest day a buyer was told counts, on the clock of its place where the carrier gave one. Where the carrier has
        -- promised none, it is the day by our own table.
        CASE WHEN s.estimated_offset IS NULL
            THEN (COALESCE(LEAST(s.first_promised_on, s.estimated_on), {EXPECTED}) + m.late_days)::timestamp AT TIME ZONE m.time_zone
            ELSE (LEAST(s.first_promised_on, s.estimated_on) + m.late_days)::timestamp
                AT TIME ZONE make_interval(mins => s.estimated_offset)
        END AS late_at
"""  # noqa: S608  (here and below: all that is put together are constants of ours)


def _business_days_after(moment: str, days: str) -> str:
    """SQL for `facts.business_days.business_days_after`; so many days later where the calendar does not reach."""
    return f"""(
        SELECT COALESCE(
            CASE WHEN business.days[place] = local::date AND local::time > '00:00'
                THEN business.days[place + {days}] + local::time
                ELSE (business.days[place + {days} - 1] + 1)::timestamp
            END AT TIME ZONE m.time_zone,
            {moment} + make_interval(days => {days})
        )
        FROM (SELECT {moment} AT TIME ZONE m.time_zone AS local) AS posted,
            LATERAL (SELECT business.places[local::date - business.first + 1] AS place) AS found
    )"""  # noqa: S608


def _before(days: str) -> str:
    """SQL for the instant behind one of a merchant's thresholds; null where the caller sent none for it."""
    return f"(SELECT t.before FROM threshold AS t WHERE t.zone = m.time_zone AND t.days = m.{days})"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason: the condition under which it holds, and the expression of the instant since when it does."""

    reason: Reason
    holds: str
    since: str


# The worst first, as in `Reason`.
RULES: tuple[Rule, ...] = (
    Rule(Reason.EXCEPTION, f"p.is_unsolved AND s.status = '{Status.EXCEPTION}'", "p.news_at"),
    Rule(Reason.RETURNING, f"p.is_unsolved AND s.status = '{Status.RETURN_TO_SENDER}'", "p.news_at"),
    Rule(Reason.ATTEMPTED, f"p.is_active AND s.status = '{Status.DELIVERY_ATTEMPT}'", "p.news_at"),
    Rule(
        Reason.AGEING_PICKUP,
        f"""p.is_active AND (s.status = '{Status.PICKUP_MISSED}' OR s.status = '{Status.READY_FOR_PICKUP}'
            AND p.news_at <= %(now)s - make_interval(days => m.pickup_days))""",
        f"""CASE s.status WHEN '{Status.PICKUP_MISSED}' THEN p.news_at
            ELSE p.news_at + make_interval(days => m.pickup_days) END""",
    ),
    Rule(Reason.LATE, f"p.is_active AND s.status NOT IN {_NOT_LATE} AND p.late_at <= %(now)s", "p.late_at"),
    Rule(
        # Also a parcel whose newest scan is a label's, when it was scanned before: it moves, and is not heard of.
        Reason.SILENT,
        f"""p.is_active AND NOT p.is_scarcely_scanned
            AND (s.status IN {_ON_ITS_WAY} OR s.status = '{Status.MANIFEST}' AND s.first_scan_at IS NOT NULL)
            AND p.scanned_at <= CASE WHEN p.is_abroad THEN m.abroad_before ELSE m.silent_before END""",
        _business_days_after(
            "p.scanned_at", "CASE WHEN p.is_abroad THEN m.silent_days_abroad ELSE m.silent_days END"
        ),
    ),
    Rule(
        # A number the carrier knows without having scanned it is a label as well.
        Reason.NO_FIRST_SCAN,
        f"""p.is_active AND NOT p.is_scarcely_scanned AND s.first_scan_at IS NULL
            AND (s.status = '{Status.MANIFEST}' OR s.status = '{Status.UNKNOWN}' AND s.last_scan_at IS NULL
                AND w.heard = '{AnswerKind.SNAPSHOT}')
            AND p.labelled_at <= m.label_before""",
        _business_days_after("p.labelled_at", "m.first_scan_days"),
    ),
    Rule(
        Reason.NO_PROOF,
        f"""s.status = '{Status.DELIVERED}' AND s.signed_by = '' AND s.proof_url = ''
            -- Of a parcel whose data was erased nobody knows any more whether there was one.
            AND s.erased_parts = 0 AND s.end_reason <> '{EndReason.BY_HAND}' AND (s.proof_due OR m.proof_always_due)
            AND p.delivered_at BETWEEN %(proof_from)s AND %(proof_until)s""",
        "p.delivered_at + %(proof_takes)s",
    ),
    Rule(
        Reason.NOT_KNOWN,
        f"""p.is_active AND w.heard = '{AnswerKind.NOT_KNOWN}' AND s.last_scan_at IS NULL
            AND s.created_at <= m.label_before""",
        _business_days_after("s.created_at", "m.first_scan_days"),
    ),
)

# The parcels a full review looks at; each branch has a partial index with these words as its condition (migration 0006).
EVERYBODY = f"""
    SELECT s.id FROM shipments_shipment AS s
    WHERE s.lifecycle = '{Lifecycle.ACTIVE}' AND s.resolution = '' AND s.status <> '{Status.DELIVERED}'
    UNION ALL
    SELECT s.id FROM shipments_shipment AS s
    WHERE s.lifecycle = '{Lifecycle.ENDED}' AND s.end_reason = '{EndReason.TOO_OLD}' AND s.resolution = ''
        AND s.status IN {_in(Status.EXCEPTION, Status.RETURN_TO_SENDER)}
    UNION ALL
    SELECT s.id FROM shipments_shipment AS s
    WHERE s.status = '{Status.DELIVERED}' AND s.resolution = '' AND s.signed_by = '' AND s.proof_url = '' AND s.proof_due
        AND {_DELIVERED_AT} BETWEEN %(proof_from)s AND %(proof_until)s
    UNION ALL
    SELECT s.id FROM shipments_merchant AS always JOIN shipments_shipment AS s ON s.merchant_id = always.id
    WHERE always.proof_always_due
        AND s.status = '{Status.DELIVERED}' AND s.resolution = '' AND s.signed_by = '' AND s.proof_url = '' AND NOT s.proof_due
        AND {_DELIVERED_AT} BETWEEN %(proof_from)s AND %(proof_until)s
"""  # noqa: S608
# What is a suspended merchant's stays as it is: nobody looks at it, and nobody is told.
EVERY_MERCHANT = "m.suspended_at IS NULL"
SOME = "SELECT unnest(%(ids)s::bigint[]) AS id"
THEIR_MERCHANTS = "m.id IN (SELECT s.merchant_id FROM shipments_shipment AS s WHERE s.id = ANY(%(ids)s)) AND m.suspended_at IS NULL"


def verdicts(candidates: str, merchants: str) -> str:
    """SQL of common table expressions that end in `verdict`: the parcels among the candidates that need a person, with their
    reasons, the worst first, its `rank`, and since when it holds. `judged` are those of the merchants whose thresholds the
    caller sent."""
    reasons = "\n UNION ALL ".join(
        f"SELECT '{rule.reason}'::text AS reason, {rank} AS rank, {rule.since} AS since WHERE {rule.holds}"
        for rank, rule in enumerate(RULES)
    )
    return f"""
    {USUAL},
    business AS (SELECT %(first)s::date AS first, %(places)s::int[] AS places, %(days)s::date[] AS days),
    threshold (zone, days, before) AS (
        SELECT * FROM unnest(%(zones)s::text[], %(spans)s::int[], %(befores)s::timestamptz[])
    ),
    -- By sub-queries: joins on several columns look to the planner as if hardly a merchant were left, and it would then find
    -- the candidates anew for each of them.
    judged AS MATERIALIZED (
        SELECT * FROM (
            SELECT m.id, m.time_zone, m.first_scan_days, m.silent_days, m.silent_days_abroad, m.pickup_days, m.late_days,
                m.proof_always_due, {_before("first_scan_days")} AS label_before, {_before("silent_days")} AS silent_before,
                {_before("silent_days_abroad")} AS abroad_before
            FROM shipments_merchant AS m WHERE {merchants}
        ) AS merchant
        WHERE label_before IS NOT NULL AND silent_before IS NOT NULL AND abroad_before IS NOT NULL
    ),
    candidate AS ({candidates}),
    verdict AS (
        SELECT s.id AS shipment_id, s.merchant_id, s.changed_at, told.reasons, told.rank, told.since
        FROM candidate
        JOIN shipments_shipment AS s ON s.id = candidate.id
        JOIN judged AS m ON m.id = s.merchant_id
        JOIN shipments_carrier AS c ON c.code = s.carrier_id
        LEFT JOIN shipments_watch AS w ON w.shipment_id = s.id
        CROSS JOIN business
        CROSS JOIN LATERAL ({PARCEL}) AS p
        CROSS JOIN LATERAL (
            SELECT array_agg(held.reason ORDER BY held.rank)::varchar(20)[] AS reasons, min(held.rank) AS rank,
                (array_agg(held.since ORDER BY held.rank))[1] AS since
            FROM ({reasons}) AS held
        ) AS told
        WHERE s.resolution = '' AND s.lifecycle <> '{Lifecycle.ARCHIVED}' AND told.reasons IS NOT NULL
    )"""  # noqa: S608
