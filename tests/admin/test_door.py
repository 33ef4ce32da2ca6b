"""The door of the back-office: a second factor, shown in this browser and not too long ago."""

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django.fixtures import Settings

from shipments.models import AuditEntry, User
from shipments.web import sign_in
from shipments.web.back_office import CODE_LASTS
from shipments.web.visitors import Limit
from tests.authenticator import code_of
from tests.factories import a_merchant, a_person

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
PEOPLE = "/admin/shipments/user/?q=olga"
SET_UP = "/accounts/second-factor/app/"


@pytest.fixture(autouse=True)
def _needed(settings: Settings) -> Iterator[None]:
    settings.STAFF_SECOND_FACTOR = True
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def olga() -> User:
    return a_person("olga@example.com", is_staff=True, is_superuser=True)


def signed_in_by_password(email: str = "olga@example.com", **headers: str) -> Client:
    client = Client(headers=headers)
    client.post("/accounts/login/", {"login": email, "password": PASSWORD})
    return client


def set_up(client: Client) -> str:
    """Go through with it, as the pages ask for it; the secret."""
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get(SET_UP).content.decode()
    found = re.search(r'data-copy="([A-Z2-7]+)"', page)
    assert found is not None
    client.post(SET_UP, {"code": code_of(found[1])})
    return found[1]


def test_who_has_none_is_sent_to_set_one_up_and_comes_back(olga: User) -> None:
    client = signed_in_by_password()

    assert client.get(PEOPLE).headers["Location"] == SET_UP
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get(SET_UP).content.decode()
    assert "The back-office opens with a second factor only" in page

    set_up(client)

    assert (
        f'href="{PEOPLE}">On to the back-office'
        in client.get("/accounts/second-factor/codes/").content.decode()
    )
    assert client.get(PEOPLE).status_code == 200
    assert "On to the back-office" not in client.get("/accounts/second-factor/codes/").content.decode()


def test_the_page_that_sets_one_up_explains_nothing_to_who_comes_by_themselves(olga: User) -> None:
    client = signed_in_by_password()
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})

    assert "The back-office opens" not in client.get(SET_UP).content.decode()


def test_signing_in_with_the_code_opens_it(olga: User) -> None:
    secret = set_up(signed_in_by_password())
    client = signed_in_by_password()
    client.post("/accounts/second-factor/code/", {"code": code_of(secret, at=time.time() + 30)})

    assert client.get(PEOPLE).status_code == 200


def test_a_browser_signed_in_before_there_was_one_is_asked_for_it_and_led_back(olga: User) -> None:
    old = signed_in_by_password()
    secret = set_up(signed_in_by_password())

    asked = old.get(PEOPLE).headers["Location"]
    assert asked == "/accounts/second-factor/confirm/?next=%2Fadmin%2Fshipments%2Fuser%2F%3Fq%3Dolga"
    answer = old.post(asked, {"code": code_of(secret, at=time.time() + 30), "next": PEOPLE})

    assert answer.headers["Location"] == PEOPLE
    assert old.get(PEOPLE).status_code == 200


def test_the_password_alone_does_not_do_instead(olga: User) -> None:
    old = signed_in_by_password()
    set_up(signed_in_by_password())

    old.post("/accounts/reauthenticate/", {"password": PASSWORD})

    assert old.get(PEOPLE).status_code == 302


def test_after_twelve_hours_it_is_asked_for_again(olga: User) -> None:
    client = signed_in_by_password()
    set_up(client)
    session = client.session
    session["account_authentication_methods"] = [
        {**each, "at": time.time() - CODE_LASTS - 1} for each in session["account_authentication_methods"]
    ]
    session.save()

    assert client.get(PEOPLE).headers["Location"].startswith("/accounts/second-factor/confirm/?next=")


def test_one_that_was_taken_away_has_to_be_set_up_anew(olga: User) -> None:
    client = signed_in_by_password()
    set_up(client)
    Authenticator.objects.all().delete()

    assert client.get(PEOPLE).headers["Location"] == SET_UP


@pytest.mark.parametrize("path", ["", "jsi18n/", "autocomplete/", "shipments/user/add/", "no/such/page/"])
def test_every_address_of_the_back_office_is_behind_it(olga: User, path: str) -> None:
    assert signed_in_by_password().get(f"/admin/{path}").headers["Location"] == SET_UP


def test_what_was_sent_without_one_is_not_done(olga: User) -> None:
    client = signed_in_by_password()

    response = client.post(
        "/admin/shipments/merchant/add/",
        {
            "slug": "acme",
            "name": "Acme",
            "time_zone": "UTC",
            "memberships-TOTAL_FORMS": 0,
            "memberships-INITIAL_FORMS": 0,
        },
    )

    assert response.headers["Location"] == SET_UP
    assert AuditEntry.objects.filter(verb="added").exists() is False
    assert client.session["second_factor_needed_for"] == "/admin/"


def test_whoever_is_not_let_in_may_leave(olga: User) -> None:
    client = signed_in_by_password()

    assert client.post("/admin/logout/").headers["Location"] == "/"
    assert "_auth_user_id" not in client.session


def test_a_setting_opens_it_to_a_password_where_it_is_no_production(olga: User, settings: Settings) -> None:
    settings.STAFF_SECOND_FACTOR = False

    assert signed_in_by_password().get(PEOPLE).status_code == 200


def test_members_of_merchants_need_none(settings: Settings) -> None:
    a_person("mary@example.com", a_merchant(slug="alpine"), "manager")

    assert signed_in_by_password("mary@example.com").get("/app/alpine/shipments/").status_code == 200


def test_a_superuser_made_in_a_terminal_is_written_down_and_led_to_set_one_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", email="olga@example.com", interactive=False)

    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.source, entry.person, entry.after) == (
        "added",
        "command",
        None,
        {"email": "•••", "is_staff": True, "is_superuser": True},
    )
    assert re.fullmatch(r"\S+@\S+", entry.run_by)
    client = Client()
    door = client.post("/accounts/login/", {"login": "olga@example.com", "password": PASSWORD})
    # They belong to no merchant: the dashboard has nothing for them.
    assert door.headers["Location"] == "/admin/"
    assert client.get("/admin/").headers["Location"] == SET_UP


def test_a_password_set_in_a_terminal_is_written_down_and_ends_sessions(
    olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in_by_password()
    monkeypatch.setattr("getpass.getpass", lambda prompt="": "another staple of a kind")

    call_command("changepassword", "olga@example.com")

    entry = AuditEntry.objects.get(verb="password set")
    assert (entry.row, entry.source, entry.person) == (str(olga.pk), "command", None)
    assert client.get("/admin/").headers["Location"].startswith("/admin/login/")
    with pytest.raises(CommandError):
        call_command("changepassword", "nobody@example.com")


def test_the_password_is_changed_on_ones_own_account(olga: User, settings: Settings) -> None:
    settings.STAFF_SECOND_FACTOR = False

    assert (
        signed_in_by_password().get("/admin/password_change/").headers["Location"]
        == "/accounts/password/change/"
    )


# ---- Tries at it


def refusals() -> list[tuple[str, str, str | None]]:
    return list(
        AuditEntry.objects.filter(verb__endswith="refused")
        .order_by("id")
        .values_list("verb", "row", "address")
    )


def test_sign_ins_are_written_down_with_where_from_and_refused_ones_without_what_was_typed(
    olga: User,
) -> None:
    client = Client(REMOTE_ADDR="192.0.2.7")
    for email, password in (
        ("olga@example.com", "not it at all"),
        ("my-password-typed-here@example.com", "x"),
        ("olga@example.com", PASSWORD),
    ):
        client.post("/accounts/login/", {"login": email, "password": password})

    assert refusals() == [
        ("sign-in refused", str(olga.pk), "192.0.2.7"),
        ("sign-in refused", "", "192.0.2.7"),
    ]
    entry = AuditEntry.objects.get(verb="signed in")
    assert (entry.person, entry.address, entry.after) == (olga.pk, "192.0.2.7", {"second_factor": False})
    assert "typed" not in repr(list(AuditEntry.objects.values()))


def tries(many: int, **by: Any) -> None:
    for place in range(many):
        Client(**{name: value.format(place=place) for name, value in by.items()}).post(
            "/accounts/login/", {"login": "olga@example.com", "password": "wrong"}
        )


def is_let_in(**by: Any) -> bool:
    client = Client(**by)
    client.post("/accounts/login/", {"login": "olga@example.com", "password": PASSWORD})
    return "_auth_user_id" in client.session


def test_tries_at_one_account_are_counted_whoever_makes_them(olga: User) -> None:
    tries(5, REMOTE_ADDR="192.0.2.{place}")

    assert is_let_in(REMOTE_ADDR="198.51.100.1") is False
    # What was refused before the password was read is no refusal of a password.
    assert len(refusals()) == 5


def test_a_forged_address_does_not_make_others_of_us(olga: User, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 0
    for place in range(10):
        Client().post(
            "/accounts/login/",
            {"login": f"nobody-{place}@example.com", "password": "wrong"},
            headers={"X-Forwarded-For": f"192.0.2.{place}", "X_Forwarded_For": f"192.0.2.{place}"},
        )

    assert is_let_in() is False


def test_behind_a_proxy_visitors_are_told_apart_by_what_it_says(olga: User, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 1
    for place in range(10):
        Client().post(
            "/accounts/login/",
            {"login": f"nobody-{place}@example.com", "password": "wrong"},
            headers={"X-Forwarded-For": "6.6.6.6, 192.0.2.7"},
        )

    assert is_let_in(HTTP_X_FORWARDED_FOR="192.0.2.7") is False
    # What stands left of the proxy's own entry is the visitor's claim.
    assert is_let_in(HTTP_X_FORWARDED_FOR="198.51.100.9, 192.0.2.7") is False
    assert is_let_in(HTTP_X_FORWARDED_FOR="192.0.2.7, 198.51.100.9") is True


def test_a_household_has_its_tries_together(olga: User) -> None:
    for place in range(10):
        Client(REMOTE_ADDR=f"2001:db8:1:2::{place + 1:x}").post(
            "/accounts/login/", {"login": f"nobody-{place}@example.com", "password": "wrong"}
        )

    assert is_let_in(REMOTE_ADDR="2001:db8:1:2:ffff::1") is False
    assert is_let_in(REMOTE_ADDR="2001:db8:1:3::1") is True


def test_another_name_of_the_host_or_spelling_of_the_address_has_no_tries_of_its_own(
    olga: User, settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = [".example.com"]
    for place in range(5):
        Client(REMOTE_ADDR=f"192.0.2.{place}").post(
            "/accounts/login/",
            {"login": "OLGA@example.com", "password": "wrong"},
            headers={"host": f"h{place}.example.com"},
        )

    assert is_let_in(HTTP_HOST="other.example.com") is False


def test_the_audit_is_not_filled_by_strangers(olga: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "REFUSALS_OF_STRANGERS", Limit("of strangers", 3, timedelta(hours=1)))
    for place in range(6):
        Client(REMOTE_ADDR=f"192.0.2.{place}").post(
            "/accounts/login/", {"login": f"nobody-{place}@example.com", "password": "wrong"}
        )

    assert len(refusals()) == 3


def test_resets_asked_for_one_address_are_counted(olga: User) -> None:
    answers = [
        Client(REMOTE_ADDR=f"192.0.2.{place}").post(
            "/accounts/password/reset/", {"email": "olga@example.com"}
        )
        for place in range(6)
    ]

    assert [answer.status_code for answer in answers] == [302] * 5 + [429]
