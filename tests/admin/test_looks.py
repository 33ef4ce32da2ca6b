"""Host names of merchants in the back-office: the list of what is answered to."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from shipments.models import AuditEntry, Merchant, MerchantHost, User
from tests.factories import a_host, a_look, a_person, a_png

pytestmark = pytest.mark.django_db

ADD = "/admin/shipments/merchanthost/add/"


@pytest.fixture
def olga() -> User:
    return a_person("olga@example.com", is_staff=True, is_superuser=True)


@pytest.fixture
def operator(olga: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(olga)


def test_a_host_name_is_added_in_its_one_form_written_down_and_answered_to_at_once(
    operator: Client, olga: User, merchant: Merchant, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    assert Client().get("/", headers={"host": "xn--bcher-kva.example"}).status_code == 404

    with django_capture_on_commit_callbacks(execute=True):
        operator.post(ADD, {"host": " BÜCHER.example. ", "merchant": merchant.pk}, REMOTE_ADDR="192.0.2.7")

    row = MerchantHost.objects.get()
    assert (row.host, row.merchant, row.made_by) == ("xn--bcher-kva.example", merchant, olga)
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.model, entry.person, entry.merchant, entry.address) == (
        "added",
        "shipments.MerchantHost",
        olga.pk,
        merchant.pk,
        "192.0.2.7",
    )
    assert entry.after == {"host": "xn--bcher-kva.example", "merchant": merchant.pk}
    assert Client().get("/", headers={"host": "xn--bcher-kva.example"}).status_code == 200

    with django_capture_on_commit_callbacks(execute=True):
        operator.post(reverse("admin:shipments_merchanthost_delete", args=[row.pk]), {"post": "yes"})

    assert not MerchantHost.objects.exists()
    assert [entry.verb for entry in AuditEntry.objects.order_by("id")] == ["added", "deleted"]
    assert Client().get("/", headers={"host": "xn--bcher-kva.example"}).status_code == 404


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("https://track.shop.example", "Type the host name alone"),
        ("track.shop.example:8000", "without a port"),
        ("*.shop.example", "stands for none"),
        ("192.0.2.1", "An IP address is no host name"),
        ("localhost", "whole host name"),
        ("tracker.platform.example", "of the platform itself"),
        ("x.wild.example", "of the platform itself"),
        ("Mailed.example", "of the platform itself"),
        ("Track.Alpine.Example", "already exists"),
    ],
)
def test_what_cannot_be_a_merchants_host_name_is_refused(
    operator: Client, merchant: Merchant, settings: Any, typed: str, words: str
) -> None:
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "tracker.platform.example", ".wild.example"]
    settings.SITE_URL = "https://mailed.example"
    a_host(merchant)

    response = operator.post(ADD, {"host": typed, "merchant": merchant.pk})

    assert response.status_code == 200
    assert words in response.content.decode()
    assert MerchantHost.objects.get().host == "track.alpine.example"


def test_a_host_name_is_not_changed_into_another(operator: Client, merchant: Merchant) -> None:
    row = a_host(merchant)
    address = reverse("admin:shipments_merchanthost_change", args=[row.pk])

    assert operator.get(address).status_code == 200
    assert operator.post(address, {"host": "other.example", "merchant": merchant.pk}).status_code == 403
    assert MerchantHost.objects.get().host == "track.alpine.example"


def test_several_are_taken_away_at_once(
    operator: Client, merchant: Merchant, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    rows = [a_host(merchant), a_host(merchant, "b.alpine.example")]
    assert Client().get("/", headers={"host": "b.alpine.example"}).status_code == 200

    with django_capture_on_commit_callbacks(execute=True):
        operator.post(
            reverse("admin:shipments_merchanthost_changelist"),
            {"action": "delete_selected", "_selected_action": [row.pk for row in rows], "post": "yes"},
        )

    assert AuditEntry.objects.filter(verb="deleted").count() == 2
    assert Client().get("/", headers={"host": "b.alpine.example"}).status_code == 404


def test_who_may_not_add_host_names_does_not(merchant: Merchant, signed_in: Callable[[User], Client]) -> None:
    clerk = a_person("clerk@example.com", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_merchanthost"))

    response = signed_in(clerk).post(ADD, {"host": "track.shop.example", "merchant": merchant.pk})

    assert response.status_code == 403
    assert not MerchantHost.objects.exists()


def test_looks_are_looked_at_without_their_bytes(operator: Client, merchant: Merchant) -> None:
    look = a_look(merchant, shown_name="Alpine Gear", logo=a_png())

    listed = operator.get(reverse("admin:shipments_look_changelist"))
    shown = operator.get(reverse("admin:shipments_look_change", args=[look.pk]))

    assert "Alpine Gear" in listed.content.decode()
    assert look.logo_sha256 in shown.content.decode()
