"""The operator's help for who has lost phone and codes."""

from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Permission
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone

from shipments.models import AuditEntry, User
from shipments.outbound import mail
from tests.factories import a_person

pytestmark = pytest.mark.django_db

SignIn = Callable[[User], Client]


def protect(*people: User) -> None:
    for person in people:
        for kind in ("totp", "recovery_codes"):
            Authenticator.objects.create(user=person, type=kind, data={})


def take_away(client: Client, *people: User) -> None:
    client.post(
        "/admin/shipments/user/",
        {"action": "take_second_factor_away", "_selected_action": [person.pk for person in people]},
    )


def test_a_second_factor_is_taken_away_written_down_and_told(
    alice: User, mary: User, signed_in: SignIn, mailoutbox: list[EmailMessage]
) -> None:
    operator = a_person("olga@example.com", is_staff=True, is_superuser=True)
    protect(alice, operator)

    take_away(signed_in(operator), alice, mary)

    assert set(Authenticator.objects.values_list("user", flat=True)) == {operator.pk}
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.row, entry.person, entry.source) == (
        "second factor taken away",
        str(alice.pk),
        operator.pk,
        "admin",
    )
    mail.send_due(timezone.now())
    assert [(each.to, each.subject) for each in mailoutbox] == [
        (["alice@example.com"], "Your second factor was taken away")
    ]


def test_an_operator_does_not_lower_the_guard_of_a_superuser(alice: User, signed_in: SignIn) -> None:
    chief = a_person("olga@example.com", is_staff=True, is_superuser=True)
    operator = a_person("otto@example.com", is_staff=True)
    operator.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    protect(alice, chief)

    take_away(signed_in(operator), alice, chief)

    assert set(Authenticator.objects.values_list("user", flat=True)) == {chief.pk}


def test_who_may_only_look_takes_nothing_away(alice: User, signed_in: SignIn) -> None:
    reader = a_person("rita@example.com", is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename="view_user"))
    protect(alice)

    take_away(signed_in(reader), alice)

    assert Authenticator.objects.count() == 2
    assert AuditEntry.objects.exists() is False
