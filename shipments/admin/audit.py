"""Who did what to which row, from where."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from shipments.admin.audited import ReadOnly
from shipments.admin.paging import LargeTable
from shipments.models import AuditEntry, Merchant, User


class SourceFilter(admin.SimpleListFilter):
    """Fixed choices: reading them from the table would read all of it."""

    title = _("from")
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("page", _("a page")), ("admin", _("the back-office")), ("command", _("a command"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        return queryset.filter(source=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(LargeTable, ReadOnly):
    """Searched by words that all have to fit: a person's e-mail address, a merchant, a model, a row, a verb."""

    list_display = ("at", "who", "source", "address", "whose", "verb", "model", "row")
    list_filter = (SourceFilter,)
    search_fields = ("row__exact",)
    search_help_text = _(
        "Words that all fit: an e-mail address, a merchant's short name, shipments.Shipment, a row's number, a verb"
    )
    fields = ("at", "who", "source", "address", "whose", "verb", "model", "row", "before", "after")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        entries: QuerySet[AuditEntry] = super().get_queryset(request)
        # An entry outlives whom it speaks of, so these are look-ups and no foreign keys.
        return entries.annotate(
            person_email=Subquery(User.objects.filter(pk=OuterRef("person")).values("email")),
            merchant_slug=Subquery(Merchant.objects.filter(pk=OuterRef("merchant")).values("slug")),
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        for word in search_term.split():
            queryset = self._with_word(queryset, word)
        return queryset, False

    def _with_word(self, queryset: QuerySet[AuditEntry], word: str) -> QuerySet[AuditEntry]:
        if "@" in word:
            return queryset.filter(person__in=User.objects.filter(email__iexact=word).values("pk"))
        if word.startswith("shipments."):
            return queryset.filter(model=word)
        if word.isdigit():
            return queryset.filter(row=word)
        merchants = list(Merchant.objects.filter(slug=word).values_list("pk", flat=True))
        return queryset.filter(merchant__in=merchants) if merchants else queryset.filter(verb=word)

    @admin.display(description=_("who"))
    def who(self, entry: Any) -> str:
        return entry.person_email or ("" if entry.person is None else f"#{entry.person}")

    @admin.display(description=_("merchant"))
    def whose(self, entry: Any) -> str:
        return entry.merchant_slug or ("" if entry.merchant is None else f"#{entry.merchant}")
