"""Carriers and their closed hours."""

from django.contrib import admin
from django.http import HttpRequest

from shipments.admin.audited import Audited
from shipments.models import Carrier, MaintenanceWindow


class WindowInline(admin.TabularInline):  # type: ignore[type-arg]
    model = MaintenanceWindow
    extra = 0


@admin.register(Carrier)
class CarrierAdmin(Audited):
    """Carriers are switched off instead of deleted: parcels point to them."""

    list_display = ("code", "name", "is_active", "scans_once", "position")
    search_fields = ("code", "name")
    inlines = (WindowInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Carrier | None = None) -> tuple[str, ...]:
        # Another code would be another carrier.
        return ("code",) if obj is not None else ()

    def has_delete_permission(self, request: HttpRequest, obj: Carrier | None = None) -> bool:
        return False
