"""Which formats count, and in what order: what operators say beside the rules in code."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.facts.number_formats import BUILT_IN, is_presort, readings
from shipments.facts.number_patterns import compiled
from shipments.facts.numbers import check_digit_warning, recognise
from shipments.facts.recognition import Format, Formats

ONTRAC = Format("OnTrac", "OnTrac C", 500, pattern=compiled(r"C\d{14}"))
NUMBER = "C50880112345670"


def carriers(number: str, *said: Format) -> list[str]:
    return [candidate.carrier for candidate in recognise(number, Formats(said))]


def test_a_format_an_operator_adds_is_recognised_and_none_is_before() -> None:
    assert carriers(NUMBER) == []
    assert carriers(NUMBER, ONTRAC) == ["OnTrac"]
    (candidate,) = recognise(" c5088-0112 345670", Formats([replace(ONTRAC, note="Ask for the depot.")]))
    assert (candidate.format, candidate.canonical, candidate.sure, candidate.check_digit, candidate.note) == (
        "OnTrac C",
        NUMBER,
        "likely",
        None,
        "Ask for the depot.",
    )


def test_a_format_that_is_off_is_as_if_it_were_not_there() -> None:
    assert carriers(NUMBER, replace(ONTRAC, is_on=False)) == []
    assert carriers("771234567890") == ["FedEx"]
    assert carriers("771234567890", Format("FedEx", "FedEx Express 12", 10, is_on=False)) == []


def test_the_surer_comes_first_and_among_equals_the_lower_place() -> None:
    fedex = "771234567891"
    assert [one.sure for one in recognise(fedex)] == ["possible"]
    twelve = Format("OnTrac", "Twelve", 500, pattern=compiled(r"\d{12}"), sure="possible")

    assert carriers(fedex, twelve) == ["FedEx", "OnTrac"]
    assert carriers(fedex, replace(twelve, place=5)) == ["OnTrac", "FedEx"]
    assert carriers(fedex, replace(twelve, sure="likely")) == ["OnTrac", "FedEx"]


def test_the_order_of_the_rules_in_code_is_data_too() -> None:
    shared = "92023903508814012345670000"
    assert carriers(shared) == ["PBCS", "USPS"]
    assert carriers(shared, Format("USPS", "USPS IMpb", 5)) == ["USPS", "PBCS"]


def test_a_format_that_is_off_warns_of_no_check_digit() -> None:
    wrong = "771234567891"
    assert check_digit_warning(wrong, "FedEx") is not None
    off = Formats([Format("FedEx", "FedEx Express 12", 10, is_on=False)])
    assert check_digit_warning(wrong, "FedEx", off) is None


def test_a_note_of_ours_gives_way_to_the_operators_and_both_to_a_failed_check_digit() -> None:
    letter = "00270503540000000123"
    assert recognise(letter)[0].note == "A letter: only the first 20 digits are asked for."
    said = Formats([Format("IMB", "IMb", 10, note="Our letters.")])
    assert recognise(letter, said)[0].note == "Our letters."
    bad = Formats([Format("FedEx", "FedEx Express 12", 10, note="Ours.")])
    assert "may be mistyped" in recognise("771234567891", bad)[0].note


@given(
    st.one_of(st.from_regex(r"[0-9A-Z]{4,38}", fullmatch=True), st.from_regex(r"\d{10,38}", fullmatch=True))
)
def test_every_reading_in_code_has_a_place_in_the_list(number: str) -> None:
    assert {(one.carrier, one.format) for one in readings(number)} <= set(BUILT_IN)


def test_no_format_in_code_is_listed_twice() -> None:
    assert len(set(BUILT_IN)) == len(BUILT_IN) == 19


@pytest.mark.parametrize(
    ("carrier", "number", "is_one"),
    [
        ("USPS", "00270503540000000123", True),
        ("IMB", "00270503540000000123", False),
        # The second digit of an IMb is 0 to 4; and a USPS number of before has a service in front.
        ("USPS", "09270503540000000123", False),
        ("USPS", "70270503540000000123", False),
        ("USPS", "9405509898641500000146", False),
    ],
)
def test_a_presort_letter_is_told_by_its_number(carrier: str, number: str, is_one: bool) -> None:
    assert is_presort(carrier, number) is is_one
