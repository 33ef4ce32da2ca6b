"""What may be said of a parcel, on a page or in a mail: its rows into the words of `facts.wording`, as far as a sight allows."""

from collections.abc import Sequence
from datetime import timedelta

from shipments.enums import Sight, Status
from shipments.facts import spelling, wording
from shipments.facts.times import DeliveryEstimate, Posted
from shipments.models import ScanEvent, Shipment


def words_of(
    shipment: Shipment, shown: Sequence[ScanEvent], *, sight: Sight = Sight.NUMBER
) -> wording.ParcelWords:
    """What a sentence may say of the parcel to a reader with this sight; `shown` are its scans, newest first, as far as known."""
    latest = shown[0] if shown else None
    decisive = next((scan for scan in shown if scan.status == shipment.status), None)
    label = next((scan for scan in reversed(shown) if scan.status == Status.MANIFEST), None)
    watch = getattr(shipment, "watch", None)
    offset = shipment.estimated_offset
    return wording.ParcelWords(
        status=Status(shipment.status),
        carrier=shipment.carrier.name,
        heard=watch.heard if watch else "",
        zone=next((scan.zone for scan in shown if scan.zone), shipment.merchant.time_zone),
        label_on=label.local_date if label else None,
        latest=_sighting(latest),
        decisive=_sighting(decisive),
        estimate=None
        if shipment.estimated_on is None
        else DeliveryEstimate(
            shipment.estimated_on,
            shipment.estimated_from,
            shipment.estimated_to,
            None if offset is None else timedelta(minutes=offset),
        ),
        delivered=None
        if shipment.delivered_on is None
        else Posted(shipment.delivered_on, shipment.delivered_time),
        spot=wording.spot_in(shipment.delivery_description) if sight >= Sight.POSTAL_CODE else "",
        reattempt=None
        if shipment.reattempt_on is None
        else Posted(shipment.reattempt_on, shipment.reattempt_time),
    )


def _sighting(scan: ScanEvent | None) -> wording.Sighting | None:
    if scan is None:
        return None
    return wording.Sighting(scan.local_date, scan.local_time, town_of(scan))


def town_of(scan: ScanEvent) -> str:
    """The place of a scan to the level of its town."""
    return spelling.town(scan.city, scan.region, scan.country)
