"""A merchant's whole life in the back-office, and what its people see of it: with and without scripts, light and dark."""

import re
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from shipments.keeping import deleting, exporting_all, suspending
from shipments.models import Invitation, Merchant, MerchantDeletion, MerchantExport, User
from tests.browser import driving
from tests.browser.driving import ColorScheme, a_page, arrived, give_name_and_password
from tests.factories import a_person, a_shipment

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# A page that is closed, or a form that was refused.
REFUSED = re.compile("the server responded with a status of (400|403)")
# Django's admin names no icon, and browsers ask for one.
OR_NO_ICON = re.compile("the server responded with a status of (400|403|404)")


@pytest.fixture
def oskar(transactional_db: None) -> User:
    return a_person("oskar@example.com", is_staff=True, is_superuser=True, name="Oskar")


def sign_in(page: Page, address: str, email: str) -> None:
    page.goto(address)
    give_name_and_password(page, email)
    arrived(page, address)


def barriers(page: Page, width: int) -> list[str]:
    """What keeps somebody from using the page, and what runs off the screen."""
    seen = driving.barriers(page)
    across = page.evaluate("document.documentElement.scrollWidth")
    return seen + ([f"{across} pixels across"] if across > width else [])


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_merchant_is_made_suspended_and_put_back_to_work(
    browser: Browser, live_server: Any, oskar: User, scripts: bool
) -> None:
    site = live_server.url
    with a_page(browser, scripts=scripts, refusal=OR_NO_ICON) as page:
        sign_in(page, f"{site}/admin/", "oskar@example.com")
        page.goto(f"{site}/admin/shipments/merchant/add/")
        page.get_by_label("Short name").fill("acme")
        page.get_by_label("Name:", exact=True).fill("Acme Goods")
        page.get_by_label("Owner's e-mail address").fill("olga@example.com")
        page.get_by_label("Parcels followed at a time").fill("20000")
        page.get_by_role("button", name="Save and continue editing").click()
        expect(page.get_by_text("olga@example.com is invited as the owner")).to_be_visible()
        expect(page.get_by_text("0 of 20,000")).to_be_visible()
        page.get_by_role("button", name="Send again").click()
        expect(page.get_by_text("An invitation is on its way to olga@example.com.")).to_be_visible()

        page.get_by_role("link", name="Suspend").click()
        page.get_by_role("button", name="Suspend").click()
        expect(page.get_by_text("This field is required.")).to_be_visible()
        page.get_by_label("Why").fill("Unpaid since January.")
        page.get_by_role("button", name="Suspend").click()
        expect(page.get_by_text("Acme Goods is suspended.")).to_be_visible()
        expect(page.get_by_text("Why: Unpaid since January.")).to_be_visible()
        page.get_by_role("button", name="Put back to work").click()
        expect(page.get_by_text("Acme Goods is at work again.")).to_be_visible()

    acme = Merchant.objects.get(slug="acme")
    assert (acme.is_suspended, acme.most_parcels) == (False, 20_000)
    assert Invitation.objects.open().get().merchant == acme


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_merchant_is_deleted_for_good_only_by_its_name_and_can_be_kept(
    browser: Browser, live_server: Any, oskar: User, merchant: Merchant, alice: User, scripts: bool
) -> None:
    a_shipment(merchant)
    with a_page(browser, scripts=scripts, refusal=OR_NO_ICON) as page:
        sign_in(
            page, f"{live_server.url}/admin/shipments/merchant/{merchant.pk}/change/", "oskar@example.com"
        )
        page.get_by_role("link", name="Delete for good").click()
        page.get_by_label("Short name of the merchant").fill("alpin")
        page.get_by_role("button", name="Delete for good").click()
        expect(
            page.get_by_text("This is not the short name of this merchant. Nothing was done.")
        ).to_be_visible()
        expect(page.get_by_label("Days until then")).to_have_value("30")
        page.get_by_label("Short name of the merchant").fill("alpine")
        page.get_by_role("button", name="Delete for good").click()
        expect(page.get_by_text("It is deleted for good on")).to_be_visible()
        page.get_by_role("button", name="Call the deletion off").click()
        expect(page.get_by_text("Alpine Outfitters is kept.")).to_be_visible()

    assert MerchantDeletion.objects.get().called_off_at is not None
    merchant.refresh_from_db()
    assert merchant.is_suspended is False


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_an_owner_of_a_suspended_merchant_is_told_and_fetches_all_data(
    browser: Browser, live_server: Any, merchant: Merchant, alice: User, scripts: bool
) -> None:
    suspending.suspend(merchant, "Unpaid since January.", timezone.now())
    with a_page(browser, scripts=scripts, refusal=REFUSED) as page:
        sign_in(page, f"{live_server.url}/app/alpine/shipments/", "alice@example.com")
        expect(page.get_by_role("heading", name="Alpine Outfitters is suspended")).to_be_visible()
        expect(page.get_by_text("Unpaid since January.")).to_be_visible()
        page.get_by_role("link", name="Fetch all its data").click()
        page.get_by_label("Password").fill("correct horse battery")
        page.get_by_role("button", name="Go on").click()
        page.get_by_role("button", name="Make the file").click()
        expect(page.get_by_text("The file is being made.")).to_be_visible()
        exporting_all.work_on(MerchantExport.objects.get().pk)
        page.get_by_role("link", name="Look again").click()
        with page.expect_download() as downloading:
            page.get_by_role("link", name="Download").click()
        assert downloading.value.suggested_filename.endswith(".zip")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1440])
def test_nothing_keeps_anybody_from_using_these_pages(
    browser: Browser,
    live_server: Any,
    oskar: User,
    merchant: Merchant,
    alice: User,
    scheme: ColorScheme,
    width: int,
) -> None:
    now = timezone.now()
    deleting.ask(
        merchant, because="The contract has ended.", due_at=now + timedelta(days=30), by=None, now=now
    )
    job, _is_new = exporting_all.start(merchant, None, now)
    exporting_all.work_on(job.pk)
    with a_page(browser, scheme, width=width, refusal=REFUSED) as page:
        sign_in(page, f"{live_server.url}/app/alpine/attention/", "alice@example.com")
        assert barriers(page, width) == []
        page.goto(f"{live_server.url}/app/alpine/settings/export/")
        page.get_by_label("Password").fill("correct horse battery")
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_role("heading", name="Take everything along")).to_be_visible()
        assert barriers(page, width) == []
    with a_page(browser, scheme, width=width, refusal=OR_NO_ICON) as page:
        back_office = f"{live_server.url}/admin/shipments/merchant/{merchant.pk}"
        sign_in(page, f"{back_office}/export/", "oskar@example.com")
        for address in ("export", "suspend", "invite", "delete-for-good"):
            page.goto(f"{back_office}/{address}/")
            page.wait_for_load_state()
            # What is ours of it: the frame around is Django's. Reading its style sheets axe itself would break the policy.
            options = {"resultTypes": ["violations"], "preload": False}
            found = Axe().run(page, context="#content", options=options)
            assert [(one["id"], one["nodes"][0]["html"]) for one in found.response["violations"]] == []
