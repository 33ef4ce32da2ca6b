"""What people do with one parcel from its page: each deed written down in its own transaction."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from shipments import queueing
from shipments.enums import EndReason, Resolution, Role
from shipments.facts.tags import TagError, with_tag
from shipments.models import Note, PrivateLink, Shipment, Watch
from shipments.models.deeds import Before
from shipments.models.shipments import ShipmentQuerySet
from shipments.tracking.limits import take_room
from shipments.web.access import MemberRequest, for_members, record
from shipments.web.forms_parcel import NoteForm, ResolutionForm, TagForm
from shipments.web.parcel_page import detail, parcel_of
from shipments.web.parcel_parts import Asked

# ---- Notes


@require_POST
@for_members(Role.MANAGER)
def add_note(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """Keep a note for colleagues."""
    shipment = parcel_of(request, public_id)
    form = NoteForm(request.POST, auto_id="note-%s")
    if not form.is_valid():
        return detail(request, public_id, note=form, status=400)
    with transaction.atomic():
        Note.objects.create(
            shipment=shipment, merchant=request.merchant, author=request.user, text=form.cleaned_data["text"]
        )
        # Not what it says: notes can be deleted, the audit cannot.
        record(request, "wrote a note", shipment)
    return _back(request, public_id, "notes")


@require_POST
@for_members(Role.MANAGER)
def delete_note(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """Delete a note of one's own; that of another person, or of another parcel, is left alone."""
    shipment = parcel_of(request, public_id)
    key = request.POST.get("note", "")
    with transaction.atomic():
        notes = Note.objects.filter(shipment=shipment, author=request.user)
        deleted = notes.filter(pk=int(key)).delete()[0] if key.isdecimal() and len(key) < 19 else 0
        if deleted:
            record(request, "deleted a note", shipment)
    if not deleted:
        messages.error(request, _("Only who wrote a note may delete it. Nothing was changed."))
    return _back(request, public_id, "notes")


# ---- Tags


@require_POST
@for_members(Role.MANAGER)
def add_tag(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """Tag the parcel."""
    shipment = parcel_of(request, public_id)
    form = TagForm(request.POST, auto_id="tag-%s")
    if form.is_valid():
        try:
            tag = with_tag(shipment.tags, form.cleaned_data["tag"])[-1]
        except TagError as refusal:
            form.add_error("tag", str(refusal))
        else:
            with transaction.atomic():
                if _only(shipment).tag(tag):
                    record(request, "tagged", shipment, after={"tag": tag})
    if form.errors:
        return detail(request, public_id, tag=form, status=400)
    return _back(request, public_id, "tags")


@require_POST
@for_members(Role.MANAGER)
def remove_tag(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """Take a tag off the parcel."""
    shipment = parcel_of(request, public_id)
    tag = request.POST.get("tag", "")[:100]
    with transaction.atomic():
        if _only(shipment).untag(tag):
            record(request, "untagged", shipment, before={"tag": tag})
    return _back(request, public_id, "tags")


# ---- What has become of it


@require_POST
@for_members(Role.MANAGER)
def resolve(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """Note that the parcel is lost, refunded or returned; the carrier's facts stay as they are."""
    form = ResolutionForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("A parcel is lost, refunded or returned. Nothing was changed."))
        return _back(request, public_id)
    resolution = Resolution(form.cleaned_data["resolution"])
    return _do(
        request,
        public_id,
        "resolved",
        lambda parcel: parcel.resolve(resolution, by_id=request.user.pk, now=timezone.now()),
        after=lambda shipment: {"resolution": resolution.value},
    )


@require_POST
@for_members(Role.MANAGER)
def unresolve(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """Take a resolution back."""
    return _do(
        request,
        public_id,
        "unresolved",
        lambda parcel: parcel.resolve(None, by_id=None, now=timezone.now()),
        before=lambda shipment: {"resolution": shipment.resolution},
    )


@require_POST
@for_members(Role.MANAGER)
def close(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """End the asking by hand."""
    return _do(request, public_id, "closed", lambda parcel: parcel.close())


@require_POST
@for_members(Role.MANAGER)
def reopen(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """Ask again about a parcel that had ended."""

    def begin(parcel: ShipmentQuerySet) -> Before:
        now = timezone.now()
        if not _has_room(request, now):
            return {}
        before = parcel.reopen(now)
        # A person waits: ahead of what is asked about by the clock.
        Watch.objects.ask_now(before, now)
        queueing.enqueue(queueing.SWEEP)
        return before

    return _do(request, public_id, "reopened", begin)


@require_POST
@for_members(Role.MANAGER)
def archive(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """Put the parcel away."""
    return _do(request, public_id, "archived", lambda parcel: parcel.archive())


@require_POST
@for_members(Role.MANAGER)
def restore(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """Take the parcel back out of the archive."""

    def take_out(parcel: ShipmentQuerySet) -> Before:
        now = timezone.now()
        # One that had ended before it was put away is asked about no more: it needs no room.
        was_followed = parcel.filter(end_reason=EndReason.ARCHIVED).exists()
        return {} if was_followed and not _has_room(request, now) else parcel.restore(now)

    return _do(request, public_id, "restored", take_out)


def _has_room(request: MemberRequest, now: datetime) -> bool:
    """Whether one more parcel may be followed; where not, it is told why."""
    room = take_room(request.merchant.pk, now, are_new=False)
    if not room.has(1):
        messages.error(request, _("Nothing has changed.") + " " + room.refusal)
    return room.has(1)


# ---- Private link


@require_POST
@for_members(Role.MANAGER)
def make_private_link(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """Make the parcel's private link, unless it has one."""
    shipment = parcel_of(request, public_id)
    with transaction.atomic():
        # The parcel's row keeps two clicks at once from making two links.
        Shipment.objects.select_for_update().get(pk=shipment.pk)
        if not PrivateLink.objects.working(timezone.now()).filter(shipment=shipment).exists():
            link = PrivateLink.objects.make(shipment, by=request.user)
            record(request, "made", link, after={"shipment": shipment.public_id})
            messages.success(
                request, _("The private link is made. Whoever has it sees names and proof of this parcel.")
            )
    return _back(request, public_id, "reply" if "reply" in request.GET else "")


@require_POST
@for_members(Role.MANAGER)
def revoke_private_links(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """Close the parcel's private link for everybody who has it."""
    shipment = parcel_of(request, public_id)
    with transaction.atomic():
        links = list(
            PrivateLink.objects.working(timezone.now()).select_for_update().filter(shipment=shipment)
        )
        for link in links:
            link.revoke(timezone.now())
            record(request, "revoked", link, before={"shipment": shipment.public_id})
    if links:
        messages.success(request, _("The private link no longer works."))
    return _back(request, public_id)


def _do(
    request: MemberRequest,
    public_id: UUID,
    verb: str,
    deed: Callable[[ShipmentQuerySet], Before],
    *,
    before: Callable[[Shipment], dict[str, Any]] = lambda shipment: {},
    after: Callable[[Shipment], dict[str, Any]] = lambda shipment: {},
) -> HttpResponse:
    """Do it and write it down; what changes nothing, because somebody was quicker, is no deed."""
    shipment = parcel_of(request, public_id)
    was = before(shipment)
    with transaction.atomic():
        if deed(_only(shipment)):
            record(request, verb, shipment, before=was, after=after(shipment))
            queueing.enqueue(queueing.REVIEW_ATTENTION, shipment.pk)
    return _back(request, public_id)


def _only(shipment: Shipment) -> ShipmentQuerySet:
    """The parcel, for a deed that could be done to a million."""
    return Shipment.objects.filter(pk=shipment.pk)


def _back(request: MemberRequest, public_id: UUID, place: str = "") -> HttpResponse:
    """Back to the page, as it was asked for, at the place of the deed."""
    query = Asked.of(request).query()
    address = reverse("shipment-detail", args=[request.merchant.slug, public_id])
    return redirect(f"{address}{query and '?' + query}{place and '#' + place}")
