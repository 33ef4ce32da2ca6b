"""What there is to tell buyers, at an hour at which it may be told; each milestone once.

`ingest` marks subscriptions due in the transaction that stores the news. Here they are taken, many at a time and locked,
and their mails are written in the transaction that notes them told: a worker killed on the way has told nothing, and
whoever comes next tells it.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from shipments.buyers import letters
from shipments.enums import Lifecycle, Milestone
from shipments.facts.places import Place, zone_of
from shipments.facts.quiet_hours import next_waking
from shipments.models import ScanEvent, Shipment, Subscription
from shipments.models.subscriptions import news_of
from shipments.outbound.mail import nudge_queue

logger = logging.getLogger(__name__)

# Subscriptions of one transaction: their rows are locked while their mails are written.
BATCH = 50
# The queue ends a task after 150 seconds; another one goes on.
LONGEST_RUN = 60.0
# What cannot be written at the moment (a key that is missing from the ring) is tried again after this.
PAUSE = timedelta(hours=1)


def tell_due(now: datetime) -> bool:
    """Write the mails that are due; False where there was no time for all of them."""
    ends = time.monotonic() + LONGEST_RUN
    while tell_batch(now):
        if time.monotonic() > ends:
            return False
    return True


@transaction.atomic
def tell_batch(now: datetime) -> int:
    """Deal with the next subscriptions that are due and nobody else has taken; how many they were."""
    batch = list(
        Subscription.objects.due(now)
        .order_by("due_at")
        .select_related("shipment__carrier", "shipment__merchant", "shipment__watch")
        .defer("stop_token")
        .select_for_update(of=("self",), skip_locked=True)[:BATCH]
    )
    if not batch:
        return 0
    scans: dict[int, list[ScanEvent]] = defaultdict(list)
    parcels = {subscription.shipment_id for subscription in batch}
    for scan in ScanEvent.objects.filter(shipment__in=parcels).shown().newest_first():
        scans[scan.shipment_id].append(scan)
    for subscription in batch:
        _deal_with(subscription, scans[subscription.shipment_id], now)
    nudge_queue()
    return len(batch)


def _deal_with(subscription: Subscription, shown: Sequence[ScanEvent], now: datetime) -> None:
    """Tell it, have it wait for the morning, or drop it where it is no news any more."""
    milestone = milestone_to_tell(subscription)
    if milestone is None or subscription.shipment.merchant.is_suspended:
        # Of a suspended merchant's parcels nobody is told; what comes after that is news again.
        subscription.note_told(None)
        return
    waking = next_waking(now, zone_of_buyer(subscription.shipment, shown))
    if waking > now:
        subscription.wait_until(waking)
        return
    try:
        with transaction.atomic():
            letters.post_news(subscription, milestone, shown, now=now)
            subscription.note_told(milestone)
    except Exception as exc:  # noqa: BLE001  (one mail that cannot be written must not keep the others)
        # Not its message: it may repeat what the mail says.
        logger.error("News for subscription %s could not be written: %s", subscription.pk, type(exc).__name__)
        subscription.wait_until(now + PAUSE)


def milestone_to_tell(subscription: Subscription) -> Milestone | None:
    """Where the parcel is by now, if that is news to the subscriber: of several pieces of news the newest is told."""
    shipment = subscription.shipment
    milestone = news_of(shipment)
    if shipment.lifecycle == Lifecycle.ARCHIVED or milestone is None or milestone in subscription.told:
        return None
    if shipment.status_since is not None and shipment.status_since <= subscription.news_after:
        return None
    return milestone


def zone_of_buyer(shipment: Shipment, shown: Sequence[ScanEvent]) -> str:
    """The clock of whoever waits for the parcel: of where it goes, else of where it was last, else its merchant's."""
    destination = Place(
        region=shipment.destination_region,
        postal_code=shipment.destination_postal_code,
        country=shipment.destination_country,
    )
    return (
        zone_of(destination)
        or next((scan.zone for scan in shown if scan.zone), "")
        or shipment.merchant.time_zone
    )
