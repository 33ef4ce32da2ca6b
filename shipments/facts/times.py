"""Times as carriers post them: a local date, perhaps a time, perhaps an offset."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone


@dataclass(frozen=True, slots=True)
class Posted:
    """A date and perhaps a time on the clock of a place, as the carrier posted it.

    `offset` is the carrier's own, never ours. `instant` is set where the carrier gave a second, finer
    statement of the same moment (USPS' GMT time stamp with its seconds); it agrees with the rest.
    """

    on: date
    at: time | None = None
    offset: timedelta | None = None
    instant: datetime | None = None

    def instant_by_carrier(self) -> datetime | None:
        """The moment in UTC as far as the carrier alone tells it."""
        if self.instant is not None:
            return self.instant
        if self.at is None or self.offset is None:
            return None
        return datetime.combine(self.on, self.at, timezone(self.offset)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class DeliveryEstimate:
    """A promised day, perhaps a local window on it; `start` without `end` does not occur."""

    on: date
    start: time | None = None
    end: time | None = None
    offset: timedelta | None = None


_OFFSET = re.compile(r"^(?P<sign>[+-])?(?P<hours>\d{1,2}):?(?P<minutes>\d{2})$")
# The widest offsets in use are -12:00 and +14:00; beyond them a carrier's value is noise.
_WIDEST = timedelta(hours=14)


def read_offset(text: str) -> timedelta:
    """`-05:00`, `-5:00`, `+0530` or `Z` as a span; ValueError otherwise or when no place on Earth keeps it."""
    cleaned = text.strip()
    if cleaned in {"Z", "z"}:
        return timedelta(0)
    match = _OFFSET.match(cleaned)
    if match is None:
        raise ValueError(f"not an offset from UTC: {text[:20]!r}")
    minutes = int(match["minutes"])
    span = timedelta(hours=int(match["hours"]), minutes=minutes)
    if minutes > 59 or span > _WIDEST:
        raise ValueError(f"no place keeps the offset {text[:20]!r}")
    return -span if match["sign"] == "-" else span


def offset_text(offset: timedelta) -> str:
    """The span as `±hh:mm`."""
    minutes = round(offset.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
