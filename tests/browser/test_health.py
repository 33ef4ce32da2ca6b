"""An operator's evening: from the index to the health page, which renews itself, and to what is done on it."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ, Task
from playwright.sync_api import Browser, Page, expect

from shipments.enums import BreakerState
from shipments.models import Backup, CallCount, Heartbeat, Mail, Merchant, TableSize
from shipments.outbound.mail import post
from tests.browser.driving import ColorScheme, a_page, arrived, barriers, give_name_and_password
from tests.factories import a_budget, a_person, a_scan, a_shipment, a_snapshot, an_account, ingested

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def trouble(merchant: Merchant) -> Task:
    """Something of everything that needs somebody; the task that has failed."""
    a_person("operator@example.com", is_staff=True, is_superuser=True)
    now = timezone.now()
    Heartbeat.objects.create(name="host-1/aaaa", at=now)
    account = an_account(merchant, calls_per_hour=60)
    CallCount.objects.create(
        account=account, minute=now.replace(second=0, microsecond=0), calls=40, failed=30
    )
    a_budget(
        an_account(None, "pitney_bowes"),
        breaker=BreakerState.OPEN,
        opened_because="The key was refused.",
        opened_at=now,
        probes_at=now + timedelta(hours=1),
    )
    ingested(
        a_shipment(merchant),
        a_snapshot(a_scan(code="Z9", text="Held <script>alert(1)</script>", status=None)),
        account=account,
    )
    post(to="ada@example.com", kind="alert", subject="News", text="News", nudge=False)
    Mail.objects.get().note_failure("SMTPDataError 451 4.7.1", now)
    Mail.objects.update(made_at=now - timedelta(hours=2))
    TableSize.objects.note(now - timedelta(days=7))
    Backup.objects.create(
        made_at=now - timedelta(days=3), name="trackingsite-1", rows=12_345, bytes=5_000_000
    )
    return Task.objects.create(
        id="f" * 32,
        name="send_mail",
        func="shipments.tasks.send_mail",
        args=(),
        kwargs={},
        result="no : Traceback (most recent call last):\n    raise\nValueError: no\n",
        started=now,
        stopped=now,
        success=False,
    )


def _to_health(page: Page, live_server: Any) -> None:
    index = live_server.url + reverse("admin:index")
    page.goto(index)
    give_name_and_password(page, "operator@example.com")
    arrived(page, index)
    page.get_by_role("link", name="Health of this installation").click()
    arrived(page, live_server.url + reverse("admin:health"))


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_an_operator_reads_what_needs_them_and_mends_it(
    browser: Browser, live_server: Any, trouble: Task, scripts: bool
) -> None:
    with a_page(browser, scripts=scripts) as page:
        _to_health(page, live_server)
        expect(page.get_by_text("6 things need you.")).to_be_visible()
        expect(page.get_by_text("is not asked: The key was refused.").first).to_be_visible()
        expect(page.get_by_text("Held <script>alert(1)</script>")).to_be_visible()

        page.get_by_role("button", name="Try again send_mail").click()
        expect(page.get_by_text("1 task is tried again.")).to_be_visible()
        page.get_by_role("button", name="Try again now").click()
        expect(page.get_by_text("No mail had to be brought forward")).to_be_visible()
        expect(page.get_by_text("5 things need you.")).to_be_visible()

        page.get_by_role("link", name="Say what it means").click()
        expect(page.locator("#id_code")).to_have_value("Z9")
    assert not Task.objects.exists()
    assert {queued.task["func"] for queued in OrmQ.objects.all()} == {"shipments.tasks.send_mail"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_everybody_can_read_the_index_and_the_health_page(
    browser: Browser, live_server: Any, trouble: Task, scheme: ColorScheme, width: int
) -> None:
    with a_page(browser, scheme, width=width) as page:
        _to_health(page, live_server)
        page.get_by_text("The numbers").first.click()
        assert barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_role("link", name="Back-office").click()
        arrived(page, live_server.url + reverse("admin:index"))
        assert barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_renews_itself_keeps_what_is_open_and_stops_when_told(
    browser: Browser, live_server: Any, trouble: Task
) -> None:
    with a_page(browser) as page:
        page.clock.install()
        _to_health(page, live_server)
        page.get_by_text("The numbers").first.click()
        expect(page.locator("details[open]")).to_have_count(1)

        Task.objects.all().delete()
        page.locator("h1").click()
        page.clock.run_for(31_000)
        expect(page.get_by_text("5 things need you.")).to_be_visible()
        expect(page.locator("details[open]")).to_have_count(1)

        page.get_by_role("button", name="Stop looking anew").click()
        CallCount.objects.update(failed=0)
        page.clock.run_for(61_000)
        page.wait_for_timeout(300)
        expect(page.get_by_text("5 things need you.")).to_be_visible()
        page.get_by_role("button", name="Look anew every 30 seconds").click()
        page.locator("h1").click()
        page.clock.run_for(31_000)
        expect(page.get_by_text("4 things need you.")).to_be_visible()


def test_who_was_signed_out_meanwhile_is_asked_to_sign_in(
    browser: Browser, live_server: Any, trouble: Task
) -> None:
    with a_page(browser) as page:
        page.clock.install()
        _to_health(page, live_server)

        page.context.clear_cookies()
        page.clock.run_for(31_000)

        expect(page.get_by_label("Password")).to_be_visible()
        expect(page.get_by_role("heading", name="Health")).to_have_count(0)
