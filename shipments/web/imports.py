"""Importing a file: dropped, its columns matched, looked at, stored in the background, its refused rows fetched."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Min
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from shipments import queueing
from shipments.bulk import receiving
from shipments.bulk.columns import BY_KEY
from shipments.bulk.reading import MOST_BYTES, MOST_ROWS
from shipments.bulk.refused import refused_file
from shipments.enums import Role, WorkState
from shipments.facts import figure_words, spelling
from shipments.facts.file_rows import Unreadable
from shipments.models import BadRow, Import
from shipments.models.imports import BAD_ROWS_KEPT, ImportQuerySet
from shipments.tracking.catalogue import Catalogue
from shipments.tracking.limits import TooManyImports, check_import
from shipments.web.access import MemberRequest, for_members, record
from shipments.web.exporting import streamed
from shipments.web.forms import Mark
from shipments.web.forms_imports import MatchForm, UploadForm
from shipments.web.htmx import page_or_fragment
from shipments.web.import_preview import preview_rows, shown_keys
from shipments.web.uploading import LONGEST_UPLOAD, bound_upload, is_far_too_large

PAGE_SIZE = 30
# Rows of a file that a person sees before it is imported, and reasons on the page of its result.
SHOWN_ROWS = 20
# Refused rows whose reasons are counted there: the page of a file that is all wrong costs what any other does.
JUDGED_ROWS = 2_000
# First values of a column beside its heading.
SHOWN_VALUES = 3
# Seconds between two looks at a running import.
POLL = 1


# ---- The list, and a new file --------------------------------------------------------------------------------------


@require_safe
@for_members()
def import_list(request: MemberRequest) -> HttpResponse:
    """The merchant's imports, newest first."""
    return _list(request, UploadForm())


@csrf_exempt  # checked below, once the bounds of the upload are set
@require_http_methods(["GET", "HEAD", "POST"])
@for_members(Role.MANAGER)
def new(request: MemberRequest) -> HttpResponse:
    """Take a file and lead to the match of its columns; a file that is refused is told why on the same page."""
    if request.method != "POST":
        return _list(request, UploadForm())
    if is_far_too_large(request, MOST_BYTES):
        form = UploadForm({}, MultiValueDict())
        form.refuse_size()
        return _list(request, form, status=400)
    return _receive(request)


def _receive(request: MemberRequest) -> HttpResponse:
    bounds = bound_upload(request, MOST_BYTES)

    @csrf_protect
    def checked(request: Any) -> HttpResponse:
        form = UploadForm(request.POST, request.FILES)
        if bounds.is_too_large:
            form.refuse_size()
        elif bounds.is_too_slow:
            form.refuse_time(LONGEST_UPLOAD)
        elif form.is_valid():
            file = form.cleaned_data["file"]
            try:
                with transaction.atomic():
                    job = receiving.receive(
                        file.file,
                        file.name,
                        merchant=request.merchant,
                        by=request.user,
                        language=get_language() or "en",
                        now=timezone.now(),
                    )
                    record(request, "uploaded", job, after={"file_sha256": job.sha256})
            except Unreadable as refusal:
                form.add_error("file", str(refusal))
            else:
                return redirect("import-match", request.merchant.slug, job.public_id)
        return _list(request, form, status=400)

    response: HttpResponse = checked(request)
    return response


@dataclass(frozen=True, slots=True)
class Figures:
    """The counts of an import as people write figures."""

    rows: str
    done: str
    good: str
    double: str
    learnt: str
    bad: str
    subscribed: str
    unconsented: str
    erased_rows: str

    @classmethod
    def of(cls, job: Import) -> "Figures":
        counts = (
            job.rows_total, job.rows_done, job.good, job.double, job.learnt, job.bad, job.subscribed, job.unconsented,
            job.erased_rows,
        )  # fmt: skip
        return cls(*map(figure_words.count, counts))


@dataclass(frozen=True, slots=True)
class ListedImport:
    """One import of the list."""

    job: Import
    figures: Figures
    label: str
    group: str
    age: str


def _list(request: MemberRequest, form: UploadForm, *, status: int = 200) -> HttpResponse:
    after = Mark.read(request.GET.get("after", "")[:100])
    found: ImportQuerySet = Import.objects.for_merchant(request.merchant)
    if after is not None and isinstance(after.key, datetime):
        found = found.filter(made_at__lte=after.key).exclude(made_at=after.key, pk__gte=after.pk)
    page = list(found.select_related("by").newest_first()[: PAGE_SIZE + 1])
    now = timezone.now()
    older = ""
    if len(page) > PAGE_SIZE:
        older = "?" + urlencode({"after": str(Mark(page[PAGE_SIZE - 1].made_at, page[PAGE_SIZE - 1].pk))})
    context = {
        "room": "imports",
        "form": form,
        "imports": [
            ListedImport(job, Figures.of(job), *_state(job), spelling.age(now - job.made_at))
            for job in page[:PAGE_SIZE]
        ],
        "older_query": older,
        "is_first_page": after is None,
        "most_rows": figure_words.count(MOST_ROWS),
        "most_megabytes": MOST_BYTES // (1024 * 1024),
    }
    return render(request, "dashboard/import_list.html", context, status=status)


def _state(job: Import) -> tuple[str, str]:
    """How far it is, in a word and as a colour and shape."""
    return {
        WorkState.DRAFT: (_("Not started"), "unknown"),
        WorkState.WAITING: (_("Waiting"), "waiting"),
        WorkState.RUNNING: (_("Running"), "moving"),
        WorkState.DONE: (_("Done"), "done"),
        WorkState.CANCELLED: (_("Cancelled"), "needs-you"),
        WorkState.FAILED: (_("Stopped"), "trouble"),
    }[WorkState(job.state)]


# ---- A draft: match and preview ------------------------------------------------------------------------------------


def _of(request: MemberRequest, import_id: UUID) -> Import:
    job = get_object_or_404(
        Import.objects.for_merchant(request.merchant).with_twin().select_related("by"), public_id=import_id
    )
    job.merchant = request.merchant
    return job


@dataclass(frozen=True, slots=True)
class FileColumn:
    """A column of the file: its heading, its first values, and the field in which a person says what it is."""

    heading: str
    values: list[str]
    field: Any


@require_http_methods(["GET", "HEAD", "POST"])
@for_members(Role.MANAGER)
def match(request: MemberRequest, import_id: UUID) -> HttpResponse:
    """Say what each column of the file is."""
    job = _of(request, import_id)
    if not job.is_draft:
        return redirect("import-detail", request.merchant.slug, import_id)
    rows = receiving.sample(job)
    if request.method == "POST" and "has_header" in request.POST:
        receiving.match_columns(job, rows, has_header=request.POST["has_header"] == "yes")
        job.save()
        return redirect("import-match", request.merchant.slug, import_id)
    body = receiving.rows_of(job, rows)
    if request.method == "POST":
        form = MatchForm(job, body, request.POST)
        if form.is_valid():
            form.save()
            return redirect("import-preview", request.merchant.slug, import_id)
    else:
        form = MatchForm(job, body, initial=_said(job))
    context = {
        "room": "imports",
        "job": job,
        "figures": Figures.of(job),
        "form": form,
        "columns": [
            FileColumn(
                heading or _("Column %(place)d") % {"place": place + 1},
                [row.cells[place][:80] for row in body[:SHOWN_VALUES] if place < len(row.cells)],
                form[f"column-{place}"],
            )
            for place, heading in enumerate(job.header)
        ],
        "settings": [form[name] for name in ("default_carrier", "default_mailing_date", "date_order", "tag")],
        "is_remembered": job.has_header and receiving.is_remembered(job),
    }
    return render(request, "dashboard/import_match.html", context, status=400 if form.errors else 200)


def _said(job: Import) -> dict[str, Any]:
    return {f"column-{place}": key for place, key in enumerate(job.columns)} | {
        "default_carrier": job.default_carrier,
        "default_mailing_date": job.default_mailing_date,
        "date_order": job.date_order,
        "tag": job.tag,
    }


@require_safe
@for_members(Role.MANAGER)
def preview(request: MemberRequest, import_id: UUID) -> HttpResponse:
    """The first rows as they will be read; nothing is stored yet."""
    job = _of(request, import_id)
    if not job.is_draft:
        return redirect("import-detail", request.merchant.slug, import_id)
    if "number" not in job.columns:
        return redirect("import-match", request.merchant.slug, import_id)
    rows = preview_rows(job, receiving.rows_of(job, receiving.sample(job))[:SHOWN_ROWS], Catalogue.read())
    refused = sum(bool(row.problem) for row in rows)
    context = {
        "room": "imports",
        "job": job,
        "figures": Figures.of(job),
        "rows": rows,
        "labels": [BY_KEY[key].label for key in shown_keys(job)],
        "refused": refused,
        "many_refused": 2 * refused > len(rows),
    }
    return render(request, "dashboard/import_preview.html", context)


# ---- Running, and the result ---------------------------------------------------------------------------------------


@require_POST
@for_members(Role.MANAGER)
def start(request: MemberRequest, import_id: UUID) -> HttpResponse:
    """Hand the draft to the queue; pressing twice starts once."""
    job = _of(request, import_id)
    if job.is_draft and "number" not in job.columns:
        return redirect("import-match", request.merchant.slug, import_id)
    try:
        with transaction.atomic():
            if job.is_draft:
                check_import(job)
            if job.start(now := timezone.now()):
                record(
                    request, "started import", job, after={"file_sha256": job.sha256, "rows": job.rows_total}
                )
                receiving.remember(job, now)
                queueing.enqueue(queueing.WORK_ON_IMPORT, job.pk)
    except TooManyImports as refusal:
        messages.error(request, str(refusal))
        return redirect("import-preview", request.merchant.slug, import_id)
    return redirect("import-detail", request.merchant.slug, import_id)


@require_POST
@for_members(Role.MANAGER)
def cancel(request: MemberRequest, import_id: UUID) -> HttpResponse:
    """Throw a draft away, or stop what runs; parcels that are stored stay."""
    job = _of(request, import_id)
    with transaction.atomic():
        is_draft = job.discard()
        if is_draft or job.ask_to_cancel(timezone.now()):
            record(request, "cancelled import", job, before={"state": job.state})
    return (
        redirect("import-list", request.merchant.slug)
        if is_draft
        else redirect("import-detail", request.merchant.slug, import_id)
    )


@require_safe
@for_members()
def import_detail(request: MemberRequest, import_id: UUID) -> HttpResponse:
    """How far an import is, and what came of it."""
    job = _of(request, import_id)
    label, group = _state(job)
    context = {
        "room": "imports",
        "job": job,
        "figures": Figures.of(job),
        "label": label,
        "group": group,
        "duration": _duration(job),
        "reasons": _reasons(job) if job.bad and job.is_over else [],
        "judged": figure_words.count(min(job.bad, JUDGED_ROWS)),
        "all_judged": job.bad <= JUDGED_ROWS,
        "parcels_url": _parcels_url(request, job),
        "bad_rows_gone": _is_past(job.finished_at, timezone.now()),
        "bad_rows_days": BAD_ROWS_KEPT.days,
        "poll_seconds": POLL,
    }
    return page_or_fragment(
        request, "dashboard/import_detail.html", "dashboard/_import_progress.html", context
    )


@dataclass(frozen=True, slots=True)
class ReasonView:
    """One reason for which rows were refused: of which column, how many of them, and the first."""

    column: Any
    reason: str
    rows: int
    first: int


def _reasons(job: Import) -> list[ReasonView]:
    """Why the first refused rows were refused, the most frequent reason first."""
    first = job.bad_rows.order_by("row")[:JUDGED_ROWS]
    groups = (
        BadRow.objects.filter(pk__in=first.values("pk"))
        .values("field", "reason")
        .annotate(rows=Count("pk"), first=Min("row"))
        .order_by("-rows", "first")[:SHOWN_ROWS]
    )
    return [
        ReasonView(
            BY_KEY[group["field"]].label if group["field"] in BY_KEY else "",
            group["reason"],
            group["rows"],
            group["first"],
        )
        for group in groups
    ]


def _parcels_url(request: MemberRequest, job: Import) -> str:
    """The list of the new parcels by their tag; without one, of those added on the merchant's day."""
    if job.tag:
        query = urlencode({"tag": job.tag})
    else:
        day = spelling.today_at(job.started_at or job.made_at, request.merchant.time_zone)
        query = urlencode({"added_from": day, "added_to": day})
    return f"{reverse('shipment-list', args=[request.merchant.slug])}?{query}"


def _duration(job: Import) -> int | None:
    """Whole seconds from the start to the end, at least one."""
    if job.started_at is None or job.finished_at is None:
        return None
    return max(1, round((job.finished_at - job.started_at).total_seconds()))


def _is_past(finished_at: datetime | None, now: datetime) -> bool:
    return finished_at is not None and now - finished_at > BAD_ROWS_KEPT


@require_safe
@for_members()
def bad_rows(request: MemberRequest, import_id: UUID) -> HttpResponse:
    """The refused rows as a file, the reason in front of each."""
    job = _of(request, import_id)
    stem = job.file_name.rsplit(".", 1)[0][:150]
    charset = {"utf-8-sig": "utf-8", "cp1252": "windows-1252"}.get(job.encoding, job.encoding)
    # Translators: end of a file's name, before ".csv".
    name = f"{stem} {_('to be mended')}.csv"
    response = streamed(request, refused_file(job), name=name, charset=charset)
    response["X-Content-Type-Options"] = "nosniff"
    # A streamed answer goes through every decorator as the others do.
    return cast(HttpResponse, response)
