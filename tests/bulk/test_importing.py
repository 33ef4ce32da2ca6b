"""Rows of a file become parcels once, whatever happens on the way."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from django_q.models import OrmQ

from shipments import queueing, tasks
from shipments.bulk import importing
from shipments.bulk.storing import FIRST_ASKS_A_SECOND
from shipments.enums import WorkState
from shipments.models import (
    AuditEntry,
    BadRow,
    Carrier,
    Import,
    ImportChunk,
    Mail,
    Merchant,
    PromisedDay,
    Shipment,
    Tally,
    Watch,
)
from shipments.tracking.adding import Wanted, add_parcel, add_parcels, read_parcel
from tests.factories import (
    MANAGE,
    a_draft,
    a_merchant,
    a_person,
    a_scan,
    a_shipment,
    a_snapshot,
    an_impb,
    ingested,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)


def started(content: str | bytes, merchant: Merchant | None = None, **over: Any) -> Import:
    job = a_draft(content, merchant, now=NOW, **over)
    assert job.start(NOW)
    return job


def imported(content: str | bytes, merchant: Merchant | None = None, **over: Any) -> Import:
    job = started(content, merchant, **over)
    importing.work_on(job.pk)
    job.refresh_from_db()
    return job


def counts(job: Import) -> tuple[int, int, int, int]:
    """New, there already, refused; and how many of the second completed something."""
    return job.good, job.double, job.bad, job.learnt


def a_file(rows: int) -> str:
    return "Tracking number\n" + "".join(f"{an_impb()}\n" for _n in range(rows))


# ---- What rows become ----------------------------------------------------------------------------------------------


def test_rows_become_parcels_with_all_they_say():
    number = an_impb()
    job = imported(
        "Tracking Number;Order;Ship To - Name;Shipping Zip;Ship Date;Tags;Signature required\n"
        f'{number[:4]} {number[4:]};A-1;"Müller, Ann";20832-1234;3/14/2026;"vip, fragile";yes\n'
    )
    assert (job.state, counts(job), job.rows_total) == (WorkState.DONE, (1, 0, 0, 0), 1)
    shipment = Shipment.objects.get()
    assert (
        shipment.carrier_id, shipment.number, shipment.number_as_typed, shipment.lookup_key, shipment.instance,
        shipment.order_number, shipment.recipient_name, shipment.destination_postal_code, shipment.mailing_date,
        shipment.tags, shipment.proof_due, shipment.gateway, shipment.created_at,
    ) == (
        "USPS", number, f"{number[:4]} {number[4:]}", number, 1,
        "A-1", "Müller, Ann", "20832", date(2026, 3, 14), ["vip", "fragile"], True, "", NOW,
    )  # fmt: skip


def test_an_imported_parcel_is_as_one_added_by_hand_but_for_its_moments():
    merchant, number = a_merchant(), an_impb()
    imported(f"Tracking number\n{number}\n", merchant)
    added = add_parcel(a_merchant(), read_parcel(number)).shipment

    def facts(model: Any, pk: int) -> dict[str, Any]:
        values = model.objects.filter(pk=pk).values().get()
        return {
            name: value
            for name, value in values.items()
            if name
            not in {"id", "shipment_id", "public_id", "merchant_id", "created_at", "due_at", "wanted_by"}
        }

    shipment = Shipment.objects.get(merchant=merchant)
    assert facts(Shipment, shipment.pk) == facts(Shipment, added.pk)
    assert facts(Watch, shipment.pk) == facts(Watch, added.pk)


def test_the_counts_of_the_list_know_of_them():
    job = imported(a_file(3))
    assert sum(Tally.objects.counts(job.merchant).values()) == 3


def test_first_looks_are_spread_so_that_other_parcels_get_theirs():
    before = timezone.now()
    job = imported(a_file(200))
    dues = sorted(Watch.objects.values_list("due_at", flat=True))
    assert before <= dues[0]
    assert dues[-1] <= timezone.now() + timedelta(seconds=200 / FIRST_ASKS_A_SECOND)
    # Drawn by lot: one fifth of a second has ten of them, more or less, and two may fall on one microsecond.
    crowds = Counter((due - dues[0]) // timedelta(milliseconds=200) for due in dues)
    assert len(crowds) >= 15
    assert max(crowds.values()) <= 40
    assert job.good == 200


def test_defaults_hold_where_a_row_says_nothing():
    usps, letter = an_impb(), "00040123456789012345"
    imported(
        f"Tracking number,Carrier,Ship date,Tags\n{usps},USPS,2026-03-01,own\n{letter},,,\n",
        default_carrier="IMB",
        default_mailing_date=date(2026, 3, 2),
        tag="march",
    )
    assert list(Shipment.objects.order_by("pk").values_list("carrier", "number", "mailing_date", "tags")) == [
        ("USPS", usps, date(2026, 3, 1), ["own"]),
        ("IMB", letter, date(2026, 3, 2), ["march"]),
    ]


def test_a_file_without_a_heading_is_read_from_its_first_row():
    first, second = an_impb(), an_impb()
    job = imported(f"{first},A-1\n{second},A-2\n")
    assert (job.has_header, job.columns, counts(job)) == (False, ["number", ""], (2, 0, 0, 0))


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        (",A-1,", "number", "The tracking number is missing."),
        ("12,A-1,", "number", "A tracking number has 4 to 34 letters and digits, and nothing else."),
        ("QWERTYUIOP,A-1,", "carrier", "No carrier's numbers look like this one. Say which carrier it is."),
        ("9405509898641500000146,A-1,1234567", "postal_code", "A ZIP Code is five digits, or nine as 12345-6789."),
        ("9405509898641500000146,A-1,20832,x,y", "", "This row has 5 cells and the first one 3: one may hold a separator without quotation marks."),
        ('9405509898641500000146,"A-1', "", "The quotation marks in this row do not fit: one is not closed, or one inside a cell is not written twice."),
    ],
)  # fmt: skip
def test_a_bad_row_is_kept_with_the_column_and_the_reason_and_costs_no_other(row, field, reason):
    good = an_impb()
    job = imported(f"Tracking number,Order,ZIP\n{row}\n{good},A-2,20832\n")
    assert (job.state, counts(job)) == (WorkState.DONE, (1, 0, 1, 0))
    bad = BadRow.objects.get()
    assert (bad.row, bad.field, bad.reason) == (2, field, reason)
    assert bad.cells[0] == row.split(",")[0]
    assert Shipment.objects.get().number == good


def test_reasons_are_told_in_the_language_of_who_started_it(monkeypatch):
    seen = []
    monkeypatch.setattr(
        importing, "step", lambda *_a, **_k: seen.append(importing.translation.get_language())
    )
    job = started(a_file(1), language="es")
    importing.work_on(job.pk)
    assert seen == ["es"]


def test_cells_beyond_the_heading_do_no_harm_while_they_are_empty():
    assert counts(imported(f"Tracking number,Order\n{an_impb()},A-1,,\n{an_impb()}\n")) == (2, 0, 0, 0)


def test_a_carrier_that_is_switched_off_takes_no_rows():
    Carrier.objects.filter(code="USPS").update(is_active=False)
    assert counts(imported(f"Tracking number,Carrier\n{an_impb()},USPS\n")) == (0, 0, 1, 0)


# ---- Doubles -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 2, 100])
def test_a_number_twice_in_a_file_is_one_parcel_that_takes_what_either_row_says(step, monkeypatch):
    monkeypatch.setattr(importing, "STEP", step)
    number = an_impb()
    job = imported(
        f"Tracking number,Order,ZIP\n{number},,20832\n{an_impb()},,\n420 20832 {number},A-1,\n{number},A-9,10001\n"
    )
    assert counts(job) == (2, 2, 0, 1)
    shipment = Shipment.objects.get(number=number)
    assert (shipment.order_number, shipment.destination_postal_code, shipment.instance) == ("A-1", "20832", 1)


def test_a_known_parcel_learns_only_what_it_did_not_know():
    merchant, number = a_merchant(), an_impb()
    known = a_shipment(merchant, number=number, order_number="KEPT", tags=["kept"])
    empty = a_shipment(merchant)
    untouched = a_shipment(merchant, order_number="B-1")
    due = Watch.objects.get(shipment=empty).due_at
    job = imported(
        "Tracking number,Order,Recipient,ZIP,Ship date,Tags,Proof due\n"
        f"{number},A-1,Ann,20832,2026-03-01,new,yes\n"
        f"{empty.number},A-2,Bo,10001,2026-03-02,new,no\n"
        f"{untouched.number},B-2,,,,,\n",
        merchant,
        tag="not for known ones",
    )
    assert counts(job) == (0, 3, 0, 2)
    fields = (
        "order_number",
        "recipient_name",
        "destination_postal_code",
        "mailing_date",
        "tags",
        "proof_due",
    )
    rows = Shipment.objects.in_bulk(list(Shipment.objects.values_list("pk", flat=True)))
    assert [tuple(getattr(rows[one.pk], name) for name in fields) for one in (known, empty, untouched)] == [
        ("KEPT", "Ann", "20832", date(2026, 3, 1), ["kept"], True),
        ("A-2", "Bo", "10001", date(2026, 3, 2), ["new"], False),
        ("B-1", "", "", None, [], False),
    ]
    assert Watch.objects.get(shipment=empty).due_at == due


def test_a_mailing_date_learnt_has_the_next_answer_read_anew():
    shipment = a_shipment()
    ingested(shipment, a_snapshot(a_scan()))
    imported(f"Tracking number,Ship date\n{shipment.number},2026-03-01\n", shipment.merchant)
    shipment.refresh_from_db()
    assert (shipment.mailing_date, shipment.answer) == (date(2026, 3, 1), None)


def test_a_learnt_order_leaves_the_answer_alone():
    shipment = a_shipment()
    ingested(shipment, a_snapshot(a_scan()))
    imported(f"Tracking number,Order\n{shipment.number},A-1\n", shipment.merchant)
    shipment.refresh_from_db()
    assert (shipment.order_number, shipment.answer is not None) == ("A-1", True)


def test_another_merchants_parcel_is_no_double():
    other = a_shipment()
    assert counts(imported(f"Tracking number\n{other.number}\n")) == (1, 0, 0, 0)


@pytest.mark.parametrize(
    ("known", "mailed", "result"),
    [
        ({"delivered_on": date(2026, 1, 10)}, "2026-03-02", (1, 0, 0, 0)),
        ({"mailing_date": date(2025, 9, 1)}, "2026-03-02", (1, 0, 0, 0)),
        ({"mailing_date": date(2026, 2, 20)}, "2026-03-02", (0, 1, 0, 0)),
        ({"delivered_on": date(2026, 3, 5)}, "2026-03-02", (0, 1, 0, 1)),
        ({}, "2026-03-02", (0, 1, 0, 1)),
        ({"delivered_on": date(2026, 1, 10)}, "", (0, 1, 0, 0)),
    ],
)
def test_a_used_number_is_a_new_parcel_by_the_rule_for_numbers_typed_by_hand(known, mailed, result):
    merchant, number = a_merchant(), an_impb()
    a_shipment(merchant, number=number, **known)
    job = imported(f"Tracking number,Ship date\n{number},{mailed}\n", merchant)
    assert counts(job) == result
    add_parcel(merchant, read_parcel(number, mailing_date=mailed or None))
    assert Shipment.objects.filter(number=number).count() == 1 + result[0]


def test_one_file_may_hold_two_parcels_with_one_number():
    number = an_impb()
    job = imported(
        f"Tracking number,Ship date\n{number},2025-09-01\n{number},2026-03-02\n{number},2025-09-01\n"
    )
    assert counts(job) == (2, 1, 0, 0)
    assert list(Shipment.objects.order_by("instance").values_list("instance", "mailing_date")) == [
        (1, date(2025, 9, 1)),
        (2, date(2026, 3, 2)),
    ]


def test_the_same_file_again_adds_nothing():
    merchant, text = a_merchant(), a_file(5)
    imported(text, merchant)
    again = imported(text, merchant)
    assert (counts(again), Shipment.objects.count()) == ((0, 5, 0, 0), 5)
    assert Import.objects.with_twin().get(pk=again.pk).twin_at is not None
    assert Import.objects.with_twin().get(pk=a_draft(text).pk).twin_at is None


# ---- Nobody is told, and one entry says who did it -----------------------------------------------------------------


def test_nobody_is_notified():
    merchant = a_merchant()
    a_person("mary@example.com", merchant, "manager", is_active=True)
    shipment = a_shipment(merchant)
    imported(a_file(3) + f"{shipment.number}\nbad row\n", merchant)
    assert (Mail.objects.count(), PromisedDay.objects.count()) == (0, 0)


def test_one_entry_of_the_audit_tells_all_of_it():
    merchant = a_merchant()
    mary = a_person("mary@example.com", merchant, "manager")
    number = an_impb()
    job = imported(f"Tracking number,Recipient\n{number},Ann\n{number},\nbad,\n", merchant, by=mary)
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.person, entry.source, entry.merchant, entry.row) == (
        "imported",
        mary.pk,
        "queue",
        merchant.pk,
        str(job.pk),
    )
    assert entry.after == {
        "state": "done",
        "file_sha256": job.sha256,
        "rows": 3,
        "good": 1,
        "double": 1,
        "bad": 1,
        "learnt": 0,
        "subscribed": 0,
        "unconsented": 0,
    }


# ---- Steps, turns and what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 3, 7, 8])
def test_steps_of_any_size_come_to_the_same(step, monkeypatch):
    monkeypatch.setattr(importing, "STEP", step)
    first = an_impb()
    text = f'Tracking number;Recipient\n{first};"Ann\r\nLee"\n\n;;\nbad;"é, ü"\n{an_impb()};x\n{first};\n{an_impb()};"y"\n"9;\n{an_impb()};z'
    job = imported("sep=;\r\n" + text)
    assert (counts(job), job.rows_total, job.rows_done, job.state) == ((4, 1, 2, 0), 7, 7, WorkState.DONE)
    assert list(BadRow.objects.order_by("row").values_list("row", flat=True)) == [5, 9]


def test_a_step_takes_the_same_few_statements_whatever_the_rows(django_assert_num_queries):
    small, large = started(a_file(2)), started(a_file(400) + "bad\n" * 50)
    importing.step(started(a_file(1)).pk, now=NOW)
    for job in (small, large):
        # Refused rows cost one statement more, however many they are.
        with django_assert_num_queries(13 if job is small else 14):
            importing.step(job.pk, now=NOW)


def test_a_turn_ends_and_the_next_one_goes_on(monkeypatch):
    monkeypatch.setattr(importing, "STEP", 2)
    monkeypatch.setattr(importing, "TURN", -1)
    job, beats = started(a_file(5)), []
    importing.work_on(job.pk, beat=lambda: beats.append(1))
    job.refresh_from_db()
    assert (job.state, counts(job), job.leased_until, len(beats)) == (
        WorkState.RUNNING,
        (2, 0, 0, 0),
        None,
        1,
    )
    importing.work_on(job.pk)
    importing.work_on(job.pk)
    job.refresh_from_db()
    assert (job.state, counts(job)) == (WorkState.DONE, (5, 0, 0, 0))


def test_work_that_another_worker_holds_is_left_alone():
    job = started(a_file(2))
    assert job.take(timezone.now())
    importing.work_on(job.pk)
    job.refresh_from_db()
    assert counts(job) == (0, 0, 0, 0)


def test_a_draft_and_a_finished_import_are_not_worked_on():
    draft, done = a_draft(a_file(1)), imported(a_file(1))
    importing.work_on(draft.pk)
    importing.work_on(done.pk)
    importing.work_on(10**9)
    assert importing.step(draft.pk, now=NOW) is None
    draft.refresh_from_db()
    assert (draft.state, draft.rows_done, Shipment.objects.count()) == (WorkState.DRAFT, 0, 1)


def test_cancelling_stops_before_the_next_step_and_keeps_what_is_stored(monkeypatch):
    monkeypatch.setattr(importing, "STEP", 2)
    job = started(a_file(5))
    importing.work_on(job.pk, beat=lambda: job.ask_to_cancel(NOW))
    job.refresh_from_db()
    assert (job.state, counts(job), Shipment.objects.count()) == (WorkState.CANCELLED, (2, 0, 0, 0), 2)
    assert AuditEntry.objects.get().after["state"] == "cancelled"
    assert job.ask_to_cancel(NOW) is False


def test_what_has_not_begun_is_cancelled_at_once():
    job = started(a_file(1))
    assert job.ask_to_cancel(NOW) is True
    importing.work_on(job.pk)
    job.refresh_from_db()
    assert (job.state, job.finished_at, counts(job)) == (WorkState.CANCELLED, NOW, (0, 0, 0, 0))


def test_an_error_of_the_database_undoes_the_step_and_is_tried_again_later(monkeypatch, caplog):
    job = started(f"Tracking number,Recipient\n{an_impb()},Ann Secret\n")

    def broken(*_args: Any) -> None:
        raise DatabaseError("Key (recipient_name)=(Ann Secret) is wrong")

    with monkeypatch.context() as patched:
        patched.setattr(importing, "keep_refused", broken)
        importing.work_on(job.pk)
    job.refresh_from_db()
    assert (job.state, counts(job), Shipment.objects.count()) == (WorkState.RUNNING, (0, 0, 0, 0), 0)
    assert job.leased_until > timezone.now()
    assert "Ann" not in caplog.text
    Import.objects.update(leased_until=None)
    importing.work_on(job.pk)
    job.refresh_from_db()
    assert (job.state, counts(job), job.tries) == (WorkState.DONE, (1, 0, 0, 0), 0)


def test_a_step_that_never_succeeds_is_given_up_with_what_was_kept(monkeypatch):
    job = started(a_file(1))
    monkeypatch.setattr(importing, "step", lambda *_a, **_k: (_ for _ in ()).throw(DatabaseError()))
    for _try in range(importing.MOST_TRIES + 1):
        Import.objects.update(leased_until=None)
        importing.work_on(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error.startswith("The import stopped after row 0")) == (WorkState.FAILED, True)
    assert AuditEntry.objects.get().after["state"] == "failed"


def test_the_sweep_takes_up_what_is_waiting_or_was_left(django_capture_on_commit_callbacks):
    waiting, left, held, draft = (
        started(a_file(1)),
        started(a_file(1)),
        started(a_file(1)),
        a_draft(a_file(1)),
    )
    Import.objects.filter(pk=left.pk).update(
        state=WorkState.RUNNING, leased_until=timezone.now() - timedelta(1)
    )
    held.take(timezone.now())
    with django_capture_on_commit_callbacks(execute=True):
        tasks.resume_imports()
    asked = [
        queued.task["args"] for queued in OrmQ.objects.all() if queued.task["name"] == queueing.WORK_ON_IMPORT
    ]
    assert asked == [(waiting.pk,), (left.pk,)]
    tasks.work_on_import(left.pk)
    left.refresh_from_db()
    draft.refresh_from_db()
    assert (left.state, draft.state) == (WorkState.DONE, WorkState.DRAFT)


def test_old_files_refused_rows_and_drafts_are_forgotten_each_in_its_time():
    now = timezone.now()
    old, older, fresh = (imported(a_file(1) + "bad\n") for _n in range(3))
    Import.objects.filter(pk=old.pk).update(finished_at=now - timedelta(days=3))
    Import.objects.filter(pk=older.pk).update(finished_at=now - timedelta(days=31))
    a_draft(a_file(1), made_at=now - timedelta(days=8))
    draft = a_draft(a_file(1), made_at=now - timedelta(days=6))

    tasks.housekeep()

    assert set(ImportChunk.objects.values_list("job", flat=True)) == {fresh.pk, draft.pk}
    assert set(BadRow.objects.values_list("job", flat=True)) == {old.pk, fresh.pk}
    assert set(Import.objects.values_list("pk", flat=True)) == {old.pk, older.pk, fresh.pk, draft.pk}


# ---- Many at once, and killed --------------------------------------------------------------------------------------


def at_once(*works: Any) -> None:
    start, failures = threading.Barrier(len(works)), []

    def run(work: Any) -> None:
        start.wait(60)
        try:
            work()
        except DatabaseError as failure:
            failures.append(failure)
        connection.close()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def all_steps(job: Import) -> None:
    """A worker that does not care for leases, as one whose lease has run out does not."""
    while importing.step(job.pk, now=timezone.now()):
        pass


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_store_each_row_once(monkeypatch):
    monkeypatch.setattr(importing, "STEP", 10)
    job = started(a_file(200) + "bad\n" * 40)
    at_once(*[lambda: all_steps(job)] * 4)
    job.refresh_from_db()
    assert (job.state, counts(job)) == (WorkState.DONE, (200, 0, 40, 0))
    assert (Shipment.objects.count(), Watch.objects.count(), BadRow.objects.count()) == (200, 200, 40)
    assert AuditEntry.objects.filter(model="shipments.Import", row=str(job.pk)).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_files_with_the_same_numbers_and_people_adding_them_make_each_parcel_once(monkeypatch):
    monkeypatch.setattr(importing, "STEP", 20)
    merchant, numbers = a_merchant(), [an_impb() for _n in range(120)]
    jobs = [
        started("Tracking number\n" + "\n".join(order), merchant)
        for order in (numbers, list(reversed(numbers)))
    ]

    new_by_hand = []

    def by_hand() -> None:
        for number in numbers[::7]:
            new_by_hand.append(add_parcel(merchant, read_parcel(number)).is_new)

    at_once(lambda: all_steps(jobs[0]), lambda: all_steps(jobs[1]), by_hand)

    for job in jobs:
        job.refresh_from_db()
    assert [job.rows_done for job in jobs] == [120, 120]
    assert Shipment.objects.count() == Watch.objects.count() == 120
    assert sum(job.good for job in jobs) + sum(new_by_hand) == 120


@pytest.mark.django_db(transaction=True)
def test_two_files_with_the_same_numbers_in_opposite_order_do_not_wait_for_each_other_in_a_ring():
    merchant, numbers = a_merchant(), [an_impb() for _n in range(1500)]
    jobs = [
        started("Tracking number\n" + "\n".join(order), merchant)
        for order in (numbers, list(reversed(numbers)))
    ]
    at_once(*[lambda job=job: all_steps(job) for job in jobs])
    for job in jobs:
        job.refresh_from_db()
    assert sorted(counts(job) for job in jobs) == [(0, 1500, 0, 0), (1500, 0, 0, 0)]


@pytest.mark.django_db(transaction=True)
def test_numbers_pasted_while_a_file_brings_them_in_another_order_wait_for_its_step():
    merchant, (one, two) = a_merchant(), sorted([an_impb(), an_impb()])
    first, second = (started(f"Tracking number\n{number}\n", merchant) for number in (two, one))
    added: list[bool] = []

    def paste() -> None:
        try:
            wanted = [Wanted(read_parcel(number)) for number in (one, two)]
            added.extend(each.is_new for each in add_parcels(merchant, wanted))
        finally:
            connection.close()

    hand = threading.Thread(target=paste)
    with transaction.atomic():
        importing.step(first.pk, now=NOW)
        hand.start()
        hand.join(0.5)
        # Had it stored the first of its numbers before it waits, this would wait for it in a ring.
        importing.step(second.pk, now=NOW)
    hand.join(60)

    assert added == [False, False]
    assert Shipment.objects.count() == 2


KILLED = """
import os, signal, django
django.setup()
from django.db import connection
from shipments.bulk import importing
from shipments.bulk.storing import FIRST_ASKS_A_SECOND
connection.settings_dict["NAME"] = {name!r}
importing.STEP = 50
done = 0
def beat():
    global done
    done += 1
    if done == {steps}:
        # In the middle of the next step: its parcels are in the database, its end is not.
        importing.keep_refused = lambda *args: os.kill(os.getpid(), signal.SIGKILL)
importing.work_on({job})
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("steps", [1, 3])
def test_a_worker_killed_in_a_step_leaves_no_half_and_the_next_one_doubles_nothing(steps):
    job = started(a_file(400) + "bad\n" * 10)
    script = KILLED.format(name=connection.settings_dict["NAME"], steps=steps, job=job.pk).replace(
        f"work_on({job.pk})", f"work_on({job.pk}, beat=beat)"
    )
    worker = subprocess.run(
        [sys.executable, "-c", script],
        cwd=MANAGE.parent,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        check=False,
        capture_output=True,
        timeout=120,
    )
    assert worker.returncode == -signal.SIGKILL, worker.stderr.decode()
    # The server notices that its client is gone when it next speaks to it.
    for _wait in range(600):
        job.refresh_from_db()
        if Shipment.objects.count() == 50 * steps:
            break
        time.sleep(0.1)
    assert (job.state, counts(job), Shipment.objects.count()) == (
        WorkState.RUNNING,
        (50 * steps, 0, 0, 0),
        50 * steps,
    )
    assert list(Import.unfinished(timezone.now())) == []

    later = timezone.now() + timedelta(minutes=3)
    assert list(Import.unfinished(later)) == [job]
    Import.objects.update(leased_until=timezone.now())
    importing.work_on(job.pk)

    job.refresh_from_db()
    assert (job.state, counts(job)) == (WorkState.DONE, (400, 0, 10, 0))
    assert (Shipment.objects.count(), Watch.objects.count(), BadRow.objects.count()) == (400, 400, 10)
