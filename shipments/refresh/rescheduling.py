"""When to look again at the parcels of a round, written on their watches; and the end of those nobody looks at any more."""

import random
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from shipments.enums import EndReason, Lifecycle, Status
from shipments.facts.number_formats import is_presort
from shipments.models import CarrierAccount, Watch
from shipments.models.watches import Turn, haste_of
from shipments.refresh.askers import Askers
from shipments.refresh.policy import Situation, next_look
from shipments.refresh.waiting import zone_at
from shipments.tracking.ingest import Ingested


def reschedule(
    ingested: Sequence[Ingested], account: CarrierAccount, askers: Askers, lease: UUID | None
) -> None:
    """Decide for each parcel and let go of the lease. Which account asks next is chosen with it: a better one may have come."""
    now = timezone.now()
    turns: dict[int, Turn] = {}
    ended: dict[int, EndReason] = {}
    for entry in ingested:
        shipment = entry.shipment
        if shipment.lifecycle != Lifecycle.ACTIVE:
            # Asked by hand after its end: the facts are fresh, and the end stays.
            turns[shipment.pk] = Turn(None)
            continue
        look = next_look(situation_of(entry, account), now=now, dice=random.random())  # noqa: S311  (spreads load, guards nothing)
        turns[shipment.pk] = Turn(
            look.due_at,
            look.wanted_by,
            # After an error the bound is about the error, not about the parcel.
            haste_of(look.wanted_by - now) if look.wanted_by and not entry.watch.error_kind else None,
            askers.choice(shipment),
        )
        if look.ends is not None:
            ended[shipment.pk] = look.ends
    Watch.objects.reschedule(turns, lease=lease, ended=ended)


def situation_of(entry: Ingested, account: CarrierAccount) -> Situation:
    """What the policy is told of a parcel just after it was asked about."""
    shipment, watch = entry.shipment, entry.watch
    cadence = account.cadence_seconds
    return Situation(
        status=Status(shipment.status),
        since=shipment.created_at,
        last_scan_at=shipment.last_scan_at,
        delivered_at=shipment.delivered_at or shipment.last_scan_at,
        heard=watch.heard,
        scans_once=shipment.carrier.scans_once,
        scans_in_part=shipment.carrier.scans_in_part or is_presort(shipment.carrier_id, shipment.number),
        misses=watch.misses,
        error_kind=watch.error_kind,
        retry_after=entry.error.retry_after if entry.error else None,
        cadence=None if cadence is None else timedelta(seconds=cadence),
        checked_at=watch.checked_at,
        service=shipment.service_name,
        promised_on=shipment.estimated_on,
        zone=zone_at(shipment.destination_postal_code),
    )
