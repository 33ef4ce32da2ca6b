"""The export of what the list shows, and of what was ticked."""

import csv
import io
import socket
import struct
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import Client
from django.utils import timezone

from shipments.bulk.export_slots import MOST_AT_ONCE
from shipments.enums import Status
from shipments.models import Merchant, Shipment, User
from tests.factories import a_merchant, a_person, a_shipment

pytestmark = pytest.mark.django_db

EXPORT = "/app/alpine/shipments/export/"
NUMBER = "9405509898641500000146"


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
    response.close()


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

    # Session, person, memberships, the entry of the audit, and one for each 2,000 parcels.
    with django_assert_num_queries(5):
        assert len(rows_of(viewer.get(EXPORT))) == parcels


# ---- Too many at once


def started(client: Client) -> Any:
    """An export whose reader takes its time."""
    response = client.get(EXPORT)
    assert response.status_code == 200
    next(cast(Any, response).streaming_content)
    return response


def test_a_third_file_of_one_person_waits_and_is_told_why(viewer: Client, merchant: Merchant) -> None:
    shipment = a_shipment(merchant)
    under_way = [started(viewer), started(viewer)]

    refused = viewer.get(EXPORT)

    page = refused.content.decode()
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    assert "Two of your files are still on their way." in page
    assert "Content-Disposition" not in refused.headers
    # Both go on undisturbed, and make room.
    rest = b"".join(under_way[0].streaming_content)
    assert shipment.number.encode() in rest
    assert numbers_of(viewer.get(EXPORT)) == [shipment.number]
    under_way[1].close()


def test_when_others_have_all_the_rest_is_told_to_come_again(
    merchant: Merchant, alice: User, mary: User, viewer: Client, signed_in: Callable[[User], Client]
) -> None:
    a_shipment(merchant)
    first, second = signed_in(alice), signed_in(mary)
    under_way = [started(first), started(first), started(second)]

    refused = viewer.post(EXPORT, {"all": "1", "as_of": timezone.now().isoformat()})

    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "60")
    assert "Other people’s files are being made just now" in refused.content.decode()
    # Pages are there for everybody all the same.
    assert viewer.get("/app/alpine/shipments/").status_code == 200
    assert b"".join(under_way[0].streaming_content)
    assert len(numbers_of(viewer.get(EXPORT))) == 1
    for response in under_way[1:]:
        response.close()


def test_what_is_refused_or_empty_takes_no_slot(viewer: Client) -> None:
    for _ in range(4):
        assert viewer.get(EXPORT, {"tab": "elsewhere"}).status_code == 400
        assert rows_of(viewer.get(EXPORT)) == []


@pytest.mark.django_db(transaction=True)
def test_eight_readers_who_stall_leave_the_site_to_everybody(live_server: Any, merchant: Merchant) -> None:
    """Over real sockets and threads: the files are larger than what lies in between, so that who sends has to wait."""
    cookies = []
    for n in range(4):
        client = Client()
        client.force_login(a_person(f"reader-{n}@example.com", merchant))
        cookies.append(f"sessionid={client.cookies['sessionid'].value}")
    Shipment.objects.bulk_create(
        Shipment(
            merchant=merchant,
            carrier_id="USPS",
            number=f"T{n:09d}",
            lookup_key=f"T{n:09d}",
            created_at=timezone.now(),
            status_text="x" * 1000,
        )
        for n in range(6_000)
    )
    host = urlsplit(live_server.url).netloc

    def ask(cookie: str) -> socket.socket:
        line = socket.socket()
        # Little room on the way, so that who sends waits soon.
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        line.settimeout(60)
        name, port = host.rsplit(":", 1)
        line.connect((name, int(port)))
        line.sendall(f"GET {EXPORT} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n".encode())
        return line

    def status(line: socket.socket) -> int:
        return int(line.recv(12).split()[1])

    with ThreadPoolExecutor(8) as threads:
        lines = list(threads.map(ask, cookies * 2))
        found = sorted(threads.map(status, lines))
    assert found.count(200) == MOST_AT_ONCE
    assert set(found[MOST_AT_ONCE:]) <= {429, 503}

    # All of them vanish without a word; the next one has its file.
    for line in lines:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.close()
    for _ in range(600):
        again = ask(cookies[0])
        if (code := status(again)) == 200:
            break
        again.close()
        time.sleep(0.1)
    assert code == 200
    again.close()
    # The server's threads end by themselves, and with them their sessions.
    for _ in range(600):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            if cursor.fetchone() == (1,):
                return
        time.sleep(0.1)
    raise AssertionError("sessions of readers who are gone are still there")
