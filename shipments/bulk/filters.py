"""What a list of parcels is asked for, as an address has it: read once, applied to a page, a deed on all, an export."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from urllib.parse import parse_qsl, urlencode

from shipments.enums import StatusGroup
from shipments.facts import numbers
from shipments.models import Membership, Merchant
from shipments.models.shipments import ShipmentQuerySet


class BadFilter(ValueError):
    """What the address asks for does not exist: `field` names where, `str()` the rule."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class ListFilter:
    """Which of a merchant's parcels. The empty filter is all of them."""

    tab: StatusGroup | None = None
    q: str = ""

    @classmethod
    def read(cls, asked: Mapping[str, str]) -> Self:
        """The filter behind the parameters of an address; names that are not ours are left alone. BadFilter."""
        tab = asked.get("tab", "")
        if tab and tab not in set(StatusGroup):
            raise BadFilter("tab", "There is no such tab.")
        return cls(StatusGroup(tab) if tab else None, asked.get("q", "").strip())

    @classmethod
    def from_query(cls, query: str) -> Self:
        """The filter of a stored query string."""
        return cls.read(dict(parse_qsl(query)))

    def to_query(self) -> str:
        """The canonical query string, from which `from_query` makes the same filter."""
        asked = {"tab": self.tab or "", "q": self.q}
        return urlencode({name: value for name, value in asked.items() if value})

    def apply(
        self, parcels: ShipmentQuerySet, *, merchant: Merchant, now: datetime, reader: Membership | None
    ) -> ShipmentQuerySet:
        """Those of the merchant's parcels this filter asks for, as `reader` would see them at `now`."""
        found = parcels = parcels.for_merchant(merchant)
        if self.q:
            found = parcels.filter(order_number__istartswith=self.q)
            # Punctuation alone is in no number, but every number ends with nothing.
            if numbers.normal(self.q):
                found |= parcels.with_number_like(self.q)
        if self.tab:
            found = found.in_group(self.tab)
        return found
