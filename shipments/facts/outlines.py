"""Land and borders for maps, cut into tiles, from `data/outlines.txt.gz` (made by `data/build_outlines.py`)."""

import functools
import gzip
from dataclasses import dataclass
from pathlib import Path

from shipments.facts.projections import USA_WIDTH, WORLD_WIDTH

Box = tuple[float, float, float, float]

_DATA = Path(__file__).parent / "data"
# How wide a frame each grade is for, in units of its map: finer ones would be more to load and nothing more to see.
_WIDEST = {
    "usa": {"near": 480.0, "wide": 2 * USA_WIDTH},
    "atlantic": {"near": 180.0, "middle": 420.0, "wide": 2 * WORLD_WIDTH},
    "pacific": {"near": 180.0, "middle": 420.0, "wide": 2 * WORLD_WIDTH},
}
# The meridian in the middle of each map of the world: the one is cut in the Bering Sea, the other in Europe and Africa.
MERIDIANS = {"atlantic": 10.0, "pacific": -160.0}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A map in one grade. Tiles are their box, then land and borders as the data of SVG paths, `scale` to a unit."""

    scale: int
    tiles: tuple[tuple[int, int, int, int, str, str], ...]

    def within(self, frame: Box) -> tuple[str, str]:
        """The land and the borders of the tiles that the frame, in units of the map, has a part of."""
        left, top, right, bottom = (edge * self.scale for edge in frame)
        land, borders = [], []
        for x0, y0, x1, y1, its_land, its_borders in self.tiles:
            if x0 < right and left < x1 and y0 < bottom and top < y1:
                land.append(its_land)
                borders.append(its_borders)
        return "".join(land), "".join(borders)


def sheet(name: str, width: float) -> Sheet:
    """The grade of the map (`usa`, `atlantic`, `pacific`) that is fine enough for a frame this wide."""
    grade = next(grade for grade, widest in _WIDEST[name].items() if width <= widest)
    return _outlines()[0][name, grade]


def state_middles() -> tuple[tuple[str, float, float], ...]:
    """Codes of the states with the middle of each, in units of the map `usa`."""
    return _outlines()[1]


@functools.cache
def _outlines() -> tuple[dict[tuple[str, str], Sheet], tuple[tuple[str, float, float], ...]]:
    with gzip.open(_DATA / "outlines.txt.gz", "rt", encoding="ascii") as lines:
        *sections, states = lines.read().removeprefix("= ").split("\n= ")
    sheets = {}
    for section in sections:
        head, *rows = section.splitlines()
        name, grade, scale = head.split()
        sheets[name, grade] = Sheet(int(scale), tuple(map(_tile, rows)))
    middles = (row.split() for row in states.splitlines()[1:])
    return sheets, tuple((code, float(x), float(y)) for code, x, y in middles)


def _tile(row: str) -> tuple[int, int, int, int, str, str]:
    box, land, borders = row.split("\t")
    x0, y0, x1, y1 = map(int, box.split())
    return x0, y0, x1, y1, land, borders
