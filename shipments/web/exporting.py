"""Parcels as a file: what the list shows, or those that were ticked."""

from collections.abc import Iterable

from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from shipments.bulk.export_slots import Held, NoSlot, Slot
from shipments.bulk.exporting import BadColumn, csv_lines, read_columns
from shipments.bulk.filters import BadFilter, ListFilter
from shipments.facts import spelling
from shipments.models import Shipment
from shipments.models.shipments import ShipmentQuerySet
from shipments.web.access import MemberRequest, for_members, record
from shipments.web.bulk import refused
from shipments.web.forms_bulk import BadSelection, read_selection

SPREADSHEET = "spreadsheet"


@require_http_methods(["GET", "POST"])
@for_members()
def export(request: MemberRequest) -> HttpResponse | StreamingHttpResponse:
    """A CSV file, streamed: by GET what the list's own address shows, by POST what was ticked.

    `column`, repeated, names the columns and their order; `for=spreadsheet` keeps long numbers whole in Excel.
    """
    asked = request.POST if request.method == "POST" else request.GET
    try:
        columns = read_columns(asked.getlist("column"))
        parcels = _ticked(request) if request.method == "POST" else _shown(request)
    except BadColumn as refusal:
        return refused(
            request,
            _("The file has no column “%(name)s”. Leave the names of columns out to get all.")
            % {"name": str(refusal)[:40]},
        )
    except (BadFilter, BadSelection) as refusal:
        return refused(request, str(refusal))
    purpose = asked.get("for", "")
    if purpose not in {"", SPREADSHEET}:
        return refused(request, _("A file is made for a spreadsheet, or for nothing in particular."))
    today = spelling.today_at(timezone.now(), request.merchant.time_zone)
    response = streamed(
        request,
        csv_lines(parcels, columns, for_spreadsheet=purpose == SPREADSHEET),
        name=f"{request.merchant.slug}-parcels-{today.isoformat()}.csv",
    )
    if response.streaming:
        try:
            _write_down(request, [column.name for column in columns])
        except BaseException:
            response.close()
            raise
    return response


def _write_down(request: MemberRequest, columns: list[str]) -> None:
    """That somebody takes parcels along, and which; by what the list was narrowed down and not to what: people look for
    names."""
    asked = request.POST if request.method == "POST" else request.GET
    narrowed = QueryDict(asked.get("query", "")) if request.method == "POST" else asked
    record(
        request,
        "exported",
        request.merchant,
        after={
            "columns": " ".join(columns),
            "narrowed_by": " ".join(sorted({*narrowed} - {"column", "for"})),
            "ticked": len(asked.getlist("pick")),
        },
    )


def streamed(
    request: MemberRequest, pieces: Iterable[bytes], *, name: str, charset: str = "utf-8"
) -> HttpResponse | StreamingHttpResponse:
    """A CSV file, sent piece by piece while it is made; or a page that says to come again, where too many are being made."""
    try:
        slot = Slot(request.user.pk)
    except NoSlot as refusal:
        return _come_again(request, is_own_doing=refusal.is_own_doing)
    response = StreamingHttpResponse(Held(pieces, slot), content_type=f"text/csv; charset={charset}")
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    # A proxy that gathers the file before it passes it on would undo the streaming.
    response["X-Accel-Buffering"] = "no"
    return response


def _come_again(request: MemberRequest, *, is_own_doing: bool) -> HttpResponse:
    if is_own_doing:
        message = _(
            "Two of your files are still on their way. When one of them is complete, or cancelled in your browser, ask for this one again."
        )
    else:
        message = _(
            "Other people’s files are being made just now, as many as can be at once. Ask for this one again in a minute."
        )
    response = refused(request, message, status=429 if is_own_doing else 503)
    response["Retry-After"] = "60"
    return response


def _shown(request: MemberRequest) -> ShipmentQuerySet:
    now = timezone.now()
    mine = Shipment.objects.for_merchant(request.merchant).filter(created_at__lte=now)
    wanted = ListFilter.from_query(request.GET.urlencode())
    return wanted.apply(mine, merchant=request.merchant, now=now, reader=request.membership)


def _ticked(request: MemberRequest) -> ShipmentQuerySet:
    return read_selection(request.POST, request.membership).parcels()
