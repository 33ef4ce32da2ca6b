"""Comparisons that Django has no words for: several columns as one, and one with any of an array."""

from collections.abc import Sequence
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models


class _Row(models.Func):
    function = "ROW"
    output_field = models.TextField()


class _Compared(models.Func):
    template = "%(expressions)s"
    output_field = models.BooleanField()


def behind(columns: Sequence[Any], values: Sequence[Any], *, smaller: bool) -> models.Q:
    """The rows whose columns are, taken together, smaller or else larger than the values.

    Where a page of an order ends: an index over the columns answers it in one step, however many rows share the first.
    """
    left = _Row(*columns)
    right = _Row(*(models.Value(value) for value in values))
    return models.Q(_Compared(left, right, arg_joiner=" < " if smaller else " > "))


class IsOneOf(models.Func):
    """Whether a value is an element of an array. An index over it looks each of them up."""

    template = "(%(expressions)s))"
    arg_joiner = " = ANY("
    output_field = models.BooleanField()


def with_keys(column: str, keys: Sequence[int]) -> models.Q:
    """The rows with one of these keys. Unlike `__in`, which spares the database the question where there are none, it is
    always asked: for answers that must not tell by the clock whether there are any."""
    array = models.Value(list(keys), output_field=ArrayField(models.BigIntegerField()))
    return models.Q(IsOneOf(models.F(column), array))
