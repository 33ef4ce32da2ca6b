"""Which age holds for which merchant, and what it makes due.

An age counts from a parcel's last news, or from when it was added where there never was any, and only once nobody asks
about the parcel any more. A parcel that is still asked about, though it was silent for a year, counts as over since then.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from shipments.enums import Kept, Lifecycle
from shipments.models import AuditEntry, Merchant, RetentionRule, audit_months
from shipments.models.shipments import PART

# A parcel that brought no news for so long will bring none, whether or not somebody still asks.
SILENT_FOR = timedelta(days=365)
# Figures of what is due go no further: nobody reads a larger number, and counting on would cost the page.
MOST_COUNTED = 1_000
_AUDIT = AuditEntry._meta.db_table
OF_PARCELS = (Kept.PERSONAL, Kept.ANSWERS, Kept.PROOFS, Kept.SCANS)

# Parcels of one merchant from which one kind is not gone yet, and whose last news is that old: one stretch of
# `shipment_kept_idx` for each value of `erased_parts`.
DUE = """
    SELECT parcel.id, COALESCE(parcel.changed_at, parcel.created_at) FROM shipments_shipment AS parcel
    WHERE parcel.merchant_id = {merchant} AND parcel.erased_parts = {parts} AND parcel.lifecycle = {lifecycle}
        AND COALESCE(parcel.changed_at, parcel.created_at) < {before}
"""
# In the order of the index, so that it is read and no other: the statistics of the day before speak of parcels that are no
# longer due, and the planner would read all of a merchant's in the hope of meeting some early.
IN_ORDER = "ORDER BY COALESCE(parcel.changed_at, parcel.created_at), parcel.id"

_OF_A_LINE = DUE.format(
    merchant="age.merchant",
    parts="parts",
    lifecycle="over.lifecycle",
    before="%(now)s::timestamptz - age.days * interval '1 day' - over.further",
)
# Names of kinds, and how much of each is due; takes `due_parameters`. With a rule given as if it were stored, only what that one
# makes due: of its kind, with the merchants it would hold for.
ALL_DUE = f"""
    WITH rule AS (
        SELECT merchant_id, kind, days FROM shipments_retentionrule
        WHERE %(as_kind)s::text IS NULL OR (kind, COALESCE(merchant_id, 0)) <> (%(as_kind)s::text, COALESCE(%(as_merchant)s::bigint, 0))
        UNION ALL SELECT %(as_merchant)s::bigint, %(as_kind)s::text, %(as_days)s::int WHERE %(as_kind)s::text IS NOT NULL
    ), age AS (
        SELECT merchant.id AS merchant, kind.name AS kind, kind.bit,
            CASE WHEN own.kind IS NULL THEN platform.days ELSE own.days END AS days
        FROM shipments_merchant AS merchant
        CROSS JOIN unnest(%(kinds)s::text[], %(bits)s::int[]) AS kind (name, bit)
        LEFT JOIN rule AS own ON own.merchant_id = merchant.id AND own.kind = kind.name
        LEFT JOIN rule AS platform ON platform.merchant_id IS NULL AND platform.kind = kind.name
        WHERE %(as_kind)s::text IS NULL OR kind.name = %(as_kind)s::text
            AND CASE WHEN %(as_merchant)s::bigint IS NULL THEN own.kind IS NULL ELSE merchant.id = %(as_merchant)s::bigint END
    ), kept AS (SELECT DISTINCT kind FROM age WHERE days IS NOT NULL)
    SELECT kept.kind, (
        SELECT count(*) FROM (
            SELECT FROM age
            CROSS JOIN unnest(%(over)s::text[], %(further)s::interval[]) AS over (lifecycle, further)
            CROSS JOIN generate_series(0, {2 ** len(PART) - 1}) AS parts
            CROSS JOIN LATERAL ({_OF_A_LINE} {IN_ORDER} LIMIT %(most)s) AS one
            WHERE age.kind = kept.kind AND age.days IS NOT NULL AND parts & age.bit = 0 LIMIT %(most)s
        ) AS counted
    ) FROM kept
    UNION ALL
    SELECT rule.kind, (
        SELECT count(*) FROM pg_inherits
        WHERE inhparent = %(audit)s::regclass AND inhrelid::regclass::text ~ '_[0-9]{{4}}_[0-9]{{2}}$'
            AND right(inhrelid::regclass::text, 7)
                < to_char(LEAST((%(now)s::timestamptz AT TIME ZONE 'UTC')::date - rule.days, %(youngest)s::date), 'YYYY_MM')
    ) FROM rule WHERE rule.kind = 'audit' AND rule.days IS NOT NULL
        AND (%(as_kind)s::text IS NULL OR rule.kind = %(as_kind)s::text)
"""  # noqa: S608  (our own names and numbers)


@dataclass(frozen=True, slots=True)
class Age:
    """How long a kind of data is kept with one merchant."""

    merchant_id: int
    kind: Kept
    days: int

    def lines(self, now: datetime) -> list[tuple[Lifecycle, datetime]]:
        """Each lifecycle, and the moment before which the last news of its parcels must lie."""
        before = now - timedelta(days=self.days)
        return [
            (Lifecycle.ENDED, before),
            (Lifecycle.ARCHIVED, before),
            (Lifecycle.ACTIVE, before - SILENT_FOR),
        ]


@dataclass(frozen=True, slots=True)
class Due:
    """How many parcels have data of a kind that is past its age, counted up to `MOST_COUNTED`; of the audit, how many months."""

    kind: Kept
    many: int

    @property
    def is_more(self) -> bool:
        """Whether there are more than were counted."""
        return self.many >= MOST_COUNTED


def ages_of(merchants: Iterable[Merchant]) -> list[Age]:
    """The ages that hold for these merchants: their own rules, else the platform's. What is kept for ever is left out."""
    rules = {(rule.merchant_id, rule.kind): rule.days for rule in RetentionRule.objects.all()}
    ages = []
    for merchant in merchants:
        for kind in OF_PARCELS:
            days = rules.get((merchant.pk, kind.value), rules.get((None, kind.value)))
            if days is not None:
                ages.append(Age(merchant.pk, kind, days))
    return ages


def audit_days() -> int | None:
    """How long the audit is kept; None: for ever."""
    return RetentionRule.objects.filter(merchant=None, kind=Kept.AUDIT).values_list("days", flat=True).first()


def with_any_of(kind: Kept) -> list[int]:
    """The values of `Shipment.erased_parts` with which a parcel may still have data of this kind."""
    return [parts for parts in range(2 ** len(PART)) if not parts & PART[kind]]


def due(now: datetime, *, as_if: RetentionRule | None = None) -> list[Due]:
    """What waits for the next nights, of each kind that has an age anywhere; in one statement, as `ages_of` and
    `Age.lines` have it. With a rule that is not stored yet, or not so: what that one alone makes due, nothing where it keeps
    for ever."""
    with connection.cursor() as cursor:
        cursor.execute(ALL_DUE, due_parameters(now, as_if))
        return in_words(dict(cursor.fetchall()))


def due_parameters(now: datetime, as_if: RetentionRule | None = None) -> dict[str, Any]:
    """What `ALL_DUE` asks for."""
    return {
        "as_kind": as_if and as_if.kind,
        "as_merchant": as_if and as_if.merchant_id,
        "as_days": as_if and as_if.days,
        "kinds": [kind.value for kind in OF_PARCELS],
        "bits": [PART[kind] for kind in OF_PARCELS],
        "now": now,
        "most": MOST_COUNTED,
        "over": [Lifecycle.ENDED.value, Lifecycle.ARCHIVED.value, Lifecycle.ACTIVE.value],
        "further": [timedelta(), timedelta(), SILENT_FOR],
        "audit": _AUDIT,
        "youngest": audit_months.youngest_droppable(now),
    }


def in_words(found: Mapping[str, int]) -> list[Due]:
    """What `ALL_DUE` found, in the order of the kinds."""
    return [Due(kind, found[kind.value]) for kind in (*OF_PARCELS, Kept.AUDIT) if kind.value in found]
