"""Who did what to which row, from where. Append-only: the database refuses updates and deletes."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import IntegrityError, connection, models, transaction
from django.utils.translation import gettext_lazy as _

from shipments.models.merchants import Merchant

if TYPE_CHECKING:
    from shipments.models.users import User

logger = logging.getLogger(__name__)

# Masked when written, so that no later reader, dump or export can let them out.
MASKED = frozenset(
    {"key", "secret", "token", "password", "recipient_name", "email", "signed_by", "destination_postal_code"}
)
MASK = "•••"


def masked(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with secrets and personal data replaced; an empty value stays visibly empty."""
    return {
        name: (MASK if value else "")
        if name in MASKED
        else value
        if isinstance(value, int | bool | None)
        else str(value)[:500]
        for name, value in values.items()
    }


class AuditManager(models.Manager["AuditEntry"]):
    """Writes entries."""

    def make_months(self, now: datetime, *, ahead: int = 12) -> None:
        """Make the partitions of this month and the `ahead` next ones, where they are missing.

        An entry of a month without a partition goes to the default one. Such a month can no longer be made, and its
        entries stay there: months are made a year early, by the migration and by every housekeeping.
        """
        first = now.astimezone(UTC).date().replace(day=1)
        for _month in range(ahead + 1):
            after = (first + timedelta(days=32)).replace(day=1)
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute(
                        f"CREATE TABLE IF NOT EXISTS {self.model._meta.db_table}_{first:%Y_%m} "
                        f"PARTITION OF {self.model._meta.db_table} FOR VALUES FROM ('{first}') TO ('{after}')"
                    )
            except IntegrityError:
                logger.warning(
                    "The audit of %s stays in the default partition: it has entries there.", f"{first:%Y-%m}"
                )
            first = after

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
        """Write down one deed: `verb` in the past tense ("added"), `source` one of page, bulk, admin, command."""
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
        return self.model(
            verb=verb,
            model=row._meta.label,
            row=str(row.pk),
            person=None if by is None else by.pk,
            source=source,
            address=address or None,
            merchant=None if merchant is None else merchant.pk,
            before=masked(before or {}),
            after=masked(after or {}),
        )

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
        then = masked(after)
        self.bulk_create(
            self.model(
                verb=verb,
                model=model._meta.label,
                row=str(pk),
                person=None if by is None else by.pk,
                source=source,
                merchant=merchant.pk,
                before=masked(was),
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

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.verb} {self.model} {self.row}"
