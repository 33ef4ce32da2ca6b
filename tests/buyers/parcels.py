"""A parcel to Olney whose scans arrive one after the other, and subscriptions to it."""

import re
from datetime import UTC, datetime
from typing import Any

from shipments.buyers import subscribing
from shipments.enums import Sight, Status, Wants
from shipments.models import Mail, PrivateLink, Shipment, Subscription, SubscriptionRequest
from tests.factories import ACCEPTED, DENVER, LABEL, OLNEY, a_scan, a_shipment, a_snapshot, ingested

# Ten in the morning in Olney.
NOW = datetime(2026, 3, 6, 15, 0, tzinfo=UTC)
NUMBER = "9400111899223197428490"
ADDRESS = "robin@example.com"

ON_THE_WAY = a_scan("2026-03-05 20:10", "10", "Arrived at Facility", Status.IN_TRANSIT, place=DENVER)
OUT = a_scan("2026-03-06 10:20", "OF", "Out for Delivery", Status.OUT_FOR_DELIVERY, place=OLNEY)
ATTEMPT = a_scan("2026-03-06 13:10", "02", "Notice Left", Status.DELIVERY_ATTEMPT, place=OLNEY)
ARRIVED = a_scan("2026-03-06 14:05", "01", "Delivered, Front Door/Porch", Status.DELIVERED, place=OLNEY)


def a_parcel(*scans: Any, **over: Any) -> Shipment:
    """A parcel to Olney of which these scans are known; a label and its acceptance unless said otherwise."""
    shipment = a_shipment(**{"number": NUMBER, "destination_postal_code": "20832", **over})
    news(shipment, *(scans or (a_scan(*ACCEPTED), a_scan(*LABEL))), now=NOW)
    return shipment


def news(shipment: Shipment, *scans: Any, now: datetime, **over: Any) -> None:
    """The carrier's next answer: these scans, newest first, above those it has shown before."""
    minute = round((now - NOW).total_seconds() // 60) + 180
    known = [scan for scan in _shown.get(shipment.pk, ()) if scan not in scans]
    _shown[shipment.pk] = [*scans, *known]
    ingested(
        shipment, a_snapshot(*_shown[shipment.pk], number=shipment.number, **over), minute=minute, now=now
    )
    shipment.refresh_from_db()


# What the carrier lists of each parcel by now. Ids of parcels are never given twice.
_shown: dict[int, list[Any]] = {}


def asked(
    shipment: Shipment,
    wants: Wants = Wants.FROM_NOW,
    *,
    email: str = ADDRESS,
    sight: Sight = Sight.NUMBER,
    link: PrivateLink | None = None,
    language: str = "en",
    now: datetime = NOW,
) -> SubscriptionRequest:
    return subscribing.ask(shipment, email, wants, sight=sight, link=link, language=language, now=now)


def subscribed(
    shipment: Shipment, wants: Wants = Wants.FROM_NOW, *, now: datetime = NOW, **over: Any
) -> Subscription:
    """Asked for and confirmed at `now`; the mail with the link is out of the way."""
    subscription = subscribing.confirm(asked(shipment, wants, now=now, **over), now)
    Mail.objects.filter(kind="buyer-confirm").delete()
    return subscription


def told() -> list[str]:
    """The subjects of the mails with news, in the order they were written."""
    return list(Mail.objects.filter(kind="buyer-news").order_by("pk").values_list("subject", flat=True))


def link_in(text: str, path: str) -> str:
    """The token of the one link to this path."""
    (token,) = re.findall(rf"^http://localhost:8000{path}([0-9a-f]{{48}})$", text, re.MULTILINE)
    return str(token)
