"""Pitney Bowes' tracking answer as a `Snapshot`: a pure function that fails by name and shrugs at new codes."""

from collections.abc import Callable, Iterable
from datetime import time
from functools import partial
from typing import Any

from shipments.carriers.base import SOME_DAY, Answer, Question, Scan, Snapshot, Unreadable, timed
from shipments.carriers.errors import CarrierError, UnreadableAnswer
from shipments.carriers.pitney_bowes.codes import status_of_scan, status_of_word
from shipments.carriers.pitney_bowes.errors import TRACKING
from shipments.carriers.pitney_bowes.wire import AddressWire, DimensionWire, ScanWire, TrackingWire, WhenWire
from shipments.carriers.reading import Findings, parse_json, read_each, remembering
from shipments.carriers.values import posted
from shipments.enums import CarrierCode
from shipments.facts.number_formats import is_imb, is_impb
from shipments.facts.places import Place
from shipments.facts.times import DeliveryEstimate

# USPS keeps 99 events of a parcel, and Pitney Bowes passes on what USPS gives.
FULL_LIST = 99
_NO_TIME = time(0, 0, 0)
_IMB_ASKED = 20
# Where a parcel's own number may begin in a barcode with routing prefix: after 420 and five or nine digits.
_AFTER_ROUTING = (8, 12)


def identifier(carrier: str, number: str) -> str:
    """The number as this gateway wants it in the address: of an IMb only the first 20 digits.

    That holds under `IMB`, and under `USPS` for PB Presort (Pitney Bowes, Track a Package, considerations).
    """
    if carrier == CarrierCode.IMB:
        cut = number.isascii() and number.isdigit()
    else:
        cut = carrier == CarrierCode.USPS and is_imb(number)
    return number[:_IMB_ASKED] if cut else number


def snapshot(value: Any, question: Question) -> Snapshot:
    """What the answer says of the parcel asked about; UnreadableAnswer when it is none, or of another parcel."""
    findings = Findings()
    try:
        wire = TrackingWire.read(value, findings)
    except ValueError:
        raise UnreadableAnswer("Pitney Bowes tracking: the answer is not a tracking object.") from None
    number = _number_of(wire, question)
    # By the tables of the carrier it names, which may be another than was asked about; of one that is newer than our tables
    # only Pitney Bowes' own codes are known.
    names_another = wire.carrier != question.asked_as and wire.carrier in _TOLD
    carrier = wire.carrier if names_another else question.carrier

    def read(raw: Any, into: Findings) -> Scan:
        return _scan(raw, carrier, into)

    listed = value.get("scanDetailsList")
    scans, lost = read_each(listed, read, where="scanDetailsList")
    current, lost_current = read_each(_told(value.get("currentStatus")), read, where="currentStatus")
    extra = tuple(one for one in current if not any(_same_event(one, scan) for scan in scans))
    scans = (*extra, *scans)
    unit = wire.weight_uom or wire.weight_oum
    headline = status_of_word(wire.status)
    return Snapshot(
        number=number,
        carrier=wire.carrier,
        scans=scans,
        unreadable=_all((findings.found, lost, lost_current)),
        truncated=isinstance(listed, list) and len(listed) >= FULL_LIST,
        package_count=wire.package_count,
        status=headline,
        status_text=_headline_text(wire.status, scans) if scans else wire.status,
        updated=posted(wire.updated_date, wire.updated_time),
        last_location=wire.last_package_status_location,
        service_code=wire.service_code,
        service_name=wire.service_name,
        weight_value=wire.weight,
        weight_unit=unit,
        dimension=_dimension(wire.dimension),
        reference_number=wire.reference_number,
        smart_label_barcode=wire.smart_label_barcode,
        shipped=posted(wire.ship_date, wire.ship_time, wire.ship_time_offset),
        estimate=_estimate(wire),
        delivered=posted(wire.delivery_date, wire.delivery_time, wire.delivery_time_offset),
        delivery_location=wire.delivery_location,
        delivery_description=wire.delivery_location_description,
        delivery_proof_url=wire.delivery_proof_url,
        signed_by=wire.signed_by,
        reattempt=posted(wire.reattempt_date, wire.reattempt_time),
        origin=_town(wire.sender_address),
        destination=_town(wire.destination_address),
        details=wire.details("requested_identifier", "client_id", *(() if headline else ("status",))),
    )


def read_part(part: bytes, question: Question) -> Answer | CarrierError:
    """What a kept answer says of the parcel asked about."""
    try:
        return snapshot(parse_json(part, TRACKING), question)
    except UnreadableAnswer as exc:
        return exc


class AboutAnotherParcel(UnreadableAnswer):
    """The answer can be read, but speaks of a parcel nobody asked about here."""


def is_same_parcel(asked: str, told: str, *, carrier: str) -> bool:
    """Whether two writings of a number mean one parcel: with or without routing prefix, or a longer IMb."""
    asked, told = _bare(asked), _bare(told)
    if not told:
        return False
    if identifier(carrier, asked) == identifier(carrier, told):
        return True
    return bool(_forms(asked) & _forms(told))


def _bare(number: str) -> str:
    return "".join(character for character in number.upper() if character.isalnum())


def _forms(number: str) -> set[str]:
    """The number itself, and what it may be without a routing prefix: 34 digits can be cut in two ways."""
    if not number.startswith("420"):
        return {number}
    return {number} | {number[start:] for start in _AFTER_ROUTING if is_impb(number[start:])}


def _number_of(wire: TrackingWire, question: Question) -> str:
    asked = question.number
    if is_same_parcel(asked, wire.tracking_number, carrier=question.carrier):
        return wire.tracking_number
    # Pitney Bowes may answer with the number of another carrier on the same parcel; then it repeats ours here.
    sent = identifier(question.carrier, asked)
    if wire.requested_identifier and _bare(wire.requested_identifier) in {_bare(asked), _bare(sent)}:
        return wire.tracking_number or wire.requested_identifier
    if wire.tracking_number:
        raise AboutAnotherParcel(
            "Pitney Bowes tracking: the answer is about another number than the one asked."
        )
    raise UnreadableAnswer("Pitney Bowes tracking: the answer does not say which number it is about.")


def _scan(raw: Any, carrier: str, findings: Findings) -> Scan:
    if not isinstance(raw, dict):
        raise ValueError("not an object")
    when = WhenWire.read(raw, findings)
    at = posted(when.event_date, when.event_time, when.event_time_offset)
    assert at is not None
    return timed(_TOLD.get(carrier, _TOLD_OF_OTHERS)(raw, findings), at)


def _untimed(raw: dict[str, Any], findings: Findings, *, carrier: str) -> Scan:
    """All that a scan says but when; the same for the same."""
    wire = ScanWire.read(raw, findings)
    status, status_by = status_of_scan(
        carrier,
        word=wire.package_status,
        standardized=(wire.standardized_event_code, wire.l1_code),
        code=wire.scan_type,
        text=wire.scan_description or wire.standardized_event_description,
    )
    lesser = ["standardized_event_code", "standardized_event_description", "l1_code"]
    lesser += ["authorized_agent", "location_unit", "event_type"]
    if status_by != "carrier":
        # A word that is none of the eleven: for whoever extends the table.
        lesser.append("package_status")
    return Scan(
        posted=SOME_DAY,
        place=_place(wire),
        code=wire.scan_type,
        text=wire.scan_description or wire.standardized_event_description,
        status=status,
        status_by=status_by,
        text_for_buyers=wire.l1_description,
        text_for_sellers=wire.l2_description,
        url=wire.tracking_url,
        leg=wire.event_leg,
        details=wire.details(*lesser),
    )


def _remembered(carrier: str) -> Callable[[dict[str, Any], Findings], Scan]:
    return remembering(
        partial(_untimed, carrier=carrier), but=frozenset({"eventDate", "eventTime", "eventTimeOffset"})
    )


_TOLD = {carrier.value: _remembered(carrier) for carrier in CarrierCode}
_TOLD_OF_OTHERS = _remembered("")


def _place(wire: ScanWire) -> Place:
    latitude, longitude = wire.latitude, wire.longitude
    # Half a point is none, and nobody scans parcels where the equator meets Greenwich: both zero means unknown.
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        latitude = longitude = None
    return Place(
        city=wire.event_city,
        region=wire.event_state_or_province,
        postal_code=wire.postal_code,
        country=wire.country,
        latitude=latitude,
        longitude=longitude,
    )


def _town(address: AddressWire | None) -> Place | None:
    if address is None:
        return None
    place = Place(address.city, address.state_or_province, address.postal_code, address.country)
    return None if place == Place() else place


def _told(current: Any) -> Any:
    """`currentStatus` without the objects in which everything is null: those say that there is none."""
    elements = current if isinstance(current, list) else [current]
    told = [
        one
        for one in elements
        if one is not None and not (isinstance(one, dict) and all(part is None for part in one.values()))
    ]
    return told[0] if len(told) == 1 and not isinstance(current, list) else told


def _same_event(one: Scan, other: Scan) -> bool:
    """Whether the current status repeats a scan of the list; it may leave out code or text."""
    return (
        (one.posted.on, one.posted.at) == (other.posted.on, other.posted.at)
        and (one.code == other.code or not (one.code and other.code))
        and (one.text.casefold() == other.text.casefold() or not (one.text and other.text))
    )


def _headline_text(word: str, scans: Iterable[Scan]) -> str:
    """The words of the scan the headline repeats: the first of that status, as answers list the newest first.

    Clocks cannot tell here: an hour later in New York may be earlier than in Chicago. `""` where no scan has the
    headline's status.
    """
    return next((scan.text for scan in scans if _repeats(word, scan)), "")


def _repeats(word: str, scan: Scan) -> bool:
    # The word of a scan stands in its details where it did not decide the scan's status.
    said = scan.details.get("packageStatus", "")
    if said and said == word:
        return True
    headline = status_of_word(word)
    return headline is not None and headline in (scan.status, status_of_word(said))


def _estimate(wire: TrackingWire) -> DeliveryEstimate | None:
    promised = posted(
        wire.estimated_delivery_date, wire.estimated_delivery_time, wire.estimated_delivery_time_offset
    )
    if promised is None:
        return None
    # Midnight stands for "no time" in every sample of the document.
    end = None if promised.at == _NO_TIME else promised.at
    return DeliveryEstimate(promised.on, end=end, offset=promised.offset if end else None)


def _dimension(wire: DimensionWire | None) -> dict[str, str | None] | None:
    if wire is None:
        return None
    told = {
        "length": wire.length or None,
        "width": wire.width or None,
        "height": wire.height or None,
        "unitOfMeasurement": wire.unit_of_measurement or None,
    }
    return told if any(told.values()) else None


def _all(parts: Iterable[tuple[Unreadable, ...]]) -> tuple[Unreadable, ...]:
    return tuple(one for part in parts for one in part)
