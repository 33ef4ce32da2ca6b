"""Items of attention follow the facts: they come, change, go and come back, whoever reviews at the same time."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django.fixtures import DjangoAssertNumQueries

from shipments import queueing, tasks
from shipments.analytics import attention
from shipments.analytics.attention import Found
from shipments.enums import Reason, Status
from shipments.models import AttentionItem, AttentionReview, Merchant, Shipment, User
from tests.factories import a_merchant, a_scan, a_shipment, a_snapshot, ingested

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 15, 16, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def in_trouble(merchant: Merchant | None = None, **over: Any) -> Shipment:
    return a_shipment(
        merchant, **{"status": Status.EXCEPTION, "status_since": NOW - HOUR, "changed_at": NOW - HOUR, **over}
    )


def change(shipment: Shipment, **facts: Any) -> None:
    Shipment.objects.filter(pk=shipment.pk).update(**facts)


def mark_done(shipment: Shipment, by: User, at: datetime = NOW) -> None:
    item = AttentionItem.objects.select_related("shipment").get(shipment=shipment)
    AttentionItem.objects.mark_done([item], by, at)


def item_of(shipment: Shipment) -> AttentionItem:
    return AttentionItem.objects.get(shipment=shipment)


def everything() -> list[str]:
    return list(map(str, AttentionItem.objects.order_by("pk").values()))


# ---- What comes and goes


def test_a_new_item_is_told_once(merchant: Merchant) -> None:
    shipment = in_trouble(merchant)

    found = attention.review(NOW, [shipment.pk])

    assert found == [Found(shipment.pk, merchant.pk, (Reason.EXCEPTION,), (Reason.EXCEPTION,))]
    assert (item_of(shipment).found_at, item_of(shipment).owner) == (NOW, None)
    assert attention.review(NOW + HOUR, [shipment.pk]) == []
    assert attention.review(NOW + HOUR) == []


def test_reviewing_again_writes_nothing(merchant: Merchant) -> None:
    in_trouble(merchant)
    attention.review(NOW)
    before = everything()

    attention.review(NOW + HOUR)

    assert everything() == before


def test_a_reason_on_top_is_told_alone_and_what_people_did_stays(merchant: Merchant, mary: User) -> None:
    shipment = in_trouble(merchant)
    attention.review(NOW, [shipment.pk])
    AttentionItem.objects.update(owner=mary)
    change(shipment, first_promised_on=datetime(2026, 6, 10).date())

    found = attention.review(NOW, [shipment.pk])

    assert found == [Found(shipment.pk, merchant.pk, (Reason.EXCEPTION, Reason.LATE), (Reason.LATE,))]
    assert item_of(shipment).owner == mary


def test_a_reason_that_goes_is_told_to_nobody(merchant: Merchant) -> None:
    shipment = in_trouble(merchant, first_promised_on=datetime(2026, 6, 10).date())
    attention.review(NOW, [shipment.pk])
    change(shipment, status=Status.IN_TRANSIT, last_scan_at=NOW, status_since=NOW)

    assert attention.review(NOW, [shipment.pk]) == []
    assert item_of(shipment).reasons == ["late"]
    assert (item_of(shipment).reason, item_of(shipment).rank) == ("late", 4)


def test_an_item_goes_when_its_reasons_are_gone(merchant: Merchant) -> None:
    solved, other = in_trouble(merchant), in_trouble(merchant)
    attention.review(NOW)
    change(solved, status=Status.DELIVERED)

    attention.review(NOW, [solved.pk])

    assert [item.shipment for item in AttentionItem.objects.all()] == [other]


@pytest.mark.parametrize("everybodys", [True, False])
def test_a_review_of_some_leaves_the_others_alone(merchant: Merchant, everybodys: bool) -> None:
    one, other = in_trouble(merchant), in_trouble(merchant)

    attention.review(NOW, None if everybodys else [one.pk])

    assert {item.shipment_id for item in AttentionItem.objects.all()} == (
        {one.pk, other.pk} if everybodys else {one.pk}
    )


def test_a_parcel_that_does_not_exist_needs_nobody() -> None:
    assert attention.review(NOW, [123456789]) == []
    assert attention.review(NOW, []) == []


def test_a_review_of_everybody_says_when_it_was() -> None:
    attention.review(NOW)
    attention.review(NOW + HOUR)
    attention.review(NOW + 2 * HOUR, [])

    assert AttentionReview.objects.get().at == NOW + HOUR


def test_what_is_too_much_for_one_review_has_its_turn_with_the_next_the_worst_first(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "MOST_AT_ONCE", 2)
    monkeypatch.setattr(attention, "BATCH", 1)
    attempted = in_trouble(merchant, status=Status.DELIVERY_ATTEMPT)
    worse = [in_trouble(merchant), in_trouble(merchant)]

    assert [found.shipment_id for found in attention.review(NOW)] == [shipment.pk for shipment in worse]
    assert [found.shipment_id for found in attention.review(NOW)] == [attempted.pk]


# ---- Done and snoozed


def test_a_done_item_stays_done_while_nothing_new_happens(merchant: Merchant, mary: User) -> None:
    shipment = in_trouble(merchant)
    attention.review(NOW, [shipment.pk])
    mark_done(shipment, mary)

    assert attention.review(NOW + 30 * 24 * HOUR, [shipment.pk]) == []
    assert (item_of(shipment).done_at, item_of(shipment).done_by) == (NOW, mary)


def test_a_done_item_comes_back_with_news_and_is_told_anew(merchant: Merchant, mary: User) -> None:
    shipment = in_trouble(merchant)
    attention.review(NOW, [shipment.pk])
    AttentionItem.objects.update(owner=mary)
    mark_done(shipment, mary)
    change(shipment, changed_at=NOW + HOUR)

    found = attention.review(NOW + HOUR)

    item = item_of(shipment)
    assert found == [Found(shipment.pk, merchant.pk, (Reason.EXCEPTION,), (Reason.EXCEPTION,))]
    assert (item.done_at, item.done_by, item.done_reasons) == (None, None, [])
    assert (item.owner, item.found_at) == (mary, NOW + HOUR)


def test_a_done_item_comes_back_when_another_reason_holds(merchant: Merchant, mary: User) -> None:
    shipment = in_trouble(merchant)
    attention.review(NOW, [shipment.pk])
    mark_done(shipment, mary)
    # The promised day passes; the carrier says nothing.
    change(shipment, first_promised_on=datetime(2026, 6, 10).date())

    (found,) = attention.review(NOW, [shipment.pk])

    assert found.new == (Reason.EXCEPTION, Reason.LATE)
    assert item_of(shipment).done_at is None


def test_a_done_item_does_not_come_back_because_a_reason_went_and_came(
    merchant: Merchant, mary: User
) -> None:
    shipment = in_trouble(merchant, first_promised_on=datetime(2026, 6, 10).date())
    attention.review(NOW, [shipment.pk])
    mark_done(shipment, mary)
    for promised in (None, datetime(2026, 6, 10).date()):
        change(shipment, first_promised_on=promised)
        assert attention.review(NOW, [shipment.pk]) == []

    assert item_of(shipment).done_at == NOW


def test_a_snoozed_item_wakes_when_another_reason_appears_and_not_before(
    merchant: Merchant, mary: User
) -> None:
    shipment = in_trouble(merchant)
    attention.review(NOW, [shipment.pk])
    AttentionItem.objects.update(snoozed_until=NOW + 72 * HOUR)
    change(shipment, changed_at=NOW + HOUR, status_since=NOW)
    attention.review(NOW + HOUR, [shipment.pk])
    assert item_of(shipment).snoozed_until == NOW + 72 * HOUR

    change(shipment, first_promised_on=datetime(2026, 6, 10).date())
    attention.review(NOW + HOUR, [shipment.pk])

    assert item_of(shipment).snoozed_until is None


# ---- At any scale, and side by side


@pytest.mark.parametrize("parcels", [3, 60])
def test_a_batch_takes_the_same_statements_whatever_its_size(
    merchant: Merchant, parcels: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ids = [in_trouble(merchant if n % 2 else a_merchant()).pk for n in range(parcels)]

    # Two of them are the savepoint of the test's transaction; the last keeps what is to be told at once.
    with django_assert_num_queries(7):
        attention.review(NOW, ids)


@pytest.mark.django_db(transaction=True)
def test_reviews_side_by_side_find_each_parcel_once(merchant: Merchant) -> None:
    ids = [in_trouble(merchant).pk for _ in range(60)]
    start, told, errors = threading.Barrier(6), [], []

    def work(turn: int) -> None:
        try:
            start.wait()
            # In different orders, and some of everybody's parcels.
            mine = ids[turn * 10 :] + ids[: turn * 10]
            told.extend(attention.review(NOW, None if turn % 3 == 0 else reversed(mine)))
        except Exception as exc:  # noqa: BLE001
            errors.append(exc)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(turn,)) for turn in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert sorted(found.shipment_id for found in told) == ids
    assert sorted(AttentionItem.objects.values_list("shipment", flat=True)) == ids


@pytest.mark.django_db(transaction=True)
def test_a_review_waits_for_the_facts_that_are_being_written(merchant: Merchant) -> None:
    """Without the lock it would judge by what was, and write after what is: an item for a delivered parcel."""
    shipment = in_trouble(merchant)
    told: list[Found] = []

    def work() -> None:
        told.extend(attention.review(NOW, [shipment.pk]))
        connection.close()

    with transaction.atomic():
        Shipment.objects.select_for_update().get(pk=shipment.pk)
        reviewer = threading.Thread(target=work)
        reviewer.start()
        reviewer.join(timeout=0.3)
        assert reviewer.is_alive()
        change(shipment, status=Status.DELIVERED)
    reviewer.join()

    assert told == []
    assert AttentionItem.objects.count() == 0


# ---- When it is done


def test_news_of_a_batch_is_reviewed_at_once(merchant: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    news, none = in_trouble(merchant), in_trouble(merchant)
    first = ingested(news, a_snapshot(a_scan(status=Status.EXCEPTION, code="X")))
    ingested(none)
    monkeypatch.setattr("shipments.tasks.runner.refresh_leased", lambda *arguments: [first, ingested(none)])

    tasks.refresh_leased(1, "00000000-0000-0000-0000-000000000000", news.pk, none.pk)

    assert [item.shipment for item in AttentionItem.objects.all()] == [news]


def test_the_task_reviews_these_parcels_or_everybodys(merchant: Merchant) -> None:
    one, other = in_trouble(merchant), in_trouble(merchant)

    tasks.review_attention(one.pk)
    assert [item.shipment for item in AttentionItem.objects.all()] == [one]
    tasks.review_attention()
    assert {item.shipment for item in AttentionItem.objects.all()} == {one, other}
    assert queueing.REVIEW_ATTENTION in queueing.SCHEDULES
