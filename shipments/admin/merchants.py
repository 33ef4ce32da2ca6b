"""Merchants: their list, their form, and the page of one. What else can be done with one stands in the modules beside."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from shipments.admin.choosing import Choosing
from shipments.admin.merchant_endings import EndingPages
from shipments.admin.merchant_exports import ExportPages
from shipments.admin.merchant_owners import OwnersPages
from shipments.enums import Role
from shipments.models import Invitation, Membership, Merchant, MerchantDeletion, Throttle
from shipments.tracking import limits

LIMITS = (
    "most_parcels", "most_new_parcels", "most_asked", "most_imports", "most_import_rows", "most_people",
)  # fmt: skip


class MerchantForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new merchant is made with an invitation of its owner: nobody else could get in."""

    owner_email = forms.EmailField(
        label=_("Owner's e-mail address"),
        max_length=254,
        help_text=_("Is invited by mail as the owner; the link works for 48 hours and can be sent again."),
    )

    class Meta:
        model = Merchant
        fields = ("slug", "name", "time_zone", "language", *LIMITS)
        help_texts: ClassVar = {
            "slug": _(
                "Stands in the addresses of its pages: once it is changed, those in mails and bookmarks lead nowhere."
            ),
            "time_zone": _(
                "As America/New_York. Its days begin and end by it, and it stands for places nobody knows the zone of."
            ),
        }


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a limit is used."""

    label: str
    has: str
    most: str
    is_full: bool


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


class MembershipInline(Choosing, admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    form = MembershipForm
    fields = ("user", "role")
    extra = 0
    autocomplete_fields = ("user",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        members: QuerySet[Membership] = super().get_queryset(request)
        return members.select_related("user")


class SuspendedFilter(admin.SimpleListFilter):
    title = _("standing")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("work", _("at work")), ("suspended", _("suspended")), ("leaving", _("to be deleted"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "work":
            return queryset.filter(suspended_at=None)
        if self.value() == "suspended":
            return queryset.exclude(suspended_at=None)
        if self.value() == "leaving":
            return queryset.filter(pk__in=MerchantDeletion.objects.open().values("merchant"))
        return queryset


@admin.register(Merchant)
class MerchantAdmin(OwnersPages, ExportPages, EndingPages):
    """A merchant is not deleted as other rows are: that would look for what is theirs through every large table. "Delete for
    good" is what deletes it."""

    when_empty = _("Add one here with its owner's address, or by “manage.py add_merchant”.")
    form = MerchantForm
    list_display = ("name", "slug", "standing", "time_zone", "created_at")
    list_filter = (SuspendedFilter,)
    search_fields = ("name", "slug")
    inlines = (MembershipInline,)
    change_form_template = "admin/shipments/merchant/change_form.html"

    # Thresholds, private links and the like are the merchant's own to set, on the dashboard.
    def get_fieldsets(self, request: HttpRequest, obj: Merchant | None = None) -> Any:
        own = ["slug", "name", "time_zone", "language"]
        return [
            (None, {"fields": own if obj else [*own, "owner_email"]}),
            (_("Limits"), {"fields": list(LIMITS), "description": _("Empty: no limit.")}),
        ]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        if obj is not None:
            form.base_fields.pop("owner_email", None)
        return form

    def get_inlines(self, request: HttpRequest, obj: Merchant | None) -> Any:
        return self.inlines if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Merchant | None = None) -> bool:
        return False

    @admin.display(description=_("standing"))
    def standing(self, merchant: Merchant) -> str:
        """Whether it is at work."""
        if merchant.suspended_at is None:
            return gettext("at work")
        return gettext("suspended since %(day)s") % {
            "day": date_format(timezone.localtime(merchant.suspended_at), "SHORT_DATE_FORMAT")
        }

    def save_model(self, request: HttpRequest, obj: Merchant, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            # In the transaction that adds the merchant: none is left without its owner.
            self._invite(request, obj, form.cleaned_data["owner_email"])

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The merchant's page, with how it stands, what it uses of its limits, and what can be done with it."""
        merchant = self.get_object(request, object_id) if request.method == "GET" else None
        more = {} if merchant is None else self._about(request, merchant)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def _about(self, request: HttpRequest, merchant: Merchant) -> dict[str, Any]:
        now = timezone.now()
        invitations = Invitation.objects.for_merchant(merchant).open().order_by("-made_at")
        return {
            "uses": self._uses(merchant),
            "deletion": MerchantDeletion.objects.of(merchant),
            "invitations": [
                (one, one.is_usable(now)) for one in invitations.filter(role=Role.OWNER).select_related(None)
            ],
            "has_owner": Membership.objects.filter(merchant=merchant, role=Role.OWNER).exists(),
            "may_delete_for_good": self._may_delete_for_good(request),
        }

    def _uses(self, merchant: Merchant) -> list[Use]:
        now = timezone.now()
        bound = merchant.most_new_parcels or 100_000
        new = limits.new_on(merchant.pk, now, merchant.time_zone, most=bound)
        invited = Invitation.objects.for_merchant(merchant).open().filter(expires_at__gt=now).count()
        people = Membership.objects.filter(merchant=merchant).count() + invited
        asked = Throttle.objects.tries_of(limits.ASKED_OF_MERCHANT, str(merchant.pk), timedelta(hours=1), now)
        return [
            _use(gettext("Parcels followed"), limits.followed(merchant.pk), merchant.most_parcels),
            _use(gettext("New parcels today, on its clock"), new, merchant.most_new_parcels),
            _use(gettext("Imports that run"), limits.running_imports(merchant.pk), merchant.most_imports),
            _use(gettext("People, invited ones included"), people, merchant.most_people),
            *(
                [_use(gettext("Parcels asked about by hand this hour"), asked, merchant.most_asked)]
                if merchant.most_asked is not None
                else []
            ),
        ]


def _use(label: str, has: int, most: int | None) -> Use:
    return Use(label, f"{has:,}", "" if most is None else f"{most:,}", most is not None and has >= most)
