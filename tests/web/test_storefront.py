"""The public pages in the frame of a merchant: under its address, on its own host name, behind a private link."""

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client, RequestFactory
from pytest_django import DjangoAssertNumQueries

from shipments.models import Merchant, MerchantHost, PrivateLink, Shipment
from shipments.outbound.mail import public_address, site_address
from shipments.web import storefront
from tests.factories import (
    ACCEPTED,
    LABEL,
    a_host,
    a_look,
    a_merchant,
    a_png,
    a_scan,
    a_shipment,
    a_snapshot,
    ingested,
)

pytestmark = pytest.mark.django_db

NUMBER = "9400111899223197428490"
HOST = "track.alpine.example"


@pytest.fixture
def bayside() -> Merchant:
    return a_merchant(slug="bayside", name="Bayside Books")


def a_parcel(merchant: Merchant, number: str = NUMBER, **over: Any) -> Shipment:
    shipment = a_shipment(merchant, number=number, **over)
    ingested(shipment, a_snapshot(a_scan(*ACCEPTED), a_scan(*LABEL), number=number))
    return shipment


def html(response: Any) -> str:
    text: str = response.content.decode()
    return text


def links_of(response: Any) -> set[str]:
    """Where links and forms of the page lead, apart from other sites, files and the language."""
    found = re.findall(r'<(?:a|form|link rel="canonical")\b[^>]*?(?:href|action)="([^"]*)"', html(response))
    return {unescape(one) for one in found} - {"#content", "/language"}


def header_of(response: Any) -> str:
    return re.sub(r"\s+", " ", html(response).split("<header", 1)[1].split("</header>", 1)[0])


# ---- The frame -------------------------------------------------------------------------------------------------------


def test_the_pages_of_a_merchant_have_its_name_colour_and_link_for_questions(
    client: Client, merchant: Merchant
) -> None:
    a_look(merchant, shown_name="Alpine", colour="#ffd400", support_url="mailto:help@alpine.example")
    a_parcel(merchant)

    response = client.get(f"/m/alpine/track/{NUMBER}")

    assert response.status_code == 200
    assert "<span>Alpine</span>" in header_of(response)
    assert re.search(r'<link rel="stylesheet" href="/m/alpine/look\.[0-9a-f]{16}\.css">', html(response))
    assert html(response).count('<a href="mailto:help@alpine.example" rel="noreferrer noopener">') == 2
    assert "Questions? Ask Alpine" in html(response)
    assert "Tracking by localhost:8000" in html(response)
    assert "Sign in" not in html(response)


def test_a_merchant_without_a_look_has_its_name(client: Client, merchant: Merchant) -> None:
    response = client.get("/m/alpine/")

    assert "<span>Alpine Outfitters</span>" in header_of(response)
    assert "look." not in html(response)
    assert "Questions?" not in html(response)


@pytest.mark.parametrize(
    ("beside", "shown"),
    [
        (True, 'alt=""><span>Alpine Outfitters</span>'),
        (False, 'alt="Alpine Outfitters"></a>'),
    ],
)
def test_the_name_is_said_once_by_the_logo_or_beside_it(
    client: Client, merchant: Merchant, beside: bool, shown: str
) -> None:
    look = a_look(merchant, logo=a_png(), name_beside_logo=beside)

    header = header_of(client.get("/m/alpine/track"))

    assert f'src="/m/alpine/logo.{look.logo_sha256[:16]}.png" width="120" height="40"' in header
    assert shown in header


def test_what_a_merchant_calls_itself_is_text(client: Client, merchant: Merchant) -> None:
    a_look(merchant, shown_name='<b>"A" & Co</b>')

    page = html(client.get("/m/alpine/"))

    assert "<b>" not in page
    assert "&lt;b&gt;&#34;A&#34; &amp; Co&lt;/b&gt;" in page


@pytest.mark.parametrize(
    "path",
    [
        "/m/alpine/",
        "/m/alpine/track",
        f"/m/alpine/track/{NUMBER}",
        "/m/alpine/track/94008888",
        "/m/alpine/t/none",
    ],
)
def test_no_link_leads_out_of_the_frame(client: Client, merchant: Merchant, path: str) -> None:
    a_parcel(merchant)

    response = client.get(path)

    ours = {link for link in links_of(response) if link.startswith(("/", "http://testserver"))}
    assert ours
    assert {
        link for link in ours if not link.removeprefix("http://testserver").startswith("/m/alpine/")
    } == set()


def test_lists_and_redirects_stay_in_the_frame(client: Client, merchant: Merchant, bayside: Merchant) -> None:
    a_parcel(merchant)
    a_parcel(bayside, number="9400111899223197428506")

    one = client.get("/m/alpine/track", {"number": "9400 1118 9922 3197 4284 90"})
    assert one["Location"] == f"/m/alpine/track/{NUMBER}"
    assert (
        client.get("/m/alpine/track/1z999aa10123456784")["Location"] == "/m/alpine/track/1Z999AA10123456784"
    )
    assert client.get(f"/m/alpine/{NUMBER}")["Location"] == f"/m/alpine/track/{NUMBER}"

    several = client.get("/m/alpine/track", {"number": f"{NUMBER}, 9400111899223197428506"})
    assert f'href="/m/alpine/track/{NUMBER}"' in html(several)
    assert "Not found: it may be too new" in html(several)


def test_two_merchants_with_one_number_are_told_apart_by_the_frame(
    client: Client, merchant: Merchant, bayside: Merchant
) -> None:
    a_parcel(merchant)
    ingested(a_shipment(bayside, number=NUMBER), a_snapshot(a_scan(*LABEL), number=NUMBER))

    assert "Several parcels have this number" in html(client.get(f"/track/{NUMBER}"))
    ours, theirs = (html(client.get(f"/m/{slug}/track/{NUMBER}")) for slug in ("alpine", "bayside"))

    assert "Handed to USPS" in ours
    assert "Waiting for the carrier" in theirs


def test_a_parcel_of_others_is_not_found_in_the_frame(
    client: Client, merchant: Merchant, bayside: Merchant
) -> None:
    a_parcel(bayside)

    response = client.get(f"/m/alpine/track/{NUMBER}")

    assert response.status_code == 404
    assert "We have no parcel with this number yet" in html(response)
    assert "Bayside" not in html(response)


@pytest.mark.parametrize(
    "path", ["/m/nobody/", "/m/nobody/track/94008888", "/m/alpine/app/", "/m/alpine/m/bayside/"]
)
def test_there_is_no_frame_of_nobody(
    client: Client, merchant: Merchant, bayside: Merchant, path: str
) -> None:
    assert client.get(path).status_code == 404


def test_a_number_alone_is_shown_without_its_merchant(client: Client, merchant: Merchant) -> None:
    a_look(merchant, shown_name="Alpine", colour="#ffd400", logo=a_png())
    a_parcel(merchant)

    response = client.get(f"/track/{NUMBER}")

    assert "Alpine" not in html(response)
    assert "/m/alpine" not in html(response)


def test_a_private_link_is_in_the_frame_of_its_merchant_everywhere(
    client: Client, merchant: Merchant, bayside: Merchant
) -> None:
    a_look(merchant, shown_name="Alpine", colour="#ffd400")
    link = PrivateLink.objects.make(a_parcel(merchant))

    response = client.get(f"/t/{link.token}")

    assert "<span>Alpine</span>" in header_of(response)
    assert "/m/alpine/look." in html(response)
    assert "/m/alpine/track" in links_of(response)
    # By the name that buyers know, everywhere on the page.
    assert re.search(r"<dt>Sent by</dt>\s*<dd>Alpine</dd>", html(response))
    assert "Alpine Outfitters" not in html(response)
    # The address is a secret: it is not said again.
    # Where the page asks and sends forms to: nothing that is handed on.
    assert link.token not in re.sub(rf'(?:value|hx-get|action)="/t/{link.token}[^"]*"', "", html(response))
    assert client.get(f"/m/alpine/t/{link.token}").status_code == 200
    elsewhere = client.get(f"/m/bayside/t/{link.token}")
    assert elsewhere.status_code == 404
    assert "This link does not work" in html(elsewhere)


def test_a_postal_code_opens_the_parcel_at_the_address_of_the_frame(
    client: Client, merchant: Merchant
) -> None:
    a_parcel(merchant, destination_postal_code="20832")

    response = client.post(f"/m/alpine/track/{NUMBER}", {"postal_code": "20832"})

    assert response["Location"] == f"/m/alpine/track/{NUMBER}"
    assert response.cookies["parcel"]["path"] == f"/m/alpine/track/{NUMBER}"
    assert "USPS in possession of item" in html(client.get(f"/m/alpine/track/{NUMBER}"))


# ---- Statements ------------------------------------------------------------------------------------------------------


def test_the_frame_costs_nothing_on_the_platform_and_one_statement_at_most(
    client: Client, merchant: Merchant, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    a_look(merchant, colour="#ffd400", logo=a_png())
    link = PrivateLink.objects.make(a_parcel(merchant))
    a_host(merchant)
    client.get("/", headers={"host": HOST})

    # A throttle, the parcels, the scans.
    with django_assert_num_queries(3):
        client.get(f"/track/{NUMBER}")
    with django_assert_num_queries(4):
        client.get(f"/m/alpine/track/{NUMBER}")
    with django_assert_num_queries(4):
        client.get(f"/track/{NUMBER}", headers={"host": HOST})
    # A throttle, the link with its merchant's look, the scans.
    with django_assert_num_queries(3):
        client.get(f"/t/{link.token}")
    with django_assert_num_queries(0):
        client.get("/track")


# ---- What pages load -------------------------------------------------------------------------------------------------


def test_the_style_sheet_is_kept_for_ever_and_gone_with_its_colour(
    client: Client, merchant: Merchant
) -> None:
    look = a_look(merchant, colour="#ffd400")
    address = re.search(r'href="(/m/alpine/look\.[^"]*)"', html(client.get("/m/alpine/")))
    assert address is not None

    response = client.get(address[1])

    assert response["Content-Type"] == "text/css; charset=utf-8"
    assert response["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert html(response).startswith(":root{--brand:#ffd400;--accent:#")
    assert "Vary" not in response or "Cookie" not in response["Vary"]
    look.colour = "#0b5c6b"
    look.save()
    assert client.get(address[1]).status_code == 404
    assert client.get("/m/nobody/look.0123456789abcdef.css").status_code == 404


def test_the_logo_is_kept_for_ever_and_can_do_nothing(client: Client, merchant: Merchant) -> None:
    look = a_look(merchant, logo=a_png())
    address = f"/m/alpine/logo.{look.logo_sha256[:16]}.png"

    response = client.get(address)

    assert response.content == bytes(look.logo or b"")
    assert response["Content-Type"] == "image/png"
    assert response["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    for other in ("/m/alpine/logo.0123456789abcdef.png", address.replace(".png", ".html"), "/m/x/logo.0.png"):
        assert client.get(other).status_code == 404


# ---- Previews of links -----------------------------------------------------------------------------------------------


def test_a_preview_of_a_link_tells_nothing_of_the_parcel(client: Client, merchant: Merchant) -> None:
    a_look(merchant, shown_name="Alpine", logo=a_png())
    shipment = a_parcel(merchant)
    link = PrivateLink.objects.make(shipment)

    for path in (f"/m/alpine/track/{NUMBER}", f"/t/{link.token}", "/m/alpine/"):
        page = html(client.get(path))
        said = dict(
            re.findall(
                r'<meta (?:name|property)="((?:og|twitter):[^"]+|description)" content="([^"]*)">', page
            )
        )
        assert said == {
            "description": "Where parcels of Alpine are, and when they arrive. Have the tracking number at hand.",
            "og:type": "website",
            "og:site_name": "Alpine",
            "og:title": "Track your parcel · Alpine",
            "og:description": "Where parcels of Alpine are, and when they arrive. Have the tracking number at hand.",
            "og:image": f"http://testserver/m/alpine/logo.{shipment.merchant.look.logo_sha256[:16]}.png",
            "twitter:card": "summary",
        }


def test_the_canonical_address_has_no_query(client: Client, merchant: Merchant) -> None:
    page = html(client.get("/m/alpine/track", {"number": "94008888,94008889", "utm": "x"}))

    assert '<link rel="canonical" href="http://testserver/m/alpine/track">' in page


# ---- Host names ------------------------------------------------------------------------------------------------------


def on_host(path: str, host: str = HOST, **more: Any) -> Any:
    return Client().get(path, headers={"host": host}, **more)


def test_a_host_name_of_its_own_is_the_merchants(merchant: Merchant, bayside: Merchant) -> None:
    a_host(merchant)
    a_look(merchant, shown_name="Alpine", colour="#ffd400", logo=a_png())
    link = PrivateLink.objects.make(a_parcel(merchant))
    theirs = PrivateLink.objects.make(a_parcel(bayside))

    for path in ("/", "/track", f"/track/{NUMBER}", f"/t/{link.token}"):
        response = on_host(path)
        assert response.status_code == 200
        assert "<span>Alpine</span>" in header_of(response)
        assert not {one for one in links_of(response) if one.startswith(("/m/", "/app", "/accounts"))}
    assert "Several parcels" not in html(on_host(f"/track/{NUMBER}"))
    assert on_host(f"/{NUMBER}")["Location"] == f"/track/{NUMBER}"
    assert on_host(f"/t/{theirs.token}").status_code == 404
    page = html(on_host("/"))
    for address in re.findall(r'(?:href|src)="(/m/alpine/[^"]*)"', page):
        assert on_host(address).status_code == 200
    assert f'<link rel="canonical" href="http://{HOST}/">' in page


@pytest.mark.parametrize(
    "path",
    [
        "/app/",
        "/admin/",
        "/accounts/login/",
        "/app/alpine/",
        "/m/bayside/",
        "/m/alpine/track",
        "/join/",
        "/nothing/here",
    ],
)
def test_only_public_pages_are_on_a_merchants_host_name(
    merchant: Merchant, bayside: Merchant, path: str
) -> None:
    a_host(merchant)

    response = on_host(path)

    assert response.status_code == 404
    assert "There is no such page" in html(response)
    assert "<span>Alpine Outfitters</span>" in header_of(response)
    assert links_of(response) == {"/"}


def test_what_one_merchant_loads_is_not_on_the_host_name_of_another(
    merchant: Merchant, bayside: Merchant
) -> None:
    a_host(merchant)
    look = a_look(bayside, logo=a_png())

    assert on_host(f"/m/bayside/logo.{look.logo_sha256[:16]}.png").status_code == 404


@pytest.mark.parametrize(
    "path", ["/", "/track", "/app/", "/admin/", "/static/css/site.css", f"/track/{NUMBER}"]
)
def test_an_unknown_host_name_gets_a_plain_404(merchant: Merchant, path: str) -> None:
    a_host(merchant)

    response = on_host(path, "other.example")

    assert response.status_code == 404
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response.content == b"Not found.\n"
    assert not response.cookies
    assert "Location" not in response


@pytest.mark.parametrize("method", ["post", "head", "options", "put"])
def test_no_method_gets_more_from_an_unknown_host_name(method: str) -> None:
    response = getattr(Client(), method)("/language", headers={"host": "other.example"})

    assert response.status_code == 404
    assert response.content in {b"Not found.\n", b""}


def test_unknown_names_cost_one_statement_a_minute_however_many_they_are(
    merchant: Merchant, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    a_host(merchant)

    with django_assert_num_queries(1):
        for n in range(50):
            assert on_host("/", f"scan-{n}.example").status_code == 404


@pytest.mark.parametrize(
    "said",
    [
        "track.alpine.example:8000",
        "TRACK.Alpine.Example",
        "track.alpine.example.",
        "track.alpine.example.:443",
    ],
)
def test_the_name_is_known_with_a_port_a_dot_at_its_end_and_in_capitals(
    merchant: Merchant, said: str
) -> None:
    a_host(merchant)

    assert "<span>Alpine Outfitters</span>" in header_of(on_host("/track", said))
    assert f'href="http://{said.lower()}/track"' in html(on_host("/track", said))


@pytest.mark.parametrize(
    "said",
    [
        "",
        " ",
        "track.alpine.example@evil.example",
        "evil.example#track.alpine.example",
        "evil.example/track.alpine.example",
        "track.alpine.example:80:80",
        "track.alpine.example:port",
        "track.alpine.example, evil.example",
        "track.alpine.example\tevil.example",
        "xtrack.alpine.example",
        "x.track.alpine.example",
        "alpine.example",
        "track.alpine.example..",
        "[::1",
        "track_alpine.example",
        "<script>",
        "трек.example",
    ],
)
def test_a_host_header_that_is_no_name_of_anybodys_is_not_echoed(merchant: Merchant, said: str) -> None:
    a_host(merchant)
    request = RequestFactory().get("/")
    # A test's client would tidy some of these up.
    request.META["HTTP_HOST"] = said

    response = storefront.Storefronts(lambda request: pytest.fail("Let in."))(request)

    assert response.status_code == 404
    assert response.content == b"Not found.\n"


def test_what_a_proxy_is_told_by_the_visitor_is_no_host_name(merchant: Merchant, settings: Any) -> None:
    a_host(merchant)
    settings.TRUSTED_PROXIES = 1

    response = Client().get("/", headers={"x-forwarded-host": HOST, "forwarded": f"host={HOST}"})
    assert "Alpine" not in html(response)
    # Nor the other way about.
    there = Client().get("/", headers={"host": HOST, "x-forwarded-host": "testserver"})
    assert "<span>Alpine Outfitters</span>" in header_of(there)
    assert Client().get("/", headers={"host": "evil.example", "x-forwarded-host": HOST}).status_code == 404


def test_names_are_read_anew_after_a_minute(merchant: Merchant) -> None:
    now = [0.0]
    hosts = storefront.Hosts(lambda: now[0])
    assert hosts.merchant_of(HOST) is None

    row = MerchantHost.objects.create(merchant=merchant, host=HOST)
    now[0] = storefront.HOSTS_LAST - 1
    assert hosts.merchant_of(HOST) is None
    now[0] = storefront.HOSTS_LAST
    assert hosts.merchant_of(HOST) == merchant.pk

    row.delete()
    assert hosts.merchant_of(HOST) == merchant.pk
    hosts.forget()
    assert hosts.merchant_of(HOST) is None


def test_the_host_name_of_a_merchant_who_is_gone_does_not_become_the_platforms(merchant: Merchant) -> None:
    a_host(merchant)
    on_host("/")
    Merchant.objects.filter(pk=merchant.pk).delete()

    for path in ("/", f"/track/{NUMBER}"):
        assert on_host(path).content == b"Not found.\n"
    assert on_host("/nothing/here").status_code == 404


def test_the_platform_keeps_its_own_names(merchant: Merchant) -> None:
    # Past the check of the form: whatever stands in the table, the platform is not given away.
    MerchantHost.objects.create(merchant=merchant, host="testserver")

    assert Client().get("/accounts/login/").status_code == 200
    assert "Alpine" not in html(Client().get("/"))


def test_forms_work_on_a_merchants_host_name_and_from_nowhere_else(merchant: Merchant) -> None:
    a_host(merchant)
    a_parcel(merchant, destination_postal_code="20832")
    client = Client(enforce_csrf_checks=True)
    page = client.get(f"/track/{NUMBER}", headers={"host": HOST})
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', html(page))
    assert token is not None
    sent = {"postal_code": "20832", "csrfmiddlewaretoken": token[1]}

    refused = client.post(f"/track/{NUMBER}", sent, headers={"host": HOST, "origin": "http://testserver"})
    assert refused.status_code == 403
    assert "<span>Alpine Outfitters</span>" in header_of(refused)
    opened = client.post(f"/track/{NUMBER}", sent, headers={"host": HOST, "origin": f"http://{HOST}"})
    assert opened["Location"] == f"/track/{NUMBER}"
    # Over https without an origin, by the page it came from.
    secure = client.post(
        f"/track/{NUMBER}",
        sent,
        headers={"host": HOST, "referer": f"https://{HOST}/track/{NUMBER}"},
        secure=True,
    )
    assert secure.status_code == 302
    foreign = client.post(
        f"/track/{NUMBER}", sent, headers={"host": HOST, "referer": "https://testserver/"}, secure=True
    )
    assert foreign.status_code == 403


def test_a_merchants_host_name_is_led_to_https_and_speaks_for_itself_alone(
    merchant: Merchant, settings: Any
) -> None:
    a_host(merchant)
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True

    assert on_host("/track?number=94008888")["Location"] == f"https://{HOST}/track?number=94008888"
    assert on_host("/", secure=True)["Strict-Transport-Security"] == "max-age=31536000"
    ours = Client().get("/", secure=True)["Strict-Transport-Security"]
    assert ours == "max-age=31536000; includeSubDomains; preload"
    # Before anything is led anywhere.
    assert on_host("/", "other.example").status_code == 404


# ---- Language --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("en-GB,en;q=0.9", "en"),
        ("fr, en;q=0.5", "en"),
        ("fr-FR,de;q=0.8", "es"),
        ("*", "es"),
        ("", "es"),
        (None, "es"),
        ("nonsense;;q=,,", "es"),
    ],
)
def test_the_merchants_language_is_for_readers_who_ask_for_none_of_ours(
    merchant: Merchant, asked: str | None, language: str
) -> None:
    merchant.language = "es"
    merchant.save()
    a_host(merchant)
    link = PrivateLink.objects.make(a_parcel(merchant))
    headers = {} if asked is None else {"accept-language": asked}

    for response in (
        Client().get("/m/alpine/", headers=headers),
        Client().get("/", headers={"host": HOST, **headers}),
        Client().get(f"/t/{link.token}", headers=headers),
    ):
        assert f'<html lang="{language}">' in html(response)
        assert response["Content-Language"] == language
        assert {"Accept-Language", "Cookie"} <= set(re.split(r",\s*", response["Vary"]))
    # The platform's own pages are nobody's.
    assert '<html lang="en">' in html(Client().get("/", headers=headers))


@pytest.mark.parametrize(
    ("host", "path"),
    [
        (HOST, "/"),
        (HOST, f"/track/{NUMBER}"),
        (HOST, "/track?number=94008888,94008889"),
        ("testserver", f"/m/alpine/track/{NUMBER}"),
        ("testserver", "/m/alpine/"),
        ("testserver", f"/track/{NUMBER}"),
    ],
)
def test_the_switch_keeps_the_page_and_stores_nothing_here(merchant: Merchant, host: str, path: str) -> None:
    a_host(merchant)
    a_parcel(merchant)
    client = Client(enforce_csrf_checks=True)
    page = client.get(path, headers={"host": host, "accept-language": "en"})
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', html(page))
    back_to = re.search(r'name="next" value="([^"]*)"', html(page))
    assert token is not None
    assert back_to is not None

    response = client.post(
        "/language",
        {"language": "es", "next": unescape(back_to[1]), "csrfmiddlewaretoken": token[1]},
        headers={"host": host, "origin": f"http://{host}"},
    )

    assert response["Location"] == path
    assert '<html lang="es">' in html(client.get(path, headers={"host": host, "accept-language": "en"}))
    assert not Session.objects.exists()
    assert set(client.cookies) == {"csrftoken", "django_language"}


def test_the_switch_leads_to_no_other_site(merchant: Merchant) -> None:
    a_host(merchant)
    for there in ("https://evil.example/", "//evil.example/", "http://testserver/"):
        response = Client().post("/language", {"language": "es", "next": there}, headers={"host": HOST})
        assert response["Location"] == "/"


# ---- Addresses in mails ----------------------------------------------------------------------------------------------


def test_addresses_for_buyers_are_on_the_merchants_first_host_name(merchant: Merchant, settings: Any) -> None:
    assert public_address(merchant, "public-parcel", NUMBER) == (
        f"http://localhost:8000/m/alpine/track/{NUMBER}"
    )
    assert public_address(merchant, "private-link", "abc") == "http://localhost:8000/t/abc"

    a_host(merchant)
    a_host(merchant, "also.alpine.example")
    settings.SITE_URL = "https://tracker.example"

    assert public_address(merchant, "public-parcel", NUMBER) == f"https://{HOST}/track/{NUMBER}"
    assert public_address(merchant, "private-link", "abc") == f"https://{HOST}/t/abc"
    assert public_address(merchant, "public-home") == f"https://{HOST}/"
    settings.SITE_URL = "http://localhost:9000"
    assert public_address(merchant, "public-home") == f"http://{HOST}:9000/"


def test_a_request_on_a_merchants_host_name_can_ask_for_addresses_of_the_platform(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_host(merchant)
    asked: list[str] = []

    def visitor(request: Any) -> str:
        asked.append(site_address("settings-alerts", "alpine"))
        return "192.0.2.1"

    monkeypatch.setattr("shipments.web.public.visitors.visitor", visitor)

    assert on_host("/track/94008888").status_code == 404
    assert asked == ["http://localhost:8000/app/alpine/settings/alerts/"]
