"""Immediate alerts: staff hear of a parcel's trouble by e-mail, once, and together with what came at the same time."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, F, Q
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from shipments import queueing
from shipments.analytics.letters import Line, line_of, with_parcels, write_to
from shipments.enums import Reason
from shipments.models import Alert, AttentionItem, Membership, Merchant
from shipments.models.alerts import AlertQuerySet

logger = logging.getLogger(__name__)

# Rounds of a merchant's alerts are at least so far apart: trouble comes in bursts, and a burst is one mail.
PAUSE = timedelta(minutes=5)
MOST_LISTED = 20


def tell(found: Sequence[tuple[int, int, Sequence[Reason]]], now: datetime) -> int:
    """Keep the news of these (shipment, merchant, reasons that began to hold) for whoever wishes to be told at once;
    how much it was. Call it in the transaction that found it: then it is neither lost nor told twice."""
    news = [(shipment_id, reason) for shipment_id, _merchant_id, reasons in found for reason in reasons]
    kept = Alert.objects.add(news, now) if news else 0
    if kept:
        queueing.enqueue(queueing.SEND_ALERTS)
    return kept


def send_alerts(now: datetime) -> int:
    """Write to everybody whom untold news concerns, one mail a person; how many mails that was.

    A merchant whose round fails keeps its news untold, all of it, for the next run; those behind it have theirs.
    """
    merchants = (
        Alert.objects.untold().order_by("merchant_id").values_list("merchant_id", flat=True).distinct()
    )
    written = 0
    for merchant_id in list(merchants):
        try:
            written += _round(merchant_id, now)
        except Exception as exc:  # noqa: BLE001  (whatever one merchant's data can do)
            # The class alone: the words may carry what stands in a parcel.
            logger.warning("Alerts of merchant %s could not be written: %s", merchant_id, type(exc).__name__)
    return written


@transaction.atomic
def _round(merchant_id: int, now: datetime) -> int:
    # One round of a merchant at a time: a second worker leaves it alone and finds nothing next time.
    merchant = (
        Merchant.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=merchant_id).first()
    )
    mine = Alert.objects.filter(merchant_id=merchant_id)
    if merchant is None or mine.filter(told_at__gt=now - PAUSE).exists():
        return 0
    # Marked before it is read: what is found while this round writes belongs to the next.
    mine.untold().update(told_at=now)
    if merchant.is_suspended:
        # Nobody is told, and what was found before is no news when it is at work again.
        return 0
    # A reason that has passed and an item somebody has dealt with are no news any more.
    news = mine.filter(
        Q(shipment__attention__snoozed_until=None) | Q(shipment__attention__snoozed_until__lte=now),
        told_at=now,
        shipment__attention__done_at=None,
        shipment__attention__reasons__contains=[F("reason")],
    )
    members = (
        Membership.objects.filter(merchant=merchant, user__is_active=True)
        .exclude(alert_reasons=[])
        .select_related("user", "merchant")
        .order_by("pk")
    )
    with translation.override(merchant.language):
        return sum(_tell(member, news.filter(reason__in=member.alert_reasons), now) for member in members)


def _tell(member: Membership, news: AlertQuerySet, now: datetime) -> bool:
    lines, told = _lines(news, now)
    if not lines:
        return False
    # What somebody dealt with between two statements is counted as it was listed.
    parcels = max(len(lines), news.aggregate(parcels=Count("shipment", distinct=True))["parcels"])
    write_to(
        member,
        "alert",
        _subject(member.merchant, parcels, lines),
        {"parcels": parcels, "lines": lines, "more": parcels - len(lines), "advice": lines[0].advice},
    )
    Alert.objects.filter(pk__in=told).mark_told_to(member.user)
    return True


def _lines(news: AlertQuerySet, now: datetime) -> tuple[list[Line], list[int]]:
    """The worst parcels of the news, each with those of its reasons that are news, and the keys of the news these are."""
    reasons = defaultdict(list)
    keys = defaultdict(list)
    # A parcel has as many rows as reasons, so this many hold the worst parcels whatever their reasons.
    for key, shipment_id, reason in news.order_by(
        "shipment__attention__rank", "shipment__attention__since", "shipment_id"
    ).values_list("pk", "shipment_id", "reason")[: MOST_LISTED * len(Reason)]:
        reasons[shipment_id].append(reason)
        keys[shipment_id].append(key)
    listed = list(reasons)[:MOST_LISTED]
    order = list(Reason)
    items = with_parcels(AttentionItem.objects.filter(shipment__in=listed).worst_first())
    lines, told = [], []
    for item in items:
        line = line_of(
            item,
            sorted(reasons[item.shipment_id], key=lambda reason: order.index(Reason(reason))),
            now=now,
            new_since=now,
        )
        lines.append(line)
        told += keys[item.shipment_id]
    return lines, told


def _subject(merchant: Merchant, parcels: int, lines: Sequence[Line]) -> str:
    if parcels > 1:
        return ngettext(
            "%(count)d parcel needs somebody · %(merchant)s",
            "%(count)d parcels need somebody · %(merchant)s",
            parcels,
        ) % {"count": parcels, "merchant": merchant.name}
    line = lines[0]
    named = _("%(number)s, order %(order)s") % {"number": line.number, "order": line.order}
    return _("%(reason)s: %(parcel)s · %(merchant)s") % {
        "reason": line.reasons[0],
        "parcel": named if line.order else line.number,
        "merchant": merchant.name,
    }
