"""Pictures of deliveries on pages, and by themselves: who may see them, and what they may do."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from shipments.enums import FetchTrouble, Lifecycle
from shipments.models import Merchant, PrivateLink, Proof, Shipment, User
from shipments.models.proofs import digest_of
from tests.factories import (
    ACCEPTED,
    DELIVERED,
    OLNEY,
    a_host,
    a_kept_picture,
    a_scan,
    a_shipment,
    a_snapshot,
    ingested,
    posted,
)

pytestmark = pytest.mark.django_db

NUMBER = "9400111899223197428490"
ADDRESS = "https://carrier.example/proof/77"
HOST = "track.alpine.example"
NOW = datetime(2026, 3, 6, 12, 0, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


@pytest.fixture
def parcel(merchant: Merchant) -> Shipment:
    shipment = a_shipment(merchant, number=NUMBER, destination_postal_code="20832")
    ingested(
        shipment,
        a_snapshot(
            a_scan(*DELIVERED, place=OLNEY),
            a_scan(*ACCEPTED),
            number=NUMBER,
            delivered=posted("2026-03-05 14:05"),
            signed_by="R. EXAMPLE",
            delivery_proof_url=ADDRESS,
        ),
    )
    shipment.refresh_from_db()
    return shipment


@pytest.fixture
def link(parcel: Shipment) -> str:
    return PrivateLink.objects.make(parcel).get_absolute_url()


def failed(parcel: Shipment, trouble: FetchTrouble, detail: str = "", *, tries: int = 1, over: bool) -> None:
    due = None if over else NOW + timedelta(hours=1)
    Proof.objects.filter(shipment=parcel).update(
        trouble=trouble, trouble_detail=detail, tries=tries, due_at=due
    )


# ---- By itself


def test_who_has_the_private_link_gets_the_picture_as_a_picture_and_nothing_else(
    client: Client, parcel: Shipment, link: str
) -> None:
    picture = a_kept_picture(parcel)
    assert picture.data is not None

    for address in (f"{link}/proof", f"{link}/proof/{picture.sha256}"):
        response = client.get(address)
        assert response.status_code == 200
        assert response.content == bytes(picture.data)
        del response["X-Request-ID"]
        assert dict(response.headers) | {"Vary": "", "Content-Length": ""} == {
            "Content-Type": "image/png",
            "Content-Length": "",
            "Content-Disposition": 'inline; filename="proof-of-delivery.png"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Content-Language": "en",
            "Permissions-Policy": response["Permissions-Policy"],
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "X-Robots-Tag": "noindex",
            "Cache-Control": "private, no-store",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "Vary": "",
        }


def test_members_get_it_and_strangers_do_not(
    client: Client, parcel: Shipment, bob: User, charlie: User, signed_in: Callable[[User], Client]
) -> None:
    picture = a_kept_picture(parcel)
    address = f"/app/alpine/shipments/{parcel.public_id}/proof/{picture.sha256}"

    response = signed_in(bob).get(address)
    assert picture.data is not None
    assert (response.status_code, response.content) == (200, bytes(picture.data))
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "no-store" in response["Cache-Control"]
    assert "private" in response["Cache-Control"]
    assert signed_in(charlie).get(address).status_code == 404
    assert client.get(address).status_code == 302


@pytest.mark.parametrize("postal_code", ["", "20832"])
def test_number_and_postal_code_show_no_picture(client: Client, parcel: Shipment, postal_code: str) -> None:
    picture = a_kept_picture(parcel)
    if postal_code:
        assert client.post(f"/track/{NUMBER}", {"postal_code": postal_code}).status_code == 302

    page = client.get(f"/track/{NUMBER}").content.decode()

    assert "<img" not in page.partition("<main")[2]
    assert picture.sha256 not in page
    for address in ("proof", f"proof/{picture.sha256}", "statement"):
        assert client.get(f"/track/{NUMBER}/{address}").status_code == 404
        assert client.get(f"/t/{NUMBER}/{address}").status_code == 404


def test_a_link_opens_the_picture_of_its_own_parcel_only(client: Client, parcel: Shipment, link: str) -> None:
    others = a_kept_picture(a_shipment(), colour=(200, 0, 0))
    a_kept_picture(parcel)
    assert client.get(f"{link}/proof/{others.sha256}").status_code == 404
    assert client.get(f"{link}/proof/../../etc").status_code == 404


@pytest.mark.parametrize(
    "rest", ["proof/%00", "proof/%ff", "statement/%00", "statement/x%00.json", "proof/" + "a" * 5000]
)
def test_nonsense_in_the_address_is_not_found(
    client: Client, parcel: Shipment, link: str, bob: User, signed_in: Callable[[User], Client], rest: str
) -> None:
    a_kept_picture(parcel)
    assert client.get(f"{link}/{rest}").status_code in {400, 404}
    slash = "" if rest.startswith("proof") or rest.endswith(".json") else "/"
    address = f"/app/alpine/shipments/{parcel.public_id}/{rest}{slash}"
    assert signed_in(bob).get(address).status_code in {400, 404}


def test_a_revoked_link_opens_nothing(client: Client, parcel: Shipment, link: str) -> None:
    a_kept_picture(parcel)
    PrivateLink.objects.get().revoke(NOW)
    for address in ("proof", "statement"):
        assert client.get(f"{link}/{address}").status_code == 404
    assert client.post(f"{link}/statement").status_code == 404


def test_the_picture_of_an_archived_parcel_is_gone_from_public_pages(
    client: Client, parcel: Shipment, link: str
) -> None:
    a_kept_picture(parcel)
    Shipment.objects.update(lifecycle=Lifecycle.ARCHIVED, end_reason="archived")
    assert client.get(f"{link}/proof").status_code == 404


def test_a_picture_that_turned_out_to_be_another_parcels_is_not_shown(
    client: Client, parcel: Shipment, link: str
) -> None:
    picture = a_kept_picture(parcel)
    Proof.objects.set_aside(NOW)
    assert client.get(f"{link}/proof").status_code == 404
    assert client.get(f"{link}/proof/{picture.sha256}").status_code == 404
    assert "<img" not in client.get(link).content.decode().partition("<main")[2]


def test_links_are_not_tried_without_end(client: Client, parcel: Shipment, link: str) -> None:
    a_kept_picture(parcel)
    statuses = [client.get(f"{link}/proof").status_code for _try in range(61)]
    assert (statuses.count(200), statuses[-1]) == (60, 429)


# ---- On pages


def test_the_private_page_shows_the_picture_with_words_for_who_cannot_see_it(
    client: Client, parcel: Shipment, link: str
) -> None:
    picture = a_kept_picture(parcel)
    page = client.get(link).content.decode()
    assert (
        f'<img src="{link}/proof/{picture.sha256}" width="240" height="80" decoding="async" '
        'alt="Picture by USPS of the delivery: Thursday, 5 March, 2:05 pm">'
    ) in page
    assert "Signature or photo by USPS, kept here since 6 March" in page
    # Where the carrier keeps it stays within reach.
    assert ADDRESS in page


def test_the_page_of_staff_shows_it_too(
    parcel: Shipment, bob: User, signed_in: Callable[[User], Client]
) -> None:
    picture = a_kept_picture(parcel)
    page = signed_in(bob).get(f"/app/alpine/shipments/{parcel.public_id}/").content.decode()
    assert f'<img src="/app/alpine/shipments/{parcel.public_id}/proof/{picture.sha256}"' in page


def test_two_pictures_are_both_shown_the_newest_first(client: Client, parcel: Shipment, link: str) -> None:
    first = a_kept_picture(parcel)
    Shipment.objects.update(proof_url=f"{ADDRESS}&2")
    parcel.refresh_from_db()
    second = a_kept_picture(parcel, colour=(0, 90, 0))
    page = client.get(link).content.decode()
    assert page.count("<img") - page.partition("<main")[0].count("<img") == 2
    assert page.index(second.sha256) < page.index(first.sha256)


def on_pages(client: Client, link: str, parcel: Shipment, staff: Client) -> tuple[str, str]:
    return (
        client.get(link).content.decode(),
        staff.get(f"/app/alpine/shipments/{parcel.public_id}/").content.decode(),
    )


def test_what_is_not_there_yet_is_said_to_be_coming_and_the_page_waits_for_it(
    client: Client, parcel: Shipment, link: str, bob: User, signed_in: Callable[[User], Client]
) -> None:
    buyers, staffs = on_pages(client, link, parcel, signed_in(bob))
    assert "The carrier&#39;s picture is being fetched." in buyers
    assert "The carrier&#39;s picture is being fetched." in staffs
    assert 'hx-trigger="every 45s"' in buyers
    # The picture is news of the page alone: no mail is to come about it.
    assert 'type="hidden" name="wants" value="so-far"' in buyers

    a_kept_picture(parcel)
    assert 'hx-trigger="every 45s"' not in client.get(link).content.decode()


def test_what_cannot_be_fetched_is_said_and_staff_are_told_why(
    client: Client, parcel: Shipment, link: str, bob: User, signed_in: Callable[[User], Client]
) -> None:
    failed(parcel, FetchTrouble.REFUSED, "HTTP 403", tries=3, over=False)
    buyers, staffs = on_pages(client, link, parcel, signed_in(bob))
    why = "The host of the picture refused it: the address may have ended, or not work yet. (HTTP 403)"
    assert "The carrier&#39;s picture is being fetched." in buyers
    assert why not in buyers
    assert f"The last try brought none, and there will be others. {why}" in staffs
    assert 'hx-trigger="every 45s"' not in buyers

    failed(parcel, FetchTrouble.BAD_PICTURE, "too_many_pixels", tries=10, over=True)
    buyers, staffs = on_pages(client, link, parcel, signed_in(bob))
    assert "The carrier&#39;s picture could not be fetched." in buyers
    assert "The picture has too many pixels." not in buyers
    assert "could not be fetched. The picture has too many pixels." in staffs


@pytest.mark.parametrize("trouble", list(FetchTrouble))
def test_every_trouble_has_words(parcel: Shipment, trouble: FetchTrouble) -> None:
    from shipments.facts.fetch_words import why

    assert why(trouble, "").endswith(".")


@pytest.mark.parametrize(
    ("frame", "host", "statements"), [("", "testserver", 4), ("/m/alpine", "testserver", 5), ("", HOST, 5)]
)
def test_the_private_page_with_pictures_takes_five_statements_in_whatever_frame(
    client: Client, parcel: Shipment, link: str, frame: str, host: str, statements: int
) -> None:
    a_kept_picture(parcel)
    a_host(parcel.merchant, HOST)
    client.get("/", headers={"host": HOST})

    with CaptureQueriesContext(connection) as queries:
        response = client.get(f"{frame}{link}", headers={"host": host})

    assert response.status_code == 200
    assert "/proof/" in response.content.decode()
    # A throttle, the link, the scans, the pictures; the merchant, where the frame is there before the link is read.
    assert len(queries) == statements


def test_a_page_without_a_picture_to_show_asks_for_none(client: Client, link: str) -> None:
    Shipment.objects.update(proof_url="")
    with CaptureQueriesContext(connection) as queries:
        client.get(link)
    assert not any("shipments_proof" in query["sql"].replace("proof_url", "") for query in queries)


def test_the_address_digest_is_what_a_row_is_known_by(parcel: Shipment) -> None:
    assert Proof.objects.get().address_sha256 == digest_of(ADDRESS)
