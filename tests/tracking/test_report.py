"""A parcel's report: the contract of `track --json`."""

from datetime import date, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from shipments.carriers.base import NotAllowed, NotKnown
from shipments.carriers.errors import TryLater
from shipments.enums import Gateway, Status
from shipments.facts.places import Place
from shipments.facts.times import DeliveryEstimate
from shipments.models import Answer, Merchant, Shipment
from shipments.tracking.report import report, reports
from tests.factories import (
    ACCEPTED,
    DELIVERED,
    LABEL,
    OLNEY,
    a_scan,
    a_shipment,
    a_snapshot,
    an_account,
    ingested,
    posted,
)

pytestmark = pytest.mark.django_db

KEYS = [
    "merchant", "gateway", "carrier", "trackingNumber", "packageCount", "status", "statusText", "service", "weight", "dimension",
    "referenceNumber", "smartLabelBarcode", "lastLocation", "shipped", "updated", "estimatedDelivery", "delivered", "reattempt",
    "checkedAt", "answer", "error", "scans",
]  # fmt: skip
SCAN_KEYS = [
    "local", "utcOffset", "at", "zoneKnownBy", "status", "code", "text", "textForBuyers", "textForSellers", "city", "region",
    "postalCode", "country", "latitude", "longitude", "url", "leg", "withdrawn", "earlierParcel",
]  # fmt: skip
NOTHING = {"local": None, "utcOffset": None, "at": None}


def a_told(shipment: Shipment) -> Shipment:
    return Shipment.objects.get(pk=shipment.pk)


def test_a_parcel_nobody_has_asked_about_has_every_key_and_no_facts(merchant: Merchant) -> None:
    shipment = a_shipment(merchant, number="9405509898641500000146")

    told = report(shipment)

    assert list(told) == KEYS
    assert told == {
        "merchant": "alpine",
        "gateway": None,
        "carrier": "USPS",
        "trackingNumber": "9405509898641500000146",
        "packageCount": None,
        "status": "Unknown",
        "statusText": None,
        "service": {"code": None, "name": None},
        "weight": {"value": None, "unit": None},
        "dimension": None,
        "referenceNumber": None,
        "smartLabelBarcode": None,
        "lastLocation": None,
        "shipped": NOTHING,
        "updated": NOTHING,
        "estimatedDelivery": {"date": None, "from": None, "to": None, "utcOffset": None},
        "delivered": {**NOTHING, "location": None, "description": None, "signedBy": None, "hasProof": None},
        "reattempt": NOTHING,
        "checkedAt": None,
        "answer": {"sha256": None, "fetchedAt": None},
        "error": None,
        "scans": [],
    }


def test_every_fact_of_an_answer_stands_where_it_belongs(merchant: Merchant) -> None:
    shipment = a_shipment(merchant)
    scan = a_scan(
        *DELIVERED,
        place=Place("OLNEY", "MD", "20832", "US", 39.15, -77.07),
        offset="-05:00",
        text_for_buyers="It is at your door.",
        text_for_sellers="Left at the door.",
        url="https://carrier.example/track",
        leg="final mile",
    )
    ingested(
        shipment,
        a_snapshot(
            scan,
            package_count=2,
            status_text="Delivered at the door",
            service_code="055",
            service_name="Priority Mail",
            weight_value=3.546,
            weight_unit="KGS",
            dimension={"length": "10", "width": "5", "height": None, "unitOfMeasurement": "IN"},
            reference_number="PO 7",
            smart_label_barcode="420208329261",
            last_location="OLNEY,MD,20832",
            shipped=posted("2026-03-02 23:30", "-05:00"),
            updated=posted("2026-03-05 14:05"),
            estimate=DeliveryEstimate(date(2026, 3, 6), time(9), time(20, 30), timedelta(hours=-5)),
            delivered=posted("2026-03-05 14:05", "-05:00"),
            delivery_location="OLNEY",
            delivery_description="Front Door/Porch",
            delivery_proof_url="https://carrier.example/proof.png",
            signed_by="P SAMPLE",
            reattempt=posted("2026-03-04"),
        ),
    )

    told = report(a_told(shipment))
    answer = Answer.objects.get()

    assert told == {
        "merchant": "alpine",
        "gateway": "usps",
        "carrier": "USPS",
        "trackingNumber": shipment.number,
        "packageCount": 2,
        "status": "Delivered",
        "statusText": "Delivered at the door",
        "service": {"code": "055", "name": "Priority Mail"},
        "weight": {"value": 3.546, "unit": "KGS"},
        "dimension": {"length": "10", "width": "5", "height": None, "unitOfMeasurement": "IN"},
        "referenceNumber": "PO 7",
        "smartLabelBarcode": "420208329261",
        "lastLocation": "OLNEY,MD,20832",
        "shipped": {"local": "2026-03-02T23:30:00", "utcOffset": "-05:00", "at": "2026-03-03T04:30:00Z"},
        "updated": {"local": "2026-03-05T14:05:00", "utcOffset": "-05:00", "at": "2026-03-05T19:05:00Z"},
        "estimatedDelivery": {
            "date": "2026-03-06",
            "from": "09:00:00",
            "to": "20:30:00",
            "utcOffset": "-05:00",
        },
        "delivered": {
            "local": "2026-03-05T14:05:00",
            "utcOffset": "-05:00",
            "at": "2026-03-05T19:05:00Z",
            "location": "OLNEY",
            "description": "Front Door/Porch",
            "signedBy": "P SAMPLE",
            "hasProof": True,
        },
        "reattempt": {"local": "2026-03-04", "utcOffset": None, "at": None},
        "checkedAt": "2026-03-06T12:00:00Z",
        "answer": {"sha256": answer.sha256, "fetchedAt": "2026-03-06T12:00:00Z"},
        "error": None,
        "scans": [
            {
                "local": "2026-03-05T14:05:00",
                "utcOffset": "-05:00",
                "at": "2026-03-05T19:05:00Z",
                "zoneKnownBy": "carrier",
                "status": "Delivered",
                "code": "01",
                "text": "Delivered, Front Door/Porch",
                "textForBuyers": "It is at your door.",
                "textForSellers": "Left at the door.",
                "city": "OLNEY",
                "region": "MD",
                "postalCode": "20832",
                "country": "US",
                "latitude": 39.15,
                "longitude": -77.07,
                "url": "https://carrier.example/track",
                "leg": "final mile",
                "withdrawn": False,
                "earlierParcel": False,
            }
        ],
    }
    assert list(told) == KEYS
    assert list(told["scans"][0]) == SCAN_KEYS


def test_scans_come_newest_first_with_those_taken_back_and_those_of_an_earlier_parcel(
    merchant: Merchant,
) -> None:
    shipment = a_shipment(merchant, mailing_date=date(2026, 3, 2))
    long_ago = a_scan("2025-11-01 10:00", "03", "Of another parcel")
    ingested(
        shipment, a_snapshot(a_scan(*DELIVERED, place=OLNEY), a_scan(*ACCEPTED), a_scan(*LABEL), long_ago)
    )
    ingested(shipment, a_snapshot(a_scan(*ACCEPTED), a_scan(*LABEL), long_ago), minute=5)

    told = report(a_told(shipment))

    assert [(scan["local"], scan["withdrawn"], scan["earlierParcel"]) for scan in told["scans"]] == [
        ("2026-03-05T14:05:00", True, False),
        ("2026-03-02T17:40:00", False, False),
        ("2026-03-02T09:15:00", False, False),
        ("2025-11-01T10:00:00", False, True),
    ]
    assert told["status"] == "Acceptance"


def test_a_date_without_a_time_stays_a_date(merchant: Merchant) -> None:
    shipment = a_shipment(merchant)
    ingested(shipment, a_snapshot(a_scan("2026-03-02")))

    (scan,) = report(a_told(shipment))["scans"]

    assert (scan["local"], scan["utcOffset"], scan["at"], scan["zoneKnownBy"]) == (
        "2026-03-02",
        None,
        None,
        "place",
    )


@pytest.mark.parametrize("value", [0, 2.3, "1 lb 4 oz"])
def test_the_weight_is_as_it_was_sent(merchant: Merchant, value: float | str) -> None:
    shipment = a_shipment(merchant)
    ingested(shipment, a_snapshot(weight_value=value))

    assert report(a_told(shipment))["weight"] == {"value": value, "unit": None}


def test_a_delivery_without_a_proof_says_so(merchant: Merchant) -> None:
    shipment = a_shipment(merchant)
    ingested(shipment, a_snapshot(a_scan(*DELIVERED, place=OLNEY)))

    assert report(a_told(shipment))["delivered"] == {
        "local": "2026-03-05T14:05:00", "utcOffset": "-05:00", "at": "2026-03-05T19:05:00Z",
        "location": "OLNEY", "description": "Delivered, Front Door/Porch", "signedBy": None, "hasProof": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (NotKnown("The carrier has nothing on this number yet."), None),
        (NotAllowed("This piece is another mailer's."), "This piece is another mailer's."),
        (TryLater("USPS did not answer."), "USPS did not answer. Asked again automatically."),
    ],
)
def test_what_keeps_the_facts_away_is_said_and_the_kept_ones_stay(
    merchant: Merchant, result: object, sentence: str | None
) -> None:
    shipment = a_shipment(merchant)
    ingested(shipment, a_snapshot(a_scan(*ACCEPTED)))
    ingested(shipment, result, minute=7)

    told = report(a_told(shipment))

    assert told["error"] == sentence
    assert (told["status"], len(told["scans"])) == ("Acceptance", 1)
    assert told["answer"]["fetchedAt"] == "2026-03-06T12:00:00Z"


def test_that_a_number_is_not_known_yet_is_told_where_nothing_else_is(merchant: Merchant) -> None:
    shipment = a_shipment(merchant)
    ingested(shipment, NotKnown("The carrier has nothing on this number yet."))

    told = report(a_told(shipment))

    assert (told["statusText"], told["error"]) == ("The carrier has nothing on this number yet.", None)


def test_an_error_is_gone_after_the_next_answer(merchant: Merchant) -> None:
    shipment = a_shipment(merchant)
    ingested(shipment, TryLater("USPS did not answer."))
    ingested(shipment, a_snapshot(), minute=1)

    assert report(a_told(shipment))["error"] is None


def test_before_an_answer_the_gateway_is_the_one_that_would_be_asked(merchant: Merchant) -> None:
    shipment = a_shipment(merchant)
    an_account(merchant, Gateway.PITNEY_BOWES)

    assert report(shipment)["gateway"] == "pitney_bowes"


def test_a_pinned_gateway_without_an_account_is_still_named(merchant: Merchant) -> None:
    assert report(a_shipment(merchant, gateway="pitney_bowes"))["gateway"] == "pitney_bowes"


def test_the_number_of_queries_does_not_grow_with_the_parcels(merchant: Merchant) -> None:
    shipments = [a_shipment(merchant) for _ in range(5)]
    for shipment in shipments[:3]:
        ingested(shipment, a_snapshot(a_scan(*ACCEPTED), a_scan(*LABEL)))

    counts = []
    for some in (shipments[2:4], shipments):
        rows = list(Shipment.objects.filter(pk__in=[shipment.pk for shipment in some]))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            reports(rows)
        counts.append(len(queries))

    assert counts == [6, 6]


def test_reports_keep_the_order_they_were_asked_in(merchant: Merchant) -> None:
    first, second = a_shipment(merchant), a_shipment(merchant)

    assert [told["trackingNumber"] for told in reports([second, first, second])] == [
        second.number,
        first.number,
        second.number,
    ]


def test_the_status_is_one_of_ours() -> None:
    assert report(a_shipment(status=Status.READY_FOR_PICKUP))["status"] == "ReadyForPickup"
