"""A parcel's scans into the map of its way and the same as text.

Finding the towns costs microseconds and is done for every parcel; the drawing is made only when a page asks for it,
so that a list of parcels or an answer without news draws nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from django.utils.translation import gettext as _

from shipments.enums import GROUP_OF, Lifecycle, Status
from shipments.facts import spelling
from shipments.facts.places import Place, town_of
from shipments.facts.route_map import Drawing, Stop, draw
from shipments.facts.towns import Spot, spot_of
from shipments.models import ScanEvent, Shipment

# What has happened then, happens nowhere on the way to the destination.
_NO_LONGER_GOING_THERE = frozenset({Status.DELIVERED, Status.RETURN_TO_SENDER})


@dataclass(frozen=True, slots=True)
class RoutePlace:
    """A place on the way, "Olney, MD", with the first and last day of this stay and the group of its last status."""

    label: str
    first_on: date
    last_on: date
    group: str


@dataclass(frozen=True, slots=True)
class RouteView:
    """The way of a parcel. `destination` is where it still goes, `""` where the reader may not know or nobody does."""

    places: tuple[RoutePlace, ...]
    destination: str
    stops: tuple[Stop, ...]
    goal: Stop | None
    # Only how days are written hangs on it, which is no news.
    today: date = field(repr=False, compare=False)

    def drawing(self) -> Drawing:
        """The map, for a template to put together."""
        return _drawn(self.stops, self.goal)

    def summary(self) -> str:
        """The way in a few words: "From Denver, CO to Olney, MD"."""
        first, last = self.places[0].label, self.places[-1].label
        if len(self.places) == 1:
            return _("Scanned in %(place)s so far") % {"place": last}
        return _("From %(first)s to %(last)s") % {"first": first, "last": last}

    def listed(self) -> list[tuple[str, str]]:
        """Each place in order with its days, "9 March – 10 March"."""
        return [(place.label, self._days(place)) for place in self.places]

    def _days(self, place: RoutePlace) -> str:
        first = spelling.short_day(place.first_on, self.today)
        if place.first_on == place.last_on:
            return first
        return _("%(first)s – %(last)s") % {
            "first": first,
            "last": spelling.short_day(place.last_on, self.today),
        }


# A page that asks for news of itself, and the parcels of one merchant, come along the same ways again and again.
@lru_cache(256)
def _drawn(stops: tuple[Stop, ...], goal: Stop | None) -> Drawing:
    return draw(stops, goal)


def route_of(
    shipment: Shipment,
    shown: Sequence[ScanEvent],
    *,
    label_of: Callable[[ScanEvent], str],
    knows_destination: bool,
    today: date,
) -> RouteView | None:
    """The way through the towns of these scans, newest first as they are given; None where no place of them is known, or only a label.

    `label_of` gives a scan's place to the level of its town.
    """
    if all(scan.status == Status.MANIFEST for scan in shown):
        # Where the label was made, nobody has seen the parcel.
        return None
    visits = _visits(shown)
    if not visits:
        return None
    places = tuple(visit.told(label_of) for visit in visits)
    goal = _goal(shipment, visits[-1].spot) if knows_destination else None
    return RouteView(
        places=places,
        destination="" if goal is None else _destination_label(shipment),
        stops=tuple(
            Stop(_name(visit.place, told.label), visit.spot, told.group)
            for visit, told in zip(visits, places, strict=True)
        ),
        goal=goal,
        today=today,
    )


@dataclass(frozen=True, slots=True)
class _Visit:
    """Scans in one town with none in another between them, newest first."""

    spot: Spot
    place: Place
    scans: tuple[ScanEvent, ...]

    def told(self, label_of: Callable[[ScanEvent], str]) -> RoutePlace:
        status = next((scan.status for scan in self.scans if scan.status != Status.UNKNOWN), Status.UNKNOWN)
        return RoutePlace(
            label=label_of(self.scans[0]),
            first_on=self.scans[-1].local_date,
            last_on=self.scans[0].local_date,
            group=GROUP_OF[Status(status)],
        )


def _visits(shown: Sequence[ScanEvent]) -> list[_Visit]:
    """The stays in towns whose point is known, first to last. Scans that tell no place interrupt none."""
    visits: list[_Visit] = []
    for scan in reversed(shown):
        place = Place(scan.city, scan.region, scan.postal_code, scan.country, scan.latitude, scan.longitude)
        spot = spot_of(place)
        if spot is None:
            continue
        before = visits[-1] if visits else None
        if before is not None and before.spot == spot:
            visits[-1] = _Visit(spot, place, (scan, *before.scans))
        else:
            visits.append(_Visit(spot, place, (scan,)))
    return visits


def _name(place: Place, label: str) -> str:
    """What stands on the map: the town alone, or the label's first part where no town was told."""
    town = spelling.without_digits(town_of(place))
    return spelling.readable(town) or label.partition(",")[0]


def _goal(shipment: Shipment, here: Spot) -> Stop | None:
    """The town the parcel still goes to, where that is known and it is not there yet."""
    going = shipment.lifecycle == Lifecycle.ACTIVE and shipment.status not in _NO_LONGER_GOING_THERE
    label = _destination_label(shipment)
    if not going or not label:
        return None
    place = Place(
        shipment.destination_city,
        shipment.destination_region,
        shipment.destination_postal_code,
        shipment.destination_country,
    )
    spot = spot_of(place)
    return None if spot is None or spot == here else Stop(_name(place, label), spot, "")


def _destination_label(shipment: Shipment) -> str:
    if not shipment.destination_city:
        return ""
    return spelling.place(
        spelling.without_digits(shipment.destination_city),
        spelling.without_digits(shipment.destination_region),
        shipment.destination_country,
    )
