"""Pages for everybody who waits for a parcel. They read what is stored; no carrier is asked, nothing is created."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from shipments.enums import Lifecycle
from shipments.facts.numbers import lookup_key
from shipments.models import ScanEvent, Shipment
from shipments.web import storefront, unlocking, visitors
from shipments.web.discretion import about_a_parcel
from shipments.web.forms_public import DestinationForm, WhichParcelForm, read_number, read_numbers
from shipments.web.htmx import page_or_fragment, wants_fragment
from shipments.web.parcel_view import ParcelView, Sight
from shipments.web.presenting import present
from shipments.web.proof_parts import addresses_by_link
from shipments.web.public_reading import parcels_with, scans_of


@dataclass(frozen=True, slots=True)
class Result:
    """One number of a list: what was typed, and the parcel or why there is none."""

    typed: str
    parcel: ParcelView | None = None
    number: str = ""
    problem: str = ""


@require_safe
@about_a_parcel
def look_up(request: HttpRequest) -> HttpResponse:
    """The field for a number; with `?number=` what was typed there leads to its page, or to a list for several."""
    typed = request.GET.get("number")
    if typed is None:
        return render(request, "public/home.html")
    try:
        numbers = read_numbers(typed)
        if len(numbers) == 1:
            return redirect(storefront.url(request, "public-parcel", read_number(numbers[0])))
    except ValidationError as exc:
        return _bad_number(request, typed, exc)
    now = timezone.now()
    if not visitors.LISTS.allows(visitors.visitor(request), now):
        return visitors.too_many(request, visitors.LISTS, now=now)
    results = _results(request, numbers, now)
    status = 400 if all(not result.number for result in results) else 200
    return render(request, "public/results.html", {"results": results, "typed": typed}, status=status)


@require_safe
@about_a_parcel
def to_parcel(request: HttpRequest, typed: str) -> HttpResponse:
    """A number right behind the host leads to its page."""
    return redirect(storefront.url(request, "public-parcel", typed))


@require_http_methods(["GET", "HEAD", "POST"])
@about_a_parcel
def parcel(request: HttpRequest, typed: str) -> HttpResponse:
    """The page of the parcel with this number; a POST tells the postal code, for more."""
    try:
        number = read_number(typed)
    except ValidationError as exc:
        return _bad_number(request, typed, exc)
    if number != typed:
        return redirect(storefront.url(request, "public-parcel", number))
    now = timezone.now()
    if not visitors.LOOKUPS.allows(visitors.visitor(request), now):
        return visitors.too_many(request, visitors.LOOKUPS, now=now)
    here = [one for one in parcels_with(lookup_key(number)) if storefront.is_shown_here(request, one)]
    shipments = [one for one in here if one.lifecycle != Lifecycle.ARCHIVED]
    if not shipments:
        if here:
            return render(request, "public/hidden.html", {"number": number}, status=410)
        return render(request, "public/not_found.html", {"number": number}, status=404)
    if request.method == "POST":
        return _unlock(request, number, shipments, now)
    seen = unlocking.granted(request, shipments)
    if seen is None and len(shipments) > 1:
        return _several(request, number, WhichParcelForm())
    shipment, sight = seen or (shipments[0], Sight.NUMBER)
    return _parcel_page(request, present(shipment, sight=sight, now=now, scans=scans_of(shipment)))


@require_safe
@about_a_parcel
def private_link(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind a link from an e-mail, with all a buyer may see."""
    now = timezone.now()
    if not visitors.LINKS.allows(visitors.visitor(request), now):
        return visitors.too_many(request, visitors.LINKS, now=now)
    shipment = unlocking.behind_link(request, token)
    if shipment is None:
        return render(request, "public/link_gone.html", status=404)
    view = present(
        shipment,
        sight=Sight.PRIVATE_LINK,
        now=now,
        scans=scans_of(shipment),
        proof_at=addresses_by_link(token),
    )
    return _parcel_page(request, view)


def _known(request: HttpRequest, *numbers: str) -> Iterable[Shipment]:
    """The parcels strangers may look up under these numbers, in the frame of this request."""
    keys = {lookup_key(number) for number in numbers}
    return (
        storefront.parcels(request)
        .filter(lookup_key__in=keys)
        .select_related("carrier", "merchant", "watch")
        .order_by("pk")
    )


def _parcel_page(
    request: HttpRequest,
    view: ParcelView,
    *,
    form: DestinationForm | None = None,
    message: str = "",
    status: int = 200,
) -> HttpResponse:
    if form is None and view.sight == Sight.NUMBER:
        form = DestinationForm()
    context = {"parcel": view, "form": form, "message": message}
    if wants_fragment(request) and request.GET.get("seen") == view.digest:
        # Nothing new: only the ages move on, so that nothing is read out again and nothing opened is closed.
        response = page_or_fragment(request, "public/parcel.html", "_freshness.html", context)
        response["HX-Retarget"], response["HX-Reswap"] = "#freshness", "outerHTML"
        return response
    return page_or_fragment(request, "public/parcel.html", "public/_parcel_news.html", context, status=status)


def _several(
    request: HttpRequest, number: str, form: WhichParcelForm, *, message: str = "", status: int = 200
) -> HttpResponse:
    """Parcels of different people may have one number: nothing is shown before it is clear which is meant."""
    context = {"number": number, "form": form, "message": message}
    return render(request, "public/several.html", context, status=status)


def _unlock(request: HttpRequest, number: str, shipments: Sequence[Shipment], now: datetime) -> HttpResponse:
    """Compare what was told with the parcels of this number, and remember a fit in a cookie.

    A wrong postal code, a parcel whose own nobody knows and one with nothing more to show get the same answer, for the
    same statements.
    """
    is_one = len(shipments) == 1
    form = DestinationForm(request.POST) if is_one else WhichParcelForm(request.POST)
    if not form.is_valid():
        if isinstance(form, WhichParcelForm):
            return _several(request, number, form, status=400)
        view = present(shipments[0], sight=Sight.NUMBER, now=now, scans=scans_of(shipments[0]))
        return _parcel_page(request, view, form=form, status=400)
    spent = visitors.spent(
        now,
        (visitors.GUESSES_AT_A_PARCEL, lookup_key(number)),
        (visitors.GUESSES_OF_A_VISITOR, visitors.visitor(request)),
    )
    if spent is not None:
        return visitors.too_many(request, spent, now=now)
    postal_code = form.cleaned_data["postal_code"]
    fit = unlocking.fitting(
        shipments, postal_code=postal_code, mailed_on=form.cleaned_data.get("mailing_date")
    )
    sight = Sight.POSTAL_CODE if postal_code else Sight.NUMBER
    meant = fit or shipments[0]
    scans = scans_of(meant)
    more = present(meant, sight=sight, now=now, scans=scans)
    less = present(meant, sight=Sight.NUMBER, now=now, scans=scans)
    if fit is not None and (not is_one or more.tells_more_than(less)):
        response: HttpResponse = redirect(request.path)
        unlocking.grant(response, request, fit, sight)
        return response
    if isinstance(form, WhichParcelForm):
        message = _("No single parcel with this number fits what you typed.")
        return _several(request, number, form, message=message)
    message = _("There is nothing more to show for this postal code.")
    return _parcel_page(request, less, form=form, message=message)


def _results(request: HttpRequest, numbers: Sequence[str], now: datetime) -> list[Result]:
    """What a stranger may see under each number, in a constant number of statements."""
    good: dict[str, str] = {}
    problems: dict[str, str] = {}
    for typed in numbers:
        try:
            good[typed] = read_number(typed)
        except ValidationError as exc:
            problems[typed] = exc.messages[0]
    by_key: dict[str, list[Shipment]] = {}
    for shipment in _known(request, *good.values()):
        by_key.setdefault(shipment.lookup_key, []).append(shipment)
    alone = [shipments[0] for shipments in by_key.values() if len(shipments) == 1]
    scans: dict[int, list[ScanEvent]] = {shipment.pk: [] for shipment in alone}
    for scan in ScanEvent.objects.filter(shipment__in=alone).newest_first():
        scans[scan.shipment_id].append(scan)

    def result(typed: str) -> Result:
        if typed in problems:
            return Result(typed, problem=problems[typed])
        found = by_key.get(lookup_key(good[typed]), [])
        if not found:
            return Result(typed, number=good[typed], problem=_("Not found: it may be too new, or mistyped."))
        if len(found) > 1:
            return Result(
                typed,
                number=good[typed],
                problem=_("Several parcels have this number. Open it to tell yours."),
            )
        view = present(found[0], sight=Sight.NUMBER, now=now, scans=scans[found[0].pk])
        return Result(typed, parcel=view, number=good[typed])

    return [result(typed) for typed in numbers]


def _bad_number(request: HttpRequest, typed: str, problem: ValidationError) -> HttpResponse:
    context = {"typed": typed, "problem": problem.messages[0]}
    return render(request, "public/home.html", context, status=400)
