"""Answers about one parcel, taken in in any order and any number of times, leave the rows they leave in their own order."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipments.carriers.base import Outcome, Question
from shipments.carriers.errors import CarrierError, TryLater
from shipments.carriers.registry import read_part
from shipments.enums import Gateway
from shipments.models import CarrierAccount, PromisedDay, ScanEvent, Shipment, Watch
from shipments.tracking.ingest import Observation, ingest
from tests.factories import a_merchant, a_shipment, an_account

pytestmark = pytest.mark.django_db

NUMBER = "9400100000000000000017"
NOON = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)

# Places that tell their zone and one that does not; two scans at one time; one without a time; one nobody knows.
EVENTS: tuple[dict[str, Any], ...] = (
    {"eventType": "Shipping Label Created", "eventCode": "GX", "eventTimestamp": "2026-03-02T09:15:00", "eventCity": "DENVER", "eventState": "CO", "eventZIPCode": "80202"},
    {"eventType": "USPS in possession of item", "eventCode": "03", "eventTimestamp": "2026-03-02T17:40:00", "eventCity": "DENVER", "eventState": "CO", "eventZIPCode": "80202"},
    {"eventType": "Arrived at Facility", "eventCode": "10", "eventTimestamp": "2026-03-03T02:00:00", "eventCity": "SOMEWHERE"},
    {"eventType": "Departed Facility", "eventCode": "EF", "eventTimestamp": "2026-03-03T02:00:00", "eventCity": "SOMEWHERE"},
    {"eventType": "In Transit", "eventCode": "NT", "eventTimestamp": "2026-03-04"},
    {"eventType": "Weighed by hand", "eventCode": "ZZ", "eventTimestamp": "2026-03-05T06:00:00", "eventCity": "OLNEY", "eventState": "MD", "eventZIPCode": "20832"},
    {"eventType": "Out for Delivery", "eventCode": "OF", "eventTimestamp": "2026-03-05T08:10:00", "GMTOffset": "-05:00", "eventCity": "OLNEY", "eventState": "MD", "eventZIPCode": "20832"},
    {"eventType": "Delivered, Front Door/Porch", "eventCode": "01", "eventTimestamp": "2026-03-05T14:05:00", "eventCity": "OLNEY", "eventState": "MD", "eventZIPCode": "20832"},
)  # fmt: skip


@st.composite
def an_item(draw: st.DrawFn) -> dict[str, Any]:
    """What USPS says of the parcel: some of its scans, corrected or not, and something of the whole of it."""
    chosen = draw(st.lists(st.integers(0, len(EVENTS) - 1), unique=True, max_size=6))
    events = []
    for index in sorted(chosen, reverse=True):
        event = dict(EVENTS[index])
        if draw(st.booleans()):
            event["recipientName"] = draw(st.sampled_from(["A SAMPLE", "B EXAMPLE"]))
        if index == 2 and draw(st.booleans()):
            event["GMTOffset"] = "-06:00"
        events.append(event)
    if draw(st.integers(0, 5)) == 0:
        # One that cannot be read: such an answer takes nothing back.
        events.append({"eventType": "No date"})
    told = {
        "trackingNumber": NUMBER,
        "statusCategory": draw(st.sampled_from(["", "Accepted", "In Transit", "Delivered"])),
        "status": draw(st.sampled_from(["", "Moving", "Here"])),
        "mailClass": draw(st.sampled_from(["", "Priority Mail"])),
        "originCity": draw(st.sampled_from(["", "DENVER", "BOULDER"])),
        "destinationState": draw(st.sampled_from(["", "MD"])),
        "mailingDate": draw(st.sampled_from(["", "2026-03-02", "2026-03-20"])),
        "trackingEvents": events,
    }
    day = draw(st.sampled_from([None, "2026-03-05", "2026-03-06"]))
    return told | ({"deliveryDateExpectation": {"expectedDeliveryDate": day}} if day else {})


FAILED = {"statusCode": "404", "trackingNumber": NUMBER}
ANSWERS = an_item() | st.just(FAILED) | st.just(None)


def observed(
    shipment: Shipment, account: CarrierAccount, said: dict[str, Any] | None, minute: int
) -> Observation:
    """The answer, fetched so many minutes after noon; None stands for a time-out."""
    question = Question(shipment.pk, shipment.number, shipment.carrier_id)
    if said is None:
        return Observation(
            Outcome(question, TryLater("Timed out."), NOON + timedelta(minutes=minute)), account
        )
    part = json.dumps(said).encode()
    result = read_part(Gateway.USPS, part, question)
    assert not isinstance(result, CarrierError)
    return Observation(Outcome(question, result, NOON + timedelta(minutes=minute), part), account)


def rows_of(shipment: Shipment, *, but: frozenset[str] = frozenset()) -> dict[str, Any]:
    """All that is known of the parcel, by content: keys, and what says when we stored it, aside."""
    ours = {"id", "public_id", "changed_at", "answer", "created_at"}
    facts = Shipment.objects.select_related("answer").get(pk=shipment.pk)
    watch = Watch.objects.get(pk=shipment.pk)
    scans = ScanEvent.objects.filter(shipment=shipment).select_related("answer").newest_first()
    return {
        "facts": {f.name: f.value_from_object(facts) for f in Shipment._meta.concrete_fields if f.name not in ours | but},
        "answer": facts.answer and facts.answer.sha256,
        "scans": [
            {f.name: f.value_from_object(scan) for f in ScanEvent._meta.concrete_fields if f.name not in ours | but}
            | {"answer": scan.answer and scan.answer.sha256, "is_withdrawn": scan.withdrawn_at is not None}
            for scan in scans
        ],
        "promises": list(
            PromisedDay.objects.filter(shipment=shipment).order_by("told_at").values_list("on", "starts", "ends", *([] if but else ["told_at"]))
        ),
        "watch": [watch.checked_at, watch.heard, watch.heard_text, watch.error_kind, watch.error_text, watch.error_at],
    }  # fmt: skip


def taken_in(observations: list[tuple[dict[str, Any] | None, int]], **over: Any) -> dict[str, Any]:
    """The rows that remain of these answers in this order; nothing stays in the database."""
    with transaction.atomic():
        merchant = a_merchant(slug="any-order", time_zone="America/Chicago")
        shipment, account = a_shipment(merchant, number=NUMBER), an_account(merchant)
        for said, minute in observations:
            ingest([observed(shipment, account, said, minute)], now=NOON + timedelta(days=1))
        rows = rows_of(shipment, **over)
        transaction.set_rollback(True)
    for row in (rows["facts"], *rows["scans"]):
        row.pop("merchant", None)
        row.pop("shipment", None)
    return rows


@st.composite
def a_history(draw: st.DrawFn) -> tuple[list[tuple[Any, int]], list[tuple[Any, int]]]:
    """Different answers at different times, and the same in another order, some of them more than once."""
    said = draw(st.lists(ANSWERS, min_size=2, max_size=5))
    told = [(one, minute) for minute, one in enumerate(said)]
    # Content of its own for each, so that each was told once.
    told = [
        (one | {"uniqueTrackingID": str(at)} if one and one is not FAILED else one, at) for one, at in told
    ]
    again = draw(st.lists(st.sampled_from(told), max_size=2))
    return told, draw(st.permutations([*told, *again]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(a_history())
def test_answers_in_any_order_and_repetition_leave_the_same_rows(history: Any) -> None:
    in_order, shuffled = history
    assert taken_in(shuffled) == taken_in(in_order)


@st.composite
def a_wavering_history(draw: st.DrawFn) -> tuple[list[tuple[Any, int]], list[tuple[Any, int]]]:
    """A carrier that goes back and forth between few contents."""
    contents = draw(st.lists(ANSWERS, min_size=2, max_size=3))
    told = [(draw(st.sampled_from(contents)), minute) for minute in range(draw(st.integers(2, 6)))]
    return told, draw(st.permutations(told))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(a_wavering_history())
def test_content_that_comes_back_leaves_the_same_rows_in_any_order(history: Any) -> None:
    in_order, shuffled = history
    # Of content told more than twice the times in between are not kept: they can only tell since when a scan is gone.
    inexact = frozenset({"withdrawn_at", "facts_fetched_at"})
    assert taken_in(shuffled, but=inexact) == taken_in(in_order, but=inexact)
