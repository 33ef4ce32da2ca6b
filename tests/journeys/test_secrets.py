"""A journey with faults, and then a hunt for key, secret and token in all that is left of it."""

import json
import logging
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import httpx
import pytest
from django.core import mail
from django.core.management import call_command
from django.db import connection, connections
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from django.views.debug import ExceptionReporter

from shipments import tasks
from shipments.carriers.usps import client as usps
from shipments.enums import Connection
from shipments.models import CarrierAccount, Credential, CredentialToken, Mail, User
from shipments.outbound.mail import send_due
from shipments.refresh import expiring, runner
from shipments.simulator.journeys import make_number
from shipments.simulator.numbers import Scenario
from tests.factories import Simulator, a_person, a_shipment

pytestmark = pytest.mark.django_db(transaction=True)

KEY, SECRET = "owners-key-58c1d9a27f", "owners-secret-c0ffee7788aa"
NEWER_KEY, NEWER_SECRET = "newer-key-93b4e6d01c", "newer-secret-decade5566bb"


class Hunt:
    """The places where something was found, by name; nothing of what was found is printed."""

    def __init__(self) -> None:
        self.secrets = {KEY, SECRET, NEWER_KEY, NEWER_SECRET}
        self.found: list[str] = []
        self.searched = 0

    def through(self, place: str, text: str | bytes) -> None:
        content = text if isinstance(text, bytes) else text.encode()
        self.searched += len(content)
        self.found += [place for secret in self.secrets if secret.encode() in content]

    def know_the_tokens(self) -> None:
        self.secrets |= {value for value in CredentialToken.objects.values_list("value", flat=True) if value}


@pytest.fixture
def owner(signed_in: Callable[[User], Client], alice: User) -> Client:
    return signed_in(alice)


@pytest.fixture
def operator(signed_in: Callable[[User], Client]) -> Client:
    return signed_in(a_person("operator@example.com", is_staff=True, is_superuser=True))


@pytest.mark.parametrize("gateway", ["usps", "pitney_bowes"])
def test_nothing_secret_is_left_anywhere(
    gateway: str,
    owner: Client,
    operator: Client,
    calm: Simulator,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hunt = Hunt()
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(connections["default"], "force_debug_cursor", True)

    # An owner adds an account, and types a wrong address first.
    adding = reverse("account-add", args=["alpine"])
    typed = {"gateway": gateway, "environment": "production", "key": KEY, "secret": SECRET}
    refused = owner.post(adding, {**typed, "base_url": "file:///etc/passwd"})
    assert refused.status_code == 400
    hunt.through("refused form", refused.content)
    assert owner.post(adding, {**typed, "base_url": calm.url}).status_code == 302
    account = CarrierAccount.objects.get()
    page = reverse("account", args=["alpine", account.pk])

    # Its parcel is asked about, by a carrier that does all it can to spoil that.
    shipped = datetime.now(UTC) - timedelta(days=7)
    number = make_number("USPS", Scenario.ON_TIME, shipped)
    shipment = a_shipment(account.merchant, number=number, gateway=gateway)
    monkeypatch.setattr(usps, "TIMEOUT", httpx.Timeout(0.5))
    faults = [
        "",
        "401:1",
        "500:1",
        "html:1",
        "cut:1",
        "wrongtypes:1",
        "reset:1",
        "429:1:1",
        "revoked:x1",
        "token-html:1",
        "token-500:1",
    ]
    for fault in faults:
        calm.faults(fault)
        runner.ask_now([shipment])
        tasks.test_account(account.pk)
        hunt.know_the_tokens()
        hunt.through(f"page after {fault}", owner.get(page).content)
    calm.faults("token-refused:1")
    CredentialToken.objects.all().delete()
    runner.ask_now([shipment])

    # A newer key is refused, then mended, works, and retires the older.
    assert owner.post(
        reverse("account-key-add", args=["alpine", account.pk]),
        {"key": NEWER_KEY, "secret": NEWER_SECRET, "expires_on": (timezone.localdate() + timedelta(days=5)).isoformat()},
    ).status_code == 302  # fmt: skip
    calm.faults(f"token-refused:key={NEWER_KEY}")
    runner.ask_now([shipment])
    hunt.know_the_tokens()
    calm.faults("")
    tasks.test_account(account.pk)
    hunt.know_the_tokens()
    account.refresh_from_db()
    assert account.test_result == Connection.WORKS
    assert Credential.objects.live().count() == 1
    assert len(hunt.secrets) > 5
    expiring.remind(timezone.now())

    # A program of ours fails in the middle of a question.
    def broken(*_args: Any, **_more: Any) -> Any:
        raise RuntimeError("A slip of ours.")

    settings.DEBUG = True
    CredentialToken.objects.all().delete()
    with monkeypatch.context() as patch:
        # Built in, so that it adds no frame of ours to the trace.
        patch.setattr(httpx.AsyncClient, "build_request", len)
        try:
            tasks.test_account(account.pk)
        except TypeError as exc:
            hunt.through("failed task", traceback.format_exc())
            request = RequestFactory().post(page, {"key": NEWER_KEY, "secret": NEWER_SECRET})
            # Without this test's own frame, which knows everything.
            trace = exc.__traceback__.tb_next if exc.__traceback__ else None
            reporter = ExceptionReporter(request, type(exc), exc, trace)
            hunt.through("error page", reporter.get_traceback_html())
            hunt.through("error mail", reporter.get_traceback_text())
        else:
            pytest.fail("It did not fail.")
    # And while a form is read: the page for DEBUG has every frame's variables.
    with monkeypatch.context() as patch:
        patch.setattr("shipments.web.forms_accounts.kept_key", broken)
        patch.setattr(CarrierAccount, "request_test", broken)
        owner.raise_request_exception = False
        for posted in ({"key": NEWER_KEY, "secret": NEWER_SECRET}, {"secret": NEWER_SECRET}):
            failed = owner.post(reverse("account-key-add", args=["alpine", account.pk]), posted)
            assert failed.status_code == 500
            assert "A slip of ours." in failed.content.decode()
            hunt.through("page for DEBUG", failed.content)
        owner.raise_request_exception = True
    settings.DEBUG = False

    _search_everything(hunt, account, owner, operator, caplog)
    assert hunt.found == []
    assert hunt.searched > 200_000


def _search_everything(
    hunt: Hunt, account: CarrierAccount, owner: Client, operator: Client, caplog: pytest.LogCaptureFixture
) -> None:
    send_due(timezone.now())
    assert {"key-ends", "key-refused", "account-broken"} <= set(Mail.objects.values_list("kind", flat=True))
    for one in mail.outbox:
        hunt.through("mail", one.message().as_string())
    for written in Mail.objects.all():
        hunt.through("mail in the database", f"{written.subject} {written.text} {written.html}")

    for name in ("accounts", "account-add"):
        hunt.through(name, owner.get(reverse(name, args=["alpine"])).content)
    for name in ("account", "account-delete"):
        hunt.through(name, owner.get(reverse(name, args=["alpine", account.pk]), follow=True).content)
    # Changed once more, so that the admin has a history of it.
    operator.post(reverse("admin:shipments_carrieraccount_test", args=[account.pk]))
    for name in ("change", "history", "delete"):
        shown = operator.get(reverse(f"admin:shipments_carrieraccount_{name}", args=[account.pk]))
        assert shown.status_code == 200
        hunt.through(f"admin {name}", shown.content)
    for name in ("shipments_carrieraccount_changelist", "shipments_carrieraccount_add", "shipments_auditentry_changelist"):  # fmt: skip
        shown = operator.get(reverse(f"admin:{name}"))
        assert shown.status_code == 200
        hunt.through(f"admin {name}", shown.content)

    for record in caplog.records:
        hunt.through(
            f"log of {record.name}", f"{record.getMessage()} {record.exc_text or ''} {record.args!r}"
        )
        if record.exc_info:
            hunt.through(f"trace of {record.name}", "".join(traceback.format_exception(*record.exc_info)))
    assert len({record.name for record in caplog.records}) > 3

    for one in [account, *Credential.objects.get_queryset().with_secrets(), *CredentialToken.objects.all()]:
        hunt.through("repr", f"{one!r} {one} {vars(one)!r} {json.dumps(str(one))}")

    out = StringIO()
    call_command("dumpdata", "shipments", "admin", "django_q", stdout=out)
    hunt.through("dumpdata", out.getvalue())
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
        assert "shipments_credential" in tables
        for table in tables:
            with cursor.copy(f'COPY (SELECT * FROM "{table}") TO STDOUT') as copied:
                hunt.through(f"table {table}", b"".join(bytes(part) for part in copied))
