"""Counts per status group: exact at every moment, whoever writes, and never counted."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from shipments.enums import EndReason, Lifecycle, Status, StatusGroup
from shipments.models import Merchant, Shipment, Tally
from tests.factories import a_merchant, a_shipment

ACTIVE, ENDED = Lifecycle.ACTIVE, Lifecycle.ENDED


@pytest.mark.django_db
def test_a_tally_follows_every_parcel_added_moved_ended_and_deleted(merchant: Merchant) -> None:
    first, second = (a_shipment(merchant, status=Status.IN_TRANSIT) for _ in range(2))
    a_shipment(a_merchant(), status=Status.IN_TRANSIT)
    assert Tally.objects.counts(merchant) == {(ACTIVE, StatusGroup.MOVING): 2}

    Shipment.objects.filter(pk=first.pk).update(status=Status.DELIVERED)
    assert Tally.objects.counts(merchant) == {(ACTIVE, StatusGroup.MOVING): 1, (ACTIVE, StatusGroup.DONE): 1}

    Shipment.objects.filter(pk=first.pk).update(lifecycle=ENDED, end_reason=EndReason.SETTLED)
    assert Tally.objects.counts(merchant) == {(ACTIVE, StatusGroup.MOVING): 1, (ENDED, StatusGroup.DONE): 1}

    second.delete()
    assert Tally.objects.counts(merchant) == {(ENDED, StatusGroup.DONE): 1}


@pytest.mark.django_db
def test_a_change_within_a_group_adds_no_row(merchant: Merchant) -> None:
    shipment = a_shipment(merchant, status=Status.ACCEPTANCE)
    rows = Tally.objects.count()

    Shipment.objects.filter(pk=shipment.pk).update(status=Status.IN_TRANSIT, status_text="On its way")

    assert Tally.objects.count() == rows


@pytest.mark.django_db
def test_one_statement_about_many_parcels_adds_a_row_per_count_and_not_per_parcel(merchant: Merchant) -> None:
    for _ in range(5):
        a_shipment(merchant, status=Status.MANIFEST)
    Tally.objects.compact()

    Shipment.objects.filter(merchant=merchant).update(status=Status.DELIVERED)

    assert sorted(Tally.objects.values_list("status_group", "parcels")) == [
        ("done", 5),
        ("waiting", -5),
        ("waiting", 5),
    ]


@pytest.mark.django_db
def test_compacting_keeps_the_counts_and_drops_what_is_nought(merchant: Merchant) -> None:
    for _ in range(3):
        a_shipment(merchant, status=Status.MANIFEST)
    Shipment.objects.filter(merchant=merchant).update(status=Status.DELIVERED)
    before = Tally.objects.counts(merchant)

    Tally.objects.compact()

    assert Tally.objects.counts(merchant) == before == {(ACTIVE, StatusGroup.DONE): 3}
    assert list(Tally.objects.values_list("status_group", "parcels")) == [("done", 3)]


@pytest.mark.django_db(transaction=True)
def test_writers_of_one_merchant_do_not_wait_for_each_other(merchant: Merchant) -> None:
    """With one row per count the second writer would wait for the first to commit."""
    first, second = (a_shipment(merchant, status=Status.MANIFEST) for _ in range(2))
    written = threading.Event()

    def write() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '3s'")
        Shipment.objects.filter(pk=second.pk).update(status=Status.DELIVERED)
        written.set()
        connection.close()

    with transaction.atomic():
        Shipment.objects.filter(pk=first.pk).update(status=Status.DELIVERED)
        other = threading.Thread(target=write)
        other.start()
        other.join()
    assert written.is_set()
    assert Tally.objects.counts(merchant) == {(ACTIVE, StatusGroup.DONE): 2}


@pytest.mark.django_db(transaction=True)
def test_compacting_beside_writers_and_beside_itself_loses_nothing(merchant: Merchant) -> None:
    shipments = [a_shipment(merchant, status=Status.MANIFEST) for _ in range(24)]
    until = timezone.now() + timedelta(seconds=20)

    def move(mine: list[Shipment]) -> None:
        for status in (Status.IN_TRANSIT, Status.OUT_FOR_DELIVERY, Status.DELIVERED):
            for shipment in mine:
                Shipment.objects.filter(pk=shipment.pk).update(status=status)
        connection.close()

    def compact() -> None:
        while any(writer.is_alive() for writer in writers) and timezone.now() < until:
            Tally.objects.compact()
        connection.close()

    writers = [threading.Thread(target=move, args=(shipments[part::3],)) for part in range(3)]
    compactors = [threading.Thread(target=compact) for _ in range(2)]
    for thread in (*writers, *compactors):
        thread.start()
    for thread in (*writers, *compactors):
        thread.join()

    assert Tally.objects.counts(merchant) == {(ACTIVE, StatusGroup.DONE): 24}
    Tally.objects.compact()
    assert Tally.objects.counts(merchant) == {(ACTIVE, StatusGroup.DONE): 24}


@pytest.mark.django_db(transaction=True)
def test_a_merchant_goes_with_all_parcels_and_leaves_no_counts_behind() -> None:
    gone, stays = a_merchant(), a_merchant()
    for merchant in (gone, stays):
        a_shipment(merchant, status=Status.IN_TRANSIT)
        a_shipment(merchant, status=Status.DELIVERED)

    gone.delete()
    Tally.objects.compact()

    assert set(Tally.objects.values_list("merchant", flat=True)) == {stays.pk}
    assert Tally.objects.counts(stays) == {(ACTIVE, StatusGroup.MOVING): 1, (ACTIVE, StatusGroup.DONE): 1}
