"""Tracking numbers that say by themselves which journey they stand for.

The carrier's format holds, in the digits a shipper is free to choose, two digits for the scenario, seven for
the start (minutes since 2025 began, UTC) and one for the variant. So a simulator that was restarted, or a
second one, tells the same about a number, and a number made weeks ago stays true.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from shipments.enums import CarrierCode
from shipments.facts.check_digits import (
    with_1z_check_digit,
    with_fedex12_check_digit,
    with_impb_check_digit,
)

EPOCH = datetime(2025, 1, 1, tzinfo=UTC)
_LAST_MINUTE = 9_999_999

# The simulator as a mailer and as a shipper. Pieces of the other mailer may not be seen through USPS.
_MAILER = "508814"
_OTHER_MAILER = "608814"
_MAILER_9 = "903508814"
_UPS_SHIPPER = "5TW81M"
# A carrier that only the simulator's script knows, as Pitney Bowes takes on new ones: the product has no rule about it.
ONTRAC = "OnTrac"
_ONTRAC_DEPOT = "5088"
_BASE_36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Scenario(Enum):
    """What happens to a parcel; the value stands in its number, so it must never change."""

    ON_TIME = 1
    FAST = 2
    LATE = 3
    ATTEMPT = 4
    PICKUP = 5
    PICKUP_MISSED = 6
    REFUSED = 7
    NO_SUCH_NUMBER = 8
    MISSENT = 9
    WEATHER = 10
    DAMAGED = 11
    CUSTOMS_HELD = 12
    LOST = 13
    LABEL_ONLY = 14
    LETTER = 15
    PRESORT = 16
    TO_CANADA = 17
    TO_BRITAIN = 18
    SIGNATURE = 19
    PHOTO = 20
    TO_ORIGINAL_SENDER = 21
    WITHDRAWN = 22
    UNKNOWN_CODE = 23
    DATE_ONLY = 24
    LIVE = 25
    KNOWN_LATE = 26
    RECYCLED = 27
    OTHER_MAILER = 28
    LIVE_PICKUP = 29
    BUSY = 30


_LETTERS = frozenset({Scenario.LETTER})
_CROSS_BORDER = frozenset({Scenario.CUSTOMS_HELD, Scenario.TO_CANADA, Scenario.TO_BRITAIN})
_USPS_ONLY = frozenset({Scenario.PRESORT, Scenario.RECYCLED, Scenario.OTHER_MAILER, Scenario.BUSY})
_FOR_ALL = frozenset(Scenario) - _LETTERS - _CROSS_BORDER - _USPS_ONLY

SCENARIOS: dict[str, frozenset[Scenario]] = {
    CarrierCode.USPS: _FOR_ALL | _USPS_ONLY,
    CarrierCode.IMB: _LETTERS,
    CarrierCode.FDR: _FOR_ALL,
    CarrierCode.NEWGISTICS: _FOR_ALL,
    CarrierCode.PBCS: _FOR_ALL,
    CarrierCode.PBI: _FOR_ALL | _CROSS_BORDER,
    CarrierCode.FEDEX: _FOR_ALL,
    CarrierCode.UPS: _FOR_ALL,
    ONTRAC: _FOR_ALL,
}


@dataclass(frozen=True, slots=True)
class Label:
    """What a number says: `number` is without a routing prefix, `start` is a whole minute."""

    number: str
    carrier: str
    scenario: Scenario
    start: datetime
    variant: int


def write_label(carrier: str, scenario: Scenario, start: datetime, variant: int = 0) -> Label:
    """The label of this journey; ValueError when the carrier has no such journey or the start does not fit a number."""
    if scenario not in SCENARIOS.get(carrier, ()):
        raise ValueError(f"{carrier} has no journey {scenario.name}.")
    if not 0 <= variant <= 9:
        raise ValueError("A variant is a digit from 0 to 9.")
    minute = (start - EPOCH) // timedelta(minutes=1)
    if not 0 <= minute <= _LAST_MINUTE:
        raise ValueError("A journey starts in the years 2025 to 2043.")
    number = _written(carrier, scenario, minute, variant)
    return Label(number, carrier, scenario, EPOCH + timedelta(minutes=minute), variant)


def _written(carrier: str, scenario: Scenario, minute: int, variant: int) -> str:
    told = f"{scenario.value:02d}{minute:07d}"
    service = ("055", "001")[variant % 2]
    if carrier == ONTRAC:
        return f"C{_ONTRAC_DEPOT}{told}{variant}"
    match carrier:
        case CarrierCode.USPS if scenario is Scenario.PRESORT:
            return f"{variant}0021{_MAILER}{told}"
        case CarrierCode.IMB:
            return f"{variant}0040{_MAILER}{told}"
        case CarrierCode.USPS:
            mailer = _OTHER_MAILER if scenario is Scenario.OTHER_MAILER else _MAILER
            return with_impb_check_digit(f"94{service}{mailer}{told}{variant}")
        case CarrierCode.FDR:
            return with_impb_check_digit(f"92612{_MAILER_9}{told}{variant}0")
        case CarrierCode.NEWGISTICS:
            return with_impb_check_digit(f"92748{_MAILER_9}{told}{variant}0")
        case CarrierCode.PBCS:
            return with_impb_check_digit(f"92023{_MAILER_9}{told}{variant}0")
        case CarrierCode.PBI:
            return f"PBXCB70421{told}{variant}"
        case CarrierCode.FEDEX:
            return with_fedex12_check_digit(f"7{told}{variant}")
        case CarrierCode.UPS:
            return with_1z_check_digit(f"1Z{_UPS_SHIPPER}03{_base_36(int(f'{told}{variant}'))}")
    raise ValueError(f"No journeys of {carrier} are known.")


def _base_36(value: int) -> str:
    letters = ""
    for _ in range(7):
        value, digit = divmod(value, 36)
        letters = _BASE_36[digit] + letters
    return letters


_ROUTED = (
    re.compile(r"^420[0-9]{5}(9[2-5][0-9]{20}|9[2-5][0-9]{24})$"),
    re.compile(r"^420[0-9]{9}(9[2-5][0-9]{20})$"),
)
_TOLD = r"(?P<scenario>\d\d)(?P<minute>\d{7})"
# In an IMb the variant stands in front, in the barcode identifier, whose second digit is 0.
_FORMATS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (CarrierCode.USPS, re.compile(rf"^94(?:055|001)[56]08814{_TOLD}(?P<variant>\d)\d$")),
    (CarrierCode.FDR, re.compile(rf"^92612{_MAILER_9}{_TOLD}(?P<variant>\d)0\d$")),
    (CarrierCode.NEWGISTICS, re.compile(rf"^92748{_MAILER_9}{_TOLD}(?P<variant>\d)0\d$")),
    (CarrierCode.PBCS, re.compile(rf"^92023{_MAILER_9}{_TOLD}(?P<variant>\d)0\d$")),
    (CarrierCode.USPS, re.compile(rf"^(?P<variant>\d)0021{_MAILER}{_TOLD}$")),
    (CarrierCode.IMB, re.compile(rf"^(?P<variant>\d)0040{_MAILER}{_TOLD}$")),
    (CarrierCode.PBI, re.compile(rf"^PBXCB70421{_TOLD}(?P<variant>\d)$")),
    (CarrierCode.FEDEX, re.compile(rf"^7{_TOLD}(?P<variant>\d)\d$")),
    (ONTRAC, re.compile(rf"^C{_ONTRAC_DEPOT}{_TOLD}(?P<variant>\d)$")),
)
_UPS = re.compile(rf"^1Z{_UPS_SHIPPER}03(?P<payload>[0-9A-Z]{{7}})\d$")


def read_label(number: str) -> Label | None:
    """What the number says, with or without a routing prefix; None when it is not one of the simulator's."""
    number = without_routing(number)
    ups = _UPS.match(number)
    if ups:
        told = f"{int(ups['payload'], 36):010d}"
        return _checked(number, CarrierCode.UPS, told[:2], told[2:9], told[9:])
    for carrier, pattern in _FORMATS:
        match = pattern.match(number)
        if match:
            return _checked(number, carrier, match["scenario"], match["minute"], match["variant"])
    return None


def _checked(number: str, carrier: str, scenario: str, minute: str, variant: str) -> Label | None:
    try:
        start = EPOCH + timedelta(minutes=int(minute))
        label = write_label(carrier, Scenario(int(scenario)), start, int(variant))
    except ValueError:
        return None
    # Writing it anew is the check of everything at once: check digit, mailer and service.
    return label if label.number == number else None


def without_routing(number: str) -> str:
    """The number without 420 and a ZIP Code in front, where that is what the prefix is.

    Thirty-four digits may be a ZIP Code and 26 digits or a ZIP+4 and 22: the check digit decides.
    """
    pieces = [match[1] for match in (pattern.match(number) for pattern in _ROUTED) if match]
    for piece in pieces:
        if with_impb_check_digit(piece[:-1]) == piece:
            return piece
    return pieces[0] if pieces else number
