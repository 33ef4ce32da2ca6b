"""Putting a parcel right: its particulars, and a new parcel for a number that the carrier has used again."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from shipments import queueing
from shipments.enums import Role
from shipments.models import Shipment
from shipments.tracking.adding import BadParcel, read_mailing_date, read_postal_code
from shipments.tracking.correcting import (
    ChangedMeanwhile,
    SameParcel,
    correct,
    read_particulars,
    siblings_of,
    start_again,
)
from shipments.web.access import MemberRequest, for_members, record
from shipments.web.forms_parcel import CorrectionForm, NewParcelForm
from shipments.web.history import changes_in_words
from shipments.web.parcel_page import parcel_of


@require_http_methods(["GET", "HEAD", "POST"])
@for_members(Role.MANAGER)
def correct_parcel(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """What the merchant says of the parcel, to be changed."""
    shipment = parcel_of(request, public_id)
    if request.method != "POST":
        return _correction(
            request, shipment, CorrectionForm(shipment, initial=CorrectionForm.values_of(shipment))
        )
    form = CorrectionForm(shipment, request.POST)
    if not form.is_valid():
        return _correction(request, shipment, form, status=400)
    typed = {name: value for name, value in form.cleaned_data.items() if name != "made_from"}
    try:
        said = read_particulars(shipment, **typed)
        with transaction.atomic():
            done = correct(shipment, said, made_from=form.seen(), now=timezone.now())
            if done.after:
                record(request, "changed", shipment, before=done.before, after=done.after)
                queueing.enqueue(queueing.SWEEP)
                queueing.enqueue(queueing.REVIEW_ATTENTION, shipment.pk)
    except BadParcel as refusal:
        form.refuse(refusal)
        return _correction(request, shipment, form, refusal, status=400)
    except ChangedMeanwhile:
        return _made_again(request, public_id, form)
    if "carrier" in done.after:
        messages.info(
            request, _("The new carrier is being asked. What the one before had told is set aside.")
        )
    elif done.after:
        messages.success(request, _("The changes are kept."))
    return redirect("shipment-detail", request.merchant.slug, public_id)


@require_http_methods(["GET", "HEAD", "POST"])
@for_members(Role.MANAGER)
def start_new_parcel(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """A new parcel with the number of this one, which is kept and ends."""
    shipment = parcel_of(request, public_id)
    if request.method != "POST":
        return _new_parcel(request, shipment, NewParcelForm())
    form = NewParcelForm(request.POST)
    if not form.is_valid():
        return _new_parcel(request, shipment, form, status=400)
    told = form.cleaned_data
    try:
        mailing_date = read_mailing_date(told["mailing_date"])
        assert mailing_date is not None
        postal_code = read_postal_code(told["postal_code"] or None)
        with transaction.atomic():
            new = start_again(
                shipment,
                mailing_date=mailing_date,
                postal_code=postal_code,
                order_number=told["order_number"],
                recipient_name=told["recipient_name"],
                now=timezone.now(),
            )
            record(request, "started again", shipment, after={"mailing_date": mailing_date})
            record(
                request,
                "added",
                new,
                after={
                    "carrier": new.carrier_id,
                    "number": new.number,
                    "instance": new.instance,
                    "mailing_date": mailing_date,
                    "destination_postal_code": postal_code,
                    "order_number": new.order_number,
                },
            )
            queueing.enqueue(queueing.SWEEP)
            queueing.enqueue(queueing.REVIEW_ATTENTION, shipment.pk)
    except BadParcel as refusal:
        form.refuse(refusal)
        return _new_parcel(request, shipment, form, refusal, status=400)
    messages.success(request, _("The new parcel is added; its carrier is being asked. The old one is kept."))
    return redirect("shipment-detail", request.merchant.slug, new.public_id)


def _made_again(request: MemberRequest, public_id: UUID, form: CorrectionForm) -> HttpResponse:
    """The form made from the parcel as it stands now, with what was typed, and who changed what meanwhile.

    Fields that were left alone follow the others' changes: sent again, the form undoes none that nobody saw.
    """
    shipment = parcel_of(request, public_id)
    seen, stand = form.cleaned_data["made_from"], CorrectionForm.values_of(shipment)
    values = {
        name: stand[name] if form.cleaned_data[name] == value else form.cleaned_data[name]
        for name, value in seen.items()
    }
    again = CorrectionForm(shipment, {**values, "made_from": stand["made_from"]})
    changed = [name for name in seen if seen[name] != stand[name]]
    for sentence in changes_in_words(
        shipment, {name: seen[name] for name in changed}, {name: stand[name] for name in changed}
    ):
        again.add_error(None, sentence)
    again.add_error(
        None,
        _("What you typed stands below. Look at both, and keep your changes again to have them so."),
    )
    return _correction(request, shipment, again, status=409)


def _correction(
    request: MemberRequest,
    shipment: Shipment,
    form: CorrectionForm,
    refusal: BadParcel | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    return _page(request, "dashboard/shipment_correct.html", shipment, form, refusal, status)


def _new_parcel(
    request: MemberRequest,
    shipment: Shipment,
    form: NewParcelForm,
    refusal: BadParcel | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    more = {"siblings": siblings_of(shipment)}
    return _page(request, "dashboard/shipment_start_again.html", shipment, form, refusal, status, **more)


def _page(
    request: MemberRequest,
    template: str,
    shipment: Shipment,
    form: NewParcelForm,
    refusal: BadParcel | None,
    status: int,
    **more: Any,
) -> HttpResponse:
    context = {
        "room": "shipments",
        "shipment": shipment,
        "form": form,
        # The parcel that stands in the way, to be opened.
        "other": refusal.other if isinstance(refusal, SameParcel) else None,
        **more,
    }
    return render(request, template, context, status=status)
