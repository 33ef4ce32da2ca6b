"""Merchants and their people: made with an invitation of the owner, limited, suspended, handed out whole, deleted for good."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from shipments.admin.audited import Audited, ReadOnly
from shipments.admin.choosing import Choosing
from shipments.bulk.export_slots import NoSlot
from shipments.enums import Role
from shipments.keeping import deleting, exporting_all, suspending
from shipments.models import (
    Invitation,
    Membership,
    Merchant,
    MerchantDeletion,
    MerchantExport,
    Throttle,
    User,
    roles,
)
from shipments.tracking import limits
from shipments.web.exporting_all import as_download
from shipments.web.inviting import post_invitation
from shipments.web.people import no_room
from shipments.web.storefront import hosts

LIMITS = (
    "most_parcels", "most_new_parcels", "most_asked", "most_imports", "most_import_rows", "most_people",
)  # fmt: skip
# So many exports are listed on a merchant's page.
LISTED = 5


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


class SuspendForm(forms.Form):
    because = forms.CharField(
        label=_("Why"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60}),
        help_text=_("The merchant's people read it."),
    )


class InviteForm(forms.Form):
    email = forms.EmailField(label=_("E-mail address"), max_length=254)


class DeleteForm(forms.Form):
    """Deletion for good, confirmed by typing which merchant is meant."""

    days = forms.IntegerField(
        label=_("Days until then"),
        initial=deleting.GRACE.days,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text=_("The merchant is suspended at once. Until then the deletion can be called off."),
    )
    because = forms.CharField(
        label=_("Why"),
        max_length=300,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60}),
        help_text=_("The merchant's people read it."),
    )
    slug = forms.CharField(
        label=_("Short name of the merchant"),
        max_length=50,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, merchant: Merchant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._merchant = merchant
        self.fields["slug"].help_text = gettext("Type %(slug)s to confirm that it is this one.") % {
            "slug": merchant.slug
        }

    def clean_slug(self) -> str:
        typed: str = self.cleaned_data["slug"]
        if typed != self._merchant.slug:
            raise ValidationError(
                _("This is not the short name of this merchant. Nothing was done."), code="slug"
            )
        return typed


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
class MerchantAdmin(Audited):
    """A merchant with parcels is not deleted as other rows are: that would collect millions of them. "Delete for good" is."""

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
        if obj is None or obj.shipments.exists():
            return False
        return super().has_delete_permission(request, obj)

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

    # ---- The page of one -------------------------------------------------------------------------------------------

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

    # ---- What can be done with it ----------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        def route(address: str, view: Callable[..., HttpResponseBase], name: str) -> URLPattern:
            return path(
                f"<int:pk>/{address}", self.admin_site.admin_view(view), name=f"shipments_merchant_{name}"
            )

        return [
            route("suspend/", self.suspend_view, "suspend"),
            route("lift/", self.lift_view, "lift"),
            route("invite/", self.invite_view, "invite"),
            route("invite/<uuid:invitation>/", self.invite_again_view, "invite_again"),
            route("export/", self.export_view, "export"),
            route("export/<uuid:export>/", self.fetch_view, "fetch"),
            route("delete-for-good/", self.delete_for_good_view, "delete_for_good"),
            route("keep/", self.keep_view, "keep"),
            *super().get_urls(),
        ]

    def suspend_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Why; then everything of the merchant stops and is kept."""
        merchant = self._merchant(request, pk)
        form = SuspendForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self._ask(
                request,
                merchant,
                form,
                title=gettext("Suspend %(merchant)s") % {"merchant": merchant},
                told=[
                    gettext("No carrier is asked about its parcels, and nobody is written to: no alerts, digests or mails to buyers."),
                    gettext("Its dashboard says that it is suspended, and why. On public pages its numbers are as if nobody knew them."),
                    gettext("All its data is kept. When it is put back to work, its parcels are asked about again one after the other."),
                ],
                button=gettext("Suspend"),
            )  # fmt: skip
        because = form.cleaned_data["because"]
        with transaction.atomic():
            if suspending.suspend(merchant, because, timezone.now()):
                self.write_down(request, "suspended", merchant, {}, {"because": because})
        hosts.forget()
        self.message_user(request, gettext("%(merchant)s is suspended.") % {"merchant": merchant})
        return _back(pk)

    def lift_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Put it back to work."""
        merchant = self._posted(request, pk)
        try:
            with transaction.atomic():
                because = merchant.suspended_because
                if suspending.lift(merchant):
                    self.write_down(request, "put back to work", merchant, {"because": because}, {})
        except suspending.IsToBeDeleted:
            self.message_user(
                request,
                gettext("Nothing has changed: the merchant is to be deleted. Call the deletion off first."),
                messages.ERROR,
            )
            return _back(pk)
        hosts.forget()
        self.message_user(
            request,
            gettext(
                "%(merchant)s is at work again. Its parcels are asked about again one after the other, within %(hours)s."
            )
            % {"merchant": merchant, "hours": _spread(suspending.spread_of(merchant))},
        )
        return _back(pk)

    def invite_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Invite one more owner."""
        merchant = self._merchant(request, pk)
        form = InviteForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            email = form.cleaned_data["email"]
            if Membership.objects.filter(
                merchant=merchant, user__email=email.lower(), role=Role.OWNER
            ).exists():
                form.add_error("email", _("This person is an owner of the merchant already."))
            else:
                try:
                    self._invite(request, merchant, email)
                except roles.NoRoom as refusal:
                    form.add_error("email", no_room(refusal))
        if not form.is_valid():
            return self._ask(
                request,
                merchant,
                form,
                title=gettext("Invite an owner of %(merchant)s") % {"merchant": merchant},
                told=[
                    gettext(
                        "The link in the mail works for 48 hours. An open invitation of the same address ends."
                    )
                ],
                button=gettext("Invite"),
            )
        self._told_invited(request, form.cleaned_data["email"])
        return _back(pk)

    def invite_again_view(self, request: HttpRequest, pk: int, invitation: UUID) -> HttpResponse:
        """Send a new link to an address that was invited; the old one ends."""
        merchant = self._posted(request, pk)
        found = Invitation.objects.for_merchant(merchant).open().filter(public_id=invitation).first()
        if found is None:
            self.message_user(
                request,
                gettext("Nothing was sent: this invitation was accepted or withdrawn in the meantime."),
                messages.ERROR,
            )
            return _back(pk)
        try:
            self._invite(request, merchant, found.email)
        except roles.NoRoom as refusal:
            self.message_user(request, no_room(refusal), messages.ERROR)
            return _back(pk)
        self._told_invited(request, found.email)
        return _back(pk)

    def _invite(self, request: HttpRequest, merchant: Merchant, email: str) -> None:
        """Invite an owner and write the mail, in one transaction. NoRoom."""
        now = timezone.now()
        assert isinstance(request.user, User)
        with roles.changing(merchant):
            roles.check_room(merchant, email, now)
            invitation = Invitation.objects.invite(merchant, email, Role.OWNER, by=request.user, now=now)
            post_invitation(request, invitation)
            self.write_down(request, "invited", invitation, {}, {"email": email, "role": Role.OWNER.value})

    def _told_invited(self, request: HttpRequest, email: str) -> None:
        self.message_user(
            request,
            gettext("An invitation is on its way to %(email)s. It works for 48 hours.") % {"email": email},
        )

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

    def delete_for_good_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Say when and type the name; then the merchant is suspended, and deleted when the day has come."""
        merchant = self._merchant(request, pk)
        if not self._may_delete_for_good(request):
            raise PermissionDenied
        form = DeleteForm(request.POST if request.method == "POST" else None, merchant=merchant)
        if not form.is_valid():
            return self._ask(
                request,
                merchant,
                form,
                title=gettext("Delete %(merchant)s for good") % {"merchant": merchant},
                told=[
                    gettext("Its %(parcels)s parcels with all scans, answers and proofs, its imports, figures, settings, accounts and people go, and nothing brings them back. Only the audit stays, and a receipt with counts.") % {"parcels": f"{_parcels(merchant):,}"},
                    gettext("People who belong to no other merchant and are no operators are switched off, and their names and addresses forgotten."),
                    gettext("Its owners are told by mail today, and can fetch all data until then."),
                ],
                button=gettext("Delete for good"),
                is_dangerous=True,
            )  # fmt: skip
        now = timezone.now()
        assert isinstance(request.user, User)
        with transaction.atomic():
            deletion = deleting.ask(
                merchant,
                because=form.cleaned_data["because"],
                due_at=now + timedelta(days=form.cleaned_data["days"]),
                by=request.user,
                now=now,
            )
            if deletion.asked_at == now:
                self.write_down(request, "deletion asked for", merchant, {}, {"due_at": deletion.due_at})
        hosts.forget()
        self.message_user(
            request,
            gettext("%(merchant)s is suspended, and will be deleted on %(day)s.")
            % {"merchant": merchant, "day": date_format(timezone.localtime(deletion.due_at))},
            messages.WARNING,
        )
        return _back(pk)

    def keep_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Call the deletion off."""
        merchant = self._posted(request, pk)
        if not self._may_delete_for_good(request):
            raise PermissionDenied
        deletion = MerchantDeletion.objects.of(merchant)
        with transaction.atomic():
            is_kept = deletion is not None and deleting.call_off(deletion, merchant, timezone.now())
            if is_kept:
                self.write_down(request, "deletion called off", merchant, {}, {})
        if is_kept:
            hosts.forget()
            self.message_user(request, gettext("%(merchant)s is kept.") % {"merchant": merchant})
        else:
            self.message_user(
                request,
                gettext("Nothing has changed: the deletion has begun, or was called off before."),
                messages.ERROR,
            )
        return _back(pk)

    def _may_delete_for_good(self, request: HttpRequest) -> bool:
        return super().has_delete_permission(request)

    def _merchant(self, request: HttpRequest, pk: int) -> Merchant:
        """The merchant, for who may change it."""
        merchant = get_object_or_404(Merchant, pk=pk)
        if not self.has_change_permission(request, merchant):
            raise PermissionDenied
        return merchant

    def _posted(self, request: HttpRequest, pk: int) -> Merchant:
        """The same for what only a form's button does."""
        if request.method != "POST":
            raise PermissionDenied
        return self._merchant(request, pk)

    def _ask(
        self,
        request: HttpRequest,
        merchant: Merchant,
        form: forms.Form,
        *,
        title: str,
        told: list[str],
        button: str,
        is_dangerous: bool = False,
    ) -> HttpResponse:
        context = {
            **self._frame(request, merchant, title),
            "form": form,
            "told": told,
            "button": button,
            "is_dangerous": is_dangerous,
        }
        status = 400 if form.is_bound else 200
        return TemplateResponse(request, "admin/shipments/merchant/ask.html", context, status=status)

    def _frame(self, request: HttpRequest, merchant: Merchant, title: str) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": merchant,
            "title": title,
        }


@admin.register(MerchantDeletion)
class MerchantDeletionAdmin(ReadOnly):
    """What was deleted, and what is going to be."""

    list_display = ("name", "slug", "asked_at", "due_at", "called_off_at", "begun_at", "finished_at", "rows")
    search_fields = ("slug", "name")
    ordering = ("-asked_at",)
    fields = (
        "name", "slug", "merchant", "asked_at", "asked_by", "due_at", "called_off_at", "begun_at", "finished_at", "counts",
    )  # fmt: skip

    @admin.display(description=_("rows deleted"))
    def rows(self, deletion: MerchantDeletion) -> str:
        return f"{deletion.rows:,}"


def _use(label: str, has: int, most: int | None) -> Use:
    return Use(label, f"{has:,}", "" if most is None else f"{most:,}", most is not None and has >= most)


def _parcels(merchant: Merchant) -> int:
    """How many parcels the merchant has, by the tallies."""
    return sum(limits.counts_of(merchant.pk).values())


def _spread(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    return (
        gettext("%(hours)d hours") % {"hours": minutes // 60}
        if minutes >= 120
        else gettext("%(minutes)d minutes") % {"minutes": minutes}
    )


def _back(pk: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:shipments_merchant_change", args=[pk]))
