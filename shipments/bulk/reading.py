"""A file of rows as shops and spreadsheets write it: which encoding and which separator it has, and whether all of it can be read.

Nothing here knows parcels or a database. Bytes come in pieces, so that no file is ever wholly in memory; every bound
that is broken is told in a sentence for people.
"""

import codecs
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from django.utils.translation import gettext as _

from shipments.facts.file_rows import Row, Rows, Unreadable, lines

# Bounds of a file. The largest exports of shops we know are a tenth of them.
MOST_BYTES = 50 * 1024 * 1024
MOST_ROWS = 200_000
MOST_COLUMNS = 200

SEPARATORS = (",", ";", "\t", "|")
# Rows by which the separator is judged, and of which people see the first.
SAMPLE = 50

_SEPARATOR_LINE = b"sep="
# What a file begins with that is none of ours → what to do about it.
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_CONTROLS = bytes(range(9)) + bytes(range(14, 27)) + bytes(range(28, 32))


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a file: how it is separated, where its rows begin, and the first of them, empty ones left out."""

    separator: str
    begins_at: int
    rows: list[Row]


# ---- Bytes into UTF-8 ----------------------------------------------------------------------------------------------


def find_encoding(file: IO[bytes]) -> str:
    """utf-8, utf-8-sig (with a mark), utf-16 (with a mark) or cp1252; Unreadable for anything else.

    Reads the whole file, because a file is UTF-8 only if all of it is.
    """
    file.seek(0)
    start = file.read(64 * 1024)
    _refuse_what_is_no_table(start)
    is_wider = start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE))
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not is_wider:
        _refuse_signs(file, "utf-16")
        return "utf-16"
    if is_wider or len(start.translate(None, b"\x00")) < 0.8 * len(start):
        raise Unreadable(
            _("This file is in an encoding we cannot tell. Save it again as “CSV UTF-8” and drop it again.")
        )
    if len(start.translate(None, _CONTROLS)) < 0.95 * len(start):
        raise Unreadable(
            _("This is not a table of text. Save it as “CSV UTF-8” in your spreadsheet and drop that.")
        )
    if _line_of_failure(file, "utf-8") is None:
        return "utf-8-sig" if start.startswith(codecs.BOM_UTF8) else "utf-8"
    _refuse_signs(file, "cp1252")
    return "cp1252"


def as_utf8(file: IO[bytes], encoding: str, *, piece: int) -> Iterator[bytes]:
    """The file's text in UTF-8 without a mark, in pieces of exactly this many bytes; the last may be shorter."""
    waiting = bytearray()
    for text in _decoded(file, encoding):
        waiting += text.encode()
        while len(waiting) >= piece:
            yield bytes(waiting[:piece])
            del waiting[:piece]
    if waiting:
        yield bytes(waiting)


def _decoded(file: IO[bytes], encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)()
    file.seek(0)
    while data := file.read(1024 * 1024):
        yield decoder.decode(data)
    yield decoder.decode(b"", final=True)


def _line_of_failure(file: IO[bytes], encoding: str) -> int | None:
    """The line in which the file stops being text of this encoding; None where all of it is."""
    line = 1
    try:
        for text in _decoded(file, encoding):
            line += text.count("\n")
    except UnicodeDecodeError as failure:
        return line + bytes(failure.object[: failure.start]).decode(encoding, "replace").count("\n")
    return None


def _refuse_signs(file: IO[bytes], encoding: str) -> None:
    line = _line_of_failure(file, encoding)
    if line is not None:
        raise Unreadable(
            _(
                "Line %(line)d has signs that are neither UTF-8 nor Windows-1252. "
                "Save the file as “CSV UTF-8” and drop it again."
            )
            % {"line": line}
        )


def _refuse_what_is_no_table(start: bytes) -> None:
    if not start.strip():
        raise Unreadable(_("The file is empty."))
    if start.startswith(_WORKBOOKS):
        raise Unreadable(
            _(
                "This is a workbook (or a zip file), not a CSV. In your spreadsheet choose “Save as” or “Download”, "
                "then “CSV UTF-8”, and drop that file."
            )
        )
    if start.startswith((b"%PDF", b"\x1f\x8b", b"\x89PNG", b"\xff\xd8\xff")):
        raise Unreadable(
            _("This is not a table of text. Save it as “CSV UTF-8” in your spreadsheet and drop that.")
        )
    if start.lstrip()[:200].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise Unreadable(
            _(
                "This is a web page, not a CSV: the download may have asked you to sign in. Download the file again."
            )
        )


# ---- The beginning of a file ---------------------------------------------------------------------------------------


def read_head(start: bytes, knows: Callable[[str], bool], *, whole: bool) -> Head:
    """Separator and first rows of a UTF-8 text, of which `start` is the beginning, or all (`whole`). `knows` says whether a heading is one of ours: of two separators that
    could be meant, the one that uncovers more of them is.
    """
    begins_at = 0
    said = ""
    if start[:4].lower() == _SEPARATOR_LINE:
        line = next(lines([start]))
        written = line[4:].rstrip(b"\r\n").strip(b'"').decode(errors="replace")
        # Excel's own way to name the separator; it does not count as a row.
        said = written if written in SEPARATORS else ""
        begins_at = len(line)
    body = start[begins_at:]
    if not whole:
        # Cut at a line's end: the piece may end within a sign.
        body = body[: max(body.rfind(b"\n"), body.rfind(b"\r")) + 1]
    separator = said or max(SEPARATORS, key=lambda one: _fitness(first_rows(body, one, whole=whole), knows))
    return Head(separator, begins_at, first_rows(body, separator, whole=whole))


def first_rows(body: bytes, separator: str, *, whole: bool) -> list[Row]:
    """Up to `SAMPLE` rows that are not empty; without `whole` the last one is left out, because it may be cut."""
    rows: list[Row] = []
    reader = Rows([body], separator=separator)
    for row in itertools.islice(reader, 10 * SAMPLE):
        if len(rows) == SAMPLE or (not whole and reader.position >= len(body)):
            break
        if not row.is_empty:
            rows.append(row)
    return rows


def _fitness(rows: Sequence[Row], knows: Callable[[str], bool]) -> tuple[int, bool, float, int]:
    """How well a separator explains the rows: headings of ours, more than one column, rows as wide as the first."""
    if not rows:
        return 0, False, 0.0, 0
    width = len(rows[0].cells)
    alike = sum(len(row.cells) == width and not row.problem for row in rows) / len(rows)
    return sum(map(knows, rows[0].cells)), width > 1, alike, width


def examine(pieces: Iterable[bytes], separator: str, begins_at: int, *, has_header: bool) -> int:
    """How many rows there are besides the heading and empty ones, every row having been read once; Unreadable."""
    # The line that names the separator is dropped here and not by the reader: it is no row.
    rows = Rows(_from(pieces, begins_at), separator=separator)
    found = 0
    for row in rows:
        if len(row.cells) > MOST_COLUMNS:
            raise Unreadable(
                _("Row %(row)d has %(many)d columns; at most %(most)d are read.")
                % {"row": row.number, "many": len(row.cells), "most": MOST_COLUMNS}
            )
        found += not row.is_empty
        if found > MOST_ROWS + has_header:
            raise Unreadable(
                _("The file has more than %(most)s rows. Cut it into several and drop one after the other.")
                % {"most": f"{MOST_ROWS:,}"}
            )
    if found <= has_header:
        raise Unreadable(_("The file has a heading and no rows below it."))
    return found - has_header


def _from(pieces: Iterable[bytes], position: int) -> Iterator[bytes]:
    for piece in pieces:
        yield piece[position:]
        position = max(0, position - len(piece))
