"""A merchant is deleted for good: nothing of it is left, and nothing of anybody else is touched."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.db import IntegrityError, connection, models
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from shipments import tasks
from shipments.keeping import deleting, suspending
from shipments.keeping.belongings import belongings
from shipments.models import (
    AuditEntry,
    Mail,
    Membership,
    Merchant,
    MerchantDeletion,
    Shipment,
    Tally,
    User,
)
from tests.factories import a_merchant, a_person, a_shipment
from tests.keeping.furnished import a_furnished_merchant, everything

pytestmark = pytest.mark.django_db


def a_due_deletion(merchant: Merchant) -> MerchantDeletion:
    now = timezone.now()
    return deleting.ask(merchant, because="", due_at=now - timedelta(seconds=1), by=None, now=now)


def tables_of_merchants() -> list[tuple[str, str]]:
    """Every table with a column that names a merchant, as the database itself has it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT table_name, column_name FROM information_schema.columns
            WHERE table_schema = 'public' AND column_name = 'merchant_id' AND table_name LIKE 'shipments_%'
            """
        )
        return [(table, column) for table, column in cursor.fetchall()]


def test_no_row_of_the_merchant_is_left_and_the_other_merchants_are_as_they_were() -> None:
    gone, kept = a_furnished_merchant(slug="gone"), a_furnished_merchant(slug="kept")
    before = everything(kept)
    assert [label for label, rows in everything(gone).items() if not rows] == []
    counted = {label: len(rows) for label, rows in everything(gone).items()}

    deletion = a_due_deletion(gone)
    assert deleting.delete_due(timezone.now()) is True

    assert [label for label, rows in everything(gone).items() if rows] == []
    assert everything(kept) == before
    with connection.cursor() as cursor:
        for table, column in tables_of_merchants():
            cursor.execute(f"SELECT count(*) FROM {table} WHERE {column} = %s", [gone.pk])
            assert (table, cursor.fetchone()[0]) == (table, 0)
    deletion.refresh_from_db()
    assert deletion.finished_at is not None
    # What the deletion itself has written meanwhile (watches to move, marks of triggers) comes on top.
    assert {label: deletion.counts[label] >= rows for label, rows in counted.items()} == dict.fromkeys(
        counted, True
    )
    assert deletion.counts["shipments.Shipment"] == 3
    assert Tally.objects.counts(kept) == {("active", "moving"): 3}


def test_every_foreign_key_to_a_merchant_or_a_parcel_is_known() -> None:
    known = {belonging.model for belonging in belongings()}
    pointing = {
        model
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and field.related_model in {Merchant, Shipment}
    }
    assert pointing - known == set()


def test_what_points_to_others_goes_before_them() -> None:
    places = {belonging.model: place for place, belonging in enumerate(belongings())}
    of_parcels = {belonging.model: belonging.of_parcels for belonging in belongings()}
    late = [
        (model.__name__, field.name)
        for model in places
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey)
        and field.related_model in places
        and field.remote_field.on_delete is models.CASCADE
        and places[model] > places[field.related_model]
        # What is of parcels goes in one transaction, at whose end the database looks.
        and not (of_parcels[model] and of_parcels[field.related_model])
    ]
    assert late == []


def test_no_deleted_row_makes_the_database_look_through_another_table() -> None:
    """Before a row goes the database looks whether others point to it, and needs an index for that. Few go of merchants,
    accounts and people: what points to those may be looked through."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT pointing.conrelid::regclass::text, attribute.attname
            FROM pg_constraint AS pointing
            JOIN pg_attribute AS attribute
                ON attribute.attrelid = pointing.conrelid AND attribute.attnum = pointing.conkey[1]
            WHERE pointing.contype = 'f' AND pointing.confrelid::regclass::text = ANY(%s) AND NOT EXISTS (
                SELECT FROM pg_index
                WHERE pg_index.indrelid = pointing.conrelid AND pg_index.indkey[0] = pointing.conkey[1]
                    AND (indpred IS NULL OR pg_get_expr(indpred, indrelid) = format('(%%I IS NOT NULL)', attribute.attname))
            )
            """,
            [[one.model._meta.db_table for one in belongings() if one.label != "shipments.CarrierAccount"]],
        )
        assert cursor.fetchall() == []


def test_a_worker_that_was_killed_half_way_is_followed_by_one_that_finishes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deleting, "PARCELS", 1)
    gone, kept = a_furnished_merchant(slug="gone"), a_furnished_merchant(slug="kept")
    before, expected = everything(kept), Shipment.objects.filter(merchant=gone).count()
    deletion = a_due_deletion(gone)

    while deleting.step(deletion.pk, timezone.now()):
        deletion.refresh_from_db()
        if deletion.counts.get("shipments.Shipment", 0) == 2:
            break
    # Killed in the middle of the next step: nothing of that step is done.
    with monkeypatch.context() as killed:
        killed.setattr(MerchantDeletion, "save", _killed)
        with pytest.raises(KeyboardInterrupt):
            deleting.step(deletion.pk, timezone.now())
    assert Shipment.objects.filter(merchant=gone).count() == expected - 2

    tasks.delete_merchants()

    deletion.refresh_from_db()
    assert deletion.counts["shipments.Shipment"] == expected
    assert Merchant.objects.filter(pk=gone.pk).exists() is False
    assert everything(kept) == before


def _killed(*args: Any, **kwargs: Any) -> None:
    raise KeyboardInterrupt


def test_nothing_is_deleted_before_its_time() -> None:
    merchant = a_furnished_merchant()
    now = timezone.now()
    deletion = deleting.ask(merchant, because="", due_at=now + timedelta(days=30), by=None, now=now)
    before = everything(merchant)

    assert deleting.delete_due(now + timedelta(days=29)) is True
    assert deleting.step(deletion.pk, now + timedelta(days=29)) is False

    assert everything(merchant) == before


def test_asking_suspends_at_once_and_tells_the_owners() -> None:
    merchant = a_merchant(slug="acme", name="Acme Goods")
    a_person("olga@example.com", merchant, "owner")
    a_person("mary@example.com", merchant, "manager")
    now = timezone.now()

    deletion = deleting.ask(
        merchant, because="The contract has ended.", due_at=now + timedelta(days=30), by=None, now=now
    )

    merchant.refresh_from_db()
    assert (merchant.suspended_at, merchant.suspended_because) == (now, "The contract has ended.")
    mail = Mail.objects.get()
    assert (mail.to, mail.kind, mail.subject) == (
        "olga@example.com",
        "deletion",
        "Acme Goods is going to be deleted",
    )
    assert "/app/acme/settings/export/" in mail.text
    assert deleting.ask(merchant, because="", due_at=now, by=None, now=now) == deletion


def test_a_deletion_that_was_called_off_does_not_happen_and_the_merchant_is_at_work_again() -> None:
    merchant = a_furnished_merchant()
    now = timezone.now()
    deletion = deleting.ask(merchant, because="", due_at=now + timedelta(days=30), by=None, now=now)

    assert deleting.call_off(deletion, merchant, now) is True

    merchant.refresh_from_db()
    assert merchant.is_suspended is False
    assert deleting.delete_due(now + timedelta(days=31)) is True
    assert Shipment.objects.filter(merchant=merchant).count() == 3
    assert deleting.call_off(deletion, merchant, now) is False


def test_a_merchant_that_was_suspended_before_stays_so_when_the_deletion_is_called_off() -> None:
    merchant = a_merchant()
    now = timezone.now()
    suspending.suspend(merchant, "Unpaid.", now)
    deletion = deleting.ask(merchant, because="", due_at=now + timedelta(days=30), by=None, now=now)

    deleting.call_off(deletion, merchant, now)

    merchant.refresh_from_db()
    assert (merchant.suspended_at, merchant.suspended_because) == (now, "Unpaid.")


def test_a_merchant_is_not_put_back_to_work_while_its_deletion_is_open() -> None:
    merchant = a_merchant()
    a_due_deletion(merchant)

    with pytest.raises(suspending.IsToBeDeleted):
        suspending.lift(merchant)

    merchant.refresh_from_db()
    assert merchant.is_suspended is True


def test_a_deletion_that_has_begun_cannot_be_called_off() -> None:
    merchant = a_furnished_merchant()
    deletion = a_due_deletion(merchant)
    deleting.step(deletion.pk, timezone.now())

    assert deleting.call_off(deletion, merchant, timezone.now()) is False

    deletion.refresh_from_db()
    assert (deletion.called_off_at, deletion.begun_at is None) == (None, False)


def test_people_of_no_other_merchant_are_switched_off_and_forgotten_others_are_not() -> None:
    gone, kept = a_merchant(slug="gone"), a_merchant(slug="kept")
    only = a_person("only@example.com", gone, "owner", name="Only Here")
    both = a_person("both@example.com", gone, "viewer", name="Both")
    Membership.objects.create(user=both, merchant=kept, role="viewer")
    staff = a_person("staff@example.com", gone, "viewer", is_staff=True)
    a_due_deletion(gone)

    deleting.delete_due(timezone.now())

    only.refresh_from_db()
    assert (only.is_active, only.name, only.email) == (False, "", f"gone-{only.pk}@deleted.invalid")
    assert only.has_usable_password() is False
    assert EmailAddress.objects.filter(user=only).exists() is False
    for person, email in ((both, "both@example.com"), (staff, "staff@example.com")):
        person.refresh_from_db()
        assert (person.is_active, person.email) == (True, email)
    assert Membership.objects.get().merchant == kept


def test_somebody_who_is_gone_is_signed_out(signed_in: Callable[[User], Client]) -> None:
    gone = a_merchant()
    browser = signed_in(a_person("only@example.com", gone, "owner"))
    a_due_deletion(gone)
    deleting.delete_due(timezone.now())

    response = browser.get(reverse("dashboard"))

    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))


def test_the_audit_of_the_merchant_stays_and_gets_a_receipt() -> None:
    merchant = a_merchant(slug="gone")
    shipment = a_shipment(merchant)
    AuditEntry.objects.record(
        "added", shipment, source="page", merchant=merchant, after={"email": "x@example.com"}
    )
    deletion = a_due_deletion(merchant)

    deleting.delete_due(timezone.now())

    verbs = AuditEntry.objects.filter(merchant=merchant.pk).order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["added", "deletion begun", "deleted for good"]
    receipt = AuditEntry.objects.get(verb="deleted for good")
    assert (receipt.row, receipt.after["slug"], receipt.after["shipments.Shipment"]) == (
        str(deletion.pk),
        "gone",
        1,
    )
    assert AuditEntry.objects.get(verb="added").after == {"email": "•••"}


def test_a_row_that_somebody_writes_meanwhile_is_deleted_by_the_next_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    merchant = a_merchant()
    deletion = a_due_deletion(merchant)

    def refused(*args: Any) -> dict[str, int]:
        raise IntegrityError("a row came in between")

    with monkeypatch.context() as once:
        once.setattr(deleting, "_delete_some", refused)
        assert deleting.delete_due(timezone.now()) is True
    deletion.refresh_from_db()
    assert deletion.finished_at is None

    deleting.delete_due(timezone.now())

    assert Merchant.objects.filter(pk=merchant.pk).exists() is False


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_one_deletion_count_every_row_once() -> None:
    merchant = a_furnished_merchant()
    expected = {label: len(rows) for label, rows in everything(merchant).items()}
    deletion = a_due_deletion(merchant)
    start = threading.Barrier(2)

    def work() -> None:
        start.wait()
        for _try in range(200):
            if not deleting.step(deletion.pk, timezone.now()):
                deletion_now = MerchantDeletion.objects.get(pk=deletion.pk)
                if deletion_now.finished_at is not None:
                    break
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    deletion.refresh_from_db()
    assert deletion.finished_at is not None
    assert deletion.counts["shipments.Shipment"] == expected["shipments.Shipment"]
    assert deletion.counts["shipments.ScanEvent"] == expected["shipments.ScanEvent"]
    assert deletion.counts["shipments.Merchant"] == 1
