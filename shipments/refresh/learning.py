"""How likely news is, learned from scans already found: factors on the fixed tables of `chances`. Pure.

Scans carry their own times. So of every hour in which a parcel waited the tables say how much news was to be expected, and
the scans, once found, how much there was. Where one's own parcels are scanned at other hours, later or more rarely than the
tables think, the ratio of the two says by how much. Little history moves little: every ratio is drawn towards 1.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shipments.enums import Status
from shipments.refresh.chances import (
    DELIVERED,
    MOST_DAYS,
    WORTH,
    WORTH_OTHERWISE,
    Calendar,
    Stage,
    round_level,
    round_week,
    speed_of,
    stage_of,
)

# So many scans that came as expected stand against those that were found: the fewer there are, the less a factor moves.
DRAWN_BY = 6.0
# No factor says more than this, whatever the history holds.
MOST_FACTOR = 12.0
# Hours since the last scan at which another factor begins.
AGES = (1.0, 2.0, 4.0, 6.0, 9.0, 12.0, 18.0, 24.0, 36.0, 54.0, 96.0, 168.0)
# Times every kind of factor is fitted to what the others leave; more changes nothing that matters.
_FITTED = 3
# So many services, those waited for most, get factors of their own.
_SERVICES = 50
# Factors nearer to 1 than this are not kept.
_NOTHING = 0.01
# The tables are summed up anew for each state of a parcel; so many are kept.
_CALENDARS_KEPT = 6_000

# Which news: that the round has the parcel, or any other.
_OTHER, _ROUND = "other", "round"
_DAY, _HOUR = 86400.0, 3600.0
# 1970 began on a Thursday.
_EPOCH, _EPOCH_WEEKDAY = 719_163, 3

# A piece of waiting by what factors hang on: stage, which news, days to or since, service, weekday kind, hour, age.
Cell = tuple[str, str, str, str, int, int, int]


@dataclass(frozen=True, slots=True)
class Traits:
    """What is known of a parcel beside its scans. `since` is when it was added, in seconds since 1970; `promise` the promised
    day as an ordinal; `ahead` how many seconds the clock of its place is ahead of UTC."""

    service: str
    scans_once: bool
    since: float
    promise: int | None
    ahead: float


class History:
    """Waiting and news, counted in cells."""

    def __init__(self) -> None:
        self.cells: defaultdict[Cell, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self.worth: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        # What was still to come after deliveries, and what came.
        self.arrived = [0.0, 0.0]

    def add(
        self, traits: Traits, scans: Sequence[tuple[float, Status]], *, begin: float, until: float
    ) -> None:
        """Counts how a parcel waited from `begin` to `until` and what came. `scans` are its scans until then, the oldest first;
        the last one before `begin` tells what it waited for.
        """
        for place, (scanned, status) in enumerate(scans):
            follows = place + 1 < len(scans)
            end, news = scans[place + 1] if follows else (until, None)
            start = max(begin, scanned)
            if end <= start:
                continue
            if status == Status.DELIVERED:
                if stage_of(status, traits.scans_once) is DELIVERED:
                    self._arrived(scanned, start, end, news)
            else:
                self._waited(traits, status, scanned, start, end, news)

    def _arrived(self, scanned: float, at: float, end: float, news: Status | None) -> None:
        """For a week, and at no hour more than at another: not worth a cell for each hour of it."""
        until, before = ((moment - scanned) / _HOUR for moment in (end, at))
        self.arrived[0] += _after_delivery(until) - _after_delivery(before)
        self.arrived[1] += news is not None

    def _waited(
        self, traits: Traits, status: Status, scanned: float, at: float, end: float, news: Status | None
    ) -> None:
        stage = stage_of(status, traits.scans_once)
        speed = speed_of(traits.service)
        goes_out = news == Status.OUT_FOR_DELIVERY and stage.may_go_out
        while True:
            local_hour = int((at + traits.ahead) // _HOUR)
            until = min((local_hour + 1) * _HOUR - traits.ahead, end)
            day, hour = divmod(local_hour, 24)
            weekday = (day + _EPOCH_WEEKDAY) % 7
            to_promise = None if traits.promise is None else _cut(traits.promise - day - _EPOCH)
            days = min(max(int((at - traits.since) / _DAY), 0), MOST_DAYS)
            age = (at - scanned) / _HOUR
            hours = (until - at) / _HOUR * stage.share(age)
            came = news is not None and until >= end
            where = (_context(to_promise, days), traits.service, _day_kind(weekday), hour, _age(age))
            other = self.cells[(stage.name, _OTHER, *where)]
            other[0] += hours * stage.week[weekday * 24 + hour]
            other[1] += came and not goes_out
            if stage.may_go_out:
                out = self.cells[(stage.name, _ROUND, *where)]
                level = round_level(stage, to_promise, days, speed)
                out[0] += hours * round_week(level)[weekday * 24 + hour]
                out[1] += came and goes_out
            if until >= end:
                break
            at = until
        if news is not None and not goes_out:
            worth = self.worth[stage.name]
            worth[0] += 1.0
            worth[1] += WORTH.get(news, WORTH_OTHERWISE)

    def factors(self) -> dict[str, float]:
        """By how much to multiply what the tables expect, by the names `Sharpened` knows; what is not told is 1."""
        told: dict[str, float] = {}
        services = self._most_waited_for()
        rows = [
            (_hangs_on(*cell[:3], cell[3] if cell[3] in services else "", *cell[4:]), expected, found)
            for cell, (expected, found) in self.cells.items()
        ]
        for _ in range(_FITTED):
            for kind in range(len(rows[0][0]) if rows else 0):
                sums: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
                for names, expected, found in rows:
                    for other, name in enumerate(names):
                        if other != kind:
                            expected *= told.get(name, 1.0)
                    counted = sums[names[kind]]
                    counted[0] += expected
                    counted[1] += found
                told.update((name, drawn(found, expected)) for name, (expected, found) in sums.items())
        for name, (pieces, worth) in self.worth.items():
            told[f"worth|{name}"] = drawn(worth, pieces * _usual_worth(name))
        expected, found = self.arrived
        told[f"all|{DELIVERED.name}|{_OTHER}"] = drawn(found, expected)
        return {name: factor for name, factor in told.items() if abs(factor - 1.0) >= _NOTHING}

    def _most_waited_for(self) -> set[str]:
        waited: defaultdict[str, float] = defaultdict(float)
        for cell, (expected, _) in self.cells.items():
            waited[cell[3]] += expected
        return set(sorted(waited, key=lambda service: (-waited[service], service))[:_SERVICES])


def drawn(found: float, expected: float) -> float:
    """How many times as much was found as expected, drawn towards once, and within bounds."""
    return min(max((found + DRAWN_BY) / (expected + DRAWN_BY), 1 / MOST_FACTOR), MOST_FACTOR)


class Sharpened:
    """The calendars of `chances`, multiplied by the factors of a history."""

    def __init__(self, factors: Mapping[str, float]) -> None:
        self._factors = factors
        self._calendars: dict[tuple[Status, bool, int | None, int, str], Calendar] = {}

    def calendar(
        self,
        status: Status,
        scans_once: bool,
        days_to_promise: int | None,
        days_since_label: int,
        service: str,
    ) -> Calendar:
        """The calendar of a parcel in this state, as `chances.calendar` has it; by the service's name, not its speed alone."""
        key = (status, scans_once, days_to_promise, days_since_label, service)
        known = self._calendars.get(key)
        if known is None:
            if len(self._calendars) >= _CALENDARS_KEPT:
                self._calendars.clear()
            known = self._calendars[key] = self._made(*key)
        return known

    def _made(
        self,
        status: Status,
        scans_once: bool,
        days_to_promise: int | None,
        days_since_label: int,
        service: str,
    ) -> Calendar:
        stage = stage_of(status, scans_once)
        of = self._factors.get
        context = _context(days_to_promise, days_since_label)
        week = self._times(stage, _OTHER, context, service, stage.worth_of_week)
        usual = of(f"worth|{stage.name}", 1.0)
        week = [rate * usual for rate in week]
        level = round_level(stage, days_to_promise, days_since_label, speed_of(service))
        if level:
            going = self._times(stage, _ROUND, context, service, round_week(level))
            out = WORTH[Status.OUT_FOR_DELIVERY]
            week = [other + out * rate for other, rate in zip(week, going, strict=True)]
        edges = sorted({0.0, *AGES, *(hours for hours, _ in stage.quiet)})
        quiet = [(edge, stage.share(edge) * of(f"age|{stage.name}|{_age(edge)}", 1.0)) for edge in edges]
        return Calendar(week, stage.most, quiet)

    def _times(
        self, stage: Stage, which: str, context: str, service: str, week: Sequence[float]
    ) -> list[float]:
        of = self._factors.get
        names = _hangs_on(stage.name, which, context, service, 0, 0, 0)
        level = of(names[0], 1.0) * of(names[1], 1.0) * of(names[5], 1.0) * of(names[6], 1.0)
        hours = [level * of(f"hour|{stage.name}|{which}|{hour}", 1.0) for hour in range(24)]
        days = [of(f"day|{stage.name}|{which}|{_day_kind(weekday)}", 1.0) for weekday in range(7)]
        return [rate * hours[at % 24] * days[at // 24] for at, rate in enumerate(week)]


def _hangs_on(
    stage: str, which: str, context: str, service: str, day: int, hour: int, age: int
) -> tuple[str, ...]:
    """The names of the factors of a cell, the widest first."""
    return (
        f"all|{stage}|{which}",
        f"context|{stage}|{which}|{context}",
        f"hour|{stage}|{which}|{hour}",
        f"day|{stage}|{which}|{day}",
        f"age|{stage}|{age}",
        f"service|{stage}|{which}|{service}",
        f"service in context|{stage}|{which}|{context}|{service}",
    )


def _context(days_to_promise: int | None, days_since_label: int) -> str:
    """The days by which a round is near."""
    if days_to_promise is not None:
        return f"promise {max(min(days_to_promise, 3), -3)}"
    return f"label {min(max(days_since_label, 0), MOST_DAYS - 1)}"


def _day_kind(weekday: int) -> int:
    """Monday to Friday, Saturday, Sunday."""
    return max(weekday - 4, 0)


def _age(hours: float) -> int:
    return sum(hours >= edge for edge in AGES)


def _cut(days: int) -> int:
    return max(min(days, MOST_DAYS), -MOST_DAYS)


def _after_delivery(hours: float) -> float:
    """How much news the tables expect in so many hours after a delivery."""
    begins = [0.0, *(begin for begin, _ in DELIVERED.quiet)]
    spans = zip(begins, [*begins[1:], math.inf], strict=True)
    lively = sum(DELIVERED.share(begin) * (min(hours, end) - begin) for begin, end in spans if begin < hours)
    return lively * sum(DELIVERED.week) / len(DELIVERED.week)


def _usual_worth(stage_name: str) -> float:
    stage = _STAGES[stage_name]
    return sum(stage.worth_of_week) / sum(stage.week)


_STAGES = {stage_of(status, once).name: stage_of(status, once) for status in Status for once in (False, True)}
