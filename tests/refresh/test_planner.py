"""What is due becomes full batches by account; what cannot be asked now is put off with its reason."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.test.utils import CaptureQueriesContext

from shipments.models import CarrierAccount, Watch
from shipments.refresh.planner import LEASE, plan_due
from tests.factories import a_merchant, a_shipment, an_account

pytestmark = pytest.mark.django_db

# 1 a.m. Eastern: inside the hours in which USPS is closed to Pitney Bowes' callers.
NIGHT = datetime(2026, 6, 10, 5, 0, tzinfo=UTC)
DAY = datetime(2026, 6, 10, 15, 0, tzinfo=UTC)


def test_a_batch_holds_as_many_as_are_asked_about_in_one_go(monkeypatch):
    monkeypatch.setattr("shipments.refresh.planner.in_one_go", lambda gateway: 35)
    merchant = a_merchant()
    account = an_account(merchant)
    for _ in range(40):
        a_shipment(merchant, due_at=DAY)
    batches = plan_due(DAY)
    assert [(batch.account_id, len(batch.shipment_ids)) for batch in batches] == [
        (account.pk, 35),
        (account.pk, 5),
    ]
    assert set(Watch.objects.values_list("lease", "due_at")) == {(batches[0].lease, DAY + LEASE)}


def test_parcels_are_grouped_by_the_account_that_asks():
    one, other = a_merchant(), a_merchant()
    ones, platforms = an_account(one), an_account(None)
    mine, theirs = a_shipment(one, due_at=DAY), a_shipment(other, due_at=DAY)
    assert {(batch.account_id, batch.shipment_ids) for batch in plan_due(DAY)} == {
        (ones.pk, (mine.pk,)),
        (platforms.pk, (theirs.pk,)),
    }


def test_planning_costs_the_same_for_many_as_for_few():
    merchant = a_merchant()
    an_account(merchant)

    def statements(count: int) -> int:
        for _ in range(count):
            a_shipment(merchant, due_at=DAY)
            a_shipment(merchant, due_at=DAY, carrier="UPS", number=f"1Z5R8939035756{count}{_:02d}")
        with CaptureQueriesContext(connection) as queries:
            plan_due(DAY)
        return len(queries)

    assert statements(3) == statements(20)


def test_a_parcel_nobody_can_ask_about_says_so_and_waits():
    merchant = a_merchant()
    an_account(merchant)
    pinned = a_shipment(merchant, gateway="pitney_bowes", due_at=DAY)
    ups = a_shipment(merchant, carrier="UPS", number="1Z5R89390357567127", due_at=DAY)

    assert plan_due(DAY) == []

    watches = {watch.pk: watch for watch in Watch.objects.all()}
    assert watches[pinned.pk].error_text == (
        "No active pitney_bowes account can ask about this parcel. Add one, or unset the parcel's gateway."
    )
    assert (
        watches[ups.pk].error_text
        == "No active account can ask about carrier UPS. Add one for this merchant."
    )
    assert {(watch.error_kind, watch.due_at, watch.lease) for watch in watches.values()} == {
        ("no-account", DAY + timedelta(hours=1), None)
    }


def test_no_scheduled_question_about_usps_goes_to_pitney_bowes_at_night():
    merchant = a_merchant()
    an_account(merchant, "pitney_bowes")
    closed = a_shipment(merchant, due_at=NIGHT)
    fedex = a_shipment(merchant, carrier="FedEx", number="986578788855", due_at=NIGHT)

    assert [batch.shipment_ids for batch in plan_due(NIGHT)] == [(fedex.pk,)]
    opens = datetime(2026, 6, 10, 7, 0, tzinfo=UTC)
    assert opens <= Watch.objects.get(pk=closed.pk).due_at < opens + timedelta(minutes=30)


def test_usps_itself_is_asked_at_night():
    merchant = a_merchant()
    an_account(merchant, "usps")
    shipment = a_shipment(merchant, due_at=NIGHT)
    assert [batch.shipment_ids for batch in plan_due(NIGHT)] == [(shipment.pk,)]


def test_a_person_may_ask_at_night():
    merchant = a_merchant()
    an_account(merchant, "pitney_bowes")
    shipment = a_shipment(merchant, due_at=NIGHT + timedelta(days=1))
    Watch.objects.ask_now([shipment.pk], NIGHT)
    assert [batch.shipment_ids for batch in plan_due(NIGHT)] == [(shipment.pk,)]


def test_a_simulators_account_keeps_no_hours():
    merchant = a_merchant()
    an_account(merchant, "pitney_bowes", cadence_seconds=20)
    shipment = a_shipment(merchant, due_at=NIGHT)
    assert [batch.shipment_ids for batch in plan_due(NIGHT)] == [(shipment.pk,)]


def test_parcels_of_a_paused_account_wait_for_its_end_and_keep_a_persons_wish():
    merchant = a_merchant()
    account = an_account(merchant)
    shipment = a_shipment(merchant, due_at=DAY)
    Watch.objects.ask_now([shipment.pk], DAY)
    CarrierAccount.objects.filter(pk=account.pk).update(paused_until=DAY + timedelta(minutes=10))

    assert plan_due(DAY) == []

    watch = Watch.objects.get()
    assert DAY + timedelta(minutes=10) <= watch.due_at < DAY + timedelta(minutes=11)
    assert (watch.by_hand, watch.lease) == (True, None)


def test_a_parcel_that_ended_since_it_became_due_is_asked_no_more():
    merchant = a_merchant()
    shipment = a_shipment(merchant, due_at=DAY, lifecycle="ended", end_reason="by-hand")
    assert plan_due(DAY) == []
    watch = Watch.objects.get(pk=shipment.pk)
    assert (watch.due_at, watch.lease, watch.error_kind) == (None, None, "")


def test_an_account_no_key_of_the_ring_reads_does_not_stop_the_planning(settings):
    merchant = a_merchant()
    account = an_account(merchant)
    shipment = a_shipment(merchant, due_at=DAY)
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    assert [(batch.account_id, batch.shipment_ids) for batch in plan_due(DAY)] == [
        (account.pk, (shipment.pk,))
    ]
