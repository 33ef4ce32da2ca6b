"""Places on the map to the level of towns, and no finer."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipments.facts import zones
from shipments.facts.data import build_towns
from shipments.facts.places import Place, point_of
from shipments.facts.towns import key, spot_of


@pytest.mark.parametrize(
    ("place", "point", "region"),
    [
        (Place("OLNEY", "MD", "20832"), (39.15, -77.07), "US-MD"),
        (Place("ST. LOUIS", "MO"), (38.63, -90.2), "US-MO"),
        (Place("Saint Louis", "MO"), (38.63, -90.2), "US-MO"),
        (Place("FT WORTH", "TX"), (32.73, -97.32), "US-TX"),
        (Place("NEW YORK", "NY"), (40.71, -74.01), "US-NY"),
        (Place("MC ALLEN", "TX"), (26.2, -98.23), "US-TX"),
        (Place("COEUR D ALENE", "ID"), (47.68, -116.78), "US-ID"),
        (Place("WASHINGTON", "DC"), (38.9, -77.04), "US-DC"),
        # USPS names a plant after a town, with the state behind it.
        (Place("JERSEY CITY NJ NETWORK DISTRIBUTION CENTER"), (40.73, -74.08), "US-NJ"),
        # Puerto Rico stands in either field.
        (Place("SAN JUAN", "PR", "00907"), (18.47, -66.11), "PR"),
        (Place("San Juan", "", "", "PR"), (18.47, -66.11), "PR"),
        (Place("TORONTO", "ON", "M5V2T6", "CA"), (43.71, -79.4), "CA-ON"),
        (Place("Montréal", "", "H2X 1Y4", "CA"), (45.51, -73.59), "CA-QC"),
        (Place("KÖLN", "", "", "DE"), (50.9, 7.0), "DE"),
        (Place("Koeln", "", "", "DE"), (50.9, 7.0), "DE"),
        (Place("Frankfurt", "", "", "DEU"), (50.1, 8.7), "DE"),
        (Place("SHENZHEN", "", "", "CN"), (22.5, 114.1), "CN"),
    ],
)
def test_a_town_has_one_point(place: Place, point: tuple[float, float], region: str) -> None:
    spot = spot_of(place)

    assert spot is not None
    assert (spot.point, spot.region) == (point, region)


@pytest.mark.parametrize(
    "place",
    [
        Place("NOWHERE", "MD"),
        Place("", "MD", "20832"),
        Place("20832", "MD", "20832"),
        Place("", "", "", "US"),
        Place("APO", "AE", "09012"),
        Place("FPO", "", "96350"),
        Place("SOMEWHERE"),
        Place(),
    ],
)
def test_what_names_no_town_we_know_is_nowhere(place: Place) -> None:
    assert spot_of(place) is None


def test_two_postal_codes_of_a_town_share_its_point() -> None:
    codes = [Place("SEATTLE", "WA", code) for code in ("98101", "98118", "98199-1234")]

    assert len({point_of(place) for place in codes}) == 3
    assert len({spot_of(place) for place in codes}) == 1


def test_a_town_that_is_not_listed_lies_with_all_codes_of_its_three_digits() -> None:
    one, other = Place("FLUSHING", "NY", "11354"), Place("FLUSHING", "NY", "11375")

    spot = spot_of(one)
    assert spot is not None
    assert spot.point == pytest.approx((40.752, -73.831), abs=0.001)
    assert spot == spot_of(other)


@settings(deadline=None)
@given(st.from_regex(r"[0-9]{5}", fullmatch=True))
def test_no_point_tells_a_postal_code(zip_code: str) -> None:
    spot = spot_of(Place("NO SUCH TOWN", "MD", zip_code))

    if spot is not None and spot.region == "US-MD":
        area = f"{int(zip_code) // 100:03d}"
        sharing = [code for code in map("{:05d}".format, zones._points()[0]) if code.startswith(area)]
        assert len(sharing) >= 5
        assert spot == spot_of(Place("NO SUCH TOWN", "MD", sharing[0]))


@pytest.mark.parametrize(
    ("place", "point"),
    [
        # The carrier's own coordinates, to a fifth of a degree.
        (Place("Kleinkleckersdorf", "", "", "DE", 51.2345, 10.8765), (51.2, 10.8)),
        # The middle of where people live, where not even a town is told.
        (Place("", "", "", "DE", 51.2345, 10.8765), spot_of(Place("", "", "", "DE")).point),  # type: ignore[union-attr]
        (Place("Shenzhen Processing Unit 7", "", "", "CN"), spot_of(Place("", "", "", "CN")).point),  # type: ignore[union-attr]
    ],
)
def test_abroad_coordinates_are_rounded_and_countries_have_a_middle(
    place: Place, point: tuple[float, float]
) -> None:
    spot = spot_of(place)

    assert spot is not None
    assert spot.point == pytest.approx(point)


def test_only_the_fifty_states_and_the_capital_have_the_map_of_the_states() -> None:
    drawn = {
        state: spot.in_states
        for state, town in (("HI", "HONOLULU"), ("DC", "WASHINGTON"), ("PR", "PONCE"), ("GU", "DEDEDO"))
        if (spot := spot_of(Place(town, state)))
    }

    assert drawn == {"HI": True, "DC": True, "PR": False, "GU": False}


@settings(deadline=None)
@given(st.text(max_size=120))
def test_the_key_of_a_name_is_its_own_key(name: str) -> None:
    once = key(name)

    assert once == "" or once.isalnum()
    assert once.isascii()


@settings(deadline=None)
@given(st.builds(Place, st.text(max_size=30), st.text(max_size=4), st.text(max_size=10), st.text(max_size=4)))
def test_whatever_a_carrier_writes_is_a_point_on_the_globe_or_nowhere(place: Place) -> None:
    spot = spot_of(place)

    assert spot is None or (abs(spot.point[0]) <= 90 and abs(spot.point[1]) <= 180)


# The table


def test_the_table_is_sorted_and_has_every_state_with_its_middle() -> None:
    lines = (
        gzip.decompress((Path(build_towns.HERE) / "towns.txt.gz").read_bytes()).decode("ascii").splitlines()
    )
    regions = [line[1:-1] for line in lines if line.startswith("[")]
    middles = [line for line in lines if line.startswith("* ")]

    assert regions == sorted(set(regions))
    assert len(middles) == len(regions)
    assert {region for region in regions if region.startswith("US-")} == {
        f"US-{state}" for state in zones.STATE_ZONES if state not in zones.ISLANDS
    }


def test_the_table_is_built_from_the_package_as_written_down(tmp_path: Path) -> None:
    def a_city(number: int, name: str, population: int, **over: object) -> dict[str, object]:
        return {
            "geonameid": number, "name": name, "latitude": 39.153, "longitude": -77.067, "countrycode": "US",
            "admin1code": "MD", "population": population, "alternatenames": [], **over,
        }  # fmt: skip

    germany = {"countrycode": "DE", "admin1code": "07", "latitude": 50.933, "longitude": 6.95}
    cities = [
        a_city(1, "Olney", 33_844),
        a_city(2, "Olney", 900, latitude=38.0),
        a_city(3, "Hamlet", 499, latitude=38.5),
        a_city(4, "Fort New City", 700, alternatenames=["Fort New", "FNC"]),
        a_city(5, "Köln", 963_395, **germany),
        a_city(6, "Bonn", 300_000, **germany),
        a_city(7, "Brühl", 40_000, **germany),
        a_city(8, "Kerpen", 14_000, **germany),
    ]
    source = tmp_path / "cities500.json"
    source.write_text(json.dumps({str(city["geonameid"]): city for city in cities}))

    build_towns.build(source, tmp_path)

    assert gzip.decompress((tmp_path / "towns.txt.gz").read_bytes()).decode() == (
        "[DE]\n* 50.9 7.0\nBONN 50.9 7.0\nBRUEHL 50.9 7.0\nBRUHL 50.9 7.0\nKOELN 50.9 7.0\nKOLN 50.9 7.0\n"
        "[US-MD]\n* 39.15 -77.07\nFTNEW 39.15 -77.07\nFTNEWCITY 39.15 -77.07\nOLNEY 39.15 -77.07\n"
    )
