"""Rows of imported files that name a buyer, found and taken out while the file is kept.

A row is written over with blanks, byte for byte: every other row stays where it is, so that an import under way goes on where
it was, and nothing else of the file is lost. A row that was not read yet is not imported any more.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from shipments.facts import numbers
from shipments.facts.file_rows import Row, Rows, Unreadable
from shipments.keeping.mentions import pattern_of
from shipments.models import BadRow, Import, ImportChunk, Merchant
from shipments.models.imports import CHUNK

_WORD = re.compile(r"[0-9A-Z]+")
# Of more numbers than this the file is read row by row at once: looking for each takes longer.
_MOST_LOOKED_FOR = 50
# An empty cell is read faster than one that is too long to be one.
_LONGEST_BLANK = 1024
_NO_SIGNS = re.compile(r"[^0-9A-Z]+")
_ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Sought:
    """Whom rows are looked through for: an address in small letters, or none, and the keys of tracking numbers."""

    address: str
    keys: frozenset[str]

    def names(self, cells: Iterable[str]) -> bool:
        """Whether any of these cells has the address or one of the numbers, in whatever form and among whatever words."""
        found = list(cells)
        return self.may_name("\n".join(found)) and any(self._is_in(cell) for cell in found)

    def may_name(self, text: str) -> bool:
        """Whether it is worth reading a text cell by cell; says yes too often and never no where `names` says yes."""
        if self.address and self.address in text.lower():
            return True
        if len(self.keys) > _MOST_LOOKED_FOR:
            return True
        close = _NO_SIGNS.sub("", text.upper())
        return any(key in close for key in self.keys)

    def _is_in(self, cell: str) -> bool:
        if self.address and pattern_of(self.address).search(cell):
            return True
        if not self.keys:
            return False
        capitals = cell.upper()
        # A number with blanks in it is one, and so is one in an address of the web.
        forms = {_NO_SIGNS.sub("", capitals), *_WORD.findall(capitals)}
        return any(form and numbers.lookup_key(form) in self.keys for form in forms)


@transaction.atomic
def forget_in_next_file(
    sought: Sought, *, merchant: Merchant | None, after: int, until: datetime
) -> tuple[int | None, int]:
    """Look through the next kept file behind the import of this id, of those there were at that moment: which one it was (None:
    there is none), and how many rows were taken out of it."""
    kept = ImportChunk.objects.filter(job__gt=after, job__made_at__lte=until)
    if merchant is not None:
        kept = kept.filter(merchant=merchant)
    pk = kept.order_by("job").values_list("job", flat=True).first()
    if pk is None:
        return None, 0
    job = Import.objects.get(pk=pk)
    if not _may_be_in(job, sought):
        return pk, 0
    # A step of the import holds the row: it has read all of its rows, or none.
    job = Import.objects.select_for_update(of=("self",)).get(pk=pk)
    taken, unread = 0, 0
    file = _File(job)
    heading = job.has_header
    for row, start, end in _rows(job):
        if sought.names(row.cells):
            # What comes before `position` was counted when it was read, and the heading never is.
            unread += start >= job.position and not heading
            file.blank(start, end, first="-" if heading else " ")
            taken += 1
        heading = heading and row.is_empty
    if taken:
        file.save()
        job.erased_rows += taken
        job.rows_total -= unread
        job.header = ["" if sought.names([cell]) else cell for cell in job.header]
        job.save(update_fields=["erased_rows", "rows_total", "header"])
    return pk, taken


def forget_refused_rows(sought: Sought, *, merchant: Merchant | None) -> list[int]:
    """Delete refused rows of imports that name them; of each whose it was. They are kept for a month, so this reads few."""
    rows = BadRow.objects.order_by("pk")
    if merchant is not None:
        rows = rows.filter(merchant=merchant)
    whose: list[int] = []
    last = 0
    while found := list(rows.filter(pk__gt=last).values_list("pk", "merchant", "cells")[:_ROWS_AT_ONCE]):
        naming = {pk: owner for pk, owner, cells in found if sought.names(cells)}
        BadRow.objects.filter(pk__in=naming).delete()
        whose += naming.values()
        last = found[-1][0]
    return whose


def _may_be_in(job: Import, sought: Sought) -> bool:
    carried = ""
    for piece in job.read_file():
        # A sign that is cut in two is none that is looked for; a word is.
        text = carried + piece.decode(errors="replace")
        if sought.may_name(text):
            return True
        carried = text[-_LONGEST_BLANK:]
    return False


def _rows(job: Import) -> Iterator[tuple[Row, int, int]]:
    """Each row of the file, from its first byte up to and not including the first one of the next row."""
    start = job.begins_at
    rows = Rows(job.read_file(start), separator=job.separator, position=start)
    try:
        for row in rows:
            yield row, start, rows.position
            start = rows.position
    except Unreadable:
        # Every file was read to its end when it arrived. Where a row was taken out since, quotation marks behind it may fit to
        # none: what is left is deleted with the file.
        return


class _File:
    """The kept file, to be written over in places."""

    def __init__(self, job: Import) -> None:
        self._job = job
        self._pieces: dict[int, bytearray] = {}

    def blank(self, start: int, end: int, *, first: str) -> None:
        """Write over a row, but for the end of its line; `first` is its first sign then, because a heading that is all blank
        would leave the row behind it to be taken for one."""
        row = bytes(self._piece(at // CHUNK)[at % CHUNK] for at in range(start, end))
        for place in range(len(row.rstrip(b"\r\n"))):
            is_between = place % _LONGEST_BLANK == _LONGEST_BLANK - 1
            sign = self._job.separator if is_between else " " if place else first
            self._piece((start + place) // CHUNK)[(start + place) % CHUNK] = ord(sign)

    def save(self) -> None:
        for ordinal, content in self._pieces.items():
            self._job.chunks.filter(ordinal=ordinal).update(content=bytes(content))

    def _piece(self, ordinal: int) -> bytearray:
        if ordinal not in self._pieces:
            content = self._job.chunks.values_list("content", flat=True).get(ordinal=ordinal)
            self._pieces[ordinal] = bytearray(content)
        return self._pieces[ordinal]
