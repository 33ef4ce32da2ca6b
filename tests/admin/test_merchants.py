"""Merchants in the back-office: made with an invitation, limited, suspended, handed out, deleted for good."""

import io
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from shipments.keeping import deleting, exporting_all, suspending
from shipments.models import (
    AuditEntry,
    Invitation,
    Mail,
    Merchant,
    MerchantDeletion,
    MerchantExport,
    Shipment,
    User,
    WatchMove,
)
from tests.factories import a_merchant, a_person, a_shipment, an_invitation

pytestmark = pytest.mark.django_db

LIST = reverse("admin:shipments_merchant_changelist")
ADD = reverse("admin:shipments_merchant_add")


def page(merchant: Merchant, name: str = "change", *more: Any) -> str:
    return reverse(f"admin:shipments_merchant_{name}", args=[merchant.pk, *more])


def form(**over: Any) -> dict[str, Any]:
    """What a browser sends for a new merchant."""
    return {
        "slug": "acme",
        "name": "Acme Goods",
        "time_zone": "America/New_York",
        "language": "en",
        "owner_email": "Olga@example.com",
        **dict.fromkeys(
            (
                "most_parcels",
                "most_new_parcels",
                "most_asked",
                "most_imports",
                "most_import_rows",
                "most_people",
            ),
            "",
        ),
        **over,
    }


def change_form(**over: Any) -> dict[str, Any]:
    values = form(
        **{
            "memberships-TOTAL_FORMS": "0",
            "memberships-INITIAL_FORMS": "0",
            "memberships-MIN_NUM_FORMS": "0",
            "memberships-MAX_NUM_FORMS": "1000",
            **over,
        }
    )
    values.pop("owner_email")
    return values


@pytest.fixture
def oskar() -> User:
    return a_person("oskar@example.com", is_staff=True, is_superuser=True, name="Oskar")


@pytest.fixture
def operator(oskar: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(oskar)


@pytest.fixture
def auditor(signed_in: Callable[[User], Client]) -> Client:
    """May look at everything here, and change nothing."""
    person = a_person("audra@example.com", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return signed_in(person)


# ---- Made with an invitation -------------------------------------------------------------------------------------------


def test_a_merchant_is_made_with_an_invitation_of_its_owner(operator: Client, oskar: User) -> None:
    response = operator.post(ADD, form())

    assert response.status_code == 302
    acme = Merchant.objects.get()
    invitation = Invitation.objects.get()
    assert (invitation.merchant, invitation.email, invitation.role, invitation.invited_by) == (
        acme,
        "olga@example.com",
        "owner",
        oskar,
    )
    mail = Mail.objects.get()
    assert (mail.to, mail.subject) == ("olga@example.com", "Oskar invites you to Acme Goods")
    assert list(AuditEntry.objects.order_by("pk").values_list("verb", "merchant")) == [
        ("added", acme.pk),
        ("invited", acme.pk),
    ]


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("owner_email", "olga", "Enter a valid email address."),
        ("owner_email", "", "This field is required."),
        ("slug", "a b", "Enter a valid “slug”"),
        ("time_zone", "Mars/Olympus", "A time zone is an IANA name"),
        ("most_parcels", "0", "Ensure this value is greater than or equal to 1."),
        ("most_parcels", "-1", "Ensure this value is greater than or equal to"),
        ("most_parcels", "many", "Enter a whole number."),
        ("most_people", "99999999999", "Ensure this value is less than or equal to 2147483647."),
    ],
)
def test_a_bad_value_is_told_at_its_field_and_nothing_is_made(
    operator: Client, field: str, value: str, told: str
) -> None:
    response = operator.post(ADD, form(**{field: value}))

    assert response.status_code == 200
    assert told in " ".join(response.context["adminform"].form.errors[field])
    assert (Merchant.objects.exists(), Mail.objects.exists()) == (False, False)


def test_an_invitation_is_sent_again_with_another_link(operator: Client) -> None:
    operator.post(ADD, form())
    acme, first = Merchant.objects.get(), Invitation.objects.get()
    assert "olga@example.com is invited as the owner" in operator.get(page(acme)).content.decode()

    response = operator.post(page(acme, "invite_again", first.public_id))

    assert response.status_code == 302
    first.refresh_from_db()
    assert first.revoked_at is not None
    assert Invitation.objects.open().get().email == "olga@example.com"
    assert Mail.objects.count() == 2


def test_an_invitation_that_was_accepted_meanwhile_is_not_sent_again(
    operator: Client, merchant: Merchant, alice: User
) -> None:
    invitation = an_invitation(merchant, role="owner")
    invitation.mark_accepted(timezone.now())

    response = operator.post(page(merchant, "invite_again", invitation.public_id), follow=True)

    assert "Nothing was sent" in response.content.decode()
    assert Mail.objects.exists() is False


@pytest.mark.parametrize(
    ("email", "told"),
    [
        ("alice@example.com", "This person is an owner of the merchant already."),
        ("nobody", "Enter a valid email address."),
        ("", "This field is required."),
    ],
)
def test_who_cannot_be_invited_is_told_at_the_field(
    operator: Client, merchant: Merchant, alice: User, email: str, told: str
) -> None:
    response = operator.post(page(merchant, "invite"), {"email": email})

    assert response.status_code == 400
    assert response.context["form"].errors["email"] == [told]
    assert Mail.objects.exists() is False


def test_the_limit_of_people_holds_here_too(operator: Client, merchant: Merchant, alice: User) -> None:
    Merchant.objects.update(most_people=1)

    response = operator.post(page(merchant, "invite"), {"email": "new@example.com"})

    assert "At most 1 person may belong to this merchant" in response.context["form"].errors["email"][0]


# ---- Limits ------------------------------------------------------------------------------------------------------------


def test_limits_are_set_and_what_is_used_stands_beside_them(operator: Client) -> None:
    acme = a_merchant(slug="acme", name="Acme Goods")
    for _ in range(3):
        a_shipment(acme)

    response = operator.post(page(acme), change_form(most_parcels="20000", most_new_parcels="3"))

    assert response.status_code == 302, response.context["errors"]
    content = operator.get(page(acme)).content.decode()
    assert "3 of 20,000" in content
    assert "3 of 3 <strong>full</strong>" in content
    entry = AuditEntry.objects.get(verb="changed")
    assert entry.after == {"most_parcels": 20000, "most_new_parcels": 3}


def test_the_page_costs_no_more_with_many_parcels(
    operator: Client, merchant: Merchant, django_assert_max_num_queries: Any
) -> None:
    for _ in range(5):
        a_shipment(merchant)
    with django_assert_max_num_queries(20):
        operator.get(page(merchant))
    with django_assert_max_num_queries(20):
        operator.get(LIST)


# ---- Suspended -----------------------------------------------------------------------------------------------------------


def test_a_merchant_is_suspended_with_a_reason_and_put_back_to_work(
    operator: Client, merchant: Merchant
) -> None:
    assert operator.get(page(merchant, "suspend")).status_code == 200

    operator.post(page(merchant, "suspend"), {"because": "Unpaid."})

    merchant.refresh_from_db()
    assert (merchant.is_suspended, merchant.suspended_because) == (True, "Unpaid.")
    assert WatchMove.objects.get().is_back is False
    assert "suspended since" in operator.get(LIST).content.decode()
    assert "Unpaid." in operator.get(page(merchant)).content.decode()
    operator.post(page(merchant, "lift"))
    merchant.refresh_from_db()
    assert merchant.is_suspended is False
    assert list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True)) == [
        "suspended",
        "put back to work",
    ]


def test_without_a_reason_nobody_is_suspended(operator: Client, merchant: Merchant) -> None:
    response = operator.post(page(merchant, "suspend"), {"because": " "})

    assert response.status_code == 400
    merchant.refresh_from_db()
    assert merchant.is_suspended is False


@pytest.mark.parametrize(
    ("standing", "slugs"), [("work", ["work"]), ("suspended", ["leaving", "rest"]), ("leaving", ["leaving"])]
)
def test_the_list_tells_them_apart(operator: Client, standing: str, slugs: list[str]) -> None:
    a_merchant(slug="work")
    suspending.suspend(a_merchant(slug="rest"), "Unpaid.", timezone.now())
    deleting.ask(
        a_merchant(slug="leaving"),
        because="",
        due_at=timezone.now() + timedelta(days=1),
        by=None,
        now=timezone.now(),
    )

    found = operator.get(LIST, {"standing": standing}).context["cl"].result_list

    assert sorted(merchant.slug for merchant in found) == slugs


# ---- All data ------------------------------------------------------------------------------------------------------------


def test_all_data_is_made_and_fetched(operator: Client, oskar: User, merchant: Merchant) -> None:
    shipment = a_shipment(merchant)
    operator.post(page(merchant, "export"))
    job = MerchantExport.objects.get()
    assert "being made" in operator.get(page(merchant, "export")).content.decode()
    exporting_all.work_on(job.pk)

    assert page(merchant, "fetch", job.public_id) in operator.get(page(merchant, "export")).content.decode()
    response = operator.get(page(merchant, "fetch", job.public_id))

    content = b"".join(response.streaming_content)  # type: ignore[attr-defined]
    assert response["Content-Length"] == str(len(content))
    assert response["Content-Disposition"] == f'attachment; filename="alpine-{job.made_at:%Y-%m-%d}.zip"'
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert shipment.number in archive.read("shipments/00001.jsonl").decode()
    verbs = AuditEntry.objects.order_by("pk").values_list("verb", "source")
    assert list(verbs) == [
        ("asked for all data", "admin"),
        ("exported all data", "queue"),
        ("fetched all data", "admin"),
    ]
    assert "/admin/shipments/merchant/" in Mail.objects.get(kind="export-ready").text


def test_the_file_of_another_merchant_is_not_found(operator: Client, merchant: Merchant) -> None:
    job, _is_new = exporting_all.start(a_merchant(), None, timezone.now())
    exporting_all.work_on(job.pk)

    assert operator.get(page(merchant, "fetch", job.public_id)).status_code == 404


# ---- Deleted for good ------------------------------------------------------------------------------------------------------


def test_a_deletion_is_asked_for_by_typing_the_name(
    operator: Client, oskar: User, merchant: Merchant, alice: User
) -> None:
    a_shipment(merchant)
    asked = operator.get(page(merchant, "delete_for_good")).content.decode()
    assert "Its one parcel" in asked

    operator.post(page(merchant, "delete_for_good"), {"days": "30", "because": "", "slug": "alpine"})

    deletion = MerchantDeletion.objects.get()
    assert (deletion.merchant, deletion.asked_by) == (merchant.pk, oskar.pk)
    assert deletion.due_at - deletion.asked_at == timedelta(days=30)
    merchant.refresh_from_db()
    assert merchant.is_suspended is True
    assert Mail.objects.get().to == "alice@example.com"
    assert Shipment.objects.count() == 1
    assert "It is deleted for good on" in operator.get(page(merchant)).content.decode()


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"slug": "Alpine"}, "slug"),
        ({"slug": ""}, "slug"),
        ({"days": "0"}, "days"),
        ({"days": "x"}, "days"),
        ({"days": "9999"}, "days"),
    ],
)
def test_without_the_name_or_a_day_nothing_is_deleted(
    operator: Client, merchant: Merchant, over: dict[str, str], field: str
) -> None:
    values = {"days": "30", "because": "", "slug": "alpine", **over}

    response = operator.post(page(merchant, "delete_for_good"), values)

    assert response.status_code == 400
    assert list(response.context["form"].errors) == [field]
    assert MerchantDeletion.objects.exists() is False
    merchant.refresh_from_db()
    assert merchant.is_suspended is False


def test_a_deletion_is_called_off(operator: Client, merchant: Merchant) -> None:
    operator.post(page(merchant, "delete_for_good"), {"days": "30", "because": "", "slug": "alpine"})

    operator.post(page(merchant, "keep"))

    merchant.refresh_from_db()
    assert merchant.is_suspended is False
    assert MerchantDeletion.objects.get().called_off_at is not None
    assert AuditEntry.objects.filter(verb="deletion called off", merchant=merchant.pk).count() == 1
    # Once more changes nothing.
    assert "Nothing has changed" in operator.post(page(merchant, "keep"), follow=True).content.decode()


def test_a_merchant_that_is_to_be_deleted_is_not_put_back_to_work(
    operator: Client, merchant: Merchant
) -> None:
    operator.post(page(merchant, "delete_for_good"), {"days": "30", "because": "", "slug": "alpine"})

    response = operator.post(page(merchant, "lift"), follow=True)

    assert "Call the deletion off first." in response.content.decode()
    merchant.refresh_from_db()
    assert merchant.is_suspended is True


def test_a_merchant_is_not_deleted_as_other_rows_are(operator: Client, merchant: Merchant) -> None:
    response = operator.post(page(merchant, "delete"), {"post": "yes"})

    assert response.status_code == 403
    assert operator.post(
        LIST, {"action": "delete_selected", "_selected_action": [merchant.pk], "post": "yes"}
    ).status_code in {200, 302}
    assert Merchant.objects.filter(pk=merchant.pk).exists() is True


def test_the_receipt_stays(operator: Client, merchant: Merchant) -> None:
    a_shipment(merchant)
    now = timezone.now()
    deletion = deleting.ask(merchant, because="", due_at=now, by=None, now=now)
    deleting.delete_due(timezone.now())

    content = operator.get(
        reverse("admin:shipments_merchantdeletion_change", args=[deletion.pk])
    ).content.decode()

    assert "shipments.Shipment" in content
    assert operator.get(reverse("admin:shipments_merchantdeletion_changelist")).status_code == 200


# ---- Who may ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["suspend", "invite", "export", "delete_for_good"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_who_may_only_look_does_none_of_it(
    auditor: Client, merchant: Merchant, name: str, method: str
) -> None:
    assert getattr(auditor, method)(page(merchant, name)).status_code == 403
    content = auditor.get(page(merchant)).content.decode()
    assert page(merchant, name) not in content


@pytest.mark.parametrize("name", ["lift", "keep"])
def test_what_a_button_does_is_not_done_by_looking(
    operator: Client, auditor: Client, merchant: Merchant, name: str
) -> None:
    suspending.suspend(merchant, "Unpaid.", timezone.now())

    assert operator.get(page(merchant, name)).status_code == 403
    assert auditor.post(page(merchant, name)).status_code == 403

    merchant.refresh_from_db()
    assert merchant.is_suspended is True


def test_who_may_change_but_not_delete_does_not_delete_for_good(
    merchant: Merchant, signed_in: Callable[[User], Client]
) -> None:
    person = a_person("clerk@example.com", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=["view_merchant", "change_merchant"]))
    values = {"days": "30", "because": "", "slug": "alpine"}

    assert signed_in(person).post(page(merchant, "delete_for_good"), values).status_code == 403

    assert MerchantDeletion.objects.exists() is False
