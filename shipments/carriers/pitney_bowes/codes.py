"""What Pitney Bowes' words and the carriers' codes mean, as one of our statuses.

Codes collide between carriers (`OF` is out for delivery at USPS and the origin facility at FedEx), so a code is
always read in its carrier's table. A code that maps to None is recognised but says nothing about where the
parcel is: the status before it stays.
"""

from collections.abc import Mapping
from types import MappingProxyType

from shipments.carriers.usps.codes import STATUS_BY_CODE as USPS_STATUS_BY_CODE
from shipments.carriers.usps.codes import canonical_code
from shipments.carriers.usps.codes import status_of_text as usps_status_of_text
from shipments.enums import CarrierCode, Status

_WORDS: Mapping[str, Status] = MappingProxyType(
    {status.value.lower(): status for status in Status if status is not Status.UNKNOWN}
)

# Pitney Bowes, Standardized Tracking Event Codes (the published part of the list); the same in `l1Code`, and in
# `scanType` of its own services and of parcels it has uploaded itself.
STANDARDIZED: Mapping[str, Status | None] = MappingProxyType(
    {
        "AWP": Status.READY_FOR_PICKUP,
        "CUC": Status.IN_TRANSIT,
        "DAT": Status.DELIVERY_ATTEMPT,
        "DLD": Status.DELIVERED,
        "DYU": Status.EXCEPTION,
        "INF": None,
        "LC": Status.MANIFEST,
        "MSC": None,
        "OFD": Status.OUT_FOR_DELIVERY,
        "PSR": Status.MANIFEST,
        "RTS": Status.RETURN_TO_SENDER,
        "SPH": Status.IN_TRANSIT,
        "TRD": Status.IN_TRANSIT,
        "UDL": Status.EXCEPTION,
    }
)

# PB Standard's own codes, next to those of USPS.
PB_STANDARD: Mapping[str, Status | None] = MappingProxyType(
    {"DEL": Status.DELIVERED, "517": Status.DELIVERED}
)

FEDEX: Mapping[str, Status | None] = MappingProxyType(
    {
        "OC": Status.MANIFEST,
        # A vehicle is on its way to collect: FedEx does not have the parcel yet.
        "EP": Status.MANIFEST,
        "DS": Status.MANIFEST,
        # A vehicle came and left without it.
        "DR": Status.PICKUP_MISSED,
        "PU": Status.PICKED_UP,
        "PX": Status.PICKED_UP,
        "AP": Status.IN_TRANSIT,
        "AA": Status.IN_TRANSIT,
        "AF": Status.IN_TRANSIT,
        "AR": Status.IN_TRANSIT,
        "FD": Status.IN_TRANSIT,
        "PL": Status.IN_TRANSIT,
        "SF": Status.IN_TRANSIT,
        "OF": Status.IN_TRANSIT,
        "DP": Status.IN_TRANSIT,
        "EO": Status.IN_TRANSIT,
        "LO": Status.IN_TRANSIT,
        "PF": Status.IN_TRANSIT,
        "IT": Status.IN_TRANSIT,
        "IX": Status.IN_TRANSIT,
        "TR": Status.IN_TRANSIT,
        "SP": Status.IN_TRANSIT,
        "CH": Status.IN_TRANSIT,
        "CC": Status.IN_TRANSIT,
        "CP": Status.IN_TRANSIT,
        "AD": Status.IN_TRANSIT,
        # Customs delay: somebody may have to send papers.
        "CD": Status.EXCEPTION,
        "OD": Status.OUT_FOR_DELIVERY,
        "ED": Status.OUT_FOR_DELIVERY,
        "DE": Status.EXCEPTION,
        "DY": Status.EXCEPTION,
        "SE": Status.EXCEPTION,
        "EA": Status.EXCEPTION,
        "CA": Status.EXCEPTION,
        "HL": Status.READY_FOR_PICKUP,
        "RS": Status.RETURN_TO_SENDER,
        "DL": Status.DELIVERED,
    }
)

UPS: Mapping[str, Status | None] = MappingProxyType(
    {
        "M": Status.MANIFEST,
        "MP": Status.MANIFEST,
        "MV": Status.EXCEPTION,
        "P": Status.PICKED_UP,
        "I": Status.IN_TRANSIT,
        "W": Status.IN_TRANSIT,
        # Delivered to the container station at the origin: freight that has not left yet.
        "DO": Status.IN_TRANSIT,
        "DD": Status.DELIVERED,
        "O": Status.OUT_FOR_DELIVERY,
        "D": Status.DELIVERED,
        "X": Status.EXCEPTION,
        "RS": Status.RETURN_TO_SENDER,
        "NA": None,
    }
)

_PB_STANDARD_CARRIERS = frozenset({CarrierCode.FDR, CarrierCode.NEWGISTICS})
# A carrier value newer than these rows still carries Pitney Bowes' own codes.
_TABLES: Mapping[str, tuple[Mapping[str, Status | None], ...]] = MappingProxyType(
    {
        CarrierCode.USPS: (USPS_STATUS_BY_CODE, STANDARDIZED),
        CarrierCode.IMB: (USPS_STATUS_BY_CODE, STANDARDIZED),
        # PB Standard shows its own events and those of USPS (Pitney Bowes, Track a Package).
        CarrierCode.FDR: (PB_STANDARD, USPS_STATUS_BY_CODE, STANDARDIZED),
        CarrierCode.NEWGISTICS: (PB_STANDARD, USPS_STATUS_BY_CODE, STANDARDIZED),
        CarrierCode.FEDEX: (FEDEX, STANDARDIZED),
        CarrierCode.UPS: (UPS, STANDARDIZED),
        # Cross-border and PB Delivery parcels mix the codes of several carriers: only Pitney Bowes' own are sure.
        CarrierCode.PBI: (STANDARDIZED,),
        CarrierCode.PBCS: (STANDARDIZED,),
    }
)

# Codes that say no more than "something went wrong": the words may say that it was an attempt to deliver.
_VAGUE: Mapping[str, frozenset[str]] = MappingProxyType(
    {CarrierCode.FEDEX: frozenset({"DE"}), CarrierCode.UPS: frozenset({"X"})}
)

# How FedEx and UPS begin the sentences that USPS' table does not know.
_BEGINNINGS: tuple[tuple[str, Status], ...] = (
    ("customer not available", Status.DELIVERY_ATTEMPT),
    ("the customer was not available", Status.DELIVERY_ATTEMPT),
    ("the receiver was not available", Status.DELIVERY_ATTEMPT),
    ("delivery attempt", Status.DELIVERY_ATTEMPT),
    ("attempted delivery", Status.DELIVERY_ATTEMPT),
    ("delivery exception", Status.EXCEPTION),
    ("shipment exception", Status.EXCEPTION),
    ("ready for pickup", Status.READY_FOR_PICKUP),
    ("ready for recipient pickup", Status.READY_FOR_PICKUP),
    ("held at fedex location", Status.READY_FOR_PICKUP),
    ("delivered to ups access point", Status.READY_FOR_PICKUP),
    ("shipment information sent to fedex", Status.MANIFEST),
    ("shipper created a label", Status.MANIFEST),
    ("order processed: ready for ups", Status.MANIFEST),
    ("label created", Status.MANIFEST),
    ("picked up", Status.PICKED_UP),
    ("pickup scan", Status.PICKED_UP),
    ("returning package to shipper", Status.RETURN_TO_SENDER),
    ("returned to shipper", Status.RETURN_TO_SENDER),
    ("returning to sender", Status.RETURN_TO_SENDER),
)


def status_of_word(word: str) -> Status | None:
    """Pitney Bowes' own status word, ignoring case and blanks: its published OpenAPI file writes `In Transit`."""
    return _WORDS.get("".join(word.split()).lower())


def status_of_code(carrier: str, code: str) -> Status | None:
    """What `scanType` means at this carrier, None for a code that says nothing; KeyError where nobody knows it."""
    sent = code.upper()
    # PB Standard writes `PTS01` for USPS' 01.
    usps = canonical_code(sent.removeprefix("PTS") if carrier in _PB_STANDARD_CARRIERS else sent)
    for table in _TABLES.get(carrier, (STANDARDIZED,)):
        row = usps if table is USPS_STATUS_BY_CODE else sent
        if row in table:
            return table[row]
    raise KeyError(sent)


def status_of_text(text: str) -> Status | None:
    """What a carrier's sentence says by its beginning; None where no table knows it."""
    folded = " ".join(text.casefold().split())
    for beginning, status in _BEGINNINGS:
        if folded.startswith(beginning):
            return status
    return usps_status_of_text(text)


def status_of_scan(
    carrier: str, *, word: str, standardized: tuple[str, ...], code: str, text: str
) -> tuple[Status | None, str]:
    """The status of one scan and what told it: `carrier`, `code`, `text` or `""`.

    `standardized` are Pitney Bowes' own codes on the scan. They come before the carrier's code, because one
    answer mixes the events of several carriers without saying whose each is.
    """
    said = status_of_word(word)
    if said is Status.DELIVERED and status_of_text(text) is Status.RETURN_TO_SENDER:
        # The one word of theirs we don't take: who reads "Delivered" thinks of the buyer.
        return Status.RETURN_TO_SENDER, "text"
    if said is not None:
        return said, "carrier"
    for own in standardized:
        if own.upper() in STANDARDIZED:
            return _sharpened(STANDARDIZED[own.upper()], text, vague=False)
    try:
        by_code = status_of_code(carrier, code)
    except KeyError:
        by_text = status_of_text(text)
        return by_text, "text" if by_text else ""
    return _sharpened(by_code, text, vague=code.upper() in _VAGUE.get(carrier, ()))


def _sharpened(status: Status | None, text: str, *, vague: bool) -> tuple[Status | None, str]:
    # USPS gives the code of a delivery also to what it delivers back ("Delivered, To Original Sender").
    if status is Status.DELIVERED and status_of_text(text) is Status.RETURN_TO_SENDER:
        return Status.RETURN_TO_SENDER, "text"
    if vague and status_of_text(text) is Status.DELIVERY_ATTEMPT:
        return Status.DELIVERY_ATTEMPT, "text"
    return status, "code"
