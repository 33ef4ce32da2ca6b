"""`manage.py add_merchant`."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from shipments.models import AuditEntry, Invitation, Mail, Membership, Merchant, User
from tests.factories import a_merchant, a_person

pytestmark = pytest.mark.django_db


def add_merchant(*arguments: str) -> str:
    out = StringIO()
    call_command("add_merchant", *arguments, stdout=out)
    return out.getvalue()


def test_a_merchant_is_added_and_written_down() -> None:
    told = add_merchant("acme", "--name", "Acme Goods")

    acme = Merchant.objects.get()
    assert (acme.slug, acme.name, acme.time_zone) == ("acme", "Acme Goods", "America/New_York")
    assert told == "Merchant acme was added.\n"
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.model, entry.row, entry.source) == (
        "added",
        "shipments.Merchant",
        str(acme.pk),
        "command",
    )
    assert entry.after == {"slug": "acme", "name": "Acme Goods", "time_zone": "America/New_York"}


def test_again_changes_nothing() -> None:
    add_merchant("acme", "--name", "Acme Goods", "--owner", "olga@example.com")
    entries = AuditEntry.objects.count()

    told = add_merchant("acme", "--name", "Acme Goods", "--owner", "Olga@example.com")

    assert told == "Merchant acme exists already.\nOlga@example.com owns acme already.\n"
    assert (Merchant.objects.count(), User.objects.count(), Membership.objects.count()) == (1, 1, 1)
    assert AuditEntry.objects.count() == entries


def test_a_new_owner_chooses_a_password_by_reset() -> None:
    told = add_merchant("acme", "--name", "Acme Goods", "--owner", "olga@example.com")

    olga = User.objects.get(email="olga@example.com")
    assert olga.has_usable_password() is False
    assert (olga.is_staff, olga.is_superuser) == (False, False)
    assert Membership.objects.get(user=olga).role == "owner"
    assert "Forgot your password?" in told
    # The address is personal: it is masked where it is kept.
    assert AuditEntry.objects.get(model="shipments.User").after == {"email": "•••"}


def test_a_person_who_is_known_is_made_the_owner() -> None:
    acme = a_merchant(slug="acme", name="Acme Goods")
    vera = a_person("vera@example.com", acme, "viewer")

    add_merchant("acme", "--name", "Acme Goods", "--owner", "vera@example.com")

    assert Membership.objects.get().role == "owner"
    vera.refresh_from_db()
    assert vera.has_usable_password() is True
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.before, entry.after) == (
        "changed",
        {"role": "viewer"},
        {"user": vera.pk, "role": "owner"},
    )


def test_a_merchant_is_not_renamed() -> None:
    a_merchant(slug="acme", name="Acme Goods")

    with pytest.raises(CommandError, match="name: merchant acme exists already, as 'Acme Goods'") as refused:
        add_merchant("acme", "--name", "Acme Bads")

    assert refused.value.returncode == 1
    assert Merchant.objects.get().name == "Acme Goods"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ac me", "--name", "Acme"), "slug: "),
        (("acme", "--name", ""), "name: "),
        (("acme", "--name", "Acme", "--owner", "olga"), "owner: an e-mail address is name@host."),
    ],
)
def test_a_wrong_argument_is_named_and_nothing_is_stored(arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words) as refused:
        add_merchant(*arguments)

    assert refused.value.returncode == 2
    assert (Merchant.objects.count(), User.objects.count(), AuditEntry.objects.count()) == (0, 0, 0)


def test_the_owner_is_invited_by_mail() -> None:
    told = add_merchant("acme", "--name", "Acme Goods", "--invite", "Olga@example.com")

    invitation = Invitation.objects.get()
    assert (invitation.email, invitation.role, invitation.invited_by) == ("olga@example.com", "owner", None)
    mail = Mail.objects.get()
    assert (mail.to, mail.subject) == ("olga@example.com", "You are invited to Acme Goods")
    assert "You are invited to Acme Goods as its owner." in mail.text
    assert "http://localhost:8000/join/" in mail.text
    assert "works for 48 hours" in told
    assert User.objects.exists() is False
    assert AuditEntry.objects.get(verb="invited").after == {"email": "•••", "role": "owner"}


def test_again_sends_another_invitation_and_ends_the_first() -> None:
    add_merchant("acme", "--name", "Acme Goods", "--invite", "olga@example.com")
    add_merchant("acme", "--name", "Acme Goods", "--invite", "olga@example.com")

    assert Mail.objects.count() == 2
    assert Invitation.objects.open().count() == 1


def test_who_owns_it_is_not_invited() -> None:
    add_merchant("acme", "--name", "Acme Goods", "--owner", "olga@example.com")

    told = add_merchant("acme", "--name", "Acme Goods", "--invite", "olga@example.com")

    assert told == "Merchant acme exists already.\nolga@example.com owns acme already.\n"
    assert Mail.objects.exists() is False


def test_an_address_that_is_none_invites_nobody_and_adds_nothing() -> None:
    with pytest.raises(CommandError, match="invite: an e-mail address is name@host"):
        add_merchant("acme", "--name", "Acme Goods", "--invite", "olga")

    assert Merchant.objects.exists() is False
