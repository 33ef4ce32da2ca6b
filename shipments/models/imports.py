"""Imports of files: how far each has come, the file itself, the rows that were refused, and matches of columns."""

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from shipments.enums import WorkState
from shipments.models.merchants import Merchant
from shipments.models.work import BackgroundWork

# Files are kept in pieces of this many bytes: no step of an import reads much more than it needs.
CHUNK = 1024 * 1024
# How long the file is kept after its import is over: long enough to look into a complaint of the next day.
FILE_KEPT = timedelta(days=2)
# How long refused rows, which may name people, and drafts that nobody started are kept.
BAD_ROWS_KEPT = timedelta(days=30)
DRAFT_KEPT = timedelta(days=7)


class ImportQuerySet(models.QuerySet["Import"]):
    """Imports, many at once."""

    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)

    def newest_first(self) -> Self:
        return self.order_by("-made_at", "-pk")

    def with_twin(self) -> Self:
        """With `twin_at`: when the merchant last finished an import of the very same file."""
        twins = Import.objects.filter(
            merchant=models.OuterRef("merchant"), sha256=models.OuterRef("sha256"), state=WorkState.DONE
        ).exclude(pk=models.OuterRef("pk"))
        return self.annotate(
            twin_at=models.Subquery(twins.order_by("-finished_at").values("finished_at")[:1])
        )

    def forget_old(self, now: datetime) -> None:
        """Delete files of imports that are over, refused rows and drafts, each when its time has come."""
        ImportChunk.objects.filter(job__finished_at__lt=now - FILE_KEPT).delete()
        BadRow.objects.filter(job__finished_at__lt=now - BAD_ROWS_KEPT).delete()
        self.filter(state=WorkState.DRAFT, made_at__lt=now - DRAFT_KEPT).delete()


class Import(BackgroundWork):
    """One file of parcels on its way into the store.

    The file is kept as UTF-8 without a mark, whatever it came in; `encoding` is what it came in. `position` is the
    byte of that text where the next step begins, `last_row` the row before it as a spreadsheet counts. A step's
    parcels, counts and position are one transaction.
    """

    # Set by `with_twin` only.
    twin_at: datetime | None

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    file_name = models.CharField(_("file"), max_length=200)
    size = models.PositiveBigIntegerField(_("bytes"))
    sha256 = models.CharField(max_length=64)
    encoding = models.CharField(_("encoding"), max_length=10)
    separator = models.CharField(_("separator"), max_length=1)
    # Headings of the file's columns, or as many empty texts where the first row is a parcel already.
    header = ArrayField(models.TextField(), default=list)
    has_header = models.BooleanField(_("the first row is a heading"), default=True)
    language = models.CharField(_("language of the reasons"), max_length=10)

    # One of `bulk.columns` for each of the file's columns, empty: left out.
    columns = ArrayField(models.CharField(max_length=30), default=list)
    default_carrier = models.CharField(_("carrier where none is named"), max_length=20, blank=True)
    default_mailing_date = models.DateField(_("mailing date where none is named"), null=True, blank=True)
    date_order = models.CharField(_("how dates are written"), max_length=3, blank=True)
    tag = models.CharField(_("tag for new parcels"), max_length=40, blank=True)

    # Where the rows begin: behind Excel's `sep=` line, with the heading still before us.
    begins_at = models.PositiveIntegerField(default=0)
    position = models.PositiveIntegerField(default=0)
    last_row = models.PositiveIntegerField(default=0)
    rows_total = models.PositiveIntegerField(_("rows"), default=0)
    started_at = models.DateTimeField(_("begun"), null=True)
    good = models.PositiveIntegerField(_("new"), default=0)
    double = models.PositiveIntegerField(_("there already"), default=0)
    bad = models.PositiveIntegerField(_("refused"), default=0)
    # Of the doubles: how many told something that the parcel in the store did not know.
    learnt = models.PositiveIntegerField(_("completed"), default=0)
    # Buyers who get mails because of it, and rows that name a buyer's address without a consent.
    subscribed = models.PositiveIntegerField(_("buyers subscribed"), default=0)
    unconsented = models.PositiveIntegerField(_("addresses without consent"), default=0)
    # Rows written over with blanks since the file arrived, because buyers asked for their data to be erased.
    erased_rows = models.PositiveIntegerField(_("rows taken out"), default=0, db_default=0)
    # How often it was taken up without a step since; so that a step that kills its worker is not tried for ever.
    tries = models.PositiveSmallIntegerField(default=0)

    objects: ClassVar[ImportQuerySet] = ImportQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state=WorkState.DRAFT) | models.Q(started_at__isnull=False),
                name="import_begun_unless_draft",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "-made_at", "-id"], name="import_newest_idx"),
            models.Index(fields=["merchant", "sha256"], name="import_same_file_idx"),
        ]

    def __str__(self) -> str:
        return f"import {self.public_id}"

    @property
    def rows_done(self) -> int:
        return self.good + self.double + self.bad

    @property
    def is_draft(self) -> bool:
        return self.state == WorkState.DRAFT

    def keep_file(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Write the pieces down as they pass by; all but the last are `CHUNK` long."""
        for ordinal, piece in enumerate(pieces):
            ImportChunk.objects.create(job=self, merchant=self.merchant, ordinal=ordinal, content=piece)
            yield piece

    def read_file(self, position: int = 0) -> Iterator[bytes]:
        """The file from this byte on, a chunk at a time; nothing where it has been deleted."""
        skip = position % CHUNK
        for ordinal in range(position // CHUNK, 2**31):
            chunk = self.chunks.filter(ordinal=ordinal).values_list("content", flat=True).first()
            if chunk is None:
                return
            yield bytes(chunk)[skip:]
            skip = 0

    def head(self) -> bytes:
        """The first chunk of the file, by one statement."""
        return next(self.read_file(), b"")

    def start(self, now: datetime) -> bool:
        """Hand a matched draft to the queue; False where that was done before."""
        started = Import.objects.filter(pk=self.pk, state=WorkState.DRAFT).update(
            state=WorkState.WAITING, started_at=now
        )
        if started:
            self.state, self.started_at = WorkState.WAITING, now
        return bool(started)

    def discard(self) -> bool:
        """Delete a draft with its file; False for what was started."""
        deleted, _of_what = Import.objects.filter(pk=self.pk, state=WorkState.DRAFT).delete()
        return bool(deleted)

    def ask_to_cancel(self, now: datetime) -> bool:
        """Stop before the next step; what nobody works on stops at once. False where there is nothing to stop."""
        with transaction.atomic():
            kept = Import.objects.select_for_update().get(pk=self.pk)
            if kept.is_over or kept.is_draft:
                return False
            kept.cancel_asked = True
            kept.save(update_fields=["cancel_asked"])
            if kept.state == WorkState.WAITING:
                kept.finish(WorkState.CANCELLED, now)
            return True


class ImportChunk(models.Model):
    """A piece of the file. In the database, because hosts share no disk."""

    job = models.ForeignKey(Import, models.CASCADE, related_name="chunks", db_index=False)
    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="+", db_index=False)
    ordinal = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "ordinal"], name="chunk_once_per_import"),
        ]

    def __str__(self) -> str:
        return f"chunk {self.ordinal} of import {self.job_id}"


class BadRow(models.Model):
    """A row that was refused, cell by cell, with the column at fault (empty: the row as a whole) and why."""

    job = models.ForeignKey(Import, models.CASCADE, related_name="bad_rows", db_index=False)
    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="+", db_index=False)
    row = models.PositiveIntegerField(_("row"))
    cells = ArrayField(models.TextField())
    field = models.CharField(_("column"), max_length=30, blank=True)
    reason = models.CharField(_("reason"), max_length=500)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "row"], name="bad_row_once_per_import")]

    def __str__(self) -> str:
        return f"row {self.row} of import {self.job_id}"


class ColumnMatchManager(models.Manager["ColumnMatch"]):
    """Finds and keeps matches."""

    def of_header(self, merchant: Merchant, header: Sequence[str]) -> "ColumnMatch | None":
        """What the merchant made of a file with these headings the last time; None for new ones."""
        return self.filter(merchant=merchant, digest=header_digest(header)).first()

    def remember(self, job: Import, header: Sequence[str], columns: Sequence[str], now: datetime) -> None:
        """Keep how these headings were matched by an import that begins, for the next file with them."""
        self.update_or_create(
            merchant=job.merchant,
            digest=header_digest(header),
            defaults={
                "columns": list(columns),
                "default_carrier": job.default_carrier,
                "date_order": job.date_order,
                "used_at": now,
            },
        )


class ColumnMatch(models.Model):
    """How a merchant last matched the columns of files with these headings."""

    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="+", db_index=False)
    digest = models.CharField(max_length=64)
    columns = ArrayField(models.CharField(max_length=30))
    default_carrier = models.CharField(max_length=20, blank=True)
    date_order = models.CharField(max_length=3, blank=True)
    used_at = models.DateTimeField()

    objects: ClassVar[ColumnMatchManager] = ColumnMatchManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "digest"], name="match_once_per_header")]

    def __str__(self) -> str:
        return f"match of {len(self.columns)} columns"


def header_digest(header: Sequence[str]) -> str:
    """The same for headings that differ in capitals and blanks only."""
    plain = "\x1f".join(" ".join(heading.casefold().split()) for heading in header)
    return hashlib.sha256(plain.encode()).hexdigest()
