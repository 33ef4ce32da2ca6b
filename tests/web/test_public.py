"""The pages for everybody: what they show in every state, and what they refuse."""

import re
from datetime import UTC, date, datetime, time, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import Resolver404, resolve
from django_q.models import OrmQ

from shipments.enums import AnswerKind, EndReason, Lifecycle, Status
from shipments.facts.times import DeliveryEstimate
from shipments.models import Merchant, PrivateLink, Shipment, Throttle, Watch
from tests import factories
from tests.factories import ACCEPTED, DELIVERED, DENVER, LABEL, OLNEY, a_scan, a_shipment, a_snapshot, posted

pytestmark = pytest.mark.django_db

# Half an hour after noon in Olney, the day after the delivery of `factories.DELIVERED`.
NOW = datetime(2026, 3, 6, 17, 30, tzinfo=UTC)
NUMBER = "9400111899223197428490"


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


def text_of(response: Any) -> str:
    """What a reader sees of the page's main part, blanks made one."""
    main = response.content.decode().split("<main", 1)[-1].split("</main>", 1)[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


def sentence_of(response: Any) -> str:
    found = re.search(r'<h1[^>]*id="sentence"[^>]*>(.*?)</h1>', response.content.decode(), re.DOTALL)
    assert found is not None
    return unescape(found[1].strip())


def a_told_shipment(
    *scans: Any, number: str = NUMBER, over: dict[str, Any] | None = None, **snapshot: Any
) -> Shipment:
    """A parcel the carrier has answered about, five minutes before NOW."""
    shipment = a_shipment(number=number, **(over or {}))
    factories.ingested(
        shipment, a_snapshot(*scans, number=number, **snapshot), now=NOW - timedelta(minutes=5)
    )
    Watch.objects.filter(pk=shipment.pk).update(
        checked_at=NOW - timedelta(minutes=5), due_at=NOW + timedelta(minutes=20)
    )
    Shipment.objects.filter(pk=shipment.pk).update(facts_fetched_at=NOW - timedelta(minutes=5))
    shipment.refresh_from_db()
    return shipment


def label() -> Any:
    return a_scan(*LABEL)


def accepted() -> Any:
    return a_scan(*ACCEPTED)


def scanned(status: Status, text: str, code: str = "XX") -> Any:
    return a_scan("2026-03-06 10:05", code, text, status, place=OLNEY)


def a_delivered(**over: Any) -> Shipment:
    return a_told_shipment(
        a_scan(*DELIVERED, place=OLNEY),
        accepted(),
        label(),
        over=over,
        delivered=posted("2026-03-05 14:05"),
        delivery_location="OLNEY",
        delivery_description="Delivered, Front Door/Porch",
        signed_by="R EXAMPLE",
        delivery_proof_url="https://carrier.example/proof/77",
        service_name="Priority Mail Express",
        second_number="SECOND5550001",
    )


# ---- Looking up ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/track"])
def test_there_is_one_field_for_a_number(client: Client, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 200
    assert response.content.decode().count("<textarea") == 1
    assert "Where is your parcel?" in text_of(response)


@pytest.mark.parametrize(
    "typed",
    [
        NUMBER,
        "9400 1118 9922 3197 4284 90",
        "9400-1118-9922-3197-4284-90",
        f" {NUMBER}\r\n",
        f"{NUMBER},,\n{NUMBER}",
    ],
)
def test_one_number_in_any_writing_leads_to_its_page(client: Client, typed: str) -> None:
    response = client.get("/track", {"number": typed})

    assert response.status_code == 302
    assert response["Location"] == f"/track/{NUMBER}"


def test_small_letters_lead_to_the_page_in_capitals(client: Client) -> None:
    response = client.get("/track/1z999aa10123456784")

    assert response["Location"] == "/track/1Z999AA10123456784"


@pytest.mark.parametrize("typed", ["9400 1118 9922 3197 4284 90", "9400111899223197428490", "1z-999 aa101"])
def test_a_number_behind_the_host_leads_to_its_page(client: Client, typed: str) -> None:
    response = client.get(f"/{typed}", follow=True)

    number = typed.replace(" ", "").replace("-", "").upper()
    assert response.redirect_chain[-1][0] == f"/track/{number}"


@pytest.mark.parametrize(
    "path", ["/favicon.ico", "/robots.txt", "/wp-admin", "/123", "/" + "1" * 41, "/a1b2/c3d4", "/-123"]
)
def test_other_words_behind_the_host_are_no_numbers(path: str) -> None:
    with pytest.raises(Resolver404):
        resolve(path)


@pytest.mark.parametrize("path", ["/admin/", "/accounts/login/", "/app/", "/track", "/language"])
def test_our_own_addresses_come_before_numbers(path: str) -> None:
    assert resolve(path).url_name != "public-number"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "Tracking number: type or paste at least one."),
        (" , ;\n", "Tracking number: type or paste at least one."),
        ("abc", "A tracking number has 4 to 34 letters and digits, and nothing else."),
        ("9" * 35, "A tracking number has 4 to 34 letters and digits, and nothing else."),
        (
            "<script>alert(1)</script>",
            "A tracking number has 4 to 34 letters and digits, and nothing else.",
        ),
        (
            "\n".join(f"94001{n:04d}" for n in range(36)),
            "Tracking number: up to 35 at a time; there are 36.",
        ),
    ],
)
def test_bad_input_is_answered_with_the_field_and_the_rule(client: Client, typed: str, message: str) -> None:
    response = client.get("/track", {"number": typed})

    assert response.status_code == 400
    assert message in text_of(response)
    assert "<script>alert" not in response.content.decode()
    assert Shipment.objects.exists() is False
    assert Throttle.objects.exists() is False


def test_a_bad_number_in_an_address_is_answered_the_same(client: Client) -> None:
    response = client.get("/track/<b>no<b>")

    assert response.status_code == 400
    assert "<b>no" not in response.content.decode()


def test_several_numbers_give_a_list(client: Client) -> None:
    a_told_shipment(accepted(), label())
    a_shipment(number="1Z999AA10123456784", carrier="UPS")
    a_shipment(number="1Z999AA10123456784", carrier="UPS")

    response = client.get("/track", {"number": f"{NUMBER}\n1z999aa10123456784; 94009999\n?!"})

    assert response.status_code == 200
    shown = text_of(response)
    assert "4 numbers looked up" in shown
    assert f"With the carrier {NUMBER} USPS" in shown
    assert "1Z999AA10123456784 Several parcels have this number." in shown
    assert "94009999 Not found: it may be too new, or mistyped." in shown
    assert "?! A tracking number has 4 to 34 letters and digits" in shown


def test_a_list_of_nothing_but_nonsense_is_bad_input(client: Client) -> None:
    assert client.get("/track", {"number": "?!,!?"}).status_code == 400


def test_a_list_costs_the_same_statements_however_long(
    client: Client, django_assert_num_queries: Any
) -> None:
    numbers = [factories.an_impb() for _ in range(35)]
    merchant = factories.a_merchant()
    for number in numbers[:3]:
        a_shipment(merchant, number=number)
    with django_assert_num_queries(3):
        client.get("/track", {"number": ",".join(numbers[:3])})
    for number in numbers[3:]:
        a_shipment(merchant, number=number)
    with django_assert_num_queries(3):
        client.get("/track", {"number": ",".join(numbers)})


def test_a_page_takes_few_statements(client: Client, django_assert_num_queries: Any) -> None:
    a_delivered()

    with django_assert_num_queries(3):
        client.get(f"/track/{NUMBER}")


def test_an_unknown_number_creates_nothing_and_asks_nobody(client: Client) -> None:
    response = client.get(f"/track/{NUMBER}")

    assert response.status_code == 404
    assert "We have no parcel with this number yet" in text_of(response)
    assert "It may be too new" in text_of(response)
    assert Shipment.objects.exists() is False
    assert Watch.objects.exists() is False
    assert OrmQ.objects.exists() is False


def test_an_archived_parcel_is_said_to_be_put_away_and_nothing_of_it_is_shown(client: Client) -> None:
    shipment = a_told_shipment(accepted())
    shipment.lifecycle, shipment.end_reason = Lifecycle.ARCHIVED, EndReason.TOO_OLD
    shipment.save()

    response = client.get(f"/track/{NUMBER}")

    assert response.status_code == 410
    page = response.content.decode()
    assert "This parcel is no longer shown" in page
    assert not any(told in page for told in (shipment.carrier.name, "Accepted", "scan__", "steps"))


def test_looking_does_not_change_the_parcel_or_ask_the_carrier(client: Client) -> None:
    shipment = a_told_shipment(accepted())
    due_at = Watch.objects.get(pk=shipment.pk).due_at

    client.get(f"/track/{NUMBER}")

    assert Watch.objects.get(pk=shipment.pk).due_at == due_at
    assert OrmQ.objects.exists() is False


@pytest.mark.parametrize("path", ["/", "/track", f"/track/{NUMBER}", "/t/none"])
def test_pages_answer_head_and_refuse_what_they_do_not_know(client: Client, path: str) -> None:
    a_delivered()

    assert client.head(path).status_code in {200, 404}
    assert client.delete(path).status_code == 405


def test_only_the_page_of_a_parcel_takes_a_post(client: Client) -> None:
    assert [client.post(path).status_code for path in ("/", "/track", "/t/none", f"/{NUMBER}")] == [405] * 4


# ---- States --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scans", "snapshot", "sentence", "current", "action"),
    [
        (
            [label()],
            {},
            "Waiting for the carrier's first scan: the label was made on 2 March",
            "Label created",
            "",
        ),
        (
            [accepted(), label()],
            {"estimate": DeliveryEstimate(date(2026, 3, 7), end=time(20))},
            "Arriving Saturday, 7 March, by 8 pm",
            "With the carrier",
            "",
        ),
        (
            [accepted(), label()],
            {"estimate": DeliveryEstimate(date(2026, 3, 5))},
            "Later than expected: it was due Thursday, 5 March",
            "With the carrier",
            "",
        ),
        (
            [scanned(Status.IN_TRANSIT, "Arrived at USPS Facility"), accepted()],
            {},
            "On the way: last scanned on Friday, 6 March, 10:05 am, in Olney, MD",
            "On the way",
            "",
        ),
        (
            [scanned(Status.OUT_FOR_DELIVERY, "Out for Delivery"), accepted()],
            {},
            "Out for delivery since Friday, 6 March, 10:05 am, in Olney, MD",
            "Out for delivery",
            "",
        ),
        (
            [scanned(Status.DELIVERY_ATTEMPT, "Notice Left (No Authorized Recipient)")],
            {},
            "The carrier tried to deliver on Friday, 6 March, 10:05 am, in Olney, MD, and could not",
            "Delivery attempted",
            "Look for a notice at the door",
        ),
        (
            [scanned(Status.READY_FOR_PICKUP, "Available for Pickup")],
            {},
            "Ready for pickup since Friday, 6 March, 10:05 am, in Olney, MD",
            "Ready for pickup",
            "bring proof of identity",
        ),
        (
            [scanned(Status.RETURN_TO_SENDER, "Delivered, To Original Sender")],
            {},
            "Sent back to the sender: last scanned on Friday, 6 March, 10:05 am, in Olney, MD",
            "Return to sender",
            "Ask the sender for a new delivery",
        ),
        (
            [scanned(Status.EXCEPTION, "Undeliverable as Addressed")],
            {},
            "The carrier reported a problem on Friday, 6 March, 10:05 am, in Olney, MD",
            "Problem reported",
            "tell the sender now",
        ),
    ],
)
def test_a_parcel_says_where_it_is_and_what_to_do(
    client: Client, scans: list[Any], snapshot: dict[str, Any], sentence: str, current: str, action: str
) -> None:
    a_told_shipment(*scans, **snapshot)

    response = client.get(f"/track/{NUMBER}")

    page = response.content.decode()
    assert response.status_code == 200
    assert sentence_of(response) == sentence
    assert re.findall(r'aria-current="step">([^<]*)<', page) == [current]
    assert ("What to do:" in page) is bool(action)
    assert action in text_of(response)
    assert 'hx-trigger="every 45s"' in page


def test_a_delivered_parcel_shows_when_and_where_and_asks_no_more(client: Client) -> None:
    a_delivered()

    response = client.get(f"/track/{NUMBER}")

    assert sentence_of(response) == "Delivered Thursday, 5 March, 2:05 pm"
    assert "Proof of delivery When Thursday, 5 March, 2:05 pm (Eastern Time) Where Olney, MD" in text_of(
        response
    )
    assert "hx-trigger" not in response.content.decode()
    assert 'aria-current="step">Delivered<' in response.content.decode()


def test_a_delivery_without_particulars_says_so(client: Client) -> None:
    a_told_shipment(status=Status.DELIVERED)

    response = client.get(f"/track/{NUMBER}")

    assert sentence_of(response) == "Delivered"
    assert "USPS says that it was delivered, and no more." in text_of(response)


@pytest.mark.parametrize(
    ("watch", "sentence", "action"),
    [
        ({}, "Nothing is known of this parcel yet: USPS has not answered", ""),
        (
            {"heard": AnswerKind.NOT_KNOWN, "heard_text": "TEST ACCOUNT ONLY", "checked_at": NOW},
            "USPS does not know this number yet: a new one often appears with its first scan",
            "Look again tomorrow.",
        ),
        (
            {"heard": AnswerKind.NOT_ALLOWED, "heard_text": "MAILER ID 901", "checked_at": NOW},
            "USPS does not tell us about this parcel",
            "Look at the carrier's own page",
        ),
    ],
)
def test_a_parcel_nothing_is_known_of_says_why(
    client: Client, watch: dict[str, Any], sentence: str, action: str
) -> None:
    shipment = a_shipment(number=NUMBER)
    Watch.objects.filter(pk=shipment.pk).update(**watch)

    response = client.get(f"/track/{NUMBER}")

    assert sentence_of(response) == sentence
    assert action in text_of(response)
    assert 'aria-current="step"' not in response.content.decode()
    assert watch.get("heard_text", "TEST ACCOUNT") not in response.content.decode()


def test_a_silent_carrier_costs_no_facts_and_its_error_is_not_told_to_strangers(client: Client) -> None:
    shipment = a_told_shipment(accepted(), label())
    Watch.objects.filter(pk=shipment.pk).update(
        error_kind="bad-credentials", error_text="Consumer key of alpine was refused", error_at=NOW, misses=2
    )

    response = client.get(f"/track/{NUMBER}")

    shown = text_of(response)
    assert sentence_of(response) == "Handed to USPS on Monday, 2 March, 5:40 pm, in Denver, CO"
    assert (
        "USPS is not answering at the moment. What you see is kept from 5 min ago; we will ask again."
        in shown
    )
    assert "refused" not in shown


def test_the_page_says_how_old_it_is(client: Client) -> None:
    a_told_shipment(scanned(Status.IN_TRANSIT, "Arrived"), accepted())

    assert "Carrier's last scan 2 h ago · checked 5 min ago · next check in 20 min" in text_of(
        client.get(f"/track/{NUMBER}")
    )


def test_the_last_three_scans_are_open_and_the_rest_is_behind_a_fold(client: Client) -> None:
    a_told_shipment(
        scanned(Status.OUT_FOR_DELIVERY, "Out for Delivery"),
        a_scan("2026-03-05 08:00", "10", "Arrived at Facility", Status.IN_TRANSIT, place=OLNEY),
        a_scan("2026-03-04 08:00", "10", "Arrived at Facility", Status.IN_TRANSIT, place=DENVER),
        accepted(),
        label(),
    )

    opened, folded = (
        client.get(f"/track/{NUMBER}").content.decode().split('<details class="timeline__more"', 1)
    )

    assert opened.count('<li class="scan ') == 3
    assert folded.count('<li class="scan ') == 2
    assert "Show 2 earlier scans" in folded


def test_the_parts_of_the_page_stand_in_their_order(client: Client) -> None:
    a_delivered()

    page = client.get(f"/track/{NUMBER}").content.decode()

    landmarks = [
        'id="sentence"',
        'class="steps"',
        'id="proof-title"',
        'id="facts-title"',
        'id="timeline-title"',
        'id="freshness"',
    ]
    places = [page.index(landmark) for landmark in landmarks]
    assert places == sorted(places)


def test_a_reader_of_spanish_gets_spanish(client: Client) -> None:
    a_delivered()

    response = client.get(f"/track/{NUMBER}", headers={"Accept-Language": "es-MX,es;q=0.9"})

    assert sentence_of(response) == "Entregado el jueves, 5 de marzo, 14:05"
    assert '<html lang="es">' in response.content.decode()


def test_the_language_can_be_chosen_in_the_footer(client: Client) -> None:
    client.post("/language", {"language": "es", "next": "/track"})

    assert "¿Dónde está su paquete?" in text_of(client.get("/track"))


# ---- Fragments -----------------------------------------------------------------------------------------------------


def polled(page: str) -> str:
    found = re.search(r'hx-get="([^"]+)"', page)
    assert found is not None
    return unescape(found[1])


def test_a_poll_without_news_moves_only_the_ages(client: Client) -> None:
    a_told_shipment(accepted(), label())
    address = polled(client.get(f"/track/{NUMBER}").content.decode())

    response = client.get(address, headers={"HX-Request": "true"})

    assert response["HX-Retarget"] == "#freshness"
    assert response["HX-Reswap"] == "outerHTML"
    assert response.content.decode().lstrip().startswith('<div class="freshness" id="freshness"')
    assert "<li" not in response.content.decode()


def test_a_poll_with_news_brings_the_facts_and_the_sentence(client: Client) -> None:
    shipment = a_told_shipment(accepted(), label())
    address = polled(client.get(f"/track/{NUMBER}").content.decode())
    factories.ingested(
        shipment,
        a_snapshot(scanned(Status.OUT_FOR_DELIVERY, "Out for Delivery"), accepted(), label(), number=NUMBER),
        minute=327,
    )

    response = client.get(address, headers={"HX-Request": "true"})

    page = response.content.decode()
    assert "HX-Retarget" not in response
    assert page.lstrip().startswith('<div id="parcel-facts"')
    assert '<h1 id="sentence" hx-swap-oob="innerHTML">Out for delivery since' in page
    assert "<html" not in page
    assert polled(page) != address


@pytest.mark.parametrize("header", ["HX-Boosted", "HX-History-Restore-Request"])
def test_boosted_and_restored_pages_are_whole(client: Client, header: str) -> None:
    a_told_shipment(accepted())

    response = client.get(f"/track/{NUMBER}", headers={"HX-Request": "true", header: "true"})

    assert "<html" in response.content.decode()
    assert "HX-Request" in response["Vary"]


# ---- What surrounds a page -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", [f"/track/{NUMBER}", "/track/9999999999", "/track?number=94001,94002", "/t/none", "/track/!!!"]
)
def test_pages_about_parcels_are_kept_out_of_caches_searches_and_referrers(client: Client, path: str) -> None:
    a_delivered()

    response = client.get(path)

    assert response["Referrer-Policy"] == "no-referrer"
    assert response["X-Robots-Tag"] == "noindex"
    assert response["Cache-Control"] == "private, no-store"


def pages(client: Client) -> list[str]:
    shipment = a_delivered()
    link = PrivateLink.objects.make(shipment)
    a_shipment(number="94009999")
    a_shipment(number="94009999")
    paths = [
        "/",
        "/track?number=?",
        f"/track/{NUMBER}",
        link.get_absolute_url(),
        "/track/94009999",
        "/track/94008888",
        "/t/none",
        "/nothing/here",
        f"/track?number={NUMBER},94009999",
    ]
    return [client.get(path).content.decode() for path in paths]


def test_no_page_holds_inline_code_or_loads_anything_from_elsewhere(client: Client) -> None:
    for page in pages(client):
        assert re.search(r"<script(?![^>]*\bsrc=)", page) is None
        assert re.search(r"<style|\sstyle=|\son\w+=|javascript:", page) is None
        # A canonical address is named, not loaded.
        assert (
            re.findall(
                r"<(?:script|link(?! rel=\"canonical\")|img)[^>]*(?:src|href)=\"(?!/static/)[^\"]*", page
            )
            == []
        )


def test_links_to_other_sites_tell_them_nothing(client: Client) -> None:
    for page in pages(client):
        for link in re.findall(r"<a [^>]*href=\"https?://[^>]*>", page):
            assert 'rel="noreferrer noopener"' in link


def test_a_merchants_name_is_not_told_to_who_knows_a_number_only(client: Client, merchant: Merchant) -> None:
    a_shipment(merchant, number=NUMBER)

    assert merchant.name not in client.get(f"/track/{NUMBER}").content.decode()
