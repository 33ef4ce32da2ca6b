"""An operator adds a carrier in a real browser, with and without scripts, and tries a number of it."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from shipments.models import Carrier
from tests.browser import driving
from tests.browser.driving import ColorScheme, a_page
from tests.factories import a_person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CARRIERS = "/admin/shipments/carrier/"
NUMBER = "C50880112345670"
# Told at its field with 200 as Django's admin does; what is missing there is an icon.
NO_ICON = re.compile(r"the server responded with a status of 404")
REFUSED = re.compile("the server responded with a status of (400|404)")


def sign_in(page: Page, live_server: Any, to: str) -> None:
    a_person("olga@example.com", is_staff=True, is_superuser=True)
    page.goto(f"{live_server.url}/accounts/login/?next={to}")
    driving.give_name_and_password(page, "olga@example.com")
    page.wait_for_url(f"{live_server.url}{to}")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_carrier_is_added_with_all_that_is_said_of_it_and_a_number_tried(
    scripts: bool, browser: Browser, live_server: Any
) -> None:
    with a_page(browser, scripts=scripts, refusal=NO_ICON) as page:
        sign_in(page, live_server, CARRIERS)
        page.get_by_role("link", name="Add carrier").click()
        page.get_by_label("Code:").fill("ONTRAC")
        page.get_by_label("Name:").fill("OnTrac")
        page.get_by_label("Carrier's own page:").fill("https://www.ontrac.example/?number={number}")
        page.locator("#id_routes-0-gateway").select_option("pitney_bowes")
        page.locator("#id_routes-0-wire_value").fill("OnTrac")
        page.locator("#id_patterns-0-name").fill("OnTrac C")
        page.locator("#id_patterns-0-pattern").fill(r"C\d+")
        page.get_by_role("button", name="Save", exact=True).click()

        # Told at its field, with everything else as it was typed.
        expect(page.locator("#patterns-0 .errorlist")).to_contain_text("“+” cannot stand here")
        expect(page.locator("#id_routes-0-wire_value")).to_have_value("OnTrac")
        page.locator("#id_patterns-0-pattern").fill(r"C\d{14}")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("was added successfully")).to_be_visible()

        page.get_by_role("link", name="Try a number").click()
        page.get_by_label("Tracking number:").fill(NUMBER)
        page.get_by_role("button", name="Whose is it?").click()
        expect(page.locator("#tried tbody tr")).to_have_count(1)
        expect(page.locator("#tried tbody tr")).to_contain_text("Pitney Bowes (OnTrac)")
        page.locator("#tried").get_by_role("link", name="OnTrac").click()
        expect(page.locator("#id_patterns-0-pattern")).to_have_value(r"C\d{14}")

    carrier = Carrier.objects.get(code="ONTRAC")
    assert [str(route) for route in carrier.routes.all()] == ["Pitney Bowes (OnTrac)"]
    assert list(carrier.patterns.values_list("name", "pattern")) == [("OnTrac C", r"C\d{14}")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_from_using_these_pages(
    scheme: ColorScheme, browser: Browser, live_server: Any
) -> None:
    with a_page(browser, scheme, width=320, refusal=REFUSED) as page:
        sign_in(page, live_server, CARRIERS)
        for address in (
            CARRIERS,
            f"{CARRIERS}USPS/change/",
            f"{CARRIERS}try/",
            f"{CARRIERS}try/?number={NUMBER}&pattern=C%2B",
            f"{CARRIERS}try/?number=1Z5R89390357567127&pattern=1Z%5B0-9A-Z%5D%7B16%7D",
        ):
            page.goto(f"{live_server.url}{address}")
            assert driving.barriers(page) == [], address
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, address
