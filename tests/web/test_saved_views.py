"""Views of the list that people keep under a name."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from shipments.models import AuditEntry, Merchant, SavedView, User
from shipments.models.views import MOST_VIEWS
from tests.factories import a_shipment

pytestmark = pytest.mark.django_db

LIST = "/app/alpine/shipments/"
VIEWS = "/app/alpine/views/"


def a_view(owner: User, merchant: Merchant, **over: Any) -> SavedView:
    return SavedView.objects.create(
        **{"owner": owner, "merchant": merchant, "name": "Late ones", "query": "late=1", **over}
    )


def address(view: SavedView, deed: str = "change") -> str:
    return reverse(f"saved-view-{deed}", args=["alpine", view.public_id])


def offered(client: Client) -> list[tuple[str, str, bool]]:
    return list(client.get(LIST).context["views"])


def test_a_view_keeps_filters_order_and_columns_and_leads_back_to_them(manager: Client, mary: User) -> None:
    query = "q=smith&tab=moving&tag=gift&sort=-scan&columns=tags,added"

    response = manager.post(f"{VIEWS}add/", {"name": " Gifts ", "query": f"{query}&after=xyz&page=7"})

    kept = "q=smith&tab=moving&tag=gift&sort=-scan&columns=tags%2Cadded"
    assert response.headers["Location"] == f"{LIST}?{kept}"
    assert SavedView.objects.values("owner", "name", "query", "is_shared").get() == {
        "owner": mary.pk,
        "name": "Gifts",
        "query": kept,
        "is_shared": False,
    }
    assert offered(manager) == [("Gifts", f"{LIST}?{kept}", False)]
    assert manager.get(f"{LIST}?{kept}").context["views"][0][2] is True


def test_the_name_of_a_view_of_ones_own_sets_it_anew(
    manager: Client, mary: User, bob: User, merchant: Merchant
) -> None:
    of_another = a_view(bob, merchant)
    kept = a_view(mary, merchant)

    manager.post(f"{VIEWS}add/", {"name": "Late ones", "query": "late=1&carrier=UPS"})

    kept.refresh_from_db()
    of_another.refresh_from_db()
    assert (kept.query, of_another.query) == ("carrier=UPS&late=1", "late=1")
    assert SavedView.objects.count() == 2


def test_a_view_is_its_owners_until_they_share_it(
    manager: Client, mary: User, bob: User, merchant: Merchant, signed_in: Callable[[User], Client]
) -> None:
    kept = a_view(mary, merchant)
    other = signed_in(bob)
    assert offered(other) == []

    manager.post(address(kept), {"name": "Late ones", "is_shared": "1"})

    assert [name for name, _url, _is_current in offered(other)] == ["Late ones"]
    assert "shared by mary@example.com" in other.get(VIEWS).content.decode()


def test_a_viewer_keeps_views_for_themselves(bob: User, signed_in: Callable[[User], Client]) -> None:
    viewer = signed_in(bob)

    viewer.post(f"{VIEWS}add/", {"name": "Mine", "query": "news=1", "is_shared": "1"})

    assert SavedView.objects.get().is_shared is False
    assert "For everybody here" not in viewer.get(VIEWS).content.decode()


def test_a_view_of_another_merchant_is_not_there(
    alice: User, charlie: User, signed_in: Callable[[User], Client]
) -> None:
    theirs = a_view(charlie, charlie.memberships.get().merchant, is_shared=True)
    owner = signed_in(alice)

    assert owner.post(address(theirs), {"name": "Ours"}).status_code == 404
    assert owner.post(address(theirs, "delete")).status_code == 404
    assert offered(owner) == []
    assert SavedView.objects.get().name == "Late ones"


def test_only_whose_it_is_and_an_owner_change_a_shared_view(
    mary: User, bob: User, alice: User, merchant: Merchant, signed_in: Callable[[User], Client]
) -> None:
    kept = a_view(mary, merchant, is_shared=True)
    private = a_view(mary, merchant, name="Private")

    assert signed_in(bob).post(address(kept), {"name": "Bob's"}).status_code == 404
    assert signed_in(alice).post(address(private), {"name": "Alice's"}).status_code == 404
    assert signed_in(alice).post(address(kept), {"name": "Team", "is_shared": "1"}).status_code == 302

    assert set(SavedView.objects.values_list("name", "owner")) == {("Team", mary.pk), ("Private", mary.pk)}


def test_a_name_that_is_taken_is_refused_and_nothing_lost(
    manager: Client, mary: User, merchant: Merchant
) -> None:
    a_view(mary, merchant)
    other = a_view(mary, merchant, name="Other")

    response = manager.post(address(other), {"name": "Late ones"})

    assert response.status_code == 400
    assert "There is a view of this name already." in response.content.decode()
    assert 'value="Late ones"' in response.content.decode()
    other.refresh_from_db()
    assert other.name == "Other"


@pytest.mark.parametrize(
    ("name", "rule"),
    [("  ", "A view needs a name."), ("x" * 61, "at most 60 characters"), ("a\0b", "Null characters")],
)
def test_a_name_that_is_none_is_refused_and_the_list_kept(manager: Client, name: str, rule: str) -> None:
    response = manager.post(f"{VIEWS}add/", {"name": name, "query": "late=1"})

    page = response.content.decode()
    assert response.status_code == 400
    assert rule in page
    assert '<input type="hidden" name="query" value="late=1">' in page
    assert SavedView.objects.count() == 0


def test_what_is_no_address_of_the_list_is_not_kept(manager: Client) -> None:
    response = manager.post(f"{VIEWS}add/", {"name": "Lost", "query": "tab=lost"})

    assert (response.status_code, response.content.decode()) == (400, "There is no such tab.")
    assert SavedView.objects.count() == 0


def test_one_person_has_at_most_fifty_views_and_may_still_set_them_anew(
    manager: Client, mary: User, merchant: Merchant
) -> None:
    for n in range(MOST_VIEWS):
        a_view(mary, merchant, name=f"View {n}")

    response = manager.post(f"{VIEWS}add/", {"name": "One more", "query": "late=1"})
    again = manager.post(f"{VIEWS}add/", {"name": "View 7", "query": "news=1"})

    assert response.status_code == 400
    assert "Delete one first." in response.content.decode()
    assert again.status_code == 302
    assert SavedView.objects.get(name="View 7").query == "news=1"
    assert SavedView.objects.count() == MOST_VIEWS


def test_deleting_a_view_leaves_its_parcels(manager: Client, mary: User, merchant: Merchant) -> None:
    parcel = a_shipment(merchant)
    kept = a_view(mary, merchant)

    response = manager.post(address(kept, "delete"))

    assert response.headers["Location"] == VIEWS
    assert offered(manager) == []
    parcel.refresh_from_db()


def test_what_happens_to_a_shared_view_is_in_the_audit_without_what_it_searches_for(
    manager: Client, mary: User, merchant: Merchant
) -> None:
    private = a_view(mary, merchant, name="Private")
    manager.post(f"{VIEWS}add/", {"name": "Team", "query": "q=smith", "is_shared": "1"})
    shared = SavedView.objects.get(name="Team")
    manager.post(address(shared), {"name": "Team 2"})
    manager.post(address(private), {"name": "Private 2"})
    manager.post(address(private, "delete"))

    entries = AuditEntry.objects.filter(model="shipments.SavedView").order_by("at")
    assert [(entry.verb, entry.row, entry.before, entry.after) for entry in entries] == [
        ("saved", str(shared.pk), {}, {}),
        ("changed", str(shared.pk), {}, {}),
    ]


@pytest.mark.parametrize("many", [1, 20])
def test_the_page_of_views_takes_the_same_few_statements_for_any_number(
    manager: Client, mary: User, merchant: Merchant, many: int, django_assert_num_queries: Any
) -> None:
    for n in range(many):
        a_view(mary, merchant, name=f"View {n}")
    manager.get(VIEWS)

    # Session, person, memberships, views, which of them may be changed.
    with django_assert_num_queries(5):
        manager.get(VIEWS)
