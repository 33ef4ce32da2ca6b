"""The rules that compete: the product's policy, those of the field, and one that knows the rates of a made world."""

import heapq
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from shipments.enums import Status
from shipments.management.freshness.made_world import HOUR, MadeWorld
from shipments.management.freshness.parcels import DAY, Parcel
from shipments.refresh.chances import WORTH, WORTH_OTHERWISE
from shipments.refresh.learning import History, Sharpened, Traits
from shipments.refresh.policy import Candidate, Situation, ending, next_look, pick
from shipments.refresh.ranking import ahead_of_utc

MINUTE = 60.0


class Rule(Protocol):
    """Whom to ask next. Parcels are named by their place in the world; times are seconds since 1970."""

    def add(self, which: int, now: float) -> None:
        """A parcel was added: its label is known, and nobody has asked about it yet."""

    def choose(self, places: int, now: float) -> Sequence[int]:
        """Up to so many parcels to ask about now."""

    def seen(self, which: int, now: float, scans: Sequence[tuple[float, Status]]) -> None:
        """The parcel was asked about: all its scans until now."""

    def alive(self) -> int:
        """How many parcels are still asked about."""


class Policy:
    """The product's own policy, as the planner calls it. Once a day it learns from the scans it has found by then, unless
    it is told not to.
    """

    def __init__(self, parcels: Sequence[Parcel], looks_an_hour: float, *, learns: bool = True) -> None:
        self._parcels, self._looks, self._learns = parcels, looks_an_hour, learns
        self._history, self._sharpened = History(), Sharpened({})
        self._learned_at: float | None = None
        self._waiting: list[tuple[float, int]] = []
        self._due: dict[int, Candidate] = {}
        self._asleep: dict[int, Candidate] = {}

    def add(self, which: int, now: float) -> None:
        parcel = self._parcels[which]
        since = _moment(now)
        situation = Situation(
            Status.MANIFEST,
            since,
            last_scan_at=since,
            scans_once=parcel.scans_once,
            service=parcel.service,
            promised_on=parcel.promised_on,
            zone=parcel.zone,
        )
        self._due[which] = Candidate(which, situation, since)

    def choose(self, places: int, now: float) -> Sequence[int]:
        while self._waiting and self._waiting[0][0] <= now:
            _, which = heapq.heappop(self._waiting)
            candidate = self._asleep.pop(which)
            if ending(candidate.situation, now=_moment(now)) is None:
                self._due[which] = candidate
        if self._learns and (self._learned_at is None or now >= self._learned_at + DAY):
            self._sharpened, self._learned_at = Sharpened(self._history.factors()), now
        return pick(
            list(self._due.values()),
            places,
            now=_moment(now),
            pressure=len(self._due) / self._looks,
            sharpened=self._sharpened if self._learns else None,
        )

    def seen(self, which: int, now: float, scans: Sequence[tuple[float, Status]]) -> None:
        before = self._due.pop(which).situation
        if self._learns:
            self._learn(before, now, scans)
        at, status = scans[-1]
        moment = _moment(now)
        delivered = next((at for at, status in scans if status == Status.DELIVERED), None)
        situation = Situation(
            status,
            before.since,
            last_scan_at=_moment(at),
            delivered_at=None if delivered is None else _moment(delivered),
            scans_once=before.scans_once,
            service=before.service,
            promised_on=before.promised_on,
            zone=before.zone,
            checked_at=moment,
        )
        upcoming = next_look(situation, now=moment, dice=0.5)
        if upcoming.due_at is None or upcoming.wanted_by is None:
            return
        self._asleep[which] = Candidate(which, situation, upcoming.wanted_by)
        heapq.heappush(self._waiting, (upcoming.due_at.timestamp(), which))

    def _learn(self, before: Situation, now: float, scans: Sequence[tuple[float, Status]]) -> None:
        begin = (before.checked_at or before.since).timestamp()
        traits = Traits(
            before.service,
            before.scans_once,
            before.since.timestamp(),
            None if before.promised_on is None else before.promised_on.toordinal(),
            ahead_of_utc(before.zone, _moment(now)),
        )
        self._history.add(traits, scans, begin=begin, until=now)

    def alive(self) -> int:
        return len(self._due) + len(self._asleep)


class Spaced:
    """Each parcel a fixed time after its last look, those due longest first; a delivered one never again.

    `steps` are the times between looks: the first after news, the next after each look without, the last from then on.
    One step of zero is round robin.
    """

    def __init__(self, steps: Sequence[float]) -> None:
        self._steps = [step * HOUR for step in steps]
        self._queue: list[tuple[float, int]] = []
        self._level: dict[int, int] = {}
        self._known: dict[int, int] = {}

    def add(self, which: int, now: float) -> None:
        self._level[which] = 0
        self._known[which] = 1
        heapq.heappush(self._queue, (now, which))

    def choose(self, places: int, now: float) -> Sequence[int]:
        chosen: list[int] = []
        while len(chosen) < places and self._queue and self._queue[0][0] <= now:
            chosen.append(heapq.heappop(self._queue)[1])
        return chosen

    def seen(self, which: int, now: float, scans: Sequence[tuple[float, Status]]) -> None:
        if scans[-1][1] == Status.DELIVERED:
            del self._level[which]
            return
        news = len(scans) > self._known[which]
        self._known[which] = len(scans)
        level = self._level[which] = 0 if news else self._level[which] + 1
        step = self._steps[min(level, len(self._steps) - 1)]
        # Nobody asks twice within ten minutes, however much quota there is.
        heapq.heappush(self._queue, (now + max(step, 10 * MINUTE), which))

    def alive(self) -> int:
        return len(self._level)


class Omniscient:
    """Ranks by the world's own rates: by the cost of waiting, or by the chance alone. A delivered parcel is left alone.

    It knows how likely each kind of news is at each hour, what a promise is worth, and how many never move again; it does
    not know what will happen.
    """

    def __init__(self, world: MadeWorld, *, by_cost: bool) -> None:
        self._world, self._by_cost = world, by_cost
        self._state: dict[int, _Belief] = {}

    def add(self, which: int, now: float) -> None:
        self._state[which] = _Belief(
            Status.MANIFEST, self._world.stuck(self._world.parcels[which], Status.MANIFEST), now
        )

    def choose(self, places: int, now: float) -> Sequence[int]:
        ranked = []
        for which, belief in self._state.items():
            if now - belief.asked_at < 10 * MINUTE and belief.asked:
                continue
            self._advance(which, belief, now)
            chance = belief.chance * belief.worth
            value = chance * (now - belief.asked_at) / HOUR - belief.paid if self._by_cost else chance
            ranked.append((value, which))
        return [which for _, which in heapq.nlargest(places, ranked)]

    def _advance(self, which: int, belief: "_Belief", now: float) -> None:
        parcel = self._world.parcels[which]
        at = belief.until
        while at < now:
            step = min(now, (at // HOUR + 1) * HOUR) - at
            key = int(at // HOUR)
            if belief.hour != key:
                rates = self._world.rates(parcel, belief.status, at + 1e-3)
                belief.hour = key
                belief.rate = sum(rate for _, rate in rates)
                belief.weighted = sum(rate * WORTH.get(to, WORTH_OTHERWISE) for to, rate in rates)
            grown = belief.rate * step / HOUR
            before = belief.chance * belief.worth
            if grown > 0:
                moved = belief.moving * math.exp(-belief.unmoved) * -math.expm1(-grown)
                belief.unmoved += grown
                belief.sum_worth += moved * belief.weighted / belief.rate
                belief.chance += moved
                belief.worth = belief.sum_worth / belief.chance
            belief.paid += (before + belief.chance * belief.worth) / 2 * step / HOUR
            at += step
        belief.until = now

    def seen(self, which: int, now: float, scans: Sequence[tuple[float, Status]]) -> None:
        at, status = scans[-1]
        if status == Status.DELIVERED:
            del self._state[which]
            return
        belief = self._state[which]
        parcel = self._world.parcels[which]
        if at > belief.entered_at:
            belief = _Belief(status, self._world.stuck(parcel, status), at)
            self._advance(which, belief, now)
        elif belief.until < now:
            self._advance(which, belief, now)
        self._state[which] = belief.after_a_look(now)

    def alive(self) -> int:
        return len(self._state)


class _Belief:
    """What may be thought of one parcel: since when it is in its status, and how likely it still moves."""

    __slots__ = (
        "asked",
        "asked_at",
        "chance",
        "entered_at",
        "hour",
        "moving",
        "paid",
        "rate",
        "status",
        "sum_worth",
        "unmoved",
        "until",
        "weighted",
        "worth",
    )

    def __init__(self, status: Status, stuck: float, entered_at: float) -> None:
        self.status, self.entered_at = status, entered_at
        self.moving = 1.0 - stuck
        self.asked, self.asked_at, self.until = False, entered_at, entered_at
        self.chance = self.worth = self.sum_worth = self.unmoved = self.paid = 0.0
        self.hour, self.rate, self.weighted = -1, 0.0, 0.0

    def after_a_look(self, now: float) -> "_Belief":
        """The same status, seen still to be so: the longer it lasts, the likelier the parcel is stuck."""
        left = self.moving * math.exp(-self.unmoved)
        self.moving = left / (left + 1.0 - self.moving) if self.moving < 1.0 else 1.0
        self.chance = self.worth = self.sum_worth = self.unmoved = self.paid = 0.0
        self.asked, self.asked_at = True, now
        return self


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
