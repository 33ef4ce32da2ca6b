"""The store's own digests: what carriers said, pictures of deliveries and logos are still what they were when they were kept."""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.db import connection
from psycopg import sql

_BATCH = 500
# How many rows that are wrong are named.
_SOME = 5


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes that stand beside their SHA-256. `compressed`: the digest is that of what they were before."""

    what: str
    table: str
    pk: str
    data: str
    digest: str
    compressed: bool = False


KEPT = (
    Kept("carriers' answers", "shipments_answer", "id", "body", "sha256", compressed=True),
    Kept("pictures of deliveries", "shipments_proofpicture", "id", "data", "sha256"),
    Kept("logos", "shipments_look", "merchant_id", "logo", "logo_sha256"),
)


@dataclass(slots=True)
class Found:
    """How many were looked at, and how many are not what their digest says; `some` are keys of these."""

    looked_at: int = 0
    wrong: int = 0
    some: list[int] = field(default_factory=list)


def examine(kept: Kept, told: Callable[[int], None] = lambda rows: None) -> Found:
    """Digest every one of them anew. What was erased (no bytes) says nothing. Inside a transaction; memory stays flat."""
    found = Found()
    for pk, data, digest in _rows(kept):
        found.looked_at += 1
        if not _is_true(data, digest, compressed=kept.compressed):
            found.wrong += 1
            if len(found.some) < _SOME:
                found.some.append(pk)
        if found.looked_at % _BATCH == 0:
            told(found.looked_at)
    return found


def _is_true(data: bytes, digest: str, *, compressed: bool) -> bool:
    if not compressed:
        return hashlib.sha256(data).hexdigest() == digest
    try:
        return hashlib.sha256(zlib.decompress(data)).hexdigest() == digest
    except zlib.error:
        return False


def _rows(kept: Kept) -> Iterator[tuple[int, bytes, str]]:
    statement = sql.SQL("SELECT {pk}, {data}, {digest} FROM {table} WHERE length({data}) > 0").format(
        pk=sql.Identifier(kept.pk),
        data=sql.Identifier(kept.data),
        digest=sql.Identifier(kept.digest),
        table=sql.Identifier(kept.table),
    )
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement)
        while rows := cursor.fetchmany(_BATCH):
            for pk, data, digest in rows:
                yield pk, bytes(data), digest
