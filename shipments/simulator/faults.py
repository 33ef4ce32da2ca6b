"""Scripted trouble. A SPEC is a comma-separated list of entries `KIND[@WIRE]:WHEN[:DETAIL]`.

WHEN is one of
  0.1          a share of the calls, from 0 to 1 (the same calls for the same seed and order)
  x3           the next three calls
  94001…       the calls that carry this tracking number; 9400* for all that begin so

WIRE is `usps` or `pitney_bowes`; without it an entry holds for both.

KIND, for tracking calls
  400 401 403 404 429 500 503   that status with the carrier's own error body; DETAIL of 429 and 503 is
                                Retry-After: seconds (default 30), `date` for an HTTP date, `none` for no header
  timeout      no answer; DETAIL: after how many seconds the connection is closed (default 120)
  reset        the connection is closed in the middle of the answer
  slow         the answer trickles; DETAIL: over how many seconds (default 60)
  html         an HTML page with status 200;  DETAIL: another status
  empty        status 200 and no body
  cut          the first half of the answer, as if it were the whole
  wrongtypes   the answer with every value of a type nobody expects; of a batch, by number, only that item
  huge         50 MB of JSON; DETAIL: another number of MB
  endless      JSON that never ends
  deep         100,000 arrays inside each other
  revoked      401, and the token used is refused from then on
  missing      the item is left out of the answer (USPS)
  noproduct    the refusal of an account for which tracking is not enabled
  foreign      the refusal of a token that another environment has issued
By number, 404 concerns that item of a batch only.

KIND, for token calls (WHEN is a share or a count)
  token-refused  401;   token-429;   token-500;   token-html   an HTML page with status 401
  token-scope    a token without any scope (USPS);   token-timeout   no answer for two minutes
WHEN of `token-refused` may be `key=` and the beginning of a key: those that begin so are refused.

Settings, `NAME:VALUE`
  latency:250      every answer waits so many milliseconds
  token-life:30    tokens live so many seconds

Example: `429:0.1:date,503@usps:x2:5,timeout:0.01,404:9405511899223197428490,token-500:x1,latency:150`
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Literal

from shipments.enums import Gateway
from shipments.simulator.journeys import dice
from shipments.simulator.numbers import without_routing

Call = Literal["token", "tracking"]

STATUS_KINDS = ("400", "401", "403", "404", "429", "500", "503")
BODY_KINDS = ("timeout", "reset", "slow", "html", "empty", "cut", "wrongtypes", "huge", "endless", "deep")
TOKEN_KINDS = (
    "token-refused", "token-429", "token-500", "token-html", "token-scope", "token-timeout",
)  # fmt: skip
KINDS = (*STATUS_KINDS, *BODY_KINDS, "revoked", "missing", "noproduct", "foreign", *TOKEN_KINDS)
# By number, these concern one item of a batch and leave the others alone.
ITEM_KINDS = frozenset({"404", "missing", "wrongtypes"})

_RATE = re.compile(r"^(?:0|1|[01]?\.\d+)$")
_COUNT = re.compile(r"^x(\d{1,6})$")
# A word without a digit is a slip, not a number.
_NUMBER = re.compile(r"^(?:(?=[A-Z]*[0-9])[A-Z0-9]{4,34}|[A-Z0-9]{1,34}\*)$")
_NUMERIC_DETAIL = frozenset({"timeout", "slow", "huge"})


class FaultSpecError(ValueError):
    """The SPEC cannot be read; the message quotes the entry and says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry: exactly one of `rate`, `times`, `number` and `key` is set."""

    kind: str
    wire: Gateway | None = None
    rate: float | None = None
    times: int | None = None
    number: str | None = None
    detail: str | None = None
    key: str | None = None

    def names(self, number: str) -> bool:
        """Whether the entry names this number, with or without its routing prefix."""
        if self.number is None:
            return False
        piece = without_routing(number)
        if self.number.endswith("*"):
            return piece.startswith(self.number[:-1])
        return piece == without_routing(self.number)


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """A SPEC, read."""

    entries: tuple[Fault, ...] = ()
    latency_ms: int | None = None
    token_life: int | None = None


@dataclass(frozen=True, slots=True)
class Strike:
    """What goes wrong with one call: the whole of it, or single items."""

    fault: Fault | None = None
    unknown: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    wrong_types: frozenset[str] = frozenset()


@dataclass(slots=True)
class FaultDeck:
    """Deals the faults of a plan out to calls, one after the other; the only thing here that remembers."""

    plan: FaultPlan
    seed: int
    _calls: int = 0
    _left: dict[int, int] = field(default_factory=dict)

    def strike(self, call: Call, wire: Gateway, numbers: Collection[str] = (), key: str = "") -> Strike:
        """The trouble for this call. The first entry that fits the whole call wins. `key` is whose token is asked for."""
        self._calls += 1
        whole: Fault | None = None
        items: dict[str, set[str]] = {kind: set() for kind in ITEM_KINDS}
        for place, fault in enumerate(self.plan.entries):
            if fault.wire not in {None, wire} or (fault.kind in TOKEN_KINDS) != (call == "token"):
                continue
            if fault.number is not None and fault.kind in ITEM_KINDS:
                items[fault.kind] |= {number for number in numbers if fault.names(number)}
            elif whole is None and self._falls(place, fault, numbers, key):
                whole = fault
        return Strike(
            fault=whole,
            unknown=frozenset(items["404"]),
            missing=frozenset(items["missing"]),
            wrong_types=frozenset(items["wrongtypes"]),
        )

    def _falls(self, place: int, fault: Fault, numbers: Iterable[str], key: str) -> bool:
        if fault.key is not None:
            return key.startswith(fault.key)
        if fault.rate is not None:
            return dice(self.seed, "fault", place, self._calls).random() < fault.rate
        if fault.times is not None:
            left = self._left.get(place, fault.times)
            self._left[place] = max(left - 1, 0)
            return left > 0
        return any(fault.names(number) for number in numbers)


def read_faults(spec: str) -> FaultPlan:
    """The plan a SPEC describes; FaultSpecError names the entry that cannot be read. An empty SPEC has no faults."""
    entries: list[Fault] = []
    latency_ms = token_life = None
    for entry in filter(None, (part.strip() for part in spec.split(","))):
        name, _, rest = entry.partition(":")
        if name == "latency":
            latency_ms = _whole(rest, entry)
        elif name == "token-life":
            token_life = _whole(rest, entry)
        else:
            entries.append(_fault(name, rest, entry))
    return FaultPlan(tuple(entries), latency_ms, token_life)


def _fault(name: str, rest: str, entry: str) -> Fault:
    kind, at, wire_name = name.partition("@")
    if kind not in KINDS:
        raise _unreadable(entry, f"there is no kind {kind!r}; the kinds are {', '.join(KINDS)}")
    if at and wire_name not in set(Gateway):
        raise _unreadable(entry, f"there is no wire {wire_name!r}; the wires are {', '.join(Gateway)}")
    when, colon, detail = rest.partition(":")
    _check_detail(kind, detail if colon else None, entry)
    rate = times = number = key = None
    if kind == "token-refused" and when.startswith("key=") and len(when) > len("key="):
        key = when.removeprefix("key=")
    elif _RATE.match(when):
        rate = float(when)
        if rate > 1:
            raise _unreadable(entry, "a share lies between 0 and 1")
    elif count := _COUNT.match(when):
        times = int(count[1])
    elif _NUMBER.match(when.upper()):
        number = when.upper()
    else:
        raise _unreadable(entry, "after the kind comes a share (0.1), a count (x3) or a tracking number")
    if number is not None and kind in TOKEN_KINDS:
        raise _unreadable(entry, "a token call carries no tracking number; give a share or a count")
    if kind == "missing" and number is None:
        raise _unreadable(entry, "say which tracking number is missing")
    return Fault(
        kind, Gateway(wire_name) if at else None, rate, times, number, detail if colon else None, key
    )


def _check_detail(kind: str, detail: str | None, entry: str) -> None:
    if detail is None:
        return
    if kind in {"429", "503", "token-429"}:
        if detail not in {"date", "none"}:
            _whole(detail, entry)
    elif kind in _NUMERIC_DETAIL:
        _whole(detail, entry)
    elif kind == "html":
        if not 200 <= _whole(detail, entry) <= 599:
            raise _unreadable(entry, "an HTTP status lies between 200 and 599")
    else:
        raise _unreadable(entry, f"the kind {kind!r} takes no detail")


def _whole(text: str, entry: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise _unreadable(entry, "a whole number is needed here")
    return int(text)


def _unreadable(entry: str, reason: str) -> FaultSpecError:
    return FaultSpecError(f"Fault {entry[:80]!r}: {reason}.")
