"""Which of the parcels that may be looked at are looked at first. Pure: the time is an argument."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from shipments.refresh.chances import LONGEST_GAP, MOST_DAYS, calendar, speed_of
from shipments.refresh.situation import Candidate

# Of the places of a call at least one in so many goes to the parcels whose bound passed longest ago.
RESERVED = 7
# In how far the length of the queue counts against the time waited so far.
SCARCITY = 0.5
# Where no place is known: the middle of the United States, at most two hours off for nearly all who live there.
_SOMEWHERE = "America/Chicago"
# A Monday, from which weeks are counted; 1 January 1970 was a Thursday.
_MONDAY_HOURS = 4 * 24


def pick(candidates: Sequence[Candidate], places: int, *, now: datetime, pressure: float) -> list[int]:
    """The keys of the parcels most worth a look, at most `places` of them, the most valuable first.

    `pressure` is how many hours one look at everything that is due would take: the number of due watches of the account
    divided by the looks its quota allows in an hour (calls an hour, less the reserve, times numbers a call).

    One place in `RESERVED` goes to those whose bound passed longest ago; each group with a parcel past its bound gets
    a place before value decides; the rest is the most valuable of all.
    """
    worth = {
        candidate.key: value
        for candidate, value in zip(candidates, values(candidates, now=now, pressure=pressure), strict=True)
    }
    if places >= len(candidates):
        return sorted(worth, key=worth.__getitem__, reverse=True)
    late = sorted(
        (candidate for candidate in candidates if candidate.wanted_by <= now),
        key=lambda candidate: (candidate.wanted_by, candidate.key),
    )
    chosen = {candidate.key for candidate in late[: _share(places, RESERVED, now)]}
    best: dict[int, int] = {}
    for candidate in late:
        known = best.get(candidate.group)
        if candidate.key not in chosen and (known is None or worth[candidate.key] > worth[known]):
            best[candidate.group] = candidate.key
    if len(best) > 1:
        groups = sorted(best)
        room = min(len(groups), (places - len(chosen)) // 2)
        first = int(now.timestamp() // 60) * room % len(groups)
        chosen.update(best[(groups * 2)[first + place]] for place in range(room))
    rest = sorted((key for key in worth if key not in chosen), key=worth.__getitem__, reverse=True)
    chosen.update(rest[: places - len(chosen)])
    return sorted(chosen, key=worth.__getitem__, reverse=True)


def values(candidates: Sequence[Candidate], *, now: datetime, pressure: float) -> list[float]:
    """What a look at each of the candidates is worth, in the same order."""
    stamp = now.timestamp()
    clocks: dict[str | None, tuple[float, int]] = {}
    found = []
    for candidate in candidates:
        situation = candidate.situation
        clock = clocks.get(situation.zone)
        if clock is None:
            clock = clocks[situation.zone] = _clock(situation.zone, now)
        hour, today = clock
        since = situation.since.timestamp()
        scanned = since if situation.last_scan_at is None else situation.last_scan_at.timestamp()
        asked = since if situation.checked_at is None else situation.checked_at.timestamp()
        gap = min(max((stamp - asked) / 3600, 0.0), LONGEST_GAP)
        promise = situation.promised_on
        table = calendar(
            situation.status,
            situation.scans_once,
            None if promise is None else max(min(promise.toordinal() - today, MOST_DAYS), -MOST_DAYS),
            min(int((stamp - since) / 86400), MOST_DAYS),
            speed_of(situation.service),
        )
        begin = (hour - gap) % 168.0
        worth, waited = table.news(begin, gap, (stamp - scanned) / 3600)
        found.append(waited + SCARCITY * pressure * worth)
    return found


def _clock(zone: str | None, now: datetime) -> tuple[float, int]:
    """Hours since Monday midnight on the clock of the place, and its day as an ordinal."""
    local = now.astimezone(_zone(zone or _SOMEWHERE))
    return local.weekday() * 24 + local.hour + local.minute / 60 + local.second / 3600, local.toordinal()


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo(_SOMEWHERE)


def _share(places: int, one_in: int, now: datetime) -> int:
    """One in so many of the places, made whole over the minutes."""
    minute = int(now.timestamp() // 60)
    return (minute + 1) * places // one_in - minute * places // one_in
