"""An item of a USPS answer, field by field and quirk by quirk."""

import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.carriers.base import Scan, Snapshot, Unreadable
from shipments.carriers.errors import UnreadableAnswer
from shipments.carriers.usps.parse import snapshot
from shipments.enums import Status
from shipments.facts.places import Place
from shipments.facts.times import DeliveryEstimate, Posted

SAMPLES = Path(__file__).parents[1] / "samples" / "usps"
NUMBER = "9400109104250532908587"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text())[0]


def an_item(*events: Any, **fields: Any) -> dict[str, Any]:
    return {"trackingNumber": NUMBER, "trackingEvents": list(events), **fields}


def an_event(**fields: Any) -> dict[str, Any]:
    return {
        "eventType": "Departed Post Office",
        "eventTimestamp": "2024-11-22T13:58:00",
        "eventCode": "SF",
        **fields,
    }


def the_scan(**fields: Any) -> Scan:
    (scan,) = snapshot(an_item(an_event(**fields))).scans
    return scan


def test_every_field_of_a_delivered_piece_is_read() -> None:
    delivered = Posted(
        date(2024, 11, 22),
        time(13, 58),
        timedelta(hours=-5),
        datetime(2024, 11, 22, 18, 58, 40, tzinfo=UTC),
    )
    out_for_delivery = Posted(
        date(2024, 11, 22),
        time(6, 10),
        timedelta(hours=-5),
        datetime(2024, 11, 22, 11, 10, tzinfo=UTC),
    )
    assert snapshot(sample("delivered.json")) == Snapshot(
        number=NUMBER,
        carrier="USPS",
        scans=(
            Scan(
                posted=delivered,
                place=Place("HERNANDO", "FL", "34442", "US"),
                code="01",
                text="Delivered, Front Desk/Reception/Mail Room",
                status=Status.DELIVERED,
                status_by="code",
                signed_by="A SAMPLE",
                details={
                    "actionCode": "A",
                    "reasonCode": "10",
                    "eventPartner": "Sample Partner",
                    "firm": "SAMPLE & SONS",
                    "CODAmountDue": "12.50",
                    "veriPoint": True,
                    "authorizedAgent": False,
                },
            ),
            Scan(
                posted=out_for_delivery,
                place=Place("HERNANDO", "FL", "34442"),
                code="OF",
                text="Out for Delivery, Expected Delivery by 9:00pm",
                status=Status.OUT_FOR_DELIVERY,
                status_by="code",
            ),
            Scan(
                posted=Posted(date(2024, 11, 21), time(20, 2)),
                place=Place("JACKSONVILLE FL DISTRIBUTION CENTER"),
                code="A1",
                text="Arrived at USPS Regional Facility",
                status=Status.IN_TRANSIT,
                status_by="code",
            ),
            Scan(
                posted=Posted(date(2024, 11, 18)),
                place=Place("EL PASO", "TX", "79936"),
                code="GX",
                text="Shipping Label Created, USPS Awaiting Item",
                status=Status.MANIFEST,
                status_by="code",
            ),
        ),
        status=Status.DELIVERED,
        status_text="Delivered, Front Desk/Reception/Mail Room",
        updated=delivered,
        last_location="HERNANDO,FL,34442",
        service_code="001",
        service_name="USPS Ground Advantage™",
        second_number="9205590982952107001084",
        shipped=Posted(date(2024, 11, 18)),
        estimate=DeliveryEstimate(date(2024, 11, 22), time(12, 15), time(16, 15)),
        delivered=delivered,
        delivery_location="HERNANDO",
        delivery_description="Delivered, Front Desk/Reception/Mail Room",
        signed_by="A SAMPLE",
        origin=Place("EL PASO", "TX", "79936", "US"),
        destination=Place("HERNANDO", "FL", "34442", "US"),
        details={
            "kahalaIndicator": False,
            "mailClassCode": "GA",
            "mailType": "DM",
            "services": ["USPS Tracking®", "Up to $100 insurance included"],
            "servicesEligibility": {
                "proofOfDeliveryEnabled": True,
                "RREEnabled": False,
                "trackingProofOfDeliveryEnabled": True,
                "deliveryInstructionsEnabled": False,
            },
            "statusCategory": "Delivered",
            "statusSummary": (
                "Your item was delivered to the front desk, reception area, or mail room at 1:58 pm on"
                " November 22, 2024 in HERNANDO, FL 34442."
            ),
            "uniqueTrackingID": "110158946",
            "accessControl": "FREE",
            "deliveryDateExpectation": {
                "endOfDay": "by 9:00 pm",
                "expectedDeliveryDate": "2024-11-23",
                "guaranteedDeliveryDate": "3 Business Days",
                "guaranteedDetails": "MoneyBack Guarantee",
                "predictedDeliveryDate": "2024-11-22",
                "predictedDeliverySource": "TRP",
                "predictedDeliveryWindowStartTime": "12:15pm",
                "predictedDeliveryWindowEndTime": "4:15 PM",
            },
        },
    )


def test_older_spellings_are_read_without_a_loss() -> None:
    posted = Posted(date(2024, 11, 21), time(23, 28), timedelta(hours=-6))
    assert snapshot(sample("older_spellings.json")) == Snapshot(
        number="420787459400111206206406260787",
        carrier="USPS",
        scans=(
            Scan(
                posted=posted,
                place=Place("AUSTIN", "TX", "78710"),
                code="10",
                text="Arrived at USPS Facility",
                status=Status.IN_TRANSIT,
                status_by="code",
                signed_by="B SAMPLE",
                details={"authorizedAgent": True},
            ),
        ),
        status=Status.IN_TRANSIT,
        status_text="Arrived at USPS Facility",
        updated=posted,
        last_location="AUSTIN,TX,78710",
        service_code="055",
        service_name="Priority Mail®",
        origin=Place(postal_code="02139"),
        destination=Place("AUSTIN", "TX", "78745", "US"),
        details={
            "kahalaIndicator": True,
            "services": ["USPS Tracking®"],
            "servicesEligibility": {
                "proofOfDeliveryEnabled": False,
                "RREEnabled": True,
                "trackingProofOfDeliveryEnabled": False,
            },
            "statusCategory": "Moving Through Network",
            "statusSummary": "Your item arrived — it is on its way.",
            "uniqueTrackingID": "220158946",
        },
    )


@pytest.mark.parametrize("fields", [{}, {"trackingEvents": None}, {"trackingEvents": []}])
def test_a_piece_without_scans_is_an_answer(fields: dict[str, Any]) -> None:
    assert snapshot({"trackingNumber": NUMBER, **fields}) == Snapshot(number=NUMBER, carrier="USPS", scans=())


@pytest.mark.parametrize(
    "raw", [None, [], "delivered", 7, {}, {"trackingNumber": " "}, {"trackingNumber": {}}]
)
def test_an_item_without_a_number_cannot_be_read(raw: Any) -> None:
    with pytest.raises(UnreadableAnswer, match="an item cannot be read"):
        snapshot(raw)


def test_one_bad_scan_does_not_cost_the_parcel_its_good_ones() -> None:
    found = snapshot(
        an_item(an_event(), "not a scan", an_event(eventTimestamp="soon"), an_event(eventCode="OF"))
    )
    assert [scan.code for scan in found.scans] == ["SF", "OF"]
    assert found.unreadable == (
        Unreadable("trackingEvents[1]", "not an object"),
        Unreadable("trackingEvents[2].eventTimestamp", "not a date (YYYY-MM-DD)"),
        Unreadable("trackingEvents[2]", "no date"),
    )


def test_one_bad_field_costs_only_that_field() -> None:
    found = snapshot(
        an_item(
            an_event(GMTOffset="sideways", eventCity=["NOWHERE"], veriPoint="perhaps"),
            mailingDate="last week",
            kahalaIndicator="maybe",
            services=[{"name": "Tracking"}],
            deliveryDateExpectation="soon",
        )
    )
    (scan,) = found.scans
    assert scan.posted == Posted(date(2024, 11, 22), time(13, 58))
    assert scan.place == Place()
    assert found.shipped is None
    assert found.estimate is None
    assert found.details == {}
    assert {lost.where for lost in found.unreadable} == {
        "mailingDate",
        "kahalaIndicator",
        "services",
        "deliveryDateExpectation",
        "trackingEvents[0].GMTOffset",
        "trackingEvents[0].eventCity",
        "trackingEvents[0].veriPoint",
    }


def test_events_of_a_wrong_type_are_on_record() -> None:
    assert snapshot({"trackingNumber": NUMBER, "trackingEvents": "none"}).unreadable == (
        Unreadable("trackingEvents", "neither an array nor an object"),
    )


@pytest.mark.parametrize(("events", "truncated"), [(98, False), (99, True)])
def test_ninety_nine_events_may_have_older_ones_behind_them(events: int, truncated: bool) -> None:
    assert snapshot(an_item(*[an_event()] * events)).truncated is truncated


def test_events_that_cannot_be_read_count_towards_the_limit() -> None:
    assert snapshot(an_item(*[{}] * 99)).truncated is True


@pytest.mark.parametrize("offset", ["-7:00", "-07:00"])
def test_an_offset_needs_no_leading_zero(offset: str) -> None:
    assert the_scan(GMTOffset=offset).posted.offset == timedelta(hours=-7)


def test_an_offset_inside_the_time_stamp_counts() -> None:
    assert the_scan(eventTimestamp="2024-04-04T14:03:12-07:00").posted == Posted(
        date(2024, 4, 4), time(14, 3, 12), timedelta(hours=-7)
    )


def test_gmt_stands_in_for_a_missing_local_time() -> None:
    assert the_scan(eventTimestamp=None, GMTTimestamp="2024-11-22T18:58:40Z").posted == Posted(
        date(2024, 11, 22), time(18, 58, 40), timedelta(0)
    )


def test_markup_and_entities_are_not_shown_to_people() -> None:
    scan = the_scan(eventType="Delivered,&nbsp;<b>Front Door</b>&#47;Porch", eventCode="01")
    assert scan.text == "Delivered, Front Door/Porch"


def test_a_delivery_to_the_sender_is_a_return() -> None:
    found = snapshot(
        an_item(
            an_event(eventType="Delivered, To Original Sender", eventCode="01"),
            status="Delivered, To Original Sender",
            statusCategory="Delivered",
        )
    )
    assert found.scans[0].status is Status.RETURN_TO_SENDER
    assert found.status is Status.RETURN_TO_SENDER
    assert found.delivered is None
    assert found.delivery_location == ""


@pytest.mark.parametrize(
    ("text", "code", "status"),
    [
        ("Undeliverable as Addressed", "05", Status.EXCEPTION),
        ("Delivery Attempted - No Access to Delivery Location", "30", Status.DELIVERY_ATTEMPT),
        ("Out for Delivery", "OF", Status.OUT_FOR_DELIVERY),
        ("Available for Pickup", "14", Status.READY_FOR_PICKUP),
    ],
)
@pytest.mark.parametrize("with_code", [True, False])
def test_what_only_sounds_like_a_delivery_is_none(
    text: str, code: str, status: Status, with_code: bool
) -> None:
    found = snapshot(an_item(an_event(eventType=text, eventCode=code if with_code else "")))
    assert found.scans[0].status is status
    assert found.delivered is None


def test_a_scan_with_an_unknown_code_and_text_stays_raw() -> None:
    scan = the_scan(eventCode="33", eventType="Something New")
    assert (scan.status, scan.status_by, scan.code, scan.text) == (None, "", "33", "Something New")


def test_the_newest_scan_is_told_by_the_instants_when_the_order_is_not_kept() -> None:
    older = an_event(eventTimestamp="2024-11-22T23:50:00", GMTOffset="-05:00", eventCity="ALBANY")
    newer = an_event(eventTimestamp="2024-11-22T23:10:00", GMTOffset="-06:00", eventCity="CHICAGO")
    assert snapshot(an_item(older, newer)).last_location == "CHICAGO"


def test_the_first_scan_is_the_newest_when_an_offset_is_missing() -> None:
    first = an_event(eventTimestamp="2024-11-22T23:10:00", eventCity="CHICAGO")
    second = an_event(eventTimestamp="2024-11-22T23:50:00", GMTOffset="-05:00", eventCity="ALBANY")
    assert snapshot(an_item(first, second)).last_location == "CHICAGO"


def test_the_last_of_two_deliveries_counts() -> None:
    found = snapshot(
        an_item(
            an_event(
                eventCode="01", eventType="Delivered, PO Box", recipientName="C SAMPLE", eventCity="LIMA"
            ),
            an_event(eventCode="01", eventType="Delivered, In/At Mailbox", eventCity="TROY"),
        )
    )
    assert (found.delivery_location, found.delivery_description, found.signed_by) == (
        "LIMA",
        "Delivered, PO Box",
        "C SAMPLE",
    )


DAY = date(2024, 11, 22)


@pytest.mark.parametrize(
    ("told", "estimate"),
    [
        (
            {"predictedDeliveryDate": "2024-11-22", "expectedDeliveryDate": "2024-11-25"},
            DeliveryEstimate(DAY),
        ),
        (
            {"expectedDeliveryDate": "2024-11-22", "guaranteedDeliveryDate": "2024-11-25"},
            DeliveryEstimate(DAY),
        ),
        (
            {"expectedDeliveryDate": "2024-11-22", "endOfDay": "by 5:00 pm"},
            DeliveryEstimate(DAY, end=time(17)),
        ),
        (
            {"predictedDeliveryDate": "2024-11-22", "predictedDeliveryWindowEndTime": "18:00:00"},
            DeliveryEstimate(DAY, end=time(18)),
        ),
        ({"guaranteedDeliveryDate": "2024-11-22"}, DeliveryEstimate(DAY)),
        ({"guaranteedDeliveryDate": "2024-11-22T12:00"}, DeliveryEstimate(DAY, end=time(12))),
        ({"guaranteedDeliveryDate": "2024-11-22T00:00"}, DeliveryEstimate(DAY)),
        ({"guaranteedDeliveryDate": "3 Business Days"}, None),
        ({"predictedDeliveryDate": "2024-11-22T00:00:00"}, DeliveryEstimate(DAY)),
        ({"endOfDay": "by 5:00 pm"}, None),
        ({}, None),
    ],
)
def test_the_predicted_day_comes_before_the_expected_and_the_guaranteed_one(
    told: dict[str, str], estimate: DeliveryEstimate | None
) -> None:
    assert snapshot(an_item(deliveryDateExpectation=told)).estimate == estimate


def test_a_guarantee_in_words_is_kept_and_is_no_loss() -> None:
    found = snapshot(an_item(deliveryDateExpectation={"guaranteedDeliveryDate": "3 Business Days"}))
    assert found.details == {"deliveryDateExpectation": {"guaranteedDeliveryDate": "3 Business Days"}}
    assert found.unreadable == ()


def test_a_postal_code_sent_as_a_number_keeps_its_zero() -> None:
    assert snapshot(an_item(destinationZIPCode=2139)).destination == Place(postal_code="02139")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
DETAIL_FIELDS = [*sample("delivered.json"), *sample("older_spellings.json")]
EVENT_FIELDS = [*sample("delivered.json")["trackingEvents"][0], "eventZIP", "name"]
EXPECTATION_FIELDS = [*sample("delivered.json")["deliveryDateExpectation"]]


@given(
    st.dictionaries(st.sampled_from(DETAIL_FIELDS), json_values),
    st.lists(st.dictionaries(st.sampled_from(EVENT_FIELDS), json_values), max_size=3),
    st.dictionaries(st.sampled_from(EXPECTATION_FIELDS), json_values),
)
def test_any_value_in_any_field_is_read_or_left_out(
    fields: dict[str, Any], events: list[Any], expectation: dict[str, Any]
) -> None:
    raw = {
        "trackingEvents": events,
        "deliveryDateExpectation": expectation,
        **fields,
        "trackingNumber": NUMBER,
    }
    found = snapshot(raw)
    assert found.number == NUMBER
    # What was read can be stored: PostgreSQL takes neither NUL nor half of a surrogate pair.
    stored = json.dumps(dict(found.details), ensure_ascii=False)
    assert "\\u0000" not in stored
    stored.encode()
