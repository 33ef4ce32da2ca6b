"""What happened while somebody was looking: news, a colleague's correction, and the way back to where one came from."""

from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, expect

from shipments.analytics import attention
from shipments.enums import Status
from shipments.models import AttentionItem, Shipment, User
from tests.browser.driving import a_page, arrived, barriers, sign_in
from tests.factories import a_shipment

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def parcel(alice: User) -> Shipment:
    shipment = a_shipment(
        alice.memberships.get().merchant,
        status=Status.EXCEPTION,
        changed_at=timezone.now(),
        order_number="A-77",
        recipient_name="Rosa Invented",
    )
    attention.review(timezone.now())
    return shipment


@pytest.mark.parametrize("scripts", [True, False])
def test_what_has_news_since_one_looked_stays_and_says_so(
    browser: Browser, live_server: Any, parcel: Shipment, scripts: bool
) -> None:
    with a_page(browser, scripts=scripts) as page:
        sign_in(page, live_server)
        page.goto(f"{live_server.url}/app/alpine/attention/")
        Shipment.objects.update(changed_at=timezone.now(), status_text="HELD AT CUSTOMS")
        row = page.locator(f"#item-{parcel.public_id}")

        row.get_by_role("button", name="Done", exact=True).click()

        expect(page.get_by_text("1 parcel has news since you looked, so it stays.")).to_be_visible()
        expect(row).to_contain_text("HELD AT CUSTOMS")
        assert AttentionItem.objects.get().done_at is None
        assert barriers(page) == [] if scripts else True

        row.get_by_role("button", name="Done", exact=True).click()
        expect(page.get_by_text("It comes back only when something new happens.").first).to_be_attached()
        assert AttentionItem.objects.get().done_at is not None


@pytest.mark.parametrize("scripts", [True, False])
def test_who_corrects_second_sees_both_and_decides(
    browser: Browser, live_server: Any, parcel: Shipment, scripts: bool
) -> None:
    with a_page(browser, scripts=scripts) as page:
        sign_in(page, live_server)
        page.goto(f"{live_server.url}/app/alpine/shipments/{parcel.public_id}/correct/")
        Shipment.objects.update(order_number="C-99")
        page.get_by_label("Recipient", exact=True).fill("Ana Invented")

        page.get_by_role("button", name="Keep the changes").click()

        expect(page.get_by_role("alert")).to_contain_text("Somebody changed the order from A-77 to C-99.")
        expect(page.get_by_label("Recipient", exact=True)).to_have_value("Ana Invented")
        expect(page.get_by_label("Order", exact=True)).to_have_value("C-99")
        assert barriers(page) == [] if scripts else True

        page.get_by_role("button", name="Keep the changes").click()
        expect(page.get_by_text("The changes are kept.")).to_be_visible()
        parcel.refresh_from_db()
        assert (parcel.order_number, parcel.recipient_name) == ("C-99", "Ana Invented")


@pytest.mark.parametrize("scripts", [True, False])
def test_the_way_back_is_to_the_list_as_it_was_asked_for(
    browser: Browser, live_server: Any, parcel: Shipment, scripts: bool
) -> None:
    asked = f"{live_server.url}/app/alpine/shipments/?q=Rosa"
    with a_page(browser, scripts=scripts) as page:
        sign_in(page, live_server)
        page.goto(asked)
        page.locator("#shipments a.number").click()
        address = f"{live_server.url}/app/alpine/shipments/{parcel.public_id}/"
        arrived(page, address)
        # A page in between, as after a correction.
        page.goto(f"{address}correct/")
        page.get_by_role("link", name="Leave it as it is").click()
        arrived(page, address)

        page.get_by_role("link", name="← Shipments").click()

        expect(page).to_have_url(asked if scripts else f"{live_server.url}/app/alpine/shipments/")
