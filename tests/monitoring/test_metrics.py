"""The metrics: what they say of a made situation, who may read them, and that they are read cheaply."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ, Task
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse
from pytest_django import DjangoAssertNumQueries

from shipments.enums import BreakerState, WorkState
from shipments.models import (
    Backup,
    Budget,
    CallCount,
    CarrierAccount,
    EngineTotal,
    Heartbeat,
    Mail,
    Merchant,
    ScanEvent,
    Shipment,
    Watch,
)
from shipments.models.watches import HURRIED, PATIENT
from shipments.monitoring import readings
from shipments.monitoring.exposition import exposition
from shipments.refresh import runner
from shipments.simulator.journeys import make_number
from shipments.simulator.numbers import Scenario
from shipments.web.storefront import hosts
from tests.factories import Simulator, a_bulk_action, a_draft, a_host, a_merchant, a_shipment, an_account

pytestmark = pytest.mark.django_db

TOKEN = "made-up-for-tests-0123456789-abcdef"
ROOT = Path(__file__).resolve().parents[2]
NOW = datetime.fromisoformat("2026-03-06T12:00:00+00:00")


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


@pytest.fixture(autouse=True)
def _with_a_token(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN


@pytest.fixture
def account(merchant: Merchant) -> CarrierAccount:
    return an_account(merchant, calls_per_hour=60)


def ask(client: Client, token: str = TOKEN, **headers: str) -> Any:
    return client.get("/metrics", headers={"Authorization": f"Bearer {token}", **headers})


def samples(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """The values of each sample by those of its labels."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in parse(text):
        for sample in family.samples:
            key = tuple(value for label, value in sample.labels.items() if label != "gateway")
            assert key not in found.setdefault(sample.name, {})
            found[sample.name][key] = sample.value
    return found


def measured(now: datetime = NOW) -> dict[str, dict[tuple[str, ...], float]]:
    text, _media_type = exposition(readings.read(now), "")
    return {name.removeprefix("trackingsite_"): values for name, values in samples(text.decode()).items()}


def a_watched(merchant: Merchant, account: CarrierAccount | None, **state: Any) -> None:
    shipment = a_shipment(merchant)
    Watch.objects.filter(pk=shipment.pk).update(account=account, **state)


# ---- What they say ---------------------------------------------------------------------------------------------------


def test_parcels_that_are_due_late_leased_and_abandoned_are_told_apart(
    merchant: Merchant, account: CarrierAccount
) -> None:
    lease = "6f1c3f7e-8f6b-4a52-9b0c-0d6d8c2a1f00"
    a_watched(merchant, account, due_at=NOW - minutes(30), wanted_by=NOW - minutes(10))
    a_watched(merchant, account, due_at=NOW - minutes(20), wanted_by=NOW + minutes(10))
    a_watched(merchant, account, due_at=NOW + minutes(1), wanted_by=NOW + minutes(10))
    a_watched(merchant, account, due_at=NOW + minutes(2), wanted_by=NOW, lease=lease)
    a_watched(merchant, account, due_at=NOW - minutes(2), wanted_by=NOW, lease=lease)
    a_watched(merchant, None, due_at=NOW - minutes(3), wanted_by=NOW + minutes(1))
    a_watched(merchant, None, due_at=None)

    found, key = measured(), (str(account.pk),)

    assert found["due_parcels"] == {("none",): 1, key: 2}
    assert found["due_lag_seconds"] == {("none",): 180, key: 1800}
    assert found["late_parcels"] == {("none",): 0, key: 1}
    assert found["late_lag_seconds"] == {("none",): 0, key: 600}
    assert found["leased_parcels"] == {("none",): 0, key: 1}
    assert found["abandoned_parcels"] == {("none",): 0, key: 1}


def test_no_more_due_parcels_are_counted_than_the_bound_says(
    merchant: Merchant, account: CarrierAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    for minute in range(1, 54):
        a_watched(merchant, account, due_at=NOW - minutes(minute), wanted_by=NOW)
    monkeypatch.setattr(readings, "MOST_PARCELS", 10)

    found, key = measured(), (str(account.pk),)

    assert (found["due_parcels_bound"][()], found["due_parcels"][key]) == (50, 50)
    # Those due longest are counted.
    assert found["due_lag_seconds"][key] == 53 * 60


def test_the_latest_parcel_is_found_beyond_those_that_are_counted(
    merchant: Merchant, account: CarrierAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = a_merchant()
    for minute in range(1, 52):
        a_watched(merchant, account, due_at=NOW - minutes(60 + minute), wanted_by=NOW + minutes(9))
    a_watched(merchant, account, due_at=NOW - minutes(5), wanted_by=NOW - minutes(2), haste=HURRIED)
    a_watched(other, account, due_at=NOW - minutes(4), wanted_by=NOW - minutes(3), haste=HURRIED)
    a_watched(other, account, due_at=NOW - minutes(5), wanted_by=NOW - minutes(1), haste=PATIENT)
    monkeypatch.setattr(readings, "MOST_PARCELS", 10)

    found, key = measured(), (str(account.pk),)

    assert (found["due_parcels"][key], found["late_parcels"][key]) == (50, 0)
    assert found["late_lag_seconds"][key] == 180


def test_an_account_is_shown_with_its_quota_its_pause_and_its_breaker(
    merchant: Merchant, account: CarrierAccount
) -> None:
    for age, calls, by_hand in ((1, 4, 2), (59, 5, 0), (62, 50, 0)):
        CallCount.objects.create(account=account, minute=NOW - minutes(age), calls=calls, by_hand=by_hand)
    Budget.objects.create(
        account=account, breaker=BreakerState.HALF_OPEN, paused_until=NOW + timedelta(seconds=1)
    )
    an_account(merchant, is_active=False)

    found, key = measured(), str(account.pk)

    assert found["quota_calls_per_hour"] == {(key,): 60}
    assert "quota_calls_per_second" not in found
    assert found["quota_spent_calls"] == {(key,): 9}
    assert found["quota_left_calls"] == {(key,): 51}
    # Six of the hour are kept for what people ask by hand, who have asked twice.
    assert found["quota_left_planned_calls"] == {(key,): 47}
    assert found["account_paused"] == {(key,): 1}
    assert found["breaker_state"] == {(key, "closed"): 0, (key, "open"): 0, (key, "half-open"): 1}


def test_the_quota_is_the_published_one_as_far_as_the_carrier_has_not_lowered_it(merchant: Merchant) -> None:
    usps, pitney_bowes = an_account(merchant), an_account(merchant, "pitney_bowes")
    simulated = an_account(merchant, cadence_seconds=5)
    Budget.objects.create(account=usps, lowered_to=20, lowered_until=NOW + timedelta(hours=6))

    found = measured()

    assert found["quota_calls_per_hour"] == {(str(usps.pk),): 24}
    assert found["quota_calls_per_second"] == {(str(pitney_bowes.pk),): 50}
    assert found["quota_spent_calls"] == {(str(one.pk),): 0 for one in (usps, pitney_bowes, simulated)}


def test_an_account_that_has_not_asked_yet_begins_at_nought(account: CarrierAccount) -> None:
    found, key = measured(), str(account.pk)

    assert found["calls_total"] == {
        (key, outcome): 0 for outcome in ("answered", "failed", "refused", "over_quota")
    }
    assert found["due_parcels"] == {("none",): 0, (key,): 0}
    assert found["stored_scans_total"] == {(key,): 0}
    assert found["account_paused"] == {(key,): 0}
    assert found["breaker_state"] == {(key, "closed"): 1, (key, "open"): 0, (key, "half-open"): 0}


def test_totals_are_shown_by_account_also_of_one_that_was_switched_off(
    merchant: Merchant, account: CarrierAccount
) -> None:
    gone = an_account(merchant, "pitney_bowes", is_active=False)
    for name, of, total in (
        ("calls_answered", account, 7),
        ("calls_failed", account, 2),
        ("calls_refused", account, 1),
        ("calls_over_quota", gone, 3),
        ("parcels_asked", account, 90),
        ("parcels_news", account, 30),
        ("scans_stored", account, 41),
        ("scans_stored", None, 5),
    ):
        EngineTotal.objects.create(name=name, account=of, total=total)

    found, key, old = measured(), str(account.pk), str(gone.pk)

    assert {labels: total for labels, total in found["calls_total"].items() if total} == {
        (key, "answered"): 7,
        (key, "failed"): 2,
        (key, "refused"): 1,
        (old, "over_quota"): 3,
    }
    assert found["asked_parcels_total"] == {(key,): 90, (old,): 0}
    assert found["news_parcels_total"] == {(key,): 30, (old,): 0}
    assert found["stored_scans_total"] == {("none",): 5, (key,): 41, (old,): 0}


def test_the_queue_and_other_work_that_waits_are_shown(merchant: Merchant) -> None:
    for lock in (NOW - minutes(2), NOW - minutes(1), NOW + minutes(3)):
        OrmQ.objects.create(key="trackingsite", payload="x", lock=lock)
    for number, (stopped, success) in enumerate(
        [(NOW - minutes(59), False), (NOW - minutes(61), False), (NOW - minutes(1), True)]
    ):
        Task.objects.create(
            id=f"{number:032}", name="sweep", func="x", started=stopped, stopped=stopped, success=success
        )
    for due_at in (NOW - minutes(5), NOW + minutes(5), None):
        Mail.objects.create(kind="x", to="a@example.com", subject="s", text="t", due_at=due_at)
    a_bulk_action(merchant, made_at=NOW - minutes(4))
    a_bulk_action(merchant, made_at=NOW - minutes(9), state=WorkState.DONE)
    a_draft("Tracking number\n1\n", merchant, made_at=NOW - minutes(8))
    Heartbeat.objects.create(name="web-1", at=NOW - timedelta(seconds=12))
    Heartbeat.objects.create(name="ahead", at=NOW + timedelta(seconds=12))
    Heartbeat.objects.create(name="retired", at=NOW - timedelta(days=2))

    found = measured()

    assert found["queue_waiting_tasks"] == {(): 2}
    assert found["queue_lag_seconds"] == {(): 120}
    assert found["queue_begun_tasks"] == {(): 1}
    assert found["queue_failed_tasks"] == {(): 1}
    assert found["pending_rows"] == {
        ("bulk_actions",): 1, ("buyers",): 0, ("imports",): 0, ("mails",): 1, ("proofs",): 0,
    }  # fmt: skip
    assert found["pending_lag_seconds"] == {
        ("bulk_actions",): 240, ("buyers",): 0, ("imports",): 0, ("mails",): 300, ("proofs",): 0,
    }  # fmt: skip
    assert found["heartbeat_age_seconds"] == {("ahead",): 0, ("web-1",): 12}


def test_the_age_of_the_last_whole_backup_is_told_where_there_is_one() -> None:
    assert "backup_age_seconds" not in measured()
    for hours, faults in ((30, 0), (2, None), (1, 4)):
        Backup.objects.create(
            made_at=NOW - timedelta(hours=hours), name="trackingsite-1", rows=1, bytes=1, faults=faults
        )
    assert measured()["backup_age_seconds"] == {(): 2 * 3600}


@pytest.mark.django_db(transaction=True)
def test_rounds_with_a_carrier_show_in_the_metrics(calm: Simulator, merchant: Merchant) -> None:
    now = timezone.now()
    account = an_account(merchant, base_url=calm.url, calls_per_hour=60)
    for n in range(40):
        number = make_number(
            "USPS", Scenario.ON_TIME, now - timedelta(days=7, minutes=n // 10), variant=n % 10
        )
        a_shipment(merchant, number=number, due_at=now - minutes(1))
    key = str(account.pk)

    runner.work_off()
    answered = measured(timezone.now())
    calm.faults("500:1")
    runner.ask_now(list(Shipment.objects.order_by("pk")[:3]))
    failed = measured(timezone.now())

    assert answered["calls_total"][key, "answered"] == answered["quota_spent_calls"][key,] == 2
    assert answered["asked_parcels_total"] == answered["news_parcels_total"] == {(key,): 40}
    assert answered["stored_scans_total"] == {(key,): ScanEvent.objects.count()}
    assert (answered["quota_left_calls"][key,], answered["due_parcels"][key,]) == (58, 0)
    assert failed["calls_total"][key, "answered"] == 2
    assert failed["calls_total"][key, "failed"] == 1
    assert failed["stored_scans_total"] == answered["stored_scans_total"]


# ---- How they are written --------------------------------------------------------------------------------------------


def names(text: str) -> set[str]:
    """The names of the metrics, as Prometheus knows their samples."""
    return set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))


def test_every_metric_is_documented_and_the_other_way_round(account: CarrierAccount) -> None:
    text, _media_type = exposition(readings.read(NOW), "")
    documented = re.findall(
        r"^\| `(trackingsite_\w+)` \| (\w+) \|", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE
    )
    assert dict(documented) == dict(re.findall(r"^# TYPE (\w+) (\w+)$", text.decode(), re.MULTILINE))


def test_the_rules_of_the_documentation_ask_for_metrics_there_are(account: CarrierAccount) -> None:
    text, _media_type = exposition(readings.read(NOW), "")
    asked = set(re.findall(r"\btrackingsite_\w+", (ROOT / "docs" / "metrics.md").read_text()))
    assert asked <= names(text.decode())


def test_who_accepts_openmetrics_is_answered_in_it(client: Client, account: CarrierAccount) -> None:
    plain = ask(client)
    assert plain.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"

    response = ask(client, accept="application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")

    assert response.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    families = list(parse_openmetrics(response.content.decode()))
    assert len(families) == len(names(plain.content.decode()))
    assert {family.unit for family in families if family.name.endswith("_seconds")} == {"seconds"}


def test_no_label_tells_who_a_merchant_is(merchant: Merchant, account: CarrierAccount) -> None:
    a_watched(merchant, account, due_at=NOW)

    text = exposition(readings.read(NOW), "")[0].decode().lower()

    assert text.count("trackingsite_due_parcels{") == 2
    assert [word for word in ("alpine", "outfitters", "test-key", "test-secret") if word in text] == []


# ---- Who may read them -----------------------------------------------------------------------------------------------


def test_without_a_token_in_the_settings_there_are_no_metrics(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert ask(client, "").status_code == 404


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, "Bearer é"]
)  # fmt: skip
def test_without_the_token_nothing_is_told(
    client: Client, header: str | None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    hosts.merchant_of("testserver")
    with django_assert_num_queries(0):
        response = client.get("/metrics", headers={} if header is None else {"Authorization": header})

    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, 'Bearer realm="metrics"')
    assert b"trackingsite_" not in response.content
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_on_the_host_name_of_a_merchant_there_are_none(client: Client, merchant: Merchant) -> None:
    a_host(merchant, "track.alpine.example")
    for host in ("track.alpine.example", "TRACK.alpine.example.:443"):
        assert ask(client, host=host).status_code == 404
    assert ask(client, host="10.0.0.7:8000").status_code == 200


def test_they_are_kept_by_nobody_and_open_no_session(client: Client) -> None:
    response = ask(client)

    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.cookies == {}
    assert client.post("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 405


# ---- What they cost --------------------------------------------------------------------------------------------------


def test_a_scrape_costs_eight_statements_however_much_there_is(
    client: Client, merchant: Merchant, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(3):
        a_watched(merchant, an_account(merchant), due_at=NOW)
    hosts.merchant_of("testserver")
    with django_assert_num_queries(8):
        assert ask(client).status_code == 200


def test_without_a_database_who_has_the_token_is_told_and_others_are_not(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: Any, **_kwargs: Any) -> None:
        raise OperationalError("connection to server at 10.0.0.3 failed")

    monkeypatch.setattr(connection, "cursor", refuse)

    response = ask(client)

    assert (response.status_code, response.content) == (503, b"The database does not answer in time.\n")
    assert ask(client, "guessed").status_code == 401


@pytest.mark.django_db(transaction=True)
def test_a_scrape_that_takes_too_long_is_given_up_and_the_connection_is_as_before(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "PATIENCE", timedelta(milliseconds=50))
    monkeypatch.setitem(readings._PENDING, "naps", ("pg_sleep(5)", "true", "now()"))

    response = ask(client)

    assert (response.status_code, response.content) == (503, b"The database does not answer in time.\n")
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)
