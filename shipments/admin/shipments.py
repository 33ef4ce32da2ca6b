"""Parcels to look at: what the merchant told us, what the carrier told us, who asks and when."""

from datetime import date, time, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from shipments.admin.audited import ReadOnly
from shipments.admin.paging import LargeTable
from shipments.facts.times import offset_text
from shipments.models import Answer, ScanEvent, Shipment, Watch

IDENTITY = ("merchant", "carrier", "number", "number_as_typed", "instance", "order_number", "recipient_name")
TOLD = (
    "status", "status_text", "last_location", "shipped", "estimated", "delivered", "delivery_location", "delivery_description",
    "signed_by", "proof_url", "reattempt", "updated", "changed_at", "unreadable_scans",
)  # fmt: skip
ASKING = (
    "lifecycle", "end_reason", "gateway", "answered_by", "facts_fetched_at", "covered_from", "mailing_date", "destination_postal_code",
)  # fmt: skip
FURTHER = (
    "package_count", "service_code", "service_name", "weight_value", "weight_unit", "dimension", "reference_number",
    "smart_label_barcode", "second_number", "origin_city", "destination_city", "last_scan_at", "details", "created_at", "public_id",
    "lookup_key",
)  # fmt: skip


class _ReadOnlyInline(admin.TabularInline):  # type: ignore[type-arg]
    extra = 0
    can_delete = False
    show_change_link = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ScanInline(_ReadOnlyInline):
    """Newest first; those taken back and those of an earlier parcel with the number included."""

    model = ScanEvent
    fields = (
        "posted",
        "at",
        "known_by",
        "status",
        "code",
        "text",
        "where",
        "withdrawn_at",
        "earlier_parcel",
        "shown_by",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[ScanEvent]:
        scans: QuerySet[ScanEvent] = super().get_queryset(request)
        return scans.order_by("-ordered_at", "position", "-pk")

    @admin.display(description=_("posted"))
    def posted(self, scan: ScanEvent) -> str:
        return _moment(scan.local_date, scan.local_time, scan.offset)

    @admin.display(description=_("place"))
    def where(self, scan: ScanEvent) -> str:
        return " ".join(part for part in (scan.city, scan.region, scan.postal_code, scan.country) if part)

    @admin.display(description=_("answer"))
    def shown_by(self, scan: ScanEvent) -> str:
        return "" if scan.answer_id is None else _answer_link(scan.answer_id, str(scan.answer_id))


class AnswerInline(_ReadOnlyInline):
    model = Answer
    fields = ("fetched_at", "kind", "gateway", "size", "raw")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Answer]:
        answers: QuerySet[Answer] = super().get_queryset(request)
        # A page that lists answers has no use for their bytes.
        return answers.defer("body").order_by("-fetched_at", "-pk")

    @admin.display(description="SHA-256")
    def raw(self, answer: Answer) -> str:
        return _answer_link(answer.pk, answer.sha256)


class WatchInline(_ReadOnlyInline):
    model = Watch
    fields = (
        "due_at", "by_hand", "lease", "asks_with", "checked_at", "heard", "heard_text", "misses", "error_kind", "error_text", "error_at",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Watch]:
        watches: QuerySet[Watch] = super().get_queryset(request)
        return watches.select_related("account__merchant")

    @admin.display(description=_("account"))
    def asks_with(self, watch: Watch) -> str:
        return "" if watch.account is None else str(watch.account)


@admin.register(Shipment)
class ShipmentAdmin(LargeTable, ReadOnly):
    """Found by number in any form, or by order; changed by carriers and on the merchant's own pages."""

    when_empty = _("Merchants add parcels in their dashboard, by a file or a form.")
    list_display = ("number", "carrier", "merchant", "status", "lifecycle", "changed_at")
    list_select_related = ("carrier", "merchant")
    list_filter = ("status", "lifecycle", "carrier")
    search_fields = ("number",)
    search_help_text = _("A tracking number in any form, or the end of it; or an order")
    inlines = (WatchInline, ScanInline, AnswerInline)
    fieldsets = (
        (None, {"fields": IDENTITY}),
        (_("What the carrier says"), {"fields": TOLD}),
        (_("How it is asked about"), {"fields": ASKING}),
        (_("Further details"), {"fields": FURTHER, "classes": ("collapse",)}),
    )
    readonly_fields = (*IDENTITY, *TOLD, *ASKING, *FURTHER)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(pk__in=Shipment.objects.found_everywhere(search_term.strip())), False

    @admin.display(description=_("shipped"))
    def shipped(self, shipment: Shipment) -> str:
        return _moment(shipment.shipped_on, shipment.shipped_time, shipment.shipped_offset)

    @admin.display(description=_("expected"))
    def estimated(self, shipment: Shipment) -> str:
        if shipment.estimated_on is None:
            return "-"
        hours = [f"{at:%H:%M}" for at in (shipment.estimated_from, shipment.estimated_to) if at is not None]
        return f"{shipment.estimated_on} {'–'.join(hours)}".rstrip()

    @admin.display(description=_("delivered"))
    def delivered(self, shipment: Shipment) -> str:
        return _moment(shipment.delivered_on, shipment.delivered_time, shipment.delivered_offset)

    @admin.display(description=_("tried again"))
    def reattempt(self, shipment: Shipment) -> str:
        return _moment(shipment.reattempt_on, shipment.reattempt_time, shipment.reattempt_offset)

    @admin.display(description=_("posted"))
    def updated(self, shipment: Shipment) -> str:
        return _moment(shipment.updated_on, shipment.updated_time, shipment.updated_offset)


def _moment(on: date | None, at: time | None, offset: int | None) -> str:
    """The clock of the place, and how far it is from UTC where that is known."""
    clock = "" if at is None else f" {at:%H:%M:%S}"
    zone = "" if offset is None else f" {offset_text(timedelta(minutes=offset))}"
    return "-" if on is None else f"{on}{clock}{zone}"


def _answer_link(pk: int, text: str) -> str:
    return format_html('<a href="{}">{}</a>', reverse("admin:shipments_answer_change", args=[pk]), text)
