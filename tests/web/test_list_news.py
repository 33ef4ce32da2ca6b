"""News in the list of parcels: what is marked, and until when."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from shipments.models import Membership, Merchant, Shipment, User
from tests.factories import a_shipment
from tests.web.list_page import LIST, USPS, shown

pytestmark = pytest.mark.django_db


@pytest.fixture
def news(merchant: Merchant, bob: User) -> Shipment:
    """A parcel that has changed since Bob looked."""
    Membership.objects.update(seen_until=timezone.now() - timedelta(hours=2))
    return a_shipment(merchant, number=USPS, changed_at=timezone.now() - timedelta(hours=1))


def marked(client: Client) -> list[str]:
    return [row.number for row in client.get(LIST).context["rows"] if row.is_news]


def test_a_parcel_is_marked_until_its_news_is_seen(
    viewer: Client, merchant: Merchant, news: Shipment
) -> None:
    a_shipment(merchant)
    response = viewer.get(LIST)
    assert marked(viewer) == [USPS]
    assert shown(viewer, news="1") == [USPS]

    until = response.context["as_of"].isoformat()
    back = viewer.post(f"{LIST}seen/", {"until": until, "query": "tab=unknown"})

    assert back.headers["Location"] == f"{LIST}?tab=unknown"
    assert marked(viewer) == []
    assert shown(viewer, news="1") == []


def test_what_changes_after_the_page_was_drawn_keeps_its_mark(viewer: Client, news: Shipment) -> None:
    until = viewer.get(LIST).context["as_of"].isoformat()
    Shipment.objects.update(changed_at=timezone.now())

    viewer.post(f"{LIST}seen/", {"until": until})

    assert marked(viewer) == [USPS]


def test_nobody_sees_the_future(viewer: Client, bob: User, news: Shipment) -> None:
    viewer.post(f"{LIST}seen/", {"until": "2999-01-01T00:00:00+00:00"})

    assert bob.memberships.get().seen_until <= timezone.now()


@pytest.mark.parametrize(
    "until", ["", "soon", "2026-03-06", "2026-03-06T12:00:00", "0001-01-01T00:00:00+14:00"]
)
def test_a_moment_that_is_none_is_refused(viewer: Client, bob: User, news: Shipment, until: str) -> None:
    before = bob.memberships.get().seen_until

    assert viewer.post(f"{LIST}seen/", {"until": until}).status_code == 400
    assert viewer.get(f"{LIST}news/", {"since": until}).status_code == 400
    assert bob.memberships.get().seen_until == before


def test_what_one_person_has_seen_is_still_news_to_another(
    viewer: Client, mary: User, news: Shipment, signed_in: Callable[[User], Client]
) -> None:
    mary.memberships.update(seen_until=timezone.now() - timedelta(hours=2))

    viewer.post(f"{LIST}seen/", {"until": timezone.now().isoformat()})

    assert marked(signed_in(mary)) == [USPS]


def test_the_page_says_quietly_how_many_of_its_parcels_have_changed(
    viewer: Client, merchant: Merchant, django_assert_num_queries: Any
) -> None:
    a_shipment(merchant, tags=["gift"], changed_at=timezone.now())
    poll = viewer.get(LIST, {"tag": "gift"}).context["news_poll"]
    assert viewer.get(poll).content.strip() == b""
    for _ in range(2):
        a_shipment(merchant, tags=["gift"], changed_at=timezone.now())
    a_shipment(merchant, changed_at=timezone.now())

    # Session, person, memberships, parcels.
    with django_assert_num_queries(4):
        told = viewer.get(poll).content.decode()

    assert told == f'2 updated. <a id="list-reload" href="{LIST}?tag=gift">Show them</a>\n'


def test_a_poll_for_what_does_not_exist_is_refused(viewer: Client) -> None:
    response = viewer.get(f"{LIST}news/", {"tab": "lost", "since": timezone.now().isoformat()})

    assert (response.status_code, response.content.decode()) == (400, "There is no such tab.")
