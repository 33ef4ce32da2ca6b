"""Rows that are chosen by typing a part of their name."""

from typing import Any

from django.contrib.admin.options import BaseModelAdmin
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.db import models
from django.forms import ModelChoiceField
from django.http import HttpRequest


def may_be_a_key(field: "models.Field[Any, Any]", value: str) -> bool:
    """Whether a row could have this in the column; what cannot be stored there is not to be looked for either."""
    try:
        field.clean(value, None)
    except (ValidationError, ValueError, TypeError, OverflowError):
        return False
    return "\0" not in value


class Chosen(AutocompleteSelect):
    """Django's, which asks the database for whatever was sent when it shows a refused form again; what cannot be the key of any
    row is not asked for."""

    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        key = self.field.remote_field.get_related_field()
        known = [each for each in value if str(each) in {"", "None"} or may_be_a_key(key, str(each))]
        return super().optgroups(name, known, attr)


class Choosing(BaseModelAdmin):  # type: ignore[type-arg]  # cannot be subscripted at run time
    """For a page, or an inline, whose `autocomplete_fields` must not fall over what somebody sends."""

    def formfield_for_foreignkey(
        self, db_field: "models.ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", Chosen(db_field, self.admin_site, using=kwargs.get("using")))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
