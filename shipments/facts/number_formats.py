"""The shapes of the carriers' numbers: the parts of the two USPS barcodes, and who may have made a number.

Everything here takes a number in its normal form: capital letters and digits, nothing else.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from shipments.enums import CarrierCode
from shipments.facts import check_digits
from shipments.facts.countries import zones_of

Sureness = Literal["certain", "likely", "possible"]

SURENESSES: tuple[Sureness, ...] = ("certain", "likely", "possible")

# All carriers that stick the USPS parcel barcode (IMpb) on their parcels.
IMPB_CARRIERS = frozenset({CarrierCode.USPS, CarrierCode.FDR, CarrierCode.NEWGISTICS, CarrierCode.PBCS})

# The second digit of an IMb is 0 to 4 (USPS-B-3200). 21 digits are the sample in Pitney Bowes, Track a Package.
_IMB = re.compile(r"\d[0-4]\d{18}(?:\d|\d{5}|\d{9}|\d{11})?", re.ASCII)
# What starts like a routing prefix and a parcel is none of them, even where the length would do: Pitney Bowes'
# Newgistics sample 42020832926188270533936567018 has the 29 digits of an IMb.
_ROUTED = re.compile(r"420\d{5}(?:\d{4})?9[1-5]", re.ASCII)
_NEWGISTICS_SAMPLE = re.compile(r"420\d{5}92\d{19}", re.ASCII)
# Laxer than Publication 199: USPS' own test numbers carry a 92 before a short mailer ID.
_IMPB = re.compile(r"9[1-5]\d{20}(?:\d{4})?|94\d{28}", re.ASCII)
_IMPB_BY_THE_BOOK = re.compile(
    r"94\d{3}(?:9\d{8}(?:\d{15}|\d{11}|\d{7})|[0-8]\d{5}(?:\d{14}|\d{10}))\d"
    r"|(?:92(?=\d{3}9)|93(?=\d{3}[0-8])|95)\d{3}(?:9\d{8}(?:\d{11}|\d{7})|[0-8]\d{5}(?:\d{14}|\d{10}))\d",
    re.ASCII,
)
_TWENTY = re.compile(r"\d{20}", re.ASCII)
# First two digits of USPS' older numbers: the service. Tells them from most letters of the same length.
_OLD_SERVICE = re.compile(r"0[1-8]|14|2[1-6]|34|50|56|7[013]|8[235]")
_S10 = re.compile(r"[A-Z]{2}\d{9}[A-Z]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a number. `check_digit` is None where the format has none or its rule is not known."""

    carrier: str
    format: str
    sure: Sureness
    check_digit: bool | None


def without_routing(number: str) -> str:
    """The parcel's own number out of a scanned USPS barcode: what follows 420 and the ZIP Code; others as they are.

    34 and 38 digits can be cut in two ways. The one whose check digit passes is right; where both pass or none
    does, a five-digit ZIP Code is the usual one.
    """
    if re.fullmatch(r"420\d+", number, re.ASCII) is None:
        return number
    parcels = [number[start:] for start in (8, 12) if is_impb(number[start:])]
    return next((parcel for parcel in parcels if impb_fits(parcel)), parcels[0] if parcels else number)


def is_impb(number: str) -> bool:
    """Whether the number has the shape of a USPS parcel barcode without its routing prefix."""
    return _IMPB.fullmatch(number) is not None


def impb_fits(number: str) -> bool:
    """Whether the check digit of a USPS parcel number passes."""
    return check_digits.impb(number[:-1]) == number[-1]


def is_imb(number: str) -> bool:
    """Whether the number has the shape of an Intelligent Mail barcode: 20 digits, and perhaps a routing code."""
    return _IMB.fullmatch(number) is not None and _ROUTED.match(number) is None


def is_presort(carrier: str, number: str) -> bool:
    """Whether the number is a Presort letter's: an IMb under USPS that is none of USPS' older parcel numbers.

    Such letters are scanned in a part of their way only. `analytics.attention_rules` says the same in SQL.
    """
    return (
        carrier == CarrierCode.USPS
        and len(number) == 20
        and is_imb(number)
        and _OLD_SERVICE.match(number) is None
    )


def readings(number: str) -> list[Reading]:
    """Every way to read the number by the rules in code, in no particular order."""
    parcel = without_routing(number)
    if is_impb(parcel):
        return _impb_readings(number, parcel)
    if is_imb(number) or _TWENTY.fullmatch(number):
        return _digits_readings(number)
    return list(_other_readings(number))


def _impb_readings(number: str, parcel: str) -> list[Reading]:
    fits = impb_fits(parcel)
    name = "USPS Legacy" if parcel.startswith("91") else "USPS IMpb"
    usual = _IMPB_BY_THE_BOOK.fullmatch(parcel) is not None
    likely: Sureness = "likely" if fits else "possible"
    usps: Sureness = ("certain" if fits else "likely") if usual else likely
    # Which company handed a parcel to USPS cannot be read off for sure, so neither of the two is ever certain.
    if re.fullmatch(r"920\d{23}", parcel, re.ASCII):
        return [
            Reading(CarrierCode.PBCS, "PB Delivery", likely, fits),
            Reading(CarrierCode.USPS, name, likely, fits),
        ]
    if parcel.startswith(("9261", "9274")):
        if len(number) == 34:
            return [
                Reading(CarrierCode.FDR, "PB Standard", likely, fits),
                Reading(CarrierCode.USPS, name, likely, fits),
            ]
        if len(parcel) == 26:
            return [
                Reading(CarrierCode.USPS, name, usps, fits),
                Reading(CarrierCode.FDR, "PB Standard", "possible", fits),
            ]
    return [Reading(CarrierCode.USPS, name, usps, fits)]


def _digits_readings(number: str) -> list[Reading]:
    """Letters by IMb, and USPS' older parcel numbers of the same 20 digits."""
    letter = [
        Reading(CarrierCode.IMB, "IMb", "likely", None),
        # Pitney Bowes tracks Presort letters under USPS (Track a Package).
        Reading(CarrierCode.USPS, "IMb", "possible", None),
    ]
    if len(number) != 20:
        return letter
    if impb_fits(number):
        name, fits = "USPS 20", True
    elif impb_fits("91" + number):
        name, fits = "USPS Legacy", True
    else:
        name, fits = "USPS 20", False
    if not is_imb(number):
        return [Reading(CarrierCode.USPS, name, "likely" if fits else "possible", fits)]
    if fits and _OLD_SERVICE.match(number):
        return [
            Reading(CarrierCode.USPS, name, "likely", True),
            Reading(CarrierCode.IMB, "IMb", "possible", None),
        ]
    return [*letter, Reading(CarrierCode.USPS, name, "possible", fits)]


@dataclass(frozen=True, slots=True)
class _Format:
    carrier: CarrierCode
    name: str
    pattern: re.Pattern[str]
    # Whether the check digit passes; None where there is no known rule.
    fits: Callable[[str], bool] | None
    # How sure the shape makes it with a passing digit, and with a failing one.
    sure: tuple[Sureness, Sureness]

    def read(self, number: str) -> Reading:
        fits = self.fits(number) if self.fits else None
        return Reading(self.carrier, self.name, self.sure[fits is False], fits)


def _format(
    carrier: CarrierCode,
    name: str,
    pattern: str,
    fits: Callable[[str], bool] | None,
    *sure: Sureness,
) -> _Format:
    return _Format(carrier, name, re.compile(pattern, re.ASCII), fits, (sure[0], sure[-1]))


_FORMATS = (
    _format(
        CarrierCode.UPS,
        "UPS 1Z",
        r"1Z[0-9A-Z]{15}\d",
        lambda n: check_digits.ups_1z(n[2:-1]) == n[-1],
        "certain",
        "likely",
    ),
    _format(
        CarrierCode.UPS,
        "UPS Waybill",
        r"[AHJKTV]\d{10}",
        lambda n: check_digits.ups_waybill(n[1:-1]) == n[-1],
        "likely",
        "possible",
    ),
    # Shapes from one sample number each; anything else that begins PBX is taken for theirs too.
    _format(CarrierCode.PBI, "PB cross-border", r"PBX[A-Z]{2}\d{15}|UPAAB\d{15}", None, "certain"),
    _format(CarrierCode.PBI, "PB cross-border", r"PBX(?![A-Z]{2}\d{15}\Z)[0-9A-Z]{1,31}", None, "likely"),
    _format(
        CarrierCode.FEDEX,
        "FedEx Express 12",
        r"\d{12}",
        lambda n: check_digits.fedex_12(n[:11]) == n[11],
        "likely",
        "possible",
    ),
    _format(
        CarrierCode.FEDEX,
        "FedEx Ground 15",
        r"\d{15}",
        lambda n: check_digits.fedex_ground(n[:14]) == n[14],
        "likely",
        "possible",
    ),
    _format(
        CarrierCode.FEDEX,
        "FedEx Ground SSCC-18",
        r"\d{18}",
        lambda n: check_digits.impb(n[2:17]) == n[17],
        "likely",
        "possible",
    ),
    # No USPS number begins with 96.
    _format(
        CarrierCode.FEDEX,
        "FedEx Ground 96",
        r"96\d{20}",
        lambda n: check_digits.fedex_ground(n[7:21]) == n[21],
        "certain",
        "likely",
    ),
    _format(
        CarrierCode.FEDEX,
        "FedEx Ground GSN",
        r"96\d{32}",
        lambda n: check_digits.fedex_long(n[20:33]) == n[33],
        "certain",
        "likely",
    ),
    _format(
        CarrierCode.FEDEX,
        "FedEx Express 34",
        r"[0-8]\d{33}",
        lambda n: check_digits.fedex_long(n[20:33]) == n[33],
        "likely",
        "possible",
    ),
    # The barcode's last four digits are no part of the number.
    _format(
        CarrierCode.FEDEX,
        "FedEx ASTRA",
        r"3\d{31}",
        lambda n: check_digits.fedex_12(n[16:27]) == n[27],
        "likely",
        "possible",
    ),
    _format(CarrierCode.NEWGISTICS, "Newgistics", _NEWGISTICS_SAMPLE.pattern, None, "possible"),
)


def _other_readings(number: str) -> Iterator[Reading]:
    if _S10.fullmatch(number) and zones_of(number[-2:]):
        fits = check_digits.s10(number[2:10]) == number[10]
        # USPS also tracks what the other posts send into the country.
        sure: tuple[Sureness, Sureness] = (
            ("certain", "likely") if number.endswith("US") else ("likely", "possible")
        )
        yield Reading(CarrierCode.USPS, "UPU S10", sure[not fits], fits)
    for known in _FORMATS:
        if known.pattern.fullmatch(number):
            yield known.read(number)


# Every format whose rule is in code, in the order in which readings that are equally sure are told.
BUILT_IN: tuple[tuple[str, str], ...] = (
    # A parcel that may be Pitney Bowes' is told to be so first: USPS answers for it as well, but with less.
    (CarrierCode.PBCS, "PB Delivery"),
    (CarrierCode.FDR, "PB Standard"),
    (CarrierCode.USPS, "USPS IMpb"),
    (CarrierCode.IMB, "IMb"),
    (CarrierCode.USPS, "IMb"),
    (CarrierCode.USPS, "USPS 20"),
    (CarrierCode.USPS, "USPS Legacy"),
    (CarrierCode.USPS, "UPU S10"),
    *dict.fromkeys((known.carrier, known.name) for known in _FORMATS),
)
