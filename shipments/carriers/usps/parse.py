"""One item of a USPS answer into a `Snapshot`: USPS Tracking v3r2 3.2.2, "TrackingDetail"."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from shipments.carriers.base import SOME_DAY, Scan, Snapshot, timed
from shipments.carriers.errors import UnreadableAnswer
from shipments.carriers.reading import Findings, optional, read_each, reason_of, remembering
from shipments.carriers.usps import times
from shipments.carriers.usps.codes import canonical_code, headline, status_of_event
from shipments.carriers.usps.wire import DeliveryDateExpectation, TrackingDetail, TrackingEvent
from shipments.carriers.values import plain_value, read_date, read_wire_offset
from shipments.enums import CarrierCode, Status
from shipments.facts.places import Place
from shipments.facts.times import DeliveryEstimate, Posted

# USPS lists no more than this many events; older ones are left out without a word.
MAX_EVENTS = 99


def snapshot(raw: Any) -> Snapshot:
    """Everything an item says about its piece; UnreadableAnswer when it is no object or names no number."""
    findings = Findings()
    try:
        detail = TrackingDetail.read(raw, findings)
    except ValueError as exc:
        raise UnreadableAnswer(f"USPS tracking: an item cannot be read ({reason_of(exc)}).") from exc
    events = raw.get("trackingEvents")
    scans, lost = read_each(events, _scan, where="trackingEvents")
    newest = _newest(scans)
    delivered = _newest([scan for scan in scans if scan.status is Status.DELIVERED])
    expectation = detail.delivery_date_expectation
    return Snapshot(
        number=detail.tracking_number,
        carrier=CarrierCode.USPS,
        scans=scans,
        unreadable=(*findings.found, *lost),
        truncated=isinstance(events, list) and len(events) >= MAX_EVENTS,
        status=headline(detail.status_category, detail.status, newest.status if newest else None),
        status_text=detail.status,
        updated=newest.posted if newest else None,
        last_location=_location(newest.place) if newest else "",
        service_code=detail.service_type_code,
        service_name=detail.mail_class,
        second_number=detail.associated_tracking_number,
        shipped=Posted(detail.mailing_date.on) if detail.mailing_date else None,
        estimate=_estimate(expectation) if expectation else None,
        delivered=delivered.posted if delivered else None,
        delivery_location=delivered.place.city if delivered else "",
        delivery_description=delivered.text if delivered else "",
        signed_by=delivered.signed_by if delivered else "",
        origin=_place(detail.origin_city, detail.origin_state, detail.origin_zip_code, detail.origin_country),
        destination=_place(
            detail.destination_city,
            detail.destination_state,
            detail.destination_zip_code,
            detail.destination_country,
        ),
        details=_details(detail, raw),
    )


def _scan(raw: Any, findings: Findings) -> Scan:
    if not isinstance(raw, dict):
        raise ValueError("not an object")
    posted = times.moment(
        optional(raw, "eventTimestamp", times.read_local, findings),
        optional(raw, "GMTTimestamp", times.read_gmt, findings),
        optional(raw, "GMTOffset", read_wire_offset, findings),
    )
    if posted is None:
        raise ValueError("no date")
    return timed(_told(raw, findings), posted)


def _untimed(raw: dict[str, Any], findings: Findings) -> Scan:
    """All that an event says but when; the same for the same."""
    event = TrackingEvent.read(raw, findings)
    status, status_by = status_of_event(event.event_code, event.event_type)
    return Scan(
        posted=SOME_DAY,
        place=Place(event.event_city, event.event_state, event.event_zip_code, event.event_country),
        code=canonical_code(event.event_code),
        text=event.event_type,
        status=status,
        status_by=status_by,
        signed_by=event.recipient_name,
        details=event.details(
            "action_code",
            "reason_code",
            "event_partner",
            "firm",
            "cod_amount_due",
            "veri_point",
            "authorized_agent",
        ),
    )


_told = remembering(_untimed, but=frozenset({"eventTimestamp", "GMTTimestamp", "GMTOffset"}))


def _newest(scans: Sequence[Scan]) -> Scan | None:
    """The newest scan: by the instants where every scan has its own, else the first, as USPS lists them."""
    if not scans:
        return None
    instants = [scan.posted.instant_by_carrier() for scan in scans]
    if None in instants:
        return scans[0]
    beginning = datetime.min.replace(tzinfo=UTC)
    # max() takes the first of equals, which is the later one in USPS' order.
    return scans[max(range(len(scans)), key=lambda at: instants[at] or beginning)]


def _location(place: Place) -> str:
    """The place as `CITY,ST,ZIP`, the form in which Pitney Bowes writes a parcel's last location."""
    return ",".join(part for part in (place.city, place.region, place.postal_code) if part)


def _place(city: str, region: str, postal_code: str, country: str) -> Place | None:
    return Place(city, region, postal_code, country) if city or region or postal_code or country else None


def _estimate(told: DeliveryDateExpectation) -> DeliveryEstimate | None:
    """The day USPS predicts (from the scans, so the freshest), else expects, else guarantees; with its window."""
    day = told.predicted_delivery_date or told.expected_delivery_date
    if day is not None:
        return times.window(
            day,
            told.predicted_delivery_window_start_time,
            told.predicted_delivery_window_end_time,
            end_of_day=told.end_of_day,
        )
    try:
        guaranteed = read_date(told.guaranteed_delivery_date)
    except ValueError:
        # "3 Business Days" is no date: it stays in the details.
        return None
    return times.window(guaranteed, None, guaranteed.at)


def _details(detail: TrackingDetail, raw: dict[str, Any]) -> dict[str, Any]:
    told = detail.details(
        "kahala_indicator",
        "mail_class_code",
        "mail_type",
        "services",
        "status_category",
        "status_summary",
        "unique_tracking_id",
        "access_control",
    )
    if detail.services:
        told["services"] = list(detail.services)
    if detail.services_eligibility is not None:
        told["servicesEligibility"] = detail.services_eligibility.details(
            "proof_of_delivery_enabled",
            "return_receipt_enabled",
            "tracking_proof_of_delivery_enabled",
            "delivery_instructions_enabled",
        )
    if detail.delivery_date_expectation is not None:
        # As sent: the guarantee and the windows may be words.
        as_sent = plain_value(raw["deliveryDateExpectation"])
        told["deliveryDateExpectation"] = {
            name: value for name, value in as_sent.items() if value is not None
        }
    return told
