"""Mails in the back-office: what waits and why, never what they say."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from shipments.models import AuditEntry, Mail, Merchant, User
from shipments.models.audit import MASK
from shipments.outbound.mail import post
from tests.factories import a_person

pytestmark = pytest.mark.django_db

LIST = reverse("admin:shipments_mail_changelist")


@pytest.fixture
def mails(merchant: Merchant) -> dict[str, Mail]:
    """One of each state."""
    for state in ("waiting", "arrears", "given-up", "sent"):
        post(
            to=f"{state}.person@example.com",
            kind="alert",
            subject="Problem reported: order A-77",
            text="A secret link",
            merchant=merchant,
        )
    waiting, arrears, given_up, sent = Mail.objects.order_by("pk")
    arrears.note_failure("SMTPDataError 451 4.7.1", timezone.now())
    given_up.note_refusal("SMTPRecipientsRefused 550 5.1.1")
    sent.note_sent(timezone.now())
    return {"waiting": waiting, "arrears": arrears, "given-up": given_up, "sent": sent}


def test_the_list_shows_state_and_error_but_no_address_subject_or_text(
    operator: Client, mails: dict[str, Mail]
) -> None:
    page = operator.get(LIST).content.decode()

    for shown in ("alert", "Alpine Outfitters", "SMTPRecipientsRefused 550 5.1.1", "g•••@example.com"):
        assert shown in page
    for hidden in (".person@", "A-77", "secret"):
        assert hidden not in page


def test_a_mails_own_page_shows_no_more(operator: Client, mails: dict[str, Mail]) -> None:
    page = operator.get(reverse("admin:shipments_mail_change", args=[mails["arrears"].pk])).content.decode()

    assert "SMTPDataError 451 4.7.1" in page
    assert "a•••@example.com" in page
    for hidden in (".person@", "A-77", "secret"):
        assert hidden not in page


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"state": "waiting"}, ["waiting", "arrears"]),
        ({"state": "arrears"}, ["arrears"]),
        ({"state": "given-up"}, ["given-up"]),
        ({"state": "sent"}, ["sent"]),
        ({"q": "Sent.person@Example.com"}, ["sent"]),
        ({"q": "person@example.com"}, []),
    ],
)
def test_mails_are_found_by_state_and_whole_address(
    operator: Client, mails: dict[str, Mail], asked: dict[str, str], found: list[str]
) -> None:
    shown = set(operator.get(LIST, asked).context["cl"].result_list)

    assert shown == {mails[state] for state in found}


def test_nothing_can_be_added_changed_or_deleted(operator: Client, mails: dict[str, Mail]) -> None:
    one = reverse("admin:shipments_mail_change", args=[mails["waiting"].pk])

    assert operator.get(reverse("admin:shipments_mail_add")).status_code == 403
    assert operator.post(one, {"kind": "other"}).status_code == 403
    assert (
        operator.post(reverse("admin:shipments_mail_delete", args=[mails["waiting"].pk])).status_code == 403
    )
    assert Mail.objects.filter(kind="alert").count() == 4


def test_what_was_given_up_is_sent_again_and_written_down(
    operator: Client, mails: dict[str, Mail], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        response = operator.post(
            LIST,
            {"action": "send_again", "_selected_action": [mail.pk for mail in mails.values()]},
            follow=True,
        )

    assert "1 mail is sent again." in response.content.decode()
    again = mails["given-up"]
    before = mails["arrears"].due_at
    again.refresh_from_db()
    mails["arrears"].refresh_from_db()
    assert (again.tries, again.text) == (0, "A secret link")
    assert again.due_at is not None
    assert mails["arrears"].due_at == before
    entry = AuditEntry.objects.get(verb="sent again")
    assert (entry.row, entry.before) == (str(again.pk), {"error": MASK})
    assert [queued.task["func"] for queued in OrmQ.objects.all()] == ["shipments.tasks.send_mail"]


def test_who_may_only_look_sends_nothing_again(
    signed_in: Callable[[User], Client], mails: dict[str, Mail]
) -> None:
    looker = a_person("looker@example.com", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_mail"))

    signed_in(looker).post(LIST, {"action": "send_again", "_selected_action": [mails["given-up"].pk]})

    mails["given-up"].refresh_from_db()
    assert mails["given-up"].due_at is None
