"""Views of the list that people keep under a name, for themselves or for everybody of the merchant.

What happens to a view that others use is in the audit; what somebody keeps for themselves is nobody's business.
"""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from shipments.bulk.filters import BadFilter
from shipments.models import SavedView
from shipments.models.views import MOST_VIEWS, TooManyViews
from shipments.web.access import MemberRequest, for_members, record
from shipments.web.list_address import ListAddress


class ViewForm(forms.Form):
    """The name of a view, and whether everybody of the merchant may use it."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=60,
        error_messages={"required": gettext_lazy("A view needs a name.")},
    )
    is_shared = forms.BooleanField(label=gettext_lazy("For everybody here"), required=False)


@require_safe
@for_members()
def views(request: MemberRequest) -> HttpResponse:
    """The views this person may use, and change where they may."""
    return _page(request)


@require_POST
@for_members()
def add(request: MemberRequest) -> HttpResponse:
    """Keep the list as it was under a name; the name of a view of one's own sets that one anew."""
    try:
        query = ListAddress.from_query(request.POST.get("query", "")).to_query()
    except BadFilter as refusal:
        return HttpResponseBadRequest(str(refusal), content_type="text/plain; charset=utf-8")
    form = ViewForm(request.POST)
    if not form.is_valid():
        return _page(request, form=form, query=query)
    try:
        with transaction.atomic():
            view = SavedView.objects.keep(
                request.membership,
                name=form.cleaned_data["name"],
                query=query,
                # Who may only look at parcels keeps views for themselves.
                is_shared=form.cleaned_data["is_shared"] and request.membership.may_change(),
            )
            if view.is_shared:
                record(request, "saved", view)
    except TooManyViews:
        form.add_error(
            "name",
            _("You have %(most)d views, which is as many as one person may have. Delete one first.")
            % {"most": MOST_VIEWS},
        )
        return _page(request, form=form, query=query)
    messages.success(request, _("The view “%(name)s” shows this list from now on.") % {"name": view.name})
    return redirect(f"{reverse('shipment-list', args=[request.merchant.slug])}?{query}")


@require_POST
@for_members()
def change(request: MemberRequest, view: UUID) -> HttpResponse:
    """Give a view another name, share it or keep it to oneself."""
    kept = _changeable(request, view)
    was_shared = kept.is_shared
    form = ViewForm(request.POST)
    if form.is_valid():
        kept.name = form.cleaned_data["name"]
        kept.is_shared = form.cleaned_data["is_shared"] and request.membership.may_change()
        try:
            with transaction.atomic():
                kept.save(update_fields=["name", "is_shared"])
                if was_shared or kept.is_shared:
                    record(request, "changed", kept)
        except IntegrityError:
            form.add_error("name", _("There is a view of this name already."))
    if form.errors:
        return _page(request, form=form, of=kept)
    messages.success(request, _("Saved."))
    return redirect("saved-views", request.merchant.slug)


@require_POST
@for_members()
def delete(request: MemberRequest, view: UUID) -> HttpResponse:
    """Forget a view; the parcels it showed stay."""
    kept = _changeable(request, view)
    with transaction.atomic():
        if kept.is_shared:
            record(request, "deleted", kept)
        kept.delete()
    messages.success(request, _("The view “%(name)s” is deleted.") % {"name": kept.name})
    return redirect("saved-views", request.merchant.slug)


def _changeable(request: MemberRequest, public_id: UUID) -> SavedView:
    return get_object_or_404(SavedView.objects.changeable_by(request.membership), public_id=public_id)


def _page(
    request: MemberRequest, *, form: ViewForm | None = None, of: SavedView | None = None, query: str = ""
) -> HttpResponse:
    """The page of views; with a refused form at the view it is of, or at the top for a new one of `query`."""
    usable = SavedView.objects.for_reader(request.membership).select_related("owner").by_name()
    address = reverse("shipment-list", args=[request.merchant.slug])
    changeable = set(SavedView.objects.changeable_by(request.membership).values_list("pk", flat=True))
    rows = [
        {
            "view": view,
            "url": f"{address}?{view.query}",
            "may_change": view.pk in changeable,
            "is_mine": view.owner_id == request.user.pk,
            "form": form if of is not None and view.pk == of.pk else None,
        }
        for view in usable
    ]
    return render(
        request,
        "dashboard/saved_views.html",
        {
            "room": "shipments",
            "rows": rows,
            "new": form if of is None else None,
            "query": query,
            "most": MOST_VIEWS,
        },
        status=400 if form is not None else 200,
    )
