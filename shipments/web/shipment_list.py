"""The list of parcels: in tabs, filtered, sorted, in pages, with what is news to whoever looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, Value, When
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shipments.bulk.choices import choices_of
from shipments.bulk.filters import BadFilter, ListFilter
from shipments.bulk.nearby import SCATTERED, Road, in_line, near_first
from shipments.enums import Lifecycle, StatusGroup
from shipments.facts import numbers
from shipments.models import Membership, NumberPattern, SavedView, SeenParcel, Shipment, Tally
from shipments.models.merchants import MOST_COUNTED
from shipments.models.shipments import ShipmentQuerySet, word_to_look_up
from shipments.web import list_panel
from shipments.web.access import MemberRequest, for_members
from shipments.web.forms import Mark
from shipments.web.keyset import (
    ADDED,
    DELIVERED,
    NEWS,
    ORDER,
    PROMISED,
    SCAN,
    Gathered,
    Listed,
    Order,
    Page,
    Reading,
    Turn,
)  # fmt: skip
from shipments.web.list_address import ListAddress, known_columns
from shipments.web.list_columns import COLUMNS, USUAL_COLUMNS, Table

PAGE_SIZE = 50
# Seconds between two quiet questions whether anything on the page has changed.
LIST_POLL = 30
# Of fewer signs, a tenth of all names begin with a word.
FEW_SIGNS = 3
# More of them than fit a line of the page are found on the page of views.
VIEWS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Tab:
    """A status group to look at; `count` is None where nobody counts so far."""

    key: str
    label: str
    count: int | None
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """How many parcels fit in each status group; None where that are more than `MOST_COUNTED` together. Where they were
    counted one by one, `rows` are the group and the id of those that are on the page or behind it."""

    groups: Mapping[StatusGroup, int] | None
    rows: Sequence[tuple[str, int]] | None = None

    def of(self, tab: StatusGroup | None) -> int | None:
        """How many fit in this tab, in all of them for None."""
        if self.groups is None:
            return None
        return self.groups.get(tab, 0) if tab else sum(self.groups.values())

    def known(self, tab: StatusGroup | None) -> list[int] | None:
        """The ids of `rows` in this tab, in all of them for None; None where nobody has gathered them."""
        if self.rows is None:
            return None
        return [pk for group, pk in self.rows if tab is None or group == tab]


@require_safe
@for_members()
def shipment_list(request: MemberRequest) -> HttpResponse:
    """The merchant's parcels as the address asks for them."""
    now = timezone.now()
    bad = None
    try:
        address = ListAddress.read(dict(request.GET.lists()))
    except BadFilter as refusal:
        bad, address = refusal, ListAddress()
    table = Table(address.columns_for(request.membership), request.membership, now)
    after, before = (_mark(request, name, address.sorting) for name in ("after", "before"))
    turn = Turn.to(after=after, before=before)
    counts = Counts({}) if bad else _counts(request, address, turn, now)
    listed = _listed(request, address, counts, table, now)
    fitting = counts.of(address.wanted.tab)
    page = Page([]) if fitting == 0 else listed.page(turn, size=PAGE_SIZE)
    if turn.back and len(page.rows) < PAGE_SIZE and not page.newer:
        # What was before that row fits the first page, which shows more.
        return redirect(_url(request, address))
    return render(
        request,
        "dashboard/shipment_list.html",
        {
            "room": "shipments",
            "bad": bad,
            "asked": {"q": request.GET.get("q", "").replace("\0", "")[:200]},
            "rows": [table.row(shipment) for shipment in page.rows],
            "as_of": now,
            "bulk_query": address.wanted.to_query(),
            "bulk_as_of": now,
            "bulk_matching": f"{MOST_COUNTED}+" if fitting is None else fitting,
            "poll_seconds": LIST_POLL,
            "most_counted": MOST_COUNTED,
            **_filters(request, address, bad, now),
            **_orders(request, address, table),
            **_links(request, address, counts, page),
            **_marks_of_news(request, address, page, now),
            **(_nothing(request, address, counts, bad, now) if not page.rows else {}),
        },
        status=400 if bad else 200,
    )


@require_safe
@for_members()
def list_news(request: MemberRequest) -> HttpResponse:
    """How many of the parcels that fit have changed since the page was drawn, for the page to say so quietly."""
    try:
        address = ListAddress.read(dict(request.GET.lists()))
    except BadFilter as refusal:
        return HttpResponseBadRequest(str(refusal), content_type="text/plain; charset=utf-8")
    since = _moment(request.GET.get("since", ""))
    if since is None:
        return HttpResponseBadRequest("since", content_type="text/plain; charset=utf-8")
    found = address.wanted.apply(
        Shipment.objects.all(), merchant=request.merchant, now=timezone.now(), reader=request.membership
    )
    # The index of news is read from its newest end, and no further than to the moment of the page.
    changed = found.filter(changed_at__gt=since).order_by().values_list("pk", flat=True)
    many = len(changed[: MOST_COUNTED + 1])
    return render(
        request,
        "dashboard/_list_news.html",
        {"many": min(many, MOST_COUNTED), "is_more": many > MOST_COUNTED, "url": _url(request, address)},
    )


@require_POST
@for_members()
def list_seen(request: MemberRequest) -> HttpResponse:
    """Take all marks of news away that the page showed; what has changed since keeps its mark."""
    until = _moment(request.POST.get("until", ""))
    if until is None:
        return HttpResponseBadRequest("until", content_type="text/plain; charset=utf-8")
    SeenParcel.objects.all_seen(request.membership, min(until, timezone.now()))
    return redirect(_url(request, _address_of_form(request)))


@require_POST
@for_members()
def list_columns(request: MemberRequest) -> HttpResponse:
    """Remember the columns for this person."""
    address = _address_of_form(request)
    chosen = known_columns(address.columns or ())
    # The usual ones are not kept: who wants them wants them also when they have become better ones.
    kept = [] if chosen == USUAL_COLUMNS else list(chosen)
    Membership.objects.filter(pk=request.membership.pk).update(columns=kept)
    return redirect(_url(request, replace(address, columns=None)))


# ---- What is found


def _counts(request: MemberRequest, address: ListAddress, turn: Turn, now: datetime) -> Counts:
    """Exact counts of every tab: out of the tallies where these have them, else counted as far as people read."""
    wanted, order = address.wanted, address.sorting
    if wanted.is_plain:
        tallies = dict.fromkeys(StatusGroup, 0)
        for (lifecycle, group), parcels in Tally.objects.counts(request.merchant).items():
            if lifecycle == wanted.lifecycle or (not wanted.lifecycle and lifecycle != Lifecycle.ARCHIVED):
                tallies[group] += parcels
        return Counts(tallies)
    behind = turn.on_the_page_or_behind(order)
    is_on: Any = Case(When(behind, then=True), default=False) if behind else Value(True)
    found = _found(request, replace(wanted, tab=None), now).annotate(
        key=order.sort.key_or_none(), is_on=is_on
    )
    columns, most = ("status_group", "id", "key", "is_on"), MOST_COUNTED + 1
    fitting: Any = found.order_by().values(*columns)[:most]
    if _is_common(wanted.q):
        road = _road(request, replace(wanted, tab=None), Order(ADDED), now)
        walk = ADDED.ordering(reverse=False)
        fitting = near_first(found, road, columns, walk=walk, gather=[], limit=most)
    downward = order.sort.descends != order.turned
    rows = in_line(fitting, ("status_group", "id", "is_on"), key="key", downward=downward)
    if len(rows) == most:
        return Counts(None)
    groups = [group for group, _pk, _is_on in rows]
    return Counts(
        {group: groups.count(group) for group in StatusGroup},
        [(group, pk) for group, pk, is_on in rows if is_on],
    )


def _is_common(text: str) -> bool:
    """Whether so many names begin with the word that is looked up that gathering them takes longer than coming upon them."""
    return 0 < len(word_to_look_up(text)) < FEW_SIGNS


def _road(request: MemberRequest, wanted: ListFilter, order: Order, now: datetime) -> Road:
    """The parcels among which a walk in this order finds those that are wanted: they have an index of it."""
    archive = Lifecycle.ARCHIVED if wanted.lifecycle == Lifecycle.ARCHIVED else None
    if order.sort is ADDED and wanted.tags:
        return Road(_found(request, ListFilter(lifecycle=archive), now).with_tags(), SCATTERED)
    tab = wanted.tab if order.sort is ADDED else None
    return Road(_found(request, ListFilter(tab=tab, lifecycle=archive), now))


def _found(request: MemberRequest, wanted: ListFilter, now: datetime) -> ShipmentQuerySet:
    return wanted.apply(Shipment.objects.all(), merchant=request.merchant, now=now, reader=request.membership)


def _listed(
    request: MemberRequest, address: ListAddress, counts: Counts, table: Table, now: datetime
) -> Listed | Gathered:
    wanted, order = address.wanted, address.sorting
    known = counts.known(wanted.tab)
    if known is not None:
        return Gathered(known, order, table.dressed)
    return Listed(
        found=_found(request, wanted, now),
        road=_road(request, wanted, order, now),
        order=order,
        reading=_reading(wanted, order),
        dressed=table.dressed,
    )


def _reading(wanted: ListFilter, order: Order) -> Reading:
    """How to find the rows of a page of a long list, by what is asked."""
    every_order = wanted.is_plain and not wanted.tab and wanted.lifecycle in {None, Lifecycle.ARCHIVED}
    of_its_order = order.sort is Order.usual_for(wanted).sort
    if every_order or (wanted.is_plain and of_its_order):
        return Reading.IN_ORDER
    anywhere = wanted.q or wanted.tags or wanted.place or wanted.attention
    return Reading.IN_ORDER if of_its_order and not anywhere else Reading.NEAR_FIRST


def _mark(request: MemberRequest, name: str, order: Order) -> Mark | None:
    return Mark.read(request.GET.get(name, ""), order.sort.kind, may_lack=order.sort.may_lack)


def _moment(text: str) -> datetime | None:
    """An instant as our pages write it; None for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.utcoffset() == UTC.utcoffset(None) else None


# ---- What is shown beside the rows


def _filters(
    request: MemberRequest, address: ListAddress, bad: BadFilter | None, now: datetime
) -> dict[str, Any]:
    choices = choices_of(request.merchant)
    chips = [
        (chip.label, _url(request, address.cut(chip.without)))
        for chip in list_panel.chips(address.wanted, choices, now=now, zone=request.merchant.time_zone)
    ]
    views = SavedView.objects.for_reader(request.membership).by_name()[:VIEWS_SHOWN]
    query = address.to_query()
    return {
        "fields": list_panel.fields(dict(request.GET.lists()), choices, bad),
        "chips": chips,
        "filters_on": len(chips) - bool(address.wanted.q),
        "query": query,
        # What each form that asks anew must carry along of the rest.
        "beside_filters": list(
            replace(address, wanted=ListFilter(tab=address.wanted.tab, q=address.wanted.q)).pairs()
        ),
        "beside_columns": list(replace(address, columns=None).pairs()),
        "views": [(view.name, _url(request) + f"?{view.query}", view.query == query) for view in views],
    }


def _orders(request: MemberRequest, address: ListAddress, table: Table) -> dict[str, Any]:
    labels = {
        "added": _("Added, newest first"),
        "-added": _("Added, oldest first"),
        "news": _("Last news, newest first"),
        "-news": _("Last news, oldest first"),
        "scan": _("Last scan, newest first"),
        "-scan": _("Last scan, oldest first"),
        "promised": _("Promised day, soonest first"),
        "-promised": _("Promised day, latest first"),
        "delivered": _("Delivered, newest first"),
        "-delivered": _("Delivered, oldest first"),
        "order": _("Order, A to Z"),
        "-order": _("Order, Z to A"),
    }
    orders = [
        Order(sort, turned)
        for sort in (ADDED, NEWS, SCAN, PROMISED, DELIVERED, ORDER)
        for turned in (False, True)
    ]
    return {
        "orders": [
            (labels[str(order)], _url(request, address.sorted_by(order)), order == address.sorting)
            for order in orders
        ],
        "headings": [_heading(request, address, name) for name in table.names],
        "order_label": labels[str(address.sorting)],
        "columns_offered": [(name, column.label, name in table.names) for name, column in COLUMNS.items()],
        "are_columns_of_the_link": address.columns is not None
        and address.columns != replace(address, columns=None).columns_for(request.membership),
    }


def _heading(request: MemberRequest, address: ListAddress, name: str) -> tuple[object, str, str]:
    """A column's label, the address that sorts by it or turns the order around, and how it is sorted now, for `aria-sort`."""
    column = COLUMNS[name]
    if column.sort is None:
        return column.label, "", ""
    current = address.sorting
    if current.sort is not column.sort:
        return column.label, _url(request, address.sorted_by(Order(column.sort))), ""
    turned = _url(request, address.sorted_by(replace(current, turned=not current.turned)))
    return column.label, turned, "descending" if column.sort.descends != current.turned else "ascending"


def _links(request: MemberRequest, address: ListAddress, counts: Counts, page: Page) -> dict[str, Any]:
    labels = {
        None: _("All"),
        StatusGroup.WAITING: _("Waiting"),
        StatusGroup.MOVING: _("On the way"),
        StatusGroup.TODAY: _("Today"),
        StatusGroup.NEEDS_YOU: _("Needs action"),
        StatusGroup.TROUBLE: _("Trouble"),
        StatusGroup.DONE: _("Delivered"),
        StatusGroup.UNKNOWN: _("Unknown"),
    }
    wanted = address.wanted
    tabs = [
        Tab(
            tab.value if tab else "",
            label,
            counts.of(tab),
            _url(request, address.cut(replace(wanted, tab=tab))),
            tab == wanted.tab,
        )
        for tab, label in labels.items()
    ]
    return {
        "tabs": tabs,
        "older_url": _url(request, address, after=page.older) if page.older else "",
        "newer_url": _url(request, address, before=page.newer) if page.newer else "",
        "first_url": _url(request, address),
        "all_url": _url(request),
        "list_url": _url(request),
    }


def _marks_of_news(request: MemberRequest, address: ListAddress, page: Page, now: datetime) -> dict[str, Any]:
    poll = reverse("shipment-list-news", args=[request.merchant.slug])
    query = replace(address, order=None, columns=None).to_query()
    since = urlencode({"since": now.isoformat()})
    return {
        "news_poll": f"{poll}?{query}&{since}" if query else f"{poll}?{since}",
        "is_news_shown": address.wanted.news or any(row.is_news for row in page.rows),
        "my_news_url": _url(request, ListAddress(ListFilter(news=True))),
    }


def _nothing(
    request: MemberRequest, address: ListAddress, counts: Counts, bad: BadFilter | None, now: datetime
) -> dict[str, Any]:
    """Why there is nothing to see, and where to look instead."""
    wanted = address.wanted
    archived = address.cut(replace(wanted, lifecycle=Lifecycle.ARCHIVED))
    in_archive = 0
    if not wanted.is_plain and not wanted.lifecycle:
        found = _found(request, archived.wanted, now).order_by().values_list("pk", flat=True)
        in_archive = len(found[:MOST_COUNTED])
    return {
        "in_archive": in_archive,
        "archive_url": _url(request, archived),
        # Not even in another tab: nobody has added anything yet.
        "is_first_visit": not bad and address.wanted == ListFilter() and counts.of(None) == 0,
        "number_to_add": wanted.q if _is_number(wanted.q) else "",
    }


def _is_number(text: str) -> bool:
    """Whether what was looked for and not found may be a parcel to add: names, which have no digits, are not even looked at."""
    has_digit = any(map(str.isdigit, text))
    return has_digit and bool(numbers.recognise(text, NumberPattern.objects.formats()))


def _address_of_form(request: MemberRequest) -> ListAddress:
    """The list a form was sent from, to go back to; all parcels where its field was tampered with."""
    try:
        return ListAddress.from_query(request.POST.get("query", ""))
    except BadFilter:
        return ListAddress()


def _url(request: MemberRequest, address: ListAddress | None = None, **marks: Mark | None) -> str:
    query = address.to_query(**marks) if address else ""
    return reverse("shipment-list", args=[request.merchant.slug]) + (f"?{query}" if query else "")
