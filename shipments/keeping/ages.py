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
# Names of kinds, and how much of each is due; takes `due_parameters`.
ALL_DUE = f"""
    WITH age AS (
        SELECT merchant.id AS merchant, kind.name AS kind, kind.bit,
            CASE WHEN own.id IS NULL THEN platform.days ELSE own.days END AS days
        FROM shipments_merchant AS merchant
        CROSS JOIN unnest(%(kinds)s::text[], %(bits)s::int[]) AS kind (name, bit)
        LEFT JOIN shipments_retentionrule AS own ON own.merchant_id = merchant.id AND own.kind = kind.name
        LEFT JOIN shipments_retentionrule AS platform ON platform.merchant_id IS NULL AND platform.kind = kind.name
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
    ) FROM shipments_retentionrule AS rule WHERE rule.merchant_id IS NULL AND rule.kind = 'audit' AND rule.days IS NOT NULL
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


def ages_of(merchants: Iterable[Merchant], *, as_if: RetentionRule | None = None) -> list[Age]:
    """The ages that hold for these merchants: their own rules, else the platform's. What is kept for ever is left out.

    `as_if` is a rule that is not stored yet, or not so.
    """
    rules = {(rule.merchant_id, rule.kind): rule.days for rule in RetentionRule.objects.all()}
    if as_if is not None:
        rules[as_if.merchant_id, as_if.kind] = as_if.days
    ages = []
    for merchant in merchants:
        for kind in OF_PARCELS:
            days = rules.get((merchant.pk, kind.value), rules.get((None, kind.value)))
            if days is not None:
                ages.append(Age(merchant.pk, kind, days))
    return ages


def due_by(rule: RetentionRule, now: datetime) -> Due:
    """What this rule, stored or not, makes due: of parcels with the merchants it holds for, or of the audit's months."""
    kind = Kept(rule.kind)
    if kind == Kept.AUDIT:
        before = None if rule.days is None else now - timedelta(days=rule.days)
        return Due(kind, 0 if before is None else len(audit_months.droppable(_AUDIT, before, now)))
    merchants = Merchant.objects.all()
    if rule.merchant_id is not None:
        merchants = merchants.filter(pk=rule.merchant_id)
    else:
        merchants = merchants.exclude(retention_rules__kind=kind)
    ages = [age for age in ages_of(merchants, as_if=rule) if age.kind == kind]
    return Due(kind, count_due(ages, now))


def audit_days() -> int | None:
    """How long the audit is kept; None: for ever."""
    return RetentionRule.objects.filter(merchant=None, kind=Kept.AUDIT).values_list("days", flat=True).first()


def with_any_of(kind: Kept) -> list[int]:
    """The values of `Shipment.erased_parts` with which a parcel may still have data of this kind."""
    return [parts for parts in range(2 ** len(PART)) if not parts & PART[kind]]


def due(now: datetime) -> list[Due]:
    """What waits for the next nights, of each kind that has an age anywhere; in one statement, as `ages_of` and
    `Age.lines` have it."""
    with connection.cursor() as cursor:
        cursor.execute(ALL_DUE, due_parameters(now))
        return in_words(dict(cursor.fetchall()))


def due_parameters(now: datetime) -> dict[str, Any]:
    """What `ALL_DUE` asks for."""
    return {
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


def count_due(ages: list[Age], now: datetime) -> int:
    """How many parcels these ages, all of one kind, make due; up to `MOST_COUNTED`."""
    if not ages:
        return 0
    lines = [
        (age.merchant_id, parts, lifecycle.value, before)
        for age in ages
        for lifecycle, before in age.lines(now)
        for parts in with_any_of(age.kind)
    ]
    found = DUE.format(
        merchant="line.merchant", parts="line.parts", lifecycle="line.lifecycle", before="line.before"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT count(*) FROM (
                SELECT FROM unnest(%s::bigint[], %s::smallint[], %s::text[], %s::timestamptz[])
                    AS line (merchant, parts, lifecycle, before)
                CROSS JOIN LATERAL ({found} {IN_ORDER} LIMIT {MOST_COUNTED}) AS one LIMIT {MOST_COUNTED}
            ) AS counted
            """,  # noqa: S608  (our own names and numbers)
            [list(column) for column in zip(*lines, strict=True)],
        )
        return int(cursor.fetchone()[0])
