"""The list of parcels."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from shipments.enums import GROUP_OF, Status, StatusGroup
from shipments.models import Merchant, User, Watch
from shipments.web.dashboard import PAGE_SIZE
from shipments.web.forms import Mark
from tests.factories import a_merchant, a_shipment

pytestmark = pytest.mark.django_db

LIST = "/app/alpine/shipments/"
USPS = "9405509898641500000146"


@pytest.fixture
def viewer(bob: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(bob)


def shown(client: Client, url: str = LIST, **query: str) -> list[str]:
    """The numbers on the page, in their order."""
    return [row.number for row in client.get(url, query).context["rows"]]


def tabs(client: Client) -> dict[str, int]:
    return {tab.key: tab.count for tab in client.get(LIST).context["tabs"]}


def test_parcels_come_newest_first(viewer: Client, merchant: Merchant) -> None:
    numbers = [a_shipment(merchant).number for _ in range(3)]

    assert shown(viewer) == numbers[::-1]


def test_another_merchants_parcels_are_not_in_the_list_nor_in_the_counts(
    viewer: Client, charlie: User
) -> None:
    a_shipment(charlie.memberships.get().merchant)

    assert shown(viewer) == []
    assert tabs(viewer)[""] == 0


def test_each_tab_counts_and_shows_its_statuses(viewer: Client, merchant: Merchant) -> None:
    numbers = {status: a_shipment(merchant, status=status).number for status in Status}

    counts = tabs(viewer)

    assert counts == {
        "": 12,
        "waiting": 1,
        "moving": 3,
        "today": 1,
        "needs-you": 3,
        "trouble": 2,
        "done": 1,
        "unknown": 1,
    }
    for group in StatusGroup:
        expected = {number for status, number in numbers.items() if GROUP_OF[status] == group}
        assert set(shown(viewer, tab=group.value)) == expected


@pytest.mark.parametrize(
    "typed",
    [
        USPS,
        "9405 5098 9864 1500 0001 46",
        "9405-5098-9864-1500-0001-46",
        f"42020832{USPS}",
        "000146",
        "94055098",
        "order 7",
        "ORDER 77",
    ],
)
def test_a_parcel_is_found_by_its_number_in_any_form_by_an_end_of_it_and_by_its_order(
    viewer: Client, merchant: Merchant, typed: str
) -> None:
    a_shipment(merchant, number="1Z12345E0205271686", carrier="UPS")
    a_shipment(merchant, number=USPS, order_number="Order 77")

    assert shown(viewer, q=typed) == [USPS]


@pytest.mark.parametrize("typed", ["---", "nothing like it", "%", "_"])
def test_what_fits_no_parcel_finds_none(viewer: Client, merchant: Merchant, typed: str) -> None:
    a_shipment(merchant, number=USPS)

    assert shown(viewer, q=typed) == []


def test_a_search_in_vain_teaches_and_offers_to_add(signed_in: Callable[[User], Client], mary: User) -> None:
    page = signed_in(mary).get(LIST, {"q": "1Z 999"}).content.decode()

    assert "No parcel fits" in page
    assert 'href="/app/alpine/shipments/add/?number=1Z%20999"' in page


def test_the_first_visit_offers_to_add_a_number_to_who_may(
    viewer: Client, mary: User, signed_in: Callable[[User], Client]
) -> None:
    assert (
        'class="button button--primary" href="/app/alpine/shipments/add/"'
        in signed_in(mary).get(LIST).content.decode()
    )
    page = viewer.get(LIST).content.decode()
    assert "A manager or an owner adds them" in page
    assert "/shipments/add/" not in page


def test_pages_go_on_after_the_last_row_even_where_rows_share_their_moment(
    viewer: Client, merchant: Merchant
) -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    numbers = [a_shipment(merchant, created_at=moment).number for _ in range(PAGE_SIZE + 3)]
    first = viewer.get(LIST)

    second = viewer.get(first.context["older_url"])

    assert [row.number for row in first.context["rows"]] == numbers[:2:-1]
    assert [row.number for row in second.context["rows"]] == numbers[2::-1]
    assert (second.context["older_url"], second.context["newest_url"]) == ("", LIST)


def test_a_page_of_older_parcels_does_not_shift_when_new_ones_come(
    viewer: Client, merchant: Merchant
) -> None:
    for _ in range(PAGE_SIZE + 1):
        a_shipment(merchant)
    older = viewer.get(LIST).context["older_url"]
    before = shown(viewer, older)

    a_shipment(merchant)

    assert shown(viewer, older) == before


def test_the_fragment_asks_for_the_same_tab_search_and_page_again(viewer: Client, merchant: Merchant) -> None:
    mark = str(Mark(timezone.now() + timedelta(days=1), 5))
    a_shipment(merchant, number=USPS)
    url = f"{LIST}?tab=unknown&q=000146&after={mark}"

    response = viewer.get(url, headers={"HX-Request": "true"})

    page = response.content.decode()
    assert page.lstrip().startswith('<div id="shipment-table"')
    assert f'hx-get="{url.replace("&", "&amp;")}" hx-trigger="every 30s"' in page
    assert "HX-Request" in response.headers["Vary"]
    assert USPS in page


@pytest.mark.parametrize("header", ["HX-Boosted", "HX-History-Restore-Request"])
def test_boosted_and_restored_requests_get_the_whole_page(viewer: Client, header: str) -> None:
    response = viewer.get(LIST, headers={"HX-Request": "true", header: "true"})

    assert "<!doctype html>" in response.content.decode()


@pytest.mark.parametrize(
    "after", ["nonsense", "", "AAAA", "MjAyNi0wMS0wMSA1", "%00", "ZZZZZZZZZZZZZZZ=", "é"]
)
def test_a_mark_that_is_none_begins_the_list_anew(viewer: Client, merchant: Merchant, after: str) -> None:
    shipment = a_shipment(merchant)

    assert shown(viewer, after=after) == [shipment.number]


@given(created_at=st.datetimes(timezones=st.just(UTC)), pk=st.integers(1, 2**63 - 1))
def test_a_mark_survives_the_address_it_is_written_into(created_at: datetime, pk: int) -> None:
    assert Mark.read(str(Mark(created_at, pk))) == Mark(created_at, pk)


@given(st.text(max_size=100))
def test_no_text_in_an_address_breaks_the_reading_of_a_mark(text: str) -> None:
    mark = Mark.read(text)

    assert mark is None or mark.created_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "moment",
    [
        "0001-01-01T00:00:00+23:59",
        "0001-01-01T00:00:00+00:00",
        "9999-12-31T23:59:59-23:59",
        "9999-12-31T23:59:59+00:00",
    ],
)
def test_a_mark_at_the_edge_of_time_is_no_trouble(viewer: Client, moment: str) -> None:
    mark = base64.urlsafe_b64encode(f"{moment} 5".encode()).decode().rstrip("=")

    assert viewer.get(LIST, {"after": mark}).status_code == 200


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"tab": "lost"}, "There is no such tab."),
        ({"q": "9" * 101}, "Ensure this value has at most 100 characters (it has 101)."),
    ],
)
def test_an_address_that_asks_for_nonsense_is_told_so(
    viewer: Client, merchant: Merchant, query: dict[str, str], message: str
) -> None:
    a_shipment(merchant)

    response = viewer.get(LIST, query)

    assert response.status_code == 400
    assert message in response.content.decode()
    assert response.context["rows"] == []


def test_a_null_sign_in_the_search_is_refused(viewer: Client) -> None:
    assert viewer.get(LIST, {"q": "12\0"}).status_code == 400


@pytest.mark.parametrize("parcels", [1, 20])
def test_the_list_takes_the_same_few_statements_for_any_number_of_parcels(
    viewer: Client, merchant: Merchant, parcels: int, django_assert_num_queries: Any
) -> None:
    for _ in range(parcels):
        a_shipment(merchant)
    viewer.get(LIST)

    # Session, person, memberships, parcels, tallies.
    with django_assert_num_queries(5):
        viewer.get(LIST)


def test_a_row_says_what_is_known_and_how_old_it_is(viewer: Client, merchant: Merchant) -> None:
    now = timezone.now()
    shipment = a_shipment(
        merchant,
        number=USPS,
        status=Status.IN_TRANSIT,
        last_location="DENVER, CO 80202",
        last_scan_at=now - timedelta(hours=3, minutes=5),
        estimated_on=(now - timedelta(days=9)).date(),
        order_number="A-77",
    )
    Watch.objects.filter(shipment=shipment).update(checked_at=now - timedelta(minutes=4, seconds=30))

    (row,) = viewer.get(LIST).context["rows"]

    assert (row.status_label, row.group, row.scanned, row.checked, row.order_number, row.is_late) == (
        "On the way",
        "moving",
        "3 h ago",
        "4 min ago",
        "A-77",
        True,
    )


def test_each_tab_and_page_link_keeps_an_id_so_that_a_poll_does_not_move_the_focus(
    viewer: Client, merchant: Merchant
) -> None:
    shipment = a_shipment(merchant)

    page = viewer.get(LIST).content.decode()

    assert [f'id="tab-{key}"' in page for key in ("all", *StatusGroup)] == [True] * 8
    assert f'id="parcel-{shipment.public_id}"' in page


def test_people_with_several_merchants_may_change_between_them(
    bob: User, viewer: Client, merchant: Merchant
) -> None:
    assert "Other merchants" not in viewer.get(LIST).content.decode()
    bob.memberships.create(merchant=a_merchant(slug="bakery", name="Zimt Bakery"), role="viewer")

    page = viewer.get(LIST).content.decode()

    assert '<a href="/app/bakery/">Zimt Bakery</a>' in page
