"""What every test stands on: no network but loopback, the people, the carriers, a simulator when asked for."""

import gc
import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client, TransactionTestCase
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker

from shipments.models import Merchant, User
from shipments.web.storefront import hosts
from tests import factories, migrated, put_back

# Playwright's event loop runs in the thread of the test; Django would refuse its own database calls there.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

# How long an example takes says how busy the machine is. Which ones are tried stays Hypothesis' choice: always the same
# where CI is set, others each time elsewhere.
settings.register_profile("patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_collection_finish() -> None:
    """Leave ten thousand tests, and all they have imported, out of every search for cycles; search less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, django_db_blocker: DjangoDbBlocker
) -> None:
    """Each process's database begins as a copy of one that has the migrations: they are run once, not by each."""
    with django_db_blocker.unblock():
        connection.settings_dict["TEST"]["TEMPLATE"] = migrated.make()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """After a test with transactions of its own the database is as the migrations left it."""
    with django_db_blocker.unblock():
        seeds = put_back.Seeds()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _test: seeds.put_back())
        yield


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every address but loopback: a test never speaks to a carrier."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise AssertionError(f"A test tried to reach {address[0]}.")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(autouse=True)
def _hosts_of_this_test() -> None:
    """No host names of merchants left over from the test before."""
    hosts.forget()


@pytest.fixture
def merchant() -> Merchant:
    return factories.a_merchant(slug="alpine", name="Alpine Outfitters")


@pytest.fixture
def alice(merchant: Merchant) -> User:
    """The owner."""
    return factories.a_person("alice@example.com", merchant, "owner")


@pytest.fixture
def mary(merchant: Merchant) -> User:
    """A manager for the same merchant."""
    return factories.a_person("mary@example.com", merchant, "manager")


@pytest.fixture
def bob(merchant: Merchant) -> User:
    """A viewer for the same merchant."""
    return factories.a_person("bob@example.com", merchant, "viewer")


@pytest.fixture
def charlie() -> User:
    """The owner of another merchant: a stranger here."""
    return factories.a_person(
        "charlie@example.com", factories.a_merchant(slug="bayside", name="Bayside Books"), "owner"
    )


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    """A browser in which this person is signed in."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture(scope="session")
def simulator() -> Iterator["factories.Simulator"]:
    """The carriers' side of the wire, in a process of its own; faults are taken back after each use of `calm`."""
    with factories.running_simulator() as running:
        yield running


@pytest.fixture
def calm(simulator: "factories.Simulator") -> Iterator["factories.Simulator"]:
    """The simulator without faults and with its counters at nought, before and after the test."""
    simulator.reset()
    yield simulator
    simulator.reset()
