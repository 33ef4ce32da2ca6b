"""Replays: stored answers read again, how far that has come, and its brake."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from shipments.admin.audited import Audited
from shipments.admin.paging import LargeTable
from shipments.enums import WorkState
from shipments.models import Replay

ASKED = ("carrier", "code", "text", "word")
STATES = {
    WorkState.WAITING: _("waits for a worker"),
    WorkState.RUNNING: _("under way"),
    WorkState.DONE: _("done"),
    WorkState.CANCELLED: _("cancelled"),
    WorkState.FAILED: _("stopped by an error"),
}


class StateFilter(admin.SimpleListFilter):
    """By how far they have come, in words."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(state.value, words) for state, words in STATES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Replay]) -> QuerySet[Replay]:
        wanted = self.value()
        return queryset.filter(state=wanted) if wanted else queryset


class ReplayForm(forms.ModelForm):  # type: ignore[type-arg]  # cannot be subscripted at run time
    """Whose answers are read again; all there are only where somebody has said so."""

    everything = forms.BooleanField(
        label=_("All parcels of all carriers"),
        required=False,
        help_text=_("Asked for where nothing else is chosen: of a million parcels it takes hours."),
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if (
            self.instance.pk is None
            and not self.errors
            and not any(cleaned.get(name) for name in (*ASKED, "everything"))
        ):
            self.add_error(
                "everything",
                gettext("Choose a carrier or say what its scans have; or tick that all are meant."),
            )
        return cleaned


@admin.register(Replay)
class ReplayAdmin(LargeTable, Audited):
    """Started here or by a mapping, and then only watched, cancelled and taken up again."""

    when_empty = _("Stored answers are read again when a mapping is applied, or when you start it here.")
    form = ReplayForm
    list_display = ("about", "state_words", "share", "done", "changed", "by", "made_at")
    list_select_related = ("carrier", "by")
    list_filter = (StateFilter,)
    change_form_template = "admin/shipments/replay/change_form.html"

    def get_fields(self, request: HttpRequest, obj: Replay | None = None) -> tuple[str, ...]:
        return (*ASKED, "everything") if obj is None else (*ASKED, "by", "made_at", "finished_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Replay | None = None) -> tuple[str, ...]:
        # What is asked once is no box of a replay that is there.
        return () if obj is None else (*self.get_fields(request, obj), "everything")

    def has_delete_permission(self, request: HttpRequest, obj: Replay | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/progress/", wrap(self.progress_view), name="shipments_replay_progress"),
            path("<int:pk>/cancel/", wrap(self.cancel_view), name="shipments_replay_cancel"),
            path("<int:pk>/resume/", wrap(self.resume_view), name="shipments_replay_resume"),
            *super().get_urls(),
        ]

    def save_model(self, request: HttpRequest, obj: Replay, form: Any, change: bool) -> None:
        if change:
            raise PermissionDenied
        obj.by_id = request.user.pk
        obj.begin()
        self.write_down(request, "started", obj, {}, {"about": obj.about})

    def response_add(
        self, request: HttpRequest, obj: Replay, post_url_continue: str | None = None
    ) -> HttpResponse:
        return HttpResponseRedirect(_page_of(obj.pk))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        replay = self.get_object(request, object_id)
        shown = {} if replay is None else self._shown(request, replay)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How far it has come, alone: what its page asks for again and again."""
        replay = get_object_or_404(Replay, pk=pk)
        if not self.has_view_permission(request, replay):
            raise PermissionDenied
        return render(request, "admin/shipments/replay/_progress.html", self._shown(request, replay))

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._deed(
            request,
            pk,
            lambda replay: replay.ask_to_cancel(timezone.now()),
            "cancelled",
            gettext("It ends after the parcels it is at. What was done stays done."),
            gettext("It was over already."),
        )

    def resume_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._deed(
            request,
            pk,
            lambda replay: replay.take_up(),
            "resumed",
            gettext("It goes on from where it stopped."),
            gettext("It is not stopped."),
        )

    def _deed(
        self, request: HttpRequest, pk: int, do: Callable[[Replay], bool], verb: str, done: str, nothing: str
    ) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        replay = get_object_or_404(Replay, pk=pk)
        if not self.has_change_permission(request, replay):
            raise PermissionDenied
        if do(replay):
            self.write_down(request, verb, replay, {}, {"about": replay.about})
            self.message_user(request, done)
        else:
            self.message_user(request, nothing, messages.WARNING)
        return HttpResponseRedirect(_page_of(pk))

    def _shown(self, request: HttpRequest, replay: Replay) -> dict[str, Any]:
        return {
            "title": gettext("Stored answers read again"),
            "replay": replay,
            "state_words": STATES[WorkState(replay.state)],
            "may_change": self.has_change_permission(request, replay),
            "is_stopped": replay.state in {WorkState.CANCELLED, WorkState.FAILED},
        }

    @admin.display(description=_("whose answers"))
    def about(self, replay: Replay) -> str:
        return replay.about

    @admin.display(description=_("state"))
    def state_words(self, replay: Replay) -> str:
        return str(STATES[WorkState(replay.state)])

    @admin.display(description=_("share"))
    def share(self, replay: Replay) -> str:
        return f"{replay.percent} %"


def _page_of(pk: int) -> str:
    return reverse("admin:shipments_replay_change", args=[pk])
