"""News that came between the look at the attention page and the click on it."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from shipments.analytics import attention
from shipments.enums import Reason
from shipments.models import AttentionItem, AuditEntry, Merchant, Note, Shipment, User
from tests.web.attention_page import (
    DAY,
    HTMX,
    PAGE,
    SEVERAL,
    act,
    address,
    needing,
    picked,
)

pytestmark = pytest.mark.django_db


def drawn(client: Client, url: str = PAGE) -> dict[str, list[str]]:
    """What the forms of a page carry along, by the parcel."""
    found = re.findall(r'name="seen" value="(\S+) ([^"]+)"', client.get(url).content.decode())
    return {parcel: [f"{parcel} {state}"] for parcel, state in found}


def state_of(item: AttentionItem) -> str:
    item.refresh_from_db()
    return "done" if item.done_at else "snoozed" if item.snoozed_until else "open"


MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize("do", ["done", "snooze-tomorrow"])
@pytest.mark.parametrize("step", [-DAY, -MICROSECOND, MICROSECOND, DAY], ids=str)
def test_news_that_came_after_the_look_keep_an_item_whatever_moment_they_bear(
    manager: Client, merchant: Merchant, do: str, step: timedelta
) -> None:
    known = timezone.now()
    item = needing(merchant, parcel_changed_at=known)
    page = drawn(manager)
    Shipment.objects.update(changed_at=known + step)

    answer = act(manager, item, do, seen=page[picked(item)[0]], next=PAGE, then=str(uuid4()))

    assert state_of(item) == "open"
    assert not AuditEntry.objects.filter(verb__startswith="attention").exists()
    # One comes back to the very item, with what is new on it.
    assert answer.headers["Location"] == f"{PAGE}#item-{item.shipment.public_id}"
    page_after = manager.get(PAGE).content.decode()
    assert "1 parcel has news since you looked, so it stays. Look at it again." in page_after
    act(manager, item, do, seen=drawn(manager)[picked(item)[0]])
    assert state_of(item) == ("done" if do == "done" else "snoozed")


@pytest.mark.parametrize(
    ("reasons", "state"),
    [
        (["exception"], "done"),
        (["exception", "late"], "done"),
        (["exception", "late", "silent"], "open"),
        (["exception", "silent"], "open"),
    ],
)
def test_a_reason_that_began_after_the_look_keeps_an_item_and_one_that_went_does_not(
    manager: Client, merchant: Merchant, reasons: list[str], state: str
) -> None:
    item = needing(merchant, Reason.EXCEPTION, Reason.LATE)
    page = drawn(manager)
    AttentionItem.objects.update(reasons=reasons)

    act(manager, item, "done", seen=page[picked(item)[0]])

    assert state_of(item) == state
    assert item.done_reasons == (reasons if state == "done" else [])


def test_with_scripts_the_row_comes_back_as_it_is_now_with_the_word_of_it(
    manager: Client, merchant: Merchant
) -> None:
    item = needing(merchant, parcel_changed_at=timezone.now() - DAY)
    page = drawn(manager)[picked(item)[0]]
    Shipment.objects.update(changed_at=timezone.now(), status_text="HELD AT CUSTOMS")

    answer = manager.post(address(item), {"do": "done", "seen": page, "next": PAGE}, headers=HTMX)
    row = answer.content.decode()

    assert answer.status_code == 200
    assert "HELD AT CUSTOMS" in row
    assert '<p class="problem small" role="alert">1 parcel has news since you looked' in row
    assert "is-settled" not in row
    # The row that came back is a new look.
    manager.post(
        address(item), {"do": "done", "seen": re.findall(r'name="seen" value="([^"]+)"', row)}, headers=HTMX
    )
    assert state_of(item) == "done"


@pytest.mark.parametrize("do", ["done", "snooze"])
def test_of_several_those_with_news_stay_and_are_counted(
    manager: Client, merchant: Merchant, do: str
) -> None:
    known = timezone.now() - DAY
    news, other, gone, calm = (needing(merchant, parcel_changed_at=known) for _ in range(4))
    page = drawn(manager)
    Shipment.objects.filter(pk=news.shipment_id).update(changed_at=timezone.now())
    AttentionItem.objects.filter(pk=other.pk).update(reasons=["exception", "late"])
    gone_pick = picked(gone)
    AttentionItem.objects.filter(pk=gone.pk).delete()

    answer = manager.post(
        SEVERAL,
        {
            "do": do,
            "until": "tomorrow",
            "item": [*picked(news, other, calm), *gone_pick],
            "seen": [text for texts in page.values() for text in texts],
        },
        follow=True,
    ).content.decode()

    assert [state_of(item) for item in (news, other)] == ["open", "open"]
    assert state_of(calm) == ("done" if do == "done" else "snoozed")
    assert "2 parcels have news since you looked, so they stay. Look at them again." in answer
    assert "1 parcel needs nobody any more, and was left alone." in answer
    assert AuditEntry.objects.get().row == str(calm.shipment_id)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "x",
        "{id}",
        "{id} yesterday exception",
        "{id} - ",
        "{id} 9999-12-31T23:59:59+00:00 exception",
        "{id} 0001-01-01T00:00:00 exception",
        "{id}\x00 - exception",
        "01234567-89ab-4cde-8f01-23456789abcd - exception",
    ],
)
def test_what_no_page_of_ours_says_was_seen_by_nobody(manager: Client, merchant: Merchant, said: str) -> None:
    item = needing(merchant, parcel_changed_at=timezone.now())

    answer = act(manager, item, "done", seen=said.format(id=item.shipment.public_id))

    assert answer.status_code == 302
    assert state_of(item) == "open"
    manager.post(SEVERAL, {"do": "done", "item": picked(item)})
    assert state_of(item) == "open"


def test_to_be_taken_and_noted_an_item_needs_no_new_look(
    manager: Client, merchant: Merchant, mary: User
) -> None:
    item = needing(merchant, parcel_changed_at=timezone.now())

    act(manager, item, "assign-me", seen="")
    act(manager, item, "note", text="Called", seen="")

    item.refresh_from_db()
    assert item.owner == mary
    assert Note.objects.get().text == "Called"


def test_a_parcels_own_page_says_what_was_seen_as_well(manager: Client, merchant: Merchant) -> None:
    item = needing(merchant, parcel_changed_at=timezone.now())
    own = f"/app/alpine/shipments/{item.shipment.public_id}/"
    page = drawn(manager, own)[picked(item)[0]]
    Shipment.objects.update(changed_at=timezone.now())

    act(manager, item, "done", seen=page, next=own)

    assert state_of(item) == "open"
    act(manager, item, "done", seen=drawn(manager, own)[picked(item)[0]], next=own)
    assert state_of(item) == "done"


@pytest.mark.django_db(transaction=True)
def test_news_being_stored_while_somebody_clicks_bring_the_item_back(
    manager: Client, merchant: Merchant
) -> None:
    item = needing(merchant, parcel_changed_at=timezone.now() - DAY)
    page = drawn(manager)[picked(item)[0]]
    began = timezone.now()
    stored, clicked = threading.Event(), threading.Event()

    def ingest() -> None:
        try:
            with transaction.atomic():
                # As `tracking.ingest` does: news bear the moment at which storing them began.
                Shipment.objects.filter(pk=item.shipment_id).update(changed_at=began)
                stored.set()
                assert clicked.wait(60)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as others:
        ingesting = others.submit(ingest)
        assert stored.wait(60)
        act(manager, item, "done", seen=page)
        assert state_of(item) == "done"
        assert item.done_at is not None
        assert item.done_at > began
        clicked.set()
        ingesting.result(60)
    attention.review(timezone.now(), [item.shipment_id])

    assert state_of(item) == "open"


@pytest.mark.django_db(transaction=True)
def test_a_click_that_waits_for_a_review_is_judged_by_what_the_review_brought(
    manager: Client, merchant: Merchant
) -> None:
    known = timezone.now() - DAY
    item = needing(merchant, parcel_changed_at=known)
    page = drawn(manager)[picked(item)[0]]
    reviewing = threading.Event()

    def review() -> None:
        try:
            with transaction.atomic():
                AttentionItem.objects.select_for_update().get(pk=item.pk)
                Shipment.objects.filter(pk=item.shipment_id).update(changed_at=timezone.now())
                reviewing.set()
                # Until the click waits for this transaction; others may be waiting elsewhere.
                for _ in range(3000):
                    with connection.cursor() as cursor:
                        cursor.execute(
                            "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
                        )
                        if cursor.fetchone() != (0,):
                            return
                    time.sleep(0.02)
                raise AssertionError("nobody waits")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as others:
        reviewed = others.submit(review)
        assert reviewing.wait(60)
        act(manager, item, "done", seen=page)
        reviewed.result(60)

    assert state_of(item) == "open"
