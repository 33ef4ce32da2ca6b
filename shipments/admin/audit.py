"""Who did what to which row, from where: looked for, and taken along as a file."""

import ipaddress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.http import content_disposition_header
from django.utils.text import smart_split, unescape_string_literal
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from shipments.admin.audited import SOURCES, Audited, ReadOnly
from shipments.admin.paging import LargeTable
from shipments.bulk import audit_file
from shipments.bulk.export_slots import Held, NoSlot, Slot
from shipments.models import AuditEntry, Merchant, MerchantDeletion, User
from shipments.models.audit import MASK, AuditQuerySet


class SourceFilter(admin.SimpleListFilter):
    """Fixed choices: reading them from the table would read all of it."""

    title = _("source")
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(SOURCES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(source=self.value()) if self.value() else queryset


class DaysFilter(admin.ListFilter):
    """From one day to another, both included, in UTC; a day that is none is named at its field, and narrows nothing."""

    title = _("days")
    template = "admin/shipments/auditentry/days_filter.html"
    SINCE, UNTIL = "since", "until"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in (self.SINCE, self.UNTIL):
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1].strip()
        self.errors: dict[str, str] = {}
        self.since, self.until = self._day(self.SINCE), self._day(self.UNTIL)
        if self.since and self.until and self.since > self.until:
            self.errors[self.UNTIL] = gettext("This is before the first day.")
            self.until = None

    def _day(self, name: str) -> date | None:
        text = str(self.used_parameters.get(name, ""))
        if not text:
            return None
        try:
            day = parse_date(text)
        except ValueError:
            day = None
        # With a day before and after it: the edges of the calendar cannot be computed with.
        if day is None or not 1 < day.year < 9999:
            self.errors[name] = gettext("A day is written as 2026-03-06.")
            return None
        return day

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [self.SINCE, self.UNTIL]

    def choices(self, changelist: ChangeList) -> Any:
        kept = changelist.params.items()
        yield {
            "fields": [
                {
                    "name": name,
                    "label": label,
                    "value": self.used_parameters.get(name, ""),
                    "error": self.errors.get(name, ""),
                }
                for name, label in ((self.SINCE, gettext("First day")), (self.UNTIL, gettext("Last day")))
            ],
            "kept": [
                (name, values[-1] if isinstance(values, list) else values)
                for name, values in kept
                if name not in {self.SINCE, self.UNTIL, "p"}
            ]
            + ([("q", changelist.query)] if changelist.query else []),
            "without": changelist.get_query_string(remove=[self.SINCE, self.UNTIL]),
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.since:
            queryset = queryset.filter(at__gte=datetime.combine(self.since, time(), UTC))
        if self.until:
            queryset = queryset.filter(at__lt=datetime.combine(self.until + timedelta(days=1), time(), UTC))
        return queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(LargeTable, ReadOnly, Audited):
    """Searched by words that all have to fit; each is looked up by an index of its own."""

    list_display = ("when", "who", "source_words", "address", "whose", "verb", "about")
    list_filter = (DaysFilter, SourceFilter)
    search_fields = ("row__exact",)
    search_help_text = _(
        "Words that all fit: an e-mail address, an IP address or network, a merchant’s short name, Shipment:123, Shipment, "
        "a row’s number, a verb (“signed in” in quotation marks)"
    )
    fields = ("when", "who", "source_words", "address", "whose", "verb", "model", "row", "before", "after")
    readonly_fields = fields
    change_list_template = "admin/shipments/auditentry/change_list.html"

    def called(self, row: AuditEntry) -> str:
        return f"{self.when(row)} {row.verb} {self.about(row)}"

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        # Not by the key alone: an index of each column goes on with the moment.
        return ("-at", "-id")

    def get_queryset(self, request: HttpRequest) -> AuditQuerySet:
        return cast("AuditQuerySet", super().get_queryset(request)).with_names()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        entries = cast("AuditQuerySet", queryset)
        for word in _words(search_term):
            entries = _with_word(entries, word)
        return entries, False

    def get_urls(self) -> list[URLPattern]:
        export = path(
            "export/",
            self.admin_site.admin_view(require_POST(self.export)),
            name="shipments_auditentry_export",
        )
        return [export, *super().get_urls()]

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("shipments.export_auditentry")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().changelist_view(
            request, {**(extra_context or {}), "has_export_permission": self.has_export_permission(request)}
        )

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """What the list shows, all of it, as a file that is made while it is sent; and an entry of its own."""
        if not (self.has_view_permission(request) and self.has_export_permission(request)):
            raise PermissionDenied
        kind = request.POST.get("format", "")
        if kind not in {audit_file.CSV, audit_file.JSON_LINES}:
            return self._back(request, gettext("A file is made as CSV or as JSON lines."))
        now = timezone.now()
        try:
            shown = cast("AuditQuerySet", self.get_changelist_instance(request).get_queryset(request))
            slot = Slot(_person(request).pk)
        except IncorrectLookupParameters:
            return self._back(request, gettext("The list cannot be narrowed down like this."))
        except NoSlot:
            return self._back(
                request, gettext("As many files as can be are being made. Try again in a minute.")
            )
        try:
            self.write_down(request, "exported", AuditEntry(), {}, {"format": kind, **_told(request)})
        except BaseException:
            slot.close()
            raise
        # The entry of this export is not in it.
        pieces = audit_file.lines(shown.filter(at__lt=now), kind)
        content_type = "text/csv; charset=utf-8" if kind == audit_file.CSV else "application/x-ndjson"
        response = StreamingHttpResponse(Held(pieces, slot), content_type=content_type)
        name = f"audit-{now:%Y-%m-%d-%H%M}.{kind}"
        response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
        # A proxy that gathers the file before it passes it on would undo the streaming.
        response["X-Accel-Buffering"] = "no"
        return response

    def _back(self, request: HttpRequest, why: str) -> HttpResponse:
        self.message_user(request, why, "ERROR")
        query = request.GET.urlencode()
        return HttpResponseRedirect(f"{reverse('admin:shipments_auditentry_changelist')}?{query}")

    @admin.display(description=_("when"))
    def when(self, entry: AuditEntry) -> str:
        return f"{entry.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

    @admin.display(description=_("from"))
    def source_words(self, entry: AuditEntry) -> str:
        return str(SOURCES.get(entry.source, entry.source))

    @admin.display(description=_("to"))
    def about(self, entry: AuditEntry) -> str:
        """In the words by which it is looked for."""
        return ":".join(part for part in (entry.model.removeprefix("shipments."), entry.row) if part)

    @admin.display(description=_("who"))
    def who(self, entry: AuditEntry) -> str:
        return entry.who

    @admin.display(description=_("merchant"))
    def whose(self, entry: AuditEntry) -> str:
        return entry.whose


def _person(request: HttpRequest) -> User:
    person = request.user
    if not isinstance(person, User):
        raise PermissionDenied
    return person


def _words(text: str) -> list[str]:
    """The words of a search; several in quotation marks are one."""
    return [
        unescape_string_literal(word) if word[0] in "\"'" and len(word) > 1 and word[0] == word[-1] else word
        for word in smart_split(text.replace("\0", ""))
    ]


def _with_word(entries: AuditQuerySet, word: str) -> AuditQuerySet:
    """Those that a word fits: which column it is about follows from its form."""
    if "@" in word:
        people = list(User.objects.filter(email=word.lower()).values_list("pk", flat=True))
        return entries.filter(person__in=people) if people else entries.filter(run_by=word, source="command")
    if network := _network(word):
        # A range of addresses, which an index can find.
        return entries.filter(
            address__gte=str(network.network_address), address__lte=str(network.broadcast_address)
        )
    name, colon, row = word.removeprefix("shipments.").partition(":")
    model = next(
        (one._meta.label for one in apps.get_app_config("shipments").get_models() if one.__name__ == name),
        None,
    )
    if model is not None:
        return entries.filter(model=model, row=row) if colon else entries.filter(model=model)
    if word.isdecimal():
        return entries.filter(row=word)
    merchants = [
        *Merchant.objects.filter(slug=word).values_list("pk", flat=True),
        *MerchantDeletion.objects.filter(slug=word)
        .exclude(finished_at=None)
        .values_list("merchant", flat=True),
    ]
    return entries.filter(merchant__in=merchants) if merchants else entries.filter(verb=word)


def _network(word: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if "." not in word and word.count(":") < 2:
        return None
    try:
        return ipaddress.ip_network(word, strict=False)
    except ValueError:
        return None


def _told(request: HttpRequest) -> dict[str, str]:
    """By what an export was narrowed down; addresses of mailboxes do not enter the audit."""
    return {
        name: " ".join(MASK if "@" in word else word for word in str(value).split())
        for name, value in request.GET.items()
    }
