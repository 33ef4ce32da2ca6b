"""The audit as a file, for whoever keeps it elsewhere or has to show it: a line an entry, however many there are."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from typing import Any

from shipments.bulk.cells import safe_cell
from shipments.bulk.exporting import CHUNK, MARK
from shipments.models import AuditEntry
from shipments.models.audit import AuditQuerySet

COLUMNS = (
    "at", "id", "person", "person_email", "run_by", "source", "address", "merchant", "merchant_slug", "verb", "model", "row",
    "before", "after",
)  # fmt: skip
CSV, JSON_LINES = "csv", "jsonl"


def lines(entries: AuditQuerySet, kind: str) -> Iterator[bytes]:
    """The file in pieces of some thousand lines, the newest entry first: CSV with a head, UTF-8 and CRLF, in which no
    spreadsheet runs anything; or JSON, an object a line."""
    if kind == CSV:
        yield (MARK + _csv([COLUMNS])).encode()
    written = _as_csv if kind == CSV else _as_json
    for chunk in _chunks(entries):
        yield written(chunk).encode()


def _chunks(entries: AuditQuerySet) -> Iterator[list[AuditEntry]]:
    # No cursor and no transaction is open while a reader takes their time.
    to_come = entries
    while True:
        chunk = list(to_come.with_names().newest_first()[:CHUNK])
        if chunk:
            yield chunk
            to_come = entries.coming_after(chunk[-1].at, chunk[-1].pk)
        if len(chunk) < CHUNK:
            return


def _told(entry: Any) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in COLUMNS} | {
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    }


def _as_json(chunk: list[AuditEntry]) -> str:
    return "".join(f"{json.dumps(_told(entry), ensure_ascii=False)}\n" for entry in chunk)


def _as_csv(chunk: list[AuditEntry]) -> str:
    return _csv([[_cell(value) for value in _told(entry).values()] for entry in chunk])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return safe_cell(json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value))


def _csv(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()
