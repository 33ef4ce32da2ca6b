"""The drawing of a parcel's way: which map, which part of it, the line, the marks, and which names have room.

The land scales with the page and the names do not: a name has to be readable on a phone. So marks and names stand at
hundredths of the frame, in the text sizes of the page, and a name is drawn only from that width on at which it
touches no other.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from shipments.facts.outlines import MERIDIANS, Box, sheet
from shipments.facts.projections import (
    USA_HEIGHT,
    USA_WIDTH,
    WORLD_HEIGHT,
    WORLD_WIDTH,
    Point,
    albers_usa,
    equal_earth,
    way,
)
from shipments.facts.towns import Spot

# Width to height of every map, as static/css/site.css has it.
ASPECT = 1.6
# The narrowest frames: some 680 km of the United States, a state or two; 40 degrees of the world.
_USA_NARROWEST, _WORLD_NARROWEST = 140.0, 110.0
# Air around the way on either side, as a part of its size.
_AIR = 0.16
# Further stops of a parcel that has gone round in circles would only blacken the map.
_MOST_STOPS = 40
_MOST_NAMES = 10
# A leg over the globe is bent in steps of so many radians.
_STEP = math.radians(5)

# The widths in CSS pixels from which names are shown, with the classes that hide them below; see site.css.
_WIDTHS = ((250.0, ""), (340.0, " route__name--roomy"), (600.0, " route__name--wide"))
_LETTER, _LINE, _LONGEST_NAME = 6.9, 16.0, 26
_MARK = 6.0


@dataclass(frozen=True, slots=True)
class Stop:
    """A town on the way, as its name stands on the map, with the group of the status the parcel had there last."""

    name: str
    spot: Spot
    group: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """What an SVG is put together from: a view box, the data of four paths, and the markup of marks and names."""

    view_box: str
    land: str
    borders: str
    line: str
    ahead: str
    marks: str
    names: str


@dataclass(frozen=True, slots=True)
class _Map:
    """A map with the way laid on it. `points` has the place of each stop, `legs` the bends of the way between two."""

    name: str
    size: Point
    narrowest: float
    points: list[Point]
    legs: list[list[Point]]


def draw(stops: Sequence[Stop], destination: Stop | None = None) -> Drawing:
    """The way through the stops, first to last, and on to the destination where that is known and still ahead.

    The last stop is where the parcel was seen last. At least one stop is needed.
    """
    stops = [stops[0], *stops[1:][1 - _MOST_STOPS :]]
    all_stops = [*stops, destination] if destination else list(stops)
    laid = _laid(all_stops)
    frame = _frame(laid)
    paper = sheet(laid.name, frame[2] - frame[0])
    land, borders = paper.within(frame)
    done = len(stops) - 1
    return Drawing(
        view_box=" ".join(
            str(round(edge * paper.scale))
            for edge in (frame[0], frame[1], frame[2] - frame[0], frame[3] - frame[1])
        ),
        land=land,
        borders=borders,
        line="".join(_line(leg, paper.scale, laid.size[0]) for leg in laid.legs[:done]),
        ahead="".join(_line(leg, paper.scale, laid.size[0]) for leg in laid.legs[done:]),
        **_marks_and_names(stops, destination, [_hundredths(point, frame) for point in laid.points]),
    )


# ---- The map and its frame ----------------------------------------------------------------------------------------


def _laid(stops: Sequence[Stop]) -> _Map:
    if all(stop.spot.in_states for stop in stops):
        points = [albers_usa(*stop.spot.point) for stop in stops]
        return _Map("usa", (USA_WIDTH, USA_HEIGHT), _USA_NARROWEST, points, [[a, b] for a, b in pairwise(points)])
    places = [stop.spot.point for stop in stops]
    name = _world_for([longitude for _latitude, longitude in places])
    meridian = MERIDIANS[name]
    points = [equal_earth(*place, meridian) for place in places]
    legs = [
        [a, *(equal_earth(*bend, meridian) for bend in _bends(start, end)), b]
        for (a, b), (start, end) in zip(pairwise(points), pairwise(places), strict=True)
    ]
    return _Map(name, (WORLD_WIDTH, WORLD_HEIGHT), _WORLD_NARROWEST, points, legs)


def _bends(start: Point, end: Point) -> list[Point]:
    """Points between the ends of a leg, so that it runs the way planes fly and not straight over the paper."""
    far = math.radians(math.hypot(end[0] - start[0], _turn(end[1] - start[1])))
    return way(start, end, int(far / _STEP) + 1)[1:-1]


def _world_for(longitudes: Sequence[float]) -> str:
    """The map of the world whose edge cuts no leg; of two such the one that has the way nearer to its middle."""

    def cost(name: str) -> tuple[int, float]:
        turns = [_turn(longitude - MERIDIANS[name]) for longitude in longitudes]
        return sum(abs(b - a) > 180 for a, b in pairwise(turns)), max(map(abs, turns))

    return min(MERIDIANS, key=cost)


def _turn(degrees: float) -> float:
    return (degrees + 540) % 360 - 180


def _frame(laid: _Map) -> Box:
    """The part of the map to show: the way with air around it, never narrower than what makes a place known again."""
    xs, ys = zip(*laid.points, *(point for leg in laid.legs for point in leg), strict=True)
    left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
    air = 1 + 2 * _AIR
    width = max((right - left) * air, (bottom - top) * air * ASPECT, laid.narrowest)
    width = min(width, max(laid.size[0], laid.size[1] * ASPECT))
    height = width / ASPECT
    x = _inside((left + right - width) / 2, width, laid.size[0])
    y = _inside((top + bottom - height) / 2, height, laid.size[1])
    return x, y, x + width, y + height


def _inside(start: float, length: float, limit: float) -> float:
    """Where a frame of this length begins so that it shows no more beyond the map than it must."""
    return (limit - length) / 2 if length >= limit else min(max(start, 0.0), limit - length)


def _line(leg: Sequence[Point], scale: int, width: float) -> str:
    """The data of a path along the leg, broken where it leaves the map at one edge and comes in at the other."""
    told = [f"M{leg[0][0] * scale:.0f} {leg[0][1] * scale:.0f}"]
    for before, (x, y) in pairwise(leg):
        told.append(f"{'M' if abs(x - before[0]) > width / 2 else 'L'}{x * scale:.0f} {y * scale:.0f}")
    return "".join(told)


def _hundredths(point: Point, frame: Box) -> Point:
    return (
        100 * (point[0] - frame[0]) / (frame[2] - frame[0]),
        100 * (point[1] - frame[1]) / (frame[3] - frame[1]),
    )


# ---- Marks and names ----------------------------------------------------------------------------------------------


def _marks_and_names(
    stops: Sequence[Stop], destination: Stop | None, at: Sequence[Point]
) -> dict[str, str]:
    last = len(stops) - 1
    here = at[last]
    # A town the parcel came to twice has one mark; where it is now lies on top.
    passed = {place: stop.name for place, stop in zip(at[:last], stops[:last], strict=True) if place != here}
    marks = [_circle(place, 3.5, "route__stop") for place in passed]
    names = [(here, stops[last].name, " route__name--here")]
    if destination is not None:
        marks.append(_circle(at[-1], 5, "route__goal"))
        names.append((at[-1], destination.name, ""))
    marks.append(_circle(here, 10, f"route__halo is-{stops[last].group}"))
    marks.append(_circle(here, 5.5, f"route__here is-{stops[last].group}"))
    first, *others = passed.items() if passed else [(here, "")]
    names += [(place, name, "") for place, name in (first, *reversed(others)) if name]
    return {"marks": "".join(marks), "names": "".join(_named(names[:_MOST_NAMES], at))}


def _circle(at: Point, radius: float, classes: str) -> str:
    return f'<circle class="{classes}" cx="{at[0]:.2f}%" cy="{at[1]:.2f}%" r="{radius:g}"/>'


@dataclass(frozen=True, slots=True)
class _Label:
    """A name beside its place: where it is from there in pixels, and how much room it takes."""

    at: Point
    anchor: str
    dx: float
    dy: float
    width: float

    def box(self, page: float) -> Box:
        """The room it takes on a map so many pixels wide."""
        x, y = self.at[0] * page / 100 + self.dx, self.at[1] * page / ASPECT / 100 + self.dy
        left = x - {"start": 0.0, "middle": self.width / 2, "end": self.width}[self.anchor]
        return left, y - _LINE * 0.75, left + self.width, y + _LINE * 0.25


def _named(names: Sequence[tuple[Point, str, str]], at: Sequence[Point]) -> Iterator[str]:
    """The markup of the names that have room, from the first, which always has one, to the last."""
    placed: list[tuple[float, _Label]] = []
    marks = set(at)
    for place, name, classes in names:
        text = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1].rstrip() + "…"
        candidates = _around(place, len(text) * _LETTER, at)
        found = next(
            (
                (width, hidden, label)
                for width, hidden in _WIDTHS
                for label in candidates
                if _has_room(label, width, placed, marks)
            ),
            None if placed else (*_WIDTHS[0], candidates[0]),
        )
        if found is None:
            continue
        width, hidden, label = found
        placed.append((width, label))
        yield (
            f'<text class="route__name{classes}{hidden}" x="{place[0]:.2f}%" y="{place[1]:.2f}%"'
            f' dx="{label.dx:g}" dy="{label.dy:g}" text-anchor="{label.anchor}">{escape(text)}</text>'
        )


def _around(place: Point, width: float, at: Sequence[Point]) -> list[_Label]:
    """Right, left, above and below the place; first the side that the rest of the way does not lie on."""
    middle = sum(x for x, _y in at) / len(at)
    right = _Label(place, "start", 10, 4, width)
    left = _Label(place, "end", -10, 4, width)
    beside = [right, left] if place[0] >= middle and place[0] < 75 else [left, right]
    if len(at) == 1:
        beside = [right, left]
    return [*beside, _Label(place, "middle", 0, -11, width), _Label(place, "middle", 0, 20, width)]


def _has_room(
    label: _Label, width: float, placed: Sequence[tuple[float, _Label]], marks: set[Point]
) -> bool:
    """Whether the name is on the map and touches neither mark nor name, at this width and at the widest."""
    for page in {width, _WIDTHS[-1][0]}:
        left, top, right, bottom = label.box(page)
        if left < 3 or top < 3 or right > page - 3 or bottom > page / ASPECT - 3:
            return False
        for x, y in marks:
            px, py = x * page / 100, y * page / ASPECT / 100
            if left < px + _MARK and px - _MARK < right and top < py + _MARK and py - _MARK < bottom:
                return False
        for _shown_from, other in placed:
            x0, y0, x1, y1 = other.box(page)
            if left < x1 and x0 < right and top < y1 and y0 < bottom:
                return False
    return True
