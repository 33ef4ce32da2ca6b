"""A file that was dropped becomes a draft of an import: checked as a whole, kept in pieces, its columns guessed."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import IO

from django.db import transaction

from shipments.bulk import columns, reading
from shipments.bulk.cell_values import guess_date_order, plain
from shipments.enums import WorkState
from shipments.facts import numbers
from shipments.facts.file_rows import Row
from shipments.models import ColumnMatch, Import, Merchant, NumberPattern, User
from shipments.models.imports import CHUNK


def receive(
    file: IO[bytes], name: str, *, merchant: Merchant, by: User | None, language: str, now: datetime
) -> Import:
    """The draft of an import of this file; Unreadable, and nothing kept, where the file is none of parcels."""
    encoding = reading.find_encoding(file)
    start = next(reading.as_utf8(file, encoding, piece=CHUNK), b"")
    head = reading.read_head(start, columns.knows, whole=len(start) < CHUNK)
    has_header = _has_header(head.rows)
    size, sha256 = _measured(file)
    with transaction.atomic():
        job = Import.objects.create(
            merchant=merchant,
            by=by,
            state=WorkState.DRAFT,
            made_at=now,
            file_name=_printable(name),
            size=size,
            sha256=sha256,
            encoding=encoding,
            separator=head.separator,
            has_header=has_header,
            language=language,
            begins_at=head.begins_at,
        )
        job.rows_total = reading.examine(
            job.keep_file(reading.as_utf8(file, encoding, piece=CHUNK)),
            head.separator,
            head.begins_at,
            has_header=has_header,
        )
        match_columns(job, head.rows)
        job.save()
    return job


def sample(job: Import) -> list[Row]:
    """The first rows of the kept file, the heading among them; one statement."""
    head = job.head()
    return reading.first_rows(head[job.begins_at :], job.separator, whole=len(head) < CHUNK)


def rows_of(job: Import, rows: Sequence[Row]) -> list[Row]:
    """Of the first rows those that are to be parcels."""
    return list(rows[1:] if job.has_header else rows)


def match_columns(job: Import, rows: Sequence[Row], *, has_header: bool | None = None) -> None:
    """Set heading and columns of a draft from its first rows: as the last time for this heading, else as guessed.

    With `has_header` the first row is declared to be a heading, or a parcel already.
    """
    if has_header is not None and has_header != job.has_header:
        job.rows_total += -1 if has_header else 1
        job.has_header = has_header
    first = rows[0].cells if rows else []
    width = len(first) if job.has_header else max((len(row.cells) for row in rows), default=0)
    job.header = [plain(cell)[:200] for cell in first] if job.has_header else [""] * width
    cells = [row.cells for row in rows_of(job, rows)]
    job.columns = columns.guess(job.header, cells, _number_reader())
    job.default_carrier = job.date_order = ""
    match = _remembered(job)
    if match:
        matched = iter(match.columns)
        job.columns = ["" if columns.is_reason(heading) else next(matched) for heading in job.header]
        job.default_carrier, job.date_order = match.default_carrier, match.date_order
    dates = cells_of(rows_of(job, rows), job.columns, "mailing_date")
    job.date_order = job.date_order or guess_date_order(dates)


def cells_of(rows: Sequence[Row], matched: Sequence[str], key: str) -> list[str]:
    """What stands in the file's column that is this one of ours."""
    place = matched.index(key) if key in matched else None
    return [] if place is None else [row.cells[place] for row in rows if place < len(row.cells)]


def is_remembered(job: Import) -> bool:
    """Whether the merchant imported a file with these headings before, and this one is matched as that one was."""
    match = _remembered(job)
    return match is not None and match.columns == _own_columns(job)


def _remembered(job: Import) -> ColumnMatch | None:
    return ColumnMatch.objects.of_header(job.merchant, _own_headings(job)) if job.has_header else None


def remember(job: Import, now: datetime) -> None:
    """Keep how the columns of this import are matched, for the merchant's next file with the same headings."""
    if job.has_header:
        ColumnMatch.objects.remember(job, _own_headings(job), _own_columns(job), now)


def _own_columns(job: Import) -> list[str]:
    return [
        key for heading, key in zip(job.header, job.columns, strict=True) if not columns.is_reason(heading)
    ]


def _own_headings(job: Import) -> list[str]:
    """The headings without that of our reasons: a file of refused rows is matched as the one they came from."""
    return [heading for heading in job.header if not columns.is_reason(heading)]


def _has_header(rows: Sequence[Row]) -> bool:
    """Whether the first row names columns: one of ours, or at least no parcel."""
    first = rows[0].cells if rows else []
    return any(map(columns.knows, first)) or not any(map(_number_reader(), map(plain, first)))


def _number_reader() -> Callable[[str], bool]:
    """What tells whether a cell holds a tracking number, by the carriers' formats as they are right now."""
    formats = NumberPattern.objects.formats()

    def is_number(text: str) -> bool:
        candidates = numbers.recognise(text, formats) if text else []
        return any(candidate.sure != "possible" for candidate in candidates)

    return is_number


def _measured(file: IO[bytes]) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while data := file.read(CHUNK):
        digest.update(data)
        size += len(data)
    return size, digest.hexdigest()


def _printable(name: str) -> str:
    """The name without folders, for people only: nothing is ever opened by it."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(sign for sign in last if sign.isprintable()).strip()[:200] or "–"
