"""All data of one merchant as a file: how far it has come, the file in pieces, and what stands in it where."""

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from shipments.enums import WorkState
from shipments.models.merchants import Merchant
from shipments.models.shipments import Shipment
from shipments.models.work import BackgroundWork

# How long the file is kept: it holds everything, and lies about no longer than somebody needs to fetch it.
KEPT = timedelta(days=7)
# The file is kept in pieces of about this many bytes.
CHUNK = 1024 * 1024
# Parcels of one step.
PARCELS_A_STEP = 500
# Why a file is gone before its time, or begun anew: a buyer's data was erased, and stood in it. Pages put it into words.
ERASED = "erased"
# Pieces that are dropped in one transaction.
_DROPPED_AT_ONCE = 100


class MerchantExportQuerySet(models.QuerySet["MerchantExport"]):
    """Exports, many at once."""

    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)

    def newest_first(self) -> Self:
        return self.order_by("-made_at", "-pk")

    def that_may_name(self, merchant_ids: Sequence[int]) -> Self:
        """Those of these merchants of which something is written and kept."""
        return self.filter(merchant__in=merchant_ids, as_of__isnull=False, expired=False)

    def forget_old(self, now: datetime) -> None:
        """Drop the files whose time is over, piece by piece; that they were made stays known."""
        over = self.filter(expired=False).filter(
            models.Q(finished_at__lt=now - KEPT)
            | models.Q(state__in=[WorkState.CANCELLED, WorkState.FAILED], finished_at__lt=now)
        )
        for export in over:
            export.drop_file()


class MerchantExport(BackgroundWork):
    """An export of everything a merchant has. Steps of the queue write it, one file of the archive or some at a time; a step
    and its place are one transaction, so that a killed worker leaves no half file in it.

    Which parcels are in it is decided when it begins: they stand in its `ExportPart` rows, and go from there with the step
    that writes them. `section` is how many of the other sections are written.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    as_of = models.DateTimeField(_("as of"), null=True)
    section = models.PositiveIntegerField(default=0)
    part = models.PositiveIntegerField(default=0)
    # Where the next piece of a section that is larger than one step begins.
    after_id = models.BigIntegerField(default=0)
    total = models.PositiveIntegerField(_("parcels"), default=0)
    done = models.PositiveIntegerField(_("parcels written"), default=0)
    size = models.PositiveBigIntegerField(_("bytes"), default=0)
    chunks = models.PositiveIntegerField(default=0)
    files = models.PositiveIntegerField(default=0)
    # How often it was taken up without a step since; so that a step that kills its worker is not tried for ever.
    tries = models.PositiveSmallIntegerField(default=0)
    expired = models.BooleanField(_("the file is dropped"), default=False)

    objects: ClassVar[MerchantExportQuerySet] = MerchantExportQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("export of a merchant")
        verbose_name_plural = _("exports of merchants")
        constraints = [
            models.UniqueConstraint(
                fields=["merchant"],
                condition=models.Q(state__in=[WorkState.WAITING, WorkState.RUNNING]),
                name="one_export_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"export {self.public_id} of merchant {self.merchant_id}"

    @property
    def file_name(self) -> str:
        return f"{self.merchant.slug}-{self.made_at:%Y-%m-%d}.zip"

    def expires_at(self) -> datetime | None:
        """Until when the file can be fetched; None while there is none."""
        return None if self.finished_at is None else self.finished_at + KEPT

    def can_be_fetched(self, now: datetime) -> bool:
        ends = self.expires_at()
        return self.state == WorkState.DONE and not self.expired and ends is not None and now < ends

    def choose_parcels(self) -> None:
        """Write down which parcels are exported, in the order of their ids: one statement, one snapshot."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                INSERT INTO {ExportPart._meta.db_table} (export_id, merchant_id, ordinal, parcels)
                SELECT %(export)s, %(merchant)s, place / %(step)s, array_agg(id ORDER BY id) FROM (
                    SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM {Shipment._meta.db_table}
                    WHERE merchant_id = %(merchant)s
                ) AS numbered GROUP BY place / %(step)s
                """,  # noqa: S608  (the only inserted text is our own tables' names)
                {"export": self.pk, "merchant": self.merchant_id, "step": PARCELS_A_STEP},
            )

    def pieces(self) -> Iterator[bytes]:
        """The file. Each piece is a statement of its own: a reader who takes their time holds nothing in the database."""
        for ordinal in range(self.chunks):
            found = ExportChunk.objects.filter(export=self.pk, ordinal=ordinal)
            yield bytes(found.values_list("content", flat=True).get())

    def forget_somebody(self) -> None:
        """A buyer's data was erased that may stand in the file: drop it where it is whole, write it anew where it is being
        written. The caller holds the row, so that no step is under way."""
        if self.is_over:
            type(self).objects.filter(pk=self.pk).update(error=ERASED)
            self.drop_file()
            return
        self.drop_file()
        type(self).objects.filter(pk=self.pk).update(
            expired=False,
            as_of=None,
            section=0,
            part=0,
            after_id=0,
            total=0,
            done=0,
            size=0,
            chunks=0,
            files=0,
        )

    def drop_file(self) -> None:
        """Delete what it has written."""
        type(self).objects.filter(pk=self.pk).update(expired=True)
        for model in (ExportChunk, ExportedFile, ExportPart):
            rows = model._default_manager.filter(export=self.pk)
            while pks := list(rows.values_list("pk", flat=True)[:_DROPPED_AT_ONCE]):
                model._default_manager.filter(pk__in=pks).delete()


class _OfAnExport(models.Model):
    export = models.ForeignKey(MerchantExport, models.CASCADE, related_name="+", db_index=False)
    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="+", db_index=False)
    ordinal = models.PositiveIntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.ordinal} of export {self.export_id}"


class ExportPart(_OfAnExport):
    """Parcels that one step writes; deleted by it."""

    parcels = ArrayField(models.BigIntegerField())

    class Meta:
        verbose_name = "part of an export"
        verbose_name_plural = "parts of exports"
        constraints = [
            models.UniqueConstraint(fields=["export", "ordinal"], name="export_part_once"),
        ]


class ExportedFile(_OfAnExport):
    """A file in the archive, as its directory at the end names it."""

    name = models.CharField(max_length=200)
    section = models.CharField(max_length=50)
    rows = models.PositiveIntegerField()
    offset = models.PositiveBigIntegerField()
    size = models.PositiveBigIntegerField()
    packed_size = models.PositiveBigIntegerField()
    crc = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        verbose_name = "file of an export"
        verbose_name_plural = "files of exports"
        constraints = [
            models.UniqueConstraint(fields=["export", "ordinal"], name="exported_file_once"),
        ]


class ExportChunk(_OfAnExport):
    """A piece of the archive."""

    content = models.BinaryField()

    class Meta:
        verbose_name = "piece of an export"
        verbose_name_plural = "pieces of exports"
        constraints = [
            models.UniqueConstraint(fields=["export", "ordinal"], name="export_chunk_once"),
        ]
