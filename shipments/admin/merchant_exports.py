"""A merchant handed out whole: files with all its data."""

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.translation import gettext

from shipments.admin.merchant_pages import MerchantPages
from shipments.bulk.export_slots import NoSlot
from shipments.keeping import exporting_all
from shipments.models import MerchantExport, User
from shipments.web.exporting_all import as_download

# So many exports are listed on a merchant's page.
LISTED = 5


class ExportPages(MerchantPages):
    """A file is asked for, and fetched."""

    def get_urls(self) -> list[URLPattern]:
        return [
            self._route("export/", self.export_view, "export"),
            self._route("export/<uuid:export>/", self.fetch_view, "fetch"),
            *super().get_urls(),
        ]

    def export_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The files with all data of the merchant; a post has one made."""
        merchant = self._merchant(request, pk)
        if request.method == "POST":
            assert isinstance(request.user, User)
            with transaction.atomic():
                job, is_new = exporting_all.start(merchant, request.user, timezone.now())
                if is_new:
                    self.write_down(request, "asked for all data", job, {}, {})
            self.message_user(
                request,
                gettext("The file is being made. You get a mail when it is ready.")
                if is_new
                else gettext("A file is being made already."),
            )
            return HttpResponseRedirect(reverse("admin:shipments_merchant_export", args=[pk]))
        now = timezone.now()
        exports = MerchantExport.objects.for_merchant(merchant).newest_first()[:LISTED]
        listed = [(job, job.can_be_fetched(now)) for job in exports]
        return TemplateResponse(
            request,
            "admin/shipments/merchant/export.html",
            {
                **self._frame(
                    request, merchant, gettext("All data of %(merchant)s") % {"merchant": merchant}
                ),
                "exports": listed,
                "is_going": any(not job.is_over for job, _can in listed),
            },
        )

    def fetch_view(self, request: HttpRequest, pk: int, export: UUID) -> HttpResponseBase:
        """One of the files."""
        merchant = self._merchant(request, pk)
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        job = MerchantExport.objects.for_merchant(merchant).filter(public_id=export).first()
        if job is None or not job.can_be_fetched(timezone.now()):
            raise Http404
        try:
            response = as_download(job, request.user.pk or 0)
        except NoSlot:
            self.message_user(
                request,
                gettext("Other files are on their way just now. Ask for this one in a minute."),
                messages.ERROR,
            )
            return HttpResponseRedirect(reverse("admin:shipments_merchant_export", args=[pk]))
        self.write_down(request, "fetched all data", job, {}, {})
        return response
