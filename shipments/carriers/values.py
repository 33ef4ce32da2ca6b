"""The values carriers write in their fields, read leniently into ones that can be stored and shown.

What comes out of here fits PostgreSQL and a page: no NUL, no half of a surrogate pair, no control characters, no
markup, bounded lengths. The types at the end are for the fields of a `reading.Wire`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from html import unescape
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import PlainValidator, ValidationInfo

from shipments.carriers.reading import MAX_DIGITS, findings_of
from shipments.facts.times import Posted, read_offset

# The longest sentence of a carrier seen so far has 180 characters (USPS' statusSummary).
MAX_TEXT = 1000
# The longest identifier is a tracking number of 34 characters, or a number USPS gives to a piece.
MAX_WORD = 100
MAX_URL = 2000
# Carriers send 0001-01-01 and 1900-01-01 for "no date"; outside these years arithmetic with offsets may overflow.
_YEARS = range(1970, 2200)

T = TypeVar("T")

# ---- Text
_TAG = re.compile(r"<(?:/?(?P<name>[A-Za-z][A-Za-z0-9]*)\b[^<>]*|!--[^<>]*--)>")
_BREAKS_A_LINE = frozenset({"br", "p", "div", "li", "tr", "td", "hr"})
# Control characters (line breaks and tabs became blanks before), halves of surrogate pairs, and the marks that
# turn the direction of the text around them.
_NOT_FOR_DISPLAY = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u200b\u202a-\u202e\u2066-\u2069\ufeff]")


def plain_text(text: str) -> str:
    """Display text without markup, entities, control characters and doubled blanks.

    `Priority Mail<SUP>&reg;</SUP>` is `Priority Mail®`; `&#153;` is `™`, as in the windows-1252 it was meant
    in (USPS Tracking v3r2 3.2.2, `mailClass`). Entities written twice over (`&amp;reg;`) are read too.
    """
    for _ in range(2):
        text = unescape(_TAG.sub(_without_tag, text))
    return _for_display(text)


def _without_tag(tag: re.Match[str]) -> str:
    return " " if (tag["name"] or "").lower() in _BREAKS_A_LINE else ""


def _for_display(text: str) -> str:
    return " ".join(_NOT_FOR_DISPLAY.sub("", " ".join(text.split())).split())


def _as_text(value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            raise ValueError("not text")
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else str(value)
    raise ValueError("not text")


def _bounded(text: str, limit: int, info: ValidationInfo) -> str:
    if len(text) <= limit:
        return text
    findings_of(info).note(f"longer than {limit:,} characters; the rest was cut")
    return text[:limit].rstrip()


def _display_text(value: Any, info: ValidationInfo) -> str:
    raw = _as_text(value)
    # Markup may double the length of honest text, not make it twenty times as long.
    text = plain_text(raw[: MAX_TEXT * 20])
    return _bounded(text, MAX_TEXT, info)


def _word(value: Any, info: ValidationInfo) -> str:
    return _bounded(_for_display(_as_text(value)[: MAX_WORD * 20]), MAX_WORD, info)


def _postal_code(value: Any, info: ValidationInfo) -> str:
    # As a number a ZIP Code of New England loses its leading zero.
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:05d}"[:MAX_WORD]
    return _word(value, info)


def _url(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not an address")
    address = value.strip()
    if len(address) > MAX_URL:
        raise ValueError(f"an address longer than {MAX_URL:,} characters")
    # urlsplit() drops line breaks silently, so what it approves would not be what is kept.
    if not address.isprintable() or " " in address:
        raise ValueError("not an address")
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        raise ValueError("not an address") from None
    if parts.scheme.lower() not in {"http", "https"} or not host:
        raise ValueError("not an http or https address")
    return address


_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")


def _bearer_token(value: Any) -> str:
    # Anything else would break the header it goes into; the widest tokens in use (JWT) have some 2,000 characters.
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise ValueError("not a token")
    return value


# ---- Numbers, dates, times


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    match value.strip().lower() if isinstance(value, str) else None:
        case "true":
            return True
        case "false":
            return False
    raise ValueError("neither true nor false")


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("not a number")
    # Underscores are Python's, not a carrier's.
    if len(str(value)) > MAX_DIGITS or "_" in str(value):
        raise ValueError("not a number")
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError("not a number") from None
    if not number.is_finite():
        raise ValueError("not a number")
    return number


def _number_as_sent(value: Any) -> float | int | str:
    number = _decimal(value)
    if abs(number.adjusted()) > MAX_DIGITS:
        raise ValueError("a number out of range")
    # _decimal() has seen that it is one of the three.
    sent: float | int | str = value.strip() if isinstance(value, str) else value
    return sent


def _count(value: Any) -> int:
    number = _decimal(value)
    # The upper bound is what an integer column holds.
    if not 0 <= number < 2**31 or number != number.to_integral_value():
        raise ValueError("not a count")
    return int(number)


def _degrees(limit: int) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        number = _decimal(value)
        if abs(number) > limit:
            raise ValueError(f"not between -{limit} and {limit} degrees")
        return float(number)

    return read


_DATE = re.compile(r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})", re.ASCII)
_TIME = re.compile(r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d{1,9})?)?", re.ASCII)


def read_date(text: str) -> Posted:
    """`2019-10-08`, and the time and offset where the carrier wrote them into the same field.

    `2019-10-02 23:30:42` and `2024-04-04T14:03:12.041-07:00` are read whole, fractions of a second are
    dropped. ValueError for anything else and for years before 1970 or from 2200 on.
    """
    cleaned = text.strip()
    on = _day(cleaned[:10])
    rest = cleaned[10:]
    if not rest:
        return Posted(on)
    if rest[0] not in "T t":
        raise ValueError("not a date (YYYY-MM-DD)")
    rest = rest[1:].strip()
    clock = _TIME.match(rest)
    if clock is None:
        raise ValueError("a date with something after it that is not a time")
    at = _real_time(clock)
    tail = rest[clock.end() :].strip()
    return Posted(on, at, read_wire_offset(tail) if tail else None)


def read_time(text: str) -> time:
    """`08:26:00` or `8:26`, fractions of a second dropped; ValueError otherwise."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError("not a time (HH:MM:SS)")
    return _real_time(match)


@lru_cache(maxsize=8_192)
def read_wire_offset(text: str) -> timedelta:
    """An offset as `facts.times.read_offset` takes it; the ValueError does not repeat the value."""
    try:
        return read_offset(text)
    except ValueError:
        raise ValueError("not an offset from UTC (±hh:mm)") from None


# A few hundred days make up what carriers write, thousands of times a second.
@lru_cache(maxsize=1_024)
def _day(text: str) -> date:
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError("not a date (YYYY-MM-DD)")
    try:
        on = date(int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError:
        raise ValueError("a date that is in no calendar") from None
    if on.year not in _YEARS:
        raise ValueError(f"a date outside {_YEARS.start}–{_YEARS.stop - 1}")
    return on


def _real_time(match: re.Match[str]) -> time:
    try:
        return time(int(match["hour"]), int(match["minute"]), int(match["second"] or 0))
    except ValueError:
        raise ValueError("a time that is on no clock") from None


def _of_text(reader: Callable[[str], T]) -> Callable[[Any], T]:
    def read(value: Any) -> T:
        if not isinstance(value, str):
            raise ValueError("not text")
        return reader(value)

    return read


def posted(day: Posted | None, at: time | None = None, offset: timedelta | None = None) -> Posted | None:
    """One moment from a carrier's separate fields for date, time and offset; None without a date.

    A time or offset of its own wins over one inside the date. An offset without a time says nothing.
    """
    if day is None:
        return None
    clock = at if at is not None else day.at
    if clock is None:
        return replace(day, offset=None)
    return replace(day, at=clock, offset=offset if offset is not None else day.offset)


# ---- Values for `details`

_MAX_DEPTH = 6
_MAX_MEMBERS = 200


def plain_value(value: Any, *, depth: int = _MAX_DEPTH) -> Any:
    """A JSON value that can be stored and shown: texts plain and bounded, lists and objects bounded.

    What lies deeper than six levels becomes None.
    """
    match value:
        case str():
            return plain_text(value[: MAX_TEXT * 20])[:MAX_TEXT]
        case bool() | int() | float() | None:
            return value
        case _ if depth == 0:
            return None
        case list():
            return [plain_value(one, depth=depth - 1) for one in value[:_MAX_MEMBERS]]
        case Mapping():
            members = list(value.items())[:_MAX_MEMBERS]
            return {
                _for_display(str(name))[:MAX_WORD]: plain_value(one, depth=depth - 1) for name, one in members
            }
    raise ValueError("not a JSON value")


# Types for the fields of a `Wire`. Give each a default ("" or None), unless the object is no use without it.

# Words for people; at most MAX_TEXT characters, longer text is cut and noted.
Text = Annotated[str, PlainValidator(_display_text)]
# Codes, numbers, names of units: kept as written, at most MAX_WORD characters, longer ones are cut and noted.
Word = Annotated[str, PlainValidator(_word)]
PostalCode = Annotated[str, PlainValidator(_postal_code)]
# http and https only: these addresses become links on pages.
Url = Annotated[str, PlainValidator(_url)]
# What may follow "Bearer" in a header. Keep objects that have one out of logs: a `Wire` shows its fields.
BearerToken = Annotated[str, PlainValidator(_bearer_token)]
Flag = Annotated[bool, PlainValidator(_flag)]
# A number or numeric text, exactly as the carrier sent it.
NumberAsSent = Annotated[float | int | str, PlainValidator(_number_as_sent)]
Count = Annotated[int, PlainValidator(_count)]
Latitude = Annotated[float, PlainValidator(_degrees(90))]
Longitude = Annotated[float, PlainValidator(_degrees(180))]
WireDate = Annotated[Posted, PlainValidator(_of_text(read_date))]
WireTime = Annotated[time, PlainValidator(_of_text(read_time))]
Offset = Annotated[timedelta, PlainValidator(_of_text(read_wire_offset))]
# Any JSON value, made fit for `details`.
Plain = Annotated[Any, PlainValidator(plain_value)]
