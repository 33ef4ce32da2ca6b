"""Attention, the first page of the dashboard: the parcels that need a person, the worst first."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any
from uuid import UUID

from django.db.models import F, Q
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.html import format_html
from django.views.decorators.http import require_safe

from shipments.facts import spelling
from shipments.models import AttentionItem, AttentionReview, User
from shipments.models.attention import AttentionItemQuerySet
from shipments.models.rows import behind
from shipments.web.access import MemberRequest, for_members
from shipments.web.attention_counts import attention_url, news, summary
from shipments.web.attention_rows import for_rows, item_view
from shipments.web.forms_attention import MOST_PICKED, AttentionQuery, ItemMark
from shipments.web.htmx import wants_fragment

PAGE_SIZE = MOST_PICKED


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
    rows = list(for_rows(found)[: PAGE_SIZE + 1])
    views = [
        item_view(
            item,
            request.merchant,
            request.user,
            now,
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
        "next_url": attention_url(request, asked | {"after": after}) if after else "",
        "first_url": attention_url(request, asked | {"after": ""}) if asked["after"] else "",
        "hidden": hidden(request, attention_url(request, asked)),
        "looked": "" if views else _looked(now),
        **(more or {}),
    }
    response = render(request, "dashboard/attention.html", context, status=status if valid else 400)
    patch_vary_headers(response, ["HX-Request"])
    return response


def hidden(request: MemberRequest, here: str) -> str:
    """What every form of the page carries: its right to be sent, and where to come back to. Made once, not once a form."""
    return format_html(
        '<input type="hidden" name="csrfmiddlewaretoken" value="{}"><input type="hidden" name="next" value="{}">',
        get_token(request),
        here,
    )


def items_of(request: MemberRequest, public_ids: Sequence[UUID]) -> list[AttentionItem]:
    """The items of these parcels with all that rows need; parcels that need nobody have none."""
    mine = AttentionItem.objects.for_merchant(request.merchant)
    return list(for_rows(mine.filter(shipment__public_id__in=public_ids).worst_first()))


# ---- Which items


def _found(request: MemberRequest, asked: Mapping[str, Any], now: datetime) -> AttentionItemQuerySet:
    """The items of one view, sorted as it is, after the last one seen."""
    mine = AttentionItem.objects.for_merchant(request.merchant).filter(_owned(request, asked["owner"]))
    if asked["reason"]:
        mine = mine.filter(reasons__contains=[asked["reason"]])
    mark = ItemMark.read(asked["after"])
    columns, down = ["snoozed_until", "pk"], False
    match asked["view"]:
        case "snoozed":
            found = mine.snoozed(now)
        case "done":
            found, columns, down = mine.done(), ["done_at", "pk"], True
        case _:
            found, columns = mine.open(now), ["rank", "since", "pk"]
    keys = [F(column) for column in columns]
    found = found.order_by(*(key.desc() if down else key.asc() for key in keys))
    if mark is None:
        return found
    # By key, so that the last page costs what the first does.
    return found.filter(behind(keys, [mark.rank, mark.at, mark.pk][-len(keys) :], smaller=down))


def _mark(item: AttentionItem, view: str) -> ItemMark:
    at = {"snoozed": item.snoozed_until, "done": item.done_at}.get(view) or item.since
    return ItemMark(item.rank, at.astimezone(UTC), item.pk)


def _owned(request: MemberRequest, owner: str) -> Q:
    return {"me": Q(owner=request.user.pk), "nobody": Q(owner=None)}.get(owner, Q())


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
