"""The export of what the list shows, and of what was ticked."""

import csv
import io
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, cast

import pytest
from django.http import StreamingHttpResponse
from django.test import Client
from django.utils import timezone

from shipments.enums import Status
from shipments.models import Merchant, User
from tests.factories import a_merchant, a_shipment

pytestmark = pytest.mark.django_db

EXPORT = "/app/alpine/shipments/export/"
NUMBER = "9405509898641500000146"


@pytest.fixture
def viewer(bob: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(bob)


def rows_of(response: Any) -> list[dict[str, str]]:
    assert response.status_code == 200
    streamed = cast(StreamingHttpResponse, response)
    file = b"".join(cast(Iterable[bytes], streamed.streaming_content)).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(file, newline="")))


def numbers_of(response: Any) -> list[str]:
    return [row["tracking_number"] for row in rows_of(response)]


def test_the_file_has_what_the_filters_show_and_nobody_elses(viewer: Client, merchant: Merchant) -> None:
    delivered = a_shipment(merchant, status=Status.DELIVERED)
    a_shipment(merchant, status=Status.IN_TRANSIT)
    a_shipment(a_merchant(), status=Status.DELIVERED)

    assert numbers_of(viewer.get(EXPORT, {"tab": "done"})) == [delivered.number]


def test_chosen_columns_come_in_their_order(viewer: Client, merchant: Merchant) -> None:
    a_shipment(merchant, number=NUMBER, order_number="=1")

    (row,) = rows_of(viewer.get(EXPORT, {"column": ["order_number", "tracking_number"]}))

    assert list(row.items()) == [("order_number", "'=1"), ("tracking_number", NUMBER)]


def test_ticked_parcels_are_a_file_too_and_those_of_others_are_left_out(
    viewer: Client, merchant: Merchant
) -> None:
    ticked, _other, theirs = a_shipment(merchant), a_shipment(merchant), a_shipment(a_merchant())

    response = viewer.post(EXPORT, {"pick": [ticked.public_id, theirs.public_id]})

    assert numbers_of(response) == [ticked.number]


def test_all_that_match_are_those_that_were_there_when_the_list_was(
    viewer: Client, merchant: Merchant
) -> None:
    as_of = timezone.now() - timedelta(minutes=1)
    before = a_shipment(merchant, created_at=as_of)
    a_shipment(merchant)

    assert numbers_of(viewer.post(EXPORT, {"all": "1", "as_of": as_of.isoformat()})) == [before.number]


def test_the_file_is_streamed_named_after_the_day_and_kept_by_nobody(
    viewer: Client, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It is still the 5th in New York.
    now = timezone.now().replace(year=2026, month=3, day=6, hour=3)
    monkeypatch.setattr("shipments.web.exporting.timezone.now", lambda: now)

    response = viewer.get(EXPORT)

    assert response.streaming is True
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="alpine-parcels-2026-03-05.csv"'
    assert {"private", "no-store"} <= set(response.headers["Cache-Control"].replace(" ", "").split(","))


def test_for_a_spreadsheet_the_numbers_stay_whole(viewer: Client, merchant: Merchant) -> None:
    a_shipment(merchant, number=NUMBER)

    assert numbers_of(viewer.get(EXPORT, {"for": "spreadsheet"})) == [f'="{NUMBER}"']


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"tab": "elsewhere"}, "There is no such tab."),
        ({"column": ["status", "<password>"]}, "The file has no column “&lt;password&gt;”."),
        ({"for": "fun"}, "A file is made for a spreadsheet, or for nothing in particular."),
    ],
)
def test_what_cannot_be_a_file_is_refused_on_a_page(
    viewer: Client, asked: dict[str, Any], message: str
) -> None:
    response = viewer.get(EXPORT, asked)

    assert response.status_code == 400
    assert message in response.content.decode()
    assert "Content-Disposition" not in response.headers


def test_nothing_ticked_is_refused(viewer: Client) -> None:
    response = viewer.post(EXPORT, {})

    assert response.status_code == 400
    assert "No parcel is selected." in response.content.decode()


def test_a_reader_who_goes_away_ends_the_reading(viewer: Client, merchant: Merchant) -> None:
    for _ in range(3):
        a_shipment(merchant)
    response = cast(StreamingHttpResponse, viewer.get(EXPORT))
    pieces = cast(Any, response.streaming_content)
    next(pieces)

    response.close()

    assert list(pieces) == []


@pytest.mark.parametrize("parcels", [1, 30])
def test_an_export_takes_a_statement_for_thousands_of_parcels(
    viewer: Client, merchant: Merchant, parcels: int, django_assert_num_queries: Any
) -> None:
    for _ in range(parcels):
        a_shipment(merchant)
    viewer.get("/app/alpine/bulk/")

    # Session, person, memberships, and one for each 2,000 parcels.
    with django_assert_num_queries(4):
        assert len(rows_of(viewer.get(EXPORT))) == parcels
