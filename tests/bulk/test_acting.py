"""Deeds on many parcels: each exactly once, whoever is killed, however many work on it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Count
from django.utils import timezone
from django_q.models import OrmQ

from shipments import tasks
from shipments.analytics import attention
from shipments.bulk import acting
from shipments.enums import Deed, Lifecycle, Status, WorkState
from shipments.models import (
    AttentionItem,
    AuditEntry,
    BulkAction,
    CarrierAccount,
    Membership,
    Merchant,
    Shipment,
    User,
    Watch,
)
from shipments.models.audit import MASK
from shipments.models.watches import WatchQuerySet
from shipments.refresh.askers import Askers
from shipments.refresh.rescheduling import reschedule
from tests.factories import a_merchant, a_person, a_shipment

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acting, "STEP", 3)


@pytest.fixture
def membership(mary: User) -> Membership:
    return mary.memberships.get()


def an_action(membership: Membership, deed: Deed = Deed.TAG, **over: Any) -> BulkAction:
    """A deed on all of the merchant's parcels, unless said otherwise."""
    return acting.start(
        **{
            "membership": membership,
            "deed": deed,
            "argument": {"tag": "vip"},
            "picked": None,
            "query": "",
            "as_of": timezone.now(),
            **over,
        }
    )


def outcome(action: BulkAction) -> tuple[str, int | None, int, int]:
    action.refresh_from_db()
    return (action.state, action.total, action.done, action.changed)


def tags(merchant: Merchant) -> list[list[str]]:
    return list(Shipment.objects.for_merchant(merchant).order_by("pk").values_list("tags", flat=True))


def deeds(shipment: Shipment) -> list[tuple[str, Any, Any]]:
    """What the audit says was done to the parcel."""
    entries = AuditEntry.objects.filter(model="shipments.Shipment", row=str(shipment.pk)).order_by("pk")
    return [(entry.verb, entry.before, entry.after) for entry in entries]


def test_all_that_match_are_done_and_counted_and_each_change_is_written_down(
    membership: Membership, merchant: Merchant, mary: User
) -> None:
    shipments = [a_shipment(merchant) for _ in range(7)]
    Shipment.objects.filter(pk=shipments[3].pk).update(tags=["vip"])
    action = an_action(membership)

    assert acting.work(action.pk) is False

    assert outcome(action) == (WorkState.DONE, 7, 7, 6)
    assert tags(merchant) == [["vip"]] * 7
    assert deeds(shipments[0]) == [("tagged", {}, {"tag": MASK})]
    assert deeds(shipments[3]) == []
    entry = AuditEntry.objects.get(model="shipments.BulkAction")
    assert (entry.verb, entry.person, entry.source, entry.merchant) == (
        "finished",
        mary.pk,
        "bulk",
        merchant.pk,
    )
    assert entry.after == {"deed": "tag", "seen": 7, "changed": 6}
    assert action.leased_until is None


def test_parcels_added_after_the_person_looked_are_left_alone(
    membership: Membership, merchant: Merchant
) -> None:
    now = timezone.now()
    before, after = a_shipment(merchant, created_at=now - timedelta(minutes=1)), a_shipment(merchant)
    action = an_action(membership, as_of=now)
    Shipment.objects.filter(pk=after.pk).update(created_at=now + timedelta(milliseconds=1))

    acting.work(action.pk)

    assert outcome(action) == (WorkState.DONE, 1, 1, 1)
    assert (deeds(before), deeds(after)) == ([("tagged", {}, {"tag": MASK})], [])


def test_other_merchants_parcels_are_left_alone_even_when_their_ids_are_picked(
    membership: Membership, merchant: Merchant
) -> None:
    mine, theirs = a_shipment(merchant), a_shipment(a_merchant())
    for picked in ([mine.pk, theirs.pk], None):
        action = an_action(membership, picked=picked)
        acting.work(action.pk)
        assert outcome(action)[:3] == (WorkState.DONE, 1, 1)

    assert Shipment.objects.get(pk=theirs.pk).tags == []
    assert deeds(theirs) == []


def test_only_what_matches_the_list_when_its_turn_comes_is_touched(
    membership: Membership, merchant: Merchant
) -> None:
    delivered = [a_shipment(merchant, status=Status.DELIVERED) for _ in range(5)]
    moving = a_shipment(merchant, status=Status.IN_TRANSIT)
    action = an_action(membership, Deed.ARCHIVE, argument={}, query="tab=done")
    action.take(timezone.now())
    acting.step(action.pk)
    # Its carrier corrects itself while the action is on its way.
    Shipment.objects.filter(pk=delivered[0].pk).update(status=Status.EXCEPTION)
    while acting.step(action.pk):
        pass

    assert outcome(action) == (WorkState.DONE, 5, 4, 4)
    archived = Shipment.objects.filter(lifecycle=Lifecycle.ARCHIVED).order_by("pk")
    assert list(archived) == delivered[1:]
    assert Shipment.objects.get(pk=moving.pk).lifecycle == Lifecycle.ACTIVE


def test_a_deed_that_takes_parcels_out_of_its_own_filter_still_does_all_of_them(
    membership: Membership, merchant: Merchant
) -> None:
    moment = timezone.now()
    for _ in range(8):
        a_shipment(merchant, created_at=moment, order_number="A-7")
    Shipment.objects.update(order_number="A-7")
    action = an_action(membership, Deed.CLOSE, argument={}, query="q=A-7")

    acting.work(action.pk)

    assert outcome(action) == (WorkState.DONE, 8, 8, 8)


def test_a_step_that_is_cut_off_leaves_nothing_and_is_done_once_by_the_next_worker(
    membership: Membership, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipments = [a_shipment(merchant) for _ in range(7)]
    action = an_action(membership)
    action.take(timezone.now())
    acting.step(action.pk)
    acting.step(action.pk)
    note = BulkAction.note_step

    def cut_off(self: BulkAction, **progress: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(BulkAction, "note_step", cut_off)
    with pytest.raises(KeyboardInterrupt):
        acting.step(action.pk)
    monkeypatch.setattr(BulkAction, "note_step", note)

    assert outcome(action) == (WorkState.RUNNING, 7, 3, 3)
    assert sum(tag == ["vip"] for tag in tags(merchant)) == 3
    BulkAction.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    acting.work(action.pk)
    assert outcome(action) == (WorkState.DONE, 7, 7, 7)
    assert [len(deeds(shipment)) for shipment in shipments] == [1] * 7


def test_the_sweep_goes_on_with_what_a_killed_worker_left_and_not_with_what_another_holds(
    membership: Membership, merchant: Merchant, django_capture_on_commit_callbacks: Any
) -> None:
    now = timezone.now()
    waiting, held, left, over = (an_action(membership) for _ in range(4))
    BulkAction.objects.filter(pk=held.pk).update(
        state=WorkState.RUNNING, leased_until=now + timedelta(minutes=1)
    )
    BulkAction.objects.filter(pk=left.pk).update(
        state=WorkState.RUNNING, leased_until=now - timedelta(seconds=1)
    )
    BulkAction.objects.filter(pk=over.pk).update(state=WorkState.DONE)
    OrmQ.objects.all().delete()

    with django_capture_on_commit_callbacks(execute=True):
        tasks.sweep()

    queued = [entry.task for entry in OrmQ.objects.order_by("pk")]
    assert [(task["func"], task["args"]) for task in queued] == [
        ("shipments.tasks.work_on_bulk", (waiting.pk,)),
        ("shipments.tasks.work_on_bulk", (left.pk,)),
    ]


def test_an_action_another_worker_has_is_not_worked_on(membership: Membership, merchant: Merchant) -> None:
    a_shipment(merchant)
    action = an_action(membership)
    assert action.take(timezone.now()) is True

    assert acting.work(action.pk) is False

    assert outcome(action) == (WorkState.RUNNING, None, 0, 0)


def test_a_long_action_lets_others_have_their_turn_and_queues_up_again(
    membership: Membership,
    merchant: Merchant,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    monkeypatch.setattr(acting, "TURN", timedelta(0))
    a_shipment(merchant)
    action = an_action(membership)
    OrmQ.objects.all().delete()

    with django_capture_on_commit_callbacks(execute=True):
        tasks.work_on_bulk(action.pk)

    assert outcome(action) == (WorkState.RUNNING, 1, 0, 0)
    assert action.leased_until is None
    assert [entry.task["args"] for entry in OrmQ.objects.all()] == [(action.pk,)]
    with django_capture_on_commit_callbacks(execute=True):
        tasks.work_on_bulk(action.pk)
    assert outcome(action) == (WorkState.DONE, 1, 1, 1)
    assert OrmQ.objects.count() == 1


def test_a_cancelled_action_stops_after_its_step_and_keeps_what_is_done(
    membership: Membership, merchant: Merchant
) -> None:
    for _ in range(7):
        a_shipment(merchant)
    action = an_action(membership)
    action.take(timezone.now())
    acting.step(action.pk)
    acting.step(action.pk)

    assert action.ask_to_cancel(timezone.now()) is True
    assert acting.step(action.pk) is False

    assert outcome(action) == (WorkState.CANCELLED, 7, 3, 3)
    assert acting.work(action.pk) is False
    assert sum(tag == ["vip"] for tag in tags(merchant)) == 3
    assert AuditEntry.objects.get(model="shipments.BulkAction").verb == "cancelled"


def test_an_action_nobody_has_begun_is_cancelled_at_once_and_one_that_is_over_not_at_all(
    membership: Membership, merchant: Merchant
) -> None:
    a_shipment(merchant)
    action = an_action(membership)

    assert action.ask_to_cancel(timezone.now()) is True
    assert outcome(action) == (WorkState.CANCELLED, None, 0, 0)
    assert action.ask_to_cancel(timezone.now()) is False
    assert acting.work(action.pk) is False
    assert tags(merchant) == [[]]


def test_a_query_the_list_no_longer_knows_ends_the_action_with_a_reason(membership: Membership) -> None:
    action = an_action(membership, query="tab=elsewhere")

    assert acting.work(action.pk) is False

    assert outcome(action)[0] == WorkState.FAILED
    assert action.error == acting.FILTER_GONE
    assert AuditEntry.objects.get(model="shipments.BulkAction").verb == "failed"


def test_what_fails_for_a_reason_of_its_own_is_not_tried_for_ever(
    membership: Membership, merchant: Merchant, caplog: pytest.LogCaptureFixture
) -> None:
    a_shipment(merchant)
    action = an_action(membership, argument={})

    assert acting.work(action.pk) is False

    assert outcome(action)[0] == WorkState.FAILED
    assert action.error == acting.UNEXPECTED
    assert f"Bulk action {action.pk} has failed." in caplog.text


def test_a_refresh_of_many_becomes_due_in_steps_and_leaves_a_persons_own_ask_ahead(
    membership: Membership, merchant: Merchant
) -> None:
    now = timezone.now()
    later = now + timedelta(hours=3)
    # The newest come first: these are the last step, the one before it, and so on.
    shipments = [a_shipment(merchant, due_at=later) for _ in range(7)]
    fresh = shipments[6]
    Watch.objects.filter(shipment=fresh).update(checked_at=now - acting.FRESH / 2)
    asked = a_shipment(merchant, due_at=now - timedelta(seconds=1))
    Watch.objects.filter(shipment=asked).update(by_hand=True)
    ended = a_shipment(merchant, lifecycle=Lifecycle.ENDED, end_reason="settled")
    Watch.objects.filter(shipment=ended).update(due_at=None)
    action = an_action(membership, Deed.REFRESH, argument={})

    acting.work(action.pk)

    assert outcome(action) == (WorkState.DONE, 9, 9, 6)
    due: dict[int, Any] = dict(Watch.objects.values_list("shipment", "due_at"))
    assert (due[fresh.pk], due[ended.pk], due[asked.pk]) == (later, None, now - timedelta(seconds=1))
    minutes = [round((due[one.pk] - now) / timedelta(minutes=1)) for one in shipments[:6]]
    assert minutes == [2, 2, 2, 1, 1, 1]
    assert list(Watch.objects.filter(by_hand=True)) == [asked.watch]
    assert not AuditEntry.objects.filter(model="shipments.Shipment").exists()


def test_attention_is_given_to_a_person_where_there_is_an_open_item(
    membership: Membership, merchant: Merchant, mary: User
) -> None:
    now = timezone.now()
    needing, done, calm = (a_shipment(merchant) for _ in range(3))
    for shipment, done_at in ((needing, None), (done, now)):
        AttentionItem.objects.create(
            shipment=shipment,
            merchant=merchant,
            reasons=["late"],
            reason="late",
            rank=4,
            since=now,
            found_at=now,
            done_at=done_at,
        )
    action = an_action(membership, Deed.ASSIGN, argument={"owner": mary.pk})

    acting.work(action.pk)

    assert outcome(action) == (WorkState.DONE, 3, 3, 1)
    owners = dict(AttentionItem.objects.values_list("shipment", "owner"))
    assert owners == {needing.pk: mary.pk, done.pk: None}
    assert deeds(needing) == [("attention assigned", {"owner": None}, {"owner": mary.pk})]
    assert deeds(calm) == []


@pytest.mark.parametrize(
    ("deed", "argument", "verb", "before", "after"),
    [
        (Deed.UNTAG, {"tag": "OLD"}, "untagged", {"tag": MASK}, {}),
        (Deed.ARCHIVE, {}, "archived", {"lifecycle": "active", "end_reason": ""}, {}),
        (Deed.CLOSE, {}, "closed", {"lifecycle": "active", "end_reason": ""}, {}),
        (Deed.PROOF_DUE, {}, "changed", {"proof_due": False}, {"proof_due": True}),
        (
            Deed.RESOLVE,
            {"resolution": "refunded"},
            "resolved",
            {"resolution": "lost"},
            {"resolution": "refunded"},
        ),
        (Deed.RESOLVE, {"resolution": ""}, "unresolved", {"resolution": "lost"}, {}),
    ],
)
def test_each_deed_changes_the_parcel_once_and_says_so(
    membership: Membership,
    merchant: Merchant,
    deed: Deed,
    argument: dict[str, Any],
    verb: str,
    before: Any,
    after: Any,
) -> None:
    shipment = a_shipment(merchant, tags=["old"], resolution="lost", resolved_at=timezone.now())

    for expected in (1, 0):
        action = an_action(membership, deed, argument=argument, picked=[shipment.pk])
        acting.work(action.pk)
        assert outcome(action) == (WorkState.DONE, 1, 1, expected)

    assert deeds(shipment) == [(verb, before, after)]


@pytest.mark.parametrize(
    ("deed", "undone", "verb"),
    [(Deed.RESTORE, Deed.ARCHIVE, "restored"), (Deed.REOPEN, Deed.CLOSE, "reopened")],
)
def test_what_was_put_away_comes_back(
    membership: Membership, merchant: Merchant, deed: Deed, undone: Deed, verb: str
) -> None:
    shipment = a_shipment(merchant)

    for one in (undone, deed):
        acting.work(an_action(membership, one, argument={}, picked=[shipment.pk]).pk)

    assert Shipment.objects.get(pk=shipment.pk).lifecycle == Lifecycle.ACTIVE
    assert deeds(shipment)[1][0] == verb


@pytest.mark.parametrize("parcels", [3, 30])
def test_a_step_takes_the_same_few_statements_however_many_parcels_it_has(
    membership: Membership,
    merchant: Merchant,
    parcels: int,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: Any,
) -> None:
    monkeypatch.setattr(acting, "STEP", 30)
    for _ in range(parcels + 1):
        a_shipment(merchant)
    action = an_action(membership, Deed.CLOSE, argument={})
    action.take(timezone.now())
    acting.step(action.pk)

    # The action's row, its reader, the next keys, lock and change of parcels and of watches, audit, progress; begin and
    # commit. The last step writes its end down and audits it.
    with django_assert_num_queries(9 + 2 + (2 if parcels < 30 else 0)):
        acting.step(action.pk)


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_do_each_parcel_once(mary: User, merchant: Merchant) -> None:
    shipments = [a_shipment(merchant) for _ in range(40)]
    action = an_action(mary.memberships.get())
    action.take(timezone.now())
    barrier = threading.Barrier(2)
    trouble: list[BaseException] = []

    def work_on() -> None:
        try:
            barrier.wait(60)
            # As if the lease of one had passed while it was still at work.
            while acting.step(action.pk):
                pass
        except Exception as exc:  # noqa: BLE001  (told when the thread is over)
            trouble.append(exc)
        finally:
            connection.close()

    workers = [threading.Thread(target=work_on) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert trouble == []
    assert outcome(action) == (WorkState.DONE, 40, 40, 40)
    assert tags(merchant) == [["vip"]] * 40
    assert [len(deeds(shipment)) for shipment in shipments] == [1] * 40
    assert AuditEntry.objects.filter(model="shipments.BulkAction").count() == 1


# What a worker of the queue does, until it stands still in its third step, to be killed there.
_WORKER = """
import sys, time
import django
django.setup()
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[2]
from shipments.bulk import acting
from shipments.models import BulkAction
acting.STEP = 3
note = BulkAction.note_step
def slowly(self, **progress):
    note(self, **progress)
    print(self.done, flush=True)
    if self.done == 9:
        time.sleep(300)
BulkAction.note_step = slowly
acting.work(int(sys.argv[1]))
"""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_in_the_middle_of_a_step_leaves_no_half_and_doubles_nothing(
    mary: User, merchant: Merchant
) -> None:
    shipments = [a_shipment(merchant) for _ in range(20)]
    action = an_action(mary.memberships.get())
    worker = subprocess.Popen(
        [sys.executable, "-c", _WORKER, str(action.pk), connection.settings_dict["NAME"]],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
    )
    assert worker.stdout is not None
    try:
        # It has told of its third step of parcels, and stands still before the end of that transaction.
        for line in worker.stdout:
            if int(line) == 9:
                break
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait(60)
        worker.stdout.close()

    done = _until(lambda: BulkAction.objects.get(pk=action.pk).done, 6)
    assert sum(tag == ["vip"] for tag in tags(merchant)) == done == 6
    assert acting.left_undone(timezone.now()) == []
    assert acting.left_undone(timezone.now() + timedelta(minutes=3)) == [action.pk]
    BulkAction.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    tasks.work_on_bulk(action.pk)

    assert outcome(action) == (WorkState.DONE, 20, 20, 20)
    assert [len(deeds(shipment)) for shipment in shipments] == [1] * 20
    rows = AuditEntry.objects.filter(model="shipments.Shipment").values("row").annotate(n=Count("pk"))
    assert {row["n"] for row in rows} == {1}


def _until(value: Callable[[], int], wanted: int) -> int:
    """The value as soon as it is the wanted one, for at most a minute: a server notices a dead client in its time."""
    ends = time.monotonic() + 60
    while (found := value()) != wanted and time.monotonic() < ends:
        time.sleep(0.05)
    return found


@pytest.mark.django_db(transaction=True)
def test_a_deed_and_the_end_of_a_parcel_by_its_carrier_do_not_lock_each_other_out(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both lock parcels before watches; the other way round each would hold what the other wants."""
    long_ago = timezone.now() - timedelta(days=80)
    a_shipment(
        merchant, status=Status.DELIVERED, created_at=long_ago, delivered_at=long_ago, last_scan_at=long_ago
    )
    shipment = Shipment.objects.select_related("carrier", "watch").get()
    holds_its_watch = threading.Event()
    trouble: list[BaseException] = []
    of_watches = WatchQuerySet.reschedule

    def slowly(self: WatchQuerySet, *given: Any, **named: Any) -> set[int]:
        done = of_watches(self, *given, **named)
        holds_its_watch.set()
        time.sleep(0.5)
        return done

    monkeypatch.setattr(WatchQuerySet, "reschedule", slowly)

    def end_it() -> None:
        try:
            ended: Any = SimpleNamespace(shipment=shipment, watch=shipment.watch, error=None)
            reschedule([ended], CarrierAccount(gateway="usps"), Askers([shipment]), None)
        except Exception as exc:  # noqa: BLE001  (told when the thread is over)
            trouble.append(exc)
        finally:
            connection.close()

    carrier = threading.Thread(target=end_it)
    carrier.start()
    assert holds_its_watch.wait(60)
    closed = Shipment.objects.filter(pk=shipment.pk).close()
    carrier.join(60)

    assert (trouble, closed) == ([], {})
    assert Shipment.objects.get().end_reason == "settled"


def test_nobody_gets_parcels_who_has_left_before_the_turn_came(
    membership: Membership, merchant: Merchant, alice: User
) -> None:
    """Else somebody who sees nothing of the merchant would look after its parcels."""
    shipment = a_shipment(merchant, status=Status.EXCEPTION)
    attention.review(timezone.now())
    left, deleted = (a_person(f"{name}@example.com", merchant) for name in ("lea", "dan"))
    actions = [
        an_action(membership, Deed.ASSIGN, argument={"owner": person.pk}) for person in (left, deleted)
    ]
    left.memberships.get().delete()
    deleted.delete()

    for action in actions:
        assert acting.work(action.pk) is False

    assert AttentionItem.objects.get(shipment=shipment).owner is None
    assert set(BulkAction.objects.values_list("state", "error")) == {(WorkState.FAILED, acting.OWNER_GONE)}


@pytest.mark.django_db(transaction=True)
def test_who_leaves_while_parcels_are_given_to_them_keeps_none(merchant: Merchant) -> None:
    mary, lea = (a_person(f"{name}@example.com", merchant) for name in ("mary", "lea"))
    a_shipment(merchant, status=Status.EXCEPTION)
    attention.review(timezone.now())
    action = an_action(mary.memberships.get(), Deed.ASSIGN, argument={"owner": lea.pk})

    def leave() -> None:
        try:
            lea.memberships.get().delete()
        finally:
            connection.close()

    thread = threading.Thread(target=leave)
    action.take(timezone.now())
    acting.step(action.pk)
    with transaction.atomic():
        acting.step(action.pk)
        thread.start()
        thread.join(0.5)
        # Leaving waits for the step, and then takes back what it gave.
        assert thread.is_alive()
        assert AttentionItem.objects.get().owner == lea
    thread.join(60)

    assert not thread.is_alive()
    assert AttentionItem.objects.get().owner is None
