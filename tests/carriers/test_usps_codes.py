"""USPS' codes, texts and categories, row by row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.carriers.usps.codes import (
    STATUS_BY_CODE,
    headline,
    status_of_event,
    status_of_text,
)
from shipments.enums import Status


@pytest.mark.parametrize(
    ("status", "codes"),
    [
        (Status.MANIFEST, "89 GC GX MA"),
        (Status.ACCEPTANCE, "03 83 AD OA PA TM UA"),
        (Status.PICKED_UP, "17 43 80 MR"),
        (Status.IN_TRANSIT, "06 07 10 19 41 42 81 82 A1 EF L1 NT PC SF T1 TL"),
        (Status.OUT_FOR_DELIVERY, "OF"),
        (Status.DELIVERY_ATTEMPT, "02 30 51 52 53 54 55 56 71 H0"),
        (Status.READY_FOR_PICKUP, "14 16"),
        (Status.DELIVERED, "01"),
        (Status.RETURN_TO_SENDER, "04 09 21 22 23 24 25 26 27 28 29 31"),
        (Status.EXCEPTION, "05 08 11 15 44 DX"),
    ],
)
def test_every_code_has_the_status_of_its_row(status: Status, codes: str) -> None:
    assert {code for code, known in STATUS_BY_CODE.items() if known is status} == set(codes.split())


@pytest.mark.parametrize("code", ["33", "GA", "ZZ", ""])
def test_a_code_without_a_known_meaning_has_no_status(code: str) -> None:
    assert status_of_event(code, "") == (None, "")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Label Cancelled", Status.MANIFEST),
        ("Merchant Order Receipt Notification, USPS Awaiting Item", Status.MANIFEST),
        ("Pre-Shipment, USPS Awaiting Item", Status.MANIFEST),
        ("Shipping Label Created, USPS Awaiting Item", Status.MANIFEST),
        ("USPS expects item for mailing (SSK)", Status.MANIFEST),
        ("Acceptance", Status.ACCEPTANCE),
        ("Accepted at USPS Origin Facility", Status.ACCEPTANCE),
        ("Accepted at USPS Regional Destination Facility", Status.ACCEPTANCE),
        ("Shipment Received, Package Acceptance Pending", Status.ACCEPTANCE),
        ("USPS in possession of item", Status.ACCEPTANCE),
        ("USPS picked up item", Status.ACCEPTANCE),
        ("Picked Up by Shipping Partner, USPS Awaiting Item", Status.PICKED_UP),
        ("Picked Up by Shipping Agent", Status.PICKED_UP),
        ("Arrived at Post Office", Status.IN_TRANSIT),
        ("Departed USPS Regional Facility", Status.IN_TRANSIT),
        ("Processed Through Facility", Status.IN_TRANSIT),
        ("In Transit to Next Facility", Status.IN_TRANSIT),
        ("In Transit, Arriving Late", Status.IN_TRANSIT),
        ("Forwarded", Status.IN_TRANSIT),
        ("Redelivery Scheduled", Status.IN_TRANSIT),
        ("Inbound Into Customs", Status.IN_TRANSIT),
        ("Inbound Out of Customs", Status.IN_TRANSIT),
        ("Customs Clearance Processing Complete", Status.IN_TRANSIT),
        ("Dispatched from USPS International Service Center", Status.IN_TRANSIT),
        ("Held in Customs", Status.EXCEPTION),
        ("Out for Delivery", Status.OUT_FOR_DELIVERY),
        ("Out for Delivery, Expected Delivery by 9:00pm", Status.OUT_FOR_DELIVERY),
        ("Available for Pickup", Status.READY_FOR_PICKUP),
        ("Available for Redelivery or Pickup", Status.READY_FOR_PICKUP),
        ("Held at Post Office, At Customer Request", Status.READY_FOR_PICKUP),
        ("Collect for Pick Up", Status.READY_FOR_PICKUP),
        ("Notice Left (No Authorized Recipient Available)", Status.DELIVERY_ATTEMPT),
        ("Delivery Attempted - No Access to Delivery Location", Status.DELIVERY_ATTEMPT),
        ("Delivery Attempted – No Access to Delivery Location", Status.DELIVERY_ATTEMPT),
        ("Attempted Delivery Abroad", Status.DELIVERY_ATTEMPT),
        ("Rescheduled to Next Delivery Day", Status.DELIVERY_ATTEMPT),
        ("Delivered, To Original Sender", Status.RETURN_TO_SENDER),
        ("Return to Sender Processed", Status.RETURN_TO_SENDER),
        ("Unclaimed/Being Returned to Sender", Status.RETURN_TO_SENDER),
        ("Tendered to Returns Agent", Status.RETURN_TO_SENDER),
        ("Delivered", Status.DELIVERED),
        ("DELIVERED,  in/at mailbox", Status.DELIVERED),
        ("Delivered to Agent for Final Delivery", Status.DELIVERED),
        ("Alert", Status.EXCEPTION),
        ("Awaiting Delivery Scan", Status.EXCEPTION),
        ("Undeliverable as Addressed", Status.EXCEPTION),
        ("Missent", Status.EXCEPTION),
        ("Sent to Mail Recovery Center", Status.EXCEPTION),
        ("Processing Exception, Weather Delay", Status.EXCEPTION),
    ],
)
def test_a_text_is_read_by_its_first_words(text: str, status: Status) -> None:
    assert status_of_text(text) is status


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Your item was delivered",
        "Not Delivered",
        "Deliveredish",
        "Awaiting Delivery",
        "Alert the sender",
        "Will be out for delivery",
        "Acceptance Pending",
    ],
)
def test_a_part_of_a_text_decides_nothing(text: str) -> None:
    assert status_of_text(text) is None


@given(st.text())
def test_any_text_has_a_status_or_none(text: str) -> None:
    assert status_of_text(text) in {None, *Status}


@given(
    st.text(alphabet="xyz ", min_size=1), st.sampled_from(["Delivered", "Out for Delivery", "Notice Left"])
)
def test_a_word_in_front_of_a_known_text_makes_it_unknown(before: str, known: str) -> None:
    assert status_of_text(f"x{before}{known}") is None


@pytest.mark.parametrize(
    ("code", "text", "status", "by"),
    [
        ("01", "Delivered, In/At Mailbox", Status.DELIVERED, "code"),
        ("01", "Delivered, To Original Sender", Status.RETURN_TO_SENDER, "text"),
        ("17", "Picked Up by Shipping Agent", Status.PICKED_UP, "code"),
        ("17", "Tendered to Returns Agent", Status.RETURN_TO_SENDER, "text"),
        ("05", "Undeliverable as Addressed", Status.EXCEPTION, "code"),
        ("of", "", Status.OUT_FOR_DELIVERY, "code"),
        ("1", "", Status.DELIVERED, "code"),
        ("33", "Out for Delivery", Status.OUT_FOR_DELIVERY, "text"),
        ("", "Departed Post Office", Status.IN_TRANSIT, "text"),
        ("33", "Something New", None, ""),
    ],
)
def test_the_code_decides_then_the_text_but_a_return_never_counts_as_a_delivery(
    code: str, text: str, status: Status | None, by: str
) -> None:
    assert status_of_event(code, text) == (status, by)


@pytest.mark.parametrize(
    ("category", "status"),
    [
        ("Pre-Shipment", Status.MANIFEST),
        ("On Its Way to USPS", Status.MANIFEST),
        ("On its Way to USPS", Status.MANIFEST),
        ("Accepted", Status.ACCEPTANCE),
        ("Moving Through Network", Status.IN_TRANSIT),
        ("In Transit", Status.IN_TRANSIT),
        ("Preparing for Delivery", Status.IN_TRANSIT),
        ("Out for Delivery", Status.OUT_FOR_DELIVERY),
        ("Delivery Attempt", Status.DELIVERY_ATTEMPT),
        ("Delivery Attempt: Action Needed", Status.DELIVERY_ATTEMPT),
        ("Available for Pickup", Status.READY_FOR_PICKUP),
        ("Available for Agent Pickup", Status.READY_FOR_PICKUP),
        ("Hold at Post Office", Status.READY_FOR_PICKUP),
        ("Delivered", Status.DELIVERED),
        ("Delivered to Agent", Status.DELIVERED),
        ("Alert", Status.EXCEPTION),
        ("Return to Sender", Status.RETURN_TO_SENDER),
        ("n/a", None),
        ("Undelivered", None),
        ("", None),
    ],
)
def test_a_category_is_the_headline(category: str, status: Status | None) -> None:
    assert headline(category, "", None) is status


@pytest.mark.parametrize(
    ("category", "text", "newest", "status"),
    [
        ("Delivered", "Delivered, To Original Sender", Status.RETURN_TO_SENDER, Status.RETURN_TO_SENDER),
        ("Delivered", "Delivered, PO Box", Status.DELIVERED, Status.DELIVERED),
        ("Alert", "Unclaimed", Status.RETURN_TO_SENDER, Status.RETURN_TO_SENDER),
        ("Alert", "Business Closed", Status.DELIVERY_ATTEMPT, Status.DELIVERY_ATTEMPT),
        ("Alert", "Forwarded", Status.IN_TRANSIT, Status.EXCEPTION),
    ],
)
def test_the_newest_scan_makes_a_headline_more_precise(
    category: str, text: str, newest: Status, status: Status
) -> None:
    assert headline(category, text, newest) is status
