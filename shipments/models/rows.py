"""Where a page of an order ends: several columns compared as one, which an index over them answers in one step, however
many rows share the first of them."""

from collections.abc import Sequence
from typing import Any

from django.db import models


class _Row(models.Func):
    function = "ROW"
    output_field = models.TextField()


class _Compared(models.Func):
    template = "%(expressions)s"
    output_field = models.BooleanField()


def behind(columns: Sequence[Any], values: Sequence[Any], *, smaller: bool) -> models.Q:
    """The rows whose columns are, taken together, smaller or else larger than the values."""
    left = _Row(*columns)
    right = _Row(*(models.Value(value) for value in values))
    return models.Q(_Compared(left, right, arg_joiner=" < " if smaller else " > "))
