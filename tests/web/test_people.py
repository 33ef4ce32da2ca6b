"""The page of people: who sees what of it, and what owners do there."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from shipments.models import AttentionItem, AuditEntry, Invitation, Mail, Membership, Merchant, User, roles
from shipments.web import visitors
from tests.factories import a_merchant, a_person, a_shipment, an_invitation

pytestmark = pytest.mark.django_db

SignIn = Callable[[User], Client]
PASSWORD = "correct horse battery"
PEOPLE = "/app/alpine/people/"


@pytest.fixture(autouse=True)
def _tries_are_forgotten() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def roles_of(merchant: Merchant) -> dict[str, str]:
    return dict(Membership.objects.filter(merchant=merchant).values_list("user__email", "role"))


def pk_of(person: User) -> int:
    return person.memberships.get().pk


def say_password(client: Client, response: Any) -> Any:
    """Give the password where the answer asks for it, and go on as a browser does."""
    where = response.headers["Location"]
    assert where.startswith("/accounts/reauthenticate/?next=")
    return client.post(where, {"password": PASSWORD, "next": unquote(where.partition("next=")[2])})


def deeds() -> list[tuple[str, dict, dict]]:
    return list(AuditEntry.objects.order_by("id").values_list("verb", "before", "after"))


# ---- Who sees what


def test_an_owner_sees_addresses_sign_ins_and_invitations(
    alice: User, mary: User, merchant: Merchant, signed_in: SignIn
) -> None:
    User.objects.filter(pk=mary.pk).update(
        name="Mary Moss", last_login=timezone.now() - timedelta(hours=3, minutes=1)
    )
    an_invitation(merchant, "nora@example.com")

    page = signed_in(alice).get(PEOPLE).content.decode()

    assert "Mary Moss" in page
    assert "mary@example.com" in page
    assert "3 h ago" in page
    assert "nora@example.com" in page
    assert "in 47 h" in page


@pytest.mark.parametrize("who", ["mary", "bob"])
def test_others_see_names_and_roles_and_no_more(
    who: str, alice: User, merchant: Merchant, signed_in: SignIn, request: pytest.FixtureRequest
) -> None:
    me = request.getfixturevalue(who)
    User.objects.filter(pk=alice.pk).update(name="Alice Adams", last_login=timezone.now())
    an_invitation(merchant, "nora@example.com")

    page = signed_in(me).get(PEOPLE).content.decode()

    assert "Alice Adams" in page
    assert "alice@example.com" not in page
    assert "nora@example.com" not in page
    assert "Last sign-in" not in page
    assert "Send the invitation" not in page
    assert reverse("people-leave", args=["alpine"]) in page


@pytest.mark.parametrize("many", [1, 12])
def test_the_page_takes_five_statements_however_many_people_there_are(
    many: int, alice: User, merchant: Merchant, signed_in: SignIn, django_assert_num_queries
) -> None:
    for n in range(many):
        a_person(f"p{n}@example.com", merchant)
        an_invitation(merchant, f"i{n}@example.com")
    client = signed_in(alice)
    client.get(PEOPLE)

    with django_assert_num_queries(5):
        client.get(PEOPLE)


def test_owners_first_then_managers_then_viewers_by_name(
    alice: User, mary: User, bob: User, merchant: Merchant, signed_in: SignIn
) -> None:
    a_person("zoe@example.com", merchant, "owner", name="Zoe")

    page = signed_in(alice).get(PEOPLE).content.decode()

    names = re.findall(r'person__name">([^< ]+)', page)
    assert names == ["alice@example.com", "Zoe", "mary@example.com", "bob@example.com"]


def test_an_owner_without_a_second_factor_is_advised_to_have_one(alice: User, signed_in: SignIn) -> None:
    client = signed_in(alice)
    assert "Protect that with a second factor" in client.get(PEOPLE).content.decode()

    Authenticator.objects.create(user=alice, type=Authenticator.Type.TOTP, data={})

    assert "Protect that with a second factor" not in client.get(PEOPLE).content.decode()


# ---- Inviting


def test_an_invitation_goes_out_by_mail_and_its_token_stands_nowhere_else(
    alice: User, merchant: Merchant, signed_in: SignIn
) -> None:
    User.objects.filter(pk=alice.pk).update(name="Alice Adams")

    response = signed_in(alice).post(PEOPLE, {"email": "Nora@Example.com", "role": "manager"})

    assert response.headers["Location"] == PEOPLE
    invitation = Invitation.objects.get()
    assert (invitation.email, invitation.role, invitation.invited_by, invitation.merchant) == (
        "nora@example.com",
        "manager",
        alice,
        merchant,
    )
    assert invitation.expires_at - invitation.made_at == timedelta(hours=48)
    mail = Mail.objects.get()
    assert (mail.to, mail.kind, mail.subject, mail.merchant) == (
        "nora@example.com",
        "invitation",
        "Alice Adams invites you to Alpine Outfitters",
        merchant,
    )
    assert "Alice Adams (alice@example.com) invites you to Alpine Outfitters as a manager." in mail.text
    (link,) = re.findall(r"http://testserver(/join/\S+)", mail.text)
    assert f'href="http://testserver{link}"' in mail.html
    assert Invitation.objects.with_token(link.removeprefix("/join/")) == invitation
    assert deeds() == [("invited", {}, {"email": "•••", "role": "manager"})]


def test_the_mail_speaks_the_merchants_language(alice: User, merchant: Merchant, signed_in: SignIn) -> None:
    Merchant.objects.filter(pk=merchant.pk).update(language="es")

    signed_in(alice).post(PEOPLE, {"email": "nora@example.com", "role": "viewer"})

    assert '<html lang="es">' in Mail.objects.get().html


def test_names_in_the_mail_are_text_and_no_html(alice: User, merchant: Merchant, signed_in: SignIn) -> None:
    User.objects.filter(pk=alice.pk).update(name="<b>Al</b> & Co\nBcc: x@example.com")

    signed_in(alice).post(PEOPLE, {"email": "nora@example.com", "role": "viewer"})

    mail = Mail.objects.get()
    assert "<b>Al</b> & Co" in mail.text
    assert "&lt;b&gt;Al&lt;/b&gt; &amp; Co" in mail.html
    assert "\n" not in mail.subject


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"email": "", "role": "viewer"}, "Type the address the invitation goes to."),
        ({"email": "nora at home", "role": "viewer"}, "Enter a valid email address."),
        ({"email": "nora@example.com", "role": "king"}, "Select a valid choice."),
        ({"email": "MARY@example.com", "role": "viewer"}, "belongs to the merchant already"),
    ],
)
def test_a_bad_invitation_is_refused_at_its_field_and_keeps_what_was_typed(
    typed: dict[str, str], says: str, alice: User, mary: User, signed_in: SignIn
) -> None:
    response = signed_in(alice).post(PEOPLE, typed)

    assert response.status_code == 400
    assert says in response.content.decode()
    assert f'value="{typed["email"].lower()}"' in response.content.decode().lower() or not typed["email"]
    assert (Invitation.objects.exists(), Mail.objects.exists(), deeds()) == (False, False, [])


def test_inviting_somebody_as_owner_asks_for_the_password_and_then_does_it(
    alice: User, merchant: Merchant, signed_in: SignIn
) -> None:
    client = signed_in(alice)

    asked = client.post(PEOPLE, {"email": "nora@example.com", "role": "owner"})
    assert Invitation.objects.exists() is False

    done = say_password(client, asked)
    assert done.headers["Location"] == PEOPLE
    assert Invitation.objects.get().role == "owner"


def test_invitations_are_counted_a_day(
    alice: User, merchant: Merchant, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitors, "INVITATIONS", visitors.Limit("invite", 1, timedelta(days=1)))
    client = signed_in(alice)
    client.post(PEOPLE, {"email": "one@example.com", "role": "viewer"})

    response = client.post(PEOPLE, {"email": "two@example.com", "role": "viewer"})

    assert response.status_code == 400
    assert "At most 1 invitations a day. Nothing was sent; try again in" in response.content.decode()
    assert Invitation.objects.get().email == "one@example.com"


def test_sending_again_makes_a_new_link_and_ends_the_old(
    alice: User, merchant: Merchant, signed_in: SignIn
) -> None:
    old = an_invitation(merchant, "nora@example.com", "manager", now=timezone.now() - timedelta(days=3))

    response = signed_in(alice).post(reverse("invitation-send", args=["alpine", old.public_id]))

    assert response.headers["Location"] == PEOPLE
    new = Invitation.objects.open().get()
    assert (new.email, new.role, new.is_usable(timezone.now())) == ("nora@example.com", "manager", True)
    assert new.token_sha256 != old.token_sha256
    assert Mail.objects.get().to == "nora@example.com"


def test_an_invitation_that_was_withdrawn_is_gone_from_the_page(
    alice: User, merchant: Merchant, signed_in: SignIn
) -> None:
    invitation = an_invitation(merchant, "nora@example.com")
    client = signed_in(alice)

    page = client.post(reverse("invitation-revoke", args=["alpine", invitation.public_id]), follow=True)

    assert "The invitation to nora@example.com is withdrawn." in page.content.decode()
    assert Invitation.objects.open().exists() is False
    assert deeds() == [("revoked", {"email": "•••", "role": "viewer"}, {})]
    again = client.post(reverse("invitation-revoke", args=["alpine", invitation.public_id]), follow=True)
    assert "accepted or withdrawn in the meantime" in again.content.decode()
    assert len(deeds()) == 1


def test_an_invitation_of_another_merchant_is_out_of_reach(
    alice: User, charlie: User, signed_in: SignIn
) -> None:
    theirs = an_invitation(charlie.memberships.get().merchant, "nora@example.com", by=charlie)

    for deed in ("invitation-send", "invitation-revoke"):
        signed_in(alice).post(reverse(deed, args=["alpine", theirs.public_id]))

    assert Invitation.objects.open().get() == theirs
    assert (Mail.objects.exists(), deeds()) == (False, [])


# ---- Changing


def test_a_role_is_changed_and_written_down(
    alice: User, bob: User, merchant: Merchant, signed_in: SignIn
) -> None:
    signed_in(alice).post(f"{PEOPLE}role/", {"member": pk_of(bob), "role": "manager"})

    assert roles_of(merchant) == {"alice@example.com": "owner", "bob@example.com": "manager"}
    assert deeds() == [("changed", {"role": "viewer"}, {"role": "manager"})]


def test_making_an_owner_asks_for_the_password_and_then_does_it(
    alice: User, mary: User, merchant: Merchant, signed_in: SignIn
) -> None:
    client = signed_in(alice)

    asked = client.post(f"{PEOPLE}role/", {"member": pk_of(mary), "role": "owner"})
    assert roles_of(merchant)["mary@example.com"] == "manager"

    assert say_password(client, asked).headers["Location"] == PEOPLE
    assert roles_of(merchant) == {"alice@example.com": "owner", "mary@example.com": "owner"}


def test_the_last_owner_stays_one(alice: User, mary: User, merchant: Merchant, signed_in: SignIn) -> None:
    client = signed_in(alice)

    page = client.post(f"{PEOPLE}role/", {"member": pk_of(alice), "role": "viewer"}, follow=True)
    assert "a merchant needs an owner" in page.content.decode()
    page = client.post(f"{PEOPLE}leave/", {"sure": "yes"}, follow=True)
    assert "a merchant needs an owner" in page.content.decode()

    assert roles_of(merchant) == {"alice@example.com": "owner", "mary@example.com": "manager"}
    assert deeds() == []


@pytest.mark.parametrize("deed", ["role", "remove"])
@pytest.mark.parametrize("member", ["", "x", "0", "99999999999999999999", "theirs"])
def test_a_member_who_is_none_is_said_to_be_none(
    deed: str, member: str, alice: User, charlie: User, merchant: Merchant, signed_in: SignIn
) -> None:
    whom = str(pk_of(charlie)) if member == "theirs" else member

    page = signed_in(alice).post(f"{PEOPLE}{deed}/", {"member": whom, "role": "viewer"}, follow=True)

    assert "does not belong to the merchant any more" in page.content.decode()
    assert charlie.memberships.get().role == "owner"
    assert deeds() == []


def test_who_is_removed_sees_nothing_with_the_next_click(
    alice: User, mary: User, merchant: Merchant, signed_in: SignIn
) -> None:
    theirs = signed_in(mary)
    assert theirs.get("/app/alpine/shipments/").status_code == 200
    now = timezone.now()
    AttentionItem.objects.create(
        shipment=a_shipment(merchant),
        merchant=merchant,
        reasons=["late"],
        reason="late",
        rank=4,
        since=now,
        found_at=now,
        owner=mary,
    )

    page = signed_in(alice).post(f"{PEOPLE}remove/", {"member": pk_of(mary)}, follow=True)

    assert "mary@example.com is removed." in page.content.decode()
    assert theirs.get("/app/alpine/shipments/").status_code == 404
    assert AttentionItem.objects.get().owner is None
    assert roles_of(merchant) == {"alice@example.com": "owner"}
    assert deeds() == [("removed", {"user": mary.pk, "role": "manager"}, {})]


@pytest.mark.parametrize(("deed", "form"), [("remove", {}), ("role", {"role": "viewer"})])
def test_what_an_owner_has_invited_ends_with_their_ownership(
    deed: str, form: dict[str, str], alice: User, merchant: Merchant, signed_in: SignIn
) -> None:
    anna = a_person("anna@example.com", merchant, "owner")
    an_invitation(merchant, "back-door@example.com", "owner", by=anna)
    kept = an_invitation(merchant, "nora@example.com", by=alice)

    signed_in(alice).post(f"{PEOPLE}{deed}/", {"member": pk_of(anna), **form})

    assert Invitation.objects.open().get() == kept


def test_an_owner_who_was_lowered_meanwhile_changes_nothing(
    alice: User, bob: User, merchant: Merchant, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_person("anna@example.com", merchant, "owner")
    changing = roles.changing

    def after_the_other(merchant: Merchant) -> object:
        Membership.objects.filter(user=alice).update(role="viewer")
        return changing(merchant)

    monkeypatch.setattr("shipments.models.roles.changing", after_the_other)

    response = signed_in(alice).post(f"{PEOPLE}remove/", {"member": pk_of(bob)})

    assert response.status_code == 403
    assert roles_of(merchant)["bob@example.com"] == "viewer"


@pytest.mark.parametrize("who", ["mary", "bob"])
def test_anybody_leaves_for_themselves(
    who: str, alice: User, merchant: Merchant, signed_in: SignIn, request: pytest.FixtureRequest
) -> None:
    me = request.getfixturevalue(who)
    me.memberships.create(merchant=a_merchant(slug="bakery", name="Zimt Bakery"), role="viewer")
    client = signed_in(me)

    unsure = client.post(f"{PEOPLE}leave/")
    assert unsure.status_code == 400
    assert me.memberships.count() == 2

    gone = client.post(f"{PEOPLE}leave/", {"sure": "yes"}, follow=True)
    assert gone.redirect_chain[-1] == ("/app/bakery/attention/", 302)
    assert "You have left Alpine Outfitters." in gone.content.decode()
    assert client.get("/app/alpine/shipments/").status_code == 404
    assert me.memberships.get().merchant.slug == "bakery"


def test_the_last_owner_is_shown_the_way_to_hand_over(alice: User, mary: User, signed_in: SignIn) -> None:
    page = signed_in(alice).get(f"{PEOPLE}leave/").content.decode()

    assert "You are the only owner" in page
    assert 'name="sure"' not in page


# ---- Handing over


def test_ownership_is_handed_over_after_the_password(
    alice: User, mary: User, merchant: Merchant, signed_in: SignIn
) -> None:
    client = signed_in(alice)
    form = say_password(client, client.get(f"{PEOPLE}hand-over/"))
    assert form.headers["Location"] == f"{PEOPLE}hand-over/"
    assert "mary@example.com" in client.get(f"{PEOPLE}hand-over/").content.decode()

    page = client.post(f"{PEOPLE}hand-over/", {"member": pk_of(mary)}, follow=True)

    assert "mary@example.com owns Alpine Outfitters now; you are a manager." in page.content.decode()
    assert roles_of(merchant) == {"alice@example.com": "manager", "mary@example.com": "owner"}
    assert deeds() == [
        ("handed over", {"role": "manager"}, {"role": "owner"}),
        ("handed over", {"role": "owner"}, {"role": "manager"}),
    ]
    assert client.get(f"{PEOPLE}hand-over/").status_code == 403


def test_a_wrong_password_hands_nothing_over(
    alice: User, mary: User, merchant: Merchant, signed_in: SignIn
) -> None:
    client = signed_in(alice)
    asked = client.post(f"{PEOPLE}hand-over/", {"member": pk_of(mary)})

    response = client.post(asked.headers["Location"], {"password": "not it at all"})

    assert "This is not your password." in response.content.decode()
    assert roles_of(merchant) == {"alice@example.com": "owner", "mary@example.com": "manager"}


def test_a_posted_hand_over_goes_on_after_the_password(
    alice: User, mary: User, merchant: Merchant, signed_in: SignIn
) -> None:
    client = signed_in(alice)

    done = say_password(client, client.post(f"{PEOPLE}hand-over/", {"member": pk_of(mary)}))

    assert done.headers["Location"] == PEOPLE
    assert roles_of(merchant) == {"alice@example.com": "manager", "mary@example.com": "owner"}


def test_ownership_goes_to_a_member_only(
    alice: User, charlie: User, merchant: Merchant, signed_in: SignIn
) -> None:
    client = signed_in(alice)
    say_password(client, client.get(f"{PEOPLE}hand-over/"))
    assert "Nobody else belongs to this merchant yet" in client.get(f"{PEOPLE}hand-over/").content.decode()
    a_person("mary@example.com", merchant)

    response = client.post(f"{PEOPLE}hand-over/", {"member": pk_of(charlie)})

    assert response.status_code == 400
    assert "Choose one of the members" in response.content.decode()
    assert roles_of(merchant) == {"alice@example.com": "owner", "mary@example.com": "viewer"}


# ---- Many merchants


@pytest.mark.parametrize(("others", "can_search"), [(7, False), (8, True)])
def test_who_belongs_to_many_merchants_can_search_among_them(
    others: int, can_search: bool, alice: User, signed_in: SignIn
) -> None:
    for n in range(others):
        alice.memberships.create(merchant=a_merchant(slug=f"m{n}"), role="viewer")

    page = signed_in(alice).get(PEOPLE).content.decode()

    assert page.count('<li><a href="/app/m') == others
    assert ('id="merchant-filter"' in page, "js/merchants.js" in page) == (can_search, can_search)
