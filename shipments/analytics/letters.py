"""What mails to staff say of parcels: numbers, orders and reasons, never a recipient's name or a carrier's words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.template.loader import render_to_string
from django.utils import translation

from shipments.facts import spelling
from shipments.facts.reasons import words
from shipments.models import AttentionItem, Membership, Merchant
from shipments.models.attention import AttentionItemQuerySet
from shipments.outbound.mail import post, site_address


@dataclass(frozen=True, slots=True)
class Line:
    """One parcel of a mail, in the language that is active."""

    number: str
    carrier: str
    order: str
    reasons: tuple[str, ...]
    # What the worst of the reasons means, and what to do.
    advice: str
    since: str
    url: str
    is_new: bool


def line_of(item: AttentionItem, reasons: Sequence[str], *, now: datetime, new_since: datetime) -> Line:
    """The item as a line that names these of its reasons; its days are on the merchant's clock."""
    shipment = item.shipment
    today = spelling.today_at(now, item.merchant.time_zone)
    return Line(
        number=shipment.number,
        carrier=shipment.carrier.name,
        order=shipment.order_number,
        reasons=tuple(str(words(reason).label) for reason in reasons),
        advice=f"{words(reasons[0]).why} {words(reasons[0]).action}",
        since=spelling.short_day(spelling.today_at(item.since, item.merchant.time_zone), today),
        url=site_address("shipment-detail", item.merchant.slug, shipment.public_id),
        is_new=item.found_at > new_since,
    )


def with_parcels(items: AttentionItemQuerySet) -> AttentionItemQuerySet:
    """The items with all that a line of them shows, in the same statement."""
    return items.select_related("merchant", "shipment__carrier")


def write_to(membership: Membership, kind: str, subject: str, context: dict[str, Any]) -> None:
    """Write `emails/<kind>` in text and HTML to a member, in the language that is active."""
    merchant: Merchant = membership.merchant
    settings_url = site_address("settings-alerts", merchant.slug)
    context = {
        **context,
        "merchant": merchant,
        "subject": subject,
        "language": translation.get_language(),
        "attention_url": site_address("merchant-home", merchant.slug),
        "settings_url": settings_url,
    }
    post(
        to=membership.user.email,
        kind=kind,
        subject=subject,
        text=render_to_string(f"emails/{kind}.txt", context).strip() + "\n",
        html=render_to_string(f"emails/{kind}.html", context),
        merchant=merchant,
        unsubscribe_url=settings_url,
    )
