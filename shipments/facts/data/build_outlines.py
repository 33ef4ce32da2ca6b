"""Makes `outlines.txt.gz`, the land and borders that routes are drawn on; README.md beside it says from what and how.

Each map is kept in a few grades, coarse for all of it and finer for a part, and each grade is cut into tiles: a page
takes the tiles in its frame as they are, without a sum done. Coordinates are whole numbers, `scale` of them to a unit
of the map. Lines of the file:

    = MAP GRADE SCALE          what follows belongs to this grade
    X0 Y0 X1 Y1<TAB>LAND<TAB>BORDERS    a tile: its box, then the data of two SVG paths, either of which may be empty

Tiles overlap a little, so that no hairline shows between them. The last section has the middles of states in units of
the map, where their codes are written:

    = STATES
    CODE X Y
"""

import argparse
import gzip
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shipments.facts.outlines import MERIDIANS
from shipments.facts.projections import USA_HEIGHT, USA_WIDTH, WORLD_HEIGHT, WORLD_WIDTH, Point, equal_earth

HERE = Path(__file__).parent
Line = list[Point]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Grade:
    """How finely a map is kept: in units of the map, but `scale` in whole numbers to a unit."""

    name: str
    scale: int
    # No point is further from the true line than this.
    tolerance: float
    # Islands with less than this area are left out.
    speck: float
    tile: float


USA_GRADES = {
    "wide": Grade("wide", 2, 0.7, 2.0, 100),
    "near": Grade("near", 8, 0.16, 0.15, 40),
}
WORLD_GRADES = {
    "wide": Grade("wide", 2, 0.6, 0.8, 80),
    "middle": Grade("middle", 4, 0.26, 0.2, 40),
    "near": Grade("near", 10, 0.11, 0.03, 20),
}
_STATES = """
    AL=Alabama AK=Alaska AZ=Arizona AR=Arkansas CA=California CO=Colorado CT=Connecticut DE=Delaware
    FL=Florida GA=Georgia HI=Hawaii ID=Idaho IL=Illinois IN=Indiana IA=Iowa KS=Kansas KY=Kentucky
    LA=Louisiana ME=Maine MD=Maryland MA=Massachusetts MI=Michigan MN=Minnesota MS=Mississippi
    MO=Missouri MT=Montana NE=Nebraska NV=Nevada NH=New_Hampshire NJ=New_Jersey NM=New_Mexico
    NY=New_York NC=North_Carolina ND=North_Dakota OH=Ohio OK=Oklahoma OR=Oregon PA=Pennsylvania
    RI=Rhode_Island SC=South_Carolina SD=South_Dakota TN=Tennessee TX=Texas UT=Utah VT=Vermont
    VA=Virginia WA=Washington WV=West_Virginia WI=Wisconsin WY=Wyoming
"""
# South of this is only Antarctica, which goes around the pole and no parcel goes to.
_SOUTHERNMOST = -60.0


class Topology:
    """A TopoJSON file with its arcs decoded and simplified: neighbours share an arc, so that no gap opens between them."""

    def __init__(self, source: Path, flat: Callable[[Point], Point], tolerance: float) -> None:
        self._source: dict[str, Any] = json.loads(source.read_text("utf-8"))
        (sx, sy), (tx, ty) = self._source["transform"]["scale"], self._source["transform"]["translate"]
        self._arcs: list[Line] = []
        for arc in self._source["arcs"]:
            x = y = 0
            line: Line = []
            for dx, dy in arc:
                x, y = x + dx, y + dy
                line.append((x * sx + tx, y * sy + ty))
            kept = simplified([flat(point) for point in line], tolerance)
            self._arcs.append([line[at] for at in kept])

    def rings(self, name: str, geometry: str = "") -> Iterator[Line]:
        """The closed rings of an object or of one geometry in it, holes included: those run the other way round."""
        for polygon in self._polygons(name, geometry):
            for ring in polygon:
                points: Line = []
                for index in ring:
                    arc = self._arcs[index] if index >= 0 else self._arcs[~index][::-1]
                    points.extend(arc if not points else arc[1:])
                yield points

    def borders(self, name: str) -> Iterator[Line]:
        """The lines between two geometries of an object, each once."""
        used: Counter[int] = Counter()
        for geometry in self._source["objects"][name]["geometries"]:
            mine = itertools.chain.from_iterable(itertools.chain.from_iterable(_polygons_of(geometry)))
            used.update({index if index >= 0 else ~index for index in mine})
        for index, times in used.items():
            if times > 1:
                yield self._arcs[index]

    def _polygons(self, name: str, geometry: str) -> Iterator[list[list[int]]]:
        for told in self._source["objects"][name]["geometries"]:
            if not geometry or told["properties"]["name"] == geometry:
                yield from _polygons_of(told)


def _polygons_of(geometry: dict[str, Any]) -> list[list[list[int]]]:
    kind, arcs = geometry["type"], geometry.get("arcs", [])
    return [arcs] if kind == "Polygon" else arcs if kind == "MultiPolygon" else []


def simplified(line: Sequence[Point], tolerance: float) -> list[int]:
    """Which points to keep so that the line stays within the tolerance (Douglas and Peucker, 1973); ends always stay.

    A closed line is cut at the point furthest from its ends: else it would collapse into them.
    """
    keep = {0, len(line) - 1}
    todo = [(0, len(line) - 1)]
    while todo:
        first, last = todo.pop()
        if last - first < 2:
            continue
        far, at = max((_distance(line[i], line[first], line[last]), i) for i in range(first + 1, last))
        if far > tolerance:
            keep.add(at)
            todo += [(first, at), (at, last)]
    return sorted(keep)


def _distance(point: Point, start: Point, end: Point) -> float:
    (px, py), (ax, ay), (bx, by) = point, start, end
    dx, dy = bx - ax, by - ay
    length = dx * dx + dy * dy
    t = 0.0 if length == 0 else max(0.0, min(1.0, ((px - ax) * dx + (py - ay) * dy) / length))
    x, y = px - ax - t * dx, py - ay - t * dy
    return float((x * x + y * y) ** 0.5)


def clipped(ring: Sequence[Point], box: Box) -> Line:
    """What of a closed ring lies in the box, closed along its edges (Sutherland and Hodgman, 1974); empty for none."""
    points = list(ring)
    for axis, edge, sign in ((0, box[0], 1), (1, box[1], 1), (0, box[2], -1), (1, box[3], -1)):
        inside: Line = []
        for before, point in zip(points[-1:] + points[:-1], points, strict=True):
            was, now = (before[axis] - edge) * sign >= 0, (point[axis] - edge) * sign >= 0
            if was != now:
                inside.append(_crossing(before, point, axis, edge))
            if now:
                inside.append(point)
        points = inside
    return points


def _crossing(a: Point, b: Point, axis: int, edge: float) -> Point:
    t = (edge - a[axis]) / (b[axis] - a[axis])
    other = a[1 - axis] + t * (b[1 - axis] - a[1 - axis])
    return (edge, other) if axis == 0 else (other, edge)


def parts_inside(line: Sequence[Point], box: Box) -> list[Line]:
    """The parts of an open line that lie in the box (Liang and Barsky, 1984)."""
    parts: list[Line] = []
    for start, end in itertools.pairwise(line):
        dx, dy = end[0] - start[0], end[1] - start[1]
        enter, leave = 0.0, 1.0
        for step, room in (
            (-dx, start[0] - box[0]),
            (dx, box[2] - start[0]),
            (-dy, start[1] - box[1]),
            (dy, box[3] - start[1]),
        ):
            if step < 0:
                enter = max(enter, room / step)
            elif step > 0:
                leave = min(leave, room / step)
            elif room < 0:
                leave = -1.0
        if enter >= leave:
            continue
        a = (start[0] + enter * dx, start[1] + enter * dy)
        b = (start[0] + leave * dx, start[1] + leave * dy)
        if parts and parts[-1][-1] == a:
            parts[-1].append(b)
        else:
            parts.append([a, b])
    return parts


def path(points: Iterable[Point], scale: int, *, closed: bool) -> str:
    """The data of an SVG path in whole numbers, each point told from the one before; `""` where nothing is left."""
    whole: list[tuple[int, int]] = []
    for x, y in points:
        at = (round(x * scale), round(y * scale))
        if not whole or whole[-1] != at:
            whole.append(at)
    if closed and len(whole) > 1 and whole[0] == whole[-1]:
        whole.pop()
    if len(whole) < (3 if closed else 2):
        return ""
    steps = "".join(f"{_signed(x - u)}{_signed(y - v)}" for (u, v), (x, y) in itertools.pairwise(whole))
    return f"M{whole[0][0]} {whole[0][1]}l{steps.removeprefix(' ')}{'z' if closed else ''}"


def _signed(number: int) -> str:
    # A minus parts two numbers as well as a blank does.
    return f" {number}" if number >= 0 else str(number)


def tiles(rings: Sequence[Line], borders: Sequence[Line], grade: Grade, size: Point) -> Iterator[str]:
    """The lines of a grade's tiles; one with neither land nor border has none."""
    overlap = grade.tile / 50
    boxed_rings = [(ring, _box(ring)) for ring in rings if abs(_area(ring)) >= grade.speck]
    boxed_borders = [(line, _box(line)) for line in borders]
    # The Aleutians reach out of the map on the left.
    for row, column in itertools.product(
        range(int(size[1] // grade.tile) + 1), range(-3, int(size[0] // grade.tile) + 1)
    ):
        x, y = column * grade.tile, row * grade.tile
        tile = (x, y, x + grade.tile, y + grade.tile)
        wider = (x - overlap, y - overlap, x + grade.tile + overlap, y + grade.tile + overlap)
        land = "".join(
            path(clipped(ring, wider), grade.scale, closed=True)
            for ring, box in boxed_rings
            if _meet(box, wider)
        )
        lines = "".join(
            path(part, grade.scale, closed=False)
            for line, box in boxed_borders
            if _meet(box, tile)
            for part in parts_inside(line, tile)
        )
        if land or lines:
            yield " ".join(str(round(edge * grade.scale)) for edge in tile) + f"\t{land}\t{lines}\n"


def _box(line: Sequence[Point]) -> Box:
    xs, ys = [x for x, _y in line], [y for _x, y in line]
    return min(xs), min(ys), max(xs), max(ys)


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _area(ring: Sequence[Point]) -> float:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, [*ring[1:], ring[0]], strict=True)) / 2


def turned(ring: Sequence[Point], meridian: float) -> Iterator[Line]:
    """A ring of longitudes and latitudes on the map around the meridian: in two parts where the edge of the map cuts it."""
    if max(latitude for _longitude, latitude in ring) < _SOUTHERNMOST:
        return
    # The source is not cut anywhere: a ring across 180° goes on there at -180°.
    even = [ring[0]]
    for longitude, latitude in ring[1:]:
        even.append((longitude + 360 * round((even[-1][0] - longitude) / 360), latitude))
    hair = 1e-6
    window = (meridian - 180 + hair, -91.0, meridian + 180 - hair, 91.0)
    for around in (-360, 0, 360):
        part = clipped([(longitude + around, latitude) for longitude, latitude in even], window)
        if part:
            yield [equal_earth(latitude, longitude, meridian) for longitude, latitude in _along_edges(part)]


def _along_edges(ring: Sequence[Point]) -> Iterator[Point]:
    """The points of a ring, and more where it follows a meridian, which is straight in degrees and bent on the map."""
    for (longitude, latitude), (after, end) in zip(ring, [*ring[1:], ring[0]], strict=True):
        steps = int(abs(end - latitude) / 2) + 1 if longitude == after else 1
        for step in range(steps):
            yield longitude, latitude + (end - latitude) * step / steps


def unbroken(line: Sequence[Point]) -> Iterator[Line]:
    """The parts of a line between the places where it jumps from one edge of the map to the other."""
    part: Line = []
    for point in line:
        if part and abs(point[0] - part[-1][0]) > WORLD_WIDTH / 2:
            yield part
            part = []
        part.append(point)
    yield part


def usa(source: Path) -> Iterator[str]:
    """The lines of the United States, from `states-albers-10m.json`."""
    for grade in USA_GRADES.values():
        yield f"= usa {grade.name} {grade.scale}\n"
        told = Topology(source, lambda point: point, grade.tolerance)
        yield from tiles(
            list(told.rings("nation")), list(told.borders("states")), grade, (USA_WIDTH, USA_HEIGHT)
        )


def states(source: Path) -> Iterator[str]:
    """The lines with the middle of each state's largest part."""
    yield "= STATES\n"
    told = Topology(source, lambda point: point, 0.0)
    for code, name in (pair.split("=") for pair in _STATES.split()):
        x, y = _middle(max(told.rings("states", name.replace("_", " ")), key=lambda ring: abs(_area(ring))))
        yield f"{code} {x:.0f} {y:.0f}\n"


def _middle(ring: Sequence[Point]) -> Point:
    x = y = 0.0
    for (ax, ay), (bx, by) in itertools.pairwise([*ring, ring[0]]):
        weight = ax * by - bx * ay
        x += (ax + bx) * weight
        y += (ay + by) * weight
    return x / (6 * _area(ring)), y / (6 * _area(ring))


def world(coarse: Path, fine: Path) -> Iterator[str]:
    """The lines of the world around each meridian, from `countries-110m.json` and `countries-50m.json`."""
    for (name, meridian), grade in itertools.product(MERIDIANS.items(), WORLD_GRADES.values()):
        yield f"= {name} {grade.name} {grade.scale}\n"
        source = coarse if grade.name == "wide" else fine
        told = Topology(source, lambda point: equal_earth(point[1], point[0], 0), grade.tolerance)
        rings = [part for ring in told.rings("land") for part in turned(ring, meridian)]
        borders = [
            part
            for line in told.borders("countries")
            for part in unbroken([equal_earth(latitude, longitude, meridian) for longitude, latitude in line])
        ]
        yield from tiles(rings, borders, grade, (WORLD_WIDTH, WORLD_HEIGHT))


def build(albers: Path, coarse: Path, fine: Path, folder: Path = HERE) -> None:
    """Write `outlines.txt.gz` into the folder."""
    lines = "".join([*usa(albers), *world(coarse, fine), *states(albers)])
    # Without a time stamp a new run of the same source shows no difference.
    (folder / "outlines.txt.gz").write_bytes(gzip.compress(lines.encode("ascii"), mtime=0))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("albers", type=Path, help="states-albers-10m.json of the npm package us-atlas")
    parser.add_argument("coarse", type=Path, help="countries-110m.json of the npm package world-atlas")
    parser.add_argument("fine", type=Path, help="countries-50m.json of the npm package world-atlas")
    told = parser.parse_args()
    build(told.albers, told.coarse, told.fine)
