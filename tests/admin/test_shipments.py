"""Parcels, answers and the audit in the back-office: to look at, to find, never to change."""

from collections.abc import Callable
from datetime import date, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from shipments.carriers.errors import UnreadableAnswer
from shipments.facts.times import DeliveryEstimate
from shipments.models import (
    Answer,
    AuditEntry,
    Heartbeat,
    Merchant,
    PrivateLink,
    Shipment,
    UnrecognisedCode,
    User,
)
from shipments.tracking.ingest import Observation, ingest
from tests.factories import (
    ACCEPTED,
    DELIVERED,
    OLNEY,
    a_merchant,
    a_person,
    a_scan,
    a_shipment,
    a_snapshot,
    an_account,
    an_outcome,
    ingested,
    posted,
)

pytestmark = pytest.mark.django_db

NUMBER = "9405509898641500000146"


@pytest.fixture
def operator(signed_in: Callable[[User], Client]) -> Client:
    return signed_in(a_person("operator@example.com", is_staff=True, is_superuser=True))


@pytest.fixture
def shipment(merchant: Merchant) -> Shipment:
    shipment = a_shipment(merchant, number=NUMBER, order_number="PO-77")
    ingested(shipment, a_snapshot(a_scan(*DELIVERED, place=OLNEY), a_scan(*ACCEPTED)))
    ingested(shipment, a_snapshot(a_scan(*ACCEPTED)), minute=5)
    return shipment


def page(row: Any, name: str = "change") -> str:
    return reverse(f"admin:shipments_{row._meta.model_name}_{name}", args=[row.pk])


def found(browser: Client, words: str, model: str = "shipment") -> list[Any]:
    response = browser.get(reverse(f"admin:shipments_{model}_changelist"), {"q": words})
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


def test_a_parcels_page_shows_its_scans_answers_and_watch(operator: Client, shipment: Shipment) -> None:
    an_error = UnreadableAnswer("The answer is no JSON.", kept=b"<html>")
    ingested(shipment, an_error, minute=9)

    shown = operator.get(page(shipment)).content.decode()

    assert "2026-03-05 14:05:00 -05:00" in shown
    assert "Delivered, Front Door/Porch" in shown
    assert shown.rindex("Delivered, Front Door/Porch") < shown.rindex("USPS in possession of item")
    assert "The answer is no JSON. The raw answer was kept. Asked again later." in shown
    answers = Answer.objects.filter(shipment=shipment)
    assert len(answers) == 3
    for answer in answers:
        assert page(answer) in shown


def test_a_parcels_moments_are_on_the_clock_of_the_place(operator: Client, merchant: Merchant) -> None:
    shipment = a_shipment(merchant)
    ingested(
        shipment,
        a_snapshot(
            a_scan(*DELIVERED, place=OLNEY),
            shipped=posted("2026-03-02"),
            estimate=DeliveryEstimate(date(2026, 3, 6), time(9), time(12, 30)),
            delivered=posted("2026-03-05 14:05"),
            reattempt=posted("2026-03-04 10:00", "-05:00"),
        ),
    )

    response = operator.get(page(shipment))

    shown = {
        name: field.contents()
        for fieldset in response.context["adminform"]
        for line in fieldset
        for field in line
        if (name := field.field["name"]) in {"shipped", "estimated", "delivered", "reattempt", "updated"}
    }
    assert shown == {
        "shipped": "2026-03-02",
        "estimated": "2026-03-06 09:00–12:30",
        "delivered": "2026-03-05 14:05:00 -05:00",
        "reattempt": "2026-03-04 10:00:00 -05:00",
        "updated": "-",
    }


def test_an_answer_is_shown_as_text(operator: Client, shipment: Shipment) -> None:
    ingested(shipment, a_snapshot(), minute=7)
    outcome = an_outcome(shipment, part=b'{"note": "<script>alert(1)</script>"}')
    ingest([Observation(outcome, an_account(shipment.merchant))], now=outcome.fetched_at)
    answer = Answer.objects.get(size=len(outcome.part or b""))

    shown = operator.get(page(answer)).content.decode()

    assert ">{&quot;note&quot;: &quot;&lt;script&gt;alert(1)&lt;/script&gt;&quot;}</pre>" in shown
    assert answer.sha256 in shown


@pytest.mark.parametrize(
    "words", [NUMBER, "9405 5098 9864 1500 0001 46", f"42020832{NUMBER}", "000146", "po-77"]
)
def test_a_parcel_is_found_by_its_number_in_any_form_or_by_its_order(
    operator: Client, shipment: Shipment, words: str
) -> None:
    a_shipment(shipment.merchant)

    assert found(operator, words) == [shipment]


@pytest.mark.parametrize("words", ["9405 5098", "nothing like it", "!?"])
def test_what_fits_nothing_finds_nothing(operator: Client, shipment: Shipment, words: str) -> None:
    a_shipment(shipment.merchant, number="1Z0927XA0340576884", carrier="UPS")

    assert found(operator, words) == ([shipment] if words.startswith("9405") else [])


def test_nothing_can_be_added_changed_or_deleted(operator: Client, shipment: Shipment) -> None:
    PrivateLink.objects.make(shipment)
    AuditEntry.objects.record("added", shipment, source="page")
    Heartbeat.objects.beat(timezone.now())
    rows = [
        shipment,
        Answer.objects.first(),
        PrivateLink.objects.get(),
        AuditEntry.objects.get(),
        Heartbeat.objects.get(),
    ]

    for row in rows:
        assert row is not None
        model = row._meta.model_name
        assert operator.get(reverse(f"admin:shipments_{model}_add")).status_code == 403
        assert operator.get(page(row)).status_code == 200
        assert operator.post(page(row), {"status": "Delivered"}).status_code == 403
        assert operator.post(page(row, "delete"), {"post": "yes"}).status_code == 403
        assert type(row)._default_manager.filter(pk=row.pk).exists() is True
    assert AuditEntry.objects.count() == 1


def test_audit_entries_are_found_by_person_merchant_row_and_verb(
    operator: Client, merchant: Merchant, shipment: Shipment, alice: User
) -> None:
    mine = AuditEntry.objects.record("added", shipment, by=alice, source="page", merchant=merchant)
    other = AuditEntry.objects.record("changed", a_merchant(slug="bayside"), source="command")

    for words, entries in {
        "Alice@example.com": [mine],
        "alpine": [mine],
        "shipments.Merchant": [other],
        f"shipments.Shipment {shipment.pk}": [mine],
        "changed": [other],
        "alpine changed": [],
        "": [other, mine],
    }.items():
        assert found(operator, words, "auditentry") == entries, words
    response = operator.get(reverse("admin:shipments_auditentry_changelist"), {"source": "command"})
    assert list(response.context["cl"].result_list) == [other]


def test_an_entry_of_somebody_who_is_gone_can_still_be_read(operator: Client, merchant: Merchant) -> None:
    gone = a_person("gone@example.com")
    entry = AuditEntry.objects.record("added", merchant, by=gone, source="page", merchant=merchant)
    pk = gone.pk
    gone.delete()

    assert f"#{pk}" in operator.get(page(entry)).content.decode()


def test_the_pulse_says_how_old_it_is(operator: Client) -> None:
    Heartbeat.objects.beat(timezone.now() - timedelta(hours=3))

    shown = operator.get(reverse("admin:shipments_heartbeat_changelist")).content.decode()

    assert "3\xa0hours" in shown


LISTS = [
    "answer", "auditentry", "carrier", "carrieraccount", "heartbeat", "merchant", "privatelink", "shipment", "statusmapping",
    "unrecognisedcode", "user",
]  # fmt: skip


def fill(merchant: Merchant) -> None:
    """One more row for every list."""
    shipment = a_shipment(a_merchant())
    ingested(shipment, a_snapshot(a_scan(*ACCEPTED), a_scan("2026-03-03 10:00", "ZZ", shipment.number, None)))
    PrivateLink.objects.make(shipment, by=a_person(f"{shipment.number}@example.com"))
    AuditEntry.objects.record("added", shipment, by=User.objects.first(), source="page", merchant=merchant)


@pytest.mark.parametrize("model", LISTS)
def test_a_list_costs_the_same_number_of_queries_however_long_it_is(
    operator: Client, merchant: Merchant, model: str
) -> None:
    counts = []
    for _ in range(2):
        for _ in range(2):
            fill(merchant)
        with CaptureQueriesContext(connection) as queries:
            assert operator.get(reverse(f"admin:shipments_{model}_changelist")).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_a_parcels_page_costs_the_same_number_of_queries_however_long_its_story_is(
    operator: Client, merchant: Merchant
) -> None:
    # What Django looks up once per process is not counted.
    operator.get(page(a_shipment(merchant)))
    counts = []
    for scans in (1, 9):
        shipment = a_shipment(merchant)
        for minute in range(scans):
            story = [a_scan(f"2026-03-02 10:{at:02}", "03", f"Scan {at}") for at in range(minute + 1)]
            ingested(shipment, a_snapshot(*story), minute=minute)
        with CaptureQueriesContext(connection) as queries:
            assert operator.get(page(shipment)).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1]


@pytest.mark.parametrize("model", ["answer", "auditentry", "privatelink", "shipment"])
def test_no_list_counts_a_whole_large_table(operator: Client, merchant: Merchant, model: str) -> None:
    fill(merchant)

    with CaptureQueriesContext(connection) as queries:
        operator.get(reverse(f"admin:shipments_{model}_changelist"))

    counting = [
        query["sql"] for query in queries if f"shipments_{model}" in query["sql"] and "COUNT(" in query["sql"]
    ]
    assert counting
    assert all("LIMIT 5000" in sql for sql in counting)


def test_lists_of_answers_leave_the_bodies_in_the_database(
    operator: Client, merchant: Merchant, shipment: Shipment
) -> None:
    for address in (reverse("admin:shipments_answer_changelist"), page(shipment)):
        with CaptureQueriesContext(connection) as queries:
            operator.get(address)
        assert [query["sql"] for query in queries if '"shipments_answer"."body",' in query["sql"]] == []


@pytest.mark.parametrize("model", LISTS)
def test_only_staff_get_in(bob: User, signed_in: Callable[[User], Client], model: str) -> None:
    address = reverse(f"admin:shipments_{model}_changelist")

    assert signed_in(bob).get(address).status_code in {302, 403}
    assert Client().get(address).status_code == 302
    staff_without_permissions = a_person("staff@example.com", is_staff=True)
    assert signed_in(staff_without_permissions).get(address).status_code == 403


def test_the_strict_policy_holds_and_nothing_of_ours_is_inline(operator: Client, shipment: Shipment) -> None:
    account = an_account(shipment.merchant)

    for row in (shipment, account, Answer.objects.filter(shipment=shipment)[0]):
        response = operator.get(page(row))
        assert "script-src 'self'" in response["Content-Security-Policy"]
        shown = response.content.decode()
        assert "<script>" not in shown
        assert " onclick=" not in shown
        assert " style=" not in shown


def test_an_unrecognised_code_links_to_its_carrier_by_name(operator: Client, merchant: Merchant) -> None:
    fill(merchant)

    code = UnrecognisedCode.objects.get()
    assert code.code == "ZZ"
    assert found(operator, code.text, "unrecognisedcode") == [code]
