"""The key ring and all that is stored under it: which key is still needed, moving everything to the newest, and refusing to
start with a wrong ring.

Columns are found from the models, so that a new one is not forgotten; second factors keep theirs inside a JSON column. Nothing
here shows a key or a secret: keys go by their fingerprints.
"""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings
from django.db import OperationalError, ProgrammingError, connection, models, transaction

from shipments.fields import EncryptedTextField, WrongKeyRing

logger = logging.getLogger(__name__)

# Rows that one transaction moves: locks are held for a moment only.
BATCH = 500
# Of each column so many are tried where there is no canary yet.
_SAMPLE = 5
_SONG = "sings"
UNKNOWN = "no key of the ring"
_CANARY = "shipments_keyringcanary"
# Where allauth keeps what its adapter encrypted.
_SECOND_FACTORS, _INSIDE = "mfa.Authenticator", frozenset({"secret", "seed", "migrated_codes"})


def fingerprint(key: str) -> str:
    """A short name for a key, from which the key cannot be had."""
    return hashlib.sha256(b"credential key " + key.encode()).hexdigest()[:8]


class Ring:
    """The keys of the settings, the newest first."""

    def __init__(self) -> None:
        self._keys = {fingerprint(key): Fernet(key) for key in settings.CREDENTIAL_KEYS}
        self._all = MultiFernet(list(self._keys.values()))
        self.newest = next(iter(self._keys))
        self.names = tuple(self._keys)

    def name_of(self, ciphertext: str) -> str:
        """The fingerprint of the key that it was encrypted with; UNKNOWN where no key reads it."""
        for name, key in self._keys.items():
            try:
                key.decrypt(ciphertext.encode())
            except InvalidToken:
                continue
            return name
        return UNKNOWN

    def moved(self, ciphertext: str) -> str:
        """The same under the newest key."""
        return self._all.rotate(ciphertext.encode()).decode()

    def with_newest(self, text: str) -> str:
        return self._keys[self.newest].encrypt(text.encode()).decode()

    def with_oldest(self, text: str) -> str:
        return self._keys[self.names[-1]].encrypt(text.encode()).decode()


@dataclass(frozen=True, slots=True)
class Column:
    """An encrypted column: ciphertext itself, or JSON with ciphertext inside."""

    table: str
    key: str
    name: str
    key_type: str = "bigint"
    is_json: bool = False

    @property
    def label(self) -> str:
        return f"{self.table}.{self.name}"

    def ciphertexts(self, stored: str) -> list[str]:
        return list(_inside(json.loads(stored))) if self.is_json else [stored]

    def changed(self, stored: str, change: Callable[[str], str]) -> str:
        return json.dumps(_replaced(json.loads(stored), change)) if self.is_json else change(stored)

    def batch(self, after: Any, size: int) -> list[tuple[Any, str]]:
        """The next rows by their keys, with what is stored as text."""
        where = f"{self.name} IS NOT NULL" + ("" if after is None else f" AND {self.key} > %s")
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {self.key}, {self.name}::text FROM {self.table} WHERE {where} ORDER BY {self.key} LIMIT {size}",  # noqa: S608  (names of ours)
                [] if after is None else [after],
            )
            return list(cursor.fetchall())

    def write(self, changes: Sequence[tuple[Any, str, str]]) -> None:
        """Write (key, before, after), each where nobody has written anything else in the meantime."""
        kind = "jsonb" if self.is_json else "text"
        with transaction.atomic(), connection.cursor() as cursor:
            # One statement for all: each row by itself costs the database several times as much.
            cursor.execute(
                f"UPDATE {self.table} AS stored SET {self.name} = moved.after::{kind} "  # noqa: S608  (the same)
                f"FROM unnest(%s::{self.key_type}[], %s::text[], %s::text[]) AS moved (key, before, after) "
                f"WHERE stored.{self.key} = moved.key AND stored.{self.name} = moved.before::{kind}",
                [list(each) for each in zip(*changes, strict=True)],
            )


def columns() -> list[Column]:
    """Every encrypted column, the canary last."""
    found = [
        Column(_quoted(model._meta.db_table), _pk_of(model), _quoted(str(one.column)), _type_of_pk(model))
        for model in apps.get_models()
        if model._meta.managed and not model._meta.proxy
        for one in model._meta.local_concrete_fields
        if isinstance(one, EncryptedTextField)
    ]
    factors = apps.get_model(_SECOND_FACTORS)
    found.append(
        Column(_quoted(factors._meta.db_table), _pk_of(factors), '"data"', _type_of_pk(factors), is_json=True)
    )
    return sorted(found, key=lambda column: (_is_canary(column), column.label))


def _pk_of(model: type[models.Model]) -> str:
    pk = model._meta.pk
    assert pk is not None
    return _quoted(str(pk.column))


def _type_of_pk(model: type[models.Model]) -> str:
    pk = model._meta.pk
    assert pk is not None
    return str(pk.rel_db_type(connection))


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)


def _is_canary(column: Column) -> bool:
    return column.table == _quoted(_CANARY)


def _inside(value: Any) -> Iterator[str]:
    for name, held in value.items() if isinstance(value, dict) else ():
        if name in _INSIDE:
            yield from held if isinstance(held, list) else [held]


def _replaced(value: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    return {
        name: ([change(one) for one in held] if isinstance(held, list) else change(held))
        if name in _INSIDE
        else held
        for name, held in value.items()
    }


@dataclass(slots=True)
class Needs:
    """How many secrets need which key, by column and the key's fingerprint."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, column: Column, name: str) -> None:
        self.counts.setdefault(column.label, Counter())[name] += 1

    def of(self, name: str) -> int:
        return sum(counter[name] for counter in self.counts.values())

    def beside(self, newest: str) -> int:
        """How many are not under the newest key."""
        return sum(sum(counter.values()) - counter[newest] for counter in self.counts.values())


def needs() -> Needs:
    """Which keys are still needed, and for what. Reads everything, changes nothing."""
    return _needs_of(Ring(), columns())


def _needs_of(ring: Ring, some: Iterable[Column]) -> Needs:
    found = Needs()
    for column in some:
        _count(ring, column, found)
    return found


def _count(ring: Ring, column: Column, found: Needs) -> None:
    for _key, stored in _all_of(column, BATCH):
        for ciphertext in column.ciphertexts(stored):
            found.add(column, ring.name_of(ciphertext))


def _all_of(column: Column, size: int) -> Iterator[tuple[Any, str]]:
    after: Any = None
    while rows := column.batch(after, size):
        yield from rows
        after = rows[-1][0]


def rotate(tell: Callable[[str, int], None], *, size: int = BATCH) -> Needs:
    """Move every secret to the newest key, a batch at a time; which keys are needed after that.

    Broken off at any moment, it goes on with the next run: what is moved is moved. Others may write meanwhile: what they
    wrote is left as it is, and looked at again. `tell` hears of each batch: the column, and how many of it were moved so far.
    The canary comes last, and only when no other secret needs an older key.
    """
    ring = Ring()
    *secrets, canary = columns()
    assert _is_canary(canary)
    for column in secrets:
        _move(ring, column, tell, size)
    left = _needs_of(ring, secrets)
    if left.beside(ring.newest) == 0:
        _move(ring, canary, tell, size)
    _count(ring, canary, left)
    return left


def _move(ring: Ring, column: Column, tell: Callable[[str, int], None], size: int) -> None:
    moved, after = 0, None
    while rows := column.batch(after, size):
        changes = [
            (key, stored, column.changed(stored, ring.moved))
            for key, stored in rows
            if _may_move(ring, column, stored)
        ]
        if changes:
            column.write(changes)
            moved += len(changes)
            tell(column.label.replace('"', ""), moved)
        after = rows[-1][0]


def _may_move(ring: Ring, column: Column, stored: str) -> bool:
    names = {ring.name_of(ciphertext) for ciphertext in column.ciphertexts(stored)}
    return UNKNOWN not in names and names != {ring.newest} and bool(names)


# ---- At the start


def trouble() -> str | None:
    """Why this ring is not the one the database was written with, and what to do; None where it is, or nothing is stored."""
    ring = Ring()
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SELECT value FROM {_CANARY}")  # noqa: S608  (a name of ours)
            stored = [value for (value,) in cursor.fetchall()]
            is_canary = bool(stored)
            if not is_canary:
                stored = _sample()
    except ProgrammingError:
        # Not migrated yet: nothing is stored under any key.
        return None
    if not stored or any(ring.name_of(ciphertext) != UNKNOWN for ciphertext in stored):
        return None
    return (
        "CREDENTIAL_KEYS does not hold the key that stored secrets were encrypted with. "
        f"On the ring: {', '.join(ring.names)} (fingerprints). "
        "Put the key that was used back, behind the newest one, and start again. "
        "A key may leave the ring when manage.py rotate_credential_keys says so. If it is lost for good: docs/credentials.md."
    )


def _sample() -> list[str]:
    found: list[str] = []
    for column in columns():
        for _key, stored in column.batch(None, _SAMPLE):
            found += column.ciphertexts(stored)
    return found


def begin() -> None:
    """Refuse to start with a wrong ring: WrongKeyRing says what to do. At the first start, write the canary.

    Without a database nobody can tell; what cannot be read then is an error of its own.
    """
    try:
        why = trouble()
        if why is not None:
            raise WrongKeyRing(why)
        _write_canary()
    except OperationalError:
        logger.warning("The key ring was not compared with the database, which does not answer.")
    finally:
        connection.close()


def _write_canary() -> None:
    # Under the oldest key: until a rotation has come to its end, that may be needed.
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {_CANARY} (id, value) VALUES (1, %s) ON CONFLICT (id) DO NOTHING",  # noqa: S608  (a name of ours)
                [Ring().with_oldest(_SONG)],
            )
    except ProgrammingError:
        # Not migrated yet.
        return


def replace_canary() -> None:
    """Have the next start take the ring as it is: for whoever has lost a key for good."""
    ring = Ring()
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {_CANARY} (id, value) VALUES (1, %s) ON CONFLICT (id) DO UPDATE SET value = EXCLUDED.value",  # noqa: S608  (a name of ours)
            [ring.with_newest(_SONG)],
        )
