"""What a parcel's buyers asked for and were told, for the parcel's page of staff."""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.db.models.functions import JSONObject
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from shipments.buyers import letters
from shipments.enums import Milestone, Wants
from shipments.models import Mail, Shipment, Subscription
from shipments.web.history import Told

# Of one parcel: buyers, and mails to each. Both are more than any parcel has.
MOST_BUYERS, MOST_MAILS = 50, 20


def told_to_buyers(shipment: Shipment) -> list[Told]:
    """Who gets mails about the parcel and why, and what each was told and when; addresses are masked. One statement."""
    mails = (
        Mail.objects.filter(subscription=OuterRef("pk"))
        .order_by("-made_at")
        .values(
            mail=JSONObject(kind="kind", key="key", made_at="made_at", due_at="due_at", sent_at="sent_at")
        )
    )
    subscriptions = (
        Subscription.objects.filter(shipment=shipment)
        .defer("stop_token")
        .annotate(letters=ArraySubquery(mails[:MOST_MAILS]))
        .order_by("-confirmed_at", "-pk")[:MOST_BUYERS]
    )
    return [
        Told(moment, _("%(address)s: %(what)s") % {"address": address, "what": words})
        for subscription in subscriptions
        for moment, words, address in _rows(subscription)
    ]


def _rows(subscription: Subscription) -> Sequence[tuple[datetime, str, str]]:
    """When, what, and whose masked address."""
    address = subscription.masked_email if subscription.email else _("address deleted")
    rows = [(subscription.confirmed_at, _beginning(subscription), address)]
    if subscription.unsubscribed_at is not None:
        rows.append((subscription.unsubscribed_at, _("ended the mails"), address))
    for mail in subscription.letters:  # type: ignore[attr-defined]  # annotated above
        sent_at = _moment(mail["sent_at"])
        words = _what(mail["kind"], mail["key"] or "")
        if sent_at is None:
            waits = mail["due_at"] is not None
            words = (_("%(what)s: waits to be sent") if waits else _("%(what)s: could not be delivered")) % {
                "what": words
            }
        rows.append((sent_at or _moment(mail["made_at"]) or subscription.confirmed_at, words, address))
    return rows


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_datetime(text)


def _beginning(subscription: Subscription) -> str:
    if subscription.is_consented:
        return _("gets mails: consent noted at import (%(source)s: %(consent)s)") % {
            "source": subscription.consent_source,
            "consent": subscription.consent,
        }
    return {
        Wants.SO_FAR: _("asked for what had happened so far, and confirmed it"),
        Wants.FROM_NOW: _("asked for news from now on, and confirmed it"),
        Wants.BOTH: _("asked for what had happened so far and for news, and confirmed it"),
    }[Wants(subscription.wants)]


def _what(kind: str, key: str) -> str:
    """What a mail told."""
    if kind == letters.NEWS:
        return {
            Milestone.ON_THE_WAY: _("told: on the way"),
            Milestone.OUT_FOR_DELIVERY: _("told: out for delivery"),
            Milestone.ATTEMPTED: _("told: delivery attempted"),
            Milestone.READY_FOR_PICKUP: _("told: ready for pickup"),
            Milestone.PICKUP_MISSED: _("told: pickup missed"),
            Milestone.PROBLEM: _("told: problem reported"),
            Milestone.RETURNING: _("told: returning to the sender"),
            Milestone.DELIVERED: _("told: delivered"),
        }[letters.milestone_of(key)]
    return _("told: what had happened so far") if kind == letters.SO_FAR else _("sent the link to confirm")
