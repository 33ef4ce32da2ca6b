"""A row of a file as a parcel, or the reason why it is none. Needs no database, so a preview reads as the import will."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from shipments.bulk.cell_values import BadCell, Words, check_email, plain
from shipments.bulk.columns import BY_KEY, spelled_carriers
from shipments.bulk.reading import MOST_COLUMNS
from shipments.facts.file_rows import Row
from shipments.models import Import
from shipments.tracking.adding import BadParcel, ParcelForm, parcel_form
from shipments.tracking.catalogue import Catalogue

# The fields `tracking.adding` names in its refusals → our columns.
_FIELDS = {
    "tracking number": "number",
    "carrier": "carrier",
    "gateway": "gateway",
    "postal code": "postal_code",
    "mailing date": "mailing_date",
}


@dataclass(slots=True)
class GoodRow:
    """A row that is a parcel, and what else it says."""

    number: int
    cells: list[str]
    parcel: ParcelForm
    order_number: str = ""
    recipient_name: str = ""
    tags: list[str] = field(default_factory=list)
    proof_due: bool = False
    # The buyer's address, and what the file says of the consent to write to it.
    buyer_email: str = ""
    consent: str = ""

    @property
    def subscribes(self) -> bool:
        """Whether the buyer is to get mails: nobody is written to without a consent."""
        return bool(self.buyer_email and self.consent)

    @property
    def lacks_consent(self) -> bool:
        """Whether an address is named that nobody may write to."""
        return bool(self.buyer_email and not self.consent)


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that is none; `column` is the key of ours at fault, "" for the row as a whole."""

    number: int
    cells: list[str]
    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class Judge:
    """What a file's rows are read by: which of our columns stands where, and what holds where nothing is said."""

    places: tuple[tuple[str, int], ...]
    width: int
    words: Words
    catalogue: Catalogue
    default_carrier: str
    default_mailing_date: date | None

    @classmethod
    def of(cls, job: Import, catalogue: Catalogue) -> "Judge":
        """The one for this import, with the carriers as they are right now."""
        offered = catalogue.offered
        return cls(
            places=tuple((key, place) for place, key in enumerate(job.columns) if key),
            width=len(job.header),
            words=Words(job.date_order, spelled_carriers(offered), tuple(offered.values())),
            catalogue=catalogue,
            default_carrier=job.default_carrier,
            default_mailing_date=job.default_mailing_date,
        )

    def read(self, row: Row) -> GoodRow | RefusedRow:
        """The row as a parcel by every rule that holds for one typed by hand."""
        cells = row.cells[:MOST_COLUMNS]
        if row.problem:
            return RefusedRow(row.number, cells, "", row.problem)
        if len(cells) > self.width and any(map(str.strip, cells[self.width :])):
            reason = _(
                "This row has %(many)d cells and the first one %(width)d: one may hold a separator without quotation marks."
            ) % {"many": len(row.cells), "width": self.width}
            return RefusedRow(row.number, cells, "", reason)
        said: dict[str, Any] = {}
        for key, place in self.places:
            text = plain(cells[place]) if place < len(cells) else ""
            if not text:
                continue
            try:
                said[key] = BY_KEY[key].read(text, self.words)
            except BadCell as refusal:
                return RefusedRow(row.number, cells, key, str(refusal))
        if "number" not in said:
            return RefusedRow(row.number, cells, "number", _("The tracking number is missing."))
        buyer_email, consent = said.get("buyer_email", ""), said.get("consent", "")
        if buyer_email and consent:
            try:
                check_email(buyer_email)
            except BadCell as refusal:
                return RefusedRow(row.number, cells, "buyer_email", str(refusal))
        try:
            parcel = parcel_form(
                said["number"],
                carrier=said.get("carrier") or self.default_carrier or None,
                gateway=said.get("gateway"),
                postal_code=said.get("postal_code"),
                mailing_date=said.get("mailing_date") or self.default_mailing_date,
                catalogue=self.catalogue,
            )
        except BadParcel as refusal:
            return RefusedRow(row.number, cells, _FIELDS[refusal.field], str(refusal))
        return GoodRow(
            row.number,
            cells,
            parcel,
            order_number=said.get("order_number", ""),
            recipient_name=said.get("recipient_name", ""),
            tags=said.get("tags", []),
            proof_due=said.get("proof_due", False),
            buyer_email=buyer_email,
            consent=consent,
        )
