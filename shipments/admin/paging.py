"""Lists of tables too large to count or to sort by any column."""

from functools import cached_property
from typing import Any, cast

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet

# Whoever looks for more than this searches.
MOST_ROWS = 5_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # cannot be subscripted at run time
    """Counts no further than `MOST_ROWS`, and shows no more than that."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        return rows[:MOST_ROWS].count()


class LargeTable(admin.ModelAdmin):  # type: ignore[type-arg]  # the same
    """For an admin whose table grows without end: the newest rows first, and no other order."""

    paginator = BoundedPaginator
    show_full_result_count = False
    # Each would count all of the table for every choice of every filter.
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    ordering = ("-pk",)
    sortable_by = ()
