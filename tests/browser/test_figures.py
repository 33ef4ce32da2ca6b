"""The figures in a real browser: with and without scripts, light and dark, on a phone and on a wide screen."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from shipments.analytics import cohorts
from shipments.enums import Status
from shipments.facts.spelling import today_at
from shipments.models import Merchant, User
from tests.browser.driving import ColorScheme, a_page, arrived, barriers, give_name_and_password
from tests.factories import a_shipment

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def to_the_figures(page: Page, live_server: Any) -> None:
    """Through the sign-in and the dashboard's own navigation."""
    page.goto(f"{live_server.url}/app/")
    give_name_and_password(page, "alice@example.com")
    page.get_by_role("navigation", name="Dashboard").get_by_role("link", name="Figures").click()
    arrived(page, f"{live_server.url}/app/alpine/figures/")


@pytest.fixture
def parcels(merchant: Merchant) -> int:
    """Of two carriers and lanes, over the last ten weeks, most of them on time."""
    today, how_many = today_at(timezone.now(), merchant.time_zone), 60
    for n in range(how_many):
        shipped_on = today - timedelta(5 + n)
        arrived_on = shipped_on + timedelta(2 + n % 4)
        a_shipment(
            merchant,
            carrier="UPS" if n % 3 == 0 else "USPS",
            number=f"FIGURES{n:09d}",
            mailing_date=shipped_on,
            labelled_at=datetime.combine(shipped_on, time(15), tzinfo=UTC),
            first_scan_on=shipped_on + timedelta(n % 2),
            first_promised_on=shipped_on + timedelta(4),
            first_attempt_on=arrived_on,
            delivered_on=arrived_on,
            status=Status.DELIVERED,
            service_name="Ground",
            origin_country="US",
            origin_region="CO",
            destination_country="US" if n % 2 else "GB",
            destination_region="MD" if n % 2 else "",
        )
    cohorts.tally(timezone.now())
    return how_many


@pytest.mark.parametrize("scripts", [True, False])
def test_from_the_key_figures_to_one_lane_to_its_definition_and_the_file(
    browser: Browser, live_server: Any, alice: User, parcels: int, scripts: bool
) -> None:
    with a_page(browser, scripts=scripts) as page:
        to_the_figures(page, live_server)
        expect(page.get_by_text(f"{parcels} parcels were shipped")).to_be_visible()
        expect(page.locator("#key-on-time")).to_contain_text("of 60 parcels with a promise; 0 not due yet")

        # A chart, and the numbers behind it.
        expect(page.get_by_role("img", name="Share on time by week of shipment")).to_be_visible()
        page.locator("#weeks-numbers summary").click()
        expect(page.locator("#weeks-numbers").get_by_role("row").nth(1)).to_be_visible()

        # Cut otherwise, narrowed to one lane by its row.
        page.get_by_label("Table by").select_option("lane")
        page.get_by_role("button", name="Show").click()
        page.get_by_role("row", name="CO → United Kingdom").get_by_role("link").click()
        page.wait_for_url(re.compile(r"lane=US-CO_GB"))
        expect(page.get_by_text("30 parcels were shipped")).to_be_visible()
        expect(page.get_by_label("Lane")).to_have_value("US-CO_GB")

        page.locator("#key-on-time").get_by_role("link", name="On time").click()
        expect(page.locator("#about-on-time")).to_be_in_viewport()

        with page.expect_download() as download:
            page.get_by_role("link", name="Download as CSV").click()
        lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
        assert [line.split(",")[:2] for line in lines[1:]] == [["USPS", "20"], ["UPS", "10"]]


def test_a_question_that_cannot_be_answered_is_mended_at_its_field(
    browser: Browser, live_server: Any, alice: User, parcels: int
) -> None:
    with a_page(browser, scripts=False) as page:
        to_the_figures(page, live_server)
        until = page.get_by_label("To", exact=True)
        until.fill("2020-01-01")
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_text("The last day lies before the first one.")).to_be_visible()
        expect(until).to_have_value("2020-01-01")

        until.fill(timezone.now().date().isoformat())
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_text(f"{parcels} parcels were shipped")).to_be_visible()


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1440), ("dark", 1024), ("light", 320), ("dark", 390)]
)
def test_the_figures_have_no_barriers_and_fit_the_screen(
    browser: Browser, live_server: Any, alice: User, parcels: int, scheme: ColorScheme, width: int
) -> None:
    with a_page(browser, scheme, width=width) as page:
        to_the_figures(page, live_server)
        for asked in (
            "",
            "?by=lane&days=calendar",
            "?by=week",
            "?since=2020-01-01&until=2020-01-31",
            "?lane=x",
        ):
            page.goto(f"{live_server.url}/app/alpine/figures/{asked}")
            for details in page.locator("main details").all():
                details.locator("summary").click()
            assert (asked, barriers(page)) == (asked, [])
            assert (asked, page.evaluate("document.documentElement.scrollWidth")) == (asked, width)


def test_the_letters_of_a_chart_are_as_large_on_a_phone_and_none_lies_over_another(
    browser: Browser, live_server: Any, alice: User, parcels: int
) -> None:
    with a_page(browser, width=390) as page:
        to_the_figures(page, live_server)
        letters = page.locator("svg[role=img] text").evaluate_all(
            "all => all.filter(one => one.getBoundingClientRect().width && one.textContent)"
            ".map(one => [one.textContent, one.closest('svg').querySelector('title').textContent,"
            " ...(box => [box.left, box.top, box.right, box.bottom])(one.getBoundingClientRect())])"
        )
        sizes = page.locator("svg[role=img] text").evaluate_all(
            "all => all.map(one => getComputedStyle(one).fontSize)"
        )
    assert set(sizes) == {"13px"}
    overlapping = [
        (one[0], other[0])
        for at, one in enumerate(letters)
        for other in letters[at + 1 :]
        if one[1] == other[1]
        and one[2] < other[4]
        and other[2] < one[4]
        and one[3] < other[5]
        and other[3] < one[5]
    ]
    assert overlapping == []
    assert [text for text, _chart, left, _top, right, _bottom in letters if left < 0 or right > 390] == []
