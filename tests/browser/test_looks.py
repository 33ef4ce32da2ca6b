"""A merchant's look in a real browser: chosen by its owner, met by buyers on its own host name, light and dark."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from shipments.models import Look, Merchant, PrivateLink, Shipment, User
from tests.browser.driving import ColorScheme, a_page, arrived, barriers, sign_in
from tests.factories import (
    ACCEPTED,
    LABEL,
    a_host,
    a_look,
    a_png,
    a_scan,
    a_shipment,
    a_snapshot,
    an_account,
    ingested,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Browsers lead every name below localhost to this machine, and trust it without TLS.
HOST = "track.alpine.localhost"
# Nothing is harder to read on white.
YELLOW = "#ffd400"


@pytest.fixture
def parcel(merchant: Merchant) -> Shipment:
    an_account(merchant)
    shipment = a_shipment(merchant, destination_postal_code="80202")
    ingested(shipment, a_snapshot(a_scan(*ACCEPTED), a_scan(*LABEL)))
    return shipment


@pytest.fixture
def logo(tmp_path: Path) -> Path:
    file = tmp_path / "logo.png"
    file.write_bytes(a_png((360, 90), "#c02020"))
    return file


def there(live_server: Any, path: str) -> str:
    """An address on the merchant's own host name, on the port the server of the test has."""
    return f"http://{HOST}:{urlsplit(live_server.url).port}{path}"


def colour_of(page: Page, selector: str, what: str = "color") -> str:
    found: str = page.locator(selector).first.evaluate(f"one => getComputedStyle(one).{what}")
    return found


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_an_owner_chooses_a_look_and_buyers_see_it(
    browser: Browser, live_server: Any, alice: User, parcel: Shipment, logo: Path, scripts: bool
) -> None:
    with a_page(browser, scripts=scripts) as page:
        sign_in(page, live_server)
        page.goto(f"{live_server.url}/app/alpine/settings/")
        page.get_by_role("link", name="Appearance", exact=True).click()
        if scripts:
            # It is shown once the page listens.
            expect(page.get_by_label("Choose a colour")).to_be_visible()
        page.get_by_label("Colour", exact=True).fill(YELLOW)
        if not scripts:
            page.get_by_role("button", name="Try it out").click()
            expect(page.get_by_text("Nothing is saved yet.")).to_be_visible()
        expect(page.get_by_text(f"{YELLOW} has a contrast of 1.2 : 1")).to_be_visible()
        expect(page.locator(".look-preview--dark .look-preview__button")).to_have_css(
            "background-color", "rgb(255, 212, 0)"
        )
        assert not Look.objects.exists()

        page.get_by_label("Name shown to buyers").fill("Alpine")
        page.get_by_label("Logo", exact=True).set_input_files(logo)
        page.get_by_label("Link for questions").fill("help@alpine.example")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved. Buyers see it from now on.")).to_be_visible()
        expect(page.get_by_alt_text("The logo as it is kept")).to_have_js_property("naturalWidth", 360)

        page.get_by_role("link", name=f"{live_server.url}/m/alpine/").click()
        expect(page.get_by_role("banner").get_by_role("link", name="Alpine", exact=True)).to_be_visible()
        expect(page.locator(".brand__logo")).to_have_js_property("naturalWidth", 360)
        expect(page.locator(".button--primary").first).to_have_css("background-color", "rgb(127, 106, 0)")
        page.get_by_label("Tracking number").fill(parcel.number)
        page.get_by_role("button", name="Track").click()
        arrived(page, f"{live_server.url}/m/alpine/track/{parcel.number}")
        expect(page.get_by_role("link", name="Questions? Ask Alpine").first).to_have_attribute(
            "href", "mailto:help@alpine.example"
        )
        page.get_by_role("link", name="Track another parcel").click()
        arrived(page, f"{live_server.url}/m/alpine/track")


def test_with_scripts_a_colour_can_be_picked(
    browser: Browser, live_server: Any, alice: User, merchant: Merchant
) -> None:
    with a_page(browser) as page:
        sign_in(page, live_server)
        page.goto(f"{live_server.url}/app/alpine/settings/look/")
        expect(page.get_by_label("Choose a colour")).to_be_visible()
        page.get_by_label("Choose a colour").fill("#aa2288")

        expect(page.get_by_label("Colour", exact=True)).to_have_value("#aa2288")
        expect(page.get_by_text("#aa2288 has a contrast of")).to_have_count(2)
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved. Buyers see it from now on.")).to_be_visible()
        assert Look.objects.get().colour == "#aa2288"


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_a_buyer_meets_the_merchant_alone_on_its_own_host_name(
    browser: Browser, live_server: Any, merchant: Merchant, parcel: Shipment, scripts: bool
) -> None:
    a_host(merchant, HOST)
    a_look(
        merchant, shown_name="Alpine", colour=YELLOW, support_url="https://alpine.example/help", logo=a_png()
    )
    with a_page(browser, scripts=scripts) as page:
        page.goto(there(live_server, "/"))
        page.get_by_label("Tracking number").fill(parcel.number.lower())
        page.get_by_role("button", name="Track").click()
        arrived(page, there(live_server, f"/track/{parcel.number}"))
        expect(page.get_by_role("heading", level=1)).to_contain_text("Handed to USPS")

        page.get_by_label("Postal code").fill("80202")
        page.get_by_role("button", name="Show more").click()
        expect(page.get_by_text("USPS in possession of item")).to_be_visible()

        page.get_by_role("button", name="Español").click()
        expect(page.locator("html")).to_have_attribute("lang", "es")
        arrived(page, there(live_server, f"/track/{parcel.number}"))
        expect(page.get_by_text("USPS in possession of item")).to_be_visible()
        expect(page.locator(".brand__logo")).to_have_js_property("naturalWidth", 120)
        hosts = page.eval_on_selector_all("a[href]", "all => all.map(one => new URL(one.href).host)")
        assert f"{HOST}:{urlsplit(live_server.url).port}" in hosts
        assert urlsplit(live_server.url).netloc not in hosts


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_awkward_colour_keeps_nobody_from_reading(
    browser: Browser, live_server: Any, alice: User, merchant: Merchant, parcel: Shipment, scheme: ColorScheme
) -> None:
    a_host(merchant, HOST)
    a_look(
        merchant, shown_name="Alpine", colour=YELLOW, support_url="https://alpine.example/help", logo=a_png()
    )
    link = PrivateLink.objects.make(parcel)
    with a_page(browser, scheme, width=390) as page:
        for path in ("/", f"/track/{parcel.number}", f"/t/{link.token}"):
            page.goto(there(live_server, path))
            assert colour_of(page, ".site-header", "boxShadow").startswith("rgb(255, 212, 0)")
            assert barriers(page) == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    with a_page(browser, scheme, width=320) as page:
        sign_in(page, live_server)
        page.goto(f"{live_server.url}/app/alpine/settings/look/")
        assert barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
