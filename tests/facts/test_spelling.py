"""Days, clocks, spans, zones and places as people write them, in English and Spanish."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from shipments.enums import ZoneKnownBy
from shipments.facts import spelling
from shipments.facts.times import DeliveryEstimate

TODAY = date(2025, 6, 11)


@pytest.mark.parametrize(
    ("language", "day", "long", "short"),
    [
        ("en", date(2025, 6, 12), "Thursday, 12 June", "12 June"),
        ("es", date(2025, 6, 12), "jueves, 12 de junio", "12 de junio"),
        ("en", date(2024, 12, 31), "Tuesday, 31 December 2024", "31 December 2024"),
        ("es", date(2024, 12, 31), "martes, 31 de diciembre de 2024", "31 de diciembre de 2024"),
    ],
)
def test_days_are_written_out(language: str, day: date, long: str, short: str) -> None:
    with translation.override(language):
        assert (spelling.long_day(day, TODAY), spelling.short_day(day, TODAY)) == (long, short)


@pytest.mark.parametrize(
    ("at", "english", "spanish"),
    [
        (time(14, 5), "2:05 pm", "14:05"),
        (time(20, 0), "8 pm", "20:00"),
        (time(0, 0), "12 am", "0:00"),
        (time(12, 0), "12 pm", "12:00"),
        (time(8, 10, 59), "8:10 am", "8:10"),
    ],
)
def test_clocks_are_read_as_people_read_them(at: time, english: str, spanish: str) -> None:
    with translation.override("en"):
        assert spelling.clock(at) == english
    with translation.override("es"):
        assert spelling.clock(at) == spanish


@pytest.mark.parametrize(
    ("span", "age", "ahead"),
    [
        (timedelta(0), "just now", "now"),
        (timedelta(seconds=-90), "just now", "now"),
        (timedelta(seconds=29), "just now", "now"),
        (timedelta(seconds=31), "just now", "in 1 min"),
        (timedelta(minutes=4), "4 min ago", "in 4 min"),
        (timedelta(minutes=59, seconds=59), "59 min ago", "in 59 min"),
        (timedelta(hours=3, minutes=20), "3 h ago", "in 3 h"),
        (timedelta(hours=47), "47 h ago", "in 47 h"),
        (timedelta(days=2), "2 days ago", "in 2 days"),
        (timedelta(days=400), "400 days ago", "in 400 days"),
    ],
)
def test_spans_are_told_in_their_largest_useful_unit(span: timedelta, age: str, ahead: str) -> None:
    with translation.override("en"):
        assert (spelling.age(span), spelling.ahead(span)) == (age, ahead)


def test_spans_are_told_in_spanish() -> None:
    with translation.override("es"):
        assert spelling.age(timedelta(days=2)) == "hace 2 días"
        assert spelling.ahead(timedelta(minutes=20)) == "en 20 min"


@pytest.mark.parametrize(
    ("zone", "offset", "known_by", "label"),
    [
        ("America/Chicago", -360, ZoneKnownBy.PLACE, "Central Time"),
        ("America/Chicago", -360, ZoneKnownBy.ASSUMED, "Central Time, assumed"),
        ("", -300, ZoneKnownBy.CARRIER, "UTC−5"),
        ("", 330, ZoneKnownBy.CARRIER, "UTC+5:30"),
        ("", 0, ZoneKnownBy.CARRIER, "UTC+0"),
        ("", None, ZoneKnownBy.ASSUMED, "time zone not known"),
    ],
)
def test_a_clock_has_a_name(zone: str, offset: int | None, known_by: ZoneKnownBy, label: str) -> None:
    with translation.override("en"):
        assert spelling.zone_label(zone, offset, known_by) == label


def test_a_clock_has_a_name_in_spanish() -> None:
    with translation.override("es"):
        assert spelling.zone_label("America/Chicago", -360, ZoneKnownBy.ASSUMED) == "hora central, supuesta"


@pytest.mark.parametrize(
    ("place", "written"),
    [
        (("OLNEY", "MD", "US", ""), "Olney, MD"),
        (("OLNEY", "MD", "", "20832"), "Olney, MD 20832"),
        (("Coeur d'Alene", "ID", "USA", ""), "Coeur d'Alene, ID"),
        (("LA JOLLA", "CA", "US", ""), "La Jolla, CA"),
        (("EL PASO", "TX", "US", ""), "El Paso, TX"),
        (("KANSAS CITY MO DISTRIBUTION CENTER", "", "", ""), "Kansas City MO Distribution Center"),
        (("EDMONTON", "AB", "CA", "T5J 0N3"), "Edmonton, AB T5J 0N3, Canada"),
        (("Madrid", "COMUNIDAD DE MADRID", "ESP", ""), "Madrid, Comunidad De Madrid, Spain"),
        (("SOMEWHERE", "", "ATLANTIS", ""), "Somewhere, Atlantis"),
        (("", "", "US", ""), ""),
        (("", "", "", ""), ""),
    ],
)
def test_a_place_is_written_as_people_write_it(place: tuple[str, str, str, str], written: str) -> None:
    city, region, country, postal_code = place
    with translation.override("en"):
        assert spelling.place(city, region, country, postal_code) == written


def test_a_country_is_called_what_the_reader_calls_it() -> None:
    with translation.override("es"):
        assert spelling.place("LONDON", "", "GB") == "London, Reino Unido"


@pytest.mark.parametrize("end", [None, time(23, 59), time(23, 59, 59)])
def test_the_end_of_a_day_says_no_more_than_the_day(end: time | None) -> None:
    with translation.override("en"):
        assert spelling.window(DeliveryEstimate(TODAY, end=end), TODAY) == "Wednesday, 11 June"


def test_the_day_depends_on_where_the_clock_hangs() -> None:
    now = datetime(2025, 6, 12, 1, 0, tzinfo=UTC)

    assert spelling.today_at(now, "America/New_York") == date(2025, 6, 11)
    assert spelling.today_at(now, "Europe/Madrid") == date(2025, 6, 12)


@given(st.text(max_size=60), st.text(max_size=30), st.text(max_size=30), st.text(max_size=12))
def test_whatever_a_carrier_calls_a_place_it_can_be_written(
    city: str, region: str, country: str, postal_code: str
) -> None:
    assert isinstance(spelling.place(city, region, country, postal_code), str)


@pytest.mark.parametrize(
    ("told", "written"),
    [
        ("NIAGARA FALLS,NY,14304", "Niagara Falls, NY 14304"),
        ("EDMONTON,AB,T6R3H7", "Edmonton, AB T6R3H7"),
        ("OLNEY,MD,", "Olney, MD"),
        ("BROMLEY", "Bromley"),
        ("SORTING CENTRE, LONDON, GREATER LONDON, GB", "Sorting Centre, London, Greater London, GB"),
        ("", ""),
    ],
)
def test_a_place_told_in_capitals_is_written_as_people_do(told: str, written: str) -> None:
    assert spelling.told_place(told) == written
