"""The address of the list: what is asked for, in which order, with which columns. All of it, so that a link shares the view."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import parse_qs, urlencode

from django.utils.translation import gettext as _

from shipments.bulk.filters import BadFilter, ListFilter
from shipments.models import Membership
from shipments.web.forms import Mark
from shipments.web.keyset import Order
from shipments.web.list_columns import COLUMNS, USUAL_COLUMNS


@dataclass(frozen=True, slots=True)
class ListAddress:
    """What the list shows. `order` None is the usual one for what is asked, `columns` None those the reader has chosen."""

    wanted: ListFilter = field(default_factory=ListFilter)
    order: Order | None = None
    columns: tuple[str, ...] | None = None

    @classmethod
    def read(cls, asked: Mapping[str, Sequence[str]]) -> Self:
        """The address behind these parameters; marks of pages and names that are not ours are left alone. BadFilter."""
        wanted = ListFilter.read(asked)
        sort = (asked.get("sort") or [""])[-1]
        order = Order.read(sort)
        if sort and order is None:
            raise BadFilter("sort", _("The list cannot be sorted by that."))
        return cls(
            wanted, None if order == Order.usual_for(wanted) else order, _columns(asked.get("columns"))
        )

    @classmethod
    def from_query(cls, query: str) -> Self:
        """The address of a stored query string. BadFilter."""
        return cls.read(parse_qs(query, keep_blank_values=True))

    def to_query(self, **marks: Mark | None) -> str:
        """The canonical query string, with the marks of a page where they are given."""
        written = [(name, str(mark)) for name, mark in marks.items() if mark is not None]
        return urlencode([*self.pairs(), *written])

    def pairs(self) -> Iterator[tuple[str, str]]:
        """The canonical parameters, name and value; what is as usual is left out."""
        yield from self.wanted.pairs()
        if self.order is not None:
            yield "sort", str(self.order)
        if self.columns is not None:
            yield "columns", ",".join(self.columns)

    def cut(self, wanted: ListFilter) -> Self:
        """The same list of other parcels."""
        return replace(self, wanted=wanted)

    def sorted_by(self, order: Order) -> Self:
        """The same parcels in another order."""
        return replace(self, order=None if order == Order.usual_for(self.wanted) else order)

    @property
    def sorting(self) -> Order:
        """The order the list is in."""
        return self.order or Order.usual_for(self.wanted)

    def columns_for(self, reader: Membership) -> tuple[str, ...]:
        """The columns to show: of the address, else the reader's own, else the usual ones."""
        if self.columns is not None:
            return self.columns
        return known_columns(reader.columns) or USUAL_COLUMNS


def known_columns(names: Iterable[str]) -> tuple[str, ...]:
    """Those of the names that are columns, in the order of the table."""
    asked = set(names)
    return tuple(name for name in COLUMNS if name in asked)


def _columns(values: Sequence[str] | None) -> tuple[str, ...] | None:
    """The columns of an address, as a form repeats them or a link joins them; None where it says nothing of them."""
    if values is None:
        return None
    names = {name.strip() for value in values for name in value.split(",")} - {""}
    if unknown := names - set(COLUMNS):
        raise BadFilter(
            "columns", _("There is no column “%(name)s”.") % {"name": min(unknown)[:40].replace("\0", "")}
        )
    return known_columns(names)
