"""A buyer's way to mails about a parcel and out of them again, with scripts and without."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from shipments.models import Mail, Merchant, Shipment, Subscription
from tests.browser.driving import ColorScheme, a_page, arrived, barriers
from tests.factories import ACCEPTED, LABEL, a_scan, a_shipment, a_snapshot, ingested

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def parcel(merchant: Merchant) -> Shipment:
    """On its way."""
    shipment = a_shipment(merchant, due_at=timezone.now() + timedelta(hours=2))
    ingested(shipment, a_snapshot(a_scan(*ACCEPTED), a_scan(*LABEL)))
    return shipment


def link_to(path: str, kind: str) -> str:
    found = re.search(rf"http://localhost:8000({path}\S+)", Mail.objects.get(kind=kind).text)
    assert found is not None
    return found[1]


def looked_at(page: Page) -> None:
    """Nothing on the page keeps anybody out, and nothing sticks out of a small phone."""
    assert barriers(page) == []
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.set_viewport_size({"width": 1280, "height": 900})


@pytest.mark.parametrize(("scheme", "scripts"), [("light", True), ("dark", False), ("light", False)])
def test_asking_confirming_and_stopping(
    browser: Browser, live_server: Any, parcel: Shipment, scheme: ColorScheme, scripts: bool
) -> None:
    with a_page(browser, scheme, scripts=scripts) as page:
        page.goto(f"{live_server.url}/track/{parcel.number}")
        form = page.get_by_role("region", name="E-mail me")
        expect(form.get_by_role("radio", name="News from now on")).to_be_checked()
        if scripts:
            looked_at(page)
        # What the browser itself would refuse, sent all the same.
        form.get_by_label("Your e-mail address").fill("robin@nowhere")
        form.get_by_role("radio", name="Both").check()
        form.get_by_role("button", name="Send me the link").click()
        expect(page.get_by_role("alert")).to_contain_text("this is none. It looks like name@example.com.")
        expect(page.get_by_role("radio", name="Both")).to_be_checked()
        if scripts:
            looked_at(page)

        page.get_by_label("Your e-mail address").fill("robin@example.com")
        page.get_by_role("button", name="Send me the link").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Look in your mailbox")
        page.reload()
        assert Mail.objects.count() == 1
        if scripts:
            looked_at(page)

        page.goto(live_server.url + link_to("/mail/confirm/", "buyer-confirm"))
        expect(page.get_by_text("r•••@example.com gets one mail with all that has happened")).to_be_visible()
        assert Subscription.objects.exists() is False
        if scripts:
            looked_at(page)
        page.get_by_role("button", name="Yes, send me these mails").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Confirmed: we write to you")
        assert Subscription.objects.get().email == "robin@example.com"
        if scripts:
            looked_at(page)

        page.goto(live_server.url + link_to("/mail/stop/", "buyer-so-far"))
        if scripts:
            looked_at(page)
        page.get_by_role("button", name="Stop these mails").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("These mails have ended")
        assert Subscription.objects.get().unsubscribed_at is not None
        page.get_by_role("link", name="To the parcel").click()
        arrived(page, f"{live_server.url}/track/{parcel.number}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_mails_are_readable_for_everybody(
    browser: Browser, live_server: Any, parcel: Shipment, scheme: ColorScheme
) -> None:
    with a_page(browser, scheme) as page:
        page.goto(f"{live_server.url}/track/{parcel.number}")
        page.get_by_label("Your e-mail address").fill("robin@example.com")
        page.get_by_role("radio", name="Both").check()
        page.get_by_role("button", name="Send me the link").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Look in your mailbox")
        page.goto(live_server.url + link_to("/mail/confirm/", "buyer-confirm"))
        page.get_by_role("button", name="Yes, send me these mails").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Confirmed: we write to you")
        # In a page of their own: the site's policy forbids what mails need.
        for mail in Mail.objects.order_by("pk"):
            page.goto("about:blank")
            page.set_content(mail.html)
            looked_at(page)
