"""What people do with items of attention, one or several: done, put off, taken, noted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from shipments.enums import Role
from shipments.models import AttentionItem, Note, Shipment
from shipments.web.access import MemberRequest, for_members, record
from shipments.web.attention import attention_page, hidden, items_of
from shipments.web.attention_counts import summary
from shipments.web.attention_rows import item_view
from shipments.web.forms_attention import MOST_PICKED, AttentionQuery, Deed, Seen
from shipments.web.htmx import wants_fragment

# What the audit says of each deed; its row is the parcel, because items go when their reasons do.
VERBS = {
    "done": "attention done",
    "undo": "attention undone",
    "snooze": "attention snoozed",
    "wake": "attention woken",
    "assign": "attention assigned",
    "note": "wrote a note",
}
# What takes an item off the list is done only with what its person has seen of it.
_NEEDS_TO_BE_SEEN = frozenset({"done", "snooze"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """With how many of the parcels it was done, and how many stay because they have news that whoever did it had not seen."""

    acted: int = 0
    with_news: int = 0


@require_POST
@for_members(Role.MANAGER)
def act(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """Do something with one item. The answer is its row as it is now, or without scripts the page the form stood on."""
    if not Shipment.objects.for_merchant(request.merchant).filter(public_id=public_id).exists():
        raise Http404
    now = timezone.now()
    deed = Deed(request.POST, merchant=request.merchant, person=request.user, now=now)
    valid = deed.is_valid()
    outcome = do(request, deed, [public_id], now) if valid else Outcome()
    if wants_fragment(request):
        return _row(request, deed, public_id, outcome, now, status=200 if valid else 400)
    if not valid:
        return _refused(request, deed, public_id, now)
    if outcome.with_news:
        messages.warning(request, _told_of_news(outcome))
        return HttpResponseRedirect(_back(request, at=str(public_id)))
    if outcome.acted:
        messages.success(request, _told(deed, 1))
    else:
        messages.info(request, _("This parcel needs nobody any more, so nothing was changed."))
    return HttpResponseRedirect(_back(request, at=request.POST.get("then", "")))


@require_POST
@for_members(Role.MANAGER)
def act_on_several(request: MemberRequest) -> HttpResponse:
    """Do one thing with all that were picked, and come back to the list; what is wrong is said there, with the picks kept."""
    now = timezone.now()
    deed = Deed(request.POST, merchant=request.merchant, person=request.user, now=now)
    picked = _picked(request)
    problem = ""
    if not picked:
        problem = _("Select at least one parcel first.")
    elif len(picked) > MOST_PICKED:
        problem = _("Select at most %(most)d parcels at once.") % {"most": MOST_PICKED}
    if problem or not deed.is_valid():
        asked = dict(parse_qsl(urlsplit(_back(request)).query))
        more = {"several": deed, "several_problem": problem, "picked": picked}
        return attention_page(request, AttentionQuery(asked), now, more=more, status=400)
    outcome = do(request, deed, picked, now)
    if outcome.acted:
        messages.success(request, _told(deed, outcome.acted))
    if outcome.with_news:
        messages.warning(request, _told_of_news(outcome))
    if gone := len(picked) - outcome.acted - outcome.with_news:
        messages.info(
            request,
            ngettext(
                "%(count)d parcel needs nobody any more, and was left alone.",
                "%(count)d parcels need nobody any more, and were left alone.",
                gone,
            )
            % {"count": gone},
        )
    return HttpResponseRedirect(_back(request))


@transaction.atomic
def do(request: MemberRequest, deed: Deed, public_ids: Sequence[UUID], now: datetime) -> Outcome:
    """Do it with those of the parcels that need somebody, and write it down for each. Who has not seen the newest of one is
    not done with it, nor puts it off."""
    mine = AttentionItem.objects.for_merchant(request.merchant).filter(shipment__public_id__in=public_ids)
    locked = list(mine.locked().values_list("pk", flat=True))
    # Read when the locks are held: a review that was waited for has brought what the lock's own statement does not see.
    items = list(
        AttentionItem.objects.filter(pk__in=locked).select_related("shipment").order_by("shipment_id")
    )
    name = deed.cleaned_data["do"]
    met = len(items)
    if name in _NEEDS_TO_BE_SEEN:
        seen = Seen.read_all(request.POST.getlist("seen")[:MOST_PICKED])
        items = [
            item for item in items if (known := seen.get(item.shipment.public_id)) and known.is_all_of(item)
        ]
    these = AttentionItem.objects.filter(pk__in=[item.pk for item in items])
    after: dict[str, Any] = {}
    match name:
        case "done":
            AttentionItem.objects.mark_done(items, request.user, now)
        case "undo":
            these.undo()
        case "snooze":
            these.update(snoozed_until=deed.wakes_at)
            after = {"snoozed_until": deed.wakes_at}
        case "wake":
            these.update(snoozed_until=None)
        case "assign":
            owner = deed.new_owner.pk if deed.new_owner else None
            these.update(owner=owner)
            after = {"owner": owner}
        case "note":
            text = deed.cleaned_data["text"]
            Note.objects.bulk_create(
                Note(
                    shipment=item.shipment,
                    merchant=request.merchant,
                    author=request.user,
                    text=text,
                    made_at=now,
                )
                for item in items
            )
    for item in items:
        before = {
            "reasons": ", ".join(item.reasons),
            **{key: getattr(item, "owner_id" if key == "owner" else key) for key in after},
        }
        record(request, VERBS[name], item.shipment, before=before, after=after)
    return Outcome(acted=len(items), with_news=met - len(items))


def _picked(request: MemberRequest) -> list[UUID]:
    """The parcels that were picked; what is no parcel's address is nobody's pick."""
    picked = []
    for text in request.POST.getlist("item")[: MOST_PICKED + 1]:
        try:
            picked.append(UUID(text))
        except ValueError:
            continue
    return list(dict.fromkeys(picked))


def _row(
    request: MemberRequest, deed: Deed, public_id: UUID, outcome: Outcome, now: datetime, *, status: int
) -> HttpResponse:
    """The row in its new state, with the counts around the list. It stays where it is: nothing moves under the pointer."""
    query = AttentionQuery(dict(parse_qsl(urlsplit(_back(request)).query)))
    asked = query.cleaned_data if query.is_valid() else {"view": "", "owner": "", "reason": "", "after": ""}
    items = items_of(request, [public_id])
    context = {
        **summary(request, asked, now),
        "view": item_view(items[0], request.merchant, request.user, now) if items else None,
        "public_id": public_id,
        "hidden": hidden(request, _back(request)),
        "deed": None if status == 200 else deed,
        "problem": _told_of_news(outcome) if outcome.with_news else "",
        "told": _told(deed, 1) if outcome.acted else "",
    }
    return render(request, "dashboard/_attention_row_news.html", context, status=status)


def _refused(request: MemberRequest, deed: Deed, public_id: UUID, now: datetime) -> HttpResponse:
    """A page with this one item, what was typed, and what was wrong with it."""
    items = items_of(request, [public_id])
    context = {
        "room": "attention",
        "view": item_view(items[0], request.merchant, request.user, now) if items else None,
        "hidden": hidden(request, _back(request)),
        "here": _back(request),
        "deed": deed,
    }
    return render(request, "dashboard/attention_item.html", context, status=400)


def _back(request: MemberRequest, *, at: str = "") -> str:
    """The page of this merchant the form stood on, at the item of the parcel `at`; the list where it names none."""
    back = request.POST.get("next", "")
    home = reverse("merchant-home", args=[request.merchant.slug])
    if not (back.startswith(home) and url_has_allowed_host_and_scheme(back, allowed_hosts=None)):
        back = reverse("attention", args=[request.merchant.slug])
    try:
        return f"{back.partition('#')[0]}#item-{UUID(at)}"
    except ValueError:
        return back


def _told(deed: Deed, many: int) -> str:
    """What was done, for who did it."""
    texts = {
        "done": ngettext(
            "Done. It comes back only when something new happens.",
            "%(count)d done. They come back only when something new happens.",
            many,
        ),
        "undo": ngettext("Back on the list.", "%(count)d back on the list.", many),
        "snooze": ngettext("Put off.", "%(count)d put off.", many),
        "wake": ngettext("Back on the list.", "%(count)d back on the list.", many),
        "assign": ngettext("The owner is changed.", "The owner of %(count)d is changed.", many),
        "note": ngettext("The note is added.", "The note is added to %(count)d.", many),
    }
    return texts[deed.cleaned_data["do"]] % {"count": many}


def _told_of_news(outcome: Outcome) -> str:
    """That news came while somebody decided, for who did not see it."""
    return ngettext(
        "%(count)d parcel has news since you looked, so it stays. Look at it again.",
        "%(count)d parcels have news since you looked, so they stay. Look at them again.",
        outcome.with_news,
    ) % {"count": outcome.with_news}
