"""Signing in and out, and passwords."""

import re
from collections.abc import Callable, Iterator

import pytest
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from shipments.models import AuditEntry, Mail, User
from shipments.outbound.mail import post, send_due
from tests.factories import a_person

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
NEW_PASSWORD = "a staple of another kind"


@pytest.mark.parametrize("address", ["alice@example.com", "ALICE@Example.com"])
def test_a_person_signs_in_with_their_e_mail_address_in_any_case(alice: User, address: str) -> None:
    client = Client()

    response = client.post("/accounts/login/", {"login": address, "password": PASSWORD})

    assert response.headers["Location"] == "/app/"
    assert client.session["_auth_user_id"] == str(alice.pk)


def test_a_wrong_password_and_an_unknown_person_get_the_same_answer(alice: User) -> None:
    wrong = Client().post("/accounts/login/", {"login": "alice@example.com", "password": "not it at all"})
    unknown = Client().post("/accounts/login/", {"login": "nobody@example.com", "password": "not it at all"})

    assert wrong.status_code == unknown.status_code == 200
    errors = [
        re.findall(r'class="errorlist[^>]*>(.*?)</ul>', page.content.decode()) for page in (wrong, unknown)
    ]
    assert errors[0] == errors[1] != []


def test_a_closed_account_does_not_sign_in(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    client = Client()

    client.post("/accounts/login/", {"login": "alice@example.com", "password": PASSWORD})

    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(("production", "signed_in"), [(False, True), (True, False)])
def test_the_demos_people_sign_in_to_a_demo_only(
    settings: Settings, production: bool, signed_in: bool
) -> None:
    a_person("owner@demo.example")
    settings.PRODUCTION = production
    client = Client()
    client.post("/accounts/login/", {"login": "owner@demo.example", "password": PASSWORD})
    assert ("_auth_user_id" in client.session) is signed_in


def test_signing_out_ends_the_session(alice: User, signed_in: Callable[[User], Client]) -> None:
    client = signed_in(alice)

    response = client.post("/accounts/logout/")

    assert response.headers["Location"] == "/"
    assert client.get("/app/").headers["Location"] == "/accounts/login/?next=/app/"


def test_looking_at_the_sign_out_page_does_not_sign_out(
    alice: User, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(alice)

    assert client.get("/accounts/logout/").status_code == 200
    assert client.get("/app/").headers["Location"] == "/app/alpine/attention/"


@pytest.mark.parametrize(
    "path", ["signup/", "confirm-email/", "login/code/", "phone/change/", "2fa/", "second-factor/webauthn/"]
)
def test_what_of_allauth_is_not_wanted_does_not_exist(
    path: str, alice: User, signed_in: Callable[[User], Client]
) -> None:
    assert Client().get(f"/accounts/{path}").status_code == 404
    assert signed_in(alice).get(f"/accounts/{path}").status_code == 404


def test_a_sign_up_that_is_posted_makes_nobody() -> None:
    Client().post("/accounts/signup/", {"email": "eve@example.com", "password1": NEW_PASSWORD})

    assert User.objects.count() == 0


def test_a_forgotten_password_is_set_anew_once(alice: User, mailoutbox: list[EmailMessage]) -> None:
    client = Client()
    client.post("/accounts/password/reset/", {"email": "alice@example.com"})
    assert mailoutbox == []
    send_due(timezone.now())
    (mail,) = mailoutbox
    assert (mail.to, mail.subject) == (["alice@example.com"], "Set a new password")
    link = re.search(r"http://testserver(/\S+)", str(mail.body))
    assert link is not None
    form = client.get(link[1]).headers["Location"]

    assert client.get(form).status_code == 200
    assert client.post(form, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}).headers[
        "Location"
    ] == reverse("account_reset_password_from_key_done")

    alice.refresh_from_db()
    assert alice.check_password(NEW_PASSWORD) is True
    assert "This link does not work any more" in Client().get(link[1]).content.decode()


def test_a_reset_for_a_stranger_answers_alike_and_sends_nothing(
    alice: User, mailoutbox: list[EmailMessage]
) -> None:
    known = Client().post("/accounts/password/reset/", {"email": "alice@example.com"})
    unknown = Client().post("/accounts/password/reset/", {"email": "nobody@example.com"})

    assert (known.status_code, known.headers["Location"]) == (
        unknown.status_code,
        unknown.headers["Location"],
    )
    send_due(timezone.now())
    assert [mail.to for mail in mailoutbox] == [["alice@example.com"]]


@pytest.mark.parametrize(
    ("language", "subject"), [("en", "Set a new password"), ("es", "Fije una contraseña nueva")]
)
def test_a_reset_is_written_in_the_language_of_who_asks_and_goes_before_other_mails(
    alice: User, language: str, subject: str
) -> None:
    post(to="bob@example.com", kind="test", subject="Waiting for a while", text="Nobody waits for it.")

    Client().post(
        "/accounts/password/reset/", {"email": "alice@example.com"}, headers={"Accept-Language": language}
    )

    first, second = Mail.objects.order_by("due_at")
    assert (first.kind, first.to, first.subject) == ("account", "alice@example.com", subject)
    assert second.kind == "test"


def test_a_changed_password_is_in_the_audit_without_the_password(
    alice: User, signed_in: Callable[[User], Client]
) -> None:
    response = signed_in(alice).post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD},
    )

    assert response.status_code == 302
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.model, entry.row, entry.person, entry.source, entry.address) == (
        "password set",
        "shipments.User",
        str(alice.pk),
        alice.pk,
        "page",
        "127.0.0.1",
    )
    assert (entry.before, entry.after) == ({}, {})


@pytest.mark.parametrize("too_weak", ["short", "alice@example", "1234567890"])
def test_a_weak_password_is_refused_with_the_rule(
    too_weak: str, alice: User, signed_in: Callable[[User], Client]
) -> None:
    response = signed_in(alice).post(
        "/accounts/password/change/", {"oldpassword": PASSWORD, "password1": too_weak, "password2": too_weak}
    )

    assert "errorlist" in response.content.decode()
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD) is True


def test_the_back_office_uses_the_same_door() -> None:
    assert (
        Client().get("/admin/login/?next=/admin/").headers["Location"] == "/accounts/login/?next=%2Fadmin%2F"
    )


@pytest.mark.parametrize(
    "name",
    [
        "account_login",
        "account_inactive",
        "account_reset_password",
        "account_reset_password_done",
        "account_reset_password_from_key_done",
    ],
)
def test_pages_of_the_door_are_in_the_sites_look(name: str) -> None:
    page = Client().get(reverse(name)).content.decode()

    assert 'class="card door"' in page
    assert page.count("<h1") == 1


@pytest.fixture
def _tries_are_forgotten() -> Iterator[None]:
    yield
    cache.clear()


@pytest.mark.usefixtures("_tries_are_forgotten")
def test_too_many_tries_at_one_account_are_refused_for_a_while(alice: User) -> None:
    client = Client()
    for _try in range(10):
        client.post("/accounts/login/", {"login": "alice@example.com", "password": "not it at all"})

    client.post("/accounts/login/", {"login": "alice@example.com", "password": PASSWORD})

    assert "_auth_user_id" not in client.session
