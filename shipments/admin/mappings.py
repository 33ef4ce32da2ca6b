"""What carriers' codes and texts mean: an operator's mappings, told for their effect first, and the words nobody has mapped yet."""

from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from shipments.admin.audited import Audited, ReadOnly
from shipments.facts.wording import status_label
from shipments.models import Replay, StatusMapping, UnrecognisedCode, UnrecognisedWord
from shipments.tracking.effects import MOST_SCANS, Effect, effect_of, examples_of

# The two ways to go on from the page that tells what a mapping would change.
APPLY, ONLY = "_apply", "_only"
WORDS = ("carrier", "code", "text", "word")


@admin.register(StatusMapping)
class StatusMappingAdmin(Audited):
    """Nothing is saved, changed or deleted before a page has told what that would change.

    A mapping is about the same words for as long as it lives: for others there is another one.
    """

    when_empty = _(
        "Our own tables say what every code means. Add one where they do not: from an unrecognised code it is one click."
    )
    list_display = ("carrier", "code", "text", "word", "status")
    list_display_links = ("carrier", "code", "text", "word")
    list_filter = ("carrier", "status")
    list_select_related = ("carrier",)
    search_fields = ("code", "text", "word")
    fields = (*WORDS, "status")
    actions = ("apply",)
    change_form_template = "admin/shipments/statusmapping/change_form.html"
    delete_confirmation_template = "admin/shipments/statusmapping/delete_confirmation.html"

    def get_readonly_fields(self, request: HttpRequest, obj: StatusMapping | None = None) -> tuple[str, ...]:
        return WORDS if obj is not None else ()

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        # One by one, so that each is told for its effect.
        actions.pop("delete_selected", None)
        return actions

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if request.method == "POST" and not _is_confirmed(request):
            told = self._tell_effect(request, object_id)
            if told is not None:
                return told
        response: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
        return response

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # Whoever may not is refused below.
        if request.method == "POST" and not _is_confirmed(request) and self.has_delete_permission(request):
            return HttpResponseRedirect(request.get_full_path())
        mapping = self.get_object(request, object_id) if request.method == "GET" else None
        told = {} if mapping is None else self._told(request, effect_of(mapping, None))
        return super().delete_view(request, object_id, {**(extra_context or {}), **told})

    def save_model(self, request: HttpRequest, obj: StatusMapping, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        self._apply_if_asked(request, obj)

    def delete_model(self, request: HttpRequest, obj: StatusMapping) -> None:
        super().delete_model(request, obj)
        self._apply_if_asked(request, obj)

    def response_add(
        self, request: HttpRequest, obj: StatusMapping, post_url_continue: str | None = None
    ) -> HttpResponse:
        response: HttpResponse = super().response_add(request, obj, post_url_continue)
        return _to_replay(request) or response

    def response_change(self, request: HttpRequest, obj: StatusMapping) -> HttpResponse:
        response: HttpResponse = super().response_change(request, obj)
        return _to_replay(request) or response

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        response: HttpResponse = super().response_delete(request, obj_display, obj_id)
        return _to_replay(request) or response

    @admin.action(description=_("Read the stored answers again that these speak of"), permissions=["replay"])
    def apply(self, request: HttpRequest, queryset: QuerySet[StatusMapping]) -> HttpResponse:
        for mapping in queryset:
            self._start_replay(request, mapping)
        return HttpResponseRedirect(reverse("admin:shipments_replay_changelist"))

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Whether this person may have stored answers read again."""
        return request.user.has_perm("shipments.add_replay")

    def _tell_effect(self, request: HttpRequest, object_id: str | None) -> HttpResponse | None:
        """The page that says what saving would change; None where the form itself has something to say first."""
        before = None if object_id is None else self.get_object(request, object_id)
        if object_id is None:
            may = self.has_add_permission(request)
        else:
            may = before is not None and self.has_change_permission(request, before)
        if not may:
            return None
        form = self.get_form(request, before, change=before is not None)(request.POST, instance=before)
        if not form.is_valid():
            return None
        after: StatusMapping = form.save(commit=False)
        typed = {name: request.POST.get(name, "") for name in form.fields}
        if before is None:
            back = f"{reverse('admin:shipments_statusmapping_add')}?{urlencode(typed)}"
        else:
            back = reverse("admin:shipments_statusmapping_change", args=[before.pk])
            before = StatusMapping.objects.get(pk=before.pk)
        context = {
            **self.admin_site.each_context(request),
            **self._told(request, effect_of(before, after)),
            "title": gettext("What this mapping changes"),
            "opts": self.opts,
            "mapping": after,
            "typed": typed,
            "back": back,
        }
        return TemplateResponse(request, "admin/shipments/statusmapping/effect.html", context)

    def _told(self, request: HttpRequest, effect: Effect) -> dict[str, Any]:
        return {
            "effect": effect,
            "most_scans": MOST_SCANS,
            "may_replay": self.has_replay_permission(request),
            "APPLY": APPLY,
            "ONLY": ONLY,
        }

    def _apply_if_asked(self, request: HttpRequest, mapping: StatusMapping) -> None:
        if APPLY in request.POST:
            if not self.has_replay_permission(request):
                raise PermissionDenied
            vars(request)["replay"] = self._start_replay(request, mapping)

    def _start_replay(self, request: HttpRequest, mapping: StatusMapping) -> Replay:
        replay = Replay.of_mapping(mapping, by_id=request.user.pk)
        self.write_down(request, "started", replay, {}, {"about": replay.about})
        return replay


def _is_confirmed(request: HttpRequest) -> bool:
    return APPLY in request.POST or ONLY in request.POST


def _to_replay(request: HttpRequest) -> HttpResponse | None:
    """To the page of the replay that this request has started; None where it has started none."""
    replay: Replay | None = vars(request).get("replay")
    if replay is None:
        return None
    return HttpResponseRedirect(reverse("admin:shipments_replay_change", args=[replay.pk]))


class _Unrecognised(ReadOnly):
    """What nobody knows yet, the newest first; a mapping is one click away, and each has parcels that show it."""

    # Of the model, and of a mapping.
    words: ClassVar[tuple[str, ...]]
    list_filter = ("carrier",)
    list_select_related = ("carrier",)
    ordering = ("-last_seen_at", "-pk")
    change_form_template = "admin/shipments/unrecognised/change_form.html"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("carrier", *self.words, "scans", "first_seen_at", "last_seen_at", "mapping")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.get_fields(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        fits = StatusMapping.objects.filter(carrier=OuterRef("carrier"))
        for name in ("code", "text", "word"):
            if name in self.words:
                compared = f"{name}__iexact" if name == "text" else name
                fits = fits.filter(Q(**{name: ""}) | Q(**{compared: OuterRef(name)}))
            else:
                fits = fits.filter(**{name: ""})
        fits = fits.order_by("-code", "-text", "-word")
        rows: QuerySet[Any] = super().get_queryset(request)
        mapped: QuerySet[Any] = rows.annotate(
            mapped_to=Subquery(fits.values("status")[:1]), mapped_by=Subquery(fits.values("pk")[:1])
        )
        return mapped

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        examples = (
            []
            if row is None
            else examples_of(row.carrier_id, **{name: getattr(row, name) for name in self.words})
        )
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), "examples": examples}
        )

    @admin.display(description=_("parcels"))
    def samples(self, row: Any) -> str:
        address = reverse(f"admin:shipments_{self.opts.model_name}_change", args=[row.pk])
        return format_html('<a href="{}">{}</a>', address, gettext("Show some"))

    @admin.display(description=_("mapping"))
    def mapping(self, row: Any) -> str:
        if row.mapped_to:
            address = reverse("admin:shipments_statusmapping_change", args=[row.mapped_by])
            return format_html(
                '{} <a href="{}">{}</a>',
                gettext("means %(status)s from now on") % {"status": status_label(row.mapped_to)},
                address,
                gettext("Apply it to what is stored"),
            )
        words = {name: getattr(row, name) for name in self.words}
        address = f"{reverse('admin:shipments_statusmapping_add')}?{urlencode({'carrier': row.carrier_id, **words})}"
        return format_html('<a href="{}">{}</a>', address, gettext("Add a mapping"))


@admin.register(UnrecognisedCode)
class UnrecognisedCodeAdmin(_Unrecognised):
    when_empty = _("Every code and text of a scan is understood.")
    words = ("code", "text")
    list_display = ("carrier", "code", "text", "scans", "mapping", "samples", "last_seen_at")
    list_display_links = None
    search_fields = ("code", "text")


@admin.register(UnrecognisedWord)
class UnrecognisedWordAdmin(_Unrecognised):
    when_empty = _("Every status word is understood.")
    words = ("word",)
    list_display = ("carrier", "word", "scans", "mapping", "samples", "last_seen_at")
    list_display_links = None
    search_fields = ("word",)
