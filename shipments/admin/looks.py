"""Host names of merchants, and what their pages look like."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from shipments.admin.audited import Audited, ReadOnly
from shipments.models import Look, MerchantHost
from shipments.web.storefront import hosts


@admin.register(MerchantHost)
class MerchantHostAdmin(Audited):
    """The list of names that are answered to besides ALLOWED_HOSTS. A name is added or taken away, not changed."""

    when_empty = _(
        "Merchants' pages are at this site's own address until one of them has a name here, whose DNS leads to this server."
    )
    list_display = ("host", "merchant", "made_by", "made_at")
    list_select_related = ("merchant", "made_by")
    search_fields = ("host", "merchant__name", "merchant__slug")
    readonly_fields = ("made_by", "made_at")
    autocomplete_fields = ("merchant",)

    def get_fields(self, request: HttpRequest, obj: MerchantHost | None = None) -> tuple[str, ...]:
        return ("host", "merchant") if obj is None else ("host", "merchant", "made_by", "made_at")

    def has_change_permission(self, request: HttpRequest, obj: MerchantHost | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.made_by = request.user
        super().save_model(request, obj, form, change)
        # Other processes notice within a minute.
        transaction.on_commit(hosts.forget)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        transaction.on_commit(hosts.forget)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        super().delete_queryset(request, queryset)
        transaction.on_commit(hosts.forget)


@admin.register(Look)
class LookAdmin(ReadOnly, Audited):
    """What merchants have made of their pages, to look at: it is the owners' to change."""

    when_empty = _("A merchant's owners set name, colour and logo in their dashboard, under Settings.")
    list_display = ("merchant", "shown_name", "colour", "support_url", "changed_at")
    list_select_related = ("merchant",)
    search_fields = ("merchant__name", "merchant__slug", "shown_name")
    fields = (
        "merchant",
        "shown_name",
        "colour",
        "support_url",
        "name_beside_logo",
        "logo_sha256",
        "changed_at",
    )
    readonly_fields = fields

    def called(self, row: Look) -> str:
        return row.merchant.name

    def get_queryset(self, request: HttpRequest) -> QuerySet[Look]:
        looks: QuerySet[Look] = super().get_queryset(request)
        return looks.defer("logo")
