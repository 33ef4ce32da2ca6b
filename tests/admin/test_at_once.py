"""Two operators who save, change or delete the same row at the same moment."""

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection, connections
from django.db.models.deletion import Collector
from django.test import Client
from django.urls import reverse

from shipments.admin.at_once import AtOnce
from shipments.models import (
    AuditEntry,
    Carrier,
    CarrierAccount,
    CarrierRoute,
    Credential,
    Invitation,
    Mail,
    Merchant,
    MerchantHost,
    RetentionRule,
    StatusMapping,
    User,
)
from tests.admin.test_audited import inline
from tests.factories import a_host, a_merchant, a_person, an_account

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operators(signed_in: Callable[[User], Client]) -> list[Client]:
    return [
        signed_in(a_person(f"{name}@example.com", is_staff=True, is_superuser=True))
        for name in ("olga", "otto")
    ]


def run(*deeds: Callable[[], Any]) -> list[Any]:
    """What each gives, all begun at once, each with a connection of its own."""
    given: list[Any] = [None] * len(deeds)

    def do(place: int) -> None:
        try:
            given[place] = deeds[place]()
        finally:
            connection.close()

    threads = [threading.Thread(target=do, args=[place]) for place in range(len(deeds))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return given


@pytest.fixture
def all_have_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both forms are found good before either is stored; whoever tries again goes straight on."""
    both, save, first = threading.Barrier(2), AtOnce.save_model, threading.local()

    def save_model(self: Any, *args: Any) -> None:
        if not hasattr(first, "is_over"):
            first.is_over = True
            both.wait(30)
        save(self, *args)

    monkeypatch.setattr(AtOnce, "save_model", save_model)


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def until_somebody_waits() -> None:
    moment = threading.Event()
    for _look in range(200):
        if somebody_waits():
            return
        moment.wait(0.05)
    pytest.fail("Nobody waits.")


def errors(response: Any) -> dict[str, list[str]]:
    return dict(response.context["adminform"].form.errors)


MERCHANT = {"slug": "acme", "name": "Acme the second", "time_zone": "America/Denver", "language": "en", "owner_email": "o@acme.example"}  # fmt: skip
CARRIER = {
    "code": "NEWC", "name": "New Carrier", "tracking_url": "", "position": "9",
    **inline("routes"), **inline("patterns"), **inline("promises"), **inline("windows"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("model", "sent", "at", "words"),
    [
        (Merchant, MERCHANT, "slug", "already exists"),
        (User, {"email": "new@example.com", "name": "New Person", "usable_password": "false"}, "email", "already exists"),
        (MerchantHost, {"host": "track.acme.example", "merchant": "1"}, "host", "already exists"),
        (RetentionRule, {"kind": "answers", "merchant": "1", "days": "400", "sure": "on"}, "__all__", "There is a rule"),
        (StatusMapping, {"carrier": "UPS", "code": "ZZ", "status": "InTransit", "_only": "1"}, "__all__", "There is a mapping"),
        (Carrier, CARRIER, "code name", "already, perhaps in other capitals"),
    ],
)  # fmt: skip
def test_of_two_who_add_the_same_the_later_reads_so_at_the_field_and_stores_nothing(
    operators: list[Client],
    all_have_checked: None,
    caplog: pytest.LogCaptureFixture,
    model: type[Any],
    sent: dict[str, str],
    at: str,
    words: str,
) -> None:
    merchant = a_merchant(slug="alpine")
    sent = {name: str(merchant.pk) if name == "merchant" else value for name, value in sent.items()}
    address = reverse(f"admin:shipments_{model._meta.model_name}_add")
    there, invited = model.objects.count(), Invitation.objects.count()

    answers = run(*(lambda client=client: client.post(address, sent) for client in operators))

    told, done = sorted(answers, key=lambda answer: answer.status_code)
    assert (told.status_code, done.status_code) == (200, 302)
    assert list(errors(told)) == at.split()
    assert words in next(iter(errors(told).values()))[0]
    assert all(told.context["adminform"].form.data[name] == str(value) for name, value in sent.items()), (
        "All that was typed is there again."
    )
    assert model.objects.count() == there + 1
    assert AuditEntry.objects.filter(verb="added", model=model._meta.label).count() == 1
    is_merchant = int(model is Merchant)
    assert (Invitation.objects.count() - invited, Mail.objects.count()) == (is_merchant, is_merchant)
    # The database's own words name the values.
    assert not any(record.exc_info for record in caplog.records)
    assert "example.com" not in caplog.text


def test_a_carrier_of_a_code_that_was_given_just_now_is_not_written_over(
    operators: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    save = AtOnce.save_model

    def save_model(self: Any, *args: Any) -> None:
        run(lambda: Carrier.objects.get_or_create(code="NEWC", defaults={"name": "Theirs"}))
        save(self, *args)

    monkeypatch.setattr(AtOnce, "save_model", save_model)
    told = operators[0].post(reverse("admin:shipments_carrier_add"), CARRIER)

    assert list(errors(told)) == ["code"]
    assert Carrier.objects.get(code="NEWC").name == "Theirs"
    assert not AuditEntry.objects.exists()


def test_what_the_forms_own_checks_do_not_find_is_told_by_the_constraint(
    operators: list[Client], all_have_checked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Merchant, "validate_unique", lambda *_args, **_more: None)
    monkeypatch.setattr(Merchant, "validate_constraints", lambda *_args, **_more: None)
    address = reverse("admin:shipments_merchant_add")

    answers = run(*(lambda client=client: client.post(address, MERCHANT) for client in operators))

    told, done = sorted(answers, key=lambda answer: answer.status_code)
    assert (told.status_code, done.status_code) == (200, 302)
    assert errors(told) == {
        "slug": [
            "Somebody else has stored the same just now. Nothing of yours is stored: look at theirs first."
        ]
    }
    assert Merchant.objects.count() == 1


@pytest.mark.parametrize("is_checked", [True, False])
def test_a_choice_that_is_deleted_before_it_is_stored_is_told_at_its_field(
    operators: list[Client], monkeypatch: pytest.MonkeyPatch, is_checked: bool
) -> None:
    merchant, save, calls = a_merchant(), AtOnce.save_model, []

    def save_model(self: Any, *args: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            run(lambda: Merchant.objects.all().delete())
        save(self, *args)

    monkeypatch.setattr(AtOnce, "save_model", save_model)
    if not is_checked:
        # A form that offers what is gone.
        monkeypatch.setattr("django.forms.ModelChoiceField.to_python", lambda field, value: merchant)
        monkeypatch.setattr("django.db.models.ForeignKey.validate", lambda *_args: None)
    told = operators[0].post(
        reverse("admin:shipments_merchanthost_add"), {"host": "track.acme.example", "merchant": merchant.pk}
    )

    assert (told.status_code, list(errors(told))) == (200, ["merchant"])
    assert told.context["adminform"].form.data["host"] == "track.acme.example"
    assert not MerchantHost.objects.exists()
    assert not AuditEntry.objects.exists()
    # It does not say that all went well.
    assert list(told.context["messages"]) == []


@pytest.mark.parametrize("is_checked", [True, False])
def test_a_form_that_is_shown_again_gives_no_secret_back(
    operators: list[Client],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    is_checked: bool,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(connections["default"], "force_debug_cursor", True)
    merchant, save, calls = a_merchant(), AtOnce.save_model, []

    def save_model(self: Any, *args: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            run(lambda: Merchant.objects.all().delete())
        save(self, *args)

    monkeypatch.setattr(AtOnce, "save_model", save_model)
    if not is_checked:
        monkeypatch.setattr("django.forms.ModelChoiceField.to_python", lambda field, value: merchant)
        monkeypatch.setattr("django.db.models.ForeignKey.validate", lambda *_args: None)
    told = operators[0].post(
        reverse("admin:shipments_carrieraccount_add"),
        {
            "merchant": merchant.pk, "gateway": "usps", "environment": "test", "is_active": "on", "calls_per_hour": "77",
            "key": "a-key-nobody-sees", "secret": "a-secret-nobody-sees",
        },
    )  # fmt: skip

    assert (told.status_code, list(errors(told))) == (200, ["merchant"])
    page = told.content.decode()
    assert 'value="77"' in page
    # The second time the database refuses it once more.
    assert len(calls) == (1 if is_checked else 2)
    for secret in ("a-key-nobody-sees", "a-secret-nobody-sees"):
        assert secret not in page
        assert secret not in caplog.text
    assert (CarrierAccount.objects.count(), Credential.objects.count(), AuditEntry.objects.count()) == (
        0,
        0,
        0,
    )


def test_a_password_that_was_typed_for_somebody_added_twice_is_not_given_back(
    operators: list[Client], all_have_checked: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    password = "a-password-nobody-sees-4711"
    sent = {
        "email": "new@example.com", "name": "New Person", "usable_password": "true",
        "password1": password, "password2": password,
    }  # fmt: skip
    address = reverse("admin:shipments_user_add")

    answers = run(*(lambda client=client: client.post(address, sent) for client in operators))

    told, done = sorted(answers, key=lambda answer: answer.status_code)
    assert (told.status_code, done.status_code) == (200, 302)
    assert list(errors(told)) == ["email"]
    assert password not in told.content.decode()
    assert password not in caplog.text
    (entry,) = AuditEntry.objects.all()
    assert password not in str(entry.after)


def test_a_row_that_is_deleted_while_its_form_is_sent_does_not_come_back(
    operators: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = an_account(None)
    deletes, delete = threading.Event(), AtOnce.delete_model

    def delete_model(self: Any, *args: Any) -> None:
        delete(self, *args)
        deletes.set()
        until_somebody_waits()

    monkeypatch.setattr(AtOnce, "delete_model", delete_model)

    def change() -> Any:
        deletes.wait(30)
        return operators[1].post(
            reverse("admin:shipments_carrieraccount_change", args=[account.pk]),
            {
                "gateway": "usps", "environment": "test", "is_active": "on", "key": "a-key-nobody-sees", "secret": "a-secret-nobody-sees",
                **inline("credentials"),
            },
            follow=True,
        )  # fmt: skip

    gone, told = run(
        lambda: operators[0].post(
            reverse("admin:shipments_carrieraccount_delete", args=[account.pk]), {"post": "yes"}
        ),
        change,
    )

    assert (gone.status_code, told.status_code) == (302, 200)
    assert "Perhaps it was deleted?" in told.content.decode()
    assert (CarrierAccount.objects.count(), Credential.objects.count()) == (0, 0)
    assert list(AuditEntry.objects.values_list("verb", flat=True)) == ["deleted"]


def test_of_two_who_delete_the_same_the_later_reads_that_it_is_gone(
    operators: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = a_host(a_merchant())
    delete, first = AtOnce.delete_model, threading.Lock()

    def delete_model(self: Any, *args: Any) -> None:
        delete(self, *args)
        if first.acquire(blocking=False):
            until_somebody_waits()

    monkeypatch.setattr(AtOnce, "delete_model", delete_model)
    address = reverse("admin:shipments_merchanthost_delete", args=[row.pk])

    answers = run(
        *(lambda client=client: client.post(address, {"post": "yes"}, follow=True) for client in operators)
    )

    pages = [answer.content.decode() for answer in answers]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert sum("Perhaps it was deleted?" in page for page in pages) == 1
    assert sum("was deleted successfully" in page for page in pages) == 1
    assert AuditEntry.objects.filter(verb="deleted", model="shipments.MerchantHost").count() == 1


def test_of_two_who_delete_the_same_rows_from_the_list_one_is_written_down(
    operators: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    merchant = a_merchant()
    hosts = [a_host(merchant), a_host(merchant, host="track.second.example")]
    delete, first = AtOnce.delete_queryset, threading.Lock()

    def delete_queryset(self: Any, *args: Any) -> None:
        delete(self, *args)
        if first.acquire(blocking=False):
            until_somebody_waits()

    monkeypatch.setattr(AtOnce, "delete_queryset", delete_queryset)
    sent = {"action": "delete_selected", "_selected_action": [host.pk for host in hosts], "post": "yes"}
    address = reverse("admin:shipments_merchanthost_changelist")

    answers = run(*(lambda client=client: client.post(address, sent) for client in operators))

    assert [answer.status_code for answer in answers] == [302, 302]
    assert not MerchantHost.objects.exists()
    assert AuditEntry.objects.filter(verb="deleted").count() == 2


def another_key(account: CarrierAccount) -> Credential:
    return Credential.objects.create(
        account_id=account.pk, slot=2, key="k", secret="s", added_at=account.created_at
    )


@pytest.mark.parametrize("is_list", [True, False])
def test_a_row_that_something_is_added_to_meanwhile_is_kept_and_that_is_said(
    operators: list[Client], monkeypatch: pytest.MonkeyPatch, is_list: bool
) -> None:
    account, delete = an_account(None), Collector.delete

    def added_just_then(self: Any) -> Any:
        # All that belongs to it was collected.
        run(lambda: another_key(account))
        return delete(self)

    monkeypatch.setattr(Collector, "delete", added_just_then)
    kept, address = {"post": "yes"}, reverse("admin:shipments_carrieraccount_delete", args=[account.pk])
    if is_list:
        kept |= {"action": "delete_selected", "_selected_action": str(account.pk)}
        address = reverse("admin:shipments_carrieraccount_changelist")

    page = operators[0].post(address, kept, follow=True)

    assert page.status_code == 200
    assert [str(message) for message in page.context["messages"]] == [
        "Nothing is deleted: something that belongs to it was added just now. Look again."
    ]
    assert (CarrierAccount.objects.count(), Credential.objects.count()) == (1, 2)
    assert not AuditEntry.objects.exists()


def test_two_who_give_a_carrier_the_same_gateway_leave_one(
    operators: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    CarrierRoute.objects.filter(carrier="UPS").delete()
    sent = {
        "name": "UPS", "is_active": "on", "tracking_url": "", "position": "1",
        **inline("routes", {"carrier": "UPS", "gateway": "pitney_bowes", "wire_value": "UPS", "position": "1"}),
        **inline("patterns"), **inline("promises"), **inline("windows"),
    }  # fmt: skip
    address = reverse("admin:shipments_carrier_change", args=["UPS"])

    answers = run(*(lambda client=client: client.post(address, sent) for client in operators))

    told, done = sorted(answers, key=lambda answer: answer.status_code)
    assert (told.status_code, done.status_code) == (200, 302)
    assert "already" in told.content.decode()
    assert CarrierRoute.objects.filter(carrier="UPS").count() == 1


def test_every_page_of_ours_is_held_so() -> None:
    ours = [page for model, page in admin.site._registry.items() if model._meta.app_label == "shipments"]
    assert ours
    assert all(isinstance(page, AtOnce) for page in ours)
