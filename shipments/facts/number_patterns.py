r"""Shapes of numbers as an operator writes them: a small part of regular expressions, which cannot run away.

    C\d{14}              the letter C and fourteen digits
    [A-HJ-Z]{2}\d{8,9}   two capital letters but I, then eight or nine digits
    D1\d{10}(\d{3})?     D1, ten digits, and perhaps three more

A pattern always describes a whole number in its normal form: capital letters and digits. Whoever types on a public page
chooses what a pattern is tried on, so there is neither `*` nor `+`, nothing is nested, and in how many ways a pattern can be
read is counted when it is saved: that, and the length of a number, is all the work a match can ever be.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from django.utils.translation import gettext as _

# USPS Tracking v3r2 3.2.2. No other carrier's number is longer; only a scanned barcode is, with its ZIP Code.
SHORTEST, LONGEST = 4, 34
LONGEST_PATTERN = 120
# In so many ways a pattern may be read at most: each is a try of 34 steps, and files bring thousands of numbers a second.
MOST_WAYS = 64

_LITERAL = re.compile(r"[0-9A-Z]")
_COUNTED = re.compile(r"\{([0-9]{1,2})(?:,([0-9]{1,2}))?\}")
_CLASS = re.compile(r"\[((?:[0-9A-Z](?:-[0-9A-Z])?|\\d)+)\]")


class PatternError(ValueError):
    """A pattern that is none; the message is a sentence for people that says what and where."""


@dataclass(slots=True)
class _Read:
    """How much of a pattern was read: where it stands, how long its numbers are, in how many ways they can be read."""

    text: str
    at: int = 0
    shortest: int = 0
    longest: int = 0
    ways: int = 1

    def repeat(self, least: int, most: int) -> None:
        """Count an atom in."""
        self.shortest += least
        self.longest += most
        self.ways *= most - least + 1


@lru_cache(maxsize=500)
def compiled(text: str) -> re.Pattern[str]:
    """The pattern, ready to be tried on whole numbers with `fullmatch`; PatternError."""
    if not text:
        raise PatternError(_("Write a pattern, such as C\\d{14}."))
    if len(text) > LONGEST_PATTERN:
        raise PatternError(_("A pattern has at most %(most)d signs.") % {"most": LONGEST_PATTERN})
    read = _Read(text)
    while read.at < len(text):
        if text[read.at] == "(":
            _optional(read)
        else:
            _atom(read)
    if read.ways > MOST_WAYS:
        raise PatternError(
            _(
                "This pattern can be read in %(ways)d ways, and may in %(most)d: say more exactly how often something is repeated."
            )
            % {"ways": read.ways, "most": MOST_WAYS}
        )
    if read.longest < SHORTEST or read.shortest > LONGEST:
        raise PatternError(
            _("It fits no number: a tracking number has %(shortest)d to %(longest)d letters and digits.")
            % {"shortest": SHORTEST, "longest": LONGEST}
        )
    return re.compile(text, re.ASCII)


def _optional(read: _Read) -> None:
    """A group: atoms in brackets, all there or all absent."""
    start, before = read.at, (read.shortest, read.longest, read.ways)
    read.at += 1
    while read.at < len(read.text) and read.text[read.at] not in "()":
        _atom(read)
    if not read.text.startswith(")?", read.at) or read.at == start + 1:
        raise PatternError(
            _(
                "Sign %(place)d: brackets are for what may be missing as a whole, as in (\\d{3})?, and do not stand in each other."
            )
            % {"place": start + 1}
        )
    read.at += 2
    read.shortest = before[0]
    # Absent, or in as many ways as it can be read.
    read.ways = before[2] * (read.ways // before[2] + 1)


def _atom(read: _Read) -> None:
    """One sign, `\\d` or a class, and how often it stands there."""
    text, start = read.text, read.at
    if found := _CLASS.match(text, start):
        for first, last in re.findall(r"([0-9A-Z])-([0-9A-Z])", found[1]):
            # From a digit to a letter there are signs of neither sort in between.
            if first > last or first.isdigit() != last.isdigit():
                raise PatternError(
                    _("Sign %(place)d: %(range)s is no range. Write 0-9 or A-Z, the smaller one first.")
                    % {"place": start + 1, "range": f"{first}-{last}"}
                )
        read.at = found.end()
    elif text.startswith("\\d", start):
        read.at += 2
    elif _LITERAL.match(text, start):
        read.at += 1
    else:
        raise PatternError(_refusal(text, start))
    least = most = 1
    if found := _COUNTED.match(text, read.at):
        least = int(found[1])
        most = int(found[2]) if found[2] is not None else least
        if least > most or not 1 <= most <= LONGEST:
            raise PatternError(
                _("Sign %(place)d: something is repeated up to %(most)d times, the smaller number first.")
                % {"place": read.at + 1, "most": LONGEST}
            )
        read.at = found.end()
    elif text.startswith("?", read.at):
        least = 0
        read.at += 1
    read.repeat(least, most)


def _refusal(text: str, at: int) -> str:
    sign = text[at]
    if sign.isalpha() and sign.isascii():
        return _("Sign %(place)d: write letters as capitals, as numbers are kept.") % {"place": at + 1}
    return _(
        "Sign %(place)d: “%(sign)s” cannot stand here. A pattern is made of capital letters and digits, \\d for any digit, [A-F] for one of several, {8} or {8,10} for how often, and (…)? for what may be missing."
    ) % {"place": at + 1, "sign": sign}
