"""Charts as plain shapes for SVG templates: pure arithmetic, no library.

Across, everything is a share of the width in percent, so that a chart fills any screen; up and down it is pixels, and
letters keep the size of the page's. A `viewBox` would shrink them with the drawing until nobody can read them on a phone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

# Left of the first point: room for the scale's labels, in percent of the width.
_GUTTER = 8.0


@dataclass(frozen=True, slots=True)
class Tick:
    """A label below the chart. The `minor` ones are left out where there is no room."""

    x: str
    label: str
    minor: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across the chart, and the value it stands for, written above it."""

    y: float
    label: str

    @property
    def label_y(self) -> float:
        return round(self.y - 5, 1)


@dataclass(frozen=True, slots=True)
class Stroke:
    """A straight line between two points."""

    x1: str
    y1: float
    x2: str
    y2: float


@dataclass(frozen=True, slots=True)
class Dot:
    """One value, with the words a pointer over it reads; `few` of what rests on few parcels."""

    x: str
    y: float
    words: str
    few: bool


@dataclass(frozen=True, slots=True)
class Column:
    """One bar that stands. `label` is what is written on it, `before` the height of the period before."""

    x: str
    middle: str
    width: str
    y: float
    height: float
    label: str
    minor: bool
    words: str
    before: Stroke | None

    @property
    def label_y(self) -> float:
        """Above the bar, and above the stroke of the period before where that crosses the letters."""
        foot = self.y - 6
        if self.before and foot - 12 < self.before.y1 < foot + 2:
            foot = self.before.y1 - 5
        return round(foot, 1)


@dataclass(frozen=True, slots=True)
class Mark:
    """A line from a label at the top to the bars."""

    x: str
    y: float
    label_x: str
    anchor: str
    label: str

    @property
    def line_y(self) -> float:
        """Where the line begins: as high as its label reaches."""
        return round(self.y - 11, 1)


@dataclass(frozen=True, slots=True)
class LineChart:
    """Shares over time: `dots` and `strokes` of this period, `quiet` strokes of the one before."""

    height: int
    base: float
    rules: list[Rule]
    ticks: list[Tick]
    strokes: list[Stroke]
    dots: list[Dot]
    quiet: list[Stroke]
    cut_off: bool

    @property
    def radius(self) -> float:
        """Of the dots: where they stand close, small enough to leave the line in sight."""
        return 4 if len(self.dots) <= 27 else 2.5

    @property
    def has_few(self) -> bool:
        return any(dot.few for dot in self.dots)


@dataclass(frozen=True, slots=True)
class BarChart:
    """How often each number of days: bars, the period before as strokes over them, marks for median and the like."""

    height: int
    base: float
    columns: list[Column]
    ticks: list[Tick]
    marks: list[Mark]


def line_chart(
    now: Sequence[float | None],
    before: Sequence[float | None],
    *,
    ticks: Sequence[str],
    words: Sequence[str],
    few: Sequence[bool],
    height: int = 240,
) -> LineChart:
    """Shares between 0 and 1, one for each tick, None where there is none; where nothing lies low, the scale begins higher."""
    values = [value for value in (*now, *before) if value is not None]
    low, step = _scale(min(values, default=0.0))
    top, base = 20.0, height - 28.0

    def y(value: float) -> float:
        return round(base - (value - low) / (1 - low) * (base - top), 1)

    count = max(len(ticks), 1)

    def x(at: int) -> float:
        return _GUTTER + (100 - _GUTTER) * (at + 0.5) / count

    rules = [low + step * n for n in range(round((1 - low) / step) + 1)]
    return LineChart(
        height=height,
        base=base,
        rules=[Rule(y(value), f"{value * 100:.0f}%") for value in rules],
        ticks=_thinned([_percent(x(at)) for at in range(len(ticks))], ticks),
        strokes=_strokes(now, x, y),
        dots=[
            Dot(_percent(x(at)), y(value), words[at], few[at])
            for at, value in enumerate(now)
            if value is not None
        ],
        quiet=_strokes(before[: len(ticks)], x, y),
        cut_off=low > 0,
    )


def bar_chart(
    now: Sequence[float],
    before: Sequence[float],
    *,
    ticks: Sequence[str],
    labels: Sequence[str],
    words: Sequence[str],
    marks: Sequence[tuple[int, str]],
    height: int = 240,
) -> BarChart:
    """Shares of a whole, one bar for each tick; each of `marks` (tick, label), from left to right, stands at the right edge of its bar."""
    # One line of letters for each mark, above the letters of the highest bar.
    top, base = 22.0 + 18 * len(marks), height - 28.0
    most = max((*now, *before), default=0.0) or 1.0
    slot = 100 / max(len(ticks), 1)
    gap = slot * 0.14

    def y(value: float) -> float:
        return round(base - value / most * (base - top), 1)

    columns = []
    for at, value in enumerate(now):
        left, right = slot * at + gap, slot * (at + 1) - gap
        earlier = before[at] if at < len(before) else 0.0
        columns.append(
            Column(
                x=_percent(left),
                middle=_percent((left + right) / 2),
                width=_percent(right - left),
                y=y(value),
                height=round(base - y(value), 1),
                label=labels[at],
                minor=value < most / 8,
                words=words[at],
                before=Stroke(_percent(left - gap / 2), y(earlier), _percent(right + gap / 2), y(earlier))
                if earlier
                else None,
            )
        )
    return BarChart(
        height=height,
        base=base,
        columns=columns,
        ticks=_thinned([column.middle for column in columns], ticks),
        marks=_marks([(slot * (at + 1), label) for at, label in marks]),
    )


def _marks(places: Sequence[tuple[float, str]]) -> list[Mark]:
    """From left to right; labels lean to the side where there is room, each on a line of its own.

    A mark's line begins beside its label. Where labels lean to the left, the mark on the right has the highest one, and
    where they lean to the right the mark on the left: so none is written over the line of another.
    """
    last = len(places) - 1
    falls = bool(places) and not _leans_left(places[last][0])
    return [_mark(x, at if falls else last - at, label) for at, (x, label) in enumerate(places)]


def _leans_left(x: float) -> bool:
    return x > 50


def _mark(x: float, line: int, label: str) -> Mark:
    leans_left = _leans_left(x)
    return Mark(
        x=_percent(min(x, 99.9)),
        y=14.0 + 18 * line,
        label_x=_percent(x - 0.8 if leans_left else x + 0.8),
        anchor="end" if leans_left else "start",
        label=label,
    )


def _scale(least: float) -> tuple[float, float]:
    """Where the scale begins and how far its rules lie apart: as high as the lowest value lets it."""
    for low, step in ((0.9, 0.05), (0.8, 0.1), (0.7, 0.1), (0.5, 0.25)):
        if least >= low + 0.01:
            return low, step
    return 0.0, 0.5


def _strokes(
    values: Sequence[float | None], x: Callable[[int], float], y: Callable[[float], float]
) -> list[Stroke]:
    """Lines between neighbours; a missing value leaves a gap."""
    return [
        Stroke(_percent(x(at)), y(one), _percent(x(at + 1)), y(other))
        for at, (one, other) in enumerate(pairwise(values))
        if one is not None and other is not None
    ]


def _thinned(places: Sequence[str], labels: Sequence[str]) -> list[Tick]:
    """About eight labels where there is room, every other one of them where there is little."""
    every = -(-len(labels) // 8) or 1
    return [
        Tick(place, label, minor=bool(at % (2 * every)) and len(labels) > 4)
        for at, (place, label) in enumerate(zip(places, labels, strict=True))
        if at % every == 0
    ]


def _percent(value: float) -> str:
    return f"{value:.2f}%"
