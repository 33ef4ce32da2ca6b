"""What is changed in the back-office is written down: people, merchants, carriers, links."""

from collections.abc import Callable
from datetime import time
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from shipments.models import (
    AuditEntry,
    Carrier,
    CarrierRoute,
    MaintenanceWindow,
    Membership,
    Merchant,
    MerchantHost,
    PrivateLink,
    User,
)
from tests.factories import a_host, a_person, a_shipment

pytestmark = pytest.mark.django_db


@pytest.fixture
def olga() -> User:
    return a_person("olga@example.com", is_staff=True, is_superuser=True)


@pytest.fixture
def operator(olga: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(olga)


def inline(prefix: str, *rows: dict[str, Any], known: int = 0) -> dict[str, Any]:
    """The rows of an inline as a browser sends them; the first `known` stand in the database already."""
    sent: dict[str, Any] = {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": known}
    for place, row in enumerate(rows):
        sent |= {f"{prefix}-{place}-{name}": value for name, value in row.items()}
    return sent


def written() -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    return [
        (entry.verb, entry.model, entry.before, entry.after) for entry in AuditEntry.objects.order_by("id")
    ]


def test_a_merchant_is_written_down_with_who_and_from_where(operator: Client, olga: User) -> None:
    operator.post(
        reverse("admin:shipments_merchant_add"),
        {
            "slug": "acme",
            "name": "Acme",
            "time_zone": "America/Denver",
            "language": "en",
            "owner_email": "owner@acme.example",
        },
        REMOTE_ADDR="192.0.2.7",
    )

    acme = Merchant.objects.get()
    entry = AuditEntry.objects.get(verb="added", model="shipments.Merchant")
    assert (entry.verb, entry.person, entry.address, entry.source) == ("added", olga.pk, "192.0.2.7", "admin")
    assert (entry.row, entry.merchant) == (str(acme.pk), acme.pk)
    given = {"slug": "acme", "name": "Acme", "time_zone": "America/Denver"}
    assert entry.after == given | {
        "language": "en",
        "first_scan_days": 4,
        "silent_days": 3,
        "silent_days_abroad": 5,
        "pickup_days": 3,
        "late_days": 1,
        "proof_always_due": False,
        "link_days": 180,
        "order_on_links": False,
        **dict.fromkeys(
            (
                "most_parcels", "most_new_parcels", "most_asked", "most_imports", "most_import_rows", "most_people",
            )
        ),
    }  # fmt: skip


def test_only_what_changed_is_written_down(operator: Client, merchant: Merchant) -> None:
    address = reverse("admin:shipments_merchant_change", args=[merchant.pk])

    operator.post(
        address,
        {
            "slug": "alpine",
            "name": "Alpine Ltd",
            "time_zone": merchant.time_zone,
            "language": "en",
            **inline("memberships"),
        },
    )

    assert written() == [
        ("changed", "shipments.Merchant", {"name": "Alpine Outfitters"}, {"name": "Alpine Ltd"})
    ]


def test_memberships_on_the_merchants_page_are_written_down_too(
    operator: Client, merchant: Merchant, alice: User, bob: User
) -> None:
    vera = a_person("vera@example.com")
    of = {membership.user: membership for membership in Membership.objects.select_related("user")}
    known = {"merchant": merchant.pk}
    rows = [
        {"id": of[alice].pk, "user": alice.pk, "role": "manager", **known},
        {"id": of[bob].pk, "user": bob.pk, "role": "viewer", "DELETE": "on", **known},
        {"user": vera.pk, "role": "viewer", **known},
    ]

    operator.post(
        reverse("admin:shipments_merchant_change", args=[merchant.pk]),
        {
            "slug": "alpine",
            "name": merchant.name,
            "time_zone": merchant.time_zone,
            "language": "en",
            **inline("memberships", *rows, known=2),
        },
    )

    assert set(Membership.objects.values_list("user", "role")) == {
        (alice.pk, "manager"),
        (vera.pk, "viewer"),
    }
    untold = {"digest_at": None, "alert_reasons": "[]"}
    assert written() == [
        (
            "added",
            "shipments.Membership",
            {},
            {"user": vera.pk, "merchant": merchant.pk, "role": "viewer"} | untold,
        ),
        ("changed", "shipments.Membership", {"role": "owner"}, {"role": "manager"}),
        (
            "deleted",
            "shipments.Membership",
            {"user": bob.pk, "merchant": merchant.pk, "role": "viewer"} | untold,
            {},
        ),
    ]
    assert set(AuditEntry.objects.values_list("merchant", flat=True)) == {merchant.pk}


def test_a_persons_name_and_address_are_masked_when_written(operator: Client) -> None:
    operator.post(
        reverse("admin:shipments_user_add"),
        {
            "email": "vera@example.com",
            "name": "Vera Sample",
            "usable_password": "true",
            "password1": "a long enough phrase",
            "password2": "a long enough phrase",
        },
    )

    assert User.objects.get(email="vera@example.com").check_password("a long enough phrase") is True
    (entry,) = AuditEntry.objects.all()
    assert (entry.verb, entry.model) == ("added", "shipments.User")
    assert (entry.after["email"], entry.after["name"], entry.after["password"]) == ("•••", "•••", "•••")


def test_powers_handed_out_are_written_down(operator: Client, bob: User) -> None:
    readers = Group.objects.create(name="Readers")

    operator.post(
        reverse("admin:shipments_user_change", args=[bob.pk]),
        {"email": bob.email, "name": "", "is_active": "on", "is_staff": "on", "groups": [readers.pk]},
    )

    assert written() == [
        ("changed", "shipments.User", {"is_staff": False}, {"is_staff": True}),
        ("changed", "shipments.User", {"groups": "[]"}, {"groups": f"[{readers.pk}]"}),
    ]


def test_a_password_set_for_somebody_is_written_down_without_it(operator: Client, bob: User) -> None:
    address = reverse("admin:auth_user_password_change", args=[bob.pk])
    sent = {"usable_password": "true", "password1": "a long enough phrase", "password2": "another phrase"}

    operator.post(address, sent)
    assert written() == []

    operator.post(address, {**sent, "password2": sent["password1"]})
    assert written() == [("changed", "shipments.User", {"password": "•••"}, {"password": "•••"})]
    bob.refresh_from_db()
    assert bob.check_password("a long enough phrase") is True


def test_the_password_page_of_nobody_is_not_found(operator: Client) -> None:
    assert operator.get("/admin/shipments/user/nobody/password/").status_code == 404


def test_staff_who_may_change_people_cannot_make_themselves_superusers(
    signed_in: Callable[[User], Client], olga: User
) -> None:
    sam = a_person("sam@example.com", is_staff=True)
    sam.user_permissions.set(Permission.objects.filter(codename__in=["change_user", "view_user"]))
    browser = signed_in(sam)

    own = browser.post(
        reverse("admin:shipments_user_change", args=[sam.pk]),
        {"email": sam.email, "name": "", "is_active": "on", "is_staff": "on", "is_superuser": "on"},
    )
    other = browser.post(
        reverse("admin:auth_user_password_change", args=[olga.pk]),
        {"usable_password": "true", "password1": "a long enough phrase", "password2": "a long enough phrase"},
    )

    assert (own.status_code, other.status_code) == (302, 403)
    assert list(User.objects.filter(is_superuser=True)) == [olga]
    olga.refresh_from_db()
    assert olga.check_password("correct horse battery") is True


@pytest.mark.parametrize("model", ["user", "carrier"])
def test_people_and_carriers_are_switched_off_and_not_deleted(
    operator: Client, bob: User, model: str
) -> None:
    pk = bob.pk if model == "user" else "UPS"

    response = operator.post(reverse(f"admin:shipments_{model}_delete", args=[pk]), {"post": "yes"})

    assert response.status_code == 403
    assert User.objects.filter(pk=bob.pk).exists() is True
    assert Carrier.objects.filter(code="UPS").exists() is True


def test_a_carriers_windows_and_routes_are_written_down(operator: Client) -> None:
    window = MaintenanceWindow.objects.get(carrier="USPS")
    route = CarrierRoute.objects.get(carrier="USPS", gateway="usps")
    operator.post(
        reverse("admin:shipments_carrier_change", args=["USPS"]),
        {
            "name": "USPS",
            "tracking_url": Carrier.objects.get(code="USPS").tracking_url,
            "is_active": "on",
            "position": "0",
            **inline(
                "windows",
                {
                    "id": window.pk,
                    "carrier": "USPS",
                    "gateway": "pitney_bowes",
                    "zone": "America/New_York",
                    "starts": "00:00:00",
                    "ends": "04:00:00",
                    "reason": window.reason,
                },
                known=1,
            ),
            **inline(
                "routes",
                {"id": route.pk, "carrier": "USPS", "gateway": "usps", "wire_value": "", "position": "30"},
                known=1,
            ),
            **inline("patterns"),
            **inline("promises"),
        },
    )

    window.refresh_from_db()
    assert window.ends == time(4)
    assert written() == [
        ("changed", "shipments.CarrierRoute", {"position": 10}, {"position": 30}),
        ("changed", "shipments.MaintenanceWindow", {"ends": "03:00:00"}, {"ends": "04:00:00"}),
    ]


def test_a_carriers_code_does_not_change(operator: Client) -> None:
    operator.post(
        reverse("admin:shipments_carrier_change", args=["UPS"]),
        {
            "code": "DHL",
            "name": "United Parcel",
            "position": "7",
            **inline("routes"),
            **inline("patterns"),
            **inline("promises"),
            **inline("windows"),
        },
    )

    assert Carrier.objects.get(code="UPS").name == "United Parcel"
    assert Carrier.objects.filter(code="DHL").exists() is False


def test_rows_deleted_from_a_list_are_each_written_down(operator: Client, merchant: Merchant) -> None:
    hosts = [a_host(merchant, host) for host in ("a.example.com", "b.example.com")]

    operator.post(
        reverse("admin:shipments_merchanthost_changelist"),
        {"action": "delete_selected", "_selected_action": [row.pk for row in hosts], "post": "yes"},
    )

    assert MerchantHost.objects.exists() is False
    assert sorted((verb, before["host"]) for verb, _, before, _ in written()) == [
        ("deleted", "a.example.com"),
        ("deleted", "b.example.com"),
    ]


def test_private_links_are_revoked_without_showing_where_they_lead(
    operator: Client, merchant: Merchant
) -> None:
    link = PrivateLink.objects.make(a_shipment(merchant))
    listed = reverse("admin:shipments_privatelink_changelist")

    operator.post(listed, {"action": "revoke", "_selected_action": [link.pk]})

    for address in (listed, reverse("admin:shipments_privatelink_change", args=[link.pk])):
        shown = operator.get(address).content.decode()
        assert link.token not in shown
        assert link.token_sha256 not in shown
    token = link.token
    assert PrivateLink.objects.live(token) is None
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.row, entry.merchant) == ("revoked", str(link.pk), merchant.pk)
    assert entry.before == {"revoked_at": None}
