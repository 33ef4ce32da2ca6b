"""Somebody who guesses: ten thousand numbers near a real one, and ten thousand postal codes, from as many addresses.

A study of carriers' own pages (WWW 2020) guessed most of two carriers' numbers within five tries, and read names there.
What these tests play is that, on every form and address a stranger can reach.
"""

import itertools
import logging
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from django.apps import apps
from django.test import Client

from shipments.enums import Sight, Status, Wants
from shipments.facts.places import Place
from shipments.models import Merchant, Note, PrivateLink, ProofPicture, Subscription, Throttle, Watch
from shipments.tracking.statements import state
from tests import factories
from tests.factories import ACCEPTED, LABEL, a_kept_picture, a_scan, a_shipment, a_snapshot, posted

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 6, 12, 0, 20, tzinfo=UTC)
NUMBER = "9400111899223197428490"
POSTAL_CODE = "20832"
ORDER = "ORDER-7731"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Away from the border of a window of tries, so that their count is exact. Ten thousand refusals are not worth a log.
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def secrets(merchant: Merchant) -> set[str]:
    """What a stranger must not read of a parcel with everything in it that there can be."""
    parcel = a_shipment(
        merchant,
        number=NUMBER,
        destination_postal_code=POSTAL_CODE,
        recipient_name="Jane Recipient",
        order_number=ORDER,
        tags=["vip-client"],
        due_at=NOW + timedelta(hours=3),
    )
    factories.ingested(
        parcel,
        a_snapshot(
            a_scan(
                "2026-03-05 14:05",
                "CODE77",
                "Delivered, Front Door/Porch",
                Status.DELIVERED,
                place=Place("OLNEY", "MD", POSTAL_CODE, "US"),
                signed_by="R. EXAMPLE",
            ),
            a_scan(*ACCEPTED),
            a_scan(*LABEL),
            number=NUMBER,
            delivered=posted("2026-03-05 14:05"),
            delivery_description="Delivered, Front Door/Porch",
            signed_by="R. EXAMPLE",
            delivery_proof_url="https://carrier.example/proof/77",
            service_name="Priority Mail Express",
            second_number="SECOND5550001",
            reference_number="REFERENCE-9",
        ),
    )
    parcel.refresh_from_db()
    picture = a_kept_picture(parcel, fetched_at=NOW)
    link = PrivateLink.objects.make(parcel)
    statement = state(parcel, by=None, is_for_buyer=True, now=NOW)[0]
    Note.objects.create(shipment=parcel, merchant=merchant, text="calls every day")
    Subscription.objects.create(
        shipment=parcel,
        merchant=merchant,
        email="robin@example.com",
        wants=Wants.FROM_NOW,
        language="en",
        sight=Sight.PRIVATE_LINK,
        link=link,
        confirmed_at=NOW,
        news_after=NOW,
    )
    return {
        "jane recipient",
        ORDER.lower(),
        POSTAL_CODE,
        "front door",
        "porch",
        "r. example",
        "carrier.example",
        "priority mail",
        "second555",
        "reference-9",
        "vip-client",
        "code77",
        "calls every day",
        "robin@",
        merchant.name.lower(),
        str(parcel.public_id),
        link.token.lower(),
        statement.number.lower(),
        statement.digest,
        picture.sha256,
    }


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whatever is asked of anybody over HTTP."""
    made: list[str] = []
    for client in (httpx.Client, httpx.AsyncClient):
        monkeypatch.setattr(client, "send", lambda _self, request, **_how: made.append(str(request.url)))
    return made


def everything() -> dict[str, Any]:
    """How many rows there are of everything but tries, and when each parcel is asked about again."""
    rows: dict[str, Any] = {
        model._meta.label: model._base_manager.count()
        for model in apps.get_models(include_auto_created=True)
        if model is not Throttle
    }
    return {**rows, "due": list(Watch.objects.order_by("pk").values_list("due_at", "checked_at", "lease"))}


def without_token(response: Any) -> bytes:
    return re.sub(rb'name="csrfmiddlewaretoken" value="[^"]*"', b"", response.content)


class Guesser:
    """A browser that comes from another address each time, and keeps what it reads of the secrets."""

    def __init__(self, secrets: set[str]) -> None:
        self.secrets = secrets
        self._addresses = (f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in itertools.count())
        self.client = Client()
        self.learnt: list[tuple[str, str]] = []
        self.asked = 0

    def get(self, path: str, data: Any = None, **how: Any) -> Any:
        return self._look(self.client.get, path, data, **how)

    def post(self, path: str, data: Any = None, **how: Any) -> Any:
        # As browsers send it; the test client's own way takes longer to read.
        return self._look(self.client.post, path, urlencode(data or {}), content_type=FORM, **how)

    def _look(self, method: Callable[..., Any], path: str, data: Any, **how: Any) -> Any:
        response = method(path, data, REMOTE_ADDR=how.pop("address", None) or next(self._addresses), **how)
        self.asked += 1
        typed = f"{path} {data}".lower()
        # Whatever is random may be read as anything.
        cookies = [cookie.OutputString() for name, cookie in response.cookies.items() if name != "csrftoken"]
        headers = {name: value for name, value in response.headers.items() if name != "X-Request-ID"}
        read = f"{headers} {cookies} {without_token(response)!r}".lower()
        # What was typed is said again at its field; that tells nothing.
        self.learnt += [(path, secret) for secret in self.secrets if secret in read and secret not in typed]
        return response


@pytest.fixture
def guesser(secrets: set[str], calls: list[str]) -> Iterator[Guesser]:
    """Whatever it asks, it learns nothing, makes nothing and sets nothing going."""
    before = everything()
    guesser = Guesser(secrets)
    yield guesser
    assert guesser.asked > 0
    assert guesser.learnt == []
    assert everything() == before
    assert calls == []


def neighbours(count: int) -> list[str]:
    """So many numbers next to the real one, on either side, nearest first."""
    at, width = int(NUMBER), len(NUMBER)
    return [f"{at + sign * n:0{width}d}" for n in range(1, count // 2 + 1) for sign in (1, -1)]


def batches(numbers: list[str]) -> Iterator[list[str]]:
    """As many at a time as the form takes."""
    return (numbers[at : at + 35] for at in range(0, len(numbers), 35))


# ---- Numbers -------------------------------------------------------------------------------------------------------


def test_ten_thousand_numbers_near_a_real_one_tell_nothing(guesser: Guesser) -> None:
    numbers = neighbours(10_000)
    # The guesser is lucky, too: the real number is among them.
    numbers.insert(5_000, NUMBER)
    found = unknown = 0
    for batch in batches(numbers):
        response = guesser.get("/track", {"number": "\n".join(batch)})
        assert response.status_code == 200
        found += response.content.count(b'class="badge')
        unknown += response.content.count(b"Not found: it may be too new, or mistyped.")

    assert (found, unknown) == (1, 10_000)


@pytest.mark.parametrize("path", ["/track/{}", "/{}", "/track/{}/email", "/m/alpine/track/{}"])
def test_an_address_of_a_number_near_a_real_one_tells_nothing(guesser: Guesser, path: str) -> None:
    # The frame says whose it is, whatever the number.
    guesser.secrets.discard("alpine outfitters")
    pages = set()
    for number in neighbours(200):
        response = guesser.get(path.format(number), follow=True)
        assert response.status_code == 404
        pages.add(without_token(response).replace(number.encode(), b""))
    assert len(pages) == 1


def test_asking_for_mails_about_a_guessed_number_writes_to_nobody(guesser: Guesser) -> None:
    for number in neighbours(200):
        response = guesser.post(
            f"/track/{number}/email", {"email": "guesser@example.com", "wants": Wants.BOTH.value}
        )
        assert response["Location"] == f"/track/{number}"


def test_from_one_address_the_game_is_over_after_a_few(guesser: Guesser) -> None:
    numbers = neighbours(400)
    lists = [
        guesser.get("/track", {"number": "\n".join(batch)}, address="198.51.100.7").status_code
        for batch in batches(numbers)
    ]
    assert lists == [200] * 6 + [429] * (len(lists) - 6)
    pages = [guesser.get(f"/track/{number}", address="198.51.100.8") for number in numbers]
    assert [page.status_code for page in pages] == [404] * 60 + [429] * 340
    assert {page["Retry-After"] for page in pages[60:]} == {"41"}
    # The real one is refused like any other.
    assert guesser.get(f"/track/{NUMBER}", address="198.51.100.8").status_code == 429


# ---- Postal codes --------------------------------------------------------------------------------------------------


def codes(first: int, count: int) -> list[str]:
    return [f"{code:05d}" for code in range(first, first + count)]


def test_ten_thousand_postal_codes_open_nothing(guesser: Guesser) -> None:
    """Every code that begins with a 2, at the page of the real number and at its order; the right one is among them."""
    by_number, by_order = [], []
    for code in codes(20_000, 10_000):
        # Every other at the order, the right one at both.
        if code == POSTAL_CODE or int(code) % 2:
            by_number.append(guesser.post(f"/track/{NUMBER}", {"postal_code": code}).status_code)
        if code == POSTAL_CODE or int(code) % 2 == 0:
            by_order.append(guesser.post("/track/order", {"order_number": ORDER, "known": code}).status_code)

    assert by_number == [200] * 5 + [429] * 4_996
    assert by_order == [200] * 5 + [429] * 4_995
    assert guesser.client.cookies.get("parcel") is None


@pytest.mark.parametrize(
    ("path", "field", "more"),
    [
        (f"/track/{NUMBER}", "postal_code", {}),
        ("/track/order", "known", {"order_number": ORDER}),
        ("/m/alpine/track/order", "known", {"order_number": ORDER}),
    ],
)
def test_however_many_days_are_waited_for_wrong_codes_all_get_one_answer(
    guesser: Guesser, monkeypatch: pytest.MonkeyPatch, path: str, field: str, more: dict[str, str]
) -> None:
    guesser.secrets.discard("alpine outfitters")
    pages = set()
    for day, guesses in enumerate(itertools.zip_longest(*[iter(codes(20_700, 100))] * 5)):
        monkeypatch.setattr("django.utils.timezone.now", lambda day=day: NOW + timedelta(days=day))
        for code in guesses:
            response = guesser.post(path, {field: code, **more})
            assert response.status_code == 200
            said = without_token(response).partition(b'role="status"')[2] or without_token(response)
            pages.add(said.replace(code.encode(), b""))
    assert len(pages) == 1


def test_after_five_tries_from_anywhere_the_right_code_gets_the_answer_of_a_wrong_one(
    guesser: Guesser, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = f"/track/{NUMBER}"
    tries = [guesser.post(page, {"postal_code": code}).status_code for code in codes(10_001, 5)]
    assert tries == [200] * 5

    right = guesser.post(page, {"postal_code": POSTAL_CODE})
    wrong = guesser.post(page, {"postal_code": "10006"})
    del right["X-Request-ID"], wrong["X-Request-ID"]
    assert (right.status_code, right.headers) == (wrong.status_code, wrong.headers)
    assert right.status_code == 429
    assert without_token(right) == without_token(wrong)
    assert not right.cookies.get("parcel")
    # In every writing of the number, in the frame of the platform as in the merchant's, and until the day is over.
    assert (
        guesser.post("/track/9400-1118-9922-3197-4284-90", {"postal_code": POSTAL_CODE})["Location"] == page
    )
    guesser.secrets.discard("alpine outfitters")
    assert guesser.post("/m/alpine" + page, {"postal_code": POSTAL_CODE}).status_code == 429
    late = NOW.replace(hour=23, minute=59, second=59)
    monkeypatch.setattr("django.utils.timezone.now", lambda: late)
    assert guesser.post(page, {"postal_code": POSTAL_CODE}).status_code == 429

    # The buyer's own try on the next day.
    monkeypatch.setattr("django.utils.timezone.now", lambda: late + timedelta(seconds=1))
    assert Client().post(page, {"postal_code": POSTAL_CODE})["Location"] == page


# ---- Orders, links, proofs, statements -----------------------------------------------------------------------------


def test_orders_near_a_real_one_tell_nothing(guesser: Guesser) -> None:
    pages = set()
    for n in range(7_700, 7_800):
        number = f"ORDER-{n}"
        response = guesser.post("/track/order", {"order_number": number, "known": "10001"})
        assert response.status_code == 200
        pages.add(without_token(response).replace(number.encode(), b""))
        guesser.post("/track/order", {"order_number": number, "known": "guesser@example.com"})
    assert len(pages) == 1


def test_guessed_links_open_no_proof_and_no_statement(guesser: Guesser) -> None:
    real = PrivateLink.objects.get()
    digest = ProofPicture.objects.get().sha256
    for n in range(40):
        token = f"{real.token[:-2]}{n:02d}"
        if token == real.token:
            continue
        for path in ("", "/proof", f"/proof/{digest}", "/statement", "/statement/PS-AAAA-AAAA-AAAA-AAAA"):
            response = guesser.get(f"/t/{token}{path}")
            assert response.status_code == 404
        assert guesser.post(f"/t/{token}/statement").status_code == 404


def test_guessed_statements_are_not_ours(guesser: Guesser) -> None:
    for n in range(200):
        guesser.get("/verify", {"number": f"PS-AAAA-AAAA-AAAA-A{n:03d}", "digest": f"{n:064x}"})
        guesser.get(f"/verify/PS-AAAA-AAAA-AAAA-B{n:03d}")
