"""What the carriers said, as they said it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from shipments.admin.audited import ReadOnly
from shipments.admin.paging import LargeTable
from shipments.enums import AnswerKind
from shipments.models import Answer
from shipments.models.answers import DIGEST_START

KINDS = {
    AnswerKind.SNAPSHOT: _("about the parcel"),
    AnswerKind.NOT_KNOWN: _("number not known"),
    AnswerKind.NOT_ALLOWED: _("not for this account"),
    AnswerKind.UNREADABLE: _("not readable"),
}


class KindFilter(admin.SimpleListFilter):
    """Fixed choices: reading them from the table would read all of it."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(kind.value, words) for kind, words in KINDS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Answer]) -> QuerySet[Answer]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Answer)
class AnswerAdmin(LargeTable, ReadOnly):
    """The list leaves the bodies in the database; an answer's own page shows its body as text."""

    when_empty = _("What carriers answer stands here, once a parcel is asked about.")
    list_display = ("fetched_at", "shipment", "merchant", "gateway", "kind_words", "size", "digest")
    list_select_related = ("shipment", "merchant")
    list_filter = (KindFilter, "gateway")
    # For the box; what it finds is said below.
    search_fields = ("sha256",)
    search_help_text = _("The SHA-256 of a part or of a whole answer, or its beginning")
    fields = (
        "shipment", "merchant", "account", "gateway", "kind_words", "fetched_at", "size", "sha256", "body_sha256", "unreadable", "raw",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Answer]:
        answers: QuerySet[Answer] = super().get_queryset(request)
        return answers.defer("body")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Answer], search_term: str
    ) -> tuple[QuerySet[Answer], bool]:
        term = search_term.strip().lower()
        return (queryset.filter(pk__in=Answer.objects.with_digest(term)) if term else queryset), False

    def called(self, row: Answer) -> str:
        return f"{self.kind_words(row)}, {row.fetched_at:%Y-%m-%d %H:%M} UTC"

    @admin.display(description=_("kind"))
    def kind_words(self, answer: Answer) -> str:
        return str(KINDS[AnswerKind(answer.kind)])

    @admin.display(description="SHA-256")
    def digest(self, answer: Answer) -> str:
        """The beginning, by which it is told from others and found."""
        return f"{answer.sha256[:DIGEST_START]}…"

    @admin.display(description=_("as it was sent"))
    def raw(self, answer: Answer) -> str:
        if answer.is_erased:
            return gettext("Erased. The digests stay.")
        return format_html(
            '<pre tabindex="0" role="group" aria-label="{}">{}</pre>', gettext("As it was sent"), answer.text
        )
