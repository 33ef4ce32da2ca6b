"""Whose key ends is told in time, and once at each stage."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from shipments.models import CarrierAccount, Credential, Mail, Merchant
from shipments.refresh.expiring import OVER, remind, stage_of
from shipments.tracking.accounts import retire
from tests.factories import a_merchant, a_person, an_account

pytestmark = pytest.mark.django_db

LAST = date(2026, 6, 30)


def noon(days_before: int) -> datetime:
    return datetime(2026, 6, 30, 12, tzinfo=UTC) - timedelta(days=days_before)


@pytest.fixture
def account() -> CarrierAccount:
    merchant = a_merchant(slug="alpine", language="es")
    a_person("owner@example.com", merchant, "owner")
    a_person("manager@example.com", merchant, "manager")
    account = an_account(merchant)
    Credential.objects.update(expires_on=LAST)
    return account


def told() -> list[tuple[str, str]]:
    return list(Mail.objects.order_by("pk").values_list("to", "kind"))


@pytest.mark.parametrize(
    ("left", "stage"),
    [(60, None), (31, None), (30, 30), (8, 30), (7, 7), (2, 7), (1, 1), (0, 1), (-1, OVER), (-100, OVER)],
)
def test_stages_come_when_their_day_has_come(left: int, stage: int | None) -> None:
    assert stage_of(LAST, LAST - timedelta(days=left)) == stage


def test_the_owners_are_told_once_at_each_stage(account: CarrierAccount) -> None:
    counted = [remind(noon(days)) for days in (40, 31, 30, 29, 8, 7, 6, 1, 0, -1, -2, -30)]
    assert counted == [0, 0, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0]
    assert told() == [("owner@example.com", "key-ends")] * 4
    mail = Mail.objects.earliest("pk")
    assert "…1234" in mail.text
    assert f"/app/alpine/settings/accounts/{account.pk}/" in mail.text
    assert "test-key" not in mail.text


def test_a_day_that_is_near_when_it_is_given_is_told_once(account: CarrierAccount) -> None:
    assert [remind(noon(3)), remind(noon(2))] == [1, 0]


def test_the_last_day_is_a_day_of_the_merchant(account: CarrierAccount) -> None:
    Merchant.objects.update(time_zone="Pacific/Kiritimati")
    Credential.objects.update(reminded=1)
    # On the 30th at noon in London it is the 1st there.
    assert remind(noon(0)) == 1


def test_the_operators_hear_of_the_platforms_keys() -> None:
    a_person("operator@example.com", is_staff=True, is_superuser=True)
    account = an_account(None)
    Credential.objects.update(expires_on=LAST)
    assert remind(noon(7)) == 1
    assert told() == [("operator@example.com", "key-ends")]
    assert f"/admin/shipments/carrieraccount/{account.pk}/change/" in Mail.objects.get().text


def test_nobody_is_told_of_retired_keys_and_of_accounts_that_are_off(account: CarrierAccount) -> None:
    CarrierAccount.objects.update(is_active=False)
    assert remind(noon(7)) == 0
    CarrierAccount.objects.update(is_active=True)
    retire(account.credentials.get(), timezone.now())
    assert remind(noon(7)) == 0
    assert told() == []
