"""The daily digest: what needs somebody, to each member who wishes it, at their hour of the merchant's clock."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Count, Q
from django.utils import translation
from django.utils.translation import ngettext

from shipments.analytics.letters import Line, line_of, with_parcels, write_to
from shipments.facts.daily import instant_of, last_day
from shipments.facts.reasons import words
from shipments.models import AttentionItem, Membership, Merchant

logger = logging.getLogger(__name__)

MOST_LISTED = 10
# A digest that could not be made for so long (the queue stood still) is left out: the next one says it better.
LATEST = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many parcels have this as their worst reason."""

    label: str
    parcels: int
    new: int


def due_on(member: Membership, now: datetime) -> date | None:
    """The day whose digest this member should get now; None where it was sent, is not due or comes too late."""
    if member.digest_at is None:
        return None
    zone = member.merchant.time_zone
    day = last_day(member.digest_at, zone, now)
    was_sent = member.digest_sent_on is not None and member.digest_sent_on >= day
    return None if was_sent or now - instant_of(day, member.digest_at, zone) > LATEST else day


def send_digests(now: datetime) -> int:
    """Write the digests that are due; how many there were. Nobody is written to when nothing needs anybody.

    One that fails stays due for the next run; those behind it are written.
    """
    members = (
        Membership.objects.filter(digest_at__isnull=False, user__is_active=True, merchant__suspended_at=None)
        .select_related("user", "merchant")
        .order_by("merchant_id", "pk")
    )
    written = 0
    for member in members:
        try:
            day = due_on(member, now)
            if day is not None:
                written += _send(member, day, now)
        except Exception as exc:  # noqa: BLE001  (whatever one merchant's data can do)
            # The class alone: the words may carry what stands in a parcel.
            logger.warning(
                "A digest of merchant %s could not be written: %s", member.merchant_id, type(exc).__name__
            )
    return written


@transaction.atomic
def _send(member: Membership, day: date, now: datetime) -> bool:
    # One statement decides which of several workers writes it.
    claimed = (
        Membership.objects.filter(pk=member.pk, digest_at=member.digest_at)
        .filter(Q(digest_sent_on=None) | Q(digest_sent_on__lt=day))
        .update(digest_sent_on=day)
    )
    if not claimed:
        return False
    merchant = member.merchant
    new_since = _last_digest(member, now)
    with translation.override(merchant.language):
        counts = _counts(merchant, new_since, now)
        parcels = sum(count.parcels for count in counts)
        if not parcels:
            return False
        lines = _lines(merchant, new_since, now)
        write_to(
            member,
            "digest",
            ngettext(
                "%(count)d parcel needs somebody · %(merchant)s",
                "%(count)d parcels need somebody · %(merchant)s",
                parcels,
            )
            % {"count": parcels, "merchant": merchant.name},
            {
                "parcels": parcels,
                "new": sum(count.new for count in counts),
                "counts": counts,
                "lines": lines,
                "more": max(0, parcels - len(lines)),
            },
        )
    return True


def _last_digest(member: Membership, now: datetime) -> datetime:
    """From when on news is new to them."""
    if member.digest_sent_on is None or member.digest_at is None:
        return now - timedelta(days=1)
    return instant_of(member.digest_sent_on, member.digest_at, member.merchant.time_zone)


def _counts(merchant: Merchant, new_since: datetime, now: datetime) -> Sequence[ReasonCount]:
    rows = (
        AttentionItem.objects.for_merchant(merchant)
        .open(now)
        .order_by("rank")
        .values("rank", "reason")
        .annotate(parcels=Count("pk"), new=Count("pk", filter=Q(found_at__gt=new_since)))
    )
    return [ReasonCount(str(words(row["reason"]).label), row["parcels"], row["new"]) for row in rows]


def _lines(merchant: Merchant, new_since: datetime, now: datetime) -> list[Line]:
    items = with_parcels(AttentionItem.objects.for_merchant(merchant).open(now).worst_first())
    return [line_of(item, item.reasons, now=now, new_since=new_since) for item in items[:MOST_LISTED]]
