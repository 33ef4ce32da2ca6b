"""Ask, ingest, reschedule: against the simulator, over real HTTP."""

import threading
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django_q.models import OrmQ

from shipments import tasks
from shipments.carriers.errors import NotEntitled
from shipments.enums import EndReason
from shipments.models import Answer, Budget, CarrierAccount, Heartbeat, ScanEvent, Shipment, Watch
from shipments.refresh import asking, rescheduling, runner
from shipments.refresh.askers import Askers
from shipments.refresh.noting import note
from shipments.refresh.planner import plan_due
from shipments.refresh.policy import Next
from shipments.refresh.rescheduling import reschedule
from shipments.simulator.journeys import make_number
from shipments.simulator.numbers import Scenario
from shipments.tracking.ingest import Observation
from tests.factories import (
    Simulator,
    a_budget,
    a_merchant,
    a_scan,
    a_shipment,
    a_snapshot,
    an_account,
    an_outcome,
    ingested,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account(calm: Simulator) -> CarrierAccount:
    return an_account(a_merchant(slug="simulated"), base_url=calm.url)


def parcels(
    account: CarrierAccount, count: int, scenario: Scenario = Scenario.ON_TIME, days: int = 7
) -> list[Shipment]:
    start = datetime.now(UTC) - timedelta(days=days)
    return [
        a_shipment(
            account.merchant,
            number=make_number("USPS", scenario, start - timedelta(minutes=n // 10), variant=n % 10),
            due_at=timezone.now() - timedelta(minutes=1),
        )
        for n in range(count)
    ]


def refresh_all() -> int:
    return sum(
        len(runner.refresh_leased(b.account_id, b.lease, b.shipment_ids)) for b in plan_due(timezone.now())
    )


def test_a_batch_of_thirty_five_is_one_call_and_every_parcel_is_known(account, calm):
    shipments = parcels(account, 35)
    assert refresh_all() == 35
    # One for the token, one for the parcels.
    assert sum(calm.calls()["calls"].values()) == 2
    assert set(Shipment.objects.values_list("status", flat=True)) == {"Delivered"}
    for watch in Watch.objects.all():
        assert (watch.lease, watch.misses, watch.heard) == (None, 0, "snapshot")
        assert watch.due_at is not None
    assert Answer.objects.count() == len(shipments)
    account.refresh_from_db()
    assert account.last_success_at is not None


def test_more_than_a_batch_at_once_by_hand_is_split(account, calm):
    parcels(account, 40)
    done, accountless = runner.ask_now(list(Shipment.objects.all()))
    assert (len(done), accountless) == (40, [])
    assert sum(calm.calls()["calls"].values()) == 3


def test_asking_again_finds_no_news(account):
    parcels(account, 5)
    refresh_all()
    before = list(ScanEvent.objects.order_by("pk").values())
    done, _ = runner.ask_now(list(Shipment.objects.all()))
    assert [entry.is_news for entry in done] == [False] * 5
    assert list(ScanEvent.objects.order_by("pk").values()) == before


def test_one_unknown_number_does_not_cost_the_others_their_facts(account):
    parcels(account, 3)
    stranger = a_shipment(
        account.merchant, number="9400111899223456789012", due_at=timezone.now() - timedelta(hours=1)
    )
    refresh_all()
    assert Shipment.objects.filter(status="Delivered").count() == 3
    watch = Watch.objects.get(pk=stranger.pk)
    assert (watch.heard, watch.error_kind) == ("not-known", "")
    assert watch.heard_text


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("500:1", "try-later"),
        ("html:1", "unreadable"),
        ("cut:1", "unreadable"),
        ("empty:1", "unreadable"),
        ("reset:1", "try-later"),
    ],
)
def test_a_carrier_in_trouble_costs_no_facts_and_is_asked_again(account, calm, fault, kind):
    (shipment,) = parcels(account, 1)
    refresh_all()
    calm.faults(fault)

    runner.ask_now([shipment])

    shipment.refresh_from_db()
    watch = Watch.objects.get()
    assert (shipment.status, watch.error_kind, watch.misses) == ("Delivered", kind, 1)
    assert watch.error_text
    assert timezone.now() < watch.due_at < timezone.now() + timedelta(minutes=6)

    calm.faults("")
    runner.ask_now([shipment])
    assert Watch.objects.get().error_kind == ""


def test_a_quota_pauses_the_account_as_long_as_the_carrier_says(account, calm):
    parcels(account, 2)
    calm.faults("429:1:600")
    refresh_all()
    paused_until = Budget.objects.get().paused_until
    assert paused_until is not None
    assert timedelta(minutes=9) < paused_until - timezone.now() <= timedelta(minutes=10)
    assert {w.error_kind for w in Watch.objects.all()} == {"over-quota"}
    assert all(w.due_at > paused_until - timedelta(seconds=5) for w in Watch.objects.all())


def test_a_refused_key_opens_the_breaker_instead_of_hammering(account, calm):
    (shipment,) = parcels(account, 1)
    calm.faults("token-refused:1")
    refresh_all()
    account.refresh_from_db()
    assert (account.budget.breaker, account.budget.opened_for) == ("open", "bad-credentials")
    assert "test-secret" not in account.last_error
    assert "test-secret" not in account.budget.opened_because
    assert Watch.objects.get().error_kind == "bad-credentials"
    calls = calm.calls()["calls"]
    Watch.objects.update(due_at=timezone.now())
    assert plan_due(timezone.now()) == []
    assert calm.calls()["calls"] == calls
    shipment.refresh_from_db()
    assert shipment.status == "Unknown"


def test_a_batch_whose_lease_was_lost_asks_nobody(account, calm):
    (shipment,) = parcels(account, 1)
    plan_due(timezone.now())
    assert runner.refresh_leased(account.pk, uuid4(), [shipment.pk]) == []
    assert calm.calls()["calls"] == {}
    assert Watch.objects.get().lease is not None


def test_an_account_switched_off_after_planning_asks_nobody_and_lets_go(account, calm):
    parcels(account, 1)
    (batch,) = plan_due(timezone.now())
    CarrierAccount.objects.update(is_active=False)
    assert runner.refresh_leased(batch.account_id, batch.lease, batch.shipment_ids) == []
    assert Watch.objects.get().lease is None
    assert calm.calls()["calls"] == {}


def test_an_answer_to_somebody_who_asks_by_hand_ends_a_pause(account):
    (shipment,) = parcels(account, 1)
    a_budget(account, paused_until=timezone.now() + timedelta(hours=1))
    runner.ask_now([shipment])
    assert Budget.objects.get().paused_until is None


def test_a_parcel_that_has_ended_stays_ended_when_it_is_asked_by_hand(account):
    (shipment,) = parcels(account, 1)
    Shipment.objects.update(lifecycle="ended", end_reason="by-hand")
    Watch.objects.update(due_at=None)
    done, _ = runner.ask_now(list(Shipment.objects.all()))
    assert done[0].new_scans > 0
    assert Watch.objects.get(pk=shipment.pk).due_at is None


def test_a_parcel_that_ended_while_it_waited_in_a_batch_is_let_go(account, calm):
    parcels(account, 1)
    (batch,) = plan_due(timezone.now())
    Shipment.objects.update(lifecycle="ended", end_reason="by-hand")
    assert runner.refresh_leased(batch.account_id, batch.lease, batch.shipment_ids) == []
    watch = Watch.objects.get()
    assert (watch.lease, watch.due_at) == (None, None)
    assert calm.calls()["calls"] == {}


def test_one_answer_that_cannot_be_stored_costs_the_others_nothing(account):
    good, bad = a_shipment(account.merchant), a_shipment(account.merchant)
    beyond = a_snapshot(a_scan(), package_count=2**40)
    seen = [
        Observation(an_outcome(bad, beyond), account),
        Observation(an_outcome(good, a_snapshot(a_scan())), account),
    ]

    done = runner._ingest(seen)

    assert {entry.shipment.pk: entry.watch.error_kind for entry in done} == {
        bad.pk: "unreadable",
        good.pk: "",
    }
    assert Watch.objects.get(pk=bad.pk).error_text.startswith("The carrier's answer could not be stored.")
    assert Shipment.objects.get(pk=good.pk).status == "Acceptance"


def test_the_pulse_goes_on_while_a_carrier_takes_its_time(account, calm, monkeypatch):
    (shipment,) = parcels(account, 1)
    monkeypatch.setattr(asking, "BEAT_EVERY", timedelta(milliseconds=50))
    calm.faults("latency:400")
    runner.ask_now([shipment])
    assert Heartbeat.objects.last_beat() is not None


def test_a_pulse_that_cannot_be_written_costs_no_answers(account, calm, monkeypatch):
    (shipment,) = parcels(account, 1)
    monkeypatch.setattr(asking, "BEAT_EVERY", timedelta(milliseconds=50))

    def refuses(now):
        raise OperationalError("the database is away")

    monkeypatch.setattr(Heartbeat.objects, "beat", refuses)
    calm.faults("latency:400")
    (entry,), _ = runner.ask_now([shipment])
    assert entry.watch.heard == "snapshot"


def test_a_refused_parcel_among_answered_ones_does_not_pause_the_account(account):
    good, bad = a_shipment(account.merchant), a_shipment(account.merchant)
    a_budget(account)
    outcomes = [an_outcome(good, a_snapshot(a_scan())), an_outcome(bad, NotEntitled("No tracking."))]
    note(account, outcomes, lease=None, now=timezone.now())
    account.refresh_from_db()
    assert (account.budget.paused_until, account.budget.breaker, account.last_error) == (
        None,
        "closed",
        "No tracking. Ask the carrier to enable tracking for this account.",
    )


def test_credentials_no_key_of_the_ring_reads_ask_nobody_and_say_so(account, calm, settings):
    (shipment,) = parcels(account, 1)
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    assert refresh_all() == 1
    watch = Watch.objects.get(pk=shipment.pk)
    assert watch.error_kind == "bad-credentials"
    assert watch.error_text.startswith("The key ring cannot read this account's credentials")
    assert calm.calls()["calls"] == {}


def test_an_account_paused_after_planning_asks_nobody_and_lets_go(account, calm):
    parcels(account, 1)
    (batch,) = plan_due(timezone.now())
    Budget.objects.update(paused_until=timezone.now() + timedelta(minutes=5))
    assert runner.refresh_leased(batch.account_id, batch.lease, batch.shipment_ids) == []
    assert Watch.objects.get().lease is None
    assert calm.calls()["calls"] == {}


def test_letters_wait_a_week(calm):
    account = an_account(a_merchant(), "pitney_bowes", base_url=calm.url)
    number = make_number("IMB", Scenario.LETTER, datetime.now(UTC) - timedelta(days=6))
    letter = a_shipment(account.merchant, carrier="IMB", number=number)
    runner.ask_now([letter])
    due_at = Watch.objects.get().due_at
    assert timedelta(days=6, hours=23) < due_at - timezone.now() <= timedelta(days=7)


def test_an_end_decided_under_a_lost_lease_is_not_written(account):
    (shipment,) = parcels(account, 1, days=60)
    done, _ = runner.ask_now([shipment])
    Shipment.objects.update(lifecycle="active", end_reason="")
    Watch.objects.update(lease=uuid4(), due_at=timezone.now())
    done[0].shipment.lifecycle = "active"
    reschedule(done, account, Askers([shipment]), uuid4())
    assert Shipment.objects.get().lifecycle == "active"
    assert Watch.objects.get().due_at is not None


def test_sweep_queues_batches_and_the_batch_nudges_the_next_sweep(account):
    parcels(account, 36)
    tasks.sweep()
    # Two calls, and one task: the answers are stored together.
    assert [str(row.task["name"]) for row in OrmQ.objects.all()] == ["refresh_leased"]
    queued = [row.task["args"] for row in OrmQ.objects.order_by("pk")]
    OrmQ.objects.all().delete()
    for arguments in queued:
        tasks.refresh_leased(*arguments)
    assert set(Shipment.objects.values_list("status", flat=True)) == {"Delivered"}
    assert {row.task["name"] for row in OrmQ.objects.all()} == {"sweep"}
    assert Heartbeat.objects.last_beat() is not None


def test_a_delivered_parcel_settles_and_is_asked_no_more(account):
    parcels(account, 1, days=60)
    refresh_all()
    shipment = Shipment.objects.get()
    assert (shipment.lifecycle, shipment.end_reason) == ("ended", "settled")
    assert Watch.objects.get().due_at is None


def test_a_parcel_that_ends_while_a_person_closes_it_makes_neither_wait_for_ever(monkeypatch):
    shipment, account = a_shipment(), an_account(None)
    entry = ingested(shipment, a_snapshot(a_scan()), account=account)
    monkeypatch.setattr(
        rescheduling, "next_look", lambda situation, **more: Next(None, None, EndReason.SETTLED)
    )
    has_the_parcel, failures = threading.Event(), []

    def close() -> None:
        try:
            with transaction.atomic():
                Shipment.objects.filter(pk=shipment.pk).update(order_number="A-77")
                has_the_parcel.set()
                # Time enough for the other to take what it takes first.
                time.sleep(0.5)
                Shipment.objects.filter(pk=shipment.pk).close()
        except OperationalError as exc:
            failures.append(exc)
        finally:
            connection.close()

    def settle() -> None:
        try:
            has_the_parcel.wait(10)
            reschedule([entry], account, Askers([shipment]), None)
        except OperationalError as exc:
            failures.append(exc)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for work in (close, settle)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert failures == []
    fresh = Shipment.objects.get()
    assert (fresh.lifecycle, fresh.end_reason, fresh.watch.due_at) == ("ended", "by-hand", None)
