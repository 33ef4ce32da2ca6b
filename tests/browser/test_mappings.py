"""From a code nobody knows to its mapping, what that changes, and the replay, in a real browser: with and without scripts."""

import threading
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from shipments import tasks
from shipments.models import Replay, Shipment, UnrecognisedCode, User
from tests.browser.driving import a_page
from tests.factories import a_merchant, a_person, a_shipment
from tests.real_answers import LABEL, WEIGHED, told, usps

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def parcels() -> list[Shipment]:
    a_person("olga@example.com", is_staff=True, is_superuser=True)
    merchant = a_merchant()
    made = [a_shipment(merchant) for _ in range(5)]
    for shipment in made:
        told(shipment, usps(shipment, LABEL, WEIGHED))
    return made


def open_page(page: Page, live_server: Any, path: str) -> None:
    """As the operator, who has signed in before."""
    operator = Client()
    operator.force_login(User.objects.get(email="olga@example.com"))
    session = operator.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    page.goto(f"{live_server.url}{path}")


def work_elsewhere() -> None:
    """What a worker of the queue does, in another process."""

    def work() -> None:
        try:
            tasks.work_on_replay(Replay.objects.get().pk)
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    worker.join(60)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_from_an_unknown_code_to_the_replay(
    browser: Browser, live_server: Any, parcels: list[Shipment], scripts: bool
) -> None:
    with a_page(browser, scripts=scripts) as page:
        open_page(page, live_server, "/admin/shipments/unrecognisedcode/")
        page.get_by_role("link", name="Show some").click()
        expect(page.get_by_role("link", name=f"USPS {parcels[0].number}")).to_be_visible()
        page.get_by_role("link", name="Add a mapping").click()
        page.get_by_label("Status", exact=False).last.select_option("Exception")
        page.get_by_role("button", name="See what it changes").click()

        expect(page.get_by_text("It changes 5 scans of 5 parcels")).to_be_visible()
        expect(page.get_by_role("row", name="Label created Problem reported 5")).to_be_visible()
        page.get_by_role("link", name="Back", exact=True).click()
        expect(page.get_by_label("Carrier's code")).to_have_value("ZZ")
        page.get_by_role("button", name="See what it changes").click()
        page.get_by_role("button", name="Save and apply").click()

        expect(page.get_by_role("status")).to_have_text("Waits for a worker")
        page.get_by_role("button", name="Cancel it").click()
        expect(page.get_by_role("status")).to_have_text("Cancelled")
        page.get_by_role("button", name="Go on from where it stopped").click()
        expect(page.get_by_role("status")).to_have_text("Waits for a worker")
        work_elsewhere()
        if not scripts:
            page.get_by_role("link", name="See how far it has come now").click()
        expect(page.get_by_role("status")).to_have_text("Done")
        expect(page.get_by_role("row", name="Parcels with another status 5")).to_be_visible()

    assert set(Shipment.objects.values_list("status", flat=True)) == {"Exception"}
    assert UnrecognisedCode.objects.exists() is False
