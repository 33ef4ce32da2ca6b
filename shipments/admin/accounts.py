"""Accounts at the gateways: keys go in and never come out."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from shipments import queueing
from shipments.admin.audited import Audited
from shipments.facts.connection_words import connection_words
from shipments.models import Budget, CarrierAccount, Credential, User
from shipments.refresh.expiring import STAGES
from shipments.refresh.figures import figures_of, standing_of
from shipments.tracking.accounts import WHOM_WE_ASK, give_key, retire, take_effect
from shipments.web.forms_accounts import AccountForm


class KeyInline(admin.TabularInline):  # type: ignore[type-arg]  # cannot be subscripted at run time
    """The keys of an account, the newest first: what is known of them, and the day on which one ends."""

    model = Credential
    fields = ("shown", "state", "added_at", "added_by", "worked_at", "refused_at", "refusal", "expires_on")
    readonly_fields = ("shown", "state", "added_at", "added_by", "worked_at", "refused_at", "refusal")
    ordering = ("-pk",)
    extra = 0
    max_num = 0
    can_delete = False
    # As in the boxes for a newer key.
    formfield_overrides = {
        models.DateField: {"widget": forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})}
    }

    # Who may see and change an account may see and change its keys.
    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("shipments.view_carrieraccount") or self.has_change_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("shipments.change_carrieraccount")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Credential]:
        return super().get_queryset(request).select_related("added_by", "account")

    @admin.display(description=_("ends in"))
    def shown(self, credential: Credential) -> str:
        return str(credential)

    @admin.display(description=_("state"))
    def state(self, credential: Credential) -> str:
        """Whether it is asked with."""
        if not credential.is_live:
            assert credential.retired_at is not None
            return gettext("retired %(day)s, its secret is erased") % {
                "day": timezone.localtime(credential.retired_at).strftime("%Y-%m-%d")
            }
        if credential.refused_at is not None:
            return gettext("live, refused by the carrier")
        return gettext("live") if credential.worked_at else gettext("live, not tried yet")


@admin.register(CarrierAccount)
class CarrierAccountAdmin(Audited):
    when_empty = _(
        "No carrier is asked until there is an account: add one with the key that the carrier gave you."
    )
    form = AccountForm
    inlines = (KeyInline,)
    list_display = (
        "__str__", "keys", "is_active", "test", "last_success_at", "standing", "last_error_at", "last_error",
    )  # fmt: skip
    list_filter = ("gateway", "environment", "is_active")
    list_select_related = ("merchant", "budget")
    search_fields = ("merchant__slug", "merchant__name")
    autocomplete_fields = ("merchant",)
    readonly_fields = ("last_success_at", "last_error_at", "last_error", "created_at")
    actions = ("test_connections",)
    change_form_template = "admin/shipments/carrieraccount/change_form.html"

    def get_fieldsets(self, request: HttpRequest, obj: CarrierAccount | None = None) -> Any:
        entered = (None, {"fields": ["merchant", "gateway", "environment", "is_active"]})
        boxes = ["key", "secret", "expires_on"]
        rest = [
            (_("What the carrier allows"), {"fields": ["calls_per_hour", "calls_per_second"]}),
            (
                _("Another address than the carrier's own"),
                {"fields": ["base_url", "cadence_seconds"], "classes": ["collapse"]},
            ),
        ]
        if obj is None:
            return [entered, (_("Key"), {"fields": boxes}), *rest]
        fares = (_("How it fares"), {"fields": list(self.readonly_fields)})
        if not self.has_change_permission(request, obj):
            return [fares, entered, *rest]
        newer = _(
            "It is asked with first. The older one goes on where the carrier refuses it, and is erased when the newer has worked."
        )
        return [fares, entered, (_("A newer key"), {"fields": boxes, "description": newer}), *rest]

    def get_inlines(self, request: HttpRequest, obj: CarrierAccount | None) -> Any:
        return () if obj is None else self.inlines

    def get_queryset(self, request: HttpRequest) -> QuerySet[CarrierAccount]:
        live = Credential.objects.live().newest_first()
        return (
            super().get_queryset(request).prefetch_related(Prefetch("credentials", live, to_attr="live_keys"))
        )

    def get_urls(self) -> list[URLPattern]:
        mine = [
            path(
                "<int:pk>/test/",
                self.admin_site.admin_view(self.test_view),
                name="shipments_carrieraccount_test",
            ),
            path(
                "<int:pk>/connection/",
                self.admin_site.admin_view(self.connection_view),
                name="shipments_carrieraccount_connection",
            ),
            path(
                "<int:pk>/keys/<int:key>/retire/",
                self.admin_site.admin_view(self.retire_view),
                name="shipments_carrieraccount_retire",
            ),
        ]
        return [*mine, *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: CarrierAccount, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        now = timezone.now()
        if form.new_key is not None:
            by = request.user if isinstance(request.user, User) else None
            made, replaced = give_key(obj, form.new_key, by=by, now=now)
            self.write_down(
                request,
                "key added",
                obj,
                {} if replaced is None else {"ending": replaced.ending},
                {
                    "key": form.new_key.key,
                    "secret": form.new_key.secret,
                    "ending": made.ending,
                    "expires_on": made.expires_on,
                },
            )
        if form.new_key is not None or WHOM_WE_ASK & set(form.changed_data):
            take_effect(obj, now)
        elif "calls_per_hour" in form.changed_data:
            # Whoever writes another quota knows better than what the refusals of before taught.
            Budget.objects.filter(account=obj).update(lowered_to=None, lowered_until=None)
        if form.new_key is not None:
            self._request_test(request, obj)
            vars(request)["is_tried"] = True

    def response_post_save_add(self, request: HttpRequest, obj: CarrierAccount) -> HttpResponseRedirect:
        """To the account's page where a key is being tried: what comes of it stands there."""
        response: HttpResponseRedirect = super().response_post_save_add(request, obj)
        return _to_result(request, obj) or response

    def response_post_save_change(self, request: HttpRequest, obj: CarrierAccount) -> HttpResponseRedirect:
        response: HttpResponseRedirect = super().response_post_save_change(request, obj)
        return _to_result(request, obj) or response

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        # Another day is reminded of anew.
        changed = [row.pk for row, names in formset.changed_objects if "expires_on" in names]
        Credential.objects.filter(pk__in=changed).update(reminded=None)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes with it, without reading any secret."""
        accounts = list(objs)
        keys = Credential.objects.filter(account__in=[account.pk for account in accounts]).count()
        counted = {self.opts.verbose_name_plural: len(accounts), Credential._meta.verbose_name_plural: keys}
        needed = set() if self.has_delete_permission(request) else {self.opts.verbose_name}
        return [str(account) for account in accounts], counted, needed, []

    @admin.display(description=_("keys"))
    def keys(self, account: CarrierAccount) -> str:
        """The endings of its live keys, the one that is asked with first."""
        live: list[Credential] = account.live_keys  # type: ignore[attr-defined]  # prefetched
        soon = timezone.localdate() + timedelta(days=STAGES[0])
        return ", ".join(
            gettext("%(key)s, ends %(day)s") % {"key": one, "day": one.expires_on}
            if one.expires_on is not None and one.expires_on <= soon
            else str(one)
            for one in live
        ) or gettext("none")

    @admin.display(description=_("asked with"))
    def standing(self, account: CarrierAccount) -> str:
        """Whether it is asked with at the moment, and why not."""
        return standing_of(account, timezone.now())

    @admin.display(description=_("test of the connection"))
    def test(self, account: CarrierAccount) -> str | SafeString | None:
        """What came of the last test and what to do, or that it is under way."""
        if account.test_requested_at is None:
            return None
        if account.tested_at is None:
            return gettext("Under way; look again in a few seconds.")
        told = connection_words(account.test_result, account.get_gateway_display())
        return format_html(
            "{} {} <br>{} <br>{}",
            told.happened,
            told.advice,
            account.test_words,
            date_format(timezone.localtime(account.tested_at), "DATETIME_FORMAT"),
        )

    @admin.action(description=_("Try the connection"), permissions=["change"])
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

    def connection_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What came of the last test, alone: what the account's page asks for until there is a result."""
        account = get_object_or_404(CarrierAccount, pk=pk)
        if not self.has_view_permission(request, account):
            raise PermissionDenied
        return render(
            request, "admin/shipments/carrieraccount/_connection.html", self._connection(request, account)
        )

    def retire_view(self, request: HttpRequest, pk: int, key: int) -> HttpResponse:
        """The button beside a live key: erase its secret now."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        credential = get_object_or_404(
            Credential.objects.select_related("account__merchant"), pk=key, account=pk
        )
        if not self.has_change_permission(request, credential.account):
            raise PermissionDenied
        now = timezone.now()
        with transaction.atomic():
            if retire(credential, now):
                take_effect(credential.account, now)
                self.write_down(request, "key retired", credential.account, {"ending": credential.ending}, {})
        self.message_user(request, gettext("The key is retired, and its secret erased."), messages.INFO)
        return HttpResponseRedirect(reverse("admin:shipments_carrieraccount_change", args=[pk]))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The account's page, with what it has spent, what it has left and what waits for it."""
        account = self.get_object(request, object_id)
        figures = (
            figures_of(account, timezone.now()) if account is not None and request.method == "GET" else None
        )
        shown = {} if account is None else self._connection(request, account)
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **shown, "figures": figures}
        )

    def _connection(self, request: HttpRequest, account: CarrierAccount) -> dict[str, Any]:
        is_tested = account.test_requested_at is not None and account.tested_at is not None
        return {
            "account": account,
            "told": connection_words(account.test_result, account.get_gateway_display())
            if is_tested
            else None,
            "may_test": self.has_change_permission(request, account),
        }

    def _request_test(self, request: HttpRequest, account: CarrierAccount) -> None:
        account.request_test(timezone.now())
        queueing.enqueue(queueing.TEST_ACCOUNT, account.pk)
        self.write_down(request, "tested", account, {}, {})


def _to_result(request: HttpRequest, account: CarrierAccount) -> HttpResponseRedirect | None:
    """To the account's page, where a key that was given with this request is being tried; None where none was."""
    if "is_tried" not in vars(request):
        return None
    return HttpResponseRedirect(reverse("admin:shipments_carrieraccount_change", args=[account.pk]))
