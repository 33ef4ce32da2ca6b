"""A parcel put right by a person: nothing is lost, and nothing of another parcel is shown."""

import threading
from datetime import UTC, date, datetime
from uuid import uuid4

import pytest
from django.db import connection, transaction

from shipments.carriers.base import NotKnown
from shipments.enums import EndReason, Lifecycle, Sight, Status
from shipments.facts.numbers import canonical
from shipments.facts.times import DeliveryEstimate
from shipments.models import Answer, PrivateLink, PromisedDay, ScanEvent, Shipment, Subscription, Watch
from shipments.models.subscriptions import Consent
from shipments.tracking.adding import BadParcel
from shipments.tracking.correcting import (
    Corrected,
    SameParcel,
)
from shipments.tracking.ingest import Observation, ingest
from tests.buyers.parcels import asked, subscribed
from tests.factories import (
    ACCEPTED,
    DELIVERED,
    LABEL,
    OLNEY,
    a_merchant,
    a_scan,
    a_shipment,
    a_snapshot,
    an_account,
    an_outcome,
    ingested,
    posted,
)
from tests.tracking.corrections import NOW, NUMBER, say, shown

pytestmark = pytest.mark.django_db


def a_delivered_parcel(**over) -> Shipment:
    shipment = a_shipment(number=NUMBER, **over)
    ingested(
        shipment,
        a_snapshot(
            a_scan(*DELIVERED, place=OLNEY),
            a_scan(*ACCEPTED),
            a_scan(*LABEL),
            service_name="Priority Mail",
            signed_by="R INVENTED",
            delivered=posted("2026-03-05 14:05"),
            estimate=DeliveryEstimate(date(2026, 3, 5)),
        ),
    )
    return shipment


# ---- Plain particulars


def test_what_the_merchant_says_is_put_right_and_told_before_and_after():
    shipment = a_shipment(order_number="A-77", recipient_name="Rosa Invented")

    done = say(shipment, order_number=" B-88 ", recipient_name="", proof_due=True)

    assert done == Corrected(
        {"order_number": "A-77", "recipient_name": "Rosa Invented", "proof_due": False},
        {"order_number": "B-88", "recipient_name": "", "proof_due": True},
    )
    shipment.refresh_from_db()
    assert (shipment.order_number, shipment.recipient_name, shipment.proof_due) == ("B-88", "", True)


@pytest.mark.parametrize(
    ("corrected", "sight"),
    [("80202", Sight.NUMBER), ("", Sight.NUMBER), ("20832-1234", Sight.POSTAL_CODE)],
)
def test_who_told_a_postal_code_that_was_wrong_learns_what_the_number_tells(corrected, sight):
    shipment = a_shipment(number=NUMBER, destination_postal_code="20832")
    confirmed = subscribed(shipment, sight=Sight.POSTAL_CODE)
    still_to_confirm = asked(shipment, sight=Sight.POSTAL_CODE, email="other@example.com")
    by_link = subscribed(
        shipment,
        sight=Sight.PRIVATE_LINK,
        link=PrivateLink.objects.make(shipment),
        email="third@example.com",
    )
    of_another_parcel = subscribed(a_shipment(destination_postal_code="20832"), sight=Sight.POSTAL_CODE)
    Subscription.objects.subscribe_with_consent(
        shipment.merchant, [Consent(shipment.pk, "fourth@example.com", "yes", "row 2")], by_id=None, now=NOW
    )

    say(shipment, postal_code=corrected)

    for row, expected in (
        (confirmed, sight),
        (still_to_confirm, sight),
        (by_link, Sight.PRIVATE_LINK),
        (of_another_parcel, Sight.POSTAL_CODE),
        (Subscription.objects.get(email="fourth@example.com"), Sight.POSTAL_CODE),
    ):
        row.refresh_from_db()
        assert row.sight == expected


def test_what_the_carrier_is_not_asked_with_makes_nothing_due():
    due_at = datetime(2026, 3, 9, tzinfo=UTC)
    shipment = a_shipment(due_at=due_at)

    say(shipment, order_number="B-88")

    assert Watch.objects.get().due_at == due_at


def test_a_correction_of_nothing_is_none():
    assert say(a_shipment(order_number="A-77")) == Corrected({}, {})


@pytest.mark.parametrize(
    "said", [{"gateway": "pitney_bowes"}, {"postal_code": "20832-1234"}, {"mailing_date": "2026-03-02"}]
)
def test_what_the_carrier_is_asked_with_makes_the_parcel_due_at_once(said):
    shipment = a_shipment(due_at=datetime(2026, 3, 9, tzinfo=UTC))
    Watch.objects.update(lease=uuid4())

    say(shipment, **said)

    watch = Watch.objects.get()
    assert (watch.due_at, watch.by_hand, watch.lease) == (NOW, True, None)


def test_a_parcel_that_wrong_facts_had_ended_is_asked_about_again():
    shipment = a_shipment(lifecycle=Lifecycle.ENDED, end_reason=EndReason.SETTLED)
    Watch.objects.update(due_at=None)

    done = say(shipment, mailing_date="2026-03-02")

    shipment.refresh_from_db()
    assert (shipment.lifecycle, shipment.end_reason) == (Lifecycle.ACTIVE, "")
    assert (done.before["lifecycle"], done.after["lifecycle"]) == ("ended", "active")
    assert Watch.objects.get().due_at == NOW


@pytest.mark.parametrize(
    ("lifecycle", "reason"),
    [(Lifecycle.ENDED, EndReason.BY_HAND), (Lifecycle.ARCHIVED, EndReason.BY_HAND)],
)
def test_a_parcel_somebody_put_away_is_corrected_and_stays_there(lifecycle, reason):
    shipment = a_shipment(lifecycle=lifecycle, end_reason=reason)
    Watch.objects.update(due_at=None, heard="snapshot", checked_at=NOW)

    say(shipment, carrier="NEWGISTICS")

    shipment.refresh_from_db()
    watch = Watch.objects.get()
    assert (shipment.carrier_id, shipment.lifecycle, shipment.end_reason) == ("NEWGISTICS", lifecycle, reason)
    assert (watch.due_at, watch.heard, watch.checked_at) == (None, "", None)


@pytest.mark.parametrize(
    ("said", "field", "rule"),
    [
        ({"carrier": "DHL"}, "carrier", "A carrier is one of USPS, IMB"),
        ({"carrier": "UPS", "gateway": "usps"}, "gateway", "Carrier UPS is not asked about through usps"),
        ({"postal_code": "8020"}, "postal code", "A ZIP Code is five digits"),
        ({"mailing_date": "02/03/2026"}, "mailing date", "A mailing date is a day written as 2026-01-31."),
    ],
)
def test_bad_particulars_name_the_field_and_the_rule(said, field, rule):
    shipment = a_shipment()

    with pytest.raises(BadParcel, match=rule) as caught:
        say(shipment, **said)

    assert caught.value.field == field
    assert Shipment.objects.get().carrier_id == "USPS"


def test_a_postal_code_that_an_answer_brought_from_abroad_may_stay():
    shipment = a_shipment(destination_postal_code="M5V 2T6")

    assert say(shipment, order_number="B-88").after == {"order_number": "B-88"}


# ---- Another carrier


def test_another_carrier_sets_aside_all_that_was_told_and_keeps_it():
    shipment = a_delivered_parcel()

    done = say(shipment, carrier="NEWGISTICS")

    shipment.refresh_from_db()
    assert (done.before, done.after) == ({"carrier": "USPS"}, {"carrier": "NEWGISTICS"})
    assert (shipment.status, shipment.delivered_on, shipment.signed_by, shipment.service_name) == (
        Status.UNKNOWN,
        None,
        "",
        "",
    )
    assert (shipment.status_text, shipment.last_scan_at, shipment.first_promised_on) == ("", None, None)
    assert (shown(shipment), shipment.scans.count(), shipment.answers.count()) == ([], 3, 1)
    assert (shipment.carrier_corrected_at, shipment.changed_at) == (NOW, NOW)
    watch = Watch.objects.get()
    assert (watch.due_at, watch.by_hand, watch.checked_at, watch.heard) == (NOW, True, None, "")


def test_the_facts_of_the_right_carrier_stand_alone_once_they_arrive():
    shipment = a_delivered_parcel()
    say(shipment, carrier="NEWGISTICS")
    shipment.refresh_from_db()

    ingested(
        shipment,
        a_snapshot(a_scan("2026-03-04 08:00", "300", "Received at hub", Status.IN_TRANSIT)),
        minute=40,
    )

    shipment.refresh_from_db()
    assert (shown(shipment), shipment.status) == (["Received at hub"], Status.IN_TRANSIT)
    assert shipment.scans.count() == 4


def test_scans_that_both_carriers_show_come_back_with_the_answer():
    shipment = a_delivered_parcel()
    say(shipment, carrier="NEWGISTICS")
    shipment.refresh_from_db()

    ingested(shipment, a_snapshot(a_scan(*ACCEPTED), a_scan(*LABEL)), minute=40)

    shipment.refresh_from_db()
    assert (shown(shipment), shipment.status) == ([ACCEPTED[2], LABEL[2]], Status.ACCEPTANCE)


def test_a_carrier_that_does_not_know_the_number_leaves_the_status_unknown():
    shipment = a_delivered_parcel()
    say(shipment, carrier="NEWGISTICS")
    shipment.refresh_from_db()

    ingested(shipment, NotKnown("Not known yet."), minute=40)

    shipment.refresh_from_db()
    assert (shipment.status, shown(shipment)) == (Status.UNKNOWN, [])


def test_back_to_the_first_carrier_its_facts_come_back_with_the_same_answer():
    shipment = a_delivered_parcel()
    say(shipment, carrier="NEWGISTICS")
    say(shipment, carrier="USPS")
    shipment.refresh_from_db()

    ingested(
        shipment,
        a_snapshot(
            a_scan(*DELIVERED, place=OLNEY),
            a_scan(*ACCEPTED),
            a_scan(*LABEL),
            service_name="Priority Mail",
            signed_by="R INVENTED",
            delivered=posted("2026-03-05 14:05"),
            estimate=DeliveryEstimate(date(2026, 3, 5)),
        ),
        minute=40,
    )

    shipment.refresh_from_db()
    assert (shipment.status, shipment.delivered_on) == (Status.DELIVERED, date(2026, 3, 5))
    assert (len(shown(shipment)), shipment.answers.count()) == (3, 1)


def test_an_answer_of_the_old_carrier_that_was_on_its_way_is_kept_and_has_no_say():
    shipment = a_shipment(number=NUMBER)
    on_its_way = an_outcome(shipment, a_snapshot(a_scan(*DELIVERED)))
    say(shipment, carrier="NEWGISTICS")

    done = ingest([Observation(on_its_way, an_account(shipment.merchant))], now=NOW)

    shipment.refresh_from_db()
    watch = Watch.objects.get()
    assert done == []
    assert (shipment.status, shipment.answer, ScanEvent.objects.count()) == (Status.UNKNOWN, None, 0)
    assert Answer.objects.get().kind == "snapshot"
    assert (watch.due_at, watch.checked_at, watch.heard) == (NOW, None, "")


def test_the_promise_of_the_carrier_before_ends_with_the_correction():
    shipment = a_delivered_parcel()

    say(shipment, carrier="NEWGISTICS")

    assert list(PromisedDay.objects.order_by("told_at").values_list("on", "told_at")) == [
        (date(2026, 3, 5), datetime(2026, 3, 6, 12, 0, tzinfo=UTC)),
        (None, NOW),
    ]


def test_the_number_is_kept_in_the_form_of_the_new_carrier():
    typed = "00270123456200800001000010001234567"[:31]
    shipment = a_shipment(number=typed, carrier="FDR")
    assert shipment.number == typed

    done = say(shipment, carrier="IMB")

    shipment.refresh_from_db()
    assert (shipment.number, done.after["number"]) == (canonical(typed, "IMB"), canonical(typed, "IMB"))
    assert shipment.number != typed
    assert Shipment.objects.with_number(typed).get() == shipment

    say(shipment, carrier="FDR")

    shipment.refresh_from_db()
    assert shipment.number == typed


def test_a_carrier_and_number_the_merchant_has_already_is_pointed_at():
    shipment = a_delivered_parcel()
    there = a_shipment(shipment.merchant, number=NUMBER, carrier="NEWGISTICS")

    with pytest.raises(
        SameParcel, match="You have a parcel of this carrier with this number already"
    ) as caught:
        say(shipment, carrier="NEWGISTICS")

    assert (caught.value.other, caught.value.field) == (there, "carrier")
    shipment.refresh_from_db()
    assert (shipment.carrier_id, shipment.status, len(shown(shipment))) == ("USPS", Status.DELIVERED, 3)


@pytest.mark.parametrize(
    ("ended", "restored"),
    [
        (EndReason.SETTLED, (Lifecycle.ACTIVE, "", NOW)),
        (EndReason.BY_HAND, (Lifecycle.ENDED, EndReason.BY_HAND, None)),
    ],
)
def test_out_of_the_archive_a_corrected_parcel_is_asked_about_unless_a_person_had_closed_it(ended, restored):
    shipment = a_delivered_parcel()
    Shipment.objects.filter(pk=shipment.pk).update(lifecycle=Lifecycle.ENDED, end_reason=ended)
    mine = Shipment.objects.filter(pk=shipment.pk)
    mine.archive()

    say(mine.get(), carrier="NEWGISTICS")

    assert mine.get().lifecycle == Lifecycle.ARCHIVED
    mine.restore(NOW)
    shipment = mine.select_related("watch").get()
    assert (shipment.lifecycle, shipment.end_reason, shipment.watch.due_at) == restored


@pytest.mark.django_db(transaction=True)
def test_parcels_with_one_number_are_locked_in_the_order_of_their_ids():
    """Whoever corrects the younger may move the line to the elder; who locks both elsewhere takes the elder first."""
    elder = a_shipment(number=NUMBER, mailing_date=date(2026, 2, 1), number_until=date(2026, 3, 1))
    younger = a_shipment(elder.merchant, number=NUMBER, instance=2, mailing_date=date(2026, 3, 1))

    def correct_it() -> None:
        try:
            say(Shipment.objects.get(pk=younger.pk), mailing_date="2026-03-02")
        finally:
            connection.close()

    correction = threading.Thread(target=correct_it)
    with transaction.atomic():
        Shipment.objects.select_for_update().get(pk=elder.pk)
        correction.start()
        correction.join(0.5)
        assert correction.is_alive()
        # NOWAIT would say so if the correction had the younger already.
        Shipment.objects.select_for_update(nowait=True).get(pk=younger.pk)
    correction.join(60)

    assert not correction.is_alive()
    elder.refresh_from_db()
    assert elder.number_until == date(2026, 3, 2)


def test_the_same_parcel_of_another_merchant_is_none_of_ours():
    shipment = a_shipment(number=NUMBER)
    a_shipment(a_merchant(), number=NUMBER, carrier="NEWGISTICS")

    say(shipment, carrier="NEWGISTICS")

    assert Shipment.objects.filter(carrier="NEWGISTICS").count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_double_that_is_being_made_this_moment_is_pointed_at_too():
    shipment = a_shipment(number=NUMBER)
    is_there, may_end, refusals = threading.Event(), threading.Event(), []

    def correct_it() -> None:
        try:
            say(Shipment.objects.get(pk=shipment.pk), carrier="NEWGISTICS")
        except SameParcel as refusal:
            refusals.append(refusal.other.carrier_id)
        finally:
            connection.close()

    def make_the_other() -> None:
        with transaction.atomic():
            a_shipment(Shipment.objects.get(pk=shipment.pk).merchant, number=NUMBER, carrier="NEWGISTICS")
            is_there.set()
            may_end.wait(120)
        connection.close()

    first, second = threading.Thread(target=make_the_other), threading.Thread(target=correct_it)
    first.start()
    is_there.wait(60)
    second.start()
    second.join(0.5)
    # It waits for the other transaction: whether there is a double is not known before that ends.
    assert second.is_alive()
    may_end.set()
    first.join(60)
    second.join(60)

    assert refusals == ["NEWGISTICS"]
    shipment.refresh_from_db()
    assert shipment.carrier_id == "USPS"


# ---- Another ship date


def test_a_later_ship_date_leaves_the_delivery_to_the_parcel_before_at_once():
    shipment = a_delivered_parcel()

    say(shipment, mailing_date="2026-06-01")

    shipment.refresh_from_db()
    assert (shipment.status, shipment.delivered_on, shipment.signed_by) == (Status.UNKNOWN, None, "")
    assert (shipment.estimated_on, shipment.first_promised_on, shown(shipment)) == (None, None, [])
    assert shipment.scans.filter(earlier_parcel=True).count() == 3
    assert shipment.service_name == "Priority Mail"


def test_without_the_ship_date_the_scans_are_its_own_again():
    shipment = a_delivered_parcel()
    say(shipment, mailing_date="2026-06-01")

    say(shipment, mailing_date="")

    shipment.refresh_from_db()
    assert (shipment.status, shipment.delivered_on, len(shown(shipment))) == (
        Status.DELIVERED,
        date(2026, 3, 5),
        3,
    )


def test_a_ship_date_that_sets_nothing_aside_changes_no_facts():
    shipment = a_shipment()
    ingested(
        shipment, a_snapshot(status=Status.MANIFEST, status_text="Label made", last_location="DENVER,CO")
    )

    say(shipment, mailing_date="2026-03-02")

    shipment.refresh_from_db()
    assert (shipment.status, shipment.status_text, shipment.last_location) == (
        Status.MANIFEST,
        "Label made",
        "DENVER,CO",
    )


def test_the_next_answer_is_read_by_the_corrected_ship_date_though_its_content_is_the_same():
    shipment = a_shipment()
    old = a_scan("2025-10-01 10:00", "01", "Delivered, PO Box", Status.DELIVERED)
    answer = a_snapshot(a_scan(*ACCEPTED), old, delivered=posted("2025-10-01 10:00"))
    ingested(shipment, answer)

    say(shipment, mailing_date="2026-03-02")
    ingested(shipment, answer, minute=40)

    shipment.refresh_from_db()
    assert (shipment.status, shipment.delivered_on, shown(shipment)) == (
        Status.ACCEPTANCE,
        None,
        [ACCEPTED[2]],
    )
