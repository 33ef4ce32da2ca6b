"""What staff see of the mails to a parcel's buyers."""

from datetime import timedelta

import pytest

from shipments.buyers.telling import tell_due
from shipments.enums import Wants
from shipments.models import Mail, Shipment, Subscription
from shipments.models.subscriptions import Consent
from shipments.web.buyers_told import told_to_buyers
from shipments.web.history import Told
from shipments.web.parcel_rows import load
from tests.buyers.parcels import NOW, NUMBER, OUT, a_parcel, asked, news, subscribed
from tests.factories import a_shipment

pytestmark = pytest.mark.django_db


def told(parcel: Shipment) -> list[Told]:
    return told_to_buyers(load(parcel.merchant, parcel.public_id).buyers)


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


def test_all_that_was_asked_and_told_is_there_with_masked_addresses() -> None:
    parcel = a_parcel()
    robin = subscribed(parcel, Wants.BOTH)
    Mail.objects.get(kind="buyer-so-far").note_sent(NOW + minutes(2))
    Subscription.objects.subscribe_with_consent(
        parcel.merchant,
        [Consent(parcel.pk, "alex@example.com", "2026-01-31", "orders.csv, row 7")],
        by_id=None,
        now=NOW + minutes(5),
    )
    news(parcel, OUT, now=NOW + minutes(30))
    tell_due(NOW + minutes(30))
    Mail.objects.get(to="robin@example.com", kind="buyer-news").note_sent(NOW + minutes(31))
    to_alex = Mail.objects.get(to="alex@example.com")
    to_alex.note_refusal("SMTPRecipientsRefused 550")
    Mail.objects.filter(pk=to_alex.pk).update(made_at=NOW + minutes(30))
    robin.stop(NOW + minutes(45))

    rows = told(parcel)

    assert sorted(((row.at - NOW, row.sentence) for row in rows), reverse=True) == [
        (minutes(45), "r•••@example.com: ended the mails"),
        (minutes(31), "r•••@example.com: told: out for delivery"),
        (minutes(30), "a•••@example.com: told: out for delivery: could not be delivered"),
        (
            minutes(5),
            "a•••@example.com: gets mails: consent noted at import (orders.csv, row 7: 2026-01-31)",
        ),
        (minutes(2), "r•••@example.com: told: what had happened so far"),
        (
            minutes(0),
            "r•••@example.com: asked for what had happened so far and for news, and confirmed it",
        ),
    ]


def test_a_parcel_nobody_asked_about_has_none() -> None:
    assert told(a_shipment(number=NUMBER)) == []


def test_who_has_not_confirmed_is_no_buyer_yet() -> None:
    parcel = a_parcel()
    asked(parcel)

    assert told(parcel) == []
