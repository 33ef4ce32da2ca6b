"""The timeline of one parcel: which moment each posted time is, what still counts, what it all amounts to."""

import hashlib
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from shipments.enums import Status, ZoneKnownBy
from shipments.facts.places import Place
from shipments.facts.times import Posted

# Labels are made days before a parcel is shipped; carriers use a number again after months.
EARLIER_PARCEL_SLACK = timedelta(days=14)
_END_OF_DAY = time(23, 59, 59, 999_999)
_BLANKS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Moment:
    """A posted time put on the world's clock.

    `offset` and `at` are None where the carrier gave no time. `ordered_at` always orders: without a time it is
    the end of the day. `zone` is an IANA name, `""` where only the carrier's offset is known.
    """

    offset: timedelta | None
    at: datetime | None
    ordered_at: datetime
    zone: str
    known_by: ZoneKnownBy


@dataclass(frozen=True, slots=True)
class Stop:
    """What settling a scan in time needs of it."""

    posted: Posted
    place: Place


def fingerprint(posted: Posted, *, code: str, place: Place, text: str) -> str:
    """The same 32 hex digits for the same scan, whoever tells it: local date and time, code, place, normalised text.

    The offset is not part of it: carriers add and drop it between two answers.
    """
    parts = (
        posted.on.isoformat(),
        posted.at.isoformat() if posted.at is not None else "",
        code.strip().upper(),
        *(_plain(part) for part in (place.city, place.region, place.postal_code, place.country, text)),
    )
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


@lru_cache(maxsize=8_192)
def _plain(text: str) -> str:
    return _BLANKS.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()


def moments(
    stops: Sequence[Stop], *, zone_of: Callable[[Place], str | None], fallback_zone: str
) -> list[Moment]:
    """The moment of each stop, in the order given; independent of that order.

    The carrier's offset wins, then the zone of the place. What neither tells is read on the clock of the
    nearest stop in time whose zone is known, else of `fallback_zone`. So is a time that a clock change at the
    place doubles or skips, with the offset in force before the change.
    """
    zones = [zone_of(stop.place) for stop in stops]
    clocks = _Clocks(
        (_local(stop.posted), zone or "", stop.posted.offset)
        for stop, zone in zip(stops, zones, strict=True)
        if zone is not None or stop.posted.offset is not None
    )
    result = []
    for stop, zone in zip(stops, zones, strict=True):
        if stop.posted.instant_by_carrier() is not None or (
            stop.posted.offset is not None and stop.posted.at is None
        ):
            result.append(_by_carrier(stop.posted, zone or ""))
        elif zone is not None:
            result.append(_in_zone(stop.posted, zone, ZoneKnownBy.PLACE))
        else:
            result.append(_assumed(stop.posted, clocks, fallback_zone))
    return result


class _Clocks:
    """The clocks of a parcel's known scans, by local time."""

    def __init__(self, known: Iterable[tuple[datetime, str, timedelta | None]]) -> None:
        by_time: dict[datetime, tuple[str, timedelta | None]] = {}
        for local, zone, offset in known:
            clock = (zone, offset)
            # One of several at the same time is chosen by name, so that order of arrival never matters.
            by_time[local] = min(
                by_time.get(local, clock), clock, key=lambda one: (one[0], one[1] or timedelta(0))
            )
        self._times = sorted(by_time)
        self._by_time = by_time

    def nearest(self, local: datetime) -> tuple[str, timedelta | None] | None:
        """The clock of the scan nearest in time, the earlier of two; None where none is known."""
        at = bisect_left(self._times, local)
        around = self._times[max(at - 1, 0) : at + 1]
        if not around:
            return None
        return self._by_time[min(around, key=lambda time: (abs(time - local), time))]


def _local(posted: Posted) -> datetime:
    return datetime.combine(posted.on, posted.at or _END_OF_DAY)


def _by_carrier(posted: Posted, zone: str) -> Moment:
    at = posted.instant_by_carrier()
    if at is None:
        clock = timezone(posted.offset or timedelta(0))
        return Moment(
            None, None, _local(posted).replace(tzinfo=clock).astimezone(UTC), zone, ZoneKnownBy.CARRIER
        )
    return Moment(posted.offset, at, at, zone, ZoneKnownBy.CARRIER)


def _in_zone(posted: Posted, zone: str, known_by: ZoneKnownBy) -> Moment:
    # fold=0 reads a doubled hour, and a skipped one, with the offset in force before the clock change.
    local = _local(posted).replace(tzinfo=ZoneInfo(zone), fold=0)
    offset = local.utcoffset() or timedelta(0)
    at = local.astimezone(UTC)
    if posted.at is None:
        return Moment(None, None, at, zone, known_by)
    doubled = local.replace(fold=1).utcoffset() != offset
    if doubled:
        known_by = ZoneKnownBy.ASSUMED
    return Moment(offset, at, at, zone, known_by)


def _assumed(posted: Posted, clocks: _Clocks, fallback_zone: str) -> Moment:
    local = _local(posted)
    zone, offset = clocks.nearest(local) or (fallback_zone, None)
    if zone:
        return _in_zone(posted, zone, ZoneKnownBy.ASSUMED)
    at = local.replace(tzinfo=timezone(offset or timedelta(0))).astimezone(UTC)
    if posted.at is None:
        return Moment(None, None, at, "", ZoneKnownBy.ASSUMED)
    return Moment(offset, at, at, "", ZoneKnownBy.ASSUMED)


def is_of_earlier_parcel(local_date: date, ship_date: date | None) -> bool:
    """Whether a scan is so much older than the ship date that the number must have been another parcel's then."""
    return ship_date is not None and local_date < ship_date - EARLIER_PARCEL_SLACK


def start_of_next_parcel(scans: Iterable[tuple[date, Status]], next_ship_date: date) -> date:
    """The day from which scans are those of the next parcel with the number, mailed on `next_ship_date`.

    That day itself, or the day of its label where that stands among the scans: a label made shortly before it, after
    this parcel had moved, cannot be this parcel's.
    """
    seen = list(scans)
    moved = [on for on, status in seen if status not in {Status.MANIFEST, Status.UNKNOWN}]
    labels = [
        on
        for on, status in seen
        if status == Status.MANIFEST
        and next_ship_date - EARLIER_PARCEL_SLACK <= on < next_ship_date
        and any(before < on for before in moved)
    ]
    return min(labels, default=next_ship_date)


def status_of(statuses_newest_first: Iterable[Status]) -> Status:
    """The status of a parcel: that of its newest recognised scan; Unknown where none is."""
    return next((status for status in statuses_newest_first if status is not Status.UNKNOWN), Status.UNKNOWN)


# The five steps a buyer sees, and the statuses that mean a parcel has got there.
STEPS: tuple[tuple[str, frozenset[Status]], ...] = (
    ("label-created", frozenset({Status.MANIFEST})),
    ("with-carrier", frozenset({Status.ACCEPTANCE, Status.PICKED_UP})),
    ("on-the-way", frozenset({Status.IN_TRANSIT, Status.EXCEPTION, Status.RETURN_TO_SENDER})),
    (
        "out-for-delivery",
        frozenset(
            {Status.OUT_FOR_DELIVERY, Status.DELIVERY_ATTEMPT, Status.READY_FOR_PICKUP, Status.PICKUP_MISSED}
        ),
    ),
    ("delivered", frozenset({Status.DELIVERED})),
)
# These take the place of the current step's name: the parcel is there, but not as it should be.
TROUBLE = frozenset(
    {
        Status.EXCEPTION,
        Status.RETURN_TO_SENDER,
        Status.DELIVERY_ATTEMPT,
        Status.READY_FOR_PICKUP,
        Status.PICKUP_MISSED,
    }
)


def step_of(status: Status) -> int | None:
    """The index in `STEPS` a parcel with this status has reached; None where nothing is known."""
    return next((index for index, (_, statuses) in enumerate(STEPS) if status in statuses), None)
