"""Where a scan happened, and which clock hangs on the wall there (offline data)."""

import math
import re
from dataclasses import dataclass
from functools import lru_cache

from django.utils.translation import gettext as _

from shipments.facts import zones
from shipments.facts.countries import country_code, one_zone


@dataclass(frozen=True, slots=True)
class Place:
    """A place as a carrier wrote it; missing text is `""`. `country` is as sent (mostly ISO 3166-1 alpha-2)."""

    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""
    latitude: float | None = None
    longitude: float | None = None


class PostalCodeError(ValueError):
    """A postal code that breaks a rule; the message is a sentence for people that names it."""


_US = re.compile(r"(\d{5})(?:[- ]?\d{4})?", re.ASCII)
_CANADIAN = re.compile(r"([A-Z]\d[A-Z])[- ]?(\d[A-Z]\d)", re.ASCII)
# USPS names its sorting plants in the city and then leaves state and ZIP Code out (Tracking v3r2, real answers).
_PLANT = re.compile(r" ([A-Z]{2}) (?:(?:NETWORK|INTERNATIONAL|REGIONAL) )?DISTRIBUTION CENTER(?: ANNEX)?\Z")
# Blanks, the hyphen of keyboards, and the dashes word processors make of it.
_BETWEEN = re.compile("[\\s\\-\u2010-\u2015\u2212]")


@lru_cache(maxsize=8_192)
def zone_of(place: Place) -> str | None:
    """The IANA time zone of the place where coordinates, postal code, state or country settle it, else None."""
    point = given_point(place)
    if point is not None and (zone := _zone_at(point)) is not None:
        return zone
    country = country_of(place)
    if country == "US":
        return _us_zone(place)
    if country == "CA":
        postal_code = canadian_postal_code(place.postal_code)
        by_code = zones.canadian_zone(postal_code) if postal_code else None
        return by_code or zones.PROVINCE_ZONES.get(region_of(place))
    return one_zone(country) if country else None


def point_of(place: Place) -> tuple[float, float] | None:
    """Latitude and longitude: the carrier's own, else the middle of the area of a United States ZIP Code."""
    point = given_point(place)
    if point is not None:
        return point
    five = us_zip(place)
    return zones.zip_point(five) if five and country_of(place) == "US" else None


def is_us_postal_code(text: str) -> bool:
    """Whether the text has the form of a ZIP Code: five digits, or nine as 12345-6789."""
    return _US.fullmatch(text.strip()) is not None


def five_digits(text: str) -> str:
    """The five digits of a ZIP Code written with five or nine; `PostalCodeError` for anything else."""
    match = _US.fullmatch(text.strip())
    if match is None:
        raise PostalCodeError(_("A ZIP Code is five digits, or nine as 12345-6789."))
    return match[1]


def canadian_postal_code(text: str) -> str | None:
    """A Canadian postal code as six signs without a blank, None when it has another form."""
    match = _CANADIAN.fullmatch(text.strip().upper())
    return match[1] + match[2] if match else None


def comparable_postal_code(text: str, country: str = "") -> str:
    """The form in which a code a person typed equals the carrier's: capitals, no blanks or hyphens, ZIP Codes cut to five."""
    if is_us_postal_code(text) and (not country.strip() or _is_us(country_code(country))):
        return five_digits(text)
    return _BETWEEN.sub("", text).upper()


@lru_cache(maxsize=8_192)
def country_of(place: Place) -> str | None:
    """The code of the place's country, worked out from the rest where the carrier left it out; islands count as US."""
    if place.country.strip():
        code = country_code(place.country)
        return "US" if _is_us(code) else code
    if canadian_postal_code(place.postal_code):
        return "CA"
    region = region_of(place)
    if region in zones.STATE_ZONES or region in zones.MILITARY:
        return "US"
    if region in zones.PROVINCE_ZONES:
        return "CA"
    if is_us_postal_code(place.postal_code):
        return "US"
    return None


def _us_zone(place: Place) -> str | None:
    region = region_of(place)
    five = us_zip(place)
    if region in zones.MILITARY or (five and zones.is_military_zip(five)):
        return None
    if five and (zone := zones.zip_zone(five)) is not None:
        return zone
    # Puerto Rico and its like may stand in either field.
    island = country_code(place.country) or ""
    state = region or (island if island in zones.ISLANDS else "")
    return zones.STATE_ZONES.get(state)


def town_of(place: Place) -> str:
    """The town in capitals; of a USPS plant the town it is named after."""
    match = _plant(place)
    return match.string[: match.start()] if match else _capitals(place.city)


def _plant_state(place: Place) -> str:
    if place.region.strip() or place.postal_code.strip():
        return ""
    match = _plant(place)
    return match[1] if match else ""


def _plant(place: Place) -> re.Match[str] | None:
    match = _PLANT.search(_capitals(place.city))
    return match if match and match[1] in zones.STATE_ZONES else None


def _capitals(city: str) -> str:
    return " ".join(city[:100].upper().split())


def given_point(place: Place) -> tuple[float, float] | None:
    """The coordinates the carrier sent, where they are a point on the globe and more than a way to say "not known"."""
    latitude, longitude = place.latitude, place.longitude
    if latitude is None or longitude is None:
        return None
    if not (math.isfinite(latitude) and math.isfinite(longitude)):
        return None
    if abs(latitude) > 90 or abs(longitude) > 180:
        return None
    # Zero by zero is open sea off Africa, and how software writes "not known".
    return (latitude, longitude) if (latitude, longitude) != (0, 0) else None


def _zone_at(point: tuple[float, float]) -> str | None:
    # The boundaries take 35 MB and 100 ms to load, and few carriers send coordinates.
    from tzfpy import get_tz

    zone = get_tz(point[1], point[0])
    # At sea the answer is a bare offset: a point in a harbour is better placed by its postal code.
    return zone if zone and not zone.startswith("Etc/") else None


@lru_cache(maxsize=8_192)
def region_of(place: Place) -> str:
    """State or province as written, in capitals; that of a USPS plant where only its name tells it; else `""`."""
    return place.region.strip().upper() or _plant_state(place)


def us_zip(place: Place) -> str | None:
    """The five digits of the place's postal code where it has the form of a ZIP Code."""
    match = _US.fullmatch(place.postal_code.strip())
    return match[1] if match else None


def _is_us(code: str | None) -> bool:
    return code == "US" or code in zones.ISLANDS
