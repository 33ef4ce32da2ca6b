"""Working through the list in a real browser: with the keyboard, with filters and views, with and without scripts."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect

from shipments.enums import Status
from shipments.models import Membership, Merchant, SavedView, Shipment, User
from tests.browser.driving import ColorScheme, a_page, arrived, barriers, sign_in_on_the_way
from tests.factories import a_shipment

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def parcels(merchant: Merchant, alice: User) -> list[Shipment]:
    """Three, the last one at the top; that in the middle has news."""
    now = timezone.now()
    Membership.objects.update(seen_until=now - timedelta(hours=1))
    return [
        a_shipment(merchant, status=Status.DELIVERED, tags=["gift"], order_number="A-1"),
        a_shipment(merchant, status=Status.EXCEPTION, tags=["gift"], order_number="A-2", changed_at=now),
        a_shipment(merchant, status=Status.IN_TRANSIT, recipient_name="Rosa Invented", order_number="A-3"),
    ]


def open_list(page: Page, live_server: Any, query: str = "") -> None:
    """Sign in on the way to the list."""
    sign_in_on_the_way(page, f"{live_server.url}/app/alpine/shipments/{query}")


def numbers(page: Page) -> Locator:
    return page.locator("#shipments tbody a.number")


def test_an_agent_works_through_the_list_by_the_keyboard(
    browser: Browser, live_server: Any, parcels: list[Shipment]
) -> None:
    first, second, third = parcels
    with a_page(browser) as page:
        open_list(page, live_server)

        page.keyboard.press("j")
        expect(page.get_by_role("link", name=third.number)).to_be_focused()
        page.keyboard.press("j")
        page.keyboard.press("x")
        expect(page.get_by_role("checkbox", name=f"Select {second.number}")).to_be_checked()
        expect(page.get_by_text("1 selected")).to_be_visible()
        # The box has the focus of a click no more than before: the next key goes on from the row.
        page.keyboard.press("j")
        page.keyboard.press("j")
        expect(page.get_by_role("link", name=first.number)).to_be_focused()
        page.keyboard.press("k")
        expect(page.get_by_role("link", name=second.number)).to_be_focused()

        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_hidden()

        page.keyboard.press("/")
        expect(page.get_by_role("searchbox")).to_be_focused()
        page.keyboard.type("xjk?rosa")
        expect(page.get_by_role("searchbox")).to_have_value("xjk?rosa")
        page.get_by_role("searchbox").fill("rosa")
        page.keyboard.press("Enter")
        arrived(page, f"{live_server.url}/app/alpine/shipments/?q=rosa")
        expect(numbers(page)).to_have_text([third.number])

        page.keyboard.press("j")
        page.keyboard.press("Enter")
        arrived(page, f"{live_server.url}/app/alpine/shipments/{third.public_id}/")
        # In one go: the letter has to come within a second.
        page.keyboard.type("gs")
        arrived(page, f"{live_server.url}/app/alpine/shipments/")


def test_all_of_a_page_and_all_that_match_are_selected_and_let_go(
    browser: Browser, live_server: Any, parcels: list[Shipment]
) -> None:
    with a_page(browser) as page:
        open_list(page, live_server)
        everything = page.get_by_role("checkbox", name="that match, not only this page")

        page.get_by_role("checkbox", name="Select all of this page").check()
        expect(page.get_by_text("3 selected")).to_be_visible()
        everything.check()
        expect(page.get_by_text("3 selected")).to_have_count(0)
        page.get_by_role("checkbox", name=f"Select {parcels[0].number}").uncheck()
        expect(everything).not_to_be_checked()
        expect(page.get_by_text("2 selected")).to_be_visible()

        boxes = page.locator("#shipments input[name=pick]")
        boxes.nth(0).uncheck()
        boxes.nth(1).uncheck()
        boxes.nth(0).click()
        boxes.nth(2).click(modifiers=["Shift"])
        expect(page.get_by_text("3 selected")).to_be_visible()


def test_the_list_says_what_has_changed_and_stays_where_it_is(
    browser: Browser, live_server: Any, parcels: list[Shipment], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shipments.web.shipment_list.LIST_POLL", 1)
    with a_page(browser) as page:
        open_list(page, live_server, "?tag=gift")
        link = page.get_by_role("link", name=parcels[0].number)
        link.focus()
        before = link.bounding_box()

        Shipment.objects.filter(pk=parcels[0].pk).update(order_number="B-88", changed_at=timezone.now())

        expect(page.get_by_text("1 updated.")).to_be_visible()
        expect(link).to_be_focused()
        assert link.bounding_box() == before
        expect(page.get_by_text("B-88")).to_have_count(0)
        page.get_by_role("link", name="Show them").click()
        expect(page.get_by_text("B-88")).to_be_visible()
        expect(page).to_have_url(f"{live_server.url}/app/alpine/shipments/?tag=gift")


@pytest.mark.parametrize("scripts", [True, False])
def test_filters_order_columns_and_views_work_with_and_without_scripts(
    browser: Browser, live_server: Any, parcels: list[Shipment], scripts: bool
) -> None:
    first, second, third = parcels
    with a_page(browser, scripts=scripts) as page:
        open_list(page, live_server)
        page.get_by_text("Filters", exact=True).click()
        page.get_by_label("Tag", exact=True).fill("GIFT")
        page.get_by_role("button", name="Show these").click()
        expect(numbers(page)).to_have_text([second.number, first.number])
        expect(page.get_by_text("Filters (1)")).to_be_visible()

        page.get_by_text("Sorted by: Added, newest first", exact=True).click()
        page.get_by_role("link", name="Order, A to Z").click()
        expect(numbers(page)).to_have_text([first.number, second.number])

        page.get_by_text("Columns", exact=True).click()
        page.get_by_role("checkbox", name="Tags").check()
        page.get_by_role("checkbox", name="Last scan").uncheck()
        with page.expect_navigation():
            page.get_by_role("button", name="Show these columns").click()
        expect(page.get_by_role("columnheader", name="Tags")).to_be_visible()
        expect(page.get_by_role("columnheader", name="Last scan")).to_have_count(0)
        # The list looks the same before and after.
        with page.expect_navigation():
            page.get_by_role("button", name="Remember them for me").click()
        expect(page.get_by_role("button", name="Remember them for me")).to_have_count(0)
        expect(page.get_by_role("columnheader", name="Tags")).to_be_visible()
        expect(numbers(page)).to_have_text([first.number, second.number])

        page.get_by_text("Save this view").click()
        page.get_by_label("Name").fill("Gifts")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("The view “Gifts” shows this list from now on.")).to_be_visible()
        page.get_by_role("link", name="Show all").click()
        expect(numbers(page)).to_have_text([third.number, second.number, first.number])
        page.get_by_role("link", name="Gifts").click()
        expect(numbers(page)).to_have_text([first.number, second.number])

        page.get_by_role("link", name="Tag: GIFT").click()
        expect(numbers(page)).to_have_text([first.number, second.number, third.number])
        page.get_by_role("link", name="Saved views").click()
        page.get_by_text("Change Gifts").click()
        page.get_by_role("button", name="Delete Gifts").click()
        expect(page.get_by_text("The view “Gifts” is deleted.")).to_be_visible()
    assert SavedView.objects.count() == 0


@pytest.mark.parametrize("scripts", [True, False])
def test_news_is_marked_until_it_is_seen(
    browser: Browser, live_server: Any, parcels: list[Shipment], scripts: bool
) -> None:
    with a_page(browser, scripts=scripts) as page:
        open_list(page, live_server)
        expect(page.get_by_role("rowheader", name="News since you looked")).to_contain_text(parcels[1].number)

        page.get_by_role("link", name="News to me").click()
        expect(numbers(page)).to_have_text([parcels[1].number])
        page.get_by_role("button", name="Mark all as seen").click()

        expect(page.get_by_text("No parcel fits")).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390), ("light", 320)])
def test_the_list_has_no_barriers_and_fits_the_screen(
    browser: Browser, live_server: Any, parcels: list[Shipment], scheme: ColorScheme, width: int
) -> None:
    SavedView.objects.create(
        merchant=parcels[0].merchant, owner=User.objects.get(), name="Gifts", query="tag=gift"
    )
    found: dict[str, list[str]] = {}
    with a_page(browser, scheme, width=width) as page:
        open_list(page, live_server)

        def look(name: str) -> None:
            found[name] = barriers(page)
            if (across := page.evaluate("document.documentElement.scrollWidth")) > width:
                found[name].append(f"{across} pixels across")

        page.keyboard.press("j")
        page.keyboard.press("x")
        look("picked")
        page.keyboard.press("?")
        look("keys")
        page.goto(
            f"{live_server.url}/app/alpine/shipments/?tag=gift&columns=tags,owner,added,recipient,service"
        )
        for sheet in ("sort", "columns", "save-view", "filters"):
            page.locator(f"#{sheet} > summary").click()
            look(sheet)
        page.goto(f"{live_server.url}/app/alpine/shipments/?q=1Z12345E0205271688")
        look("nothing")
        page.goto(f"{live_server.url}/app/alpine/shipments/?added_from=soon")
        look("refused")
        page.goto(f"{live_server.url}/app/alpine/views/")
        page.get_by_text("Change Gifts").click()
        look("views")
    assert {name: barrier for name, barrier in found.items() if barrier} == {}


@pytest.mark.parametrize("width", [390, 1280])
def test_open_filters_leave_the_other_tools_where_they_are(
    browser: Browser, live_server: Any, parcels: list[Shipment], width: int
) -> None:
    tools = ("Filters", "Sorted by: Added, newest first", "Columns", "Save this view", "Export")
    with a_page(browser, width=width) as page:
        open_list(page, live_server)
        summaries = [page.locator(".tools summary", has_text=name) for name in tools]
        before = [summary.bounding_box() for summary in summaries]
        assert len({box["y"] for box in before if box}) == (2 if width == 390 else 1)

        summaries[0].click()

        expect(page.get_by_role("button", name="Show these")).to_be_visible()
        assert [summary.bounding_box() for summary in summaries] == before
        panel = page.locator("#filters form").bounding_box()
        assert panel is not None
        assert all(box is not None and panel["y"] >= box["y"] + box["height"] for box in before)
