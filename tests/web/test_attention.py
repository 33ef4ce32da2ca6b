"""The attention page: what is on it and in which order, and what people do with it."""

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.template.loader import render_to_string
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import DjangoAssertNumQueries

from shipments.analytics import attention
from shipments.enums import Reason, Status
from shipments.models import AttentionItem, AttentionReview, AuditEntry, Merchant, Note, Shipment, User
from shipments.web.attention import PAGE_SIZE
from shipments.web.attention_rows import box_of
from shipments.web.forms_attention import ItemMark, Seen
from tests.factories import a_merchant, a_person, a_shipment

pytestmark = pytest.mark.django_db

PAGE = "/app/alpine/attention/"
SEVERAL = f"{PAGE}several/"
HTMX = {"HX-Request": "true"}
DAY = timedelta(days=1)


@pytest.fixture
def manager(mary: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(mary)


def needing(merchant: Merchant, *reasons: Reason, since: timedelta = DAY, **over: Any) -> AttentionItem:
    """An item as a review would write it, for a parcel in trouble."""
    held = reasons or (Reason.EXCEPTION,)
    parcel = {key.removeprefix("parcel_"): over.pop(key) for key in list(over) if key.startswith("parcel_")}
    now = timezone.now()
    return AttentionItem.objects.create(
        **{
            "shipment": a_shipment(
                merchant, **{"status": Status.EXCEPTION, "status_since": now - since, **parcel}
            ),
            "merchant": merchant,
            "reasons": list(held),
            "reason": held[0],
            "rank": list(Reason).index(held[0]),
            "since": now - since,
            "found_at": now,
            **over,
        }
    )


def address(item: AttentionItem) -> str:
    return f"{PAGE}{item.shipment.public_id}/"


def act(client: Client, item: AttentionItem, do: str, **data: Any) -> Any:
    """What a form of a page drawn just now sends."""
    return client.post(address(item), {"do": do, "seen": seen(item)[0], **data})


def seen(*items: AttentionItem) -> list[str]:
    """What a page drawn just now says was seen."""
    return [str(Seen.of(AttentionItem.objects.select_related("shipment").get(pk=item.pk))) for item in items]


def shown(client: Client, **query: str) -> list[str]:
    return [view.number for view in client.get(PAGE, query).context["items"]]


def numbers(*items: AttentionItem) -> list[str]:
    return [item.shipment.number for item in items]


def counts(client: Client, which: str = "chips", **query: str) -> dict[str, int]:
    return {
        chip.key: chip.count
        for chip in client.get(PAGE, query).context[which]
        if chip.count or chip.is_current or which == "views"
    }


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


# ---- Deeds


def test_done_is_kept_with_who_when_and_for_which_reasons(
    manager: Client, merchant: Merchant, mary: User
) -> None:
    item = needing(merchant, Reason.EXCEPTION, Reason.LATE)

    response = act(manager, item, "done", next=PAGE)

    item.refresh_from_db()
    assert response.headers["Location"] == PAGE
    assert (item.done_by, item.done_reasons) == (mary, ["exception", "late"])
    assert item.done_at is not None
    assert shown(manager) == []
    entry = AuditEntry.objects.get(verb="attention done")
    assert (entry.model, entry.row, entry.person) == ("shipments.Shipment", str(item.shipment_id), mary.pk)
    assert entry.before == {"reasons": "exception, late"}


def test_done_may_be_undone(manager: Client, merchant: Merchant) -> None:
    item = needing(merchant)
    act(manager, item, "done")

    act(manager, item, "undo")

    item.refresh_from_db()
    assert (item.done_at, item.done_by, item.done_reasons) == (None, None, [])
    assert shown(manager) == numbers(item)


def test_what_is_done_comes_back_only_with_news(manager: Client, merchant: Merchant) -> None:
    item = needing(merchant)
    act(manager, item, "done")
    attention.review(timezone.now() + DAY)
    assert shown(manager) == []

    Shipment.objects.update(changed_at=timezone.now())
    attention.review(timezone.now())

    assert shown(manager) == numbers(item)


@pytest.mark.parametrize(
    ("until", "day", "wakes"),
    [
        ("tomorrow", "", "2026-06-16 08:00"),
        ("3-days", "", "2026-06-18 08:00"),
        ("date", "2026-11-02", "2026-11-02 08:00"),  # the day after the clocks went back
        ("tomorrow", "2026-06-30", "2026-06-30 08:00"),
    ],
)
def test_snoozing_ends_in_the_morning_on_the_merchants_clock(
    manager: Client, merchant: Merchant, monkeypatch: pytest.MonkeyPatch, until: str, day: str, wakes: str
) -> None:
    eastern = ZoneInfo("America/New_York")
    # Still Monday in New York, and Tuesday in UTC.
    now = datetime(2026, 6, 15, 22, 30, tzinfo=eastern)
    monkeypatch.setattr("shipments.web.attention_deeds.timezone.now", lambda: now)
    item = needing(merchant)

    act(manager, item, "snooze", until=until, date=day)

    item.refresh_from_db()
    assert item.snoozed_until == datetime.fromisoformat(wakes).replace(tzinfo=eastern)


def test_a_snoozed_item_may_be_woken(manager: Client, merchant: Merchant) -> None:
    item = needing(merchant, snoozed_until=timezone.now() + DAY)

    act(manager, item, "wake")

    assert shown(manager) == numbers(item)


def test_items_are_taken_given_to_members_and_given_up(
    manager: Client, merchant: Merchant, mary: User, alice: User
) -> None:
    item = needing(merchant)
    for owner, expected in (("me", mary), (str(alice.pk), alice), ("nobody", None)):
        act(manager, item, "assign", owner=owner)
        item.refresh_from_db()
        assert item.owner == expected
    assert [
        (entry.before["owner"], entry.after["owner"])
        for entry in AuditEntry.objects.filter(verb="attention assigned").order_by("id")
    ] == [(None, mary.pk), (mary.pk, alice.pk), (alice.pk, None)]


def test_a_note_is_kept_and_its_words_stay_out_of_the_audit(
    manager: Client, merchant: Merchant, mary: User
) -> None:
    item = needing(merchant)

    act(manager, item, "note", text="  Buyer is at work until six  ")

    note = Note.objects.get()
    assert (note.shipment, note.merchant, note.author) == (item.shipment, merchant, mary)
    assert note.text == "Buyer is at work until six"
    assert "six" not in str(AuditEntry.objects.filter(verb="wrote a note").values())


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"do": "burn"}, "There is no such action."),
    ({}, "This field is required."),
    ({"do": "snooze"}, "Choose a day."),
    ({"do": "snooze", "until": "never"}, "Choose until when."),
    ({"do": "snooze", "until": "date", "date": "2020-01-01"}, "Choose a day after today."),
    ({"do": "snooze", "until": "date", "date": "2999-01-01"}, "Choose a day within a year."),
    ({"do": "snooze", "until": "date", "date": "30/30/30"}, "Write the day as 2026-06-30, or choose it."),
    ({"do": "assign", "owner": "99999999"}, "Choose somebody who belongs to Alpine Outfitters."),
    ({"do": "assign", "owner": "9" * 20}, "Choose somebody who belongs to Alpine Outfitters."),
    ({"do": "assign"}, "Choose somebody who belongs to Alpine Outfitters."),
    ({"do": "note", "text": "  "}, "Write something first."),
    ({"do": "note", "text": "x" * 2001}, "A note has at most 2000 characters; this one has 2001."),
]


@pytest.mark.parametrize(("data", "words"), REFUSED)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    manager: Client, merchant: Merchant, data: dict[str, str], words: str
) -> None:
    item = needing(merchant)
    before = AttentionItem.objects.values().get()

    alone = manager.post(address(item), data)
    row = manager.post(address(item), data, headers=HTMX)
    several = manager.post(SEVERAL, {**data, "item": str(item.shipment.public_id)})

    for response in (alone, row, several):
        assert response.status_code == 400
        assert AttentionItem.objects.values().get() == before
        assert not AuditEntry.objects.exists()
        assert not Note.objects.exists()
    assert words in alone.content.decode()
    assert words in several.content.decode()
    assert f'value="{item.shipment.public_id}"' in several.content.decode()
    assert "checked" in several.content.decode()


def test_a_refused_note_is_not_lost(manager: Client, merchant: Merchant) -> None:
    item = needing(merchant)
    text = "long " * 401

    for headers in ({}, HTMX):
        page = manager.post(address(item), {"do": "note", "text": text}, headers=headers).content.decode()
        assert text.strip() in page
        assert "A note has at most 2000 characters" in page


def test_a_stranger_to_the_merchant_cannot_be_made_owner(
    manager: Client, merchant: Merchant, charlie: User
) -> None:
    item = needing(merchant)

    assert act(manager, item, "assign", owner=str(charlie.pk)).status_code == 400
    item.refresh_from_db()
    assert item.owner is None


def test_a_parcel_that_needs_nobody_any_more_is_left_alone_and_told(
    manager: Client, merchant: Merchant
) -> None:
    item = needing(merchant)
    AttentionItem.objects.all().delete()

    plain = manager.post(address(item), {"do": "done"}, follow=True)
    row = manager.post(address(item), {"do": "done"}, headers=HTMX)

    for response in (plain, row):
        assert response.status_code == 200
        assert "needs nobody any more" in response.content.decode()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("whose", ["another merchant's", "nobody's"])
def test_what_is_not_ones_own_is_not_found(manager: Client, whose: str) -> None:
    theirs = needing(a_merchant())
    public_id = theirs.shipment.public_id if whose == "another merchant's" else uuid4()

    assert manager.post(f"{PAGE}{public_id}/", {"do": "done"}).status_code == 404
    assert AttentionItem.objects.get().done_at is None


# ---- With a fragment


def test_a_row_that_was_dealt_with_stays_where_it_is_with_the_way_back(
    manager: Client, merchant: Merchant
) -> None:
    item, _other = needing(merchant), needing(merchant)

    answer = manager.post(address(item), {"do": "done", "next": PAGE, "seen": seen(item)}, headers=HTMX)

    page = answer.content.decode()
    assert f'class="item is-trouble is-settled" id="item-{item.shipment.public_id}"' in page
    assert 'value="undo"' in page
    assert "<title>(1) Attention · Alpine Outfitters</title>" in page
    assert "Done. It comes back only when something new happens." in page
    assert {chip.key: chip.count for chip in answer.context["views"]} == {"open": 1, "snoozed": 0, "done": 1}


def test_a_row_that_was_only_taken_goes_on_as_it_was(manager: Client, merchant: Merchant) -> None:
    item = needing(merchant)

    page = manager.post(
        address(item), {"do": "assign", "owner": "me", "next": PAGE}, headers=HTMX
    ).content.decode()

    assert "is-settled" not in page
    assert "Give it up" in page


# ---- Where one goes on


@pytest.mark.parametrize("do", ["assign-me", "snooze-tomorrow", "snooze-3-days"])
def test_a_button_says_what_and_how_in_one(manager: Client, merchant: Merchant, mary: User, do: str) -> None:
    item = needing(merchant)

    assert act(manager, item, do).status_code == 302

    item.refresh_from_db()
    assert (item.owner == mary, item.snoozed_until is not None) == (do == "assign-me", do != "assign-me")


def test_without_scripts_one_goes_on_with_the_next_item(manager: Client, merchant: Merchant) -> None:
    first, second = needing(merchant, since=2 * DAY), needing(merchant, since=DAY)
    view = manager.get(PAGE).context["items"][0]
    assert (view.id, view.then) == (first.shipment.public_id, second.shipment.public_id)

    response = act(manager, first, "done", next=f"{PAGE}?reason=exception", then=str(view.then))

    assert response.headers["Location"] == f"{PAGE}?reason=exception#item-{second.shipment.public_id}"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/app/alpine/",
        "//evil.example/",
        "/app/bayside/attention/",
        "javascript:alert(1)",
        "",
    ],
)
def test_one_comes_back_to_the_merchants_own_pages_only(
    manager: Client, merchant: Merchant, elsewhere: str
) -> None:
    item = needing(merchant)

    response = act(manager, item, "done", next=elsewhere, then="not an id")

    assert response.headers["Location"] == PAGE


# ---- Several


def picked(*items: AttentionItem) -> list[str]:
    return [str(item.shipment.public_id) for item in items]


def test_several_are_done_at_once_and_written_down_one_by_one(manager: Client, merchant: Merchant) -> None:
    one, two, other = (needing(merchant) for _ in range(3))

    response = manager.post(
        SEVERAL,
        {"do": "done", "item": picked(one, two), "seen": seen(one, two, other), "next": PAGE},
        follow=True,
    )

    assert "2 done." in response.content.decode()
    assert shown(manager) == numbers(other)
    assert set(AuditEntry.objects.values_list("row", flat=True)) == {
        str(one.shipment_id),
        str(two.shipment_id),
    }


def test_several_are_put_off_and_given_away(manager: Client, merchant: Merchant, alice: User) -> None:
    items = [needing(merchant), needing(merchant)]

    manager.post(SEVERAL, {"do": "assign", "owner": str(alice.pk), "item": picked(*items)})
    manager.post(SEVERAL, {"do": "snooze", "until": "tomorrow", "item": picked(*items), "seen": seen(*items)})

    assert set(AttentionItem.objects.values_list("owner", flat=True)) == {alice.pk}
    assert len(shown(manager, view="snoozed")) == 2


def test_picks_of_others_and_of_the_past_are_left_alone_and_told(manager: Client, merchant: Merchant) -> None:
    mine, theirs = needing(merchant), needing(a_merchant())

    page = manager.post(
        SEVERAL,
        {"do": "done", "item": [*picked(mine, theirs), "not an id"], "seen": seen(mine, theirs)},
        follow=True,
    ).content.decode()

    assert "1 parcel needs nobody any more, and was left alone." in page
    theirs.refresh_from_db()
    assert theirs.done_at is None


@pytest.mark.parametrize(
    ("picks", "words"),
    [
        (0, "Select at least one parcel first."),
        (PAGE_SIZE + 1, f"Select at most {PAGE_SIZE} parcels at once."),
    ],
)
def test_too_few_and_too_many_picks_are_refused(
    manager: Client, merchant: Merchant, picks: int, words: str
) -> None:
    items = [needing(merchant) for _ in range(max(picks, 1))]

    page = manager.post(SEVERAL, {"do": "done", "item": picked(*items[:picks])})

    assert page.status_code == 400
    assert words in page.content.decode()
    assert not AttentionItem.objects.done().exists()


# ---- News between the look and the click


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
