"""Where a place is on the map, to the level of its town and never finer, from tables in `data/`.

A point that followed the postal code would draw the quarter a parcel goes to. So a place has the one point of its
town; where the table does not have the town, that of all ZIP Codes with the same first three digits, or outside the
United States the carrier's coordinates, rounded, or the middle of where the people of the country live.
"""

import functools
import gzip
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from shipments.facts import zones
from shipments.facts.countries import country_code
from shipments.facts.places import Place, country_of, given_point, region_of, town_of, us_zip
from shipments.facts.projections import Point
from shipments.facts.spelling import without_digits

_DATA = Path(__file__).parent / "data"
# GeoNames numbers the provinces of Canada.
PROVINCES = MappingProxyType(
    {
        "01": "AB", "02": "BC", "03": "MB", "04": "NB", "05": "NL", "07": "NS", "08": "ON", "09": "PE",
        "10": "QC", "11": "SK", "12": "YT", "13": "NT", "14": "NU",
    }
)  # fmt: skip
# The first letter of a Canadian postal code, where the province is not told.
_BY_LETTER = MappingProxyType(
    {
        "A": "NL", "B": "NS", "C": "PE", "E": "NB", **dict.fromkeys("GHJ", "QC"), **dict.fromkeys("KLMNP", "ON"),
        "R": "MB", "S": "SK", "T": "AB", "V": "BC", "X": "NT", "Y": "YT",
    }
)  # fmt: skip
# First digits of ZIP Codes outside the states.
_ISLAND_AREAS = MappingProxyType({"006": "PR", "007": "PR", "008": "VI", "009": "PR", "969": "GU"})
# Where machines do not know a letter, people write two: Köln is Koeln, Tromsø is Tromsoe.
TRANSCRIBED = str.maketrans(
    {
        "ä": "ae", "Ä": "Ae", "ö": "oe", "Ö": "Oe", "ø": "oe", "Ø": "Oe", "ü": "ue", "Ü": "Ue", "å": "aa", "Å": "Aa",
    }
)  # fmt: skip
# Letters that are more than a plain one with a mark.
_PLAIN = str.maketrans(
    {
        "ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d",
        "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i",
    }
)  # fmt: skip
# As carriers shorten names, all names are shortened.
_SHORT = {
    "CITY OF": "", "SAINT": "ST", "SAINTE": "STE", "FORT": "FT", "MOUNT": "MT", "MOUNTAIN": "MTN", "HEIGHTS": "HTS",
    "SPRINGS": "SPGS", "JUNCTION": "JCT", "TOWNSHIP": "TWP", "NORTH": "N", "SOUTH": "S", "EAST": "E", "WEST": "W",
}  # fmt: skip
_WORDS = re.compile(r"\b(?:" + "|".join(sorted(_SHORT, key=len, reverse=True)) + r")\b")


@dataclass(frozen=True, slots=True)
class Spot:
    """A point on the map for a place. `region` is `US-MD`, or `DE` outside the United States and Canada."""

    point: Point
    region: str

    @property
    def in_states(self) -> bool:
        """Whether the point lies in one of the fifty states or the capital, which have a map of their own."""
        return self.region.startswith("US-")


def words(name: str) -> str:
    """A town's name in capitals, letters and digits alone, with long words as carriers shorten them."""
    plain = unicodedata.normalize("NFKD", name[:100].translate(_PLAIN)).encode("ascii", "ignore").decode()
    parted = re.sub(r"[^A-Z0-9]+", " ", re.sub(r"['.]", "", plain.upper()))
    return " ".join(_WORDS.sub(lambda match: _SHORT[match[0]], parted).split())


def key(name: str) -> str:
    """The same for every way to write a town's name: Coeur d'Alene and COEUR D ALENE, McAllen and MC ALLEN."""
    return words(name).replace(" ", "")


@functools.lru_cache(maxsize=4096)
def spot_of(place: Place) -> Spot | None:
    """The place's point as far as it may be shown; None where no town, postal code or country settles it."""
    country = country_of(place)
    if country is None:
        return None
    if country == "US":
        return _us_spot(place)
    region = f"CA-{_province(place)}" if country == "CA" else country
    name = _name(place)
    point = (_town(region, name) or _rounded(place)) if name else None
    point = point or _table().middles.get(region)
    return Spot(point, region) if point else None


def _us_spot(place: Place) -> Spot | None:
    state, five = region_of(place), us_zip(place)
    if state in zones.MILITARY or (five and zones.is_military_zip(five)):
        return None
    # Puerto Rico and its like may stand in either field.
    island = next((code for code in (state, country_code(place.country)) if code in zones.ISLANDS), None)
    if island is None and five:
        island = _ISLAND_AREAS.get(five[:3])
    region = island or f"US-{state}"
    name = _name(place)
    # Without a town the words say no more than the state, and the map must not either.
    point = (_town(region, name) or (zones.zip_area_point(five) if five else None)) if name else None
    if point is None and island:
        point = _table().middles.get(island)
    return Spot(point, region) if point else None


def _name(place: Place) -> str:
    """The town as the table has it, without what carriers add to it in digits."""
    return key(without_digits(town_of(place)))


def _town(region: str, name: str) -> Point | None:
    towns = _table().towns.get(region)
    start = towns.find(f"\n{name} ") if towns else -1
    if towns is None or start < 0:
        return None
    _told, latitude, longitude = towns[start + 1 : towns.index("\n", start + 1)].split(" ")
    return float(latitude), float(longitude)


def _rounded(place: Place) -> Point | None:
    """The carrier's own coordinates, to a fifth of a degree: some twenty kilometres."""
    point = given_point(place)
    return None if point is None else (round(point[0] * 5) / 5, round(point[1] * 5) / 5)


def _province(place: Place) -> str:
    state = region_of(place)
    return (
        state if state in zones.PROVINCE_ZONES else _BY_LETTER.get(place.postal_code.strip().upper()[:1], "")
    )


@dataclass(frozen=True, slots=True)
class _Table:
    # By region its lines: a few thousand to search through, which takes less than to keep them all apart would cost.
    towns: dict[str, str]
    middles: dict[str, Point]


@functools.cache
def _table() -> _Table:
    with gzip.open(_DATA / "towns.txt.gz", "rt", encoding="ascii") as table:
        sections = table.read().removeprefix("[").split("\n[")
    towns: dict[str, str] = {}
    middles: dict[str, Point] = {}
    for section in sections:
        region, lines = section.split("]", 1)
        middle, _, rest = lines.removeprefix("\n* ").partition("\n")
        latitude, longitude = middle.split()
        middles[region] = (float(latitude), float(longitude))
        towns[region] = f"\n{rest.rstrip()}\n"
    return _Table(towns, middles)
