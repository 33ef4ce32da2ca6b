"""Which clock hangs on the wall where a scan happened, and where on the map that is."""

import gzip
import importlib.util
import math
import zoneinfo
from datetime import UTC, datetime
from pathlib import Path

import pytest
import tzfpy
from hypothesis import given, settings
from hypothesis import strategies as st

from shipments.facts import countries, zones
from shipments.facts.places import (
    Place,
    PostalCodeError,
    canadian_postal_code,
    comparable_postal_code,
    five_digits,
    is_us_postal_code,
    point_of,
    zone_of,
)

DATA = Path(zones.__file__).parent / "data"


# United States


@pytest.mark.parametrize(
    ("place", "zone"),
    [
        # The sample answers of Pitney Bowes, Track a Package.
        (Place("NIAGARA FALLS", "NY", "14304"), "America/New_York"),
        (Place("OLNEY", "MD", "20832"), "America/New_York"),
        (Place("ADVANCE", "NC", "27006", "US"), "America/New_York"),
        (Place("ORANGE", "CT", "06477", "US"), "America/New_York"),
        (Place("OLYMPIA", "WA", "98501-6202"), "America/Los_Angeles"),
        # States with two zones.
        (Place("EL PASO", "TX", "79901"), "America/Denver"),
        (Place("DALLAS", "TX", "75201"), "America/Chicago"),
        (Place("LOUISVILLE", "KY", "40202"), "America/Kentucky/Louisville"),
        (Place("PADUCAH", "KY", "42001"), "America/Chicago"),
        (Place("INDIANAPOLIS", "IN", "46204"), "America/Indiana/Indianapolis"),
        (Place("GARY", "IN", "46402"), "America/Chicago"),
        (Place("PENSACOLA", "FL", "32501"), "America/Chicago"),
        (Place("HERNANDO", "FL", "34442"), "America/New_York"),
        (Place("PHOENIX", "AZ", "85003"), "America/Phoenix"),
        (Place("WINDOW ROCK", "AZ", "86515"), "America/Denver"),
        (Place("ANCHORAGE", "AK", "99501"), "America/Anchorage"),
        (Place("ADAK", "AK", "99546"), "America/Adak"),
        (Place("HONOLULU", "HI", "96813"), "Pacific/Honolulu"),
        # Islands.
        (Place("SAN JUAN", "PR", "00901"), "America/Puerto_Rico"),
        (Place("CHARLOTTE AMALIE", "VI", "00802"), "America/St_Thomas"),
        (Place("HAGATNA", "GU", "96910"), "Pacific/Guam"),
        (Place("PAGO PAGO", "AS", "96799"), "Pacific/Pago_Pago"),
        (Place("SAIPAN", "MP", "96950"), "Pacific/Saipan"),
        (Place("KOROR", "PW", "96940"), "Pacific/Palau"),
        (Place("KOLONIA", "FM", "96941"), "Pacific/Pohnpei"),
        (Place("CHUUK", "FM", "96942"), "Pacific/Chuuk"),
        (Place("EBEYE", "MH", "96970"), "Pacific/Kwajalein"),
        # Codes of post-office boxes are not in the table; the nearest one is.
        (Place("BOSTON", "MA", "02205"), "America/New_York"),
        (Place("MIAMI", "FL", "33101"), "America/New_York"),
    ],
)
def test_a_zip_code_settles_the_zone_with_or_without_the_country(place: Place, zone: str) -> None:
    assert zone_of(place) == zone
    assert zone_of(Place(postal_code=place.postal_code)) == zone
    assert zone_of(Place(postal_code=f" {place.postal_code[:5]}-0001 ", country="United States")) == zone


@pytest.mark.parametrize(
    ("place", "zone"),
    [
        (Place("NEW YORK", "NY"), "America/New_York"),
        (Place("CHICAGO", " il "), "America/Chicago"),
        (Place("SAN FRANCISCO", "CA", country="US"), "America/Los_Angeles"),
        (Place("SAN JUAN", "PR", country="US"), "America/Puerto_Rico"),
        (Place("SAN JUAN", country="PR"), "America/Puerto_Rico"),
        (Place("SAN JUAN", country="Puerto Rico"), "America/Puerto_Rico"),
        (Place("MAJURO", country="MH"), "Pacific/Majuro"),
        # Malformed, and of a first three digits that no listed code has.
        (Place("ALBANY", "NY", "1220"), "America/New_York"),
        (Place("WASHINGTON", "DC", "20301", "US"), "America/New_York"),
        # Two zones meet in these states.
        (Place("TAMPA", "FL"), None),
        (Place("TUBA CITY", "AZ"), None),
        (Place("EL PASO", "TX", "88510", "US"), None),
        (Place("PALIKIR", country="FM"), None),
    ],
)
def test_without_a_listed_zip_code_the_state_settles_it_where_it_has_one_zone(
    place: Place, zone: str | None
) -> None:
    assert zone_of(place) == zone


@pytest.mark.parametrize(
    "place",
    [
        Place("APO", "AE", "09012"),
        Place("APO", "AE", "09012", "US"),
        Place("FPO", "AP", "96349"),
        Place("DPO", "AA", "34002"),
        Place("APO", "AA"),
        Place(postal_code="09012"),
        Place("MIAMI", "NY", "34002", "US"),
    ],
)
def test_military_post_offices_are_nowhere_on_the_map(place: Place) -> None:
    assert zone_of(place) is None
    assert point_of(place) is None


@pytest.mark.parametrize(
    ("city", "zone"),
    [
        ("CHICAGO IL DISTRIBUTION CENTER", "America/Chicago"),
        ("Atlanta  GA Network Distribution Center", "America/New_York"),
        ("LOS ANGELES CA INTERNATIONAL DISTRIBUTION CENTER", "America/Los_Angeles"),
        ("PHILADELPHIA PA REGIONAL DISTRIBUTION CENTER", "America/New_York"),
        ("KANSAS CITY MO DISTRIBUTION CENTER ANNEX", "America/Chicago"),
        ("SAN JUAN PR DISTRIBUTION CENTER", "America/Puerto_Rico"),
        # Florida has two zones.
        ("JACKSONVILLE FL DISTRIBUTION CENTER", None),
        ("CHICAGO IL", None),
        ("CHICAGO IL DISTRIBUTION CENTER NORTH", None),
        ("CHICAGOIL DISTRIBUTION CENTER", None),
        ("TORONTO ON DISTRIBUTION CENTER", None),
        ("DISTRIBUTION CENTER", None),
    ],
)
@pytest.mark.parametrize("country", ["", "US"])
def test_the_name_of_a_usps_plant_tells_its_state(city: str, zone: str | None, country: str) -> None:
    assert zone_of(Place(city=city, country=country)) == zone


def test_a_plants_name_counts_only_where_nothing_better_is_known() -> None:
    assert zone_of(Place("CHICAGO IL DISTRIBUTION CENTER", "NY")) == "America/New_York"
    assert zone_of(Place("CHICAGO IL DISTRIBUTION CENTER", postal_code="85003")) == "America/Phoenix"
    assert zone_of(Place("CHICAGO IL DISTRIBUTION CENTER", country="GB")) == "Europe/London"


# Canada


@pytest.mark.parametrize(
    ("place", "zone"),
    [
        (Place("EDMONTON", "AB", "T6R3H7", "CA"), "America/Edmonton"),
        (Place("EDMONTON", "AB", "T6R3H7"), "America/Edmonton"),
        (Place(postal_code="t6r 3h7"), "America/Edmonton"),
        (Place("CALGARY", "AB"), "America/Edmonton"),
        (Place("HALIFAX", "NS", country="CANADA"), "America/Halifax"),
        (Place("CHARLOTTETOWN", "PE", country="CAN"), "America/Halifax"),
        (Place("MONCTON", "NB", "E1C 1A1", "CA"), "America/Moncton"),
        (Place("WINNIPEG", "MB", "R3C 4A5"), "America/Winnipeg"),
        (Place("WHITEHORSE", "YT"), "America/Whitehorse"),
        (Place("TORONTO", "ON", "M5V 2T6"), "America/Toronto"),
        (Place("OTTAWA", "ON", "K0A 1A0"), "America/Toronto"),
        (Place("THUNDER BAY", "ON", "P7B 1A1"), "America/Toronto"),
        (Place("KENORA", "ON", "P9N 1A1"), "America/Winnipeg"),
        (Place("MONTREAL", "QC", "H2Y 1C6"), "America/Toronto"),
        (Place("ILES-DE-LA-MADELEINE", "QC", "G4T 1A1"), "America/Halifax"),
        (Place("ST JOHNS", "NL", "A1C 1A1"), "America/St_Johns"),
        (Place("LABRADOR CITY", "NL", "A2V 1A1"), "America/Goose_Bay"),
        (Place("REGINA", "SK", "S4P 3Y2"), "America/Regina"),
        (Place("LLOYDMINSTER", "SK", "S9V 1A1"), "America/Edmonton"),
        (Place("VANCOUVER", "BC", "V6B 1A1"), "America/Vancouver"),
        (Place("CRANBROOK", "BC", "V1C 1A1"), "America/Edmonton"),
        (Place("FORT ST JOHN", "BC", "V1J 1A1"), "America/Dawson_Creek"),
        # Rural codes of provinces with two zones, and those provinces themselves.
        (Place("CRESTON", "BC", "V0B 1G0"), None),
        (Place("PICKLE LAKE", "ON", "P0V 3A0"), None),
        (Place("IQALUIT", "NU", "X0A 0H0"), None),
        (Place("TORONTO", "ON", country="CA"), None),
        (Place("VANCOUVER", "BC"), None),
        (Place(country="CA"), None),
    ],
)
def test_canada_by_postal_code_or_by_a_province_with_one_zone(place: Place, zone: str | None) -> None:
    assert zone_of(place) == zone


# Other countries


@pytest.mark.parametrize(
    ("country", "zone"),
    [
        ("GB", "Europe/London"),
        ("gb", "Europe/London"),
        ("GBR", "Europe/London"),
        ("UK", "Europe/London"),
        ("United Kingdom", "Europe/London"),
        ("GREAT BRITAIN AND NORTHERN IRELAND", "Europe/London"),
        ("JP", "Asia/Tokyo"),
        ("HONG KONG", "Asia/Hong_Kong"),
        ("KOREA, REPUBLIC OF", "Asia/Seoul"),
        ("Türkiye", "Europe/Istanbul"),
        ("COTE D'IVOIRE", "Africa/Abidjan"),
        ("Côte d’Ivoire", "Africa/Abidjan"),
        ("DE", "Europe/Berlin"),
        ("CHINA", "Asia/Shanghai"),
        ("MALAYSIA", "Asia/Kuala_Lumpur"),
        ("US", None),
        ("USA", None),
        ("United States of America", None),
        ("AU", None),
        ("MX", None),
        ("RUSSIAN FEDERATION", None),
        ("ES", None),
        ("XX", None),
        ("ATLANTIS", None),
        ("", None),
    ],
)
def test_a_country_with_one_clock_settles_it_however_it_is_written(country: str, zone: str | None) -> None:
    assert zone_of(Place(country=country)) == zone


def test_foreign_postal_codes_are_not_taken_for_zip_codes() -> None:
    assert zone_of(Place("BERLIN", "", "10115", "DE")) == "Europe/Berlin"
    assert zone_of(Place("MADRID", "", "28001", "ES")) is None
    assert zone_of(Place("NOWHERE", "", "10115", "ATLANTIS")) is None
    assert point_of(Place("BERLIN", "", "10115", "DE")) is None


def test_a_state_of_the_military_post_is_not_a_country() -> None:
    assert zone_of(Place("DUBAI", country="AE")) == "Asia/Dubai"


@pytest.mark.parametrize("code", ["AR", "CY", "DE", "KZ", "MH", "MY", "UZ"])
def test_countries_taken_for_one_clock_show_the_same_everywhere(code: str) -> None:
    months = [datetime(year, month, 15, tzinfo=UTC) for year in (2025, 2026, 2027) for month in range(1, 13)]
    listed = [zoneinfo.ZoneInfo(name) for name in countries.zones_of(code)]

    assert len(listed) > 1
    for month in months:
        assert len({month.astimezone(zone).utcoffset() for zone in listed}) == 1
    assert countries.one_zone(code) in countries.zones_of(code)


# Coordinates


def test_coordinates_settle_it_before_anything_else() -> None:
    assert zone_of(Place("PHOENIX", "AZ", "85003", "US", 40.713, -74.006)) == "America/New_York"
    assert zone_of(Place(latitude=-37.814, longitude=144.963)) == "Australia/Melbourne"
    assert point_of(Place(postal_code="85003", latitude=40.713, longitude=-74.006)) == (40.713, -74.006)


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [(None, -74.0), (40.7, None), (0.0, 0.0), (math.nan, 1.0), (1.0, math.inf), (91.0, 0.0), (0.0, -181.0)],
)
def test_coordinates_that_say_nothing_are_left_out(latitude: float | None, longitude: float | None) -> None:
    place = Place("PHOENIX", "AZ", "85003", "US", latitude, longitude)

    assert zone_of(place) == "America/Phoenix"
    assert point_of(place) == (33.451, -112.078)


def test_a_point_at_sea_is_placed_by_the_postal_code() -> None:
    assert zone_of(Place(postal_code="96813", latitude=20.0, longitude=-165.0)) == "Pacific/Honolulu"
    assert zone_of(Place(latitude=30.0, longitude=-40.0)) is None


# Points


@pytest.mark.parametrize(
    ("place", "point"),
    [
        (Place(postal_code="14304"), (43.105, -78.948)),
        (Place(postal_code="14304-1234", country="US"), (43.105, -78.948)),
        (Place(postal_code="00901", country="PR"), (18.467, -66.108)),
        (Place(postal_code="33101"), (25.78, -80.199)),
        (Place(postal_code="96941"), None),
        (Place(postal_code="00000"), None),
        (Place("EDMONTON", "AB", "T6R3H7", "CA"), None),
        (Place("NEW YORK", "NY"), None),
        (Place(), None),
    ],
)
def test_a_place_on_the_map(place: Place, point: tuple[float, float] | None) -> None:
    assert point_of(place) == point


# Postal codes


@pytest.mark.parametrize("text", ["06477", " 06477 ", "06477-1234", "06477 1234", "064771234"])
def test_a_zip_code_is_cut_to_five_digits_and_keeps_its_zero(text: str) -> None:
    assert is_us_postal_code(text)
    assert five_digits(text) == "06477"


@pytest.mark.parametrize(
    "text", ["", "6477", "0647a", "06477-12", "06477--1234", "T6R3H7", "٠٦٤٧٧", "0647712345"]
)
def test_anything_else_is_refused_in_words_that_name_the_rule(text: str) -> None:
    assert not is_us_postal_code(text)
    with pytest.raises(PostalCodeError) as refusal:
        five_digits(text)

    assert str(refusal.value) == "A ZIP Code is five digits, or nine as 12345-6789."


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("T6R3H7", "T6R3H7"),
        (" t6r-3h7", "T6R3H7"),
        ("T6R 3H7", "T6R3H7"),
        ("T6R", None),
        ("12345", None),
        ("M1 1AA", None),
    ],
)
def test_canadian_codes_are_known_by_their_form(text: str, code: str | None) -> None:
    assert canadian_postal_code(text) == code


@pytest.mark.parametrize(
    ("typed", "country", "kept"),
    [
        ("06477-1234", "", "06477"),
        ("06477-1234", "US", "06477"),
        (" 06477 ", "united states", "06477"),
        ("00901-1234", "PR", "00901"),
        ("t6r 3h7", "CA", "T6R3H7"),
        ("sw1a\u20132aa", "GB", "SW1A2AA"),
        ("123-4567", "JP", "1234567"),
        ("12345-6789", "BR", "123456789"),
    ],
)
def test_codes_are_compared_without_what_people_write_between(typed: str, country: str, kept: str) -> None:
    assert comparable_postal_code(typed, country) == kept


# Anything at all (the tables load within the first example, hence no deadline)

coordinates = st.none() | st.floats() | st.floats(-200, 200)
words = st.text() | st.sampled_from(
    ["US", "CA", "AE", "AB", "NY", "00000", "14304", "T6R3H7", "\ud800", "PR DISTRIBUTION CENTER"]
)


@settings(deadline=None)
@given(st.builds(Place, words, words, words, words, coordinates, coordinates))
def test_no_place_makes_these_functions_fail(place: Place) -> None:
    zone, point = zone_of(place), point_of(place)

    assert zone is None or zoneinfo.ZoneInfo(zone).key == zone
    assert point is None or (-90 <= point[0] <= 90 and -180 <= point[1] <= 180)
    comparable_postal_code(place.postal_code, place.country)


@settings(deadline=None)
@given(st.from_regex(r"[0-9]{5}", fullmatch=True))
def test_every_five_digits_have_an_answer_that_zone_and_point_agree_on(zip_code: str) -> None:
    place = Place(postal_code=zip_code)
    point = point_of(place)

    if point is not None:
        assert zone_of(place) == tzfpy.get_tz(point[1], point[0])


# The tables


def listed_points() -> list[tuple[str, float, float]]:
    lines = gzip.decompress((DATA / "us_zip_points.txt.gz").read_bytes()).decode("ascii").splitlines()
    return [(code, float(latitude), float(longitude)) for code, latitude, longitude in map(str.split, lines)]


def test_the_zones_of_all_zip_codes_are_those_of_todays_boundaries() -> None:
    points = listed_points()
    assert len(points) == 33_791
    assert points == sorted(points)

    moved = [
        code
        for code, latitude, longitude in points
        if zones.zip_zone(code) != tzfpy.get_tz(longitude, latitude)
    ]

    assert moved == []


def test_every_zone_named_in_a_table_exists() -> None:
    named = {
        *(DATA / "us_zip_zones.txt").read_text("ascii").split()[1::2],
        *(zone for zone in zones.STATE_ZONES.values() if zone),
        *(zone for zone in zones.PROVINCE_ZONES.values() if zone),
        *(
            zones.canadian_zone(f"{letter}{digit}A1A1") or "UTC"
            for letter in "ABCEGHJKLMNPRSTVXY"
            for digit in range(10)
        ),
        *tzfpy.timezonenames(),
    }
    assert named - zoneinfo.available_timezones() == set()


@pytest.mark.parametrize(
    ("state", "first", "last"),
    [
        ("CA", "900", "961"), ("CO", "800", "816"), ("GA", "300", "319"), ("IL", "600", "629"), ("LA", "700", "714"),
        ("MN", "550", "567"), ("MO", "630", "658"), ("MT", "590", "599"), ("NM", "870", "884"), ("NY", "100", "149"),
        ("OH", "430", "459"), ("OK", "730", "749"), ("PA", "150", "196"), ("UT", "840", "847"), ("VA", "220", "246"),
        ("WA", "980", "994"), ("WI", "530", "549"), ("WV", "247", "268"),
    ],
)  # fmt: skip
def test_states_taken_for_one_zone_have_one(state: str, first: str, last: str) -> None:
    codes = [code for code, _latitude, _longitude in listed_points() if first <= code[:3] <= last]

    assert {zones.zip_zone(code) for code in codes} == {zones.STATE_ZONES[state]}


def test_the_tables_are_built_from_the_package_as_written_down(tmp_path: Path) -> None:
    source = tmp_path / "array.js"
    source.write_text(
        'module.exports = [\n  {"latitude":40.75065,"longitude":-73.997293,"zipCode":"10001"},\n'
        '  {"latitude":18.180555,"longitude":-66.749961,"zipCode":"00601"},\n'
        '  {"latitude":40.715969,"longitude":-73.986895,"zipCode":"10002"}\n]\n'
    )
    spec = importlib.util.spec_from_file_location("build_zip_tables", DATA / "build.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)

    build.build(source, tmp_path)

    assert gzip.decompress((tmp_path / "us_zip_points.txt.gz").read_bytes()) == (
        b"00601 18.181 -66.750\n10001 40.751 -73.997\n10002 40.716 -73.987\n"
    )
    assert (
        tmp_path / "us_zip_zones.txt"
    ).read_text() == "00601 America/Puerto_Rico\n10001 America/New_York\n"
