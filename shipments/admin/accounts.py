"""Accounts at the gateways: key and secret go in and never come out."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from shipments import queueing
from shipments.admin.audited import Audited
from shipments.models import Budget, CarrierAccount
from shipments.models.accounts import clean_base_url
from shipments.refresh.figures import figures_of, standing_of
from shipments.tracking.accounts import take_effect

# A change to one of these is a change of whom we speak to, or as whom.
CREDENTIALS = frozenset({"gateway", "environment", "base_url", "key", "secret", "is_active", "merchant"})


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """An empty box keeps what is stored; nothing stored is ever sent to the browser."""

    key = forms.CharField(
        label=_("Key"), required=False, widget=forms.PasswordInput(attrs={"autocomplete": "off"})
    )
    secret = forms.CharField(
        label=_("Secret"), required=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    class Meta:
        model = CarrierAccount
        fields = (
            "merchant",
            "gateway",
            "environment",
            "base_url",
            "key",
            "secret",
            "cadence_seconds",
            "calls_per_hour",
            "calls_per_second",
            "is_active",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Without them an empty box counts as unchanged, and no widget can show them.
        for name in ("key", "secret"):
            self.initial.pop(name, None)
        if self.instance.pk is not None:
            ending = self.instance.key_ending
            self.fields["key"].help_text = (
                gettext("One that ends in %(ending)s is stored. Empty: keep it.") % {"ending": f"…{ending}"}
                if ending
                else gettext("One is stored. Empty: keep it.")
            )
            self.fields["secret"].help_text = gettext("One is stored. Empty: keep it.")

    def clean_key(self) -> str:
        return self._kept_or_new("key")

    def clean_secret(self) -> str:
        return self._kept_or_new("secret")

    def _kept_or_new(self, name: str) -> str:
        given: str = self.cleaned_data[name]
        if given:
            return given
        if self.instance.pk is None:
            raise ValidationError(_("This field is required."), code="required")
        kept: str = getattr(self.instance, name)
        return kept

    def clean_base_url(self) -> str:
        text: str = self.cleaned_data["base_url"]
        return clean_base_url(text, private_allowed=settings.ALLOW_PRIVATE_HOSTS) if text else ""


@admin.register(CarrierAccount)
class CarrierAccountAdmin(Audited):
    form = AccountForm
    list_display = (
        "__str__", "is_active", "test", "last_success_at", "standing", "last_error_at", "last_error",
    )  # fmt: skip
    list_filter = ("gateway", "environment", "is_active")
    list_select_related = ("merchant", "budget")
    search_fields = ("merchant__slug", "merchant__name")
    autocomplete_fields = ("merchant",)
    readonly_fields = (
        "created_at", "standing", "last_success_at", "last_error_at", "last_error", "test",
    )  # fmt: skip
    actions = ("test_connections",)
    change_form_template = "admin/shipments/carrieraccount/change_form.html"

    def get_fieldsets(self, request: HttpRequest, obj: CarrierAccount | None = None) -> Any:
        entered = list(AccountForm.Meta.fields)
        if obj is not None and not self.has_change_permission(request, obj):
            # Whoever may only look gets no form, and without one Django would show what is stored.
            entered = [name for name in entered if name not in {"key", "secret"}]
        if obj is None:
            return [(None, {"fields": entered})]
        return [(None, {"fields": entered}), (_("How it fares"), {"fields": list(self.readonly_fields)})]

    def get_urls(self) -> list[URLPattern]:
        test = path(
            "<int:pk>/test/", self.admin_site.admin_view(self.test_view), name="shipments_carrieraccount_test"
        )
        return [test, *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: CarrierAccount, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change or CREDENTIALS & set(form.changed_data):
            take_effect(obj, timezone.now())
        elif "calls_per_hour" in form.changed_data:
            # Whoever writes another quota knows better than what the refusals of before taught.
            Budget.objects.filter(account=obj).update(lowered_to=None, lowered_until=None)

    @admin.display(description=_("asked with"))
    def standing(self, account: CarrierAccount) -> str:
        """Whether it is asked with at the moment, and why not."""
        return standing_of(account, timezone.now())

    @admin.display(description=_("test of the connection"))
    def test(self, account: CarrierAccount) -> str:
        """What came of the last test, or that it is under way."""
        if account.test_requested_at is None:
            return ""
        if account.tested_at is None:
            return gettext("Under way; look again in a few seconds.")
        return format_html(
            "{} <br>{}",
            account.test_result,
            timezone.localtime(account.tested_at).strftime("%Y-%m-%d %H:%M %Z"),
        )

    @admin.action(description=_("Test the connection"), permissions=["change"])
    def test_connections(self, request: HttpRequest, queryset: QuerySet[CarrierAccount]) -> None:
        for account in queryset:
            self._request_test(request, account)
        asked = len(queryset)
        self.message_user(
            request,
            ngettext(
                "%(count)d test is under way; its result will stand here in a few seconds.",
                "%(count)d tests are under way; their results will stand here in a few seconds.",
                asked,
            )
            % {"count": asked},
        )

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button on an account's page."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        account = get_object_or_404(CarrierAccount, pk=pk)
        if not self.has_change_permission(request, account):
            raise PermissionDenied
        self._request_test(request, account)
        self.message_user(
            request,
            gettext("The test is under way; its result will stand here in a few seconds."),
            messages.INFO,
        )
        return HttpResponseRedirect(reverse("admin:shipments_carrieraccount_change", args=[pk]))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The account's page, with what it has spent, what it has left and what waits for it."""
        account = self.get_object(request, object_id)
        figures = (
            figures_of(account, timezone.now()) if account is not None and request.method == "GET" else None
        )
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), "figures": figures}
        )

    def _request_test(self, request: HttpRequest, account: CarrierAccount) -> None:
        account.request_test(timezone.now())
        queueing.enqueue(queueing.TEST_ACCOUNT, account.pk)
        self.write_down(request, "tested", account, {}, {})
