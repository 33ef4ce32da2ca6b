"""Views under a name, and which parcels' news people have seen."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from shipments.models import Membership, Merchant, SavedView, SeenParcel, User
from shipments.models.views import MOST_VIEWS, TooManyViews
from tests.factories import a_shipment

NOW = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)


@pytest.fixture
def reader(mary: User) -> Membership:
    mary.memberships.update(seen_until=NOW)
    return mary.memberships.get()


@pytest.mark.django_db
def test_opening_a_parcel_is_noted_once_by_one_statement(
    reader: Membership, merchant: Merchant, django_assert_num_queries: Any
) -> None:
    parcel = a_shipment(merchant, changed_at=NOW + timedelta(hours=1))

    for hour in (2, 3):
        with django_assert_num_queries(1):
            SeenParcel.objects.note(reader, parcel, NOW + timedelta(hours=hour))

    assert list(SeenParcel.objects.values_list("membership", "shipment", "seen_at")) == [
        (reader.pk, parcel.pk, NOW + timedelta(hours=3))
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("changed_at", [None, NOW - timedelta(hours=1), NOW])
def test_a_parcel_without_news_is_not_noted(
    reader: Membership, merchant: Merchant, changed_at: datetime | None, django_assert_num_queries: Any
) -> None:
    parcel = a_shipment(merchant, changed_at=changed_at)

    with django_assert_num_queries(0):
        SeenParcel.objects.note(reader, parcel, NOW + timedelta(hours=1))


@pytest.mark.django_db
def test_seeing_all_forgets_what_was_opened_before_and_goes_never_back(
    reader: Membership, merchant: Merchant, bob: User
) -> None:
    parcels = [a_shipment(merchant, changed_at=NOW + timedelta(hours=1)) for _ in range(2)]
    SeenParcel.objects.note(reader, parcels[0], NOW + timedelta(hours=2))
    SeenParcel.objects.note(reader, parcels[1], NOW + timedelta(hours=4))
    others = bob.memberships.get()
    Membership.objects.filter(pk=others.pk).update(seen_until=NOW)
    others.refresh_from_db()
    SeenParcel.objects.note(others, parcels[0], NOW + timedelta(hours=2))

    SeenParcel.objects.all_seen(reader, NOW + timedelta(hours=3))
    SeenParcel.objects.all_seen(reader, NOW)

    reader.refresh_from_db()
    assert reader.seen_until == NOW + timedelta(hours=3)
    assert set(SeenParcel.objects.values_list("membership", "shipment")) == {
        (reader.pk, parcels[1].pk),
        (others.pk, parcels[0].pk),
    }


@pytest.mark.django_db(transaction=True)
def test_two_windows_of_one_person_do_not_both_make_the_last_view_allowed(
    merchant: Merchant, mary: User
) -> None:
    for n in range(MOST_VIEWS - 1):
        SavedView.objects.create(merchant=merchant, owner=mary, name=f"View {n}")
    reader = mary.memberships.get()
    start = threading.Barrier(4)
    refused = []

    def keep(name: str) -> None:
        start.wait()
        try:
            SavedView.objects.keep(reader, name=name, query="", is_shared=False)
        except TooManyViews:
            refused.append(name)
        finally:
            connection.close()

    threads = [threading.Thread(target=keep, args=(f"New {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 3
    assert SavedView.objects.count() == MOST_VIEWS
