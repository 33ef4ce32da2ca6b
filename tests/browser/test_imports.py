"""A manager's way from a file to its parcels, in a real browser: with and without scripts, light and dark."""

from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from shipments.bulk import importing
from shipments.enums import WorkState
from shipments.models import Import, Merchant, Shipment, User
from tests.browser.driving import ColorScheme, a_page, barriers, sign_in_on_the_way
from tests.factories import a_draft, a_shipment, an_impb

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def sign_in(page: Page, live_server: Any, email: str = "mary@example.com") -> None:
    sign_in_on_the_way(page, f"{live_server.url}/app/alpine/imports/", email)


def a_file(folder: Path, *numbers: str) -> Path:
    path = folder / "orders of march.csv"
    lines = [
        "Sendung;Besteller;Bestellung",
        *(f'{number};"Müller; Ann";A-{n}' for n, number in enumerate(numbers)),
    ]
    path.write_bytes("\r\n".join(lines).encode("cp1252"))
    return path


def test_a_file_is_dropped_matched_looked_at_imported_and_its_refused_row_mended(
    browser: Browser, live_server: Any, mary: User, merchant: Merchant, tmp_path: Path
) -> None:
    first, second, known = an_impb(), an_impb(), a_shipment(merchant).number
    with a_page(browser) as page:
        sign_in(page, live_server)
        page.get_by_label("A CSV file of parcels").set_input_files(
            a_file(tmp_path, first, known, "9.40551E+21")
        )
        page.get_by_role("button", name="Read the file").click()

        # The number was found by its values; the other two are said.
        expect(page.get_by_label("Sendung")).to_have_value("number")
        page.get_by_label("Besteller").select_option("Recipient")
        page.get_by_label("Bestellung").select_option("Order")
        page.get_by_label("Tag for the new parcels").fill("march")
        page.get_by_role("button", name="Look at the first rows").click()
        expect(page.get_by_role("row", name=first)).to_contain_text("Müller; Ann")
        expect(page.get_by_role("row", name=first)).to_contain_text("(certain)")
        expect(page.get_by_role("row", name=known)).to_contain_text("There already")
        expect(page.get_by_role("row", name="9.40551E+21")).to_contain_text(
            "A spreadsheet has made a figure of this number"
        )
        assert Shipment.objects.count() == 1

        page.get_by_role("button", name="Import 3 rows").click()
        expect(page.get_by_text("Waiting for its turn")).to_be_visible()
        address = page.url
        importing.work_on(Import.objects.get().pk)
        # The page finds out by itself.
        expect(page.get_by_role("heading", name="Done")).to_be_visible()
        expect(page.locator(".tiles")).to_contain_text("New1 There already1 1 completed Refused1")
        expect(page).to_have_url(address)

        with page.expect_download() as download:
            page.get_by_role("link", name="Refused rows as a file").click()
        assert download.value.suggested_filename == "orders of march to be mended.csv"
        refused = Path(download.value.path()).read_bytes().decode("cp1252")
        mended = tmp_path / "mended.csv"
        mended.write_bytes(refused.replace("9.40551E+21", second).encode("cp1252"))

        page.get_by_role("link", name="← Imports").click()
        page.get_by_label("A CSV file of parcels").set_input_files(mended)
        page.get_by_role("button", name="Read the file").click()
        expect(page.get_by_text("Matched as last time.")).to_be_visible()
        expect(page.get_by_label("Why it was not imported")).to_have_value("")
        page.get_by_role("button", name="Look at the first rows").click()
        page.get_by_role("button", name="Import 1 row").click()
        expect(page.get_by_text("Waiting for its turn")).to_be_visible()
        importing.work_on(Import.objects.latest("pk").pk)
        expect(page.get_by_role("heading", name="Done")).to_be_visible()
    assert list(
        Shipment.objects.filter(number__in=[first, second]).order_by("pk").values_list("order_number", "tags")
    ) == [
        ("A-0", ["march"]),
        ("A-2", []),
    ]


def test_without_scripts_a_file_is_refused_another_one_imported_and_a_third_one_cancelled(
    browser: Browser, live_server: Any, mary: User, merchant: Merchant, tmp_path: Path
) -> None:
    workbook = tmp_path / "orders.csv"
    workbook.write_bytes(b"PK\x03\x04 and so on")
    with a_page(browser, scripts=False) as page:
        sign_in(page, live_server)
        page.get_by_label("A CSV file of parcels").set_input_files(workbook)
        page.get_by_role("button", name="Read the file").click()
        expect(page.get_by_text("This is a workbook (or a zip file), not a CSV.")).to_be_visible()

        page.get_by_label("A CSV file of parcels").set_input_files(a_file(tmp_path, an_impb(), an_impb()))
        page.get_by_role("button", name="Read the file").click()
        page.get_by_label("Sendung").select_option("Leave out")
        page.get_by_role("button", name="Look at the first rows").click()
        expect(page.get_by_text("Say which column is “Tracking number”.")).to_be_visible()
        page.get_by_label("Sendung").select_option("Tracking number")
        page.get_by_role("button", name="Look at the first rows").click()
        page.get_by_role("button", name="Import 2 rows").click()
        expect(page.get_by_text("Waiting for its turn")).to_be_visible()
        importing.work_on(Import.objects.get().pk)
        page.get_by_role("link", name="Look again").click()
        expect(page.get_by_role("heading", name="Done")).to_be_visible()
        assert Shipment.objects.count() == 2

        page.get_by_role("link", name="Imports", exact=True).click()
        page.get_by_label("A CSV file of parcels").set_input_files(a_file(tmp_path, an_impb()))
        page.get_by_role("button", name="Read the file").click()
        page.get_by_role("button", name="Look at the first rows").click()
        page.get_by_role("button", name="Import 1 row").click()
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("heading", name="Cancelled")).to_be_visible()
    assert Import.objects.latest("pk").state == WorkState.CANCELLED


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390), ("light", 320)])
def test_pages_of_imports_have_no_barriers_and_fit_the_screen(
    browser: Browser, live_server: Any, mary: User, merchant: Merchant, scheme: ColorScheme, width: int
) -> None:
    text = f"Tracking number,Recipient,Ship date\n{an_impb()},Ann,2026-03-01\n9.40551E+21,{'W' * 60},\n"
    draft, done, running = (a_draft(text, merchant, by=mary) for _n in range(3))
    done.start(timezone.now())
    importing.work_on(done.pk)
    running.start(timezone.now())
    Import.objects.filter(pk=running.pk).update(state=WorkState.RUNNING, rows_total=200_000, good=81_234)
    addresses = ["", f"{draft.public_id}/match/", f"{draft.public_id}/preview/"]
    addresses += [f"{one.public_id}/" for one in (draft, done, running)]
    found: dict[str, list[str]] = {}
    with a_page(browser, scheme, width=width) as page:
        sign_in(page, live_server)
        for address in addresses:
            page.goto(f"{live_server.url}/app/alpine/imports/{address}")
            found[address] = barriers(page)
            if (across := page.evaluate("document.documentElement.scrollWidth")) > width:
                found[address].append(f"{across} pixels across")
    assert {address: barrier for address, barrier in found.items() if barrier} == {}
