"""Time zones and points of United States ZIP Codes and of Canadian postal codes, from tables in `data/`."""

import functools
import gzip
from array import array
from bisect import bisect_left, bisect_right
from pathlib import Path

_DATA = Path(__file__).parent / "data"

# States, the District of Columbia and territories by the zone all of their clocks keep. None: two zones meet there
# (AK by the Aleutians, AL by the towns around Phenix City, AZ by the Navajo Nation, NV by West Wendover).
_STATES_BY_ZONE: dict[str | None, str] = {
    "America/New_York": "CT DC DE GA MA MD ME NC NH NJ NY OH PA RI SC VA VT WV",
    "America/Chicago": "AR IA IL LA MN MO MS OK WI",
    "America/Denver": "CO MT NM UT WY",
    "America/Los_Angeles": "CA WA",
    "America/Puerto_Rico": "PR",
    "America/St_Thomas": "VI",
    "Pacific/Guam": "GU",
    "Pacific/Honolulu": "HI",
    "Pacific/Majuro": "MH",
    "Pacific/Pago_Pago": "AS",
    "Pacific/Palau": "PW",
    "Pacific/Saipan": "MP",
    None: "AK AL AZ FL FM ID IN KS KY MI ND NE NV OR SD TN TX",
}
STATE_ZONES = {state: zone for zone, states in _STATES_BY_ZONE.items() for state in states.split()}
# Parts of the United States' postal system that ISO 3166 gives a country code of their own.
ISLANDS = frozenset({"AS", "FM", "GU", "MH", "MP", "PR", "PW", "VI"})
# "States" of the military post (Americas, Europe, Pacific) and the ZIP Codes behind them: no place on a map.
MILITARY = frozenset({"AA", "AE", "AP"})
# An area of three digits with fewer codes than this stands for hardly more than one of them.
_FEWEST_CODES = 5
_MILITARY_ZIPS = ("09", "340", "962", "963", "964", "965", "966")

# States in free association with the United States: in its postal system, but not in its Census.
_ISLAND_ZIPS = {
    "96939": "Pacific/Palau",
    "96940": "Pacific/Palau",
    "96941": "Pacific/Pohnpei",
    "96942": "Pacific/Chuuk",
    "96943": "Pacific/Chuuk",  # Yap
    "96944": "Pacific/Kosrae",
    "96960": "Pacific/Majuro",
    "96970": "Pacific/Kwajalein",
}

# Canada, by the first letter of the postal code. X is left out: Nunavut has several zones and shares the letter.
_CANADA: dict[str, str] = {
    "A": "America/St_Johns",
    "B": "America/Halifax",
    "C": "America/Halifax",
    "E": "America/Moncton",
    **dict.fromkeys("GHJKLMNP", "America/Toronto"),
    "R": "America/Winnipeg",
    "S": "America/Regina",
    "T": "America/Edmonton",
    "V": "America/Vancouver",
    "Y": "America/Whitehorse",
}
_CANADA_TOWNS: dict[str, str] = {
    "A2V": "America/Goose_Bay",  # Labrador City
    "G4T": "America/Halifax",  # Magdalen Islands
    **dict.fromkeys(("P8N", "P8T", "P9A", "P9N"), "America/Winnipeg"),  # Ontario west of 90° West
    "S9V": "America/Edmonton",  # Lloydminster
    **dict.fromkeys(("V1A", "V1C"), "America/Edmonton"),  # Kimberley, Cranbrook
    **dict.fromkeys(("V1G", "V1J"), "America/Dawson_Creek"),  # Dawson Creek, Fort St. John
}
# A 0 in second place is a rural code, and those reach across zones in these provinces.
_CANADA_RURAL_SPLIT = frozenset("AGPSV")
_PROVINCES_BY_ZONE: dict[str | None, str] = {
    "America/Edmonton": "AB",
    "America/Halifax": "NS PE",
    "America/Moncton": "NB",
    "America/Whitehorse": "YT",
    "America/Winnipeg": "MB",
    None: "BC NL NT NU ON QC SK",
}
PROVINCE_ZONES = {province: zone for zone, codes in _PROVINCES_BY_ZONE.items() for province in codes.split()}


def zip_zone(five_digits: str) -> str | None:
    """The time zone of a ZIP Code; None for military ones and where no code with the same first three digits is listed."""
    if five_digits in _ISLAND_ZIPS:
        return _ISLAND_ZIPS[five_digits]
    place = _nearest(five_digits)
    if place is None:
        return None
    starts, zones = _zone_runs()
    return zones[bisect_right(starts, _points()[0][place]) - 1]


def zip_point(five_digits: str) -> tuple[float, float] | None:
    """Latitude and longitude of the middle of a ZIP Code's area, or of the code nearest in number."""
    place = _nearest(five_digits)
    if place is None:
        return None
    _codes, latitudes, longitudes = _points()
    return latitudes[place], longitudes[place]


def zip_area_point(five_digits: str) -> tuple[float, float] | None:
    """The middle of all ZIP Codes with the same first three digits; None for military ones and where too few are listed."""
    return None if is_military_zip(five_digits) else _area_points().get(int(five_digits[:3]))


def is_military_zip(five_digits: str) -> bool:
    """Whether mail to the code goes to an army, air force, fleet or diplomatic post office."""
    return five_digits.startswith(_MILITARY_ZIPS)


def canadian_zone(postal_code: str) -> str | None:
    """The time zone of a Canadian postal code (`T6R3H7`) where its first three signs settle it."""
    town = postal_code[:3]
    if town in _CANADA_TOWNS:
        return _CANADA_TOWNS[town]
    if town[1:2] == "0" and town[:1] in _CANADA_RURAL_SPLIT:
        return None
    return _CANADA.get(town[:1])


def _nearest(five_digits: str) -> int | None:
    """Where in the table the code, or the one nearest in number with the same first three digits, stands."""
    if is_military_zip(five_digits) or five_digits in _ISLAND_ZIPS:
        return None
    codes = _points()[0]
    wanted = int(five_digits)
    place = bisect_left(codes, wanted)
    near = [i for i in (place - 1, place) if 0 <= i < len(codes) and codes[i] // 100 == wanted // 100]
    return min(near, key=lambda i: abs(codes[i] - wanted), default=None)


@functools.cache
def _points() -> tuple["array[int]", "array[float]", "array[float]"]:
    """Codes, latitudes and longitudes, side by side and sorted by code."""
    with gzip.open(_DATA / "us_zip_points.txt.gz", "rt", encoding="ascii") as table:
        signs = table.read().split()
    return (
        array("I", map(int, signs[::3])),
        array("d", map(float, signs[1::3])),
        array("d", map(float, signs[2::3])),
    )


@functools.cache
def _area_points() -> dict[int, tuple[float, float]]:
    """The middles of the areas of three digits that have so many codes that no single one can be told from them."""
    areas: dict[int, list[tuple[float, float]]] = {}
    for code, latitude, longitude in zip(*_points(), strict=True):
        areas.setdefault(code // 100, []).append((latitude, longitude))
    return {
        area: (sum(at[0] for at in points) / len(points), sum(at[1] for at in points) / len(points))
        for area, points in areas.items()
        if len(points) >= _FEWEST_CODES
    }


@functools.cache
def _zone_runs() -> tuple["array[int]", list[str]]:
    """First codes of the runs of listed codes that share a zone, and the zones."""
    signs = (_DATA / "us_zip_zones.txt").read_text("ascii").split()
    return array("I", map(int, signs[::2])), signs[1::2]
