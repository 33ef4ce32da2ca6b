"""One parcel's page for the merchant's people, and what they may do with the parcel."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db import transaction
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shipments import queueing
from shipments.enums import Environment, Lifecycle, Role
from shipments.facts import spelling
from shipments.models import Answer, CarrierAccount, MaintenanceWindow, PrivateLink, Shipment, Watch
from shipments.refresh.windows import reopens_at
from shipments.tracking.gateway import choose_account
from shipments.web.access import MemberRequest, for_members, record
from shipments.web.htmx import page_or_fragment, wants_fragment
from shipments.web.parcel_view import Sight
from shipments.web.presenting import present

# Quiet polls, in seconds; while somebody waits for an answer they come quicker, but not for ever when no queue takes the work.
QUIET_POLL, EAGER_POLL = 20, 3
EAGER_FOR = timedelta(minutes=2)


@require_safe
@for_members()
def shipment_detail(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """One parcel with everything the merchant may know; as a fragment, what has changed since the page was drawn."""
    return _detail(request, _shipment(request, public_id))


@require_POST
@for_members(Role.MANAGER)
def refresh_now(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """Put the parcel at the head of the queue. The page does not wait for the carrier: it polls."""
    shipment = _shipment(request, public_id)
    with transaction.atomic():
        asked = Watch.objects.ask_now([shipment.pk], timezone.now())
        if asked:
            record(request, "asked now", shipment)
            queueing.enqueue(queueing.SWEEP)
    if request.htmx:
        return _detail(request, _shipment(request, public_id))
    if asked:
        messages.info(request, _("The carrier is being asked. News appears here by itself."))
    elif shipment.lifecycle == Lifecycle.ACTIVE:
        messages.info(request, _("The carrier is being asked this very moment."))
    else:
        messages.info(request, _("Nobody asks about this parcel any more."))
    return redirect("shipment-detail", request.merchant.slug, public_id)


@require_POST
@for_members(Role.MANAGER)
def make_private_link(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """Make the parcel's private link, unless it has one."""
    shipment = _shipment(request, public_id)
    with transaction.atomic():
        # The parcel's row keeps two clicks at once from making two links.
        Shipment.objects.select_for_update().get(pk=shipment.pk)
        if not PrivateLink.objects.filter(shipment=shipment, revoked_at=None).exists():
            link = PrivateLink.objects.make(shipment, by=request.user)
            record(request, "made", link, after={"shipment": shipment.public_id})
            messages.success(
                request, _("The private link is made. Whoever has it sees names and proof of this parcel.")
            )
    return redirect("shipment-detail", request.merchant.slug, public_id)


@require_POST
@for_members(Role.MANAGER)
def revoke_private_links(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """Close the parcel's private link for everybody who has it."""
    shipment = _shipment(request, public_id)
    with transaction.atomic():
        links = list(PrivateLink.objects.select_for_update().filter(shipment=shipment, revoked_at=None))
        for link in links:
            link.revoke(timezone.now())
            record(request, "revoked", link, before={"shipment": shipment.public_id})
    if links:
        messages.success(request, _("The private link no longer works."))
    return redirect("shipment-detail", request.merchant.slug, public_id)


@require_safe
@for_members()
def raw_answer(request: MemberRequest, public_id: UUID, sha256: str) -> HttpResponse:
    """One answer of a carrier, as it was sent."""
    answer = get_object_or_404(
        Answer.objects.select_related("shipment__carrier"),
        shipment__public_id=public_id,
        shipment__merchant=request.merchant,
        sha256=sha256,
    )
    return render(request, "dashboard/answer.html", {"answer": answer, "shipment": answer.shipment})


def _shipment(request: MemberRequest, public_id: UUID) -> Shipment:
    mine = Shipment.objects.for_merchant(request.merchant).select_related("carrier", "merchant", "watch")
    return get_object_or_404(mine, public_id=public_id)


def _detail(request: MemberRequest, shipment: Shipment) -> HttpResponse:
    now = timezone.now()
    asker = _asker(shipment, now)
    eager = _is_eager(shipment.watch, now)
    parcel = present(shipment, sight=Sight.STAFF, now=now)
    facts = render_to_string(
        "dashboard/_shipment_facts.html",
        {"parcel": parcel, "shipment": shipment, "answers": _answers(shipment)},
        request,
    )
    particulars = render_to_string(
        "dashboard/_shipment_particulars.html",
        {"shipment": shipment, "asker": asker, **_days(shipment, now)},
        request,
    )
    # What has not changed is not drawn anew: it would close what the reader has opened, and speak to who listens.
    version = sha256((facts + particulars).encode()).hexdigest()[:16]
    is_news = request.GET.get("seen") != version
    context = {
        "room": "shipments",
        "parcel": parcel,
        "shipment": shipment,
        "watch": shipment.watch,
        "asker": asker,
        "facts": facts,
        "particulars": particulars,
        "private_url": _private_url(request, shipment),
        "version": version,
        "is_news": is_news,
        "is_eager": eager,
        "poll_seconds": EAGER_POLL if eager else QUIET_POLL,
    }
    response = page_or_fragment(
        request, "dashboard/shipment_detail.html", "dashboard/_shipment_news.html", context
    )
    if is_news and wants_fragment(request):
        # The facts are the part that is swapped then; how old they are comes along.
        response["HX-Retarget"], response["HX-Reswap"] = "#shipment-facts", "outerHTML"
    return response


@dataclass(frozen=True, slots=True)
class Asker:
    """The account that asks about a parcel, as far as pages name it; `paused` and `closed` say why it waits, if it does."""

    gateway: str
    is_own: bool
    is_test: bool
    paused: str
    closed: str


def _asker(shipment: Shipment, now: datetime) -> Asker | None:
    """Who asks about this parcel; None where no account can."""
    # Credentials stay in the database: a page has no use for them.
    accounts = CarrierAccount.objects.usable_by({shipment.merchant_id}).defer("key", "secret")
    account = choose_account(shipment, accounts)
    if account is None:
        return None
    windows = MaintenanceWindow.objects.filter(carrier=shipment.carrier_id, gateway=account.gateway)
    # A simulator's account asks at any hour.
    ends = (
        []
        if account.cadence_seconds
        else [reopens_at(starts=w.starts, ends=w.ends, zone=w.zone, now=now) for w in windows]
    )
    reopens = max((end for end in ends if end), default=None)
    return Asker(
        gateway=account.get_gateway_display(),
        is_own=account.merchant_id is not None,
        is_test=account.environment == Environment.TEST,
        paused=_("The carrier wants fewer calls: this account asks again %(when)s.")
        % {"when": spelling.ahead(account.paused_until - now)}
        if account.paused_until is not None and account.is_paused(now)
        else "",
        closed=_(
            "Closed for scheduled checks at this hour; they go on %(when)s. You may ask all the same, but it may time out."
        )
        % {"when": spelling.ahead(reopens - now)}
        if reopens
        else "",
    )


def _days(shipment: Shipment, now: datetime) -> dict[str, str]:
    """When the parcel was added, on the merchant's clock, and when it was mailed."""
    zone = shipment.merchant.time_zone
    today, added = spelling.today_at(now, zone), shipment.created_at.astimezone(ZoneInfo(zone)).date()
    mailed = shipment.mailing_date
    return {
        "added": spelling.short_day(added, today),
        "mailed": spelling.short_day(mailed, today) if mailed else "",
    }


def _is_eager(watch: Watch, now: datetime) -> bool:
    """Whether an answer a person has asked for may come any moment."""
    if watch.due_at is None:
        return False
    return watch.is_being_asked or (watch.by_hand and now - watch.due_at < EAGER_FOR)


def _private_url(request: MemberRequest, shipment: Shipment) -> str:
    link = shipment.private_links.filter(revoked_at=None).order_by("-pk").first()
    return request.build_absolute_uri(link.get_absolute_url()) if link else ""


def _answers(shipment: Shipment) -> list[Answer]:
    return list(
        shipment.answers.defer("body").annotate(brought=Count("scans")).order_by("-fetched_at", "-pk")
    )
