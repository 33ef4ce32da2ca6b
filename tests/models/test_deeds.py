"""What people do to parcels, and what each deed leaves alone."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from shipments.enums import EndReason, Lifecycle, Resolution
from shipments.facts.tags import MOST_TAGS
from shipments.models import Merchant, Shipment, User, Watch
from shipments.models.shipments import ShipmentQuerySet
from shipments.models.watches import Turn
from tests.factories import a_shipment

pytestmark = pytest.mark.django_db

NOW = timezone.now()
LATER = NOW + timedelta(hours=5)


def only(shipment: Shipment) -> ShipmentQuerySet:
    return Shipment.objects.filter(pk=shipment.pk)


def state(shipment: Shipment) -> tuple[str, str, Any]:
    """Lifecycle, why it ended, when it is asked about next."""
    parcel = only(shipment).select_related("watch").get()
    return parcel.lifecycle, parcel.end_reason, parcel.watch.due_at


def test_a_tag_is_put_on_once_and_tells_what_was_there_before() -> None:
    shipment, tagged = a_shipment(tags=["gift"]), a_shipment(tags=["vip"])
    both = Shipment.objects.filter(pk__in=[shipment.pk, tagged.pk])

    assert both.tag("vip") == {shipment.pk: {"tags": ["gift"]}}
    assert both.tag("vip") == {}
    assert [only(one).get().tags for one in (shipment, tagged)] == [["gift", "vip"], ["vip"]]


def test_a_parcel_full_of_tags_takes_no_more() -> None:
    full = a_shipment(tags=[f"tag {n}" for n in range(MOST_TAGS)])

    assert only(full).tag("vip") == {}
    assert len(only(full).get().tags) == MOST_TAGS


def test_a_tag_is_taken_off_and_the_others_stay() -> None:
    shipment = a_shipment(tags=["gift", "vip"])

    assert only(shipment).untag("vip") == {shipment.pk: {"tags": ["gift", "vip"]}}
    assert only(shipment).untag("vip") == {}
    assert only(shipment).get().tags == ["gift"]


def test_a_tag_in_another_case_is_the_same_tag() -> None:
    shipment = a_shipment(tags=["Vip", "gift", "VIP"])

    assert only(shipment).tag("vip") == {}
    assert only(shipment).untag("vip") == {shipment.pk: {"tags": ["Vip", "gift", "VIP"]}}
    assert only(shipment).get().tags == ["gift"]


def test_archiving_and_restoring_gives_back_what_was_active_and_what_had_ended() -> None:
    active = a_shipment(due_at=LATER)
    ended = a_shipment(lifecycle=Lifecycle.ENDED, end_reason=EndReason.SETTLED)
    Watch.objects.filter(shipment=ended).update(due_at=None)
    both = Shipment.objects.filter(pk__in=[active.pk, ended.pk])

    assert both.archive() == {
        active.pk: {"lifecycle": "active", "end_reason": ""},
        ended.pk: {"lifecycle": "ended", "end_reason": "settled"},
    }
    assert both.archive() == {}
    assert state(active) == ("archived", "archived", None)
    assert state(ended) == ("archived", "settled", None)
    assert not both.public().exists()

    assert set(both.restore(NOW)) == {active.pk, ended.pk}
    assert both.restore(NOW) == {}
    assert state(active) == ("active", "", NOW)
    assert state(ended) == ("ended", "settled", None)


def test_what_was_closed_by_hand_before_it_was_archived_stays_closed_when_it_comes_back() -> None:
    shipment = a_shipment()
    only(shipment).close()
    only(shipment).archive()

    only(shipment).restore(NOW)

    assert state(shipment) == ("ended", "by-hand", None)


def test_closing_ends_the_asking_and_reopening_begins_it_again() -> None:
    shipment = a_shipment(due_at=LATER)

    assert only(shipment).close() == {shipment.pk: {"lifecycle": "active", "end_reason": ""}}
    assert only(shipment).close() == {}
    assert state(shipment) == ("ended", "by-hand", None)

    assert only(shipment).reopen(NOW) == {shipment.pk: {"lifecycle": "ended", "end_reason": "by-hand"}}
    assert only(shipment).reopen(NOW) == {}
    assert state(shipment) == ("active", "", NOW)


def test_an_archived_parcel_is_neither_closed_nor_reopened() -> None:
    shipment = a_shipment()
    only(shipment).archive()

    assert only(shipment).close() == {}
    assert only(shipment).reopen(NOW) == {}
    assert state(shipment) == ("archived", "archived", None)


def test_an_answer_on_its_way_when_the_parcel_is_closed_makes_it_due_no_more() -> None:
    shipment = a_shipment(due_at=NOW - timedelta(minutes=1))
    lease, _taken = Watch.objects.lease([shipment.pk], NOW, length=timedelta(minutes=4))

    only(shipment).close()

    assert Watch.objects.reschedule({shipment.pk: Turn(LATER)}, lease=lease) == set()
    assert state(shipment) == ("ended", "by-hand", None)


def test_proof_is_due_or_not() -> None:
    shipment = a_shipment()

    assert only(shipment).set_proof_due(True) == {shipment.pk: {"proof_due": False}}
    assert only(shipment).set_proof_due(True) == {}
    assert only(shipment).get().proof_due is True
    assert only(shipment).set_proof_due(False) == {shipment.pk: {"proof_due": True}}


def test_a_resolution_is_written_with_who_and_when_and_taken_back(merchant: Merchant, mary: User) -> None:
    shipment = a_shipment(merchant)

    assert only(shipment).resolve(Resolution.LOST, by_id=mary.pk, now=NOW) == {
        shipment.pk: {"resolution": "", "resolved_at": None, "resolved_by": None}
    }
    assert only(shipment).resolve(Resolution.LOST, by_id=mary.pk, now=LATER) == {}
    resolved = only(shipment).get()
    assert (resolved.resolution, resolved.resolved_at, resolved.resolved_by) == ("lost", NOW, mary)

    assert only(shipment).resolve(None, by_id=mary.pk, now=LATER) == {
        shipment.pk: {"resolution": "lost", "resolved_at": NOW, "resolved_by": mary.pk}
    }
    cleared = only(shipment).get()
    assert (cleared.resolution, cleared.resolved_at, cleared.resolved_by) == ("", None, None)


def test_parcels_after_one_in_the_list_are_found_even_where_all_share_their_moment() -> None:
    shipments = [a_shipment(created_at=NOW) for _ in range(4)]
    older = a_shipment(created_at=NOW - timedelta(days=1))

    found = Shipment.objects.coming_after(NOW, shipments[2].pk).newest_first()

    assert list(found) == [shipments[1], shipments[0], older]


@pytest.mark.django_db(transaction=True)
def test_of_tags_added_at_once_none_is_lost() -> None:
    pk, start = a_shipment().pk, threading.Barrier(6)

    def work(tag: str) -> None:
        start.wait(10)
        Shipment.objects.filter(pk=pk).tag(tag)
        connection.close()

    threads = [threading.Thread(target=work, args=(f"tag {n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(Shipment.objects.get().tags) == [f"tag {n}" for n in range(6)]
