"""`manage.py add_account`."""

import sys
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_q.models import OrmQ

from shipments.models import AuditEntry, Budget, CarrierAccount, CredentialToken, Merchant, Watch
from tests.factories import a_budget, a_merchant, a_shipment, an_account, keys_of

pytestmark = pytest.mark.django_db

USPS = ("--merchant", "alpine", "--gateway", "usps", "--environment", "production", "--key", "key-0123456789")


@pytest.fixture(autouse=True)
def _alpine(merchant: Merchant) -> None:
    """The merchant the accounts are for."""


def add_account(
    monkeypatch: pytest.MonkeyPatch, *arguments: str, secret: str = "hunter2-hunter2\n"
) -> tuple[str, str]:
    monkeypatch.setattr(sys, "stdin", StringIO(secret))
    out, err = StringIO(), StringIO()
    call_command("add_account", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_an_account_is_added_with_the_secret_of_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = add_account(monkeypatch, *USPS, "--base-url", "http://127.0.0.1:8901/")

    account = CarrierAccount.objects.get()
    assert (account.merchant.slug if account.merchant else None, account.gateway, account.environment) == (
        "alpine",
        "usps",
        "production",
    )
    assert (account.base_url, keys_of(account)) == (
        "http://127.0.0.1:8901",
        [("key-0123456789", "hunter2-hunter2")],
    )
    assert (
        out
        == "Account USPS production (alpine), key …6789, was added.\nIt asks http://127.0.0.1:8901.\nCalls: at most 60 an hour.\n"
    )
    assert err == ""


def test_neither_key_nor_secret_is_told_or_kept_in_the_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = add_account(monkeypatch, *USPS)

    entry = AuditEntry.objects.get()
    assert entry.after == {
        "gateway": "usps",
        "environment": "production",
        "base_url": "",
        "key": "•••",
        "secret": "•••",
    }
    assert (entry.verb, entry.source) == ("added", "command")
    for shown in (out, err):
        assert "hunter2" not in shown
        assert "key-0123456789" not in shown


def test_the_same_key_again_brings_a_new_secret_and_address(monkeypatch: pytest.MonkeyPatch) -> None:
    add_account(monkeypatch, *USPS, "--base-url", "http://127.0.0.1:8901")
    account = CarrierAccount.objects.get()
    CredentialToken.objects.create(
        credential=account.credentials.get(), value="old-token", expires_at=timezone.now()
    )
    CarrierAccount.objects.update(is_active=False)
    a_budget(account, paused_until=timezone.now(), breaker="open", lowered_to=3)

    out, _ = add_account(monkeypatch, *USPS, secret="correct horse\n")

    account.refresh_from_db()
    assert (account.base_url, account.is_active) == ("", True)
    # The one of before goes on until the new one has worked.
    assert keys_of(account) == [("key-0123456789", "correct horse"), ("key-0123456789", "hunter2-hunter2")]
    budget = Budget.objects.get()
    # Open still: one parcel tries the new secret, at once.
    assert (budget.paused_until, budget.lowered_to, budget.breaker) == (None, None, "open")
    assert budget.probes_at is not None
    assert budget.probes_at <= timezone.now()
    token = CredentialToken.objects.get()
    assert (token.value, token.expires_at) == (None, None)
    assert out.startswith("Account USPS production (alpine), key …6789, was there already")
    assert "the gateway at its own address" in out
    entry = AuditEntry.objects.get(verb="changed")
    assert entry.before == {"base_url": "http://127.0.0.1:8901", "is_active": False}
    assert entry.after == {"base_url": "", "is_active": True, "secret": "•••"}


@pytest.mark.parametrize(
    "other",
    [
        ("--gateway", "pitney_bowes"),
        ("--environment", "test"),
        ("--key", "key-9876543210"),
        ("--merchant", "bayside"),
    ],
)
def test_another_merchant_gateway_environment_or_key_is_another_account(
    monkeypatch: pytest.MonkeyPatch, other: tuple[str, str]
) -> None:
    a_merchant(slug="bayside")
    add_account(monkeypatch, *USPS)

    add_account(monkeypatch, *USPS, *other)

    assert CarrierAccount.objects.count() == 2


@pytest.mark.parametrize("secret", ["", "\n", "  \n", "two\nlines\n", "x" * 5000])
def test_a_secret_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    with pytest.raises(CommandError, match=r"^secret: ") as refused:
        add_account(monkeypatch, *USPS, secret=secret)

    assert refused.value.returncode == 2
    assert CarrierAccount.objects.exists() is False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--base-url", "ftp://127.0.0.1"), "^base url: An address is https://host"),
        (("--base-url", "http://127.0.0.1:1/tracking"), "^base url: Leave the path out"),
        (("--base-url", f"https://{'a' * 250}.example"), "^base url: an address has at most 200 characters"),
        (("--key", "  "), "^key: "),
        (
            ("--merchant", "nobody"),
            "^merchant: no merchant has this short name. There are: alpine. add_merchant",
        ),
    ],
)
def test_a_wrong_argument_is_named_and_nothing_is_stored(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CommandError, match=words) as refused:
        add_account(monkeypatch, *USPS, *arguments)

    assert refused.value.returncode == 2
    assert (CarrierAccount.objects.exists(), AuditEntry.objects.exists()) == (False, False)


def test_at_a_terminal_the_secret_is_asked_for_without_an_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def typed(prompt: str) -> str:
        asked.append(prompt)
        return "typed-secret"

    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("shipments.management.commands.add_account.getpass", typed)
    call_command("add_account", *USPS, stdout=StringIO())

    assert asked == ["Secret (not shown): "]
    assert keys_of(CarrierAccount.objects.get())[0][1] == "typed-secret"


def test_parcels_that_waited_for_an_account_are_due_now(
    monkeypatch: pytest.MonkeyPatch, merchant: Merchant, django_capture_on_commit_callbacks: object
) -> None:
    later = timezone.now() + timedelta(hours=1)
    waiting, other = a_shipment(merchant, due_at=later), a_shipment(merchant, due_at=later)
    stranger = a_shipment(due_at=later)
    Watch.objects.filter(shipment__in=[waiting, stranger]).update(error_kind="no-account")

    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        out, _ = add_account(monkeypatch, *USPS)

    assert [Watch.objects.due(timezone.now()).get().shipment_id] == [waiting.pk]
    assert Watch.objects.get(shipment=other).due_at == later
    assert "Parcels that had waited for an account and are due now: 1." in out
    assert [task.name() for task in OrmQ.objects.all()] == ["sweep"]


def test_the_account_of_another_merchant_with_the_same_key_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others = an_account(a_merchant(slug="bayside"), "usps", key="key-0123456789", secret="theirs")

    add_account(monkeypatch, *USPS)

    assert keys_of(others) == [("key-0123456789", "theirs")]


def test_the_limits_of_an_account_are_given_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    out, _ = add_account(monkeypatch, *USPS)
    assert "Calls: at most 60 an hour." in out
    account = CarrierAccount.objects.get()
    assert (account.calls_per_hour, account.calls_per_second) == (None, None)

    out, _ = add_account(monkeypatch, *USPS, "--calls-per-hour", "6000", "--calls-per-second", "10")

    assert "Calls: at most 6,000 an hour and at most 10 a second." in out
    account.refresh_from_db()
    assert (account.calls_per_hour, account.calls_per_second) == (6_000, 10)
    entry = AuditEntry.objects.get(verb="changed")
    assert (entry.before["calls_per_hour"], entry.after["calls_per_hour"]) == (None, 6_000)
    # A new secret is no new contract.
    add_account(monkeypatch, *USPS, secret="another")
    account.refresh_from_db()
    assert (account.calls_per_hour, account.calls_per_second) == (6_000, 10)


@pytest.mark.parametrize("calls", ["0", "-5", "1.5", "many", "", "2147483648", "99999999999999999999"])
@pytest.mark.parametrize("option", ["--calls-per-hour", "--calls-per-second"])
def test_a_limit_that_is_no_number_of_calls_is_refused(
    monkeypatch: pytest.MonkeyPatch, option: str, calls: str
) -> None:
    with pytest.raises(CommandError) as refused:
        add_account(monkeypatch, *USPS, f"{option}={calls}")
    name = option.removeprefix("--").replace("-", " ")
    assert (str(refused.value), refused.value.returncode) == (
        f"{name}: a whole number from 1 to 2,147,483,647.",
        2,
    )
    assert CarrierAccount.objects.exists() is False
