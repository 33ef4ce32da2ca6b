"""Days, clock times, spans, time zones and places as people write them, in the language that is active."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time, get_timezone_name
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from shipments.enums import ZoneKnownBy
from shipments.facts.countries import country_code
from shipments.facts.times import DeliveryEstimate, Posted

# Midnight at the end of a day is written 23:59: it says no more than the day does.
_END_OF_DAY = time(23, 59)
# USPS names its plants with the state inside the name ("DALLAS TX DISTRIBUTION CENTER").
_PLANT = "DISTRIBUTION CENTER"
# Pages are full of the same few days, times, clocks and towns, and Babel takes twenty times as long as a look into a cache.
_KEPT = 4096


def locale() -> str:
    """The name under which Babel knows the active language."""
    return "es" if (get_language() or "en").startswith("es") else "en"


def long_day(day: date, today: date) -> str:
    """A day with its name, "Thursday, 12 June"; with the year where it is not that of `today`."""
    # Translators: patterns of Unicode LDML, as Babel reads them.
    pattern = _("EEEE, d MMMM") if day.year == today.year else _("EEEE, d MMMM y")
    return _day(day, pattern, locale())


def short_day(day: date, today: date) -> str:
    """A day without its name, "12 June"; with the year where it is not that of `today`."""
    # Translators: patterns of Unicode LDML, as Babel reads them.
    pattern = _("d MMMM") if day.year == today.year else _("d MMMM y")
    return _day(day, pattern, locale())


@lru_cache(_KEPT)
def _day(day: date, pattern: str, language: str) -> str:
    return format_date(day, pattern, locale=language)


def clock(at: time) -> str:
    """A time of day, "2:05 pm" or "8 pm"."""
    # To the minute, of which a day has few enough to be kept.
    return _clock(at.replace(second=0, microsecond=0, tzinfo=None), locale())


@lru_cache(_KEPT)
def _clock(at: time, language: str) -> str:
    if language != "en":
        return format_time(at, "H:mm", locale=language)
    return format_time(at, "h a" if at.minute == 0 else "h:mm a", locale="en").replace("\u202f", " ").lower()


def moment(posted: Posted, today: date) -> str:
    """A day and time, "Tuesday, 10 June, 2:05 pm", or the day alone where no time was told."""
    if posted.at is None:
        return long_day(posted.on, today)
    return _("%(day)s, %(time)s") % {"day": long_day(posted.on, today), "time": clock(posted.at)}


def window(estimate: DeliveryEstimate, today: date) -> str:
    """A promised day, "Thursday, 12 June, by 8 pm" or "…, between 2 pm and 4 pm", or the day alone."""
    day, end = long_day(estimate.on, today), telling_end(estimate)
    if end is None:
        return day
    if estimate.start is None:
        return _("%(day)s, by %(end)s") % {"day": day, "end": clock(end)}
    return _("%(day)s, between %(start)s and %(end)s") % {
        "day": day,
        "start": clock(estimate.start),
        "end": clock(end),
    }


def telling_end(estimate: DeliveryEstimate) -> time | None:
    """The end of the promised window where it says more than the day."""
    return estimate.end if estimate.end is not None and estimate.end < _END_OF_DAY else None


def age(span: timedelta) -> str:
    """How long ago: "just now", "4 min ago", "3 h ago", "2 days ago".

    A negative span is "just now" too: clocks of carriers disagree with ours by a little.
    """
    if span < timedelta(minutes=1):
        return _("just now")
    return _("%(span)s ago") % {"span": _span(span)}


def ahead(span: timedelta) -> str:
    """How soon: "in 20 min", or "now" for what is due."""
    if span < timedelta(seconds=30):
        return _("now")
    return _("in %(span)s") % {"span": _span(max(span, timedelta(minutes=1)))}


def lasting(span: timedelta) -> str:
    """How long something has gone on: "for 4 min", "for 3 h", "for 2 days"."""
    return _("for %(span)s") % {"span": _span(max(span, timedelta()))}


def zone_name(zone: str) -> str:
    """What people call the clock of a zone, "Central Time"; the zone's own name where it belongs to no place."""
    return _zone_name(zone, locale())


@lru_cache(_KEPT)
def _zone_name(zone: str, language: str) -> str:
    if "/" not in zone or zone.startswith("Etc/"):
        return zone
    return str(get_timezone_name(ZoneInfo(zone), "long", zone_variant="generic", locale=language))


def zone_label(zone: str, offset: int | None, known_by: ZoneKnownBy | str) -> str:
    """The clock a time was read on: "Central Time", or "UTC−5" where only the offset is known; says so when it was assumed.

    `zone` is an IANA name or `""`, `offset` in minutes.
    """
    if zone:
        name = zone_name(zone)
    elif offset is not None:
        hours, minutes = divmod(abs(offset), 60)
        name = f"UTC{'−' if offset < 0 else '+'}{hours}" + (f":{minutes:02d}" if minutes else "")
    else:
        return _("time zone not known")
    return _("%(zone)s, assumed") % {"zone": name} if known_by == ZoneKnownBy.ASSUMED else name


def place(city: str, region: str, country: str, postal_code: str = "") -> str:
    """A town, its state and, outside the United States, its country as the reader calls it: "Olney, MD 20832"."""
    return _place(city, region, country, postal_code, locale())


@lru_cache(_KEPT)
def _place(city: str, region: str, country: str, postal_code: str, language: str) -> str:
    code = country_code(country) if country else None
    land = Locale.parse(language).territories.get(code, country) if code else readable(country)
    state = region.strip() if len(region.strip()) <= 3 else readable(region)
    parts = (readable(city), f"{state} {postal_code.strip()}".strip(), "" if code == "US" else land)
    return ", ".join(part for part in parts if part)


def told_place(text: str) -> str:
    """A carrier's `CITY,ST,ZIP` as people write it: "Olney, MD 20832"; any other form only without its capitals."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) == 3 and len(parts[1]) == 2:
        return place(parts[0], parts[1], "", parts[2])
    # Two or three letters are a state or a country.
    return ", ".join(part if len(part) <= 3 else readable(part) for part in parts if part)


def town(city: str, region: str, country: str) -> str:
    """A place to the level of its town: whatever a carrier wrote into these fields, nothing with a digit in it."""
    return _town(city, region, country, locale())


@lru_cache(_KEPT)
def _town(city: str, region: str, country: str, language: str) -> str:
    return _place(without_digits(city), without_digits(region), without_digits(country), "", language)


def without_digits(text: str) -> str:
    """The words of a place that have no digit in them: what is left is no finer than a town."""
    return " ".join(word for word in text.split() if not any(sign.isdigit() for sign in word))


def readable(name: str) -> str:
    """A name without the capitals of old machines: "FORT WORTH" is "Fort Worth"."""
    words = name.split()
    if not name.isupper():
        return " ".join(words)
    keeps_state = _PLANT in name
    return " ".join(
        word if keeps_state and at > 0 and len(word) == 2 else word.title() for at, word in enumerate(words)
    )


def today_at(now: datetime, zone: str) -> date:
    """The day it is at `now` in a zone."""
    return now.astimezone(ZoneInfo(zone)).date()


# A page writes the same few days over and over, and most pages write the days of this month.
def _span(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 60:
        return _("%(count)d min") % {"count": minutes}
    if minutes < 48 * 60:
        return _("%(count)d h") % {"count": minutes // 60}
    days = minutes // (24 * 60)
    return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}
