"""People come and protect themselves, in a real browser: with and without scripts, light and dark."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from playwright.sync_api import Browser, Page, expect

from shipments.models import Invitation, Mail, Membership, Merchant, User
from tests.authenticator import code_of
from tests.browser import driving
from tests.browser.driving import ColorScheme, a_page, arrived, give_name_and_password
from tests.factories import a_merchant, a_person, an_invitation

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _tries_are_forgotten() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def sign_in(page: Page, live_server: Any, email: str = "alice@example.com") -> None:
    page.goto(f"{live_server.url}/accounts/login/")
    give_name_and_password(page, email)
    # To the dashboard, or to the question for a second factor.
    page.wait_for_url(lambda at: urlsplit(at).path != "/accounts/login/")


def give_password(page: Page) -> None:
    expect(page.get_by_role("heading", name="Is it you?")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Is it you?")).to_have_count(0)


def barriers(page: Page, width: int) -> list[str]:
    """What axe finds that keeps somebody from using the page, and whether it fits the screen."""
    found = driving.barriers(page)
    across = page.evaluate("document.documentElement.scrollWidth")
    return found if across <= width else [*found, f"{across} pixels across"]


@pytest.mark.parametrize("scripts", [True, False])
def test_from_an_invitation_to_a_mail_to_a_member(
    scripts: bool, browser: Browser, live_server: Any, alice: User, merchant: Merchant
) -> None:
    with a_page(browser, scripts=scripts) as page:
        sign_in(page, live_server)
        arrived(page, f"{live_server.url}/app/alpine/attention/")
        page.get_by_role("link", name="Settings").click()
        page.get_by_role("link", name="People").click()
        page.get_by_label("E-mail address").fill("nora@example.com")
        page.get_by_label("Role", exact=True).select_option("manager")
        page.get_by_role("button", name="Send the invitation").click()
        expect(page.get_by_text("An invitation is on its way to nora@example.com.")).to_be_visible()
        expect(page.get_by_role("listitem").filter(has_text="nora@example.com").last).to_contain_text(
            "Manager"
        )

    (link,) = re.findall(rf"{live_server.url}/join/\S+", Mail.objects.get().text)
    with a_page(browser, scripts=scripts) as page:
        page.goto(link)
        arrived(page, f"{live_server.url}/join/")
        expect(page.get_by_role("heading", level=1)).to_have_text("Join Alpine Outfitters")
        page.get_by_label("Your name").fill("Nora Field")
        page.get_by_label("Password", exact=True).fill("short")
        page.get_by_label("The same password again").fill("short")
        page.get_by_role("button", name="Make the account and join").click()
        expect(page.get_by_text("This password is too short.")).to_be_visible()
        expect(page.get_by_label("Your name")).to_have_value("Nora Field")
        page.get_by_label("Password", exact=True).fill("a staple of another kind")
        page.get_by_label("The same password again").fill("a staple of another kind")
        page.get_by_role("button", name="Make the account and join").click()
        arrived(page, f"{live_server.url}/app/alpine/attention/")
        expect(page.get_by_text("You belong to Alpine Outfitters now.")).to_be_visible()

        page.get_by_role("link", name="Settings").click()
        page.get_by_role("link", name="People").click()
        expect(page.get_by_role("listitem").filter(has_text="Nora Field")).to_contain_text("(you)")
        page.get_by_role("link", name="Leave").click()
        page.get_by_role("button", name="Leave").click()
        expect(page.get_by_text("You have left Alpine Outfitters.")).to_be_visible()
    assert Membership.objects.get().user == alice


@pytest.mark.parametrize("scripts", [True, False])
def test_a_second_factor_is_set_up_and_used(
    scripts: bool, browser: Browser, live_server: Any, alice: User
) -> None:
    with a_page(browser, scripts=scripts) as page:
        sign_in(page, live_server)
        page.get_by_text("alice@example.com").first.click()
        page.get_by_role("link", name="Your account").click()
        page.get_by_role("link", name="Set up a second factor").click()
        give_password(page)
        expect(page.get_by_role("img", name="A QR code that holds the secret below")).to_be_visible()
        # What the policy against foreign code holds back has no size.
        expect(page.locator("img.qr")).not_to_have_js_property("naturalWidth", 0)
        secret = page.locator(".secret").inner_text().replace(" ", "")
        page.get_by_label("Code", exact=True).fill(code_of(secret))
        page.get_by_role("button", name="Turn it on").click()
        expect(page.get_by_text("Your second factor is on.")).to_be_visible()
        expect(page.locator(".codes li")).to_have_count(10)
        expect(page.get_by_role("button", name="Print")).to_have_count(1 if scripts else 0)
        recovery = page.locator(".codes li").first.inner_text()

    with a_page(browser, scripts=scripts) as page:
        sign_in(page, live_server)
        expect(page.get_by_role("heading", name="Your second factor")).to_be_visible()
        page.get_by_label("Code").fill("000000")
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_text("This code is not right")).to_be_visible()
        page.get_by_label("Code").fill(recovery)
        page.get_by_role("button", name="Sign in", exact=True).click()
        arrived(page, f"{live_server.url}/app/alpine/attention/")


@pytest.mark.parametrize("scripts", [True, False])
def test_an_owner_changes_removes_and_hands_over(
    scripts: bool, browser: Browser, live_server: Any, alice: User, mary: User, bob: User, merchant: Merchant
) -> None:
    with a_page(browser, scripts=scripts) as page:
        sign_in(page, live_server)
        page.goto(f"{live_server.url}/app/alpine/people/")
        page.get_by_label("Role of bob@example.com").select_option("manager")
        page.get_by_role("button", name="Save the role of bob@example.com").click()
        expect(page.get_by_text("bob@example.com: the role is saved.")).to_be_visible()
        page.get_by_role("listitem").filter(has_text="bob@example.com").locator("summary").click()
        page.get_by_role("button", name="Remove bob@example.com").click()
        expect(page.get_by_text("bob@example.com is removed.")).to_be_visible()

        page.get_by_role("link", name="Hand over ownership").click()
        give_password(page)
        page.get_by_label("New owner").select_option(label="mary@example.com")
        page.get_by_role("button", name="Hand over").click()
        expect(page.get_by_text("mary@example.com owns Alpine Outfitters now")).to_be_visible()
    roles = dict(Membership.objects.values_list("user__email", "role"))
    assert roles == {"alice@example.com": "manager", "mary@example.com": "owner"}


def test_among_thirty_merchants_one_is_found_by_a_few_letters_and_by_scrolling(
    browser: Browser, live_server: Any, alice: User
) -> None:
    for n in range(30):
        alice.memberships.create(merchant=a_merchant(slug=f"shop-{n}", name=f"Shop {n:02}"), role="viewer")
    with a_page(browser) as page:
        sign_in(page, live_server)
        page.goto(f"{live_server.url}/app/alpine/attention/")
        page.locator("#person-menu summary").click()
        expect(page.locator("#merchant-list a:visible")).to_have_count(30)
        assert page.locator("#merchant-list").evaluate("list => list.scrollHeight > list.clientHeight")
        page.get_by_label("Find a merchant").fill("op 17")
        expect(page.locator("#merchant-list a:visible")).to_have_text(["Shop 17"])
        page.get_by_label("Find a merchant").fill("nowhere")
        expect(page.get_by_text("No merchant of yours is called that.")).to_be_visible()
        page.get_by_label("Find a merchant").fill("17")
        page.keyboard.press("Enter")
        arrived(page, f"{live_server.url}/app/shop-17/attention/")
    with a_page(browser, scripts=False) as page:
        sign_in(page, live_server)
        page.goto(f"{live_server.url}/app/alpine/attention/")
        page.locator("#person-menu summary").click()
        expect(page.get_by_label("Find a merchant")).to_be_hidden()
        page.get_by_role("link", name="Shop 29").click()
        arrived(page, f"{live_server.url}/app/shop-29/attention/")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390), ("light", 320)])
def test_pages_of_people_and_accounts_have_no_barriers_and_fit_the_screen(
    browser: Browser,
    live_server: Any,
    alice: User,
    mary: User,
    bob: User,
    merchant: Merchant,
    scheme: ColorScheme,
    width: int,
) -> None:
    a_person("dora@example.com")
    new, known, ended = (
        an_invitation(merchant, email, "owner", by=alice)
        for email in (
            "nora-with-a-rather-long-name@subdomain.example.com",
            "dora@example.com",
            "old@example.com",
        )
    )
    Invitation.objects.filter(pk=ended.pk).update(revoked_at=ended.made_at)
    found: dict[str, list[str]] = {}
    with a_page(browser, scheme, width=width) as page:

        def look(name: str, path: str, then: Callable[[], object] = lambda: None) -> None:
            page.goto(live_server.url + path)
            then()
            found[name] = barriers(page, width)

        look("newcomer", f"/join/{new.token}")
        look("sign in first", f"/join/{known.token}")
        look("ended", f"/join/{ended.token}")
        sign_in(page, live_server)
        look("somebody else", f"/join/{new.token}")
        look(
            "people", "/app/alpine/people/", lambda: page.locator("summary", has_text="Remove").first.click()
        )
        look("leave", "/app/alpine/people/leave/")
        look("password first", "/app/alpine/people/hand-over/")
        give_password(page)
        found["hand over"] = barriers(page, width)
        for room in (
            "",
            "name/",
            "email/",
            "password/change/",
            "second-factor/",
            "second-factor/app/",
            "sessions/",
        ):
            look(f"account {room}", f"/accounts/{room}")
        page.goto(f"{live_server.url}/accounts/second-factor/app/")
        page.get_by_label("Code", exact=True).fill(
            code_of(page.locator(".secret").inner_text().replace(" ", ""))
        )
        page.get_by_role("button", name="Turn it on").click()
        page.wait_for_url("**/codes/")
        assert Authenticator.objects.count() == 2
        for room in ("", "codes/", "codes/new/", "app/remove/", "confirm/"):
            look(f"second factor {room}", f"/accounts/second-factor/{room}")
    with a_page(browser, scheme, width=width) as page:
        sign_in(page, live_server)
        expect(page.get_by_role("heading", name="Your second factor")).to_be_visible()
        found["code"] = barriers(page, width)
    with a_page(browser, scheme, width=width) as page:
        sign_in(page, live_server, "bob@example.com")
        page.goto(f"{live_server.url}/app/alpine/people/")
        found["people for a viewer"] = barriers(page, width)
    assert {name: barrier for name, barrier in found.items() if barrier} == {}
