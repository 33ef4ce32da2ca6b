"""From an invitation's link to a member, whoever opens it."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from shipments.models import AuditEntry, Invitation, Membership, Merchant, User, roles
from shipments.web import visitors
from shipments.web.second_factor import SecondFactor
from tests.authenticator import code_of
from tests.factories import a_person, an_invitation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("alice")]

SignIn = Callable[[User], Client]
PASSWORD = "correct horse battery"
NEWCOMER = {
    "name": "Nora Field",
    "password1": "a staple of another kind",
    "password2": "a staple of another kind",
}


@pytest.fixture(autouse=True)
def _tries_are_forgotten() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def invitation(alice: User, merchant: Merchant) -> Invitation:
    return an_invitation(merchant, "nora@example.com", "manager")


def opened(invitation: Invitation, client: Client | None = None) -> Client:
    """A browser that has opened the link and stands on the page behind it."""
    client = client or Client()
    response = client.get(f"/join/{invitation.token}")
    assert (response.status_code, response.headers["Location"]) == (302, "/join/")
    return client


def members(merchant: Merchant) -> dict[str, str]:
    return dict(Membership.objects.filter(merchant=merchant).values_list("user__email", "role"))


# ---- The link


def test_the_link_goes_on_without_its_token_and_passes_it_to_nobody(invitation: Invitation) -> None:
    response = Client().get(f"/join/{invitation.token}")

    assert (response.status_code, response.headers["Location"]) == (302, "/join/")
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response.headers["Cache-Control"]
    page = opened(invitation).get("/join/")
    assert invitation.token not in page.content.decode()
    assert "no-store" in page.headers["Cache-Control"]


def test_the_page_says_who_invites_to_what_as_what(alice: User, invitation: Invitation) -> None:
    User.objects.filter(pk=alice.pk).update(name="Alice Adams")

    page = opened(invitation).get("/join/").content.decode()

    for words in (
        "Join Alpine Outfitters",
        "Alice Adams",
        "alice@example.com",
        "nora@example.com",
        "Manager",
    ):
        assert words in page


def test_looking_changes_nothing(invitation: Invitation, merchant: Merchant) -> None:
    opened(invitation).get("/join/")

    assert members(merchant) == {"alice@example.com": "owner"}
    invitation.refresh_from_db()
    assert invitation.is_usable(timezone.now()) is True


# ---- Who opens it


def test_who_has_no_account_makes_one_and_is_in(invitation: Invitation, merchant: Merchant) -> None:
    client = opened(invitation)
    assert "Choose how you sign in from now on." in client.get("/join/").content.decode()

    response = client.post("/join/", NEWCOMER)

    assert response.headers["Location"] == "/app/alpine/"
    nora = User.objects.get(email="nora@example.com")
    assert (nora.name, nora.check_password(NEWCOMER["password1"])) == ("Nora Field", True)
    assert client.session["_auth_user_id"] == str(nora.pk)
    assert members(merchant) == {"alice@example.com": "owner", "nora@example.com": "manager"}
    assert EmailAddress.objects.get(user=nora).verified is True
    assert "You belong to Alpine Outfitters now." in client.get("/app/alpine/shipments/").content.decode()
    assert list(AuditEntry.objects.order_by("id").values_list("verb", "person", "after")) == [
        ("added", nora.pk, {"email": "•••"}),
        ("joined", nora.pk, {"role": "manager", "invitation": invitation.pk}),
        ("signed in", nora.pk, {"second_factor": False}),
    ]


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"name": " "}, "Type your name"),
        ({"password1": "short", "password2": "short"}, "too short"),
        ({"password1": "1234567890", "password2": "1234567890"}, "too common"),
        ({"password1": "nora@example", "password2": "nora@example"}, "too similar"),
        ({"password1": "Nora Field!", "password2": "Nora Field!"}, "too similar"),
        ({"password2": "a staple of no kind"}, "another password than the one above"),
    ],
)
def test_a_bad_name_or_password_is_refused_at_its_field(
    over: dict[str, str], says: str, invitation: Invitation, merchant: Merchant
) -> None:
    response = opened(invitation).post("/join/", NEWCOMER | over)

    assert response.status_code == 400
    assert says in response.content.decode()
    assert User.objects.filter(email="nora@example.com").exists() is False
    assert members(merchant) == {"alice@example.com": "owner"}


def test_who_has_an_account_signs_in_and_comes_back(invitation: Invitation, merchant: Merchant) -> None:
    a_person("nora@example.com")
    client = opened(invitation)
    page = client.get("/join/").content.decode()
    assert 'href="/accounts/login/?next=/join/"' in page
    assert "password" not in page
    assert client.post("/join/", NEWCOMER).status_code == 200
    assert members(merchant) == {"alice@example.com": "owner"}

    back = client.post(
        "/accounts/login/?next=/join/", {"login": "nora@example.com", "password": PASSWORD, "next": "/join/"}
    )
    assert back.headers["Location"] == "/join/"
    assert client.post("/join/").headers["Location"] == "/app/alpine/"

    assert members(merchant) == {"alice@example.com": "owner", "nora@example.com": "manager"}


def test_a_second_factor_on_the_way_does_not_lose_the_invitation(
    invitation: Invitation, merchant: Merchant
) -> None:
    nora = a_person("nora@example.com")
    factor = SecondFactor()
    secret = "JBSWY3DPEHPK3PXP"
    Authenticator.objects.create(user=nora, type="totp", data={"secret": factor.encrypt(secret)})
    client = opened(invitation)
    door = {"login": "nora@example.com", "password": PASSWORD, "next": "/join/"}
    assert (
        client.post("/accounts/login/?next=/join/", door).headers["Location"]
        == "/accounts/second-factor/code/"
    )
    assert "Sign in to join" in client.get("/join/").content.decode()
    client.post("/accounts/login/?next=/join/", door)

    back = client.post("/accounts/second-factor/code/", {"code": code_of(secret)})

    assert back.headers["Location"] == "/join/"
    assert client.post("/join/").headers["Location"] == "/app/alpine/"
    assert members(merchant)["nora@example.com"] == "manager"


def test_who_is_signed_in_joins_with_one_click(
    invitation: Invitation, merchant: Merchant, signed_in: SignIn
) -> None:
    nora = a_person("nora@example.com")
    client = opened(invitation, signed_in(nora))

    response = client.post("/join/")

    assert response.headers["Location"] == "/app/alpine/"
    assert members(merchant) == {"alice@example.com": "owner", "nora@example.com": "manager"}
    assert "invitation" not in client.session


def test_somebody_else_is_told_so_and_may_sign_out_and_go_on(
    invitation: Invitation, merchant: Merchant, charlie: User, signed_in: SignIn
) -> None:
    client = opened(invitation, signed_in(charlie))
    page = client.get("/join/").content.decode()
    assert "You are signed in as <strong>charlie@example.com</strong>." in page
    client.post("/join/")
    assert members(merchant) == {"alice@example.com": "owner"}

    assert client.post("/join/", {"sign-out": "yes"}).headers["Location"] == "/join/"

    assert "_auth_user_id" not in client.session
    assert "Choose how you sign in from now on." in client.get("/join/").content.decode()


def test_a_member_keeps_the_higher_role(
    invitation: Invitation, merchant: Merchant, signed_in: SignIn
) -> None:
    nora = a_person("nora@example.com", merchant, "owner")

    opened(invitation, signed_in(nora)).post("/join/")

    assert members(merchant)["nora@example.com"] == "owner"


# ---- Links that do not work


def test_a_link_that_is_too_old_says_whom_to_ask(merchant: Merchant) -> None:
    old = an_invitation(merchant, "nora@example.com", now=timezone.now() - timedelta(hours=48))

    response = Client().get(f"/join/{old.token}")

    assert response.status_code == 410
    page = response.content.decode()
    assert "Invitations work for 48 hours, and this one is older." in page
    assert "Ask alice@example.com" in page
    assert "no-store" in response.headers["Cache-Control"]


def test_a_link_that_was_replaced_points_to_the_newer_one(invitation: Invitation, merchant: Merchant) -> None:
    newer = an_invitation(merchant, "nora@example.com")

    response = Client().get(f"/join/{invitation.token}")

    assert response.status_code == 410
    assert "then the newest mail has the right link" in response.content.decode()
    assert Client().get(f"/join/{newer.token}").status_code == 302


def test_a_link_works_once_and_leads_its_member_in(
    invitation: Invitation, signed_in: SignIn, charlie: User
) -> None:
    opened(invitation).post("/join/", NEWCOMER)

    again = signed_in(User.objects.get(email="nora@example.com")).get(f"/join/{invitation.token}")
    others = signed_in(charlie).get(f"/join/{invitation.token}")

    assert (again.status_code, others.status_code) == (410, 410)
    assert "You belong to Alpine Outfitters already." in again.content.decode()
    assert "You belong to" not in others.content.decode()


def test_an_invitation_withdrawn_while_the_page_is_open_lets_nobody_in(
    invitation: Invitation, merchant: Merchant
) -> None:
    client = opened(invitation)
    Invitation.objects.filter(pk=invitation.pk).revoke(timezone.now())

    assert client.post("/join/", NEWCOMER).status_code == 410
    assert User.objects.filter(email="nora@example.com").exists() is False


def test_an_invitation_withdrawn_in_the_same_moment_makes_no_account(
    invitation: Invitation, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = opened(invitation)
    changing = roles.changing

    def after_the_owner(merchant: Merchant) -> object:
        Invitation.objects.filter(pk=invitation.pk).revoke(timezone.now())
        return changing(merchant)

    monkeypatch.setattr("shipments.models.roles.changing", after_the_owner)

    assert client.post("/join/", NEWCOMER).status_code == 410
    assert User.objects.filter(email="nora@example.com").exists() is False
    assert members(merchant) == {"alice@example.com": "owner"}


def test_an_account_made_in_the_same_moment_is_asked_to_sign_in(
    invitation: Invitation, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = opened(invitation)
    create_user = User.objects.create_user

    def after_another(email: str, *args: object, **fields: object) -> User:
        create_user(email, PASSWORD)
        return create_user(email, *args, **fields)  # type: ignore[arg-type]

    monkeypatch.setattr(User.objects, "create_user", after_another)

    response = client.post("/join/", NEWCOMER)

    assert response.headers["Location"] == "/join/"
    assert members(merchant) == {"alice@example.com": "owner"}


@pytest.mark.parametrize("path", ["/join/", "/join/nonsense", f"/join/{'x' * 500}"])
def test_what_is_no_invitation_is_gone(path: str) -> None:
    response = Client().get(path)

    assert response.status_code == 410
    assert "This invitation does not work" in response.content.decode()


def test_tries_are_counted_by_address(
    invitation: Invitation, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitors, "JOINS", visitors.Limit("join", 2, timedelta(days=1)))
    client = Client()

    statuses = [client.get(f"/join/{'guess' * n}").status_code for n in (1, 2, 3)]

    assert statuses == [410, 410, 429]
    assert client.get(f"/join/{invitation.token}").status_code == 429
    assert client.post("/join/", NEWCOMER).status_code == 429
    assert Client(REMOTE_ADDR="192.0.2.7").get(f"/join/{invitation.token}").status_code == 302
