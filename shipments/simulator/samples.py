"""The five sample answers of Pitney Bowes' "Track a Package", served as they are printed there.

Where the page prints `{ ... }` for more scans, nothing stands here.
"""

from functools import cache
from pathlib import Path

from shipments.enums import CarrierCode

_FOLDER = Path(__file__).with_name("samples")

# FDR is the other word for PB Standard, but the page prints this one.
SAMPLE_NUMBERS: dict[str, CarrierCode] = {
    "9405509898641500000146": CarrierCode.USPS,
    "42020832926188270533936567018": CarrierCode.NEWGISTICS,
    "PBXCB000000003456789": CarrierCode.PBI,
    "771234567890": CarrierCode.FEDEX,
    "1Z0927XA0340576884": CarrierCode.UPS,
}


def answer(number: str, carrier: str) -> bytes | None:
    """The printed answer for this number and carrier, byte for byte as kept; None for any other."""
    if SAMPLE_NUMBERS.get(number) != carrier:
        return None
    return _kept(number)


@cache
def _kept(number: str) -> bytes:
    return (_FOLDER / f"{number}.json").read_bytes()
