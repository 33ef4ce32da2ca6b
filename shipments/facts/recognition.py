"""Which formats of numbers are on, in what order they are tried, and those an operator has added to the ones in code.

A check digit is a rule and stays in code (`number_formats`); whether its format counts in this installation, and before
which others, is data, and so is every format that is a shape and no more (`number_patterns`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from shipments.facts.number_formats import BUILT_IN, SURENESSES, Reading, Sureness, readings

# Between two of the formats in code, so that others fit in.
STEP = 10


@dataclass(frozen=True, slots=True)
class Format:
    """One format of a carrier's numbers. Without a `pattern` its rule is in code; then `sure` is that rule's business.

    `note` is a sentence for people about numbers of this format, or `""`; `place` decides among equally sure ones.
    """

    carrier: str
    name: str
    place: int
    is_on: bool = True
    note: str = ""
    pattern: re.Pattern[str] | None = None
    sure: Sureness = "likely"


class Formats:
    """The formats by which numbers are recognised; one in code that nothing is said of is on, at its usual place."""

    def __init__(self, said: Iterable[Format] = ()) -> None:
        self._said = {
            (carrier, name): Format(carrier, name, place * STEP)
            for place, (carrier, name) in enumerate(BUILT_IN, start=1)
        }
        self._patterns: list[tuple[re.Pattern[str], Format, Reading]] = []
        for one in said:
            if one.pattern is None:
                self._said[one.carrier, one.name] = one
            elif one.is_on:
                reading = Reading(one.carrier, one.name, one.sure, None)
                self._patterns.append((one.pattern, one, reading))

    def read(self, number: str) -> list[tuple[Reading, str]]:
        """Every way to read a number in its normal form, the surest first, each with the note of its format."""
        found: list[tuple[int, int, Reading, str]] = []
        for reading in readings(number):
            one = self._said[reading.carrier, reading.format]
            if one.is_on:
                found.append((SURENESSES.index(reading.sure), one.place, reading, one.note))
        for pattern, one, reading in self._patterns:
            if pattern.fullmatch(number) is not None:
                found.append((SURENESSES.index(reading.sure), one.place, reading, one.note))
        if len(found) > 1:
            found.sort(key=lambda entry: entry[:2])
        return [(reading, note) for _sure, _place, reading, note in found]


# By the rules in code alone.
IN_CODE = Formats()
