"""Accounts in the back-office: key and secret go in and never come out."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from shipments.enums import Connection
from shipments.models import (
    AuditEntry,
    CallCount,
    CarrierAccount,
    Credential,
    CredentialToken,
    Merchant,
    User,
    Watch,
)
from shipments.refresh.figures import figures_of
from tests.factories import a_budget, a_key, a_person, a_shipment, an_account, keys_of

pytestmark = pytest.mark.django_db

LIST = reverse("admin:shipments_carrieraccount_changelist")
KEY, SECRET = "client-id-4711", "hunter2-hunter2"


def page(account: CarrierAccount, name: str = "change") -> str:
    return reverse(f"admin:shipments_carrieraccount_{name}", args=[account.pk])


def form(account: CarrierAccount | None = None, **over: Any) -> dict[str, Any]:
    """What a browser sends: the boxes for key and secret empty."""
    values = {
        "merchant": "" if account is None else account.merchant_id or "",
        "gateway": "usps" if account is None else account.gateway,
        "environment": "production" if account is None else account.environment,
        "base_url": "" if account is None else account.base_url,
        "cadence_seconds": "",
        "calls_per_hour": "",
        "calls_per_second": "",
        "is_active": "on",
        "key": "",
        "secret": "",
        "expires_on": "",
        **keys_form(account),
    }
    return {**values, **over}


def keys_form(account: CarrierAccount | None) -> dict[str, Any]:
    keys = [] if account is None else list(account.credentials.order_by("-pk"))
    values: dict[str, Any] = {
        "credentials-TOTAL_FORMS": len(keys),
        "credentials-INITIAL_FORMS": len(keys),
        "credentials-MIN_NUM_FORMS": 0,
        "credentials-MAX_NUM_FORMS": 0,
    }
    for place, key in enumerate(keys):
        values |= {
            f"credentials-{place}-id": key.pk,
            f"credentials-{place}-account": key.account_id,
            f"credentials-{place}-expires_on": key.expires_on or "",
        }
    return values


@pytest.fixture
def account(merchant: Merchant) -> CarrierAccount:
    return an_account(merchant, key=KEY, secret=SECRET)


def test_an_account_is_added_with_its_credentials(operator: Client, merchant: Merchant) -> None:
    response = operator.post(
        reverse("admin:shipments_carrieraccount_add"), form(merchant=merchant.pk, key=KEY, secret=SECRET)
    )

    assert response.status_code == 302
    account = CarrierAccount.objects.get()
    assert (account.merchant, keys_of(account)) == (merchant, [(KEY, SECRET)])
    entry = AuditEntry.objects.get(verb="added")
    assert (entry.verb, entry.model, entry.row, entry.source, entry.merchant) == (
        "added",
        "shipments.CarrierAccount",
        str(account.pk),
        "admin",
        merchant.pk,
    )
    assert entry.after["gateway"] == "usps"
    entry = AuditEntry.objects.get(verb="key added")
    assert (entry.row, entry.before, entry.after) == (
        str(account.pk),
        {},
        {"key": "•••", "secret": "•••", "ending": "4711", "expires_on": None},
    )


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [("key", "Give the key."), ("secret", "Give the secret that belongs to the key.")],
)
def test_a_new_account_needs_both_and_a_refused_form_sends_neither_back(
    operator: Client, missing: str, sentence: str
) -> None:
    response = operator.post(
        reverse("admin:shipments_carrieraccount_add"), {**form(key=KEY, secret=SECRET), missing: ""}
    )

    assert response.status_code == 200
    assert response.context["adminform"].form.errors == {missing: [sentence]}
    assert CarrierAccount.objects.exists() is False
    for value in (KEY, SECRET):
        assert value not in response.content.decode()


def test_neither_page_nor_list_nor_history_shows_what_is_stored(
    operator: Client, account: CarrierAccount
) -> None:
    operator.post(page(account), form(account, secret="another-secret"))

    for address in (page(account), page(account, "history"), page(account, "delete"), LIST):
        shown = operator.get(address).content.decode()
        assert KEY not in shown
        assert SECRET not in shown
        assert "another-secret" not in shown
    assert "One that ends in …4711 is stored" in operator.get(page(account)).content.decode()
    assert "…4711" in operator.get(LIST).content.decode()


def test_a_short_key_shows_nothing_of_itself(operator: Client, merchant: Merchant) -> None:
    account = an_account(merchant, key="q7z9")

    shown = operator.get(page(account)).content.decode()

    assert "q7z9" not in shown
    assert "One is stored. Empty: keep it, with another secret." in shown


def test_empty_boxes_keep_what_is_stored(operator: Client, account: CarrierAccount) -> None:
    response = operator.post(page(account), form(account, environment="test"))

    assert response.status_code == 302
    account.refresh_from_db()
    assert (keys_of(account), account.environment) == ([(KEY, SECRET)], "test")
    entry = AuditEntry.objects.get()
    assert (entry.before, entry.after) == ({"environment": "production"}, {"environment": "test"})


def test_nothing_changed_writes_nothing_down(operator: Client, account: CarrierAccount) -> None:
    CredentialToken.objects.create(
        credential=account.credentials.get(), value="a-token", expires_at=timezone.now()
    )

    operator.post(page(account), form(account))

    assert AuditEntry.objects.exists() is False
    assert CredentialToken.objects.get().value == "a-token"


def test_a_new_secret_takes_effect_at_once(operator: Client, account: CarrierAccount) -> None:
    CredentialToken.objects.create(
        credential=account.credentials.get(), value="a-token", expires_at=timezone.now()
    )
    a_budget(account, paused_until=timezone.now() + timedelta(hours=1))

    operator.post(page(account), form(account, secret="another-secret"))

    account.refresh_from_db()
    assert keys_of(account) == [(KEY, "another-secret"), (KEY, SECRET)]
    assert account.budget.paused_until is None
    assert CredentialToken.objects.get().value is None
    added, tried = AuditEntry.objects.order_by("pk")
    assert (added.verb, added.after["secret"]) == ("key added", "•••")
    assert tried.verb == "tested"


def test_parcels_that_waited_for_an_account_are_due_now(
    operator: Client, merchant: Merchant, django_capture_on_commit_callbacks: Any
) -> None:
    a_shipment(merchant, due_at=timezone.now() + timedelta(hours=1))
    Watch.objects.update(error_kind="no-account")

    with django_capture_on_commit_callbacks(execute=True):
        operator.post(
            reverse("admin:shipments_carrieraccount_add"),
            form(merchant=merchant.pk, key=KEY, secret=SECRET),
        )

    assert Watch.objects.due(timezone.now()).count() == 1
    assert sorted(task.name() for task in OrmQ.objects.all()) == ["sweep", "test_account"]


@pytest.mark.parametrize("address", ["http://127.0.0.1:8901", "https://10.0.0.7", "https://localhost"])
def test_private_addresses_need_the_setting(
    operator: Client, account: CarrierAccount, settings: Any, address: str
) -> None:
    settings.ALLOW_PRIVATE_HOSTS = False
    refused = operator.post(page(account), form(account, base_url=address))
    settings.ALLOW_PRIVATE_HOSTS = True
    taken = operator.post(page(account), form(account, base_url=f"{address}/"))

    assert list(refused.context["adminform"].form.errors) == ["base_url"]
    assert taken.status_code == 302
    account.refresh_from_db()
    assert account.base_url == address


def test_an_address_with_a_path_is_refused_in_words(operator: Client, account: CarrierAccount) -> None:
    response = operator.post(page(account), form(account, base_url="https://api.example.com/tracking"))

    assert response.context["adminform"].form.errors == {
        "base_url": ["Leave the path out: the gateway's own paths are added."]
    }


def test_the_button_queues_a_test_and_the_result_is_shown_when_it_is_in(
    operator: Client, account: CarrierAccount, django_capture_on_commit_callbacks: Any
) -> None:
    assert f'action="{page(account, "test")}"' in operator.get(page(account)).content.decode()

    with django_capture_on_commit_callbacks(execute=True):
        response = operator.post(page(account, "test"), follow=True)

    assert "The connection is being tried …" in response.content.decode()
    (task,) = OrmQ.objects.all()
    assert (task.name(), task.task["args"]) == ("test_account", (account.pk,))
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.row, entry.source) == ("tested", str(account.pk), "admin")

    account.refresh_from_db()
    account.record_test(Connection.NO_TRACKING, "USPS says: no.", datetime(2026, 3, 6, 12, 30, tzinfo=UTC))
    for address in (page(account), LIST):
        shown = operator.get(address).content.decode()
        assert "The key is good, but USPS has not enabled tracking for it." in shown
        assert "Ask the carrier to enable tracking for this account" in shown
        assert "USPS says: no." in shown
        assert "2026-03-06 12:30 UTC" in shown


def test_a_result_is_shown_as_text(operator: Client, account: CarrierAccount) -> None:
    account.request_test(timezone.now())
    account.record_test(Connection.UNREADABLE, "<script>alert(1)</script>", timezone.now())

    assert "<script>alert(1)" not in operator.get(page(account)).content.decode()


def test_several_accounts_are_tested_from_the_list(
    operator: Client, account: CarrierAccount, django_capture_on_commit_callbacks: Any
) -> None:
    other = an_account(None, "pitney_bowes")

    with django_capture_on_commit_callbacks(execute=True):
        operator.post(LIST, {"action": "test_connections", "_selected_action": [account.pk, other.pk]})

    assert CarrierAccount.objects.filter(test_requested_at=None).exists() is False
    assert sorted(task.task["args"] for task in OrmQ.objects.all()) == [(account.pk,), (other.pk,)]


def test_a_test_is_not_started_by_a_link(operator: Client, account: CarrierAccount) -> None:
    assert operator.get(page(account, "test")).status_code == 405

    account.refresh_from_db()
    assert account.test_requested_at is None


def test_whoever_may_not_change_accounts_starts_no_test(
    account: CarrierAccount, signed_in: Callable[[User], Client]
) -> None:
    browser = signed_in(a_person("staff@example.com", is_staff=True))

    assert browser.post(page(account, "test")).status_code == 403

    account.refresh_from_db()
    assert account.test_requested_at is None


def test_a_deleted_account_is_written_down(operator: Client, account: CarrierAccount) -> None:
    pk = account.pk

    operator.post(page(account, "delete"), {"post": "yes"})

    assert CarrierAccount.objects.exists() is False
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.row, entry.before["gateway"]) == ("deleted", str(pk), "usps")


def test_the_accounts_page_shows_what_is_spent_what_is_left_and_what_waits(
    operator: Client, account: CarrierAccount, django_assert_max_num_queries: Any
) -> None:
    now = timezone.now()
    CarrierAccount.objects.update(calls_per_hour=60)
    CallCount.objects.create(account=account, minute=now, calls=12, by_hand=2, failed=1)
    CallCount.objects.create(account=account, minute=now - timedelta(hours=5), calls=40)
    for hours in (1, 0, -1):
        shipment = a_shipment(account.merchant, due_at=now - timedelta(hours=1))
        Watch.objects.filter(pk=shipment.pk).update(account=account, wanted_by=now - timedelta(hours=hours))
    operator.get(page(account))

    with django_assert_max_num_queries(20):
        shown = " ".join(operator.get(page(account)).content.decode().split())

    for row in (
        '<th scope="row">Spent in the last hour</th><td>12 of 60, 2 of them by hand</td>',
        '<th scope="row">Left for planned questions</th><td>44</td>',
        '<th scope="row">Left for what people ask by hand</th><td>48</td>',
        '<th scope="row">Pace</th><td>a planned call every 66.7 seconds</td>',
        '<th scope="row">Parcels that may be looked at</th><td>3</td>',
        '<th scope="row">Of them later than wanted</th><td>2</td>',
        '<th scope="row">Being asked about</th><td>0</td>',
        "<td>12</td><td>2</td><td>1</td>",
        "<td>40</td><td>0</td><td>0</td>",
        "<p>Is it asked with? Yes.</p>",
    ):
        assert row in shown


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (
            {"paused_until": timedelta(minutes=20, seconds=30)},
            "No: the carrier wants fewer calls; it is asked again in 20 min.",
        ),
        (
            {
                "breaker": "open",
                "probes_at": timedelta(minutes=20, seconds=30),
                "opened_because": "USPS: <b>out</b>.",
            },
            "No, it is tried again in 20 min: USPS: &lt;b&gt;out&lt;/b&gt;.",
        ),
        (
            {"breaker": "half-open", "opened_because": "It was down."},
            "Being tried with one parcel: It was down.",
        ),
    ],
)
def test_page_and_list_say_why_an_account_is_not_asked_with(
    operator: Client, account: CarrierAccount, columns: dict[str, Any], sentence: str
) -> None:
    now = timezone.now()
    a_budget(
        account,
        **{name: now + value if isinstance(value, timedelta) else value for name, value in columns.items()},
    )
    assert sentence in operator.get(page(account)).content.decode()
    assert sentence in operator.get(reverse("admin:shipments_carrieraccount_changelist")).content.decode()


def test_a_lowered_quota_says_so_and_another_quota_ends_it(operator: Client, account: CarrierAccount) -> None:
    budget = a_budget(account, lowered_to=20, lowered_until=timezone.now() + timedelta(hours=6, minutes=30))
    assert "From 60 to 20 calls an hour" in operator.get(page(account)).content.decode()

    operator.post(page(account), form(account, calls_per_hour="30"))

    budget.refresh_from_db()
    assert (budget.lowered_to, budget.lowered_until) == (None, None)
    assert CarrierAccount.objects.get().calls_per_hour == 30


@pytest.mark.parametrize("calls", ["0", "-1", "x", "99999999999"])
def test_a_quota_that_is_none_is_refused_at_its_field(
    operator: Client, account: CarrierAccount, calls: str
) -> None:
    response = operator.post(page(account), form(account, calls_per_hour=calls))
    assert response.context["adminform"].form.errors.keys() == {"calls_per_hour"}
    account.refresh_from_db()
    assert account.calls_per_hour is None


def test_counts_on_the_page_end_somewhere() -> None:
    figures = figures_of(an_account(None), timezone.now())
    assert replace(figures, due=9_999).due_words == "9,999"
    assert replace(figures, due=10_000).due_words == "10,000+"


def test_an_address_off_the_list_is_refused_at_its_field(
    operator: Client, account: CarrierAccount, settings: Any
) -> None:
    settings.CARRIER_HOSTS = ("apis.usps.com", "gateway.example")
    refused = operator.post(page(account), form(account, base_url="https://apis.usps.com.evil.example"))
    assert refused.context["adminform"].form.errors == {
        "base_url": [
            "apis.usps.com.evil.example is not a host that keys may be sent to. These are: apis.usps.com, gateway.example. "
            "An operator adds others with TRACKINGSITE_CARRIER_HOSTS."
        ]
    }
    taken = operator.post(page(account), form(account, base_url="https://GATEWAY.example:8443"))
    assert taken.status_code == 302
    account.refresh_from_db()
    assert account.base_url == "https://gateway.example:8443"


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "ftp://apis.usps.com", "//apis.usps.com", "javascript:1"]
)
def test_an_address_that_is_no_web_address_is_refused(
    operator: Client, account: CarrierAccount, address: str
) -> None:
    refused = operator.post(page(account), form(account, base_url=address))
    assert refused.context["adminform"].form.errors.keys() == {"base_url"}


def test_the_keys_of_an_account_are_listed_and_one_is_retired(
    operator: Client, account: CarrierAccount
) -> None:
    newer = a_key(account, refused_at=timezone.now(), refusal="USPS sign-in: refused.")
    shown = operator.get(page(account)).content.decode()
    assert "live, refused by the carrier" in shown
    assert "USPS sign-in: refused." in shown
    retire = reverse("admin:shipments_carrieraccount_retire", args=[account.pk, newer.pk])
    assert f'action="{retire}"' in shown

    assert operator.get(retire).status_code == 405
    assert operator.post(retire).status_code == 302

    assert keys_of(account) == [(KEY, SECRET)]
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.before) == ("key retired", {"ending": "9012"})
    assert "its secret is erased" in operator.get(page(account)).content.decode()
    # Once more changes nothing.
    operator.post(retire)
    assert AuditEntry.objects.count() == 1


def test_the_day_a_key_ends_is_changed_and_reminded_of_anew(
    operator: Client, account: CarrierAccount
) -> None:
    Credential.objects.update(reminded=7)
    day = timezone.localdate() + timedelta(days=20)
    operator.post(page(account), form(account, **{"credentials-0-expires_on": day.isoformat()}))
    key = account.credentials.get()
    assert (key.expires_on, key.reminded) == (day, None)
    assert f"…4711, ends {day}" in operator.get(LIST).content.decode()
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.model, entry.after) == (
        "changed",
        "shipments.Credential",
        {"expires_on": str(day)},
    )


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"key": "a key", "secret": "s"}, "key"),
        ({"key": "k" * 5000, "secret": "s"}, "key"),
        ({"key": "k", "secret": "\0"}, "secret"),
        ({"key": "k"}, "secret"),
        ({"key": "k", "secret": "s", "expires_on": "2020-01-01"}, "expires_on"),
        ({"key": "k", "secret": "s", "expires_on": "tomorrow"}, "expires_on"),
        ({"expires_on": "2099-01-01"}, "secret"),
    ],
)
def test_a_key_that_is_none_is_refused_at_its_field(
    operator: Client, account: CarrierAccount, typed: dict[str, str], field: str
) -> None:
    response = operator.post(page(account), form(account, **typed))
    assert response.context["adminform"].form.errors.keys() == {field}
    assert keys_of(account) == [(KEY, SECRET)]


def test_an_account_whose_key_no_ring_reads_is_shown_given_a_new_one_and_deleted(
    operator: Client, account: CarrierAccount, settings: Any
) -> None:
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    for address in (LIST, page(account), page(account, "delete")):
        assert operator.get(address).status_code == 200
    refused = operator.post(page(account), form(account, secret="only-the-secret"))
    assert refused.context["adminform"].form.errors == {
        "key": ["The stored key cannot be read with the key ring: give it again."]
    }
    assert operator.post(page(account), form(account, key="newer-key", secret="newer")).status_code == 302
    assert operator.post(page(account, "delete"), {"post": "yes"}).status_code == 302
    assert CarrierAccount.objects.exists() is False


def test_who_may_only_look_sees_the_keys_and_changes_none(
    account: CarrierAccount, signed_in: Callable[[User], Client]
) -> None:
    auditor = a_person("auditor@example.com", is_staff=True)
    auditor.user_permissions.add(Permission.objects.get(codename="view_carrieraccount"))
    browser = signed_in(auditor)
    shown = browser.get(page(account)).content.decode()
    assert "…4711" in shown
    assert "/retire/" not in shown
    retire = reverse("admin:shipments_carrieraccount_retire", args=[account.pk, account.credentials.get().pk])
    assert browser.post(retire).status_code == 403
    assert keys_of(account) == [(KEY, SECRET)]


def test_a_key_that_was_given_is_tried_at_once_and_its_result_is_where_one_arrives(
    operator: Client, account: CarrierAccount
) -> None:
    given = operator.post(page(account), {**form(account, key=KEY, secret=SECRET), "_save": ""})
    without = operator.post(page(account), {**form(account), "_save": ""})

    assert (given.headers["Location"], without.headers["Location"]) == (page(account), LIST)
    account.refresh_from_db()
    assert (account.test_requested_at is None, account.tested_at) == (False, None)


def test_who_may_only_look_is_shown_no_boxes_for_keys_and_no_deeds(
    account: CarrierAccount, signed_in: Callable[[User], Client]
) -> None:
    auditor = a_person("auditor@example.com", is_staff=True)
    auditor.user_permissions.add(Permission.objects.get(codename="view_carrieraccount"))

    shown = signed_in(auditor).get(page(account)).content.decode()

    assert not any(words in shown for words in ("A newer key", "Try the connection", "Retire the key"))


def test_before_the_only_key_is_retired_the_page_says_what_that_means(
    operator: Client, account: CarrierAccount
) -> None:
    shown = operator.get(page(account)).content.decode()

    assert "It is the only key: nobody is asked with this account until it has another." in shown


def test_a_refused_form_says_that_a_typed_key_has_to_be_typed_again(
    operator: Client, account: CarrierAccount
) -> None:
    words = "Key and secret are never sent back: type them again."

    typed = operator.post(page(account), form(account, key=KEY, gateway="")).content.decode()
    not_typed = operator.post(page(account), form(account, gateway="")).content.decode()

    assert words in typed
    assert KEY not in typed
    assert words not in not_typed


def test_the_health_page_tells_of_a_test_that_failed_until_something_has_worked(
    operator: Client, account: CarrierAccount
) -> None:
    now = timezone.now()
    account.request_test(now - timedelta(minutes=9))
    account.record_test(Connection.REFUSED_KEY, "", now - timedelta(minutes=8))
    words = "It is asked with, but the last test of its connection failed:"
    failed = operator.get(reverse("admin:health")).content.decode()

    CarrierAccount.objects.filter(pk=account.pk).update(last_success_at=now)
    has_worked = operator.get(reverse("admin:health")).content.decode()

    assert words in failed
    assert words not in has_worked
    assert "It is asked with." in has_worked


def test_the_page_asks_for_the_result_of_a_test_until_there_is_one(
    operator: Client, account: CarrierAccount
) -> None:
    account.request_test(timezone.now())
    asking = operator.get(page(account, "connection")).content.decode()
    account.record_test(Connection.REFUSED_KEY, "", timezone.now())
    told = operator.get(page(account, "connection")).content.decode()

    assert ('hx-trigger="every 2s"' in asking, 'hx-trigger="every 2s"' in told) == (True, False)
    assert "The connection is being tried" in asking
    assert "is-trouble" in told
