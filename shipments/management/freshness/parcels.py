"""Scripted parcels: from a made world, or from a file of journeys."""

import cmath
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from shipments.enums import Status

DAY = 86400.0
# On the clock of the place.
MIDDLE_OF_DELIVERIES = 14.0


@dataclass(frozen=True, slots=True)
class Parcel:
    """One parcel and all its scans, the label first. `scans` are pairs of seconds since 1970 and what they say."""

    number: str
    service: str
    scans: tuple[tuple[float, Status], ...]
    zone: str | None = None
    promised_on: date | None = None
    scans_once: bool = False

    @property
    def label_at(self) -> float:
        """When the parcel is added: the moment of its label."""
        return self.scans[0][0]


class BadJourney(ValueError):
    """A line of a file of journeys that cannot be read; the message names it."""


def read_journeys(lines: Iterable[str]) -> list[Parcel]:
    """Parcels of a file with one JSON object a line; `BadJourney` names the first line that cannot be read.

    `{"number", "service", "ship_date", "scans": [{"at", "status"}]}`, the first scan being the label. `at` is ISO 8601; its offset,
    where it has one other than zero, is the clock of the place. Optional: `promised_on`, `zone`, `scans_once`. Where no line
    tells any clock, all get the one by which deliveries fall into the day: an installation knows where its parcels go.
    """
    parcels = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            parcels.append(_parcel(json.loads(line)))
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise BadJourney(f"Line {number} is no journey: {exc!r}") from exc
    if all(parcel.zone is None for parcel in parcels):
        zone = _clock_of_deliveries(parcels)
        parcels = [replace(parcel, zone=zone) for parcel in parcels]
    return parcels


def _clock_of_deliveries(parcels: Sequence[Parcel]) -> str | None:
    """The zone, as whole hours from UTC, in which the middle of all deliveries is early in the afternoon."""
    on_the_dial = sum(
        cmath.exp(2j * math.pi * (at % DAY) / DAY)
        for parcel in parcels
        for at, status in parcel.scans
        if status == Status.DELIVERED
    )
    if abs(on_the_dial) < 1e-9:
        return None
    middle = cmath.phase(on_the_dial) / (2 * math.pi) * 24
    return _zone_ahead_by((round(MIDDLE_OF_DELIVERIES - middle) + 12) % 24 - 12)


def _zone_ahead_by(hours: int) -> str:
    # Names of these zones count westward.
    return f"Etc/GMT{-hours:+d}"


def _parcel(told: dict[str, object]) -> Parcel:
    scans = []
    offset = None
    told_scans = told["scans"]
    if not isinstance(told_scans, list) or not told_scans:
        raise ValueError("it has no scans")
    for scan in told_scans:
        at = datetime.fromisoformat(scan["at"])
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        offset = at.utcoffset() or offset
        scans.append((at.timestamp(), _status(scan["status"])))
    scans.sort(key=lambda scan: scan[0])
    service = str(told.get("service") or "")
    zone = told.get("zone")
    if zone is None and offset is not None:
        zone = _zone_ahead_by(round(offset.total_seconds() / 3600))
    promised = told.get("promised_on")
    return Parcel(
        number=str(told["number"]),
        service=service,
        scans=tuple(scans),
        zone=None if zone is None else str(zone),
        promised_on=None if promised is None else date.fromisoformat(str(promised)),
        scans_once=bool(told.get("scans_once", scans_once(service))),
    )


def scans_once(service: str) -> bool:
    """Whether pieces of a service get one scan on their way, by its name: letters and flats with an IMb."""
    words = service.replace("_", " ").replace("-", " ").casefold()
    return words in {"imb", "first class mail", "first class"} or any(
        sign in words.split() for sign in ("letter", "letters", "imb", "flat", "flats", "postcard")
    )


def _status(word: str) -> Status:
    """The status a word stands for, whether written as our value or as our name."""
    plain = word.replace("_", "").replace("-", "").replace(" ", "").casefold()
    for status in Status:
        if status.value.casefold() == plain:
            return status
    raise ValueError(f"{word!r} is no status")
