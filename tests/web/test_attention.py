"""The attention page: what is on it and in which order."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import DjangoAssertNumQueries

from shipments.enums import Reason
from shipments.models import AttentionItem, AttentionReview, Merchant, Note, User
from shipments.web.attention import PAGE_SIZE
from shipments.web.attention_rows import box_of
from shipments.web.forms_attention import ItemMark
from tests.factories import a_merchant, a_person
from tests.web.attention_page import (
    DAY,
    HTMX,
    PAGE,
    address,
    counts,
    needing,
    numbers,
    shown,
)

pytestmark = pytest.mark.django_db


# ---- What is on it


def test_the_worst_comes_first_and_what_has_waited_longest_before_the_rest(
    manager: Client, merchant: Merchant
) -> None:
    silent = needing(merchant, Reason.SILENT, since=9 * DAY)
    younger, older = needing(merchant, since=DAY), needing(merchant, since=3 * DAY)

    assert shown(manager) == numbers(older, younger, silent)


def test_a_row_says_why_how_long_and_what_to_do(manager: Client, merchant: Merchant, mary: User) -> None:
    item = needing(
        merchant,
        Reason.EXCEPTION,
        Reason.LATE,
        since=3 * DAY,
        owner=mary,
        parcel_order_number="A-77",
        parcel_status_text="UNDELIVERABLE <AS ADDRESSED>",
        parcel_recipient_name="Ada Sample",
        parcel_first_promised_on=datetime(2026, 6, 12).date(),
    )
    Note.objects.create(
        shipment=item.shipment, merchant=merchant, author=mary, text="Old news", made_at=timezone.now() - DAY
    )
    Note.objects.create(
        shipment=item.shipment, merchant=merchant, author=mary, text="Buyer called <b>twice</b>"
    )

    page = manager.get(PAGE).content.decode()

    for words in (
        "Problem reported",
        "Late",
        "for 3 days",
        "Read what the carrier says.",
        "UNDELIVERABLE &lt;AS ADDRESSED&gt;",
        "The carrier reported a problem",
        "Promised for 12 June",
        "The day it should have arrived has passed.",
        "USPS · A-77 · Ada Sample",
        "Yours",
        "Buyer called &lt;b&gt;twice&lt;/b&gt;",
    ):
        assert words in page
    assert "Old news" not in page
    assert "<title>(1) Attention · Alpine Outfitters</title>" in page


def test_another_merchants_items_are_neither_shown_nor_counted(manager: Client, merchant: Merchant) -> None:
    needing(a_merchant())

    page = manager.get(PAGE)

    assert page.context["items"] == []
    assert "<title>Attention" in page.content.decode()


def test_done_and_snoozed_ones_have_views_of_their_own(
    manager: Client, merchant: Merchant, mary: User
) -> None:
    now = timezone.now()
    due = needing(merchant, snoozed_until=now - timedelta(minutes=1))
    later, soon = needing(merchant, snoozed_until=now + 2 * DAY), needing(merchant, snoozed_until=now + DAY)
    first = needing(merchant, done_at=now - DAY, done_by=mary)
    last = needing(merchant, done_at=now, done_by=mary)

    assert shown(manager) == numbers(due)
    assert shown(manager, view="snoozed") == numbers(soon, later)
    assert shown(manager, view="done") == numbers(last, first)
    assert counts(manager, "views") == {"open": 1, "snoozed": 2, "done": 2}


def test_items_are_filtered_by_reason_and_owner_and_counted_by_both(
    manager: Client, merchant: Merchant, mary: User, alice: User
) -> None:
    mine = needing(merchant, Reason.EXCEPTION, Reason.LATE, owner=mary)
    hers = needing(merchant, Reason.LATE, owner=alice)
    nobodys = needing(merchant, Reason.SILENT)

    assert shown(manager, reason="late") == numbers(mine, hers)
    assert shown(manager, owner="me") == numbers(mine)
    assert shown(manager, owner="nobody") == numbers(nobodys)
    assert shown(manager, owner="nobody", reason="late") == []
    assert counts(manager) == {"all": 3, "exception": 1, "late": 2, "silent": 1}
    assert counts(manager, owner="me") == {"all": 1, "exception": 1, "late": 1}
    assert counts(manager, owner="nobody", reason="late") == {"all": 1, "silent": 1, "late": 0}
    assert counts(manager, "owners") == {"all": 3, "me": 1, "nobody": 1}


@pytest.mark.parametrize(
    "query", [{"view": "all"}, {"owner": "7"}, {"reason": "ugly"}, {"seen": "soon"}, {"after": "x" * 121}]
)
def test_an_address_that_asks_for_what_is_not_is_refused_by_name(
    manager: Client, merchant: Merchant, query: dict[str, str]
) -> None:
    needing(merchant)

    page = manager.get(PAGE, query)

    assert page.status_code == 400
    assert "This address asks for something that does not exist" in page.content.decode()


@pytest.mark.parametrize("view", ["", "snoozed", "done"])
def test_pages_follow_one_another_without_gap_or_double(
    manager: Client, merchant: Merchant, view: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shipments.web.attention.PAGE_SIZE", 2)
    now = timezone.now()
    state: dict[str, dict[str, Any]] = {
        "": {},
        "snoozed": {"snoozed_until": now + DAY},
        "done": {"done_at": now},
    }
    for reason in (Reason.LATE, Reason.EXCEPTION, Reason.EXCEPTION, Reason.SILENT, Reason.LATE):
        needing(merchant, reason, **state[view])
    # The same moment for some: the item itself decides.
    AttentionItem.objects.update(since=now)
    everything = [
        item.shipment.number
        for item in AttentionItem.objects.order_by(
            *(("-pk",) if view == "done" else ("pk",) if view else ("rank", "pk"))
        )
    ]
    seen: list[str] = []
    url = f"{PAGE}?view={view}"
    while url:
        context = manager.get(url).context
        seen += [view.number for view in context["items"]]
        url = context["next_url"]

    assert seen == everything


def test_a_mark_nobody_made_begins_anew(manager: Client, merchant: Merchant) -> None:
    item = needing(merchant)

    assert shown(manager, after="nonsense") == numbers(item)


@given(st.text(max_size=60))
def test_any_text_is_a_mark_or_none(text: str) -> None:
    mark = ItemMark.read(text)

    assert mark is None or ItemMark.read(str(mark)) == mark


@given(
    st.integers(0, 99),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.integers(1, 2**63 - 1),
)
def test_a_mark_is_read_as_it_was_written(rank: int, at: datetime, pk: int) -> None:
    assert ItemMark.read(str(ItemMark(rank, at, pk))) == ItemMark(rank, at, pk)


def test_an_empty_page_is_calm_and_says_since_when_it_is_known(manager: Client) -> None:
    assert "They have not been looked through yet" in manager.get(PAGE).content.decode()
    AttentionReview.objects.note(timezone.now() - timedelta(minutes=2))

    page = manager.get(PAGE).content.decode()

    assert "Nothing needs you" in page
    assert "All of them were looked through 2 min ago." in page


@pytest.mark.parametrize(
    ("view", "words"), [("done", "Nothing is done with"), ("snoozed", "Nothing is put off")]
)
def test_empty_views_say_what_they_are_for(manager: Client, view: str, words: str) -> None:
    assert words in manager.get(PAGE, {"view": view}).content.decode()


def test_a_viewer_looks_and_is_offered_no_deed(
    bob: User, merchant: Merchant, signed_in: Callable[[User], Client]
) -> None:
    needing(merchant)

    page = signed_in(bob).get(PAGE).content.decode()

    assert "Problem reported" in page
    assert 'name="do"' not in page
    assert 'name="item"' not in page


@pytest.mark.parametrize("items", [1, PAGE_SIZE + 5])
def test_a_page_takes_at_most_eight_statements_whatever_is_on_it(
    manager: Client,
    merchant: Merchant,
    mary: User,
    items: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(items):
        item = needing(merchant, Reason.EXCEPTION, Reason.LATE, owner=mary)
        Note.objects.create(shipment=item.shipment, merchant=merchant, author=mary, text="seen")
    for n in range(items):
        a_person(f"colleague-{n}@example.com", merchant, "manager")
    manager.get(PAGE)

    with django_assert_num_queries(6):
        manager.get(PAGE)


def test_an_empty_page_takes_six(manager: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    manager.get(PAGE)

    with django_assert_num_queries(6):
        manager.get(PAGE)


# ---- News


def test_the_quiet_line_tells_how_many_came_since_the_page_was_drawn(
    manager: Client, merchant: Merchant
) -> None:
    needing(merchant)
    drawn = manager.get(PAGE).context["drawn_at"]
    assert "more parcel" not in manager.get(PAGE, {"seen": drawn}, headers=HTMX).content.decode()
    needing(merchant)
    needing(merchant, snoozed_until=timezone.now() - timedelta(milliseconds=1))
    needing(merchant, snoozed_until=timezone.now() + DAY)

    news = manager.get(PAGE, {"seen": drawn}, headers=HTMX).content.decode()

    assert "2 more parcels need somebody: show them" in news
    assert "<title>(3) Attention · Alpine Outfitters</title>" in news
    assert f"seen={drawn}" in news
    assert "<ol" not in news


# ---- On a parcel's own page


def test_a_parcels_page_can_show_why_it_needs_somebody_and_what_to_do(
    merchant: Merchant, mary: User, rf: Any
) -> None:
    item = needing(merchant, Reason.EXCEPTION, Reason.LATE, since=3 * DAY)
    request = rf.get(f"/app/alpine/shipments/{item.shipment.public_id}/")
    request.user, request.merchant, request.membership = mary, merchant, mary.memberships.get()

    def drawn() -> str:
        item.refresh_from_db()
        return render_to_string(
            "dashboard/_attention_of_parcel.html", box_of(item, merchant, mary, timezone.now()), request
        )

    for words in (
        "Needs attention",
        "Problem reported",
        "The day it should have arrived has passed.",
        "for 3 days",
        "Nobody has it yet",
        "Take it",
    ):
        assert words in drawn()
    AttentionItem.objects.update(owner=mary)
    assert "Yours" in drawn()
    AttentionItem.objects.update(snoozed_until=timezone.now() + DAY)
    assert "Put off until" in drawn()
    assert 'value="wake"' in drawn()
    AttentionItem.objects.update(snoozed_until=None)
    AttentionItem.objects.mark_done([item], mary, timezone.now())
    assert "Attention: done with" in drawn()
    assert 'value="undo"' in drawn()
    assert f'action="{address(item)}"' in drawn()
