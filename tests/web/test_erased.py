"""Pages say plainly what is no longer kept, since when and why."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from shipments.enums import ErasedBy, Kept
from shipments.keeping import erasing
from shipments.keeping.emptying import empty
from shipments.models import Answer, Note, PrivateLink, ProofPicture, Shipment, Statement, User
from shipments.tracking.statements import state
from shipments.web.erased_words import age_in_words
from tests.keeping.people import MARK, ZIP, a_known_parcel

pytestmark = pytest.mark.django_db

SignIn = Callable[[User], Client]
DAY = datetime(2027, 5, 3, 4, tzinfo=UTC)


def _erased(kind: Kept, days: int | None, merchant: object = None) -> Shipment:
    shipment = a_known_parcel(merchant)  # type: ignore[arg-type]
    empty([shipment.pk], kind, DAY, days=days)
    return Shipment.objects.get()


def _page(client: Client, shipment: Shipment) -> str:
    return client.get(f"/app/{shipment.merchant.slug}/shipments/{shipment.public_id}/").content.decode()


@pytest.mark.parametrize(
    ("kind", "days", "words"),
    [
        (
            Kept.PERSONAL,
            540,
            "Names, addresses, pictures and the carrier&#39;s own words are no longer kept. They were removed on 3 May 2027: they are kept for 18 months after the last news of a parcel.",
        ),
        (
            Kept.PERSONAL,
            None,
            "Names, addresses, pictures and the carrier&#39;s own words are no longer kept. They were removed on 3 May 2027, on request.",
        ),
        (
            Kept.SCANS,
            730,
            "The single scans are no longer kept. They were removed on 3 May 2027: they are kept for 2 years after the last news of a parcel.",
        ),
        (
            Kept.PROOFS,
            400,
            "Pictures of the delivery are no longer kept. They were removed on 3 May 2027: they are kept for 400 days after the last news of a parcel.",
        ),
    ],
)
def test_buyers_and_members_are_told_what_was_removed_when_and_why(
    kind: Kept, days: int | None, words: str, alice: User, signed_in: SignIn
) -> None:
    shipment = _erased(kind, days, alice.memberships.get().merchant)
    # The same day in every year in which the tests run.
    words = words.replace(" 2027", "") if timezone.now().year == 2027 else words
    link = PrivateLink.objects.get()
    by_number = Client().get(f"/track/{shipment.number}").content.decode().replace("&#39;", "'")
    by_link = Client().get(link.get_absolute_url()).content.decode().replace("&#39;", "'")
    for page in (
        by_number,
        by_link,
        _page(signed_in(alice), shipment).replace("&#x27;", "'").replace("&#39;", "'"),
    ):
        assert words.replace("&#39;", "'") in page
        assert "There are no scans yet" not in page


def test_who_writes_about_an_erased_parcel_is_told_to_name_nobody(alice: User, signed_in: SignIn) -> None:
    shipment = a_known_parcel(alice.memberships.get().merchant)
    assert "Write nothing here that names them" not in _page(signed_in(alice), shipment)
    empty([shipment.pk], Kept.PERSONAL, DAY, days=None)

    page = _page(signed_in(alice), shipment)
    assert "Write nothing here that names them" in page
    assert "choose no tag that names them" in page

    # What is written all the same goes when the buyer asks anew.
    Note.objects.create(shipment=shipment, merchant=shipment.merchant, text=MARK)
    Shipment.objects.update(tags=[MARK])
    erasing.begin(ErasedBy.NUMBER, shipment.lookup_key, None, asked_by=None, now=timezone.now())
    assert erasing.work(timezone.now()) is True
    assert not Note.objects.exists()
    assert Shipment.objects.get().tags == []


def test_no_page_names_the_buyer_any_more(alice: User, signed_in: SignIn) -> None:
    shipment = _erased(Kept.PERSONAL, None, alice.memberships.get().merchant)
    link = PrivateLink.objects.get()
    answer = Answer.objects.get()
    picture = ProofPicture.objects.get()
    member = signed_in(alice)
    here = f"/app/{shipment.merchant.slug}/shipments/{shipment.public_id}/"
    for client, address in (
        (Client(), f"/track/{shipment.number}"),
        (Client(), link.get_absolute_url()),
        (member, here),
        (member, f"{here}answers/{answer.sha256}/"),
    ):
        response = client.get(address)
        assert response.status_code == 200
        assert MARK not in response.content.decode()
        assert ZIP not in response.content.decode()
    # The postal code opens nothing any more.
    unlocked = Client().post(f"/track/{shipment.number}", {"postal_code": ZIP}, follow=True)
    assert MARK not in unlocked.content.decode()
    pictures = [
        f"{here}proof/{picture.sha256}",
        reverse("private-picture", args=[link.token, picture.sha256]),
    ]
    assert [member.get(address).status_code for address in pictures] == [404, 404]
    ProofPicture.objects.update(data=b"x")
    Shipment.objects.update(proof_url="https://carrier.example/proof/1")
    # Where they are, as long as they are there.
    assert [member.get(address).status_code for address in pictures] == [200, 200]


def test_members_see_that_there_was_a_picture_and_its_digest(alice: User, signed_in: SignIn) -> None:
    shipment = _erased(Kept.PROOFS, 400, alice.memberships.get().merchant)
    page = _page(signed_in(alice), shipment)
    assert f"SHA-256: {ProofPicture.objects.get().sha256}" in page
    assert "<img" not in page.split("proof-title")[1].split("timeline-title")[0]


def test_an_erased_answer_still_shows_its_digest(alice: User, signed_in: SignIn) -> None:
    shipment = _erased(Kept.ANSWERS, 400, alice.memberships.get().merchant)
    member = signed_in(alice)
    digest = Answer.objects.get().sha256
    page = member.get(
        f"/app/{shipment.merchant.slug}/shipments/{shipment.public_id}/answers/{digest}/"
    ).content.decode()
    assert digest in page
    assert "What the carrier said is no longer kept: it was removed on 3 May" in page
    assert "Digest of 1 raw answer, whose words are no longer kept" in _page(member, shipment)


def test_a_statement_of_an_erased_parcel_can_still_be_checked() -> None:
    shipment = a_known_parcel()
    statement = Statement.objects.get()
    told = {"number": statement.number, "digest": statement.digest}
    assert "erased since" not in Client().get("/verify", told).content.decode()
    empty([shipment.pk], Kept.PERSONAL, DAY, days=None)
    response = Client().get("/verify", told)
    assert response.status_code == 200
    page = response.content.decode()
    assert "data have been erased since." in page
    assert Answer.objects.get().sha256[:8] in page.replace(" ", "")
    assert MARK not in page


def test_a_statement_made_afterwards_names_nobody() -> None:
    shipment = _erased(Kept.PERSONAL, 540)
    statement, is_new = state(shipment, by=None, is_for_buyer=False, now=timezone.now())
    assert is_new
    assert statement.document is not None
    assert MARK not in statement.document
    assert statement.content["answers"][0]["sha256"] == Answer.objects.get().sha256


def test_a_public_page_of_an_erased_parcel_costs_one_statement_more(django_assert_max_num_queries) -> None:
    shipment = _erased(Kept.PERSONAL, 540)
    Client().get(f"/track/{shipment.number}")
    with django_assert_max_num_queries(5):
        Client().get(f"/track/{shipment.number}")


@pytest.mark.parametrize(
    ("days", "words"),
    [(365, "1 year"), (730, "2 years"), (30, "1 month"), (540, "18 months"), (548, "548 days")],
)
def test_ages_are_said_as_people_say_them(days: int, words: str) -> None:
    assert age_in_words(days) == words
