"""Adding parcels by hand: first what was recognised is shown, then the good ones are stored."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from shipments import queueing
from shipments.enums import Role
from shipments.facts import numbers
from shipments.models import Carrier, Merchant, Shipment
from shipments.tracking.adding import Added, BadParcel, ParcelForm, add_parcel, read_parcel
from shipments.web.access import MemberRequest, for_members, record
from shipments.web.forms import MOST_NUMBERS, AddNumbers, gateway_choices

# What a parcel that is there already may learn from being added again.
_LEARNT = ("gateway", "destination_postal_code", "mailing_date")
_SHARED = ("gateway", "postal_code", "mailing_date", "order_number")


@dataclass(frozen=True, slots=True)
class Option:
    """A carrier a number can be given to, and how surely it is that carrier's; `sure` is empty where it is not likely at all."""

    code: str
    name: str
    sure: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of what was typed, read. Without `parcel` it cannot be added, and `problem` says why."""

    typed: str
    carrier: str
    recognised: tuple[Option, ...] = ()
    others: tuple[Option, ...] = ()
    parcel: ParcelForm | None = None
    format: str = ""
    notes: tuple[str, ...] = ()
    field: str = ""
    problem: str = ""
    known: Shipment | None = None
    is_double: bool = False

    @property
    def is_good(self) -> bool:
        return self.parcel is not None and not self.is_double


@require_http_methods(["GET", "HEAD", "POST"])
@for_members(Role.MANAGER)
def add(request: MemberRequest) -> HttpResponse:
    """The page that takes numbers: asked for, shown as recognised, stored."""
    if request.method != "POST":
        return _page(request, AddNumbers(initial={"numbers": request.GET.get("number", "")[:100]}))
    is_second_step = "line-number" in request.POST
    typed = _typed_lines(request) if is_second_step else []
    if is_second_step and not typed:
        return redirect("shipment-list", request.merchant.slug)
    form = AddNumbers(
        {**request.POST.dict(), "numbers": "\n".join(number for number, _carrier in typed)}
        if is_second_step
        else request.POST
    )
    if not form.is_valid():
        return _page(request, form, status=400)
    if not is_second_step:
        typed = [(number, form.cleaned_data["carrier"]) for number in form.cleaned_data["numbers"]]
    lines = read_lines(request.merchant, typed, form)
    if form.errors:
        return _page(request, form, status=400)
    if not is_second_step:
        return _page(request, form, lines=lines)
    return _store(request, form, lines)


def _typed_lines(request: MemberRequest) -> list[tuple[str, str]]:
    """The lines of the second step: number and chosen carrier; a line that was emptied is left out."""
    pairs = zip(request.POST.getlist("line-number"), request.POST.getlist("line-carrier"), strict=False)
    return [(number.strip(), carrier) for number, carrier in pairs if number.strip()]


def read_lines(merchant: Merchant, typed: Sequence[tuple[str, str]], form: AddNumbers) -> list[Line]:
    """Each line checked against every rule, with what the merchant has already; what is wrong with all goes to the form."""
    names = dict(Carrier.objects.filter(is_active=True).values_list("code", "name"))
    lines = [_read_line(number, carrier, names, form) for number, carrier in typed[:MOST_NUMBERS]]
    known = _known(merchant, (line.parcel for line in lines if line.parcel))
    seen: set[tuple[str, str]] = set()
    result = []
    for line in lines:
        if line.parcel is not None:
            key = (line.parcel.carrier, line.parcel.number)
            line = replace(line, known=known.get(key), is_double=key in seen)
            seen.add(key)
        result.append(line)
    return result


def _read_line(typed: str, carrier: str, names: dict[str, str], form: AddNumbers) -> Line:
    candidates: dict[str, numbers.Candidate] = {}
    for one in numbers.recognise(typed):
        # The surest first: a carrier with several shapes of numbers keeps its best.
        candidates.setdefault(str(one.carrier), one)
    likely = [code for code in candidates if code in names]
    chosen = carrier or (likely[0] if likely else "")
    found = candidates.get(chosen)
    line = Line(
        typed=typed,
        carrier=chosen,
        recognised=tuple(Option(code, names[code], _how_sure(candidates[code].sure)) for code in likely),
        others=tuple(Option(code, name, "") for code, name in names.items() if code not in likely),
        format=found.format if found else "",
    )
    shared = form.cleaned_data
    try:
        parcel = read_parcel(
            typed,
            # Without a likely carrier in use, the rule that is broken is told by the unlikely one, or by none.
            carrier=chosen or next(iter(candidates), None),
            gateway=shared["gateway"],
            postal_code=shared["postal_code"] or None,
            mailing_date=shared["mailing_date"] or None,
        )
    except BadParcel as refusal:
        if refusal.field in {"postal code", "mailing date"}:
            name = refusal.field.replace(" ", "_")
            if name not in form.errors:
                form.add_error(name, str(refusal))
            # The error took it out of the form's data, and the other lines are still to be read.
            shared.setdefault(name, "")
        return replace(line, field=_field_name(refusal.field), problem=str(refusal))
    notes = dict.fromkeys(note for note in (parcel.warning, found.note if found else "") if note)
    return replace(line, parcel=parcel, carrier=parcel.carrier, notes=tuple(notes))


def _known(merchant: Merchant, parcels: Iterable[ParcelForm]) -> dict[tuple[str, str], Shipment]:
    """The merchant's parcels with these numbers, the newest instance of each."""
    keys = {numbers.lookup_key(parcel.number) for parcel in parcels}
    rows = Shipment.objects.for_merchant(merchant).filter(lookup_key__in=keys).order_by("instance")
    return {(row.carrier_id, row.number): row for row in rows}


def _store(request: MemberRequest, form: AddNumbers, lines: Sequence[Line]) -> HttpResponse:
    """Store the good lines; come back with the others."""
    added = [_add(request, line, form.cleaned_data["order_number"]) for line in lines if line.is_good]
    new = sum(one.is_new for one in added)
    if new:
        queueing.enqueue(queueing.SWEEP)
        messages.success(
            request,
            ngettext(
                "%(count)d parcel added. Its carrier is being asked.",
                "%(count)d parcels added. Their carriers are being asked.",
                new,
            )
            % {"count": new},
        )
    if there := len(added) - new:
        messages.info(
            request,
            ngettext("%(count)d parcel was there already.", "%(count)d parcels were there already.", there)
            % {"count": there},
        )
    if refused := [line for line in lines if line.parcel is None]:
        return _page(request, form, lines=refused, status=400, again=True)
    if len(added) == 1:
        return redirect("shipment-detail", request.merchant.slug, added[0].shipment.public_id)
    return redirect("shipment-list", request.merchant.slug)


@transaction.atomic
def _add(request: MemberRequest, line: Line, order_number: str) -> Added:
    assert line.parcel is not None
    added = add_parcel(request.merchant, line.parcel, order_number=order_number)
    shipment = added.shipment
    if added.is_new:
        record(request, "added", shipment, after=_facts(shipment) | {"order_number": shipment.order_number})
    elif line.known is not None and (before := _facts(line.known)) != (after := _facts(shipment)):
        record(request, "changed", shipment, before=before, after=after)
    return added


def _facts(shipment: Shipment) -> dict[str, object]:
    return {"carrier": shipment.carrier_id, "number": shipment.number} | {
        name: getattr(shipment, name) for name in _LEARNT
    }


def _how_sure(sure: str) -> str:
    return {"certain": _("certain"), "likely": _("likely"), "possible": _("possible")}[sure]


def _field_name(field: str) -> str:
    names = {
        "tracking number": _("Tracking number"),
        "carrier": _("Carrier"),
        "gateway": _("Ask through"),
        "postal code": _("Destination postal code"),
        "mailing date": _("Mailing date"),
    }
    return names[field]


def _told(form: AddNumbers) -> list[tuple[object, object]]:
    """What holds for all lines, as the second step shows it: a field's name and its value."""
    given = {name: value for name in _SHARED if (value := form.cleaned_data[name])}
    if "gateway" in given:
        given["gateway"] = dict(gateway_choices())[given["gateway"]]
    return [(form[name].label, value) for name, value in given.items()]


def _page(
    request: MemberRequest,
    form: AddNumbers,
    *,
    lines: Sequence[Line] = (),
    again: bool = False,
    status: int = 200,
) -> HttpResponse:
    context = {
        "room": "add",
        "form": form,
        "lines": lines,
        "again": again,
        "new": sum(line.is_good and line.known is None for line in lines),
        "known": sum(line.is_good and line.known is not None for line in lines),
        # What holds for all lines travels with them to the second step.
        "shared": [form[name] for name in _SHARED],
        "told": _told(form) if lines else [],
    }
    return render(request, "dashboard/shipment_add.html", context, status=status)
