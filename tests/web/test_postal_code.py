"""The postal code that opens more of a parcel, and how often strangers may try one."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core import signing
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from shipments.enums import Status
from shipments.facts.places import Place
from shipments.models import Mail, Merchant, Shipment, Watch
from shipments.web import unlocking
from tests import factories
from tests.factories import ACCEPTED, DENVER, a_scan, a_shipment, a_snapshot
from tests.web.telling_parcel import NUMBER, a_telling_parcel, shown_by

pytestmark = pytest.mark.django_db


NOTHING_MORE = "There is nothing more to show for this postal code."


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    # Away from the border of a window of tries, so that their count is exact.
    monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(2026, 3, 6, 12, 0, 20, tzinfo=UTC))


@pytest.fixture
def parcel(merchant: Merchant) -> Shipment:
    return a_telling_parcel(merchant)


@pytest.mark.parametrize("typed", ["20832", " 20832 ", "20832-1234"])
def test_the_right_postal_code_opens_more_for_an_hour_at_this_address_only(
    client: Client, parcel: Shipment, typed: str
) -> None:
    response = client.post(f"/track/{NUMBER}", {"postal_code": typed})

    assert response.status_code == 302
    assert response["Location"] == f"/track/{NUMBER}"
    cookie = response.cookies[unlocking.COOKIE]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (
        f"/track/{NUMBER}",
        True,
        "Lax",
        3600,
    )
    assert "20832" not in response["Location"]
    assert shown_by(client.get(f"/track/{NUMBER}").content.decode(), "front door or porch")


def test_the_cookie_is_only_sent_in_the_open_where_the_page_is(client: Client, parcel: Shipment) -> None:
    response = client.post(f"/track/{NUMBER}", {"postal_code": "20832"}, secure=True)

    assert response.cookies[unlocking.COOKIE]["secure"] is True


@pytest.mark.parametrize(
    "value",
    [
        "",
        "nonsense",
        signing.dumps(["00000000-0000-0000-0000-000000000000", 3], salt="shipments.web.unlocking"),
        signing.dumps(["00000000-0000-0000-0000-000000000000", 3], salt="another"),
    ],
)
def test_a_cookie_that_is_not_for_this_parcel_opens_nothing(
    client: Client, parcel: Shipment, value: str
) -> None:
    client.cookies[unlocking.COOKIE] = value

    page = client.get(f"/track/{NUMBER}")

    assert page.status_code == 200
    assert not shown_by(page.content.decode(), "front door or porch")


def test_a_cookie_is_too_old_after_an_hour(
    client: Client, parcel: Shipment, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post(f"/track/{NUMBER}", {"postal_code": "20832"})
    now = signing.time.time()  # type: ignore[attr-defined]
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + 3601)

    assert not shown_by(client.get(f"/track/{NUMBER}").content.decode(), "front door or porch")


def test_a_cookie_ends_when_the_parcel_turns_out_to_go_to_another_postal_code(
    client: Client, parcel: Shipment
) -> None:
    client.post(f"/track/{NUMBER}", {"postal_code": "20832"})
    Shipment.objects.update(destination_postal_code="80202")

    assert not shown_by(client.get(f"/track/{NUMBER}").content.decode(), "front door or porch")

    # Written otherwise it is the same one.
    Shipment.objects.update(destination_postal_code="20832-1234")
    assert shown_by(client.get(f"/track/{NUMBER}").content.decode(), "front door or porch")


def test_a_cookie_of_one_parcel_opens_no_other_with_the_same_postal_code(
    client: Client, parcel: Shipment
) -> None:
    other = factories.an_impb()
    a_shipment(number=other, destination_postal_code="20832")
    factories.ingested(Shipment.objects.get(number=other), a_snapshot(a_scan(*ACCEPTED), number=other))
    client.post(f"/track/{NUMBER}", {"postal_code": "20832"})
    stolen = client.cookies[unlocking.COOKIE].value
    thief = Client()
    thief.cookies[unlocking.COOKIE] = stolen

    page = thief.get(f"/track/{other}")

    assert page.status_code == 200
    assert not shown_by(page.content.decode(), "USPS in possession of item")
    assert "20832" not in signing.b64_decode(stolen.split(":")[0].encode()).decode()


def without_what_differs(response: Any, number: str, typed: str) -> str:
    page = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"|seen=[0-9a-f]+', "", response.content.decode())
    return page.replace(number, "NUMBER").replace(f'value="{typed}"', "")


def test_wrong_unknown_and_useless_postal_codes_get_the_same_answer(client: Client) -> None:
    told = a_snapshot(a_scan(*ACCEPTED, place=Place("DENVER", "CO")))
    cases: list[tuple[str, str, Any, int]] = []
    for number, known, with_more in (
        ("9400100000000000000013", "20832", True),
        ("9400100000000000000020", "", True),
        ("9400100000000000000037", "20833", False),
    ):
        shipment = a_shipment(number=number, destination_postal_code=known)
        if with_more:
            factories.ingested(shipment, told)
        else:
            # The same facts, and none of the words that a postal code would open.
            factories.ingested(
                shipment,
                a_snapshot(a_scan(*ACCEPTED[:2], "", Status.ACCEPTANCE, place=Place("DENVER", "CO"))),
            )
        Watch.objects.update(checked_at=None, due_at=None)
        with CaptureQueriesContext(connection) as queries:
            response = client.post(f"/track/{number}", {"postal_code": "20833"})
        cases.append((number, known, response, len(queries)))

    pages = [without_what_differs(response, number, "20833") for number, _, response, _ in cases]
    assert [response.status_code for _, _, response, _ in cases] == [200, 200, 200]
    assert NOTHING_MORE in pages[0]
    assert pages[1] == pages[0]
    assert pages[2] == pages[0]
    assert len({count for _, _, _, count in cases}) == 1
    assert [unlocking.COOKIE in response.cookies for _, _, response, _ in cases] == [False, False, False]


# The look-up, both guesses at once, the parcels, the scans; in a frame, the merchant.
@pytest.mark.parametrize(("frame", "statements"), [("", 4), ("/m/alpine", 5)])
def test_a_right_and_a_wrong_postal_code_take_the_same_statements(
    client: Client, parcel: Shipment, frame: str, statements: int
) -> None:
    for typed, status in (("00000", 200), ("20832", 302)):
        with CaptureQueriesContext(connection) as queries:
            response = client.post(f"{frame}/track/{NUMBER}", {"postal_code": typed})
        assert response.status_code == status
        assert len(queries) == statements


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "Postal code: type the one the parcel goes to."),
        ("1234567890123", "Postal code: 12 signs at most."),
    ],
)
def test_a_postal_code_that_is_none_costs_no_try(
    client: Client, parcel: Shipment, typed: str, message: str
) -> None:
    for _ in range(6):
        response = client.post(f"/track/{NUMBER}", {"postal_code": typed})

    assert response.status_code == 400
    assert message in response.content.decode()


def test_after_five_tries_a_day_even_the_right_postal_code_is_refused(
    client: Client, parcel: Shipment
) -> None:
    for _ in range(5):
        assert client.post(f"/track/{NUMBER}", {"postal_code": "00000"}).status_code == 200

    response = client.post(f"/track/{NUMBER}", {"postal_code": "20832"}, REMOTE_ADDR="198.51.100.7")

    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 24 * 3600
    assert "Nothing is lost: try again in" in response.content.decode()
    assert unlocking.COOKIE not in response.cookies
    assert client.get(f"/track/{NUMBER}").status_code == 200


def test_the_tries_are_counted_for_the_parcel_in_whatever_form_its_number_is_typed(
    client: Client, parcel: Shipment
) -> None:
    for _ in range(5):
        client.post(f"/track/42020832{NUMBER}", {"postal_code": "00000"})

    assert client.post(f"/track/{NUMBER}", {"postal_code": "20832"}).status_code == 429


def test_one_visitor_has_thirty_tries_an_hour_for_all_parcels(client: Client) -> None:
    numbers = [factories.an_impb() for _ in range(31)]
    merchant = factories.a_merchant()
    for number in numbers:
        a_shipment(merchant, number=number, destination_postal_code="20832")

    answers = [client.post(f"/track/{number}", {"postal_code": "0"}).status_code for number in numbers]

    assert answers == [200] * 30 + [429]
    other = client.post(f"/track/{numbers[-1]}", {"postal_code": "0"}, REMOTE_ADDR="198.51.100.7")
    assert other.status_code == 200


@pytest.mark.parametrize(
    ("path", "allowed", "usual"),
    [(f"/track/{NUMBER}", 60, 404), ("/track?number=94001,94002", 6, 200), ("/t/none", 60, 404)],
)
def test_lookups_are_capped_per_visitor_and_minute(
    client: Client, path: str, allowed: int, usual: int
) -> None:
    answers = [client.get(path) for _ in range(allowed + 1)]

    assert [answer.status_code for answer in answers] == [usual] * allowed + [429]
    assert answers[-1]["Retry-After"] == "41"
    assert answers[-1]["Cache-Control"] == "private, no-store"
    assert client.get(path, REMOTE_ADDR="198.51.100.7").status_code == usual


def test_a_form_needs_its_token(parcel: Shipment) -> None:
    client = Client(enforce_csrf_checks=True)

    response = client.post(f"/track/{NUMBER}", {"postal_code": "20832"})

    assert response.status_code == 403
    assert "Nothing was changed." in response.content.decode()
    assert unlocking.COOKIE not in response.cookies


def test_the_number_of_a_letter_does_not_tell_where_it_goes_to_who_knows_its_beginning(
    client: Client, merchant: Merchant
) -> None:
    # The barcode of a letter ends in the ZIP Code it goes to; added under another carrier it is kept whole.
    beginning, whole = "01270123456789123456", "0127012345678912345620832123401"
    letter = a_shipment(merchant, carrier="PBI", number=whole, destination_postal_code="20832")
    factories.ingested(letter, a_snapshot(a_scan(*ACCEPTED, place=DENVER), number=whole))
    mail = {"email": "robin@example.com", "wants": "both"}

    pages = [
        client.get(f"/track/{beginning}"),
        client.get(f"/track?number={beginning}%0A94001"),
        client.get(f"/track/{beginning}", headers={"HX-Request": "true"}),
        client.post(f"/track/{beginning}/email", {**mail, "email": "none"}),
    ]
    client.post(f"/track/{beginning}/email", mail)
    sent = Mail.objects.get()

    assert [page.status_code for page in pages] == [200, 200, 200, 400]
    for said in (*(page.content.decode() for page in pages), sent.subject, sent.text, sent.html):
        assert beginning in said
        assert "20832" not in said
    client.post(f"/track/{beginning}", {"postal_code": "20832"})
    assert whole in client.get(f"/track/{beginning}").content.decode()
