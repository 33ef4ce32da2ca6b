import unicodedata
from datetime import date, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.carriers.base import Unreadable
from shipments.carriers.reading import Findings, Wire
from shipments.carriers.values import (
    MAX_TEXT,
    MAX_WORD,
    BearerToken,
    Count,
    Flag,
    Latitude,
    Longitude,
    NumberAsSent,
    Offset,
    Plain,
    PostalCode,
    Text,
    Url,
    WireDate,
    WireTime,
    Word,
    plain_text,
    plain_value,
    posted,
    read_date,
)
from shipments.facts.times import Posted


class Everything(Wire):
    text: Text = ""
    word: Word = ""
    postal: PostalCode = ""
    url: Url = ""
    token: BearerToken = ""
    flag: Flag | None = None
    number: NumberAsSent | None = None
    count: Count | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    day: WireDate | None = None
    clock: WireTime | None = None
    offset: Offset | None = None
    plain: Plain = None


def read(field: str, value: Any) -> tuple[Any, tuple[Unreadable, ...]]:
    findings = Findings()
    wire = Everything.read({field: value}, findings)
    return getattr(wire, field), findings.found


@pytest.mark.parametrize(
    ("field", "sent", "kept"),
    [
        ("text", "  Delivered,\n Front\tDesk ", "Delivered, Front Desk"),
        ("text", 42, "42"),
        ("text", 4.0, "4"),
        ("text", 4.5, "4.5"),
        ("text", "Priority Mail<SUP>&reg;</SUP>", "Priority Mail®"),
        ("text", "a\x00b\x07c\ud800d\x85e\u202ef", "abcd ef"),
        ("word", 9405509898641500000146, "9405509898641500000146"),
        ("word", " A<B ", "A<B"),
        ("postal", "98501-6202", "98501-6202"),
        ("postal", 6477, "06477"),
        ("postal", 98501, "98501"),
        ("postal", "T6R3H7", "T6R3H7"),
        ("url", " https://proof.example/p?x=1 ", "https://proof.example/p?x=1"),
        ("flag", True, True),
        ("flag", "TRUE", True),
        ("flag", "false", False),
        ("number", 0, 0),
        ("number", 3.546, 3.546),
        ("number", " 4.06 ", "4.06"),
        ("count", 1, 1),
        ("count", "1", 1),
        ("count", 2.0, 2),
        ("latitude", "47.0379", 47.0379),
        ("longitude", -122.9007, -122.9007),
        ("day", "2019-10-08", Posted(date(2019, 10, 8))),
        ("day", "2019-10-02 23:30:42", Posted(date(2019, 10, 2), time(23, 30, 42))),
        (
            "day",
            "2024-04-04T14:03:12.041-07:00",
            Posted(date(2024, 4, 4), time(14, 3, 12), timedelta(hours=-7)),
        ),
        ("day", "2024-04-04T14:03Z", Posted(date(2024, 4, 4), time(14, 3), timedelta(0))),
        ("clock", "08:26:00", time(8, 26)),
        ("clock", "8:26", time(8, 26)),
        ("clock", "23:59:59.999999", time(23, 59, 59)),
        ("offset", "-7:00", timedelta(hours=-7)),
        ("offset", "+05:30", timedelta(hours=5, minutes=30)),
        ("plain", ["<b>x</b>", {"a\x00": None}], ["x", {"a": None}]),
    ],
)
def test_a_value_is_read_as_it_was_meant(field: str, sent: Any, kept: Any) -> None:
    assert read(field, sent) == (kept, ())


@pytest.mark.parametrize(
    ("field", "sent", "reason"),
    [
        ("text", True, "not text"),
        ("text", ["x"], "not text"),
        ("word", {}, "not text"),
        ("url", "javascript:alert(1)", "not an http or https address"),
        ("url", "https:///path", "not an http or https address"),
        ("url", "https://exa mple/", "not an address"),
        ("url", "https://exam\nple.org/", "not an address"),
        ("url", "http://[broken", "not an address"),
        ("url", "https://x.example/" + "a" * 2000, "an address longer than 2,000 characters"),
        ("url", 7, "not an address"),
        ("token", "two words", "not a token"),
        ("token", "tökèn", "not a token"),
        ("flag", "maybe", "neither true nor false"),
        ("flag", 1, "neither true nor false"),
        ("number", "heavy", "not a number"),
        ("number", "1_000", "not a number"),
        ("number", "NaN", "not a number"),
        ("number", True, "not a number"),
        ("number", "1e999", "a number out of range"),
        ("number", "1" * 41, "not a number"),
        ("count", -1, "not a count"),
        ("count", 1.5, "not a count"),
        ("count", 2**31, "not a count"),
        ("latitude", "90.1", "not between -90 and 90 degrees"),
        ("longitude", "-180.5", "not between -180 and 180 degrees"),
        ("day", "10/08/2019", "not a date (YYYY-MM-DD)"),
        ("day", "2019-13-08", "a date that is in no calendar"),
        ("day", "0001-01-01", "a date outside 1970–2199"),
        ("day", "2019-10-08 noon", "a date with something after it that is not a time"),
        ("day", "2019-10-08-05:00", "not a date (YYYY-MM-DD)"),
        ("day", "2019-10-08 10:00 EST", "not an offset from UTC (±hh:mm)"),
        ("day", 20191008, "not text"),
        ("clock", "24:00:00", "a time that is on no clock"),
        ("clock", "12:15pm", "not a time (HH:MM:SS)"),
        ("offset", "-15:00", "not an offset from UTC (±hh:mm)"),
        ("offset", -420, "not text"),
    ],
)
def test_a_value_that_breaks_the_rule_is_missing_and_on_record(field: str, sent: Any, reason: str) -> None:
    kept, found = read(field, sent)

    assert kept == Everything.model_fields[field].default
    assert found == (Unreadable(field, reason),)


def test_an_overlong_text_is_cut_and_on_record() -> None:
    assert read("text", "x" * 1001) == (
        "x" * MAX_TEXT,
        (Unreadable("text", "longer than 1,000 characters; the rest was cut"),),
    )
    assert read("word", "y" * 101) == (
        "y" * MAX_WORD,
        (Unreadable("word", "longer than 100 characters; the rest was cut"),),
    )


@pytest.mark.parametrize(
    ("marked_up", "plain"),
    [
        ("Priority Mail<SUP>&reg;</SUP>", "Priority Mail®"),
        ("USPS Ground Advantage<SUP>&#153;</SUP>", "USPS Ground Advantage™"),
        ("USPS Tracking<SUP>&#174;</SUP>", "USPS Tracking®"),
        ("Mail&lt;SUP&gt;&amp;reg;&lt;/SUP&gt;", "Mail®"),
        ("one<br/>two<BR>three", "one two three"),
        ("<!-- no -->weight < 5 lb > 1 lb", "weight < 5 lb > 1 lb"),
        ("AT&T store", "AT&T store"),
        ("<script>alert(1)</script>", "alert(1)"),
    ],
)
def test_display_text_loses_its_markup_and_keeps_its_words(marked_up: str, plain: str) -> None:
    assert plain_text(marked_up) == plain


@given(st.text())
def test_display_text_never_holds_what_cannot_be_stored(text: str) -> None:
    plain = plain_text(text)

    # Encoding fails on half of a surrogate pair.
    plain.encode("utf-8")
    assert not [character for character in plain if unicodedata.category(character) == "Cc"]
    assert plain == " ".join(plain.split())


def test_time_and_offset_of_their_own_win_over_those_inside_the_date() -> None:
    inside = read_date("2019-10-02T23:30:42-04:00")

    assert posted(inside) == Posted(date(2019, 10, 2), time(23, 30, 42), timedelta(hours=-4))
    assert posted(inside, time(8, 0), timedelta(hours=-5)) == Posted(
        date(2019, 10, 2), time(8, 0), timedelta(hours=-5)
    )
    assert posted(None, time(8, 0), timedelta(hours=-5)) is None


def test_an_offset_without_a_time_says_nothing() -> None:
    assert posted(Posted(date(2019, 10, 2)), None, timedelta(hours=-5)) == Posted(date(2019, 10, 2))


def test_values_for_details_are_bounded_in_depth_and_width() -> None:
    deep: Any = "bottom"
    for _ in range(50):
        deep = [deep]

    assert plain_value(deep) == [[[[[[None]]]]]]
    assert plain_value(["x"] * 500) == ["x"] * 200
    assert len(plain_value({str(n): n for n in range(500)})) == 200


def test_a_value_that_is_not_json_is_refused() -> None:
    with pytest.raises(ValueError, match="not a JSON value"):
        plain_value(object())
