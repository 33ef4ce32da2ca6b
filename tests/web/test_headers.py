"""What browsers are told with every kind of page."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from shipments.models import PrivateLink, User
from shipments.web.discretion import POLICY
from tests.factories import a_host, a_person, a_shipment

pytestmark = pytest.mark.django_db

CSP = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": POLICY,
}
PAGES = (
    "/", "/track/9400100000000000000000", "/verify", "/no/such/page", "/m/alpine/", "/accounts/login/", "/accounts/password/reset/",
    "/accounts/", "/app/", "/app/alpine/shipments/", "/app/nobody/shipments/", "/admin/", "/admin/shipments/user/", "/admin/login/",
    "/admin/jsi18n/", "/t/000000000000000000000000000000000000000000000000",
)  # fmt: skip


@pytest.fixture
def client(alice: User) -> Client:
    """An owner who is an operator as well: every page is open."""
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    browser = Client()
    browser.force_login(alice)
    return browser


def policy_of(response: Any) -> dict[str, str]:
    directives = (
        part.split(maxsplit=1) for part in response["Content-Security-Policy"].split(";") if part.strip()
    )
    return {name: value.strip() for name, value in directives}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("signed_in", [True, False])
def test_every_page_comes_with_the_same_guard(page: str, signed_in: bool, client: Client) -> None:
    response = (client if signed_in else Client()).get(page)

    assert {name: response.headers.get(name) for name in EVERYWHERE} == EVERYWHERE
    assert response["Referrer-Policy"] in {"same-origin", "no-referrer"}
    assert policy_of(response) == CSP


@pytest.mark.parametrize(
    "page",
    [
        "/app/alpine/shipments/",
        "/accounts/",
        "/accounts/login/",
        "/admin/",
        "/admin/shipments/user/",
        "/admin/shipments/auditentry/",
    ],
)
def test_pages_of_one_person_are_kept_by_no_cache(page: str, client: Client) -> None:
    kept = client.get(page, follow=True)["Cache-Control"].replace(" ", "").split(",")

    assert {"private", "no-store"} <= set(kept)


def test_pages_of_a_parcel_tell_nobody_their_address(client: Client, alice: User) -> None:
    link = PrivateLink.objects.make(a_shipment(alice.memberships.get().merchant))

    response = Client().get(link.get_absolute_url())

    assert response["Referrer-Policy"] == "no-referrer"
    assert {"private", "no-store"} <= set(response["Cache-Control"].replace(" ", "").split(","))


def test_on_a_merchants_host_name_the_guard_is_the_same(alice: User) -> None:
    host = a_host(alice.memberships.get().merchant)

    response = Client().get("/", headers={"host": host.host})

    assert {name: response.headers.get(name) for name in EVERYWHERE} == EVERYWHERE
    assert policy_of(response) == CSP


def test_over_https_browsers_are_told_to_keep_to_it(settings: Settings) -> None:
    settings.SECURE_HSTS_SECONDS, settings.SECURE_HSTS_INCLUDE_SUBDOMAINS, settings.SECURE_HSTS_PRELOAD = (
        31_536_000,
        True,
        True,
    )

    response = Client().get("/", secure=True)

    assert response["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"


@pytest.mark.parametrize("forwarded", ["http", ""])
def test_without_encryption_pages_lead_to_https(settings: Settings, forwarded: str) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    response = Client().get("/app/", headers={"X-Forwarded-Proto": forwarded})

    assert (response.status_code, response["Location"]) == (301, "https://testserver/app/")
    assert Client().get("/accounts/login/", headers={"X-Forwarded-Proto": "https"}).status_code == 200


def test_cookies_are_read_by_no_script_and_sent_from_no_other_site(alice: User) -> None:
    client = Client()
    client.get("/accounts/login/")
    client.post("/accounts/login/", {"login": alice.email, "password": "correct horse battery"})

    cookies = {name: client.cookies[name] for name in ("sessionid", "csrftoken")}
    assert {name: (bool(cookie["httponly"]), cookie["samesite"]) for name, cookie in cookies.items()} == {
        "sessionid": (True, "Lax"),
        "csrftoken": (True, "Lax"),
    }
    assert int(cookies["sessionid"]["max-age"]) == 14 * 24 * 3600


def test_signing_in_begins_a_session_of_a_new_name(alice: User) -> None:
    client = Client()
    session = client.session
    session["before"] = True
    session.save()
    planted = str(session.session_key)
    client.cookies["sessionid"] = planted

    client.post("/accounts/login/", {"login": alice.email, "password": "correct horse battery"})

    assert client.cookies["sessionid"].value != planted
    other = Client()
    other.cookies["sessionid"] = planted
    assert other.get("/app/").headers["Location"].startswith("/accounts/login/")


def test_a_new_password_signs_out_everywhere_else(alice: User, signed_in: Callable[[User], Client]) -> None:
    elsewhere, here = signed_in(alice), signed_in(alice)
    sent = {
        "oldpassword": "correct horse battery",
        "password1": "a staple of another kind",
        "password2": "a staple of another kind",
    }

    here.post("/accounts/password/change/", sent)

    assert elsewhere.get("/app/").headers["Location"].startswith("/accounts/login/")
    assert here.get("/app/alpine/shipments/").status_code == 200


def test_a_person_switched_off_is_out_at_once(alice: User, signed_in: Callable[[User], Client]) -> None:
    client = signed_in(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)

    assert client.get("/app/alpine/shipments/").headers["Location"].startswith("/accounts/login/")


def test_staff_that_are_staff_no_more_are_out_of_the_back_office_at_once(
    signed_in: Callable[[User], Client],
) -> None:
    olga = a_person("olga@example.com", is_staff=True, is_superuser=True)
    client = signed_in(olga)
    User.objects.filter(pk=olga.pk).update(is_staff=False)

    assert client.get("/admin/").headers["Location"].startswith("/admin/login/")
