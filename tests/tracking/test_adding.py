"""What was typed becomes a parcel once, or a sentence that names the field and the rule."""

import logging
import threading
from datetime import date

import pytest
from django.db import connection

from shipments.enums import Status
from shipments.models import Carrier, Merchant, ScanEvent, Shipment, Watch
from shipments.tracking.adding import Added, BadParcel, Wanted, add_parcel, add_parcels, read_parcel
from tests.factories import ACCEPTED, a_merchant, a_scan, a_shipment, a_snapshot, ingested

pytestmark = pytest.mark.django_db

NUMBER = "9405509898641500000146"


def add(merchant: Merchant, typed: str = NUMBER, **said) -> Added:
    return add_parcel(merchant, read_parcel(typed, **said))


def test_a_number_becomes_a_parcel_that_is_due_at_once():
    added = add(a_merchant(), "9405 5098-9864 1500 0001 46")
    assert added.is_new
    shipment = Shipment.objects.get()
    assert (shipment.carrier_id, shipment.number, shipment.number_as_typed) == (
        "USPS",
        NUMBER,
        "9405 5098-9864 1500 0001 46",
    )
    assert Watch.objects.get(shipment=shipment).due_at is not None


@pytest.mark.parametrize(
    ("said", "field", "rule"),
    [
        ({"typed": "abc"}, "tracking number", "A tracking number has 4 to 34 letters and digits, and nothing else."),
        ({"typed": "9405_5098"}, "tracking number", "A tracking number has 4 to 34 letters and digits, and nothing else."),
        ({"typed": "9" * 60}, "tracking number", "A tracking number has 4 to 34 letters and digits, and nothing else."),
        ({"typed": "HELLO"}, "carrier", "No carrier's numbers look like this one. Say which carrier it is."),
        (
            {"carrier": "usps"}, "carrier",
            "A carrier is one of USPS, IMB, FDR, NEWGISTICS, PBCS, PBI, FedEx, UPS, written exactly so.",
        ),
        ({"gateway": "dhl"}, "gateway", "A gateway is usps or pitney_bowes."),
        (
            {"carrier": "UPS", "gateway": "usps"}, "gateway",
            "Carrier UPS is not asked about through usps; leave it out or say pitney_bowes.",
        ),
        ({"postal_code": "8020"}, "postal code", "A ZIP Code is five digits, or nine as 12345-6789."),
        ({"postal_code": ""}, "postal code", "A ZIP Code is five digits, or nine as 12345-6789."),
        ({"mailing_date": "03/02/2026"}, "mailing date", "A mailing date is a day written as 2026-01-31."),
        ({"mailing_date": "20260302"}, "mailing date", "A mailing date is a day written as 2026-01-31."),
        ({"mailing_date": "2026-W10-1"}, "mailing date", "A mailing date is a day written as 2026-01-31."),
        ({"mailing_date": ""}, "mailing date", "A mailing date is a day written as 2026-01-31."),
    ],
)  # fmt: skip
def test_bad_input_names_the_field_and_the_rule_and_stores_nothing(said, field, rule, caplog):
    with caplog.at_level(logging.WARNING), pytest.raises(BadParcel) as caught:
        read_parcel(**{"typed": NUMBER, **said})
    assert (caught.value.field, str(caught.value)) == (field, rule)
    assert f"{field}: {rule}" in caplog.text
    assert not Shipment.objects.exists()


def test_a_failed_check_digit_is_a_warning_only():
    added = add(a_merchant(), "9405509898641500000147")
    assert added.is_new
    assert added.warning


def test_adding_again_finds_the_parcel_and_learns_what_is_said_now():
    merchant = a_merchant()
    first = add(merchant)
    again = add(
        merchant, f"42080202{NUMBER}", postal_code="80202", mailing_date="2026-03-02", gateway="pitney_bowes"
    )
    assert (again.shipment.pk, again.is_new) == (first.shipment.pk, False)
    shipment = Shipment.objects.get()
    assert (shipment.destination_postal_code, shipment.mailing_date, shipment.gateway) == (
        "80202",
        date(2026, 3, 2),
        "pitney_bowes",
    )
    add(merchant)
    assert Shipment.objects.get().destination_postal_code == "80202"


def test_two_merchants_may_hold_one_number():
    assert add(a_merchant()).shipment != add(a_merchant()).shipment


@pytest.mark.parametrize(
    ("known", "mailed", "instances"),
    [
        ({"delivered_on": date(2026, 1, 10)}, "2026-03-02", 2),
        ({"mailing_date": date(2025, 9, 1)}, "2026-03-02", 2),
        ({"mailing_date": date(2026, 9, 1)}, "2026-03-02", 2),
        ({"mailing_date": date(2026, 2, 20)}, "2026-03-02", 1),
        ({"delivered_on": date(2026, 3, 5)}, "2026-03-02", 1),
        ({}, "2026-03-02", 1),
        ({"delivered_on": date(2026, 1, 10)}, None, 1),
    ],
)
def test_a_new_instance_is_made_only_for_a_mailing_date_that_does_not_overlap(known, mailed, instances):
    merchant = a_merchant()
    a_shipment(merchant, number=NUMBER, **known)
    add(merchant, mailing_date=mailed)
    assert Shipment.objects.filter(number=NUMBER).count() == instances


def test_many_are_added_found_and_taught_together_as_each_would_be_alone():
    merchant = a_merchant()
    known = a_shipment(merchant, number=NUMBER)
    other = "1Z12345E0205271686"
    delivered = a_shipment(merchant, number="771234567890", carrier="FedEx", delivered_on=date(2026, 1, 10))

    added = add_parcels(
        merchant,
        [
            Wanted(read_parcel(other, mailing_date="2026-03-02"), "A-1", "Rosa Invented"),
            Wanted(read_parcel(NUMBER, mailing_date="2026-03-02"), "A-2"),
            Wanted(read_parcel("771234567890", mailing_date="2026-03-02"), "A-3"),
        ],
    )

    assert [(one.shipment.number, one.shipment.instance, one.is_new) for one in added] == [
        (other, 1, True),
        (NUMBER, 1, False),
        ("771234567890", 2, True),
    ]
    known.refresh_from_db()
    assert (known.mailing_date, known.order_number) == (date(2026, 3, 2), "")
    assert Watch.objects.count() == 4
    assert delivered.pk not in {one.shipment.pk for one in added}


def test_an_instance_found_by_its_place_does_not_hide_the_newest():
    merchant = a_merchant()
    add(merchant, postal_code="10001", mailing_date="2025-01-01")
    add(merchant, postal_code="90001", mailing_date="2025-06-01")

    third = add(merchant, postal_code="10001", mailing_date="2026-03-02")

    assert (third.is_new, third.shipment.instance, third.shipment.mailing_date) == (True, 3, date(2026, 3, 2))


def test_a_carrier_that_is_switched_off_is_not_recognised():
    Carrier.objects.filter(code="USPS").update(is_active=False)
    with pytest.raises(BadParcel, match="No carrier's numbers look like this one"):
        read_parcel(NUMBER)


def test_what_cannot_be_printed_does_not_reach_the_database():
    added = add(a_merchant(), f"{NUMBER}\x00\x1d\u202e")
    assert Shipment.objects.get(pk=added.shipment.pk).number_as_typed == NUMBER


def test_a_mailing_date_learnt_later_is_applied_to_what_is_already_known():
    merchant = a_merchant()
    shipment = add(merchant).shipment
    answer = a_snapshot(
        a_scan(*ACCEPTED), a_scan("2025-10-01 10:00", "01", "Delivered, PO Box", Status.DELIVERED)
    )
    ingested(shipment, answer)
    add(merchant, mailing_date="2026-03-02")
    ingested(shipment, answer, minute=5)
    assert ScanEvent.objects.get(earlier_parcel=True).text == "Delivered, PO Box"


def test_another_day_and_another_place_are_another_parcel_though_days_apart():
    merchant = a_merchant()
    first = add(merchant, postal_code="10001", mailing_date="2026-11-01").shipment
    second = add(merchant, postal_code="90001", mailing_date="2026-11-12").shipment
    assert (first.instance, second.instance) == (1, 2)
    first.refresh_from_db()
    assert (first.destination_postal_code, first.mailing_date) == ("10001", date(2026, 11, 1))
    assert add(merchant, postal_code="10001").shipment == first
    assert add(merchant, mailing_date="2026-11-12").shipment == second


def test_the_instance_of_a_number_is_found_by_its_mailing_date():
    merchant = a_merchant()
    old = a_shipment(merchant, number=NUMBER, mailing_date=date(2025, 9, 1))
    new = add(merchant, mailing_date="2026-03-02").shipment
    assert add(merchant, mailing_date="2025-09-01").shipment == old
    assert add(merchant, mailing_date="2026-03-02").shipment == new
    assert add(merchant).shipment == new
    assert (old.instance, new.instance) == (1, 2)


def test_a_third_parcel_gets_an_instance_of_its_own_though_it_goes_where_the_first_one_went():
    merchant = a_merchant()
    a_shipment(merchant, number=NUMBER, mailing_date=date(2025, 1, 10), destination_postal_code="10001")
    a_shipment(merchant, number=NUMBER, mailing_date=date(2025, 9, 1), instance=2)
    third = add(merchant, postal_code="10001", mailing_date="2026-03-02")
    assert (third.is_new, third.shipment.instance) == (True, 3)


@pytest.mark.django_db(transaction=True)
def test_eight_adders_at_once_make_one_parcel():
    merchant = a_merchant()
    start, added = threading.Barrier(8), []

    def work() -> None:
        start.wait(60)
        added.append(add(merchant).is_new)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(added) == [False] * 7 + [True]
    assert (Shipment.objects.count(), Watch.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_two_who_paste_one_list_in_opposite_order_do_not_wait_for_each_other_for_ever():
    merchant = a_merchant()
    parcels = [read_parcel(f"1Z12345E02{n:08d}", carrier="UPS") for n in range(60)]
    start, added = threading.Barrier(2), []

    def work(wanted) -> None:
        start.wait(60)
        added.append([one.is_new for one in add_parcels(merchant, [Wanted(parcel) for parcel in wanted])])
        connection.close()

    threads = [threading.Thread(target=work, args=(order,)) for order in (parcels, parcels[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sum(map(sum, added)) == 60
    assert (len(added), Shipment.objects.count(), Watch.objects.count()) == (2, 60, 60)
