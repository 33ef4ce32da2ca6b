"""Pictures of deliveries and statements, as an operator may see them: what came of fetching, and nothing of people."""

from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _

from shipments.admin.audited import ReadOnly
from shipments.admin.paging import LargeTable
from shipments.facts.fetch_words import why
from shipments.models import Proof, Statement
from shipments.models.answers import DIGEST_START


@admin.register(Proof)
class ProofAdmin(LargeTable, ReadOnly):
    """What is waited for, kept or given up, and why."""

    when_empty = _("Pictures of deliveries are fetched when a carrier names their address.")
    list_display = ("begun_at", "shipment", "merchant", "tries", "due_at", "fetched_at", "in_words")
    list_select_related = ("shipment", "merchant")
    list_filter = ("trouble",)
    fields = (
        "shipment", "merchant", "begun_at", "tries", "due_at", "fetched_at", "in_words", "set_aside_at", "address_sha256",
    )  # fmt: skip
    readonly_fields = fields

    def called(self, row: Proof) -> str:
        return str(row.shipment)

    @admin.display(description=_("trouble"))
    def in_words(self, proof: Proof) -> str:
        return why(proof.trouble, proof.trouble_detail) if proof.trouble else self.get_empty_value_display()


@admin.register(Statement)
class StatementAdmin(LargeTable, ReadOnly):
    """Which statements were made; what they say is for their readers."""

    when_empty = _("Merchants and buyers make one on the page of a delivered parcel.")
    list_display = ("number", "made_at", "merchant", "carrier", "status", "delivered_on", "is_for_buyer")
    list_select_related = ("merchant",)
    search_fields = ("number__startswith", "digest__startswith")
    search_help_text = _("The number or the digest of a statement, or its beginning")
    fields = (
        "number", "made_at", "made_by", "is_for_buyer", "merchant", "shipment", "carrier", "number_ending", "status", "delivered_on",
        "digest", "told_by",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description=_("answers behind it"))
    def told_by(self, statement: Statement) -> str:
        """One answer a line: when it was fetched, from where, and the beginning of its digest."""
        lines = (
            (one["fetched_at"], one["gateway"], one["sha256"][:DIGEST_START]) for one in statement.answers
        )
        return format_html_join(mark_safe("<br>"), "{} · {} · SHA-256 {}…", lines) or "-"
