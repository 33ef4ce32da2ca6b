"""Who sees how much of a parcel."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.test import Client

from shipments.enums import EndReason, Lifecycle
from shipments.facts.places import Place
from shipments.models import Mail, Merchant, PrivateLink, Shipment
from shipments.web import unlocking
from shipments.web.parcel_view import Sight
from shipments.web.presenting import present
from tests import factories
from tests.factories import ACCEPTED, DENVER, a_scan, a_shipment, a_snapshot
from tests.web.telling_parcel import NUMBER, a_telling_parcel, shown_by
from trackingsite.logs import WithoutTokens

pytestmark = pytest.mark.django_db


# What each part of a parcel is called on the page, and the least sight that shows it.
PARTS = {
    "DELIVERED": Sight.NUMBER,
    "Olney, MD": Sight.NUMBER,
    "Thursday, 5 March": Sight.NUMBER,
    "front door or porch": Sight.POSTAL_CODE,
    "Delivered, Front Door/Porch": Sight.POSTAL_CODE,
    "20832": Sight.POSTAL_CODE,
    "USPS in possession of item": Sight.POSTAL_CODE,
    "Priority Mail Express": Sight.POSTAL_CODE,
    "SECOND5550001": Sight.POSTAL_CODE,
    "R. EXAMPLE": Sight.PRIVATE_LINK,
    "https://carrier.example/proof/77": Sight.PRIVATE_LINK,
    "Alpine Outfitters": Sight.PRIVATE_LINK,
    "told to sellers": Sight.STAFF,
    "CODE77": Sight.STAFF,
    "Earlier parcel of another buyer": Sight.STAFF,
    "consumer key refused": Sight.STAFF,
    # These no view-model carries: the dashboard shows them from the row, to members only.
    "Jane Recipient": None,
    "ORDER-1001": None,
    "REFERENCE-9": None,
}


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    # Away from the border of a window of tries, so that their count is exact.
    monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(2026, 3, 6, 12, 0, 20, tzinfo=UTC))


@pytest.fixture
def parcel(merchant: Merchant) -> Shipment:
    return a_telling_parcel(merchant)


@pytest.mark.parametrize("sight", list(Sight))
@pytest.mark.parametrize("part", list(PARTS))
def test_a_view_holds_no_more_than_its_sight_allows(parcel: Shipment, part: str, sight: Sight) -> None:
    view = present(parcel, sight=sight, now=datetime(2026, 3, 6, 12, tzinfo=UTC))

    least = PARTS[part]
    assert shown_by(repr(view), part) is (least is not None and sight >= least)


def page_for(client: Client, parcel: Shipment, sight: Sight) -> str:
    if sight == Sight.PRIVATE_LINK:
        return client.get(PrivateLink.objects.make(parcel).get_absolute_url()).content.decode()
    if sight == Sight.POSTAL_CODE:
        client.post(f"/track/{NUMBER}", {"postal_code": "20832"})
    return client.get(f"/track/{NUMBER}").content.decode()


@pytest.mark.parametrize("sight", [Sight.NUMBER, Sight.POSTAL_CODE, Sight.PRIVATE_LINK])
def test_a_page_shows_what_its_reader_may_see_and_nothing_else(
    client: Client, parcel: Shipment, sight: Sight
) -> None:
    page = page_for(client, parcel, sight)

    assert {part for part in PARTS if shown_by(page, part)} == {
        part for part, least in PARTS.items() if least is not None and sight >= least
    }


# ---- Answers for their reader alone


KEPT_FROM_OTHERS = {
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "private, no-store",
}


@pytest.mark.parametrize("frame", ["", "/m/alpine"])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", f"/track/{NUMBER}", 200),
        ("head", f"/track/{NUMBER}", 200),
        ("get", f"/{NUMBER}", 302),
        ("get", "/track/9400100000000000000013", 404),
        ("get", "/track/nonsense!", 400),
        ("get", f"/track?number={NUMBER}", 302),
        ("get", f"/track?number={NUMBER}%0A94001", 200),
        ("get", f"/track/{NUMBER}/email", 302),
        ("get", "/t/{token}", 200),
        ("get", "/t/{token}/proof", 404),
        ("get", "/t/{token}/statement/PS-0000-0000-0000-0000", 404),
        ("get", "/t/{token}/statement/PS-0000-0000-0000-0000.json", 404),
        ("get", "/t/{token}/mistyped", 404),
        ("get", "/t/none", 404),
        ("get", "/mail/confirm/none", 410),
        ("get", "/mail/stop/none", 404),
        ("get", "/verify", 200),
        # What no view has answered: the form's token is missing, the method is none of its own.
        ("post", f"/track/{NUMBER}", 403),
        ("post", f"/track/{NUMBER}/email", 403),
        ("post", "/t/{token}/email", 403),
        ("post", "/t/{token}/statement", 403),
        ("put", "/mail/stop/none", 405),
    ],
)
def test_whatever_is_answered_at_the_address_of_a_parcel_is_for_its_reader_alone(
    parcel: Shipment, frame: str, method: str, path: str, status: int
) -> None:
    token = PrivateLink.objects.make(parcel).token
    client = Client(enforce_csrf_checks=True)

    response = getattr(client, method)(frame + path.format(token=token))

    assert response.status_code == status
    assert {name: response.headers.get(name) for name in KEPT_FROM_OTHERS} == KEPT_FROM_OTHERS
    assert "Cookie" in response["Vary"]


def test_a_page_behind_a_token_does_not_say_its_address_to_who_previews_it(
    client: Client, parcel: Shipment
) -> None:
    link = PrivateLink.objects.make(parcel).get_absolute_url()

    for path in (link, f"{link}/statement", f"{link}/email?sent", "/mail/confirm/none", "/mail/stop/none"):
        page = client.get(path).content.decode()
        head = page.partition("</head>")[0]
        assert ("canonical" in head, "/t/" in head, "/mail/" in head) == (False, False, False), path


def test_tokens_do_not_stand_in_the_log(parcel: Shipment, caplog: pytest.LogCaptureFixture) -> None:
    token = PrivateLink.objects.make(parcel).token
    client = Client(enforce_csrf_checks=True)
    paths = [
        f"/t/{token}/proof", f"/m/alpine/t/{token}/nothing", f"/mail/confirm/{token}", f"/mail/stop/{token}",
        f"/join/{token}",
    ]  # fmt: skip

    caplog.handler.addFilter(WithoutTokens())
    for path in paths:
        client.get(path)
        client.post(path)

    assert token not in caplog.text
    assert "Not Found: /t/…/proof" in caplog.text
    assert "Forbidden (CSRF token missing.): /t/…/proof" in caplog.text
    assert "Gone: /mail/confirm/…" in caplog.text


# ---- Several parcels with one number


@pytest.fixture
def twins(merchant: Merchant) -> tuple[Shipment, Shipment]:
    """Two parcels of two merchants with one number."""
    first = a_shipment(
        merchant, number=NUMBER, destination_postal_code="20832", mailing_date=date(2026, 3, 2)
    )
    second = a_shipment(number=NUMBER, destination_postal_code="80202", mailing_date=date(2026, 2, 1))
    for shipment, place in ((first, Place("OLNEY", "MD", "20832")), (second, DENVER)):
        factories.ingested(shipment, a_snapshot(a_scan(*ACCEPTED, place=place), number=NUMBER))
    return first, second


@pytest.mark.usefixtures("twins")
def test_parcels_that_share_a_number_show_nothing_before_it_is_clear_which_is_meant(client: Client) -> None:
    response = client.get(f"/track/{NUMBER}")

    page = response.content.decode()
    assert response.status_code == 200
    assert "Several parcels have this number" in page
    assert not any(
        shown_by(page, word) for word in ("Olney", "Denver", "March", "Alpine", "With the carrier")
    )


@pytest.mark.usefixtures("twins")
@pytest.mark.parametrize(
    ("told", "town", "words"),
    [
        ({"postal_code": "20832"}, "Olney, MD 20832", True),
        ({"postal_code": "80202-0001"}, "Denver, CO 80202", True),
        ({"mailing_date": "2026-03-02"}, "Olney, MD", False),
        ({"mailing_date": "2026-02-01", "postal_code": "80202"}, "Denver, CO 80202", True),
    ],
)
def test_a_postal_code_or_a_mailing_date_tells_which_parcel_is_meant(
    client: Client, told: dict[str, str], town: str, words: bool
) -> None:
    response = client.post(f"/track/{NUMBER}", told, follow=True)

    page = response.content.decode()
    assert response.redirect_chain == [(f"/track/{NUMBER}", 302)]
    assert town in page
    # A day is easily guessed: it opens what a number alone opens.
    assert shown_by(page, "USPS in possession of item") is words
    assert shown_by(page, "20832") is (words and "Olney" in town)


@pytest.mark.usefixtures("twins")
@pytest.mark.parametrize(
    "told",
    [
        {"postal_code": "99999"},
        {"mailing_date": "2020-01-01"},
        {"postal_code": "20832", "mailing_date": "2026-02-01"},
    ],
)
def test_what_fits_no_parcel_shows_none(client: Client, told: dict[str, str]) -> None:
    response = client.post(f"/track/{NUMBER}", told)

    assert response.status_code == 200
    assert "No single parcel with this number fits what you typed." in response.content.decode()
    assert unlocking.COOKIE not in response.cookies
    assert not shown_by(response.content.decode(), "Olney, MD")


@pytest.mark.usefixtures("twins")
@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({}, "Type a postal code or a mailing date."),
        ({"mailing_date": "2.3.2026"}, "Mailing date: a day written as 2026-01-31."),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_rule(
    client: Client, told: dict[str, str], message: str
) -> None:
    response = client.post(f"/track/{NUMBER}", told)

    assert response.status_code == 400
    assert message in response.content.decode()


@pytest.mark.usefixtures("twins")
def test_tries_at_a_shared_number_are_capped_too(client: Client) -> None:
    for _ in range(5):
        client.post(f"/track/{NUMBER}", {"mailing_date": "2020-01-01"})

    assert client.post(f"/track/{NUMBER}", {"mailing_date": "2026-03-02"}).status_code == 429


def test_two_parcels_with_one_postal_code_stay_apart(client: Client) -> None:
    for _ in range(2):
        a_shipment(number=NUMBER, destination_postal_code="20832")

    response = client.post(f"/track/{NUMBER}", {"postal_code": "20832"})

    assert "No single parcel with this number fits" in response.content.decode()


def test_an_archived_twin_does_not_count(client: Client, twins: tuple[Shipment, Shipment]) -> None:
    Shipment.objects.filter(pk=twins[1].pk).update(lifecycle=Lifecycle.ARCHIVED, end_reason=EndReason.TOO_OLD)

    assert "Olney, MD" in client.get(f"/track/{NUMBER}").content.decode()


# ---- Private links


def test_revoked_unknown_and_archived_links_get_the_same_friendly_page(
    client: Client, parcel: Shipment
) -> None:
    revoked = PrivateLink.objects.make(parcel)
    revoked.revoke(datetime(2026, 3, 6, tzinfo=UTC))
    archived = PrivateLink.objects.make(
        a_shipment(lifecycle=Lifecycle.ARCHIVED, end_reason=EndReason.TOO_OLD)
    )

    responses: list[Any] = [
        client.get(path) for path in ("/t/none", revoked.get_absolute_url(), archived.get_absolute_url())
    ]

    assert [response.status_code for response in responses] == [404] * 3
    pages = [re.sub(r'value="[^"]*"', "", response.content.decode()) for response in responses]
    assert "This link does not work any more" in pages[0]
    assert len(set(pages)) == 1


def test_a_link_ends_in_no_sign_that_mail_programs_leave_out(parcel: Shipment) -> None:
    tokens = {PrivateLink.objects.make(parcel).token for _ in range(20)}

    assert len(tokens) == 20
    assert all(re.fullmatch(r"[0-9a-f]{48}", token) for token in tokens)


def test_a_link_opens_one_parcel_of_several_with_its_number(
    client: Client, twins: tuple[Shipment, Shipment]
) -> None:
    page = client.get(PrivateLink.objects.make(twins[1]).get_absolute_url()).content.decode()

    assert "Denver, CO 80202" in page
    assert "Olney" not in page


def test_a_fragment_of_a_private_page_needs_the_link_too(client: Client, parcel: Shipment) -> None:
    link = PrivateLink.objects.make(parcel)
    link.revoke(datetime(2026, 3, 6, tzinfo=UTC))

    response = client.get(link.get_absolute_url(), headers={"HX-Request": "true"})

    assert response.status_code == 404
    assert "EXAMPLE" not in response.content.decode()


def test_a_link_ends_at_its_moment_on_every_address_behind_it(
    client: Client, parcel: Shipment, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = datetime(2026, 3, 6, 12, 0, 20, tzinfo=UTC)
    Merchant.objects.update(link_days=1)
    parcel.merchant.refresh_from_db()
    link = PrivateLink.objects.make(parcel)
    at = link.get_absolute_url()
    statement = client.post(f"{at}/statement")["Location"]
    pages = [at, f"{at}/statement", statement, f"{statement}.json"]
    assert link.expires_at == made + timedelta(days=1)

    def statuses(now: datetime) -> set[int]:
        monkeypatch.setattr("django.utils.timezone.now", lambda: now)
        return {client.get(page).status_code for page in pages}

    assert statuses(made + timedelta(days=1, seconds=-1)) == {200}
    assert statuses(made + timedelta(days=1)) == {404}
    # Longer links from now on are no longer ones of before.
    Merchant.objects.update(link_days=None)
    assert statuses(made + timedelta(days=2)) == {404}
    assert client.get(f"{at}/proof").status_code == 404
    client.post(f"{at}/email", {"email": "robin@example.com", "wants": "so-far"})
    assert client.post(f"{at}/statement").status_code == 404
    assert Mail.objects.exists() is False


def test_a_link_opens_also_where_the_key_that_locks_its_token_is_missing(
    client: Client, parcel: Shipment, settings: Any
) -> None:
    link = PrivateLink.objects.make(parcel).get_absolute_url()
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]

    assert client.get(link).status_code == 200


def test_tries_are_counted_together_in_every_frame_and_by_every_method(
    client: Client, parcel: Shipment
) -> None:
    host = factories.a_host(parcel.merchant).host

    answers = [
        getattr(client, method)(f"{frame}/track/{NUMBER}", headers={"host": name}).status_code
        for _ in range(10)
        for frame, name in (("", "testserver"), ("/m/alpine", "testserver"), ("", host))
        for method in ("get", "head")
    ]
    guesses = [
        client.post(
            f"{frame}/track/{NUMBER}", {"postal_code": "0"}, headers={"host": name}, REMOTE_ADDR=visitor
        )
        for visitor in ("198.51.100.7", "198.51.100.8")
        for frame, name in (("", "testserver"), ("/m/alpine", "testserver"), ("", host))
    ]

    assert answers == [200] * 60
    assert client.get(f"/m/alpine/track/{NUMBER}").status_code == 429
    assert [guess.status_code for guess in guesses] == [200] * 5 + [429]


@pytest.mark.django_db(transaction=True)
def test_guesses_at_once_are_no_more_than_guesses_one_by_one(parcel: Shipment) -> None:
    start = Barrier(8)

    def guess(place: int) -> int:
        start.wait()
        try:
            told = Client(REMOTE_ADDR=f"198.51.100.{place}").post(f"/track/{NUMBER}", {"postal_code": "0"})
            return int(told.status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        answers = sorted(threads.map(guess, range(8)))

    assert answers == [200] * 5 + [429] * 3


def test_an_hour_is_what_a_postal_code_buys() -> None:
    assert timedelta(hours=1) == unlocking.LASTS
