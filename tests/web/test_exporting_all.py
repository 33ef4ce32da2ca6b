"""An owner takes all data along: after the password, also while the merchant is suspended."""

import io
import zipfile
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from shipments.keeping import exporting_all, suspending
from shipments.models import AuditEntry, Merchant, MerchantExport, User
from shipments.models.exports import KEPT
from tests.factories import a_merchant, a_shipment
from tests.web.test_people import say_password

pytestmark = pytest.mark.django_db

PAGE = reverse("settings-export", args=["alpine"])


@pytest.fixture
def owner(alice: User, signed_in: Callable[[User], Client]) -> Client:
    """Alice, who has just said her password."""
    browser = signed_in(alice)
    say_password(browser, browser.get(PAGE))
    return browser


def file_of(job: MerchantExport) -> str:
    return reverse("settings-export-file", args=["alpine", job.public_id])


def made(merchant: Merchant) -> MerchantExport:
    job, _is_new = exporting_all.start(merchant, None, timezone.now())
    exporting_all.work_on(job.pk)
    job.refresh_from_db()
    return job


def test_the_file_is_asked_for_made_and_fetched(owner: Client, merchant: Merchant) -> None:
    shipment = a_shipment(merchant)
    assert "The file is being made" in owner.post(PAGE, follow=True).content.decode()
    assert "A file is being made already" in owner.post(PAGE, follow=True).content.decode()
    job = MerchantExport.objects.get()
    exporting_all.work_on(job.pk)

    assert file_of(job) in owner.get(PAGE).content.decode()
    response = owner.get(file_of(job))

    with zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content))) as archive:  # type: ignore[attr-defined]
        assert shipment.number in archive.read("shipments/00001.jsonl").decode()
    assert response["Cache-Control"].endswith("private")
    verbs = AuditEntry.objects.order_by("pk").values_list("verb", "source")
    assert list(verbs) == [
        ("asked for all data", "page"),
        ("exported all data", "queue"),
        ("fetched all data", "page"),
    ]


def test_an_open_browser_is_not_enough(
    alice: User, merchant: Merchant, signed_in: Callable[[User], Client]
) -> None:
    job = made(merchant)
    browser = signed_in(alice)

    for response in (browser.get(PAGE), browser.get(file_of(job)), browser.post(PAGE)):
        assert response.status_code == 302
        assert response["Location"].startswith("/accounts/reauthenticate/")
    assert MerchantExport.objects.count() == 1


def test_it_can_be_fetched_while_the_merchant_is_suspended(owner: Client, merchant: Merchant) -> None:
    job = made(merchant)
    suspending.suspend(merchant, "Unpaid.", timezone.now())

    page = owner.get(PAGE).content.decode()

    assert file_of(job) in page
    # And nothing else is offered.
    assert reverse("shipment-list", args=["alpine"]) not in page
    fetched = owner.get(file_of(job))
    assert len(b"".join(fetched.streaming_content)) == job.size  # type: ignore[attr-defined]
    assert PAGE in owner.get(reverse("attention", args=["alpine"])).content.decode()


def test_after_a_week_it_is_not_found(owner: Client, merchant: Merchant) -> None:
    job = made(merchant)
    MerchantExport.objects.update(finished_at=timezone.now() - KEPT - timedelta(seconds=1))

    assert owner.get(file_of(job)).status_code == 404
    assert "its time is over" in owner.get(PAGE).content.decode()


def test_the_file_of_another_merchant_is_not_found(owner: Client) -> None:
    job = made(a_merchant())

    assert owner.get(file_of(job)).status_code == 404


def test_one_that_failed_says_what_to_do(owner: Client, merchant: Merchant) -> None:
    job, _is_new = exporting_all.start(merchant, None, timezone.now())
    exporting_all._fail(job.pk)

    assert "It could not be made" in owner.get(PAGE).content.decode()
