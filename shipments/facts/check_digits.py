"""Check digits of the carriers' numbers: work one out, test one, append one.

Every function takes digits and capital letters as text, because leading zeros count. A digit that does not
fit is a hint at a mistyped number and no proof: the carriers' own documents print masked numbers.
"""

import re

_FEDEX_EXPRESS = (3, 1, 7)
_FEDEX_LONG = (1, 7, 3)
_S10 = (8, 6, 4, 2, 3, 5, 9, 7)


def mod10(body: str, *, even: int, odd: int) -> str:
    """The digit that lifts the weighted sum to a multiple of ten; places count from 0 at the left.

    A letter counts as UPS counts it: A is 2, B is 3, H is 9, I is 0 and so on round.
    """
    total = sum(
        (int(sign) if sign.isdigit() else (ord(sign) - 3) % 10) * (odd if place % 2 else even)
        for place, sign in enumerate(body)
    )
    return str(-total % 10)


def mod11(body: str, weights: tuple[int, ...]) -> str:
    """FedEx's digit: the weights repeat over the body, the sum modulo 11, and 10 becomes 0."""
    total = sum(int(digit) * weights[place % len(weights)] for place, digit in enumerate(body))
    return str(total % 11 % 10)


def impb(body: str) -> str:
    """The digit of a USPS parcel barcode: weight 3 on the last digit of the body, then 1, 3, 1 … leftwards.

    The routing prefix (420 and ZIP Code) is no part of the body. USPS' older 20-digit and 91 numbers, whose
    body counts the 91 even where it is not printed, and GS1's SSCC-18 share the rule.
    """
    return mod10(body[::-1], even=3, odd=1)


def ups_1z(body: str) -> str:
    """The digit of a UPS number over the 15 characters after `1Z`; doubled values are not cut to one digit."""
    return mod10(body, even=1, odd=2)


def ups_waybill(body: str) -> str:
    """The digit that follows the letter and nine digits of a UPS waybill; the letter does not count."""
    return mod10(body, even=1, odd=2)


def s10(body: str) -> str:
    """The digit of an international number (UPU S10) over its eight digits."""
    remainder = sum(int(digit) * weight for digit, weight in zip(body, _S10, strict=True)) % 11
    return {0: "5", 1: "0"}.get(remainder, str(11 - remainder))


def fedex_12(body: str) -> str:
    """The digit of a FedEx Express number over its first eleven digits (also inside the ASTRA barcode)."""
    return mod11(body, _FEDEX_EXPRESS)


def fedex_long(body: str) -> str:
    """The digit at the end of FedEx's 34-digit barcodes, over the 13 digits before it."""
    return mod11(body, _FEDEX_LONG)


def fedex_ground(body: str) -> str:
    """The digit of a FedEx Ground number over the 14 digits before it."""
    return mod10(body, even=1, odd=3)


def with_impb_check_digit(body: str) -> str:
    """A whole USPS parcel number (22, 26 or 30 digits) from all its digits but the last."""
    return body + impb(_shaped(body, r"9\d{20}(\d{4}){0,2}", "21, 25 or 29 digits that begin with 9"))


def with_1z_check_digit(body: str) -> str:
    """A whole UPS number (18 characters) from `1Z` and the 15 characters after it."""
    return body + ups_1z(_shaped(body, r"1Z[0-9A-Z]{15}", "1Z and 15 digits or capital letters")[2:])


def with_fedex12_check_digit(body: str) -> str:
    """A whole FedEx Express number from its first eleven digits."""
    return body + fedex_12(_shaped(body, r"\d{11}", "eleven digits"))


def with_s10_check_digit(body: str) -> str:
    """A whole international number from one without its digit: `RB12345678GB` becomes `RB123456785GB`."""
    _shaped(body, r"[A-Z]{2}\d{8}[A-Z]{2}", "two letters, eight digits and two letters")
    return body[:10] + s10(body[2:10]) + body[10:]


def _shaped(body: str, pattern: str, words: str) -> str:
    if re.fullmatch(pattern, body, re.ASCII) is None:
        raise ValueError(f"the number without its check digit must be {words}")
    return body
