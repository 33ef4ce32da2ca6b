"""One piece as USPS tells it (TrackingDetail of Tracking v3r2), quirks of the real wire included."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shipments.enums import Status
from shipments.simulator.journeys import Journey, ScriptedScan, dice
from shipments.simulator.numbers import Scenario
from shipments.simulator.steps import Step

# The specification's upper limit: of a longer history the newest are told.
MAX_EVENTS = 99

_CATEGORIES: dict[Status | None, str] = {
    Status.MANIFEST: "Pre-Shipment",
    Status.ACCEPTANCE: "Accepted",
    Status.PICKED_UP: "On Its Way to USPS",
    Status.IN_TRANSIT: "Moving Through Network",
    Status.OUT_FOR_DELIVERY: "Out for Delivery",
    Status.DELIVERY_ATTEMPT: "Delivery Attempt: Action Needed",
    Status.READY_FOR_PICKUP: "Available for Pickup",
    Status.PICKUP_MISSED: "Alert",
    Status.DELIVERED: "Delivered",
    Status.RETURN_TO_SENDER: "Alert",
    Status.EXCEPTION: "Alert",
    None: "n/a",
}
_CATEGORY_OF_STEP = {
    Step.PARTNER_ARRIVED: "On Its Way to USPS",
    Step.PARTNER_DEPARTED: "On Its Way to USPS",
    Step.UNIT: "Preparing for Delivery",
    # USPS counts the end of a return as a delivery; only the text tells whose.
    Step.BACK_AT_SENDER: "Delivered",
    Step.FORWARDED: "Alert",
}
_PARTNER_STEPS = frozenset({Step.PARTNER_PICKED_UP, Step.PARTNER_ARRIVED, Step.PARTNER_DEPARTED})
_AT_THE_DOOR = frozenset({Step.DELIVERED, Step.DELIVERED_SIGNED, Step.ATTEMPT})
_MAIL_CLASSES = {
    "055": ("Priority Mail<SUP>&reg;</SUP>", "PM"),
    "001": ("USPS Ground Advantage<SUP>&#153;</SUP>", "UG"),
}


@dataclass(frozen=True, slots=True)
class Quirks:
    """How this piece's answers deviate from the specification's examples."""

    # `-5:00`, `-05:00`, or "" for no GMTOffset.
    offset_style: str
    gmt_times: bool
    offset_in_timestamp: bool
    false_z: bool
    unrolled_gmt_date: bool
    booleans_as_text: bool
    services_as_text: bool
    lone_event_as_object: bool
    window_in_words: bool
    routing_prefix: bool
    unique_id: int


def quirks_of(journey: Journey, seed: int) -> Quirks:
    """The same for one number always."""
    chance = dice(seed, "USPS", journey.number, journey.start)
    offset_style = chance.choice(("-5:00", "-5:00", "-05:00", "-05:00", "-05:00", ""))
    gmt_times = chance.random() < 0.75
    in_timestamp = chance.random() < 0.35
    return Quirks(
        offset_style=offset_style,
        gmt_times=gmt_times,
        offset_in_timestamp=in_timestamp,
        false_z=not in_timestamp and chance.random() < 0.1,
        # Only noticed, and only harmless, where the offset is told too.
        unrolled_gmt_date=gmt_times and bool(offset_style) and chance.random() < 0.25,
        booleans_as_text=chance.random() < 0.2,
        services_as_text=chance.random() < 0.2,
        lone_event_as_object=chance.random() < 0.5,
        window_in_words=chance.random() < 0.6,
        routing_prefix=journey.number.startswith("94") and chance.random() < 0.15,
        unique_id=chance.randrange(10**8, 10**9),
    )


def piece(journey: Journey, scans: tuple[ScriptedScan, ...], seed: int, *, asked: str) -> dict[str, Any]:
    """The TrackingDetail of a piece with these scans, the newest first. `asked` is the number as it was asked for."""
    quirks = quirks_of(journey, seed)
    newest = scans[-1]
    mail_class, class_code = _MAIL_CLASSES.get(journey.service_code or "", ("First-Class Mail", "FC"))
    events: Any = [_event(scan, quirks) for scan in reversed(scans)][:MAX_EVENTS]
    if len(events) == 1 and quirks.lone_event_as_object:
        events = events[0]
    services = ["USPS Tracking<SUP>&#174;</SUP>", "Up to $100 insurance included"]
    if journey.scenario is Scenario.SIGNATURE:
        services.append("Signature Confirmation<SUP>&#153;</SUP>")
    origin, destination = journey.origin, journey.destination
    signed = any(scan.signed_by for scan in scans)
    return {
        "trackingNumber": f"420{destination.postal_code}{journey.number}" if quirks.routing_prefix else asked,
        "destinationCity": destination.city,
        "destinationState": destination.region,
        "destinationZIPCode": destination.postal_code,
        "destinationCountry": destination.country,
        "kahalaIndicator": _flag(False, quirks),
        "mailClass": mail_class,
        "mailClassCode": class_code,
        "mailingDate": journey.mailed_on.isoformat(),
        "mailType": "DM",
        "originCity": origin.city,
        "originState": origin.region,
        "originZIPCode": origin.postal_code,
        "originCountry": origin.country,
        "services": services[0] if quirks.services_as_text else services,
        "serviceTypeCode": journey.service_code,
        "status": newest.words.text,
        "statusCategory": _CATEGORY_OF_STEP.get(newest.step, _CATEGORIES[newest.words.status]),
        "statusSummary": _summary(newest),
        "uniqueTrackingID": str(quirks.unique_id),
        "deliveryDateExpectation": _expectation(journey, scans, quirks),
        "servicesEligibility": {
            "proofOfDeliveryEnabled": _flag(signed, quirks),
            "RREEnabled": _flag(False, quirks),
            "trackingProofOfDeliveryEnabled": _flag(signed, quirks),
        },
        "trackingEvents": events,
    }


def _flag(value: bool, quirks: Quirks) -> bool | str:
    return str(value).lower() if quirks.booleans_as_text else value


def _summary(scan: ScriptedScan) -> str:
    local, stop = scan.local, scan.stop
    place = " ".join(
        filter(None, (f"{stop.city}," if stop.region else stop.city, stop.region, stop.postal_code))
    )
    at = "" if scan.date_only else f" at {_clock(local)}"
    return f"{scan.words.text}: {local:%B} {local.day}, {local.year}{at} in {place}."


def _clock(local: datetime) -> str:
    return f"{local.hour % 12 or 12}:{local:%M} {'am' if local.hour < 12 else 'pm'}"


def _expectation(journey: Journey, scans: tuple[ScriptedScan, ...], quirks: Quirks) -> dict[str, Any] | None:
    if len(scans) < 2:
        return None
    content: dict[str, Any] = {
        "expectedDeliveryDate": journey.promised_on.isoformat(),
        "endOfDay": "by 9:00 pm",
    }
    if quirks.unique_id % 5 == 0:
        content["guaranteedDeliveryDate"] = "3 Business Days"
        content["guaranteedDetails"] = "MoneyBack Guarantee"
    if scans[-1].step is Step.OUT:
        opens = 10 + quirks.unique_id % 7
        out_on = scans[-1].local.date()
        window = (f"{opens:02d}:15:00", f"{opens + 2:02d}:15:00")
        if quirks.window_in_words:
            window = (_in_words(opens), _in_words(opens + 2))
        content |= {
            "predictedDeliveryDate": out_on.isoformat(),
            "predictedDeliverySource": "TRP",
            "predictedDeliveryWindowStartTime": window[0],
            "predictedDeliveryWindowEndTime": window[1],
        }
    return content


def _in_words(hour: int) -> str:
    return f"{hour % 12 or 12}:15{'am' if hour < 12 else 'pm'}"


def _event(scan: ScriptedScan, quirks: Quirks) -> dict[str, Any]:
    stop = scan.stop
    # The seconds, which are chance already, decide on the rarer members.
    chance = scan.at.second
    content = {
        "eventType": scan.words.text,
        **_times(scan, quirks),
        "eventCountry": None,
        "eventCity": stop.city,
        "eventState": stop.region or None,
        "eventZIPCode": stop.postal_code or None,
        "eventCode": scan.words.code,
        "firm": "EXAMPLE BOOKS LLC" if scan.step is Step.DELIVERED and chance < 9 else None,
        "recipientName": scan.signed_by or None,
        "actionCode": None,
        "reasonCode": None,
    }
    if scan.step is Step.ATTEMPT:
        content |= {"actionCode": "A", "reasonCode": "10"}
    if scan.step in _PARTNER_STEPS:
        content["eventPartner"] = "PITNEY BOWES"
    if scan.step in _AT_THE_DOOR:
        content["veriPoint"] = _flag(chance % 3 > 0, quirks)
    if scan.step in {Step.UNIT, Step.READY} and chance < 3:
        content["CODAmountDue"] = "24.50"
    return content


def _times(scan: ScriptedScan, quirks: Quirks) -> dict[str, Any]:
    # `2026-11-02T23:28-06:00`: local times are posted to the minute, GMT times to the second.
    local = scan.local.isoformat(timespec="minutes")
    if scan.date_only:
        return {"eventTimestamp": local[:10]}
    posted, offset = f"{local[:16]}:00", local[16:]
    if quirks.offset_in_timestamp:
        posted += offset
    elif quirks.false_z:
        posted += "Z"
    content = {"eventTimestamp": posted}
    if quirks.gmt_times:
        gmt = scan.at.isoformat()[:19]
        content["GMTTimestamp"] = f"{local[:10]}{gmt[10:]}Z" if quirks.unrolled_gmt_date else f"{gmt}Z"
    if quirks.offset_style:
        padded = quirks.offset_style == "-05:00"
        content["GMTOffset"] = offset if padded else offset[0] + offset[1:].removeprefix("0")
    return content
