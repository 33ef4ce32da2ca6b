"""Pointing at a scan in a raw answer."""

import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from shipments.carriers.base import Question, Snapshot
from shipments.carriers.pitney_bowes import parse as pitney_bowes
from shipments.carriers.usps import parse as usps
from shipments.models import Answer, User
from shipments.web.answer_parts import part_about
from tests.factories import a_shipment, ingested

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


SAMPLES = Path(__file__).parents[1] / "samples"


def read_usps(raw: Any) -> Snapshot:
    return usps.snapshot(raw[0])


def read_pitney_bowes(raw: Any) -> Snapshot:
    question = Question(key=1, number=raw["trackingNumber"], carrier=raw["carrier"])
    return pitney_bowes.snapshot(raw, question)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sample", "read"),
    [
        ("usps/delivered.json", read_usps),
        ("pitney_bowes/usps.json", read_pitney_bowes),
        ("pitney_bowes/fedex.json", read_pitney_bowes),
        ("pitney_bowes/pb_standard.json", read_pitney_bowes),
    ],
)
def test_every_scan_of_a_real_answer_is_found_in_it(
    sample: str, read: Any, alice: User, signed_in: Callable[[User], Client]
) -> None:
    shipment, client = a_shipment(alice.memberships.get().merchant), signed_in(alice)
    raw = (SAMPLES / sample).read_bytes()
    snapshot = read(json.loads(raw))
    ingested(shipment, snapshot, part=raw)

    scans = list(shipment.scans.all())
    marks = []
    for scan in scans:
        answer = Answer.objects.get()
        page = client.get(
            reverse("shipment-answer", args=["alpine", shipment.public_id, answer.sha256]),
            {"scan": scan.fingerprint},
        ).content.decode()
        marked = html.unescape(page.partition('<mark id="scan">')[2].partition("</mark>")[0])
        assert scan.text in marked
        marks.append(marked)
    assert len(set(marks)) == len(scans) > 0
