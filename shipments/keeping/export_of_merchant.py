"""What stands in the export of all data of a merchant: a section for every model that belongs to it, a row a line.

Sections are found in the models (`belongings`), so that a new one is in the export from its first day, unless it is named
in `LEFT_OUT` with a reason. What opens something is left out by what it is: encrypted fields, and those whose names say so.
"""

import base64
import inspect
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, TypeAlias
from uuid import UUID

from django.contrib.postgres.search import SearchVectorField
from django.db import models

from shipments.fields import EncryptedTextField
from shipments.keeping.belongings import Belonging, belongings
from shipments.models import Answer, AuditEntry, Membership, Merchant, ProofPicture, Shipment, Statement

FORMAT = "trackingsite merchant export"
VERSION = 1
# Rows of one step of a section that is not of parcels.
ROWS = 5_000

# Models without a section, and why; the README of an export says so, too.
LEFT_OUT: Mapping[str, str] = {
    "shipments.CredentialToken": "opens the carrier's interface",
    "shipments.Budget": "how an account is asked at the moment",
    "shipments.CallCount": "how an account is asked at the moment",
    "shipments.EngineTotal": "how this installation fares",
    "shipments.Cohort": "counted from the parcels",
    "shipments.StaleDay": "counted from the parcels",
    "shipments.Tally": "counted from the parcels",
    "shipments.Reckoning": "counted from the parcels",
    "shipments.ImportChunk": "the files that were sent, kept for two days",
    "shipments.SeenParcel": "what each person has looked at",
    "shipments.SubscriptionRequest": "typed by visitors and not confirmed",
    "shipments.WatchMove": "work in hand",
    "shipments.MerchantExport": "this file",
    "shipments.ExportPart": "this file",
    "shipments.ExportedFile": "this file",
    "shipments.ExportChunk": "this file",
}
# What is encrypted where it is kept, and the merchant's own to have. All else that is encrypted opens something.
_READABLE = frozenset({"shipments.Statement.document"})
_OPENS = ("token", "secret", "password", "stop_sha256", "unsubscribe_url")
_FOLDERS = {
    "Shipment": "shipments", "ScanEvent": "scans", "Answer": "answers", "PromisedDay": "promises", "Note": "notes",
    "AttentionItem": "attention", "Subscription": "subscriptions", "ProofPicture": "pictures", "Statement": "statements",
    "Import": "imports", "AuditEntry": "audit", "CarrierAccount": "accounts", "Membership": "people",
}  # fmt: skip
_FILE_ENDS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Section:
    """The rows of one model, and where they stand in the archive."""

    model: type[models.Model]
    folder: str
    of_parcels: bool
    columns: tuple[str, ...]

    @property
    def about(self) -> str:
        """What its rows are, in one line."""
        return (inspect.getdoc(self.model) or "").partition("\n")[0]

    @property
    def key(self) -> str:
        """The column by which its rows are told apart."""
        key: str = self.model._meta.pk.attname
        return key

    def file_name(self, part: int) -> str:
        return f"{self.folder}/{part + 1:05}.jsonl"


@cache
def sections() -> tuple[Section, ...]:
    """All sections: those of parcels first, the parcels before what is theirs."""
    found = [Section(Shipment, "shipments", of_parcels=True, columns=_columns(Shipment))]
    found += [
        _section(belonging)
        for belonging in sorted(belongings(), key=lambda one: not one.of_parcels)
        if belonging.label not in LEFT_OUT and belonging.model is not Shipment
    ]
    found += [
        Section(Merchant, "merchant", of_parcels=False, columns=_columns(Merchant)),
        Section(AuditEntry, _FOLDERS["AuditEntry"], of_parcels=False, columns=_columns(AuditEntry)),
    ]
    return tuple(found)


def _section(belonging: Belonging) -> Section:
    name = belonging.model.__name__
    folder = _FOLDERS.get(name) or str(belonging.model._meta.verbose_name_plural).lower().replace(" ", "-")
    return Section(belonging.model, folder, belonging.of_parcels, _columns(belonging.model))


def _columns(model: type[models.Model]) -> tuple[str, ...]:
    """The columns that are handed out: none that opens something, and none that is made for searching only."""
    return tuple(
        field.attname
        for field in model._meta.concrete_fields
        if not isinstance(getattr(field, "output_field", field), SearchVectorField)
        and not any(word in field.name for word in _OPENS)
        and not (
            isinstance(field, EncryptedTextField) and f"{model._meta.label}.{field.name}" not in _READABLE
        )
        and not (isinstance(field, models.BinaryField) and model is not Answer)
    )


# ---- Rows --------------------------------------------------------------------------------------------------------------


def rows_of_parcels(section: Section, shipment_ids: Sequence[int]) -> Iterator[Row]:
    """The section's rows of these parcels, parcel by parcel, read some at a time."""
    belonging = _belonging(section)
    parcel = "pk" if section.model is Shipment else f"{belonging.path}_id"
    rows = belonging.of_shipments(shipment_ids).order_by(parcel, "pk")
    return _read(section, rows)


def rows_after(section: Section, merchant_id: int, after_id: int, most: int = ROWS) -> Iterator[Row]:
    """The merchant's next rows of a section that is not of parcels, by their keys."""
    if section.model is Merchant:
        rows: models.QuerySet[Any] = Merchant.objects.filter(pk=merchant_id)
    elif section.model is AuditEntry:
        rows = AuditEntry.objects.filter(merchant=merchant_id)
    else:
        rows = _belonging(section).of_merchant(merchant_id)
    return _read(section, rows.filter(pk__gt=after_id).order_by("pk")[:most])


def _belonging(section: Section) -> Belonging:
    return next(one for one in belongings() if one.model is section.model)


def _read(section: Section, rows: "models.QuerySet[Any]") -> Iterator[Row]:
    # What was erased stands there as null; its digests are in the row still.
    is_kept = {"is_kept": models.Q(data__isnull=False)} if section.model is ProofPicture else {}
    for row in rows.values(*section.columns, *_more_of(section), **is_kept).iterator(chunk_size=1_000):
        if section.model is Answer and row["body"] is not None:
            row["body"] = _body(zlib.decompress(bytes(row["body"])))
        elif section.model is Statement and row["document"]:
            row["document"] = json.loads(row["document"])
        elif section.model is ProofPicture:
            row["file"] = picture_name(row) if row.pop("is_kept") else None
        yield row


def _more_of(section: Section) -> tuple[str, ...]:
    """Who a member is stands on another row."""
    return ("user__email", "user__name") if section.model is Membership else ()


def _body(sent: bytes) -> str:
    """What a carrier sent, as text where it is some."""
    try:
        return sent.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(sent).decode()


def picture_name(row: Mapping[str, Any]) -> str:
    """Where a picture of a delivery stands in the archive."""
    return f"pictures/{row['id']}.{_FILE_ENDS.get(row['media_type'], 'bin')}"


def pictures_of(shipment_ids: Sequence[int]) -> Iterator[tuple[str, bytes]]:
    """The pictures of these parcels' deliveries, one at a time: name and content."""
    pictures = ProofPicture.objects.filter(shipment__in=list(shipment_ids)).order_by("shipment", "pk")
    for row in list(pictures.values("id", "media_type")):
        data = ProofPicture.objects.filter(pk=row["id"]).values_list("data", flat=True).first()
        if data is not None:
            yield picture_name(row), bytes(data)


def _plain(value: Any) -> Any:
    """What JSON has no word for."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode()
    raise TypeError(f"{type(value).__name__} is not for JSON.")


# One for all rows: `json.dumps` would make one for each.
_write = json.JSONEncoder(ensure_ascii=False, default=_plain, separators=(",", ":")).encode


def line(row: Row) -> bytes:
    """A row as a line of JSON."""
    return _write(row).encode() + b"\n"


# ---- What tells of the rest ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Counted:
    """A file of the archive as the manifest lists it."""

    name: str
    section: str
    rows: int
    size: int
    sha256: str


def manifest(merchant: Merchant, as_of: datetime, files: Iterable[Counted]) -> Iterator[bytes]:
    """What the archive holds: every file with its rows, bytes and SHA-256, and the rows of each section."""
    head = {
        "format": FORMAT,
        "version": VERSION,
        "merchant": {"slug": merchant.slug, "name": merchant.name},
        "begun_at": as_of.isoformat(),
    }
    yield _write(head).encode()[:-1] + b',"files":[\n'
    counts: dict[str, int] = {section.folder: 0 for section in sections()}
    before = b""
    for file in files:
        if file.section:
            counts[file.section] += file.rows
        told = {
            "name": file.name,
            "section": file.section,
            "rows": file.rows,
            "bytes": file.size,
            "sha256": file.sha256,
        }
        yield before + _write(told).encode()
        before = b",\n"
    yield b'\n],"rows":' + _write(counts).encode() + b"}\n"


def readme(merchant: Merchant, as_of: datetime) -> str:
    """What every file of the archive is, for a person who opens it in ten years."""
    width = max(len(section.folder) for section in sections()) + 2
    listed = "\n".join(f"  {section.folder + '/':<{width}} {section.about}" for section in sections())
    left_out = "\n".join(f"  {label.partition('.')[2]}: {why}" for label, why in sorted(LEFT_OUT.items()))
    return f"""\
All data of {merchant.name} ({merchant.slug}), begun {as_of:%Y-%m-%d %H:%M} UTC. Format: {FORMAT}, version {VERSION}.

Each folder holds the rows of one kind in files of JSON Lines: UTF-8, one JSON object a line, one line a row.
Times are ISO 8601 with their distance from UTC. A name that ends in _id is the "id" of a row of another folder
(carrier_id: the code of a carrier). Parcels are those that existed when the export began; what belongs to a
parcel stands as it was when its turn came.

  manifest.json  every file with its number of rows, bytes and SHA-256, and the rows of each folder
{listed}

Pictures of deliveries are files of their own in pictures/, named by "file" in the rows there.
The "body" of an answer is what the carrier sent for that parcel.

Not in here: whatever opens something (keys of carriers, passwords, tokens of links and invitations), and
{left_out}
"""
