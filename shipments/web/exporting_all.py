"""All data of a merchant, for its owners: asked for, made by the queue, fetched for a week. Also while it is suspended."""

from collections.abc import Callable
from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from shipments.bulk.export_slots import Held, NoSlot, Slot
from shipments.enums import Role
from shipments.keeping.exporting_all import start
from shipments.models import MerchantExport
from shipments.web.access import MemberRequest, for_members, record

# So many exports are listed.
LISTED = 5

# Who finds an open browser must not be able to take everything away.
_password_first: Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]
_password_first = reauthentication_required()


@require_http_methods(["GET", "HEAD", "POST"])
@for_members(Role.OWNER, while_suspended=True)
@_password_first
def page(request: MemberRequest) -> HttpResponse:
    """The exports of late; a post asks for one."""
    now = timezone.now()
    if request.method == "POST":
        with transaction.atomic():
            job, is_new = start(request.merchant, request.user, now)
            if is_new:
                record(request, "asked for all data", job)
        if is_new:
            messages.success(
                request, _("The file is being made. You get a mail when it is ready; nothing keeps you here.")
            )
        else:
            messages.info(request, _("A file is being made already."))
        return redirect("settings-export", request.merchant.slug)
    exports = list(MerchantExport.objects.for_merchant(request.merchant).newest_first()[:LISTED])
    context = {
        "room": "settings",
        "part": "export",
        "exports": [(export, export.can_be_fetched(now)) for export in exports],
        "is_going": any(not export.is_over for export in exports),
    }
    return render(request, "dashboard/settings_export.html", context)


@require_safe
@for_members(Role.OWNER, while_suspended=True)
@_password_first
def fetch(request: MemberRequest, export_id: UUID) -> HttpResponseBase:
    """The file."""
    job = MerchantExport.objects.for_merchant(request.merchant).filter(public_id=export_id).first()
    if job is None or not job.can_be_fetched(timezone.now()):
        raise Http404
    try:
        response = as_download(job, request.user.pk)
    except NoSlot:
        messages.error(request, _("Other files are on their way just now. Ask for this one in a minute."))
        return redirect("settings-export", request.merchant.slug)
    record(request, "fetched all data", job)
    return response


def as_download(job: MerchantExport, user_id: int) -> StreamingHttpResponse:
    """The file, piece by piece; NoSlot."""
    slot = Slot(user_id)
    response = StreamingHttpResponse(Held(job.pieces(), slot), content_type="application/zip")
    response["Content-Disposition"] = content_disposition_header(True, job.file_name) or "attachment"
    response["Content-Length"] = str(job.size)
    response["X-Accel-Buffering"] = "no"
    return response
