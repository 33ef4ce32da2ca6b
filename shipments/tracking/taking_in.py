"""One answer about one parcel, taken into its rows in memory: scans added, settled, taken back; the shipment derived."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from shipments.carriers.base import Scan, Snapshot
from shipments.enums import Status
from shipments.facts.timeline import fingerprint
from shipments.models import PromisedDay, ScanEvent, Shipment, StatusMapping, quick
from shipments.models.scans import STATUS_WORD
from shipments.tracking.deriving import SCAN_TEXTS, cut_to_fit, derive, settle

# By the code of the carrier.
Mappings = Mapping[str, Sequence[StatusMapping]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where an answer comes from: its row, who gave it, and when it was fetched."""

    answer_id: int
    gateway: str
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """What an answer changed: scans to store, keys of stored ones to write, the promise where it is another one, and
    whether a reader would call that news."""

    added: list[ScanEvent]
    touched: set[int]
    promises: list[PromisedDay]
    is_news: bool


def take_in(
    shipment: Shipment,
    stored: Sequence[ScanEvent],
    snapshot: Snapshot,
    source: Source,
    mappings: Mappings,
    *,
    is_newest: bool,
) -> Step:
    """Bring the parcel and its scans up to the answer. One that is not the newest adds scans, and has no say in the rest."""
    known = {scan.fingerprint for scan in stored}
    shown: dict[str, ScanEvent] = {}
    for position, scan in enumerate(_oldest_first(snapshot.scans)):
        event = _event(shipment, source.answer_id, scan, position, mappings.get(shipment.carrier_id, ()))
        # Some answers list a scan twice; the one they put on top is taken.
        shown[event.fingerprint] = event
    added = [event for key, event in shown.items() if key not in known]
    scans = [*stored, *added]
    touched, is_news = settle(
        shipment, scans, shown, snapshot, is_newest=is_newest, fetched_at=source.fetched_at
    )
    if is_newest:
        shipment.answer_id, shipment.answered_by = source.answer_id, source.gateway
        shipment.facts_fetched_at = source.fetched_at
    promised = _promise(shipment)
    is_news |= derive(shipment, scans, snapshot if is_newest else None)
    promises = [_promised_day(shipment, source.fetched_at)] if _promise(shipment) != promised else []
    return Step(added, touched, promises, is_news)


def _event(
    shipment: Shipment, answer_id: int, scan: Scan, position: int, mappings: Iterable[StatusMapping]
) -> ScanEvent:
    """A scan as a row, its moment still to be settled."""
    status, status_by = mapped(scan.status, scan.status_by, scan.code, scan.text, scan.details, mappings)
    posted, place = scan.posted, scan.place
    event = quick.bare(
        ScanEvent,
        {
            "id": None,
            "shipment_id": shipment.pk,
            "merchant_id": shipment.merchant_id,
            "answer_id": answer_id,
            "fingerprint": fingerprint(posted, code=scan.code, place=place, text=scan.text),
            "local_date": posted.on,
            "local_time": posted.at,
            "posted_offset": None if posted.offset is None else round(posted.offset.total_seconds() / 60),
            "posted_instant": posted.instant,
            "offset": None,
            "zone": "",
            "at": None,
            "known_by": "",
            "ordered_at": None,
            "position": position,
            "status": status,
            "status_by": status_by,
            "code": scan.code,
            "text": scan.text,
            "text_for_buyers": scan.text_for_buyers,
            "text_for_sellers": scan.text_for_sellers,
            "city": place.city,
            "region": place.region,
            "postal_code": place.postal_code,
            "country": place.country,
            "latitude": place.latitude,
            "longitude": place.longitude,
            "url": scan.url,
            "leg": scan.leg,
            "signed_by": scan.signed_by,
            "details": dict(scan.details),
            "withdrawn_at": None,
            "earlier_parcel": False,
        },
    )
    cut_to_fit(event, SCAN_TEXTS)
    return event


def mapped(
    status: Status | None,
    status_by: str,
    code: str,
    text: str,
    details: Mapping[str, Any],
    mappings: Iterable[StatusMapping],
) -> tuple[Status, str]:
    """The status of a scan, and what told it, under the mappings of its carrier: `status` and `status_by` are without them.

    The carrier's own word stands; an operator's mapping stands above our tables.
    """
    if status_by != "carrier":
        word = details.get(STATUS_WORD, "")
        mapping = next((mapping for mapping in mappings if mapping.fits(code, text, word)), None)
        if mapping is not None:
            return Status(mapping.status), "mapping"
    return status or Status.UNKNOWN, status_by


def _promise(shipment: Shipment) -> tuple[object, ...]:
    return shipment.estimated_on, shipment.estimated_from, shipment.estimated_to


def _promised_day(shipment: Shipment, told_at: datetime) -> PromisedDay:
    return PromisedDay(
        shipment=shipment,
        merchant_id=shipment.merchant_id,
        on=shipment.estimated_on,
        starts=shipment.estimated_from,
        ends=shipment.estimated_to,
        told_at=told_at,
    )


def _oldest_first(scans: Sequence[Scan]) -> Sequence[Scan]:
    """The scans as the carrier ordered them, the oldest first: carriers list the newest first, but none promises it."""
    if not scans:
        return scans
    first, last = scans[0].posted, scans[-1].posted
    return scans if (first.on, first.at or time.max) < (last.on, last.at or time.max) else scans[::-1]
