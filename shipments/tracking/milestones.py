"""What attention and figures count from: the first of each kind of scan, where the parcel began and where it goes.

Works on rows in memory, from the scans a reader sees; `deriving.derive` calls it with every answer.
"""

from collections.abc import Sequence
from datetime import datetime

from shipments.carriers.base import Snapshot
from shipments.enums import Status
from shipments.facts.places import Place, country_of, region_of
from shipments.models import ScanEvent, Shipment

MILESTONES = (
    "status_since", "labelled_at", "first_scan_at", "first_scan_on", "first_attempt_on", "attempts", "had_exception",
    "first_promised_on", "origin_region", "origin_country", "destination_region", "destination_country",
)  # fmt: skip

# The carrier has tried: it delivered, rang in vain, or holds the parcel where the buyer can fetch it.
_TRIED = frozenset({Status.DELIVERY_ATTEMPT, Status.READY_FOR_PICKUP, Status.DELIVERED})
_NO_SCAN_OF_THE_PARCEL = frozenset({Status.MANIFEST, Status.UNKNOWN})


def mark_milestones(
    shipment: Shipment, newest_first: Sequence[ScanEvent], places: Sequence[Place], snapshot: Snapshot | None
) -> None:
    """Set the columns of `MILESTONES`. `places` are those of the scans, in their order; `snapshot` is the newest answer, where given."""
    status = Status(shipment.status)
    moving = [scan for scan in newest_first if scan.status not in _NO_SCAN_OF_THE_PARCEL]
    labels = [scan for scan in newest_first if scan.status == Status.MANIFEST]
    tries = [scan.local_date for scan in newest_first if scan.status in _TRIED]
    if shipment.delivered_on is not None:
        tries.append(shipment.delivered_on)
    shipment.status_since = _since(status, newest_first)
    shipment.labelled_at = labels[-1].ordered_at if labels else None
    shipment.first_scan_at = moving[-1].ordered_at if moving else None
    shipment.first_scan_on = moving[-1].local_date if moving else None
    shipment.first_attempt_on = min(tries, default=None)
    shipment.attempts = min(sum(scan.status == Status.DELIVERY_ATTEMPT for scan in newest_first), 32_000)
    shipment.had_exception = any(scan.status == Status.EXCEPTION for scan in newest_first)
    # The first promise is the one a buyer was told; later ones do not change what was promised.
    shipment.first_promised_on = shipment.first_promised_on or shipment.estimated_on
    _mark_lane(shipment, newest_first, places, snapshot)


def _since(status: Status, newest_first: Sequence[ScanEvent]) -> datetime | None:
    """When the parcel came into its status: the oldest scan of the unbroken run that ends with the newest one."""
    since = None
    for scan in newest_first:
        if scan.status == Status.UNKNOWN:
            continue
        if scan.status != status:
            break
        since = scan.ordered_at
    return since


def _mark_lane(
    shipment: Shipment, newest_first: Sequence[ScanEvent], places: Sequence[Place], snapshot: Snapshot | None
) -> None:
    """The two ends of the way, as the answer names them, else where it was scanned first and delivered."""
    scanned = [
        (scan, place)
        for scan, place in zip(newest_first, places, strict=True)
        if country_of(place) or region_of(place)
    ]
    first = next(
        (place for scan, place in reversed(scanned) if scan.status not in _NO_SCAN_OF_THE_PARCEL), None
    )
    arrived = next((place for scan, place in scanned if scan.status == Status.DELIVERED), None)
    origin = (snapshot and _known(snapshot.origin)) or first
    destination = (snapshot and _known(snapshot.destination)) or arrived
    if destination is None and shipment.destination_postal_code:
        destination = Place(postal_code=shipment.destination_postal_code)
    for end, place in (("origin", origin), ("destination", destination)):
        if place is not None:
            setattr(shipment, f"{end}_region", region_of(place)[:60])
            setattr(shipment, f"{end}_country", country_of(place) or "")


def _known(place: Place | None) -> Place | None:
    return place if place is not None and (country_of(place) or region_of(place)) else None
