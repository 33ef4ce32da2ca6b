"""Whether a restored copy is whole: rows, digests, keys, sequences, schema and migrations."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from shipments.backups import catalogue, contents, evidence, sealed
from shipments.backups.manifest import Manifest
from shipments.backups.programs import server_major
from shipments.backups.progress import Progress

# Without these the audit could be rewritten, or would not be cut by month.
GUARDS = (
    "trigger shipments_auditentry.audit_is_append_only",
    "trigger shipments_auditentry.audit_is_not_emptied",
    "partition shipments_auditentry_default",
)
# As many differences of one kind are told one by one.
_MOST_TOLD = 10

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the copy. A `fault` means that it is not whole; a `note` is for whoever goes on with it."""

    kind: Literal["fault", "note"]
    words: str


def _fault(words: str) -> Finding:
    return Finding("fault", words)


def verify(manifest: Manifest | None, say: Say) -> Iterator[Finding]:
    """What is wrong with the database that we are connected to, compared with the manifest of the backup it came from;
    without one, whether it agrees with itself. All of it is read in one transaction, and nothing is written."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        migrated = catalogue.applied_migrations(cursor)
        if not migrated:
            yield _fault(
                "There is nothing in this database. Restore a backup into it first: manage.py restore BACKUP"
            )
            return
        yield from _migrations(migrated, manifest)
        yield from _schema(cursor, manifest)
        yield from _sequences(cursor, manifest)
        if manifest is not None:
            yield from _rows(cursor, manifest, say)
        yield from _keys(manifest, say)
        yield from _evidence(cursor, say)


def _migrations(applied: list[str], manifest: Manifest | None) -> Iterator[Finding]:
    known = catalogue.known_migrations()
    if manifest is not None:
        yield from _faults(
            f"Migration {name} was applied when the backup was made, and is not here."
            for name in sorted(set(manifest.migrations) - set(applied))
        )
        yield from _faults(
            f"Migration {name} was applied here and not when the backup was made: verify first, migrate after."
            for name in sorted(set(applied) - set(manifest.migrations))
        )
    yield from _faults(
        f"Migration {name} is not known to this version. Run the version that made the backup, or a newer one."
        for name in sorted(set(applied) - set(known))
    )
    ahead = set(known) - set(applied)
    if ahead:
        yield Finding(
            "note",
            f"Migrations of this version that are not applied yet: {len(ahead)}. Run: manage.py migrate",
        )


def _schema(cursor: CursorWrapper, manifest: Manifest | None) -> Iterator[Finding]:
    there = catalogue.parts(cursor)
    wanted = dict.fromkeys(GUARDS) if manifest is None else manifest.parts
    yield from _faults(f"The {name} is missing." for name in sorted(set(wanted) - set(there)))
    # Other versions of PostgreSQL spell definitions in other ways.
    if manifest is not None and manifest.server_major == server_major():
        yield from _faults(
            f"The {name} is defined in another way than in the backup: {there[name] or 'plain'}"
            for name in there
            if name in manifest.parts and not catalogue.is_alike(there[name], manifest.parts[name])
        )
    else:
        yield from _faults(f"The {name}: {why}." for name, why in catalogue.parts_at_rest(cursor))


def _sequences(cursor: CursorWrapper, manifest: Manifest | None) -> Iterator[Finding]:
    for each in catalogue.sequences(cursor):
        given = 0 if manifest is None else manifest.sequences.get(each.name, 0)
        if each.last < max(each.highest, given):
            yield _fault(
                f"The sequence {each.name} stands at {each.last:,}, but {each.column} has been given ids up to "
                f"{max(each.highest, given):,}: new rows would meet old ids."
            )


def _rows(cursor: CursorWrapper, manifest: Manifest, say: Say) -> Iterator[Finding]:
    contents.spell_alike(cursor)
    for table in contents.tables(cursor):
        wanted = manifest.tables.get(table.name)
        if wanted is None:
            yield _fault(f"The table {table.name} is not in the backup.")
            continue
        progress = Progress(say, table.name, sum(window.rows for window in wanted.values()))
        there = dict(contents.windows(cursor, table, progress.told))
        yield from _faults(
            _difference(table.name, name, wanted.get(name), there.get(name))
            for name in sorted({*wanted, *there}, key=lambda name: (len(name), name))
            if wanted.get(name) != there.get(name)
        )


def _difference(
    table: str, window: str, wanted: contents.Window | None, there: contents.Window | None
) -> str:
    of, have = (wanted.rows if wanted else 0), (there.rows if there else 0)
    where = f"{table} ({contents.span(window)})"
    if have < of:
        return f"{where}: {of - have:,} of {of:,} rows missing."
    if have > of:
        return f"{where}: rows: {have:,}, and {of:,} in the backup."
    return f"{where}: as many rows as in the backup ({of:,}), but not with the same content."


def _keys(manifest: Manifest | None, say: Say) -> Iterator[Finding]:
    keys, lost = sealed.ring(), 0
    for column in sealed.columns():
        if not sealed.exists(column):
            continue
        reading = sealed.read(column, keys, Progress(say, column.label).told)
        unreadable = reading.by_key[sealed.UNREADABLE]
        # What no key could read when the backup was made is no fault of the copy, and must be known all the same.
        before = 0 if manifest is None else manifest.sealed.get(column.label, {}).get(sealed.UNREADABLE, 0)
        lost += unreadable
        if unreadable:
            since = (
                f" ({before:,} of them could not be read when the backup was made, either)" if before else ""
            )
            yield _fault(
                f"{column.label}: encrypted values that cannot be read with this key ring: {unreadable:,}{since}, "
                f"such as row {', '.join(reading.unreadable)}."
            )
        if reading.untrue_count:
            yield _fault(
                f"{column.label}: values that are not what their digest says: {reading.untrue_count:,}, such as row "
                f"{', '.join(reading.untrue)}."
            )
    if lost and manifest is not None and (missing := missing_keys(manifest)):
        yield _fault(missing)
    if manifest is not None and manifest.site_key != sealed.slow_fingerprint(settings.SECRET_KEY):
        yield Finding(
            "note",
            "SECRET_KEY is another than when the backup was made: everybody signs in again, and links to reset a password "
            "that are on their way have ended.",
        )


def missing_keys(manifest: Manifest) -> str | None:
    """Which keys that something in the backup was encrypted with are not on the ring, in words; None when all are."""
    ring = sealed.ring()
    wanted = {
        known_by: values
        for known_by, values in manifest.needed_keys.items()
        if known_by not in ring and known_by != sealed.UNREADABLE
    }
    if not wanted:
        return None
    told = " and ".join(f"{known_by} (values it reads: {values:,})" for known_by, values in wanted.items())
    return (
        f"CREDENTIAL_KEYS lacks the key with the fingerprint {told}. The ring has {', '.join(ring)}. Put the missing key back on "
        "the ring, behind the newest one; `manage.py rotate_credential_keys --check` shows which is which."
    )


def _evidence(cursor: CursorWrapper, say: Say) -> Iterator[Finding]:
    there = catalogue.parts(cursor)
    for kept in evidence.KEPT:
        if f"column {kept.table}.{kept.data}" not in there:
            continue
        found = evidence.examine(kept, Progress(say, kept.what).told)
        if found.wrong:
            some = ", ".join(map(str, found.some))
            yield _fault(
                f"{kept.what}: of {found.looked_at:,} looked at, {found.wrong:,} not as the digest says, such as row {some}."
            )


def _faults(told: Iterable[str]) -> Iterator[Finding]:
    """The first few of one kind, and how many more there are."""
    words = list(told)
    yield from map(_fault, words[:_MOST_TOLD])
    if len(words) > _MOST_TOLD:
        yield _fault(f"... and {len(words) - _MOST_TOLD:,} more like this.")
