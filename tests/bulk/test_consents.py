"""Buyers whose merchant has noted that they agreed to mails."""

from datetime import UTC, datetime

import pytest
from django_q.models import OrmQ

from shipments.bulk import importing
from shipments.enums import Sight, Wants
from shipments.models import AuditEntry, BadRow, Import, Mail, Merchant, Shipment, Subscription, User
from tests.factories import a_draft, a_merchant, a_shipment, an_impb

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)


def imported(rows: str, merchant: Merchant | None = None, by: User | None = None) -> Import:
    job = a_draft(f"Tracking number,Email,Consent\n{rows}", merchant, now=NOW, by=by, file_name="orders.csv")
    assert job.start(NOW)
    importing.work_on(job.pk)
    job.refresh_from_db()
    return job


def test_an_address_with_a_consent_subscribes_its_buyer_and_notes_who_said_so_and_where(
    alice: User, merchant: Merchant
) -> None:
    merchant.language = "es"
    merchant.save()
    number = an_impb()

    job = imported(f"{number},Robin@Example.com,checkout of 2026-01-31\n", merchant, by=alice)

    subscription = Subscription.objects.get()
    assert (
        subscription.shipment.number, subscription.merchant, subscription.email, subscription.wants, subscription.sight,
        subscription.language, subscription.consent, subscription.consent_source, subscription.consent_by,
        subscription.told, subscription.due_at, subscription.unsubscribed_at,
    ) == (
        number, merchant, "Robin@Example.com", Wants.FROM_NOW, Sight.POSTAL_CODE,
        "es", "checkout of 2026-01-31", "orders.csv, row 2", alice, [], None, None,
    )  # fmt: skip
    assert (job.good, job.subscribed, job.unconsented) == (1, 1, 0)
    assert AuditEntry.objects.get().after["subscribed"] == 1


@pytest.mark.parametrize("said", ["yes", "1", "true", "sí", "2026-01-31", "x"])
def test_yes_in_any_form_and_a_date_are_consents(said: str) -> None:
    imported(f"{an_impb()},robin@example.com,{said}\n")

    assert Subscription.objects.get().consent == said


@pytest.mark.parametrize(
    "said",
    [
        "",
        "no",
        "0",
        "false",
        "No",
        "-",
        "none",
        "declined",
        "Not asked",
        "opted out 2026-01-31",
        "n/a",
        "Pending",
        "no gracias",
        "dado de baja",
        "customer doesn't want mails",
        "?",
    ],
)
def test_without_a_consent_the_parcel_is_imported_and_nobody_is_subscribed(said: str) -> None:
    job = imported(f"{an_impb()},robin@example.com,{said}\n")

    assert Subscription.objects.exists() is False
    assert (job.good, job.bad, job.subscribed, job.unconsented) == (1, 0, 0, 1)


def test_a_consent_without_an_address_is_nothing() -> None:
    job = imported(f"{an_impb()},,yes\n")

    assert (job.good, job.subscribed, job.unconsented) == (1, 0, 0)


@pytest.mark.parametrize(
    "address", ["robin", "robin@", "@example.com", "ro bin@example.com", "a" * 250 + "@example.com"]
)
def test_what_is_no_address_refuses_its_row_where_somebody_would_be_written_to(address: str) -> None:
    job = imported(f"{an_impb()},{address},yes\n{an_impb()},{address},no\n")

    assert (job.good, job.bad) == (1, 1)
    row = BadRow.objects.get()
    assert row.field == "buyer_email"
    assert row.reason in {
        "This is no e-mail address. Mend it, or empty the cell: then the parcel has no mails.",
        "At most 254 signs are kept here; these are 262.",
    }


def test_the_import_itself_mails_nobody() -> None:
    imported(f"{an_impb()},robin@example.com,yes\n")

    assert Mail.objects.exists() is False
    assert [task.task["func"] for task in OrmQ.objects.all()] == []


def test_the_same_file_again_subscribes_nobody_twice_nor_who_has_ended_the_mails() -> None:
    merchant, rows = a_merchant(), f"{an_impb()},robin@example.com,yes\n{an_impb()},alex@example.com,yes\n"
    imported(rows, merchant)
    Subscription.objects.get(email="alex@example.com").stop(NOW)

    job = imported(rows.replace("robin", "ROBIN"), merchant)

    assert (job.good, job.double, job.subscribed) == (0, 2, 0)
    assert Subscription.objects.count() == 2
    assert Subscription.objects.get(email="alex@example.com").unsubscribed_at == NOW


def test_a_parcel_that_is_there_already_is_subscribed_to_and_two_buyers_may_wait_for_one() -> None:
    parcel = a_shipment()

    job = imported(
        f"{parcel.number},robin@example.com,yes\n{parcel.number},alex@example.com,yes\n"
        f"{parcel.number},robin@example.com,yes\n",
        parcel.merchant,
    )

    assert (job.good, job.double, job.subscribed) == (0, 3, 2)
    assert set(Subscription.objects.values_list("shipment", "email")) == {
        (parcel.pk, "robin@example.com"),
        (parcel.pk, "alex@example.com"),
    }


def test_each_subscription_belongs_to_the_parcel_of_its_row() -> None:
    numbers = [an_impb() for _ in range(60)]

    imported("".join(f"{number},buyer-{number}@example.com,yes\n" for number in numbers))

    assert Shipment.objects.count() == 60
    assert {(one.shipment.number, one.email) for one in Subscription.objects.select_related("shipment")} == {
        (number, f"buyer-{number}@example.com") for number in numbers
    }


def test_consents_cost_a_step_two_statements_more(django_assert_num_queries) -> None:
    def step(rows: int) -> int:
        job = a_draft(
            "Tracking number,Email,Consent\n"
            + "".join(f"{an_impb()},buyer-{n}@example.com,yes\n" for n in range(rows)),
            now=NOW,
        )
        job.start(NOW)
        return job.pk

    importing.step(step(1), now=NOW)
    for rows in (2, 300):
        pk = step(rows)
        with django_assert_num_queries(15):
            importing.step(pk, now=NOW)
