"""Check digits, worked out anew from published numbers that are known to pass."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.facts import check_digits

DIGITS = "0123456789"


@pytest.mark.parametrize(
    "number",
    [
        "9400111206206406260787",
        "9400111201080805483016",
        "9505511069605048600624",
        "92748931507708513018050063",
        "92001903060085300042901077",
        "9361289878700317633795",
    ],
)
def test_a_parcel_number_is_made_whole(number: str) -> None:
    assert check_digits.with_impb_check_digit(number[:-1]) == number


@pytest.mark.parametrize(
    "number",
    [
        "1Z5R89390357567127",
        "1Z879E930346834440",
        "1Z410E7W0392751591",
        "1Z8V92A70367203024",
        "1ZXX3150YW44070023",
    ],
)
def test_a_ups_number_is_made_whole(number: str) -> None:
    assert check_digits.with_1z_check_digit(number[:-1]) == number


@pytest.mark.parametrize("number", ["986578788855", "477179081230", "799531274483", "771234567890"])
def test_a_fedex_express_number_is_made_whole(number: str) -> None:
    assert check_digits.with_fedex12_check_digit(number[:-1]) == number


@pytest.mark.parametrize("number", ["RB123456785GB", "RB123456785US", "RB123456785CV"])
def test_an_international_number_is_made_whole(number: str) -> None:
    assert check_digits.with_s10_check_digit(number[:10] + number[11:]) == number


def test_the_sample_number_in_pitney_bowes_document_is_masked() -> None:
    assert check_digits.with_1z_check_digit("1Z0927XA034057688") == "1Z0927XA0340576888"


@pytest.mark.parametrize(
    ("body", "digit", "remainder"),
    [("00000000", "5", 0), ("00300000", "0", 1), ("10000000", "3", 8), ("01000000", "5", 6)],
)
def test_an_international_digit_has_no_ten_and_no_eleven(body: str, digit: str, remainder: int) -> None:
    assert sum(int(a) * b for a, b in zip(body, (8, 6, 4, 2, 3, 5, 9, 7), strict=True)) % 11 == remainder
    assert check_digits.s10(body) == digit


@pytest.mark.parametrize(
    ("make", "body"),
    [
        (check_digits.with_impb_check_digit, "94001112010808054830"),
        (check_digits.with_impb_check_digit, "140011120108080548301"),
        (check_digits.with_impb_check_digit, "94001112010808054830x"),
        (check_digits.with_1z_check_digit, "2Z5R8939035756712"),
        (check_digits.with_1z_check_digit, "1z5r8939035756712"),
        (check_digits.with_fedex12_check_digit, "986578788855"),
        (check_digits.with_fedex12_check_digit, "٣٣٣٣٣٣٣٣٣٣٣"),
        (check_digits.with_s10_check_digit, "RB123456785GB"),
    ],
)
def test_a_body_of_the_wrong_shape_is_refused(make: Callable[[str], str], body: str) -> None:
    with pytest.raises(ValueError, match="the number without its check digit must be"):
        make(body)


@given(st.text(DIGITS, min_size=20, max_size=20), st.integers(0, 20), st.integers(1, 9))
def test_one_wrong_digit_never_passes_in_a_parcel_number(rest: str, place: int, shift: int) -> None:
    body = "9" + rest
    wrong = body[:place] + str((int(body[place]) + shift) % 10) + body[place + 1 :]

    assert check_digits.impb(wrong) != check_digits.impb(body)


@given(st.text(DIGITS, min_size=8, max_size=8), st.integers(0, 6))
def test_two_swapped_digits_never_pass_in_an_international_number(body: str, place: int) -> None:
    swapped = body[:place] + body[place + 1] + body[place] + body[place + 2 :]

    # Two of the eleven remainders share the digit 5, so only there can a swap hide.
    if body[place] != body[place + 1] and check_digits.s10(body) != "5":
        assert check_digits.s10(swapped) != check_digits.s10(body)
