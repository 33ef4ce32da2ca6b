"""Deeds on many parcels: asked once more where they are large, started, watched, cancelled."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from shipments.bulk import acting
from shipments.bulk.filters import BadFilter, ListFilter
from shipments.enums import Deed, Role, WorkState
from shipments.facts import figure_words, spelling
from shipments.models import BulkAction, User
from shipments.web.access import MemberRequest, for_members, record
from shipments.web.bulk_words import Words, title, words_of
from shipments.web.forms_bulk import (
    MOST_COUNTED,
    ArgumentForm,
    BadSelection,
    Selection,
    argument_form,
    read_selection,
)
from shipments.web.htmx import page_or_fragment

# All that match may be more than somebody has seen; up to here it is what fits a page.
UNASKED = 50
# What nobody wants to have done by a slip of the mouse.
ALWAYS_ASKED = frozenset({Deed.ARCHIVE, Deed.CLOSE})
# Seconds between two looks at work that runs.
POLL = 1
RECENT = 50


@require_POST
@for_members(Role.MANAGER)
def start(request: MemberRequest) -> HttpResponse:
    """Do something with the parcels that were selected: at once, or after a page that says what it means."""
    named = request.POST.get("action", "")
    if named not in set(Deed):
        return refused(request, _("Choose what to do with the parcels."))
    deed = Deed(named)
    try:
        selection = read_selection(request.POST, request.membership)
    except BadSelection as refusal:
        return refused(request, str(refusal))
    count = selection.count()
    if count == 0:
        return refused(request, _("No parcel matches any more, so there is nothing to do."))
    form = argument_form(deed, request.POST, request.membership)
    if form is not None and not form.is_valid():
        return _ask(request, deed, selection, count, form, status=400 if form.is_bound else 200)
    is_large = selection.picked is None and count > UNASKED
    if (is_large or deed in ALWAYS_ASKED) and "confirmed" not in request.POST:
        return _ask(request, deed, selection, count, form)
    with transaction.atomic():
        action = acting.start(
            membership=request.membership,
            deed=deed,
            argument={} if form is None else form.argument(),
            picked=selection.ids,
            query=selection.query,
            as_of=selection.as_of,
        )
        # What was searched for may be a name; the action's own row has it.
        chosen = "all that match" if selection.picked is None else f"{count} picked"
        record(request, "started", action, after={"deed": deed.value, "parcels": chosen, **action.argument})
    return redirect("bulk-action", request.merchant.slug, action.public_id)


@require_safe
@for_members()
def show(request: MemberRequest, action_id: UUID) -> HttpResponse:
    """One action and how far it has come; the fragment asks for itself until it is over."""
    action = _action(request, action_id)
    context = {
        "room": "shipments",
        "action": _view(action, _owner_names([action]), request, timezone.now()),
        "poll_seconds": POLL,
    }
    return page_or_fragment(request, "dashboard/bulk_action.html", "dashboard/_bulk_progress.html", context)


@require_POST
@for_members(Role.MANAGER)
def cancel(request: MemberRequest, action_id: UUID) -> HttpResponse:
    """Have the action end after the step that runs; what is done stays done."""
    action = _action(request, action_id)
    with transaction.atomic():
        if action.ask_to_cancel(timezone.now()):
            record(request, "asked to cancel", action)
    return redirect("bulk-action", request.merchant.slug, action_id)


@require_safe
@for_members()
def recent(request: MemberRequest) -> HttpResponse:
    """What was done with many parcels lately, the newest first."""
    now = timezone.now()
    actions = list(
        BulkAction.objects.for_merchant(request.merchant)
        .select_related("by")
        .defer("picked")
        .newest_first()[:RECENT]
    )
    owners = _owner_names(actions)
    return render(
        request,
        "dashboard/bulk_actions.html",
        {
            "room": "shipments",
            "actions": [_view(action, owners, request, now) for action in actions],
            "most": RECENT,
        },
    )


def refused(request: MemberRequest, message: str, *, status: int = 400) -> HttpResponse:
    """Nothing was done, and why; the way back to the list is on the page."""
    return render(
        request,
        "dashboard/bulk_refused.html",
        {"room": "shipments", "message": message, "list_url": list_url(request, _query_of(request))},
        status=status,
    )


def _query_of(request: MemberRequest) -> str:
    """The filters the person came with, as far as the list knows them."""
    sent = request.POST.get("query", "") if request.method == "POST" else request.GET.urlencode()
    try:
        return ListFilter.from_query(sent).to_query()
    except BadFilter:
        return ""


def list_url(request: MemberRequest, query: str) -> str:
    """The list of parcels as it was asked for."""
    return reverse("shipment-list", args=[request.merchant.slug]) + (f"?{query}" if query else "")


def told_count(count: int) -> str:
    """How many parcels, in words."""
    return ngettext("%(count)s parcel", "%(count)s parcels", count) % {"count": figure_words.count(count)}


def _ask(
    request: MemberRequest,
    deed: Deed,
    selection: Selection,
    count: int,
    form: ArgumentForm | None,
    *,
    status: int = 200,
) -> HttpResponse:
    context = {
        "room": "shipments",
        "deed": deed,
        "words": words_of(deed),
        "count": told_count(count)
        if count <= MOST_COUNTED
        else _("more than %(count)s parcels") % {"count": figure_words.count(MOST_COUNTED)},
        "is_all": selection.picked is None,
        "fields": selection.fields(),
        "form": form,
        "list_url": list_url(request, selection.query),
    }
    return render(request, "dashboard/bulk_confirm.html", context, status=status)


@dataclass(frozen=True, slots=True)
class ActionView:
    """An action as pages tell of it. `total` and `percent` are None until its parcels are counted."""

    public_id: UUID
    title: str
    words: Words
    state: WorkState
    is_over: bool
    is_cancelling: bool
    done: int
    total: int | None
    percent: int | None
    told_done: str
    told_total: str
    told_changed: str
    told_left: str
    by: str
    started: str
    started_at: datetime
    error: str
    list_url: str


def _view(action: BulkAction, owners: dict[int, str], request: MemberRequest, now: datetime) -> ActionView:
    deed = Deed(action.deed)
    # Parcels may stop matching while it runs: then it is over before the figure is reached.
    total = None if action.total is None else max(action.total, action.done)
    return ActionView(
        public_id=action.public_id,
        title=title(deed, action.argument, owners),
        words=words_of(deed),
        state=WorkState(action.state),
        is_over=action.is_over,
        is_cancelling=action.cancel_asked and not action.is_over,
        done=action.done,
        total=total,
        percent=None if total is None else 100 * action.done // max(total, 1),
        told_done=figure_words.count(action.done),
        told_total="" if total is None else told_count(total),
        told_changed=told_count(action.changed),
        told_left=told_count(action.unchanged) if action.unchanged else "",
        by=_("somebody who has left") if action.by is None else action.by.get_short_name(),
        started=spelling.age(now - action.made_at),
        started_at=action.made_at,
        error=_error(action),
        list_url=list_url(request, action.query),
    )


def _error(action: BulkAction) -> str:
    if action.state != WorkState.FAILED:
        return ""
    if action.error == acting.FILTER_GONE:
        return _(
            "The list can no longer be filtered in the way these parcels were selected. Select them anew."
        )
    if action.error == acting.SUSPENDED:
        return _(
            "The merchant was suspended meanwhile. What is changed stays so; start anew for the rest when it is at work again."
        )
    if action.error == acting.OWNER_GONE:
        return _("This person does not belong to the merchant any more.")
    return _(
        "Something went wrong that is not your doing; it is written in the log of this site. What was done stays done. Start it again for the rest, and tell who runs this site if it fails again."
    )


def _action(request: MemberRequest, action_id: UUID) -> BulkAction:
    actions = BulkAction.objects.for_merchant(request.merchant).select_related("by").defer("picked")
    return get_object_or_404(actions, public_id=action_id)


def _owner_names(actions: Iterable[BulkAction]) -> dict[int, str]:
    """Names of those whom parcels were given to; asked for only where there are any."""
    ids = {action.argument["owner"] for action in actions if action.deed == Deed.ASSIGN} - {None}
    if not ids:
        return {}
    return {user.pk: user.get_short_name() for user in User.objects.filter(pk__in=ids)}
