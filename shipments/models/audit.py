"""Who did what to which row, from where. Append-only: the database refuses updates and deletes."""

import getpass
import socket
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.apps import apps
from django.db import models
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from shipments.fields import EncryptedTextField
from shipments.models import audit_months
from shipments.models.emptied import (
    EMPTY_ANSWER,
    EMPTY_MAIL,
    EMPTY_PICTURE,
    EMPTY_SCAN,
    EMPTY_SHIPMENT,
    EMPTY_SUBSCRIPTION,
)
from shipments.models.merchants import Merchant
from shipments.models.standing import MerchantDeletion

if TYPE_CHECKING:
    from shipments.models.users import User

# Masked when written, so that no later reader, dump or export can let them out: secrets, and what tells of a person. These
# names whatever the row is ...
MASKED = frozenset(
    {
        "destination_postal_code",
        "email",
        "key",
        "password",
        "recipient_name",
        "secret",
        "signed_by",
        "stop_sha256",
        "token",
        "token_sha256",
    }
)
# ... and these of some rows: what people wrote, where parcels and mails went, and all that an erasure takes from a row that
# stays. An entry cannot be erased: what it would tell of a buyer must never get in.
MASKED_OF: Mapping[str, frozenset[str]] = {
    "shipments.Answer": frozenset(EMPTY_ANSWER),
    "shipments.BadRow": frozenset({"cells", "reason"}),
    "shipments.BulkAction": frozenset({"tag"}),
    # Whoever may guess could try which address or number it is of.
    "shipments.Erasure": frozenset({"term_digest"}),
    "shipments.Mail": frozenset(EMPTY_MAIL),
    "shipments.Note": frozenset({"text"}),
    "shipments.ProofPicture": frozenset(EMPTY_PICTURE),
    "shipments.ScanEvent": frozenset(EMPTY_SCAN),
    # A scanned barcode begins with the ZIP Code, and the carrier's word for a place may end with one. `tag` is one of `tags`.
    "shipments.Shipment": frozenset(
        {*EMPTY_SHIPMENT, "last_location", "number_as_typed", "recipient_words", "tag"}
    ),
    "shipments.Subscription": frozenset(EMPTY_SUBSCRIPTION) - {"due_at"},
    "shipments.UnrecognisedCode": frozenset({"text"}),
    "shipments.User": frozenset({"name"}),
}
MASK = "•••"
# From where: the dashboard and one's own account, an action on many parcels, the queue on somebody's behalf, ...
SOURCES = ("page", "bulk", "queue", "admin", "command")


@cache
def hidden_of(model: type[models.Model]) -> frozenset[str]:
    """The columns of a model that never enter the audit in clear: those named above, addresses of mailboxes, bytes, and what
    is encrypted in the database."""
    by_kind = {
        field.name
        for field in model._meta.concrete_fields
        if isinstance(field, EncryptedTextField | models.EmailField | models.BinaryField)
    }
    return MASKED | MASKED_OF.get(model._meta.label, frozenset()) | by_kind


def masked(values: Mapping[str, Any], hidden: Iterable[str] = MASKED) -> dict[str, Any]:
    """The values with secrets and personal data replaced; an empty value stays visibly empty."""
    return {
        name: (MASK if value else "")
        if name in hidden
        else value
        if isinstance(value, int | bool | None)
        # A text the database could not keep must not undo the deed that is written down.
        else str(value).replace("\0", "�")[:500]
        for name, value in values.items()
    }


def runner() -> str:
    """Whose account on which machine runs this command: `deploy@host`."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a number that has no name.
        name = "?"
    return f"{name}@{socket.gethostname()}"[:100]


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Finds entries."""

    def about(self, row: models.Model) -> Self:
        """What was done to this row."""
        return self.filter(model=row._meta.label, row=str(row.pk)[:64])

    def newest_first(self) -> Self:
        return self.order_by("-at", "-id")

    def coming_after(self, at: datetime, pk: int) -> Self:
        """Of entries with the newest first, those behind the one of this moment and key."""
        return self.filter(at__lte=at).exclude(at=at, id__gte=pk)

    def with_names(self) -> Self:
        """With `person_email` and `merchant_slug`: an entry outlives whom it speaks of, so these are look-ups and no foreign
        keys. None for a person who is gone; a merchant that was deleted keeps its short name in the receipt."""
        people = apps.get_model("shipments", "User").objects.filter(pk=OuterRef("person"))
        merchants = Merchant.objects.filter(pk=OuterRef("merchant"))
        deleted = MerchantDeletion.objects.filter(merchant=OuterRef("merchant")).exclude(finished_at=None)
        return self.annotate(
            person_email=Subquery(people.values("email")),
            merchant_slug=Coalesce(
                Subquery(merchants.values("slug")),
                Subquery(deleted.values("slug")[:1]),
                output_field=models.CharField(),
            ),
        )


class AuditManager(models.Manager.from_queryset(AuditQuerySet)):  # type: ignore[misc]
    """Writes entries."""

    def make_months(self, now: datetime, *, ahead: int = 12) -> None:
        """Make the partitions of this month and the `ahead` next ones, where they are missing."""
        audit_months.make(self.model._meta.db_table, now, ahead=ahead)

    def record(
        self,
        verb: str,
        row: models.Model,
        *,
        by: "User | None" = None,
        source: str,
        address: str | None = None,
        merchant: Merchant | None = None,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> "AuditEntry":
        """Write down one deed: `verb` in the past tense ("added"), `source` one of `SOURCES`."""
        entry = self.entry(
            verb, row, by=by, source=source, address=address, merchant=merchant, before=before, after=after
        )
        entry.save(force_insert=True)
        return entry

    def entry(
        self,
        verb: str,
        row: models.Model,
        *,
        by: "User | None" = None,
        source: str,
        address: str | None = None,
        merchant: Merchant | None = None,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> "AuditEntry":
        """A deed as `record` writes it, for who writes many at once."""
        entry: AuditEntry = self.model(
            verb=verb,
            model=row._meta.label,
            row="" if row.pk is None else str(row.pk)[:64],
            person=None if by is None else by.pk,
            run_by=runner() if source == "command" else "",
            source=source,
            address=address or None,
            merchant=None if merchant is None else merchant.pk,
            before=masked(before or {}, hidden_of(row._meta.model)),
            after=masked(after or {}, hidden_of(row._meta.model)),
        )
        return entry

    def record_each(
        self,
        verb: str,
        model: type[models.Model],
        before: Mapping[int, Mapping[str, Any]],
        *,
        by: "User | None" = None,
        source: str,
        merchant: Merchant,
        after: Mapping[str, Any],
    ) -> None:
        """Write down one deed on many rows, in one statement: `before` has what stood on each, by its primary key."""
        hidden = hidden_of(model)
        then = masked(after, hidden)
        self.bulk_create(
            self.model(
                verb=verb,
                model=model._meta.label,
                row=str(pk),
                person=None if by is None else by.pk,
                source=source,
                merchant=merchant.pk,
                before=masked(was, hidden),
                after=then,
            )
            for pk, was in before.items()
        )


class AuditEntry(models.Model):
    """One deed. No foreign keys: an entry outlives the person, the merchant and the row it speaks of.

    The table is partitioned by month of `at` (see the migration); its key there is (id, at).
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(_("when"), auto_now_add=True)
    person = models.BigIntegerField(_("who"), null=True)
    # Who ran a command: an account of the machine, and no person of ours.
    run_by = models.CharField(_("run by"), max_length=100, default="")
    source = models.CharField(_("from"), max_length=10)
    address = models.GenericIPAddressField(_("address"), null=True)
    merchant = models.BigIntegerField(_("merchant"), null=True)
    verb = models.CharField(_("did"), max_length=40)
    model = models.CharField(_("to"), max_length=100)
    row = models.CharField(_("row"), max_length=64)
    before = models.JSONField(_("before"), default=dict)
    after = models.JSONField(_("after"), default=dict)

    objects: ClassVar[AuditManager] = AuditManager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        managed = False
        # Entries come with the deeds they tell of: nobody is ever allowed to add, change or delete one.
        default_permissions = ("view",)
        permissions = [("export_auditentry", "Can export the audit")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.verb} {self.model} {self.row}"

    @property
    def who(self) -> str:
        """Who did it: an e-mail address where the entry was read `with_names`, the number of a person who is gone, or the
        account that ran a command."""
        email: str | None = getattr(self, "person_email", None)
        if self.person is None:
            return self.run_by
        return email or f"#{self.person}"

    @property
    def whose(self) -> str:
        """The merchant's short name where the entry was read `with_names`, else their number; empty for what is nobody's."""
        slug: str | None = getattr(self, "merchant_slug", None)
        return slug or ("" if self.merchant is None else f"#{self.merchant}")
