"""Which of the parcels that may be looked at are looked at first. Pure: the time is an argument."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from shipments.refresh.chances import LONGEST_GAP, MOST_DAYS, calendar, speed_of
from shipments.refresh.situation import Candidate

# Of the places of a call at least one in so many goes to the parcels whose bound passed longest ago.
RESERVED = 7
# Bounds come first while they ask for at most this share of the quota, and only with the reserved places from twice as
# much on: a quota that is all spent on bounds finds little news.
TO_SPARE = 0.25
# A bound that passes before the next calls of a thrifty account is kept by this one.
AHEAD = timedelta(minutes=5)
# Where no place is known: the middle of the United States, at most two hours off for nearly all who live there.
_SOMEWHERE = "America/Chicago"
_SHORTEST_BOUND = timedelta(minutes=10)


def pick(candidates: Sequence[Candidate], places: int, *, now: datetime, pressure: float) -> list[int]:
    """The keys of the parcels most worth a look, at most `places` of them, the most valuable first.

    `pressure` is how many hours one look at everything that is due would take: the number of due watches of the account
    (all of them, also where only some are passed as candidates) divided by the looks its quota allows in an hour (calls
    an hour, less the reserve, times numbers a call).

    Three promises hold whatever the values are. With quota to spare, parcels whose bound passes come first. With less,
    one place in `RESERVED` still goes to those whose bound passed longest ago, so that nobody starves. And up to half of the other
    places go round the groups that have a parcel past its bound, so that a large one cannot crowd out a small one.
    """
    if places <= 0:
        return []
    worth = dict(
        zip(
            (candidate.key for candidate in candidates),
            values(candidates, now=now, pressure=pressure),
            strict=True,
        )
    )
    if places >= len(candidates):
        return _best_first(worth, worth, places)
    late = sorted(
        (candidate for candidate in candidates if candidate.wanted_by <= now + AHEAD),
        key=lambda candidate: (candidate.wanted_by, candidate.key),
    )
    # Before the late ones have theirs: those of one group may be more than all places.
    chosen = _for_groups(late, worth, places - _share(places, now), now)
    others = [candidate.key for candidate in late if candidate.key not in chosen]
    chosen.update(others[: min(_for_the_late(candidates, places, now, pressure), places - len(chosen))])
    rest = [key for key in worth if key not in chosen]
    chosen.update(_best_first(rest, worth, places - len(chosen)))
    return _best_first(chosen, worth, places)


def values(candidates: Sequence[Candidate], *, now: datetime, pressure: float) -> list[float]:
    """What a look at each of the candidates is worth, in the same order.

    News unseen, times the hours a look saves. With quota to spare these are the hours it has waited: the parcel comes round
    as often as before. With less they are the hours until as much news has come again: what is quiet from now on is
    best looked at once, after the news.
    """
    ahead_counts = pressure / (1.0 + pressure)
    behind_counts = 1.0 - ahead_counts
    stamp = now.timestamp()
    clocks: dict[str | None, tuple[float, int]] = {}
    found = []
    for candidate in candidates:
        situation = candidate.situation
        zone = situation.zone
        clock = clocks.get(zone)
        if clock is None:
            clock = clocks[zone] = _clock(zone, now)
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
        worth, came_after, ahead = table.news((hour - gap) % 168.0, gap, (stamp - scanned) / 3600)
        found.append(worth * came_after**behind_counts * ahead**ahead_counts)
    return found


def _for_the_late(candidates: Sequence[Candidate], places: int, now: datetime, pressure: float) -> int:
    """How many places those past their bound have for themselves."""
    reserved = _share(places, now)
    if not pressure:
        return places
    # What the bounds of these parcels ask for in an hour, as a share of what the quota gives: of every parcel one look
    # between its last one and its bound.
    asked_for = pressure * sum(_looks_an_hour(candidate) for candidate in candidates) / len(candidates)
    spare = min(max((2 * TO_SPARE - asked_for) / TO_SPARE, 0.0), 1.0)
    return max(reserved, int(places * spare))


def _looks_an_hour(candidate: Candidate) -> float:
    checked_at = candidate.situation.checked_at or candidate.situation.since
    return timedelta(hours=1) / max(candidate.wanted_by - checked_at, _SHORTEST_BOUND)


def _for_groups(late: Iterable[Candidate], worth: dict[int, float], places: int, now: datetime) -> set[int]:
    """The best late parcel of each group, for as many groups as half of the places hold; by turns where that is not all."""
    best: dict[int, int] = {}
    for candidate in late:
        known = best.get(candidate.group)
        if known is None or worth[candidate.key] > worth[known]:
            best[candidate.group] = candidate.key
    if len(best) < 2:
        return set()
    groups = sorted(best)
    room = min(len(groups), (places + 1) // 2)
    first = _minute(now) * room % len(groups)
    return {best[(groups * 2)[first + place]] for place in range(room)}


def _best_first(keys: Iterable[int], worth: dict[int, float], places: int) -> list[int]:
    return sorted(keys, key=worth.__getitem__, reverse=True)[:places]


def _share(places: int, now: datetime) -> int:
    """One in `RESERVED` of the places, made whole over the minutes: of one place a minute, every seventh."""
    minute = _minute(now)
    return (minute + 1) * places // RESERVED - minute * places // RESERVED


def _minute(now: datetime) -> int:
    return int(now.timestamp() // 60)


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
