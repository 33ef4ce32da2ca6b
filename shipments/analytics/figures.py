"""Figures of a period: read from the cohorts counted ahead, never from parcels. What each means is in `facts.figure_words`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from enum import StrEnum
from math import sqrt
from typing import Any

from django.db.models import Max, Min, Q, QuerySet, Sum

from shipments.analytics.cohorts import monday_of
from shipments.facts.histograms import Histogram
from shipments.models import Cohort, Merchant
from shipments.models.figures import Cut, Span

# Of fewer parcels than this a share says little: it is shown, and marked.
FEW = 20
NO_DAYS = Histogram.of(())
# How far two shares lie apart, in standard errors, before chance is no longer a good reason (19 times out of 20).
_BEYOND_CHANCE = 1.96


class GroupBy(StrEnum):
    """By what the table of figures is cut."""

    CARRIER = "carrier"
    SERVICE = "service"
    LANE = "lane"
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class Period:
    """Days of shipment, from the first to the last."""

    start: date
    end: date

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    @property
    def before(self) -> "Period":
        """As many days, right before these."""
        return Period(self.start - timedelta(self.days), self.start - timedelta(1))

    @property
    def mondays(self) -> list[date]:
        """The first day of every week that has a day in the period."""
        first = monday_of(self.start)
        return [first + timedelta(n) for n in range(0, (self.end - first).days + 1, 7)]

    def spans(self) -> tuple[list[date], list[date]]:
        """The whole weeks in it by their Mondays, and the days beside them."""
        weeks = [day for day in self.mondays if day >= self.start and day + timedelta(6) <= self.end]
        whole = set(weeks)
        days = (self.start + timedelta(n) for n in range(self.days))
        return weeks, [day for day in days if monday_of(day) not in whole]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which figures. A `service` is one of `carrier`; None where not asked for, as `lane`: `""` is what is not known."""

    period: Period
    in_business_days: bool = True
    carrier: str = ""
    service: str | None = None
    lane: str | None = None
    by: GroupBy = GroupBy.CARRIER

    def told_apart(self, *more: str) -> set[str]:
        """The columns the asked cohorts must tell apart, with `more` to group by."""
        filtered = {
            "carrier": bool(self.carrier),
            "service": self.service is not None,
            "lane": self.lane is not None,
        }
        return {name for name, is_filtered in filtered.items() if is_filtered} | set(more)

    def matching(self) -> Q:
        asked = {"carrier": self.carrier or None, "service": self.service, "lane": self.lane}
        return Q(**{name: value for name, value in asked.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of some parcels, and what they come to. Two of them add up to those of both."""

    parcels: int = 0
    scanned: int = 0
    under_way: int = 0
    judged: int = 0
    on_time: int = 0
    not_due: int = 0
    delivered: int = 0
    first_try: int = 0
    attempted: int = 0
    failed_attempts: int = 0
    exceptions: int = 0
    returns: int = 0
    transit: Histogram = NO_DAYS
    first_scan: Histogram = NO_DAYS

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @classmethod
    def total(cls, many: Iterable["Figures"]) -> "Figures":
        found = cls()
        for each in many:
            found += each
        return found

    @property
    def on_time_share(self) -> float | None:
        return share(self.on_time, self.judged)

    @property
    def first_try_share(self) -> float | None:
        return share(self.first_try, self.delivered)

    @property
    def exception_share(self) -> float | None:
        return share(self.exceptions, self.scanned)

    @property
    def return_share(self) -> float | None:
        return share(self.returns, self.scanned)

    @property
    def failed_per_hundred(self) -> float | None:
        found = share(self.failed_attempts, self.attempted)
        return None if found is None else found * 100


def share(part: int, whole: int) -> float | None:
    """A part of a whole, of which nothing is no share."""
    return part / whole if whole else None


def is_beyond_chance(part: int, whole: int, part_before: int, whole_before: int) -> bool:
    """Whether two shares differ by more than chance makes parcels of one kind differ; never of few parcels."""
    if min(whole, whole_before) < FEW:
        return False
    pooled = (part + part_before) / (whole + whole_before)
    error = sqrt(pooled * (1 - pooled) * (1 / whole + 1 / whole_before))
    return abs(part / whole - part_before / whole_before) > _BEYOND_CHANCE * error


@dataclass(frozen=True, slots=True)
class Week:
    """The asked figures of the `days` of one week that lie in the period."""

    monday: date
    days: Period
    figures: Figures

    @property
    def is_whole(self) -> bool:
        return self.days.days == 7


@dataclass(frozen=True, slots=True)
class Group:
    """The asked figures of one carrier, service or lane, and the share on time of the period before."""

    carrier: str
    service: str
    lane: str
    figures: Figures
    before: Figures


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to ask for in a period, each with the most parcels first."""

    services: list[tuple[str, str]]
    lanes: list[str]


# Every count of `Figures` that is a column; the two histograms depend on the kind of days.
_COUNTS = [one.name for one in fields(Figures) if one.name not in {"transit", "first_scan"}]


def weeks(merchant: Merchant, asked: Asked) -> tuple[list[Week], list[Week]]:
    """The weeks of the period and of the one before, each in order; one statement."""
    period, before = asked.period, asked.period.before
    found: dict[tuple[bool, date], Figures] = {}
    rows = _cohorts(merchant, asked, [period, before]).values("span", "starts_on").annotate(**_sums(asked))
    for row in rows.order_by():
        key = row["starts_on"] >= period.start, monday_of(row["starts_on"])
        found[key] = found.get(key, Figures()) + _figures(row)
    return _weeks_of(period, True, found), _weeks_of(before, False, found)


def _weeks_of(period: Period, is_now: bool, found: Mapping[tuple[bool, date], Figures]) -> list[Week]:
    return [
        Week(
            monday,
            Period(max(monday, period.start), min(monday + timedelta(6), period.end)),
            found.get((is_now, monday), Figures()),
        )
        for monday in period.mondays
    ]


def groups(merchant: Merchant, asked: Asked, *, most: int | None = None) -> list[Group]:
    """The asked figures by carrier, service or lane, the most parcels first, at most so many; one statement."""
    period = asked.period
    names = {GroupBy.CARRIER: ["carrier"], GroupBy.SERVICE: ["carrier", "service"], GroupBy.LANE: ["lane"]}[
        asked.by
    ]
    is_now = Q(starts_on__gte=period.start)
    rows = (
        _cohorts(merchant, asked, [period, period.before], *names)
        .values(*names)
        .annotate(
            **_sums(asked, is_now),
            judged_before=Sum("judged", filter=~is_now, default=0),
            on_time_before=Sum("on_time", filter=~is_now, default=0),
        )
        .filter(total_parcels__gt=0)
        .order_by("-total_parcels", *names)
    )
    return [
        Group(
            row.get("carrier", ""),
            row.get("service", ""),
            row.get("lane", ""),
            _figures(row),
            Figures(judged=row["judged_before"], on_time=row["on_time_before"]),
        )
        for row in rows[:most]
    ]


def choices(merchant: Merchant, period: Period, *, most: int) -> Choices:
    """The services and lanes parcels were shipped by in the period, at most so many of both; one statement."""
    rows = _in_periods(merchant, Cut.SERVICE, [period]) | _in_periods(merchant, Cut.LANE, [period])
    found = (
        rows.values_list("cut", "carrier", "service", "lane")
        .annotate(total=Sum("parcels"))
        .order_by("-cut", "-total", "carrier", "service", "lane")[:most]
    )
    cells = [(Cut(cut), carrier, service, lane) for cut, carrier, service, lane, _total in found]
    return Choices(
        services=[(carrier, service) for cut, carrier, service, _lane in cells if cut == Cut.SERVICE],
        lanes=[lane for cut, _carrier, _service, lane in cells if cut == Cut.LANE],
    )


def reach(merchant: Merchant) -> Period | None:
    """The first and the last day on which the merchant shipped anything; None where there was none yet."""
    found = Cohort.objects.filter(merchant=merchant, cut=Cut.ALL, span=Span.DAY).aggregate(
        first=Min("starts_on"), last=Max("starts_on")
    )
    return Period(found["first"], found["last"]) if found["first"] else None


def _cohorts(merchant: Merchant, asked: Asked, periods: list[Period], *names: str) -> "QuerySet[Cohort]":
    return _in_periods(merchant, _cut(asked.told_apart(*names)), periods).filter(asked.matching())


def _in_periods(merchant: Merchant, cut: Cut, periods: list[Period]) -> "QuerySet[Cohort]":
    spans = [period.spans() for period in periods]
    weeks = [week for whole, _single in spans for week in whole]
    days = [day for _whole, single in spans for day in single]
    return Cohort.objects.filter(merchant=merchant).cut_by(cut, weeks, days)


def _cut(told_apart: set[str]) -> Cut:
    """The coarsest cut that tells these columns apart; a service is one of its carrier."""
    by = "service" if "service" in told_apart else "carrier" if "carrier" in told_apart else ""
    if "lane" not in told_apart:
        return Cut(by or "all")
    return Cut(f"{by} lane".strip())


def _sums(asked: Asked, only: Q | None = None) -> dict[str, Any]:
    """Sums of every count, under names that are no columns."""
    kind = "business_days" if asked.in_business_days else "days"
    columns = {name: name for name in _COUNTS} | {
        "transit": f"transit_{kind}",
        "first_scan": f"first_scan_{kind}",
    }
    return {f"total_{name}": Sum(column, filter=only, default=0) for name, column in columns.items()}


def _figures(row: Mapping[str, Any]) -> Figures:
    return Figures(
        **{name: int(row[f"total_{name}"]) for name in _COUNTS},
        transit=Histogram.unpacked(row["total_transit"]),
        first_scan=Histogram.unpacked(row["total_first_scan"]),
    )
