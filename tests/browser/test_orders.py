"""A buyer who has no tracking number finds the parcels of an order, with scripts and without."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from shipments.models import Merchant, Shipment
from tests.browser.driving import ColorScheme, a_page, arrived, barriers
from tests.factories import ACCEPTED, LABEL, a_scan, a_shipment, a_snapshot, ingested

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ORDER = "A-1001"


@pytest.fixture
def parcels(merchant: Merchant) -> list[Shipment]:
    """An order in two parcels: one on its way, of the other nothing is known yet."""
    later = timezone.now() + timedelta(hours=2)
    first = a_shipment(merchant, due_at=later, order_number=ORDER, destination_postal_code="20832")
    ingested(first, a_snapshot(a_scan(*ACCEPTED), a_scan(*LABEL)))
    return [first, a_shipment(merchant, due_at=later, order_number=ORDER)]


def looked_at(page: Page) -> None:
    """Nothing on the page keeps anybody out, and nothing sticks out of a small phone."""
    assert barriers(page) == []
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.set_viewport_size({"width": 1280, "height": 900})


def ask(page: Page, order: str, known: str) -> None:
    page.get_by_label("Order number").fill(order)
    page.get_by_label("Postal code or e-mail address").fill(known)
    page.get_by_role("button", name="Show the parcels").click()


@pytest.mark.parametrize(
    ("scheme", "scripts", "frame"),
    [("light", True, ""), ("dark", True, "/m/alpine"), ("light", False, "")],
)
def test_from_an_order_to_its_parcels(
    browser: Browser,
    live_server: Any,
    parcels: list[Shipment],
    scheme: ColorScheme,
    scripts: bool,
    frame: str,
) -> None:
    def look() -> None:
        if scripts:
            looked_at(page)

    with a_page(browser, scheme, scripts=scripts) as page:
        page.goto(f"{live_server.url}{frame}/track/order")
        expect(page.get_by_role("heading", level=1)).to_have_text("Find the parcels of an order")
        look()

        # What the browser lets pass, and what is no address.
        ask(page, ORDER, "robin@nowhere")
        expect(page.get_by_role("alert")).to_contain_text("E-mail address: this is none.")
        expect(page.get_by_label("Postal code or e-mail address")).to_have_accessible_description(
            "The postal code a parcel goes to, or the address that gets the mails about it."
            " E-mail address: this is none. It looks like name@example.com."
        )
        look()

        ask(page, ORDER, "10001")
        expect(page.get_by_role("alert")).to_contain_text("No order fits what you typed.")
        expect(page.get_by_label("Order number")).to_have_value(ORDER)
        expect(page.get_by_label("Postal code or e-mail address")).to_have_value("10001")
        look()

        ask(page, ORDER.lower(), "20832")
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Order {ORDER.lower()}")
        expect(page.get_by_text("2 parcels so far.")).to_be_visible()
        expect(page.get_by_role("main").get_by_role("listitem")).to_have_count(2)
        look()
        expect(page).to_have_url(f"{live_server.url}{frame}/track/order")

        page.get_by_role("link", name=parcels[0].number).click()
        arrived(page, f"{live_server.url}{frame}/track/{parcels[0].number}")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Handed to USPS")
