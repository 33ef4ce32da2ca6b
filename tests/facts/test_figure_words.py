"""What figures are called, in both languages."""

from pathlib import Path

import pytest

from shipments.facts import figure_words
from shipments.facts.figure_words import DEFINITIONS, Figure

DOCS = Path(__file__).resolve().parents[2] / "docs" / "figures.md"


def test_every_figure_has_one_definition() -> None:
    keys = [one.key for one in DEFINITIONS]

    assert len(set(keys)) == len(keys)
    assert set(Figure) <= set(keys)


def test_the_document_for_merchants_says_what_the_page_says() -> None:
    text = " ".join(DOCS.read_text().split())

    missing = [one.key for one in DEFINITIONS if f"**{one.name}.** {one.text}" not in text]
    assert missing == []


@pytest.mark.parametrize(
    ("now", "before", "words", "direction"),
    [
        (0.942, 0.921, "up 2.1 points from 92.1%", 1),
        (0.5, 1.0, "down 50.0 points from 100.0%", -1),
        (0.94204, 0.94196, "no change", 0),
        # What is shown is what is compared: 94.2 after 94.1.
        (0.9415, 0.9414, "up 0.1 points from 94.1%", 1),
    ],
)
def test_how_far_a_share_has_moved(now: float, before: float, words: str, direction: int) -> None:
    move = figure_words.points(now, before)

    assert (move.words, move.direction) == (words, direction)


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [(3, 4, "down 1 day from 4"), (6, 4, "up 2 days from 4"), (4, 4, "no change"), (4, 60, "down 56 days from 60+")],
)  # fmt: skip
def test_how_far_a_median_has_moved(now: int, before: int, words: str) -> None:
    assert figure_words.moved_days(now, before).words == words


@pytest.mark.parametrize(
    ("number", "business", "words"),
    [
        (0, True, "same day"),
        (1, True, "1 business day"),
        (3, False, "3 days"),
        (60, True, "60 or more business days"),
        (None, True, "–"),
    ],
)
def test_spans_of_days(number: int | None, business: bool, words: str) -> None:
    assert figure_words.days(number, business=business) == words


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("US-CO_US-MD", "CO → MD"),
        ("US-NJ_GB", "NJ → United Kingdom"),
        ("CA-ON_US", "ON, Canada → United States"),
        ("US-CO_XX", "CO → XX"),
        ("", "Lane not known"),
    ],
)
def test_lanes_are_written_as_people_write_them(code: str, words: str) -> None:
    assert figure_words.lane(code) == words
