"""Lists and cells, as they are pasted."""

import pytest

from shipments.facts.pasting import Pasted, read_pasted

USPS = "9405509898641500000146"
UPS = "1Z12345E0205271686"


@pytest.mark.parametrize("between", ["\n", "\r\n", ",", "; ", "\n\n \n", "\t"])
def test_numbers_stand_apart_by_lines_commas_semicolons_or_tabs(between: str) -> None:
    assert read_pasted(f" {USPS}{between}{UPS} ") == [Pasted(USPS), Pasted(UPS)]


def test_a_row_of_a_spreadsheet_is_number_order_and_recipient() -> None:
    assert read_pasted(f"{USPS}\tA-77\tDoe, Jane; c/o  Roe\n{UPS}\tA-78\n1Z 1234 5E02\t\tRosa") == [
        Pasted(USPS, "A-77", "Doe, Jane; c/o Roe"),
        Pasted(UPS, "A-78"),
        Pasted("1Z 1234 5E02", "", "Rosa"),
    ]


def test_an_order_of_digits_is_an_order() -> None:
    assert read_pasted(f"{USPS}\t1001234567") == [Pasted(USPS, "1001234567")]


def test_a_row_without_a_number_is_kept_to_be_mended() -> None:
    assert read_pasted(f"\tA-77\tRosa\n{USPS}\tA-78") == [Pasted("", "A-77", "Rosa"), Pasted(USPS, "A-78")]


def test_cells_nobody_asked_for_are_named() -> None:
    assert read_pasted(f"{USPS}\tA-77\tRosa\t\t12.50\tblue") == [
        Pasted(USPS, "A-77", "Rosa", ("12.50", "blue"))
    ]


def test_headings_are_no_parcel() -> None:
    assert read_pasted(f"Tracking number\tOrder\n{USPS}\tA-77") == [Pasted(USPS, "A-77")]
    # Alone they are all there is: said to be no number, not left out in silence.
    assert read_pasted("Tracking number\tOrder") == [Pasted("Tracking number", "Order")]


def test_one_number_before_a_tab_is_a_number() -> None:
    assert read_pasted(f"{USPS}\t\n") == [Pasted(USPS)]


def test_nothing_is_nothing() -> None:
    assert read_pasted(" \n ,; \t\n") == []
