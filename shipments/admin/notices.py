"""Mails: what waits, what was given up and why; never what they say or whole addresses."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.db.models.lookups import Exact
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from shipments import queueing
from shipments.admin.audited import Audited, ReadOnly
from shipments.admin.paging import LargeTable
from shipments.models import Mail
from shipments.models.notices import HELD


class StateFilter(admin.SimpleListFilter):
    """How far a mail has come."""

    title = _("state")
    parameter_name = "state"
    # But for those sent, which most are.
    is_indexed = True

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("waiting", _("waiting")),
            ("arrears", _("waiting after an error")),
            ("given-up", _("given up")),
            ("held", _("held after a restore")),
            ("sent", _("sent")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Mail]) -> QuerySet[Mail]:
        waiting = {"due_at__isnull": False}
        narrowed = {
            "waiting": queryset.filter(**waiting),
            "arrears": queryset.filter(**waiting).exclude(error=""),
            "given-up": queryset.filter(due_at=None, sent_at=None),
            "held": queryset.filter(due_at=None, sent_at=None, error=HELD),
            "sent": queryset.filter(sent_at__isnull=False),
        }
        return narrowed.get(self.value() or "", queryset)


@admin.register(Mail)
class MailAdmin(LargeTable, ReadOnly, Audited):
    """A mail that was given up can be begun anew, once its reason is mended. Its text is not even read here: it may
    hold links that open things; nor its subject, which names orders."""

    when_empty = _("What the site sends stands here: invitations, alerts, digests, mails to buyers.")
    list_display = ("made_at", "kind", "merchant", "masked_to", "tries", "error", "due_at", "sent_at")
    list_select_related = ("merchant",)
    list_filter = (StateFilter,)
    # For the box; what it finds is said below.
    search_fields = ("to",)
    search_help_text = _("An e-mail address, whole")
    fields = ("kind", "merchant", "masked_to", "made_at", "due_at", "tries", "error", "sent_at")
    readonly_fields = fields
    actions = ("send_again",)

    def called(self, row: Mail) -> str:
        return f"{row.kind}, {row.made_at:%Y-%m-%d %H:%M} UTC"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Mail]:
        mails: QuerySet[Mail] = super().get_queryset(request)
        return mails.defer("subject", "text", "html", "unsubscribe_url")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Mail], search_term: str
    ) -> tuple[QuerySet[Mail], bool]:
        term = search_term.strip()
        return (queryset.filter(Exact(Lower("to"), term.lower())) if term else queryset), False

    @admin.display(description=_("to"))
    def masked_to(self, mail: Mail) -> str:
        return mail.masked_to

    def has_send_again_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("shipments.change_mail")

    @admin.action(description=_("Send again what was given up"), permissions=["send_again"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Mail]) -> None:
        now = timezone.now()
        begun = [mail for mail in queryset.select_related("merchant") if mail.send_again(now)]
        for mail in begun:
            self.write_down(request, "sent again", mail, {"error": mail.error}, {"error": ""})
        queueing.enqueue(queueing.SEND_MAIL)
        self.message_user(
            request,
            ngettext("%(count)d mail is sent again.", "%(count)d mails are sent again.", len(begun))
            % {"count": len(begun)},
        )
