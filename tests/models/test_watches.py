"""Leases: who asks about what, and what comes back when an asker dies."""

import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.utils import timezone

from shipments.enums import EndReason
from shipments.models import Shipment, Watch
from shipments.models.watches import Held, Turn
from tests.factories import a_merchant, a_shipment

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 6, 12, tzinfo=UTC)
LENGTH = timedelta(minutes=4)


def lease(now: datetime = NOW, *, of: Iterable[int] | None = None) -> tuple[UUID, set[int]]:
    """Take these parcels, or all there are."""
    ids = Watch.objects.values_list("pk", flat=True) if of is None else of
    return Watch.objects.lease(ids, now, length=LENGTH)


def test_what_is_due_is_leased_once():
    due, other = a_shipment(due_at=NOW - timedelta(hours=2)), a_shipment(due_at=NOW)
    a_shipment(due_at=NOW + timedelta(seconds=1))

    first, taken = lease(of=[due.pk])
    assert taken == {due.pk}
    second, taken = lease()
    assert taken == {other.pk}
    assert lease()[1] == set()
    assert dict(Watch.objects.exclude(lease=None).values_list("pk", "lease")) == {
        due.pk: first,
        other.pk: second,
    }


def test_a_lease_that_ends_gives_the_parcel_back():
    shipment = a_shipment(due_at=NOW)
    first, _taken = lease()
    assert Watch.objects.take_back(NOW + LENGTH - timedelta(seconds=1)) == 0
    assert lease(NOW + LENGTH)[1] == set()
    assert Watch.objects.take_back(NOW + LENGTH) == 1
    second, taken = lease(NOW + LENGTH)
    assert taken == {shipment.pk}
    assert second != first


def test_an_asker_that_took_too_long_does_not_undo_the_next_ones_decision():
    shipment = a_shipment(due_at=NOW)
    first, _taken = lease()
    Watch.objects.take_back(NOW + LENGTH)
    second, _taken = lease(NOW + LENGTH)

    Watch.objects.reschedule({shipment.pk: Turn(NOW + timedelta(days=9))}, lease=first)
    assert Watch.objects.get().lease == second

    Watch.objects.reschedule({shipment.pk: Turn(NOW + timedelta(hours=2))}, lease=second)
    watch = Watch.objects.get()
    assert (watch.lease, watch.due_at) == (None, NOW + timedelta(hours=2))


def test_holding_names_only_what_is_still_leased_and_makes_it_last():
    mine, lost = a_shipment(due_at=NOW), a_shipment(due_at=NOW)
    held_by, _taken = lease()
    Watch.objects.filter(pk=lost.pk).update(lease=None)

    until = NOW + timedelta(minutes=10)
    assert Watch.objects.hold([mine.pk, lost.pk], held_by, until=until) == [Held(mine.pk, False)]
    assert Watch.objects.get(pk=mine.pk).due_at == until


def test_asking_by_hand_leaves_alone_what_is_being_asked_and_what_has_ended():
    busy, ended = a_shipment(due_at=NOW), a_shipment(due_at=None, lifecycle="ended", end_reason="settled")
    Watch.objects.filter(pk=ended.pk).update(due_at=None)
    lease()
    assert Watch.objects.ask_now([busy.pk, ended.pk], NOW) == 0
    assert Watch.objects.get(pk=busy.pk).is_being_asked


def test_a_wish_of_a_person_ends_with_the_answer_and_survives_a_postponement():
    shipment = a_shipment(due_at=NOW)
    Watch.objects.ask_now([shipment.pk], NOW)
    Watch.objects.reschedule({shipment.pk: Turn(NOW)}, lease=None, keep_by_hand=True)
    assert Watch.objects.get().by_hand
    Watch.objects.reschedule({shipment.pk: Turn(NOW)}, lease=None)
    assert not Watch.objects.get().by_hand


@pytest.mark.django_db(transaction=True)
def test_four_planners_at_once_take_no_parcel_twice():
    merchant = a_merchant()
    pks = [a_shipment(merchant, due_at=timezone.now() - timedelta(hours=1)).pk for _ in range(60)]
    start, taken = threading.Barrier(4), []

    def plan() -> None:
        start.wait(10)
        for at in range(0, 60, 15):
            taken.extend(Watch.objects.lease(pks[at : at + 20], timezone.now(), length=LENGTH)[1])
        connection.close()

    threads = [threading.Thread(target=plan) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(taken) == len(set(taken)) == 60


@pytest.mark.django_db(transaction=True)
def test_a_planner_passes_over_what_another_transaction_holds():
    held, free = a_shipment(due_at=NOW), a_shipment(due_at=NOW)
    holds, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Watch.objects.select_for_update().get(pk=held.pk)
            holds.set()
            may_end.wait(20)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert holds.wait(10)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        assert lease()[1] == {free.pk}
    finally:
        may_end.set()
        thread.join(20)
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_people_who_ask_about_the_same_parcels_in_any_order_do_not_block_each_other():
    merchant = a_merchant()
    pks = [a_shipment(merchant, due_at=NOW).pk for _ in range(60)]
    start, errors = threading.Barrier(4), []

    def ask(order: int) -> None:
        try:
            start.wait(10)
            for _ in range(5):
                Watch.objects.ask_now(pks if order % 2 else pks[::-1], timezone.now())
        except Exception as exc:  # noqa: BLE001  (reported in the test's own thread)
            errors.append(exc)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["reschedule", "hold", "stop"])
def test_many_watches_are_locked_in_the_order_of_their_ids_whoever_does_it(way: str) -> None:
    """Of two who lock in different orders, each may hold what the other waits for."""
    merchant = a_merchant()
    pks = [a_shipment(merchant, due_at=NOW).pk for _ in range(3)]
    leased, _taken = lease()
    # The first parcel's row is written anew, so that it lies behind the others.
    Watch.objects.filter(pk=pks[0]).update(heard_text="anew")
    deeds = {
        "reschedule": lambda: Watch.objects.reschedule(dict.fromkeys(pks, Turn(NOW)), lease=leased),
        "hold": lambda: Watch.objects.hold(reversed(pks), leased, until=NOW),
        "stop": lambda: Watch.objects.stop(pks),
    }

    def do() -> None:
        try:
            with transaction.atomic():
                deeds[way]()
        finally:
            connection.close()

    thread = threading.Thread(target=do)
    with transaction.atomic():
        Watch.objects.select_for_update().get(pk=pks[0])
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        # Whoever waits for the first has none of the others yet; NOWAIT would say so.
        free = Watch.objects.filter(pk__in=pks[1:]).order_by("pk").select_for_update(nowait=True)
        assert [watch.pk for watch in free] == pks[1:]
    thread.join(10)
    assert not thread.is_alive()


def test_what_ends_is_followed_no_more_as_far_as_it_is_held_and_nobody_ended_it_before():
    settled, lost = a_shipment(due_at=NOW), a_shipment(due_at=NOW)
    closed = a_shipment(due_at=NOW, lifecycle="ended", end_reason="by-hand")
    leased, _taken = lease()
    Watch.objects.filter(pk=lost.pk).update(lease=None)
    ended = {settled.pk: EndReason.SETTLED, lost.pk: EndReason.TOO_OLD, closed.pk: EndReason.TOO_OLD}

    turns = dict.fromkeys(ended, Turn(None))
    assert Watch.objects.reschedule(turns, lease=leased, ended=ended) == {settled.pk, closed.pk}

    assert {one.pk: (one.lifecycle, one.end_reason) for one in Shipment.objects.all()} == {
        settled.pk: ("ended", "settled"),
        lost.pk: ("active", ""),
        closed.pk: ("ended", "by-hand"),
    }
    assert Watch.objects.get(pk=lost.pk).due_at is not None


@pytest.mark.django_db(transaction=True)
def test_who_ends_parcels_locks_them_before_any_watch() -> None:
    """As whoever stores an answer does: of two who lock in different orders, each may hold what the other waits for."""
    first, other = (a_shipment(due_at=NOW).pk for _ in range(2))
    leased, _taken = lease()

    def end() -> None:
        try:
            turns = dict.fromkeys((first, other), Turn(None))
            Watch.objects.reschedule(turns, lease=leased, ended={other: EndReason.SETTLED})
        finally:
            connection.close()

    thread = threading.Thread(target=end)
    with transaction.atomic():
        Shipment.objects.select_for_update().get(pk=other)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        # NOWAIT would say who has one of them already.
        free = Watch.objects.order_by("pk").select_for_update(nowait=True)
        assert [watch.pk for watch in free] == [first, other]
    thread.join(10)
    assert not thread.is_alive()
    assert Shipment.objects.get(pk=other).end_reason == "settled"
