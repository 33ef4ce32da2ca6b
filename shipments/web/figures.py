"""How well parcels arrive: figures of a period by carrier, service, lane and week, as a page and as CSV."""

import csv
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import zip_longest
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from shipments.analytics import figures
from shipments.analytics.figures import Asked, Figures, Group, GroupBy, Week
from shipments.facts import figure_words
from shipments.facts.spelling import today_at
from shipments.models import Carrier, Reckoning
from shipments.web import figure_table, figure_view
from shipments.web.access import MemberRequest, for_members
from shipments.web.forms_figures import (
    DEFAULT_WEEKS,
    PRESETS,
    UNKNOWN,
    FiguresQuery,
    is_lane,
    lane_value,
    service_value,
)

# Rows of the table; the CSV has all of them. Bars of the chart above it.
MOST_ROWS = 25
MOST_BARS = 8
# Services and lanes to choose from; every lane in the table is a link as well.
MOST_CHOICES = 300


@require_safe
@for_members()
def figures_page(request: MemberRequest) -> HttpResponse:
    """Key figures compared with the period before, charts with a table behind each, and a table by carrier or the like."""
    query = _query(request)
    if not query.is_valid():
        return _refused(request, query)
    asked, merchant = query.asked, request.merchant
    weeks, weeks_before = figures.weeks(merchant, asked)
    now, before = _total(weeks), _total(weeks_before)
    rows = _rows(request, query, asked, weeks, weeks_before) if now.parcels else []
    reckoning = Reckoning.objects.filter(merchant=merchant).first()
    context = _frame(request, query) | {
        "asked": asked,
        "period": figure_view.told_period(asked.period),
        "choices": _choices(query, figures.choices(merchant, asked.period, most=MOST_CHOICES)),
        "as_of": figure_view.as_of(reckoning, merchant.time_zone, timezone.now()),
        "now": now,
        "before": before,
        "cards": figure_view.cards(now, before, asked),
        "weeks_chart": figure_view.weeks_chart(weeks, weeks_before),
        "transit_chart": figure_view.transit_chart(now, before, asked),
        "bars": figure_view.share_bars(rows[:MOST_BARS]) if asked.by != GroupBy.WEEK else [],
        "rows": rows[:MOST_ROWS],
        "has_more_rows": len(rows) > MOST_ROWS,
        "total": figure_table.row(_("All"), now, before),
        "csv_url": f"{reverse('figures-csv', args=[merchant.slug])}?{query.to_query()}",
        "reach": None if now.parcels else _reach(request, query),
    }
    return render(request, "dashboard/figures.html", context)


@require_safe
@for_members()
def figures_csv(request: MemberRequest) -> HttpResponse:
    """The table of the page, all of its rows, with the counts behind each share."""
    query = _query(request)
    if not query.is_valid():
        return _refused(request, query)
    asked = query.asked
    found: Iterable[Group | Week]
    if asked.by == GroupBy.WEEK:
        found = [week for week in figures.weeks(request.merchant, asked)[0] if week.figures.parcels]
    else:
        found = figures.groups(request.merchant, asked)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    name = f"figures-{request.merchant.slug}-{asked.period.start}-{asked.period.end}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    # The mark without which Excel takes UTF-8 for something else.
    response.write("\ufeff")
    writer = csv.writer(response)
    writer.writerow(figure_table.csv_header(asked))
    writer.writerows(figure_table.csv_row(each, query.carriers, asked) for each in found)
    return response


def _query(request: MemberRequest) -> FiguresQuery:
    carriers = dict(Carrier.objects.values_list("code", "name"))
    today = today_at(timezone.now(), request.merchant.time_zone)
    return FiguresQuery(request.GET, today=today, carriers=carriers)


def _frame(request: MemberRequest, query: FiguresQuery) -> dict[str, Any]:
    """What the page has whatever was asked for."""
    return {
        "room": "figures",
        "query": query,
        "presets": _presets(request, query),
        "definitions": figure_words.DEFINITIONS,
    }


def _refused(request: MemberRequest, query: FiguresQuery) -> HttpResponse:
    """The page with its form, which says what cannot be asked for."""
    context = _frame(request, query) | {"choices": _choices(query, None)}
    return render(request, "dashboard/figures.html", context, status=400)


def _url(request: MemberRequest, query: FiguresQuery, **over: str | int) -> str:
    asked = query.to_query(**over)
    return reverse("figures", args=[request.merchant.slug]) + (f"?{asked}" if asked else "")


def _total(weeks: list[Week]) -> Figures:
    return Figures.total(week.figures for week in weeks)


def _presets(request: MemberRequest, query: FiguresQuery) -> list[dict[str, Any]]:
    return [
        {
            "label": ngettext("Last %(count)d week", "Last %(count)d weeks", weeks) % {"count": weeks},
            "url": _url(request, query, since="", until="", weeks=weeks),
            "is_current": query.is_valid() and query.preset == weeks,
        }
        for weeks in PRESETS
    ]


def _choices(query: FiguresQuery, found: figures.Choices | None) -> dict[str, Any]:
    """What the form offers: the carriers with their services, and the lanes; every carrier where it is not known what was
    shipped. What is asked for is among them, though nothing went by it."""
    services: dict[str, list[str]] = {}
    for carrier, service in found.services if found else ():
        services.setdefault(carrier, []).append(service)
    for carrier in () if found else query.carriers:
        services.setdefault(carrier, [])
    lanes = [lane_value(lane) for lane in found.lanes] if found else []
    asked_carrier, slash, asked_service = query.value_of("carrier").partition("/")
    if asked_carrier in query.carriers:
        theirs = services.setdefault(asked_carrier, [])
        if slash and asked_service not in theirs:
            theirs.append(asked_service)
    if is_lane(query.value_of("lane")) and query.value_of("lane") not in lanes:
        lanes.append(query.value_of("lane"))
    return {
        "carriers": [
            {
                "code": carrier,
                "name": query.carriers.get(carrier, carrier),
                "services": [(service_value(carrier, name), figure_words.service(name)) for name in theirs],
            }
            for carrier, theirs in services.items()
        ],
        "lanes": [(lane, figure_words.lane("" if lane == UNKNOWN else lane)) for lane in lanes],
    }


def _rows(
    request: MemberRequest, query: FiguresQuery, asked: Asked, weeks: list[Week], weeks_before: list[Week]
) -> list[figure_table.Row]:
    """The rows of the table, one more than are shown where there are more."""
    if asked.by == GroupBy.WEEK:
        return [
            figure_table.row(figure_view.told_week(week), week.figures, before.figures if before else None)
            for week, before in zip_longest(weeks, weeks_before[: len(weeks)])
        ]
    rows = []
    for group in figures.groups(request.merchant, asked, most=MOST_ROWS + 1):
        name = figure_table.name_of(group, query.carriers, asked.by)
        row = figure_table.row(name, group.figures, group.before)
        rows.append(replace(row, url=_url(request, query, **_narrowed(group, asked.by))))
    return rows


def _narrowed(group: Group, by: GroupBy) -> dict[str, str]:
    """What a row's link asks for: only this carrier, service or lane, cut by the next finer."""
    if by == GroupBy.CARRIER:
        return {"carrier": group.carrier, "by": GroupBy.SERVICE}
    if by == GroupBy.SERVICE:
        return {"carrier": service_value(group.carrier, group.service), "by": GroupBy.LANE}
    return {"lane": lane_value(group.lane), "by": GroupBy.CARRIER}


def _reach(request: MemberRequest, query: FiguresQuery) -> dict[str, str] | None:
    """Where figures are, for who asked for days without any; None where nothing was ever shipped."""
    reach = figures.reach(request.merchant)
    if reach is None:
        return None
    since = max(reach.start, reach.end - timedelta(days=7 * DEFAULT_WEEKS - 1))
    over = {"since": str(since), "until": str(reach.end), "weeks": "", "carrier": "", "lane": ""}
    return {"told": figure_view.told_period(reach), "url": _url(request, query, **over)}
