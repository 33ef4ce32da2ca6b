import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.carriers.base import Unreadable
from shipments.carriers.errors import UnreadableAnswer
from shipments.carriers.http import MAX_KEPT
from shipments.carriers.reading import MAX_ELEMENTS, MAX_FINDINGS, Findings, Wire, parse_json, read_each
from shipments.carriers.values import Count, Text, WireDate


class Inner(Wire):
    city: Text = ""


class Outer(Wire):
    event_date: WireDate
    package_count: Count | None = None
    inner_place: Inner | None = None
    note: Text = ""


def read(raw: Any) -> tuple[Outer, tuple[Unreadable, ...]]:
    findings = Findings()
    return Outer.read(raw, findings), findings.found


def test_a_bad_optional_field_costs_only_itself_and_is_on_record() -> None:
    wire, found = read({"eventDate": "2024-05-01", "packageCount": "many", "note": "kept"})

    assert (wire.package_count, wire.note) == (None, "kept")
    assert found == (Unreadable("packageCount", "not a number"),)


def test_a_bad_field_of_an_inner_object_is_named_with_its_path() -> None:
    wire, found = read({"eventDate": "2024-05-01", "innerPlace": {"city": []}})

    assert wire.inner_place == Inner(city="")
    assert found == (Unreadable("innerPlace.city", "not text"),)


def test_an_inner_object_that_is_none_costs_only_itself() -> None:
    wire, found = read({"eventDate": "2024-05-01", "innerPlace": "Springfield"})

    assert wire.inner_place is None
    assert found == (Unreadable("innerPlace", "not an object"),)


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_null_and_blank_mean_missing_and_are_no_loss(blank: str | None) -> None:
    wire, found = read({"eventDate": "2024-05-01", "packageCount": blank, "innerPlace": blank, "note": blank})

    assert (wire.package_count, wire.inner_place, wire.note) == (None, None, "")
    assert found == ()


@pytest.mark.parametrize(
    "raw", [{}, {"eventDate": None}, {"eventDate": ""}, {"eventDate": "soon"}, [], "x", None]
)
def test_an_object_without_what_it_needs_is_refused(raw: Any) -> None:
    with pytest.raises(ValueError, match=r"eventDate|not an object"):
        read(raw)


def test_a_refusal_never_repeats_the_value() -> None:
    with pytest.raises(ValueError, match="eventDate") as caught:
        read({"eventDate": "A. N. Example"})

    assert "Example" not in str(caught.value)


def test_one_bad_element_does_not_cost_the_good_ones() -> None:
    good, lost = read_each(
        [
            {"eventDate": "2024-05-01"},
            {"eventDate": None},
            7,
            {"eventDate": "2024-05-02", "packageCount": []},
        ],
        Outer.read,
        where="scans",
    )

    assert [str(one.event_date.on) for one in good] == ["2024-05-01", "2024-05-02"]
    assert lost == (
        Unreadable("scans[1]", "eventDate: missing"),
        Unreadable("scans[2]", "not an object"),
        Unreadable("scans[3].packageCount", "not a number"),
    )


def test_one_object_stands_for_an_array_of_one() -> None:
    good, lost = read_each({"eventDate": "2024-05-01"}, Outer.read, where="scans")

    assert (len(good), lost) == (1, ())


def test_null_is_an_empty_array_and_a_word_is_none() -> None:
    assert read_each(None, Outer.read, where="scans") == ((), ())
    assert read_each("x", Outer.read, where="scans") == (
        (),
        (Unreadable("scans", "neither an array nor an object"),),
    )


def test_lists_and_losses_are_bounded() -> None:
    good, lost = read_each([{"eventDate": "2024-05-01"}] * (MAX_ELEMENTS + 1), Outer.read, where="scans")
    _, all_lost = read_each([1] * MAX_ELEMENTS, Outer.read, where="scans")

    assert len(good) == MAX_ELEMENTS
    assert lost == (Unreadable("scans", "longer than 1,000 elements; the rest was left out"),)
    assert len(all_lost) == MAX_FINDINGS


def test_details_hold_the_wire_names_of_what_was_told() -> None:
    wire, _ = read({"eventDate": "2024-05-01", "packageCount": 0, "note": ""})

    assert wire.details("package_count", "note") == {"packageCount": 0}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "the answer is empty"),
        (b" \n", "the answer is empty"),
        (b"<html><body>Maintenance</body></html>", "the answer is a web page or XML instead of JSON"),
        (b'{"a": [1, 2', "the answer is not complete JSON (it breaks at character 11)"),
        (b'{"a": 1} trailing', "the answer is not complete JSON (it breaks at character 9)"),
        (b"\xff\xfe{}", "the answer is not written in UTF-8"),
        (b"[" * 100_000, "the answer is nested too deeply"),
        (b"[NaN]", "the answer holds a number out of range"),
        (b"[-Infinity]", "the answer holds a number out of range"),
        (b"[1e999]", "the answer holds a number out of range"),
        (b"1" * 41, "the answer holds a number out of range"),
        (b"1" * 5000, "the answer holds a number out of range"),
    ],
)
def test_a_body_that_is_not_json_is_kept_and_named(body: bytes, why: str) -> None:
    with pytest.raises(UnreadableAnswer) as caught:
        parse_json(body, "Carrier tracking", http_status=200)

    assert str(caught.value) == f"Carrier tracking: {why}."
    assert caught.value.kept == body[:MAX_KEPT]
    assert caught.value.http_status == 200
    assert caught.value.__cause__ is None


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": 1.5}', "x") == {"a": 1.5}


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_unreadable(body: bytes) -> None:
    try:
        value = parse_json(body, "x")
    except UnreadableAnswer:
        return
    assert json.loads(body) == value
