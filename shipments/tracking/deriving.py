"""What the scans and the newest answer of one parcel amount to. Works on rows in memory; `ingest` reads and writes them."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from django.db.models import Model

from shipments.carriers.base import Snapshot
from shipments.enums import Status, ZoneKnownBy
from shipments.facts.places import Place, zone_of
from shipments.facts.timeline import Moment, Stop, is_of_earlier_parcel, moments, status_of
from shipments.facts.times import Posted
from shipments.models import ScanEvent, Shipment
from shipments.tracking.milestones import MILESTONES, mark_milestones

_SETTLED = ("offset", "zone", "at", "known_by", "ordered_at", "withdrawn_at", "earlier_parcel")
# A carrier fills these in, or corrects them, for a scan it has shown before; they are no part of the fingerprint.
_FILLED_IN_LATER = (
    "position", "posted_offset", "posted_instant", "status", "status_by", "text_for_buyers", "text_for_sellers", "latitude", "longitude",
    "url", "leg", "signed_by", "details",
)  # fmt: skip
SCAN_FACTS = (*_SETTLED, *_FILLED_IN_LATER)
SCAN_TEXTS = (
    "code", "text", "text_for_buyers", "text_for_sellers", "city", "region", "postal_code", "country", "url", "leg", "signed_by",
)  # fmt: skip

# What a reader would call news, beside new scans.
NEWSWORTHY = (
    "status",
    "estimated_on",
    "estimated_from",
    "estimated_to",
    "delivered_on",
    "delivered_time",
    "signed_by",
    "proof_url",
)
_NOTHING = ("", None)
# Clocks of carriers run ahead by hours, or by a zone; not by days.
_AHEAD_OF_US = timedelta(days=2)

_MOMENTS = ("shipped", "updated", "delivered", "reattempt")
SHIPMENT_FACTS = (
    "status", "status_text", "changed_at", "last_scan_at", "last_location", "package_count", "service_code", "service_name",
    "weight_value", "weight_unit", "dimension", "reference_number", "smart_label_barcode", "second_number", "origin_city",
    "destination_city", "destination_postal_code", "estimated_on", "estimated_from", "estimated_to", "estimated_offset",
    "delivery_location", "delivery_description", "signed_by", "proof_url", "details", "answer", "answered_by", "facts_fetched_at",
    "covered_from", "unreadable_scans", *MILESTONES,
    *(f"{moment}_{part}" for moment in _MOMENTS for part in ("on", "time", "offset", "at")),
)  # fmt: skip


def settle(
    shipment: Shipment,
    scans: Sequence[ScanEvent],
    shown: Mapping[str, ScanEvent],
    snapshot: Snapshot,
    *,
    is_newest: bool,
    fetched_at: datetime,
) -> tuple[set[int], bool]:
    """Put every scan of the parcel on the clock, and mark the taken-back and the earlier.

    Gives the ids of the stored ones that changed, and whether that is news to a reader.

    `scans` are all of them, `shown` those of this answer by fingerprint. A scan is taken back when a newer answer
    that covers its time leaves it out; an answer that was cut, or read in part only, takes nothing back. An answer
    through another gateway replaces the timeline in this way: the same events in other words would stand there twice.
    Scans of a later parcel with the number are marked like those taken back, whatever answer shows them.
    """
    filled: dict[int, set[str]] = {}
    if is_newest:
        filled = {
            scan.pk: _fill_in(scan, shown[scan.fingerprint])
            for scan in scans
            if scan.pk and scan.fingerprint in shown
        }
    before = [[getattr(scan, name) for name in _SETTLED] for scan in scans]
    stops = [Stop(_posted(scan), place_of(scan)) for scan in scans]
    for scan, moment in zip(
        scans, moments(stops, zone_of=zone_of, fallback_zone=shipment.merchant.time_zone), strict=True
    ):
        _put(scan, moment)
    ship_date = ship_date_of(shipment, snapshot if is_newest else None)
    for scan in scans:
        scan.earlier_parcel = _is_earlier(shipment, scan.local_date, ship_date)
    if is_newest:
        whole = bool(shown) and not snapshot.truncated and not snapshot.unreadable
        shipment.covered_from = (
            min(scan.ordered_at for scan in scans if scan.fingerprint in shown) if whole else None
        )
    for scan in scans:
        covered = shipment.covered_from is not None and scan.ordered_at >= shipment.covered_from
        if _is_later(shipment, scan.local_date):
            scan.withdrawn_at = scan.withdrawn_at or fetched_at
        elif is_newest and scan.fingerprint in shown:
            scan.withdrawn_at = None
        elif is_newest and covered and scan.withdrawn_at is None:
            scan.withdrawn_at = fetched_at
        elif not is_newest and scan.pk is None and covered:
            # An old answer that arrived late: the newest one had already left this scan out.
            scan.withdrawn_at = shipment.facts_fetched_at
    after = [[getattr(scan, name) for name in _SETTLED] for scan in scans]
    resettled = {
        scan.pk for scan, was, now_is in zip(scans, before, after, strict=True) if scan.pk and was != now_is
    }
    # Where a scan stands in the carrier's list is kept in step, but is no news.
    is_news = bool(resettled) or any(names - {"position"} for names in filled.values())
    return resettled | {pk for pk, names in filled.items() if names}, is_news


def ship_date_of(shipment: Shipment, snapshot: Snapshot | None) -> date | None:
    """The day the parcel was mailed, as the merchant or else the carrier says; `snapshot` is the newest answer."""
    return shipment.mailing_date or (
        snapshot.shipped.on if snapshot and snapshot.shipped else shipment.shipped_on
    )


def _is_earlier(shipment: Shipment, on: date, ship_date: date | None) -> bool:
    return is_of_earlier_parcel(on, ship_date) or (
        shipment.number_from is not None and on < shipment.number_from
    )


def _is_later(shipment: Shipment, on: date) -> bool:
    return shipment.number_until is not None and on >= shipment.number_until


def _is_anothers(shipment: Shipment, on: date, ship_date: date | None) -> bool:
    """Whether what happened on that day happened to another parcel with the number."""
    return _is_earlier(shipment, on, ship_date) or _is_later(shipment, on)


def derive(shipment: Shipment, scans: Sequence[ScanEvent], snapshot: Snapshot | None) -> bool:
    """Bring the shipment's columns in line with its scans and, where given, the newest answer; whether that was news."""
    before = [getattr(shipment, name) for name in NEWSWORTHY]
    shown, telling = shown_and_telling(shipment, scans)
    recognised = [scan for scan in telling if scan.status != Status.UNKNOWN]
    if recognised or snapshot is not None:
        shipment.status = status_of(Status(scan.status) for scan in telling)
    last_scan_at = telling[0].ordered_at if telling else None
    is_further = last_scan_at != shipment.last_scan_at
    shipment.last_scan_at = last_scan_at
    if snapshot is not None:
        if not recognised and snapshot.status is not None:
            shipment.status = snapshot.status
        newest = recognised[0] if recognised else telling[0] if telling else None
        # An answer read in part leaves the words as they are where it has none, and no newer scan to speak of.
        words_before = shipment.status_text if snapshot.unreadable and not is_further else ""
        shipment.status_text = snapshot.status_text or words_before or (newest.text if newest else "")
        _take_over(shipment, snapshot, shown)
    mark_milestones(shipment, shown, [place_of(scan) for scan in shown], snapshot)
    cut_to_fit(shipment, SHIPMENT_FACTS)
    return [getattr(shipment, name) for name in NEWSWORTHY] != before


def shown_and_telling(
    shipment: Shipment, scans: Iterable[ScanEvent]
) -> tuple[list[ScanEvent], list[ScanEvent]]:
    """The scans that tell of this parcel today, the newest first, and those of them from which its status follows."""
    shown = sorted(
        (scan for scan in scans if not scan.withdrawn_at and not scan.earlier_parcel),
        # The order of `ScanEvent.objects.newest_first()`; what is not stored yet counts as newest.
        key=lambda scan: (scan.ordered_at, scan.position, scan.pk or sys.maxsize),
        reverse=True,
    )
    # A date years ahead is a carrier's mistake: shown as it was sent, but nothing follows from it.
    told_at = shipment.facts_fetched_at
    return shown, [scan for scan in shown if told_at is None or scan.ordered_at <= told_at + _AHEAD_OF_US]


def _take_over(shipment: Shipment, snapshot: Snapshot, shown: Sequence[ScanEvent]) -> None:
    """What the newest answer says of the parcel as a whole; what it says of another parcel with the number is left out.

    Where parts of the answer could not be read, what is missing in it may be among them: then it says nothing.
    """
    is_whole = not snapshot.unreadable
    ship_date = ship_date_of(shipment, snapshot)

    def is_anothers(posted: Posted | None) -> bool:
        return posted is not None and _is_anothers(shipment, posted.on, ship_date)

    for name in (
        "package_count", "service_code", "service_name", "weight_value", "weight_unit", "reference_number",
        "smart_label_barcode", "second_number",
    ):  # fmt: skip
        if is_whole or getattr(snapshot, name) not in _NOTHING:
            setattr(shipment, name, getattr(snapshot, name))
    others_delivery = is_anothers(snapshot.delivered)
    for name in ("delivery_location", "delivery_description", "signed_by"):
        if others_delivery or is_whole or getattr(snapshot, name):
            setattr(shipment, name, "" if others_delivery else getattr(snapshot, name))
    # Such links expire: one that was given once is not forgotten because a later answer leaves it out.
    shipment.proof_url = ("" if others_delivery else snapshot.delivery_proof_url) or shipment.proof_url
    if is_anothers(snapshot.updated):
        shipment.last_location = ""
    elif is_whole or snapshot.last_location:
        shipment.last_location = snapshot.last_location
    if is_whole or snapshot.dimension:
        shipment.dimension = dict(snapshot.dimension) if snapshot.dimension else None
    shipment.details = dict(snapshot.details) if is_whole else {**shipment.details, **snapshot.details}
    shipment.unreadable_scans = min(len(snapshot.unreadable), 32_000)
    if snapshot.origin and snapshot.origin.city:
        shipment.origin_city = snapshot.origin.city
    if snapshot.destination:
        shipment.destination_city = snapshot.destination.city or shipment.destination_city
        # What the merchant said of the destination stands.
        shipment.destination_postal_code = (
            shipment.destination_postal_code or snapshot.destination.postal_code[:12]
        )
    if snapshot.estimate is not None or is_whole:
        estimate = snapshot.estimate
        if estimate is not None and _is_anothers(shipment, estimate.on, ship_date):
            estimate = None
        shipment.estimated_on = estimate.on if estimate else None
        shipment.estimated_from = estimate.start if estimate else None
        shipment.estimated_to = estimate.end if estimate else None
        shipment.estimated_offset = _minutes(estimate.offset) if estimate else None
    for name in _MOMENTS:
        posted = getattr(snapshot, name)
        if posted is not None or is_whole:
            _set_moment(shipment, name, None if is_anothers(posted) else posted, shown)
    if shipment.status == Status.DELIVERED and shipment.delivered_on is None:
        _deliver_by_scan(shipment, next((scan for scan in shown if scan.status == Status.DELIVERED), None))


def _deliver_by_scan(shipment: Shipment, scan: ScanEvent | None) -> None:
    """When and where the parcel arrived, by the scan that says so: some answers leave their own fields empty."""
    if scan is None:
        return
    _set_moment(shipment, "delivered", _posted(scan), [scan])
    shipment.delivery_location = shipment.delivery_location or scan.city
    shipment.delivery_description = shipment.delivery_description or scan.text
    shipment.signed_by = shipment.signed_by or scan.signed_by


def forget(shipment: Shipment) -> None:
    """Empty every column that answers have filled. What the merchant said of the parcel stays."""
    for name in SHIPMENT_FACTS:
        if name not in ("destination_postal_code", "changed_at"):
            setattr(shipment, name, shipment._meta.get_field(name).get_default())  # type: ignore[union-attr]


def look_again(shipment: Shipment, scans: Sequence[ScanEvent], *, now: datetime) -> None:
    """Mark anew which scans are other parcels', and leave of the shipment's columns what its own scans say.

    For when a person has said whose the scans are: nothing of another parcel is shown until the next answer comes.
    """
    ship_date = ship_date_of(shipment, None)
    shown_before = [scan for scan in scans if not scan.withdrawn_at and not scan.earlier_parcel]
    for scan in scans:
        scan.earlier_parcel = _is_earlier(shipment, scan.local_date, ship_date)
        if _is_later(shipment, scan.local_date):
            scan.withdrawn_at = scan.withdrawn_at or now
    shown = [scan for scan in scans if not scan.withdrawn_at and not scan.earlier_parcel]
    others = {
        name
        for name in (*_MOMENTS, "estimated", "first_promised")
        if (on := getattr(shipment, f"{name}_on")) is not None and _is_anothers(shipment, on, ship_date)
    }
    for name in others.intersection(_MOMENTS):
        _set_moment(shipment, name, None, ())
    if "estimated" in others:
        shipment.estimated_on = shipment.estimated_from = shipment.estimated_to = None
        shipment.estimated_offset = None
    if "first_promised" in others:
        shipment.first_promised_on = None
    if "delivered" in others:
        shipment.delivery_location = shipment.delivery_description = ""
        shipment.signed_by = shipment.proof_url = ""
    if shown != shown_before or "delivered" in others:
        # The headline was about what is no longer shown.
        shipment.status, shipment.status_text, shipment.last_location = Status.UNKNOWN, "", ""
    derive(shipment, scans, None)
    if shipment.status == Status.DELIVERED and shipment.delivered_on is None:
        arrived = [scan for scan in shown if scan.status == Status.DELIVERED]
        _deliver_by_scan(shipment, max(arrived, key=lambda scan: scan.ordered_at, default=None))


def follow_scans(shipment: Shipment, scans: Sequence[ScanEvent], snapshot: Snapshot | None) -> None:
    """Bring the shipment in line with scans whose statuses have been read anew, and with the newest answer where there is
    one; without one, what only a scan had said goes with it."""
    shown = [scan for scan in scans if not scan.withdrawn_at and not scan.earlier_parcel]
    if snapshot is None:
        if all(scan.status == Status.UNKNOWN for scan in shown):
            shipment.status = Status.UNKNOWN
        arrived = [scan for scan in shown if scan.status == Status.DELIVERED]
        if not arrived and shipment.delivered_on is not None:
            _set_moment(shipment, "delivered", None, ())
            shipment.delivery_location = shipment.delivery_description = shipment.signed_by = ""
    derive(shipment, scans, snapshot)
    if shipment.status == Status.DELIVERED and shipment.delivered_on is None:
        arrived = [scan for scan in shown if scan.status == Status.DELIVERED]
        _deliver_by_scan(shipment, max(arrived, key=lambda scan: scan.ordered_at, default=None))


def cut_to_fit(row: Model, names: tuple[str, ...]) -> None:
    """Cut texts to their columns: one overlong word of a carrier must not cost the batch its answers. The raw answer keeps it."""
    values = row.__dict__
    for name, longest in _longest(type(row), names):
        value = values[name]
        if len(value) > longest:
            values[name] = value[:longest]


@cache
def _longest(model: type[Model], names: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """Those of the columns that hold texts of a bounded length, and that length."""
    bounds = ((name, getattr(model._meta.get_field(name), "max_length", None)) for name in names)
    return tuple((name, bound) for name, bound in bounds if bound is not None)


def _set_moment(shipment: Shipment, name: str, posted: Posted | None, shown: Sequence[ScanEvent]) -> None:
    """Four columns of one moment. What the carrier posted without an offset is a scan's moment where the clocks agree.

    A scan whose own zone is only assumed lends nothing: these columns do not say how they are known.
    """
    on = at = offset = instant = None
    if posted is not None:
        on, at, offset, instant = posted.on, posted.at, _minutes(posted.offset), posted.instant_by_carrier()
        if instant is None and at is not None:
            twin = next((scan for scan in shown if scan.local_date == on and scan.local_time == at), None)
            if twin is not None and twin.known_by != ZoneKnownBy.ASSUMED:
                offset, instant = twin.offset, twin.at
    for part, value in (("on", on), ("time", at), ("offset", offset), ("at", instant)):
        setattr(shipment, f"{name}_{part}", value)


def _fill_in(stored: ScanEvent, shown: ScanEvent) -> set[str]:
    """Take over what the carrier now says of a scan it has shown before, and name it; what it leaves out is kept."""
    filled: dict[str, Any] = {}
    for name in _FILLED_IN_LATER:
        value = getattr(shown, name)
        if value in (None, "", {}) or value == getattr(stored, name):
            continue
        if name in ("status", "status_by") and shown.status == Status.UNKNOWN:
            continue
        filled[name] = value
    for name, value in filled.items():
        setattr(stored, name, value)
    return set(filled)


def place_of(scan: ScanEvent) -> Place:
    """The place of a stored scan."""
    return Place(scan.city, scan.region, scan.postal_code, scan.country, scan.latitude, scan.longitude)


def _posted(scan: ScanEvent) -> Posted:
    offset = None if scan.posted_offset is None else timedelta(minutes=scan.posted_offset)
    return Posted(scan.local_date, scan.local_time, offset, scan.posted_instant)


def _put(scan: ScanEvent, moment: Moment) -> None:
    scan.offset = _minutes(moment.offset)
    scan.zone, scan.at, scan.ordered_at = moment.zone, moment.at, moment.ordered_at
    scan.known_by = moment.known_by


def _minutes(offset: timedelta | None) -> int | None:
    return None if offset is None else round(offset.total_seconds() / 60)
