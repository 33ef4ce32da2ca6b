"""Attention, the first page of the dashboard: the parcels that need a person, the worst first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import BooleanField, Count, OuterRef, Q, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import JSONObject
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from shipments.enums import Reason
from shipments.facts import reasons, spelling, wording
from shipments.facts.times import Posted
from shipments.models import AttentionItem, AttentionReview, Merchant, Note, User
from shipments.models.attention import AttentionItemQuerySet
from shipments.web.access import MemberRequest, for_members
from shipments.web.forms_attention import MOST_PICKED, AttentionQuery, ItemMark
from shipments.web.htmx import wants_fragment
from shipments.web.parcel_view import Sight
from shipments.web.presenting import words_of

PAGE_SIZE = MOST_PICKED
# Seconds between two quiet looks for news.
NEWS_POLL = 60


@dataclass(frozen=True, slots=True)
class NoteView:
    """The newest note about a parcel."""

    text: str
    by: str
    age: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ItemView:
    """One item as a row shows it. `state` is open, snoozed or done; `lasting` how long the worst reason has held."""

    item: AttentionItem
    state: str
    told: Sequence[reasons.ReasonWords]
    lasting: str
    sentence: str
    promised: str
    is_late: bool
    scanned: str
    owner: str
    is_mine: bool
    note: NoteView | None
    snoozed_until: str
    done: str
    # The parcel of the item after it.
    then: UUID | None = None

    @property
    def worst(self) -> reasons.ReasonWords:
        return self.told[0]


@dataclass(frozen=True, slots=True)
class Chip:
    """A way to look at the items, and how many there are in it."""

    key: str
    label: str
    count: int
    url: str
    is_current: bool


@require_safe
@for_members()
def attention(request: MemberRequest) -> HttpResponse:
    """What needs somebody; as a fragment, whether there is more of it since the page was drawn."""
    query = AttentionQuery(request.GET)
    now = timezone.now()
    if query.is_valid() and wants_fragment(request):
        response = render(request, "dashboard/_attention_news.html", news(request, query.cleaned_data, now))
        patch_vary_headers(response, ["HX-Request"])
        return response
    return attention_page(request, query, now)


def attention_page(
    request: MemberRequest,
    query: AttentionQuery,
    now: datetime,
    *,
    more: Mapping[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The whole page, with `more` to say where something was refused."""
    valid = query.is_valid()
    asked = query.cleaned_data if valid else {"view": "", "owner": "", "reason": "", "after": ""}
    found = _found(request, asked, now) if valid else AttentionItem.objects.none()
    rows = list(_for_rows(found)[: PAGE_SIZE + 1])
    views = [
        replace(
            item_view(item, request.merchant, request.user, now),
            then=following.shipment.public_id if following else None,
        )
        for item, following in zip_longest(rows[:PAGE_SIZE], rows[1:PAGE_SIZE])
    ]
    after = str(_mark(rows[PAGE_SIZE - 1], asked["view"])) if len(rows) > PAGE_SIZE else ""
    context = {
        **summary(request, asked, now),
        "room": "attention",
        "query": query,
        "items": views,
        "members": _members(request) if views and request.membership.may_change() else (),
        "next_url": _url(request, asked | {"after": after}) if after else "",
        "first_url": _url(request, asked | {"after": ""}) if asked["after"] else "",
        "here": _url(request, asked),
        "looked": "" if views else _looked(now),
        **(more or {}),
    }
    response = render(request, "dashboard/attention.html", context, status=status if valid else 400)
    patch_vary_headers(response, ["HX-Request"])
    return response


def summary(request: MemberRequest, asked: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The counts around the list, each of what one would see behind it; also brings the frame's count up to date."""
    counts = _counts(request, asked, now)
    request.attention_count = counts["view_open"]
    return {
        "asked": asked,
        "views": _views(request, asked, counts),
        "owners": _owners(request, asked, counts),
        "chips": _chips(request, asked, counts),
        "is_filtered": bool(asked["reason"] or asked["owner"] or asked["after"]),
        "news_count": counts["news"],
        "drawn_at": f"{now.timestamp():.3f}",
        "poll_seconds": NEWS_POLL,
        "news_url": _url(request, {**asked, "after": ""}),
    }


def news(request: MemberRequest, asked: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What is new since `seen`, for the quiet line above the list."""
    seen = asked["seen"]
    return summary(request, asked, now) | {"drawn_at": f"{now.timestamp() if seen is None else seen:.3f}"}


def item_view(item: AttentionItem, merchant: Merchant, reader: User, now: datetime) -> ItemView:
    """An item as its row shows it, from columns alone; its parcel comes with carrier and watch."""
    shipment = item.shipment
    shipment.merchant = merchant
    words = words_of(shipment, [], sight=Sight.STAFF)
    today = spelling.today_at(now, words.zone)
    snoozed = item.is_snoozed(now)
    return ItemView(
        item=item,
        state="done" if item.done_at else "snoozed" if snoozed else "open",
        told=item.told,
        lasting=spelling.lasting(now - item.since),
        sentence=wording.sentence(words, now=now),
        promised=spelling.short_day(shipment.estimated_on or shipment.first_promised_on, today)
        if shipment.estimated_on or shipment.first_promised_on
        else "",
        is_late=Reason.LATE in item.reasons,
        scanned=spelling.age(now - shipment.last_scan_at) if shipment.last_scan_at else "",
        owner=item.owner.get_full_name() if item.owner else "",
        is_mine=item.owner_id == reader.pk,
        note=_note(item, now),
        snoozed_until=_moment(item.snoozed_until, merchant, now) if snoozed and item.snoozed_until else "",
        done=_done(item, now),
    )


def items_of(request: MemberRequest, public_ids: Sequence[UUID]) -> list[AttentionItem]:
    """The items of these parcels with all that rows need; parcels that need nobody have none."""
    mine = AttentionItem.objects.for_merchant(request.merchant)
    return list(_for_rows(mine.filter(shipment__public_id__in=public_ids).worst_first()))


# ---- Which items


def _found(request: MemberRequest, asked: Mapping[str, Any], now: datetime) -> AttentionItemQuerySet:
    """The items of one view, sorted as it is, after the last one seen."""
    mine = AttentionItem.objects.for_merchant(request.merchant).filter(_owned(request, asked["owner"]))
    if asked["reason"]:
        mine = mine.filter(reasons__contains=[asked["reason"]])
    mark = ItemMark.read(asked["after"])
    match asked["view"]:
        case "snoozed":
            found, key, way = mine.snoozed(now).order_by("snoozed_until", "pk"), "snoozed_until, {0}.id", ">"
        case "done":
            found, key, way = mine.done().order_by("-done_at", "-pk"), "done_at, {0}.id", "<"
        case _:
            found, key, way = mine.open(now).worst_first(), "rank, {0}.since, {0}.id", ">"
    if mark is None:
        return found
    # By key, so that the last page costs what the first does, and as one comparison, which an index can begin at.
    table = f'"{AttentionItem._meta.db_table}"'
    values = [mark.rank, mark.at, mark.pk] if not asked["view"] else [mark.at, mark.pk]
    places = ", ".join(["%s"] * len(values))
    return found.filter(
        RawSQL(f"({table}.{key.format(table)}) {way} ({places})", values, output_field=BooleanField())  # noqa: S611
    )


def _mark(item: AttentionItem, view: str) -> ItemMark:
    at = {"snoozed": item.snoozed_until, "done": item.done_at}.get(view) or item.since
    return ItemMark(item.rank, at.astimezone(UTC), item.pk)


def _owned(request: MemberRequest, owner: str) -> Q:
    return {"me": Q(owner=request.user.pk), "nobody": Q(owner=None)}.get(owner, Q())


def _for_rows(found: AttentionItemQuerySet) -> AttentionItemQuerySet:
    """With everything a row shows: one statement, whatever the rows."""
    newest = (
        Note.objects.filter(shipment=OuterRef("shipment"))
        .order_by("-made_at", "-pk")
        .values(note=JSONObject(text="text", at="made_at", name="author__name", email="author__email"))
    )
    return found.select_related("shipment__carrier", "shipment__watch", "owner", "done_by").annotate(
        newest_note=Subquery(newest[:1])
    )


def _note(item: AttentionItem, now: datetime) -> NoteView | None:
    told = getattr(item, "newest_note", None)
    if told is None:
        return None
    at = datetime.fromisoformat(told["at"])
    return NoteView(told["text"], told["name"] or told["email"] or "", spelling.age(now - at), at)


def _done(item: AttentionItem, now: datetime) -> str:
    if item.done_at is None:
        return ""
    when = spelling.age(now - item.done_at)
    if item.done_by is None:
        return _("Done %(when)s") % {"when": when}
    return _("Done %(when)s by %(who)s") % {"when": when, "who": item.done_by.get_full_name()}


def _moment(at: datetime, merchant: Merchant, now: datetime) -> str:
    local = at.astimezone(ZoneInfo(merchant.time_zone))
    return spelling.moment(Posted(local.date(), local.time()), spelling.today_at(now, merchant.time_zone))


def _members(request: MemberRequest) -> list[User]:
    return [
        membership.user
        for membership in request.merchant.memberships.select_related("user").order_by(
            "user__name", "user__email"
        )
    ]


def _looked(now: datetime) -> str:
    """How long ago all parcels were looked through; `""` when they never were."""
    review = AttentionReview.objects.first()
    return spelling.age(now - review.at) if review else ""


# ---- Counts


def _counts(request: MemberRequest, asked: Mapping[str, Any], now: datetime) -> dict[str, int]:
    """How many items each way to look at them holds: one statement over the merchant's items."""
    is_open = Q(done_at=None) & (Q(snoozed_until=None) | Q(snoozed_until__lte=now))
    views = {"": is_open, "snoozed": Q(done_at=None, snoozed_until__gt=now), "done": Q(done_at__isnull=False)}
    here, owned = views[asked["view"]], _owned(request, asked["owner"])
    # The greatest instant means that nothing is new: who draws the page has seen it.
    seen = datetime.fromtimestamp(asked["seen"], UTC) if asked.get("seen") is not None else now
    wanted = {
        "total": here & owned,
        "news": is_open & (Q(found_at__gt=seen) | Q(snoozed_until__gt=seen)),
        **{f"view_{view or 'open'}": condition for view, condition in views.items()},
        "owners": here,
        "owner_me": here & _owned(request, "me"),
        "owner_nobody": here & _owned(request, "nobody"),
        **{f"reason_{reason.name}": here & owned & Q(reasons__contains=[reason.value]) for reason in Reason},
    }
    counts: dict[str, int] = AttentionItem.objects.for_merchant(request.merchant).aggregate(
        **{name: Count("pk", filter=condition) for name, condition in wanted.items()}
    )
    return counts


def _views(request: MemberRequest, asked: Mapping[str, Any], counts: Mapping[str, int]) -> list[Chip]:
    labels = {"": _("To do"), "snoozed": _("Put off"), "done": _("Done")}
    return [
        Chip(
            view or "open",
            label,
            counts[f"view_{view or 'open'}"],
            _url(request, {"view": view, "owner": asked["owner"]}),
            view == asked["view"],
        )
        for view, label in labels.items()
    ]


def _owners(request: MemberRequest, asked: Mapping[str, Any], counts: Mapping[str, int]) -> list[Chip]:
    labels = {"": _("Everybody's"), "me": _("Mine"), "nobody": _("Nobody's yet")}
    return [
        Chip(
            owner or "all",
            label,
            counts[f"owner_{owner}" if owner else "owners"],
            _url(request, {**asked, "owner": owner, "after": ""}),
            owner == asked["owner"],
        )
        for owner, label in labels.items()
    ]


def _chips(request: MemberRequest, asked: Mapping[str, Any], counts: Mapping[str, int]) -> list[Chip]:
    """Every reason, and all of them together; pages leave those out that hold for nothing."""
    labels = {"": _("All reasons"), **{reason: str(reasons.words(reason).label) for reason in Reason}}
    return [
        Chip(
            reason or "all",
            label,
            counts[f"reason_{Reason(reason).name}" if reason else "total"],
            _url(request, {**asked, "reason": reason, "after": ""}),
            reason == asked["reason"],
        )
        for reason, label in labels.items()
    ]


def _url(request: MemberRequest, asked: Mapping[str, Any]) -> str:
    query = urlencode({name: asked[name] for name in ("view", "owner", "reason", "after") if asked.get(name)})
    return reverse("attention", args=[request.merchant.slug]) + (f"?{query}" if query else "")
