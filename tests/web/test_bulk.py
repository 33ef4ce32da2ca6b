"""Deeds on many parcels: from the list to the page that shows how far they are."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from shipments.bulk import acting
from shipments.enums import Deed, Status, WorkState
from shipments.models import AuditEntry, BulkAction, Merchant, Shipment, User
from shipments.models.audit import MASK
from shipments.web import bulk, forms_bulk
from tests.factories import a_bulk_action, a_merchant, a_person, a_shipment

pytestmark = pytest.mark.django_db

START = "/app/alpine/bulk/start/"


def started(response: Any) -> BulkAction:
    """The action the answer leads to."""
    action = BulkAction.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/app/alpine/bulk/{action.public_id}/")
    return action


def text_of(response: Any) -> str:
    page: bytes = response.content
    return page.decode()


def test_ticked_parcels_are_tagged_by_the_queue(manager: Client, merchant: Merchant, mary: User) -> None:
    ticked, other = a_shipment(merchant), a_shipment(merchant)

    response = manager.post(
        START, {"action": "tag", "tag": "  VIP  ", "pick": str(ticked.public_id), "query": "tab=unknown"}
    )

    action = started(response)
    assert (action.deed, action.argument, action.picked, action.query, action.by, action.state) == (
        Deed.TAG,
        {"tag": "VIP"},
        [ticked.pk],
        "tab=unknown",
        mary,
        WorkState.WAITING,
    )
    assert Shipment.objects.get(pk=ticked.pk).tags == []
    acting.work(action.pk)
    assert [Shipment.objects.get(pk=one.pk).tags for one in (ticked, other)] == [["VIP"], []]
    entry = AuditEntry.objects.get(verb="started")
    assert (entry.row, entry.person, entry.after) == (
        str(action.pk),
        mary.pk,
        {"deed": "tag", "parcels": "1 picked", "tag": MASK},
    )


def test_all_that_match_are_those_the_list_showed_then(manager: Client, merchant: Merchant) -> None:
    as_of = timezone.now() - timedelta(minutes=5)
    a_shipment(merchant, status=Status.DELIVERED, created_at=as_of)
    a_shipment(merchant, status=Status.DELIVERED)
    a_shipment(merchant, created_at=as_of)

    response = manager.post(
        START,
        {"action": "refresh", "all": "1", "query": "tab=done&utm=x", "as_of": as_of.isoformat()},
    )

    action = started(response)
    assert (action.picked, action.query, action.as_of) == (None, "tab=done", as_of)
    acting.work(action.pk)
    action.refresh_from_db()
    assert action.total == 1


def test_a_list_of_the_future_is_one_of_now(manager: Client, merchant: Merchant) -> None:
    a_shipment(merchant)

    manager.post(START, {"action": "refresh", "all": "1", "as_of": "2999-01-01T00:00:00+00:00"})

    assert BulkAction.objects.get().as_of <= timezone.now()


def test_parcels_of_others_among_those_ticked_are_left_out(manager: Client, merchant: Merchant) -> None:
    mine, theirs = a_shipment(merchant), a_shipment(a_merchant())

    manager.post(
        START,
        {"action": "archive", "confirmed": "1", "pick": [mine.public_id, theirs.public_id, uuid4(), "no id"]},
    )

    assert BulkAction.objects.get().picked == [mine.pk]


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"action": "explode", "all": "1"}, "Choose what to do with the parcels."),
        ({"all": "1"}, "Choose what to do with the parcels."),
        ({"action": "refresh"}, "No parcel is selected."),
        ({"action": "refresh", "pick": "no id"}, "No parcel is selected."),
        ({"action": "refresh", "pick": "7c9e6679-7425-40de-944b-e07fc1f90ae7"}, "No parcel is selected."),
        ({"action": "refresh", "all": "1", "query": "tab=elsewhere"}, "There is no such tab."),
        ({"action": "refresh", "all": "1", "query": "q=nothing+like+it"}, "No parcel matches any more"),
        ({"action": "refresh", "all": "1", "as_of": "yesterday"}, "Go back to it and select again."),
        (
            {"action": "refresh", "all": "1", "as_of": "2026-01-01T00:00:00"},
            "Go back to it and select again.",
        ),
        ({"action": "refresh", "all": "1", "as_of": "9999-12-31T23:59:59-23:59"}, "Go back to it"),
        ({"action": "refresh", "all": "1", "as_of": "1000-01-01T00:00:00+00:00"}, "Go back to it"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_to_do_and_changes_nothing(
    manager: Client, merchant: Merchant, sent: dict[str, Any], message: str
) -> None:
    a_shipment(merchant)

    response = manager.post(START, sent)

    assert response.status_code == 400
    assert message in text_of(response)
    assert 'href="/app/alpine/shipments/"' in text_of(response)
    assert not BulkAction.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_refusal_leads_back_to_the_list_as_it_was_filtered(manager: Client, merchant: Merchant) -> None:
    page = text_of(manager.post(START, {"action": "refresh", "query": "tab=done&q=A-7"}))

    assert 'href="/app/alpine/shipments/?' in page
    back = page.split('href="/app/alpine/shipments/?')[1].split('"')[0]
    assert sorted(back.split("&amp;")) == ["q=A-7", "tab=done"]


def test_more_ticks_than_a_form_holds_are_refused(
    manager: Client, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms_bulk, "MOST_PICKED", 1)
    ticked = [a_shipment(merchant).public_id for _ in range(2)]

    response = manager.post(START, {"action": "refresh", "pick": ticked})

    assert response.status_code == 400
    assert "At most 1 parcels can be ticked at once" in text_of(response)


@pytest.mark.parametrize(
    ("deed", "field"), [("tag", "tag"), ("untag", "tag"), ("resolve", "resolution"), ("assign", "owner")]
)
def test_what_a_deed_must_be_told_is_asked_for_and_the_selection_is_kept(
    manager: Client, merchant: Merchant, deed: str, field: str
) -> None:
    ticked = a_shipment(merchant)
    sent = {"action": deed, "pick": str(ticked.public_id), "query": "tab=unknown"}

    page = manager.post(START, sent)

    assert page.status_code == 200
    assert f'name="{field}"' in text_of(page)
    assert 'role="alert"' not in text_of(page)
    assert f'<input type="hidden" name="pick" value="{ticked.public_id}">' in text_of(page)
    assert '<input type="hidden" name="query" value="tab=unknown">' in text_of(page)

    again = manager.post(START, sent | {"confirmed": "1"})

    assert again.status_code == 400
    assert "errorlist" in text_of(again)
    assert f'<input type="hidden" name="pick" value="{ticked.public_id}">' in text_of(again)
    assert not BulkAction.objects.exists()


def test_a_bad_tag_is_told_at_the_field_with_what_was_typed(manager: Client, merchant: Merchant) -> None:
    ticked = a_shipment(merchant)

    page = manager.post(START, {"action": "tag", "tag": "a,<b>", "pick": str(ticked.public_id)})

    assert page.status_code == 400
    assert "A tag has no commas, semicolons or control characters." in text_of(page)
    assert 'value="a,&lt;b&gt;"' in text_of(page)


@pytest.mark.parametrize(
    ("deed", "sent", "argument"),
    [
        ("resolve", {"resolution": "lost"}, {"resolution": "lost"}),
        ("resolve", {"resolution": "none"}, {"resolution": ""}),
        ("assign", {"owner": "nobody"}, {"owner": None}),
        ("proof-due", {}, {}),
        ("reopen", {"tag": "left in its field"}, {}),
    ],
)
def test_each_deed_starts_with_what_it_was_told(
    manager: Client, merchant: Merchant, deed: str, sent: dict[str, str], argument: dict[str, Any]
) -> None:
    manager.post(START, {"action": deed, "pick": str(a_shipment(merchant).public_id), **sent})

    assert BulkAction.objects.get().argument == argument


def test_parcels_are_given_to_members_only(
    manager: Client, merchant: Merchant, bob: User, charlie: User
) -> None:
    ticked = str(a_shipment(merchant).public_id)

    refused = manager.post(START, {"action": "assign", "owner": str(charlie.pk), "pick": ticked})
    assert refused.status_code == 400
    assert "This person does not belong to the merchant any more." in text_of(refused)
    assert not BulkAction.objects.exists()

    manager.post(START, {"action": "assign", "owner": str(bob.pk), "pick": ticked})
    action = BulkAction.objects.get()
    assert action.argument == {"owner": bob.pk}
    assert "Give to bob" in text_of(manager.get(f"/app/alpine/bulk/{action.public_id}/"))


@pytest.mark.parametrize("deed", ["archive", "close"])
def test_putting_away_is_always_asked_once_more_and_says_how_it_is_undone(
    manager: Client, merchant: Merchant, deed: str
) -> None:
    sent = {"action": deed, "pick": str(a_shipment(merchant).public_id)}

    page = text_of(manager.post(START, sent))

    assert "1 parcel selected" in page
    assert "What happens" in page
    assert "To undo it" in page
    assert not BulkAction.objects.exists()
    assert manager.post(START, sent | {"confirmed": "1"}).status_code == 302
    assert BulkAction.objects.get().deed == deed


def test_all_that_match_are_asked_once_more_where_they_are_many(
    manager: Client, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "UNASKED", 2)
    for _ in range(3):
        a_shipment(merchant)
    as_of = timezone.now()
    sent = {"action": "refresh", "all": "1", "as_of": as_of.isoformat()}

    page = text_of(manager.post(START, sent))

    assert "3 parcels: all that match your list" in page
    assert '<input type="hidden" name="all" value="1">' in page
    assert f'<input type="hidden" name="as_of" value="{as_of.isoformat()}">' in page
    assert not BulkAction.objects.exists()
    assert manager.post(START, sent | {"confirmed": "1"}).status_code == 302


def test_a_count_nobody_waits_for_is_told_as_more(
    manager: Client, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms_bulk, "MOST_COUNTED", 2)
    monkeypatch.setattr(bulk, "MOST_COUNTED", 2)
    monkeypatch.setattr(bulk, "UNASKED", 2)
    for _ in range(5):
        a_shipment(merchant)

    assert "more than 2 parcels: all that match" in text_of(
        manager.post(START, {"action": "refresh", "all": "1"})
    )


# ---- How far it is


def page_of(client: Client, action: BulkAction, **headers: str) -> str:
    return text_of(client.get(f"/app/alpine/bulk/{action.public_id}/", headers=headers))


def test_while_it_runs_the_fragment_asks_for_itself_and_shows_how_far_it_is(
    manager: Client, merchant: Merchant, mary: User
) -> None:
    action = a_bulk_action(
        merchant, by=mary, state=WorkState.RUNNING, total=12000, done=1500, changed=1400, query="tab=done"
    )

    fragment = page_of(manager, action, **{"HX-Request": "true"})

    assert fragment.lstrip().startswith('<div id="bulk-progress"')
    assert f'hx-get="/app/alpine/bulk/{action.public_id}/" hx-trigger="every 1s"' in fragment
    assert 'value="1500" max="12000"' in fragment
    for told in (
        "1,500 of 12,000 parcels",
        "1,400 parcels",
        "100 parcels",
        "Look again",
        "mary",
        "?tab=done",
    ):
        assert told in fragment
    assert f'action="/app/alpine/bulk/{action.public_id}/cancel/"' in fragment


def test_before_it_is_counted_the_bar_has_no_value(manager: Client, merchant: Merchant) -> None:
    waiting = a_bulk_action(merchant, state=WorkState.WAITING)
    counting = a_bulk_action(merchant, state=WorkState.RUNNING)

    assert "Waiting for its turn in the queue." in page_of(manager, waiting)
    page = page_of(manager, counting)
    assert "Counting the parcels." in page
    assert "max=" not in page.split("<progress")[1].split(">")[0]


@pytest.mark.parametrize(
    ("over", "told"),
    [
        ({"state": WorkState.DONE, "total": 7, "done": 7, "changed": 6}, "Done: 6 parcels changed."),
        ({"state": WorkState.DONE, "total": 0}, "Done: no parcel matched any more."),
        (
            {"state": WorkState.CANCELLED, "total": 7, "done": 3, "changed": 1},
            "Cancelled: 1 parcel changed before that, and they stay so.",
        ),
        ({"state": WorkState.FAILED, "total": 7, "error": "unexpected"}, "it is written in the log"),
        ({"state": WorkState.FAILED, "error": "filter"}, "Select them anew."),
    ],
)
def test_when_it_is_over_the_page_says_what_came_of_it_and_asks_no_more(
    manager: Client, merchant: Merchant, over: dict[str, Any], told: str
) -> None:
    page = page_of(manager, a_bulk_action(merchant, finished_at=timezone.now(), **over))

    assert told in page
    assert "hx-trigger" not in page
    assert "/cancel/" not in page
    assert "Back to the list" in page


def test_a_viewer_looks_but_has_no_button_to_cancel(
    bob: User, signed_in: Callable[[User], Client], merchant: Merchant
) -> None:
    page = page_of(signed_in(bob), a_bulk_action(merchant, state=WorkState.RUNNING, total=5))

    assert "/cancel/" not in page


def test_cancelling_stops_what_nobody_has_begun_and_is_written_down(
    manager: Client, merchant: Merchant, mary: User
) -> None:
    action = a_bulk_action(merchant)

    for _ in range(2):
        manager.post(f"/app/alpine/bulk/{action.public_id}/cancel/")

    action.refresh_from_db()
    assert action.state == WorkState.CANCELLED
    assert AuditEntry.objects.get().verb == "asked to cancel"


def test_an_action_that_is_being_cancelled_says_so(manager: Client, merchant: Merchant) -> None:
    action = a_bulk_action(
        merchant,
        state=WorkState.RUNNING,
        leased_until=timezone.now() + timedelta(minutes=1),
        total=9,
        done=3,
    )

    manager.post(f"/app/alpine/bulk/{action.public_id}/cancel/")

    page = page_of(manager, action)
    assert "Being cancelled after the step that runs." in page
    assert "/cancel/" not in page


def test_an_action_of_another_merchant_is_not_found(manager: Client) -> None:
    theirs = a_bulk_action(a_merchant())

    assert manager.get(f"/app/alpine/bulk/{theirs.public_id}/").status_code == 404
    assert manager.post(f"/app/alpine/bulk/{theirs.public_id}/cancel/").status_code == 404
    theirs.refresh_from_db()
    assert theirs.cancel_asked is False


def test_recent_actions_are_listed_newest_first_and_only_the_merchants_own(
    manager: Client, merchant: Merchant
) -> None:
    assert "Nothing yet" in text_of(manager.get("/app/alpine/bulk/"))
    a_bulk_action(merchant, argument={"tag": "first"}, state=WorkState.DONE)
    a_bulk_action(merchant, argument={"tag": "<second>"}, state=WorkState.RUNNING, total=10, done=5)
    a_bulk_action(a_merchant(), argument={"tag": "theirs"})

    page = text_of(manager.get("/app/alpine/bulk/"))

    assert page.index("Add the tag “&lt;second&gt;”") < page.index("Add the tag “first”")
    assert "50 %" in page
    assert "theirs" not in page


@pytest.mark.parametrize("actions", [1, 20])
def test_the_list_of_actions_takes_the_same_few_statements(
    manager: Client, merchant: Merchant, actions: int, django_assert_num_queries: Any
) -> None:
    for n in range(actions):
        owner = a_person(f"person-{n}@example.com", merchant)
        a_bulk_action(merchant, by=owner, deed=Deed.ASSIGN, argument={"owner": owner.pk})
    manager.get("/app/alpine/bulk/")

    # Session, person, memberships, actions, owners.
    with django_assert_num_queries(5):
        manager.get("/app/alpine/bulk/")


@pytest.mark.parametrize("parcels", [1, 40])
def test_starting_takes_the_same_few_statements_however_many_are_ticked(
    manager: Client, merchant: Merchant, parcels: int, django_assert_num_queries: Any
) -> None:
    ticked = [a_shipment(merchant).public_id for _ in range(parcels)]
    manager.get("/app/alpine/bulk/")

    # Session, person, memberships, parcels, action, audit; the savepoint's two are the test's own.
    with django_assert_num_queries(8):
        manager.post(START, {"action": "refresh", "pick": ticked})


def test_the_page_of_an_action_takes_few_statements(
    manager: Client, merchant: Merchant, django_assert_num_queries: Any
) -> None:
    action = a_bulk_action(merchant, picked=list(range(500)))
    manager.get("/app/alpine/bulk/")

    with django_assert_num_queries(4):
        page_of(manager, action)
