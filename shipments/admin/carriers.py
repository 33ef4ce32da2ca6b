"""Carriers: who is asked about them and when, what their numbers look like, how long they take."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from shipments.admin.audited import Audited
from shipments.facts import numbers
from shipments.facts.number_patterns import LONGEST_PATTERN, PatternError, compiled
from shipments.models import (
    Carrier,
    CarrierRoute,
    MaintenanceWindow,
    NumberPattern,
    ServicePromise,
)
from shipments.models.carrier_rules import sureness_choices


class Table(admin.TabularInline):  # type: ignore[type-arg]
    """Rows of a carrier, with an empty one for browsers without scripts."""

    extra = 1


class RouteInline(Table):
    model = CarrierRoute
    verbose_name = _("gateway")
    # Otherwise made of the word above, and an s.
    verbose_name_plural = CarrierRoute._meta.verbose_name_plural


class CarrierForm(forms.ModelForm):  # type: ignore[type-arg]
    """What is said of the carrier itself, with room for an address."""

    class Meta:
        widgets = {"tracking_url": forms.TextInput(attrs={"size": 80})}


class PatternForm(forms.ModelForm):  # type: ignore[type-arg]
    """A format; of one whose rule is in code only place, note and whether it is on."""

    class Meta:
        # Six columns are to fit beside each other.
        widgets = {
            "name": forms.TextInput(attrs={"size": 16}),
            "pattern": forms.TextInput(attrs={"size": 18}),
            "note": forms.TextInput(attrs={"size": 18}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.is_built_in:
            for name in ("name", "pattern", "sure"):
                self.fields[name].disabled = True
            self.fields["pattern"].widget.attrs["placeholder"] = gettext("rule in code")
            self.fields["sure"].widget = forms.Select(choices=[("", gettext("by its rule"))])


class PatternFormSet(BaseInlineFormSet):  # type: ignore[type-arg]  # cannot be subscripted at run time
    """The formats of one carrier; those whose rule is in code stay."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if form.instance.is_built_in and "DELETE" in form.fields:
            # Its rule would still be there: such a format is switched off instead.
            form.fields["DELETE"].disabled = True


class PatternInline(Table):
    model = NumberPattern
    form = PatternForm
    formset = PatternFormSet
    fields = ("name", "pattern", "sure", "position", "is_active", "note")


class PromiseFormSet(BaseInlineFormSet):  # type: ignore[type-arg]
    """The expected days of one carrier's services, each service once."""

    def clean(self) -> None:
        super().clean()
        seen: set[str] = set()
        for form in self.forms:
            if form in self.deleted_forms or (not form.has_changed() and form.instance.pk is None):
                continue
            service = getattr(form, "cleaned_data", {}).get("service")
            if service is None:
                continue
            if service.lower() in seen:
                form.add_error("service", gettext("There is a row for this service already."))
            seen.add(service.lower())


class PromiseInline(Table):
    model = ServicePromise
    formset = PromiseFormSet
    verbose_name = _("service")
    verbose_name_plural = ServicePromise._meta.verbose_name_plural


class WindowInline(Table):
    model = MaintenanceWindow
    formfield_overrides: ClassVar = {
        models.TimeField: {"widget": forms.TimeInput(format="%H:%M", attrs={"type": "time"})}
    }


class TryForm(forms.Form):
    """A number somebody has at hand, and a pattern that is not saved yet."""

    number = forms.CharField(
        label=_("Tracking number"), max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    pattern = forms.CharField(
        label=_("Pattern"),
        required=False,
        max_length=LONGEST_PATTERN,
        help_text=_("Not saved yet: what would it say of this number?"),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean_number(self) -> str:
        try:
            return numbers.check_number(self.cleaned_data["number"])
        except ValueError as refusal:
            raise forms.ValidationError(str(refusal), code="number") from None

    def clean_pattern(self) -> str:
        text: str = self.cleaned_data["pattern"]
        try:
            if text:
                compiled(text)
        except PatternError as refusal:
            raise forms.ValidationError(str(refusal), code="pattern") from None
        return text


@admin.register(Carrier)
class CarrierAdmin(Audited):
    """Carriers are switched off instead of deleted: parcels point to them."""

    list_display = ("code", "name", "is_active", "asked_through", "scans_once", "scans_in_part", "position")
    list_filter = ("is_active",)
    search_fields = ("code", "name")
    form = CarrierForm
    fields = ("code", "name", "is_active", "tracking_url", "scans_once", "scans_in_part", "position")
    inlines = (RouteInline, PatternInline, PromiseInline, WindowInline)
    change_form_template = "admin/shipments/carrier/change_form.html"
    change_list_template = "admin/shipments/carrier/change_list.html"

    def get_readonly_fields(self, request: HttpRequest, obj: Carrier | None = None) -> tuple[str, ...]:
        # Another code would be another carrier.
        return ("code",) if obj is not None else ()

    def has_delete_permission(self, request: HttpRequest, obj: Carrier | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Carrier]:
        rows: QuerySet[Carrier] = super().get_queryset(request)
        return rows.prefetch_related("routes")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.try_view)
        return [path("try/", view, name="shipments_carrier_try"), *super().get_urls()]

    @admin.display(description=_("asked through"))
    def asked_through(self, carrier: Carrier) -> str:
        """The gateways, the better one first; in plain words where there is none."""
        routes = [str(route) for route in carrier.routes.all()]
        return ", ".join(routes) if routes else gettext("nobody: it cannot be asked")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if not CarrierRoute.objects.filter(carrier=form.instance).exists():
            self.message_user(
                request,
                gettext(
                    "%(carrier)s has no gateway, so it cannot be asked. Its parcels say so until you add one."
                )
                % {"carrier": form.instance},
                messages.WARNING,
            )
        elif any(formset.model is CarrierRoute and formset.has_changed() for formset in formsets):
            self.message_user(
                request,
                gettext(
                    "Parcels of %(carrier)s go by the new gateways from their next look on; those nobody could ask about, within the hour."
                )
                % {"carrier": form.instance},
            )

    def try_view(self, request: HttpRequest) -> HttpResponse:
        """Whose a number is by the formats as they are saved, and whether a pattern that is not saved yet fits it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = TryForm(request.GET if request.GET else None)
        is_asked = form.is_bound and form.is_valid()
        said = form.cleaned_data if is_asked else {"number": "", "pattern": ""}
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Try a number"),
            "opts": self.opts,
            "form": form,
            "is_asked": is_asked,
            "number": said["number"],
            "pattern": said["pattern"],
            "fits": bool(said["pattern"] and compiled(said["pattern"]).fullmatch(said["number"])),
            "tried": _tried(said["number"]) if is_asked else [],
        }
        status = 400 if form.is_bound and form.errors else 200
        return TemplateResponse(request, "admin/shipments/carrier/try.html", context, status=status)


def _tried(number: str) -> list[dict[str, object]]:
    """Each carrier that a number may belong to, the surest first, as the page shows it."""
    carriers = {carrier.code: carrier for carrier in Carrier.objects.prefetch_related("routes")}
    return [
        {
            "carrier": carriers[one.carrier],
            "address": reverse("admin:shipments_carrier_change", args=[quote(one.carrier)]),
            "format": one.format,
            "sure": dict(sureness_choices())[one.sure],
            "check_digit": one.check_digit,
            "canonical": one.canonical,
            "note": one.note,
            "routes": carriers[one.carrier].routes.all(),
        }
        for one in numbers.recognise(number, NumberPattern.objects.formats())
        # A format in code whose carrier was never kept here is nobody's.
        if one.carrier in carriers
    ]
