"""Replays: every parcel once, whoever is killed, however many work, whatever is stored meanwhile."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DataError, connection, transaction
from django.utils import timezone
from django_q.models import OrmQ

from shipments import tasks
from shipments.analytics import attention
from shipments.enums import Reason, WorkState
from shipments.models import (
    Alert,
    AttentionItem,
    AuditEntry,
    Mail,
    Merchant,
    Replay,
    ScanEvent,
    Shipment,
    StatusMapping,
    UnrecognisedCode,
)
from shipments.models.replays import LONGEST_WRITE
from shipments.tracking import replays
from tests.factories import a_merchant, a_person, a_shipment
from tests.real_answers import ARRIVED, LABEL, WEIGHED, pitney_bowes, told, usps

pytestmark = pytest.mark.django_db

AT_ONCE = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "STEP", 3)


def parcels(n: int, merchant: Merchant | None = None, *events: Any) -> list[Shipment]:
    merchant = merchant or a_merchant()
    made = [a_shipment(merchant) for _ in range(n)]
    for shipment in made:
        told(shipment, usps(shipment, *(events or (LABEL, WEIGHED))))
    return made


def a_mapping(status: str = "Exception", **words: str) -> StatusMapping:
    return StatusMapping.objects.create(carrier_id="USPS", status=status, **(words or {"code": "ZZ"}))


def a_replay(**over: Any) -> Replay:
    return Replay.start(**{"carrier": "USPS", "code": "ZZ", **over})


def work(replay: Replay, follow: replays.Follow = attention.follow_quietly) -> Replay:
    while replays.work(replay.pk, follow=follow):
        pass
    replay.refresh_from_db()
    return replay


def by_status() -> dict[str, int]:
    found: dict[str, int] = {}
    for status in Shipment.objects.values_list("status", flat=True):
        found[status] = found.get(status, 0) + 1
    return found


def test_every_parcel_with_the_code_is_done_and_counted() -> None:
    parcels(7)
    a_mapping()

    replay = work(a_replay())

    assert (replay.state, replay.total, replay.done, replay.answers) == (WorkState.DONE, 7, 7, 7)
    assert (replay.changed, replay.scans_changed, replay.by_scans, replay.failed) == (7, 7, 0, 0)
    assert by_status() == {"Exception": 7}
    assert replay.percent == 100
    entry = AuditEntry.objects.get(model="shipments.Replay")
    assert (entry.verb, entry.source, entry.after["changed"]) == ("finished", "queue", 7)


def test_parcels_without_the_words_or_of_other_carriers_are_not_touched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Fewer are looked at a time than there are of others between ours.
    monkeypatch.setattr(replays, "LOOKED_AT", 4)
    merchant = a_merchant()
    ours = parcels(1, merchant)
    for n in range(9):
        other = a_shipment(merchant, carrier="UPS", number=f"1Z999AA1{n:010d}")
        told(other, pitney_bowes(other, {"at": "2026-03-05T06:00:00", "scanType": "ZZ"}))
    ours += parcels(4, merchant)
    parcels(3, merchant, LABEL, ARRIVED)
    done: list[int] = []
    a_mapping()

    replay = work(a_replay(), follow=lambda keys, now: done.extend(keys))

    assert done == [one.pk for one in ours]
    assert (replay.total, replay.done, replay.changed) == (5, 5, 5)
    assert by_status() == {"Exception": 5, "Unknown": 9, "InTransit": 3}


@pytest.mark.parametrize(("carrier", "done"), [("USPS", 5), ("UPS", 1), (None, 6)])
def test_all_of_a_carrier_or_of_all_are_done_without_words(carrier: str | None, done: int) -> None:
    parcels(5, None, LABEL, ARRIVED)
    other = a_shipment(carrier="UPS", number="1Z999AA10123456784")
    told(other, pitney_bowes(other, {"at": "2026-03-05T06:00:00", "scanType": "ZZ"}))

    replay = work(a_replay(carrier=carrier, code=""))

    assert (replay.state, replay.total, replay.done, replay.answers) == (WorkState.DONE, done, done, done)


@pytest.mark.parametrize("words", [{"text": "WEIGHED BY HAND", "code": ""}, {"text": "Weighed by hand"}])
def test_parcels_are_found_by_text(words: dict[str, str]) -> None:
    parcels(2)
    parcels(1, None, LABEL, ("2026-03-05T06:00:00", "ZZ", "Weighed by hand twice"))
    a_mapping(**{"code": "ZZ"} | words)

    assert work(a_replay(**words)).changed == 2


def test_what_are_too_many_to_count_is_told_by_how_far_it_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "MOST_COUNTED", 2)
    made = parcels(6)
    replay = a_replay()
    assert replay.take(timezone.now())

    assert replays.step(replay.pk, follow=lambda keys, now: None)
    replay.refresh_from_db()
    assert (replay.total, replay.percent) == (None, 0)
    assert replays.step(replay.pk, follow=lambda keys, now: None)
    replay.refresh_from_db()
    assert (replay.after_id, replay.percent) == (made[2].pk, made[2].pk * 100 // made[5].pk)
    replay.let_go()
    assert (work(replay).done, replay.percent) == (6, 100)


def test_parcels_added_meanwhile_are_not_chased() -> None:
    parcels(4)
    a_mapping()
    replay = a_replay()
    added: list[Shipment] = []

    def add(keys: Sequence[int], now: datetime) -> None:
        added.extend(parcels(1))

    work(replay, follow=add)

    assert (replay.done, len(added)) == (4, 2)
    assert by_status() == {"Exception": 6}


def test_nobody_is_told_and_items_follow(merchant: Merchant) -> None:
    a_person("m@example.com", merchant, "manager")
    parcels(4, merchant)
    a_mapping()
    replay = a_replay()

    tasks.work_on_replay(replay.pk)
    tasks.review_attention()
    tasks.send_alerts()

    assert set(AttentionItem.objects.values_list("reason", flat=True)) == {Reason.EXCEPTION}
    assert AttentionItem.objects.count() == 4
    assert Alert.objects.exists() is False
    assert Mail.objects.exists() is False


def test_a_step_and_what_follows_it_are_stored_together_or_not_at_all() -> None:
    parcels(4)
    a_mapping()
    replay = a_replay()

    def fails(keys: Sequence[int], now: datetime) -> None:
        raise DataError("1600 Sample Street")

    work(replay, follow=fails)

    assert (replay.state, replay.done, replay.after_id) == (WorkState.RUNNING, 0, 0)
    assert by_status() == {"Manifest": 4}
    assert UnrecognisedCode.objects.get().scans == 4


def test_one_that_cannot_go_on_is_given_up_says_so_and_can_be_taken_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    parcels(4)
    a_mapping()
    replay = a_replay()

    def fails(keys: Sequence[int], now: datetime) -> None:
        raise DataError("1600 Sample Street")

    # The first turn has counted the parcels: that went well.
    for _ in range(1 + replays.MOST_TRIES + 1):
        Replay.objects.update(leased_until=None)
        work(replay, follow=fails)

    assert (replay.state, replay.done) == (WorkState.FAILED, 0)
    assert "What was done so far stays done" in replay.error
    assert "Sample Street" not in caplog.text
    assert replays.left_undone(timezone.now()) == []
    assert replay.take_up() is True
    work(replay)
    assert (replay.state, replay.done, replay.error) == (WorkState.DONE, 4, "")


def test_it_is_cancelled_between_two_steps_and_goes_on_from_there() -> None:
    parcels(7)
    a_mapping()
    replay = a_replay()
    times: list[int] = []

    def cancel(keys: Sequence[int], now: datetime) -> None:
        times.append(len(keys))
        replay.refresh_from_db()
        Replay.objects.filter(pk=replay.pk).update(cancel_asked=True)

    work(replay, follow=cancel)

    assert (replay.state, replay.done, times) == (WorkState.CANCELLED, 3, [3])
    assert replays.left_undone(timezone.now() + timedelta(hours=1)) == []
    assert replay.take_up() is True
    done: list[int] = []
    work(replay, follow=lambda keys, now: done.extend(keys))
    assert (replay.state, replay.done, len(done)) == (WorkState.DONE, 7, 4)


def test_a_turn_ends_and_the_task_queues_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "TURN", timedelta(0))
    parcels(4)
    a_mapping()
    replay = a_replay()

    tasks.work_on_replay(replay.pk)
    replay.refresh_from_db()

    assert (replay.state, replay.leased_until, replay.total, replay.done) == (WorkState.RUNNING, None, 4, 0)
    tasks.work_on_replay(replay.pk)
    tasks.work_on_replay(replay.pk)
    replay.refresh_from_db()
    assert (replay.state, replay.done) == (WorkState.DONE, 4)


@AT_ONCE
def test_the_sweep_goes_on_with_what_nobody_works_on() -> None:
    waiting, held, over = a_replay(), a_replay(), a_replay()
    held.take(timezone.now())
    Replay.objects.filter(pk=over.pk).update(state=WorkState.DONE)
    OrmQ.objects.all().delete()

    tasks.sweep()

    queued = [one.task for one in OrmQ.objects.all()]
    assert [task["args"] for task in queued if task["func"] == "shipments.tasks.work_on_replay"] == [
        (waiting.pk,)
    ]
    assert replays.left_undone(timezone.now() + timedelta(minutes=3)) == [waiting.pk, held.pk]


# ---- At once


def run_at_once(*deeds: Callable[[], object]) -> None:
    """Each in a thread of its own, begun together; whatever one raises is raised here."""
    barrier = threading.Barrier(len(deeds))
    trouble: list[BaseException] = []

    def do(deed: Callable[[], object]) -> None:
        try:
            barrier.wait(60)
            deed()
        except Exception as exc:  # noqa: BLE001  (told when the thread is over)
            trouble.append(exc)
        finally:
            connection.close()

    threads = [threading.Thread(target=do, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if trouble:
        raise trouble[0]


@AT_ONCE
def test_two_workers_on_one_replay_do_each_parcel_once() -> None:
    parcels(20)
    a_mapping()
    replay = a_replay()
    assert replay.take(timezone.now())
    done: list[int] = []

    def steps() -> None:
        # As if the lease of one had passed while it was still at work.
        while replays.step(replay.pk, follow=lambda keys, now: done.extend(keys)):
            pass

    run_at_once(steps, steps)

    replay.refresh_from_db()
    assert (replay.state, replay.done, replay.changed) == (WorkState.DONE, 20, 20)
    assert len(done) == len(set(done)) == 20
    assert by_status() == {"Exception": 20}


@AT_ONCE
def test_two_replays_at_once_do_not_lock_each_other_out() -> None:
    merchant = a_merchant()
    parcels(15, merchant, LABEL, WEIGHED, ("2026-03-05T07:00:00", "ZY", "Weighed twice"))
    a_mapping()
    a_mapping("Delivered", code="ZY")
    first, second, third = a_replay(), a_replay(code="ZY"), a_replay(carrier=None, code="")

    run_at_once(*(lambda one=one: work(one) for one in (first, second, third)))

    assert [one.done for one in (first, second, third)] == [15, 15, 15]
    assert sum(one.changed for one in (first, second, third)) == 15
    assert by_status() == {"Delivered": 15}
    assert ScanEvent.objects.count() == 45
    assert UnrecognisedCode.objects.exists() is False


@AT_ONCE
def test_answers_that_come_meanwhile_are_neither_lost_nor_doubled() -> None:
    made = parcels(15)
    a_mapping()
    replay = a_replay()

    def ingest_backwards() -> None:
        for shipment in reversed(made):
            told(
                shipment,
                usps(shipment, LABEL, WEIGHED, ("2026-03-05T09:00:00", "OF", "Out for Delivery")),
                minute=30,
            )

    run_at_once(lambda: work(replay), ingest_backwards)

    assert by_status() == {"OutForDelivery": 15}
    assert ScanEvent.objects.count() == 45
    assert set(ScanEvent.objects.filter(code="ZZ").values_list("status", flat=True)) == {"Exception"}
    assert UnrecognisedCode.objects.exists() is False


@AT_ONCE
def test_a_scan_that_is_being_stored_by_older_mappings_is_waited_for() -> None:
    """Its parcel has none with the code yet that others see: without the wait the replay would be over before it is there."""
    shipment = a_shipment()
    told(shipment, usps(shipment, LABEL))
    has_stored, may_end = threading.Event(), threading.Event()

    def store() -> None:
        with transaction.atomic():
            told(shipment, usps(shipment, LABEL, WEIGHED), minute=10)
            has_stored.set()
            assert may_end.wait(60)

    def map_and_replay() -> None:
        assert has_stored.wait(60)
        a_mapping()
        replay = a_replay()
        threading.Timer(1.0, may_end.set).start()
        assert work(replay).done == 1

    run_at_once(store, map_and_replay)

    assert by_status() == {"Exception": 1}


@AT_ONCE
def test_nobody_is_waited_for_longer_than_storing_may_take() -> None:
    replay, now = a_replay(), timezone.now()
    is_writing, may_end = threading.Event(), threading.Event()

    def write() -> None:
        with transaction.atomic():
            a_merchant()
            is_writing.set()
            assert may_end.wait(60)

    def look() -> None:
        assert is_writing.wait(60)
        try:
            assert replay.stands_behind_fence(now) is False
            assert replay.stands_behind_fence(now + LONGEST_WRITE) is False
            assert replay.stands_behind_fence(now + LONGEST_WRITE + timedelta(seconds=1)) is True
        finally:
            may_end.set()

    run_at_once(write, look)
    assert replay.stands_behind_fence(now) is True


# What a worker of the queue does, until it stands still in its third step, to be killed there.
_WORKER = """
import sys, time
import django
django.setup()
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[2]
from shipments.analytics import attention
from shipments.tracking import replays
replays.STEP = 3
done = []
def follow(keys, now):
    attention.follow_quietly(keys, now)
    done.extend(keys)
    print(len(done), flush=True)
    if len(done) == 9:
        time.sleep(300)
replays.work(int(sys.argv[1]), follow=follow)
"""


@pytest.mark.slow
@AT_ONCE
def test_a_worker_killed_in_the_middle_of_a_step_leaves_no_half_and_the_next_goes_on() -> None:
    parcels(20)
    a_mapping()
    replay = a_replay()
    worker = subprocess.Popen(
        [sys.executable, "-c", _WORKER, str(replay.pk), connection.settings_dict["NAME"]],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
    )
    assert worker.stdout is not None
    try:
        # It has done its third step, and stands still before the end of that transaction.
        for line in worker.stdout:
            if int(line) == 9:
                break
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait(60)
        worker.stdout.close()
    # A server notices a dead client in its time.
    ends = time.monotonic() + 60
    while Replay.objects.get(pk=replay.pk).done != 6 and time.monotonic() < ends:
        time.sleep(0.05)

    assert by_status() == {"Exception": 6, "Manifest": 14}
    assert (AttentionItem.objects.count(), UnrecognisedCode.objects.get().scans) == (6, 14)
    assert replays.left_undone(timezone.now()) == []
    assert replays.left_undone(timezone.now() + timedelta(minutes=3)) == [replay.pk]
    Replay.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    tasks.work_on_replay(replay.pk)

    replay.refresh_from_db()
    assert (replay.state, replay.done, replay.changed, replay.answers) == (WorkState.DONE, 20, 20, 20)
    assert by_status() == {"Exception": 20}
    assert ScanEvent.objects.count() == 40
    assert Alert.objects.exists() is False
