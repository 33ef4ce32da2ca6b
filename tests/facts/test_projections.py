"""Where places lie on the two maps."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shipments.facts.projections import (
    USA_HEIGHT,
    USA_WIDTH,
    WORLD_HEIGHT,
    WORLD_WIDTH,
    albers_usa,
    equal_earth,
    way,
)

latitudes = st.floats(-89, 89)
longitudes = st.floats(-180, 180)
# Inside the mainland whatever the state; the corners of the box lie in Mexico and the Atlantic.
mainland = st.tuples(st.floats(30, 48), st.floats(-120, -80))


@pytest.mark.parametrize(
    ("place", "drawn"),
    [
        # As d3-geo 3.1 draws them with geoAlbersUsa().scale(1300).translate([487.5, 305]).
        ((40.7128, -74.006), (869.719, 215.741)),
        ((34.05, -118.24), (86.868, 363.184)),
        ((61.2, -149.9), (112.287, 544.422)),
        ((21.3, -157.86), (266.923, 549.346)),
    ],
)
def test_places_of_the_united_states_lie_where_the_outlines_expect_them(
    place: tuple[float, float], drawn: tuple[float, float]
) -> None:
    assert albers_usa(*place) == pytest.approx(drawn, abs=0.001)


@pytest.mark.parametrize(
    ("place", "meridian", "drawn"),
    [
        # As d3-geo 3.1 draws them with geoEqualEarth().rotate([-10, 0]).
        ((39.9, 116.4), 10, (762.117, 100.527)),
        ((40.7, -74.0), 10, (294.108, 97.946)),
        ((0.0, 10.0), 10, (500, 243.3)),
        ((0.0, -160.0), -160, (500, 243.3)),
    ],
)
def test_places_of_the_world_lie_where_the_outlines_expect_them(
    place: tuple[float, float], meridian: float, drawn: tuple[float, float]
) -> None:
    assert equal_earth(*place, meridian) == pytest.approx(drawn, abs=0.001)


def test_the_aleutians_stay_together_across_180_degrees() -> None:
    attu, atka = albers_usa(52.9, 172.9), albers_usa(52.2, -174.2)

    assert math.dist(attu, atka) < 70
    assert attu[0] < atka[0]


@given(mainland)
def test_the_mainland_lies_on_its_map(place: tuple[float, float]) -> None:
    x, y = albers_usa(*place)

    assert 0 < x < USA_WIDTH
    assert 0 < y < USA_HEIGHT


@given(mainland, st.floats(0.01, 2))
def test_east_of_a_place_is_right_of_it_and_north_above(place: tuple[float, float], step: float) -> None:
    x, y = albers_usa(*place)

    assert albers_usa(place[0], place[1] + step)[0] > x
    assert albers_usa(place[0] + step, place[1])[1] < y


@given(latitudes, longitudes, st.sampled_from([10.0, -160.0]))
def test_every_place_lies_on_the_map_of_the_world(latitude: float, longitude: float, meridian: float) -> None:
    x, y = equal_earth(latitude, longitude, meridian)

    assert -0.1 <= x <= WORLD_WIDTH + 0.1
    assert -0.1 <= y <= WORLD_HEIGHT + 0.1


@given(latitudes, latitudes, longitudes)
def test_north_is_up_on_the_map_of_the_world(one: float, other: float, longitude: float) -> None:
    south, north = sorted((one, other))
    assume(north - south > 1e-6)

    assert equal_earth(north, longitude, 10)[1] < equal_earth(south, longitude, 10)[1]


def test_the_shortest_way_from_shenzhen_to_los_angeles_crosses_the_pacific_in_the_north() -> None:
    bends = way((22.5, 114.1), (34.05, -118.24), 8)

    assert bends[0] == (22.5, 114.1)
    assert bends[-1] == (34.05, -118.24)
    assert max(latitude for latitude, _longitude in bends) > 45
    assert all(longitude > 110 or longitude < -115 for _latitude, longitude in bends)


@given(st.tuples(latitudes, longitudes), st.tuples(latitudes, longitudes), st.integers(1, 40))
def test_a_way_leads_from_start_to_end_over_places_of_the_globe(
    start: tuple[float, float], end: tuple[float, float], steps: int
) -> None:
    bends = way(start, end, steps)

    assert (bends[0], bends[-1]) == (start, end)
    assert all(abs(latitude) <= 90 and abs(longitude) <= 180 for latitude, longitude in bends)


def test_a_way_between_opposite_ends_of_the_globe_is_straight() -> None:
    assert way((0.0, 0.0), (0.0, 180.0), 10) == [(0.0, 0.0), (0.0, 180.0)]
