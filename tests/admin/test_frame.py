"""What all pages of the back-office have in common: names, moments, what stands where there is nothing, and refusals."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from shipments.admin import paging
from shipments.models import (
    AuditEntry,
    Look,
    Mail,
    Merchant,
    PrivateLink,
    Proof,
    Replay,
    StatusMapping,
    Subscription,
    User,
)
from tests.admin.world import a_world, row_of
from tests.factories import a_person, a_shipment

pytestmark = pytest.mark.django_db

SignIn = Callable[[User], Client]


@pytest.fixture
def auditor(signed_in: SignIn) -> Client:
    auditor = a_person("auditor@example.com", is_staff=True)
    auditor.groups.add(auditor.groups.model.objects.get(name="Auditor"))
    return signed_in(auditor)


def shown(client: Client, name: str, *args: object, **asked: str) -> str:
    response = client.get(reverse(f"admin:{name}", args=args), asked)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", response.content.decode())


def heading(text: str) -> str:
    (found,) = re.findall(r"<h1>(.*?)</h1>", text)
    return str(found)


def test_a_list_is_called_by_what_stands_in_it(operator: Client) -> None:
    assert heading(shown(operator, "shipments_carrier_changelist")) == "Carriers"


def test_in_the_window_of_a_lookup_a_row_is_to_be_selected(operator: Client) -> None:
    assert heading(shown(operator, "shipments_carrier_changelist", _popup="1")) == "Select carrier"


def test_an_empty_list_says_how_rows_come_to_be_in_it(operator: Client) -> None:
    empty = shown(operator, "shipments_statusmapping_changelist")

    assert "None yet. Our own tables say what every code means." in empty
    assert "0 status mappings" not in empty


@pytest.mark.parametrize("asked", [{"q": "nothing has this"}, {"carrier__code__exact": "UPS"}])
def test_where_nothing_fits_the_whole_list_is_a_click_away(operator: Client, asked: dict[str, str]) -> None:
    StatusMapping.objects.create(carrier_id="USPS", code="ZZ", status="InTransit")

    found = shown(operator, "shipments_statusmapping_changelist", **asked)

    assert 'Nothing fits. <a href="?">Show the whole list</a>' in found
    assert "None yet." not in found


def test_a_list_that_shows_the_newest_rows_alone_does_not_say_that_there_are_no_more(
    operator: Client, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _n in range(3):
        a_shipment(merchant)
    assert "3 shipments" in shown(operator, "shipments_shipment_changelist")

    monkeypatch.setattr(paging, "MOST_ROWS", 2)

    cut = shown(operator, "shipments_shipment_changelist")
    assert "the newest 2; search for older ones" in cut
    assert "2 shipments" not in cut


def test_moments_have_their_zone(operator: Client, merchant: Merchant) -> None:
    Merchant.objects.filter(pk=merchant.pk).update(created_at=datetime(2026, 3, 6, 18, 30, tzinfo=UTC))

    assert "2026-03-06 18:30 UTC" in shown(operator, "shipments_merchant_changelist")


def test_a_status_is_told_in_the_words_of_all_other_pages(operator: Client, merchant: Merchant) -> None:
    a_shipment(merchant, status="OutForDelivery")

    found = shown(operator, "shipments_shipment_changelist")

    assert '<td class="field-status">Out for delivery</td>' in found
    assert ">OutForDelivery<" not in found


@pytest.mark.parametrize("model", [Look, Mail, PrivateLink, Proof, Subscription])
@pytest.mark.parametrize("page", ["change", "history"])
def test_pages_call_rows_by_words_instead_of_numbers_of_rows(
    operator: Client, model: type[Look], page: str
) -> None:
    merchant = a_world()
    row = row_of(model)

    text = shown(operator, f"shipments_{model._meta.model_name}_{page}", row.pk)

    assert str(row) not in text
    called = {Look: merchant.name, Mail: "alert, 20"}.get(model) or str(row.shipment)  # type: ignore[attr-defined]
    assert called in text


def test_rows_of_a_page_stand_without_numbers_and_each_box_has_a_name(operator: Client) -> None:
    merchant = a_world()
    membership = merchant.memberships.get()

    text = shown(operator, "shipments_merchant_change", merchant.pk)

    assert str(membership) not in text
    for box, name in (("user", "Person"), ("role", "Role"), ("DELETE", "Delete?")):
        assert f'<label class="visually-hidden" for="id_memberships-0-{box}">{name}</label>' in text


def test_a_refusal_says_whom_to_ask_and_leads_back_into_the_back_office(auditor: Client) -> None:
    refused = auditor.get(reverse("admin:shipments_merchant_add"))

    assert refused.status_code == 403
    text = refused.content.decode()
    assert "Your rights in the back-office do not include it. A superuser can change that." in text
    assert f'href="{reverse("admin:index")}">To the back-office' in text
    assert "An owner of the merchant" not in text


def test_a_page_that_is_none_leads_back_into_the_back_office(auditor: Client) -> None:
    missing = auditor.get("/admin/nothing/")

    assert missing.status_code == 404
    assert f'href="{reverse("admin:index")}">To the back-office' in missing.content.decode()


def test_all_answers_are_read_again_only_where_that_was_said(operator: Client) -> None:
    refused = operator.post(reverse("admin:shipments_replay_add"), {})

    assert refused.context["adminform"].form.errors == {
        "everything": ["Choose a carrier or say what its scans have; or tick that all are meant."]
    }
    assert Replay.objects.exists() is False

    operator.post(reverse("admin:shipments_replay_add"), {"everything": "on"})

    assert Replay.objects.get().carrier_id is None


def test_a_person_who_is_told_no_password_chooses_one_by_mail(operator: Client) -> None:
    operator.post(
        reverse("admin:shipments_user_add"), {"email": "nina@example.com", "usable_password": "false"}
    )

    person = User.objects.get(email="nina@example.com")
    assert person.has_usable_password() is False
    Client().post(reverse("account_reset_password"), {"email": "nina@example.com"})
    assert Mail.objects.get().to == "nina@example.com"


def test_nothing_of_how_a_password_is_kept_is_shown(operator: Client, alice: User) -> None:
    text = shown(operator, "shipments_user_change", alice.pk)

    assert "<strong>Set.</strong>" in text
    assert not any(part in text for part in ("algorithm", "salt", "hash:"))


def test_groups_are_ticked(operator: Client, alice: User) -> None:
    auditors = alice.groups.model.objects.get(name="Auditor")

    operator.post(
        reverse("admin:shipments_user_change", args=[alice.pk]),
        {"email": alice.email, "is_active": "on", "is_staff": "on", "groups": [auditors.pk]},
    )

    assert list(alice.groups.all()) == [auditors]
    text = shown(operator, "shipments_user_change", alice.pk)
    assert re.search(rf'<input type="checkbox" name="groups" value="{auditors.pk}"[^>]* checked', text)


def test_the_source_of_a_deed_is_told_in_words(operator: Client, merchant: Merchant) -> None:
    AuditEntry.objects.record("added", merchant, source="admin", merchant=merchant)

    assert '<td class="field-source_words">the back-office</td>' in shown(
        operator, "shipments_auditentry_changelist"
    )
