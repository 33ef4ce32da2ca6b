"""A morning with the attention page, in a real browser: with and without scripts, by keyboard, light and dark."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect

from shipments.analytics import attention
from shipments.enums import Status
from shipments.models import AttentionItem, Merchant, Note, Shipment, User
from tests.browser.driving import ColorScheme, a_page, arrived, barriers, sign_in
from tests.factories import a_shipment

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def parcels(merchant: Merchant, mary: User) -> list[Shipment]:
    """Three that need somebody, the worst first."""
    now = timezone.now()
    statuses = (Status.EXCEPTION, Status.RETURN_TO_SENDER, Status.DELIVERY_ATTEMPT)
    shipments = [
        a_shipment(
            merchant, status=status, status_since=now - timedelta(days=2), changed_at=now - timedelta(days=1)
        )
        for status in statuses
    ]
    attention.review(now)
    return shipments


def begin(page: Page, live_server: Any) -> None:
    """Mary signs in and sits down before what needs somebody."""
    sign_in(page, live_server, "mary@example.com")
    page.get_by_role("navigation", name="Dashboard").get_by_role("link", name="Attention").click()
    arrived(page, f"{live_server.url}/app/alpine/attention/")


def row(page: Page, shipment: Shipment) -> Locator:
    return page.locator(f"#item-{shipment.public_id}")


def item(shipment: Shipment) -> AttentionItem:
    return AttentionItem.objects.get(shipment=shipment)


def test_with_scripts_one_goes_from_item_to_item_and_nothing_moves_under_the_pointer(
    browser: Browser, live_server: Any, mary: User, parcels: list[Shipment]
) -> None:
    first, second, third = parcels
    with a_page(browser) as page:
        begin(page, live_server)
        expect(page).to_have_title("(3) Attention · Alpine Outfitters")
        place = row(page, second).bounding_box()

        row(page, first).get_by_role("button", name="Done").click()

        expect(row(page, first)).to_contain_text("Done just now by mary@example.com")
        expect(row(page, second).get_by_role("link", name=second.number)).to_be_focused()
        expect(page).to_have_title("(2) Attention · Alpine Outfitters")
        expect(page.locator("#rail-attention")).to_contain_text("2")
        expect(page.locator("#attention-told")).to_have_text(
            "Done. It comes back only when something new happens."
        )
        assert row(page, second).bounding_box() == place
        assert item(first).done_by == mary

        # By keyboard alone: what was done with is behind, the deeds of the next item lie ahead.
        page.keyboard.press("Tab")
        expect(row(page, second).get_by_role("button", name="Done")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(row(page, second)).to_contain_text("Yours")
        expect(row(page, second).get_by_role("button", name="Give it up")).to_be_focused()

        row(page, second).get_by_text("Put off", exact=True).first.click()
        row(page, second).get_by_role("button", name="For 3 days").click()
        expect(row(page, second)).to_contain_text("Put off until")
        expect(row(page, third).get_by_role("link", name=third.number)).to_be_focused()

        row(page, first).get_by_role("button", name="Undo").click()
        expect(row(page, first).get_by_role("button", name="Done")).to_be_visible()
        expect(page).to_have_title("(2) Attention · Alpine Outfitters")
        assert item(first).done_at is None


def test_what_is_wrong_with_a_note_is_said_in_its_row_and_a_good_one_stands_there(
    browser: Browser, live_server: Any, mary: User, parcels: list[Shipment]
) -> None:
    first = parcels[0]
    with a_page(browser) as page:
        begin(page, live_server)
        row(page, first).get_by_text("Note", exact=True).click()
        row(page, first).get_by_role("button", name="Add the note").click()

        expect(row(page, first)).to_contain_text("Write something first.")
        text = row(page, first).get_by_label("Note, seen by your people only")
        expect(text).to_be_focused()
        text.fill("House number is <b>14</b>")
        row(page, first).get_by_role("button", name="Add the note").click()

        expect(row(page, first).locator("blockquote")).to_contain_text("House number is <b>14</b>")
        assert Note.objects.get().author == mary


def test_several_are_picked_and_given_to_a_colleague(
    browser: Browser, live_server: Any, mary: User, alice: User, parcels: list[Shipment]
) -> None:
    with a_page(browser) as page:
        begin(page, live_server)
        expect(page.locator("#several")).to_be_hidden()
        page.get_by_label("Select all of this page").check()
        row(page, parcels[2]).get_by_role("checkbox").uncheck()
        expect(page.locator("#several")).to_contain_text("With the selected: 2")
        page.locator("#several").get_by_label("Give to").first.select_option(label="alice@example.com")
        page.locator("#several").get_by_role("button", name="Give to").click()

        expect(page.get_by_text("The owner of 2 is changed.")).to_be_visible()
        assert [item(shipment).owner for shipment in parcels] == [alice, alice, None]


def test_the_quiet_line_tells_of_more_and_leaves_the_list_alone(
    browser: Browser,
    live_server: Any,
    merchant: Merchant,
    mary: User,
    parcels: list[Shipment],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shipments.web.attention_counts.NEWS_POLL", 1)
    with a_page(browser) as page:
        begin(page, live_server)
        row(page, parcels[0]).get_by_role("link", name=parcels[0].number).focus()
        worst = a_shipment(merchant, status=Status.EXCEPTION, status_since=timezone.now() - timedelta(days=9))
        attention.review(timezone.now(), [worst.pk])

        more = page.get_by_role("link", name="1 more parcel needs somebody: show it")
        expect(more).to_be_visible()
        expect(page).to_have_title("(4) Attention · Alpine Outfitters")
        expect(page.locator(".item")).to_have_count(3)
        expect(page.get_by_role("link", name=parcels[0].number)).to_be_focused()
        more.click()
        expect(page.locator(".item").first).to_contain_text(worst.number)


def test_without_scripts_everything_can_be_done(
    browser: Browser, live_server: Any, mary: User, parcels: list[Shipment]
) -> None:
    first, second, third = parcels
    with a_page(browser, scripts=False) as page:
        begin(page, live_server)
        row(page, first).get_by_role("button", name="Done").click()
        expect(page.get_by_text("It comes back only when something new happens.")).to_be_visible()
        expect(row(page, first)).to_have_count(0)
        expect(page).to_have_url(f"{live_server.url}/app/alpine/attention/#item-{second.public_id}")

        row(page, second).get_by_role("button", name="Take it").click()
        expect(row(page, second)).to_contain_text("Yours")
        row(page, second).get_by_text("Note", exact=True).click()
        row(page, second).get_by_role("button", name="Add the note").click()
        expect(page.get_by_role("heading", name="This was not done")).to_be_visible()
        page.get_by_label("Note, seen by your people only").fill("Refund agreed")
        page.get_by_role("button", name="Add the note").click()
        expect(row(page, second)).to_contain_text("Refund agreed")

        row(page, second).get_by_role("checkbox").check()
        row(page, third).get_by_role("checkbox").check()
        page.locator("#several").get_by_role("button", name="Put off").click()
        expect(page.get_by_role("heading", name="Nothing needs you")).to_be_visible()

        page.get_by_role("link", name="Done 1").click()
        row(page, first).get_by_role("button", name="Undo").click()
        expect(page.get_by_role("link", name="To do 1")).to_be_visible()
        page.get_by_role("link", name="Put off 2").click()
        row(page, third).get_by_role("button", name="Bring it back").click()
        page.get_by_role("link", name="To do 2").click()
        expect(page.locator(".item")).to_have_count(2)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390), ("light", 320)])
def test_the_page_has_no_barriers_and_fits_the_screen(
    browser: Browser,
    live_server: Any,
    mary: User,
    parcels: list[Shipment],
    scheme: ColorScheme,
    width: int,
) -> None:
    found: dict[str, list[str]] = {}

    def look(name: str, page: Page) -> None:
        found[name] = barriers(page)
        if (across := page.evaluate("document.documentElement.scrollWidth")) > width:
            found[name].append(f"{across} pixels across")

    with a_page(browser, scheme, width=width) as page:
        begin(page, live_server)
        look("to do", page)
        row(page, parcels[0]).get_by_text("Put off", exact=True).first.click()
        row(page, parcels[1]).get_by_text("Note", exact=True).click()
        row(page, parcels[2]).get_by_role("checkbox").check()
        look("opened", page)
        row(page, parcels[1]).get_by_role("button", name="Add the note").click()
        expect(row(page, parcels[1])).to_contain_text("Write something first.")
        look("refused", page)
        row(page, parcels[2]).get_by_role("button", name="Done").click()
        expect(row(page, parcels[2])).to_contain_text("Done just now")
        look("done", page)
        for view in ("?view=done", "?view=snoozed", "?reason=late"):
            page.goto(f"{live_server.url}/app/alpine/attention/{view}")
            look(view, page)
    assert {name: barrier for name, barrier in found.items() if barrier} == {}
