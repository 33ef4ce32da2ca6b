"""The columns a person can choose for the list, and what stands in them for each parcel."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from shipments.enums import Resolution, Status
from shipments.facts import spelling, wording
from shipments.models import Membership
from shipments.models.shipments import ShipmentQuerySet
from shipments.web.keyset import ADDED, DELIVERED, NEWS, ORDER, PROMISED, SCAN, Sort
from shipments.web.parcel_view import Sight
from shipments.web.presenting import words_of

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the list: its heading, what it is read from beside what every row needs, what it can be sorted by."""

    label: "StrOrPromise"
    reads: tuple[str, ...] = ()
    sort: Sort | None = None


class Cell(NamedTuple):
    """What stands in a column for one parcel: `text`, or `many` texts; `kind` is how it is drawn, `more` the instant
    behind an age, or the group of a status. Without text the cell is drawn as empty.

    A tuple, because a page has hundreds, and templates take these apart much faster than they look up attributes.
    """

    label: str
    kind: str
    text: str = ""
    more: str = ""
    many: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One parcel of the list. `carrier` and `place`, where it was last in the carrier's spelling, are `""` where a
    column says them."""

    public_id: str
    number: str
    instance: int
    carrier: str
    sentence: str
    place: str
    trouble: str
    is_news: bool
    cells: list[Cell]


COLUMNS: dict[str, Column] = {
    "status": Column(pgettext_lazy("column", "Status")),
    "carrier": Column(gettext_lazy("Carrier")),
    "service": Column(gettext_lazy("Service"), ("service_name", "service_code")),
    "place": Column(gettext_lazy("Last place")),
    "due": Column(gettext_lazy("Due or delivered"), sort=PROMISED),
    "promised": Column(gettext_lazy("Promised"), sort=PROMISED),
    "delivered": Column(pgettext_lazy("column", "Delivered"), sort=DELIVERED),
    "scan": Column(gettext_lazy("Last scan"), sort=SCAN),
    "news": Column(gettext_lazy("Last news"), sort=NEWS),
    "checked": Column(gettext_lazy("Checked")),
    "order": Column(gettext_lazy("Order"), sort=ORDER),
    "recipient": Column(gettext_lazy("Recipient"), ("recipient_name",)),
    "tags": Column(gettext_lazy("Tags"), ("tags",)),
    "owner": Column(
        gettext_lazy("Looked after by"),
        ("attention__done_at", "attention__owner__name", "attention__owner__email"),
    ),
    "resolution": Column(gettext_lazy("Resolution"), ("resolution",)),
    "added": Column(gettext_lazy("Added"), sort=ADDED),
}
USUAL_COLUMNS = ("status", "due", "scan", "order")

# What the number, the sentence and the columns above are made of.
_READ = (
    "public_id", "merchant", "carrier__name", "number", "instance", "order_number", "created_at", "status", "changed_at",
    "last_scan_at", "last_location", "estimated_on", "estimated_from", "estimated_to", "estimated_offset",
    "delivered_on", "delivered_time", "delivery_description", "reattempt_on", "reattempt_time",
    "watch__heard", "watch__checked_at", "watch__error_text",
)  # fmt: skip


class Table:
    """The list's table for one reader: reads what its columns need, and says what stands in them."""

    def __init__(self, columns: Sequence[str], reader: Membership, now: datetime) -> None:
        self.reader, self.now = reader, now
        self.merchant = reader.merchant
        self.today = spelling.today_at(now, self.merchant.time_zone)
        self.names = tuple(columns)
        # The words of a heading are looked up once, not once a row.
        self.drawn = [(getattr(self, f"_{name}"), str(COLUMNS[name].label)) for name in self.names]
        self.statuses = {status: wording.status_label(status) for status in Status}

    def dressed(self, parcels: ShipmentQuerySet) -> ShipmentQuerySet:
        """The parcels with all that their rows show, and nothing else of their many columns."""
        reads = [name for column in self.names for name in COLUMNS[column].reads]
        joins = ["carrier", "watch", *(["attention__owner"] if "owner" in self.names else [])]
        return parcels.select_related(*joins).only(*_READ, *reads).marked_for(self.reader)

    def row(self, shipment: Any) -> Row:
        """What the columns of the parcel and its watch tell, without its scans."""
        shipment.merchant = self.merchant
        words = words_of(shipment, [], sight=Sight.STAFF)
        is_late = wording.is_late(words, now=self.now)
        return Row(
            public_id=str(shipment.public_id),
            number=shipment.number,
            instance=shipment.instance,
            carrier="" if "carrier" in self.names else shipment.carrier.name,
            sentence=wording.sentence(words, now=self.now),
            place="" if "place" in self.names else spelling.told_place(shipment.last_location),
            trouble=shipment.watch.error_text,
            is_news=shipment.is_news,
            cells=[draw(shipment, label, is_late) for draw, label in self.drawn],
        )

    def _status(self, shipment: Any, label: str, _is_late: bool) -> Cell:
        return Cell(label, "status", self.statuses[shipment.status], shipment.group)

    def _carrier(self, shipment: Any, label: str, _is_late: bool) -> Cell:
        return Cell(label, "text", shipment.carrier.name)

    def _service(self, shipment: Any, label: str, _is_late: bool) -> Cell:
        return Cell(label, "text", shipment.service_name or shipment.service_code)

    def _place(self, shipment: Any, label: str, _is_late: bool) -> Cell:
        return Cell(label, "text", spelling.told_place(shipment.last_location))

    def _due(self, shipment: Any, label: str, is_late: bool) -> Cell:
        return self._day(shipment.delivered_on or shipment.estimated_on, label, is_late)

    def _promised(self, shipment: Any, label: str, is_late: bool) -> Cell:
        return self._day(shipment.estimated_on, label, is_late)

    def _delivered(self, shipment: Any, label: str, _is_late: bool) -> Cell:
        return self._day(shipment.delivered_on, label, False)

    def _scan(self, shipment: Any, label: str, _is_late: bool) -> Cell:
        return self._age(shipment.last_scan_at, label)

    def _news(self, shipment: Any, label: str, _is_late: bool) -> Cell:
        return self._age(shipment.changed_at, label)

    def _checked(self, shipment: Any, label: str, _is_late: bool) -> Cell:
        at = shipment.watch.checked_at
        return self._age(at, label) if at else Cell(label, "quiet", _("not yet"))

    def _order(self, shipment: Any, label: str, _is_late: bool) -> Cell:
        return Cell(label, "text", shipment.order_number)

    def _recipient(self, shipment: Any, label: str, _is_late: bool) -> Cell:
        return Cell(label, "text", shipment.recipient_name)

    def _tags(self, shipment: Any, label: str, _is_late: bool) -> Cell:
        return Cell(label, "tags", ", ".join(shipment.tags), many=shipment.tags)

    def _owner(self, shipment: Any, label: str, _is_late: bool) -> Cell:
        item = getattr(shipment, "attention", None)
        owner = item.owner if item is not None and item.done_at is None else None
        return Cell(label, "text", owner.get_full_name() if owner else "")

    def _resolution(self, shipment: Any, label: str, _is_late: bool) -> Cell:
        return Cell(label, "text", resolution_label(shipment.resolution) if shipment.resolution else "")

    def _added(self, shipment: Any, label: str, _is_late: bool) -> Cell:
        return self._age(shipment.created_at, label)

    def _day(self, day: date | None, label: str, is_late: bool) -> Cell:
        return Cell(label, "late" if is_late else "text", spelling.short_day(day, self.today) if day else "")

    def _age(self, at: datetime | None, label: str) -> Cell:
        if at is None:
            return Cell(label, "text")
        return Cell(label, "time", spelling.age(self.now - at), at.isoformat(timespec="seconds"))


def resolution_label(resolution: str) -> str:
    """What a person has made of a parcel, in a word."""
    labels = {
        Resolution.LOST: pgettext("resolution", "Lost"),
        Resolution.REFUNDED: pgettext("resolution", "Refunded"),
        Resolution.RETURNED: pgettext("resolution", "Returned"),
    }
    return labels[Resolution(resolution)]
