"""Merchants and their people."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from shipments.admin.audited import Audited
from shipments.models import Membership, Merchant


class MembershipForm(forms.ModelForm):  # type: ignore[type-arg]
    """Who somebody is stays; what they may do is chosen. A box to choose people in would ask for each of them by a statement."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.fields["user"] = forms.CharField(
                disabled=True, required=False, label=self.fields["user"].label
            )
            self.initial["user"] = self.instance.user

    def clean_user(self) -> Any:
        return self.instance.user if self.instance.pk is not None else self.cleaned_data["user"]


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    form = MembershipForm
    fields = ("user", "role")
    extra = 0
    autocomplete_fields = ("user",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        members: QuerySet[Membership] = super().get_queryset(request)
        return members.select_related("user")


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
