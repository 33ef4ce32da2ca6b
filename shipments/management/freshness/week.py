"""The simulated week: calls at an even pace on a virtual clock, and how late each scan was found."""

import statistics
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from shipments.enums import Status
from shipments.management.freshness.parcels import DAY, Parcel
from shipments.management.freshness.rules import Rule
from shipments.refresh.chances import WORTH, WORTH_OTHERWISE

RUNNING_IN = 10 * DAY
WEEK = 7 * DAY
# Scans of the week that were not found yet get this much longer; then they count as found.
TAIL = DAY
# Of the quota this share is left for what people ask by hand; every rule leaves it.
RESERVE = 0.1


@dataclass(frozen=True, slots=True)
class Lags:
    """Hours from scan to detection in the measured week, each with what knowing was worth."""

    pairs: tuple[tuple[float, float], ...]
    looks: int
    alive: float

    def figures(self) -> dict[str, float]:
        """Mean, median and nine tenths, plain and weighted, in hours."""
        plain = sorted(self.pairs)
        hours = [lag for lag, _ in plain]
        weights = [weight for _, weight in plain]
        total = sum(weights)
        return {
            "scans": len(hours),
            "mean": round(statistics.fmean(hours), 3),
            "median": round(_quantile(plain, 0.5, plain=True), 3),
            "p90": round(_quantile(plain, 0.9, plain=True), 3),
            "weighted_mean": round(sum(lag * weight for lag, weight in plain) / total, 3),
            "weighted_median": round(_quantile(plain, 0.5, plain=False), 3),
            "weighted_p90": round(_quantile(plain, 0.9, plain=False), 3),
            "looks_an_hour": round(self.looks / (WEEK / 3600)),
            "alive": round(self.alive),
        }


def run(
    parcels: Sequence[Parcel],
    rule: Rule,
    *,
    calls_an_hour: float,
    numbers_a_call: int,
    running_in: float = RUNNING_IN,
) -> Lags:
    """How late `rule` finds the scans of the week after ten days of running in."""
    order = sorted(range(len(parcels)), key=lambda which: parcels[which].label_at)
    begin = parcels[order[0]].label_at
    measured_from, measured_to = begin + running_in, begin + running_in + WEEK
    step = 3600.0 / (calls_an_hour * (1 - RESERVE))
    times = [[at for at, _ in parcel.scans] for parcel in parcels]
    known = [1] * len(parcels)
    pairs: list[tuple[float, float]] = []
    looks = calls = alive = added = 0
    now = begin
    while now < measured_to + TAIL:
        while added < len(order) and parcels[order[added]].label_at <= now:
            rule.add(order[added], parcels[order[added]].label_at)
            added += 1
        chosen = rule.choose(numbers_a_call, now)
        in_week = measured_from <= now < measured_to
        if in_week:
            looks += len(chosen)
            calls += 1
            alive += rule.alive()
        for which in chosen:
            until = bisect_right(times[which], now)
            scans = parcels[which].scans
            for at, status in scans[known[which] : until]:
                if measured_from <= at < measured_to:
                    pairs.append(((now - at) / 3600.0, WORTH.get(status, WORTH_OTHERWISE)))
            known[which] = max(until, known[which])
            rule.seen(which, now, scans[:until])
        now += step
    # Never found: as late as the clock says when it stops.
    for which, parcel in enumerate(parcels):
        for at, status in parcel.scans[known[which] :]:
            if measured_from <= at < measured_to and not _after_delivery(parcel, at):
                pairs.append(((now - at) / 3600.0, WORTH.get(status, WORTH_OTHERWISE)))
    return Lags(tuple(pairs), looks, alive / max(calls, 1))


def _after_delivery(parcel: Parcel, at: float) -> bool:
    return any(status == Status.DELIVERED and then < at for then, status in parcel.scans)


def _quantile(ordered: Sequence[tuple[float, float]], share: float, *, plain: bool) -> float:
    total = float(len(ordered)) if plain else sum(weight for _, weight in ordered)
    passed = 0.0
    for lag, weight in ordered:
        passed += 1.0 if plain else weight
        if passed >= share * total:
            return lag
    return ordered[-1][0]
