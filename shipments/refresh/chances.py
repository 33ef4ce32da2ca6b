"""How likely news of a parcel is, hour by hour: fixed tables of how carriers work. Pure.

A *stage* is what a parcel waits for: its first scan, the next plant, the door. Every stage has streams of news; a
stream says how many pieces of it a usual day brings, at which hours and on which days of the week, and what knowing
one is worth. Summed up hour by hour over a week they answer at once how much news to expect between two moments.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from shipments.enums import Status

# What knowing is worth: buyers wait at the window for the first two; staff must act on, or may rest after, the next two.
WORTH: dict[Status, float] = {
    Status.OUT_FOR_DELIVERY: 4.0,
    Status.DELIVERY_ATTEMPT: 4.0,
    Status.DELIVERED: 3.0,
    Status.EXCEPTION: 3.0,
    Status.RETURN_TO_SENDER: 2.0,
}
WORTH_OTHERWISE = 1.0

_DAY_HOURS = 24
_WEEK_HOURS = 168
# A look longer ago than this counts as this long ago: tables end somewhere, and nothing is lost by it.
LONGEST_GAP = 2.0 * _WEEK_HOURS
# Nor does it matter how much farther away than this the next news is.
LONGEST_AHEAD = 24.0
# Scans come at odd hours too: this share of a day's news is spread evenly over it.
_ANY_HOUR = 0.2


def _hours(**weights: float) -> tuple[float, ...]:
    """Shares of a day by hour, from weights for spans like `from9_to17`; they sum up to 1."""
    day = [0.0] * _DAY_HOURS
    for span, weight in weights.items():
        start, end = (int(part) for part in span.removeprefix("from").split("_to"))
        for hour in range(start, end):
            day[hour] += weight
    total = sum(day)
    return tuple(_ANY_HOUR / _DAY_HOURS + (1 - _ANY_HOUR) * weight / total for weight in day)


# Counters take parcels all day, drivers collect in the afternoon, and the first plant scans what neither did that night.
HANDOVER = _hours(from8_to13=0.6, from13_to18=1.6, from18_to24=1.3, from0_to2=0.5)
# Plants sort what was collected from evening till early morning, lorries arrive and leave around the clock.
SORTING = _hours(from0_to7=1.4, from7_to12=0.8, from12_to17=0.6, from17_to24=1.1)
# Carriers load before the round; the later hours are second waves and scans made at the first stop.
LOADING = _hours(from5_to7=0.7, from7_to10=2.2, from10_to12=0.7, from12_to14=0.2)
# The round: from nine till evening, most of it around noon and in the afternoon.
ROUND = _hours(from8_to10=0.5, from10_to12=1.2, from12_to17=1.5, from17_to19=1.0, from19_to21=0.5)
# People fetch parcels while the counter is open.
COUNTER = _hours(from8_to12=0.9, from12_to18=1.2)

# Monday to Sunday. Few are collected on Saturday, hardly any on Sunday.
COLLECTING_DAYS = (1.1, 1.0, 1.0, 1.0, 1.0, 0.5, 0.15)
# Plants work through; lorries of the ground network rest in part on Sunday.
SORTING_DAYS = (1.0, 1.0, 1.0, 1.0, 1.0, 0.85, 0.6)
# Letter carriers and most drivers have no Sunday round, and shorter ones on Saturday.
ROUND_DAYS = (1.0, 1.0, 1.0, 1.0, 1.0, 0.85, 0.15)
COUNTER_DAYS = (1.0, 1.0, 1.0, 1.0, 1.0, 0.7, 0.1)


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of news: so many a usual day, at these hours, on these days; what one is worth."""

    a_day: float
    worth: float
    hours: tuple[float, ...]
    days: tuple[float, ...]


@dataclass(frozen=True)
class Stage:
    """What a parcel waits for, and its name.

    `most` is the worth of the news that can pile up unseen: one delivery at the end of a round, several scans between
    plants. `quiet` are pairs (hours of silence, share of the news that is left from then on).
    """

    name: str
    streams: tuple[Stream, ...]
    most: float
    quiet: tuple[tuple[float, float], ...]
    # Whether a morning may bring the round: then the chance of it comes as a stream of its own.
    may_go_out: bool = False

    @cached_property
    def week(self) -> tuple[float, ...]:
        """How many pieces of news each hour of a week brings, without the round."""
        return _week_of((stream, stream.a_day) for stream in self.streams)

    @cached_property
    def worth_of_week(self) -> tuple[float, ...]:
        """The same, each piece times what knowing it is worth."""
        return _week_of((stream, stream.a_day * stream.worth) for stream in self.streams)

    def share(self, silence: float) -> float:
        """The share of the news that is left after so many hours of silence."""
        left = 1.0
        for hours, share in self.quiet:
            if silence < hours:
                break
            left = share
        return left


def _week_of(streams: Iterable[tuple[Stream, float]]) -> tuple[float, ...]:
    week = [0.0] * _WEEK_HOURS
    for stream, a_day in streams:
        for hour in range(_WEEK_HOURS):
            week[hour] += a_day * stream.hours[hour % _DAY_HOURS] * stream.days[hour // _DAY_HOURS]
    return tuple(week)


# A parcel that was handed over is scanned within a day or so; each further silent day makes it likelier that the label
# was never used.
_LABEL_QUIET = ((24.0, 0.6), (48.0, 0.35), (96.0, 0.15), (168.0, 0.06), (336.0, 0.03), (720.0, 0.01))
# Between plants a day passes; after that a parcel is in a cage, lost or forgotten, and news gets rare.
_MOVING_QUIET = ((30.0, 0.7), (54.0, 0.45), (96.0, 0.25), (168.0, 0.12), (336.0, 0.05), (720.0, 0.02))
# What is not delivered by night came back to the office: it goes out again, and a few are never scanned.
_ROUND_QUIET = ((15.0, 0.5), (39.0, 0.3), (63.0, 0.15), (120.0, 0.06), (336.0, 0.02))
# A counter keeps parcels for five to fifteen days.
_COUNTER_QUIET = ((120.0, 0.8), (384.0, 0.3), (720.0, 0.05))

# Shops print labels on the day of the collection: four of five are scanned within a day.
LABEL = Stage("label", (Stream(2.0, 1.0, HANDOVER, COLLECTING_DAYS),), 4.0, _LABEL_QUIET)
# After the counter comes the plant, the same evening or the next.
ACCEPTED = Stage("accepted", (Stream(2.2, 1.0, SORTING, SORTING_DAYS),), 6.0, _MOVING_QUIET, may_go_out=True)
# In at one plant, out again, in at the next: about two scans a day.
MOVING = Stage("moving", (Stream(2.0, 1.0, SORTING, SORTING_DAYS),), 8.0, _MOVING_QUIET, may_go_out=True)
# Nine of ten are delivered the same day; the others are attempts, worth a little more.
OUT = Stage("out", (Stream(2.2, 3.1, ROUND, ROUND_DAYS),), 3.1, _ROUND_QUIET)
# It goes out again on the next day, or waits at the counter from that evening on.
ATTEMPTED = Stage(
    "attempted",
    (
        Stream(0.5, 4.0, LOADING, ROUND_DAYS),
        Stream(0.5, 3.0, ROUND, ROUND_DAYS),
        Stream(0.4, 1.0, SORTING, SORTING_DAYS),
    ),
    6.0,
    _ROUND_QUIET,
)
# Half are fetched within three days.
AT_COUNTER = Stage("at_counter", (Stream(0.25, 3.0, COUNTER, COUNTER_DAYS),), 3.0, _COUNTER_QUIET)
# Nobody came: sooner or later it goes back.
MISSED = Stage("missed", (Stream(0.2, 2.0, COUNTER, COUNTER_DAYS),), 3.0, _COUNTER_QUIET)
# Trouble is mended at a desk or passes with the weather; then the parcel moves like others.
TROUBLE = Stage("trouble", (Stream(1.2, 1.2, SORTING, SORTING_DAYS),), 8.0, _MOVING_QUIET, may_go_out=True)
# The way back is the way out, without a day promised.
RETURNING = Stage("returning", (Stream(1.5, 2.0, SORTING, SORTING_DAYS),), 10.0, _MOVING_QUIET)
# Corrections and late proofs: a few in a thousand a day, and nobody waits for them.
DELIVERED = Stage("delivered", (Stream(0.003, 1.0, SORTING, SORTING_DAYS),), 1.0, ((48.0, 0.5), (96.0, 0.25)))
# One scan somewhere in a plant, two to five nights after the label; and nothing ever after it.
LETTER = Stage(
    "letter", (Stream(0.35, 1.0, SORTING, SORTING_DAYS),), 1.0, ((168.0, 0.4), (336.0, 0.1), (720.0, 0.02))
)
LETTER_SEEN = Stage(
    "letter_seen", (Stream(0.003, 1.0, SORTING, SORTING_DAYS),), 1.0, ((168.0, 0.3), (336.0, 0.1))
)

STAGE_OF: dict[Status, Stage] = {
    Status.MANIFEST: LABEL,
    Status.UNKNOWN: LABEL,
    Status.ACCEPTANCE: ACCEPTED,
    Status.PICKED_UP: ACCEPTED,
    Status.IN_TRANSIT: MOVING,
    Status.OUT_FOR_DELIVERY: OUT,
    Status.DELIVERY_ATTEMPT: ATTEMPTED,
    Status.READY_FOR_PICKUP: AT_COUNTER,
    Status.PICKUP_MISSED: MISSED,
    Status.EXCEPTION: TROUBLE,
    Status.RETURN_TO_SENDER: RETURNING,
    Status.DELIVERED: DELIVERED,
}

# How likely the coming morning's round has the parcel, by days from today to the promised day.
GOES_OUT_BY_PROMISE: tuple[tuple[int, float], ...] = (
    (-3, 0.25),  # three days late and more: something holds it
    (-1, 0.4),  # a day or two late: any morning now
    (0, 0.8),  # today
    (1, 0.15),  # carriers are early now and then
    (2, 0.04),
)
# Without a promise: by how many days have passed since the label, for services of one, two to three, and more days.
GOES_OUT_BY_AGE: dict[str, tuple[float, ...]] = {
    "express": (0.05, 0.6, 0.6, 0.4, 0.3),
    "fast": (0.02, 0.15, 0.4, 0.45, 0.4, 0.3, 0.25),
    "ground": (0.01, 0.08, 0.2, 0.3, 0.35, 0.35, 0.3, 0.25),
    "": (0.02, 0.1, 0.3, 0.35, 0.35, 0.3, 0.25),
}
# Words of service names, the first that fits decides.
_SPEEDS = (
    ("express", ("express", "overnight", "next day", "1day", "1 day")),
    ("fast", ("priority", "2day", "2 day", "2nd day", "3 day", "first-class", "first class", "expedited")),
    ("ground", ("ground", "advantage", "parcel select", "media", "library", "economy", "standard", "home")),
)
# No table tells days apart that are more than this many away.
MOST_DAYS = 9
# Chances of the round are rounded to these, so that a table is summed up once for each.
_LEVELS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8)


class Calendar:
    """News of a stage summed up over the week, to be read off between any two moments.

    `summed[h]` is the worth of the news to expect from Monday midnight until `h` hours later, `moments[h]` the same
    with every piece multiplied by its hour: what an average is made from.
    """

    __slots__ = ("moments", "most", "quiet_from", "quiet_share", "rates", "summed")

    def __init__(self, week: Sequence[float], most: float, quiet: Sequence[tuple[float, float]]) -> None:
        """From the worth of the news of each hour of a week."""
        # One week to begin in, and as many as the longest gap may reach on.
        self.rates = list(week) * (2 + math.ceil(LONGEST_GAP / _WEEK_HOURS))
        self.summed, self.moments = [0.0], [0.0]
        for hour, rate in enumerate(self.rates):
            self.summed.append(self.summed[-1] + rate)
            self.moments.append(self.moments[-1] + rate * (hour + 0.5))
        self.most = most
        self.quiet_from = [hours for hours, _ in quiet]
        self.quiet_share = [1.0, *(share for _, share in quiet)]

    def news(self, begin: float, gap: float, silence: float) -> tuple[float, float, float]:
        """What the news of the `gap` hours after `begin` (hours since Monday midnight, at the place) is worth; how many hours
        after `begin` it came on average; and in how many hours from the end of the gap as much will have come again.
        `silence`: hours since the last scan.
        """
        end = begin + gap
        first, last = int(begin), int(end)
        rates, summed = self.rates, self.summed
        into, over = begin - first, end - last
        until_now = summed[last] + rates[last] * over
        raw = until_now - summed[first] - rates[first] * into
        if raw <= 0.0:
            return 0.0, 0.0, 0.0
        moment = (
            self.moments[last]
            + rates[last] * over * (last + over / 2)
            - self.moments[first]
            - rates[first] * into * (first + into / 2)
        )
        # Of a span of no length sums tell nothing but how numbers are rounded.
        came_after = min(max(moment / raw - begin, 0.0), gap)
        share = self.quiet_share[bisect_right(self.quiet_from, silence)]
        most = self.most
        unseen = most * math.exp(-raw * share / most)
        worth = most - unseen
        if worth >= unseen:
            # What there was to come has mostly come.
            return worth, came_after, LONGEST_AHEAD
        wanted = until_now - most * math.log1p(-worth / unseen) / share
        hour = bisect_right(summed, wanted) - 1
        if hour >= len(rates):
            return worth, came_after, LONGEST_AHEAD
        ahead = hour + (wanted - summed[hour]) / rates[hour] - end
        return worth, came_after, min(max(ahead, 0.0), LONGEST_AHEAD)


@lru_cache(maxsize=4096)
def speed_of(service: str) -> str:
    """`express`, `fast` or `ground` by the words of a service's name; `""` where they tell nothing."""
    words = service.replace("_", " ").casefold()
    return next((speed for speed, signs in _SPEEDS if any(sign in words for sign in signs)), "")


def goes_out(days_to_promise: int | None, days_since_label: int, speed: str) -> float:
    """The chance that this delivery day's round has a parcel that is on its way."""
    if days_to_promise is None:
        by_age = GOES_OUT_BY_AGE[speed]
        return by_age[min(max(days_since_label, 0), len(by_age) - 1)]
    chance = GOES_OUT_BY_PROMISE[0][1]
    for days, then in GOES_OUT_BY_PROMISE:
        if days_to_promise >= days:
            chance = then
    return chance


@lru_cache(maxsize=4096)
def calendar(
    status: Status, scans_once: bool, days_to_promise: int | None, days_since_label: int, speed: str
) -> Calendar:
    """The calendar of a parcel in this state. Days beyond those the tables know may be cut to `MOST_DAYS`."""
    stage = stage_of(status, scans_once)
    return _summed(stage, round_level(stage, days_to_promise, days_since_label, speed))


def stage_of(status: Status, scans_once: bool) -> Stage:
    """What a parcel with this status waits for; letters wait for one scan and no more."""
    stage = STAGE_OF[status]
    if scans_once:
        return LETTER if stage is LABEL else LETTER_SEEN
    return stage


def round_level(stage: Stage, days_to_promise: int | None, days_since_label: int, speed: str) -> float:
    """The chance of a delivery day's round as the calendars know it; nothing where no round comes."""
    if not stage.may_go_out:
        return 0.0
    level = goes_out(days_to_promise, days_since_label, speed)
    return min(_LEVELS, key=lambda known: abs(known - level))


@lru_cache(maxsize=16)
def round_week(level: float) -> tuple[float, ...]:
    """How likely each hour of a week brings the round."""
    # Loading is a matter of hours: so many a day as make the chance come true by the end of it.
    return _week_of([(Stream(1.0, 1.0, LOADING, ROUND_DAYS), -math.log1p(-level))])


@lru_cache(maxsize=256)
def _summed(stage: Stage, level: float) -> Calendar:
    week = stage.worth_of_week
    if level:
        going = round_week(level)
        week = tuple(
            other + WORTH[Status.OUT_FOR_DELIVERY] * rate for other, rate in zip(week, going, strict=True)
        )
    return Calendar(week, stage.most, stage.quiet)
