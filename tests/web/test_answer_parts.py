"""Pointing at a scan in a raw answer."""

import json

import pytest

from shipments.web.answer_parts import part_about

DEPARTED = {"date": "2026-03-03", "time": "08:00", "text": "Departed", "city": "DENVER"}
ANSWER = {
    "status": "Departed",
    "events": [
        DEPARTED,
        {"date": "2026-03-02", "time": "09:15", "text": "Departed", "city": "RENO"},
        {"date": "2026-03-01", "text": 'Café {open} "}" é', "place": {"city": "OLNEY"}},
    ],
}


def marked(told: list[str], *, ascii_only: bool = True) -> str | None:
    text = json.dumps(ANSWER, ensure_ascii=ascii_only)
    part = part_about(text, told)
    return None if part is None else text[part[0] : part[1]]


def test_the_object_that_says_most_of_the_scan_is_found() -> None:
    assert marked(["Departed", "2026-03-03", "08:00"]) == json.dumps(DEPARTED)


def test_an_object_within_the_scan_is_not_taken_for_it() -> None:
    assert json.loads(marked(["2026-03-01", "OLNEY"]) or "")["text"].startswith("Café")


@pytest.mark.parametrize("ascii_only", [True, False])
def test_quoted_braces_and_escapes_are_no_obstacle(ascii_only: bool) -> None:
    found = marked(['Café {open} "}" é'], ascii_only=ascii_only)

    assert json.loads(found or "") == ANSWER["events"][2]


@pytest.mark.parametrize("told", [[], [""], ["Arrived"], ["Arrived", "2026-03-03"], ["Departed"]])
def test_what_is_not_told_or_told_twice_is_not_marked(told: list[str]) -> None:
    assert marked(told) is None


def test_a_text_that_is_no_json_has_no_part() -> None:
    assert part_about("<html>{{ Departed </html>", ["Departed"]) is None
