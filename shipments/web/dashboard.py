"""The merchant's own pages: where they begin, and the list of parcels."""

from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from shipments.bulk.filters import ListFilter
from shipments.enums import StatusGroup
from shipments.facts import spelling, wording
from shipments.models import Membership, Shipment, Tally
from shipments.models.shipments import ShipmentQuerySet
from shipments.web.access import LAST_MERCHANT, MemberRequest, PersonRequest, for_members, signed_in
from shipments.web.forms import ListQuery, Mark
from shipments.web.htmx import page_or_fragment
from shipments.web.parcel_view import Sight
from shipments.web.presenting import words_of

PAGE_SIZE = 50
# Seconds between two quiet polls of the list.
LIST_POLL = 30


@require_safe
@signed_in
def home(request: PersonRequest) -> HttpResponse:
    """To the pages of the merchant this person looked at last, else of their first; a word of welcome to who has none."""
    slugs = list(
        Membership.objects.filter(user=request.user)
        .order_by("merchant__name", "pk")
        .values_list("merchant__slug", flat=True)
    )
    if not slugs:
        return render(request, "dashboard/no_merchant.html")
    last = request.session.get(LAST_MERCHANT)
    return redirect("attention", last if last in slugs else slugs[0])


@require_safe
@for_members()
def merchant_home(request: MemberRequest) -> HttpResponse:
    """The first page of a merchant."""
    return redirect("attention", request.merchant.slug)


# ---- The list


@dataclass(frozen=True, slots=True)
class Tab:
    """A status group to look at, and how many of the merchant's parcels are in it."""

    key: str
    label: str
    count: int
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One parcel of the list. `day` is when it was delivered, else when it is due; `place` where it was last, in the carrier's spelling."""

    public_id: UUID
    number: str
    instance: int
    carrier: str
    group: str
    status_label: str
    sentence: str
    place: str
    day: str
    is_late: bool
    scanned: str
    scanned_at: datetime | None
    checked: str
    checked_at: datetime | None
    trouble: str
    order_number: str


@require_safe
@for_members()
def shipment_list(request: MemberRequest) -> HttpResponse:
    """The merchant's parcels, newest first, by status group or by what was searched for."""
    query = ListQuery(request.GET)
    now = timezone.now()
    mine = Shipment.objects.for_merchant(request.merchant)
    asked = query.cleaned_data if query.is_valid() else {"tab": "", "q": "", "after": ""}
    now = timezone.now()
    found = (
        _after(
            ListFilter.read({"tab": [asked["tab"]], "q": [asked["q"]]}).apply(
                mine, merchant=request.merchant, now=now, reader=request.membership
            ),
            Mark.read(asked["after"]),
        )
        if query.is_valid()
        else mine.none()
    )
    page = list(found.select_related("carrier", "merchant", "watch").newest_first()[: PAGE_SIZE + 1])
    older = str(Mark(page[PAGE_SIZE - 1].created_at, page[PAGE_SIZE - 1].pk)) if len(page) > PAGE_SIZE else ""
    context = {
        "room": "shipments",
        "query": query,
        "asked": asked,
        "tabs": _tabs(request, asked),
        "rows": [_row(shipment, now) for shipment in page[:PAGE_SIZE]],
        "older_url": _list_url(request, asked | {"after": older}) if older else "",
        "newest_url": _list_url(request, asked | {"after": ""}) if asked["after"] else "",
        "all_url": _list_url(request, {}),
        "poll_seconds": LIST_POLL,
    }
    return page_or_fragment(
        request,
        "dashboard/shipment_list.html",
        "dashboard/_shipment_table.html",
        context,
        status=200 if query.is_valid() else 400,
    )


def _after(found: ShipmentQuerySet, after: Mark | None) -> ShipmentQuerySet:
    """What comes after the last row seen: by key, so page 900 costs what page 1 does, and nothing shifts."""
    if after is None:
        return found
    return found.filter(created_at__lte=after.created_at).exclude(
        created_at=after.created_at, pk__gte=after.pk
    )


def _row(shipment: Shipment, now: datetime) -> Row:
    """What the columns of the parcel and its watch tell, without its scans."""
    words = words_of(shipment, [], sight=Sight.STAFF)
    today = spelling.today_at(now, words.zone)
    watch = shipment.watch
    day = shipment.delivered_on or shipment.estimated_on
    return Row(
        public_id=shipment.public_id,
        number=shipment.number,
        instance=shipment.instance,
        carrier=shipment.carrier.name,
        group=shipment.group,
        status_label=wording.status_label(shipment.status),
        sentence=wording.sentence(words, now=now),
        place=spelling.told_place(shipment.last_location),
        day=spelling.short_day(day, today) if day else "",
        is_late=wording.is_late(words, now=now),
        scanned=spelling.age(now - shipment.last_scan_at) if shipment.last_scan_at else "",
        scanned_at=shipment.last_scan_at,
        checked=spelling.age(now - watch.checked_at) if watch.checked_at else "",
        checked_at=watch.checked_at,
        trouble=watch.error_text,
        order_number=shipment.order_number,
    )


def _tabs(request: MemberRequest, asked: dict[str, str]) -> list[Tab]:
    counts = dict.fromkeys(StatusGroup, 0)
    for (_lifecycle, group), parcels in Tally.objects.counts(request.merchant).items():
        counts[group] += parcels
    labels = {
        StatusGroup.WAITING: _("Waiting"),
        StatusGroup.MOVING: _("On the way"),
        StatusGroup.TODAY: _("Today"),
        StatusGroup.NEEDS_YOU: _("Needs action"),
        StatusGroup.TROUBLE: _("Trouble"),
        StatusGroup.DONE: _("Delivered"),
        StatusGroup.UNKNOWN: _("Unknown"),
    }
    everything = Tab("", _("All"), sum(counts.values()), "", False)
    tabs = [everything, *(Tab(group.value, labels[group], counts[group], "", False) for group in StatusGroup)]
    return [
        replace(
            tab, url=_list_url(request, {"tab": tab.key, "q": asked["q"]}), is_current=tab.key == asked["tab"]
        )
        for tab in tabs
    ]


def _list_url(request: MemberRequest, asked: dict[str, str]) -> str:
    query = urlencode({name: value for name, value in asked.items() if value})
    return reverse("shipment-list", args=[request.merchant.slug]) + (f"?{query}" if query else "")
