"""The drawing of a parcel's way: which map, which part of it, the line, the marks, and which names have room.

The land scales with the page and the names do not: a name has to be readable on a phone. So marks and names stand at
hundredths of the frame, in the text sizes of the page, and a name is drawn only from that width on at which it
touches no other.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate, pairwise

from shipments.facts.outlines import MERIDIANS, Box, sheet, state_middles
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
# The narrowest frames: some 540 km of the United States, a state or two; 22 degrees of the world.
_USA_NARROWEST, _WORLD_NARROWEST = 110.0, 60.0
# Air around the way on either side, as a part of its size.
_AIR = 0.16
# Further stops of a parcel that has gone round in circles would only blacken the map.
_MOST_STOPS = 40
_MOST_NAMES = 10
# Codes of states would only be in the way on a map of most of them.
_CODES_UP_TO = 480.0
# Lines that set Alaska and Hawaii apart from the mainland, in units of the map.
_INSETS = ((-60, 440), (150, 440), (207, 512), (210, 610)), ((207, 512), (290, 512), (345, 560), (345, 610))
# A leg over the globe is bent in steps of so many radians.
_STEP = math.radians(5)

# The widths in CSS pixels from which names are shown, with the classes that hide them below; see site.css.
_WIDTHS = ((250.0, ""), (340.0, " is-roomy"), (600.0, " is-wide"))
_LETTER, _BOLD_LETTER, _LINE, _LONGEST_NAME = 6.9, 7.6, 16.0, 26
# Names are kept apart at each of those widths and at the widest that a map is drawn.
_CHECKED = (*(width for width, _hidden in _WIDTHS), 656.0)
_MARK = 6.0


@dataclass(frozen=True, slots=True)
class Stop:
    """A town on the way, as its name stands on the map, with the group of the status the parcel had there last."""

    name: str
    spot: Spot
    group: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """What an SVG is put together from: a view box, the data of five paths, and the markup of marks and names."""

    view_box: str
    land: str
    borders: str
    insets: str
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
        insets="".join(_line(inset, paper.scale, USA_WIDTH) for inset in _INSETS)
        if laid.name == "usa"
        else "",
        line="".join(_line(leg, paper.scale, laid.size[0]) for leg in laid.legs[:done]),
        ahead="".join(_line(leg, paper.scale, laid.size[0]) for leg in laid.legs[done:]),
        **_marks_and_names(stops, destination, laid, frame),
    )


# ---- The map and its frame ----------------------------------------------------------------------------------------


def _laid(stops: Sequence[Stop]) -> _Map:
    if all(stop.spot.in_states for stop in stops):
        points = [albers_usa(*stop.spot.point) for stop in stops]
        return _Map(
            "usa", (USA_WIDTH, USA_HEIGHT), _USA_NARROWEST, points, [[a, b] for a, b in pairwise(points)]
        )
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
    stops: Sequence[Stop], destination: Stop | None, laid: _Map, frame: Box
) -> dict[str, str]:
    at = [_hundredths(point, frame) for point in laid.points]
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
    first = next(iter(passed.items()), None)
    names += [(*first, "")] if first else []
    names += [(place, name, "") for place, name in reversed(list(passed.items())[1:])]
    lettering = _Lettering(set(at))
    ways_on = _ways_on(laid, frame)
    for place, name, classes in names[:_MOST_NAMES]:
        lettering.name(place, name, classes, ways_on.get(place, []))
    if laid.name == "usa" and frame[2] - frame[0] <= _CODES_UP_TO:
        for code, x, y in state_middles():
            if frame[0] < x < frame[2] and frame[1] < y < frame[3]:
                lettering.code(_hundredths((x, y), frame), code)
    return {"marks": "".join(marks), "names": "".join(lettering.markup)}


def _circle(at: Point, radius: float, classes: str) -> str:
    return f'<circle class="{classes}" cx="{at[0]:.2f}%" cy="{at[1]:.2f}%" r="{radius:g}"/>'


def _ways_on(laid: _Map, frame: Box) -> dict[Point, list[Point]]:
    """For each place the directions in which the line leaves it, as steps of length 1 on the page."""
    ways: dict[Point, list[Point]] = {}
    near = (frame[2] - frame[0]) / 20
    # Every leg begins where the one before it ends.
    line = [laid.points[0], *(point for leg in laid.legs for point in leg[1:])]
    stands = list(accumulate((len(leg) - 1 for leg in laid.legs), initial=0))
    for (x, y), stand in zip(laid.points, stands, strict=True):
        # Towns next to each other would tell of a turn too small to see.
        for further in (line[stand + 1 :], line[:stand][::-1]):
            far = next((point for point in further if math.dist((x, y), point) >= near), None)
            if far:
                length = math.dist((x, y), far)
                towards = ((far[0] - x) / length, (far[1] - y) / length)
                ways.setdefault(_hundredths((x, y), frame), []).append(towards)
    return ways


# How much of a text lies left of the point that it is anchored to.
_BEFORE = {"start": 0.0, "middle": 0.5, "end": 1.0}


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
        left = x - self.width * _BEFORE[self.anchor]
        return left, y - _LINE * 0.75, left + self.width, y + _LINE * 0.25


@dataclass(frozen=True, slots=True)
class _Side:
    """Where a name may stand: in which direction from its place, and how much worse that is than right of it."""

    towards: Point
    anchor: str
    dx: float
    dy: float
    worse: float

    def burden(self, ways_on: Sequence[Point]) -> float:
        """How bad it is to stand here: from 1 on the line would run through the name."""
        x, y = self.towards
        return self.worse + max((x * dx + y * dy for dx, dy in ways_on), default=0.0)


_SIDES = (
    _Side((1.0, 0.0), "start", 10, 4, 0.0),
    _Side((-1.0, 0.0), "end", -10, 4, 0.05),
    _Side((0.0, -1.0), "middle", 0, -11, 0.2),
    _Side((0.0, 1.0), "middle", 0, 20, 0.25),
    _Side((0.5, -0.87), "start", -6, -11, 0.3),
    _Side((-0.5, -0.87), "end", 6, -11, 0.3),
    _Side((0.5, 0.87), "start", -6, 20, 0.35),
    _Side((-0.5, 0.87), "end", 6, 20, 0.35),
)
# More than this, and a place that only a wider page has room for is better.
_CROSSED = 0.8


class _Lettering:
    """The names on a map, each where it touches none that was there before it."""

    def __init__(self, marks: set[Point]) -> None:
        self.markup: list[str] = []
        # What is taken on a page of each width.
        self._taken: dict[float, list[Box]] = {
            page: [_square(mark, page) for mark in marks] for page in _CHECKED
        }

    def name(self, place: Point, name: str, classes: str, ways_on: Sequence[Point]) -> None:
        """Write the name of a town beside it, where the line does not run; the first one is written in any case."""
        text = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1].rstrip() + "…"
        width = len(text) * (_LETTER if self.markup else _BOLD_LETTER)
        burdens = sorted((side.burden(ways_on), at) for at, side in enumerate(_SIDES))
        clear: list[_Label] = []
        crossed: list[_Label] = []
        for burden, at in burdens:
            side = _SIDES[at]
            label = _Label(place, side.anchor, side.dx, side.dy, width)
            (clear if burden <= _CROSSED else crossed).append(label)
        classes = f"route__name{classes}"
        if not self.markup:
            labels = [*clear, *crossed]
            self._write(classes, text, self._found(labels) or (*_WIDTHS[0], labels[0]))
        elif found := self._found(clear) or self._found(crossed):
            self._write(classes, text, found)

    def code(self, place: Point, code: str) -> None:
        """Write the code of a state in its middle, if there is room."""
        if found := self._found([_Label(place, "middle", 0, 4, len(code) * _LETTER)]):
            self._write("route__code", code, found)

    def _found(self, labels: Sequence[_Label]) -> tuple[float, str, _Label] | None:
        """The first of the labels that has room, on as narrow a page as possible."""
        return next(
            (
                (width, hidden, label)
                for width, hidden in _WIDTHS
                for label in labels
                if self._has_room(label, width)
            ),
            None,
        )

    def _write(self, classes: str, text: str, found: tuple[float, str, _Label]) -> None:
        width, hidden, label = found
        for page in _CHECKED:
            if page >= width:
                self._taken[page].append(label.box(page))
        self.markup.append(
            f'<text class="{classes}{hidden}" x="{label.at[0]:.2f}%" y="{label.at[1]:.2f}%"'
            f' dx="{label.dx:g}" dy="{label.dy:g}" text-anchor="{label.anchor}">{escape(text)}</text>'
        )

    def _has_room(self, label: _Label, width: float) -> bool:
        """Whether the name is on the map and touches neither mark nor name, at this width and at wider ones."""
        for page in _CHECKED:
            if page < width:
                continue
            left, top, right, bottom = label.box(page)
            if left < 3 or top < 3 or right > page - 3 or bottom > page / ASPECT - 3:
                return False
            for x0, y0, x1, y1 in self._taken[page]:
                if left < x1 and x0 < right and top < y1 and y0 < bottom:
                    return False
        return True


def _square(mark: Point, page: float) -> Box:
    """The room a mark takes on a map so many pixels wide."""
    x, y = mark[0] * page / 100, mark[1] * page / ASPECT / 100
    return x - _MARK, y - _MARK, x + _MARK, y + _MARK
