"""Answers into rows: everything once, nothing lost, nothing undone by chance."""

import threading
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import close_old_connections, connection
from django.test.utils import CaptureQueriesContext

from shipments.carriers.base import NotAllowed, NotKnown, Unreadable
from shipments.carriers.errors import TryLater, UnreadableAnswer
from shipments.enums import Status
from shipments.facts.places import Place
from shipments.facts.times import DeliveryEstimate
from shipments.models import Answer, ScanEvent, Shipment, StatusMapping, UnrecognisedCode, Watch
from shipments.tracking.ingest import Observation, ingest
from tests.factories import (
    ACCEPTED,
    DELIVERED,
    LABEL,
    OLNEY,
    a_scan,
    a_shipment,
    a_snapshot,
    an_account,
    an_outcome,
    ingested,
    posted,
)

pytestmark = pytest.mark.django_db


def texts(shipment: Shipment) -> list[str]:
    return [scan.text for scan in ScanEvent.objects.filter(shipment=shipment).newest_first()]


def test_an_answer_becomes_scans_a_status_and_a_kept_part():
    shipment = a_shipment()

    entry = ingested(shipment, a_snapshot(a_scan(*DELIVERED, place=OLNEY), a_scan(*ACCEPTED), a_scan(*LABEL)))

    shipment.refresh_from_db()
    assert (entry.new_scans, entry.status_before, entry.is_news) == (3, Status.UNKNOWN, True)
    assert texts(shipment) == [DELIVERED[2], ACCEPTED[2], LABEL[2]]
    assert shipment.status == Status.DELIVERED
    assert shipment.last_scan_at == datetime(2026, 3, 5, 19, 5, tzinfo=UTC)
    answer = Answer.objects.get(shipment=shipment)
    assert shipment.answer == answer
    assert set(ScanEvent.objects.values_list("answer", flat=True)) == {answer.pk}
    assert answer.size == len(answer.text.encode())
    assert answer.merchant == shipment.merchant


def test_the_same_answer_again_changes_nothing_but_checked_at():
    shipment = a_shipment()
    snapshot = a_snapshot(a_scan(*ACCEPTED), a_scan(*LABEL), estimate=DeliveryEstimate(date(2026, 3, 6)))
    ingested(shipment, snapshot)
    rows = (
        list(Shipment.objects.values()),
        list(ScanEvent.objects.values()),
        list(Answer.objects.values("pk", "sha256", "fetched_at")),
    )

    entry = ingested(shipment, snapshot, minute=30)

    assert (entry.new_scans, entry.is_news) == (0, False)
    again = (
        list(Shipment.objects.values()),
        list(ScanEvent.objects.values()),
        list(Answer.objects.values("pk", "sha256", "fetched_at")),
    )
    assert again == rows
    assert Watch.objects.get().checked_at == datetime(2026, 3, 6, 12, 30, tzinfo=UTC)


def test_many_parcels_cost_as_many_statements_as_two():
    account = an_account(None)

    def statements(count: int) -> int:
        shipments = [a_shipment() for _ in range(count)]
        seen = [
            Observation(
                an_outcome(
                    s,
                    a_snapshot(a_scan(*ACCEPTED), a_scan(*LABEL), a_scan(code="??", text="Odd", status=None)),
                ),
                account,
            )
            for s in shipments
        ]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            ingest(seen, now=datetime(2026, 3, 6, tzinfo=UTC))
        return len(queries)

    assert statements(40) == statements(2)


def test_an_answer_known_already_costs_fewer_statements_than_news():
    shipment, account = a_shipment(), an_account(None)
    seen = [Observation(an_outcome(shipment, a_snapshot(a_scan())), account)]
    with CaptureQueriesContext(connection) as first:
        ingest(seen, now=datetime(2026, 3, 6, tzinfo=UTC))
    with CaptureQueriesContext(connection) as second:
        ingest(seen, now=datetime(2026, 3, 6, tzinfo=UTC))

    assert (
        len(second) == 7
    )  # the transaction's two, the lock, shipments, their merchants and carriers, watches
    assert len(first) > len(second)


def test_a_scan_listed_twice_is_stored_once():
    shipment = a_shipment()
    ingested(shipment, a_snapshot(a_scan(), a_scan(text="  usps  in possession of ITEM ")))
    assert texts(shipment) == ["USPS in possession of item"]


def test_a_scan_the_carrier_takes_back_is_marked_and_kept():
    shipment = a_shipment()
    label, accepted, wrong = a_scan(*LABEL), a_scan(*ACCEPTED), a_scan(*DELIVERED)
    ingested(shipment, a_snapshot(wrong, accepted, label))

    ingested(shipment, a_snapshot(accepted, label), minute=10)

    shipment.refresh_from_db()
    assert shipment.status == Status.ACCEPTANCE
    taken_back = ScanEvent.objects.get(text=DELIVERED[2])
    assert taken_back.withdrawn_at == datetime(2026, 3, 6, 12, 10, tzinfo=UTC)


def test_a_scan_that_is_shown_again_is_no_longer_taken_back():
    shipment = a_shipment()
    accepted, wrong = a_scan(*ACCEPTED), a_scan(*DELIVERED)
    ingested(shipment, a_snapshot(wrong, accepted))
    ingested(shipment, a_snapshot(accepted), minute=10)

    ingested(shipment, a_snapshot(wrong, accepted), minute=20)

    shipment.refresh_from_db()
    assert shipment.status == Status.DELIVERED
    assert ScanEvent.objects.filter(withdrawn_at=None).count() == 2
    assert Answer.objects.count() == 2


def test_what_a_carrier_forgets_with_age_is_not_taken_back():
    shipment = a_shipment()
    ingested(shipment, a_snapshot(a_scan(*ACCEPTED), a_scan(*LABEL)))

    ingested(shipment, a_snapshot(a_scan(*DELIVERED), a_scan(*ACCEPTED)), minute=10)

    assert ScanEvent.objects.filter(withdrawn_at=None).count() == 3


@pytest.mark.parametrize(
    "over", [{"truncated": True}, {"unreadable": (Unreadable("trackingEvents[1]", "no date"),)}]
)
def test_an_answer_that_was_cut_or_read_in_part_takes_nothing_back(over):
    shipment = a_shipment()
    ingested(shipment, a_snapshot(a_scan(*DELIVERED), a_scan(*ACCEPTED)))

    ingested(shipment, a_snapshot(a_scan(*ACCEPTED), **over), minute=10)

    assert ScanEvent.objects.filter(withdrawn_at=None).count() == 2


def test_an_empty_answer_takes_nothing_back_and_keeps_the_status():
    shipment = a_shipment()
    ingested(shipment, a_snapshot(a_scan(*ACCEPTED)))

    ingested(shipment, a_snapshot(), minute=10)

    shipment.refresh_from_db()
    assert shipment.status == Status.ACCEPTANCE
    assert ScanEvent.objects.filter(withdrawn_at=None).count() == 1


def test_an_older_answer_that_arrives_late_adds_scans_and_overwrites_nothing():
    shipment = a_shipment()
    newest = a_snapshot(a_scan(*DELIVERED), a_scan(*ACCEPTED), service_name="Priority Mail")
    ingested(shipment, newest, minute=20)

    ingested(shipment, a_snapshot(a_scan(*ACCEPTED), a_scan(*LABEL), service_name="old"), minute=5)

    shipment.refresh_from_db()
    assert (shipment.status, shipment.service_name) == (Status.DELIVERED, "Priority Mail")
    assert texts(shipment) == [DELIVERED[2], ACCEPTED[2], LABEL[2]]
    assert ScanEvent.objects.filter(withdrawn_at=None).count() == 3


def test_a_late_scan_the_newest_answer_had_left_out_counts_as_taken_back():
    shipment = a_shipment()
    ingested(shipment, a_snapshot(a_scan(*ACCEPTED), a_scan(*LABEL)), minute=20)

    ingested(shipment, a_snapshot(a_scan(*DELIVERED), a_scan(*ACCEPTED), a_scan(*LABEL)), minute=5)

    shipment.refresh_from_db()
    assert shipment.status == Status.ACCEPTANCE
    assert ScanEvent.objects.get(text=DELIVERED[2]).withdrawn_at == datetime(2026, 3, 6, 12, 20, tzinfo=UTC)


def test_what_the_carrier_fills_in_later_reaches_the_stored_scan():
    shipment = a_shipment()
    ingested(shipment, a_snapshot(a_scan(place=Place(city="SOMEWHERE"))))

    ingested(
        shipment,
        a_snapshot(a_scan(place=Place(city="SOMEWHERE"), offset="-07:00", url="https://carrier.example/1")),
        minute=5,
    )

    scan = ScanEvent.objects.get()
    assert (scan.known_by, scan.offset, scan.url) == ("carrier", -420, "https://carrier.example/1")
    assert scan.at == datetime(2026, 3, 3, 0, 40, tzinfo=UTC)


def test_scans_older_than_the_ship_date_belong_to_an_earlier_parcel():
    shipment = a_shipment(mailing_date=date(2026, 3, 2))

    ingested(
        shipment,
        a_snapshot(
            a_scan(*ACCEPTED), a_scan("2025-10-01 10:00", "01", "Delivered, PO Box", Status.DELIVERED)
        ),
    )

    shipment.refresh_from_db()
    assert shipment.status == Status.ACCEPTANCE
    assert ScanEvent.objects.get(earlier_parcel=True).text == "Delivered, PO Box"
    assert ScanEvent.objects.shown().count() == 1


def test_an_unknown_code_does_not_override_and_is_counted():
    shipment = a_shipment()
    odd = a_scan("2026-03-04 10:00", "ZZ", "Something new", None)

    ingested(shipment, a_snapshot(odd, a_scan(*ACCEPTED)))
    ingested(a_shipment(), a_snapshot(odd))

    shipment.refresh_from_db()
    assert shipment.status == Status.ACCEPTANCE
    counted = UnrecognisedCode.objects.get()
    assert (counted.carrier_id, counted.code, counted.text, counted.scans) == (
        "USPS",
        "ZZ",
        "Something new",
        2,
    )


def test_a_code_known_to_say_nothing_is_not_counted_as_unrecognised():
    ingested(
        a_shipment(), a_snapshot(a_scan("2026-03-04 10:00", "INF", "Information", None, status_by="code"))
    )
    assert not UnrecognisedCode.objects.exists()


def test_an_operators_mapping_overrides_our_tables_but_not_the_carriers_word():
    StatusMapping.objects.create(carrier_id="USPS", code="ZZ", status=Status.EXCEPTION)
    StatusMapping.objects.create(
        carrier_id="USPS", text="usps in POSSESSION of item", status=Status.PICKED_UP
    )
    shipment = a_shipment()

    ingested(
        shipment,
        a_snapshot(
            a_scan("2026-03-04 10:00", "ZZ", "Something new", None),
            a_scan(*ACCEPTED),
            a_scan("2026-03-01 10:00", "ZZ", "The carrier says", Status.IN_TRANSIT, status_by="carrier"),
        ),
    )

    statuses = [scan.status for scan in ScanEvent.objects.newest_first()]
    assert statuses == [Status.EXCEPTION, Status.PICKED_UP, Status.IN_TRANSIT]
    assert not UnrecognisedCode.objects.exists()


def test_without_a_recognised_scan_the_carriers_headline_is_the_status():
    shipment = a_shipment()
    ingested(shipment, a_snapshot(status=Status.MANIFEST))
    shipment.refresh_from_db()
    assert shipment.status == Status.MANIFEST


@pytest.mark.parametrize("answer", [NotKnown("Not known yet."), NotAllowed("Another mailer's piece.")])
def test_not_known_and_not_allowed_are_answers_that_keep_the_facts(answer):
    shipment = a_shipment()
    ingested(shipment, a_snapshot(a_scan(*ACCEPTED)))

    ingested(shipment, answer, minute=10)

    shipment.refresh_from_db()
    watch = Watch.objects.get(shipment=shipment)
    assert shipment.status == Status.ACCEPTANCE
    assert (watch.heard_text, watch.error_kind, watch.misses) == (answer.reason, "", 0)
    assert watch.checked_at == datetime(2026, 3, 6, 12, 10, tzinfo=UTC)


def test_nonsense_is_kept_raw_and_reported_while_the_old_facts_stay():
    shipment = a_shipment()
    ingested(shipment, a_snapshot(a_scan(*ACCEPTED)))

    ingested(shipment, UnreadableAnswer("USPS tracking: no JSON.", kept=b"<html>Sorry</html>"), minute=10)

    shipment.refresh_from_db()
    watch = Watch.objects.get(shipment=shipment)
    assert shipment.status == Status.ACCEPTANCE
    assert (watch.error_kind, watch.misses) == ("unreadable", 1)
    assert watch.error_text == "USPS tracking: no JSON. The raw answer was kept. Asked again later."
    assert watch.error_answer is not None
    assert (watch.error_answer.text, watch.error_answer.kind) == ("<html>Sorry</html>", "unreadable")
    assert watch.checked_at == datetime(2026, 3, 6, 12, 0, tzinfo=UTC)
    assert shipment.answer != watch.error_answer


def test_an_answer_clears_the_error_before_it():
    shipment = a_shipment()
    ingested(shipment, TryLater("USPS tracking: timed out."))
    ingested(shipment, a_snapshot(a_scan()), minute=1)
    watch = Watch.objects.get()
    assert (watch.misses, watch.error_kind, watch.error_text, watch.error_at) == (0, "", "", None)


def test_delivery_and_update_take_the_instant_of_the_scan_on_the_same_clock():
    shipment = a_shipment()
    ingested(
        shipment,
        a_snapshot(
            a_scan(*DELIVERED, place=OLNEY), delivered=posted("2026-03-05 14:05"), updated=posted("2026-03-05 14:05"),
            shipped=posted("2026-03-01 08:00"), estimate=DeliveryEstimate(date(2026, 3, 5), end=time(20, 0)),
        ),
    )  # fmt: skip
    shipment.refresh_from_db()
    assert (shipment.delivered_on, shipment.delivered_time, shipment.delivered_offset) == (
        date(2026, 3, 5),
        time(14, 5),
        -300,
    )
    assert shipment.delivered_at == shipment.updated_at == datetime(2026, 3, 5, 19, 5, tzinfo=UTC)
    # Nothing tells where the parcel was shipped: a local time without an instant.
    assert (shipment.shipped_time, shipment.shipped_offset, shipment.shipped_at) == (time(8, 0), None, None)
    assert (shipment.estimated_on, shipment.estimated_from, shipment.estimated_to) == (
        date(2026, 3, 5),
        None,
        time(20, 0),
    )


def test_an_assumed_zone_is_settled_anew_when_a_known_place_comes_in():
    shipment = a_shipment()
    nowhere = Place()
    ingested(shipment, a_snapshot(a_scan(*LABEL, place=nowhere)))
    assert ScanEvent.objects.get().zone == "America/New_York"  # the merchant's

    ingested(shipment, a_snapshot(a_scan(*ACCEPTED), a_scan(*LABEL, place=nowhere)), minute=5)

    label = ScanEvent.objects.get(code="GX")
    assert (label.zone, label.known_by) == ("America/Denver", "assumed")
    assert label.at == datetime(2026, 3, 2, 16, 15, tzinfo=UTC)


def test_two_observations_of_one_parcel_in_one_batch_are_both_kept():
    shipment, account = a_shipment(), an_account(None)
    early = an_outcome(shipment, a_snapshot(a_scan(*LABEL)), fetched_at=datetime(2026, 3, 6, 8, tzinfo=UTC))
    late = an_outcome(
        shipment,
        a_snapshot(a_scan(*ACCEPTED), a_scan(*LABEL)),
        fetched_at=datetime(2026, 3, 6, 9, tzinfo=UTC),
    )

    ingest([Observation(late, account), Observation(early, account)], now=datetime(2026, 3, 6, 9, tzinfo=UTC))

    shipment.refresh_from_db()
    assert (shipment.status, Answer.objects.count()) == (Status.ACCEPTANCE, 2)


def test_a_parcel_deleted_meanwhile_is_passed_over():
    shipment, account = a_shipment(), an_account(None)
    outcome = an_outcome(shipment, a_snapshot(a_scan()))
    shipment.delete()
    assert ingest([Observation(outcome, account)], now=datetime(2026, 3, 6, tzinfo=UTC)) == []
    assert not Shipment.objects.exists()


LONG = "\U0001f4e6" * 5000


def test_texts_longer_than_their_columns_are_cut_and_cost_nobody_anything():
    shipment, other, account = a_shipment(), a_shipment(), an_account(None)
    endless = a_scan(
        code=LONG, text=LONG, status=None, place=Place(LONG, LONG, LONG, LONG), text_for_buyers=LONG, text_for_sellers=LONG,
        url=LONG, leg=LONG, signed_by=LONG,
    )  # fmt: skip
    snapshot = a_snapshot(
        endless, status_text=LONG, last_location=LONG, service_code=LONG, service_name=LONG, weight_unit=LONG,
        reference_number=LONG, smart_label_barcode=LONG, second_number=LONG, delivery_location=LONG, delivery_description=LONG,
        signed_by=LONG, delivery_proof_url=LONG, origin=Place(LONG), destination=Place(LONG, postal_code=LONG),
    )  # fmt: skip
    seen = [
        Observation(an_outcome(shipment, snapshot), account),
        Observation(an_outcome(other, a_snapshot(a_scan())), account),
    ]

    assert len(ingest(seen, now=datetime(2026, 3, 6, tzinfo=UTC))) == 2

    shipment.refresh_from_db()
    assert (len(shipment.last_location), len(shipment.service_code)) == (1000, 100)
    assert UnrecognisedCode.objects.get().text == LONG[:200]
    assert ScanEvent.objects.count() == 2


def test_an_earlier_parcels_delivery_is_not_the_new_ones():
    shipment = a_shipment(mailing_date=date(2026, 3, 2))

    ingested(
        shipment,
        a_snapshot(
            a_scan("2025-02-02 10:00", "01", "Delivered, PO Box", Status.DELIVERED, place=OLNEY),
            a_scan(*ACCEPTED),
            delivered=posted("2025-02-02 10:00"), delivery_location="OLNEY", delivery_description="Delivered, PO Box",
            signed_by="A Stranger", delivery_proof_url="https://carrier.example/proof", estimate=DeliveryEstimate(date(2025, 2, 2)),
            updated=posted("2025-02-02 10:00"), last_location="OLNEY,MD,20832",
        ),
    )  # fmt: skip

    shipment.refresh_from_db()
    assert shipment.status == Status.ACCEPTANCE
    assert (shipment.delivered_on, shipment.delivered_at, shipment.estimated_on, shipment.updated_on) == (
        None,
        None,
        None,
        None,
    )
    assert [
        shipment.delivery_location,
        shipment.delivery_description,
        shipment.signed_by,
        shipment.proof_url,
    ] == [""] * 4
    assert shipment.last_location == ""


def test_the_carriers_ship_date_tells_an_earlier_parcel_too():
    shipment = a_shipment()
    old = a_scan("2025-10-01 10:00", "01", "Delivered, PO Box", Status.DELIVERED)
    ingested(shipment, a_snapshot(a_scan(*ACCEPTED), old, shipped=posted("2026-03-02")))
    assert ScanEvent.objects.get(earlier_parcel=True).text == "Delivered, PO Box"
    # An older answer, without a ship date, does not bring the old parcel back.
    ingested(shipment, a_snapshot(a_scan(*LABEL), old), minute=-10)
    assert ScanEvent.objects.get(earlier_parcel=True).text == "Delivered, PO Box"


@pytest.mark.parametrize("when", ["2026-03-05", "2026-03-05 14:05"])
def test_of_two_scans_at_the_same_time_the_one_that_came_later_is_newer(when):
    shipment = a_shipment()
    out = a_scan(when, "OF", "Out for Delivery", Status.OUT_FOR_DELIVERY)
    delivered = a_scan(when, "01", "Delivered", Status.DELIVERED)
    ingested(shipment, a_snapshot(out))

    ingested(shipment, a_snapshot(delivered, out), minute=5)

    shipment.refresh_from_db()
    assert shipment.status == Status.DELIVERED
    assert texts(shipment) == ["Delivered", "Out for Delivery"]


def test_an_answer_that_lists_the_oldest_first_is_read_as_such():
    shipment = a_shipment()
    out = a_scan("2026-03-05 14:05", "OF", "Out for Delivery", Status.OUT_FOR_DELIVERY)
    delivered = a_scan("2026-03-05 14:05", "01", "Delivered", Status.DELIVERED)
    ingested(shipment, a_snapshot(a_scan(*LABEL), out, delivered))
    shipment.refresh_from_db()
    assert shipment.status == Status.DELIVERED


def test_a_carriers_list_that_moves_is_no_news():
    shipment = a_shipment()
    ingested(shipment, a_snapshot(a_scan(*DELIVERED), a_scan(*ACCEPTED), a_scan(*LABEL)))
    entry = ingested(shipment, a_snapshot(a_scan(*DELIVERED), a_scan(*ACCEPTED)), minute=5)
    assert (entry.new_scans, entry.is_news) == (0, False)


def test_an_answer_overtaken_by_a_confirmation_does_not_win():
    shipment = a_shipment()
    newest = a_snapshot(a_scan(*DELIVERED), a_scan(*ACCEPTED), service_name="Priority Mail")
    ingested(shipment, newest)
    ingested(shipment, newest, minute=10)

    ingested(shipment, a_snapshot(a_scan(*ACCEPTED), service_name="old"), minute=5)

    shipment.refresh_from_db()
    assert (shipment.status, shipment.service_name) == (Status.DELIVERED, "Priority Mail")
    assert Watch.objects.get().checked_at == datetime(2026, 3, 6, 12, 10, tzinfo=UTC)


def test_an_error_overtaken_by_an_answer_is_not_told():
    shipment = a_shipment()
    ingested(shipment, a_snapshot(a_scan()), minute=10)
    ingested(shipment, TryLater("USPS tracking: timed out."), minute=5)
    watch = Watch.objects.get()
    assert (watch.misses, watch.error_kind) == (0, "")


def test_a_late_answer_without_recognised_scans_keeps_the_carriers_headline():
    shipment = a_shipment()
    ingested(shipment, a_snapshot(status=Status.MANIFEST), minute=10)
    ingested(shipment, a_snapshot(), minute=5)
    shipment.refresh_from_db()
    assert shipment.status == Status.MANIFEST


def test_a_new_headline_is_news_without_a_new_scan():
    shipment = a_shipment()
    ingested(shipment, a_snapshot(status=Status.IN_TRANSIT))
    entry = ingested(shipment, a_snapshot(status=Status.DELIVERED), minute=5)
    assert (entry.new_scans, entry.is_news) == (0, True)


def test_a_delivery_the_answer_does_not_name_is_told_by_its_scan():
    shipment = a_shipment()
    ingested(shipment, a_snapshot(a_scan(*DELIVERED, place=OLNEY, signed_by="J SMITH"), a_scan(*ACCEPTED)))
    shipment.refresh_from_db()
    assert (shipment.delivered_on, shipment.delivered_time, shipment.delivered_offset) == (
        date(2026, 3, 5),
        time(14, 5),
        -300,
    )
    assert (shipment.delivery_location, shipment.delivery_description) == (
        "OLNEY",
        "Delivered, Front Door/Porch",
    )
    assert shipment.signed_by == "J SMITH"


def test_only_what_was_kept_is_said_to_be_kept():
    shipment = a_shipment()
    ingested(shipment, UnreadableAnswer("USPS left this number out."))
    assert Watch.objects.get().error_text == "USPS left this number out. Asked again later."


def test_a_scan_years_ahead_is_kept_and_nothing_follows_from_it():
    shipment = a_shipment()
    ingested(
        shipment,
        a_snapshot(a_scan("2199-01-01 00:00", "01", "Delivered", Status.DELIVERED), a_scan(*ACCEPTED)),
    )
    shipment.refresh_from_db()
    assert shipment.status == Status.ACCEPTANCE
    assert shipment.last_scan_at == datetime(2026, 3, 3, 0, 40, tzinfo=UTC)
    assert ScanEvent.objects.count() == 2


def test_a_moment_takes_nothing_from_a_scan_whose_own_clock_is_assumed():
    shipment = a_shipment()
    ingested(shipment, a_snapshot(a_scan(*DELIVERED, place=Place()), delivered=posted("2026-03-05 14:05")))
    shipment.refresh_from_db()
    assert (shipment.delivered_time, shipment.delivered_offset, shipment.delivered_at) == (
        time(14, 5),
        None,
        None,
    )


def test_an_answer_through_another_gateway_replaces_the_timeline():
    shipment = a_shipment()
    ingested(shipment, a_snapshot(a_scan(*ACCEPTED), a_scan(*LABEL)))
    ingested(
        shipment,
        a_snapshot(
            a_scan(ACCEPTED[0], "AC", "Accepted", Status.ACCEPTANCE), a_scan(LABEL[0], "PSR", "Label made")
        ),
        minute=5,
    )
    assert [scan.text for scan in ScanEvent.objects.shown().newest_first()] == ["Accepted", "Label made"]
    assert ScanEvent.objects.exclude(withdrawn_at=None).count() == 2


@pytest.mark.django_db(transaction=True)
def test_eight_threads_with_the_same_scans_store_each_once():
    account = an_account(None)
    shipments = [a_shipment() for _ in range(10)]
    snapshot = a_snapshot(a_scan(*DELIVERED), a_scan(*ACCEPTED), a_scan(*LABEL))
    start = threading.Barrier(8)
    errors: list[BaseException] = []

    def work(order: int) -> None:
        try:
            start.wait(10)
            # Every thread's answers have bytes of their own: only the lock keeps their scans from meeting.
            outcomes = [an_outcome(shipment, snapshot, part=b"%d" % order) for shipment in shipments]
            seen = [
                Observation(outcome, account) for outcome in (outcomes if order % 2 else reversed(outcomes))
            ]
            ingest(seen, now=datetime(2026, 3, 6, tzinfo=UTC) + timedelta(seconds=order))
        except BaseException as exc:  # noqa: BLE001  (reported in the test's own thread)
            errors.append(exc)
        finally:
            close_old_connections()
            connection.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert errors == []
    assert (ScanEvent.objects.count(), Answer.objects.count()) == (30, 80)
    assert set(Shipment.objects.values_list("status", flat=True)) == {Status.DELIVERED}
