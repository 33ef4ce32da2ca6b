"""A merchant suspended, put back to work, and deleted for good."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from shipments.admin.audited import ReadOnly
from shipments.admin.merchant_pages import MerchantPages, back_to
from shipments.keeping import deleting, suspending
from shipments.models import Merchant, MerchantDeletion, User
from shipments.tracking import limits
from shipments.web.storefront import hosts


class SuspendForm(forms.Form):
    because = forms.CharField(
        label=_("Why"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60}),
        help_text=_("The merchant's people read it."),
    )


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


class EndingPages(MerchantPages):
    """What stops a merchant for a while or for good, and what takes that back."""

    def get_urls(self) -> list[URLPattern]:
        return [
            self._route("suspend/", self.suspend_view, "suspend"),
            self._route("lift/", self.lift_view, "lift"),
            self._route("delete-for-good/", self.delete_for_good_view, "delete_for_good"),
            self._route("keep/", self.keep_view, "keep"),
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
        return back_to(pk)

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
            return back_to(pk)
        hosts.forget()
        self.message_user(
            request,
            gettext(
                "%(merchant)s is at work again. Its parcels are asked about again one after the other, within %(hours)s."
            )
            % {"merchant": merchant, "hours": _spread(suspending.spread_of(merchant))},
        )
        return back_to(pk)

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
                    _what_goes(merchant),
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
        return back_to(pk)

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
        return back_to(pk)

    def _may_delete_for_good(self, request: HttpRequest) -> bool:
        return super().has_delete_permission(request)


@admin.register(MerchantDeletion)
class MerchantDeletionAdmin(ReadOnly):
    """What was deleted, and what is going to be."""

    when_empty = _("Merchants are deleted for good on their own page, after a time of grace.")
    list_display = ("name", "slug", "asked_at", "due_at", "called_off_at", "begun_at", "finished_at", "rows")
    search_fields = ("slug", "name")
    ordering = ("-asked_at",)
    fields = (
        "name", "slug", "merchant", "asked_at", "by", "due_at", "called_off_at", "begun_at", "finished_at", "counts",
    )  # fmt: skip
    readonly_fields = ("by",)

    def called(self, row: MerchantDeletion) -> str:
        return row.name

    @admin.display(description=_("asked for by"))
    def by(self, deletion: MerchantDeletion) -> str:
        """The address of the person, or the number of one who is no more."""
        if deletion.asked_by is None:
            return gettext("a command")
        person = User.objects.filter(pk=deletion.asked_by).first()
        return f"User:{deletion.asked_by}" if person is None else person.email

    @admin.display(description=_("rows deleted"))
    def rows(self, deletion: MerchantDeletion) -> str:
        return f"{deletion.rows:,}"


def _parcels(merchant: Merchant) -> int:
    """How many parcels the merchant has, by the tallies."""
    return sum(limits.counts_of(merchant.pk).values())


def _what_goes(merchant: Merchant) -> str:
    parcels = _parcels(merchant)
    return ngettext(
        "Its one parcel with all scans, answers and proofs, its imports, figures, settings, accounts and people go, and nothing brings them back. Only the audit stays, and a receipt with counts.",
        "Its %(parcels)s parcels with all scans, answers and proofs, its imports, figures, settings, accounts and people go, and nothing brings them back. Only the audit stays, and a receipt with counts.",
        parcels,
    ) % {"parcels": f"{parcels:,}"}


def _spread(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes >= 120:
        return gettext("%(hours)d hours") % {"hours": minutes // 60}
    return ngettext("%(minutes)d minute", "%(minutes)d minutes", minutes) % {"minutes": minutes}
