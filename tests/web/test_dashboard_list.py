"""The list of parcels."""

import base64
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from shipments.bulk.nearby import Road
from shipments.enums import GROUP_OF, Lifecycle, Status, StatusGroup
from shipments.models import AttentionItem, Membership, Merchant, SavedView, Shipment, User, Watch
from shipments.web.shipment_list import PAGE_SIZE
from tests.factories import a_merchant, a_shipment
from tests.web.list_page import LIST, USPS, shown

pytestmark = pytest.mark.django_db


def tabs(client: Client, **query: str) -> dict[str, int | None]:
    return {tab.key: tab.count for tab in client.get(LIST, query).context["tabs"]}


def links(client: Client, url: str = LIST) -> dict[str, str]:
    """The addresses of the pages beside this one."""
    context = client.get(url).context
    return {name: context[f"{name}_url"] for name in ("newer", "older") if context[f"{name}_url"]}


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


def test_a_search_in_vain_teaches_and_offers_to_add_what_looks_like_a_number(
    signed_in: Callable[[User], Client], mary: User
) -> None:
    manager = signed_in(mary)
    add = 'href="/app/alpine/shipments/add/?number='

    page = manager.get(LIST, {"q": "1Z12345E0205271688"}).content.decode()

    assert "No parcel fits" in page
    assert f'{add}1Z12345E0205271688"' in page
    assert add not in manager.get(LIST, {"q": "smith"}).content.decode()


def test_a_search_in_vain_says_what_the_archive_has(viewer: Client, merchant: Merchant) -> None:
    a_shipment(merchant, number=USPS, lifecycle=Lifecycle.ARCHIVED, end_reason="settled")

    response = viewer.get(LIST, {"q": "0146"})

    assert "1 parcel in the archive fits" in response.content.decode()
    assert shown(viewer, response.context["archive_url"]) == [USPS]


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


def test_pages_go_on_after_the_last_row_even_where_rows_share_their_moment_and_back(
    viewer: Client, merchant: Merchant
) -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    numbers = [a_shipment(merchant, created_at=moment).number for _ in range(2 * PAGE_SIZE + 3)][::-1]
    first = links(viewer)
    second = links(viewer, first["older"])
    third = links(viewer, second["older"])

    assert shown(viewer) == numbers[:PAGE_SIZE]
    assert shown(viewer, first["older"]) == numbers[PAGE_SIZE : 2 * PAGE_SIZE]
    assert shown(viewer, second["older"]) == numbers[2 * PAGE_SIZE :]
    assert [set(page) for page in (first, second, third)] == [{"older"}, {"newer", "older"}, {"newer"}]
    assert shown(viewer, third["newer"]) == numbers[PAGE_SIZE : 2 * PAGE_SIZE]
    assert shown(viewer, second["newer"]) == numbers[:PAGE_SIZE]


def test_going_back_to_less_than_a_page_shows_the_first_page(viewer: Client, merchant: Merchant) -> None:
    for _ in range(PAGE_SIZE + 1):
        a_shipment(merchant)
    back = links(viewer, links(viewer)["older"])["newer"]
    Shipment.objects.latest("pk").delete()

    response = viewer.get(back)

    assert (response.status_code, response.headers["Location"]) == (302, LIST)


def test_a_page_of_older_parcels_does_not_shift_when_new_ones_come(
    viewer: Client, merchant: Merchant
) -> None:
    for _ in range(PAGE_SIZE + 1):
        a_shipment(merchant)
    older = viewer.get(LIST).context["older_url"]
    before = shown(viewer, older)

    a_shipment(merchant)

    assert shown(viewer, older) == before


@pytest.mark.parametrize(
    "after", ["nonsense", "", "AAAA", "MjAyNi0wMS0wMSA1", "%00", "ZZZZZZZZZZZZZZZ=", "é", "NQ", "A" * 5000]
)
@pytest.mark.parametrize("name", ["after", "before"])
def test_a_mark_that_is_none_begins_the_list_anew(
    viewer: Client, merchant: Merchant, name: str, after: str
) -> None:
    shipment = a_shipment(merchant)

    response = viewer.get(LIST, {name: after}, follow=True)

    assert [row.number for row in response.context["rows"]] == [shipment.number]


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
    mark = base64.urlsafe_b64encode(f"5 {moment}".encode()).decode().rstrip("=")

    assert viewer.get(LIST, {"after": mark}).status_code == 200


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"tab": "lost"}, "There is no such tab."),
        ({"q": "9" * 101}, "At most 100 signs; these are 101."),
        ({"added_from": "soon"}, "A day is written like 2026-03-31."),
        ({"sort": "price"}, "The list cannot be sorted by that."),
        ({"columns": "status,price"}, "There is no column “price”."),
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
@pytest.mark.parametrize(
    ("query", "statements"),
    [
        # Session, person, memberships; tallies, parcels, choices of the filters, views.
        ("", 7),
        ("tab=unknown", 7),
        # Gathering the few that fit counts them, too.
        ("q=alpine&tag=gift&attention=mine&carrier=USPS", 7),
        ("q=alpine&tag=gift&late=1&attention=mine&news=1&sort=-order", 7),
        ("columns=owner,tags,recipient,service,place,carrier", 7),
        # Nothing fits: no parcels are read, but those of the archive are counted.
        ("q=nothing+like+it", 7),
        # Those without a promise come last, by a statement of their own.
        ("sort=promised", 8),
    ],
)
def test_the_list_takes_the_same_few_statements_for_any_number_of_parcels(
    viewer: Client,
    merchant: Merchant,
    bob: User,
    parcels: int,
    query: str,
    statements: int,
    django_assert_num_queries: Any,
) -> None:
    Membership.objects.update(seen_until=timezone.now() - timedelta(days=1))
    for _ in range(parcels):
        parcel = a_shipment(
            merchant,
            recipient_name="Alpine",
            tags=["gift"],
            estimated_on=date(2026, 1, 1),
            changed_at=timezone.now(),
        )
        needs(parcel, owner=bob)
        SavedView.objects.create(merchant=merchant, owner=bob, name=parcel.number)
    viewer.get(LIST)

    with django_assert_num_queries(statements):
        viewer.get(f"{LIST}?{query}")


def needs(parcel: Shipment, **over: Any) -> AttentionItem:
    now = timezone.now()
    return AttentionItem.objects.create(
        **{
            "shipment": parcel,
            "merchant": parcel.merchant,
            "reasons": ["late"],
            "reason": "late",
            "rank": 5,
            "since": now,
            "found_at": now,
            **over,
        }
    )


def test_a_row_says_what_is_known_and_how_old_it_is(viewer: Client, merchant: Merchant) -> None:
    now = timezone.now()
    shipment = a_shipment(
        merchant,
        number=USPS,
        status=Status.IN_TRANSIT,
        last_location="DENVER,CO,80202",
        last_scan_at=now - timedelta(hours=3, minutes=5),
        estimated_on=(now - timedelta(days=9)).date(),
        order_number="A-77",
    )
    Watch.objects.filter(shipment=shipment).update(checked_at=now - timedelta(minutes=4, seconds=30))

    (row,) = viewer.get(LIST, {"columns": "status,due,scan,checked,order"}).context["rows"]

    cells = {cell.label: (cell.kind, cell.text, cell.more) for cell in row.cells}
    assert (row.carrier, row.place) == ("USPS", "Denver, CO 80202")
    assert cells["Status"] == ("status", "On the way", "moving")
    assert cells["Due or delivered"][0] == "late"
    assert cells["Last scan"][:2] == ("time", "3 h ago")
    assert cells["Checked"][:2] == ("time", "4 min ago")
    assert cells["Order"][:2] == ("text", "A-77")


def test_people_with_several_merchants_may_change_between_them(
    bob: User, viewer: Client, merchant: Merchant
) -> None:
    assert "Other merchants" not in viewer.get(LIST).content.decode()
    bob.memberships.create(merchant=a_merchant(slug="bakery", name="Zimt Bakery"), role="viewer")

    page = viewer.get(LIST).content.decode()

    assert '<a href="/app/bakery/">Zimt Bakery</a>' in page


# ---- Tabs and counts


def test_what_is_archived_is_in_no_list_but_its_own(viewer: Client, merchant: Merchant) -> None:
    kept = a_shipment(merchant)
    archived = a_shipment(merchant, lifecycle=Lifecycle.ARCHIVED, end_reason="settled")

    assert (shown(viewer), tabs(viewer)[""]) == ([kept.number], 1)
    assert (shown(viewer, lifecycle="archived"), tabs(viewer, lifecycle="archived")[""]) == (
        [archived.number],
        1,
    )


def test_with_a_filter_on_the_tabs_count_what_fits(viewer: Client, merchant: Merchant) -> None:
    a_shipment(merchant, status=Status.EXCEPTION, tags=["gift"])
    a_shipment(merchant, status=Status.IN_TRANSIT, tags=["gift"])
    a_shipment(merchant, status=Status.IN_TRANSIT)

    counts = tabs(viewer, tag="gift", tab="moving")

    assert (counts[""], counts["moving"], counts["trouble"], counts["done"]) == (2, 1, 1, 0)


def test_more_than_a_thousand_are_not_counted(
    viewer: Client, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shipments.web.shipment_list.MOST_COUNTED", 2)
    for _ in range(3):
        a_shipment(merchant, tags=["gift"])

    response = viewer.get(LIST, {"tag": "gift"})

    assert {tab.count for tab in response.context["tabs"]} == {None}
    assert '<span class="count">2+</span>' in response.content.decode()
    assert len(response.context["rows"]) == 3


@pytest.mark.parametrize("query", ["tag=gift", "q=ro", "place=denver", "attention=any", "late=1&sort=scan"])
def test_what_is_too_much_to_count_is_found_wherever_it_lies(
    viewer: Client, merchant: Merchant, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    """Near the beginning of the list, or behind everything that a walk would pass."""
    monkeypatch.setattr("shipments.web.shipment_list.MOST_COUNTED", 2)
    monkeypatch.setattr("shipments.web.shipment_list.PAGE_SIZE", 2)
    fitting: list[str] = []
    for n in range(5):
        parcel = a_shipment(
            merchant,
            tags=["gift"],
            recipient_name="Rosa Invented",
            last_location="DENVER",
            last_scan_at=datetime(2026, 3, 1 + n, tzinfo=UTC),
            estimated_on=date(2026, 1, 1),
        )
        needs(parcel)
        fitting.insert(0, parcel.number)
    for walked in (1000, 3):
        monkeypatch.setattr(
            "shipments.web.shipment_list.Road", lambda parcels, *_steps, walked=walked: Road(parcels, walked)
        )
        first = links(viewer, f"{LIST}?{query}")
        second = links(viewer, first["older"])

        assert shown(viewer, f"{LIST}?{query}") == fitting[:2]
        assert shown(viewer, first["older"]) == fitting[2:4]
        assert shown(viewer, second["older"]) == fitting[4:]
        assert shown(viewer, second["newer"]) == fitting[:2]
        for _ in range(3):
            a_shipment(merchant, last_scan_at=timezone.now(), status=Status.DELIVERED)


# ---- Orders


@pytest.mark.parametrize("filtered", ["", "&tag=gift"], ids=["looked up", "gathered"])
@pytest.mark.parametrize("turned", ["", "-"])
@pytest.mark.parametrize("sort", ["added", "news", "scan", "promised", "delivered", "order"])
def test_each_order_goes_through_all_parcels_both_ways_and_ends_with_those_that_lack_it(
    viewer: Client, merchant: Merchant, monkeypatch: pytest.MonkeyPatch, sort: str, turned: str, filtered: str
) -> None:
    monkeypatch.setattr("shipments.web.shipment_list.PAGE_SIZE", 2)
    # Two share each value, two have none, and the order in which they were added is another.
    parcels = []
    for n in (3, None, 1, 1, 2, None, 3, 2):
        at = datetime(2026, 3, n, tzinfo=UTC) if n else None
        parcels.append(
            a_shipment(
                merchant,
                created_at=at or datetime(2026, 2, 1, tzinfo=UTC),
                changed_at=at,
                last_scan_at=at,
                estimated_on=at.date() if at else None,
                delivered_on=at.date() if at else None,
                order_number=f"{'oO'[n % 2]}-{n}" if n else "",
                tags=["gift"],
            )
        )
    value = {3: 3, 2: 2, 1: 1, None: 0}
    numbers = dict(zip((p.number for p in parcels), (3, None, 1, 1, 2, None, 3, 2), strict=True))
    first_is_large = (sort not in {"promised", "order"}) != bool(turned)
    sign = -1 if first_is_large else 1

    def place(parcel: Shipment) -> tuple[bool, int, int]:
        n = numbers[parcel.number]
        return (n is None and sort != "added", sign * value[n], sign * parcel.pk)

    expected = [parcel.number for parcel in sorted(parcels, key=place)]

    url, forth = f"{LIST}?sort={turned}{sort}{filtered}", []
    while url:
        forth.append((url, shown(viewer, url)))
        url = links(viewer, url).get("older", "")
    back: list[list[str]] = []
    url = forth[-1][0]
    while url:
        back.insert(0, shown(viewer, url))
        url = links(viewer, url).get("newer", "")

    assert [number for _url, page in forth for number in page] == expected
    assert back == [page for _url, page in forth]


def test_a_list_cut_by_a_day_is_sorted_by_it_unless_said_otherwise(
    viewer: Client, merchant: Merchant
) -> None:
    late = [a_shipment(merchant, estimated_on=date(2026, 1, day), number=f"LATE{day}") for day in (3, 1, 2)]

    assert shown(viewer, late="1") == ["LATE1", "LATE2", "LATE3"]
    assert shown(viewer, late="1", sort="added") == [parcel.number for parcel in late[::-1]]


def test_a_heading_sorts_by_its_column_and_turns_the_order_around(viewer: Client, merchant: Merchant) -> None:
    a_shipment(merchant)

    page = viewer.get(LIST, {"sort": "scan"}).content.decode()

    assert f'aria-sort="descending"><a href="{LIST}?sort=-scan">Last scan</a>' in page
    assert f'<a href="{LIST}?sort=order">Order</a>' in page


# ---- Columns


def headings(client: Client, **query: str) -> list[str]:
    return [str(label) for label, _url, _sorted in client.get(LIST, query).context["headings"]]


def test_columns_of_the_address_are_shown_in_the_order_of_the_table(
    viewer: Client, merchant: Merchant
) -> None:
    a_shipment(merchant, recipient_name="Rosa Invented", tags=["gift", "fragile"])

    response = viewer.get(LIST, {"columns": "tags,recipient"})

    (row,) = response.context["rows"]
    assert [(cell.label, cell.text) for cell in row.cells] == [
        ("Recipient", "Rosa Invented"),
        ("Tags", "gift, fragile"),
    ]
    assert headings(viewer, columns="") == []


def test_columns_are_remembered_for_the_person_who_asks_for_it(
    viewer: Client, bob: User, mary: User, signed_in: Callable[[User], Client]
) -> None:
    response = viewer.post(f"{LIST}columns/", {"query": "tab=moving&columns=added,tags"})

    assert response.headers["Location"] == f"{LIST}?tab=moving"
    assert headings(viewer) == ["Tags", "Added"]
    assert headings(signed_in(mary)) == ["Status", "Due or delivered", "Last scan", "Order"]


def test_the_usual_columns_are_not_kept_so_that_they_can_become_better_ones(
    viewer: Client, bob: User
) -> None:
    bob.memberships.update(columns=["tags"])

    viewer.post(f"{LIST}columns/", {"query": "columns=order,scan,due,status"})

    assert bob.memberships.get().columns == []


def test_who_looks_after_a_parcel_is_shown_while_it_needs_somebody(
    viewer: Client, merchant: Merchant, mary: User
) -> None:
    needs(a_shipment(merchant, number="NEEDS1"), owner=mary)
    needs(a_shipment(merchant, number="DONE11"), owner=mary, done_at=timezone.now())
    a_shipment(merchant, number="NEVER1")

    rows = viewer.get(LIST, {"columns": "owner"}).context["rows"]

    assert {row.number: row.cells[0].text for row in rows} == {
        "NEEDS1": "mary@example.com",
        "DONE11": "",
        "NEVER1": "",
    }


# ---- Filters


def test_filters_that_are_on_can_be_taken_off_one_by_one(viewer: Client, merchant: Merchant) -> None:
    response = viewer.get(
        f"{LIST}?tab=moving&carrier=USPS&tag=gift&tag=fragile&promised_from=2026-03-01&sort=scan"
    )

    assert dict(response.context["chips"]) == {
        "Carrier: USPS": f"{LIST}?tab=moving&tag=gift&tag=fragile&promised_from=2026-03-01&sort=scan",
        "Tag: gift": f"{LIST}?tab=moving&carrier=USPS&tag=fragile&promised_from=2026-03-01&sort=scan",
        "Tag: fragile": f"{LIST}?tab=moving&carrier=USPS&tag=gift&promised_from=2026-03-01&sort=scan",
        "Promised: from 1 March": f"{LIST}?tab=moving&carrier=USPS&tag=gift&tag=fragile&sort=scan",
    }
    assert "Filters (4)" in response.content.decode()


def test_the_panel_offers_what_the_merchants_parcels_have(
    viewer: Client, merchant: Merchant, charlie: User
) -> None:
    a_shipment(merchant, service_name="Ground", tags=["gift", "Wholesale"])
    a_shipment(merchant, carrier="UPS", number="1Z12345E0205271688", service_name="Next Day", tags=["gift"])
    a_shipment(merchant, carrier="FedEx", lifecycle="archived", end_reason="settled", service_name="Old")
    a_shipment(charlie.memberships.get().merchant, carrier="PBI", service_name="Theirs", tags=["theirs"])

    fields = {field.name: field for field in viewer.get(LIST).context["fields"]}

    assert [value for value, _label in fields["carrier"].options] == ["", "UPS", "USPS"]
    assert [value for value, _label in fields["service"].options] == ["", "Ground", "Next Day"]
    assert [value for value, _label in fields["tag"].options] == ["gift", "Wholesale"]


def test_what_was_typed_wrong_stays_in_its_field_with_the_rule(viewer: Client) -> None:
    response = viewer.get(LIST, {"added_from": "soon", "place": "Denver"})

    fields = {field.name: field for field in response.context["fields"]}
    assert (fields["added_from"].value, fields["added_from"].error) == (
        "soon",
        "A day is written like 2026-03-31.",
    )
    assert (fields["place"].value, fields["place"].error) == ("Denver", "")
    assert '<details class="tools__filters" id="filters" open>' in response.content.decode()


def test_nothing_from_an_address_or_a_carrier_is_drawn_as_html(viewer: Client, merchant: Merchant) -> None:
    bold = "<b>bold</b>"
    a_shipment(
        merchant, order_number=bold, last_location=bold, recipient_name=bold, tags=[bold], service_name=bold
    )

    page = viewer.get(
        LIST, {"q": bold, "tag": bold, "columns": "order,recipient,tags,service"}
    ).content.decode()

    assert len(viewer.get(LIST, {"tag": bold}).context["rows"]) == 1
    assert "<b>" not in page


# ---- Picking


def test_parcels_are_picked_for_what_is_asked_at_this_moment(viewer: Client, merchant: Merchant) -> None:
    parcel = a_shipment(merchant, tags=["gift"])
    before = timezone.now()

    response = viewer.get(LIST, {"tag": "gift", "tab": "unknown", "sort": "scan"})

    page = response.content.decode()
    assert f'<input type="checkbox" name="pick" value="{parcel.public_id}"' in page
    assert 'name="query" value="tab=unknown&amp;tag=gift" form="bulk-form"' in page
    assert "All 1 that match" in page
    assert before <= response.context["bulk_as_of"] <= timezone.now()
