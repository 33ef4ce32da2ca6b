"""Trying a connection says exactly what failed and what to do. Over real HTTP, name service and TLS."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from django.utils import timezone

from shipments import tasks
from shipments.carriers.pitney_bowes import client as pitney_bowes
from shipments.carriers.usps import client as usps
from shipments.enums import Connection, Environment
from shipments.facts.connection_words import connection_words
from shipments.models import Budget, CallCount, CarrierAccount
from shipments.outbound import net
from shipments.tracking.accounts import retire
from tests.factories import Simulator, a_budget, a_key, an_account, free_port, keys_of, running_simulator

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["usps", "pitney_bowes"])
def account(calm: Simulator, request: pytest.FixtureRequest) -> CarrierAccount:
    return an_account(None, request.param, base_url=calm.url)


def tried(account: CarrierAccount) -> tuple[str, str]:
    """The result of the queued task as it stands on the row, and what a page says of it."""
    account.request_test(timezone.now())
    tasks.test_account(account.pk)
    account.refresh_from_db()
    told = connection_words(account.test_result, account.get_gateway_display())
    for secret in ("test-key-1234", "test-secret-5678"):
        assert secret not in account.test_words
    return account.test_result, f"{told.happened} {told.advice}"


def test_a_good_key_gets_a_token_and_an_answer(account: CarrierAccount, calm: Simulator) -> None:
    assert tried(account)[0] == Connection.WORKS
    calls = calm.calls()["calls"]
    assert calls == {f"{account.gateway}.token": 1, f"{account.gateway}.tracking": 1}
    assert account.credentials.get().worked_at is not None


def test_the_call_it_makes_counts(calm: Simulator) -> None:
    account = an_account(None, base_url=calm.url)
    tried(account)
    assert [(count.calls, count.by_hand) for count in CallCount.objects.all()] == [(1, 1)]


@pytest.mark.parametrize(
    ("fault", "result", "advice"),
    [
        ("token-refused:1", Connection.REFUSED_KEY, "Copy both again from the carrier's portal"),
        ("token-429:1", Connection.OVER_QUOTA, "Try again in an hour."),
        ("token-500:1", Connection.CARRIERS_FAULT, "Nothing is wrong here. Try again later."),
        ("503:1", Connection.CARRIERS_FAULT, "Nothing is wrong here. Try again later."),
        ("429:1", Connection.OVER_QUOTA, "Try again in an hour."),
        ("foreign:1", Connection.REFUSED_TOKEN, "Key and address are probably of different environments"),
        ("noproduct:1", Connection.NO_TRACKING, "Ask the carrier to enable tracking"),
        ("html:1", Connection.UNREADABLE, "Check the address: a web page"),
        ("reset:1", Connection.NO_CONNECTION, "Check the port of the address"),
        ("404:1", Connection.WORKS, ""),
    ],
)
def test_what_fails_is_named(
    account: CarrierAccount, calm: Simulator, fault: str, result: Connection, advice: str
) -> None:
    calm.faults(fault)
    came_of_it, told = tried(account)
    assert came_of_it == result
    assert advice in told


def test_a_usps_application_without_the_scope_is_told_to_add_it(calm: Simulator) -> None:
    account = an_account(None, base_url=calm.url)
    calm.faults("token-scope:1")
    came_of_it, told = tried(account)
    assert came_of_it == Connection.MISSING_SCOPE
    assert "Add the tracking product to the application" in told


@pytest.mark.parametrize("fault", ["token-timeout:1", "timeout:1"])
def test_no_answer_in_time(
    account: CarrierAccount, calm: Simulator, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    for client in (usps, pitney_bowes):
        monkeypatch.setattr(client, "TIMEOUT", 0.5)
    calm.faults(fault)
    assert tried(account)[0] == Connection.TIME_OUT


def test_nobody_listens_there(account: CarrierAccount) -> None:
    CarrierAccount.objects.update(base_url=f"http://127.0.0.1:{free_port()}")
    account.refresh_from_db()
    assert tried(account)[0] == Connection.NO_CONNECTION


def test_what_speaks_no_tls_is_sent_nothing(account: CarrierAccount, calm: Simulator) -> None:
    CarrierAccount.objects.update(base_url=calm.url.replace("http://", "https://"))
    account.refresh_from_db()
    came_of_it, told = tried(account)
    assert came_of_it == Connection.TLS
    assert "nothing was sent to it" in told
    assert calm.calls()["calls"] == {}


@pytest.mark.parametrize("private_allowed", [True, False])
def test_a_name_that_nobody_has(account: CarrierAccount, settings: Any, private_allowed: bool) -> None:
    settings.ALLOW_PRIVATE_HOSTS = private_allowed
    settings.CARRIER_HOSTS = ("nobody.invalid",)
    CarrierAccount.objects.update(base_url="https://nobody.invalid")
    account.refresh_from_db()
    assert tried(account)[0] == Connection.NO_SUCH_NAME


def test_a_listed_name_that_leads_into_a_private_network_is_not_asked(
    account: CarrierAccount, calm: Simulator, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def rebound(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    monkeypatch.setattr(net, "_resolve", rebound)
    settings.ALLOW_PRIVATE_HOSTS = False
    settings.CARRIER_HOSTS = ("carrier.example",)
    CarrierAccount.objects.update(base_url=calm.url.replace("http://127.0.0.1", "https://carrier.example"))
    account.refresh_from_db()
    came_of_it, told = tried(account)
    assert came_of_it == Connection.PRIVATE_HOST
    assert "the name in the address leads into a private network" in told
    assert calm.calls()["calls"] == {}


def test_a_name_that_leads_elsewhere_after_the_first_call_is_not_asked_again(
    account: CarrierAccount, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, connected = [["93.184.215.14"], ["10.0.0.7"]], []

    async def rebinding(host: str, port: int) -> list[str]:
        return answers.pop(0)

    def token(request: httpx.Request) -> httpx.Response:
        connected.append((request.url.host, request.headers["Host"]))
        return httpx.Response(
            200,
            json={
                "access_token": "t" * 40,
                "token_type": "Bearer",
                "expires_in": "3600",
                "scope": "tracking",
            },
        )

    monkeypatch.setattr(net, "_resolve", rebinding)
    monkeypatch.setattr(httpx, "AsyncHTTPTransport", lambda **_more: httpx.MockTransport(token))
    settings.ALLOW_PRIVATE_HOSTS, settings.CARRIER_HOSTS = False, ("carrier.example",)
    CarrierAccount.objects.update(base_url="https://carrier.example")
    account.refresh_from_db()

    assert tried(account)[0] == Connection.PRIVATE_HOST
    assert connected == [("93.184.215.14", "carrier.example")]
    assert answers == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_host_that_sends_elsewhere_is_not_followed(
    account: CarrierAccount, settings: Any, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    asked: list[str] = []

    async def outside(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["93.184.215.14"]

    def elsewhere(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers={"Location": "https://evil.example/oauth"})

    monkeypatch.setattr(net, "_resolve", outside)
    monkeypatch.setattr(httpx, "AsyncHTTPTransport", lambda **_more: httpx.MockTransport(elsewhere))
    settings.ALLOW_PRIVATE_HOSTS, settings.CARRIER_HOSTS = False, ("carrier.example",)
    CarrierAccount.objects.update(base_url="https://carrier.example")
    account.refresh_from_db()

    assert tried(account)[0] != Connection.WORKS
    assert set(asked) == {"carrier.example"}


def test_an_address_in_clear_that_was_a_simulators_is_not_asked(
    account: CarrierAccount, calm: Simulator, settings: Any
) -> None:
    settings.ALLOW_PRIVATE_HOSTS, settings.CARRIER_HOSTS = False, ("carrier.example",)
    CarrierAccount.objects.update(base_url="http://carrier.example")
    account.refresh_from_db()
    assert tried(account)[0] == Connection.UNLISTED_HOST
    assert "Keys may not be sent to carrier.example in clear" in account.test_words


def test_an_address_that_left_the_list_is_not_asked(
    account: CarrierAccount, calm: Simulator, settings: Any
) -> None:
    settings.ALLOW_PRIVATE_HOSTS = False
    came_of_it, told = tried(account)
    assert came_of_it == Connection.UNLISTED_HOST
    assert "TRACKINGSITE_CARRIER_HOSTS" in told
    assert calm.calls()["calls"] == {}


@pytest.fixture
def other_environment() -> Iterator[Simulator]:
    with running_simulator() as running:
        yield running


@pytest.mark.parametrize("environment", list(Environment))
def test_a_key_of_the_other_environment_is_recognised(
    calm: Simulator,
    other_environment: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    environment: Environment,
) -> None:
    (other,) = set(Environment) - {environment}
    monkeypatch.setitem(usps.HOSTS, environment, calm.url)
    monkeypatch.setitem(usps.HOSTS, other, other_environment.url)
    account = an_account(None, environment=environment)
    calm.faults("token-refused:1")

    came_of_it, told = tried(account)

    assert came_of_it == Connection.OTHER_ENVIRONMENT
    assert "Change the environment of this account" in told
    assert other_environment.calls()["calls"] == {"usps.token": 1}
    other_environment.faults("token-refused:1")
    assert tried(account)[0] == Connection.REFUSED_KEY


def test_an_account_without_a_key(account: CarrierAccount) -> None:
    retire(account.credentials.get(), timezone.now())
    assert tried(account) == (
        Connection.NO_KEY,
        "There is no key to try: the account has none. Add a key with its secret.",
    )


def test_a_key_that_the_ring_does_not_read(account: CarrierAccount, settings: Any) -> None:
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    came_of_it, told = tried(account)
    assert came_of_it == Connection.LOCKED_KEY
    assert "CREDENTIAL_KEYS, behind the newest one" in told


def test_the_newest_key_is_tried_and_what_came_of_it_noted(account: CarrierAccount, calm: Simulator) -> None:
    newer = a_key(account, "wrong-key-5555")
    calm.faults("token-refused:key=wrong")
    assert tried(account)[0] == Connection.REFUSED_KEY
    newer.refresh_from_db()
    assert (newer.refusals, newer.is_live, len(keys_of(account))) == (1, True, 2)

    calm.faults("")
    assert tried(account)[0] == Connection.WORKS
    assert [key for key, _secret in keys_of(account)] == ["wrong-key-5555"]


def test_a_test_that_works_has_an_open_breaker_try_at_once(account: CarrierAccount) -> None:
    later = timezone.now() + timedelta(hours=5)
    a_budget(account, breaker="open", opened_for="bad-credentials", probes_at=later)
    tried(account)
    budget = Budget.objects.get()
    assert budget.probes_at is not None
    assert budget.probes_at <= timezone.now()


@pytest.mark.parametrize("result", list(Connection))
def test_every_result_has_words_and_all_but_the_good_one_advice(result: Connection) -> None:
    told = connection_words(result, "USPS")
    assert told.happened
    assert "%" not in told.happened + told.advice
    assert bool(told.advice) is not told.works
    assert told.works is (result == Connection.WORKS)


def test_a_result_of_a_later_version_is_told_somehow() -> None:
    assert connection_words("never-heard-of", "USPS").works is False
