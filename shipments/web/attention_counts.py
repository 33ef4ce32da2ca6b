"""The counts around the list of attention: each of what one would see behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, Count, Q, Value, When
from django.urls import reverse
from django.utils.translation import gettext as _

from shipments.enums import Reason
from shipments.facts import reasons
from shipments.models import AttentionItem
from shipments.web.access import MemberRequest
from shipments.web.forms_attention import OWNERS, VIEWS

# Seconds between two quiet looks for news.
NEWS_POLL = 60


@dataclass(frozen=True, slots=True)
class Chip:
    """A way to look at the items, and how many there are in it."""

    key: str
    label: str
    count: int
    url: str
    is_current: bool


def summary(request: MemberRequest, asked: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The counts around the list, each of what one would see behind it; also brings the frame's count up to date."""
    counts = _counts(request, asked, now)
    request.attention_count = counts.views[""]
    return {
        "asked": asked,
        "state": asked["view"] or "open",
        "views": _views(request, asked, counts),
        "owners": _owners(request, asked, counts),
        "chips": _chips(request, asked, counts),
        "is_filtered": bool(asked["reason"] or asked["owner"] or asked["after"]),
        "news_count": counts.news,
        "drawn_at": f"{now.timestamp():.3f}",
        "poll_seconds": NEWS_POLL,
        "news_url": attention_url(request, {**asked, "after": ""}),
    }


def news(request: MemberRequest, asked: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What is new since `seen`, for the quiet line above the list."""
    seen = asked["seen"]
    return summary(request, asked, now) | {"drawn_at": f"{now.timestamp() if seen is None else seen:.3f}"}


@dataclass(slots=True)
class Counts:
    """How many items each way to look at them holds: by view, by owner in this view, by reason in this view of this owner."""

    views: dict[str, int]
    owners: dict[str, int]
    reasons: dict[str, int]
    news: int = 0


def _counts(request: MemberRequest, asked: Mapping[str, Any], now: datetime) -> Counts:
    """One statement, which gives a row for each mixture of reasons, view and owner; there are few, however many items."""
    # Who draws the page sees everything there is.
    seen = now if asked.get("seen") is None else datetime.fromtimestamp(asked["seen"], UTC)
    mixtures = (
        AttentionItem.objects.for_merchant(request.merchant)
        .order_by()
        .values_list(
            "reasons",
            Case(
                When(done_at__isnull=False, then=Value("done")),
                When(snoozed_until__gt=now, then=Value("snoozed")),
                default=Value(""),
            ),
            Case(
                When(owner=request.user.pk, then=Value("me")),
                When(owner=None, then=Value("nobody")),
                default=Value("another"),
            ),
        )
        .annotate(
            items=Count("pk"),
            news=Count("pk", filter=Q(done_at=None) & (Q(found_at__gt=seen) | Q(snoozed_until__gt=seen))),
        )
    )
    counts = Counts(dict.fromkeys(VIEWS, 0), dict.fromkeys(OWNERS, 0), dict.fromkeys(["", *Reason], 0))
    for held, view, owner, items, news_items in mixtures:
        counts.views[view] += items
        counts.news += 0 if view else news_items
        if view != asked["view"]:
            continue
        for key in ("", owner) if owner in OWNERS else ("",):
            counts.owners[key] += items
        if asked["owner"] in ("", owner):
            for reason in ("", *held):
                counts.reasons[reason] += items
    return counts


def _views(request: MemberRequest, asked: Mapping[str, Any], counts: Counts) -> list[Chip]:
    labels = {"": _("To do"), "snoozed": _("Put off"), "done": _("Done")}
    return [
        Chip(
            view or "open",
            label,
            counts.views[view],
            attention_url(request, {"view": view, "owner": asked["owner"]}),
            view == asked["view"],
        )
        for view, label in labels.items()
    ]


def _owners(request: MemberRequest, asked: Mapping[str, Any], counts: Counts) -> list[Chip]:
    labels = {"": _("Everybody's"), "me": _("Mine"), "nobody": _("Nobody's yet")}
    return [
        Chip(
            owner or "all",
            label,
            counts.owners[owner],
            attention_url(request, {**asked, "owner": owner, "after": ""}),
            owner == asked["owner"],
        )
        for owner, label in labels.items()
    ]


def _chips(request: MemberRequest, asked: Mapping[str, Any], counts: Counts) -> list[Chip]:
    """Every reason, and all of them together; pages leave those out that hold for nothing."""
    labels: dict[str, str] = {"": _("All reasons")}
    labels |= {reason: str(reasons.words(reason).label) for reason in Reason}
    return [
        Chip(
            reason or "all",
            label,
            counts.reasons[reason],
            attention_url(request, {**asked, "reason": reason, "after": ""}),
            reason == asked["reason"],
        )
        for reason, label in labels.items()
    ]


def attention_url(request: MemberRequest, asked: Mapping[str, Any]) -> str:
    """The address of the page with what is asked for."""
    query = urlencode({name: asked[name] for name in ("view", "owner", "reason", "after") if asked.get(name)})
    return reverse("attention", args=[request.merchant.slug]) + (f"?{query}" if query else "")
