"""A parcel put right by people on its page, and started again where its number was used twice."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from shipments.enums import Lifecycle, Status
from shipments.models import (
    Merchant,
    Shipment,
    User,
)
from shipments.web.forms_parcel import CorrectionForm
from tests.factories import (
    DELIVERED,
    LABEL,
    OLNEY,
    a_scan,
    a_shipment,
    a_snapshot,
    ingested,
)
from tests.web.parcel_page import NUMBER, a_named_parcel, deeds, page_of, url

pytestmark = pytest.mark.django_db


Commits = Callable[..., Any]


@pytest.fixture
def parcel(merchant: Merchant) -> Shipment:
    return a_named_parcel(merchant)


# ---- Correcting


def corrected(shipment: Shipment, **said: str) -> dict[str, str]:
    """What the form sends that is made from the parcel as it is; `proof_due` is not ticked."""
    values = CorrectionForm.values_of(Shipment.objects.get(pk=shipment.pk))
    del values["proof_due"]
    return {**values, **said}


def test_the_form_shows_what_is_known(manager: Client, parcel: Shipment) -> None:
    page = page_of(manager, parcel, "correct/")

    assert '<option value="USPS" selected>' in page
    assert 'name="recipient_name" value="Rosa Invented"' in page


def test_a_correction_is_kept_written_down_and_the_carrier_asked(
    manager: Client, mary: User, parcel: Shipment, django_capture_on_commit_callbacks: Commits
) -> None:
    with django_capture_on_commit_callbacks() as nudges:
        response = manager.post(
            url(parcel, "correct/"), corrected(parcel, carrier="NEWGISTICS", recipient_name="Ana Invented")
        )

    assert response.headers["Location"] == url(parcel)
    parcel.refresh_from_db()
    assert (parcel.carrier_id, parcel.status, parcel.recipient_name) == (
        "NEWGISTICS",
        Status.UNKNOWN,
        "Ana Invented",
    )
    # The carrier is asked, and attention reviewed.
    assert len(nudges) == 2
    assert deeds() == [
        (
            "changed",
            {"carrier": "USPS", "recipient_name": "•••"},
            {"carrier": "NEWGISTICS", "recipient_name": "•••"},
        )
    ]
    page = page_of(manager, parcel)
    assert "3 scans set aside" in page
    assert page.count("Of the carrier that this parcel was given to before") == 3


def test_a_correction_of_nothing_is_no_deed(manager: Client, parcel: Shipment) -> None:
    assert manager.post(url(parcel, "correct/"), corrected(parcel)).status_code == 302
    assert deeds() == []


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ({"carrier": "UPS", "gateway": "usps"}, "Carrier UPS is not asked about through usps"),
        ({"postal_code": "8020"}, "A ZIP Code is five digits"),
        ({"mailing_date": "yesterday"}, "A mailing date is a day written as 2026-01-31."),
        ({"carrier": "DHL"}, "Select a valid choice."),
    ],
)
def test_a_correction_that_is_refused_is_marked_at_its_field_and_loses_nothing(
    manager: Client, parcel: Shipment, said: dict[str, str], rule: str
) -> None:
    response = manager.post(url(parcel, "correct/"), corrected(parcel, **said, order_number="B-88"))

    page = response.content.decode()
    assert response.status_code == 400
    assert rule in page
    assert 'aria-invalid="true"' in page
    assert 'name="order_number" value="B-88"' in page
    parcel.refresh_from_db()
    assert (parcel.order_number, deeds()) == ("A-77", [])


def test_a_double_is_pointed_at(manager: Client, parcel: Shipment) -> None:
    there = a_shipment(parcel.merchant, number=NUMBER, carrier="NEWGISTICS")

    response = manager.post(url(parcel, "correct/"), corrected(parcel, carrier="NEWGISTICS"))

    page = response.content.decode()
    assert response.status_code == 400
    assert "You have a parcel of this carrier with this number already." in page
    assert f'<a href="{url(there)}">Open that parcel</a>' in page


# ---- Two people correct one parcel


def errors_of(response: Any) -> list[str]:
    return list(response.context["form"].non_field_errors())


def test_who_comes_second_is_told_what_the_first_changed_and_loses_nothing_typed(
    manager: Client, alice: User, signed_in: Callable[[User], Client], parcel: Shipment
) -> None:
    User.objects.filter(pk=alice.pk).update(name="Alice Alpine")
    mine = corrected(parcel, order_number="B-88", recipient_name="Ana Invented")
    signed_in(alice).post(
        url(parcel, "correct/"),
        corrected(parcel, order_number="<b>C-99", proof_due="on", postal_code="80202"),
    )
    alices = deeds()

    response = manager.post(url(parcel, "correct/"), mine)

    assert response.status_code == 409
    assert errors_of(response) == [
        "Alice Alpine set the destination postal code to 80202.",
        "Alice Alpine changed the order from A-77 to <b>C-99.",
        "Alice Alpine changed the proof due from no to yes.",
        "What you typed stands below. Look at both, and keep your changes again to have them so.",
    ]
    page = response.content.decode()
    assert "from A-77 to &lt;b&gt;C-99." in page
    parcel.refresh_from_db()
    assert (parcel.order_number, parcel.recipient_name) == ("<b>C-99", "Rosa Invented")
    assert deeds() == alices
    # What was typed stays; what was left alone follows Alice, so that sending it again undoes nothing of hers unseen.
    again = response.context["form"]
    shown = {name: again[name].value() for name in again.fields if name != "made_from"}
    assert shown == {
        "carrier": "USPS",
        "gateway": "",
        "mailing_date": "",
        "postal_code": "80202",
        "order_number": "B-88",
        "recipient_name": "Ana Invented",
        "proof_due": True,
    }

    sent = {name: value for name, value in shown.items() if name != "proof_due"}
    made_from = again["made_from"].value()
    response = manager.post(url(parcel, "correct/"), {**sent, "proof_due": "on", "made_from": made_from})

    assert response.headers["Location"] == url(parcel)
    parcel.refresh_from_db()
    assert (parcel.order_number, parcel.recipient_name, parcel.proof_due) == ("B-88", "Ana Invented", True)
    assert parcel.destination_postal_code == "80202"


def test_a_corrected_carrier_is_among_what_is_told(
    manager: Client, alice: User, signed_in: Callable[[User], Client], parcel: Shipment
) -> None:
    mine = corrected(parcel, mailing_date="2026-03-01")
    signed_in(alice).post(url(parcel, "correct/"), corrected(parcel, carrier="NEWGISTICS"))

    response = manager.post(url(parcel, "correct/"), mine)

    assert response.status_code == 409
    assert errors_of(response)[0] == "alice@example.com changed the carrier from USPS to NEWGISTICS."
    parcel.refresh_from_db()
    assert (parcel.carrier_id, parcel.mailing_date) == ("NEWGISTICS", None)
    assert response.context["form"]["carrier"].value() == "NEWGISTICS"


def test_what_an_answer_has_filled_in_meanwhile_is_not_emptied(manager: Client, parcel: Shipment) -> None:
    Shipment.objects.update(destination_postal_code="")
    mine = corrected(parcel, order_number="B-88")
    Shipment.objects.update(destination_postal_code="20832")

    response = manager.post(url(parcel, "correct/"), mine)

    assert errors_of(response)[0] == "An answer of the carrier set the destination postal code to 20832."
    assert response.context["form"]["postal_code"].value() == "20832"
    parcel.refresh_from_db()
    assert (parcel.order_number, parcel.destination_postal_code) == ("A-77", "20832")


def test_news_of_the_parcel_are_no_reason_to_refuse(manager: Client, parcel: Shipment) -> None:
    mine = corrected(parcel, order_number="B-88")
    ingested(parcel, a_snapshot(a_scan(*DELIVERED, place=OLNEY), a_scan(*LABEL)), minute=9)

    assert manager.post(url(parcel, "correct/"), mine).status_code == 302
    parcel.refresh_from_db()
    assert parcel.order_number == "B-88"


@pytest.mark.parametrize(
    "made_from",
    ["", "{}", "[]", "null", "1", "[" * 3000, '{"carrier": "USPS"}', "9" * 5000, "x"],
)
def test_a_form_that_does_not_say_what_it_was_made_from_changes_nothing(
    manager: Client, parcel: Shipment, made_from: str
) -> None:
    response = manager.post(
        url(parcel, "correct/"), corrected(parcel, order_number="B-88", made_from=made_from)
    )

    assert response.status_code == 400
    page = response.content.decode()
    assert "This page does not say what it was made from." in page
    assert 'name="order_number" value="B-88"' in page
    parcel.refresh_from_db()
    assert parcel.order_number == "A-77"


@pytest.mark.django_db(transaction=True)
def test_of_two_corrections_at_the_same_moment_one_is_kept_and_one_refused(
    merchant: Merchant, mary: User, alice: User
) -> None:
    shipment = a_shipment(merchant, order_number="A-77")
    together = threading.Barrier(2)
    clients = {}
    for person in (mary, alice):
        clients[person.pk] = Client()
        clients[person.pk].force_login(person)
    sent = {
        person.pk: corrected(shipment, **{field: f"of {person.pk}"})
        for person, field in ((mary, "order_number"), (alice, "recipient_name"))
    }

    def post(pk: int) -> int:
        try:
            together.wait(60)
            return int(clients[pk].post(url(shipment, "correct/"), sent[pk]).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(post, clients)) == [302, 409]

    shipment.refresh_from_db()
    kept = {
        ("A-77", f"of {alice.pk}"),
        (f"of {mary.pk}", ""),
    }
    assert (shipment.order_number, shipment.recipient_name) in kept
    assert len(deeds()) == 1


# ---- A number used again


def test_a_new_parcel_is_started_with_the_same_number_and_both_point_at_each_other(
    manager: Client, parcel: Shipment, django_capture_on_commit_callbacks: Commits
) -> None:
    assert "parcels with this number" not in page_of(manager, parcel)

    with django_capture_on_commit_callbacks() as nudges:
        response = manager.post(
            url(parcel, "new-parcel/"), {"mailing_date": "2026-06-01", "postal_code": "80202-1234"}
        )

    new = Shipment.objects.get(instance=2)
    parcel.refresh_from_db()
    assert response.headers["Location"] == url(new)
    assert (new.number, new.mailing_date, new.destination_postal_code) == (NUMBER, date(2026, 6, 1), "80202")
    assert (parcel.lifecycle, parcel.status) == (Lifecycle.ENDED, Status.DELIVERED)
    # The carrier is asked, and attention reviewed.
    assert len(nudges) == 2
    assert [verb for verb, _before, _after in deeds()] == ["started again", "added"]
    assert "2 parcels with this number:" in page_of(manager, parcel)
    assert f'<a href="{url(new)}">the 2.,' in page_of(manager, parcel)
    assert f'<a href="{url(parcel)}">the 1.,' in page_of(manager, new)


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ({}, "Say when the new parcel was mailed: that tells the two apart."),
        ({"mailing_date": "soon"}, "A mailing date is a day written as 2026-01-31."),
        ({"mailing_date": "2026-03-01"}, "This parcel was mailed on 2026-03-02"),
        ({"mailing_date": "2026-06-01", "postal_code": "8"}, "A ZIP Code is five digits"),
    ],
)
def test_a_new_parcel_that_cannot_be_is_refused_at_its_field(
    manager: Client, parcel: Shipment, said: dict[str, str], rule: str
) -> None:
    Shipment.objects.update(mailing_date=date(2026, 3, 2))

    response = manager.post(url(parcel, "new-parcel/"), {**said, "order_number": "B-88"})

    page = response.content.decode()
    assert response.status_code == 400
    assert rule in page
    assert 'name="order_number" value="B-88"' in page
    assert (Shipment.objects.count(), deeds()) == (1, [])


def test_the_second_click_is_pointed_at_what_the_first_one_made(manager: Client, parcel: Shipment) -> None:
    manager.post(url(parcel, "new-parcel/"), {"mailing_date": "2026-06-01"})

    response = manager.post(url(parcel, "new-parcel/"), {"mailing_date": "2026-06-01"})

    page = response.content.decode()
    assert "There is a parcel with this number and mailing date already." in page
    assert f'<a href="{url(Shipment.objects.get(instance=2))}">Open that parcel</a>' in page
    assert Shipment.objects.count() == 2
