"""One parcel's page for the merchant's people: all there is to know of it, and what is new while it is open."""

from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from shipments import queueing
from shipments.enums import Kept, Lifecycle, Role
from shipments.models import Answer, ScanEvent, SeenParcel, Shipment, Throttle, Watch
from shipments.tracking.limits import ASKED_OF_MERCHANT
from shipments.web.access import MemberRequest, for_members, record
from shipments.web.answer_parts import part_about
from shipments.web.erased_words import erased_on
from shipments.web.forms_parcel import NoteForm, TagForm
from shipments.web.htmx import page_or_fragment, wants_fragment
from shipments.web.parcel_parts import Asked, context_of
from shipments.web.parcel_rows import load

# One person's questions by hand in an hour: they are planned before everything else, and the calls kept for them are everybody's.
MOST_ASKED = 30
# The parts of the page that are taken over by themselves when they change, by the names of their templates. None of
# them has a form in it, whose token would be another each time: their buttons belong to forms that stand elsewhere.
_PARTS = ("facts", "history", "reply", "notes", "tags", "particulars", "deeds")


@require_safe
@for_members()
def shipment_detail(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """One parcel with everything the merchant may know; as a fragment, what has changed since the page was drawn."""
    return detail(request, public_id)


@require_POST
@for_members(Role.MANAGER)
def refresh_now(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """Put the parcel at the head of the queue. The page does not wait for the carrier: it polls."""
    shipment = parcel_of(request, public_id)
    now = timezone.now()
    if not Throttle.objects.allows(
        "asking by hand", str(request.user.pk), limit=MOST_ASKED, per=timedelta(hours=1), now=now
    ):
        messages.warning(
            request,
            _(
                "You have asked %(count)d times within an hour, which is as often as one person may: carriers ration calls. The parcel is looked at by itself, and you may ask again within the hour."
            )
            % {"count": MOST_ASKED},
        )
        if request.htmx:
            # The whole page anew: only that shows messages.
            return HttpResponse(headers={"HX-Refresh": "true"})
        return redirect("shipment-detail", request.merchant.slug, public_id)
    most = request.merchant.most_asked
    if most is not None and not Throttle.objects.allows(
        ASKED_OF_MERCHANT, str(request.merchant.pk), limit=most, per=timedelta(hours=1), now=now
    ):
        messages.warning(
            request,
            ngettext(
                "At most %(most)s parcel an hour may be asked about by hand for this merchant, and one has been. The parcel is looked at by itself, and you may ask again within the hour.",
                "At most %(most)s parcels an hour may be asked about by hand for this merchant, and they have been. The parcel is looked at by itself, and you may ask again within the hour.",
                most,
            )
            % {"most": f"{most:,}"},
        )
        if request.htmx:
            return HttpResponse(headers={"HX-Refresh": "true"})
        return redirect("shipment-detail", request.merchant.slug, public_id)
    with transaction.atomic():
        asked = Watch.objects.ask_now([shipment.pk], now)
        if asked:
            record(request, "asked now", shipment)
            queueing.enqueue(queueing.SWEEP)
    if request.htmx:
        return detail(request, public_id)
    if asked:
        messages.info(request, _("The carrier is being asked. News appears here by itself."))
    elif shipment.lifecycle == Lifecycle.ACTIVE:
        messages.info(request, _("The carrier is being asked this very moment."))
    else:
        messages.info(request, _("Nobody asks about this parcel any more."))
    return redirect("shipment-detail", request.merchant.slug, public_id)


@require_safe
@for_members()
def raw_answer(request: MemberRequest, public_id: UUID, sha256: str) -> HttpResponse:
    """One answer of a carrier, as it was sent; `?scan=` marks where it tells of that scan, where that is sure."""
    answer = get_object_or_404(
        Answer.objects.select_related("shipment__carrier"),
        shipment__public_id=public_id,
        shipment__merchant=request.merchant,
        sha256=sha256,
    )
    text = answer.text
    start, end = _marked(answer, request.GET.get("scan", ""), text) or (len(text), len(text))
    context = {
        "room": "shipments",
        "answer": answer,
        "erased_on": erased_on(answer.shipment, Kept.ANSWERS, timezone.now().date()),
        "shipment": answer.shipment,
        "before": text[:start],
        "marked": text[start:end],
        "after": text[end:],
    }
    return render(request, "dashboard/answer.html", context)


def parcel_of(request: MemberRequest, public_id: UUID) -> Shipment:
    """The merchant's parcel with this id and its watch, or Http404."""
    mine = Shipment.objects.for_merchant(request.merchant).select_related("carrier", "merchant", "watch")
    return get_object_or_404(mine, public_id=public_id)


def detail(
    request: MemberRequest,
    public_id: UUID,
    *,
    note: NoteForm | None = None,
    tag: TagForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page, or what of it has changed; with a form that was refused, so that nothing typed is lost."""
    now = timezone.now()
    asked = Asked.of(request)
    rows = load(request.merchant, public_id)
    SeenParcel.objects.note(request.membership, rows.shipment, now)
    context = context_of(request, rows, asked, now)
    # What has not changed is not drawn anew: it would close what the reader has opened, and speak to who listens.
    parts = {name: render_to_string(f"dashboard/_shipment_{name}.html", context, request) for name in _PARTS}
    versions = {name: sha256(part.encode()).hexdigest()[:12] for name, part in parts.items()}
    seen = dict(zip(_PARTS, request.GET.get("seen", "").split("-"), strict=False))
    news = {name for name in _PARTS if seen.get(name) != versions[name]}
    poll = asked.query(seen="-".join(versions.values()))
    context |= {
        "parts": parts,
        "news": news,
        "poll_query": poll,
        "note_form": note or NoteForm(auto_id="note-%s"),
        "tag_form": tag or TagForm(auto_id="tag-%s"),
    }
    response = page_or_fragment(
        request,
        "dashboard/shipment_detail.html",
        "dashboard/_shipment_news.html",
        context,
        status=status,
    )
    if "facts" in news and wants_fragment(request):
        # The facts are the part that is swapped then; how old they are comes along.
        response["HX-Retarget"], response["HX-Reswap"] = "#shipment-facts", "outerHTML"
    return response


def _marked(answer: Answer, fingerprint: str, text: str) -> tuple[int, int] | None:
    if not fingerprint.isalnum():
        return None
    scan = ScanEvent.objects.filter(shipment=answer.shipment_id, fingerprint=fingerprint[:32]).first()
    if scan is None:
        return None
    day = scan.local_date.isoformat()
    clock = f"{scan.local_time:%H:%M}" if scan.local_time else ""
    return part_about(text, [scan.text or scan.code, day, clock, scan.city, scan.code, scan.postal_code])
