"""Countries as carriers write them, and the one clock of those that have one."""

import functools
import re
import unicodedata
from importlib import resources

# What carriers and posts write and neither ISO 3166 nor CLDR calls the country by (USPS, International Mail
# Manual: "Great Britain and Northern Ireland", "Korea, Republic of").
_OTHER_NAMES = {
    "America": "US",
    "Bolivia, Plurinational State of": "BO",
    "Brunei Darussalam": "BN",
    "Burma": "MM",
    "Cape Verde": "CV",
    "Cote d'Ivoire": "CI",
    "Czech Republic": "CZ",
    "England": "GB",
    "Great Britain": "GB",
    "Great Britain and Northern Ireland": "GB",
    "Holland": "NL",
    "Hong Kong": "HK",
    "Iran, Islamic Republic of": "IR",
    "Ivory Coast": "CI",
    "Korea": "KR",
    "Korea, Republic of": "KR",
    "Lao People's Democratic Republic": "LA",
    "Macao": "MO",
    "Macau": "MO",
    "Macedonia": "MK",
    "Moldova, Republic of": "MD",
    "Myanmar": "MM",
    "Northern Ireland": "GB",
    "Republic of Ireland": "IE",
    "Republic of Korea": "KR",
    "Republic of Moldova": "MD",
    "Russian Federation": "RU",
    "Scotland": "GB",
    "Swaziland": "SZ",
    "Taiwan, Province of China": "TW",
    "Tanzania, United Republic of": "TZ",
    "The Netherlands": "NL",
    "Turkey": "TR",
    "United Arab Emirates (UAE)": "AE",
    "UAE": "AE",
    "United States of America": "US",
    "Venezuela, Bolivarian Republic of": "VE",
    "Viet Nam": "VN",
    "Virgin Islands, British": "VG",
    "Virgin Islands, U.S.": "VI",
    "Wales": "GB",
}

# Several zones in the time zone database, one clock today: the zones differ in their past only. China is
# here for another reason: all of it keeps Beijing time by law, and its carriers post in it.
_ONE_CLOCK = {
    "AR": "America/Argentina/Buenos_Aires",
    "CN": "Asia/Shanghai",
    "CY": "Asia/Nicosia",
    "DE": "Europe/Berlin",
    "KZ": "Asia/Almaty",
    "MH": "Pacific/Majuro",
    "MY": "Asia/Kuala_Lumpur",
    "UZ": "Asia/Tashkent",
}


def country_code(text: str) -> str | None:
    """The ISO 3166-1 alpha-2 code of a country written as such, as an alpha-3 code or by an English name."""
    written = text.strip().upper()
    if written in _zones():
        return written
    return _codes_by_name().get(_key(text))


def one_zone(code: str) -> str | None:
    """The time zone of a country where every clock shows the same; None where they differ or nothing is known."""
    if code in _ONE_CLOCK:
        return _ONE_CLOCK[code]
    zones = _zones().get(code, ())
    return zones[0] if len(zones) == 1 else None


def zones_of(code: str) -> tuple[str, ...]:
    """Every zone the time zone database lists for the country."""
    return _zones().get(code, ())


@functools.cache
def _zones() -> dict[str, tuple[str, ...]]:
    zones: dict[str, tuple[str, ...]] = {}
    table = resources.files("tzdata.zoneinfo").joinpath("zone.tab").read_text("ascii")
    for line in table.splitlines():
        if not line.startswith("#"):
            code, _point, zone = line.split("\t")[:3]
            zones[code] = (*zones.get(code, ()), zone)
    return zones


@functools.cache
def _codes_by_name() -> dict[str, str]:
    # Babel and its English names take 70 ms to load, and carriers nearly always send a code.
    from babel import Locale
    from babel.core import get_global

    codes = {_key(name): code for code, name in Locale("en").territories.items() if code in _zones()}
    for alias, meant in get_global("territory_aliases").items():
        if len(meant) == 1 and meant[0] in _zones():
            codes.setdefault(_key(alias), meant[0])
    for name, code in _OTHER_NAMES.items():
        codes[_key(name)] = code
    return codes


def _key(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name[:80]).casefold()
    return re.sub(r"[^a-z0-9]", "", plain)
