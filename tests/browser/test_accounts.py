"""An owner's carrier accounts in a real browser: with and without scripts, light and dark, narrow and wide."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from shipments import tasks
from shipments.enums import Connection
from shipments.models import CarrierAccount, Credential, Merchant, User
from tests.browser import driving
from tests.browser.driving import ColorScheme, a_page, arrived, give_name_and_password
from tests.factories import Simulator, a_key, an_account, keys_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "correct horse battery"


def sign_in(page: Page, live_server: Any) -> None:
    page.goto(f"{live_server.url}/app/")
    give_name_and_password(page, "alice@example.com")
    arrived(page, f"{live_server.url}/app/alpine/attention/")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_an_owner_adds_an_account_tries_it_and_changes_its_key(
    browser: Browser, live_server: Any, alice: User, merchant: Merchant, calm: Simulator, scripts: bool
) -> None:
    with a_page(browser, scripts=scripts) as page:
        sign_in(page, live_server)
        page.get_by_role("link", name="Settings").click()
        page.get_by_role("link", name="Carrier accounts").click()
        expect(page.get_by_text("so no carrier is asked about your parcels")).to_be_visible()
        page.get_by_role("link", name="Add an account").click()

        page.get_by_label("Key", exact=True).fill("two words")
        page.get_by_label("Secret", exact=True).fill("hunter2-hunter2")
        page.get_by_role("button", name="Add the account").click()
        expect(page.get_by_text("A key has no blanks in it")).to_be_visible()
        expect(page.get_by_label("Secret", exact=True)).to_have_value("")

        page.get_by_label("Key", exact=True).fill("client-id-4711")
        page.get_by_label("Secret", exact=True).fill("hunter2-hunter2")
        page.get_by_text("Address and limits").click()
        page.get_by_label("Address other than the carrier's own").fill(calm.url)
        page.get_by_role("button", name="Add the account").click()
        expect(page.get_by_text("The connection is being tried …")).to_be_visible()
        account = CarrierAccount.objects.get()
        calm.faults("token-refused:key=client")
        work(account)
        _look_again(page, scripts)
        expect(page.get_by_text("USPS refused the key or its secret.")).to_be_visible()
        expect(page.get_by_text("Copy both again from the carrier's portal")).to_be_visible()

        page.get_by_label("Key", exact=True).fill("newer-id-8888")
        page.get_by_label("Secret", exact=True).fill("hunter3-hunter3")
        page.get_by_role("button", name="Store the key").click()
        expect(page.get_by_text("It is not shown again.")).to_be_visible()
        assert [key for key, _secret in keys_of(account)] == ["newer-id-8888", "client-id-4711"]
        work(account)
        _look_again(page, scripts)
        expect(page.get_by_text("USPS gave a token for the key and answered")).to_be_visible()
        assert [key for key, _secret in keys_of(account)] == ["newer-id-8888"]

        page.get_by_role("button", name="Switch the account off").click()
        expect(page.get_by_text("No: it is switched off.")).to_be_visible()
        page.get_by_role("link", name="Delete the account").click()
        give_the_password_again(page)
        page.get_by_role("button", name="Delete the account").click()
        expect(page.get_by_text("The account is deleted")).to_be_visible()
        assert CarrierAccount.objects.exists() is False


def work(account: CarrierAccount) -> None:
    """The queue tries the connection. In a thread of its own: the browser's event loop runs in this one."""

    def try_it() -> None:
        tasks.test_account(account.pk)
        connection.close()

    thread = threading.Thread(target=try_it)
    thread.start()
    thread.join(60)


def give_the_password_again(page: Page) -> None:
    expect(page.get_by_role("heading", name="Is it you?")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()


def _look_again(page: Page, scripts: bool) -> None:
    """With scripts the page asks by itself."""
    if not scripts:
        page.get_by_role("link", name="Look again").click()


@pytest.mark.parametrize("width", [320, 1024, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_of_accounts_keep_nobody_out(
    browser: Browser, live_server: Any, alice: User, merchant: Merchant, scheme: ColorScheme, width: int
) -> None:
    account = an_account(merchant, base_url="https://apis.usps.com")
    a_key(account, refused_at=timezone.now(), refusal="USPS sign-in: the key or the secret was refused.")
    Credential.objects.update(expires_on=timezone.localdate() + timedelta(days=5))
    account.request_test(timezone.now())
    account.record_test(Connection.REFUSED_KEY, "USPS sign-in: refused.", timezone.now())
    with a_page(browser, scheme, width=width) as page:
        sign_in(page, live_server)
        for path in ("", "add/", f"{account.pk}/", f"{account.pk}/delete/"):
            page.goto(f"{live_server.url}/app/alpine/settings/accounts/{path}")
            if "delete" in path:
                give_the_password_again(page)
                expect(page.get_by_role("heading", name="Delete the account at USPS?")).to_be_visible()
            assert driving.barriers(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
