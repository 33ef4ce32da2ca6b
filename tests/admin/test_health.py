"""The health page: what it says, whom it lets in and what it hides."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import Permission
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ, Task

from shipments import tasks
from shipments.enums import BreakerState, EndReason, Kept, Lifecycle
from shipments.models import (
    AuditEntry,
    Backup,
    CallCount,
    CarrierAccount,
    Heartbeat,
    MaintenanceWindow,
    Merchant,
    RetentionRule,
    ScanEvent,
    Shipment,
    StatusMapping,
    TableSize,
    UnrecognisedCode,
    UnrecognisedWord,
    User,
    Watch,
)
from shipments.monitoring import health
from tests.admin.health_page import MAILS, PAGE, TASKS, a_failure, a_mail, shown
from tests.factories import (
    a_budget,
    a_merchant,
    a_person,
    a_scan,
    a_shipment,
    a_snapshot,
    an_account,
    ingested,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def auditor(signed_in: Callable[[User], Client]) -> Client:
    """Who may look and no more."""
    person = a_person("auditor@example.com", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_health"))
    return signed_in(person)


# ---- Who may -----------------------------------------------------------------------------------------------------


def test_only_staff_with_the_permission_see_it(signed_in: Callable[[User], Client], auditor: Client) -> None:
    assert auditor.get(PAGE).status_code == 200
    assert signed_in(a_person("clerk@example.com", is_staff=True)).get(PAGE).status_code == 403
    assert signed_in(a_person("owner@example.com")).get(PAGE).status_code == 302
    assert Client().get(PAGE).status_code == 302


def test_who_may_only_look_changes_nothing_and_sees_no_buttons(auditor: Client) -> None:
    failed = a_failure()
    assert '<button type="submit" name' not in shown(auditor)

    assert auditor.post(TASKS, {"task": failed.pk, "do": "retry"}).status_code == 403
    assert auditor.post(MAILS).status_code == 403

    assert Task.objects.get() == failed
    assert not OrmQ.objects.exists()
    assert not AuditEntry.objects.filter(verb="tried again").exists()


def test_deeds_are_posted(operator: Client) -> None:
    assert operator.get(TASKS).status_code == 405
    assert operator.get(MAILS).status_code == 405
    assert operator.post(PAGE).status_code == 405


def test_it_is_the_first_thing_in_the_index_for_who_may_see_it(
    operator: Client, signed_in: Callable[[User], Client]
) -> None:
    index = reverse("admin:index")
    assert f'class="way"><a href="{PAGE}"' in operator.get(index).content.decode()
    clerk = signed_in(a_person("clerk@example.com", is_staff=True))
    assert PAGE not in clerk.get(index).content.decode()


# ---- The verdict -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("alive")
def test_a_healthy_installation_is_told_in_one_line(operator: Client) -> None:
    an_account(a_merchant())

    page = shown(operator)

    assert "All is well." in page
    assert "Every scan is understood." in page
    assert "Nothing is kept past its age." in page


def test_without_a_worker_that_comes_first_and_nothing_else_of_the_queue(operator: Client) -> None:
    Heartbeat.objects.create(name="host-1/aaaa", at=timezone.now() - timedelta(minutes=9))

    page = shown(operator)

    assert "1 thing needs you." in page
    assert "No queue worker is alive; the last one was heard 9 min ago." in page
    assert "nothing is lost" in page


@pytest.mark.usefixtures("alive")
def test_an_open_breaker_says_why_what_waits_and_when_it_is_tried(
    operator: Client, merchant: Merchant
) -> None:
    now = timezone.now()
    account = an_account(merchant)
    a_budget(
        account,
        breaker=BreakerState.OPEN,
        opened_because="The key was refused.",
        opened_at=now - timedelta(hours=2),
        probes_at=now + timedelta(minutes=20, seconds=30),
    )
    parcel = a_shipment(merchant, due_at=now - timedelta(hours=3))
    Watch.objects.filter(shipment=parcel).update(account=account)

    page = shown(operator)

    assert "USPS · Alpine Outfitters is not asked: The key was refused." in page
    assert "1 parcel of it waits" in page
    assert "One parcel is tried in 20 min." in page
    assert reverse("admin:shipments_carrieraccount_change", args=[account.pk]) in page


@pytest.mark.usefixtures("alive")
def test_parcels_nobody_can_ask_about_are_counted(operator: Client) -> None:
    for parcel in (a_shipment(), a_shipment()):
        Watch.objects.filter(shipment=parcel).update(error_kind="no-account")
    a_shipment()

    assert "2 parcels have no account that could ask about them." in shown(operator)


@pytest.mark.usefixtures("alive")
def test_most_calls_without_an_answer_need_somebody(operator: Client, merchant: Merchant) -> None:
    minute = timezone.now().replace(second=0, microsecond=0)
    CallCount.objects.create(account=an_account(merchant), minute=minute, calls=40, failed=30)
    CallCount.objects.create(account=an_account(None), minute=minute, calls=40, failed=3)

    page = shown(operator)

    assert "75 of 100 calls of USPS · Alpine Outfitters brought no answer" in page
    assert "USPS · platform brought" not in page


@pytest.mark.usefixtures("alive")
def test_a_table_of_dead_rows_and_rows_past_their_age_need_somebody(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_failure(at=timezone.now() - timedelta(days=8))
    real = health._database

    def with_dead_rows(now: datetime) -> health.DatabaseHealth:
        found = real(now)
        table = health.TableHealth("shipments_watch", 10, 150_000, None, 120_000, None)
        return health.DatabaseHealth(found.bytes, None, None, (table,), 0, 0.8)

    monkeypatch.setattr(health, "_database", with_dead_rows)

    page = shown(operator)

    assert "Table shipments_watch is full of rows that nobody needs: 120000 of them beside 150000." in page
    assert "running out of transaction numbers" in page
    assert "1 row is kept longer than it may be (failed tasks)." in page


def test_what_cannot_be_read_in_time_is_told_and_is_no_error_page(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(now: datetime) -> None:
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setattr(health, "read", busy)

    response = operator.get(PAGE)

    assert response.status_code == 503
    assert "The figures could not be read." in response.content.decode()
    assert "canceling" not in response.content.decode()


# ---- Accounts ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("alive")
def test_an_account_shows_errors_quota_window_and_its_latest_parcel(
    operator: Client, merchant: Merchant
) -> None:
    now = timezone.now()
    account = an_account(merchant, calls_per_hour=60)
    CarrierAccount.objects.filter(pk=account.pk).update(last_success_at=now - timedelta(minutes=7))
    CallCount.objects.create(
        account=account, minute=now.replace(second=0, microsecond=0), calls=12, by_hand=2, failed=3
    )
    late, later = (a_shipment(merchant, due_at=now - timedelta(hours=hours)) for hours in (2, 5))
    Watch.objects.update(account=account)
    MaintenanceWindow.objects.all().delete()
    clock = (now - timedelta(minutes=5)).time(), (now + timedelta(minutes=30, seconds=20)).time()
    MaintenanceWindow.objects.create(
        carrier_id="USPS", gateway="usps", zone="UTC", starts=clock[0], ends=clock[1]
    )

    (card,) = operator.get(PAGE).context["accounts"]
    page = shown(operator)

    assert (card.health.calls, card.health.failed, card.health.error_rate) == (12, 3, 0.25)
    assert (card.health.standing.spent, card.health.standing.left, card.health.standing.left_planned) == (
        12,
        48,
        44,
    )
    assert (card.health.parcels.due, card.health.parcels.late) == (2, 2)
    assert card.health.latest.shipment == later
    assert [hour.calls for _at, hour, _left in card.hours] == [12, *[0] * 23]
    assert card.hours[0][2] == 48
    assert len(card.chart.columns) == 24
    for told in ("7 min ago", "25 %", "wanted 5 h ago", "opens in 30 min", later.number):
        assert told in page
    assert late.number not in page


@pytest.mark.usefixtures("alive")
def test_of_many_accounts_those_in_trouble_are_shown(operator: Client) -> None:
    accounts = [an_account(a_merchant()) for _n in range(health.MOST_ACCOUNTS + 2)]
    a_budget(accounts[-1], breaker=BreakerState.OPEN, opened_because="Refused.", probes_at=timezone.now())
    an_account(a_merchant(), is_active=False)

    response = operator.get(PAGE)

    shown_first = response.context["accounts"][0].health.account
    assert shown_first == accounts[-1]
    assert len(response.context["accounts"]) == health.MOST_ACCOUNTS
    assert "2 more accounts, better off than these" in response.content.decode()


@pytest.mark.usefixtures("alive")
def test_an_account_no_key_reads_does_not_cost_the_page(operator: Client, settings: Any) -> None:
    an_account(a_merchant())
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]

    assert "All is well." in shown(operator)


# ---- Codes -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("alive")
def test_unknown_codes_lead_to_a_mapping_and_to_a_parcel(operator: Client, merchant: Merchant) -> None:
    parcel = a_shipment(merchant)
    ingested(parcel, a_snapshot(a_scan(code="Z9", text="Weighed <b>again</b>", status=None)))
    mapped = a_shipment(merchant)
    ingested(mapped, a_snapshot(a_scan(code="Z8", text="Counted", status=None)))
    StatusMapping.objects.create(carrier_id="USPS", code="Z8", status="InTransit")

    response = operator.get(PAGE)
    page = response.content.decode()

    ((carrier, codes),) = response.context["carriers"]
    assert (carrier.code, carrier.scans, [code.code for code, _form in codes]) == ("USPS", 1, ["Z9"])
    assert "1 code or text of a carrier has no meaning yet (USPS" in page
    form = reverse("admin:shipments_statusmapping_add")
    assert f"{form}?carrier=USPS&amp;code=Z9&amp;text=Weighed+%3Cb%3Eagain%3C%2Fb%3E" in page
    assert "Weighed &lt;b&gt;again&lt;/b&gt;" in page
    assert reverse("admin:shipments_shipment_change", args=[parcel.pk]) in page
    assert "<code>Z8</code>" not in page
    assert ScanEvent.objects.count() == 2


@pytest.mark.usefixtures("alive")
def test_only_the_most_frequent_codes_of_a_carrier_are_shown(operator: Client) -> None:
    now = timezone.now()
    for n in range(health.MOST_CODES + 3):
        UnrecognisedCode.objects.create(
            carrier_id="UPS", code=f"Q{n}", scans=n + 1, first_seen_at=now, last_seen_at=now
        )

    ((carrier, codes),) = operator.get(PAGE).context["carriers"]

    assert [code.code for code, _form in codes] == ["Q7", "Q6", "Q5", "Q4", "Q3"]
    assert (carrier.scans, carrier.more) == (36, 3)


# ---- The database ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("alive")
def test_growth_is_told_since_a_week_or_since_the_first_day_there_is(operator: Client) -> None:
    now = timezone.now()
    assert operator.get(PAGE).context["health"].database.growth is None
    assert "known from tomorrow on" in shown(operator)

    assert TableSize.objects.note(now) > 40
    today = {size.name: size for size in TableSize.objects.all()}
    assert operator.get(PAGE).context["health"].database.growth is None
    TableSize.objects.update(on=now.date() - timedelta(days=3))
    TableSize.objects.filter(name="shipments_shipment").update(bytes=1_000)
    database = operator.get(PAGE).context["health"].database

    assert database.growth_since == now.date() - timedelta(days=3)
    growth = {table.name: table.growth for table in database.tables}
    assert growth["shipments_shipment"] == today["shipments_shipment"].bytes - 1_000


def test_sizes_are_noted_once_a_day_and_the_audit_is_one_table() -> None:
    now = timezone.now()

    first, again = TableSize.objects.note(now), TableSize.objects.note(now)

    names = set(TableSize.objects.values_list("name", flat=True))
    assert (first, again) == (len(names), 0)
    assert "shipments_auditentry" in names
    assert not any(name.startswith("shipments_auditentry_") for name in names)


def test_housekeeping_notes_sizes() -> None:
    tasks.housekeep()

    assert set(TableSize.objects.values_list("on", flat=True)) == {timezone.now().date()}


def test_old_sizes_are_forgotten() -> None:
    for day in (date(2025, 1, 1), date(2026, 3, 1)):
        TableSize.objects.create(on=day, name="shipments_shipment", bytes=1, rows=1)

    assert TableSize.objects.forget_old(datetime(2026, 3, 6, tzinfo=timezone.get_default_timezone())) == 1
    assert TableSize.objects.get().on == date(2026, 3, 1)


@pytest.mark.usefixtures("alive")
def test_what_the_next_nights_erase_is_told(operator: Client) -> None:
    RetentionRule.objects.filter(kind=Kept.PERSONAL).update(days=400)
    parcel = a_shipment(a_merchant(), lifecycle=Lifecycle.ENDED, end_reason=EndReason.SETTLED)
    Shipment.objects.filter(pk=parcel.pk).update(created_at=timezone.now() - timedelta(days=500))

    page = " ".join(shown(operator).split())

    assert "What the next nights erase, by the retention rules" in page
    assert '<tr><th scope="row">Personal data</th><td class="figure">1</td></tr>' in page


@pytest.mark.usefixtures("alive")
def test_a_status_word_nobody_knows_is_one_click_from_its_meaning(operator: Client) -> None:
    now = timezone.now()
    UnrecognisedWord.objects.create(
        carrier_id="UPS", word="On Hold", scans=3, first_seen_at=now, last_seen_at=now
    )

    page = shown(operator)

    assert "status word <q>On Hold</q>" in page
    assert "/admin/shipments/statusmapping/add/?carrier=UPS&amp;word=On+Hold" in page
    StatusMapping.objects.create(carrier_id="UPS", word="On Hold", status="Exception")
    assert "On Hold" not in shown(operator)


# ---- How it is read ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("alive")
def test_the_fragment_is_the_part_that_renews_itself(operator: Client) -> None:
    fragment = operator.get(PAGE, headers={"HX-Request": "true"}).content.decode()

    assert fragment.lstrip().startswith('<div id="health" hx-get')
    assert "<html" not in fragment


# ---- Backups -----------------------------------------------------------------------------------------------------


def a_backup(hours: float, **over: Any) -> Backup:
    made_at = timezone.now() - timedelta(hours=hours)
    made: Backup = Backup.objects.create(
        **{"made_at": made_at, "name": "trackingsite-1", "rows": 12_345, "bytes": 5 * 1024 * 1024, **over}
    )
    return made


@pytest.mark.usefixtures("alive")
def test_where_no_backup_was_made_here_that_is_said_quietly(operator: Client) -> None:
    page = shown(operator)
    assert (
        "No backup was made by manage.py backup. If backups are made in another way, this is as it should be"
        in page
    )
    assert "docs/deploy.md" in page
    assert "All is well." in page


@pytest.mark.usefixtures("alive")
def test_the_last_whole_backup_is_told_with_its_age_and_its_rehearsal(operator: Client) -> None:
    a_backup(25, checked_at=timezone.now() - timedelta(hours=2), faults=0)
    a_backup(90, checked_at=timezone.now(), faults=3)
    page = shown(operator)
    assert "All is well." in page
    assert "12,345" in page
    assert "5.0\xa0MB" in page
    assert "2 h ago, it was whole" in page


@pytest.mark.usefixtures("alive")
def test_a_backup_older_than_the_setting_says_needs_somebody(operator: Client, settings: Any) -> None:
    settings.BACKUP_HOURS = 48
    a_backup(47.9)
    assert "All is well." in shown(operator)
    Backup.objects.update(made_at=timezone.now() - timedelta(hours=72, minutes=1))
    page = shown(operator)
    assert "1 thing needs you." in page
    assert "The last whole backup was made 3 days ago." in page
    assert "Run manage.py backup now" in page


@pytest.mark.usefixtures("alive")
def test_a_backup_that_a_rehearsal_found_spoilt_needs_somebody_at_once(operator: Client) -> None:
    a_backup(20)
    a_backup(1, faults=2, checked_at=timezone.now())
    page = shown(operator)
    assert "1 thing needs you." in page
    assert "The newest backup is not whole: its rehearsal found 2 faults." in page
    assert "20 h ago" in page


def test_notes_of_backups_go_after_a_year_and_a_month() -> None:
    a_backup(24 * 401)
    a_backup(24 * 399)
    Backup.objects.note(timezone.now(), name="trackingsite-3", rows=1, size=1)
    assert Backup.objects.count() == 2


@pytest.mark.usefixtures("alive")
def test_statements_do_not_grow_with_what_is_shown_and_none_counts_a_whole_table(operator: Client) -> None:
    def statements() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            operator.get(PAGE)
        return [query["sql"] for query in captured.captured_queries]

    def happened(times: int) -> None:
        for _n in range(times):
            merchant = a_merchant()
            account = an_account(merchant)
            parcel = a_shipment(merchant, due_at=timezone.now() - timedelta(hours=1))
            ingested(parcel, a_snapshot(a_scan(code=f"Z{parcel.pk}", status=None)), account=account)
            late = timezone.now() - timedelta(hours=1)
            Watch.objects.filter(shipment=parcel).update(account=account, due_at=late, wanted_by=late)
            a_failure("sweep", parcel.pk)
            a_mail().note_failure("SMTPDataError 451", timezone.now())

    RetentionRule.objects.update(days=400)
    happened(1)
    before = statements()
    happened(4)
    after = statements()

    assert len(after) <= 20
    assert len(after) == len(before)
    for table in ("shipment", "scanevent", "answer"):
        assert not any(f'COUNT(*) AS "__count" FROM "shipments_{table}"' in sql for sql in after)
