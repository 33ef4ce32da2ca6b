"""What a parcel's buyers asked for and were told, for the parcel's page of staff."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from shipments.buyers import letters
from shipments.enums import Milestone, Wants
from shipments.models import Subscription
from shipments.web.history import Told

_MOMENTS = ("confirmed_at", "unsubscribed_at")
_OF_A_BUYER = ("email", "wants", "consent", "consent_source")


def told_to_buyers(buyers: Sequence[Mapping[str, Any]]) -> list[Told]:
    """Who gets mails about the parcel and why, and what each was told and when; addresses are masked.

    `buyers` are those of `parcel_rows.load`.
    """
    return [
        Told(moment, _("%(address)s: %(what)s") % {"address": address, "what": words})
        for buyer in buyers
        for moment, words, address in _rows(buyer)
    ]


def _rows(buyer: Mapping[str, Any]) -> Sequence[tuple[datetime, str, str]]:
    """When, what, and whose masked address."""
    moments = {name: parse_datetime(buyer[name]) for name in _MOMENTS if buyer[name]}
    subscription = Subscription(**{name: buyer[name] for name in _OF_A_BUYER} | moments)
    address = subscription.masked_email if subscription.email else _("address deleted")
    rows = [(subscription.confirmed_at, _beginning(subscription), address)]
    if subscription.unsubscribed_at is not None:
        rows.append((subscription.unsubscribed_at, _("ended the mails"), address))
    for mail in buyer["letters"]:
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
