"""What an agent does with one parcel, and with a pasted list, in a real browser: with and without scripts, light and dark."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from shipments.enums import Lifecycle, Resolution, Status
from shipments.facts.times import DeliveryEstimate
from shipments.models import Merchant, Note, PrivateLink, Shipment, User
from tests.browser import driving
from tests.browser.driving import ColorScheme, a_page, arrived, give_name_and_password
from tests.factories import (
    ACCEPTED,
    DELIVERED,
    LABEL,
    OLNEY,
    a_scan,
    a_shipment,
    a_snapshot,
    an_account,
    ingested,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NUMBER = "9405509898641500000146"
LETTER = "0027012345620080000100001000123"


@pytest.fixture
def parcel(merchant: Merchant) -> Shipment:
    """On its way, with a promise that moved."""
    an_account(merchant)
    shipment = a_shipment(
        merchant,
        number=NUMBER,
        order_number="A-77",
        recipient_name="Rosa Invented",
        due_at=timezone.now() + timedelta(hours=2),
    )
    ingested(shipment, a_snapshot(a_scan(*LABEL), estimate=DeliveryEstimate(date(2026, 3, 9))))
    ingested(
        shipment,
        a_snapshot(a_scan(*ACCEPTED), a_scan(*LABEL), estimate=DeliveryEstimate(date(2026, 3, 11))),
        minute=5,
        part=b'{"events": [{"text": "USPS in possession of item"}, {"text": "Label"}]}',
    )
    return shipment


def sign_in(page: Page, live_server: Any) -> None:
    page.goto(f"{live_server.url}/accounts/login/")
    give_name_and_password(page, "alice@example.com")
    arrived(page, f"{live_server.url}/app/alpine/attention/")


def containing(text: str) -> re.Pattern[str]:
    """What a value with this text in it is like."""
    return re.compile(re.escape(text))


def open_parcel(page: Page, live_server: Any, shipment: Shipment, more: str = "") -> None:
    page.goto(f"{live_server.url}/app/alpine/shipments/{shipment.public_id}/{more}")


def test_the_reply_is_copied_in_the_buyers_language_with_a_private_link(
    browser: Browser, live_server: Any, alice: User, parcel: Shipment
) -> None:
    with a_page(browser) as page:
        sign_in(page, live_server)
        open_parcel(page, live_server, parcel)

        # The word goes after two seconds, which a busy machine may let pass unseen.
        page.evaluate("window.setTimeout = () => 0")
        page.get_by_role("button", name="Copy the reply").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith("Hello Rosa Invented,\n\nThis is about your order A-77")
        assert f"{live_server.url}/m/alpine/track/{NUMBER}" in copied

        page.get_by_role("link", name="Español").click()
        expect(page.get_by_label("Ready reply")).to_have_attribute("lang", "es")
        page.get_by_role("button", name="Use a private link instead").click()
        expect(page.get_by_text("With the private link")).to_be_visible()
        expect(page.get_by_label("Ready reply")).to_have_attribute("lang", "es")
        expect(page.get_by_label("Ready reply")).to_have_value(
            containing(f"{live_server.url}/t/{PrivateLink.objects.get().token}")
        )


def test_what_is_being_typed_stays_while_news_arrives(
    browser: Browser, live_server: Any, alice: User, parcel: Shipment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shipments.web.parcel_parts.QUIET_POLL", 1)
    with a_page(browser) as page:
        sign_in(page, live_server)
        open_parcel(page, live_server, parcel)
        note = page.get_by_label("New note")
        note.fill("Half a sentence")

        ingested(
            parcel, a_snapshot(a_scan(*DELIVERED, place=OLNEY), a_scan(*ACCEPTED), a_scan(*LABEL)), minute=9
        )
        Note.objects.create(shipment=parcel, merchant=parcel.merchant, author=alice, text="From a colleague.")

        expect(page.get_by_role("heading", level=2).first).to_contain_text("Delivered")
        expect(page.get_by_text("From a colleague.")).to_be_visible()
        expect(page.get_by_label("Ready reply")).to_have_value(containing("Delivered"))
        expect(note).to_have_value("Half a sentence")
        expect(note).to_be_focused()


def test_a_scan_leads_to_its_place_in_the_raw_answer(
    browser: Browser, live_server: Any, alice: User, parcel: Shipment
) -> None:
    with a_page(browser) as page:
        sign_in(page, live_server)
        open_parcel(page, live_server, parcel)

        page.get_by_role("listitem").filter(has_text=ACCEPTED[2]).get_by_role(
            "link", name="raw answer"
        ).click()

        expect(page.locator("mark")).to_have_text('{"text": "USPS in possession of item"}')


def test_without_scripts_a_parcel_is_noted_tagged_resolved_and_put_away(
    browser: Browser, live_server: Any, alice: User, parcel: Shipment
) -> None:
    with a_page(browser, scripts=False) as page:
        sign_in(page, live_server)
        open_parcel(page, live_server, parcel)
        page.get_by_label("New note").fill("Buyer called.")
        page.get_by_role("button", name="Add the note").click()
        expect(page.get_by_text("alice@example.com wrote a note")).to_be_visible()
        page.get_by_role("button", name="Delete your note").click()
        expect(page.get_by_text("Nobody has written anything yet.")).to_be_visible()

        page.get_by_label("New tag").fill("vip")
        page.get_by_role("button", name="Add tag").click()
        expect(page.get_by_role("button", name="Take off the tag vip")).to_be_visible()
        page.get_by_label("New tag").fill("VIP")
        page.get_by_role("button", name="Add tag").click()
        expect(page.get_by_text("The parcel has this tag already: vip.")).to_be_visible()
        page.get_by_role("button", name="Take off the tag vip").click()
        expect(page.get_by_text("alice@example.com took off a tag")).to_be_visible()

        page.get_by_role("button", name="Refunded").click()
        expect(page.get_by_text("alice@example.com marked it as refunded")).to_be_visible()
        page.get_by_role("button", name="Close: ask no more").click()
        expect(page.get_by_role("button", name="Reopen: ask again")).to_be_visible()
        expect(page.get_by_role("button", name="Refresh now")).to_have_count(0)
        page.get_by_role("button", name="Archive").click()
        page.get_by_role("button", name="Take it out of the archive").click()
        page.get_by_role("button", name="Reopen: ask again").click()
        expect(page.get_by_role("button", name="Refresh now")).to_be_visible()
    parcel.refresh_from_db()
    assert (parcel.resolution, parcel.tags, parcel.lifecycle) == (Resolution.REFUNDED, [], Lifecycle.ACTIVE)


def test_without_scripts_a_wrong_carrier_is_corrected_and_a_number_used_again_starts_anew(
    browser: Browser, live_server: Any, alice: User, parcel: Shipment
) -> None:
    with a_page(browser, scripts=False) as page:
        sign_in(page, live_server)
        open_parcel(page, live_server, parcel)
        page.get_by_role("link", name="Correct", exact=True).click()
        page.get_by_label("Carrier").select_option("NEWGISTICS")
        page.get_by_label("Postal code").fill("8")
        page.get_by_role("button", name="Keep the changes").click()
        expect(page.get_by_text("A ZIP Code is five digits")).to_be_visible()
        page.get_by_label("Postal code").fill("20832")
        page.get_by_role("button", name="Keep the changes").click()
        expect(page.get_by_text("2 scans set aside")).to_be_visible()
        parcel.refresh_from_db()
        assert (parcel.carrier_id, parcel.status) == ("NEWGISTICS", Status.UNKNOWN)

        page.get_by_role("link", name="The carrier has used this number again").click()
        page.get_by_label("Mailing date of the new parcel").fill("2026-06-01")
        page.get_by_role("button", name="Start the new parcel").click()
        expect(page.get_by_text("2 parcels with this number:")).to_be_visible()
        page.get_by_role("link", name="the 1.,").click()
        arrived(page, f"{live_server.url}/app/alpine/shipments/{parcel.public_id}/")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_pasted_list_is_looked_at_and_another_carrier_is_one_click_away(
    browser: Browser, live_server: Any, alice: User, parcel: Shipment, scripts: bool
) -> None:
    with a_page(browser, scripts=scripts) as page:
        sign_in(page, live_server)
        page.goto(f"{live_server.url}/app/alpine/shipments/add/")
        page.get_by_label("Tracking numbers").fill(f"{LETTER}\tB-1\tAna Invented\n{NUMBER}\n12")
        page.get_by_role("button", name="Look at them").click()
        line = page.get_by_role("group", name="Carrier, line 1")
        expect(line).to_be_visible()
        # What is chosen counts once the scripts are there.
        page.wait_for_load_state()
        expect(line.get_by_role("radio", name="IMb")).to_be_checked()
        expect(page.get_by_role("link", name="open it")).to_have_attribute(
            "href", f"/app/alpine/shipments/{parcel.public_id}/"
        )

        if scripts:
            # Of the list and the chips the one that was touched last is meant.
            line.get_by_role("combobox").select_option("FDR")
            expect(line.get_by_role("radio", name="IMb")).not_to_be_checked()
        line.get_by_role("radio", name="USPS possible").check()
        expect(line.get_by_role("combobox")).to_have_value("")
        page.get_by_role("button", name="Add 1 number").click()
        expect(page.get_by_text("1 parcel added.")).to_be_visible()

        added = Shipment.objects.get(order_number="B-1")
        assert (added.carrier_id, added.recipient_name) == ("USPS", "Ana Invented")
        page.get_by_label("Tracking number, line 1").fill(LETTER.replace("0027", "0028"))
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("00280123456200800001")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390), ("light", 320)])
def test_pages_about_a_parcel_have_no_barriers_and_fit_the_screen(
    browser: Browser, live_server: Any, alice: User, parcel: Shipment, scheme: ColorScheme, width: int
) -> None:
    this = Shipment.objects.filter(pk=parcel.pk)
    this.tag("vip")
    this.resolve(Resolution.LOST, by_id=alice.pk, now=timezone.now())
    Note.objects.create(shipment=parcel, merchant=parcel.merchant, author=alice, text="Buyer called.")
    scan = parcel.scans.get(text=ACCEPTED[2])
    assert scan.answer is not None
    found: dict[str, list[str]] = {}
    with a_page(browser, scheme, width=width) as page:
        sign_in(page, live_server)
        for more in ("", "correct/", "new-parcel/", f"answers/{scan.answer.sha256}/?scan={scan.fingerprint}"):
            open_parcel(page, live_server, parcel, more)
            found[more] = _barriers(page, width)
        open_parcel(page, live_server, parcel, "new-parcel/")
        page.get_by_label("Mailing date of the new parcel").evaluate("field => field.required = false")
        page.get_by_role("button", name="Start the new parcel").click()
        expect(page.get_by_role("alert")).to_be_visible()
        found["refused"] = _barriers(page, width)
        page.goto(f"{live_server.url}/app/alpine/shipments/add/")
        page.get_by_label("Tracking numbers").fill(f"{LETTER}\tB-1\tAna\n{LETTER}\n{NUMBER}\n12")
        page.get_by_role("button", name="Look at them").click()
        page.wait_for_selector(".lines")
        found["lines"] = _barriers(page, width)
    assert {name: barrier for name, barrier in found.items() if barrier} == {}


def _barriers(page: Page, width: int) -> list[str]:
    """What axe finds that keeps somebody from using the page, and what is wider than the screen."""
    barriers = driving.barriers(page)
    if (across := page.evaluate("document.documentElement.scrollWidth")) > width:
        barriers.append(f"{across} pixels across")
    return barriers


def test_print_shows_the_facts_the_timeline_and_the_proof_and_nothing_to_click(
    browser: Browser, live_server: Any, alice: User, parcel: Shipment
) -> None:
    ingested(parcel, a_snapshot(a_scan(*DELIVERED, place=OLNEY), a_scan(*ACCEPTED), a_scan(*LABEL)), minute=9)
    with a_page(browser) as page:
        sign_in(page, live_server)
        open_parcel(page, live_server, parcel)
        page.emulate_media(media="print")

        for shown in ("Proof of delivery", "Scans", "Particulars"):
            expect(page.get_by_role("heading", name=shown)).to_be_visible()
        for hidden in ("Answer the buyer", "Notes", "Private link", "Who did what, and who was told"):
            expect(page.get_by_role("heading", name=hidden)).to_have_count(0)
        expect(page.get_by_role("region", name="How fresh this is")).to_have_count(0)
        expect(page.get_by_role("button")).to_have_count(0)
        expect(page.get_by_role("navigation")).to_have_count(0)


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("width", [1024, 1440])
def test_nothing_of_a_parcel_runs_out_of_its_card(
    browser: Browser, live_server: Any, alice: User, parcel: Shipment, width: int, language: str
) -> None:
    ingested(
        parcel,
        a_snapshot(
            a_scan(*DELIVERED, place=OLNEY),
            a_scan(*ACCEPTED),
            a_scan(*LABEL),
            delivery_description="Delivered, Front Desk/Reception/Mail Room",
        ),
        minute=9,
    )
    with a_page(browser, width=width) as page:
        sign_in(page, live_server)
        page.context.add_cookies([{"name": "django_language", "value": language, "url": live_server.url}])
        open_parcel(page, live_server, parcel)

        expect(page.locator(".steps__step")).to_have_count(5)
        # A word too long for its place sticks out of it, and is seen by how far it could be scrolled.
        assert (
            page.evaluate("""
            [...document.querySelectorAll('.parcel .card, .parcel .steps, .parcel .steps__step, .parcel dt, .parcel dd')]
                .filter(each => each.scrollWidth > each.clientWidth + 1)
                .map(each => each.className || each.textContent.trim())
        """)
            == []
        )
        # A value has at least the room of a dozen letters.
        assert (
            page.evaluate("""
            [...document.querySelectorAll('.parcel dd')].filter(each => each.clientWidth < 96).length
        """)
            == 0
        )
