"""What attention and figures count from, as it follows from real answers."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from shipments.enums import Status
from shipments.facts.places import Place
from shipments.facts.times import DeliveryEstimate
from shipments.models import PromisedDay, Shipment
from tests.factories import (
    ACCEPTED,
    DELIVERED,
    DENVER,
    LABEL,
    OLNEY,
    a_scan,
    a_shipment,
    a_snapshot,
    ingested,
)

pytestmark = pytest.mark.django_db

ATTEMPT = ("2026-03-04 10:00", "02", "Notice Left", Status.DELIVERY_ATTEMPT)
HELD = ("2026-03-04 16:00", "16", "Available for Pickup", Status.READY_FOR_PICKUP)
HELD_ON = ("2026-03-05 09:00", "16", "Available for Pickup, reminder", Status.READY_FOR_PICKUP)
TROUBLE = ("2026-03-03 08:00", "15", "Missent", Status.EXCEPTION)


def after(*scans: tuple, place: Place = DENVER, **over) -> Shipment:
    """A parcel after one answer with these scans, given oldest first."""
    shipment = a_shipment()
    ingested(shipment, a_snapshot(*(a_scan(*scan, place=place) for scan in reversed(scans)), **over))
    return Shipment.objects.get(pk=shipment.pk)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of March 2026 on the clock of Denver."""
    return datetime(2026, 3, day, hour, minute, tzinfo=ZoneInfo("America/Denver"))


def test_the_label_is_no_scan_of_the_parcel() -> None:
    shipment = after(LABEL)

    assert shipment.labelled_at == at(2, 9, 15)
    assert (shipment.first_scan_at, shipment.first_scan_on, shipment.first_attempt_on) == (None, None, None)


def test_the_first_scan_is_the_oldest_that_is_no_label() -> None:
    shipment = after(LABEL, ACCEPTED, ATTEMPT)

    assert (shipment.first_scan_at, shipment.first_scan_on) == (at(2, 17, 40), date(2026, 3, 2))


@pytest.mark.parametrize(
    ("scans", "day", "attempts"),
    [
        ((ACCEPTED, DELIVERED), date(2026, 3, 5), 0),
        ((ACCEPTED, ATTEMPT, DELIVERED), date(2026, 3, 4), 1),
        ((ACCEPTED, HELD, DELIVERED), date(2026, 3, 4), 0),
        ((ACCEPTED,), None, 0),
    ],
)
def test_the_first_attempt_is_the_first_day_the_buyer_could_have_had_it(
    scans: tuple, day: date | None, attempts: int
) -> None:
    shipment = after(*scans)

    assert (shipment.first_attempt_on, shipment.attempts) == (day, attempts)


def test_a_parcel_is_in_its_status_since_the_first_scan_of_the_unbroken_run() -> None:
    assert after(ACCEPTED, HELD, HELD_ON).status_since == at(4, 16)
    tried_again = ("2026-03-04 18:00", "02", "Notice Left", Status.DELIVERY_ATTEMPT)
    assert after(HELD, tried_again, HELD_ON).status_since == at(5, 9)


def test_what_nobody_recognises_does_not_begin_a_status_anew() -> None:
    odd = ("2026-03-05 08:00", "ZZ", "Something new", None)

    assert after(ACCEPTED, HELD, odd).status_since == at(4, 16)


def test_an_exception_is_remembered_when_the_parcel_has_arrived() -> None:
    assert after(ACCEPTED, TROUBLE, DELIVERED).had_exception is True
    assert after(ACCEPTED, DELIVERED).had_exception is False


def test_a_lane_is_what_the_answer_names_else_where_it_was_scanned_and_delivered() -> None:
    named = after(
        ACCEPTED,
        origin=Place(city="RENO", region="NV", country="US"),
        destination=Place(city="OLNEY", region="md", postal_code="20832"),
    )
    shipment = a_shipment()
    ingested(shipment, a_snapshot(a_scan(*DELIVERED, place=OLNEY), a_scan(*ACCEPTED)))
    seen = Shipment.objects.get(pk=shipment.pk)

    lane = ("origin_region", "origin_country", "destination_region", "destination_country")
    assert [getattr(named, name) for name in lane] == ["NV", "US", "MD", "US"]
    assert [getattr(seen, name) for name in lane] == ["CO", "US", "MD", "US"]


def test_a_destination_abroad_is_known_from_its_postal_code_before_it_arrives() -> None:
    shipment = a_shipment(destination_postal_code="T6R3H7", carrier="PBI", number="PBXCB000000003456789")
    ingested(shipment, a_snapshot(a_scan(*ACCEPTED)))

    shipment.refresh_from_db()
    assert (shipment.destination_region, shipment.destination_country) == ("", "CA")


def test_the_first_promise_stands_while_later_ones_move_and_each_is_kept() -> None:
    shipment = a_shipment()
    told = [
        DeliveryEstimate(date(2026, 3, 4)),
        DeliveryEstimate(date(2026, 3, 4), None, time(20)),
        DeliveryEstimate(date(2026, 3, 4), None, time(20)),
        DeliveryEstimate(date(2026, 3, 9)),
        None,
    ]
    for minute, estimate in enumerate(told):
        ingested(shipment, a_snapshot(a_scan(), estimate=estimate, weight_value=minute), minute=minute)

    shipment.refresh_from_db()
    assert (shipment.first_promised_on, shipment.estimated_on) == (date(2026, 3, 4), None)
    assert list(
        PromisedDay.objects.filter(shipment=shipment)
        .order_by("told_at")
        .values_list("on", "ends", "told_at__minute")
    ) == [
        (date(2026, 3, 4), None, 0),
        (date(2026, 3, 4), time(20), 1),
        (date(2026, 3, 9), None, 3),
        (None, None, 4),
    ]


def test_the_same_answer_again_promises_nothing_new() -> None:
    shipment = a_shipment()
    for minute in (0, 5):
        ingested(shipment, a_snapshot(a_scan(), estimate=DeliveryEstimate(date(2026, 3, 4))), minute=minute)

    assert PromisedDay.objects.filter(shipment=shipment).count() == 1
