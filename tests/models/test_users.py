"""A person's address, and what the sign-in keeps of it."""

import importlib

import pytest
from allauth.account.models import EmailAddress
from django.db import IntegrityError, connection, transaction

from shipments.models import User
from tests.factories import a_person

pytestmark = pytest.mark.django_db


def addresses(user: User) -> list[tuple[str, bool, bool]]:
    return list(
        EmailAddress.objects.filter(user=user).order_by("email").values_list("email", "verified", "primary")
    )


def test_an_address_is_kept_in_small_letters_however_a_person_is_made() -> None:
    made = a_person("Nora.Field@Example.COM")
    saved = User.objects.create(email="Mixed@Example.com")

    assert (made.email, saved.email) == ("nora.field@example.com", "mixed@example.com")
    assert addresses(made) == [("nora.field@example.com", True, True)]
    with pytest.raises(IntegrityError, match="user_email_in_small_letters"), transaction.atomic():
        User.objects.filter(pk=made.pk).update(email="NORA@example.com")


def test_an_address_that_was_replaced_opens_nothing() -> None:
    person = a_person("old@example.com")
    EmailAddress.objects.create(user=person, email="waiting@example.com")

    person.email = "New@example.com"
    person.save()

    assert addresses(person) == [("new@example.com", True, True), ("waiting@example.com", False, False)]


def test_a_save_of_other_fields_looks_at_no_address(django_assert_num_queries) -> None:
    person = a_person("nora@example.com")

    with django_assert_num_queries(3):  # the row, in a savepoint
        person.save(update_fields=["name"])


def test_the_migration_gives_everybody_the_address_they_sign_in_with() -> None:
    migration = importlib.import_module("shipments.migrations.0009_invitations")
    nora, otto = a_person("nora@example.com"), a_person("otto@example.com")
    EmailAddress.objects.all().delete()
    # As a reset left it before, and as a change long ago did.
    EmailAddress.objects.create(user=otto, email="otto@example.com")
    EmailAddress.objects.create(user=otto, email="otto@old.example", verified=True, primary=True)

    with connection.cursor() as cursor:
        cursor.execute(migration.ONE_ADDRESS_EACH)

    assert addresses(nora) == [("nora@example.com", True, True)]
    assert addresses(otto) == [("otto@example.com", True, True)]
