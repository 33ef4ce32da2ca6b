"""What a list of parcels is asked for, as an address has it: read once, applied to a page, a deed on all, an export."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs, urlencode
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from shipments.enums import GROUP_OF, Lifecycle, Resolution, Status, StatusGroup
from shipments.facts import spelling
from shipments.models import AttentionItem, Membership, Merchant
from shipments.models.shipments import ShipmentQuerySet

# The longest barcode a scanner types, with room for blanks between its signs.
LONGEST_SEARCH = 100
MOST_TAGS = 10
# No parcel is older than this product, and no promise reaches farther; some zones have no clock beyond.
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2100, 12, 31)

Word = TypeVar("Word", bound=StrEnum)


class Proof(StrEnum):
    """Whether there is proof of the delivery."""

    HAS = "yes"
    HAS_NOT = "no"


class Owned(StrEnum):
    """Who looks after what needs somebody."""

    MINE = "mine"
    NOBODYS = "none"
    ANYBODYS = "any"


class BadFilter(ValueError):
    """What the address asks for does not exist: `field` names where, `str()` the rule, in the reader's language."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Days:
    """From a day to a day, both included; None is no bound."""

    first: date | None = None
    last: date | None = None

    def __bool__(self) -> bool:
        return self.first is not None or self.last is not None


@dataclass(frozen=True, slots=True)
class ListFilter:
    """Which of a merchant's parcels. The empty filter is all that are not archived.

    `q` is free text over number, order, recipient and tag; `tags` must all be there; `place` is the start of where
    the parcel was seen last. Days are those of the merchant's clock for `added`, of the place for the others.
    `attention` and `news` depend on who looks.
    """

    tab: StatusGroup | None = None
    q: str = ""
    status: Status | None = None
    lifecycle: Lifecycle | None = None
    carrier: str = ""
    service: str = ""
    tags: tuple[str, ...] = ()
    place: str = ""
    added: Days = Days()
    promised: Days = Days()
    delivered: Days = Days()
    late: bool = False
    proof: Proof | None = None
    resolution: Resolution | None = None
    attention: Owned | None = None
    news: bool = False

    @classmethod
    def read(cls, asked: Mapping[str, Sequence[str]]) -> Self:
        """The filter behind the parameters of an address, as `QueryDict.lists()` or `parse_qs` give them; names that
        are not ours are left alone. BadFilter."""
        reading = _Reading(asked)
        return cls(
            tab=reading.word("tab", StatusGroup, _("There is no such tab.")),
            q=reading.text("q", LONGEST_SEARCH),
            status=reading.word("status", Status, _("There is no such status.")),
            lifecycle=reading.word("lifecycle", Lifecycle, _("Parcels are active, ended or archived.")),
            carrier=reading.text("carrier", 20),
            service=reading.text("service", 100),
            tags=reading.tags(),
            place=reading.text("place", 100),
            added=reading.days("added"),
            promised=reading.days("promised"),
            delivered=reading.days("delivered"),
            late=reading.flag("late"),
            proof=reading.word("proof", Proof, _("Proof is asked for by yes or no.")),
            resolution=reading.word("resolution", Resolution, _("There is no such resolution.")),
            attention=reading.word("attention", Owned, _("Attention is asked for by mine, none or any.")),
            news=reading.flag("news"),
        )

    @classmethod
    def from_query(cls, query: str) -> Self:
        """The filter of a stored query string. BadFilter."""
        return cls.read(parse_qs(query))

    def to_query(self) -> str:
        """The canonical query string, from which `from_query` makes the same filter."""
        return urlencode(list(self.pairs()))

    def pairs(self) -> Iterator[tuple[str, str]]:
        """The canonical parameters, name and value; what is not asked for is left out."""
        one_value = ("tab", "status", "lifecycle", "carrier", "service", "place", "proof", "resolution", "attention")  # fmt: skip
        if self.q:
            yield "q", self.q
        for name in one_value:
            if value := getattr(self, name):
                yield name, str(value)
        for tag in self.tags:
            yield "tag", tag
        for name in ("added", "promised", "delivered"):
            days: Days = getattr(self, name)
            if days.first:
                yield f"{name}_from", days.first.isoformat()
            if days.last:
                yield f"{name}_to", days.last.isoformat()
        for name in ("late", "news"):
            if getattr(self, name):
                yield name, "1"

    @property
    def is_plain(self) -> bool:
        """Whether nothing but a tab and a lifecycle is asked for: then the tallies have the counts."""
        return replace(self, tab=None, lifecycle=None) == type(self)()

    def apply(
        self, parcels: ShipmentQuerySet, *, merchant: Merchant, now: datetime, reader: Membership | None
    ) -> ShipmentQuerySet:
        """Those of the merchant's parcels this filter asks for.

        `reader` is who looks: without one nothing is theirs and nothing is news to them.
        """
        found = parcels.for_merchant(merchant).filter(is_archived=self.lifecycle == Lifecycle.ARCHIVED)
        if self.lifecycle in {Lifecycle.ACTIVE, Lifecycle.ENDED}:
            found = found.filter(lifecycle=self.lifecycle)
        if self.tab:
            found = found.in_group(self.tab)
        if self.status:
            # The group leads to the few rows among which the status is looked for.
            found = found.in_group(GROUP_OF[self.status]).filter(status=self.status)
        if self.carrier:
            found = found.filter(carrier=self.carrier)
        if self.service:
            found = found.with_service(self.service)
        for tag in self.tags:
            found = found.tagged(tag)
        if self.place:
            found = found.last_seen_in(self.place)
        if self.resolution:
            found = found.filter(resolution=self.resolution)
        if self.proof:
            found = found.with_proof() if self.proof == Proof.HAS else found.without_proof()
        if self.late:
            found = found.late(spelling.today_at(now, merchant.time_zone))
        found = found.filter(self._days(ZoneInfo(merchant.time_zone)))
        if self.attention:
            found = found.filter(Exists(self._items(merchant, now, reader)))
        if self.news:
            found = found.none() if reader is None else found.news_to(reader)
        return found.searched(self.q) if self.q else found

    def _days(self, zone: ZoneInfo) -> Q:
        bounds: dict[str, Any] = {}
        if self.added.first:
            bounds["created_at__gte"] = datetime.combine(self.added.first, time(), zone)
        if self.added.last:
            bounds["created_at__lt"] = datetime.combine(self.added.last + timedelta(days=1), time(), zone)
        for column, days in (("estimated_on", self.promised), ("delivered_on", self.delivered)):
            if days.first:
                bounds[f"{column}__gte"] = days.first
            if days.last:
                bounds[f"{column}__lte"] = days.last
        return Q(**bounds)

    def _items(self, merchant: Merchant, now: datetime, reader: Membership | None) -> Any:
        items = AttentionItem.objects.for_merchant(merchant).open(now).filter(shipment=OuterRef("pk"))
        match self.attention:
            case Owned.MINE:
                return items.filter(owner=reader.user_id) if reader else items.none()
            case Owned.NOBODYS:
                return items.filter(owner=None)
            case _:
                return items


class _Reading:
    """The parameters of one address, each read by its rule or refused by its name."""

    def __init__(self, asked: Mapping[str, Sequence[str]]) -> None:
        self.asked = asked

    def text(self, field: str, longest: int) -> str:
        """The last value, as browsers and people expect of a name that is there twice."""
        values = self.asked.get(field) or [""]
        return self._checked(field, values[-1], longest)

    def word(self, field: str, words: type[Word], rule: str) -> Word | None:
        text = self.text(field, 100)
        if text and text not in set(words):
            raise BadFilter(field, rule)
        return words(text) if text else None

    def flag(self, field: str) -> bool:
        text = self.text(field, 100)
        if text not in {"", "1"}:
            raise BadFilter(field, _("This is asked for by 1, or left out."))
        return text == "1"

    def tags(self) -> tuple[str, ...]:
        tags = [self._checked("tag", value, 40) for value in self.asked.get("tag", ())]
        # In the order they were asked for; each once.
        once = tuple(dict.fromkeys(tag for tag in tags if tag))
        if len(once) > MOST_TAGS:
            raise BadFilter("tag", _("At most %(most)d tags at once.") % {"most": MOST_TAGS})
        return once

    def days(self, field: str) -> Days:
        first, last = self._day(f"{field}_from"), self._day(f"{field}_to")
        if first and last and first > last:
            raise BadFilter(f"{field}_to", _("The last day is before the first."))
        return Days(first, last)

    def _day(self, field: str) -> date | None:
        text = self.text(field, 100)
        if not text:
            return None
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise BadFilter(field, _("A day is written like 2026-03-31.")) from None
        if not _FIRST_DAY <= day <= _LAST_DAY:
            raise BadFilter(field, _("A day lies between the years 2000 and 2100."))
        return day

    @staticmethod
    def _checked(field: str, value: str, longest: int) -> str:
        text = value.strip()
        if "\0" in text:
            raise BadFilter(field, _("Null signs are not text."))
        if len(text) > longest:
            raise BadFilter(
                field,
                _("At most %(most)d signs; these are %(many)d.") % {"most": longest, "many": len(text)},
            )
        # Half a surrogate pair is not text that a database takes: it becomes a question mark.
        return text.encode("utf-8", "replace").decode()
