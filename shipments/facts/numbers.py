"""Tracking numbers as people type them, as they are kept, and whose they may be."""

import re
import unicodedata
from dataclasses import dataclass

from django.utils.translation import gettext as _

from shipments.enums import CarrierCode
from shipments.facts.number_formats import (
    IMPB_CARRIERS,
    Sureness,
    impb_fits,
    is_imb,
    is_impb,
    without_routing,
)
from shipments.facts.number_patterns import LONGEST, SHORTEST
from shipments.facts.recognition import IN_CODE, Formats


class NumberError(ValueError):
    """A tracking number that breaks a rule; the message is a sentence for people that names it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A carrier a number may belong to. `canonical` is how the number would be kept under that carrier.

    `format` is the proper name of the shape. `check_digit` says whether it passes, None where there is none
    to test; passing proves little, as one number in ten does by chance. `note` is a sentence for people or "".
    """

    carrier: str
    format: str
    canonical: str
    sure: Sureness
    check_digit: bool | None
    note: str


def normal(text: str) -> str:
    """The number without what keyboards, mail programs and scanners add, in capitals; fails for no text.

    Blanks, dashes and invisible signs go, full-width signs become plain ones, and so do the GS1 marks of a
    barcode scanner: `]C1`, the group separator, and brackets around an application identifier.
    """
    # Most numbers come without any of it; files bring hundreds of thousands.
    if text.isascii() and text.isalnum():
        return text.upper()
    # Half a surrogate pair, which JSON can carry, is not text that a database takes: it becomes a question mark.
    whole = text.encode("utf-8", "replace").decode()
    kept = "".join(sign for sign in unicodedata.normalize("NFKC", whole) if not _is_filler(sign))
    # Only a to z: the capitals of some other letters are plain ones, and would turn nonsense into a number.
    capitals = re.sub(r"[a-z]+", lambda match: match[0].upper(), kept)
    return re.sub(r"\(([0-9]{2,4})\)", r"\1", re.sub(r"^(?:\]C1)+", "", capitals))


def check_number(text: str) -> str:
    """The normal form of a tracking number, or `NumberError`.

    The form of a scanned barcode may be longer than a number: 420, nine digits of ZIP Code and a parcel's 26.
    """
    number = normal(text)
    if re.fullmatch(r"[0-9A-Z]+", number) and SHORTEST <= len(canonical(number, None)) <= LONGEST:
        return number
    raise NumberError(
        _("A tracking number has %(shortest)d to %(longest)d letters and digits, and nothing else.")
        % {"shortest": SHORTEST, "longest": LONGEST}
    )


def canonical(text: str, carrier: str | None) -> str:
    """The form a parcel's number is kept and asked in; the same whatever form was typed or scanned.

    USPS parcel barcodes lose their routing prefix. Letters (IMb) are cut to 20 digits under the two carriers
    that track them, USPS being that of Presort (Pitney Bowes, Track a Package). Other numbers, and documentation
    numbers that fit no rule, stay whole.
    """
    number = normal(text)
    if carrier in {CarrierCode.IMB, CarrierCode.USPS} and is_imb(number):
        return number[:20]
    return without_routing(number)


def lookup_key(text: str) -> str:
    """What every form of a parcel's number has in common, whoever carries it: compare keys to find a parcel.

    The key is for finding only: two parcels may share one. It is the same for what a person types as for the
    canonical form under any carrier.
    """
    number = normal(text)
    parcel = without_routing(number)
    if is_impb(parcel):
        # A barcode of 34 digits can be cut in two ways; the last 22 digits are the parcel's in both.
        return parcel[-22:]
    return number[:20] if is_imb(number) else number


def without_destination(number: str) -> str:
    """The number as strangers may read it: of a letter's barcode the 20 digits before the ZIP Code it goes to.

    `canonical` cuts it for the carriers of letters; under another one, chosen by mistake, it is kept whole.
    """
    return number[:20] if is_imb(number) else number


def recognise(text: str, formats: Formats = IN_CODE) -> list[Candidate]:
    """The carriers a number may belong to by these formats, the surest first; none where it has no known shape."""
    number = normal(text)
    return [
        Candidate(
            carrier=reading.carrier,
            format=reading.format,
            canonical=canonical(number, reading.carrier),
            sure=reading.sure,
            check_digit=reading.check_digit,
            note=_mistyped() if reading.check_digit is False else note or _note(reading.format),
        )
        for reading, note in formats.read(number)
    ]


def check_digit_warning(number: str, carrier: str, formats: Formats = IN_CODE) -> str | None:
    """A sentence for people when the number looks like one of the carrier's but its check digit fails.

    Never a reason to refuse it: carriers' documents and test systems use such numbers.
    """
    written = normal(number)
    parcel = without_routing(written)
    if carrier in IMPB_CARRIERS and is_impb(parcel):
        return None if impb_fits(parcel) else _mistyped()
    passes = [reading.check_digit for reading, _text in formats.read(written) if reading.carrier == carrier]
    return _mistyped() if passes and not any(digit is not False for digit in passes) else None


def _is_filler(sign: str) -> bool:
    return sign.isspace() or sign == "\u2212" or unicodedata.category(sign) in {"Pd", "Cf", "Cc"}


def _mistyped() -> str:
    return _(
        "The check digit of this number does not fit: it may be mistyped. It can be tracked all the same."
    )


def _note(format_name: str) -> str:
    if format_name in {"PB Delivery", "PB Standard"}:
        return _("Parcels of other senders can have numbers like this one.")
    if format_name == "IMb":
        return _("A letter: only the first 20 digits are asked for.")
    return ""
