"""Figures of a period: read from the cohorts counted ahead, never from parcels. What each means is in `facts.figure_words`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from enum import StrEnum
from math import sqrt
from typing import Any

from django.db import connection
from django.db.models import Max, Min, Sum

from shipments.analytics.cohorts import monday_of
from shipments.facts.histograms import Histogram
from shipments.models import Cohort, Merchant
from shipments.models.figures import Cut, Span

# Of fewer parcels than this a share says little: it is shown, and marked.
FEW = 20
_NO_DAYS = Histogram()
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
    transit: Histogram = _NO_DAYS
    first_scan: Histogram = _NO_DAYS

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
    rows = _summed(merchant, asked, ["span", "starts_on"], f"SELECT span, starts_on, {_sums(asked)}", "")
    for row in rows:
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
    names = {
        GroupBy.CARRIER: ["carrier"],
        GroupBy.SERVICE: ["carrier", "service"],
        GroupBy.LANE: ["lane"],
    }[asked.by]
    is_now = "FILTER (WHERE starts_on >= %(start)s)"
    rows = _summed(
        merchant,
        asked,
        names,
        f"""SELECT {", ".join(names)}, {_sums(asked, is_now)},
            sum(judged) FILTER (WHERE starts_on < %(start)s) AS judged_before,
            sum(on_time) FILTER (WHERE starts_on < %(start)s) AS on_time_before""",
        f"HAVING sum(parcels) {is_now} > 0 ORDER BY parcels DESC, {', '.join(names)} LIMIT %(most)s",
        most=most,
    )
    return [
        Group(
            row.get("carrier", ""),
            row.get("service", ""),
            row.get("lane", ""),
            _figures(row),
            Figures(judged=row["judged_before"] or 0, on_time=row["on_time_before"] or 0),
        )
        for row in rows
    ]


def choices(merchant: Merchant, period: Period, *, most: int) -> Choices:
    """The services and lanes of parcels shipped in the weeks of the period, at most so many of both; one statement."""
    # Whole weeks, also where the period begins or ends inside one: nobody minds a lane too many.
    rows = Cohort.objects.filter(
        merchant=merchant, cut__in=[Cut.SERVICE, Cut.LANE], span=Span.WEEK, starts_on__in=period.mondays
    )
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


def _summed(
    merchant: Merchant, asked: Asked, names: Sequence[str], select: str, end: str, **given: Any
) -> list[dict[str, Any]]:
    """Rows of sums over the cohorts of the period and the one before, by `names`.

    Weeks and days are read apart and put together: of one condition for both, the planner makes a scan of the table.
    """
    cut = _cut(asked.told_apart(*({"carrier", "service", "lane"} & set(names))))
    filters = {"carrier": asked.carrier or None, "service": asked.service, "lane": asked.lane}
    only = "".join(f" AND {name} = %({name})s" for name, value in filters.items() if value is not None)
    arms = " UNION ALL ".join(
        f"""SELECT * FROM {Cohort._meta.db_table}
            WHERE merchant_id = %(merchant)s AND cut = %(cut_of_{span})s AND span = '{span}' AND starts_on = ANY(%({span}s)s){only}"""  # noqa: S608
        for span in (Span.WEEK, Span.DAY)
    )
    both = asked.period.spans(), asked.period.before.spans()
    given |= filters | {"merchant": merchant.pk, "start": asked.period.start}
    given |= {"cut_of_week": cut, "weeks": [week for weeks, _days in both for week in weeks]}
    given |= {"cut_of_day": cut.of_days, "days": [day for _weeks, days in both for day in days]}
    with connection.cursor() as cursor:
        cursor.execute(f"{select} FROM ({arms}) AS cell GROUP BY {', '.join(names)} {end}", given)
        columns = [column.name for column in cursor.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def _cut(told_apart: set[str]) -> Cut:
    """The coarsest cut that tells these columns apart; a service is one of its carrier."""
    by = "service" if "service" in told_apart else "carrier" if "carrier" in told_apart else ""
    if "lane" not in told_apart:
        return Cut(by or "all")
    return Cut(f"{by} lane".strip())


def _sums(asked: Asked, only: str = "") -> str:
    """Sums of everything `Figures` has, under its names."""
    kind = "business_days" if asked.in_business_days else "days"
    columns = {name: name for name in _COUNTS} | {
        "transit": f"transit_{kind}",
        "first_scan": f"first_scan_{kind}",
    }
    return ", ".join(f"coalesce(sum({column}) {only}, 0) AS {name}" for name, column in columns.items())


def _figures(row: Mapping[str, Any]) -> Figures:
    return Figures(
        **{name: row[name] for name in _COUNTS},
        transit=Histogram(int(row["transit"])),
        first_scan=Histogram(int(row["first_scan"])),
    )
