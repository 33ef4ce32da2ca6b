"""Merchants and their people."""

from django.contrib import admin
from django.http import HttpRequest

from shipments.admin.audited import Audited
from shipments.admin.choosing import Choosing
from shipments.models import Membership, Merchant


class MembershipInline(Choosing, admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    fields = ("user", "role")
    extra = 0
    autocomplete_fields = ("user",)


@admin.register(Merchant)
class MerchantAdmin(Audited):
    """A merchant with parcels is not deleted here: that would take its facts and proofs along."""

    list_display = ("name", "slug", "time_zone", "created_at")
    search_fields = ("name", "slug")
    # Thresholds, language and the like are the merchant's own to set, on the dashboard.
    fields = ("slug", "name", "time_zone")
    inlines = (MembershipInline,)

    def has_delete_permission(self, request: HttpRequest, obj: Merchant | None = None) -> bool:
        if obj is None or obj.shipments.exists():
            return False
        return super().has_delete_permission(request, obj)
