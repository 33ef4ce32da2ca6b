"""What each figure means, written once: the page, the CSV and `docs/figures.md` say it in these words."""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal, format_percent
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from shipments.facts.histograms import MOST_DAYS
from shipments.facts.spelling import locale

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

_STATE = re.compile(r"^(US|CA)-([A-Z]{2})$")


class Figure(StrEnum):
    """The figures of a period."""

    ON_TIME = "on-time"
    TRANSIT = "transit"
    FIRST_SCAN = "first-scan"
    FIRST_TRY = "first-try"
    EXCEPTIONS = "exceptions"
    RETURNS = "returns"


@dataclass(frozen=True, slots=True)
class Definition:
    """The name of something that is counted, and how."""

    key: str
    name: "StrPromise"
    text: "StrPromise"


DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        "parcels",
        gettext_lazy("Parcels"),
        gettext_lazy(
            "A parcel counts under the day it was shipped: the mailing date you gave, else the ship date the carrier told, else the day of "
            "its first scan. A parcel without any of these is in no figure yet. Archived parcels count."
        ),
    ),
    Definition(
        Figure.ON_TIME,
        gettext_lazy("On time"),
        gettext_lazy(
            "Share of parcels whose first delivery attempt was on the first promised day or earlier. Counted are parcels that the carrier "
            "has scanned and promised a day for, once that day is over; without an attempt until then, a parcel is late. Those delivered "
            "early wait for the day as well: counted at once, they would make the newest weeks look better than they are. The first promise "
            "counts, not later ones. Where the carrier promises none, the day by the operator's table of expected days stands in, if that has "
            "one for the service. Holding a parcel for pickup is an attempt."
        ),
    ),
    Definition(
        Figure.TRANSIT,
        gettext_lazy("Days in transit"),
        gettext_lazy(
            "Days from the carrier's first scan to the delivery. The median is the number of days within which half of the delivered parcels "
            "arrived; beside it stands the number within which nine of ten did. Parcels still on their way and returned ones are not counted."
        ),
    ),
    Definition(
        Figure.FIRST_SCAN,
        gettext_lazy("First scan"),
        gettext_lazy(
            "Days from the label, on your clock, to the carrier's first scan of the parcel, on the clock of the place. Counted are parcels "
            "that have both; those still waiting for their first scan are named beside it."
        ),
    ),
    Definition(
        Figure.FIRST_TRY,
        gettext_lazy("Delivered at the first attempt"),
        gettext_lazy(
            "Share of delivered parcels that had no failed attempt before. Failed attempts are told per 100 parcels that the carrier has "
            "tried to deliver, so that three failures of one parcel count as three."
        ),
    ),
    Definition(
        Figure.EXCEPTIONS,
        gettext_lazy("Exceptions"),
        gettext_lazy(
            "Share of the parcels the carrier has scanned that had an exception at any time: damage, a wrong address, a delay by weather or "
            "customs. One that was delivered in the end still counts."
        ),
    ),
    Definition(
        Figure.RETURNS,
        gettext_lazy("Returns"),
        gettext_lazy(
            "Share of the parcels the carrier has scanned that are on their way back, have gone back, or that somebody here has marked as "
            "returned. A returned parcel is not a delivered one."
        ),
    ),
    Definition(
        "business-days",
        gettext_lazy("Business and calendar days"),
        gettext_lazy(
            "Both count the days after the first one up to the last: from Monday to Wednesday is 2. Business days are Monday to Friday "
            "without the federal holidays of the United States; from Friday to Saturday is 0 of them, because carriers deliver on Saturdays."
        ),
    ),
    Definition(
        "lanes",
        gettext_lazy("Lanes"),
        gettext_lazy(
            "Where a parcel came from and where it goes: states and provinces in the United States and Canada, countries elsewhere. A lane is "
            "not known until the carrier or a postal code has told both ends."
        ),
    ),
    Definition(
        "before",
        gettext_lazy("Compared with the period before"),
        gettext_lazy(
            "As many days, right before those shown. A change of a share is called within chance when parcels of one kind differ as much in "
            "one period out of twenty. Shares of fewer than 20 parcels are marked and not compared. Parcels still on their way are missing "
            "from days in transit, so the newest weeks look a little quicker than they will be."
        ),
    ),
)


def definition(key: str) -> Definition:
    """What is written under this name."""
    return next(one for one in DEFINITIONS if one.key == key)


def count(number: int) -> str:
    """A count with its thousands apart: "24,120"."""
    return format_decimal(number, locale=locale())


def share(value: float | None) -> str:
    """A share in percent with one decimal, "94.2%"; a dash for none."""
    if value is None:
        return "–"
    # Translators: a pattern of Unicode LDML, as Babel reads it.
    return format_percent(value, _("#,##0.0%"), locale=locale())


def decimal(value: float | None) -> str:
    """A figure with one decimal; a dash for none."""
    return "–" if value is None else format_decimal(value, "#,##0.0", locale=locale())


def days(number: int | None, *, business: bool) -> str:
    """A span of whole days: "3 business days", "1 day", "60 or more days", "same day"; a dash for none."""
    if number is None:
        return "–"
    if number == 0:
        return _("same day")
    told = _("%(count)d or more") % {"count": number} if number >= MOST_DAYS else str(number)
    if business:
        return ngettext("%(count)s business day", "%(count)s business days", number) % {"count": told}
    return ngettext("%(count)s day", "%(count)s days", number) % {"count": told}


def short_days(number: int | None) -> str:
    """The number alone, for the cell of a table: "3", "60+"; a dash for none."""
    if number is None:
        return "–"
    return f"{number}+" if number >= MOST_DAYS else str(number)


def day(on: date) -> str:
    """A day with its year, "4 May 2026"."""
    # Translators: a pattern of Unicode LDML, as Babel reads it.
    return format_date(on, _("d MMM y"), locale=locale())


def day_of_year(on: date) -> str:
    """A day where its year is known, "4 May"."""
    # Translators: a pattern of Unicode LDML, as Babel reads it.
    return format_date(on, _("d MMM"), locale=locale())


def lane(code: str) -> str:
    """A lane as people write it: "CO → MD", "NJ → United Kingdom"."""
    if not code:
        return _("Lane not known")
    origin, _between, destination = code.partition("_")
    return f"{place(origin)} → {place(destination)}"


def place(code: str) -> str:
    """An end of a lane: a state by its letters, a province with Canada's name, any other country by its name."""
    state = _STATE.match(code)
    country = state[1] if state else code
    land = str(Locale.parse(locale()).territories.get(country, country))
    if state is None:
        return land
    return state[2] if country == "US" else f"{state[2]}, {land}"


def service(name: str) -> str:
    return name or _("Service not known")


@dataclass(frozen=True, slots=True)
class Move:
    """How a figure has moved since the period before: -1 down, 0 not at all as far as is shown, 1 up; in words, and by how much."""

    direction: int
    words: str
    by: str

    @property
    def sign(self) -> str:
        return {-1: "▼", 0: "", 1: "▲"}[self.direction]


def points(now: float, before: float) -> Move:
    """How far a share has moved: "up 2.1 points from 92.1%"."""
    moved = round(now * 100, 1) - round(before * 100, 1)
    told = {"points": decimal(abs(moved)), "before": share(before)}
    if abs(moved) < 0.05:
        return Move(0, _("no change"), told["points"])
    if moved > 0:
        return Move(1, _("up %(points)s points from %(before)s") % told, told["points"])
    return Move(-1, _("down %(points)s points from %(before)s") % told, told["points"])


def moved_days(now: int, before: int) -> Move:
    """How far a median has moved: "down 1 day from 4"."""
    by = abs(now - before)
    told = {"count": by, "before": short_days(before)}
    if not by:
        return Move(0, _("no change"), "0")
    if now > before:
        words = ngettext("up %(count)d day from %(before)s", "up %(count)d days from %(before)s", by) % told
        return Move(1, words, str(by))
    words = ngettext("down %(count)d day from %(before)s", "down %(count)d days from %(before)s", by) % told
    return Move(-1, words, str(by))
