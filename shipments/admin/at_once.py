"""Two people who save, change or delete the same row at the same moment: the later one reads what has happened, and nothing of
theirs is half saved."""

import logging
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, models, transaction
from django.db.models import ProtectedError, RestrictedError
from django.forms import BaseModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from psycopg.errors import ForeignKeyViolation, UniqueViolation

logger = logging.getLogger(__name__)

# Where the request carries what the database refused, for the form that tells of it.
_REFUSED = "refused_by_the_database"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the database would not store: the table, the columns of the constraint where they are known, and in words."""

    table: str
    columns: tuple[str, ...]
    words: str

    def tell(self, form: "BaseModelForm[Any]") -> None:
        """The message at the first field it is about, at the top where the form has none of them."""
        model = form._meta.model._meta
        own = model.concrete_fields if model.db_table == self.table else ()
        fields = {field.column: field.name for field in own if field.name in form.fields}
        form.add_error(
            next((fields[column] for column in self.columns if column in fields), None), self.words
        )


def _refusal(exc: Exception) -> Refusal | None:
    """What a deed of somebody else's at the same moment explains; None for what can only be a mistake of ours."""
    cause = exc.__cause__
    if isinstance(cause, UniqueViolation):
        words = _(
            "Somebody else has stored the same just now. Nothing of yours is stored: look at theirs first."
        )
    elif isinstance(cause, ForeignKeyViolation):
        words = _("Something chosen here was deleted just now. Nothing is stored: choose again.")
    else:
        return None
    constraint, table = cause.diag.constraint_name or "", cause.diag.table_name or ""
    # Its own message has the values in it.
    logger.info("Two at once: %s of %s refuses the later one.", constraint, table)
    return Refusal(table, _columns_of(table, constraint), words)


def _columns_of(table: str, constraint: str) -> tuple[str, ...]:
    with connection.cursor() as cursor:
        known: dict[str, Any] = dict(connection.introspection.get_constraints(cursor, table))
    # An expression has no column of its own.
    return tuple(column for column in known.get(constraint, {}).get("columns") or () if column)


class Refused:
    """A form that is told what the database refused, where it finds nothing wrong itself."""

    refusal: Refusal

    def full_clean(self) -> None:
        super().full_clean()  # type: ignore[misc]  # a form's
        if not self.errors:  # type: ignore[attr-defined]
            self.refusal.tell(self)  # type: ignore[arg-type]


class AtOnce(admin.ModelAdmin):  # type: ignore[type-arg]  # cannot be subscripted at run time
    """Forms and deletions that meet somebody else's.

    A row that is changed or deleted is held until that is over: who comes second sees what the first has left, or that the row is
    gone. A new row that somebody has added meanwhile is refused by the database, and the form, with all that was typed, says so.
    """

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is None or request.method != "POST" or not connection.in_atomic_block:
            return found
        # An update takes the same lock a moment later; rows that point here are added all the same.
        if not held(self.model, [found.pk]):
            return None
        return super().get_object(request, object_id, from_field)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        def answer() -> Any:
            return super(AtOnce, self).changeform_view(request, object_id, form_url, extra_context)

        # Everything is in one transaction, so that whatever is refused takes all of it back.
        try:
            return answer()
        except IntegrityError as exc:
            if _refusal(exc) is None:
                raise
        # Whoever was faster is through: the form's own checks find their row.
        try:
            return answer()
        except IntegrityError as exc:
            refusal = _refusal(exc)
            if refusal is None:
                raise
        setattr(request, _REFUSED, refusal)
        return answer()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        refusal = getattr(request, _REFUSED, None)
        return form if refusal is None else type(form.__name__, (Refused, form), {"refusal": refusal})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        # Where a person chooses the key, adding must not write over the row that has it.
        obj.save(force_insert=not change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        # Here, and not when the transaction ends: by then the page has said that all went well.
        connection.check_constraints()

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except PermissionDenied:
            # Nobody may delete what is not there: said to whom could have.
            may, key = super().has_delete_permission(request), unquote(object_id)
            if not may or super().get_object(request, key) is not None:
                raise
            gone: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
            return gone
        except (ProtectedError, RestrictedError, IntegrityError) as exc:
            self._say_kept(request, exc)
        return HttpResponseRedirect(
            reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[object_id])
        )

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        connection.check_constraints()

    # The stubs speak of a later Django's third argument.
    def response_action(self, request: HttpRequest, queryset: "models.QuerySet[Any]") -> Any:  # type: ignore[override]
        try:
            return super().response_action(request, queryset)
        except (ProtectedError, RestrictedError, IntegrityError) as exc:
            self._say_kept(request, exc)
        return HttpResponseRedirect(request.get_full_path())

    def delete_queryset(self, request: HttpRequest, queryset: "models.QuerySet[Any]") -> None:
        with transaction.atomic():
            super().delete_queryset(request, queryset)
            connection.check_constraints()

    def _say_kept(self, request: HttpRequest, exc: Exception) -> None:
        if isinstance(exc, IntegrityError) and _refusal(exc) is None:
            raise exc
        self.message_user(
            request,
            _("Nothing is deleted: something that belongs to it was added just now. Look again."),
            messages.ERROR,
        )


def held(model: type[models.Model], keys: Any) -> list[Any]:
    """The keys, of these, of rows that are there, each held until the transaction ends: whoever deletes or changes one of them
    is waited for, and waits. Rows that point to them can be added all the same."""
    rows = model._base_manager.select_for_update(no_key=True).filter(pk__in=keys)
    return list(rows.order_by("pk").values_list("pk", flat=True))
