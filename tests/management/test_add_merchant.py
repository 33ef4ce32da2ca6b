"""`manage.py add_merchant`."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from shipments.models import AuditEntry, Membership, Merchant, User
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
