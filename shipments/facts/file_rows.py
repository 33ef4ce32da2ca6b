"""A UTF-8 text of cells and rows, as shops and spreadsheets write it, one row after the other.

Text comes in pieces, so that no file is ever wholly in memory; a bound that is broken is told in a sentence for people.
"""

import csv
import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

# A cell longer than this is a quotation mark that was never closed; the bound of a row keeps memory flat.
LONGEST_CELL = 32 * 1024
LONGEST_ROW = 256 * 1024

# Bytes that may be read twice because quotation marks before them do not fit. Files are made in which every line could
# begin a row of the longest kind; reading them would take hours.
MOST_READ_AGAIN = 16 * 1024 * 1024


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


class Rows:
    """The rows of a UTF-8 text that comes in pieces, one after the other, empty ones included.

    `position` is always the byte where the next row begins, `number` the row before it: an import that goes on
    there reads what it would have read without a break. `edition` tells texts apart of which something was taken out
    meanwhile. A row whose quotation marks do not fit costs its own line
    only: reading goes on with the next one.
    """

    def __init__(
        self,
        pieces: Iterable[bytes],
        *,
        separator: str,
        position: int = 0,
        number: int = 0,
        edition: int = 0,
    ) -> None:
        self.position, self.number, self.edition = position, number, edition
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
        self._lines = lines(pieces)
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


def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
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
