"""Settings and the mails they lead to, in a real browser: with and without scripts, light and dark."""

import re
from datetime import time
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.fixtures import Settings

from shipments.analytics import alerts, digests
from shipments.enums import Reason
from shipments.models import Mail, Membership, Merchant, User
from shipments.outbound.mail import send_due
from tests.analytics.test_alerts import an_item, found
from tests.browser import driving
from tests.browser.driving import ColorScheme, a_page, arrived, give_name_and_password
from tests.factories import a_shipment

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PARTS = ("", "attention/", "alerts/")


def sign_in(page: Page, live_server: Any, email: str) -> None:
    page.goto(f"{live_server.url}/app/")
    give_name_and_password(page, email)
    arrived(page, f"{live_server.url}/app/alpine/attention/")


def barriers(page: Page, width: int) -> list[str]:
    """What axe finds that keeps somebody from using the page, and what runs off the screen."""
    seen = driving.barriers(page)
    across = page.evaluate("document.documentElement.scrollWidth")
    return seen + ([f"{across} pixels across"] if across > width else [])


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_an_owner_sets_up_the_merchant_and_what_they_are_told(
    browser: Browser, live_server: Any, alice: User, merchant: Merchant, scripts: bool
) -> None:
    with a_page(browser, scripts=scripts) as page:
        sign_in(page, live_server, "alice@example.com")
        page.get_by_role("link", name="Settings").click()

        page.get_by_label("Time zone").fill("Nowhereville")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("There is no time zone “Nowhereville”.")).to_be_visible()
        expect(page.get_by_label("Time zone")).to_have_value("Nowhereville")
        page.get_by_label("Time zone").fill("los angeles")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
        expect(page.get_by_label("Time zone")).to_have_value("America/Los_Angeles")

        parts = page.get_by_role("navigation", name="Settings")
        parts.get_by_role("link", name="Attention", exact=True).click()
        page.get_by_label("Gone quiet, across a border").fill("9")
        page.get_by_label("Every delivery needs a signature or a picture").check()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved. Attention follows within a few minutes.")).to_be_visible()
        expect(page.get_by_label("Gone quiet, across a border")).to_have_value("9")

        page.get_by_role("link", name="My alerts").click()
        page.get_by_label("Send me a digest once a day").check()
        page.get_by_label("At", exact=True).select_option(label="7 am")
        page.get_by_label("Problem reported").check()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
        expect(page.get_by_label("Problem reported")).to_be_checked()
        expect(page.get_by_text("Pacific Time")).to_be_visible()
        page.get_by_role("button", name="Send me a test mail").click()
        expect(page.get_by_text("A test mail to alice@example.com is on its way.")).to_be_visible()

    merchant.refresh_from_db()
    assert (merchant.time_zone, merchant.silent_days_abroad, merchant.proof_always_due) == (
        "America/Los_Angeles",
        9,
        True,
    )
    member = Membership.objects.get(user=alice)
    assert (member.digest_at, member.alert_reasons) == (time(7), ["exception"])
    assert Mail.objects.get().kind == "test"


def test_from_a_mail_to_the_parcel_and_to_where_mails_are_ended(
    browser: Browser,
    live_server: Any,
    bob: User,
    merchant: Merchant,
    settings: Settings,
    mailoutbox: list[EmailMultiAlternatives],
) -> None:
    settings.SITE_URL = live_server.url
    bob.memberships.update(alert_reasons=["exception"])
    parcel = a_shipment(merchant, order_number="A-77")
    now = timezone.now()
    alerts.tell(found(an_item(parcel, Reason.EXCEPTION, since=now, found_at=now)), now)
    alerts.send_alerts(now)
    send_due(timezone.now())
    (mail,) = mailoutbox
    links = re.findall(r"https?://\S+", str(mail.body))

    with a_page(browser) as page:
        sign_in(page, live_server, "bob@example.com")
        page.goto(links[0])
        expect(page.get_by_role("heading", name=parcel.number)).to_be_visible()

        assert mail.extra_headers["List-Unsubscribe"] == f"<{links[-1]}>"
        page.goto(links[-1])
        page.get_by_label("Problem reported").uncheck()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved.", exact=True)).to_be_visible()

    assert Membership.objects.get(user=bob).alert_reasons == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 320)])
@pytest.mark.parametrize("who", ["alice", "bob"])
def test_the_settings_have_no_barriers_and_fit_the_screen(
    browser: Browser,
    live_server: Any,
    request: pytest.FixtureRequest,
    who: str,
    scheme: ColorScheme,
    width: int,
) -> None:
    request.getfixturevalue(who)
    seen: dict[str, list[str]] = {}
    with a_page(browser, scheme, width=width) as page:
        sign_in(page, live_server, f"{who}@example.com")
        for part in PARTS:
            page.goto(f"{live_server.url}/app/alpine/settings/{part}")
            seen[part] = barriers(page, width)
        if who == "alice":
            page.goto(f"{live_server.url}/app/alpine/settings/")
            page.get_by_label("Time zone").fill("Nowhereville")
            page.get_by_role("button", name="Save").click()
            page.wait_for_selector(".errorlist")
            seen["refused"] = barriers(page, width)
    assert {part: barrier for part, barrier in seen.items() if barrier} == {}


@pytest.mark.parametrize(("scheme", "width"), [("light", 700), ("dark", 320)])
def test_mails_have_no_barriers_and_fit_the_screen(
    browser: Browser, alice: User, merchant: Merchant, scheme: ColorScheme, width: int
) -> None:
    Merchant.objects.update(time_zone="UTC")
    now = timezone.now()
    alice.memberships.update(digest_at=time(now.hour), alert_reasons=list(Reason))
    items = [
        an_item(a_shipment(merchant, order_number=f"PO-{at}"), reason, Reason.LATE, since=now, found_at=now)
        for at, reason in enumerate([*Reason, *Reason, *Reason])
    ]
    alerts.tell(found(*items), now)
    assert (alerts.send_alerts(now), digests.send_digests(now)) == (1, 1)
    seen = {}
    with a_page(browser, scheme, width=width) as page:
        for mail in Mail.objects.all():
            page.set_content(mail.html)
            seen[mail.kind] = barriers(page, width)
    assert seen == {"alert": [], "digest": []}
