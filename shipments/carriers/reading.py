"""Reading what carriers write: one bad field costs that field, one bad scan that scan, and each loss is on record.

A client describes an object of the wire as a subclass of `Wire` and reads it with `read`. A field with a
default is optional: null, blank and unreadable values leave the default, and the unreadable ones are noted
in `Findings`. A field without a default is needed: without it the object is refused with a ValueError, which
`read_each` turns into one lost element of a list.

The types of the fields are in `values`. Reasons name the rule that was broken and never the value, because a
value may be somebody's name.
"""

import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic.alias_generators import to_camel

from shipments.carriers.base import Unreadable
from shipments.carriers.errors import UnreadableAnswer
from shipments.carriers.http import MAX_KEPT

# What one answer may add to a parcel's list of losses; a carrier that changed its format loses every field.
MAX_FINDINGS = 100
# Elements of a list read at all. USPS stops at 99 events; Pitney Bowes names no limit.
MAX_ELEMENTS = 1000
# Different sayings of scans kept in memory, of about a kilobyte each, and the longest value in one.
MOST_REMEMBERED = 2_048
MAX_REMEMBERED = 300
# No carrier's number is longer than 34 digits.
MAX_DIGITS = 40

T = TypeVar("T")


# ---- Whole bodies


def parse_json(body: bytes, what: str, *, http_status: int | None = None) -> Any:
    """The JSON value of a body; UnreadableAnswer, holding the body, when it is none.

    Refused are also NaN, Infinity and numbers beyond a float's range or 40 digits: they are no JSON, or
    would break whoever stores or adds them up. `what` names the exchange in the message.
    """

    return _parse(body, what, http_status, _DECODER.decode)


def parse_elements(
    body: bytes, what: str, *, http_status: int | None = None
) -> tuple[Any, list[tuple[Any, bytes]]]:
    """The JSON value of a body like `parse_json`, and, where it is a list, each element with the very bytes that say it;
    of another value just that."""

    def decoded(text: str) -> tuple[Any, list[tuple[Any, bytes]]]:
        at = _past_blanks(text, 0)
        elements: list[tuple[Any, bytes]] = []
        while text[at : at + 1] == ("," if elements else "["):
            start = _past_blanks(text, at + 1)
            try:
                element, end = _DECODER.raw_decode(text, start)
            except ValueError:
                # An empty list, or none that can be read: the usual way says which.
                break
            elements.append((element, text[start:end].encode()))
            at = _past_blanks(text, end)
        if elements and text[at : at + 1] == "]" and _past_blanks(text, at + 1) == len(text):
            return [element for element, _own in elements], elements
        value = _DECODER.decode(text)
        return value, [] if isinstance(value, list) else [(value, text.strip().encode())]

    return _parse(body, what, http_status, decoded)


def _parse(body: bytes, what: str, http_status: int | None, decode: Callable[[str], T]) -> T:
    def refused(why: str) -> UnreadableAnswer:
        return UnreadableAnswer(f"{what}: {why}.", http_status=http_status, kept=body[:MAX_KEPT])

    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        # The causes are cut off here and below: they carry the whole body, and with it people's names.
        raise refused("the answer is not written in UTF-8") from None
    if not text.strip():
        raise refused("the answer is empty")
    if text.lstrip().startswith("<"):
        raise refused("the answer is a web page or XML instead of JSON")
    try:
        return decode(text)
    except RecursionError:
        raise refused("the answer is nested too deeply") from None
    except json.JSONDecodeError as exc:
        raise refused(f"the answer is not complete JSON (it breaks at character {exc.pos:,})") from None
    except ValueError:
        raise refused("the answer holds a number out of range") from None


def _past_blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found is not None else at


def _no_such_number(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _finite_float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("beyond the range of a float")
    return number


def _bounded_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("more digits than any number of a carrier")
    return int(digits)


_BLANKS = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder(parse_constant=_no_such_number, parse_float=_finite_float, parse_int=_bounded_int)


# ---- What was lost


class Findings:
    """Collects what could not be read of one answer, and where it stood. At most `MAX_FINDINGS` entries."""

    def __init__(self, where: str = "") -> None:
        self._path = [where] if where else []
        self._found: list[Unreadable] = []

    @contextmanager
    def at(self, step: str) -> Iterator[None]:
        """Entries noted inside stand one step deeper: `scanDetailsList[3]`, then `eventTime`."""
        self.enter(step)
        try:
            yield
        finally:
            self.leave()

    def enter(self, step: str) -> None:
        """Stand one step deeper until `leave`: what `at` does, for where it is done a thousand times an answer."""
        self._path.append(step)

    def leave(self) -> None:
        self._path.pop()

    def note(self, reason: str) -> None:
        if len(self._found) < MAX_FINDINGS:
            self._found.append(Unreadable(".".join(self._path), reason))

    def note_all(self, found: Iterable[Unreadable]) -> None:
        """Entries that were noted apart, as if they had been noted here."""
        for one in found:
            with self.at(one.where):
                self.note(one.reason)

    @property
    def found(self) -> tuple[Unreadable, ...]:
        return tuple(self._found)


def reason_of(error: ValueError) -> str:
    """Why something was refused, in our words and without its value."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(step) for step in first["loc"])
    match first["type"]:
        case "value_error":
            said = str(first["ctx"]["error"])
        case "missing":
            said = "missing"
        case "model_type" | "model_attributes_type" | "dict_type":
            said = "not an object"
        case _:
            said = first["msg"]
    return f"{field}: {said}" if field else said


# ---- Objects


class Wire(BaseModel):
    """An object of the wire. Attributes are snake case for the wire's camelCase, or carry their own alias.

    Fields that are not declared are left alone: the kept raw answer has them, and they may name a person.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    @field_validator("*", mode="wrap")
    @classmethod
    def _cost_only_the_field(
        cls, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        assert info.field_name is not None
        name, is_required, default = _field(cls, info.field_name)
        missing = value is None or (isinstance(value, str) and not value.strip())
        if is_required:
            if missing:
                raise ValueError("missing")
            return handler(value)
        if missing:
            return default
        findings = findings_of(info)
        findings.enter(name)
        try:
            return handler(value)
        except ValueError as exc:
            findings.note(reason_of(exc))
            return default
        finally:
            findings.leave()

    @classmethod
    def read(cls, raw: Any, findings: Findings) -> Self:
        """The object as far as it can be read; ValueError when it is none or lacks what it needs."""
        if not isinstance(raw, dict):
            raise ValueError("not an object")
        return cls.model_validate(raw, context=findings)

    def details(self, *fields: str) -> dict[str, Any]:
        """These fields under their wire names, without the empty ones: for the `details` of our shapes."""
        told = {wire_name(type(self), name): getattr(self, name) for name in fields}
        return {name: value for name, value in told.items() if value not in (None, "", [], {}, ())}


@cache
def _field(model: type[Wire], name: str) -> tuple[str, bool, Any]:
    """What the carrier calls the field, whether it is needed, and what stands in it otherwise: nothing that can change."""
    field = model.model_fields[name]
    required = field.is_required()
    return wire_name(model, name), required, None if required else field.get_default()


def remembering(
    reader: "Callable[[dict[str, Any], Findings], T]", *, but: Collection[str]
) -> "Callable[[dict[str, Any], Findings], T]":
    """`reader` for objects of which the same come again and again, members named in `but` aside: those it does not see.

    A day's scans are a few thousand different sayings at different times, and reading one takes a hundred times as long as
    finding it again. What is given out is shared: nobody may change it.
    """

    @lru_cache(maxsize=MOST_REMEMBERED)
    def read(members: tuple[tuple[str, type, Any], ...]) -> tuple[T, tuple[Unreadable, ...]]:
        findings = Findings()
        # A refusal is not remembered: it is rare, and an exception carries where it was raised.
        return reader({name: value for name, _kind, value in members}, findings), findings.found

    def read_or_find(raw: dict[str, Any], findings: Findings) -> T:
        # With its type: to Python, True and 1 are one key.
        members = tuple((name, value.__class__, value) for name, value in raw.items() if name not in but)
        for name, kind, value in members:
            # Lists and objects cannot be keys, and what is long is not kept: the carrier decides how long.
            if kind is dict or kind is list or (kind is str and len(value) + len(name) > MAX_REMEMBERED):
                return reader({name: value for name, _kind, value in members}, findings)
        told, lost = read(members)
        if lost:
            findings.note_all(lost)
        return told

    return read_or_find


def optional(raw: Mapping[str, Any], name: str, reader: Callable[[str], T], findings: Findings) -> T | None:
    """One member that is a text, as a field of a `Wire` with the default None is read."""
    value = raw.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        if not isinstance(value, str):
            raise ValueError("not text")
        return reader(value)
    except ValueError as exc:
        with findings.at(name):
            findings.note(reason_of(exc))
        return None


def wire_name(model: type[BaseModel], field: str) -> str:
    """What the carrier calls the field."""
    return model.model_fields[field].alias or field


def findings_of(info: ValidationInfo) -> Findings:
    """Where the reading under way notes its losses."""
    assert isinstance(info.context, Findings)
    return info.context


def read_each(
    raw: Any, reader: Callable[[Any, Findings], T], *, where: str
) -> tuple[tuple[T, ...], tuple[Unreadable, ...]]:
    """The elements that could be read, in their order, and what was lost on the way.

    Carriers write one object where their document says array; null is an empty array. `reader` raises
    ValueError for an element that is no use at all.
    """
    findings = Findings()
    if raw is None:
        elements: list[Any] = []
    elif isinstance(raw, list):
        elements = raw
    elif isinstance(raw, dict):
        elements = [raw]
    else:
        return (), (Unreadable(where, "neither an array nor an object"),)
    good: list[T] = []
    for at, element in enumerate(elements[:MAX_ELEMENTS]):
        findings.enter(f"{where}[{at}]")
        try:
            good.append(reader(element, findings))
        except ValueError as exc:
            findings.note(reason_of(exc))
        finally:
            findings.leave()
    if len(elements) > MAX_ELEMENTS:
        return tuple(good), (
            Unreadable(where, f"longer than {MAX_ELEMENTS:,} elements; the rest was left out"),
            *findings.found,
        )
    return tuple(good), findings.found
