"""Private links: who made them and when; never where they lead."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from shipments.admin.audited import Audited, ReadOnly
from shipments.admin.paging import LargeTable, SetOrNot
from shipments.models import PrivateLink, Shipment


@admin.register(PrivateLink)
class PrivateLinkAdmin(LargeTable, ReadOnly, Audited):
    """Links can be revoked here; their tokens are not even read."""

    when_empty = _("A merchant's people make them on a parcel's page.")
    list_display = ("made_at", "shipment", "made_by", "expires_at", "revoked_at")
    list_select_related = ("shipment", "made_by")
    list_filter = (("revoked_at", SetOrNot),)
    # For the box; what it finds is said below.
    search_fields = ("shipment",)
    search_help_text = _("A tracking number, whole")
    fields = ("shipment", "made_by", "made_at", "expires_at", "revoked_at")
    readonly_fields = fields
    actions = ("revoke",)
    # It would be the link itself.
    view_on_site = False

    def called(self, row: PrivateLink) -> str:
        return str(row.shipment)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PrivateLink]:
        links: QuerySet[PrivateLink] = super().get_queryset(request)
        return links.defer("token", "token_sha256")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[PrivateLink], search_term: str
    ) -> tuple[QuerySet[PrivateLink], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(shipment__in=Shipment.objects.with_number(search_term).values("pk")), False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("shipments.change_privatelink")

    @admin.action(description=_("Revoke the links"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[PrivateLink]) -> None:
        now = timezone.now()
        revoked = [link for link in queryset.select_related("shipment__merchant") if link.revoke(now)]
        for link in revoked:
            self.write_down(request, "revoked", link, {"revoked_at": None}, {"revoked_at": now})
        self.message_user(
            request,
            ngettext("%(count)d link was revoked.", "%(count)d links were revoked.", len(revoked))
            % {"count": len(revoked)},
        )
