"""From the private link to the picture, the statement, its file and the page that checks it: with and without scripts."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from shipments.models import Merchant, PrivateLink, Shipment, Statement, User
from tests.browser.driving import ColorScheme, a_page, arrived, barriers, sign_in
from tests.factories import (
    ACCEPTED,
    DELIVERED,
    LABEL,
    OLNEY,
    a_kept_picture,
    a_scan,
    a_shipment,
    a_snapshot,
    an_account,
    ingested,
    posted,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def parcel(merchant: Merchant) -> Shipment:
    """Delivered, signed for, and the signature fetched."""
    an_account(merchant)
    shipment = a_shipment(merchant, order_number="A-77")
    ingested(
        shipment,
        a_snapshot(
            a_scan(*DELIVERED, place=OLNEY),
            a_scan(*ACCEPTED),
            a_scan(*LABEL),
            delivered=posted("2026-03-05 14:05"),
            signed_by="R INVENTED",
            delivery_proof_url="https://carrier.example/proof/77",
        ),
    )
    shipment.refresh_from_db()
    a_kept_picture(shipment)
    return shipment


@pytest.mark.parametrize(("scripts", "scheme"), [(True, "light"), (False, "dark")])
def test_a_buyer_sees_the_picture_makes_a_statement_and_somebody_else_checks_it(
    browser: Browser, live_server: Any, parcel: Shipment, scripts: bool, scheme: ColorScheme, tmp_path: Path
) -> None:
    link = PrivateLink.objects.make(parcel).get_absolute_url()
    with a_page(browser, scheme, scripts=scripts, width=390) as page:
        page.goto(live_server.url + link)
        picture = page.get_by_role("img", name="Picture by USPS of the delivery")
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("naturalWidth", 240)
        assert barriers(page) == [] if scripts else True

        page.get_by_role("link", name="Proof statement, to print or to send").click()
        page.get_by_role("button", name="Make a statement of what is known now").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Proof statement")
        statement = Statement.objects.get()
        arrived(page, f"{live_server.url}{link}/statement/{statement.number}")
        expect(page.get_by_text("R INVENTED")).to_be_visible()
        expect(page.get_by_role("row", name="Delivered, Front Door/Porch")).to_contain_text(
            "time zone of the place"
        )
        expect(page.get_by_role("button", name="Print")).to_have_count(1 if scripts else 0)
        if scripts:
            assert barriers(page) == []
        with page.expect_download() as saving:
            page.get_by_role("link", name="Save the file (JSON)").click()
        file = tmp_path / saving.value.suggested_filename
        saving.value.save_as(file)
        assert sha256(file.read_bytes()).hexdigest() == statement.digest

        page.goto(f"{live_server.url}/verify/{statement.number}")
        page.get_by_label("Digest (SHA-256)").fill(statement.digest.upper())
        page.get_by_role("button", name="Check", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("Yes: we made it, and it is unchanged.")
        if scripts:
            assert barriers(page) == []

        changed = json.loads(file.read_text()) | {"merchant": "Somebody Else"}
        file.write_text(json.dumps(changed, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
        page.get_by_label("File (JSON)").set_input_files(file)
        page.get_by_role("button", name="Check the file").click()
        expect(page.get_by_role("status")).to_contain_text("number and digest do not belong together")
        if scripts:
            assert barriers(page) == []


def test_staff_make_a_statement_that_prints_without_the_frame_of_the_page(
    browser: Browser, live_server: Any, alice: User, parcel: Shipment
) -> None:
    with a_page(browser) as page:
        sign_in(page, live_server)
        page.get_by_role("link", name=parcel.number).click()
        expect(page.get_by_role("img", name="Picture by USPS of the delivery")).to_be_visible()
        page.get_by_role("link", name="Proof statement", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Proof statements")
        assert barriers(page) == []
        page.get_by_role("button", name="Make a statement of what is known now").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Proof statement")
        expect(page.get_by_text("A-77")).to_be_visible()
        assert barriers(page) == []

        page.emulate_media(media="print")
        for frame in ("Attention", "Proof statements", "Save the file (JSON)"):
            expect(page.get_by_role("link", name=frame)).to_have_count(0)
        expect(page.get_by_text(Statement.objects.get().number).first).to_be_visible()
        for paper in ("A4", "Letter"):
            assert page.pdf(format=paper).startswith(b"%PDF")
