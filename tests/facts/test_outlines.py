"""The land and borders that routes are drawn on."""

import gzip
import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipments.facts import outlines
from shipments.facts.data import build_outlines
from shipments.facts.outlines import sheet, state_middles
from shipments.facts.projections import (
    USA_HEIGHT,
    USA_WIDTH,
    WORLD_HEIGHT,
    WORLD_WIDTH,
    albers_usa,
    equal_earth,
)

PATH = re.compile(r"(?:M-?\d+ -?\d+l-?\d+[ -]\d+(?:[ -]\d+)*z?)*")
SIZES = {
    "usa": (USA_WIDTH, USA_HEIGHT),
    "atlantic": (WORLD_WIDTH, WORLD_HEIGHT),
    "pacific": (WORLD_WIDTH, WORLD_HEIGHT),
}


def rings(path: str) -> list[list[tuple[int, int]]]:
    """The points of each closed line of a path."""
    found = []
    for start, steps in re.findall(r"M(-?\d+ -?\d+)l([^Mz]*)z", path):
        x, y = map(int, start.split())
        numbers = list(map(int, re.findall(r"-?\d+", steps)))
        points = [(x, y)]
        for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
            x, y = x + dx, y + dy
            points.append((x, y))
        found.append(points)
    return found


def is_land(name: str, width: float, x: float, y: float) -> bool:
    """Whether a point of the map is painted, by the winding of the rings around it."""
    paper = sheet(name, width)
    land, _borders = paper.within((x - 0.1, y - 0.1, x + 0.1, y + 0.1))
    px, py = x * paper.scale, y * paper.scale
    winding = 0
    for ring in rings(land):
        for (ax, ay), (bx, by) in itertools.pairwise([*ring, ring[0]]):
            if (ay <= py) != (by <= py) and ax + (py - ay) / (by - ay) * (bx - ax) > px:
                winding += 1 if by > ay else -1
    return winding != 0


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("width", [100.0, 300.0, 900.0])
def test_every_tile_is_the_data_of_two_paths_in_its_box(name: str, width: float) -> None:
    paper = sheet(name, width)

    for x0, y0, x1, y1, land, borders in paper.tiles:
        assert PATH.fullmatch(land)
        assert PATH.fullmatch(borders)
        margin = (x1 - x0) / 40 + 1
        for ring in rings(land):
            assert all(x0 - margin <= x <= x1 + margin and y0 - margin <= y <= y1 + margin for x, y in ring)


@pytest.mark.parametrize("width", [100.0, 900.0])
@pytest.mark.parametrize(
    ("place", "land"),
    [
        ((39.1, -96.6), True),  # Kansas
        ((44.0, -85.0), True),  # Michigan, between its lakes
        ((43.5, -87.0), False),  # the lake
        ((64.8, -147.7), True),  # Fairbanks
        ((19.6, -155.5), True),  # Hawaii
        ((28.0, -90.0), False),  # the Gulf
    ],
)
def test_states_are_land_and_their_lakes_are_not(
    place: tuple[float, float], land: bool, width: float
) -> None:
    assert is_land("usa", width, *albers_usa(*place)) is land


@pytest.mark.parametrize("name", ["atlantic", "pacific"])
@pytest.mark.parametrize("width", [100.0, 300.0, 900.0])
@pytest.mark.parametrize(
    ("place", "land"),
    [
        ((51.0, 10.0), True),  # Germany
        ((20.0, 19.9), True),  # Chad, where the one map is cut
        ((20.0, 20.1), True),
        ((66.5, 179.9), True),  # Chukotka, where longitudes begin anew
        ((66.5, -179.9), True),
        ((42.0, 51.0), False),  # the Caspian Sea
        ((72.0, 100.0), True),
        ((-17.0, 60.0), False),  # at the height of Fiji, which 180° divides
        ((0.0, -30.0), False),
        ((-80.0, 0.0), False),  # Antarctica is left out
    ],
)
def test_the_world_is_land_where_it_is(
    place: tuple[float, float], land: bool, width: float, name: str
) -> None:
    assert is_land(name, width, *equal_earth(*place, outlines.MERIDIANS[name])) is land


def test_no_border_runs_across_the_map() -> None:
    for name, width in itertools.product(("atlantic", "pacific"), (100.0, 300.0, 900.0)):
        for tile in sheet(name, width).tiles:
            steps = [
                int(number)
                for run in re.findall(r"l([^M]*)", tile[5])
                for number in re.findall(r"-?\d+", run)
            ]
            assert all(abs(step) <= tile[2] - tile[0] for step in steps)
    # The height of Chukotka, and of Fiji, out at sea.
    for latitude, longitude in ((71, 0), (-17, 75)):
        x, y = equal_earth(latitude, longitude, 10)
        assert sheet("atlantic", 100).within((x, y, x + 1, y + 1))[1] == ""


@settings(deadline=None)
@given(st.sampled_from(sorted(SIZES)), st.floats(0, 900), st.floats(0, 500), st.floats(60, 1000))
def test_a_frame_has_the_tiles_it_touches_and_no_others(name: str, x: float, y: float, width: float) -> None:
    paper = sheet(name, width)
    frame = (x, y, x + width, y + width / 1.6)

    land, borders = paper.within(frame)

    touched = [
        tile
        for tile in paper.tiles
        if tile[0] / paper.scale < frame[2]
        and tile[2] / paper.scale > frame[0]
        and tile[1] / paper.scale < frame[3]
        and tile[3] / paper.scale > frame[1]
    ]
    assert land == "".join(tile[4] for tile in touched)
    assert borders == "".join(tile[5] for tile in touched)


def test_every_state_has_its_code_in_its_middle() -> None:
    middles = {code: (x, y) for code, x, y in state_middles()}

    assert len(middles) == 50
    # Pueblo, Colorado and Wichita, Kansas lie within a hundred units of the middles of their states.
    for code, town in (("CO", (38.25, -104.6)), ("KS", (37.69, -97.34)), ("AK", (64.8, -147.7))):
        x, y = albers_usa(*town)
        assert abs(middles[code][0] - x) < 60
        assert abs(middles[code][1] - y) < 60


# How the file is made


def a_topology(folder: Path, name: str, arcs: list[list[list[int]]], objects: Mapping[str, object]) -> Path:
    source = folder / name
    source.write_text(
        json.dumps(
            {
                "type": "Topology",
                "transform": {"scale": [1, 1], "translate": [0, 0]},
                "arcs": arcs,
                "objects": objects,
            }
        )
    )
    return source


# Two squares side by side; arc 0 is the border between them. Every state is the left one, so that its outline is a
# border as well.
ARCS = [[[20, 0], [0, 20]], [[20, 20], [-20, 0], [0, -20], [20, 0]], [[20, 0], [20, 0], [0, 20], [-20, 0]]]
STATES = [
    {"type": "Polygon", "arcs": [[0, 1]], "properties": {"name": name}}
    for name in (pair.split("=")[1].replace("_", " ") for pair in build_outlines._STATES.split())
]
PAIR = {
    "states": {"type": "GeometryCollection", "geometries": [*STATES, {"type": "Polygon", "arcs": [[2, -1]], "properties": {"name": "Other"}}]},
    "countries": {"type": "GeometryCollection", "geometries": [{"type": "Polygon", "arcs": [[0, 1]]}, {"type": "Polygon", "arcs": [[2, -1]]}]},
    "nation": {"type": "GeometryCollection", "geometries": [{"type": "MultiPolygon", "arcs": [[[2, 1]]]}]},
    "land": {"type": "GeometryCollection", "geometries": [{"type": "MultiPolygon", "arcs": [[[2, 1]]]}]},
}  # fmt: skip


def test_the_file_is_built_from_the_packages_as_written_down(tmp_path: Path) -> None:
    source = a_topology(tmp_path, "source.json", ARCS, PAIR)

    build_outlines.build(source, source, source, tmp_path)

    lines = gzip.decompress((tmp_path / "outlines.txt.gz").read_bytes()).decode("ascii").splitlines()
    assert lines[:3] == [
        "= usa wide 2",
        # The tile on the left has what overlaps into it.
        "-200 0 0 200\tM4 40l-4 0 0-40 4 0z\t",
        "0 0 200 200\tM40 0l40 0 0 40-40 0-40 0 0-40z\tM40 0l0 40M40 40l-40 0 0-40 40 0",
    ]
    assert [line for line in lines if line.startswith("= ")] == [
        "= usa wide 2", "= usa near 8",
        "= atlantic wide 2", "= atlantic middle 4", "= atlantic near 10",
        "= pacific wide 2", "= pacific middle 4", "= pacific near 10", "= STATES",
    ]  # fmt: skip
    assert lines[-1] == "WY 10 10"


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=2, max_size=30), st.floats(0, 20)
)
def test_what_simplifying_leaves_out_is_near_what_it_keeps(
    line: list[tuple[float, float]], tolerance: float
) -> None:
    kept = build_outlines.simplified(line, tolerance)

    assert kept[0] == 0
    assert kept[-1] == len(line) - 1
    for first, last in itertools.pairwise(kept):
        for point in line[first + 1 : last]:
            assert build_outlines._distance(point, line[first], line[last]) <= tolerance


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=3, max_size=20))
def test_what_is_clipped_lies_in_the_box(ring: list[tuple[float, float]]) -> None:
    box = (-10.0, -10.0, 20.0, 15.0)

    for part in (build_outlines.clipped(ring, box), *build_outlines.parts_inside(ring, box)):
        assert all(-10.001 <= x <= 20.001 and -10.001 <= y <= 15.001 for x, y in part)


def test_a_line_across_a_box_is_cut_where_it_enters_and_leaves() -> None:
    box = (0.0, 0.0, 10.0, 10.0)

    assert build_outlines.parts_inside([(-5, 5), (5, 5), (5, 15), (8, 15), (8, 5)], box) == [
        [(0, 5), (5, 5), (5, 10)],
        [(8, 10), (8, 5)],
    ]
    assert build_outlines.parts_inside([(-5, 5), (-5, 20)], box) == []
