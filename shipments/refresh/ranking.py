"""Which of the parcels that may be looked at are looked at first. Pure: the time is an argument."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from shipments.enums import Status
from shipments.refresh.chances import LONGEST_GAP, MOST_DAYS, calendar, speed_of
from shipments.refresh.learning import Sharpened
from shipments.refresh.situation import Candidate

# Of the places of a call at least one in so many goes to the parcels whose bound passed longest ago.
RESERVED = 7
# Bounds come first while they ask for at most this share of the quota, less and less up to twice as much, and from then on
# only in the reserved places: a quota that is all spent on bounds finds little news.
TO_SPARE = 1 / 8
# While quota is short, a parcel starves when its bound has passed by twice its length, or by this.
CAN_WAIT = timedelta(days=1)
# While quota is short, what may still be told of a delivered parcel waits so much longer.
DELIVERED_CAN_WAIT = timedelta(days=4)
# Where bounds ask for this share of the quota, all of it, the time waited and the time ahead count alike.
EVEN_AT = 1.0
# A bound that passes before the next calls of a thrifty account is kept by this one.
AHEAD = timedelta(minutes=5)
# Where no place is known: the middle of the United States, at most two hours off for nearly all who live there.
_SOMEWHERE = "America/Chicago"
_SHORTEST_BOUND = timedelta(minutes=10)


def pick(
    candidates: Sequence[Candidate],
    places: int,
    *,
    now: datetime,
    pressure: float,
    sharpened: Sharpened | None = None,
) -> list[int]:
    """The keys of the parcels most worth a look, at most `places` of them, the most valuable first.

    `pressure` is how many hours one look at everything that is due would take: the number of due watches of the account
    (all of them, also where only some are passed as candidates) divided by the looks its quota allows in an hour (calls
    an hour, less the reserve, times numbers a call). `sharpened` is what was learned from scans already found; without it
    the tables speak alone.

    Three promises hold whatever the values are. With quota to spare, parcels whose bound passes come first. With less,
    one place in `RESERVED` still goes to those whose bound passed longest ago, so that nobody starves. And of the other
    places up to half go round the groups that have a parcel past its bound, so that a large one cannot crowd out a small one.
    """
    if places <= 0:
        return []
    asked_for = _asked_for(candidates, pressure)
    worth = dict(
        zip(
            (candidate.key for candidate in candidates),
            values(candidates, now=now, scarcity=asked_for, sharpened=sharpened),
            strict=True,
        )
    )
    if places >= len(candidates):
        return _best_first(worth, worth, places)
    late = sorted(
        (candidate for candidate in candidates if candidate.wanted_by <= now + AHEAD),
        key=lambda candidate: (_starves_at(candidate), candidate.key),
    )
    starving = [candidate for candidate in late[: _share(places, now)] if _starves_at(candidate) <= now]
    chosen = {candidate.key for candidate in starving}
    # Before the bounds have theirs: those of one group may be more than all places.
    chosen |= _for_groups(
        [candidate for candidate in late if candidate.key not in chosen], worth, places - len(chosen), now
    )
    kept = [candidate.key for candidate in late if candidate.key not in chosen]
    chosen.update(kept[: min(int(places * _share_to_spare(asked_for)), places - len(chosen))])
    rest = [key for key in worth if key not in chosen]
    chosen.update(_best_first(rest, worth, places - len(chosen)))
    return _best_first(chosen, worth, places)


def values(
    candidates: Sequence[Candidate], *, now: datetime, scarcity: float, sharpened: Sharpened | None = None
) -> list[float]:
    """What a look at each of the candidates is worth, in the same order.

    News unseen, times the hours a look saves. With quota to spare these are the hours it has waited: the parcel comes round
    as often as before. With less they are the hours until as much news has come again: what is quiet from now on is
    best looked at once, after the news. `scarcity` is what bounds ask for as a share of the quota.
    """
    ahead_counts = scarcity / (EVEN_AT + scarcity)
    behind_counts = 1.0 - ahead_counts
    calendar_of = calendar if sharpened is None else sharpened.calendar
    stamp = now.timestamp()
    clocks: dict[str | None, tuple[float, int]] = {}
    found = []
    for candidate in candidates:
        situation = candidate.situation
        zone = situation.zone
        known = clocks.get(zone)
        if known is None:
            known = clocks[zone] = clock(zone, now)
        hour, today = known
        since = situation.since.timestamp()
        scanned = since if situation.last_scan_at is None else situation.last_scan_at.timestamp()
        asked = since if situation.checked_at is None else situation.checked_at.timestamp()
        gap = min(max((stamp - asked) / 3600, 0.0), LONGEST_GAP)
        promise = situation.promised_on
        table = calendar_of(
            situation.status,
            situation.scans_once,
            None if promise is None else max(min(promise.toordinal() - today, MOST_DAYS), -MOST_DAYS),
            min(int((stamp - since) / 86400), MOST_DAYS),
            speed_of(situation.service) if sharpened is None else situation.service,
        )
        worth, came_after, ahead = table.news((hour - gap) % 168.0, gap, (stamp - scanned) / 3600)
        found.append(worth * came_after**behind_counts * ahead**ahead_counts)
    return found


def clock(zone: str | None, now: datetime) -> tuple[float, int]:
    """Hours since Monday midnight on the clock of the place, and its day as an ordinal."""
    local = now.astimezone(_zone(zone or _SOMEWHERE))
    return local.weekday() * 24 + local.hour + local.minute / 60 + local.second / 3600, local.toordinal()


def ahead_of_utc(zone: str | None, at: datetime) -> float:
    """By how many seconds the clock of the place is ahead of UTC."""
    ahead = at.astimezone(_zone(zone or _SOMEWHERE)).utcoffset()
    return 0.0 if ahead is None else ahead.total_seconds()


def _starves_at(candidate: Candidate) -> datetime:
    """When a parcel's turn comes whatever a look at it is worth; the earlier goes first.

    It hangs on nothing but the last look and its bound: nobody who is asked meanwhile comes before it again.
    """
    if candidate.situation.status == Status.DELIVERED:
        return candidate.wanted_by + DELIVERED_CAN_WAIT
    bound = candidate.wanted_by - (candidate.situation.checked_at or candidate.situation.since)
    return candidate.wanted_by + min(max(2 * bound, timedelta()), CAN_WAIT)


def _asked_for(candidates: Sequence[Candidate], pressure: float) -> float:
    """What the bounds of these parcels ask for, as a share of what the quota gives: of every parcel one look between its
    last one and its bound. Parcels that hardly matter hardly count, however many wait.
    """
    return pressure * sum(map(_looks_an_hour, candidates)) / len(candidates) if candidates else 0.0


def _share_to_spare(asked_for: float) -> float:
    """The share of the places that bounds have for themselves: all with quota to spare, none when they ask for too much."""
    return min(max((2 * TO_SPARE - asked_for) / TO_SPARE, 0.0), 1.0)


def _looks_an_hour(candidate: Candidate) -> float:
    checked_at = candidate.situation.checked_at or candidate.situation.since
    return timedelta(hours=1) / max(candidate.wanted_by - checked_at, _SHORTEST_BOUND)


def _for_groups(late: Iterable[Candidate], worth: dict[int, float], places: int, now: datetime) -> set[int]:
    """The best late parcel of each group, for as many groups as half of the places hold; by turns where that is not all."""
    best: dict[int, int] = {}
    for candidate in late:
        known = best.get(candidate.group)
        if known is None or (worth[candidate.key], known) > (worth[known], candidate.key):
            best[candidate.group] = candidate.key
    if len(best) < 2:
        return set()
    groups = sorted(best)
    room = min(len(groups), (places + 1) // 2)
    first = _minute(now) * room % len(groups)
    return {best[(groups * 2)[first + place]] for place in range(room)}


def _best_first(keys: Iterable[int], worth: dict[int, float], places: int) -> list[int]:
    return [key for _, key in sorted((-worth[key], key) for key in keys)][:places]


def _share(places: int, now: datetime) -> int:
    """One in `RESERVED` of the places, made whole over the minutes: of one place a minute, every seventh."""
    minute = _minute(now)
    return (minute + 1) * places // RESERVED - minute * places // RESERVED


def _minute(now: datetime) -> int:
    return int(now.timestamp() // 60)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo(_SOMEWHERE)
