"""The drawing of a parcel's way: which map, which part of it, and which names have room."""

import gzip
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipments.facts import route_map
from shipments.facts.places import Place
from shipments.facts.projections import USA_HEIGHT, USA_WIDTH, Point
from shipments.facts.route_map import ASPECT, Drawing, Stop, draw
from shipments.facts.towns import Spot, spot_of


def a_stop(city: str, region: str = "", country: str = "", *, group: str = "moving") -> Stop:
    spot = spot_of(Place(city, region, "", country))
    assert spot is not None
    return Stop(city, spot, group)


def frame_of(drawing: Drawing) -> tuple[int, int, int, int]:
    x, y, width, height = map(int, drawing.view_box.split())
    return x, y, width, height


def circles(drawing: Drawing) -> list[tuple[str, Point]]:
    return [
        (classes, (float(x), float(y)))
        for classes, x, y in re.findall(
            r'<circle class="([^"]*)" cx="([\d.-]+)%" cy="([\d.-]+)%"', drawing.marks
        )
    ]


def names(drawing: Drawing) -> list[str]:
    return re.findall(r">([^<]*)</text>", drawing.names)


def line_points(path: str) -> list[tuple[int, int]]:
    return [(int(x), int(y)) for x, y in re.findall(r"[ML](-?\d+) (-?\d+)", path)]


SHORT = [a_stop("Baltimore", "MD"), a_stop("Olney", "MD"), a_stop("Richmond", "VA")]
COAST_TO_COAST = [
    a_stop("Los Angeles", "CA"), a_stop("Phoenix", "AZ"), a_stop("Albuquerque", "NM"), a_stop("Memphis", "TN"),
    a_stop("Louisville", "KY"), a_stop("Jersey City", "NJ"), a_stop("Brooklyn", "NY"),
]  # fmt: skip
OVER_THE_PACIFIC = [
    a_stop("Shenzhen", "", "CN"),
    a_stop("Los Angeles", "CA", "US"),
    a_stop("Denver", "CO", "US"),
]
OVER_THE_ATLANTIC = [a_stop("Chicago", "IL"), a_stop("Frankfurt", "", "DE"), a_stop("Berlin", "", "DE")]


def test_a_known_way_is_drawn_to_the_unit() -> None:
    drawing = draw([a_stop("Denver", "CO"), a_stop("Kansas City", "MO")], a_stop("Olney", "MD", group=""))

    assert drawing.view_box == "532 159 1274 797"
    assert drawing.line == "M686 548L1046 591"
    assert drawing.ahead == "M1046 591L1652 524"
    assert circles(drawing) == [
        ("route__stop", (12.12, 48.76)),
        ("route__goal", (87.88, 45.77)),
        ("route__halo is-moving", (40.33, 54.23)),
        ("route__here is-moving", (40.33, 54.23)),
    ]
    assert names(drawing) == ["Kansas City", "Olney", "Denver"]


def test_a_short_way_is_neither_a_dot_on_the_country_nor_a_street_map() -> None:
    x, y, width, height = frame_of(draw(SHORT))

    # Eight to a unit, of which the country has 975.
    assert (width, height) == (110 * 8, 550)
    drawn = line_points(draw(SHORT).line)
    assert all(x < px < x + width and y < py < y + height for px, py in drawn)
    assert max(py for _px, py in drawn) - min(py for _px, py in drawn) > height / 3


def test_a_single_town_is_drawn_with_its_surroundings() -> None:
    drawing = draw(SHORT[:1])

    assert frame_of(drawing)[2:] == (880, 550)
    assert (drawing.line, drawing.ahead) == ("", "")
    assert [classes for classes, _at in circles(drawing)] == [
        "route__halo is-moving",
        "route__here is-moving",
    ]
    assert circles(drawing)[0][1] == pytest.approx((50, 50), abs=0.1)
    assert names(drawing)[0] == "Baltimore"


def test_states_are_named_on_a_map_of_a_few_and_not_on_one_of_all() -> None:
    assert {"VA", "DE"} <= set(names(draw(SHORT)))
    assert [name for name in names(draw(COAST_TO_COAST)) if len(name) == 2] == []


def test_the_insets_are_set_apart_on_the_map_of_the_states_alone() -> None:
    to_alaska = draw([a_stop("Seattle", "WA"), a_stop("Anchorage", "AK")])

    assert to_alaska.insets.startswith("M-120 880L300 880L414 1024")
    assert draw(OVER_THE_ATLANTIC).insets == ""


@pytest.mark.parametrize(
    "stop",
    [a_stop("San Juan", "PR"), a_stop("Toronto", "ON", "CA"), a_stop("Tamuning", "GU")],
)
def test_a_way_out_of_the_states_is_drawn_on_the_world(stop: Stop) -> None:
    assert draw([SHORT[0], stop]).insets == ""


def test_a_way_over_the_pacific_is_not_drawn_around_the_other_side() -> None:
    drawing = draw(OVER_THE_PACIFIC)
    x, _y, width, _height = frame_of(drawing)

    drawn = line_points(drawing.line)
    assert drawing.line.count("M") == 2
    # The world is 2,000 wide in this grade; China lies left of the States, half a map apart.
    assert width < 1000
    assert drawn[0][0] < drawn[-1][0]
    assert all(x < px < x + width for px, _py in drawn)


def test_a_way_around_the_world_is_broken_at_the_edge_of_the_map() -> None:
    around = [
        a_stop("Shenzhen", "", "CN"),
        a_stop("Los Angeles", "CA", "US"),
        a_stop("Berlin", "", "DE"),
        a_stop("Mumbai", "", "IN"),
    ]
    line = draw(around).line

    assert line.count("M") == 4
    jumps = [
        abs(b[0] - a[0])
        for part in line.split("M")[1:]
        for a, b in zip(line_points(f"M{part}"), line_points(f"M{part}")[1:], strict=False)
    ]
    assert max(jumps) < 1000


def test_a_town_the_parcel_came_to_twice_has_one_mark_and_one_name() -> None:
    drawing = draw([SHORT[0], SHORT[1], SHORT[0], SHORT[2]])

    assert [classes for classes, _at in circles(drawing)].count("route__stop") == 2
    assert names(drawing).count("Baltimore") == 1
    assert drawing.line.count("M") == 3


def test_back_where_it_began_the_mark_is_that_of_here() -> None:
    drawing = draw([SHORT[0], SHORT[1], SHORT[0]])

    assert [classes for classes, _at in circles(drawing)] == [
        "route__stop",
        "route__halo is-moving",
        "route__here is-moving",
    ]
    assert names(drawing)[:2] == ["Baltimore", "Olney"]


def test_a_name_is_text_and_never_markup() -> None:
    spot = SHORT[0].spot
    drawing = draw([Stop('<script>"&', spot, "moving")])

    assert "&lt;script&gt;&quot;&amp;" in drawing.names
    assert "<script" not in drawing.names


def test_a_long_name_is_cut() -> None:
    drawing = draw([Stop("Llanfairpwllgwyngyllgogerychwyrndrobwll", SHORT[0].spot, "moving")])

    assert names(drawing)[0] == "Llanfairpwllgwyngyllgogery"[:25] + "…"


def test_of_endless_rounds_the_first_stop_and_the_newest_are_drawn() -> None:
    rounds = [SHORT[0], *[SHORT[1], SHORT[2]] * 50]

    drawing = draw(rounds)

    assert drawing.line.count("M") == 39
    assert len(circles(drawing)) == 4


@pytest.mark.parametrize(
    "stops",
    [
        SHORT,
        COAST_TO_COAST,
        [*COAST_TO_COAST, a_stop("Anchorage", "AK"), a_stop("Honolulu", "HI"), a_stop("Miami", "FL")],
        OVER_THE_ATLANTIC,
        OVER_THE_PACIFIC,
        [a_stop("Los Angeles", "CA", "US"), a_stop("Frankfurt", "", "DE"), a_stop("Dubai", "", "AE"), a_stop("Sydney", "", "AU")],
        [a_stop("Oslo", "", "NO"), a_stop("Johannesburg", "", "ZA"), a_stop("Tokyo", "", "JP"), a_stop("Santiago", "", "CL"), a_stop("Vladivostok", "", "RU")] * 8,
        [a_stop("Chicago", "IL"), a_stop("Vienna", "", "AT"), a_stop("Helsinki", "", "FI")],
        [a_stop("Reykjavik", "", "IS"), a_stop("Istanbul", "", "TR")],
        [a_stop("Singapore", "", "SG"), a_stop("Auckland", "", "NZ")],
    ],
)  # fmt: skip
def test_no_map_is_more_than_15_kb(stops: list[Stop]) -> None:
    drawing = draw(stops)

    parts = (getattr(drawing, part) for part in Drawing.__slots__)
    assert len(gzip.compress("".join(parts).encode())) < 15_000


# Any way at all

places = st.one_of(
    st.builds(
        lambda latitude, longitude: Spot((latitude, longitude), "US-XX"),
        st.floats(30, 48),
        st.floats(-118, -76),
    ),
    st.sampled_from(
        [stop.spot for stop in (*COAST_TO_COAST, a_stop("Anchorage", "AK"), a_stop("Hilo", "HI"))]
    ),
    st.builds(
        lambda latitude, longitude: Spot((latitude, longitude), "XX"),
        st.floats(-55, 72),
        st.floats(-180, 180),
    ),
)
ways = st.lists(
    st.builds(Stop, st.text(min_size=1, max_size=40), places, st.sampled_from(["moving", "done", "trouble"])),
    min_size=1,
    max_size=12,
)


@given(ways, st.none() | st.builds(Stop, st.text(min_size=1), places, st.just("")))
@settings(deadline=None)
def test_every_way_lies_in_its_frame(stops: list[Stop], destination: Stop | None) -> None:
    drawing = draw(stops, destination)

    _x, _y, width, height = frame_of(drawing)
    assert width / height == pytest.approx(ASPECT, abs=0.02)
    assert all(0 <= x <= 100 and 0 <= y <= 100 for _classes, (x, y) in circles(drawing))
    assert drawing.line.count("M") >= len(stops) - 1
    assert bool(drawing.ahead) is (destination is not None)


@given(ways)
@settings(deadline=None)
def test_no_two_names_touch_and_none_leaves_the_map(stops: list[Stop]) -> None:
    written: list[tuple[float, Any]] = []
    original = route_map._Lettering._write

    def noted(self: Any, classes: str, text: str, found: Any) -> None:
        written.append((found[0], found[2]))
        original(self, classes, text, found)

    route_map._Lettering._write = noted  # type: ignore[method-assign]
    try:
        drawing = draw(stops)
    finally:
        route_map._Lettering._write = original  # type: ignore[method-assign]

    assert len(written) == len(names(drawing))
    for page in route_map._CHECKED:
        boxes = [label.box(page) for shown_from, label in written if shown_from <= page]
        for at, (left, top, right, bottom) in enumerate(boxes):
            # The first has its name in any case.
            assert at == 0 or (left >= 0 and top >= 0 and right <= page and bottom <= page / ASPECT)
            for x0, y0, x1, y1 in boxes[:at]:
                assert not (left < x1 and x0 < right and top < y1 and y0 < bottom)


@settings(deadline=None)
@given(st.lists(st.sampled_from([*COAST_TO_COAST, a_stop("Anchorage", "AK")]), min_size=1, max_size=6))
def test_the_map_of_the_states_shows_nothing_but_the_states(stops: list[Stop]) -> None:
    left, top, right, bottom = route_map._frame(route_map._laid(stops))

    assert left >= -1
    assert top >= -1
    assert right <= USA_WIDTH + 1
    assert bottom <= USA_HEIGHT + 1
