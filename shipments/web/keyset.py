"""The list in pages: each begins after a row, so that page 900 costs what page 1 does and nothing shifts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

from django.db import models
from django.db.models.functions import Coalesce, NullIf
from django.db.models.lookups import Exact, GreaterThan, IsNull

from shipments.bulk.filters import ListFilter
from shipments.bulk.nearby import Road, near_first
from shipments.models import Shipment
from shipments.models.rows import behind
from shipments.models.shipments import ShipmentQuerySet, by_order
from shipments.web.forms import Key, Mark


@dataclass(frozen=True, slots=True)
class Sort:
    """What the list can be sorted by: `key`, then the id in the same direction, as the index of this order has them.

    Where `may_lack` says that parcels can be without it, these come last, whichever way the list is turned.
    """

    name: str
    key: Any
    kind: type[Key]
    descends: bool
    may_lack: bool = True

    def ordering(self, *, reverse: bool) -> list[models.OrderBy]:
        """The order of the index, or its exact reverse."""
        nulls_away = True if self.descends and self.may_lack else None
        if self.descends == reverse:
            return [models.OrderBy(self.key, nulls_first=nulls_away), models.F("pk").asc()]
        return [models.OrderBy(self.key, descending=True, nulls_last=nulls_away), models.F("pk").desc()]

    def sorting(self, *, reverse: bool) -> list[models.OrderBy]:
        """The same order in a form no index has: all that fit are found first, by whatever finds them, then sorted."""
        by_key, by_pk = self.ordering(reverse=reverse)
        by_key.set_source_expressions([Coalesce(self.key, self.key)])
        return [by_key, by_pk]

    def key_or_none(self) -> Any:
        """The key; null for parcels without one, also where the database has an empty text."""
        return NullIf(self.key, models.Value("")) if self.kind is str else self.key

    def stretches(self) -> "list[_Stretch]":
        """The list cut into those that have what it is sorted by, and those that lack it."""
        if not self.may_lack:
            return [_Stretch(models.Q(), has_key=True)]
        if self.kind is str:
            return [
                _Stretch(models.Q(GreaterThan(self.key, "")), has_key=True),
                _Stretch(models.Q(Exact(self.key, "")), has_key=False),
            ]
        return [
            _Stretch(models.Q(IsNull(self.key, False)), has_key=True),
            _Stretch(models.Q(IsNull(self.key, True)), has_key=False),
        ]


@dataclass(frozen=True, slots=True)
class _Stretch:
    condition: models.Q
    has_key: bool


ADDED = Sort("added", models.F("created_at"), datetime, descends=True, may_lack=False)
NEWS = Sort("news", models.F("changed_at"), datetime, descends=True)
SCAN = Sort("scan", models.F("last_scan_at"), datetime, descends=True)
PROMISED = Sort("promised", models.F("estimated_on"), date, descends=False)
DELIVERED = Sort("delivered", models.F("delivered_on"), date, descends=True)
ORDER = Sort("order", by_order(), str, descends=False)
SORTS = {sort.name: sort for sort in (ADDED, NEWS, SCAN, PROMISED, DELIVERED, ORDER)}


@dataclass(frozen=True, slots=True)
class Order:
    """The list's order: a sort, in its usual direction or turned around."""

    sort: Sort
    turned: bool = False

    def __str__(self) -> str:
        """As an address has it."""
        return f"-{self.sort.name}" if self.turned else self.sort.name

    @classmethod
    def read(cls, text: str) -> "Order | None":
        """The order an address names; None where there is no such."""
        sort = SORTS.get(text.removeprefix("-"))
        return cls(sort, text.startswith("-")) if sort else None

    @classmethod
    def usual_for(cls, wanted: ListFilter) -> "Order":
        """What a list of these is sorted by unless somebody says otherwise: by the day it is cut by, and the newest first."""
        if wanted.news:
            return cls(NEWS)
        if wanted.delivered:
            return cls(DELIVERED)
        if wanted.promised or wanted.late:
            return cls(PROMISED)
        return cls(ADDED)


class Reading(Enum):
    """How the rows of a page are found where they are many."""

    # Along the index of the order: what is asked for has an index of this order, or nearly everything fits.
    IN_ORDER = "in order"
    # Nobody knows where they lie.
    NEAR_FIRST = "near first"


@dataclass(frozen=True, slots=True)
class Turn:
    """Where a page begins: behind a row, or with the first one; `back` reads towards the beginning of the list."""

    mark: Mark | None = None
    back: bool = False

    @classmethod
    def to(cls, *, after: Mark | None, before: Mark | None) -> "Turn":
        """The page that begins after one row, ends before one, or is the first."""
        return cls(after) if after is not None or before is None else cls(before, back=True)

    def on_the_page_or_behind(self, order: Order) -> models.Q:
        """The condition of all rows that are read from here on."""
        if self.mark is None:
            return models.Q()
        stretches = self.stretches(order)
        behind = _behind(order.sort, self.mark, smaller=order.sort.descends != self.reverses(order))
        wanted = stretches[0].condition & behind
        for stretch in stretches[1:]:
            wanted |= stretch.condition
        return wanted

    def reverses(self, order: Order) -> bool:
        """Whether rows are read against the direction of the order's index."""
        return order.turned != self.back

    def stretches(self, order: Order) -> "list[_Stretch]":
        """The stretches of the list in the direction of reading, from the one on that the mark is in."""
        stretches = order.sort.stretches()
        if self.back:
            stretches.reverse()
        if self.mark is not None:
            while stretches[0].has_key != (self.mark.key is not None):
                stretches.pop(0)
        return stretches


Dressed = Callable[[ShipmentQuerySet], ShipmentQuerySet]


@dataclass(frozen=True, slots=True)
class Gathered:
    """A list so short that whoever counted it has gathered it: the ids of a turn, in order. They are not looked for again."""

    ids: Sequence[int]
    order: Order
    # Adds to the few that are shown what a page needs of them.
    dressed: Dressed

    def page(self, turn: Turn, *, size: int) -> "Page":
        """The page that begins there."""
        wanted = (self.ids[::-1] if turn.back else self.ids)[: size + 1]
        shown = _shown(wanted, self.order, self.dressed).in_bulk()
        return Page.of([shown[pk] for pk in wanted if pk in shown], turn, size)


@dataclass(frozen=True, slots=True)
class Listed:
    """A list to read pages of: `found` are its parcels, `road` is that on which they lie in this order, `dressed` adds to
    the few that are shown what a page needs of them."""

    found: ShipmentQuerySet
    road: Road
    order: Order
    reading: Reading
    dressed: Dressed

    def page(self, turn: Turn, *, size: int) -> "Page":
        """The page that begins there."""
        limit = size + 1
        reverse = turn.reverses(self.order)
        mark, rows = turn.mark, list[Any]()
        for stretch in turn.stretches(self.order):
            where = stretch.condition
            if mark is not None:
                where &= _behind(self.order.sort, mark, smaller=self.order.sort.descends != reverse)
                mark = None
            rows += self._stretch(where, reverse=reverse, limit=limit - len(rows))
            if len(rows) == limit:
                break
        return Page.of(rows, turn, size)

    def _stretch(self, where: models.Q, *, reverse: bool, limit: int) -> list[Any]:
        sort = self.order.sort
        walk, gather = sort.ordering(reverse=reverse), sort.sorting(reverse=reverse)
        fitting = self.found.filter(where)
        match self.reading:
            case Reading.NEAR_FIRST:
                road = self.road.where(where)
                ids: Any = near_first(fitting, road, ["pk"], walk=walk, gather=gather, limit=limit)
            case Reading.IN_ORDER:
                ids = fitting.order_by(*walk).values("pk")[:limit]
        return list(_shown(ids, self.order, self.dressed).order_by(*walk))


def _shown(ids: Any, order: Order, dressed: Dressed) -> ShipmentQuerySet:
    # The ids alone are sorted; everything else is read of the few that are left.
    return dressed(Shipment.objects.filter(pk__in=ids).annotate(sort_key=order.sort.key))


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list, and marks for the pages beside it; None where the list begins or ends."""

    rows: Sequence[Any]
    newer: Mark | None = None
    older: Mark | None = None

    @classmethod
    def of(cls, rows: list[Any], turn: Turn, size: int) -> "Page":
        """The page of these rows, which are in the direction of reading, one more than fit where there are more."""
        more, rows = len(rows) > size, rows[:size]
        if turn.back:
            rows.reverse()
        if not rows:
            return cls(rows)
        return cls(
            rows,
            newer=_mark(rows[0]) if (more if turn.back else turn.mark is not None) else None,
            older=_mark(rows[-1]) if (turn.back or more) else None,
        )


def _mark(row: Any) -> Mark:
    return Mark(row.sort_key or None, row.pk)


def _behind(sort: Sort, mark: Mark, *, smaller: bool) -> models.Q:
    pk = models.F("pk")
    if mark.key is None:
        return behind([pk], [mark.pk], smaller=smaller)
    return behind([sort.key, pk], [mark.key, mark.pk], smaller=smaller)
