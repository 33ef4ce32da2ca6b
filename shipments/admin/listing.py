"""What every page of the back-office has of its own: names, and what to do where there is nothing."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IS_POPUP_VAR
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.text import capfirst


class Listed(admin.ModelAdmin):  # type: ignore[type-arg]  # cannot be subscripted at run time
    """Lists called by what stands in them, without "Select … to change", and rows called by words instead of numbers."""

    # What an empty list says to whoever looks for something in it: how rows come to be here.
    when_empty: str | Promise = ""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        told: dict[str, Any] = {"when_empty": self.when_empty}
        # In the small window of a lookup a row is indeed to be selected.
        if IS_POPUP_VAR not in request.GET:
            told["title"] = str(capfirst(self.opts.verbose_name_plural))
        response: HttpResponse = super().changelist_view(request, {**told, **(extra_context or {})})
        return response

    def called(self, row: Any) -> str:
        """What a row's own page and its history call it: words, where `str` has only numbers of rows, which logs may have."""
        return str(row)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = kwargs.get("obj")
        if row is not None:
            context["subtitle"] = self.called(row)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The field, without buttons beside it that add, change or delete another row in a small window."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        # Django wraps what chooses a row in a widget with these buttons.
        widget = getattr(field, "widget", None)
        for deed in ("can_add_related", "can_change_related", "can_delete_related", "can_view_related"):
            if hasattr(widget, deed):
                setattr(widget, deed, False)
        return field
