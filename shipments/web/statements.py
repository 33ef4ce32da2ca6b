"""Proof statements: made by who may see the parcel's page, kept as they were made, checked by anybody."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from shipments.enums import Status
from shipments.facts import spelling, wording
from shipments.facts import statements as form
from shipments.models import Proof, Shipment, Statement
from shipments.tracking.statements import state
from shipments.web import visitors
from shipments.web.access import MemberRequest, for_members, record
from shipments.web.discretion import about_a_parcel
from shipments.web.parcel_page import parcel_of
from shipments.web.parcel_view import Sight
from shipments.web.presenting import present
from shipments.web.proof_parts import ProofAddresses, addresses_by_link, addresses_for_member
from shipments.web.statement_view import ANY_DAY, moment_words, scans_of, view_of
from shipments.web.unlocking import behind_link
from shipments.web.uploading import bound_upload, is_far_too_large

# Of one parcel's statements these are listed.
MOST_LISTED = 30

# ---- For who has the private link


@require_http_methods(["GET", "HEAD", "POST"])
@about_a_parcel
def of_link(request: HttpRequest, token: str) -> HttpResponse:
    """The statements made through private links of the parcel; a POST makes one."""
    now = timezone.now()
    if not visitors.LINKS.allows(visitors.visitor(request), now):
        return visitors.too_many(request, visitors.LINKS, now=now)
    shipment = behind_link(request, token)
    if shipment is None:
        return render(request, "public/link_gone.html", status=404)
    if request.method == "POST":
        if not visitors.STATEMENTS.allows(str(shipment.public_id), now):
            return visitors.too_many(request, visitors.STATEMENTS, now=now)
        statement, _is_new = state(shipment, by=None, is_for_buyer=True, now=now)
        return redirect("private-statement", token, statement.number)
    context = {
        "statements": _listed(
            _for_buyers(shipment), lambda number: reverse("private-statement", args=[token, number])
        ),
        "shipment": shipment,
        "back_url": reverse("private-link", args=[token]),
    }
    return render(request, "public/statements.html", context)


@require_safe
@about_a_parcel
def by_link(request: HttpRequest, token: str, number: str, as_file: bool = False) -> HttpResponse:
    """One statement, to print, or as the file its digest is of."""
    now = timezone.now()
    if not visitors.LINKS.allows(visitors.visitor(request), now):
        return visitors.too_many(request, visitors.LINKS, now=now)
    shipment = behind_link(request, token)
    if shipment is None:
        return render(request, "public/link_gone.html", status=404)
    statement = _statement(_for_buyers(shipment), number)
    if as_file:
        return _file(statement)
    context = {
        **_to_print(request, statement, shipment, addresses_by_link(token)),
        "back_url": reverse("private-statements", args=[token]),
        "file_url": reverse("private-statement-file", args=[token, statement.number]),
    }
    return render(request, "public/statement.html", context)


def _for_buyers(shipment: Shipment) -> QuerySet[Statement]:
    """The statements of the parcel that its buyer may read."""
    return Statement.objects.of(shipment).under_its_carrier(shipment).filter(is_for_buyer=True)


# ---- For the merchant's people


@require_http_methods(["GET", "HEAD", "POST"])
@for_members()
def of_parcel(request: MemberRequest, public_id: UUID) -> HttpResponse:
    """All statements of the parcel; a POST makes one. Viewers may: it changes nothing of the parcel, and buyers may, too."""
    shipment = parcel_of(request, public_id)
    if request.method == "POST":
        with transaction.atomic():
            statement, is_new = state(shipment, by=request.user, is_for_buyer=False, now=timezone.now())
            if is_new:
                record(request, "made a statement", shipment, after={"number": statement.number})
        return redirect("shipment-statement", request.merchant.slug, public_id, statement.number)
    context = {
        "room": "shipments",
        "statements": _listed(
            Statement.objects.of(shipment),
            lambda number: reverse("shipment-statement", args=[request.merchant.slug, public_id, number]),
        ),
        "shipment": shipment,
    }
    return render(request, "dashboard/statements.html", context)


@require_safe
@for_members()
def for_member(request: MemberRequest, public_id: UUID, number: str, as_file: bool = False) -> HttpResponse:
    """One statement, to print, or as the file its digest is of."""
    shipment = parcel_of(request, public_id)
    statement = _statement(Statement.objects.of(shipment), number)
    if as_file:
        return _file(statement)
    slug = request.merchant.slug
    context = {
        **_to_print(request, statement, shipment, addresses_for_member(slug, public_id)),
        "room": "shipments",
        "shipment": shipment,
        "back_url": reverse("shipment-statements", args=[slug, public_id]),
        "file_url": reverse("shipment-statement-file", args=[slug, public_id, statement.number]),
    }
    return render(request, "dashboard/statement.html", context)


def _listed(statements: QuerySet[Statement], url_of: Callable[[str], str]) -> list[dict[str, Any]]:
    found = statements.select_related("made_by")
    return [
        {
            "number": one.number,
            "url": url_of(one.number),
            "made": moment_words(one.made_at),
            "by": one.made_by.get_full_name() if one.made_by else "",
            "is_for_buyer": one.is_for_buyer,
        }
        for one in found.exclude(document=None)[:MOST_LISTED]
    ]


def _statement(statements: QuerySet[Statement], number: str) -> Statement:
    """The one with this number, as long as it says something; else Http404."""
    statement = statements.filter(number=number).exclude(document=None).defer(None).first()
    if statement is None:
        raise Http404
    return statement


def _to_print(
    request: HttpRequest, statement: Statement, shipment: Shipment, addresses: ProofAddresses
) -> dict[str, Any]:
    kept = (
        Proof.objects.of(shipment).exclude(picture=None).values_list("picture__sha256", flat=True)
        if shipment.proof_url
        else []
    )
    # The map, drawn from what was stated.
    parcel = present(
        shipment, sight=Sight.PRIVATE_LINK, now=statement.made_at, scans=scans_of(statement, shipment)
    )
    return {
        "parcel": parcel,
        "statement": view_of(statement, pictures_at=addresses.pictures, kept=frozenset(kept)),
        "verify_url": request.build_absolute_uri(reverse("verify-statement", args=[statement.number])),
    }


def _file(statement: Statement) -> HttpResponse:
    """The document, byte for byte what was digested."""
    response = HttpResponse((statement.document or "").encode(), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{statement.number}.json"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


# ---- For everybody


# A statement of two thousand scans and a thousand answers is smaller.
MOST_UPLOADED = 4_000_000
_NUMBER = re.compile(rb'"number"\s{0,100}:\s{0,100}"([^"\\]{1,100})"')


@csrf_exempt  # a POST changes nothing, and its upload is bounded before anything looks into it
@require_http_methods(["GET", "HEAD", "POST"])
@about_a_parcel
def verify(request: HttpRequest, number: str = "") -> HttpResponse:
    """Whether a statement is ours and unchanged, by its number and digest, or by the file of it (POST)."""
    now = timezone.now()
    asks = request.method == "POST" or "digest" in request.GET
    if asks and not visitors.VERIFICATIONS.allows(visitors.visitor(request), now):
        return visitors.too_many(request, visitors.VERIFICATIONS, now=now)
    if request.method == "POST":
        return _verify_file(request)
    number = request.GET.get("number", number)[:100]
    typed = request.GET.get("digest", "")[:500]
    context: dict[str, Any] = {"number": number, "digest": typed}
    if not asks:
        return render(request, "public/verify.html", context)
    canonical_number, digest = form.read_number(number), form.read_digest(typed)
    context |= {"bad_number": canonical_number is None, "bad_digest": digest is None}
    if canonical_number is None or digest is None:
        return render(request, "public/verify.html", context, status=400)
    return _verdict(request, canonical_number, digest, context)


def _verify_file(request: HttpRequest) -> HttpResponse:
    context: dict[str, Any] = {"number": "", "digest": ""}
    content = b""
    if not is_far_too_large(request, MOST_UPLOADED):
        bounds = bound_upload(request, MOST_UPLOADED)
        file = request.FILES.get("file")
        if file is not None and not (bounds.is_too_large or bounds.is_too_slow):
            content = file.read()
    number = _number_in(content)
    if number is None:
        return render(request, "public/verify.html", {**context, "bad_file": True}, status=400)
    digest = form.digest(content)
    return _verdict(request, number, digest, {**context, "digest": form.in_groups(digest)})


def _number_in(content: bytes) -> str | None:
    """The number a statement's file says it has. Looked for, not parsed: an object of JSON may take twenty times the memory
    of its text. Within a text the quotation marks would have backslashes."""
    found = _NUMBER.search(content)
    return form.read_number(found[1].decode("ascii", "replace")) if found else None


def _verdict(request: HttpRequest, number: str, digest: str, context: dict[str, Any]) -> HttpResponse:
    """The same page, whatever comes out of it; facts only where number and digest fit."""
    # Whether it still says something is asked without reading what.
    found = (
        Statement.objects.filter(number=number)
        .defer("document")
        .annotate(was_erased=ExpressionWrapper(Q(document=None), output_field=BooleanField()))
        .first()
    )
    fits = found is not None and found.fits(digest)
    context |= {
        "number": number,
        "verdict": "fits" if fits else "none" if found is None else "changed",
        "stated": _stated(found) if found is not None and fits else None,
    }
    return render(request, "public/verify.html", context, status=404 if found is None else 200)


def _stated(statement: Any) -> dict[str, Any]:
    """What a tracking number alone would show, too; nobody's name."""
    return {
        "made": moment_words(statement.made_at),
        "carrier": statement.carrier,
        "number_ending": statement.number_ending,
        "status": wording.status_label(Status(statement.status)),
        "delivered": spelling.long_day(statement.delivered_on, ANY_DAY) if statement.delivered_on else "",
        "is_erased": statement.was_erased,
        "answers": [
            {**one, "fetched": moment_words(datetime.fromisoformat(one["fetched_at"]))}
            for one in statement.answers
        ],
    }
