"""Adding parcels by hand: first what was recognised is shown, then the good ones are stored."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

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
from shipments.facts.pasting import Pasted
from shipments.models import Merchant, Shipment
from shipments.tracking.adding import Added, BadParcel, ParcelForm, Wanted, add_parcels, read_parcel
from shipments.tracking.catalogue import Catalogue
from shipments.web.access import Deed, MemberRequest, for_members, record_all
from shipments.web.forms import MOST_NUMBERS, AddNumbers, gateway_choices

# What a parcel that is there already may learn from being added again.
_LEARNT = ("gateway", "destination_postal_code", "mailing_date")
_SHARED = ("gateway", "postal_code", "mailing_date", "order_number")
# So many of the likely carriers are one click away; the others are in a list.
_CHIPS = 3
_LONGEST_ORDER, _LONGEST_RECIPIENT = 100, 200


@dataclass(frozen=True, slots=True)
class Typed:
    """One line as a person left it: what was pasted, and the carrier they chose, `""` where none."""

    pasted: Pasted
    carrier: str


@dataclass(frozen=True, slots=True)
class Option:
    """A carrier a number can be given to, and how surely it is that carrier's; `sure` is empty where it is not likely at all."""

    code: str
    name: str
    sure: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of what was typed, read. Without `parcel` it cannot be added, and `problem` says why.

    `chips` are the likeliest carriers, `others` all the rest. `known` is the merchant's parcel with that carrier and
    number, `elsewhere` one with the number under another carrier, `same_as` the line above with the same parcel.
    """

    pasted: Pasted
    carrier: str
    chips: tuple[Option, ...] = ()
    others: tuple[Option, ...] = ()
    parcel: ParcelForm | None = None
    format: str = ""
    notes: tuple[str, ...] = ()
    field: str = ""
    problem: str = ""
    known: Shipment | None = None
    elsewhere: Shipment | None = None
    same_as: int = 0

    @property
    def is_good(self) -> bool:
        return self.parcel is not None and not self.same_as

    @property
    def is_chosen_elsewhere(self) -> bool:
        """Whether the carrier is one of the long list."""
        return any(option.code == self.carrier for option in self.others)


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
        {**request.POST.dict(), "numbers": "\n".join(line.pasted.number for line in typed)}
        if is_second_step
        else request.POST
    )
    if not form.is_valid():
        return _page(request, form, status=400)
    if not is_second_step:
        typed = [Typed(pasted, form.cleaned_data["carrier"]) for pasted in form.cleaned_data["numbers"]]
    lines = read_lines(request.merchant, typed, form)
    if form.errors:
        return _page(request, form, status=400)
    if not is_second_step:
        return _page(request, form, lines=lines)
    return _store(request, form, lines)


def _typed_lines(request: MemberRequest) -> list[Typed]:
    """The lines of the second step with the carrier chosen for each; a line that was emptied is left out.

    What is chosen from the long list stands above the chips: it says nothing until somebody chooses there.
    """
    told = zip_longest(
        *(request.POST.getlist(name) for name in ("line-number", "line-order", "line-recipient")),
        fillvalue="",
    )
    return [
        Typed(
            Pasted(number.strip(), order.strip(), recipient.strip()),
            request.POST.get(f"other-{place}") or request.POST.get(f"carrier-{place}", ""),
        )
        for place, (number, order, recipient) in enumerate(told, start=1)
        if number.strip()
    ]


def read_lines(merchant: Merchant, typed: Sequence[Typed], form: AddNumbers) -> list[Line]:
    """Each line checked against every rule, with what the merchant has already; what is wrong with all goes to the form."""
    catalogue = Catalogue.read()
    lines = [_read_line(one, catalogue, form) for one in typed[:MOST_NUMBERS]]
    known, elsewhere = _known(merchant, [line.parcel for line in lines if line.parcel])
    seen: dict[tuple[str, str], int] = {}
    result = []
    for place, line in enumerate(lines, start=1):
        if line.parcel is not None:
            key = (line.parcel.carrier, line.parcel.number)
            there = known.get(key)
            line = replace(
                line,
                known=there,
                elsewhere=None if there else elsewhere.get(numbers.lookup_key(line.parcel.number)),
                same_as=seen.get(key, 0),
            )
            seen.setdefault(key, place)
        result.append(line)
    return result


def _read_line(typed: Typed, catalogue: Catalogue, form: AddNumbers) -> Line:
    pasted, names = typed.pasted, catalogue.offered
    candidates: dict[str, numbers.Candidate] = {}
    for one in numbers.recognise(pasted.number, catalogue.formats):
        # The surest first: a carrier with several shapes of numbers keeps its best.
        candidates.setdefault(str(one.carrier), one)
    likely = [code for code in candidates if code in names]
    chosen = typed.carrier or (likely[0] if likely else "")
    found = candidates.get(chosen)
    options = [Option(code, names[code], _how_sure(candidates[code].sure)) for code in likely]
    line = Line(
        pasted=pasted,
        carrier=chosen,
        chips=tuple(options[:_CHIPS]),
        others=(
            *options[_CHIPS:],
            *(Option(code, name, "") for code, name in names.items() if code not in likely),
        ),
        format=found.format if found else "",
    )
    if (refused := _refused(pasted)) is not None:
        return replace(line, field=refused[0], problem=refused[1])
    shared = form.cleaned_data
    try:
        parcel = read_parcel(
            pasted.number,
            # Without a likely carrier in use, the rule that is broken is told by the unlikely one, or by none.
            carrier=chosen or next(iter(candidates), None),
            gateway=shared["gateway"],
            postal_code=shared["postal_code"] or None,
            mailing_date=shared["mailing_date"] or None,
            catalogue=catalogue,
        )
    except BadParcel as refusal:
        if refusal.field in {"postal code", "mailing date"}:
            name = refusal.field.replace(" ", "_")
            if name not in form.errors:
                form.add_error(name, str(refusal))
            # The error took it out of the form's data, and the other lines are still to be read.
            shared.setdefault(name, "")
        return replace(line, field=_field_name(refusal.field), problem=str(refusal))
    notes = [parcel.warning, found.note if found else "", _left_out(pasted)]
    return replace(
        line,
        parcel=parcel,
        carrier=parcel.carrier,
        notes=tuple(dict.fromkeys(note for note in notes if note)),
    )


def _refused(pasted: Pasted) -> tuple[str, str] | None:
    """The field that does not fit its column, and the rule."""
    for field, text, most in (
        (_("Order"), pasted.order, _LONGEST_ORDER),
        (_("Recipient"), pasted.recipient, _LONGEST_RECIPIENT),
    ):
        if "\0" in text:
            return field, _("Null signs are not text.")
        if len(text) > most:
            return field, _("At most %(most)d signs; these are %(many)d.") % {"most": most, "many": len(text)}
    return None


def _left_out(pasted: Pasted) -> str:
    if not pasted.left_out:
        return ""
    return _("Left out, because only number, order and recipient are read: %(cells)s") % {
        "cells": ", ".join(pasted.left_out)[:200]
    }


def _known(
    merchant: Merchant, parcels: Sequence[ParcelForm]
) -> tuple[dict[tuple[str, str], Shipment], dict[str, Shipment]]:
    """The merchant's parcels with these numbers, the newest instance of each: by carrier and number, and by the number alone."""
    keys = {numbers.lookup_key(parcel.number) for parcel in parcels}
    mine = Shipment.objects.for_merchant(merchant).filter(lookup_key__in=keys)
    rows: Iterable[Shipment] = mine.select_related("carrier").order_by("instance") if keys else []
    known, by_number = {}, {}
    for row in rows:
        known[row.carrier_id, row.number] = by_number[row.lookup_key] = row
    return known, by_number


def _store(request: MemberRequest, form: AddNumbers, lines: Sequence[Line]) -> HttpResponse:
    """Store the good lines; come back with the others."""
    added = _add(request, [line for line in lines if line.is_good], form.cleaned_data["order_number"])
    new = sum(one.is_new for one in added)
    if new:
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
def _add(request: MemberRequest, lines: Sequence[Line], order_number: str) -> list[Added]:
    """Add all of them, or none where the database fails; what stands in a line goes before what holds for all."""
    wanted = [
        Wanted(line.parcel, line.pasted.order or order_number, line.pasted.recipient)
        for line in lines
        if line.parcel is not None
    ]
    before = {line.known.pk: _facts(line.known) for line in lines if line.known is not None}
    added = add_parcels(request.merchant, wanted)
    deeds = []
    for one in added:
        shipment, after = one.shipment, _facts(one.shipment)
        was = before.get(shipment.pk, after)
        changed = [name for name in after if after[name] != was[name]]
        if one.is_new:
            told = {"order_number": shipment.order_number, "recipient_name": shipment.recipient_name}
            deeds.append(Deed("added", shipment, {}, after | told))
        elif changed:
            deeds.append(
                Deed(
                    "changed",
                    shipment,
                    {name: was[name] for name in changed},
                    {name: after[name] for name in changed},
                )
            )
    record_all(request, deeds)
    if any(one.is_new for one in added):
        queueing.enqueue(queueing.SWEEP)
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
        "postal code": _("Postal code"),
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
        "bad": sum(line.parcel is None for line in lines),
        "double": sum(bool(line.same_as) for line in lines),
        # Sent along only where somebody pasted them: every field of every line costs.
        "with_cells": any(line.pasted.order or line.pasted.recipient for line in lines),
        # What holds for all lines travels with them to the second step.
        "shared": [form[name] for name in _SHARED],
        "told": _told(form) if lines else [],
    }
    return render(request, "dashboard/shipment_add.html", context, status=status)
