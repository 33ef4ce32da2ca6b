"""Parcels as a file: what stands in it, to the byte, and what it costs."""

import csv
import io
import itertools
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import CharField
from django.utils import timezone

from shipments.bulk import exporting
from shipments.bulk.cells import plain_cell
from shipments.bulk.exporting import COLUMNS, BadColumn, csv_lines, read_columns
from shipments.enums import Status
from shipments.models import Merchant, Shipment, Watch
from tests.factories import a_shipment

pytestmark = pytest.mark.django_db

NUMBER = "9405509898641500000146"


@pytest.fixture
def delivered(merchant: Merchant) -> Shipment:
    """A parcel of which everything is known."""
    shipment = a_shipment(
        merchant,
        number=NUMBER,
        status=Status.DELIVERED,
        status_since=datetime(2026, 3, 5, 21, 5, 30, 999, UTC),
        status_text="Delivered, Front Door/Porch",
        last_scan_at=datetime(2026, 3, 5, 21, 5, tzinfo=UTC),
        last_location="OLNEY, MD 20832",
        service_name="=cmd|'/c calc'!A1",
        service_code="PM",
        estimated_on=date(2026, 3, 5),
        estimated_from=time(14),
        estimated_to=time(20),
        first_promised_on=date(2026, 3, 4),
        delivered_on=date(2026, 3, 5),
        delivered_time=time(16, 5),
        delivered_offset=-300,
        delivery_location="Front porch",
        signed_by="R INVENTED",
        proof_url="https://carrier.example/proof",
        order_number="A-77, second",
        recipient_name='René "Ren" Ñandú',
        tags=["vip", "gift"],
        destination_postal_code="02134",
        destination_city="BOSTON",
        destination_region="MA",
        destination_country="US",
        origin_city="DENVER",
        origin_region="CO",
        origin_country="US",
        mailing_date=date(2026, 3, 1),
        shipped_on=date(2026, 3, 2),
        labelled_at=datetime(2026, 3, 2, 16, 15, tzinfo=UTC),
        first_scan_at=datetime(2026, 3, 3, 0, 40, tzinfo=UTC),
        first_attempt_on=date(2026, 3, 5),
        attempts=1,
        had_exception=True,
        proof_due=True,
        resolution="refunded",
        resolved_at=datetime(2026, 3, 7, 12, 0, tzinfo=UTC),
        second_number="92001",
        reference_number="REF 1",
        gateway="usps",
        created_at=datetime(2026, 3, 1, 9, 0, tzinfo=UTC),
        changed_at=datetime(2026, 3, 5, 21, 6, tzinfo=UTC),
    )
    Watch.objects.filter(shipment=shipment).update(checked_at=datetime(2026, 3, 6, 12, 0, tzinfo=UTC))
    return shipment


def written(*names: str, **how: Any) -> bytes:
    return b"".join(csv_lines(Shipment.objects.all(), read_columns(names), **how))


def test_the_file_is_this_to_the_byte(delivered: Shipment) -> None:
    assert (
        written()
        == (
            "\ufefftracking_number,carrier,service,status,status_group,status_since,carrier_text,last_scan_at,last_place,"
            "promised_on,promised_from,promised_to,first_promised_on,delivered_at,delivered_to,signed_by,has_proof,"
            "order_number,recipient_name,tags,destination_postal_code,destination_city,destination_region,"
            "destination_country,origin_city,origin_region,origin_country,mailing_date,shipped_at,label_at,first_scan_at,"
            "first_attempt_on,attempts,had_exception,proof_due,resolution,resolved_at,lifecycle,end_reason,second_number,"
            "reference_number,instance,gateway,added_at,changed_at,checked_at\r\n"
            "9405509898641500000146,USPS,'=cmd|'/c calc'!A1,Delivered,done,2026-03-05T21:05:30Z,"
            '"Delivered, Front Door/Porch",2026-03-05T21:05:00Z,"OLNEY, MD 20832",2026-03-05,14:00,20:00,2026-03-04,'
            '2026-03-05T16:05:00-05:00,Front porch,R INVENTED,yes,"A-77, second","René ""Ren"" Ñandú","vip, gift",02134,'
            "BOSTON,MA,US,DENVER,CO,US,2026-03-01,2026-03-02,2026-03-02T16:15:00Z,2026-03-03T00:40:00Z,2026-03-05,1,yes,"
            "yes,refunded,2026-03-07T12:00:00Z,active,,92001,REF 1,1,usps,2026-03-01T09:00:00Z,2026-03-05T21:06:00Z,"
            "2026-03-06T12:00:00Z\r\n"
        ).encode()
    )


def test_for_a_spreadsheet_numbers_keep_their_digits(delivered: Shipment) -> None:
    assert written("tracking_number", "destination_postal_code", for_spreadsheet=True).decode() == (
        '\ufefftracking_number,destination_postal_code\r\n"=""9405509898641500000146""","=""02134"""\r\n'
    )


def test_what_is_not_known_is_an_empty_cell_and_no_word(merchant: Merchant) -> None:
    a_shipment(merchant, number=NUMBER, created_at=datetime(2026, 3, 1, 9, 0, tzinfo=UTC))

    (row,) = csv.DictReader(io.StringIO(written().decode("utf-8-sig"), newline=""))

    assert {name: cell for name, cell in row.items() if cell} == {
        "tracking_number": NUMBER,
        "carrier": "USPS",
        "status": "Unknown",
        "status_group": "unknown",
        "has_proof": "no",
        "attempts": "0",
        "had_exception": "no",
        "proof_due": "no",
        "lifecycle": "active",
        "instance": "1",
        "added_at": "2026-03-01T09:00:00Z",
    }


@pytest.mark.parametrize(
    ("at", "offset", "told"),
    [
        (None, None, "2026-03-05"),
        (time(16, 5), None, "2026-03-05T16:05:00"),
        (time(16, 5), 330, "2026-03-05T16:05:00+05:30"),
        (time(16, 5), 0, "2026-03-05T16:05:00+00:00"),
    ],
)
def test_a_delivery_is_told_on_the_clock_of_its_place_as_far_as_it_is_known(
    merchant: Merchant, at: time | None, offset: int | None, told: str
) -> None:
    a_shipment(merchant, delivered_on=date(2026, 3, 5), delivered_time=at, delivered_offset=offset)

    assert written("delivered_at").decode("utf-8-sig") == f"delivered_at\r\n{told}\r\n"


def test_columns_come_in_the_order_asked_for_and_once(delivered: Shipment) -> None:
    assert (
        written("status", "carrier", "status").decode("utf-8-sig") == "status,carrier\r\nDelivered,USPS\r\n"
    )


def test_a_column_nobody_knows_is_refused_by_its_name() -> None:
    with pytest.raises(BadColumn, match="password"):
        read_columns(["status", "password"])


def test_every_text_that_somebody_wrote_is_made_safe_in_every_column_it_can_stand_in(
    merchant: Merchant,
) -> None:
    evil: dict[str, Any] = {
        field.name: "=1"
        for field in Shipment._meta.concrete_fields
        if type(field) is CharField
        and not field.choices
        and (field.max_length or 0) > 2
        and field.name not in {"number", "lookup_key", "number_as_typed"}
    }
    a_shipment(merchant, tags=["=1"], **evil)

    (row,) = csv.DictReader(io.StringIO(written().decode("utf-8-sig"), newline=""))

    assert [name for name, cell in row.items() if cell.startswith("=")] == []
    spoilt = {name for name, cell in row.items() if cell == "'=1"}
    assert spoilt >= {
        "order_number",
        "recipient_name",
        "service",
        "signed_by",
        "last_place",
        "tags",
        "carrier_text",
    }
    assert {plain_cell(row[name]) for name in spoilt} == {"=1"}


def test_all_parcels_come_once_newest_first_though_a_chunk_ends_among_those_of_one_moment(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(exporting, "CHUNK", 3)
    moment = timezone.now()
    numbers = [a_shipment(merchant, created_at=moment).number for _ in range(7)]

    with django_assert_num_queries(3):
        file = written("tracking_number")

    assert file.decode("utf-8-sig").split() == ["tracking_number", *numbers[::-1]]


def test_the_names_of_the_columns_are_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text()

    assert [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")] == [
        column.name for column in COLUMNS
    ]


def _resident() -> int:
    """Bytes of memory this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory from /proc")
def test_sixty_thousand_parcels_take_no_more_memory_than_a_few(merchant: Merchant) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO shipments_shipment (public_id, merchant_id, carrier_id, number, number_as_typed, lookup_key, instance, gateway,
                destination_postal_code, order_number, recipient_name, proof_due, tags, created_at, lifecycle, end_reason, resolution,
                status, status_text, last_location, service_code, service_name, weight_unit, reference_number, smart_label_barcode,
                second_number, origin_city, destination_city, origin_region, origin_country, destination_region, destination_country,
                attempts, had_exception, delivery_location, delivery_description, signed_by, proof_url, details, answered_by, unreadable_scans)
            SELECT gen_random_uuid(), %s, 'USPS', n::text, n::text, n::text, 1, '', '20832', 'A-' || n, 'Somebody Invented', false,
                ARRAY['vip'], now() - n * interval '1 second', 'active', '', '', 'InTransit', 'Arrived at facility', 'DENVER, CO', 'PM',
                'Priority Mail', '', '', '', '', 'DENVER', 'OLNEY', 'CO', 'US', 'MD', 'US', 0, false, '', '', '', '', '{}', '', 0
            FROM generate_series(10000000, 10059999) AS n
            """,
            [merchant.pk],
        )
    pieces = csv_lines(Shipment.objects.for_merchant(merchant))
    lines = sum(piece.count(b"\r\n") for piece in itertools.islice(pieces, 6))
    held = most = _resident()
    for piece in pieces:
        lines += piece.count(b"\r\n")
        most = max(most, _resident())

    assert lines == 60_001
    # A parcel of the file takes 100 bytes of text alone.
    assert most - held < 3 * 1024 * 1024
