"""A world whose rates are known: parcels move from status to status by chance, hour by hour.

Its rates are its own. They are not those of the policy's tables: a benchmark whose world is the policy's own opinion would
measure nothing. How long parcels take is such that about 1,250 of 10,000 are on their way at a time.
"""

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from shipments.enums import Status
from shipments.management.freshness.parcels import Parcel

HOUR = 3600.0
# The world begins on a Monday.
BEGINS = datetime(2026, 3, 2, tzinfo=UTC)
_ZONES = (
    ("America/New_York", 46),
    ("America/Chicago", 30),
    ("America/Denver", 7),
    ("America/Los_Angeles", 17),
)


@dataclass(frozen=True, slots=True)
class Exit:
    """One way on: to which status, how often a day while the clock runs, at which hours."""

    to: Status
    a_day: float
    hours: str
    days: str


@dataclass(frozen=True, slots=True)
class Service:
    """A way of sending: its name, its share of the parcels, days it takes, whether it tells a promised day."""

    name: str
    share: int
    takes: tuple[int, ...]
    promises: bool = True
    pace: float = 1.0
    scans_once: bool = False


SERVICES = (
    Service("Priority Mail Express", 5, (0, 1, 1)),
    Service("Priority Mail", 31, (1, 1, 1, 2)),
    Service("USPS Ground Advantage", 31, (1, 1, 1, 2, 2), pace=0.85),
    Service("First-Class Mail letter", 2, (2, 3), promises=False, scans_once=True),
    Service("FedEx Ground", 12, (0, 1, 1), pace=1.2),
    Service("FedEx 2Day", 6, (1, 1), pace=1.3),
    Service("UPS Ground", 13, (1, 1, 2, 3), promises=False, pace=1.1),
)

# Weights by hour, midnight first: bell curves around the hours at which the work is done.
_PEAKS: dict[str, tuple[tuple[float, float, float], ...]] = {
    # (hour, width, weight)
    "collect": ((11.0, 2.5, 0.5), (16.5, 1.8, 1.0), (20.5, 1.5, 0.6)),
    "sort": ((22.5, 2.5, 1.0), (4.5, 2.0, 0.9), (13.0, 3.0, 0.25)),
    "load": ((8.2, 1.0, 1.0), (10.5, 1.0, 0.12)),
    "round": ((11.5, 1.6, 0.7), (14.8, 2.0, 1.0), (18.5, 1.2, 0.25)),
    "evening": ((18.5, 1.2, 1.0),),
    "counter": ((10.0, 1.5, 0.8), (16.8, 1.5, 1.0)),
}
_DAYS: dict[str, tuple[float, ...]] = {
    "week": (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.8),
    "post": (1.1, 1.0, 1.0, 1.0, 1.0, 0.9, 0.06),
    "shop": (1.3, 1.0, 1.0, 0.95, 1.0, 0.35, 0.05),
}
_EXITS: dict[Status, tuple[Exit, ...]] = {
    Status.MANIFEST: (
        Exit(Status.ACCEPTANCE, 2.6, "collect", "shop"),
        Exit(Status.PICKED_UP, 1.1, "collect", "shop"),
        Exit(Status.IN_TRANSIT, 0.4, "sort", "week"),
    ),
    Status.ACCEPTANCE: (Exit(Status.IN_TRANSIT, 3.2, "sort", "week"),),
    Status.PICKED_UP: (Exit(Status.IN_TRANSIT, 3.2, "sort", "week"),),
    Status.IN_TRANSIT: (
        Exit(Status.IN_TRANSIT, 1.7, "sort", "week"),
        Exit(Status.EXCEPTION, 0.012, "sort", "week"),
    ),
    Status.EXCEPTION: (
        Exit(Status.IN_TRANSIT, 0.8, "sort", "week"),
        Exit(Status.RETURN_TO_SENDER, 0.06, "counter", "post"),
    ),
    Status.OUT_FOR_DELIVERY: (
        Exit(Status.DELIVERED, 3.0, "round", "post"),
        Exit(Status.DELIVERY_ATTEMPT, 0.12, "round", "post"),
        Exit(Status.IN_TRANSIT, 0.25, "evening", "post"),
    ),
    Status.DELIVERY_ATTEMPT: (
        Exit(Status.READY_FOR_PICKUP, 0.8, "evening", "post"),
        Exit(Status.OUT_FOR_DELIVERY, 0.9, "load", "post"),
    ),
    Status.READY_FOR_PICKUP: (
        Exit(Status.DELIVERED, 0.33, "counter", "post"),
        Exit(Status.RETURN_TO_SENDER, 0.03, "counter", "post"),
    ),
    Status.RETURN_TO_SENDER: (
        Exit(Status.RETURN_TO_SENDER, 1.1, "sort", "week"),
        Exit(Status.DELIVERED, 0.22, "round", "post"),
    ),
    Status.DELIVERED: (),
}
# Of the statuses that still go out for delivery: the chance that a morning's round has the parcel, by days from the day the
# service is due; the first is two days early and earlier.
_GOING_OUT = (Status.ACCEPTANCE, Status.PICKED_UP, Status.IN_TRANSIT, Status.EXCEPTION)
_ROUND_HAS_IT = (0.01, 0.13, 0.85, 0.75, 0.65, 0.5)
_LETTER_SCANNED = Exit(Status.IN_TRANSIT, 0.45, "sort", "week")
# Of those that come into a status so many never leave it: labels nobody used, parcels that are lost.
_STUCK = {Status.MANIFEST: 0.01, Status.ACCEPTANCE: 0.002, Status.IN_TRANSIT: 0.001, Status.EXCEPTION: 0.03}
_LETTERS_STUCK = 0.1


@dataclass(frozen=True, slots=True)
class Slant:
    """How this world differs from the usual one: everything faster or slower, hours later, rounds less sure."""

    pace: float = 1.0
    later_by: float = 0.0
    round_pace: float = 1.0
    stuck: float = 1.0
    tells_promise: bool = True
    tells_zone: bool = True


class MadeWorld:
    """The rates of a world, the parcels drawn by them, and what one who knows them may tell of a parcel."""

    def __init__(self, parcels: int, days: int, *, seed: int, slant: Slant | None = None) -> None:
        self._slant = slant or Slant()
        self._profiles = {name: self._profile(peaks) for name, peaks in _PEAKS.items()}
        self._random = Random(seed)  # noqa: S311  (a made world, not a secret)
        self._rates: dict[tuple[str, Status, int, int, int], tuple[tuple[Status, float], ...]] = {}
        self._due: dict[str, date] = {}
        self._service: dict[str, Service] = {}
        self._offsets: dict[tuple[str, int], float] = {}
        self._zones: dict[str, str] = {}
        shares = [service.share for service in SERVICES]
        self.parcels = [
            self._drawn(f"M{number:06d}", self._random.choices(SERVICES, shares)[0], days)
            for number in range(parcels)
        ]

    def rates(self, parcel: Parcel, status: Status, at: float) -> tuple[tuple[Status, float], ...]:
        """Each status the parcel may get next, with how often an hour at this hour of its place."""
        local = at + self._offset(self._zones[parcel.number], at)
        return self._rates_at(self._service[parcel.number], status, local, self._due[parcel.number])

    def stuck(self, parcel: Parcel, status: Status) -> float:
        """The chance that a parcel which comes into this status never leaves it."""
        return self._stuck(self._service[parcel.number], status)

    def _profile(self, peaks: tuple[tuple[float, float, float], ...]) -> tuple[float, ...]:
        day = []
        for hour in range(24):
            weight = 0.002
            for peak, width, height in peaks:
                away = abs((hour + 0.5 - peak - self._slant.later_by + 12) % 24 - 12)
                weight += height * math.exp(-0.5 * (away / width) ** 2)
            day.append(weight)
        return tuple(weight / sum(day) for weight in day)

    def _drawn(self, number: str, service: Service, days: int) -> Parcel:
        random = self._random
        zone = random.choices([name for name, _ in _ZONES], [share for _, share in _ZONES])[0]
        label = self._label(zone, days)
        local_day = datetime.fromtimestamp(label, ZoneInfo(zone)).date()
        due = _workday(local_day + timedelta(days=random.choice(service.takes)))
        self._due[number], self._service[number], self._zones[number] = due, service, zone
        scans = [(label, Status.MANIFEST)]
        at, status = label, Status.MANIFEST
        while status != Status.DELIVERED and len(scans) < 60:
            if service.scans_once and status != Status.MANIFEST:
                break
            if random.random() < self._stuck(service, status):
                break
            at, status = self._next(service, status, at, due, zone)
            if at > label + 40 * 86400:
                break
            scans.append((at, status))
        slant = self._slant
        return Parcel(
            number,
            service.name,
            tuple(scans),
            zone=zone if slant.tells_zone else None,
            promised_on=due if service.promises and slant.tells_promise else None,
            scans_once=service.scans_once,
        )

    def _label(self, zone: str, days: int) -> float:
        """A moment in a shop's working hours; few at the weekend."""
        random = self._random
        while True:
            day = random.randrange(days)
            if random.random() < (1.0, 1.0, 1.0, 1.0, 0.9, 0.3, 0.15)[day % 7]:
                break
        seconds = min(max(random.gauss(13.0, 3.2), 0.5), 23.5) * HOUR + day * 86400.0
        midnight = BEGINS.timestamp()
        return midnight + seconds - self._offset(zone, midnight + seconds)

    def _next(
        self, service: Service, status: Status, at: float, due: date, zone: str
    ) -> tuple[float, Status]:
        """When the parcel leaves this status, and for which."""
        left = self._random.expovariate(1.0)
        while True:
            local = at + self._offset(zone, at)
            rates = self._rates_at(service, status, local, due)
            total = sum(rate for _, rate in rates)
            rest = (HOUR - local % HOUR) / HOUR
            if total * rest >= left:
                at += left / total * HOUR
                to = self._random.choices([to for to, _ in rates], [rate for _, rate in rates])[0]
                # Seconds later at the earliest: two scans of one moment cannot be told apart.
                return at + 1.0, to
            left -= total * rest
            at += rest * HOUR + 1e-6

    def _rates_at(
        self, service: Service, status: Status, local: float, due: date
    ) -> tuple[tuple[Status, float], ...]:
        day = int(local // 86400)
        hour = int(local // HOUR) % 24
        late = min(max(day - (due.toordinal() - _EPOCH), -2), 3)
        key = (service.name, status, (day + 3) % 7, hour, late)
        known = self._rates.get(key)
        if known is None:
            known = self._rates[key] = self._told(service, status, *key[2:])
        return known

    def _told(
        self, service: Service, status: Status, weekday: int, hour: int, late: int
    ) -> tuple[tuple[Status, float], ...]:
        slant = self._slant
        if service.scans_once:
            exits: tuple[Exit, ...] = (_LETTER_SCANNED,) if status == Status.MANIFEST else ()
        else:
            exits = _EXITS[status]
            if status in _GOING_OUT:
                chance = _ROUND_HAS_IT[late + 2]
                exits = (*exits, Exit(Status.OUT_FOR_DELIVERY, -math.log1p(-chance), "load", "post"))
        found: dict[Status, float] = {}
        for way in exits:
            pace = slant.round_pace if way.hours in {"load", "round"} else slant.pace * service.pace
            rate = way.a_day * pace * self._profiles[way.hours][hour] * _DAYS[way.days][weekday]
            found[way.to] = found.get(way.to, 0.0) + rate
        return tuple(found.items())

    def _stuck(self, service: Service, status: Status) -> float:
        usual = _LETTERS_STUCK if service.scans_once else _STUCK.get(status, 0.0)
        return min(usual * self._slant.stuck, 0.9)

    def _offset(self, zone: str, at: float) -> float:
        """Seconds the clock of the zone is ahead of UTC; looked up once for each hour."""
        key = (zone, int(at // HOUR))
        known = self._offsets.get(key)
        if known is None:
            ahead = datetime.fromtimestamp(at, ZoneInfo(zone)).utcoffset()
            assert ahead is not None
            known = self._offsets[key] = ahead.total_seconds()
        return known


_EPOCH = date(1970, 1, 1).toordinal()


def _workday(day: date) -> date:
    return day + timedelta(days=1) if day.weekday() == 6 else day
