"""Times as USPS posts them: one moment in up to three fields that do not always agree."""

import re
from datetime import UTC, datetime, time, timedelta, timezone

from shipments.carriers.values import read_date, read_time
from shipments.facts.times import DeliveryEstimate, Posted

_AGREES = timedelta(minutes=1)
_QUARTER = timedelta(minutes=15)
# Narrower than the offsets in use (-12:00 to +14:00): Hawaii's evening, in an answer whose GMT date was not
# moved past midnight, looks just like +14:00.
_DERIVED_FROM, _DERIVED_TO = timedelta(hours=-12), timedelta(hours=13)
_IN_WORDS = re.compile(
    r"(?:by|before|until)?\s*(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))?(?::\d{2})?\s*(?P<half>[ap])\.?m\.?",
    re.ASCII | re.IGNORECASE,
)
_LEADING_WORD = re.compile(r"^(?:by|before|until)\s+", re.IGNORECASE)
_MIDNIGHT = time(0)
_NAMED = {"noon": time(12), "12 noon": time(12), "midday": time(12)}


def read_local(text: str) -> Posted:
    """An `eventTimestamp`: the clock of the place, and the offset where it carries one; ValueError otherwise.

    A `Z` at its end is dropped: in the samples of the older documentation it stands behind local times.
    """
    return read_date(text.strip().removesuffix("Z").removesuffix("z"))


def read_gmt(text: str) -> datetime:
    """A `GMTTimestamp` in UTC, with or without its `Z`; ValueError otherwise."""
    stamp = read_date(text)
    if stamp.at is None:
        raise ValueError("a date without a time")
    return datetime.combine(stamp.on, stamp.at, timezone(stamp.offset or timedelta(0))).astimezone(UTC)


def read_clock(text: str) -> time:
    """A time of the day in any of USPS' spellings: `12:15pm`, `by 5:00 pm`, `18:00:00`; ValueError otherwise."""
    cleaned = text.strip()
    match = _IN_WORDS.fullmatch(cleaned)
    if match is None:
        bare = _LEADING_WORD.sub("", cleaned)
        return _NAMED.get(bare.casefold()) or read_time(bare)
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    if not 1 <= hour <= 12 or minute > 59:
        raise ValueError("a time that is on no clock")
    return time(hour % 12 + (12 if match["half"] in "pP" else 0), minute)


def moment(local: Posted | None, gmt: datetime | None, offset: timedelta | None) -> Posted | None:
    """When a scan happened, from `eventTimestamp`, `GMTTimestamp` and `GMTOffset`; None when no clock was given.

    USPS Tracking v3r2 3.2.2 with what answers of the service show: the local clock leads. The GMT stamp is only
    believed where it agrees with it within a minute, because its date may not have been moved past
    midnight; then its seconds are the finer ones. A date without a time stays a date.
    """
    if local is None:
        if gmt is None:
            return None
        there = gmt.astimezone(timezone(offset or timedelta(0)))
        return Posted(there.date(), there.time(), offset or timedelta(0))
    if local.at is None:
        return Posted(local.on)
    offsets = [span for span in (offset, local.offset) if span is not None]
    clock = datetime.combine(local.on, local.at, UTC)
    if gmt is None:
        return Posted(local.on, local.at, offsets[0] if offsets else None)
    # Two clocks without an offset tell the offset between them.
    derived = [] if offsets else _derived(clock - gmt)
    for span in (*offsets, *derived):
        if abs(clock - span - gmt) < _AGREES:
            return Posted(local.on, local.at, span, gmt)
    return Posted(local.on, local.at, offsets[0] if offsets else None)


def _derived(apart: timedelta) -> list[timedelta]:
    """The offset two clocks so far apart have: to the quarter of an hour, as all offsets in use are."""
    span = round(apart / _QUARTER) * _QUARTER
    return [span] if _DERIVED_FROM <= span <= _DERIVED_TO else []


def window(
    day: Posted, start: time | None, end: time | None, *, end_of_day: time | None = None
) -> DeliveryEstimate:
    """A delivery day and its window; `end_of_day` stands in for a missing end.

    Midnight means "no time". A start without an end, or after it, is no window.
    """
    last = next((at for at in (end, end_of_day) if at is not None and at != _MIDNIGHT), None)
    if last is None:
        return DeliveryEstimate(day.on)
    if start is None or start == _MIDNIGHT:
        return DeliveryEstimate(day.on, end=last)
    if start >= last:
        return DeliveryEstimate(day.on)
    return DeliveryEstimate(day.on, start, last)
