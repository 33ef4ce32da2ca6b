"""Every page of a signed-in person: readable on the narrowest phone and with letters twice as large, and for everybody.

The dashboard's pages come from the table of access, so that a new one is looked at from its first day.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.urls import reverse
from playwright.sync_api import Browser, Page

from shipments.models import Merchant, Note, PrivateLink, SavedView, Shipment, User
from tests.browser.driving import ColorScheme, a_page, across, barriers, sign_in
from tests.factories import (
    ACCEPTED,
    DELIVERED,
    LABEL,
    OLNEY,
    a_bulk_action,
    a_draft,
    a_person,
    a_scan,
    a_shipment,
    a_snapshot,
    an_account,
    an_invitation,
    ingested,
    posted,
)
from tests.web.access_table import IN, TABLE
from tests.web.test_access import address

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Come as files, not as pages.
FILES = {
    "shipment-export", "figures-csv", "import-bad-rows", "shipment-picture", "shipment-proof", "shipment-statement-file",
}  # fmt: skip
# Only ever a part of another page.
PARTS = {"settings-look-preview"}
OF_THE_DASHBOARD = sorted(
    route
    for (route, method), statuses in TABLE.items()
    if method == "GET" and statuses[-1] == IN and route not in FILES | PARTS
)
OF_THE_ACCOUNT = (
    "account_overview",
    "account_name",
    "account_sessions",
    "account_email",
    "account_change_password",
    "account_reauthenticate",
    "account_logout",
    "mfa_index",
    "mfa_activate_totp",
)
# Open what is closed, but for the menus, of which one at a time is open.
OPEN_ALL = "document.querySelectorAll('details:not(.menu, .drop)').forEach(each => { each.open = true })"
LARGE = (
    "document.styleSheets[0].insertRule('html { font-size: 200% }', document.styleSheets[0].cssRules.length)"
)


@pytest.fixture(autouse=True)
def _tries_are_forgotten() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def pages(alice: User, merchant: Merchant) -> dict[str, str]:
    """The address of every page, each with as much on it as somebody may have typed."""
    an_account(merchant)
    Merchant.objects.filter(pk=merchant.pk).update(
        name="Alpine Outfitters & Brothers Outdoor Equipment Incorporated"
    )
    parcel = a_shipment(
        merchant,
        order_number="ORDER-OF-FORTY-SIGNS-WITHOUT-ANY-BLANK-X",
        recipient_name="Maximiliane Wolfeschlegelsteinhausenbergerdorff",
        destination_postal_code="20832",
    )
    ingested(
        parcel,
        a_snapshot(
            a_scan(*DELIVERED, place=OLNEY),
            a_scan(*ACCEPTED),
            a_scan(*LABEL),
            delivered=posted("2026-03-05 14:05"),
            delivery_description="Delivered, Front Desk/Reception/Mail Room",
            signed_by="R INVENTED",
        ),
    )
    Shipment.objects.filter(pk=parcel.pk).tag("a tag of forty signs that is about as long")
    Note.objects.create(
        shipment=parcel, merchant=merchant, author=alice, text=f"See https://a.example/{'path' * 30}"
    )
    PrivateLink.objects.make(parcel)
    SavedView.objects.create(
        merchant=merchant, owner=alice, name="Late, with UPS, and not delivered", query="late=1"
    )
    a_bulk_action(merchant)
    a_draft(
        f"Tracking number,Order\n9405509898641500000146,A\n9.40551E+21,{'B' * 40}\n",
        merchant,
        file_name=f"{'orders-of-this-week-' * 4}.csv",
    )
    an_invitation(merchant, "somebody.with.a.rather.long.address@subdomain.example.com")
    a_person("another.rather.long.address@subdomain.example.com", merchant, "manager")
    found = {route: address(route, parcel) for route in OF_THE_DASHBOARD}
    return found | {route: reverse(route) for route in OF_THE_ACCOUNT}


def speak(page: Page, live_server: Any, language: str) -> None:
    page.context.add_cookies([{"name": "django_language", "value": language, "url": live_server.url}])


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("letters", ["of 320 pixels", "with letters twice as large"])
def test_no_page_is_wider_than_a_screen(
    browser: Browser, live_server: Any, pages: dict[str, str], letters: str, language: str
) -> None:
    width = 320 if letters == "of 320 pixels" else 1280
    found: dict[str, list[str]] = {}
    with a_page(browser, width=width) as page:
        sign_in(page, live_server)
        speak(page, live_server, language)
        for name, where in pages.items():
            page.goto(live_server.url + where)
            if width > 320:
                page.evaluate(LARGE)
            page.evaluate(OPEN_ALL)
            found[name] = across(page, width)
    assert {name: wide for name, wide in found.items() if wide} == {}


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_no_page_keeps_anybody_out(
    browser: Browser, live_server: Any, pages: dict[str, str], scheme: ColorScheme, width: int
) -> None:
    found: dict[str, list[str]] = {}
    with a_page(browser, scheme, width=width) as page:
        sign_in(page, live_server)
        for name, where in pages.items():
            page.goto(live_server.url + where)
            page.evaluate(OPEN_ALL)
            found[name] = barriers(page)
    assert {name: barrier for name, barrier in found.items() if barrier} == {}


def test_whoever_uses_the_keyboard_sees_where_they_are(
    browser: Browser, live_server: Any, pages: dict[str, str]
) -> None:
    unseen: dict[str, set[str]] = {}
    with a_page(browser) as page:
        sign_in(page, live_server)
        for name in (
            "attention",
            "shipment-list",
            "shipment-detail",
            "figures",
            "people",
            "account_overview",
        ):
            page.goto(live_server.url + pages[name])
            for _stop in range(40):
                page.keyboard.press("Tab")
                place = page.evaluate("""() => {
                    const at = document.activeElement, look = getComputedStyle(at), around = getComputedStyle(at.parentElement);
                    const seen = [look, around].some(each => each.outlineStyle !== 'none' && parseFloat(each.outlineWidth) >= 2);
                    return at === document.body || seen ? '' : at.outerHTML.slice(0, 80);
                }""")
                if place:
                    unseen.setdefault(name, set()).add(place)
    assert unseen == {}
