"""All parcels of an order, for who knows its number and, of one of its parcels, the postal code or an e-mail address."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from shipments.models import ScanEvent, Shipment, Subscription
from shipments.web import storefront, unlocking, visitors
from shipments.web.discretion import about_a_parcel
from shipments.web.forms_public import MOST_NUMBERS, OrderForm
from shipments.web.parcel_view import ParcelView, Sight
from shipments.web.presenting import present

# A word that thousands of parcels have for an order ("none") is no order of anybody: of so many parcels only those that fit
# themselves are shown, and no more are compared.
MOST_OF_AN_ORDER = 100
MOST_COMPARED = 1_000


@sensitive_post_parameters("order_number", "known")
@require_http_methods(["GET", "HEAD", "POST"])
@about_a_parcel
def by_order(request: HttpRequest) -> HttpResponse:
    """The form for an order; a POST of what fits one of its parcels is answered with all of them, as their numbers alone
    would show them.

    An order nobody has, one that what was typed does not fit, and one without anything to compare get the same answer,
    for the same statements.
    """
    if request.method != "POST":
        return render(request, "public/order.html", {"form": OrderForm()})
    form = OrderForm(request.POST)
    if not form.is_valid():
        return render(request, "public/order.html", {"form": form}, status=400)
    number: str = form.cleaned_data["order_number"]
    now = timezone.now()
    spent = visitors.spent(
        now,
        (visitors.GUESSES_AT_AN_ORDER, number.casefold()),
        (visitors.GUESSES_OF_A_VISITOR, visitors.visitor(request)),
    )
    if spent is not None:
        return visitors.too_many(request, spent, now=now)
    keys = _fitting(request, number, form)
    parcels = _shown(keys[:MOST_NUMBERS], now)
    context = {
        "form": form,
        "number": number,
        "parcels": parcels,
        "has_more": len(keys) > MOST_NUMBERS,
        "message": "" if parcels else _("No order fits what you typed."),
    }
    return render(request, "public/order.html", context)


def _fitting(request: HttpRequest, number: str, form: OrderForm) -> list[int]:
    """The keys of all parcels of each merchant's order of this number, one of whose parcels fits; newest first."""
    email, postal_code = form.email, form.postal_code
    parcels = storefront.parcels(request).of_order(number)
    if storefront.of(request) is None:
        parcels = parcels.merchant_by_merchant()
    # Whoever knows a tracking number can subscribe any address with it, so such an address says nothing about the order.
    subscribers = Subscription.objects.of_address(email).knowing(Sight.POSTAL_CODE)
    rows = parcels.annotate(
        # Not "exists", which the database may answer by reading all subscriptions first.
        subscriber=Subquery(subscribers.filter(shipment=OuterRef("pk")).values("pk")[:1])
    ).values_list("pk", "merchant_id", "destination_postal_code", "subscriber")
    fits = [
        (pk, merchant_id, subscriber is not None if email else unlocking.goes_to(known, postal_code))
        for pk, merchant_id, known, subscriber in rows[:MOST_COMPARED]
    ]
    sizes = Counter(merchant_id for _pk, merchant_id, _is_fit in fits)
    opened = {
        merchant_id for _pk, merchant_id, is_fit in fits if is_fit and sizes[merchant_id] <= MOST_OF_AN_ORDER
    }
    return sorted((pk for pk, merchant_id, is_fit in fits if is_fit or merchant_id in opened), reverse=True)


def _shown(keys: Sequence[int], now: datetime) -> list[ParcelView]:
    """What a stranger may see of the parcels with these keys, in their order; the same statements for none as for many."""
    parcels = {
        parcel.pk: parcel
        for parcel in Shipment.objects.with_keys(keys).select_related("carrier", "merchant", "watch")
    }
    scans: dict[int, list[ScanEvent]] = {key: [] for key in keys}
    for scan in ScanEvent.objects.of_parcels(keys).newest_first():
        scans[scan.shipment_id].append(scan)
    return [
        present(parcels[key], sight=Sight.NUMBER, now=now, scans=scans[key]) for key in keys if key in parcels
    ]
