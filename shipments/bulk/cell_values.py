"""What the cells of other people's files say: read, or refused in words that tell how to mend them; never guessed."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from shipments.bulk.cells import plain_cell
from shipments.enums import Gateway
from shipments.facts.tags import MOST_TAGS, read_tag
from shipments.models.subscriptions import LONGEST_ADDRESS


class BadCell(ValueError):
    """What a cell says cannot be read; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Words:
    """How this file writes what has many spellings: the order of its dates, the names of the carriers on offer."""

    # "mdy", "dmy", or "" where the file does not tell.
    date_order: str = ""
    # Spelling → code of every carrier that takes new parcels, and their names as people know them.
    carriers: Mapping[str, str] = field(default_factory=dict)
    carrier_names: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def plain_heading(heading: str) -> str:
    """The heading without accents, blanks and punctuation, in small letters: `N.º de Guía` is `nodeguia`."""
    letters = unicodedata.normalize("NFKD", heading).casefold()
    return "".join(letter for letter in letters if letter.isalnum())


def spelled(*names: str) -> frozenset[str]:
    """The plain headings of these names."""
    return frozenset(plain_heading(name) for name in names)


_SCIENTIFIC = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}", re.ASCII)
_DECIMAL = re.compile(r"[0-9]+[.,]0+", re.ASCII)
# A spreadsheet keeps the first 15 digits of a number and writes noughts for the others.
_ROUNDED = re.compile(r"[0-9]{15}0{5,}", re.ASCII)
_FORMULA_TEXT = re.compile(r'=\s*"([^"]*)"')


def plain(cell: str) -> str:
    """What a cell says, without what spreadsheets and exports wrap it in: blanks, quotation marks, `="…"`, our apostrophe."""
    text = plain_cell(cell).strip()
    if text[:1] == "=" and (formula := _FORMULA_TEXT.fullmatch(text)):
        text = formula[1].strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    return text


def read_number(text: str, words: Words) -> str:
    """The number as typed; refused where a spreadsheet has made a figure of it, because its digits are lost."""
    # The mark by which people keep a spreadsheet from reckoning.
    text = text.removeprefix("'")
    if _SCIENTIFIC.fullmatch(text) or _DECIMAL.fullmatch(text):
        raise BadCell(
            _(
                "A spreadsheet has made a figure of this number (%(cell)s) and its last digits may be lost. "
                "Set the column to “Text” there, enter the number again and save."
            )
            % {"cell": text[:40]}
        )
    if _ROUNDED.fullmatch(text):
        raise BadCell(
            _(
                "A spreadsheet has rounded this number: it keeps 15 digits and writes noughts for the others. "
                "Set the column to “Text” there, enter the number again and save."
            )
        )
    return text


def read_carrier(text: str, words: Words) -> str:
    """The carrier's code; "" for a reseller, whose parcels are recognised by their numbers."""
    code = words.carriers.get(plain_heading(text))
    if code is None:
        known = ", ".join(words.carrier_names)
        raise BadCell(
            _(
                "“%(carrier)s” is not a carrier we ask; these are: %(known)s. Empty the cell to have it recognised."
            )
            % {"carrier": _shown(text), "known": known}
        )
    return code


_GATEWAYS = {
    **dict.fromkeys(("usps", "uspsapi", "postalservice"), Gateway.USPS),
    **dict.fromkeys(("pitneybowes", "pitney", "pb", "pitneybowesshippingapi"), Gateway.PITNEY_BOWES),
}


def read_gateway(text: str, words: Words) -> str:
    """The gateway's own word."""
    gateway = _GATEWAYS.get(plain_heading(text))
    if gateway is None:
        raise BadCell(_("A gateway is usps or pitney_bowes."))
    return gateway


def read_postal_code(text: str, words: Words) -> str:
    """The code as typed; refused where a spreadsheet has dropped its nought."""
    if re.fullmatch(r"[0-9]{3,4}(?:[.,]0)?", text, re.ASCII):
        raise BadCell(
            _(
                "A ZIP Code has five digits: a spreadsheet may have dropped the nought in front. "
                "Set the column to “Text” there and enter it again; empty the cell for a parcel that goes abroad."
            )
        )
    return text


_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?", re.ASCII)
_PARTS = re.compile(r"(\d{1,2})([-/. ])(\d{1,2})\2(\d{4}|\d{2})(?:[T, ].*)?", re.ASCII)


def read_mailing_date(text: str, words: Words) -> date:
    """The day, with or without a time behind it; refused where two days could be meant."""
    try:
        if iso := _ISO.fullmatch(text):
            return date(int(iso[1]), int(iso[2]), int(iso[3]))
        if parts := _PARTS.fullmatch(text):
            first, second, year = int(parts[1]), int(parts[3]), int(parts[4])
            year += 2000 if year < 100 else 0
            order = words.date_order or _order_of(first, second)
            if order:
                month, day = (first, second) if order == "mdy" else (second, first)
                return date(year, month, day)
            raise BadCell(
                _(
                    "It is not clear whether the day or the month comes first. "
                    "Say it where the columns are matched, or write 2026-01-31."
                )
            )
    except ValueError as exc:
        if isinstance(exc, BadCell):
            raise
    raise BadCell(_("A mailing date is a day written as 2026-01-31."))


def _order_of(first: int, second: int) -> str:
    if first > 12 >= second:
        return "dmy"
    if second > 12 >= first or first == second:
        return "mdy"
    return ""


def has_unclear_dates(cells: Iterable[str]) -> bool:
    """Whether a cell is a date that could be read in two ways."""
    return any(
        not _order_of(int(parts[1]), int(parts[3]))
        for cell in cells
        if (parts := _PARTS.fullmatch(plain(cell)))
    )


def guess_date_order(cells: Iterable[str]) -> str:
    """The order in which the file writes days and months; "" where no cell tells, or where they disagree."""
    orders = {
        _order_of(int(parts[1]), int(parts[3]))
        for cell in cells
        if (parts := _PARTS.fullmatch(plain(cell))) and parts[1] != parts[3]
    } - {""}
    return orders.pop() if len(orders) == 1 else ""


def text_of_at_most(longest: int) -> Callable[[str, Words], str]:
    """A reader of texts on one line, of up to so many signs."""

    def read(text: str, words: Words) -> str:
        line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
        if len(line) > longest:
            raise BadCell(
                _("At most %(most)d signs are kept here; these are %(many)d.")
                % {"most": longest, "many": len(line)}
            )
        return line

    return read


def read_tags(text: str, words: Words) -> list[str]:
    """Tags separated by commas, semicolons, bars or line breaks, each once."""
    try:
        tags = [read_tag(part) for part in re.split(r"[,;|\n]", text) if part.strip()]
    except ValueError as exc:
        raise BadCell(str(exc)) from None
    once: dict[str, str] = {}
    for tag in tags:
        once.setdefault(tag.casefold(), tag)
    if len(once) > MOST_TAGS:
        raise BadCell(_("A parcel has at most %(most)d tags.") % {"most": MOST_TAGS})
    return list(once.values())


# As much as is kept of a consent.
LONGEST_CONSENT = 200
_YES = spelled("yes", "y", "true", "1", "x", "required", "sí", "s", "verdadero", "requerida", "requerido")
_NO = spelled("no", "n", "false", "0", "none", "not required", "falso", "ninguna", "-")


def read_flag(text: str, words: Words) -> bool:
    """Yes or no, in either language."""
    said = plain_heading(text)
    if said in _YES:
        return True
    if said in _NO or not said:
        return False
    raise BadCell(_("This column says yes or no."))


# In doubt nobody is written to: "declined", "not asked", "opted out 2026-01-31" are words, but no consent.
_NO_CONSENT = re.compile(
    r"(?:no|not|none|never|n\s*/\s*a|false|sin|nunca|falso)\b|.*(?:"
    r"declin|refus|reject|den(?:y|ied)|opt(?:ed)?[\s-]*out|unsubscri|revok|withdr|pending|unknown|without|do(?:es)? not|n't\b"
    r"|rechaz|retir|revoc|deneg|pendiente|desconoc|\bbaja\b|\bno\b|\bsin\b)",
    re.IGNORECASE | re.DOTALL,
)


def read_consent(text: str, words: Words) -> str:
    """What is noted of a buyer's consent, in the file's own words (a date, where it was given); "" for a no and for
    what sounds like one."""
    if plain_heading(text) in _NO or not plain_heading(text) or _NO_CONSENT.match(text):
        return ""
    return text_of_at_most(LONGEST_CONSENT)(text, words)


def read_email(text: str, words: Words) -> str:
    """The text on one line. Whether it is an address matters only beside a consent: see `check_email`."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def check_email(text: str) -> str:
    """The address; BadCell for what is none."""
    try:
        validate_email(text[: LONGEST_ADDRESS + 1])
    except ValidationError:
        raise BadCell(
            _("This is no e-mail address. Mend it, or empty the cell: then the parcel has no mails.")
        ) from None
    if len(text) > LONGEST_ADDRESS:
        raise BadCell(
            _("At most %(most)d signs are kept here; these are %(many)d.")
            % {"most": LONGEST_ADDRESS, "many": len(text)}
        )
    return text


def _shown(text: str) -> str:
    return " ".join("".join(sign for sign in text if sign.isprintable()).split())[:60]
