"""A new parcel for a number that was used before: each shows what is its own."""

from datetime import date

import pytest

from shipments.enums import EndReason, Lifecycle, Status
from shipments.models import Shipment, Watch
from shipments.tracking.adding import BadParcel
from shipments.tracking.correcting import (
    SameParcel,
    siblings_of,
    start_again,
)
from tests.factories import (
    ACCEPTED,
    LABEL,
    a_scan,
    a_shipment,
    a_snapshot,
    ingested,
    posted,
)
from tests.tracking.corrections import NOW, NUMBER, say, shown

pytestmark = pytest.mark.django_db


OLD_DELIVERY = ("2026-01-09 11:00", "01", "Delivered, PO Box", Status.DELIVERED)
OLD_WAY = ("2026-01-07 09:00", "10", "Arrived at Facility", Status.IN_TRANSIT)
BOTH = (a_scan(*ACCEPTED), a_scan(*LABEL), a_scan(*OLD_DELIVERY), a_scan(*OLD_WAY))


def a_number_used_again() -> tuple[Shipment, Shipment]:
    """The old parcel, ascribed the scans of two, and the new one made of it; the label of the new was made the day before."""
    old = a_shipment(number=NUMBER, order_number="A-1", mailing_date=date(2026, 1, 6))
    ingested(old, a_snapshot(*BOTH))
    old.refresh_from_db()
    assert old.status == Status.ACCEPTANCE
    new = start_again(old, mailing_date=date(2026, 3, 3), postal_code="80202", order_number="B-2", now=NOW)
    old.refresh_from_db()
    return old, new


def test_a_number_used_again_gets_a_parcel_of_its_own_that_is_due_at_once():
    old, new = a_number_used_again()

    new.refresh_from_db()
    assert (new.carrier_id, new.number, new.instance, new.mailing_date) == (
        "USPS",
        NUMBER,
        2,
        date(2026, 3, 3),
    )
    assert (new.destination_postal_code, new.order_number, old.order_number) == ("80202", "B-2", "A-1")
    watch = Watch.objects.get(shipment=new)
    assert (watch.due_at, watch.by_hand) == (NOW, True)
    assert (siblings_of(new), siblings_of(old)) == ([old], [new])


def test_the_old_parcel_is_kept_ends_and_shows_what_is_its_own():
    old, _new = a_number_used_again()

    assert (old.lifecycle, old.end_reason) == (Lifecycle.ENDED, EndReason.BY_HAND)
    assert Watch.objects.get(shipment=old).due_at is None
    assert (old.status, old.delivered_on) == (Status.DELIVERED, date(2026, 1, 9))
    # The label was made before the ship date, but after the old parcel had arrived.
    assert shown(old) == [OLD_DELIVERY[2], OLD_WAY[2]]
    assert (old.scans.count(), old.answers.count()) == (4, 1)


def test_the_next_answer_gives_the_new_parcel_its_own_scans_and_no_others():
    _old, new = a_number_used_again()

    ingested(new, a_snapshot(*BOTH), minute=40)

    new.refresh_from_db()
    assert (shown(new), new.status) == ([ACCEPTED[2], LABEL[2]], Status.ACCEPTANCE)
    assert new.scans.filter(earlier_parcel=True).count() == 2


def test_a_delivery_shortly_before_the_new_ship_date_stays_with_the_old_parcel():
    old = a_shipment(number=NUMBER)
    before = a_snapshot(
        a_scan("2026-02-27 11:00", "01", "Delivered, PO Box", Status.DELIVERED), a_scan(*OLD_WAY)
    )
    ingested(old, before)
    new = start_again(old, mailing_date=date(2026, 3, 2), now=NOW)

    # The carrier has nothing of the new parcel yet, and still tells of the old one.
    ingested(new, before, minute=40)

    new.refresh_from_db()
    assert (new.status, new.delivered_on, shown(new)) == (Status.UNKNOWN, None, [])


def test_the_old_parcel_asked_again_still_leaves_the_new_ones_scans_alone():
    old, _new = a_number_used_again()
    Shipment.objects.filter(pk=old.pk).reopen(NOW)
    news = a_scan("2026-03-04 08:00", "10", "Departed", Status.IN_TRANSIT)

    ingested(old, a_snapshot(news, *BOTH, delivered=posted("2026-01-09 11:00")), minute=40)
    ingested(old, a_snapshot(news, *BOTH, delivered=posted("2026-03-05 11:00")), minute=50)

    old.refresh_from_db()
    assert (shown(old), old.status, old.delivered_on) == (
        [OLD_DELIVERY[2], OLD_WAY[2]],
        Status.DELIVERED,
        date(2026, 1, 9),
    )


def test_the_same_answer_about_a_closed_off_number_is_no_news_twice():
    old, _new = a_number_used_again()
    Shipment.objects.filter(pk=old.pk).reopen(NOW)
    ingested(old, a_snapshot(*BOTH, service_name="Priority Mail"), minute=40)

    assert ingested(old, a_snapshot(*BOTH, service_name="Ground"), minute=50).is_news is False


@pytest.mark.parametrize(
    ("mailed", "rule"),
    [
        (
            date(2026, 1, 6),
            "This parcel was mailed on 2026-01-06; a new one with its number is mailed later.",
        ),
        (
            date(2025, 12, 1),
            "This parcel was mailed on 2026-01-06; a new one with its number is mailed later.",
        ),
    ],
)
def test_a_new_parcel_is_mailed_after_the_old_one(mailed, rule):
    old = a_shipment(mailing_date=date(2026, 1, 6))

    with pytest.raises(BadParcel, match=rule):
        start_again(old, mailing_date=mailed, now=NOW)

    old.refresh_from_db()
    assert (Shipment.objects.count(), old.lifecycle) == (1, Lifecycle.ACTIVE)


def test_a_second_click_finds_the_parcel_that_the_first_one_made():
    old, new = a_number_used_again()

    with pytest.raises(SameParcel) as caught:
        start_again(old, mailing_date=date(2026, 3, 3), now=NOW)

    assert caught.value.other == new
    assert Shipment.objects.count() == 2


def test_the_line_between_two_parcels_moves_with_the_new_ones_ship_date():
    old = a_shipment(number=NUMBER)
    ingested(old, a_snapshot(a_scan(*ACCEPTED), a_scan(*OLD_DELIVERY), a_scan(*OLD_WAY)))
    new = start_again(old, mailing_date=date(2026, 3, 1), now=NOW)
    old.refresh_from_db()
    assert (old.number_until, shown(old)) == (date(2026, 3, 1), [OLD_DELIVERY[2], OLD_WAY[2]])

    say(new, mailing_date="2026-03-04")

    old.refresh_from_db()
    assert (old.number_until, old.status) == (date(2026, 3, 4), Status.ACCEPTANCE)
    assert shown(old) == [ACCEPTED[2], OLD_DELIVERY[2], OLD_WAY[2]]


def test_a_new_parcel_mailed_earlier_than_thought_may_have_scans_from_then_on():
    old = a_shipment(number=NUMBER)
    ingested(old, a_snapshot(a_scan("2026-03-03 08:00", "10", "Departed", Status.IN_TRANSIT)))
    new = start_again(old, mailing_date=date(2026, 3, 5), now=NOW)
    assert new.number_from == date(2026, 3, 4)

    say(new, mailing_date="2026-03-02")

    new.refresh_from_db()
    old.refresh_from_db()
    assert (new.number_from, old.number_until, shown(old)) == (None, date(2026, 3, 2), [])


def test_a_corrected_carrier_knows_no_line_between_two_parcels_of_the_other():
    _old, new = a_number_used_again()

    say(new, carrier="NEWGISTICS")

    new.refresh_from_db()
    assert (new.number_from, new.instance, siblings_of(new)) == (None, 1, [])
