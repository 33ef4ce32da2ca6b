"""What load balancers ask: always answered, cheap, and telling nobody more than a word."""

import logging
import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from shipments.models import Heartbeat, Merchant
from shipments.monitoring import readiness
from shipments.monitoring.readiness import Readiness, State
from shipments.web import probes
from tests.factories import a_host

WELL = {"database": "ok", "migrations": "ok", "worker": "ok"}
NOW = datetime.fromisoformat("2026-03-06T12:00:00+00:00")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has just begun."""
    monkeypatch.setattr(probes, "readiness", Readiness())


def an_absent_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any, **_kwargs: Any) -> None:
        raise OperationalError("connection to server at 10.0.0.3 failed: secret-name")

    monkeypatch.setattr(connection, "cursor", refuse)


# ---- Alive -----------------------------------------------------------------------------------------------------------


def test_a_process_that_answers_is_alive_without_asking_the_database(client: Client) -> None:
    # No mark of a database: a statement would fail the test.
    response = client.get("/healthz")

    assert (response.status_code, response.content) == (200, b"ok\n")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.cookies == {}
    assert client.head("/healthz").status_code == 200
    assert client.post("/healthz").status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize(
    "host", ["10.0.0.7:8000", "[fd00::7]", "web", "track.alpine.example", "un_known.example"]
)
def test_probes_are_answered_whatever_the_host_and_without_encryption(
    client: Client, settings: Any, merchant: Merchant, host: str
) -> None:
    settings.SECURE_SSL_REDIRECT, settings.ALLOWED_HOSTS = True, ["tracker.example"]
    a_host(merchant, "track.alpine.example")
    Heartbeat.objects.create(name="h", at=timezone.now())
    client = Client()

    for path in ("/healthz", "/readyz", "/readyz/web"):
        assert client.get(path, headers={"host": host}).status_code == 200
    assert client.get("/track", headers={"host": "web"}).status_code == 404


# ---- Ready -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_with_database_migrations_and_a_heartbeat_it_is_ready(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    Heartbeat.objects.create(name="some-host", at=timezone.now() - timedelta(seconds=100))
    Heartbeat.objects.create(name="silent-host", at=timezone.now() - timedelta(days=1))

    with django_assert_num_queries(3):
        response = client.get("/readyz")

    assert (response.status_code, response.json()) == (200, {"ready": True, "checks": WELL})
    assert b"host" not in response.content
    # The migrations were complete, and stay so.
    with django_assert_num_queries(1):
        assert client.get("/readyz").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("beats", [[], [timedelta(seconds=121)], [timedelta(days=3), timedelta(minutes=5)]])
def test_without_a_worker_pages_are_ready_and_the_installation_is_not(
    client: Client, beats: list[timedelta]
) -> None:
    for number, ago in enumerate(beats):
        Heartbeat.objects.create(name=f"h{number}", at=timezone.now() - ago)

    whole, pages = client.get("/readyz"), client.get("/readyz/web")

    assert (whole.status_code, whole.json()) == (
        503,
        {"ready": False, "checks": {**WELL, "worker": "silent"}},
    )
    assert (pages.status_code, pages.json()) == (
        200,
        {"ready": True, "checks": {"database": "ok", "migrations": "ok"}},
    )
    assert whole.headers["Cache-Control"] == pages.headers["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_a_migration_that_is_missing_is_noticed_until_it_is_applied(client: Client) -> None:
    Heartbeat.objects.create(name="h", at=timezone.now())
    applied = MigrationRecorder(connection).migration_qs.filter(app="shipments").latest("id")
    applied.delete()

    for _ in range(2):
        response = client.get("/readyz/web")
        assert (response.status_code, response.json()) == (
            503,
            {"ready": False, "checks": {"database": "ok", "migrations": "missing"}},
        )

    MigrationRecorder(connection).record_applied("shipments", applied.name)
    assert client.get("/readyz/web").status_code == 200


@pytest.mark.django_db
def test_a_database_that_is_away_is_told_without_its_words(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_absent_database(monkeypatch)

    response = client.get("/readyz")

    assert (response.status_code, response.json()) == (
        503,
        {"ready": False, "checks": {"database": "unreachable", "migrations": "unknown", "worker": "unknown"}},
    )
    assert b"10.0.0.3" not in response.content
    assert client.get("/healthz").status_code == 200


@pytest.mark.django_db
def test_what_changes_is_logged_once_and_without_the_databases_words(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Heartbeat.objects.create(name="h", at=timezone.now())
    caplog.set_level(logging.INFO)
    client.get("/readyz")
    client.get("/readyz")
    with monkeypatch.context() as away:
        an_absent_database(away)
        client.get("/readyz")
        client.get("/readyz")
    client.get("/readyz/web")

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "Readiness: database ok, migrations ok, worker ok."),
        ("WARNING", "Readiness: database unreachable, migrations unknown, worker unknown."),
        ("INFO", "Readiness: database ok, migrations ok, worker ok."),
    ]


def test_one_request_alone_waits_for_a_database_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "TURN", timedelta(milliseconds=50))
    stuck, may_go_on = threading.Event(), threading.Event()

    def never_answers() -> bool:
        stuck.set()
        assert may_go_on.wait(10)
        raise OperationalError

    monkeypatch.setattr(readiness, "_is_migrated", never_answers)
    asked = Readiness()
    first = threading.Thread(target=asked.look, args=[NOW])
    first.start()
    assert stuck.wait(10)

    # Would wait for ever without a limit to its turn.
    second = asked.look(NOW)

    may_go_on.set()
    first.join(10)
    assert second["database"] == State.UNREACHABLE
