"""Statements: what they say, that they never change, and what of them outlives the parcel."""

import json
import threading
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.db import connection, connections

from shipments.facts.statements import canonical, read_number
from shipments.models import Answer, Merchant, Proof, Shipment, Statement, User
from shipments.tracking import correcting
from shipments.tracking.statements import state
from tests.factories import (
    ACCEPTED,
    DELIVERED,
    DENVER,
    LABEL,
    OLNEY,
    a_kept_picture,
    a_scan,
    a_shipment,
    a_snapshot,
    ingested,
    posted,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 7, 8, 30, 5, tzinfo=UTC)


@pytest.fixture
def parcel(merchant: Merchant) -> Shipment:
    """Delivered and signed for; the carrier has taken one scan back, and told one of an earlier parcel."""
    shipment = a_shipment(
        merchant,
        mailing_date=date(2026, 3, 2),
        order_number="ORDER-1001",
        recipient_name="Jane Recipient",
        destination_postal_code="20832",
    )
    wrong = a_scan("2026-03-04 08:00", "10", "Arrived at Facility", place=DENVER)
    ingested(shipment, a_snapshot(wrong, a_scan(*ACCEPTED), a_scan(*LABEL)))
    ingested(
        shipment,
        a_snapshot(
            a_scan(*DELIVERED, place=OLNEY, text_for_sellers="told to sellers"),
            a_scan(*ACCEPTED, offset="-07:00"),
            a_scan("2026-03-02", "GX", "Shipping Label Created"),
            a_scan("2025-06-01 09:00", "01", "Earlier parcel of another buyer"),
            delivered=posted("2026-03-05 14:05"),
            delivery_location="OLNEY",
            delivery_description="Delivered, Front Door/Porch",
            signed_by="R. EXAMPLE",
            delivery_proof_url="https://carrier.example/proof/77?sig=s3cr3t",
        ),
        minute=10,
    )
    shipment.refresh_from_db()
    return shipment


def stated(
    parcel: Shipment, *, is_for_buyer: bool = False, by: User | None = None, now: datetime = NOW
) -> Statement:
    return state(parcel, by=by, is_for_buyer=is_for_buyer, now=now)[0]


def test_a_statement_says_what_is_known_and_what_each_fact_rests_on(parcel: Shipment, mary: User) -> None:
    picture = a_kept_picture(parcel, fetched_at=NOW)
    first, second = Answer.objects.order_by("fetched_at")

    statement = stated(parcel, by=mary)

    said = statement.content
    assert (said["format"], said["made_for"], said["merchant"]) == (
        "proof-statement/1", "merchant", "Alpine Outfitters",
    )  # fmt: skip
    assert (said["number"], said["made_at"]) == (statement.number, "2026-03-07T08:30:05Z")
    assert read_number(statement.number) == statement.number
    assert said["parcel"] == {
        "carrier": "USPS",
        "tracking_number": parcel.number,
        "second_number": "",
        "service": "",
        "status": "Delivered",
        "mailed_on": "2026-03-02",
        "promised": {"date": None, "from": None, "to": None},
        "order": "ORDER-1001",
        "recipient": "Jane Recipient",
    }
    assert said["delivery"] == {
        "date": "2026-03-05",
        "time": "14:05:00",
        "offset_minutes": -300,
        "instant": "2026-03-05T19:05:00Z",
        "place": "OLNEY",
        "words": "Delivered, Front Door/Porch",
        "signed_by": "R. EXAMPLE",
    }
    assert [(one["date"], one["time"], one["known_by"]) for one in said["scans"]] == [
        ("2026-03-02", "09:15:00", "place"),
        ("2026-03-02", "17:40:00", "carrier"),
        ("2026-03-02", None, "date"),
        ("2026-03-04", "08:00:00", "place"),
        ("2026-03-05", "14:05:00", "place"),
    ]
    assert [one["first_told_by"] for one in said["scans"]] == [
        first.sha256, first.sha256, second.sha256, first.sha256, second.sha256,
    ]  # fmt: skip
    assert [bool(one["withdrawn_at"]) for one in said["scans"]] == [True, False, False, True, False]
    assert said["answers"] == [
        {
            "fetched_at": f"2026-03-06T12:{minute}:00Z",
            "gateway": "usps",
            "kind": "snapshot",
            "size": answer.size,
            "sha256": answer.sha256,
            "body_sha256": answer.body_sha256,
        }
        for minute, answer in (("00", first), ("10", second))
    ]
    assert said["pictures"] == [
        {
            "sha256": picture.sha256,
            "media_type": "image/png",
            "width": 240,
            "height": 80,
            "size": picture.size,
            "original_sha256": picture.original_sha256,
            "original_size": picture.original_size,
            "fetched_at": "2026-03-07T08:30:05Z",
        }
    ]


def test_the_digest_is_that_of_the_canonical_document(parcel: Shipment) -> None:
    statement = stated(parcel)
    assert statement.document is not None
    assert canonical(json.loads(statement.document)) == statement.document.encode()
    assert statement.digest == sha256(statement.document.encode()).hexdigest()


@pytest.mark.parametrize("is_for_buyer", [True, False])
def test_a_statement_says_nothing_of_other_parcels_or_for_sellers(
    parcel: Shipment, is_for_buyer: bool
) -> None:
    document = stated(parcel, is_for_buyer=is_for_buyer).document or ""
    for secret in ("another buyer", "told to sellers", "s3cr3t"):
        assert secret not in document
    for private in ("ORDER-1001", "Jane Recipient"):
        assert (private in document) is not is_for_buyer


def test_what_is_stored_of_it_is_encrypted(parcel: Shipment) -> None:
    stated(parcel)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(statement)::text FROM shipments_statement AS statement")
        ((row,),) = cursor.fetchall()
    for private in ("R. EXAMPLE", "Jane", "ORDER", "Porch", parcel.number):
        assert private not in row


def test_the_same_facts_are_stated_once_for_each_kind_of_reader(
    parcel: Shipment, mary: User, bob: User
) -> None:
    first = stated(parcel, by=mary)
    again, is_new = state(parcel, by=bob, is_for_buyer=False, now=NOW + timedelta(hours=1))
    buyers = stated(parcel, is_for_buyer=True)

    assert (again, is_new, again.made_by) == (first, False, mary)
    assert buyers.number != first.number
    assert Statement.objects.count() == 2


def test_news_is_stated_anew_and_the_old_statement_stays_as_it_was(parcel: Shipment) -> None:
    first = stated(parcel)
    before = first.document
    a_kept_picture(parcel)
    second, is_new = state(parcel, by=None, is_for_buyer=False, now=NOW + timedelta(hours=1))

    first.refresh_from_db()
    assert (is_new, second.number != first.number) == (True, True)
    assert (first.document, first.content["pictures"]) == (before, [])


def test_a_parcel_that_is_still_on_its_way_can_be_stated(merchant: Merchant) -> None:
    shipment = a_shipment(merchant)
    said = stated(shipment).content
    assert (said["delivery"], said["scans"], said["pictures"], said["answers"]) == (None, [], [], [])


def test_what_a_carrier_that_never_had_the_parcel_said_is_left_out(parcel: Shipment) -> None:
    said = correcting.read_particulars(
        parcel,
        carrier="NEWGISTICS",
        gateway="",
        mailing_date="2026-03-02",
        postal_code="20832",
        order_number="",
        recipient_name="",
        proof_due=False,
    )
    correcting.correct(parcel, said, now=NOW)
    document = stated(parcel, now=NOW + timedelta(hours=1)).content
    assert (document["scans"], document["answers"], document["pictures"]) == ([], [], [])


def test_a_parcel_that_is_deleted_leaves_a_statement_that_can_be_checked_and_says_nothing(
    parcel: Shipment,
) -> None:
    statement = stated(parcel)
    digest, answers = statement.digest, [one["sha256"] for one in statement.content["answers"]]
    parcel.delete()

    statement.refresh_from_db()
    assert (statement.shipment, statement.document) == (None, None)
    assert statement.fits(digest)
    assert [one["sha256"] for one in statement.answers] == answers
    assert (statement.carrier, statement.number_ending) == ("USPS", parcel.number[-4:])
    assert Proof.objects.exists() is False


def test_erasure_drops_what_statements_said_and_keeps_them(parcel: Shipment) -> None:
    statement = stated(parcel)
    assert Statement.objects.filter(shipment=parcel).erase() == 1
    statement.refresh_from_db()
    assert (statement.document, statement.shipment) == (None, parcel)
    # What was erased is not shown again: the same facts are stated anew.
    assert stated(parcel).number != statement.number


@pytest.mark.django_db(transaction=True)
def test_two_who_ask_at_once_get_one_statement(parcel: Shipment) -> None:
    numbers: list[Any] = []
    barrier = threading.Barrier(4)

    def ask() -> None:
        barrier.wait()
        numbers.append(stated(parcel).number)
        connections.close_all()

    threads = [threading.Thread(target=ask) for _n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert len(numbers) == 4
    assert set(numbers) == {Statement.objects.get().number}
