"""The refused rows of an import as a file like the one they came in: to be mended and dropped again."""

import codecs
import csv
from collections.abc import Iterator
from typing import Any

from shipments.bulk.cells import plain_cell, spreadsheet_cell
from shipments.bulk.columns import REASON, is_reason
from shipments.models import BadRow, Import

# Rows of one statement: no cursor is open while a reader takes its time.
CHUNK = 2_000


class _Echo:
    def write(self, line: str) -> str:
        return line


def refused_file(job: Import) -> Iterator[bytes]:
    """The file in pieces, in the encoding and with the separator of the original; the reason is its first column.

    A row with too many cells keeps all of them, so the reason cannot stand behind them.
    """
    encoding = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(job.encoding, job.encoding)
    yield {"utf-8-sig": codecs.BOM_UTF8, "utf-16": codecs.BOM_UTF16_LE}.get(job.encoding, b"")
    writer: Any = csv.writer(_Echo(), delimiter=job.separator)
    # The reasons of the time before are out of date.
    old = [place for place, heading in enumerate(job.header) if is_reason(heading)]
    if job.has_header:
        yield _line(writer, str(REASON), job.header, old).encode(encoding, "replace")
    last = 0
    while rows := list(BadRow.objects.filter(job=job, row__gt=last).order_by("row")[:CHUNK]):
        text = "".join(_line(writer, row.reason, row.cells, old) for row in rows)
        # A reason may have signs that the file's encoding has not.
        yield text.encode(encoding, "replace")
        last = rows[-1].row


def _line(writer: Any, reason: str, cells: list[str], old: list[int]) -> str:
    kept = [cell for place, cell in enumerate(cells) if place not in old]
    line: str = writer.writerow([reason, *(_again(cell) for cell in kept)])
    return line


def _again(cell: str) -> str:
    # What came guarded is not guarded twice.
    return spreadsheet_cell(plain_cell(cell))
