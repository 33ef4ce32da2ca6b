"""All data of a merchant into one archive: by the queue in steps that are kept in the database, or at once into a file.

The database keeps it, so that there is one backup and no disk that hosts would have to share. A step writes whole files of the
archive with its place in one transaction: a killed worker leaves none half, and whoever comes next goes on behind the last.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, Protocol

from django.db import DatabaseError, connection, transaction
from django.db.models import F, QuerySet
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from shipments import queueing
from shipments.enums import WorkState
from shipments.keeping.export_of_merchant import (
    ROWS,
    Counted,
    Row,
    Section,
    line,
    manifest,
    pictures_of,
    readme,
    rows_after,
    rows_of_parcels,
    sections,
)
from shipments.keeping.zipping import Entry, write_directory, write_file
from shipments.models import (
    AuditEntry,
    ExportChunk,
    ExportedFile,
    ExportPart,
    Membership,
    Merchant,
    MerchantExport,
    Shipment,
    User,
)
from shipments.models.exports import CHUNK, KEPT, PARCELS_A_STEP
from shipments.models.work import LEASE
from shipments.outbound import mail

logger = logging.getLogger(__name__)

KIND = "export-ready"
# Seconds after which a worker lets others have a turn.
TURN = 60.0
# Turns that may fail in a row before the export is given up.
MOST_TRIES = 5
# A worker that met an error of the database leaves the export alone for so long.
PAUSE = timedelta(seconds=20)
# What is wrong with an export that has failed; pages put it into words.
UNEXPECTED = "unexpected"


# ---- Into an archive ---------------------------------------------------------------------------------------------------


class Archive(Protocol):
    """Where the files of an export go."""

    at: datetime
    offset: int

    def put(self, piece: bytes) -> None:
        """Take the next bytes."""

    def note(self, entry: Entry, section: str, rows: int) -> None:
        """Remember a file for the directory at the end."""

    def noted(self) -> Iterator[tuple[Entry, str, int]]:
        """The files so far: entry, section and rows."""


def add_file(archive: Archive, name: str, content: Iterable[bytes], *, section: str = "") -> None:
    """Write one file of the archive."""
    entry = write_file(archive.put, name, content, offset=archive.offset, at=archive.at)
    archive.offset = entry.end
    archive.note(entry, section, 0)


def add_rows(archive: Archive, section: Section, part: int, rows: Iterator[Row]) -> "tuple[int, Row | None]":
    """Write rows as a file, if there are any: how many there were, and the last one."""
    first = next(rows, None)
    if first is None:
        return 0, None
    counted = _Counting(chain([first], rows))
    entry = write_file(
        archive.put, section.file_name(part), map(line, counted), offset=archive.offset, at=archive.at
    )
    archive.offset = entry.end
    archive.note(entry, section.folder, counted.count)
    return counted.count, counted.last


class _Counting(Iterator[Row]):
    """The rows, counted as they pass by."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self.count, self.last = 0, None  # type: int, Row | None

    def __next__(self) -> Row:
        self.last = next(self._rows)
        self.count += 1
        return self.last


def add_parcels(archive: Archive, part: int, shipment_ids: Sequence[int]) -> None:
    """Write everything of these parcels."""
    for section in sections():
        if section.of_parcels:
            add_rows(archive, section, part, rows_of_parcels(section, shipment_ids))
    for name, data in pictures_of(shipment_ids):
        add_file(archive, name, [data], section="pictures")


def add_end(archive: Archive, merchant: Merchant) -> None:
    """Write the manifest and the directory: the archive is whole then."""
    files = (
        Counted(entry.name, section, rows, entry.size, entry.sha256)
        for entry, section, rows in archive.noted()
    )
    add_file(archive, "manifest.json", manifest(merchant, archive.at, files))
    entries = (entry for entry, _section, _rows in archive.noted())
    archive.offset += write_directory(archive.put, entries, offset=archive.offset, at=archive.at)


def add_readme(archive: Archive, merchant: Merchant) -> None:
    add_file(archive, "README.txt", [readme(merchant, archive.at).encode()])


def _others() -> list[Section]:
    return [section for section in sections() if not section.of_parcels]


# ---- Kept in the database ------------------------------------------------------------------------------------------------


class _Kept:
    """An archive whose pieces are rows; a step's are written with its transaction."""

    def __init__(self, job: MerchantExport) -> None:
        assert job.as_of is not None
        self._job = job
        self.at = job.as_of
        self.offset = job.size
        self._held: list[bytes] = []
        self._size = 0

    def put(self, piece: bytes) -> None:
        self._held.append(piece)
        self._size += len(piece)
        if self._size >= CHUNK:
            self.flush()

    def flush(self) -> None:
        """Write down what is held back."""
        if not self._held:
            return
        ExportChunk.objects.create(
            export=self._job,
            merchant_id=self._job.merchant_id,
            ordinal=self._job.chunks,
            content=b"".join(self._held),
        )
        self._job.chunks += 1
        self._held, self._size = [], 0

    def note(self, entry: Entry, section: str, rows: int) -> None:
        ExportedFile.objects.create(
            export=self._job,
            merchant_id=self._job.merchant_id,
            ordinal=self._job.files,
            name=entry.name,
            section=section,
            rows=rows,
            offset=entry.offset,
            size=entry.size,
            packed_size=entry.packed_size,
            crc=entry.crc,
            sha256=entry.sha256,
        )
        self._job.files += 1

    def noted(self) -> Iterator[tuple[Entry, str, int]]:
        kept = ExportedFile.objects.filter(export=self._job).order_by("ordinal")
        for one in kept.iterator(chunk_size=2_000):
            entry = Entry(one.name, one.offset, one.size, one.packed_size, one.crc, one.sha256)
            yield entry, one.section, one.rows


@transaction.atomic
def start(merchant: Merchant, by: User | None, now: datetime) -> tuple[MerchantExport, bool]:
    """An export of everything the merchant has, and whether it is new: the one that is being made, where there is one."""
    # Of two at once the second finds that of the first. Not FOR UPDATE: that would hold up whoever adds a parcel.
    Merchant.objects.select_for_update(no_key=True).only("pk").get(pk=merchant.pk)
    going = MerchantExport.unfinished(now) | MerchantExport.objects.filter(state=WorkState.RUNNING)
    known = going.filter(merchant=merchant).first()
    if known is not None:
        return known, False
    job = MerchantExport.objects.create(merchant=merchant, by=by, made_at=now)
    queueing.enqueue(queueing.WORK_ON_MERCHANT_EXPORT, job.pk)
    return job, True


def resume(now: datetime) -> None:
    """Nudge the queue for every export that nobody works on."""
    for pk in MerchantExport.unfinished(now).order_by("pk").values_list("pk", flat=True):
        queueing.enqueue(queueing.WORK_ON_MERCHANT_EXPORT, pk)


def work_on(export_id: int, *, beat: Callable[[], object] = lambda: None) -> None:
    """Do steps of the export until it is over or the turn is; safe to call at any time, also twice at once."""
    job = MerchantExport.objects.filter(pk=export_id).first()
    if job is None or not job.take(timezone.now()):
        return
    MerchantExport.objects.filter(pk=export_id).update(tries=F("tries") + 1)
    if job.tries >= MOST_TRIES:
        _fail(export_id)
        return
    ends = time.monotonic() + TURN
    try:
        while step(export_id, timezone.now()):
            beat()
            if time.monotonic() > ends:
                _let_go(export_id, until=None)
                queueing.enqueue(queueing.WORK_ON_MERCHANT_EXPORT, export_id)
                return
    except DatabaseError as exc:
        # The class alone: a statement's words may carry data.
        logger.error("Export %d: a step failed with %s; it is tried again.", export_id, type(exc).__name__)
        _let_go(export_id, until=timezone.now() + PAUSE)
    except Exception as exc:  # noqa: BLE001  (whatever it was, it would be again: who waits must hear of it)
        logger.error("Export %d has failed with %s.", export_id, type(exc).__name__)
        _fail(export_id)


def _let_go(export_id: int, *, until: datetime | None) -> None:
    MerchantExport.objects.filter(pk=export_id, state=WorkState.RUNNING).update(leased_until=until)


@transaction.atomic
def _fail(export_id: int) -> None:
    job = MerchantExport.objects.select_for_update().get(pk=export_id)
    if not job.is_over:
        job.finish(WorkState.FAILED, timezone.now(), UNEXPECTED)


@transaction.atomic
def step(export_id: int, now: datetime) -> bool:
    """Write the next files; False when the archive is whole."""
    # Two workers at one export take turns here, and each begins where the other ended.
    job = (
        MerchantExport.objects.select_for_update(of=("self",))
        .select_related("merchant", "by")
        .get(pk=export_id)
    )
    if job.is_over:
        return False
    is_whole = False
    if job.as_of is None:
        job.as_of = now
        job.choose_parcels()
        job.total = sum(len(part.parcels) for part in _parts(job).iterator(chunk_size=100))
        archive = _Kept(job)
        add_readme(archive, job.merchant)
    else:
        archive = _Kept(job)
        is_whole = _go_on(job, archive)
    archive.flush()
    job.size, job.tries, job.leased_until = archive.offset, 0, now + LEASE
    job.save(
        update_fields=[
            "as_of", "section", "part", "after_id", "total", "done", "size", "chunks", "files", "tries", "leased_until",
        ]
    )  # fmt: skip
    if is_whole:
        job.finish(WorkState.DONE, now)
        _write_down(job.merchant, job, job.by, source="queue", files=job.files, size=job.size)
        _tell(job)
    return not is_whole


def _parts(job: MerchantExport) -> QuerySet[ExportPart]:
    return ExportPart.objects.filter(export=job).order_by("ordinal")


def _go_on(job: MerchantExport, archive: _Kept) -> bool:
    """Write the next part; whether the archive is whole."""
    part = _parts(job).first()
    if part is not None:
        add_parcels(archive, part.ordinal, part.parcels)
        job.done += len(part.parcels)
        part.delete()
        return False
    if job.section == len(_others()):
        add_end(archive, job.merchant)
        return True
    section = _others()[job.section]
    rows, last = add_rows(archive, section, job.part, rows_after(section, job.merchant_id, job.after_id))
    if rows == ROWS and last is not None:
        job.part, job.after_id = job.part + 1, last[section.key]
    else:
        job.section, job.part, job.after_id = job.section + 1, 0, 0
    return False


def _write_down(
    merchant: Merchant,
    row: "MerchantExport | Merchant",
    by: User | None,
    *,
    source: str,
    files: int,
    size: int,
) -> None:
    AuditEntry.objects.record(
        "exported all data",
        row,
        by=by,
        source=source,
        merchant=merchant,
        after={"files": files, "bytes": size},
    )


def _tell(job: MerchantExport) -> None:
    """Who asked for the file hears that it is there."""
    if job.by is None or not job.by.is_active:
        return
    is_member = Membership.objects.filter(user=job.by, merchant=job.merchant_id).exists()
    page = "settings-export" if is_member else "admin:shipments_merchant_export"
    with translation.override(job.merchant.language):
        subject = _("All data of %(merchant)s is ready to be fetched") % {"merchant": job.merchant.name}
        context = {
            "subject": subject,
            "language": job.merchant.language,
            "merchant": job.merchant,
            "days": KEPT.days,
            "url": mail.site_address(page, job.merchant.slug if is_member else job.merchant_id),
        }
        mail.post(
            to=job.by.email,
            kind=KIND,
            subject=subject,
            text=render_to_string("emails/export_ready.txt", context).strip() + "\n",
            html=render_to_string("emails/export_ready.html", context),
            merchant=job.merchant,
        )


# ---- Into a file -----------------------------------------------------------------------------------------------------------


class _InFile:
    """An archive that is written into a file."""

    def __init__(self, file: BinaryIO, at: datetime) -> None:
        self._file = file
        self._noted: list[tuple[Entry, str, int]] = []
        self.at = at
        self.offset = 0

    def put(self, piece: bytes) -> None:
        self._file.write(piece)

    def note(self, entry: Entry, section: str, rows: int) -> None:
        self._noted.append((entry, section, rows))

    def noted(self) -> Iterator[tuple[Entry, str, int]]:
        # As they are now: the manifest is noted while it is read.
        return iter(list(self._noted))


def export_to(path: Path, merchant: Merchant, now: datetime) -> tuple[int, int]:
    """Write everything of the merchant into the file, as of one moment: how many files and bytes that were. The file is there
    when it is whole, and nobody else on this host can read it. OSError."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with (
            open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
            transaction.atomic(),
        ):
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            archive = _InFile(file, now)
            add_readme(archive, merchant)
            ids = Shipment.objects.filter(merchant=merchant).order_by("pk").values_list("pk", flat=True)
            to_come = iter(ids.iterator(chunk_size=10 * PARCELS_A_STEP))
            part = 0
            while some := list(islice(to_come, PARCELS_A_STEP)):
                add_parcels(archive, part, some)
                part += 1
            for section in _others():
                _add_section(archive, section, merchant)
            add_end(archive, merchant)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()
    files = len(archive._noted)
    _write_down(merchant, merchant, None, source="command", files=files, size=archive.offset)
    return files, archive.offset


def _add_section(archive: Archive, section: Section, merchant: Merchant) -> None:
    part = after_id = 0
    while True:
        rows, last = add_rows(archive, section, part, rows_after(section, merchant.pk, after_id))
        if rows < ROWS or last is None:
            return
        part, after_id = part + 1, last[section.key]
