"""How long data is kept, and buyers who ask for theirs to be erased."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from shipments.admin.audited import Audited, ReadOnly
from shipments.admin.paging import LargeTable, SetOrNot
from shipments.enums import ErasedBy, Kept
from shipments.keeping import ages, erasing, receipts
from shipments.models import Erasure, ErasureKey, Merchant, RetentionRule, User
from shipments.models.retention import (
    CLAIM_DAYS,
    KINDS,
    LEAST_DAYS,
    LEAST_DAYS_OF_AUDIT,
    MOST_DAYS,
    erased_by_choices,
)
from shipments.web.erased_words import age_in_words

# What a person gives up with each; shown beside the field.
CONSEQUENCES = {
    Kept.PERSONAL: _(
        "Recipients, orders, postal codes, tags, notes, e-mail addresses, signatures and the carrier's own words are gone, and with them raw answers, pictures and what proof statements said. Status, dates, towns and a timeline in our own words stay."
    ),
    Kept.ANSWERS: _(
        "What carriers said, word for word, is gone; its digests stay. A mapping that is corrected later cannot be applied to these parcels any more. Goes with personal data at the latest, because it names the buyer."
    ),
    Kept.PROOFS: _(
        "Pictures of deliveries and what proof statements said are gone; their digests stay, so that a copy somebody has can still be checked. Goes with personal data at the latest."
    ),
    Kept.SCANS: _(
        "Timelines disappear; the parcel keeps its status, dates and places. Figures stay as they are."
    ),
    Kept.AUDIT: _(
        "Who did what is gone, by whole months: those that ended before. For all merchants together, because a month holds the entries of all."
    ),
}


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]  # cannot be subscripted at run time
    """A rule, with a question where it erases something in the coming night."""

    sure = forms.BooleanField(
        label=_("Erase it"),
        required=False,
        help_text=_("Asked for when a rule erases what is there now: nothing brings that back."),
    )

    class Meta:
        model = RetentionRule
        fields = ("merchant", "kind", "days")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "kind" in self.fields:
            self.fields["kind"] = forms.ChoiceField(label=_("Kind of data"), choices=list(KINDS.items()))
        if "days" in self.fields:
            self.fields["days"].help_text = gettext(
                "From 30 to 3650, counted from a parcel's last news once nobody asks about it any more; a parcel that is still asked about counts after a year without news. Empty: for ever."
            )

    def clean(self) -> dict[str, Any]:
        told: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors or "days" not in told or ("kind" not in told and self.instance.pk is None):
            return told
        rule = RetentionRule(
            merchant=told.get("merchant", self.instance.merchant),
            kind=told.get("kind", self.instance.kind),
            days=told["days"],
        )
        if rule.days is not None and not LEAST_DAYS <= rule.days <= MOST_DAYS:
            # The model says so in a moment.
            return told
        if rule.kind == Kept.AUDIT and rule.days is not None and rule.days < LEAST_DAYS_OF_AUDIT:
            self.add_error(
                "days",
                ValidationError(
                    gettext("The audit is kept for at least %(days)d days: thirteen months.")
                    % {"days": LEAST_DAYS_OF_AUDIT},
                    code="days",
                ),
            )
            return told
        before = None if self.instance.pk is None else self.initial.get("days")
        is_shorter = rule.days is not None and (before is None or rule.days < before)
        if is_shorter and not told.get("sure"):
            for due in ages.due(timezone.now(), as_if=rule):
                if due.many:
                    self.add_error(
                        "sure", ValidationError(_what_goes(due.kind, due.many, is_more=due.is_more))
                    )
        return told


def _what_goes(kind: Kept, many: int, *, is_more: bool) -> str:
    if kind == Kept.AUDIT:
        return ngettext(
            "This drops %(count)d month of the audit tonight, for good. Tick to have it so.",
            "This drops %(count)d months of the audit tonight, for good. Tick to have it so.",
            many,
        ) % {"count": many}
    if is_more:
        return gettext(
            "This erases data of more than %(count)d parcels from tonight on, for good. Tick to have it so."
        ) % {"count": many}
    return ngettext(
        "This erases data of %(count)d parcel from tonight on, for good. Tick to have it so.",
        "This erases data of %(count)d parcels from tonight on, for good. Tick to have it so.",
        many,
    ) % {"count": many}


@admin.register(RetentionRule)
class RetentionRuleAdmin(Audited):
    """The platform's rules, and merchants' own, which stand above them. Operators set both: what is erased is gone."""

    form = RuleForm
    list_display = ("what", "whose", "kept")
    list_select_related = ("merchant",)
    list_filter = ("kind",)
    search_fields = ("merchant__slug", "merchant__name")
    autocomplete_fields = ("merchant",)
    fields = ("merchant", "kind", "days", "sure")
    change_form_template = "admin/shipments/retentionrule/change_form.html"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # Another merchant's rule, or of another kind, is another rule.
        return ("merchant", "what", "whose", "kept") if obj is not None else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return "kind", "merchant", "days", "sure"
        if not self.has_change_permission(request, obj):
            return "what", "whose", "kept"
        return "what", "merchant", "days", "sure"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # The platform's rule is emptied instead: then data is kept for ever.
        if obj is not None and obj.merchant_id is None:
            return False
        return bool(super().has_delete_permission(request, obj))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        # It would take the platform's along.
        actions.pop("delete_selected", None)
        return actions

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if obj.days is not None and obj.days < CLAIM_DAYS and obj.kind != Kept.AUDIT:
            self.message_user(
                request,
                gettext(
                    "Carriers take claims for about %(days)d days: what is erased before then cannot support one."
                )
                % {"days": CLAIM_DAYS},
                messages.WARNING,
            )

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        obj = kwargs.get("obj")
        kinds = [Kept(obj.kind)] if obj is not None else list(Kept)
        context["consequences"] = [(KINDS[kind], CONSEQUENCES[kind]) for kind in kinds]
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    @admin.display(description=_("kind of data"), ordering="kind")
    def what(self, rule: RetentionRule) -> str:
        return rule.get_kind_display()

    @admin.display(description=_("merchant"), ordering="merchant__name")
    def whose(self, rule: RetentionRule) -> str:
        return rule.merchant.name if rule.merchant else gettext("all without a rule of their own")

    @admin.display(description=_("kept"), ordering="days")
    def kept(self, rule: RetentionRule) -> str:
        return gettext("for ever") if rule.days is None else age_in_words(rule.days)


class ErasureForm(forms.Form):
    """Whom to forget. Sent by POST only: what is typed here must stand in no address and no log."""

    by = forms.ChoiceField(
        label=_("Find by"),
        choices=erased_by_choices,
        widget=forms.RadioSelect,
        initial=ErasedBy.EMAIL,
    )
    term = forms.CharField(
        label=_("E-mail address or tracking number"),
        max_length=254,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off", "size": 40}
        ),
        help_text=_(
            "An address with a tag, such as name+shop@example.com, is another address: look for each that the buyer has used."
        ),
    )
    merchant = forms.CharField(
        label=_("Merchant's short name"),
        required=False,
        max_length=50,
        help_text=_("Empty: all merchants."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    with_parcels = forms.BooleanField(
        label=_("Erase the parcels they have subscribed to as well"),
        required=False,
        initial=True,
        help_text=_(
            "Recipient, order, pictures and the like. Not so: only the address and its mails. For who follows somebody else's parcel."
        ),
    )
    on_the_way = forms.BooleanField(label=_("Erase those on their way, too"), required=False)
    # What was looked for when the page was drawn.
    looked = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        told: dict[str, Any] = super().clean() or self.cleaned_data
        if "term" in told and "by" in told:
            try:
                told["term"] = erasing.read_term(ErasedBy(told["by"]), told["term"])
            except erasing.BadTerm as refusal:
                self.add_error("term", str(refusal))
        return told

    def clean_merchant(self) -> Merchant | None:
        slug = self.cleaned_data["merchant"].strip()
        if not slug:
            return None
        merchant = Merchant.objects.filter(slug=slug).first()
        if merchant is None:
            raise ValidationError(_("There is no merchant with this short name."), code="merchant")
        return merchant


@admin.register(Erasure)
class ErasureAdmin(LargeTable, ReadOnly, Audited):
    """Receipts, and the page on which a buyer's data is looked for and erased."""

    when_empty = _(
        "When a buyer asks for their data to be erased, add one: it finds them by e-mail address or tracking number, and leaves a receipt."
    )
    list_display = ("asked_at", "found_by", "merchant", "asked_by", "done_at")
    list_select_related = ("merchant", "asked_by")
    list_filter = (("done_at", SetOrNot), "by")
    fields = (
        "public_id", "found_by", "merchant", "with_parcels", "asked_at", "asked_by", "done_at", "erased", "term_digest",
    )  # fmt: skip
    readonly_fields = fields
    change_form_template = "admin/shipments/erasure/change_form.html"
    personal: ClassVar[frozenset[str]] = frozenset({"term"})

    def get_queryset(self, request: HttpRequest) -> Any:
        # Nothing here shows whom it is about.
        return super().get_queryset(request).defer("term")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("shipments.add_erasure")

    def get_urls(self) -> list[URLPattern]:
        receipt = path(
            "<int:pk>/receipt/",
            self.admin_site.admin_view(self.receipt_view),
            name="shipments_erasure_receipt",
        )
        return [receipt, *super().get_urls()]

    @method_decorator(sensitive_post_parameters("term"))
    @method_decorator(sensitive_variables())
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Look for a buyer, see what is there, and have it erased: two steps on one page."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        is_sent = request.method == "POST"
        sent = request.POST.copy()
        # The box is not there yet when somebody looks for the first time, and ticked when it is.
        if "looked" not in sent:
            sent["with_parcels"] = "on"
        form = ErasureForm(sent) if is_sent else ErasureForm()
        found, status, shown = None, 200, ""
        if is_sent and form.is_valid():
            told = form.cleaned_data
            by, term, merchant = ErasedBy(told["by"]), told["term"], told["merchant"]
            found = erasing.look(by, term, merchant)
            # Erased is only what was shown: with another term in the field the page shows that one first.
            shown = ErasureKey.objects.digest(by, f"{term} {merchant.slug if merchant else ''}")
            is_confirmed = "erase" in request.POST and told["looked"] == shown
            with_parcels = by == ErasedBy.NUMBER or told["with_parcels"]
            if is_confirmed and with_parcels and found.on_their_way and not told["on_the_way"]:
                form.add_error("on_the_way", _on_the_way(found.on_their_way))
                status = 400
            elif is_confirmed:
                return self._begin(request, by, term, merchant, with_parcels=with_parcels)
        elif is_sent:
            status = 400
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Erase a buyer's data"),
            "form": form,
            "looked": shown,
            "found": found,
            "found_words": receipts.counts_in_words({"parcels": found.parcels, **found.counts})
            if found
            else [],
            "by_age": receipts.what_addresses_find(),
            "by_email": form["by"].value() == ErasedBy.EMAIL,
            "on_the_way": _on_the_way(found.on_their_way) if found and found.on_their_way else "",
            **(extra_context or {}),
        }
        response = TemplateResponse(request, "admin/shipments/erasure/add.html", context, status=status)
        response["Cache-Control"] = "no-store"
        return response

    def _begin(
        self, request: HttpRequest, by: ErasedBy, term: str, merchant: Merchant | None, *, with_parcels: bool
    ) -> HttpResponse:
        erasure = erasing.begin(
            by,
            term,
            merchant,
            with_parcels=with_parcels,
            asked_by=request.user if isinstance(request.user, User) else None,
            now=timezone.now(),
        )
        self.write_down(request, "asked for", erasure, {}, {"by": by.value, "with_parcels": with_parcels})
        self.message_user(
            request,
            gettext("The data is being erased. The receipt is complete when it says when that was done."),
        )
        return HttpResponseRedirect(reverse("admin:shipments_erasure_change", args=[erasure.pk]))

    def receipt_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The receipt as a text, to be sent to the buyer."""
        erasure = get_object_or_404(Erasure.objects.select_related("merchant").defer("term"), pk=pk)
        if not self.has_view_permission(request, erasure):
            raise PermissionDenied
        response = HttpResponse(receipts.text_of(erasure), content_type="text/plain; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="erasure-{erasure.public_id}.txt"'
        return response

    @admin.display(description=_("found by"), ordering="by")
    def found_by(self, erasure: Erasure) -> str:
        return receipts.found_by(erasure)

    @admin.display(description=_("erased"))
    def erased(self, erasure: Erasure) -> str:
        words = receipts.counts_in_words(erasure.counts)
        if not words:
            return (
                gettext("Nothing was found.")
                if erasure.is_done
                else gettext("Under way; look again in a minute.")
            )
        return format_html_join("", "{}<br>", ((one,) for one in words))


def _on_the_way(many: int) -> str:
    return ngettext(
        "%(count)d parcel is still on its way: the carrier will go on telling of it. Erased now, it is followed on, without names, words of the carrier or pictures; the proof of its delivery will not be kept. To have that proof, wait until it has arrived. Tick to erase it now.",
        "%(count)d parcels are still on their way: carriers will go on telling of them. Erased now, they are followed on, without names, words of the carrier or pictures; the proof of their delivery will not be kept. To have that proof, wait until they have arrived. Tick to erase them now.",
        many,
    ) % {"count": many}
