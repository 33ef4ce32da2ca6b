"""Parcels as a CSV file, written as it is read: a million of them take no more memory than a thousand.

The names of the columns are part of the product: they are the same in every language, they are kept when others are
added, and an import reads those it knows (`docs/export.md`).
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from shipments.bulk.cells import safe_cell, spreadsheet_cell
from shipments.facts.times import offset_text
from shipments.models.shipments import ShipmentQuerySet

# Rows of one statement. No cursor is open and no transaction either while a reader takes its time, so that a slow or
# vanished one leaves nothing behind in the database; the key keeps rows from being missed or doubled in between.
CHUNK = 2_000
# Spreadsheets take a file without a mark for one in the machine's old encoding.
MARK = "\ufeff"


class BadColumn(ValueError):
    """A column is asked for that no file of ours has; `str()` is its name."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file: what it is called, which fields of the parcel it takes, and its cell from their values.

    `is_typed` cells come from a fixed set of words or are dates and figures; all others hold what somebody wrote.
    """

    name: str
    fields: tuple[str, ...]
    cell: Callable[..., str]
    is_typed: bool = False


def _text(value: str) -> str:
    return value


def _first(*values: str) -> str:
    return next((value for value in values if value), "")


def _joined(values: Sequence[str]) -> str:
    return ", ".join(values)


def _day(value: date | None) -> str:
    return "" if value is None else value.isoformat()


def _instant(value: datetime | None) -> str:
    return "" if value is None else f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _clock(value: time | None) -> str:
    return "" if value is None else f"{value:%H:%M}"


def _local(on: date | None, at: time | None, offset: int | None) -> str:
    """The moment on the clock of its place, with that clock's distance from UTC where it is known; else the day alone."""
    if on is None:
        return ""
    if at is None:
        return on.isoformat()
    return f"{on.isoformat()}T{at:%H:%M:%S}" + (
        "" if offset is None else offset_text(timedelta(minutes=offset))
    )


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _there(value: Any) -> str:
    return _yes(bool(value))


def _figure(value: int | None) -> str:
    return "" if value is None else str(value)


def _typed(name: str, cell: Callable[..., str], *fields: str) -> Column:
    return Column(name, fields or (name,), cell, is_typed=True)


def _written(name: str, *fields: str) -> Column:
    return Column(name, fields or (name,), _first if len(fields) > 1 else _text)


COLUMNS: tuple[Column, ...] = (
    _written("tracking_number", "number"),
    _written("carrier", "carrier_id"),
    _written("service", "service_name", "service_code"),
    _typed("status", _text),
    _typed("status_group", _text),
    _typed("status_since", _instant),
    _written("carrier_text", "status_text"),
    _typed("last_scan_at", _instant),
    _written("last_place", "last_location"),
    _typed("promised_on", _day, "estimated_on"),
    _typed("promised_from", _clock, "estimated_from"),
    _typed("promised_to", _clock, "estimated_to"),
    _typed("first_promised_on", _day),
    _typed("delivered_at", _local, "delivered_on", "delivered_time", "delivered_offset"),
    _written("delivered_to", "delivery_location"),
    _written("signed_by"),
    _typed("has_proof", _there, "proof_url"),
    _written("order_number"),
    _written("recipient_name"),
    Column("tags", ("tags",), _joined),
    _written("destination_postal_code"),
    _written("destination_city"),
    _written("destination_region"),
    _written("destination_country"),
    _written("origin_city"),
    _written("origin_region"),
    _written("origin_country"),
    _typed("mailing_date", _day),
    _typed("shipped_at", _local, "shipped_on", "shipped_time", "shipped_offset"),
    _typed("label_at", _instant, "labelled_at"),
    _typed("first_scan_at", _instant),
    _typed("first_attempt_on", _day),
    _typed("attempts", _figure),
    _typed("had_exception", _yes),
    _typed("proof_due", _yes),
    _typed("resolution", _text),
    _typed("resolved_at", _instant),
    _typed("lifecycle", _text),
    _typed("end_reason", _text),
    _written("second_number"),
    _written("reference_number"),
    _typed("instance", _figure),
    _typed("gateway", _text),
    _typed("added_at", _instant, "created_at"),
    _typed("changed_at", _instant),
    _typed("checked_at", _instant, "watch__checked_at"),
)
_BY_NAME = {column.name: column for column in COLUMNS}


def read_columns(names: Sequence[str]) -> tuple[Column, ...]:
    """The columns of these names in their order, each once; without names all of them. BadColumn."""
    for name in names:
        if name not in _BY_NAME:
            raise BadColumn(name)
    return tuple(_BY_NAME[name] for name in dict.fromkeys(names)) or COLUMNS


class _Line:
    """What a `csv.writer` writes into: keeps the line for whoever asked for it."""

    def write(self, line: str) -> str:
        return line


def csv_lines(
    parcels: ShipmentQuerySet, columns: Sequence[Column] = COLUMNS, *, for_spreadsheet: bool = False
) -> Iterator[bytes]:
    """The file in pieces of some thousand lines: UTF-8 with a mark, CRLF, the newest parcel first.

    Parcels that change while the file is being written stand there as they were when their turn came.
    """
    as_cell = spreadsheet_cell if for_spreadsheet else safe_cell
    writer = csv.writer(_Line(), lineterminator="\r\n")
    yield (MARK + writer.writerow([column.name for column in columns])).encode()
    fields = tuple(dict.fromkeys(field for column in columns for field in column.fields))
    places = {field: place for place, field in enumerate(fields, start=2)}
    readers = [
        (column.cell, tuple(places[field] for field in column.fields), column.is_typed) for column in columns
    ]
    to_come = parcels
    while True:
        chunk = list(to_come.newest_first().values_list("created_at", "pk", *fields)[:CHUNK])
        if chunk:
            yield "".join(
                writer.writerow(
                    [
                        text if is_typed else as_cell(text)
                        for cell, at, is_typed in readers
                        for text in (cell(*[row[place] for place in at]),)
                    ]
                )
                for row in chunk
            ).encode()
            to_come = parcels.coming_after(*chunk[-1][:2])
        if len(chunk) < CHUNK:
            return
