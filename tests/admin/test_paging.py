"""Lists of large tables: what filters look among, how pages are found, and what searches find by an index."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from shipments.admin import paging
from shipments.models import Answer, Mail, Merchant, PrivateLink, User
from shipments.models import shipments as shipments_module
from shipments.outbound.mail import post
from tests.buyers.parcels import subscribed
from tests.factories import a_merchant, a_person, a_scan, a_shipment, a_snapshot, ingested

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(signed_in: Callable[[User], Client]) -> Client:
    return signed_in(a_person("operator@example.com", is_staff=True, is_superuser=True))


def rows(client: Client, model: str, **asked: str | int) -> list[object]:
    response = client.get(reverse(f"admin:shipments_{model}_changelist"), asked)
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


def test_filters_look_among_the_newest_rows_and_say_so(
    operator: Client, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "NEWEST", 2)
    old, *newer = (a_shipment(merchant, status="Exception") for _n in range(3))

    assert rows(operator, "shipment", status__exact="Exception") == newer[::-1]
    page = operator.get(reverse("admin:shipments_shipment_changelist"), {"status__exact": "Exception"})
    assert "Filters look among the newest 2." in page.content.decode()
    assert rows(operator, "shipment") == [*newer[::-1], old]
    assert rows(operator, "shipment", status__exact="Exception", q=old.number) == [old]


def test_nothing_is_said_where_the_filters_have_looked_at_all(operator: Client, merchant: Merchant) -> None:
    a_shipment(merchant, status="Exception")

    page = operator.get(reverse("admin:shipments_shipment_changelist"), {"status__exact": "Exception"})

    assert "Filters look among" not in page.content.decode()


def test_states_of_mails_are_looked_up_among_all(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "NEWEST", 1)
    for n in range(3):
        post(to=f"reader-{n}@example.com", kind="alert", subject="News", text="News")
    oldest = Mail.objects.earliest("pk")
    oldest.note_refusal("SMTPRecipientsRefused 550")

    assert rows(operator, "mail", state="given-up") == [oldest]


def test_a_deep_page_shows_what_follows_the_one_before(
    operator: Client, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging.LargeTable, "list_per_page", 2)
    parcels = [a_shipment(merchant) for _n in range(5)][::-1]

    assert [rows(operator, "shipment", p=page) for page in (1, 2, 3)] == [
        parcels[:2],
        parcels[2:4],
        parcels[4:],
    ]


def test_counts_beside_filters_of_large_tables_are_not_made(operator: Client, merchant: Merchant) -> None:
    a_shipment(merchant)
    page = reverse("admin:shipments_shipment_changelist")

    plain, asked = (_statements(operator, address) for address in (page, f"{page}?_facets=True"))

    assert asked == plain


def _statements(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        client.get(address)
    return len(captured)


def test_parcels_of_every_merchant_are_found_by_number_start_end_and_order(operator: Client) -> None:
    one = a_shipment(a_merchant(), order_number="A-77")
    other = a_shipment(a_merchant(), order_number="a-77")

    for asked, found in (
        (one.number, [one]),
        (one.number.lower(), [one]),
        (f" {other.number} ", [other]),
        (one.number[-6:], [one]),
        ("A-77", [other, one]),
        ("A-7", []),
        ("'; DROP", []),
        ("%", []),
    ):
        assert rows(operator, "shipment", q=asked) == found, asked
    assert set(rows(operator, "shipment", q=one.number[:10])) == {one, other}


def test_a_search_that_fits_too_many_ends(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipments_module, "MOST_FOUND", 2)
    parcels = [a_shipment() for _n in range(4)]

    assert len(rows(operator, "shipment", q=parcels[0].number[:10])) == 2


def test_answers_are_found_by_the_beginning_of_either_digest(operator: Client, merchant: Merchant) -> None:
    for _n in range(2):
        ingested(a_shipment(merchant), a_snapshot(a_scan(text=f"Told {_n}")))
    one, other = Answer.objects.order_by("pk")
    Answer.objects.filter(pk=other.pk).update(body_sha256="f" * 64)

    assert rows(operator, "answer", q=one.sha256) == [one]
    assert rows(operator, "answer", q=one.sha256[:20].upper()) == [one]
    assert rows(operator, "answer", q="f" * 64) == [other]
    assert rows(operator, "answer", q=one.sha256[:-1] + "x") == []
    assert rows(operator, "answer", kind="snapshot") == [other, one]
    assert rows(operator, "answer", kind="not-known") == []


def test_links_and_subscriptions_are_found_by_number_and_address(
    operator: Client, merchant: Merchant
) -> None:
    parcel, other = a_shipment(merchant), a_shipment(merchant)
    link = PrivateLink.objects.make(parcel)
    PrivateLink.objects.make(other)
    subscription = subscribed(parcel, email="Ada@example.com")
    subscribed(other, email="bo@example.com")

    assert rows(operator, "privatelink", q=parcel.number) == [link]
    assert rows(operator, "subscription", q=parcel.number) == [subscription]
    assert rows(operator, "subscription", q="ada@EXAMPLE.com") == [subscription]
    assert rows(operator, "subscription", q="example.com") == []


def test_links_are_told_apart_by_whether_they_were_revoked(operator: Client, merchant: Merchant) -> None:
    working, revoked = (PrivateLink.objects.make(a_shipment(merchant)) for _n in range(2))
    revoked.revoke(timezone.now() - timedelta(hours=1))

    assert rows(operator, "privatelink", revoked_at__isnull="True") == [working]
    assert rows(operator, "privatelink", revoked_at__isnull="False") == [revoked]


def test_nobody_is_led_to_a_private_link(operator: Client, merchant: Merchant) -> None:
    link = PrivateLink.objects.make(a_shipment(merchant))
    page = operator.get(reverse("admin:shipments_privatelink_change", args=[link.pk])).content.decode()

    assert "View on site" not in page
    assert link.token not in page


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("status__exact=Nonsense", 200),
        ("p=9999", 200),
        ("p=x", 200),
        ("o=1.2", 200),
        ("status__exact=%00", 400),
        ("q=%00", 400),
        ("merchant__id__exact=99999999999999999999", 200),
    ],
)
def test_senseless_addresses_are_no_errors_of_ours(
    operator: Client, merchant: Merchant, asked: str, status: int
) -> None:
    a_shipment(merchant)
    assert operator.get(f"{reverse('admin:shipments_shipment_changelist')}?{asked}").status_code == status


def test_a_row_no_text_can_name_is_no_error_of_ours(operator: Client) -> None:
    page = reverse("admin:shipments_carrier_change", args=["USPS"]).replace("USPS", "%00")
    assert operator.get(page).status_code == 400
