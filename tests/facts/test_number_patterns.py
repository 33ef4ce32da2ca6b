"""Patterns an operator types: what they may be made of, and that they cannot run away."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.facts.number_patterns import LONGEST, MOST_WAYS, PatternError, compiled


@pytest.mark.parametrize(
    ("pattern", "fits", "does_not"),
    [
        (r"C\d{14}", ["C12345678901234"], ["C1234567890123", "c12345678901234", "XC12345678901234"]),
        (r"[A-HJ-Z]{2}\d{8,9}", ["AB12345678", "ZZ123456789"], ["AI12345678", "AB1234567890"]),
        (r"D1\d{10}(\d{3})?", ["D11234567890", "D11234567890123"], ["D112345678901"]),
        (r"1LS[0-9A-Z]{5}\d?", ["1LSABC12", "1LSABC123"], ["1LSABC1234"]),
        (r"[AC\d]{4}", ["A1C2"], ["A1B2"]),
    ],
)
def test_a_pattern_is_of_a_whole_number(pattern: str, fits: list[str], does_not: list[str]) -> None:
    tried = {number: compiled(pattern).fullmatch(number) is not None for number in [*fits, *does_not]}

    assert tried == dict.fromkeys(fits, True) | dict.fromkeys(does_not, False)


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("", "Write a pattern"),
        (r"(\d+)+X", "Sign 4: “+” cannot stand here"),
        (r"(\d{3})X", "Sign 1: brackets are for what may be missing as a whole"),
        (r"\d+", "Sign 3: “+” cannot stand here"),
        (r"\d*X", "Sign 3: “*” cannot stand here"),
        (r"C\d{1,}", "Sign 4: “{” cannot stand here"),
        (r"((\d{3})?\d{4})?", "Sign 1: brackets"),
        (r"(\d{3}){2}", "Sign 1: brackets"),
        (r"(\d{3}", "Sign 1: brackets"),
        (r"C()?\d{8}", "Sign 2: brackets"),
        (r"A|B\d{9}", "Sign 2: “|” cannot stand here"),
        (r"C.{9}", "Sign 2: “.” cannot stand here"),
        (r"^C\d{9}$", "Sign 1: “^” cannot stand here"),
        (r"(?=C)\w{9}", "Sign 2: “?” cannot stand here"),
        (r"(C\d)\1", "Sign 1: brackets"),
        (r"\w{9}", "Sign 1: “\\” cannot stand here"),
        (r"[^A]{9}", "Sign 1: “[” cannot stand here"),
        (r"[Z-A]{9}", "Sign 1: Z-A is no range"),
        (r"[0-Z]{9}", "Sign 1: 0-Z is no range"),
        (r"c\d{14}", "Sign 1: write letters as capitals"),
        (r"C-\d{14}", "Sign 2: “-” cannot stand here"),
        (r"C\d{9,8}", "Sign 4: something is repeated up to 34 times"),
        (r"C\d{0}", "Sign 4: something is repeated up to 34 times"),
        (r"C\d{35}", "Sign 4: something is repeated up to 34 times"),
        (r"C\d{٣}", "Sign 4: “{” cannot stand here"),
        (r"\d{8}{2}", "Sign 6: “{” cannot stand here"),
        (r"\d{8}??", "Sign 6: “?” cannot stand here"),
        (r"C\d", "It fits no number"),
        (r"\d{30}[A-Z]{5}", "It fits no number"),
        ("A" * 121, "at most 120 signs"),
        (r"\d{0,34}\d{0,34}\d{0,34}X", "can be read in 42875 ways, and may in 64"),
        (r"(\d{1,8}A{1,8})?9{1,2}\d{4}", "can be read in 130 ways"),
        ("C\x00\\d{9}", "Sign 2"),
        ("Ç\\d{9}", "Sign 1"),
    ],
)
def test_anything_else_is_refused_with_what_and_where(pattern: str, told: str) -> None:
    with pytest.raises(PatternError) as refused:
        compiled(pattern)

    assert told in str(refused.value)


SIGNS = st.sampled_from(
    [
        "\\d",
        "A",
        "9",
        "[A-Z]",
        "[0-9A-Z]",
        "{1,8}",
        "{3}",
        "{0,34}",
        "?",
        "(",
        ")?",
        ")",
        "+",
        "*",
        "|",
        "\\w",
    ]
)


@given(st.lists(SIGNS, max_size=14).map("".join))
def test_whatever_is_taken_is_plain_and_bounded(text: str) -> None:
    try:
        pattern = compiled(text)
    except PatternError:
        return
    # It means to the engine what it says, and nothing in it is without an end.
    assert re.fullmatch(r"(?:[0-9A-Z\[\]()?{},-]|\\d)+", text)
    assert pattern.fullmatch("A" * (LONGEST + 1) * 3) is None


@pytest.mark.parametrize(
    "worst",
    [
        r"\d{1,8}\d{1,8}X",
        r"[0-9A-Z]{1,8}[0-9A-Z]{1,8}X",
        r"(\d{1,4})?(\d{1,3})?(\d)?X",
        "1?1?1?1?1?1?" + "1" * 20 + "X",
    ],
)
def test_the_worst_patterns_are_done_in_microseconds_with_any_number(worst: str) -> None:
    pattern = compiled(worst)
    numbers = ["1" * length for length in range(1, LONGEST + 1)]

    started = time.perf_counter()
    for number in numbers * 30:
        assert pattern.fullmatch(number) is None

    # A thousand tries. Backtracking without a bound would take years; what is allowed takes milliseconds, and this much
    # only where the machine stands still.
    assert time.perf_counter() - started < 1
    assert MOST_WAYS == 64
