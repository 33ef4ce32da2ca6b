"""Nothing a carrier, a merchant or a stranger wrote becomes markup, wherever it is put into our own words."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client

from shipments.buyers import subscribing
from shipments.enums import Status
from shipments.facts.places import Place
from shipments.models import Carrier, Mail, Merchant, PrivateLink, Statement, SubscriptionRequest
from tests.factories import (
    ACCEPTED,
    a_kept_picture,
    a_look,
    a_png,
    a_scan,
    a_shipment,
    a_snapshot,
    ingested,
    posted,
)

pytestmark = pytest.mark.django_db

NUMBER = "9400111899223197428490"
NOW = datetime(2026, 3, 6, 12, tzinfo=UTC)
# Out of an attribute, into a tag; what `%` and templates would fill in; what ends a script.
HOSTILE = "\"><img src=x onerror=a>'%(x)s%s%{{1234*4321}}{% x %}</script>"
TYPED = "%22%3E%3Cimg%20src=x%20onerror=a%3E"


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


@pytest.fixture
def link(merchant: Merchant) -> PrivateLink:
    """To a delivered parcel of which everybody has written all they can."""
    Merchant.objects.update(name=HOSTILE, order_on_links=True)
    merchant.refresh_from_db()
    a_look(merchant, shown_name=HOSTILE[:60], logo=a_png(), support_url="https://x.example/?a=%22%3E")
    Carrier.objects.filter(code="USPS").update(name=HOSTILE, tracking_url="https://carrier.example/{number}")
    parcel = a_shipment(
        merchant, number=NUMBER, destination_postal_code="20832", order_number=HOSTILE, recipient_name=HOSTILE
    )
    ingested(
        parcel,
        a_snapshot(
            a_scan(
                "2026-03-05 14:05", "01", HOSTILE, Status.DELIVERED,
                place=Place(HOSTILE, HOSTILE[:20], HOSTILE[:9], HOSTILE[:20]),
            ),
            a_scan("2026-03-04 14:05", "02", HOSTILE, Status.IN_TRANSIT, place=Place(f"OLNEY {HOSTILE}", "MD", "20832")),
            a_scan("2026-03-04 12:05", "02", HOSTILE, Status.IN_TRANSIT, place=Place(HOSTILE, "", "", "FR")),
            a_scan(*ACCEPTED),
            number=NUMBER,
            delivered=posted("2026-03-05 14:05"),
            delivery_location=HOSTILE,
            delivery_description=f"Delivered, {HOSTILE}",
            signed_by=HOSTILE,
            delivery_proof_url="https://carrier.example/?a=%22onerror",
            service_name=HOSTILE,
            second_number=HOSTILE,
        ),
    )  # fmt: skip
    parcel.refresh_from_db()
    a_kept_picture(parcel)
    return PrivateLink.objects.make(parcel)


def is_harmless(html: str) -> bool:
    """Whether the only programs and pictures of the page are its own."""
    own = re.sub(r'<(?:script src|img src|img class="brand__logo" src)="/[^"]*"', "", html)
    return not re.search(r"<img|<script\b|\son[a-z]+=\"|\sstyle=\"|javascript:|5332114", own)


@pytest.mark.parametrize("language", ["en", "es"])
def test_no_page_takes_words_for_markup(link: PrivateLink, language: str) -> None:
    client = Client(headers={"Accept-Language": language})
    at = link.get_absolute_url()
    stated = client.post(f"{at}/statement")["Location"]
    client.post(f"/m/alpine/track/{NUMBER}", {"postal_code": "20832"})
    statement = Statement.objects.get()
    paths = {
        f"/track/{NUMBER}": 200,
        f"/m/alpine/track/{NUMBER}": 200,
        f"/track?number={NUMBER}%0A94001": 200,
        at: 200,
        f"{at}/statement": 200,
        stated: 200,
        f"/verify?number={statement.number}&digest={statement.digest}": 200,
        "/m/alpine/": 200,
        f"/m/alpine/track?number={TYPED}": 400,
        f"/m/alpine/track?number={NUMBER}%0A{TYPED}": 200,
        f"/m/alpine/track/{TYPED}": 400,
        f"/m/alpine/track/{NUMBER}?{TYPED}={TYPED}": 200,
        f"/m/alpine/t/{TYPED}": 404,
        f"/m/alpine/verify/{TYPED}": 200,
        f"/verify?number={TYPED}&digest={TYPED}": 400,
        f"/nothing/{TYPED}": 404,
    }
    for path, status in paths.items():
        for headers in ({}, {"HX-Request": "true"}):
            response = client.get(path, headers=headers)
            assert (response.status_code, is_harmless(response.content.decode())) == (status, True), path
    shown = client.get(f"/m/alpine/track/{NUMBER}").content.decode()
    assert "&lt;img src=x onerror=a&gt;" in shown
    assert "{{1234*4321}}{% x %}" in shown


def test_no_mail_takes_words_for_markup(client: Client, link: PrivateLink) -> None:
    client.post(f"{link.get_absolute_url()}/email", {"email": "robin@example.com", "wants": "so-far"})
    subscribing.confirm(SubscriptionRequest.objects.get(), NOW)

    mails = list(Mail.objects.order_by("pk"))
    assert [mail.kind for mail in mails] == ["buyer-confirm", "buyer-so-far"]
    for mail in mails:
        assert is_harmless(re.sub(r' style="[^"<>]*"', "", mail.html))
        assert "&lt;img src=x onerror=a&gt;" in mail.html
        assert "<img src=x onerror=a>" in mail.text
