"""One's own account: name, address, second factor, and where one is signed in."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from shipments import tasks
from shipments.fields import WrongKeyRing
from shipments.models import AuditEntry, User
from shipments.models.audit import AuditQuerySet
from shipments.outbound import mail
from shipments.web.sessions import told_browser
from tests.authenticator import code_of
from tests.factories import a_merchant, a_person

pytestmark = pytest.mark.django_db


def deeds() -> AuditQuerySet:
    """What was written down besides coming and going."""
    written: AuditQuerySet = AuditEntry.objects.exclude(verb__in=["signed in", "signed out"])
    return written


SignIn = Callable[[User], Client]
PASSWORD = "correct horse battery"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(autouse=True)
def _tries_are_forgotten() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def mails_to(address: str, mailoutbox: list[EmailMessage]) -> list[EmailMessage]:
    """What has reached a mailbox, after the queue has had its turn."""
    mail.send_due(timezone.now())
    return [each for each in mailoutbox if each.to == [address]]


def sign_in(email: str = "alice@example.com", **headers: str) -> Client:
    """A browser in which somebody has typed address and password."""
    client = Client(headers={"user-agent": FIREFOX, **headers})
    client.post("/accounts/login/", {"login": email, "password": PASSWORD})
    return client


def confirm(client: Client, back_to: str) -> Any:
    return client.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": back_to})


def is_signed_in(client: Client) -> bool:
    return client.get("/accounts/").status_code == 200


def with_second_factor(client: Client) -> tuple[str, list[str]]:
    """Set it up as a person does; the secret, and the recovery codes."""
    asked = client.get("/accounts/second-factor/app/")
    assert asked.headers["Location"].startswith("/accounts/reauthenticate/")
    confirm(client, "/accounts/second-factor/app/")
    page = client.get("/accounts/second-factor/app/").content.decode()
    (shown,) = re.findall(r'class="secret number"[^>]*>([A-Z2-7 ]+)<', page)
    secret = shown.replace(" ", "")
    done = client.post("/accounts/second-factor/app/", {"code": code_of(secret)})
    assert done.headers["Location"] == "/accounts/second-factor/codes/"
    codes = re.findall(
        r'<li class="number">(\d+)</li>', client.get(done.headers["Location"]).content.decode()
    )
    # The code that was just shown would be taken for a second use.
    cache.clear()
    return secret, codes


# ---- Overview and name


@pytest.mark.parametrize("many", [1, 30])
def test_the_overview_takes_four_statements_however_many_merchants(
    many: int, alice: User, signed_in: SignIn, django_assert_num_queries
) -> None:
    for n in range(many):
        alice.memberships.create(merchant=a_merchant(slug=f"m{n}", name=f"Merchant {n}"), role="viewer")
    client = signed_in(alice)

    with django_assert_num_queries(4):
        page = client.get("/accounts/").content.decode()

    assert page.count('href="/app/m') == many


@pytest.mark.parametrize(
    ("role", "is_staff", "advised"),
    [("owner", False, True), ("manager", False, False), ("viewer", True, True)],
)
def test_owners_and_operators_are_advised_to_have_a_second_factor(
    role: str, is_staff: bool, advised: bool, signed_in: SignIn
) -> None:
    person = a_person("nora@example.com", a_merchant(), role, is_staff=is_staff)

    assert (
        "Your password alone opens a lot." in signed_in(person).get("/accounts/").content.decode()
    ) is advised


def test_a_person_changes_their_name(alice: User, signed_in: SignIn) -> None:
    client = signed_in(alice)

    assert client.post("/accounts/name/", {"name": " Alice Adams "}).headers["Location"] == "/accounts/"

    alice.refresh_from_db()
    assert alice.name == "Alice Adams"
    entry = deeds().get()
    assert (entry.verb, entry.person, entry.row, entry.before, entry.after) == (
        "name changed",
        alice.pk,
        str(alice.pk),
        {},
        {},
    )
    assert client.post("/accounts/name/", {"name": "x" * 151}).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "",
        "name/",
        "sessions/",
        "email/",
        "password/change/",
        "second-factor/",
        "second-factor/codes/",
        "reauthenticate/",
    ],
)
def test_a_stranger_is_sent_to_sign_in(path: str) -> None:
    assert Client().get(f"/accounts/{path}").headers["Location"] == f"/accounts/login/?next=/accounts/{path}"


@pytest.mark.parametrize("protected", [False, True])
def test_no_page_of_the_account_takes_more_than_eight_statements(
    protected: bool, alice: User, django_assert_max_num_queries
) -> None:
    client = sign_in()
    if protected:
        with_second_factor(client)
    else:
        confirm(client, "/accounts/")
    rooms = ["name/", "email/", "password/change/", "reauthenticate/", "second-factor/"]
    factor = ["codes/", "codes/new/", "app/remove/", "confirm/"] if protected else ["app/"]

    for path in rooms + [f"second-factor/{room}" for room in factor]:
        with django_assert_max_num_queries(8):
            assert client.get(f"/accounts/{path}").status_code == 200, path


# ---- The second factor


def test_a_second_factor_is_set_up_and_asked_for_at_the_next_sign_in(
    alice: User,
) -> None:
    secret, codes = with_second_factor(sign_in())
    assert len(set(codes)) == 10

    client = sign_in()
    assert is_signed_in(client) is False
    wrong = client.post("/accounts/second-factor/code/", {"code": "000000"})
    assert "This code is not right" in wrong.content.decode()
    assert is_signed_in(client) is False
    client.post("/accounts/second-factor/code/", {"code": code_of(secret)})

    assert is_signed_in(client) is True
    assert list(deeds().order_by("id").values_list("verb", "person")) == [
        ("second factor set up", alice.pk),
        # Whoever typed it is nobody we know.
        ("second factor refused", None),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_person_is_told_by_mail_of_their_new_second_factor(
    alice: User, mailoutbox: list[EmailMessage]
) -> None:
    client = sign_in()
    with_second_factor(client)
    client.post("/accounts/second-factor/codes/new/")

    told = mails_to("alice@example.com", mailoutbox)
    assert [each.subject for each in told] == ["Your second factor is on", "New recovery codes were made"]
    assert "from the address 127.0.0.1" in str(told[0].body)


def test_a_code_works_once_within_its_time(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    secret, _codes = with_second_factor(sign_in())
    now = time.time() // 30 * 30 + 5
    monkeypatch.setattr("allauth.mfa.totp.internal.auth.time.time", lambda: now)
    first, second = sign_in(), sign_in()

    first.post("/accounts/second-factor/code/", {"code": code_of(secret, at=now)})
    second.post("/accounts/second-factor/code/", {"code": code_of(secret, at=now)})

    assert (is_signed_in(first), is_signed_in(second)) == (True, False)


def test_a_recovery_code_works_once(alice: User) -> None:
    _secret, codes = with_second_factor(sign_in())
    first, second = sign_in(), sign_in()

    first.post("/accounts/second-factor/code/", {"code": codes[3]})
    second.post("/accounts/second-factor/code/", {"code": codes[3]})

    assert (is_signed_in(first), is_signed_in(second)) == (True, False)
    confirm(first, "/accounts/second-factor/codes/")
    page = first.get("/accounts/second-factor/codes/").content.decode()
    assert re.findall(r'<li class="number">(\d+)</li>', page) == codes[:3] + codes[4:]


def test_guesses_at_a_second_factor_are_counted_by_person(alice: User) -> None:
    secret, _codes = with_second_factor(sign_in())
    client = sign_in()
    for _guess in range(5):
        client.post("/accounts/second-factor/code/", {"code": "000000"})

    response = client.post("/accounts/second-factor/code/", {"code": code_of(secret)})

    assert "Too many failed login attempts" in response.content.decode()
    assert is_signed_in(client) is False


def test_a_new_password_does_not_open_the_second_factor(alice: User, mailoutbox: list[EmailMessage]) -> None:
    with_second_factor(sign_in())
    Client().post("/accounts/password/reset/", {"email": "alice@example.com"})
    (link,) = re.findall(
        r"http://testserver(/accounts/password/reset/key/\S+)",
        str(mails_to("alice@example.com", mailoutbox)[-1].body),
    )
    client = Client()
    form = client.get(link).headers["Location"]
    client.post(form, {"password1": "a staple of another kind", "password2": "a staple of another kind"})

    client.post("/accounts/login/", {"login": "alice@example.com", "password": "a staple of another kind"})

    assert is_signed_in(client) is False


def test_the_secret_and_the_codes_are_ciphertext_in_the_database(alice: User, settings) -> None:
    secret, _codes = with_second_factor(sign_in())

    stored = {each.type: each for each in Authenticator.objects.all()}
    assert secret not in str(stored["totp"].data)
    assert stored["totp"].data["secret"].startswith("gAAAA")
    assert stored["recovery_codes"].data["seed"].startswith("gAAAA")
    settings.CREDENTIAL_KEYS = ["b3RoZXIga2V5LCAzMiBieXRlcyBsb25nLi4uLi4uLi4="]
    with pytest.raises(
        WrongKeyRing, match="A second factor was encrypted with a key that is not in CREDENTIAL_KEYS"
    ):
        stored["totp"].wrap().validate_code("000000")


def test_new_recovery_codes_end_the_old_ones(alice: User) -> None:
    client = sign_in()
    _secret, codes = with_second_factor(client)

    client.post("/accounts/second-factor/codes/new/")

    page = client.get("/accounts/second-factor/codes/").content.decode()
    new = re.findall(r'<li class="number">(\d+)</li>', page)
    assert (len(new), set(new) & set(codes)) == (10, set())
    other = sign_in()
    other.post("/accounts/second-factor/code/", {"code": codes[0]})
    assert is_signed_in(other) is False


def test_recovery_codes_are_downloaded(alice: User) -> None:
    client = sign_in()
    _secret, codes = with_second_factor(client)

    response = client.get("/accounts/second-factor/codes/download/")

    assert response.headers["Content-Disposition"] == 'attachment; filename="recovery-codes.txt"'
    assert "no-store" in response.headers["Cache-Control"]
    text = response.content.decode()
    assert text.split()[-10:] == codes
    assert text.startswith("Recovery codes of alice@example.com at testserver.")


def test_a_second_factor_is_taken_away_with_its_codes_after_the_password(
    alice: User, mailoutbox: list[EmailMessage]
) -> None:
    with_second_factor(sign_in())
    client = Client()
    client.force_login(alice)
    assert (
        client.post("/accounts/second-factor/app/remove/")
        .headers["Location"]
        .startswith("/accounts/reauthenticate/")
    )
    assert Authenticator.objects.count() == 2

    confirm(client, "/accounts/second-factor/app/remove/")

    assert Authenticator.objects.exists() is False
    assert is_signed_in(sign_in()) is True
    assert list(deeds().order_by("id").values_list("verb", flat=True)) == [
        "second factor set up",
        "second factor taken away",
    ]
    assert mails_to("alice@example.com", mailoutbox)[-1].subject == "Your second factor was taken away"


def test_pages_with_secrets_stay_out_of_every_cache(alice: User) -> None:
    client = sign_in()
    with_second_factor(client)

    for path in ("", "codes/", "codes/new/", "app/remove/"):
        response = client.get(f"/accounts/second-factor/{path}")
        assert (response.status_code, "no-store" in response.headers["Cache-Control"]) == (200, True), path


# ---- The address


def change_address(client: Client, new: str) -> None:
    asked = client.post("/accounts/email/", {"action_add": "", "email": new})
    assert asked.headers["Location"] == "/accounts/reauthenticate/?next=%2Faccounts%2Femail%2F"
    # What was posted goes on after the password.
    assert confirm(client, "/accounts/email/").headers["Location"] == "/accounts/email/"


def link_in(message: EmailMessage) -> str:
    (link,) = re.findall(r"http://testserver(/accounts/confirm-email/\S+)", str(message.body))
    return str(link)


@pytest.mark.parametrize("protected", [False, True])
def test_a_new_address_replaces_the_old_one_when_its_link_is_opened_and_the_old_one_is_told(
    protected: bool, alice: User, mailoutbox: list[EmailMessage]
) -> None:
    client = sign_in()
    if protected:
        with_second_factor(client)
        client = Client()
        client.force_login(alice)
    change_address(client, "Alice@New.example")
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"
    (message,) = mails_to("alice@new.example", mailoutbox)
    assert message.subject == "Confirm your new e-mail address"
    page = client.get("/accounts/email/").content.decode()
    assert "<strong>alice@new.example</strong> takes its place" in page

    link = link_in(message)
    assert "Use the new address" in client.get(link).content.decode()
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"
    assert client.post(link).headers["Location"] == "/accounts/email/"

    alice.refresh_from_db()
    assert alice.email == "alice@new.example"
    assert list(EmailAddress.objects.values_list("email", "verified", "primary")) == [
        ("alice@new.example", True, True)
    ]
    old = mails_to("alice@example.com", mailoutbox)[-1]
    assert old.subject == "Your e-mail address was changed"
    assert "from alice@example.com to alice@new.example" in str(old.body)
    entry = AuditEntry.objects.filter(verb="changed").get()
    assert (entry.person, entry.before, entry.after) == (alice.pk, {"email": "•••"}, {"email": "•••"})
    assert is_signed_in(sign_in("alice@example.com")) is False
    assert is_signed_in(sign_in("alice@new.example")) is not protected
    assert "This link does not work" in client.get(link).content.decode()


def test_a_mistyped_new_address_is_no_key_to_the_account(
    alice: User, bob: User, mailoutbox: list[EmailMessage]
) -> None:
    """Whoever reads that mailbox has the link, and knows the address."""
    change_address(sign_in(), "stranger@example.com")
    link = link_in(mails_to("stranger@example.com", mailoutbox)[0])

    assert (
        Client().post(link).headers["Location"].startswith("/accounts/login/?next=/accounts/confirm-email/")
    )
    bobs = sign_in("bob@example.com")
    assert "This link does not work" in bobs.get(link).content.decode()
    assert bobs.post(link).status_code == 404
    assert is_signed_in(bobs) is True
    Client().post("/accounts/password/reset/", {"email": "stranger@example.com"})

    assert len(mails_to("stranger@example.com", mailoutbox)) == 1
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"


def test_an_address_is_not_moved_without_the_password(alice: User, mailoutbox: list[EmailMessage]) -> None:
    client = sign_in()

    asked = client.post("/accounts/email/", {"action_add": "", "email": "thief@example.com"})
    client.post(asked.headers["Location"], {"password": "not it at all"})

    assert EmailAddress.objects.filter(email="thief@example.com").exists() is False
    assert mails_to("thief@example.com", mailoutbox) == []


def test_an_address_somebody_else_has_is_not_given_away(
    alice: User, bob: User, mailoutbox: list[EmailMessage]
) -> None:
    client = sign_in()
    change_address(client, "bob@example.com")

    page = client.get(link_in(mails_to("bob@example.com", mailoutbox)[0])).content.decode()

    assert "Somebody signs in with bob@example.com already." in page
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"


def test_an_address_taken_in_the_same_moment_changes_nothing(
    alice: User, mailoutbox: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in()
    change_address(client, "new@example.com")
    link = link_in(mails_to("new@example.com", mailoutbox)[0])
    a_person("new@example.com")
    monkeypatch.setattr(EmailAddress, "can_set_verified", lambda self: True)

    page = client.post(link, follow=True).content.decode()

    assert "Somebody signs in with new@example.com already. Nothing has changed." in page
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"
    assert deeds().exists() is False


def test_a_change_of_address_is_taken_back(alice: User, mailoutbox: list[EmailMessage]) -> None:
    client = sign_in()
    change_address(client, "new@example.com")
    link = link_in(mails_to("new@example.com", mailoutbox)[0])

    client.post("/accounts/email/", {"action_remove": "", "email": "new@example.com"})

    assert list(EmailAddress.objects.filter(user=alice).values_list("email", flat=True)) == [
        "alice@example.com"
    ]
    assert "This link does not work" in client.get(link).content.decode()


@pytest.mark.parametrize("made", ["command", "operator", "create"])
def test_people_made_by_others_can_do_all_of_it(
    made: str, alice: User, mailoutbox: list[EmailMessage], signed_in: SignIn
) -> None:
    """Sign in, reset, change the address, whoever has made the account and however the address was written."""
    if made == "command":
        call_command("add_merchant", "newco", name="Newco", owner="Nora@Example.com")
    elif made == "operator":
        operator = a_person("olga@example.com", is_staff=True, is_superuser=True)
        signed_in(operator).post(
            "/admin/shipments/user/add/",
            {
                "email": "Nora@Example.com",
                "name": "",
                "usable_password": "true",
                "password1": "something quite else",
                "password2": "something quite else",
            },
        )
    else:
        User.objects.create(email="Nora@Example.com")
    Client().post("/accounts/password/reset/", {"email": "nora@EXAMPLE.com"})
    (message,) = mails_to("nora@example.com", mailoutbox)
    (link,) = re.findall(r"http://testserver(/accounts/password/reset/key/\S+)", str(message.body))
    client = Client()
    client.post(client.get(link).headers["Location"], {"password1": PASSWORD, "password2": PASSWORD})

    client = sign_in("NORA@example.com")
    assert is_signed_in(client) is True
    change_address(client, "nora@new.example")
    client.post(link_in(mails_to("nora@new.example", mailoutbox)[0]))

    assert User.objects.filter(email="nora@new.example").count() == 1
    assert is_signed_in(sign_in("nora@new.example")) is True


def test_an_address_an_operator_replaced_signs_nobody_in(alice: User, signed_in: SignIn) -> None:
    alice.email = "alice@new.example"
    alice.save()

    assert is_signed_in(sign_in("alice@example.com")) is False
    assert is_signed_in(sign_in("alice@new.example")) is True


# ---- Where one is signed in


def test_the_sign_ins_are_listed_this_one_first(alice: User, bob: User) -> None:
    other = Client(
        headers={
            "user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1"
        },
        REMOTE_ADDR="192.0.2.7",
    )
    other.post("/accounts/login/", {"login": "alice@example.com", "password": PASSWORD})
    sign_in("bob@example.com")
    client = sign_in()

    page = client.get("/accounts/sessions/").content.decode()

    assert re.findall(r"<strong>(.*?)</strong>", page) == ["Firefox on Linux", "Safari on iPhone"]
    assert re.findall(r"from ([\d.]+)", page) == ["127.0.0.1", "192.0.2.7"]
    assert page.count("this one") == 1


@pytest.mark.parametrize(
    ("address", "kept"),
    [("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"), ("::ffff:192.0.2.7", "192.0.2.7"), ("", "0.0.0.0")],
)
def test_whatever_the_address_people_can_sign_in(address: str, kept: str, alice: User) -> None:
    client = Client(REMOTE_ADDR=address)

    client.post("/accounts/login/", {"login": "alice@example.com", "password": PASSWORD})

    assert is_signed_in(client) is True
    assert UserSession.objects.get().ip == kept
    assert "0.0.0.0" not in client.get("/accounts/sessions/").content.decode()


@pytest.mark.parametrize("others", [1, 9])
def test_the_list_takes_four_statements_however_many_there_are(
    others: int, alice: User, django_assert_num_queries
) -> None:
    for _n in range(others):
        sign_in()
    client = sign_in()

    with django_assert_num_queries(4):
        page = client.get("/accounts/sessions/").content.decode()

    assert page.count("Firefox on Linux</strong>") == others + 1


def test_one_of_the_others_is_ended_and_the_rest_stay(alice: User) -> None:
    client, other, third = sign_in(), sign_in(), sign_in()
    doomed = UserSession.objects.get(session_key=other.session.session_key)

    page = client.post("/accounts/sessions/", {"session": doomed.pk}, follow=True)

    assert "1 other browser is signed out." in page.content.decode()
    assert (is_signed_in(client), is_signed_in(other), is_signed_in(third)) == (True, False, True)
    assert deeds().get().verb == "sessions ended"


def test_all_others_are_ended_and_nobody_elses(alice: User, bob: User) -> None:
    client, other, third, bobs = sign_in(), sign_in(), sign_in(), sign_in("bob@example.com")

    client.post("/accounts/sessions/")

    assert [is_signed_in(each) for each in (client, other, third, bobs)] == [True, False, False, True]
    assert UserSession.objects.filter(user=alice).count() == 1


@pytest.mark.parametrize("which", ["bobs", "this one", "x", "9" * 30])
def test_a_session_that_is_not_ones_own_to_end_stays(which: str, alice: User, bob: User) -> None:
    client, bobs = sign_in(), sign_in("bob@example.com")
    keys = {"bobs": bobs, "this one": client}
    session = (
        UserSession.objects.get(session_key=keys[which].session.session_key).pk if which in keys else which
    )

    client.post("/accounts/sessions/", {"session": session})

    assert (is_signed_in(client), is_signed_in(bobs)) == (True, True)
    assert deeds().exists() is False


def test_a_new_password_ends_all_others_and_the_list_says_so(
    alice: User, mailoutbox: list[EmailMessage]
) -> None:
    client, other = sign_in(), sign_in()

    response = client.post(
        "/accounts/password/change/",
        {
            "oldpassword": PASSWORD,
            "password1": "a staple of another kind",
            "password2": "a staple of another kind",
        },
    )

    assert response.headers["Location"] == "/accounts/"
    assert (is_signed_in(client), is_signed_in(other)) == (True, False)
    page = client.get("/accounts/sessions/").content.decode()
    assert re.findall(r"<strong>(.*?)</strong>", page) == ["Firefox on Linux"]
    assert [each.subject for each in mails_to("alice@example.com", mailoutbox)] == [
        "Your password was changed"
    ]


def test_sessions_that_are_over_are_forgotten_with_their_addresses(alice: User) -> None:
    client, other, third = sign_in(), sign_in(), sign_in()
    now = timezone.now()
    Session.objects.filter(session_key=other.session.session_key).update(
        expire_date=now - timedelta(seconds=1)
    )
    third.post("/accounts/logout/")

    tasks.housekeep()

    assert Session.objects.get().session_key == client.session.session_key
    assert UserSession.objects.get().session_key == client.session.session_key


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/141.0 Safari/537.36 Edg/141.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1", "Safari on Mac"),
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/141.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.9", ""),
        ("", ""),
    ],
)
def test_a_browser_is_told_in_two_words(said: str, told: str) -> None:
    assert told_browser(said) == told
