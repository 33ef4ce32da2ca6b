"""Subscriptions in the back-office: on what ground and until when, never to whom in full."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from shipments.enums import Wants
from shipments.models import AuditEntry, Mail, Subscription, User
from tests.buyers.parcels import NOW, a_parcel, subscribed
from tests.factories import a_person

pytestmark = pytest.mark.django_db

LIST = reverse("admin:shipments_subscription_changelist")


@pytest.fixture
def operator(signed_in: Callable[[User], Client]) -> Client:
    return signed_in(a_person("operator@example.com", is_staff=True, is_superuser=True))


def test_neither_list_nor_page_shows_an_address_or_what_ends_the_mails(operator: Client) -> None:
    subscription = subscribed(a_parcel())
    token = subscription.stop_link_token()

    for address in (LIST, reverse("admin:shipments_subscription_change", args=[subscription.pk])):
        page = operator.get(address).content.decode()
        assert "r•••@example.com" in page
        for hidden in ("robin@", token, str(subscription.stop_sha256)):
            assert hidden not in page


def test_an_operator_ends_mails_and_it_is_written_down(operator: Client) -> None:
    subscription = subscribed(a_parcel())

    operator.post(LIST, {"action": "stop", "_selected_action": [subscription.pk]})

    assert Subscription.objects.get().unsubscribed_at is not None
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.row) == ("ended", str(subscription.pk))
    assert "robin" not in repr((entry.before, entry.after))


def test_nothing_is_changed_or_added_by_hand(operator: Client) -> None:
    subscription = subscribed(a_parcel())

    assert operator.get(reverse("admin:shipments_subscription_add")).status_code == 403
    operator.post(
        reverse("admin:shipments_subscription_change", args=[subscription.pk]), {"email": "other@example.com"}
    )
    assert Subscription.objects.get().email == "robin@example.com"


def test_what_was_given_up_is_not_sent_again_to_who_has_ended_the_mails() -> None:
    subscription = subscribed(a_parcel(), Wants.BOTH)
    mail = Mail.objects.get()
    mail.note_refusal("SMTPRecipientsRefused 550")
    subscription.stop(NOW)

    assert mail.send_again(NOW) is False

    Subscription.objects.update(unsubscribed_at=None)
    assert mail.send_again(NOW) is True
