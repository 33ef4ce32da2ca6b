"""Which item of an answer belongs to which question.

USPS promises no order (USPS Tracking v3r2 3.2.2), uses numbers again, and lets one request ask for one number
twice with the postal code or the mailing date that tells the parcels apart. A question without a sure item
gets none: no answer is better than another parcel's.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from shipments.carriers.values import read_date

_FIVE_DIGITS = re.compile(r"[0-9]{5}")
# The routing prefix before an IMpb: 420 and five or nine digits of the destination.
_ROUTING = (len("420") + 5, len("420") + 9)
_SEPARATORS = re.compile(r"[\s-]+")


@dataclass(frozen=True, slots=True)
class Asked:
    """One entry of a request: what USPS is told about a parcel."""

    number: str
    postal_code: str | None
    mailing_date: date | None

    def as_wire(self) -> dict[str, str]:
        """The entry's JSON: no member but the three that USPS allows, and only those that are known."""
        entry = {"trackingNumber": self.number}
        if self.postal_code is not None:
            entry["destinationZIPCode"] = self.postal_code
        if self.mailing_date is not None:
            entry["mailingDate"] = self.mailing_date.isoformat()
        return entry


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of an answer. `part` is its own JSON; two entries with the same part are the same news."""

    raw: dict[str, Any] = field(compare=False)
    part: bytes

    @property
    def postal_code(self) -> str | None:
        found = self.raw.get("destinationZIPCode") or self.raw.get("destinationZIP")
        text = f"{found:05d}" if type(found) is int else str(found or "").strip()[:5]
        return text if _FIVE_DIGITS.fullmatch(text) else None

    @property
    def mailing_date(self) -> date | None:
        try:
            return read_date(str(self.raw.get("mailingDate"))).on
        except ValueError:
            return None


class Unsure:
    """Stands for an item where the answer has some for the number, and none of them surely for this question."""


def match(asked: Sequence[Asked], items: Iterable[Item]) -> dict[Asked, Item | Unsure]:
    """The item of every question that surely has one, `Unsure` where that cannot be told.

    Questions whose number is not in the answer are left out; items nobody asked for are ignored.
    `asked` holds no entry twice.
    """
    numbers = {entry.number for entry in asked}
    by_number: dict[str, list[Item]] = {}
    for item in items:
        number = next((form for form in _forms(item.raw.get("trackingNumber")) if form in numbers), None)
        if number is not None:
            by_number.setdefault(number, []).append(item)
    found: dict[Asked, Item | Unsure] = {}
    for number, candidates in by_number.items():
        sharing = [entry for entry in asked if entry.number == number]
        if len(sharing) == len(candidates) == 1:
            found[sharing[0]] = candidates[0]
        else:
            found.update(_told_apart(sharing, candidates))
    return found


def _forms(number: Any) -> Iterator[str]:
    """A number as written, then without the routing prefix, which an answer may carry and a question does not."""
    if isinstance(number, bool) or not isinstance(number, str | int):
        return
    written = _SEPARATORS.sub("", str(number)).upper()
    yield written
    if written.startswith("420"):
        for end in _ROUTING:
            if written[:end].isdigit() and len(written) > end:
                yield written[end:]


def _told_apart(sharing: list[Asked], candidates: list[Item]) -> dict[Asked, Item | Unsure]:
    """Items for the questions that share a number, from the strongest agreement down to mere lack of contradiction.

    At each strength a question takes an item when it agrees with no other item, and when there are enough
    copies of that item for all questions that agree with it. Equal items need not be told apart.
    """
    open_questions = list(sharing)
    left = list(candidates)
    found: dict[Asked, Item | Unsure] = {}
    for strength in (3, 2, 1, 0):
        settled = True
        while settled:
            settled = False
            agreeing = {
                entry: {item.part: item for item in left if _agreement(entry, item) >= strength}
                for entry in open_questions
            }
            for item in {item.part: item for item in left}.values():
                takers = [entry for entry in open_questions if item.part in agreeing[entry]]
                copies = sum(1 for one in left if one.part == item.part)
                if takers and len(takers) <= copies and all(len(agreeing[entry]) == 1 for entry in takers):
                    for entry in takers:
                        found[entry] = item
                        open_questions.remove(entry)
                        left.remove(item)
                    settled = True
                    break
    if left:
        found.update((entry, Unsure()) for entry in open_questions)
    return found


def _agreement(entry: Asked, item: Item) -> int:
    """2 for the postal code and 1 for the mailing date where both name the same; -1 where they contradict."""
    strength = 0
    for ours, theirs, worth in (
        (entry.postal_code, item.postal_code, 2),
        (entry.mailing_date, item.mailing_date, 1),
    ):
        if ours is None or theirs is None:
            continue
        if ours != theirs:
            return -1
        strength += worth
    return strength
