"""A file of rows as shops and spreadsheets write it: which encoding, which separator, and one row after the other.

Nothing here knows parcels or a database. Bytes come in pieces, so that no file is ever wholly in memory; every bound
that is broken is told in a sentence for people.
"""

import codecs
import csv
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from django.utils.translation import gettext as _

# Bounds of a file. The largest exports of shops we know are a tenth of them.
MOST_BYTES = 50 * 1024 * 1024
MOST_ROWS = 200_000
MOST_COLUMNS = 200
# A cell longer than this is a quotation mark that was never closed; the bound of a row keeps memory flat.
LONGEST_CELL = 32 * 1024
LONGEST_ROW = 256 * 1024

# Bytes that may be read twice because quotation marks before them do not fit. Files are made in which every line could
# begin a row of the longest kind; reading them would take hours.
MOST_READ_AGAIN = 16 * 1024 * 1024

SEPARATORS = (",", ";", "\t", "|")
# Rows by which the separator is judged, and of which people see the first.
SAMPLE = 50

_SEPARATOR_LINE = b"sep="
# What a file begins with that is none of ours → what to do about it.
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_CONTROLS = bytes(range(9)) + bytes(range(14, 27)) + bytes(range(28, 32))


class Unreadable(ValueError):
    """The file is refused as a whole; the message says where, why and what to do. Nothing was kept of it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `number` is the one a spreadsheet shows beside it; `problem`, where set, says why it cannot be read."""

    number: int
    cells: list[str]
    problem: str = ""

    @property
    def is_empty(self) -> bool:
        return not self.problem and not any(map(str.strip, self.cells))


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


# ---- UTF-8 into rows -----------------------------------------------------------------------------------------------


class Rows:
    """The rows of a UTF-8 text that comes in pieces, one after the other, empty ones included.

    `position` is always the byte where the next row begins, `number` the row before it: an import that goes on
    there reads what it would have read without a break. A row whose quotation marks do not fit costs its own line
    only: reading goes on with the next one.
    """

    def __init__(
        self, pieces: Iterable[bytes], *, separator: str, position: int = 0, number: int = 0
    ) -> None:
        self.position, self.number = position, number
        self._lines = _Lines(pieces)
        # Strict, or a quotation mark that is never closed would swallow the rows behind it without a word.
        self._reader = csv.reader(self._lines, delimiter=separator, strict=True)
        self._separator = separator

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        problem = ""
        self._lines.begin_row()
        try:
            cells = next(self._reader)
        except (csv.Error, _RunsOn):
            problem = _(
                "The quotation marks in this row do not fit: one is not closed, or one inside a cell is not written twice."
            )
            cells = self._lines.give_back_all_but_one().rstrip("\r\n").split(self._separator)
            if self._lines.read_again > MOST_READ_AGAIN:
                raise Unreadable(
                    _(
                        "The quotation marks of this file do not fit in too many rows; one of them is row %(row)d. "
                        "Save it again from the program it comes from."
                    )
                    % {"row": self.number + 1}
                ) from None
        self.number += 1
        self.position += self._lines.taken_bytes
        if not problem and cells and max(map(len, cells)) > LONGEST_CELL:
            problem = _("A cell of this row is longer than %(most)d KB.") % {"most": LONGEST_CELL // 1024}
        return Row(self.number, cells, problem)


class _RunsOn(Exception):
    """A row goes over so many lines that a quotation mark must be missing."""


class _Lines:
    """Lines of text for the reader, which never takes one more than its row needs; those of a row can be given back."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._lines = _lines(pieces)
        self._given_back: deque[bytes] = deque()
        self._taken: list[bytes] = []
        self.taken_bytes = 0
        self.read_again = 0

    def begin_row(self) -> None:
        self._taken.clear()
        self.taken_bytes = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._given_back.popleft() if self._given_back else next(self._lines)
        self._taken.append(line)
        self.taken_bytes += len(line)
        if self.taken_bytes > LONGEST_ROW:
            raise _RunsOn
        return _text(line)

    def give_back_all_but_one(self) -> str:
        """The first line of the row; the others are taken anew, each as the beginning of a row."""
        first, *others = self._taken
        self._given_back.extendleft(reversed(others))
        self.read_again += self.taken_bytes - len(first)
        self.taken_bytes = len(first)
        return _text(first)


def _text(line: bytes) -> str:
    # Old machines pad with NULs; no text of a database may hold one.
    return line.decode().replace("\x00", "")


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines with their ends, whichever of the three kinds; Unreadable where one is too long to be a row."""
    rest, number = b"", 0
    for piece in pieces:
        parts = (rest + piece).splitlines(keepends=True)
        # The last line may go on in the next piece, and so may the two signs of its end.
        rest = parts.pop() if parts and not parts[-1].endswith(b"\n") else b""
        for line in itertools.chain(parts, [rest] if len(rest) > LONGEST_ROW else []):
            number += 1
            if len(line) > LONGEST_ROW:
                raise Unreadable(
                    _("Line %(line)d is longer than %(most)d KB. This is not a table of parcels.")
                    % {"line": number, "most": LONGEST_ROW // 1024}
                )
            yield line
    if rest:
        yield rest


# ---- The beginning of a file ---------------------------------------------------------------------------------------


def read_head(start: bytes, knows: Callable[[str], bool], *, whole: bool) -> Head:
    """Separator and first rows of a UTF-8 text, of which `start` is the beginning, or all (`whole`). `knows` says whether a heading is one of ours: of two separators that
    could be meant, the one that uncovers more of them is.
    """
    begins_at = 0
    said = ""
    if start[:4].lower() == _SEPARATOR_LINE:
        line = next(_lines([start]))
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
