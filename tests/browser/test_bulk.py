"""Many parcels at once, in a real browser: ticked and tagged, or all that match archived, with and without scripts."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from shipments.bulk import acting
from shipments.enums import Lifecycle, Status
from shipments.models import BulkAction, Merchant, Shipment, User
from tests.browser.driving import ColorScheme, a_page, arrived, barriers, sign_in_on_the_way
from tests.factories import a_bulk_action, a_shipment

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LIST = "/app/alpine/shipments/"
# More than fit a page of the list.
MANY = 53


def sign_in(page: Page, live_server: Any, to: str = LIST, email: str = "mary@example.com") -> None:
    sign_in_on_the_way(page, live_server.url + to, email)


def done_by_the_queue(page: Page, *, scripts: bool) -> None:
    """What a worker does meanwhile; without scripts the reader looks again by hand."""
    assert acting.work(BulkAction.objects.get().pk) is False
    if not scripts:
        page.get_by_role("link", name="Look again").click()


@pytest.mark.parametrize("scripts", [True, False])
def test_two_ticked_parcels_are_tagged_and_found_by_their_tag(
    browser: Browser, live_server: Any, mary: User, merchant: Merchant, scripts: bool
) -> None:
    first, second, other = (a_shipment(merchant) for _ in range(3))
    with a_page(browser, scripts=scripts) as page:
        sign_in(page, live_server)
        for shipment in (first, second):
            page.get_by_role("checkbox", name=shipment.number).check()
        page.locator("#bulk-tag").fill("vip")
        page.get_by_role("button", name="Add tag").click()

        expect(page.get_by_role("heading", level=1)).to_have_text("Add the tag “vip”")
        expect(page.get_by_text("Waiting for its turn in the queue.")).to_be_visible()
        done_by_the_queue(page, scripts=scripts)
        expect(page.get_by_role("status")).to_contain_text("Done: 2 parcels changed.")
        expect(page.locator("progress")).to_have_attribute("value", "2")

        page.get_by_role("link", name="Back to the list").click()
        arrived(page, live_server.url + LIST)
        page.goto(f"{live_server.url}{LIST}?tag=vip")
        expect(page.get_by_role("link", name=first.number)).to_be_visible()
        expect(page.get_by_role("link", name=second.number)).to_be_visible()
        expect(page.get_by_role("link", name=other.number)).to_have_count(0)


@pytest.mark.parametrize("scripts", [True, False])
def test_all_that_match_are_archived_after_a_word_about_what_that_means(
    browser: Browser, live_server: Any, mary: User, merchant: Merchant, scripts: bool
) -> None:
    for _ in range(MANY):
        a_shipment(merchant, status=Status.DELIVERED)
    moving = a_shipment(merchant, status=Status.IN_TRANSIT)
    with a_page(browser, scripts=scripts) as page:
        sign_in(page, live_server, f"{LIST}?tab=done")
        page.get_by_role("checkbox", name="that match, not only this page").check()
        page.get_by_role("button", name="Archive").click()

        expect(page.get_by_text(f"{MANY} parcels: all that match your list")).to_be_visible()
        expect(page.get_by_text("“Restore from the archive” brings them back as they were")).to_be_visible()
        assert not BulkAction.objects.exists()
        page.get_by_role("button", name="Archive").click()
        expect(page.get_by_text("Waiting for its turn in the queue.")).to_be_visible()
        done_by_the_queue(page, scripts=scripts)

        expect(page.get_by_role("status")).to_contain_text(f"Done: {MANY} parcels changed.")
        assert Shipment.objects.filter(lifecycle=Lifecycle.ARCHIVED).count() == MANY
        assert Shipment.objects.get(pk=moving.pk).lifecycle == Lifecycle.ACTIVE


def test_a_long_action_is_watched_and_cancelled(
    browser: Browser, live_server: Any, mary: User, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "STEP", 3)
    for _ in range(9):
        a_shipment(merchant)
    action = a_bulk_action(merchant, by=mary)
    action.take(action.made_at)
    acting.step(action.pk)
    with a_page(browser) as page:
        sign_in(page, live_server, f"/app/alpine/bulk/{action.public_id}/")
        expect(page.get_by_text("0 of 9 parcels")).to_be_visible()
        page.get_by_role("button", name="Cancel").focus()

        acting.step(action.pk)

        expect(page.get_by_text("3 of 9 parcels")).to_be_visible()
        expect(page.locator("progress")).to_have_attribute("value", "3")
        expect(page.get_by_role("button", name="Cancel")).to_be_focused()
        BulkAction.objects.update(leased_until=None)
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("status")).to_contain_text("Cancelled: 3 parcels changed before that")


def test_ticked_parcels_are_saved_as_a_file(
    browser: Browser, live_server: Any, mary: User, merchant: Merchant, tmp_path: Path
) -> None:
    ticked, _other = a_shipment(merchant, order_number="=1"), a_shipment(merchant)
    with a_page(browser) as page:
        sign_in(page, live_server)
        page.get_by_role("checkbox", name=ticked.number).check()
        page.locator("#bulk-export summary").click()
        with page.expect_download() as download:
            page.get_by_role("button", name="CSV", exact=True).click()
        download.value.save_as(tmp_path / "file.csv")

    assert download.value.suggested_filename.startswith("alpine-parcels-")
    (row,) = csv.DictReader(io.StringIO((tmp_path / "file.csv").read_bytes().decode("utf-8-sig"), newline=""))
    assert (row["tracking_number"], row["order_number"]) == (ticked.number, "'=1")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 320)])
def test_pages_have_no_barriers_and_fit_the_screen(
    browser: Browser, live_server: Any, mary: User, merchant: Merchant, scheme: ColorScheme, width: int
) -> None:
    shipment = a_shipment(merchant)
    actions = {
        "waiting": a_bulk_action(merchant, by=mary),
        "running": a_bulk_action(merchant, by=mary, state="running", total=12000, done=1500, changed=1400),
        "over": a_bulk_action(merchant, by=mary, state="done", total=12000, done=12000, changed=11000),
        "failed": a_bulk_action(merchant, by=mary, state="failed", total=9, done=3, error="unexpected"),
    }
    found: dict[str, list[str]] = {}

    def look(name: str, page: Page) -> None:
        found[name] = barriers(page)
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            found[name].append("wider than the screen")

    with a_page(browser, scheme=scheme, width=width) as page:
        sign_in(page, live_server)
        page.get_by_role("checkbox", name=shipment.number).check()
        page.locator("#bulk-more summary").click()
        look("bar", page)
        page.get_by_role("button", name="Set the resolution…").click()
        expect(page.get_by_role("link", name="Back, change nothing")).to_be_visible()
        look("question", page)
        page.goto(f"{live_server.url}/app/alpine/bulk/")
        look("recent", page)
        for name, action in actions.items():
            page.goto(f"{live_server.url}/app/alpine/bulk/{action.public_id}/")
            look(name, page)
    assert {name: barrier for name, barrier in found.items() if barrier} == {}
