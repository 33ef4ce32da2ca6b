"""Admin pages that write down what is done on them."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.forms import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from shipments.admin.at_once import AtOnce, held
from shipments.admin.choosing import Choosing, may_be_a_key
from shipments.admin.listing import Listed
from shipments.models import AuditEntry, Merchant, User
from shipments.models.audit import MASK
from shipments.web.visitors import client_address

Values = dict[str, Any]

# Where deeds are done, as an entry names it.
SOURCES = {
    "page": gettext_lazy("a page"),
    "bulk": gettext_lazy("many at once"),
    "queue": gettext_lazy("the queue, for somebody"),
    "admin": gettext_lazy("the back-office"),
    "command": gettext_lazy("a command"),
}

# Deeds on the page of a row's history; the audit itself has all of them.
NEWEST = 100


class OneLog(Choosing, Listed, AtOnce):
    """What is done is told once, in the audit: Django's own log would tell it again, with names and addresses in clear, and
    can be changed."""

    # Counts beside the choices of filters: a click more than they are worth, and a heading out of its order.
    show_facets = admin.ShowFacets.NEVER

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return None

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return None

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        return []

    # The stubs speak of a later Django's third argument.
    def response_action(self, request: HttpRequest, queryset: "models.QuerySet[Any]") -> Any:  # type: ignore[override]
        """What is ticked and can be no row of the list is left out, as rows are that are gone."""
        sent = request.POST.copy()
        key = self.opts.pk
        sent.setlist(
            ACTION_CHECKBOX_NAME,
            [each for each in sent.getlist(ACTION_CHECKBOX_NAME) if may_be_a_key(key, each)],
        )
        request.POST = sent  # type: ignore[assignment]  # as immutable as the other for whoever reads it
        return super().response_action(request, queryset)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """What the audit has of a row, wherever it was done: here, on the dashboard, by a command."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            gone: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
            return gone
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        entries = AuditEntry.objects.about(row).with_names().newest_first()[: NEWEST + 1]
        found = list(entries)
        # The audit's own page finds them by the same words.
        all_of_it = f"{self.opts.object_name}:{row.pk}"
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request,
            "admin/shipments/object_history.html",
            {
                **self.admin_site.each_context(request),
                "title": _("What was done: %(row)s") % {"row": self.called(row)},
                "subtitle": None,
                "entries": found[:NEWEST],
                "newest": NEWEST if len(found) > NEWEST else None,
                "all_of_it": f"{reverse('admin:shipments_auditentry_changelist')}?{urlencode({'q': all_of_it})}"
                if request.user.has_perm("shipments.view_auditentry")
                else "",
                "module_name": str(capfirst(self.opts.verbose_name_plural)),
                "object": row,
                "called": self.called(row),
                "opts": self.opts,
                "preserved_filters": self.get_preserved_filters(request),
                **(extra_context or {}),
            },
        )


class Audited(OneLog):
    """A change, an addition and a deletion each leave an audit entry with the values before and after."""

    # Fields of this model whose values are personal, beyond those masked everywhere.
    personal: ClassVar[frozenset[str]] = frozenset()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        before = self.model._default_manager.filter(pk=obj.pk).first() if change else None
        super().save_model(request, obj, form, change)
        self.write_down_saved(request, obj, before)

    def save_related(
        self,
        request: HttpRequest,
        form: Any,
        formsets: "Iterable[BaseInlineFormSet[Any, Any, Any]]",
        change: bool,
    ) -> None:
        many = {field.name for field in form.instance._meta.many_to_many} & set(form.changed_data)
        before = {name: _keys(getattr(form.instance, name)) for name in sorted(many)}
        super().save_related(request, form, formsets, change)
        after = {name: _keys(getattr(form.instance, name)) for name in sorted(many)}
        if before != after:
            self.write_down(request, "changed", form.instance, before, after)

    def save_formset(
        self, request: HttpRequest, form: Any, formset: "BaseInlineFormSet[Any, Any, Any]", change: bool
    ) -> None:
        known = [each.instance.pk for each in formset.initial_forms]
        before = _manager_of(formset).in_bulk(known)
        doomed = [before[each.instance.pk] for each in formset.deleted_forms if each.instance.pk in before]
        super().save_formset(request, form, formset, change)
        for row in formset.new_objects:
            self.write_down_saved(request, row, None)
        for row, _names in formset.changed_objects:
            self.write_down_saved(request, row, before[row.pk])
        for row in doomed:
            self.write_down(request, "deleted", row, self.values(row), {})

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.write_down(request, "deleted", obj, self.values(obj), {})
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        with transaction.atomic():
            # What somebody else deletes at this moment is theirs to write down.
            there = queryset.filter(pk__in=held(self.model, queryset.values("pk")))
            for row in there:
                self.write_down(request, "deleted", row, self.values(row), {})
            super().delete_queryset(request, there)

    def write_down_saved(self, request: HttpRequest, row: models.Model, before: models.Model | None) -> None:
        """Write down an addition whole, and of a change what has changed."""
        after = self.values(row)
        if before is None:
            self.write_down(request, "added", row, {}, after)
            return
        was = self.values(before)
        changed = [name for name in after if after[name] != was[name]]
        if changed:
            self.write_down(
                request,
                "changed",
                row,
                {name: was[name] for name in changed},
                {name: after[name] for name in changed},
            )

    def write_down(
        self, request: HttpRequest, verb: str, row: models.Model, before: Values, after: Values
    ) -> None:
        AuditEntry.objects.record(
            verb,
            row,
            by=request.user if isinstance(request.user, User) else None,
            source="admin",
            address=client_address(request),
            merchant=_merchant_of(row),
            before=self._without_personal(before),
            after=self._without_personal(after),
        )

    def values(self, row: models.Model) -> Values:
        """The row's own columns but its key, by name; a foreign key as its value."""
        return {
            field.name: getattr(row, field.attname)
            for field in row._meta.concrete_fields
            if field.editable and not field.primary_key
        }

    def _without_personal(self, values: Values) -> Values:
        return {name: MASK if name in self.personal and value else value for name, value in values.items()}


class ReadOnly(OneLog):
    """A page to look at: nothing is added, changed or deleted on it."""

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


def _manager_of(formset: "BaseInlineFormSet[Any, Any, Any]") -> models.Manager[Any]:
    model: type[models.Model] = formset.model  # type: ignore[assignment]  # never None in the admin
    return model._default_manager


def _keys(related: Any) -> list[Any]:
    return sorted(related.values_list("pk", flat=True))


def _merchant_of(row: models.Model) -> Merchant | None:
    if isinstance(row, Merchant):
        return row
    whose: Merchant | None = getattr(getattr(row, "shipment", row), "merchant", None)
    return whose
