"""Encrypted values: by which key of the ring each can be read, and whether it is what its own digest says."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.conf import settings
from django.db import connection
from psycopg import sql

from shipments.fields import EncryptedTextField
from shipments.key_ring import fingerprint

# Values of other people's tables that we encrypt inside their JSON: (table, primary key, column).
IN_JSON = (("mfa_authenticator", "id", "data"),)
# What is known of a value beside it: (table, column) → the column with the SHA-256 of the plain text.
DIGESTS = {
    ("shipments_statement", "document"): "digest",
    ("shipments_privatelink", "token"): "token_sha256",
    ("shipments_subscription", "stop_token"): "stop_sha256",
}
# No key of the ring reads it.
UNREADABLE = "none"
_FERNET = re.compile(r"gAAAAA[\w-]+=*")
_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column with encrypted values. `digest` is the column beside it with the SHA-256 of the plain text, if any."""

    table: str
    pk: str
    name: str
    digest: str | None = None
    in_json: bool = False

    @property
    def label(self) -> str:
        return f"{self.table}.{self.name}"


@dataclass(slots=True)
class Reading:
    """How a column's values could be read: `by_key` counts them by the key's fingerprint; `unreadable` and `untrue` are
    keys of rows that no key of the ring reads, or whose text is not what its digest says, a few of each."""

    by_key: Counter[str] = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    untrue_count: int = 0


@lru_cache(maxsize=4)
def slow_fingerprint(secret: str) -> str:
    """The same of a secret that somebody may have made up of words: slow on purpose, so that it stays hard to guess."""
    return hashlib.scrypt(secret.encode(), salt=b"trackingsite", n=2**14, r=8, p=1, dklen=6).hex()


def ring() -> dict[str, Fernet]:
    """The keys of the ring by their fingerprints, the newest first."""
    return {fingerprint(key): Fernet(key) for key in settings.CREDENTIAL_KEYS}


def columns() -> list[Column]:
    """Every column with encrypted values, of all models."""
    ours = [
        Column(table, str(model._meta.pk.column), each.column, DIGESTS.get((table, each.column)))
        for model in apps.get_models()
        for table in [model._meta.db_table]
        for each in model._meta.local_concrete_fields
        if isinstance(each, EncryptedTextField) and each.column is not None
    ]
    theirs = [Column(table, pk, name, in_json=True) for table, pk, name in IN_JSON]
    return sorted([*ours, *theirs], key=lambda column: column.label)


def read(column: Column, keys: dict[str, Fernet], told: Callable[[int], None] = lambda rows: None) -> Reading:
    """Try every value of the column. Inside a transaction; memory stays flat however many there are."""
    reading = Reading()
    for rows, (pk, text, digest) in enumerate(_rows(column), start=1):
        for value in _FERNET.findall(text) if column.in_json else [text]:
            known_by, plain = _open(value, keys)
            reading.by_key[known_by] += 1
            if known_by == UNREADABLE:
                _remember(reading.unreadable, pk)
            elif digest is not None and hashlib.sha256(plain).hexdigest() != digest:
                reading.untrue_count += 1
                _remember(reading.untrue, pk)
        if rows % _BATCH == 0:
            told(rows)
    return reading


def exists(column: Column) -> bool:
    """Whether the database has this column: one at another version may not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = %s AND NOT attisdropped)",
            [column.table, column.name],
        )
        return bool(cursor.fetchone()[0])


def _rows(column: Column) -> Iterator[tuple[str, str, str | None]]:
    digest = sql.SQL("NULL") if column.digest is None else sql.Identifier(column.digest)
    statement = sql.SQL("SELECT {}::text, {}::text, {}::text FROM {} WHERE {} IS NOT NULL").format(
        sql.Identifier(column.pk),
        sql.Identifier(column.name),
        digest,
        sql.Identifier(column.table),
        sql.Identifier(column.name),
    )
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement)
        while rows := cursor.fetchmany(_BATCH):
            yield from rows


def _open(value: str, keys: dict[str, Fernet]) -> tuple[str, bytes]:
    for known_by, key in keys.items():
        try:
            return known_by, key.decrypt(value.encode())
        except InvalidToken:
            continue
    return UNREADABLE, b""


def _remember(some: list[str], pk: str, most: int = 5) -> None:
    if len(some) < most:
        some.append(pk)
