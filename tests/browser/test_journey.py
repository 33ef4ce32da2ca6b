"""A merchant's and a buyer's way through the site, in a real browser: with and without scripts, light and dark."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, expect

from shipments.models import Merchant, PrivateLink, Shipment, User, Watch
from tests.browser.driving import ColorScheme, a_page, arrived, barriers, sign_in
from tests.factories import (
    ACCEPTED,
    DELIVERED,
    LABEL,
    OLNEY,
    a_scan,
    a_shipment,
    a_snapshot,
    an_account,
    ingested,
    posted,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NEW_NUMBER = "9405509898641500000146"


@pytest.fixture
def parcel(merchant: Merchant) -> Shipment:
    """Delivered and signed for."""
    an_account(merchant)
    shipment = a_shipment(
        merchant,
        order_number="A-77",
        destination_postal_code="20832",
        due_at=timezone.now() + timedelta(hours=2),
    )
    ingested(
        shipment,
        a_snapshot(
            a_scan(*DELIVERED, place=OLNEY),
            a_scan(*ACCEPTED),
            a_scan(*LABEL),
            delivered=posted("2026-03-05 14:05"),
            delivery_description="Delivered, Front Door/Porch",
            signed_by="R INVENTED",
        ),
    )
    return shipment


def test_from_the_sign_in_to_the_list_to_a_parcel_to_what_its_buyer_sees(
    browser: Browser, live_server: Any, alice: User, parcel: Shipment
) -> None:
    with a_page(browser) as page:
        sign_in(page, live_server)
        expect(page.get_by_role("row", name=parcel.number)).to_contain_text("A-77")

        page.get_by_role("link", name=parcel.number).click()
        expect(page.get_by_role("heading", level=2).first).to_contain_text("front door or porch")
        expect(page.locator("[aria-current=step]")).to_have_text("Delivered")
        expect(page.get_by_text("R INVENTED")).to_be_visible()

        page.get_by_role("button", name="Make a private link").click()
        private = page.get_by_role("textbox", name="Private link").input_value()
        assert private == f"{live_server.url}/t/{PrivateLink.objects.get().token}"
        page.get_by_role("link", name="Open it").click()
        arrived(page, private)
        expect(page.get_by_text("R INVENTED")).to_be_visible()

        page.go_back()
        page.get_by_role("link", name="Public page").click()
        arrived(page, f"{live_server.url}/m/alpine/track/{parcel.number}")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Delivered")
        expect(page.get_by_text("R INVENTED")).to_have_count(0)
        expect(page.get_by_text("20832")).to_have_count(0)


def test_news_appears_by_itself_while_the_page_is_open_and_keeps_open_what_the_reader_opened(
    browser: Browser, live_server: Any, alice: User, merchant: Merchant
) -> None:
    an_account(merchant)
    shipment = a_shipment(merchant, due_at=timezone.now() + timedelta(hours=2))
    ingested(shipment, a_snapshot(a_scan(*LABEL)))
    with a_page(browser) as page:
        sign_in(page, live_server)
        page.goto(f"{live_server.url}/app/alpine/shipments/{shipment.public_id}/")
        page.locator("#answers summary").click()

        page.get_by_role("button", name="Refresh now").click()
        expect(page.get_by_text("Asked for by hand")).to_be_visible()
        assert Watch.objects.get(shipment=shipment).by_hand is True
        ingested(shipment, a_snapshot(a_scan(*ACCEPTED), a_scan(*LABEL)), minute=5)

        expect(page.get_by_role("listitem").filter(has_text="USPS in possession of item")).to_be_visible()
        expect(page.locator("#answers")).to_have_attribute("open", "")
        expect(page.locator("#news")).to_contain_text("Handed to USPS")
        expect(page).to_have_url(f"{live_server.url}/app/alpine/shipments/{shipment.public_id}/")


def test_without_scripts_numbers_are_added_found_and_opened(
    browser: Browser, live_server: Any, alice: User
) -> None:
    with a_page(browser, scripts=False) as page:
        sign_in(page, live_server)
        page.get_by_role("main").get_by_role("link", name="Add numbers").first.click()
        page.get_by_label("Tracking numbers").fill(f"{NEW_NUMBER[:4]} {NEW_NUMBER[4:]}\n12")
        page.get_by_role("button", name="Look at them").click()
        expect(page.get_by_text("A tracking number has 4 to 34 letters and digits")).to_be_visible()

        page.get_by_role("button", name="Add 1 number").click()
        expect(page.get_by_text("1 parcel added.")).to_be_visible()
        page.get_by_label("Tracking number, line 1").fill("")
        page.get_by_role("button", name="Try again").click()
        arrived(page, f"{live_server.url}/app/alpine/shipments/")

        page.get_by_label("Number, order, recipient or tag").fill(NEW_NUMBER[-6:])
        page.get_by_role("button", name="Search").click()
        arrived(page, f"{live_server.url}/app/alpine/shipments/?q={NEW_NUMBER[-6:]}")
        page.get_by_role("link", name=NEW_NUMBER).click()
        expect(page.get_by_text("There are no scans yet.")).to_be_visible()


def test_without_scripts_a_parcel_is_refreshed_and_its_link_made_and_revoked(
    browser: Browser, live_server: Any, alice: User, parcel: Shipment
) -> None:
    with a_page(browser, scripts=False) as page:
        sign_in(page, live_server)
        page.get_by_role("link", name=parcel.number).click()
        page.get_by_role("button", name="Refresh now").click()
        expect(page.get_by_text("The carrier is being asked. News appears here by itself.")).to_be_visible()
        page.get_by_role("button", name="Make a private link").click()
        page.get_by_role("button", name="Revoke it").click()
        expect(page.get_by_text("The private link no longer works.")).to_be_visible()
        page.get_by_text("alice@example.com").first.click()
        page.get_by_role("button", name="Sign out").click()
        arrived(page, f"{live_server.url}/")


ADDRESSES: dict[str, Callable[[Shipment], str]] = {
    "list": lambda parcel: "/app/alpine/shipments/",
    "empty tab": lambda parcel: "/app/alpine/shipments/?tab=trouble",
    "parcel": lambda parcel: f"/app/alpine/shipments/{parcel.public_id}/",
    "add": lambda parcel: "/app/alpine/shipments/add/",
    "raw answer": lambda parcel: (
        f"/app/alpine/shipments/{parcel.public_id}/answers/{parcel.answers.get().sha256}/"
    ),
    "password": lambda parcel: "/accounts/password/change/",
    "home": lambda parcel: "/",
    "public": lambda parcel: f"/track/{parcel.number}",
    "private": lambda parcel: PrivateLink.objects.make(parcel).get_absolute_url(),
}


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_pages_have_no_barriers_and_fit_the_screen(
    browser: Browser, live_server: Any, alice: User, parcel: Shipment, scheme: ColorScheme, width: int
) -> None:
    found: dict[str, list[str]] = {}
    with a_page(browser, scheme, width=width) as page:
        page.goto(f"{live_server.url}/accounts/login/")
        found["sign-in"] = barriers(page)
        sign_in(page, live_server)
        for name, address in ADDRESSES.items():
            page.goto(live_server.url + address(parcel))
            found[name] = barriers(page)
            if (across := page.evaluate("document.documentElement.scrollWidth")) > width:
                found[name].append(f"{across} pixels across")
        page.goto(f"{live_server.url}/app/alpine/shipments/add/")
        page.get_by_label("Tracking numbers").fill(f"{NEW_NUMBER}\n12\n{parcel.number}")
        page.get_by_role("button", name="Look at them").click()
        page.wait_for_selector(".lines")
        found["lines"] = barriers(page)
    assert {name: barrier for name, barrier in found.items() if barrier} == {}
