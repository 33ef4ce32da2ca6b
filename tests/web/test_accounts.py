"""Owners' pages of their carrier accounts: keys go in and never come out."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from shipments.enums import Connection
from shipments.models import AuditEntry, CarrierAccount, Credential, Merchant, User, Watch
from tests.factories import a_budget, a_key, a_merchant, a_shipment, an_account, keys_of

pytestmark = pytest.mark.django_db

KEY, SECRET = "client-id-4711", "hunter2-hunter2"
LIST, ADD = "/app/alpine/settings/accounts/", "/app/alpine/settings/accounts/add/"
TYPED = {"gateway": "usps", "environment": "production", "key": KEY, "secret": SECRET}


@pytest.fixture
def owner(signed_in: Callable[[User], Client], alice: User) -> Client:
    return signed_in(alice)


@pytest.fixture
def account(merchant: Merchant) -> CarrierAccount:
    return an_account(merchant, key=KEY, secret=SECRET)


def page(account: CarrierAccount, name: str = "account", *args: Any) -> str:
    return reverse(name, args=["alpine", account.pk, *args])


def text(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_an_account_is_added_tried_and_asked_with_at_once(
    owner: Client, alice: User, merchant: Merchant, django_capture_on_commit_callbacks: Any
) -> None:
    a_shipment(merchant, due_at=timezone.now() + timedelta(hours=1))
    Watch.objects.update(error_kind="no-account")
    with django_capture_on_commit_callbacks(execute=True):
        response = owner.post(ADD, {**TYPED, "expires_on": "2099-01-31", "calls_per_hour": "600"})
    account = CarrierAccount.objects.get()
    assert response.headers["Location"] == page(account)
    assert (account.merchant, account.calls_per_hour, account.is_active) == (merchant, 600, True)
    assert keys_of(account) == [(KEY, SECRET)]
    key = account.credentials.get()
    assert (key.added_by, str(key.expires_on)) == (alice, "2099-01-31")
    assert Watch.objects.due(timezone.now()).count() == 1
    assert {task.name() for task in OrmQ.objects.all()} == {"sweep", "test_account"}
    added, key_added, tested = AuditEntry.objects.order_by("pk")
    assert (added.verb, key_added.verb, tested.verb) == ("added", "key added", "tested")
    assert key_added.after == {"key": "•••", "secret": "•••", "ending": "4711", "expires_on": "2099-01-31"}
    assert (key_added.source, key_added.person, key_added.merchant) == ("page", alice.pk, merchant.pk)


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"key": ""}, "key"),
        ({"secret": ""}, "secret"),
        ({"key": "two words"}, "key"),
        ({"gateway": "dhl"}, "gateway"),
        ({"environment": "staging"}, "environment"),
        ({"base_url": "file:///etc/passwd"}, "base_url"),
        ({"base_url": "https://evil.example"}, "base_url"),
        ({"calls_per_hour": "0"}, "calls_per_hour"),
        ({"calls_per_second": "99999999999"}, "calls_per_second"),
        ({"expires_on": "2020-02-30"}, "expires_on"),
        ({"expires_on": "2020-02-02"}, "expires_on"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_secret_comes_back(
    owner: Client, over: dict[str, str], field: str
) -> None:
    response = owner.post(ADD, {**TYPED, **over})
    assert response.status_code == 400
    assert response.context["form"].errors.keys() == {field}
    assert CarrierAccount.objects.exists() is False
    for value in (KEY, SECRET):
        assert value not in response.content.decode()


def test_private_addresses_need_the_setting(owner: Client, settings: Any) -> None:
    settings.ALLOW_PRIVATE_HOSTS = False
    response = owner.post(ADD, {**TYPED, "base_url": "https://10.0.0.7"})
    assert response.context["form"].errors.keys() == {"base_url"}


def test_a_newer_key_is_added_beside_the_older(owner: Client, account: CarrierAccount) -> None:
    assert "Add a newer key" in text(owner, page(account))
    owner.post(page(account, "account-key-add"), {"key": "newer-key-8888", "secret": "newer"})
    assert keys_of(account) == [("newer-key-8888", "newer"), (KEY, SECRET)]
    shown = text(owner, page(account))
    assert "…8888" in shown
    assert "…4711" in shown
    assert "It takes the place of …8888, which has not worked." in shown
    owner.post(page(account, "account-key-add"), {"secret": "only the secret"})
    assert keys_of(account) == [("newer-key-8888", "only the secret"), (KEY, SECRET)]
    entry = AuditEntry.objects.filter(verb="key added").latest("pk")
    assert (entry.before, entry.after["secret"]) == ({"ending": "8888"}, "•••")


def test_a_refused_newer_key_is_told_on_its_page(owner: Client, account: CarrierAccount) -> None:
    a_key(account, refused_at=timezone.now() - timedelta(minutes=5), refusal="USPS sign-in: refused.")
    shown = text(owner, page(account))
    assert "Refused by the carrier 5 min ago." in shown
    assert "USPS sign-in: refused." in shown


def test_a_refused_form_for_a_key_keeps_what_is_stored(owner: Client, account: CarrierAccount) -> None:
    response = owner.post(page(account, "account-key-add"), {"key": "a-new-key-0000", "secret": ""})
    assert response.status_code == 400
    assert response.context["key_form"].errors == {"secret": ["Give the secret that belongs to the key."]}
    assert "a-new-key-0000" not in response.content.decode()
    assert keys_of(account) == [(KEY, SECRET)]


def test_no_page_shows_what_is_stored(owner: Client, account: CarrierAccount) -> None:
    a_key(account)
    for address in (LIST, ADD, page(account)):
        shown = text(owner, address)
        for value in (KEY, SECRET, "newer-key-9012", "newer-secret-3456"):
            assert value not in shown


def test_environment_and_address_are_changed_and_take_effect(owner: Client, account: CarrierAccount) -> None:
    a_budget(account, paused_until=timezone.now() + timedelta(hours=1))
    owner.post(
        page(account),
        {"environment": "test", "base_url": "https://apis-tem.usps.com", "calls_per_hour": "90"},
    )
    account.refresh_from_db()
    assert (account.environment, account.base_url, account.calls_per_hour) == (
        "test",
        "https://apis-tem.usps.com",
        90,
    )
    assert account.budget.paused_until is None
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.before["environment"], entry.after["environment"]) == (
        "changed",
        "production",
        "test",
    )
    refused = owner.post(page(account), {"environment": "test", "base_url": "https://evil.example"})
    assert (refused.status_code, refused.context["change_form"].errors.keys()) == (400, {"base_url"})


def test_the_result_of_a_test_is_polled_and_told(owner: Client, account: CarrierAccount) -> None:
    owner.post(page(account, "account-test"))
    account.refresh_from_db()
    assert account.is_being_tested
    fragment = owner.get(page(account), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in fragment
    assert 'hx-trigger="every 2s"' in fragment

    account.record_test(Connection.NO_TRACKING, "USPS says: <b>no</b>.", timezone.now())
    fragment = owner.get(page(account), headers={"HX-Request": "true"}).content.decode()
    assert "hx-trigger" not in fragment
    assert "USPS has not enabled tracking for it." in fragment
    assert "Ask the carrier to enable tracking for this account" in fragment
    assert "&lt;b&gt;no&lt;/b&gt;" in fragment


def test_a_key_is_retired_and_its_secret_erased(owner: Client, account: CarrierAccount) -> None:
    newer = a_key(account)
    owner.post(page(account, "account-key-retire", newer.pk))
    assert keys_of(account) == [(KEY, SECRET)]
    assert owner.post(page(account, "account-key-retire", newer.pk)).status_code == 404
    (entry,) = AuditEntry.objects.all()
    assert (entry.verb, entry.before) == ("key retired", {"ending": "9012"})


def test_the_day_a_key_ends_is_kept_and_said(owner: Client, account: CarrierAccount) -> None:
    key = account.credentials.get()
    day = timezone.localdate() + timedelta(days=9)
    Credential.objects.update(reminded=30)
    owner.post(page(account, "account-key-expiry", key.pk), {"expires_on": day.isoformat()})
    key.refresh_from_db()
    assert (key.expires_on, key.reminded) == (day, None)
    assert "The key …4711 of USPS ends on" in text(owner, LIST)
    owner.post(page(account, "account-key-expiry", key.pk), {"expires_on": "never"})
    key.refresh_from_db()
    assert key.expires_on == day
    owner.post(page(account, "account-key-expiry", key.pk), {"expires_on": ""})
    key.refresh_from_db()
    assert key.expires_on is None


def test_an_account_is_switched_off_and_on(owner: Client, account: CarrierAccount) -> None:
    owner.post(page(account, "account-switch"), {"active": "no"})
    account.refresh_from_db()
    assert account.is_active is False
    assert "No: it is switched off." in text(owner, LIST)
    owner.post(page(account, "account-switch"), {"active": "yes"})
    account.refresh_from_db()
    assert account.is_active is True
    assert [entry.after for entry in AuditEntry.objects.order_by("pk")] == [
        {"is_active": False},
        {"is_active": True},
    ]


def test_deleting_takes_a_fresh_password_and_a_word(
    client: Client, alice: User, account: CarrierAccount
) -> None:
    client.force_login(alice)
    assert "/reauthenticate/" in client.get(page(account, "account-delete")).headers["Location"]
    client.post("/accounts/login/", {"login": alice.email, "password": "correct horse battery"})
    client.post(
        f"/accounts/reauthenticate/?next={page(account, 'account-delete')}",
        {"password": "correct horse battery"},
    )
    assert "Delete the account at USPS?" in text(client, page(account, "account-delete"))
    assert client.post(page(account, "account-delete")).status_code == 400
    assert client.post(page(account, "account-delete"), {"sure": "yes"}).headers["Location"] == LIST
    assert CarrierAccount.objects.exists() is False
    assert AuditEntry.objects.get(verb="deleted").before["gateway"] == "usps"


def test_accounts_of_others_and_of_the_platform_are_not_found(owner: Client) -> None:
    theirs = an_account(a_merchant(slug="bayside"))
    shared = an_account(None)
    for account in (theirs, shared):
        assert owner.get(page(account)).status_code == 404
        assert owner.post(page(account, "account-key-add"), {"key": "k", "secret": "s"}).status_code == 404
        key = account.credentials.get()
        assert owner.post(page(account, "account-key-retire", key.pk)).status_code == 404
    own = an_account(Merchant.objects.get(slug="alpine"))
    assert owner.post(page(own, "account-key-retire", theirs.credentials.get().pk)).status_code == 404
    assert Credential.objects.live().count() == 3


def test_without_an_account_of_its_own_the_page_says_who_asks(owner: Client) -> None:
    assert "so no carrier is asked about your parcels" in text(owner, LIST)
    an_account(None)
    assert "your parcels are asked about with the accounts of this site" in text(owner, LIST)


def test_pages_of_accounts_cost_few_statements(
    owner: Client, account: CarrierAccount, merchant: Merchant, django_assert_max_num_queries: Any
) -> None:
    for _more in range(3):
        a_key(an_account(merchant))
    owner.get(LIST)
    for address in (LIST, ADD, page(account)):
        with django_assert_max_num_queries(8):
            owner.get(address)


def test_a_key_no_ring_reads_leaves_its_pages_usable(
    owner: Client, account: CarrierAccount, settings: Any
) -> None:
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    for address in (LIST, page(account)):
        assert owner.get(address).status_code == 200
    response = owner.post(page(account, "account-key-add"), {"secret": "only the secret"})
    assert response.context["key_form"].errors == {
        "key": ["The stored key cannot be read with the key ring: give it again."]
    }
