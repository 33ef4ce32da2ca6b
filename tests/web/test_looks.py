"""Settings: how the public pages look."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.test import Client

from shipments.facts.logos import MOST_BYTES
from shipments.models import AuditEntry, Look, Merchant, MerchantHost, PrivateLink, User
from shipments.web.forms_looks import LookForm
from tests.factories import a_host, a_look, a_person, a_png, a_shipment

pytestmark = pytest.mark.django_db

LOOK = "/app/alpine/settings/look/"
SAID = {
    "shown_name": "  Alpine   Gear ",
    "colour": "FFD400",
    "support_url": "help@alpine.example",
    "name_beside_logo": "on",
}


@pytest.fixture
def owner(alice: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(alice)


def a_file(content: bytes, name: str = "logo.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="image/png")


def html(response: Any) -> str:
    text: str = response.content.decode()
    return text


def test_an_owner_says_how_the_pages_look(owner: Client, alice: User, merchant: Merchant) -> None:
    response = owner.post(LOOK, {**SAID, "logo": a_file(a_png())})

    assert response["Location"] == LOOK
    look = Look.objects.get(merchant=merchant)
    assert (look.shown_name, look.colour, look.support_url, look.name_beside_logo) == (
        "Alpine Gear",
        "#ffd400",
        "mailto:help@alpine.example",
        True,
    )
    assert (look.logo_type, look.logo_width, look.logo_height) == ("image/png", 120, 40)
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.model, entry.person, entry.merchant) == (
        "changed",
        "shipments.Look",
        alice.pk,
        merchant.pk,
    )
    assert entry.before == {"shown_name": "", "colour": "", "support_url": "", "logo_sha256": ""}
    assert entry.after == {
        "shown_name": "Alpine Gear",
        "colour": "#ffd400",
        "support_url": "mailto:help@alpine.example",
        "logo_sha256": look.logo_sha256,
    }
    page = html(owner.get(LOOK))
    assert 'value="#ffd400"' in page
    assert f"/m/alpine/logo.{look.logo_sha256[:16]}.png" in page


def test_what_did_not_change_is_neither_written_nor_audited(owner: Client, merchant: Merchant) -> None:
    owner.post(LOOK, {"name_beside_logo": "on"})
    assert not Look.objects.exists()

    owner.post(LOOK, SAID)
    changed_at = Look.objects.get().changed_at
    owner.post(LOOK, SAID)

    assert Look.objects.get().changed_at == changed_at
    assert AuditEntry.objects.count() == 1


def test_the_logo_stays_until_another_one_comes_or_it_is_taken_away(
    owner: Client, merchant: Merchant
) -> None:
    first = a_look(merchant, logo=a_png())

    owner.post(LOOK, SAID)
    assert Look.objects.get().logo_sha256 == first.logo_sha256
    owner.post(LOOK, {**SAID, "logo": a_file(a_png(colour="#ff0000")), "remove_logo": "on"})
    assert Look.objects.get().logo_sha256 not in {"", first.logo_sha256}
    owner.post(LOOK, {**SAID, "remove_logo": "on"})

    look = Look.objects.get()
    assert (look.logo, look.logo_sha256, look.logo_type, look.logo_width) == (None, "", "", 0)
    assert look.colour == "#ffd400"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"colour": "red"}, "Write a colour as # and six digits"),
        ({"colour": "#fff;}body{display:none"}, "at most 20 characters"),
        ({"support_url": "http://shop.example"}, "begins with https://, or an e-mail address"),
        ({"support_url": "javascript:alert(1)"}, "begins with https://, or an e-mail address"),
        ({"shown_name": "x" * 61}, "at most 60 characters"),
        ({"shown_name": "a\x00b"}, "Null characters are not allowed"),
    ],
)
def test_a_mistake_is_told_at_its_field_and_nothing_is_lost(
    owner: Client, merchant: Merchant, wrong: dict[str, str], words: str
) -> None:
    response = owner.post(LOOK, SAID | wrong)

    assert response.status_code == 400
    assert words in html(response)
    kept = (SAID | wrong)["support_url"] if "support_url" in wrong else "help@alpine.example"
    assert f'value="{kept}"' in html(response)
    assert not Look.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "An SVG is not taken"),
        (a_png()[:90], "damaged or cut short"),
        (b"", "The file is empty"),
        (b"x" * (MOST_BYTES + 1), "more than 2 MB"),
        (b"x" * (4 * MOST_BYTES + 1), "more than 2 MB"),
    ],
    ids=["svg", "broken", "empty", "too large", "far too large"],
)
def test_a_file_that_is_no_logo_is_refused_and_the_old_one_stays(
    owner: Client, merchant: Merchant, content: bytes, words: str
) -> None:
    look = a_look(merchant, logo=a_png(), support_url="https://alpine.example/help")

    response = owner.post(LOOK, {**SAID, "logo": a_file(content)})

    assert response.status_code == 400
    assert words in html(response)
    assert Look.objects.get().logo_sha256 == look.logo_sha256


def test_what_is_sent_is_drawn_anew(owner: Client, merchant: Merchant) -> None:
    owner.post(LOOK, {**SAID, "logo": a_file(a_png() + b"<script>alert(1)</script>", "logo.html")})

    assert b"script" not in bytes(Look.objects.get().logo or b"")


def test_a_form_from_elsewhere_changes_nothing(alice: User, merchant: Merchant) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)

    assert client.post(LOOK, {**SAID, "logo": a_file(a_png())}).status_code == 403
    assert not Look.objects.exists()


def test_trying_out_shows_and_saves_nothing(owner: Client, merchant: Merchant) -> None:
    response = owner.post(LOOK, {**SAID, "try": "1"})

    assert response.status_code == 200
    assert "Nothing is saved yet" in html(response)
    assert 'preview.css?colour=%23ffd400"' in html(response)
    assert re.search(r"#ffd400 has a contrast of 1\.\d : 1, and text needs 4\.5 : 1\.", html(response))
    assert "#ffd400 has a contrast of 9.2 : 1, and is used as it is." in html(response)
    assert not Look.objects.exists()


def test_while_a_colour_is_typed_only_its_preview_comes(owner: Client, merchant: Merchant) -> None:
    a_look(merchant, colour="#ffd400")

    response = owner.get(LOOK, {"colour": "#0b5c6b"}, headers={"hx-request": "true"})

    assert html(response).startswith('<div id="look-colour"')
    assert 'preview.css?colour=%230b5c6b"' in html(response)
    assert html(response).count("is used as it is") == 1
    # Half of a colour is none: the platform's own is shown until there is one.
    half = owner.get(LOOK, {"colour": "#ff"}, headers={"hx-request": "true"})
    assert 'preview.css?colour=%230b5c6b"' in html(half)


def test_the_preview_has_both_schemes_whatever_the_readers_is(owner: Client, merchant: Merchant) -> None:
    response = owner.get(f"{LOOK}preview.css", {"colour": "#ffd400"})

    assert response["Content-Type"] == "text/css; charset=utf-8"
    light, dark = html(response).splitlines()
    assert light.startswith(".look-preview--light{--paper:#f7f6f3;--sheet:#ffffff;")
    assert dark.startswith(".look-preview--dark{--paper:#121619;--sheet:#1a2024;")
    assert "--brand:#ffd400;" in light
    assert "--accent:#ffd400;" in dark
    assert html(owner.get(f"{LOOK}preview.css", {"colour": "};*{x"})).count("--brand:#0b5c6b;") == 2


def test_others_see_it_and_are_told_who_can_change_it(
    bob: User, merchant: Merchant, signed_in: Callable[[User], Client]
) -> None:
    a_look(merchant, shown_name="Alpine Gear", support_url="https://alpine.example/help")

    page = html(signed_in(bob).get(LOOK))

    assert "Alpine Gear" in page
    assert "An owner can change this." in page
    assert "<form class=" not in page.split("<main", 1)[1].split("<footer", 1)[0]


def test_the_host_names_are_shown_and_whom_to_ask_for_one(owner: Client, merchant: Merchant) -> None:
    assert "Ask whoever runs this site to add it" in html(owner.get(LOOK))

    a_host(merchant)
    page = html(owner.get(LOOK))

    assert 'href="http://track.alpine.example:8000/"' in page
    assert 'href="http://testserver/m/alpine/"' in page


def test_staff_hand_on_links_on_the_merchants_host_name(owner: Client, merchant: Merchant) -> None:
    shipment = a_shipment(merchant)
    link = PrivateLink.objects.make(shipment)
    detail = f"/app/alpine/shipments/{shipment.public_id}/"
    assert f'value="http://testserver/t/{link.token}"' in html(owner.get(detail))
    assert f'href="http://testserver/m/alpine/track/{shipment.number}"' in html(owner.get(detail))

    a_host(merchant)

    page = html(owner.get(detail))
    assert f'value="http://track.alpine.example:8000/t/{link.token}"' in page
    assert f'href="http://track.alpine.example:8000/track/{shipment.number}"' in page


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_save_the_first_look_at_once_both_do(
    alice: User, merchant: Merchant, signed_in: Callable[[User], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2)
    apply = LookForm.apply

    def apply_together(form: LookForm, look: Look) -> None:
        # Whoever comes second waits for the lock: then the barrier breaks, and the first one goes on alone.
        with suppress(threading.BrokenBarrierError):
            both.wait(timeout=1)
        apply(form, look)

    monkeypatch.setattr(LookForm, "apply", apply_together)
    clients = [signed_in(alice), signed_in(a_person("other@example.com", merchant, "owner"))]

    def save(said: tuple[Client, str]) -> int:
        client, colour = said
        try:
            return client.post(LOOK, SAID | {"colour": colour}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        statuses = list(pool.map(save, zip(clients, ("#ffd400", "#0b5c6b"), strict=True)))

    assert statuses == [302, 302]
    entries = AuditEntry.objects.order_by("id")
    assert [entry.before["colour"] for entry in entries] == ["", entries[0].after["colour"]]
    assert Look.objects.get().colour == entries[1].after["colour"]


# ---- The table -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"colour": "red"},
        {"colour": "#FFD400"},
        {"support_url": "javascript:alert(1)"},
        {"logo": b"x"},
        {"logo_sha256": "0" * 64},
        {"logo": b"x", "logo_sha256": "0" * 64, "logo_type": "text/html", "logo_width": 1, "logo_height": 1},
    ],
)
def test_the_database_refuses_half_a_look(merchant: Merchant, wrong: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Look.objects.create(merchant=merchant, **wrong)


def test_the_database_keeps_host_names_in_small_letters(merchant: Merchant) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        MerchantHost.objects.create(merchant=merchant, host="Track.Alpine.Example")
