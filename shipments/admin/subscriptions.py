"""Buyers' subscriptions: to which parcel, on what ground and until when; never whole addresses or links."""

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.db.models.lookups import Exact
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from shipments.admin.audited import Audited, ReadOnly
from shipments.admin.paging import LargeTable, SetOrNot
from shipments.models import Shipment, Subscription


@admin.register(Subscription)
class SubscriptionAdmin(LargeTable, ReadOnly, Audited):
    """Subscriptions can be ended here, for who asks an operator to; begun they cannot be."""

    when_empty = _("Buyers subscribe on a parcel's page, merchants for them by an import.")
    list_display = ("confirmed_at", "shipment", "masked_email", "wants", "due_at", "unsubscribed_at")
    # Of a request that nobody has confirmed yet there is no moment.
    list_display_links = ("confirmed_at", "shipment")
    list_select_related = ("shipment",)
    list_filter = (("unsubscribed_at", SetOrNot),)
    # For the box; what it finds is said below.
    search_fields = ("shipment", "email")
    search_help_text = _("A tracking number or an e-mail address, whole")
    fields = (
        "shipment", "merchant", "masked_email", "wants", "language", "sight", "consent", "consent_source", "consent_by",
        "confirmed_at", "told", "due_at", "unsubscribed_at",
    )  # fmt: skip
    readonly_fields = fields
    actions = ("stop",)

    def called(self, row: Subscription) -> str:
        return str(row.shipment)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscription]:
        subscriptions: QuerySet[Subscription] = super().get_queryset(request)
        return subscriptions.defer("stop_token", "stop_sha256")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Subscription], search_term: str
    ) -> tuple[QuerySet[Subscription], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if "@" in term:
            return queryset.filter(Exact(Lower("email"), term.lower()), email__isnull=False), False
        return queryset.filter(shipment__in=Shipment.objects.with_number(term).values("pk")), False

    @admin.display(description=_("e-mail address"))
    def masked_email(self, subscription: Subscription) -> str:
        return subscription.masked_email

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("shipments.change_subscription")

    @admin.action(description=_("End the mails"), permissions=["stop"])
    def stop(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        now = timezone.now()
        ended = [one for one in queryset.select_related("shipment__merchant") if one.stop(now)]
        for one in ended:
            self.write_down(request, "ended", one, {"unsubscribed_at": None}, {"unsubscribed_at": now})
        self.message_user(
            request,
            ngettext("%(count)d subscription was ended.", "%(count)d subscriptions were ended.", len(ended))
            % {"count": len(ended)},
        )
