"""Ages and erasures in the back-office, in a real browser: with and without scripts, light and dark."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from shipments.enums import Kept
from shipments.keeping import erasing
from shipments.models import RetentionRule, Shipment
from tests.browser import driving
from tests.browser.driving import ColorScheme, a_page
from tests.factories import a_person, a_shipment
from tests.keeping.people import MARK, a_known_parcel, over_since

# The back-office's frame has no icon; and a form that is refused is meant to be.
REFUSAL = re.compile("the server responded with a status of (400|404)")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def sign_in(page: Page, live_server: Any) -> None:
    """As an operator, without the way there."""
    client = Client()
    client.force_login(a_person("operator@example.com", is_staff=True, is_superuser=True))
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_an_operator_erases_a_buyers_data(browser: Browser, live_server: Any, scripts: bool) -> None:
    shipment = a_known_parcel()
    with a_page(browser, scripts=scripts, refusal=REFUSAL) as page:
        sign_in(page, live_server)
        page.goto(f"{live_server.url}/admin/shipments/erasure/")
        page.get_by_role("link", name="Add erasure").click()
        page.get_by_label("tracking number", exact=True).check()
        page.get_by_label("E-mail address or tracking number").fill("?")
        page.get_by_role("button", name="Look").click()
        expect(page.get_by_text("A tracking number has")).to_be_visible()
        page.get_by_label("E-mail address or tracking number").fill(shipment.number)
        page.get_by_role("button", name="Look").click()
        expect(page.get_by_text("A••• Q•••")).to_be_visible()
        assert MARK not in page.content()
        assert shipment.number not in page.url
        page.get_by_role("button", name="Erase it").click()
        page.get_by_label("Erase those on their way, too").check()
        page.get_by_role("button", name="Erase it").click()
        expect(page.get_by_text("Under way; look again in a minute.")).to_be_visible()
        erasing.work(timezone.now())
        page.reload()
        expect(page.get_by_text("1 picture of a delivery")).to_be_visible()
    assert Shipment.objects.get().recipient_name == ""


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_an_operator_sets_an_age(browser: Browser, live_server: Any, scripts: bool) -> None:
    rule, _made = RetentionRule.objects.get_or_create(kind=Kept.SCANS, merchant=None)
    over_since(a_shipment(created_at=timezone.now() - timedelta(days=900)), 500, timezone.now())
    with a_page(browser, scripts=scripts, refusal=REFUSAL) as page:
        sign_in(page, live_server)
        page.goto(f"{live_server.url}/admin/shipments/retentionrule/{rule.pk}/change/")
        expect(page.get_by_text("Timelines disappear")).to_be_visible()
        page.get_by_label("Days kept").fill("400")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("This erases data of 1 parcel from tonight on, for good.")).to_be_visible()
        page.get_by_role("checkbox", name="Erase it").check()
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("cell", name="400 days")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_keeps_anybody_from_using_the_pages(
    browser: Browser, live_server: Any, scheme: ColorScheme, width: int
) -> None:
    shipment = a_known_parcel()
    rule, _made = RetentionRule.objects.get_or_create(kind=Kept.SCANS, merchant=None)
    with a_page(browser, scheme, width=width, refusal=REFUSAL) as page:
        sign_in(page, live_server)
        for address in (f"retentionrule/{rule.pk}/change/", "erasure/add/"):
            page.goto(f"{live_server.url}/admin/shipments/{address}")
            assert driving.barriers(page) == []
        page.get_by_label("tracking number", exact=True).check()
        page.get_by_label("E-mail address or tracking number").fill(shipment.number)
        page.get_by_role("button", name="Look").click()
        expect(page.get_by_role("button", name="Erase it")).to_be_visible()
        assert driving.barriers(page) == []
