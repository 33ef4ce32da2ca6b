"""Ages in the back-office, and the page on which a buyer's data is erased."""

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from shipments.enums import ErasedBy, Kept
from shipments.keeping import erasing
from shipments.models import (
    AuditEntry,
    Erasure,
    Merchant,
    RetentionRule,
    Shipment,
    Subscription,
    SubscriptionRequest,
    User,
)
from tests.factories import a_merchant, a_person, a_shipment
from tests.keeping.people import EMAIL, MARK, a_known_parcel, over_since

pytestmark = pytest.mark.django_db

SignIn = Callable[[User], Client]
RULES = reverse("admin:shipments_retentionrule_changelist")
ADD_RULE = reverse("admin:shipments_retentionrule_add")
ERASE = reverse("admin:shipments_erasure_add")


@pytest.fixture
def operator(signed_in: SignIn) -> Client:
    return signed_in(a_person("operator@example.com", is_staff=True, is_superuser=True))


@pytest.fixture
def auditor(signed_in: SignIn) -> Client:
    person = a_person("auditor@example.com", is_staff=True)
    person.user_permissions.set(
        Permission.objects.filter(codename__in=["view_erasure", "view_retentionrule"])
    )
    return signed_in(person)


def _rule(kind: Kept, **over: object) -> RetentionRule:
    rule = RetentionRule.objects.get(kind=kind, merchant=None)
    for name, value in over.items():
        setattr(rule, name, value)
    rule.save()
    return rule


def _page_of(rule: RetentionRule) -> str:
    return reverse("admin:shipments_retentionrule_change", args=[rule.pk])


def test_there_is_a_rule_for_each_kind_from_the_start_and_it_erases_nothing(operator: Client) -> None:
    assert sorted(RetentionRule.objects.values_list("kind", "days")) == [
        (kind, None) for kind in sorted(Kept)
    ]
    page = operator.get(RULES).content.decode()
    assert page.count("for ever") == 5


def test_an_age_that_erases_nothing_yet_is_kept_and_written_down(operator: Client) -> None:
    rule = _rule(Kept.SCANS)
    assert operator.post(_page_of(rule), {"days": "730"}).status_code == 302
    rule.refresh_from_db()
    assert rule.days == 730
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.before, entry.after) == ("changed", {"days": None}, {"days": 730})


@pytest.mark.parametrize("days", ["29", "3651", "-1", "x", "1e3", "99999999999999999999", "\0"])
def test_a_bad_age_gives_a_message_at_the_field(operator: Client, days: str) -> None:
    rule = _rule(Kept.SCANS)
    response = operator.post(_page_of(rule), {"days": days})
    assert response.status_code == 200
    assert "errorlist" in response.content.decode()
    assert list(response.context["adminform"].form.errors) == ["days"]
    assert not RetentionRule.objects.exclude(days=None).exists()


def test_an_age_that_erases_something_tonight_is_asked_about_first(operator: Client) -> None:
    rule = _rule(Kept.SCANS, days=900)
    over_since(a_shipment(), 500, timezone.now())
    response = operator.post(_page_of(rule), {"days": "400"})
    assert response.context["adminform"].form.errors == {
        "sure": ["This erases data of 1 parcel from tonight on, for good. Tick to have it so."]
    }
    rule.refresh_from_db()
    assert rule.days == 900
    assert operator.post(_page_of(rule), {"days": "400", "sure": "on"}).status_code == 302
    rule.refresh_from_db()
    assert rule.days == 400
    # A longer one takes nothing away.
    assert operator.post(_page_of(rule), {"days": "450"}).status_code == 302


def test_below_the_time_for_claims_there_is_a_warning(operator: Client) -> None:
    page = operator.post(_page_of(_rule(Kept.PROOFS)), {"days": "60"}, follow=True).content.decode()
    assert "Carriers take claims for about 120 days" in page
    page = operator.post(_page_of(_rule(Kept.PROOFS)), {"days": "120"}, follow=True).content.decode()
    assert "Carriers take claims" not in page


def test_a_merchant_has_a_rule_of_its_own_and_only_one(operator: Client) -> None:
    merchant = a_merchant()
    told = {"kind": "scans", "merchant": merchant.pk, "days": ""}
    assert operator.post(ADD_RULE, told).status_code == 302
    response = operator.post(ADD_RULE, told)
    assert "There is a rule for this kind of data already" in response.content.decode()
    assert RetentionRule.objects.filter(merchant=merchant).count() == 1


def test_the_audit_has_one_age_for_all_merchants(operator: Client) -> None:
    response = operator.post(ADD_RULE, {"kind": "audit", "merchant": a_merchant().pk, "days": "400"})
    assert "leave the merchant empty" in response.content.decode()
    assert not RetentionRule.objects.exclude(merchant=None).exists()


def test_the_platforms_rules_are_not_deleted(operator: Client) -> None:
    rule = _rule(Kept.SCANS)
    assert (
        operator.post(
            reverse("admin:shipments_retentionrule_delete", args=[rule.pk]), {"post": "yes"}
        ).status_code
        == 403
    )
    operator.post(RULES, {"action": "delete_selected", "_selected_action": [rule.pk], "post": "yes"})
    assert RetentionRule.objects.count() == 5


def test_what_goes_and_what_stays_stands_beside_the_field(operator: Client) -> None:
    assert "Timelines disappear" in operator.get(_page_of(_rule(Kept.SCANS))).content.decode()
    assert operator.get(ADD_RULE).content.decode().count('<th scope="row">') == 5


def test_an_auditor_looks_and_changes_nothing(auditor: Client) -> None:
    rule = _rule(Kept.SCANS)
    assert auditor.get(_page_of(rule)).status_code == 200
    assert auditor.post(_page_of(rule), {"days": "400"}).status_code == 403
    assert auditor.get(ERASE).status_code == 403
    assert auditor.post(ERASE, {"by": "email", "term": EMAIL, "look": "1"}).status_code == 403
    rule.refresh_from_db()
    assert rule.days is None


def test_the_audit_is_kept_for_thirteen_months(operator: Client) -> None:
    rule = RetentionRule.objects.get(merchant=None, kind="audit")
    response = operator.post(_page_of(rule), {"days": "399", "sure": "on"})
    assert response.context["adminform"].form.errors == {
        "days": ["The audit is kept for at least 400 days: thirteen months."]
    }
    assert operator.post(_page_of(rule), {"days": "400", "sure": "on"}).status_code == 302


# ---- Erasures --------------------------------------------------------------------------------------------------------


def _look(client: Client, **told: str) -> dict[str, str]:
    """What the page sends when its second button is pressed."""
    response = client.post(ERASE, {"look": "1", **told})
    assert response.status_code == 200
    return {**told, "looked": response.context["looked"], "with_parcels": "on", "erase": "1"}


def test_a_buyer_is_looked_for_shown_masked_and_erased(operator: Client) -> None:
    shipment = a_known_parcel()
    Shipment.objects.update(lifecycle="ended", end_reason="settled")
    page = operator.post(ERASE, {"by": "number", "term": shipment.number, "look": "1"}).content.decode()
    assert "A••• Q•••" in page
    assert "Q•••@example.com" in page
    assert MARK not in page

    response = operator.post(ERASE, _look(operator, by="number", term=shipment.number))
    erasure = Erasure.objects.get()
    assert response.headers["Location"] == reverse("admin:shipments_erasure_change", args=[erasure.pk])
    assert erasure.asked_by is not None
    assert OrmQ.objects.count() == 0  # Nudged when the transaction ends.
    erasing.work(timezone.now())
    assert Shipment.objects.get().recipient_name == ""
    receipt = operator.get(response.headers["Location"]).content.decode()
    assert "1 raw answer of a carrier" in receipt
    assert shipment.number not in receipt
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.model, entry.after) == (
        "asked for",
        "shipments.Erasure",
        {"by": "number", "with_parcels": True},
    )


def test_the_parcels_go_along_unless_somebody_says_not(operator: Client) -> None:
    a_known_parcel()
    told = {"by": "email", "term": EMAIL, "look": "1"}
    response = operator.post(ERASE, told)
    assert response.context["form"]["with_parcels"].value() is True
    # Unticked, and looked at again: it stays as they have it.
    response = operator.post(ERASE, {**told, "looked": response.context["looked"]})
    assert response.context["form"]["with_parcels"].value() is False


def test_what_was_not_shown_is_not_erased(operator: Client) -> None:
    """Somebody looked for one number, typed another, and pressed the second button."""
    one, other = a_shipment(recipient_name="Ada"), a_shipment(recipient_name="Bea")
    Shipment.objects.update(lifecycle="ended", end_reason="settled")
    told = _look(operator, by="number", term=one.number)
    response = operator.post(ERASE, {**told, "term": other.number})
    assert response.status_code == 200
    assert "B•••" in response.content.decode()
    assert not Erasure.objects.exists()


def test_a_parcel_on_its_way_stops_it_until_somebody_says_so(operator: Client) -> None:
    shipment = a_known_parcel()
    told = _look(operator, by="number", term=shipment.number)
    response = operator.post(ERASE, told)
    assert response.status_code == 400
    assert "1 parcel is still on its way" in response.context["form"].errors["on_the_way"][0]
    assert not Erasure.objects.exists()
    assert operator.post(ERASE, {**told, "on_the_way": "on"}).status_code == 302


def test_by_address_only_the_address_may_go(operator: Client) -> None:
    a_known_parcel()
    told = _look(operator, by="email", term=EMAIL)
    del told["with_parcels"]
    assert operator.post(ERASE, told).status_code == 302
    erasing.work(timezone.now())
    assert Shipment.objects.get().recipient_name == f"Ada {MARK}"
    assert Erasure.objects.get().counts["addresses"] == 2


def test_nothing_found_leaves_a_receipt_as_well(operator: Client) -> None:
    assert operator.post(ERASE, _look(operator, by="email", term="nobody@example.com")).status_code == 302
    erasing.work(timezone.now())
    address = reverse("admin:shipments_erasure_receipt", args=[Erasure.objects.get().pk])
    response = operator.get(address)
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "Nothing was found that names you." in response.content.decode()
    assert "until 30 days after their last news" in response.content.decode()


def test_an_address_that_was_erased_by_age_finds_nothing_and_the_page_says_what_to_ask_for(
    operator: Client,
) -> None:
    a_known_parcel()
    Shipment.objects.update(lifecycle="ended", end_reason="settled")
    Subscription.objects.update(email=None, due_at=None)
    SubscriptionRequest.objects.all().delete()

    page = operator.post(ERASE, {"by": "email", "term": EMAIL, "look": "1"}).content.decode()

    assert "No parcel and no subscription names them now." in page
    assert "are found by their tracking numbers: ask for these." in page
    assert "was asked for before" not in page


def test_what_was_erased_before_is_known_by_its_digest(operator: Client) -> None:
    assert operator.post(ERASE, _look(operator, by="email", term=EMAIL)).status_code == 302
    erasing.work(timezone.now())

    def says_so(**told: str) -> bool:
        page = operator.post(ERASE, {"look": "1", **told}).content.decode()
        return "An erasure of the same was asked for before, on " in page

    assert says_so(by="email", term=EMAIL.upper()) is True
    assert says_so(by="email", term="other@example.com") is False


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"by": "email", "term": "nobody"}, "term"),
        ({"by": "number", "term": "?"}, "term"),
        ({"by": "number", "term": "\0"}, "term"),
        ({"by": "email", "term": ""}, "term"),
        ({"by": "email", "term": f"{'a' * 300}@example.com"}, "term"),
        ({"by": "name", "term": "Ada"}, "by"),
        ({"by": "email", "term": EMAIL, "merchant": "nobody"}, "merchant"),
    ],
)
def test_bad_input_gives_a_message_at_the_field(operator: Client, told: dict[str, str], field: str) -> None:
    for button in ("look", "erase"):
        response = operator.post(ERASE, {**told, button: "1"})
        assert response.status_code == 400
        assert list(response.context["form"].errors) == [field]
    assert not Erasure.objects.exists()


def test_whom_it_is_about_stands_in_no_address_and_no_log(
    operator: Client, caplog: pytest.LogCaptureFixture
) -> None:
    shipment = a_known_parcel()
    caplog.clear()
    with caplog.at_level(logging.DEBUG):
        response = operator.post(ERASE, {**_look(operator, by="email", term=EMAIL), "on_the_way": "on"})
        erasing.work(timezone.now())
    assert response.status_code == 302
    assert MARK.lower() not in response.headers["Location"].lower()
    told = "\n".join(
        record.getMessage() for record in caplog.records if not record.name.startswith("django.db")
    )
    assert MARK.lower() not in told.lower()
    assert shipment.number not in told
    # And by GET nothing is looked for.
    assert "•••" not in operator.get(ERASE, {"by": "email", "term": EMAIL}).content.decode()


def test_with_one_merchant_the_others_keep_theirs(operator: Client, merchant: Merchant) -> None:
    mine = a_known_parcel(merchant)
    a_known_parcel(a_merchant(), number=mine.number)
    told = _look(operator, by="number", term=mine.number, merchant=merchant.slug)
    operator.post(ERASE, {**told, "on_the_way": "on"})
    erasing.work(timezone.now())
    assert [one.merchant for one in Shipment.objects.filter(recipient_name="")] == [merchant]


def test_its_pages_cost_a_few_statements(operator: Client, django_assert_max_num_queries) -> None:
    for _ in range(3):
        erasing.begin(
            ErasedBy.NUMBER,
            "9400100000000000000017",
            None,
            asked_by=None,
            now=timezone.now() - timedelta(days=1),
        )
    for address in (RULES, ADD_RULE, ERASE, reverse("admin:shipments_erasure_changelist")):
        with django_assert_max_num_queries(12):
            operator.get(address)
    number = a_known_parcel().number
    with django_assert_max_num_queries(20):
        operator.post(ERASE, {"by": "number", "term": number, "look": "1"})
