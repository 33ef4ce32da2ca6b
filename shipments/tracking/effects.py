"""What a mapping would change, told before it is saved; and parcels that show a carrier's words.

Looks at the newest scans with the words only, and at no more of them than a page can wait for.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import TextField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce

from shipments.carriers.registry import status_by_tables
from shipments.enums import Gateway, Status
from shipments.facts.timeline import status_of
from shipments.models import ScanEvent, Shipment, StatusMapping, quick
from shipments.models.carriers import in_one_line, in_order
from shipments.models.scans import STATUS_WORD
from shipments.tracking.deriving import shown_and_telling
from shipments.tracking.gateway import gateways_for
from shipments.tracking.taking_in import mapped

# Scans looked at: about a tenth of a second. Whoever has more of them learns that there are more.
MOST_SCANS = 10_000
# Parcels whose status is worked out.
MOST_PARCELS = 500
MOST_SAMPLES = 10
# Parcels shown as examples, and the scans among which they are looked for.
EXAMPLES, LOOKED_AT = 5, 500

# Under these names a scan's details keep what our tables go by, beside its code and text.
_TOLD_BY = (STATUS_WORD, "standardizedEventCode", "l1Code")
_OF_SHIPMENT = ("id", "status", "facts_fetched_at")
_OF_SCAN = ("id", "shipment", "ordered_at", "position", "status", "withdrawn_at", "earlier_parcel")


@dataclass(frozen=True, slots=True)
class Sample:
    """Scans that would get another status: their words, what they mean now, what they would, and how many there are."""

    words: str
    status: str
    would_be: str
    scans: int


@dataclass(frozen=True, slots=True)
class Move:
    """So many parcels would go from one status to another."""

    status: str
    would_be: str
    parcels: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What a mapping would change. `looked_at` scans have its words, and `is_all` says whether that is all of them. Of these
    `scans`, of `parcels`, would get another status. `moves` are what follows from that for `judged` of the parcels."""

    looked_at: int
    is_all: bool
    scans: int
    parcels: int
    samples: tuple[Sample, ...]
    moves: tuple[Move, ...]
    judged: int

    @property
    def moving(self) -> int:
        """How many of the parcels that were looked at would get another status."""
        return sum(move.parcels for move in self.moves)


def effect_of(before: StatusMapping | None, after: StatusMapping | None) -> Effect:
    """What storing `after` in place of `before` would change once the stored answers are read again. None: there is none.

    Both are about the same words. Scans whose status is the carrier's own word are not among them: it stands.
    """
    about = after or before
    assert about is not None
    mappings = [
        mapping
        for mapping in StatusMapping.objects.filter(carrier=about.carrier_id)
        if before is None or mapping.pk != before.pk
    ]
    mappings = in_order([*mappings, *([after] if after else [])])
    rows, looked_at = _scans_with(about)
    would_be: dict[int, Status] = {}
    parcels: dict[int, None] = {}
    samples: Counter[tuple[str, str, str]] = Counter()
    meant: dict[tuple[str, ...], Status] = {}
    for scan_id, shipment_id, code, text, status, told_by, word, standardized, level, gateway in rows:
        words = (code, text, told_by, word, standardized, level, gateway, status)
        if words not in meant:
            meant[words] = _meant(about.carrier_id, *words, mappings=mappings)
        then = meant[words]
        if then != status:
            would_be[scan_id] = then
            parcels[shipment_id] = None
            samples[(in_one_line(code, text, word), status, then.value)] += 1
    judged = list(parcels)[:MOST_PARCELS]
    return Effect(
        looked_at=looked_at,
        is_all=looked_at < MOST_SCANS,
        scans=len(would_be),
        parcels=len(parcels),
        samples=tuple(Sample(*words, scans) for words, scans in samples.most_common(MOST_SAMPLES)),
        moves=_moves(judged, would_be),
        judged=len(judged),
    )


def _scans_with(
    about: StatusMapping,
) -> tuple[list[tuple[int, int, str, str, str, str, str, str, str, str]], int]:
    """The newest scans of the carrier with these words, and at how many of whatever carrier it was looked for that."""
    said = {
        name: Coalesce(KeyTextTransform(name, "details"), Value(""), output_field=TextField())
        for name in _TOLD_BY
    }
    found, arguments = (
        ScanEvent.objects.with_words(about.code, about.text, about.word)
        .order_by("-shipment")
        .annotate(**said)
        .values_list("pk", "shipment", "code", "text", "status", "status_by", *_TOLD_BY, "withdrawn_at")[
            :MOST_SCANS
        ]
        .query.sql_with_params()
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH looked (id, shipment_id, code, text, status, status_by, word, standardized, level, withdrawn_at) AS MATERIALIZED ({found}),
            ours AS (
                SELECT looked.id, shipment_id, code, text, looked.status, status_by, word, standardized, level, answered_by
                FROM looked JOIN shipments_shipment AS shipment ON shipment.id = shipment_id
                WHERE carrier_id = %s AND (withdrawn_at IS NULL OR carrier_corrected_at IS NULL)
            )
            SELECT ours.*, looked_at FROM (SELECT count(*) AS looked_at FROM looked) AS counted LEFT JOIN ours ON true
            """,  # noqa: S608  (our own names)
            [*arguments, about.carrier_id],
        )
        rows = cursor.fetchall()
    return [row[:-1] for row in rows if row[0] is not None], rows[0][-1]


def _meant(
    carrier: str,
    code: str,
    text: str,
    told_by: str,
    word: str,
    standardized: str,
    level: str,
    gateway: str,
    stored: str,
    *,
    mappings: Iterable[StatusMapping],
) -> Status:
    """What a stored scan would mean under these mappings."""
    details = dict(zip(_TOLD_BY, (word, standardized, level), strict=True))
    status: Status | None = Status(stored)
    if told_by == "mapping":
        asked = Gateway(gateway) if gateway else gateways_for(carrier)[0]
        status, told_by = status_by_tables(asked, carrier, code=code, text=text, details=details)
    return mapped(status, told_by, code, text, details, mappings)[0]


def _moves(keys: Sequence[int], would_be: dict[int, Status]) -> tuple[Move, ...]:
    """Which statuses these parcels would get."""
    scans: dict[int, list[ScanEvent]] = {pk: [] for pk in keys}
    for scan in quick.read(ScanEvent, "shipment_id", keys, _OF_SCAN):
        scans[scan.shipment_id].append(scan)
    moves: Counter[tuple[str, str]] = Counter()
    for shipment in quick.read(Shipment, "id", keys, _OF_SHIPMENT):
        _shown, telling = shown_and_telling(shipment, scans[shipment.pk])
        told = status_of(Status(scan.status) for scan in telling)
        then = status_of(would_be.get(scan.pk, Status(scan.status)) for scan in telling)
        # Where no scan says anything the answer's headline does, and stays.
        if then != told and then != shipment.status:
            moves[(shipment.status, then.value)] += 1
    return tuple(Move(*change, parcels) for change, parcels in moves.most_common())


def examples_of(carrier: str, *, code: str = "", text: str = "", word: str = "") -> list[Shipment]:
    """A few of the newest parcels of the carrier that show these words, which nobody has given a meaning."""
    found, arguments = (
        ScanEvent.objects.with_words(code, text, word)
        .exclude(status_by="mapping")
        .order_by("-shipment")
        .values("shipment")[:LOOKED_AT]
        .query.sql_with_params()
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH looked (id) AS MATERIALIZED ({found})
            SELECT DISTINCT id FROM looked JOIN shipments_shipment AS shipment USING (id) WHERE carrier_id = %s
            ORDER BY id DESC LIMIT %s
            """,  # noqa: S608  (our own names)
            [*arguments, carrier, EXAMPLES],
        )
        keys = [pk for (pk,) in cursor.fetchall()]
    return list(Shipment.objects.filter(pk__in=keys).select_related("merchant").order_by("-pk"))
