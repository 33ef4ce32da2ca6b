"""The back-office in a browser: every page under the strict policy, with and without scripts, and the way in by a second factor."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse
from playwright.sync_api import Browser, expect
from pytest_django.fixtures import Settings

import trackingsite.urls  # noqa: F401  (what is ours alone is decided there)
from shipments.models import AuditEntry, Merchant
from tests.admin.world import a_world, row_of
from tests.authenticator import code_of
from tests.browser.driving import (
    a_page,
    across,
    arrived,
    barriers,
    give_name_and_password,
    sign_in_on_the_way,
)
from tests.factories import a_person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def merchant() -> Merchant:
    merchant = a_world()
    a_person("olga@example.com", is_staff=True, is_superuser=True)
    return merchant


def every_page() -> list[str]:
    found = [reverse("admin:index"), reverse("admin:app_list", args=["shipments"])]
    for model, page in admin.site._registry.items():
        name = f"admin:shipments_{model._meta.model_name}"
        row = row_of(model).pk
        found += [
            reverse(f"{name}_changelist"),
            reverse(f"{name}_change", args=[row]),
            reverse(f"{name}_history", args=[row]),
        ]
        if type(page).has_add_permission is admin.ModelAdmin.has_add_permission:
            found.append(reverse(f"{name}_add"))
    return found


def test_no_page_of_the_back_office_breaks_the_policy_or_keeps_anybody_out_on_a_phone(
    browser: Browser, live_server: Any, merchant: Merchant
) -> None:
    """`a_page` fails on anything the console complains about, a refused style or script included."""
    found: dict[str, list[str]] = {}
    with a_page(browser, "dark", width=390) as page:
        sign_in_on_the_way(page, f"{live_server.url}/admin/", "olga@example.com")
        for path in every_page():
            response = page.goto(live_server.url + path)
            assert response, path
            assert response.status == 200, path
            page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
            found[path] = across(page, 390) + barriers(page)
            # What is told apart by colours once more in the other ones.
            page.emulate_media(color_scheme="light")
            found[path] += barriers(page, "color-contrast", "link-in-text-block")
            page.emulate_media(color_scheme="dark")
    assert {path: barrier for path, barrier in found.items() if barrier} == {}


def test_pickers_and_rows_added_by_script_work_under_the_policy(
    browser: Browser, live_server: Any, merchant: Merchant
) -> None:
    with a_page(browser) as page:
        sign_in_on_the_way(
            page, f"{live_server.url}/admin/shipments/merchant/{merchant.pk}/change/", "olga@example.com"
        )
        page.get_by_role("button", name=re.compile("Add another")).click()
        # A choice that is looked up while it is typed.
        page.locator(".select2-selection").last.click()
        page.locator(".select2-search__field").fill("olga")
        expect(page.locator(".select2-results__option").first).to_have_text("olga@example.com")


@pytest.mark.parametrize("scripts", [True, False])
def test_the_audit_is_narrowed_down_and_taken_along(
    browser: Browser, live_server: Any, merchant: Merchant, scripts: bool
) -> None:
    with a_page(browser, scripts=scripts) as page:
        sign_in_on_the_way(page, f"{live_server.url}/admin/shipments/auditentry/", "olga@example.com")
        page.get_by_label("First day").fill("2026-01-01")
        page.get_by_role("button", name="Narrow down").click()
        expect(page.get_by_label("First day")).to_have_value("2026-01-01")
        with page.expect_download() as coming:
            page.get_by_role("button", name="Export as CSV").click()
        assert coming.value.suggested_filename.endswith(".csv")
    assert AuditEntry.objects.filter(verb="exported").count() == 1


@pytest.mark.parametrize("scripts", [True, False])
def test_an_operator_sets_up_the_second_factor_on_the_way_in(
    browser: Browser, live_server: Any, merchant: Merchant, settings: Settings, scripts: bool
) -> None:
    settings.STAFF_SECOND_FACTOR = True
    wanted = f"{live_server.url}/admin/shipments/user/"
    with a_page(browser, scripts=scripts) as page:
        page.goto(wanted)
        give_name_and_password(page, "olga@example.com")
        page.get_by_label("Password").fill("correct horse battery")
        page.get_by_role("button", name=re.compile("Go on|Confirm")).click()
        expect(page.get_by_text("The back-office opens with a second factor only")).to_be_visible()
        secret = page.locator("p.secret").inner_text().replace(" ", "")
        page.get_by_label("Code").fill(code_of(secret))
        page.get_by_role("button", name="Turn it on").click()
        page.get_by_role("link", name="On to the back-office").click()
        arrived(page, wanted)
