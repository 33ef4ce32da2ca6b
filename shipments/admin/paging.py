"""Lists of tables too large to count, to sort by any column, or to look through."""

from functools import cached_property
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Page, Paginator
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.formats import number_format
from django.utils.translation import gettext

# Whoever looks for more than this searches.
MOST_ROWS = 5_000
# Filters look among so many of the newest rows: what fits is found at once, and what nothing fits costs no more than this.
NEWEST = 50_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # cannot be subscripted at run time
    """Counts no further than `MOST_ROWS`, and shows no more than that."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        return rows[:MOST_ROWS].count()

    @property
    def is_cut(self) -> bool:
        """Whether there may be more than is shown."""
        return self.count == MOST_ROWS

    def page(self, number: Any) -> "Page[Any]":
        """The page, its rows found by their keys first: what is passed over on the way to page 90 is not read whole."""
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        if first == 0:
            return super().page(number)
        rows = cast("QuerySet[Any]", self.object_list)
        keys = list(rows.values_list("pk", flat=True)[first : first + self.per_page])
        return Page(rows.filter(pk__in=keys), number, self)


class SetOrNot(admin.DateFieldListFilter):
    """Whether a moment has come: "yes" where it has one, "no" where it has none."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        isnull = f"{self.field_path}__isnull"
        self.lookup_kwarg_isnull = isnull
        self.links = (
            (gettext("All"), {}),
            # As the address has them: by that the chosen one is told.
            (gettext("Yes"), {isnull: "False"}),  # type: ignore[dict-item]
            (gettext("No"), {isnull: "True"}),  # type: ignore[dict-item]
        )

    def expected_parameters(self) -> list[str | None]:
        return [self.lookup_kwarg_isnull]


class NewestRows(ChangeList):
    """A list whose filters look among the newest rows, unless they say that an index answers them (`is_indexed`)."""

    is_cut = False

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> "QuerySet[Any]":
        rows = super().get_queryset(request, exclude_parameters)
        # What is searched for is found by an index, however old it is.
        if self.query or not any(_is_slow(spec) for spec in self.filter_specs):
            return rows
        newest = self.model._default_manager.aggregate(newest=Max("pk"))["newest"] or 0
        self.is_cut = newest > NEWEST
        return rows.filter(pk__gt=newest - NEWEST)


def _is_slow(spec: Any) -> bool:
    asked = spec.used_parameters.values()
    return not getattr(spec, "is_indexed", False) and any(value not in (None, "") for value in asked)


class LargeTable(admin.ModelAdmin):  # type: ignore[type-arg]  # the same
    """For an admin whose table grows without end: the newest rows first, and no other order."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    ordering = ("-pk",)
    sortable_by = ()
    # Counts beside the choices of a filter would count all rows for each of them.
    show_facets = admin.ShowFacets.NEVER

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return NewestRows

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list; where its filters have looked among the newest rows alone it says so."""
        response: HttpResponse = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None)
        if context is not None and getattr(context.get("cl"), "is_cut", False):
            context["subtitle"] = gettext(
                "Filters look among the newest %(count)s. To find an older one, search without a filter."
            ) % {"count": number_format(NEWEST, force_grouping=True)}
        return response
