"""The route of a parcel as a reader meets it: on a phone and a desk, light and dark, with and without scripts."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from shipments.enums import Status
from shipments.facts.places import Place
from shipments.models import Merchant, Shipment, User
from tests.browser.driving import ColorScheme, a_page, barriers, sign_in
from tests.factories import a_scan, a_shipment, a_snapshot, ingested

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NUMBER = "9405509898641500000146"
WAY = [("LOS ANGELES", "CA"), ("PHOENIX", "AZ"), ("MEMPHIS", "TN"), ("LOUISVILLE", "KY"), ("BROOKLYN", "NY")]


@pytest.fixture
def parcel(merchant: Merchant) -> Shipment:
    shipment = a_shipment(merchant, number=NUMBER)
    scans = [
        a_scan(
            f"2026-03-{day:02d} 09:15",
            "10",
            "Arrived",
            Status.IN_TRANSIT,
            place=Place(city=city, region=region),
        )
        for day, (city, region) in enumerate(WAY, 2)
    ]
    ingested(shipment, a_snapshot(*scans[::-1], number=NUMBER))
    return shipment


def shown_names(page: Page) -> list[str]:
    return page.locator(".route__map text:visible").all_text_contents()


@pytest.mark.parametrize(("scheme", "scripts"), [("light", True), ("dark", False)])
def test_a_reader_sees_the_way_and_reads_it_as_a_list(
    browser: Browser, live_server: Any, parcel: Shipment, scheme: ColorScheme, scripts: bool
) -> None:
    with a_page(browser, scheme, scripts=scripts, width=1024) as page:
        page.goto(f"{live_server.url}/track/{NUMBER}")

        expect(page.get_by_role("img", name="Route From Los Angeles, CA to Brooklyn, NY")).to_be_visible()
        assert set(shown_names(page)) == {"Los Angeles", "Phoenix", "Memphis", "Louisville", "Brooklyn"}
        page.get_by_text("The places as a list").click()
        expect(page.locator("#route-places li")).to_have_text(
            [
                "Los Angeles, CA, 2 March",
                "Phoenix, AZ, 3 March",
                "Memphis, TN, 4 March",
                "Louisville, KY, 5 March",
                "Brooklyn, NY, 6 March",
            ]
        )
        if scripts:
            assert barriers(page) == []


@pytest.mark.parametrize("width", [320, 390, 1024])
def test_names_touch_each_other_at_no_width(
    browser: Browser, live_server: Any, parcel: Shipment, width: int
) -> None:
    with a_page(browser, width=width) as page:
        page.goto(f"{live_server.url}/track/{NUMBER}")

        names = page.locator(".route__map text:visible")
        boxes = [box for name in names.all() if (box := name.bounding_box())]
        frame = page.locator(".route__map").bounding_box()
        assert frame is not None
        assert frame["width"] / frame["height"] == pytest.approx(1.6, abs=0.01)
        assert {"Brooklyn", "Los Angeles"} <= set(shown_names(page))
        for at, box in enumerate(boxes):
            assert box["x"] >= frame["x"]
            assert box["x"] + box["width"] <= frame["x"] + frame["width"]
            for other in boxes[:at]:
                apart = (
                    box["x"] >= other["x"] + other["width"]
                    or other["x"] >= box["x"] + box["width"]
                    or box["y"] >= other["y"] + other["height"] - 4
                    or other["y"] >= box["y"] + box["height"] - 4
                )
                assert apart
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_staff_see_the_same_way_and_where_it_leads(
    browser: Browser, live_server: Any, parcel: Shipment, alice: User
) -> None:
    Shipment.objects.filter(pk=parcel.pk).update(
        destination_city="BOSTON", destination_region="MA", destination_country="US"
    )
    with a_page(browser, "dark") as page:
        sign_in(page, live_server)
        page.goto(f"{live_server.url}/app/alpine/shipments/{parcel.public_id}/")

        name = "Route From Los Angeles, CA to Brooklyn, NY, on the way to Boston, MA"
        expect(page.get_by_role("img", name=name)).to_be_visible()
        assert barriers(page) == []
