"""Statements on pages: made, printed, saved, and checked by anybody."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from shipments.facts.statements import new_number
from shipments.models import AuditEntry, Merchant, PrivateLink, Proof, Shipment, Statement, User
from shipments.tracking.statements import state
from shipments.web import statements
from tests.factories import (
    ACCEPTED,
    DELIVERED,
    DENVER,
    LABEL,
    OLNEY,
    a_kept_picture,
    a_scan,
    a_shipment,
    a_snapshot,
    ingested,
    posted,
)

pytestmark = pytest.mark.django_db

NUMBER = "9400111899223197428490"
NOW = datetime(2026, 3, 7, 8, 30, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


@pytest.fixture
def parcel(merchant: Merchant) -> Shipment:
    shipment = a_shipment(merchant, number=NUMBER, order_number="ORDER-1001", recipient_name="Jane Recipient")
    wrong = a_scan("2026-03-04 08:00", "10", "Arrived at Facility", place=DENVER)
    ingested(shipment, a_snapshot(wrong, a_scan(*ACCEPTED), a_scan(*LABEL), number=NUMBER))
    ingested(
        shipment,
        a_snapshot(
            a_scan(*DELIVERED, place=OLNEY),
            a_scan(*ACCEPTED, offset="-07:00"),
            a_scan(*LABEL),
            number=NUMBER,
            delivered=posted("2026-03-05 14:05"),
            delivery_description="Delivered, Front Door/Porch",
            signed_by="R. EXAMPLE",
            delivery_proof_url="https://carrier.example/proof/77",
        ),
        minute=10,
    )
    shipment.refresh_from_db()
    a_kept_picture(shipment, fetched_at=NOW)
    return shipment


@pytest.fixture
def link(parcel: Shipment) -> str:
    return PrivateLink.objects.make(parcel).get_absolute_url()


def text_of(response: Any) -> str:
    main = response.content.decode().split("<main", 1)[-1].split("</main>", 1)[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


def a_statement(parcel: Shipment, *, is_for_buyer: bool = True) -> Statement:
    return state(parcel, by=None, is_for_buyer=is_for_buyer, now=NOW)[0]


# ---- Made


def test_looking_makes_nothing_and_the_button_makes_one(client: Client, link: str) -> None:
    assert client.get(f"{link}/statement").status_code == 200
    assert Statement.objects.exists() is False

    response = client.post(f"{link}/statement")

    statement = Statement.objects.get()
    assert response["Location"] == f"{link}/statement/{statement.number}"
    assert (statement.is_for_buyer, statement.made_by) == (True, None)
    again = client.post(f"{link}/statement")
    assert again["Location"] == response["Location"]
    assert statement.number in text_of(client.get(f"{link}/statement"))


def test_a_viewer_makes_one_and_the_audit_knows(
    parcel: Shipment, bob: User, signed_in: Callable[[User], Client]
) -> None:
    where = f"/app/alpine/shipments/{parcel.public_id}/statement/"
    client = signed_in(bob)
    for _time in range(2):
        response = client.post(where)
    statement = Statement.objects.get()
    assert response["Location"] == f"{where}{statement.number}/"
    entry = AuditEntry.objects.get(verb="made a statement")
    assert entry.after == {"number": statement.number}
    listed = text_of(client.get(where))
    assert statement.number in listed
    assert "bob@example.com" in listed


def test_statements_are_not_made_without_end(client: Client, link: str) -> None:
    statuses = [client.post(f"{link}/statement").status_code for _try in range(21)]
    assert (statuses.count(302), statuses[-1]) == (20, 429)


# ---- Printed


def test_a_statement_shows_all_scans_and_how_each_time_is_known(
    client: Client, parcel: Shipment, link: str
) -> None:
    statement = a_statement(parcel)
    response = client.get(f"{link}/statement/{statement.number}")
    text = text_of(response)

    assert response["X-Robots-Tag"] == "noindex"
    assert f"Proof statement {statement.number}" in text
    assert "Made for Alpine Outfitters on 7 March 2026, 08:30:20 UTC" in text
    assert "Thursday, 5 March 2026, 2:05 pm Eastern Time (UTC−5) time zone of the place Delivered" in text
    assert "Monday, 2 March 2026, 5:40 pm" in text
    assert "time zone told by the carrier" in text
    assert "Taken back by the carrier: no longer in its answer of 6 March 2026, 12:10:00 UTC" in text
    assert "Signed by R. EXAMPLE" in text
    picture = Proof.objects.get().picture
    assert picture is not None
    assert f'src="{link}/proof/{picture.sha256}"' in response.content.decode()
    assert picture.original_sha256 in text
    for answer in statement.content["answers"]:
        assert answer["sha256"] in text
    assert f"http://testserver/verify/{statement.number}" in text
    assert statement.digest in text.replace(" ", "")
    assert "Jane Recipient" not in text


def test_staff_see_the_order_and_the_recipient(
    parcel: Shipment, bob: User, signed_in: Callable[[User], Client]
) -> None:
    statement = a_statement(parcel, is_for_buyer=False)
    where = f"/app/alpine/shipments/{parcel.public_id}/statement/{statement.number}/"
    text = text_of(signed_in(bob).get(where))
    assert "Order ORDER-1001 Recipient Jane Recipient" in text


def test_the_same_statement_reads_the_same_later(client: Client, parcel: Shipment, link: str) -> None:
    statement = a_statement(parcel)
    where = f"{link}/statement/{statement.number}"
    before = text_of(client.get(where))
    ingested(parcel, a_snapshot(a_scan(*LABEL), number=NUMBER, signed_by="SOMEBODY ELSE"), minute=60)
    Merchant.objects.update(name="Another Name")
    assert text_of(client.get(where)) == before


def test_a_picture_that_is_gone_leaves_its_digests(client: Client, parcel: Shipment, link: str) -> None:
    statement = a_statement(parcel)
    Proof.objects.set_aside(NOW)
    text = text_of(client.get(f"{link}/statement/{statement.number}"))
    assert "This picture is no longer kept. Its digests remain." in text
    assert statement.content["pictures"][0]["original_sha256"] in text


def test_a_link_does_not_open_the_merchants_statements_or_those_of_others(
    client: Client, parcel: Shipment, link: str
) -> None:
    merchants = a_statement(parcel, is_for_buyer=False)
    others = a_statement(a_shipment())
    for statement in (merchants, others):
        for ending in ("", ".json"):
            assert client.get(f"{link}/statement/{statement.number}{ending}").status_code == 404
    assert client.get(f"{link}/statement/nonsense").status_code == 404


def test_the_file_is_what_was_digested(
    client: Client, parcel: Shipment, link: str, bob: User, signed_in: Callable[[User], Client]
) -> None:
    statement = a_statement(parcel)
    member = f"/app/alpine/shipments/{parcel.public_id}/statement/{statement.number}.json"
    for response in (
        client.get(f"{link}/statement/{statement.number}.json"),
        signed_in(bob).get(member),
    ):
        assert response["Content-Type"] == "application/json"
        assert response["Content-Disposition"] == f'attachment; filename="{statement.number}.json"'
        assert sha256(response.content).hexdigest() == statement.digest
        assert json.loads(response.content)["parcel"]["tracking_number"] == NUMBER


def test_a_statement_made_under_a_wrong_carrier_is_no_longer_the_buyers(
    client: Client, parcel: Shipment, link: str
) -> None:
    wrong = a_statement(parcel)
    where = f"{link}/statement/{wrong.number}"
    assert client.get(where).status_code == 200

    Shipment.objects.update(carrier_corrected_at=NOW)
    right = state(parcel, by=None, is_for_buyer=True, now=NOW + timedelta(hours=1))[0]

    assert [client.get(f"{where}{ending}").status_code for ending in ("", ".json")] == [404, 404]
    listed = client.get(f"{link}/statement").content.decode()
    assert (wrong.number in listed, right.number in listed) == (False, True)
    # Whoever has a copy can still check it.
    checked = client.get("/verify", {"number": wrong.number, "digest": wrong.digest})
    assert FITS in text_of(checked)


def test_an_erased_statement_is_not_shown(client: Client, parcel: Shipment, link: str) -> None:
    statement = a_statement(parcel)
    Statement.objects.all().erase()
    assert client.get(f"{link}/statement/{statement.number}").status_code == 404
    assert statement.number not in text_of(client.get(f"{link}/statement"))


# ---- Checked

FITS = "Yes: we made it, and it is unchanged."
CHANGED = "No: number and digest do not belong together."
NONE = "No: there is no statement with this number."


def test_number_and_digest_are_checked_however_they_are_typed(client: Client, parcel: Shipment) -> None:
    statement = a_statement(parcel)
    grouped = " ".join(statement.digest[at : at + 8] for at in range(0, 64, 8)).upper()
    response = client.get(
        "/verify", {"number": statement.number.lower().replace("-", " "), "digest": grouped}
    )
    text = text_of(response)

    assert (response.status_code, response["X-Robots-Tag"]) == (200, "noindex")
    assert FITS in text
    assert "Made 7 March 2026, 08:30:20 UTC Carrier USPS Tracking number ends in 8490" in text
    assert "Status Delivered, Thursday, 5 March 2026" in text
    for private in ("R. EXAMPLE", "Jane", "ORDER", "Alpine", "Olney", "Porch", NUMBER):
        assert private not in text


def test_it_is_checked_after_the_parcel_is_gone(client: Client, parcel: Shipment) -> None:
    statement = a_statement(parcel)
    Shipment.objects.all().delete()
    text = text_of(client.get(f"/verify/{statement.number}", {"digest": statement.digest}))
    assert FITS in text
    assert "The parcel's data have been erased since." in text


def test_another_digest_is_a_changed_statement_and_tells_nothing_of_it(
    client: Client, parcel: Shipment
) -> None:
    statement = a_statement(parcel)
    response = client.get(f"/verify/{statement.number}", {"digest": "0" * 64})
    text = text_of(response)
    assert (response.status_code, CHANGED in text) == (200, True)
    assert "USPS" not in text
    assert statement.digest not in text


def test_a_number_nobody_made_is_said_to_be_none(client: Client) -> None:
    from shipments.facts.statements import new_number

    response = client.get("/verify", {"number": new_number(), "digest": "0" * 64})
    assert (response.status_code, NONE in text_of(response)) == (404, True)


def test_the_address_of_a_statement_tells_nothing_before_its_digest_is_typed(
    client: Client, parcel: Shipment
) -> None:
    statement = a_statement(parcel)
    there = client.get(f"/verify/{statement.number}").content.decode()
    nowhere = client.get("/verify/PS-0000-0000-0000-0000").content.decode()

    def without_token(page: str) -> str:
        return re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", page)

    assert without_token(there).replace(statement.number, "#") == without_token(nowhere).replace(
        "PS-0000-0000-0000-0000", "#"
    )


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ({"number": "PS-1234", "digest": "0" * 64}, "This is no number of a statement"),
        ({"number": "<script>alert(1)</script>", "digest": "0" * 64}, "This is no number of a statement"),
        ({"number": "PS-0000-0000-0000-0000", "digest": "xyz"}, "A digest has 64 signs"),
        ({"number": "\x00" * 50, "digest": "\x00"}, "A digest has 64 signs"),
        ({"number": "PS-0000-0000-0000-0000", "digest": "é" * 9000}, "A digest has 64 signs"),
    ],
)
def test_what_cannot_be_checked_is_said_at_the_field(
    client: Client, typed: dict[str, str], problem: str
) -> None:
    response = client.get("/verify", typed)
    assert (response.status_code, problem in text_of(response)) == (400, True)
    assert b"<script>alert" not in response.content


def test_a_file_is_checked_and_a_changed_one_is_seen(client: Client, parcel: Shipment) -> None:
    statement = a_statement(parcel)
    content = (statement.document or "").encode()

    def check(sent: bytes) -> str:
        return text_of(client.post("/verify", {"file": SimpleUploadedFile("s.json", sent)}))

    assert FITS in check(content)
    assert CHANGED in check(content.replace(b"R. EXAMPLE", b"S. EXAMPLE"))
    assert CHANGED in check(content + b"\n")
    assert CHANGED in check(json.dumps(json.loads(content), indent=2).encode())


def test_a_carriers_words_are_not_taken_for_the_number_of_the_file(client: Client, parcel: Shipment) -> None:
    other = new_number()
    Shipment.objects.update(delivery_description=f'"number":"{other}"')
    statement = a_statement(parcel)
    content = (statement.document or "").encode()

    assert other.encode() in content
    assert FITS in text_of(client.post("/verify", {"file": SimpleUploadedFile("s.json", content)}))


@pytest.mark.parametrize(
    "sent", [b"", b"nonsense", b"[]", b'{"number": 7}', b'{"number":"PS-1"}', b"[" * 100_000, b"\xff\xfe"]
)
def test_what_is_no_statements_file_is_refused(client: Client, sent: bytes) -> None:
    response = client.post("/verify", {"file": SimpleUploadedFile("s.json", sent)})
    assert (response.status_code, "This is no file of a statement." in text_of(response)) == (400, True)


def test_a_file_that_is_too_large_is_not_read(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "MOST_UPLOADED", 1000)
    for size in (1_500, 6_000):
        response = client.post("/verify", {"file": SimpleUploadedFile("s.json", b" " * size)})
        assert response.status_code == 400
    assert client.post("/verify").status_code == 400


def test_checks_are_not_made_without_end(client: Client) -> None:
    asked = {"number": "PS-0000-0000-0000-0000", "digest": "0" * 64}
    statuses = [client.get("/verify", asked).status_code for _try in range(31)]
    assert (statuses[-2], statuses[-1]) == (404, 429)
    # The form itself can still be had.
    assert client.get("/verify").status_code == 200


def test_a_clock_that_moves_changes_nothing_of_a_statement(
    client: Client, parcel: Shipment, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = a_statement(parcel)
    where = f"{link}/statement/{statement.number}"
    PrivateLink.objects.update(expires_at=None)
    before = text_of(client.get(where))
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW + timedelta(days=500))
    assert text_of(client.get(where)) == before
