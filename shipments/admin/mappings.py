"""What carriers' codes and texts mean: an operator's mappings, and the words nobody has mapped yet."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from shipments.admin.audited import Audited, ReadOnly
from shipments.models import StatusMapping, UnrecognisedCode


@admin.register(StatusMapping)
class StatusMappingAdmin(Audited):
    list_display = ("carrier", "code", "text", "status")
    list_filter = ("carrier", "status")
    list_select_related = ("carrier",)
    search_fields = ("code", "text")


@admin.register(UnrecognisedCode)
class UnrecognisedCodeAdmin(ReadOnly):
    """What no table knows yet, the newest first; a mapping is one click away."""

    list_display = ("carrier", "code", "text", "scans", "first_seen_at", "last_seen_at", "mapping")
    list_display_links = None
    list_filter = ("carrier",)
    list_select_related = ("carrier",)
    search_fields = ("code", "text")
    ordering = ("-last_seen_at", "-pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[UnrecognisedCode]:
        fits = (
            StatusMapping.objects.filter(carrier=OuterRef("carrier"))
            .filter(Q(code="") | Q(code=OuterRef("code")), Q(text="") | Q(text__iexact=OuterRef("text")))
            .order_by("-code", "-text")
        )
        rows: QuerySet[UnrecognisedCode] = super().get_queryset(request)
        return rows.annotate(mapped_to=Subquery(fits.values("status")[:1]))

    @admin.display(description=_("mapping"))
    def mapping(self, row: Any) -> str:
        if row.mapped_to:
            return gettext("means %(status)s from now on") % {"status": row.mapped_to}
        query = urlencode({"carrier": row.carrier_id, "code": row.code, "text": row.text})
        address = f"{reverse('admin:shipments_statusmapping_add')}?{query}"
        return format_html('<a href="{}">{}</a>', address, gettext("Add a mapping"))
