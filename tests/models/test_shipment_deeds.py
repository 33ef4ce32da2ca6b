"""What a person does with one parcel: once, and without undoing what others do."""

import threading
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from shipments.enums import EndReason, Lifecycle, Resolution
from shipments.facts.tags import TagError
from shipments.models import Shipment, Watch
from tests.factories import a_person, a_shipment

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)


def state(shipment: Shipment) -> tuple[str, str, datetime | None]:
    fresh = Shipment.objects.get(pk=shipment.pk)
    return fresh.lifecycle, fresh.end_reason, fresh.watch.due_at


def test_a_parcel_closed_by_hand_is_asked_about_no_more() -> None:
    shipment = a_shipment()
    Watch.objects.update(lease=uuid4(), by_hand=True)

    assert shipment.close_by_hand() is True

    assert state(shipment) == (Lifecycle.ENDED, EndReason.BY_HAND, None)
    assert (shipment.lifecycle, shipment.end_reason) == (Lifecycle.ENDED, EndReason.BY_HAND)
    assert Watch.objects.values_list("lease", "by_hand").get() == (None, False)


def test_closing_what_has_ended_leaves_the_reason() -> None:
    shipment = a_shipment(lifecycle=Lifecycle.ENDED, end_reason=EndReason.SETTLED)

    assert shipment.close_by_hand() is False

    assert state(shipment)[:2] == (Lifecycle.ENDED, EndReason.SETTLED)


def test_a_parcel_reopened_is_asked_about_at_once() -> None:
    shipment = a_shipment()
    shipment.close_by_hand()

    assert shipment.reopen(NOW) is True
    assert shipment.reopen(NOW) is False

    assert state(shipment) == (Lifecycle.ACTIVE, "", NOW)
    assert Watch.objects.get().by_hand is True


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        ({}, EndReason.BY_HAND),
        ({"lifecycle": Lifecycle.ENDED, "end_reason": EndReason.TOO_OLD}, EndReason.TOO_OLD),
    ],
)
def test_an_archived_parcel_is_put_away_and_taken_out_as_ended(before: dict[str, Any], kept: str) -> None:
    shipment = a_shipment(**before)

    assert shipment.archive() is True
    assert shipment.archive() is False
    assert state(shipment) == (Lifecycle.ARCHIVED, kept, None)
    assert Shipment.objects.public().count() == 0
    assert shipment.reopen(NOW) is False

    assert shipment.restore() is True
    assert shipment.restore() is False
    assert state(shipment) == (Lifecycle.ENDED, kept, None)


def test_a_resolution_stands_beside_the_carriers_facts() -> None:
    mary, shipment = a_person("mary@example.com"), a_shipment(status="InTransit")

    assert shipment.resolve(Resolution.LOST, by=mary, now=NOW) is True
    assert shipment.resolve(Resolution.LOST, by=mary, now=datetime(2026, 4, 1, tzinfo=UTC)) is False

    fresh = Shipment.objects.get()
    assert (fresh.resolution, fresh.resolved_by, fresh.resolved_at) == (Resolution.LOST, mary, NOW)
    assert (fresh.status, fresh.lifecycle) == ("InTransit", Lifecycle.ACTIVE)

    assert shipment.unresolve() is True
    assert shipment.unresolve() is False
    fresh = Shipment.objects.get()
    assert (fresh.resolution, fresh.resolved_by, fresh.resolved_at) == ("", None, None)


def test_a_deed_writes_only_its_own_columns() -> None:
    shipment = a_shipment(order_number="A-77")
    Shipment.objects.update(order_number="B-88", status="Delivered")

    shipment.add_tag("vip")
    shipment.resolve(Resolution.REFUNDED, by=a_person("mary@example.com"), now=NOW)
    shipment.close_by_hand()

    fresh = Shipment.objects.get()
    assert (fresh.order_number, fresh.status) == ("B-88", "Delivered")


def test_tags_are_added_as_they_are_kept_and_taken_off() -> None:
    shipment = a_shipment()

    assert shipment.add_tag("  Spring   sale ") == "Spring sale"
    shipment.add_tag("vip")
    with pytest.raises(TagError):
        shipment.add_tag("VIP")
    assert shipment.remove_tag("SPRING sale") is True
    assert shipment.remove_tag("spring sale") is False

    assert Shipment.objects.get().tags == ["vip"]


@pytest.mark.django_db(transaction=True)
def test_of_tags_added_at_once_none_is_lost() -> None:
    pk, start = a_shipment().pk, threading.Barrier(6)

    def work(tag: str) -> None:
        shipment = Shipment.objects.get(pk=pk)
        start.wait(10)
        shipment.add_tag(tag)
        connection.close()

    threads = [threading.Thread(target=work, args=(f"tag {n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(Shipment.objects.get().tags) == [f"tag {n}" for n in range(6)]
