"""The first rows of a file as its import will read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from shipments.bulk.columns import BY_KEY
from shipments.bulk.judging import GoodRow, Judge, RefusedRow
from shipments.facts import numbers
from shipments.facts.file_rows import Row
from shipments.models import Import, Shipment
from shipments.tracking.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """A row as it will be read: the parcel, or the reason for which it will be refused."""

    number: int
    parcel: str
    carrier: str
    sure: str
    cells: list[str]
    notes: list[str]
    problem: str
    is_known: bool


def shown_keys(job: Import) -> list[str]:
    """The columns of the preview besides number and carrier."""
    return [key for key in BY_KEY if key in job.columns and key not in {"number", "carrier"}]


def preview_rows(job: Import, rows: Sequence[Row], catalogue: Catalogue) -> list[PreviewRow]:
    """These rows as the import will read them, with those that are there already; one statement."""
    judge = Judge.of(job, catalogue)
    read = [judge.read(row) for row in rows]
    keys = {numbers.lookup_key(row.parcel.number) for row in read if isinstance(row, GoodRow)}
    known = set(
        Shipment.objects.for_merchant(job.merchant)
        .filter(lookup_key__in=keys)
        .values_list("carrier", "number")
    )
    seen: set[tuple[str, str]] = set()
    result = []
    for row in read:
        if isinstance(row, RefusedRow):
            result.append(_refused_row(job, row))
            continue
        key = (row.parcel.carrier, row.parcel.number)
        result.append(_good_row(job, row, catalogue, is_known=key in known or key in seen))
        seen.add(key)
    return result


def _good_row(job: Import, row: GoodRow, catalogue: Catalogue, *, is_known: bool) -> PreviewRow:
    parcel = row.parcel
    recognised = numbers.recognise(parcel.typed, catalogue.formats)
    candidates = [one for one in recognised if one.carrier == parcel.carrier]
    said: dict[str, Any] = {
        "postal_code": parcel.postal_code,
        "mailing_date": parcel.mailing_date.isoformat() if parcel.mailing_date else "",
        "order_number": row.order_number,
        "recipient_name": row.recipient_name,
        "tags": ", ".join(row.tags),
        "proof_due": _("yes") if row.proof_due else "",
        "gateway": parcel.gateway or "",
        "buyer_email": row.buyer_email,
        "consent": row.consent,
    }
    return PreviewRow(
        number=row.number,
        parcel=parcel.number,
        carrier=catalogue.offered[parcel.carrier],
        sure=_how_sure(candidates[0].sure) if candidates else "",
        cells=[str(said[key]) for key in shown_keys(job)],
        notes=[note for note in (parcel.warning, _about_mails(row)) if note],
        problem="",
        is_known=is_known,
    )


def _about_mails(row: GoodRow) -> str:
    """What becomes of the buyer's address."""
    if row.lacks_consent:
        return _("No mails to the buyer: the file does not say that they agreed to it.")
    return _("The buyer gets mails about this parcel.") if row.subscribes else ""


def _refused_row(job: Import, row: RefusedRow) -> PreviewRow:
    def cell(key: str) -> str:
        place = job.columns.index(key)
        return row.cells[place][:80] if place < len(row.cells) else ""

    label = f"{BY_KEY[row.column].label}: " if row.column else ""
    return PreviewRow(
        number=row.number,
        parcel=cell("number"),
        carrier=cell("carrier") if "carrier" in job.columns else "",
        sure="",
        cells=[cell(key) for key in shown_keys(job)],
        notes=[],
        problem=f"{label}{row.reason}",
        is_known=False,
    )


def _how_sure(sure: str) -> str:
    return {"certain": _("certain"), "likely": _("likely"), "possible": _("possible")}[sure]
