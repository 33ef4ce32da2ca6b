"""What people do with what is on the attention page."""

from datetime import datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from shipments.analytics import attention
from shipments.enums import Reason
from shipments.models import AttentionItem, AuditEntry, Merchant, Note, Shipment, User
from shipments.web.attention import PAGE_SIZE
from tests.factories import a_merchant
from tests.web.attention_page import (
    DAY,
    HTMX,
    PAGE,
    SEVERAL,
    act,
    address,
    needing,
    numbers,
    picked,
    seen,
    shown,
)

pytestmark = pytest.mark.django_db


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
