"""Figures into what the page shows: cards in words, charts as shapes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from shipments.analytics.figures import FEW, Asked, Figures, Period, Week, is_beyond_chance
from shipments.facts import figure_words, spelling
from shipments.facts.figure_words import Figure, count, definition
from shipments.facts.histograms import MOST_DAYS, Histogram
from shipments.models import Reckoning
from shipments.web.charts import BarChart, LineChart, bar_chart, line_chart
from shipments.web.figure_table import Row

# Figures are counted every ten minutes; what is older than this says so.
_OLD = timedelta(minutes=45)
# Bars of the chart of days; what takes longer is in the last.
_MOST_BARS = 16


@dataclass(frozen=True, slots=True)
class Card:
    """One key figure. `tone` is better, worse or plain; the words say it, too."""

    key: str
    name: str
    value: str
    unit: str
    note: str
    base: str
    sign: str
    change: str
    tone: str
    is_few: bool


@dataclass(frozen=True, slots=True)
class AsOf:
    """Until when news is in the figures; `is_old` where counting has fallen behind."""

    at: datetime
    told: str
    is_old: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """Shapes, what they say in a sentence, and the numbers behind them."""

    shapes: LineChart | BarChart
    summary: str
    rows: list[dict[str, Any]]


def told_period(period: Period) -> str:
    """ "4 May to 26 July 2026"."""
    if period.days == 1:
        return figure_words.day(period.start)
    first = figure_words.day_of_year if period.start.year == period.end.year else figure_words.day
    return _("%(first)s to %(last)s") % {"first": first(period.start), "last": figure_words.day(period.end)}


def told_week(week: Week) -> str:
    """The week by its first day, "4 May 2026"; says so where the period has only a part of it."""
    day = figure_words.day(week.monday)
    return day if week.is_whole else _("%(day)s (part of the week)") % {"day": day}


def as_of(reckoning: Reckoning | None, zone: str, now: datetime) -> AsOf | None:
    """How old the figures are, on the merchant's clock, which is named; None where they have not been counted from end to end yet."""
    if reckoning is None or reckoning.as_of is None:
        return None
    local, today = reckoning.as_of.astimezone(ZoneInfo(zone)), spelling.today_at(now, zone)
    told = spelling.clock(local.time())
    if local.date() != today:
        told = _("%(day)s, %(time)s") % {"day": spelling.short_day(local.date(), today), "time": told}
    # A reader may be elsewhere than the merchant, and the server does not know.
    told = _("%(time)s (%(zone)s)") % {"time": told, "zone": spelling.zone_name(zone)}
    return AsOf(reckoning.as_of, told, now - reckoning.as_of > _OLD)


# ---- Cards


def cards(now: Figures, before: Figures, asked: Asked) -> list[Card]:
    """The key figures, in the order of a parcel's life backwards: what matters to a buyer first."""
    return [
        _share_card(
            Figure.ON_TIME,
            (now.on_time, now.judged, before.on_time, before.judged),
            base=ngettext(
                "of %(parcels)s parcel with a promise; %(rest)s not due yet",
                "of %(parcels)s parcels with a promise; %(rest)s not due yet",
                now.judged,
            )
            % {"parcels": count(now.judged), "rest": count(now.not_due)},
        ),
        _days_card(
            Figure.TRANSIT,
            now.transit,
            before.transit,
            asked,
            base=ngettext(
                "of %(parcels)s delivered parcel; still on their way and not counted: %(rest)s",
                "of %(parcels)s delivered parcels; still on their way and not counted: %(rest)s",
                now.transit.parcels,
            )
            % {"parcels": count(now.transit.parcels), "rest": count(now.under_way)},
        ),
        _days_card(
            Figure.FIRST_SCAN,
            now.first_scan,
            before.first_scan,
            asked,
            base=ngettext(
                "of %(parcels)s label; %(rest)s without a first scan so far",
                "of %(parcels)s labels; %(rest)s without a first scan so far",
                now.first_scan.parcels,
            )
            % {"parcels": count(now.first_scan.parcels), "rest": count(now.parcels - now.scanned)},
        ),
        _share_card(
            Figure.FIRST_TRY,
            (now.first_try, now.delivered, before.first_try, before.delivered),
            base=ngettext(
                "of %(parcels)s delivered parcel", "of %(parcels)s delivered parcels", now.delivered
            )
            % {"parcels": count(now.delivered)},
            note=_("%(failed)s failed attempts per 100 parcels tried")
            % {"failed": figure_words.decimal(now.failed_per_hundred)}
            if now.attempted
            else "",
        ),
        _share_card(
            Figure.EXCEPTIONS,
            (now.exceptions, now.scanned, before.exceptions, before.scanned),
            base=_("%(part)s of %(parcels)s scanned parcels")
            % {"part": count(now.exceptions), "parcels": count(now.scanned)},
            less_is_better=True,
        ),
        _share_card(
            Figure.RETURNS,
            (now.returns, now.scanned, before.returns, before.scanned),
            base=_("%(part)s of %(parcels)s scanned parcels")
            % {"part": count(now.returns), "parcels": count(now.scanned)},
            less_is_better=True,
        ),
    ]


def _share_card(
    key: Figure,
    counts: tuple[int, int, int, int],
    *,
    base: str,
    note: str = "",
    less_is_better: bool = False,
) -> Card:
    """`counts` are part and whole, now and before."""
    part, whole, part_before, whole_before = counts
    change, sign, tone = "", "", ""
    if min(whole, whole_before) >= FEW:
        move = figure_words.points(part / whole, part_before / whole_before)
        change, sign = move.words, move.sign
        if sign and is_beyond_chance(*counts):
            tone = "better" if (move.direction > 0) != less_is_better else "worse"
        elif sign:
            change = _("%(change)s, within chance") % {"change": change}
    return Card(
        key=key,
        name=str(definition(key).name),
        value=figure_words.share(part / whole if whole else None),
        unit="",
        note=note,
        base=base,
        sign=sign,
        change=change or _nothing_to_compare(whole, whole_before),
        tone=tone,
        is_few=0 < whole < FEW,
    )


def _days_card(key: Figure, now: Histogram, before: Histogram, asked: Asked, *, base: str) -> Card:
    """Median days, fewer of which are better. A median of few parcels is shown and marked, not compared."""
    median, median_before = now.quantile(50), before.quantile(50)
    change, sign, tone = _nothing_to_compare(now.parcels, before.parcels), "", ""
    if median is not None and median_before is not None and min(now.parcels, before.parcels) >= FEW:
        move = figure_words.moved_days(median, median_before)
        change, sign = move.words, move.sign
        tone = {-1: "better", 0: "", 1: "worse"}[move.direction]
    p90 = now.quantile(90)
    told = figure_words.days(median, business=asked.in_business_days)
    number, _blank, unit = told.partition(" ") if median else (told, "", "")
    return Card(
        key=key,
        name=str(definition(key).name),
        value=number,
        unit=unit,
        note="" if p90 is None else _("9 of 10 within %(days)s") % {"days": figure_words.short_days(p90)},
        base=base,
        sign=sign,
        change=change,
        tone=tone,
        is_few=0 < now.parcels < FEW,
    )


def _nothing_to_compare(now: int, before: int) -> str:
    """Why there is no comparison."""
    if not now:
        return ""
    if not before:
        return _("nothing to compare in the period before")
    return _("too few parcels to compare") if min(now, before) < FEW else ""


# ---- Charts


def weeks_chart(weeks: Sequence[Week], before: Sequence[Week]) -> Chart | None:
    """The share on time by week of shipment; None where no promise was judged."""
    shares = [week.figures.on_time_share for week in weeks]
    shares_before = [week.figures.on_time_share for week in before]
    known = [(week, share) for week, share in zip(weeks, shares, strict=True) if share is not None]
    if not known:
        return None
    rows = [
        {
            "week": told_week(week),
            "on_time": figure_words.share(share),
            "base": count(week.figures.judged),
            "parcels": count(week.figures.parcels),
            "is_few": 0 < week.figures.judged < FEW,
            "before": figure_words.share(shares_before[at] if at < len(before) else None),
            "week_before": told_week(before[at]) if at < len(before) else "",
        }
        for at, (week, share) in enumerate(zip(weeks, shares, strict=True))
    ]
    (first, first_share), (last, last_share) = known[0], known[-1]
    lowest = min(known, key=lambda one: one[1])
    summary = _(
        "%(first)s of the parcels shipped in the week of %(first_week)s were on time, %(last)s in the week of %(last_week)s. "
        "The lowest was %(lowest)s, in the week of %(lowest_week)s."
    ) % {
        "first": figure_words.share(first_share),
        "first_week": figure_words.day(first.monday),
        "last": figure_words.share(last_share),
        "last_week": figure_words.day(last.monday),
        "lowest": figure_words.share(lowest[1]),
        "lowest_week": figure_words.day(lowest[0].monday),
    }
    shapes = line_chart(
        shares,
        shares_before,
        ticks=[figure_words.day_of_year(week.monday) for week in weeks],
        words=[
            _("Week of %(week)s: %(share)s of %(parcels)s")
            % {"week": row["week"], "share": row["on_time"], "parcels": row["base"]}
            for row in rows
        ],
        few=[bool(row["is_few"]) for row in rows],
    )
    return Chart(shapes, summary, rows)


def transit_chart(now: Figures, before: Figures, asked: Asked) -> Chart | None:
    """How many of the delivered parcels took how many days; None where none was delivered."""
    histogram, parcels = now.transit, now.transit.parcels
    median, p90 = histogram.quantile(50), histogram.quantile(90)
    if median is None or p90 is None:
        return None
    # To where nearly all are through, and never so short that a mark has no bar.
    last = min(max(histogram.quantile(99) or 0, p90, 4), _MOST_BARS - 1)
    shares, shares_before = _shares(histogram, last), _shares(before.transit, last)
    counts = [*histogram.counts[:last], parcels - histogram.within(last - 1)]
    is_open = histogram.within(last) < parcels
    told = [str(days) for days in range(last)] + [f"{last}+" if is_open else str(last)]
    kind = asked.in_business_days
    rows = [
        {
            "days": told[at],
            "parcels": count(counts[at]),
            "share": figure_words.share(share),
            "within": figure_words.share((parcels if at == last else histogram.within(at)) / parcels),
            "before": figure_words.share(shares_before[at] if before.transit.parcels else None),
        }
        for at, share in enumerate(shares)
    ]
    half = _("half within %(days)s") % {"days": figure_words.short_days(median)}
    most = _("9 of 10 within %(days)s") % {"days": figure_words.short_days(p90)}
    summary = ngettext(
        "The %(parcels)s parcel that was delivered arrived within %(median)s of the first scan.",
        "Of %(parcels)s delivered parcels, half arrived within %(median)s and nine of ten within %(p90)s of the first scan.",
        parcels,
    ) % {
        "parcels": count(parcels),
        "median": figure_words.days(median, business=kind),
        "p90": figure_words.days(p90, business=kind),
    }
    shapes = bar_chart(
        shares,
        shares_before,
        ticks=told,
        labels=[_whole_percent(share) for share in shares],
        words=[
            ngettext(
                "Days: %(days)s; %(parcels)s parcel, %(share)s",
                "Days: %(days)s; %(parcels)s parcels, %(share)s",
                counts[at],
            )
            % {"days": row["days"], "parcels": row["parcels"], "share": row["share"]}
            for at, row in enumerate(rows)
        ],
        marks=[(min(median, last), half), (min(p90, last), most)],
    )
    return Chart(shapes, summary, rows)


def _shares(histogram: Histogram, last: int) -> list[float]:
    """The share of each number of days; that of `last` with all that took longer."""
    parcels = histogram.parcels
    if not parcels:
        return [0.0] * (last + 1)
    counts = [*histogram.counts[:last], sum(histogram.counts[last : MOST_DAYS + 1])]
    return [each / parcels for each in counts]


def _whole_percent(share: float) -> str:
    return f"{share * 100:.0f}" if share >= 0.005 else ""


def share_bars(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Bars of the share on time, one for each row that has one."""
    return [
        {
            "row": row,
            "width": f"{row.on_time_share * 100:.2f}%",
            "before": None if row.on_time_before is None else f"{row.on_time_before * 100:.2f}%",
        }
        for row in rows
        if row.on_time_share is not None
    ]
